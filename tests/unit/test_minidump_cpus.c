/* tests/unit/test_minidump_cpus.c -- contexts that are not what the dump's CPU should have:
 * 32-bit processes in 64-bit dumps, other CPUs, and CPUs that are named but not walked. */
#include "support/check.h"
#include "support/reading.h"

static struct reading got;
enum { TEB = 0x9000, AREA = 0xA000, SLOT = 0x1488 };
static uint8_t teb[0x1490], area[720], stack[64];

static void put(uint8_t *at, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        at[i] = (uint8_t)(v >> (8 * i));
}

static struct fb_regs regs_of(enum fb_arch arch, uint64_t ip, uint64_t sp)
{
    struct fb_regs regs = {.arch = arch};
    const struct fb_reg_names *names = fb_reg_names(arch);
    fb_reg_set(&regs, 0, 0x1234);
    fb_reg_set(&regs, names->ip, ip);
    fb_reg_set(&regs, names->sp, sp);
    return regs;
}

static bool noted(const char *what)
{
    size_t n = 0;
    for (size_t i = 0; i < got.notes.n; i++)
        n += strcmp(got.notes.v[i].what, what) == 0;
    return n == 1; // once, however many threads
}

/* Two threads of one kind; the code segment of both, as an AMD64 context has it. */
static void put_threads(struct dumpgen *d, const struct fb_regs *regs, uint16_t cs)
{
    const struct dumpgen_thread threads[] = {
        {.id = 7,
         .teb = TEB,
         .stack_start = 0x5000,
         .stack = stack,
         .n_stack = 64,
         .regs = *regs},
        {.id = 8,
         .teb = 0,
         .stack_start = 0x5000,
         .stack = stack,
         .n_stack = 64,
         .regs = *regs},
    };
    dumpgen_threads(d, threads, 2);
    for (size_t i = 0; i < 2 && regs->arch == FB_AMD64; i++) {
        struct fb_reader r = {
            .in = {d->p, d->n, 0}
        };
        r.at = d->streams[d->n_streams - 1].rva + 4 + 48 * i + 44;
        dumpgen_poke(d, fb_read_u32(&r) + 56, cs, 2);
    }
}

static void wow64(void)
{
    enum { NATIVE = 0x33, NARROW = 0x23 };
    static const struct {
        const char *name;
        enum fb_arch context; // of the threads
        uint16_t arch, cs;
        uint32_t platform;
        uint16_t machine; // in what the first thread left behind; 0: its TEB is not there
        uint32_t flags;
        bool narrow;    // the process is 32-bit
        uint64_t ip[2]; // of the threads; 0: no registers
    } rows[] = {
        {"64-bit",              FB_AMD64, 9,  NATIVE, 2,      0,     0,       false, {0x401000, 0x401000}},
        {"in 32-bit code",      FB_AMD64, 9,  NARROW, 2,      0,     0,       true,  {0x401000, 0x401000}},
        {"in the system",       FB_AMD64, 9,  NATIVE, 2,      0x14C, 0x1003F, true,  {0x77001000, 0}     },
        {"both at hand",        FB_AMD64, 9,  NARROW, 2,      0x14C, 0x1003F, true,  {0x401000, 0x401000}},
        {"another machine",
         FB_AMD64,                        9,
         NATIVE,                                      2,
         0x1C4,                                                      0x1003F,
         false,                                                                      {0x401000, 0x401000}},
        {"no context's flags",
         FB_AMD64,                        9,
         NATIVE,                                      2,
         0x14C,                                                      0x20003,
         false,                                                                      {0x401000, 0x401000}},
        {"contexts of x86",     FB_X86,   9,  0,      2,      0,     0,       true,  {0x401000, 0x401000}},
        {"said to be on Win64", FB_AMD64, 10, NATIVE, 2,      0x14C, 0x1003F, true,  {0x77001000, 0}     },
        {"said so, and it is",  FB_X86,   10, 0,      2,      0,     0,       true,  {0x401000, 0x401000}},
        {"not on Linux",
         FB_AMD64,                        9,
         NATIVE,                                      0x8201,
         0x14C,                                                      0x1003F,
         false,                                                                      {0x401000, 0x401000}},
    };
    static const struct dumpgen_memory memory[] = {
        {TEB,  teb,  sizeof teb },
        {AREA, area, sizeof area},
    };
    put(teb + SLOT, AREA, 8);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen d;
        dumpgen_begin(&d, false);
        dumpgen_system(
            &d, &(struct dumpgen_system){.arch = rows[i].arch, .platform = rows[i].platform});
        struct fb_regs regs = regs_of(rows[i].context, 0x401000, 0x5010);
        put_threads(&d, &regs, rows[i].cs);
        put(area + 2, rows[i].machine, 2);
        put(area + 4, rows[i].flags, 4);
        put(area + 4 + 184, 0x77001000, 4); // eip
        put(area + 4 + 196, 0x5020, 4);     // esp
        dumpgen_memory(&d, memory, rows[i].machine != 0 ? 2 : 0);
        reading_of(&got, dumpgen_end(&d));
        CHECK(rows[i].name, got.dump.system.arch == (rows[i].narrow ? FB_X86 : FB_AMD64));
        for (size_t k = 0; k < 2; k++) {
            const struct fb_regs *have = &got.dump.threads.v[k].regs;
            CHECK(rows[i].name, (have->valid != 0) == (rows[i].ip[k] != 0));
            CHECK(rows[i].name, fb_reg_ip(have) == rows[i].ip[k]);
            CHECK(rows[i].name, have->valid == 0 || have->arch == got.dump.system.arch);
        }
        dumpgen_free(&d);
    }
}

