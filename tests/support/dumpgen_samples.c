/* tests/support/dumpgen_samples.c -- Crashpad's nested stream, and whole dumps for those who
 * want one and do not care what is in it. */
#include "support/dumpgen.h"

#include <string.h>

struct piece {
    uint32_t size, rva;
};

static struct piece put_simple(struct dumpgen *d, const struct dumpgen_annotation *v, size_t n)
{
    uint32_t at[2][64];
    for (size_t i = 0; i < n && i < 64; i++) {
        at[0][i] = dumpgen_string8(d, v[i].name);
        at[1][i] = dumpgen_string8(d, v[i].value);
    }
    struct piece piece = {4 + 8 * (uint32_t)n, dumpgen_number(d, n, 4)};
    for (size_t i = 0; i < n && i < 64; i++) {
        dumpgen_number(d, at[0][i], 4);
        dumpgen_number(d, at[1][i], 4);
    }
    return piece;
}

static struct piece put_objects(struct dumpgen *d, const struct dumpgen_annotation *v, size_t n)
{
    uint32_t at[2][64];
    for (size_t i = 0; i < n && i < 64; i++) {
        at[0][i] = dumpgen_string8(d, v[i].name);
        at[1][i] = dumpgen_string8(d, v[i].value);
    }
    struct piece piece = {4 + 12 * (uint32_t)n, dumpgen_number(d, n, 4)};
    for (size_t i = 0; i < n && i < 64; i++) {
        dumpgen_number(d, at[0][i], 4);
        dumpgen_number(d, 1, 2); // a string
        dumpgen_number(d, 0, 2);
        dumpgen_number(d, at[1][i], 4);
    }
    return piece;
}

static void put_piece(struct dumpgen *d, struct piece piece)
{
    dumpgen_number(d, piece.size, 4);
    dumpgen_number(d, piece.rva, 4);
}

void dumpgen_crashpad(struct dumpgen *d, const struct dumpgen_annotation *simple,
                      size_t n_simple, const struct dumpgen_annotation *objects,
                      size_t n_objects, uint64_t address_mask)
{
    struct piece process = put_simple(d, simple, n_simple);
    struct piece list = {8, dumpgen_number(d, 1, 4)}; // one value, which follows
    uint32_t value_at = dumpgen_number(d, 0, 4);
    uint32_t value = dumpgen_string8(d, "from a list");
    for (size_t i = 0; i < 4; i++)
        d->p[value_at + (d->big ? 3 - i : i)] = (uint8_t)(value >> (8 * i));
    struct piece strings = put_objects(d, objects, n_objects);
    struct piece info = {28, dumpgen_number(d, 1, 4)};
    put_piece(d, list);
    put_piece(d, (struct piece){0, 0}); // no simple ones
    put_piece(d, strings);
    struct piece modules = {16, dumpgen_number(d, 1, 4)};
    dumpgen_number(d, 0, 4); // module 0
    put_piece(d, info);

    dumpgen_stream(d, 0x43500001);
    dumpgen_number(d, 1, 4);
    dumpgen_bytes(d, NULL, 32); // ids of report and client
    put_piece(d, process);
    put_piece(d, modules);
    dumpgen_number(d, 0, 4);
    dumpgen_number(d, address_mask, 8);
    dumpgen_stream_end(d);
}

static const char maps[] =
    "00400000-00410000 r-xp 00000000 08:01 42    /usr/bin/sample program\n"
    "00610000-00611000 rw-p 00010000 08:01 42    /usr/bin/sample program (deleted)\n"
    "00611000-00632000 rw-p 00000000 00:00 0     [heap]\n"
    "7ffe0000-7fff0000 rw-p 00000000 00:00 0     [stack]\n"
    "7ffa0000-7ffa2000 r-xp 00000000 08:01 43    /lib/not listed.so\n"
    "7fff1000-7fff2000 r-xp 00000000 00:00 0     [vds";
static const char status[] = "Name:\tsample\nTgid:\t77\nPid:\t77\nPPid:\t1\n";
static const char lsb[] = "DISTRIB_ID=Debian\nDISTRIB_RELEASE=12\n"
                          "DISTRIB_DESCRIPTION=\"Debian GNU/Linux 12\"\n";
static const char cpuinfo[] = "processor\t: 0\nmodel name\t: Sample CPU @ 3 GHz\n";

static void put_assertion(struct dumpgen *d)
{
    dumpgen_stream(d, 0x47670002);
    dumpgen_text16(d, "n > 0", 128);
    dumpgen_text16(d, "main", 128);
    dumpgen_text16(d, "sample.c", 128);
    dumpgen_number(d, 12, 4);
    dumpgen_number(d, 1, 4); // invalid parameter
    dumpgen_stream_end(d);
}

