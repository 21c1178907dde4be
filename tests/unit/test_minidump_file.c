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
    } rows[] = {
        {"nothing",             "",                                      0,  FB_TRUNCATED},
        {"half a header",       "MDMP\x93\xA7\0\0",                      8,  FB_TRUNCATED},
        {"kernel, 64-bit",      "PAGEDU64 and so on, long enough....",   35, FB_MALFORMED},
        {"kernel, 32-bit",      "PAGEDUMP",                              8,  FB_MALFORMED},
        {"CAB",                 "MSCF",                                  4,  FB_MALFORMED},
        {"gzip",                "\x1F\x8B\x08",                          3,  FB_MALFORMED},
        {"zstd",                "\x28\xB5\x2F\xFD",                      4,  FB_MALFORMED},
        {"ELF",
         "\x7F"
         "ELF\2\1\1",                                                    7,  FB_MALFORMED},
        {"text",                "this is no dump but it is long enough", 37, FB_MALFORMED},
        {"no stream",
         "MDMP\x93\xA7\0\0\0\0\0\0\x20\0\0\0"
         "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",                             32, FB_TRUNCATED},
        {"directory outside",
         "MDMP\x93\xA7\0\0\1\0\0\0\xFF\xFF\xFF\xFF"
         "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",                             32, FB_TRUNCATED},
        {"directory is header",
         "MDMP\x93\xA7\0\0\1\0\0\0\0\0\0\0"
         "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",                             32, FB_OK       },
        {"other version",
         "MDMP\x94\xA7\0\0\1\0\0\0\0\0\0\0"
         "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",                             32, FB_MALFORMED},
        {"only magic swapped",
         "PMDM\x93\xA7\0\0\1\0\0\0\0\0\0\0"
         "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",                             32, FB_MALFORMED},
        {"swapped",
         "PMDM\0\0\xA7\x93\0\0\0\1\0\0\0\0"
         "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",                             32, FB_OK       },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fb_span file = {(const uint8_t *)rows[i].bytes, rows[i].n, 0};
        reading_of(&got, file);
        CHECK(rows[i].name, got.err.code == rows[i].want);
        CHECK(rows[i].name, (got.err.what != NULL) == (rows[i].want != FB_OK));
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

int main(void)
{
    signatures();
    both_byte_orders();
    stacks_in_both_byte_orders();
    duplicates();
    thread_lists();
    sized_lists();
    return check_done();
}
