/* tests/unit/test_minidump_file.c -- header, directory and list preambles, a row per way that
 * they can be written. */
#include "support/check.h"
#include "support/reading.h"
#include "unwind/walk.h"

#include <stdlib.h>

static struct reading got;

static void signatures(void)
{
    static const struct {
        const char *name, *bytes;
        size_t n;
        enum fb_code want;
        const char *says; // of the error; NULL: anything
    } rows[] = {
        {"nothing",             "",                                      0,  FB_TRUNCATED, "shorter" },
        {"half a header",       "MDMP\x93\xA7\0\0",                      8,  FB_TRUNCATED, NULL      },
        {"kernel, 64-bit",      "PAGEDU64 and so on, long enough....",   35, FB_MALFORMED, "kernel"  },
        {"kernel, 32-bit",      "PAGEDUMP",                              8,  FB_MALFORMED, "kernel"  },
        {"CAB",                 "MSCF",                                  4,  FB_MALFORMED, "CAB"     },
        {"gzip",                "\x1F\x8B\x08",                          3,  FB_MALFORMED, "gzip"    },
        {"zstd",                "\x28\xB5\x2F\xFD",                      4,  FB_MALFORMED, "zstd"    },
        {"a core",
         "\x7F"
         "ELF\2\1\1\0\0\0\0\0\0\0\0\0\4\0",                              18, FB_MALFORMED, "core2md" },
        {"a core, big",
         "\x7F"
         "ELF\2\2\1\0\0\0\0\0\0\0\0\0\0\4",                              18, FB_MALFORMED, "core2md" },
        {"a library",
         "\x7F"
         "ELF\2\1\1\0\0\0\0\0\0\0\0\0\3\0",                              18, FB_MALFORMED, "library" },
        {"ELF, cut",
         "\x7F"
         "ELF\2\1\1",                                                    7,  FB_MALFORMED, "ELF"     },
        {"ZIP",                 "PK\3\4",                                4,  FB_MALFORMED, "ZIP"     },
        {"7z",                  "7z\xBC\xAF\x27\x1C",                    6,  FB_MALFORMED, "7z"      },
        {"xz",
         "\xFD"
         "7zXZ",                                                         5,  FB_MALFORMED, "xz"      },
        {"a program",           "MZ\x90",                                3,  FB_MALFORMED, "program" },
        {"Mach-O",              "\xCF\xFA\xED\xFE",                      4,  FB_MALFORMED, "Mach-O"  },
        {"a pointer",           "version https://git-lfs.github.com",    34, FB_MALFORMED, "LFS"     },
        {"an old user dump",    "USERDUMP",                              8,  FB_MALFORMED, "debugger"},
        {"text",                "this is no dump but it is long enough", 37, FB_MALFORMED, "MDMP"    },
        {"no stream",
         "MDMP\x93\xA7\0\0\0\0\0\0\x20\0\0\0"
         "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",                             32, FB_TRUNCATED, NULL      },
        {"directory outside",
         "MDMP\x93\xA7\0\0\1\0\0\0\xFF\xFF\xFF\xFF"
         "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",                             32, FB_TRUNCATED, NULL      },
        {"directory is header",
         "MDMP\x93\xA7\0\0\1\0\0\0\0\0\0\0"
         "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",                             32, FB_OK,        NULL      },
        {"other version",
         "MDMP\x94\xA7\0\0\1\0\0\0\0\0\0\0"
         "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",                             32, FB_MALFORMED, NULL      },
        {"only magic swapped",
         "PMDM\x93\xA7\0\0\1\0\0\0\0\0\0\0"
         "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",                             32, FB_MALFORMED, NULL      },
        {"swapped",
         "PMDM\0\0\xA7\x93\0\0\0\1\0\0\0\0"
         "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",                             32, FB_OK,        NULL      },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fb_span file = {(const uint8_t *)rows[i].bytes, rows[i].n, 0};
        reading_of(&got, file);
        CHECK(rows[i].name, got.err.code == rows[i].want);
        CHECK(rows[i].name, (got.err.what != NULL) == (rows[i].want != FB_OK));
        CHECK(rows[i].name, rows[i].says == NULL || strstr(got.err.what, rows[i].says) != NULL);
    }
}