static const char command_line[] = "/usr/bin/sample program\0--user=me\0file";
static const char environment[] = "PATH=/bin\0SECRET=s\0";
static const char limits[] =
    "Limit                     Soft Limit           Hard Limit           Units     \n"
    "Max cpu time              unlimited            unlimited            seconds   \n"
    "Max nice priority         0                    0                    \n";

/* And what Mozilla's writer for macOS adds, so that it stands in some sample. */
static void put_mac(struct dumpgen *d)
{
    static const struct dumpgen_mac_record records[] = {
        {5, {"/usr/lib/dyld", "Library not loaded", "sig", "0 a", "more"}, 0},
        {1, {"/usr/lib/libc", NULL, NULL, NULL, NULL},                     0},
    };
    dumpgen_mac_records(d, records, 2);
    dumpgen_boot_args(d, "-v keepsyms=1");
    dumpgen_raw(d, 0x4D7A0004, "[\"e\"]", 5);
}

static void put_linux(struct dumpgen *d, size_t word)
{
    static const uint64_t auxv[] = {3, 0x400040, 9, 0x401000, 33, 0x7fff1000, 0, 0};
    static const struct dumpgen_linked linked[] = {
        {0,        ""       },
        {0x7f0000, "libc.so"}
    };
    dumpgen_raw(d, 0x47670006, command_line, sizeof command_line);
    dumpgen_raw(d, 0x47670007, environment, sizeof environment - 1);
    dumpgen_auxv(d, auxv, 4, word);
    dumpgen_loader(d, linked, 2, word, word == 8);
    dumpgen_raw(d, 0x4D7A0003, limits, sizeof limits - 1);
    put_mac(d);
    dumpgen_raw(d, 0x47670003, cpuinfo, sizeof cpuinfo - 1);
    dumpgen_raw(d, 0x47670004, status, sizeof status - 1);
    dumpgen_raw(d, 0x47670005, lsb, sizeof lsb - 1);
    dumpgen_raw(d, 0x47670009, maps, sizeof maps - 1);
    dumpgen_breakpad(d, 2, 77);
    put_assertion(d);
}

static struct fb_regs sample_regs(enum fb_arch arch)
{
    struct fb_regs regs = {.arch = arch};
    const struct fb_reg_names *names = fb_reg_names(arch);
    for (size_t i = 0; i < names->n; i++)
        fb_reg_set(&regs, (int)i, 0x1000 + i);
    fb_reg_set(&regs, names->ip, 0x401234);
    fb_reg_set(&regs, names->sp, 0x7ffe1000);
    fb_reg_set(&regs, names->fp, 0x7ffe1010);
    return regs;
}

static void put_windows(struct dumpgen *d, const struct dumpgen_module *modules)
{
    static const struct dumpgen_page pages[] = {
        {0x400000,   0x10000, 0x1000, 0x20,  0x1000000},
        {0x7ffe0000, 0x1000,  0x1000, 0x104, 0x20000  },
        {0x7ffe1000, 0xf000,  0x1000, 0x04,  0x20000  },
    };
    static const struct dumpgen_annotation simple[] = {
        {"prod", "Sample"},
        {"ver",  "1.2"   }
    };
    static const struct dumpgen_annotation objects[] = {
        {"abort", "check failed"}
    };
    static const struct dumpgen_table tables[] = {
        {0x20000, 0x30000, 0x20000, 3, 0}
    };
    static const struct dumpgen_thread_info infos[] = {
        {77, 2, 0x401000},
        {78, 0, 0x402000}
    };
    static const struct dumpgen_handle handles[] = {
        {.handle = 4, .type = "Event",  .name = "\\BaseNamedObjects\\sample"},
        {.handle = 8, .type = "Mutant", .info = 3                           },
    };
    static const struct dumpgen_operation operations[] = {
        {.handle = 8, .pid = 77, .tid = 78, .operation = 2, .depth = 3},
    };
    static const uint32_t user[] = {5, 21, 1, 2, 3, 1001, 0};
    static const struct dumpgen_token tokens[] = {
        {.id = 77, .user = user, .integrity = 0x3000, .administrator = 7},
    };
    dumpgen_unloaded(d, modules, 1);
    dumpgen_tables(d, tables, 1);
    dumpgen_thread_infos(d, infos, 2);
    dumpgen_handles(d, handles, 2);
    dumpgen_operations(d, operations, 1);
    dumpgen_tokens(d, tokens, 1);
    dumpgen_counters(d, 2, 0x1F);
    dumpgen_system_memory(d);
    dumpgen_raw(d, 10, "a comment", 10);
    dumpgen_stream(d, 11);
    dumpgen_text16(d, "a wide comment", 15);
    dumpgen_stream_end(d);
    dumpgen_raw(d, 20, "var x", 5);
    dumpgen_pages(d, pages, 3);
    dumpgen_crashpad(d, simple, 2, objects, 1, 0xFF00000000000000);
}