static void other_cpus(void)
{
    static const char rare[] = "contexts of a CPU that is not walked";
    static const char other[] = "a context is of another CPU";
    static const struct {
        const char *name;
        uint16_t arch;
        uint32_t size, flags; // of the context
        const char *want, *note;
    } rows[] = {
        {"MIPS",             1,      600,  0x40003,    "mips",    rare                                   },
        {"MIPS64",           0x8004, 600,  0x80003,    "mips64",  rare                                   },
        {"PowerPC",          3,      1000, 0x20000003, "ppc",     rare                                   },
        {"PowerPC 64",       0x8002, 1000, 0x01000003, "ppc64",   rare                                   },
        {"SPARC",            0x8001, 1000, 0x10000003, "sparc",   rare                                   },
        {"RISC-V",           0x8006, 600,  0x08000003, "riscv64", rare                                   },
        {"Itanium",          6,      2000, 3,          "ia64",    rare                                   },
        {"one without name", 77,     600,  3,          NULL,      rare                                   },
        {"guessed MIPS",     0xFFFF, 600,  0x40003,    "mips",    rare                                   },
        {"ARM64 for AMD64",  9,      912,  0x400003,   NULL,      other                                  },
        {"x86 for ARM64",    12,     716,  0x10003,    NULL,      other                                  },
        {"AMD64, too short", 9,      100,  3,          NULL,      "a context has the wrong size or flags"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int big = 0; big < 2; big++) {
            struct dumpgen d;
            dumpgen_begin(&d, big != 0);
            dumpgen_system(&d,
                           &(struct dumpgen_system){.arch = rows[i].arch, .platform = 0x8201});
            uint32_t at = dumpgen_bytes(&d, NULL, rows[i].size);
            dumpgen_poke(&d, at, rows[i].flags, 4);
            dumpgen_stream(&d, 3);
            dumpgen_number(&d, 1, 4);
            dumpgen_number(&d, 7, 4);
            dumpgen_bytes(&d, NULL, 36);
            dumpgen_number(&d, rows[i].size, 4);
            dumpgen_number(&d, at, 4);
            dumpgen_stream_end(&d);
            reading_of(&got, dumpgen_end(&d));
            CHECK(rows[i].name, got.dump.threads.n == 1);
            CHECK(rows[i].name, got.dump.threads.v[0].regs.valid == 0);
            CHECK(rows[i].name, reading_same(got.dump.system.arch_name, rows[i].want));
            CHECK(rows[i].name, noted(rows[i].note));
            dumpgen_free(&d);
        }
}

int main(void)
{
    wow64();
    other_cpus();
    return check_done();
}