static void both_byte_orders(void)
{
    for (enum fb_arch arch = FB_X86; arch < FB_ARCH_OTHER; arch++)
        for (int big = 0; big < 2; big++) {
            struct dumpgen d;
            reading_of(&got, dumpgen_sample(&d, arch, false, big != 0));
            const struct fb_thread *thread = &got.dump.threads.v[0];
            CHECK("order", !fb_failed(got.err) && got.dump.swapped == (big != 0));
            CHECK("order", got.dump.system.arch == arch && got.dump.time == 1700000000);
            CHECK("order", reading_same(got.dump.modules.v[0].name, "sample.exe"));
            CHECK("order", got.dump.threads.n == 2 && fb_reg_ip(&thread->regs) == 0x401234);
            CHECK("order", reading_noted(&got, FB_NOTE_BYTE_ORDER) == (big != 0));
            dumpgen_free(&d);
        }
}

enum { STACK = 0x7ffe1000, WORDS = 16 };

/* A stack of two frames, whose words stand in the byte order of the dump. */
static void put_stack(uint8_t *stack, enum fb_arch arch, bool big)
{
    static const uint64_t frames[WORDS] = {[2] = 8, [3] = 0x401500, [8] = 0, [9] = 0x401600};
    size_t word = fb_reg_names(arch)->word;
    for (size_t i = 0; i < WORDS; i++) {
        uint64_t v = i == 2 ? STACK + frames[i] * word : frames[i];
        for (size_t k = 0; k < word; k++)
            stack[i * word + (big ? word - 1 - k : k)] = (uint8_t)(v >> (8 * k));
    }
}

static void dump_with_stack(struct dumpgen *d, enum fb_arch arch, bool big)
{
    static const uint16_t ids[] = {[FB_X86] = 0, [FB_AMD64] = 9, [FB_ARM64] = 12};
    static uint8_t stack[WORDS * 8];
    size_t word = fb_reg_names(arch)->word;
    struct dumpgen_module module = {.base = 0x400000, .size = 0x10000, .name = "app"};
    struct dumpgen_thread thread = {.id = 7, .stack_start = STACK, .stack = stack};
    thread.n_stack = (uint32_t)(WORDS * word);
    thread.regs.arch = arch;
    fb_reg_set(&thread.regs, fb_reg_names(arch)->ip, 0x401234);
    fb_reg_set(&thread.regs, fb_reg_names(arch)->sp, STACK);
    fb_reg_set(&thread.regs, fb_reg_names(arch)->fp, STACK + 2 * word);
    put_stack(stack, arch, big);
    dumpgen_begin(d, big);
    dumpgen_system(d, &(struct dumpgen_system){.arch = ids[arch], .platform = 0x8201});
    dumpgen_modules(d, &module, 1);
    dumpgen_threads(d, &thread, 1);
}

static void stacks_in_both_byte_orders(void)
{
    static const struct {
        const char *name;
        enum fb_arch arch;
        bool big;
    } rows[] = {
        {"x86",            FB_X86,   false},
        {"x86, swapped",   FB_X86,   true },
        {"AMD64",          FB_AMD64, false},
        {"AMD64, swapped", FB_AMD64, true },
        {"ARM64, swapped", FB_ARM64, true },
    };
    static _Alignas(16) uint8_t room[1 << 18];
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen d;
        struct fb_arena arena = {.base = room, .cap = sizeof room};
        fb_arena_reset(&arena);
        dump_with_stack(&d, rows[i].arch, rows[i].big);
        reading_of(&got, dumpgen_end(&d));
        struct fb_walk_env env = {.dump = &got.dump};
        const struct fb_thread *thread = &got.dump.threads.v[0];
        struct fb_stack stack = {0};
        CHECK(rows[i].name,
              !fb_failed(got.err) &&
                  !fb_failed(fb_walk(&env, thread, &thread->regs, &arena, &stack)));
        CHECK(rows[i].name,
              stack.n == 3 && stack.v[1].resume == 0x401500 && stack.v[2].resume == 0x401600);
        for (size_t k = 1; k < stack.n; k++)
            CHECK(rows[i].name, stack.v[k].trust == FB_TRUST_FRAME_POINTER);
        uint64_t word = 0;
        size_t size = fb_reg_names(rows[i].arch)->word;
        CHECK(rows[i].name, fb_memory_read(&got.dump.memory, STACK + 3 * size, size, &word) &&
                                word == 0x401500);
        dumpgen_free(&d);
    }
}