struct fb_span dumpgen_sample(struct dumpgen *d, enum fb_arch arch, bool linux_os, bool big)
{
    static const uint16_t ids[FB_ARCH_OTHER] = {0xFFFF, 0, 9, 5, 12};
    static const uint8_t build_id[20] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    static uint8_t stack[512], code[64];
    memset(stack, 0x41, sizeof stack);
    const struct dumpgen_module modules[] = {
        {.base = 0x400000,
         .size = 0x10000,
         .timestamp = 0x5f000001,
         .name = linux_os ? "/usr/bin/sample program" : "C:\\app\\sample.exe",
         .version = {0x00010002, 0x00030004},
         .pdb = linux_os ? NULL : "D:\\build\\sample.pdb",
         .guid = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
         .age = 26,
         .build_id = linux_os ? build_id : NULL,
         .n_build_id = sizeof build_id},
        {.base = 0x10000000, .size = 0x2000, .name = "other.dll"},
    };
    const struct dumpgen_thread threads[] = {
        {.id = 77,
         .teb = 0x7ffd0000,
         .stack_start = 0x7ffe1000,
         .stack = stack,
         .n_stack = sizeof stack,
         .regs = sample_regs(arch),
         .name = "main"},
        {.id = 78, .stack_start = 0x7fff0000,    .regs = sample_regs(arch),          .name = "worker"},
    };
    const struct dumpgen_memory memory[] = {
        {0x7ffd0000, stack, 128         },
        {0x401200,   code,  sizeof code },
        {0x7ffe1000, stack, sizeof stack},
    };
    dumpgen_begin(d, big);
    dumpgen_system(d, &(struct dumpgen_system){.arch = ids[arch],
                                               .level = 6,
                                               .revision = 0x2a07,
                                               .cpus = 4,
                                               .major = linux_os ? 0 : 10,
                                               .build = linux_os ? 0 : 19045,
                                               .platform = linux_os ? 0x8201 : 2,
                                               .csd = linux_os ? "Linux 5.10.28-1 #1 SMP x86_64"
                                                               : "Service Pack 1",
                                               .vendor = "GenuineIntel"});
    if (linux_os)
        dumpgen_misc(d, 77, 1699999990);
    else
        dumpgen_misc_full(d, 1364, 0x3F7);
    dumpgen_modules(d, modules, 2);
    dumpgen_threads(d, threads, 2);
    dumpgen_names(d, threads, 2);
    dumpgen_memory(d, memory, 3);
    dumpgen_memory64(d, memory, 2);
    dumpgen_exception(d, &(struct dumpgen_exception){
                             .thread = 77,
                             .code = linux_os ? 11 : 0xC0000005,
                             .address = 0x401234,
                             .n_parameters = 2,
                             .parameters = {1, 0x8},
                             .regs = sample_regs(arch)
    });
    if (linux_os)
        put_linux(d, fb_reg_names(arch)->word);
    else
        put_windows(d, modules);
    return dumpgen_end(d);
}

struct fb_span dumpgen_wow64(struct dumpgen *d)
{
    enum { TEB = 0x9000, AREA = 0xA800, RECORD = 0xB000 };
    static uint8_t memory[0x2200]; // from the TEB on
    struct dumpgen at = {.p = memory, .n = sizeof memory, .room = sizeof memory};
    dumpgen_poke(&at, 0x1488, AREA, 8);
    dumpgen_poke(&at, AREA - TEB + 2, 0x14C, 2);
    dumpgen_poke(&at, AREA - TEB + 4, 0x1003F, 4);
    dumpgen_poke(&at, AREA - TEB + 4 + 184, 0x77001000, 4); // eip
    dumpgen_poke(&at, AREA - TEB + 4 + 196, 0x9100, 4);     // esp
    dumpgen_poke(&at, RECORD - TEB, 0xE06D7363, 4);
    const struct dumpgen_thread threads[] = {
        {.id = 1,     .stack_start = 0x9000, .regs = sample_regs(FB_X86)  },
        { .id = 2, .teb = TEB, .stack_start = 0x9000, .regs = sample_regs(FB_AMD64)},
    };
    const struct dumpgen_memory list[] = {
        {TEB, memory, sizeof memory}
    };
    dumpgen_begin(d, false);
    dumpgen_system(d, &(struct dumpgen_system){.arch = 9, .platform = 2});
    dumpgen_threads(d, threads, 2);
    dumpgen_memory64(d, list, 1);
    dumpgen_exception(
        d, &(struct dumpgen_exception){.thread = 1, .code = 0xC000041D, .nested = RECORD});
    dumpgen_raw(d, 8, NULL, 4 + 64); // an empty list of Itanium's threads
    return dumpgen_end(d);
}