static void duplicates(void)
{
    static const uint8_t cut[8];
    struct dumpgen d;
    dumpgen_begin(&d, false);
    dumpgen_raw(&d, 15, cut, sizeof cut); // cannot be read: the next one counts
    dumpgen_misc(&d, 11, 1);
    dumpgen_misc(&d, 22, 2);
    reading_of(&got, dumpgen_end(&d));
    CHECK("duplicates", got.dump.pid == 11 && got.dump.process_start == 1);
    CHECK("duplicates", reading_noted(&got, FB_NOTE_BAD_STREAM));
    CHECK("duplicates", reading_noted(&got, FB_NOTE_DUPLICATE_STREAM));
    CHECK("duplicates", reading_noted(&got, FB_NOTE_MISSING_STREAM));
    dumpgen_free(&d);
}

/* A thread list, byte by byte: `claim` threads said, `written` there, behind `pad` bytes. */
static void thread_lists(void)
{
    static const struct {
        const char *name;
        uint32_t claim, written, pad, tail;
        size_t want;
        bool noted;
    } rows[] = {
        {"none",                  0,          0, 0, 0,  0, false},
        {"two",                   2,          2, 0, 0,  2, false},
        {"padded",                2,          2, 4, 0,  2, false},
        {"padded and none",       0,          0, 4, 0,  0, false},
        {"bytes behind the last", 1,          1, 0, 20, 1, false},
        {"one claimed too many",  3,          2, 0, 0,  2, true },
        {"last byte missing",     2,          1, 0, 47, 1, true },
        {"count of 4294967295",   UINT32_MAX, 1, 0, 0,  1, true },
        {"count * 48 wraps u32",  0x05555556, 1, 0, 0,  1, true },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen d;
        dumpgen_begin(&d, false);
        dumpgen_stream(&d, 3);
        dumpgen_number(&d, rows[i].claim, 4);
        dumpgen_bytes(&d, NULL, rows[i].pad);
        for (uint32_t k = 0; k < rows[i].written; k++) {
            dumpgen_number(&d, 100 + k, 4);
            dumpgen_bytes(&d, NULL, 44);
        }
        dumpgen_bytes(&d, NULL, rows[i].tail);
        dumpgen_stream_end(&d);
        reading_of(&got, dumpgen_end(&d));
        CHECK(rows[i].name, !fb_failed(got.err) && got.dump.threads.n == rows[i].want);
        CHECK(rows[i].name, reading_noted(&got, FB_NOTE_CUT_LIST) == rows[i].noted);
        for (size_t k = 0; k < got.dump.threads.n; k++)
            CHECK(rows[i].name, got.dump.threads.v[k].id == 100 + k);
        dumpgen_free(&d);
    }
}

/* The list of pages, whose header says how long it and its entries are. */
static void sized_lists(void)
{
    static const struct {
        const char *name;
        uint32_t header, entry;
        uint64_t claim;
        uint32_t written; // entries of 48 bytes
        size_t want;
        bool bad;
    } rows[] = {
        {"two",                      16,         48,         2,          2, 2, false},
        {"header longer than ours",  24,         48,         1,          2, 1, false},
        {"entries longer than ours", 16,         96,         1,          2, 1, false},
        {"entry size 0",             16,         0,          2,          2, 0, true },
        {"entry size 47",            16,         47,         2,          2, 0, true },
        {"entry size 4294967295",    16,         UINT32_MAX, 2,          2, 0, true },
        {"header of 0",              0,          48,         2,          2, 0, true },
        {"header beyond the end",    1000,       48,         2,          2, 0, true },
        {"header of 4294967295",     UINT32_MAX, 48,         2,          2, 0, true },
        {"claims 2^64 - 1",          16,         48,         UINT64_MAX, 2, 2, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen d;
        dumpgen_begin(&d, false);
        dumpgen_stream(&d, 16);
        dumpgen_number(&d, rows[i].header, 4);
        dumpgen_number(&d, rows[i].entry, 4);
        dumpgen_number(&d, rows[i].claim, 8);
        if (rows[i].header == 24)
            dumpgen_bytes(&d, NULL, 8);
        for (uint64_t k = 0; k < rows[i].written; k++) {
            dumpgen_number(&d, 0x10000 * (k + 1), 8);
            dumpgen_bytes(&d, NULL, 16);
            dumpgen_number(&d, 0x1000, 8);
            dumpgen_number(&d, 0x1000, 4); // committed
            dumpgen_number(&d, 0x04, 4);
            dumpgen_bytes(&d, NULL, 8);
        }
        dumpgen_stream_end(&d);
        reading_of(&got, dumpgen_end(&d));
        CHECK(rows[i].name, !fb_failed(got.err) && got.dump.pages.n == rows[i].want);
        CHECK(rows[i].name, reading_noted(&got, FB_NOTE_BAD_STREAM) == rows[i].bad);
        const struct fb_page *page = fb_page_at(&got.dump.pages, 0x10fff);
        CHECK(rows[i].name, rows[i].want == 0 || (page != NULL && page->access == 3));
        dumpgen_free(&d);
    }
}

/* Lists longer than a named limit: what fits is read, and the rest noted. */
static void limits(void)
{
    static const struct {
        const char *name;
        uint32_t type;
        size_t header, entry, limit; // bytes, bytes, entries
        size_t extra;
    } rows[] = {
        {"threads, all",      3,  4,  48, 8192,  0},
        {"threads, one more", 3,  4,  48, 8192,  1},
        {"handles, all",      12, 16, 32, 65536, 0},
        {"handles, one more", 12, 16, 32, 65536, 1},
        {"unloaded, more",    14, 12, 24, 4096,  9},
    };
    enum { ROOM = 64 << 20 };
    uint8_t *room = malloc(ROOM);
    if (room == NULL)
        abort();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen d;
        size_t n = rows[i].limit + rows[i].extra;
        dumpgen_begin(&d, false);
        dumpgen_stream(&d, rows[i].type);
        size_t start = dumpgen_bytes(&d, NULL, rows[i].header + n * rows[i].entry);
        dumpgen_poke(&d, start, rows[i].type == 3 ? n : rows[i].header, 4);
        if (rows[i].type != 3) {
            dumpgen_poke(&d, start + 4, rows[i].entry, 4);
            dumpgen_poke(&d, start + 8, n, 4);
        }
        dumpgen_stream_end(&d);
        struct fb_arena arena = {.base = room, .cap = ROOM};
        fb_arena_reset(&arena);
        got.notes = (struct fb_notes){0};
        got.err = fb_minidump_read(dumpgen_end(&d), &arena, &got.notes, &got.dump);
        size_t read = got.dump.threads.n + got.dump.n_handles + got.dump.n_unloaded;
        CHECK(rows[i].name, !fb_failed(got.err) && read == rows[i].limit);
        CHECK(rows[i].name, reading_noted(&got, FB_NOTE_LIMIT) == (rows[i].extra != 0));
        CHECK(rows[i].name, !reading_noted(&got, FB_NOTE_CUT_LIST));
        fb_arena_reset(&arena);
        dumpgen_free(&d);
    }
    free(room);
}

/* Every type of stream that the reader knows stands in a sample, and so in torture and in the
 * seeds of the fuzz target. */
static void samples_have_all(void)
{
    static const uint32_t known[] = {
        3,          4,          5,          6,          7,          8,
        9,          10,         11,         12,         13,         14,
        15,         16,         17,         18,         19,         20,
        21,         22,         24,         0x43500001, 0x47670001, 0x47670002,
        0x47670003, 0x47670004, 0x47670005, 0x47670006, 0x47670007, 0x47670008,
        0x47670009, 0x4767000A, 0x4D7A0001, 0x4D7A0002, 0x4D7A0003, 0x4D7A0004};
    struct dumpgen samples[3];
    (void)dumpgen_sample(&samples[0], FB_AMD64, false, false);
    (void)dumpgen_sample(&samples[1], FB_AMD64, true, false);
    (void)dumpgen_wow64(&samples[2]);
    for (size_t i = 0; i < COUNT(known); i++) {
        bool found = false;
        for (size_t k = 0; k < COUNT(samples); k++)
            for (size_t s = 0; s < samples[k].n_streams; s++)
                found |= samples[k].streams[s].type == known[i];
        CHECK(fb_minidump_stream_name(known[i]), found);
    }
    for (size_t k = 0; k < COUNT(samples); k++) {
        reading_of(&got, (struct fb_span){samples[k].p, samples[k].n, 0});
        CHECK("sample", !fb_failed(got.err) && !reading_noted(&got, FB_NOTE_BAD_STREAM));
        dumpgen_free(&samples[k]);
    }
}

int main(void)
{
    signatures();
    both_byte_orders();
    stacks_in_both_byte_orders();
    duplicates();
    thread_lists();
    sized_lists();
    limits();
    samples_have_all();
    return check_done();
}
