/* tests/unit/test_minidump_context.c -- CPU contexts: each register of each layout, and the
 * sizes and flags that make a context unusable. */
#include "support/check.h"
#include "support/reading.h"

static uint64_t mark(size_t i) { return 0x0101010101010101 * (i + 1); }

static struct fb_regs marked(enum fb_arch arch)
{
    struct fb_regs regs = {.arch = arch};
    for (size_t i = 0; i < fb_reg_names(arch)->n; i++)
        fb_reg_set(&regs, (int)i, mark(i));
    return regs;
}

/* Every register comes back, at its width, in both byte orders. */
static void every_register(void)
{
    for (enum fb_arch arch = FB_X86; arch < FB_ARCH_OTHER; arch++)
        for (int big = 0; big < 2; big++) {
            struct dumpgen d;
            uint32_t size;
            struct fb_regs in = marked(arch);
            dumpgen_begin(&d, big != 0);
            uint32_t at = dumpgen_context(&d, &in, &size);
            struct fb_span context = {d.p + at, size, 0};
            struct fb_regs out = fb_minidump_context(arch, context, big != 0);
            const struct fb_reg_names *names = fb_reg_names(arch);
            CHECK("arch", out.arch == arch);
            for (size_t i = 0; i < names->n; i++) {
                bool narrow = names->word == 4 || (arch == FB_AMD64 && i == FB_RFLAGS) ||
                              (arch == FB_ARM64 && i == FB_CPSR64);
                uint64_t want = narrow ? mark(i) & 0xFFFFFFFF : mark(i);
                CHECK(names->name[i], fb_reg_known(&out, (int)i) && out.v[i] == want);
            }
            dumpgen_free(&d);
        }
}

static uint8_t bytes[2048];

static void put(size_t at, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bytes[at + i] = (uint8_t)(v >> (8 * i));
}

static void sizes_and_flags(void)
{
    static const struct {
        const char *name;
        enum fb_arch arch;
        size_t size, flags_at;
        uint64_t flags;
        uint64_t known, unknown; // registers, as bits
        enum fb_arch want;
    } rows[] = {
        {"x86",                       FB_X86,        716,  0,  0x10007,    0x3FF,                     0,           FB_X86       },
        {"x86, control only",         FB_X86,        716,  0,  0x10001,    1 << FB_EIP,               1 << FB_EAX, FB_X86       },
        {"x86, no control",           FB_X86,        716,  0,  0x10002,    0,                         0x3FF,       FB_X86       },
        {"x86, exception active",     FB_X86,        716,  0,  0x0801003F, 0x3FF,                     0,           FB_X86       },
        {"x86, a byte short",         FB_X86,        715,  0,  0x10007,    0,                         0x3FF,       FB_X86       },
        {"x86, with XSAVE",           FB_X86,        1300, 0,  0x1007F,    0x3FF,                     0,           FB_X86       },
        {"x86, flags of ARM64",       FB_X86,        716,  0,  0x400007,   0,                         0x3FF,       FB_X86       },
        {"x86, nothing said",         FB_X86,        716,  0,  0,          0x3FF,                     0,           FB_X86       },
        {"AMD64",                     FB_AMD64,      1232, 48, 0x10001F,   0x3FFFF,                   0,           FB_AMD64     },
        {"AMD64, a byte short",       FB_AMD64,      1231, 48, 0x10001F,   0,                         0x3FFFF,     FB_AMD64     },
        {"AMD64, empty",              FB_AMD64,      0,    48, 0x10001F,   0,                         0x3FFFF,     FB_AMD64     },
        {"AMD64, control only",       FB_AMD64,      1232, 48, 0x100001,   1 << FB_RIP | 1 << FB_RBP,
         1 << FB_R8,                                                                                               FB_AMD64     },
        {"AMD64 in an x86 dump",      FB_X86,        1232, 48, 0x10001F,   0x3FFFF,                   0,           FB_AMD64     },
        {"AMD64, flags of x86",       FB_AMD64,      1232, 48, 0x10007,    0,                         0x3FFFF,     FB_AMD64     },
        {"ARM64",                     FB_ARM64,      912,  0,  0x400007,   0x3FFFFFFFF,               0,           FB_ARM64     },
        {"ARM64, a byte short",       FB_ARM64,      911,  0,  0x400007,   0,                         0x3FFFFFFFF, FB_ARM64     },
        {"ARM64, exception flag",     FB_ARM64,      912,  0,  0x88400007, 0x3FFFFFFFF,               0,           FB_ARM64     },
        {"ARM64, old Breakpad",       FB_ARM64,      796,  0,  0x80000006, 0x3FFFFFFFF,               0,           FB_ARM64     },
        {"ARM, Breakpad",             FB_ARM,        368,  0,  0x40000006, 0x1FFFF,                   0,           FB_ARM       },
        {"ARM, other Breakpad",       FB_ARM,        368,  0,  0x46,       0x1FFFF,                   0,           FB_ARM       },
        {"ARM, Windows",              FB_ARM,        416,  0,  0x200003,   0x1FFFF,                   0,           FB_ARM       },
        {"ARM, Windows, control",     FB_ARM,        416,  0,  0x200001,   7 << FB_SP32,              1 << 0,      FB_ARM       },
        {"a CPU that we do not read", FB_ARCH_OTHER, 1232, 0,  7,          0,                         1,           FB_ARCH_OTHER},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        memset(bytes, 0, sizeof bytes);
        put(rows[i].flags_at, rows[i].flags, 4);
        struct fb_span context = {bytes, rows[i].size, 0};
        struct fb_regs regs = fb_minidump_context(rows[i].arch, context, false);
        CHECK(rows[i].name, regs.arch == rows[i].want);
        CHECK(rows[i].name, (regs.valid & rows[i].known) == rows[i].known);
        CHECK(rows[i].name, (regs.valid & rows[i].unknown) == 0);
    }
}

/* The old layout of ARM64, and a 64-bit context of a thread that ran 32-bit code. */
static void two_more_layouts(void)
{
    memset(bytes, 0, sizeof bytes);
    put(0, 0x80000006, 8);
    put(8, 0x11, 8);   // x0
    put(256, 0x22, 8); // sp
    put(264, 0x33, 8); // pc
    put(272, 0x44, 4); // cpsr
    struct fb_regs regs = fb_minidump_context(FB_ARM64, (struct fb_span){bytes, 796, 0}, false);
    CHECK("old ARM64", regs.v[FB_X0] == 0x11 && regs.v[FB_SP64] == 0x22);
    CHECK("old ARM64", regs.v[FB_PC64] == 0x33 && regs.v[FB_CPSR64] == 0x44);

    memset(bytes, 0, sizeof bytes);
    put(48, 0x10001F, 4);
    put(56, 0x23, 2); // cs
    put(68, 0x246, 4);
    put(120, 0xAAAABBBBCCCC, 8);
    put(152, 0x12F000, 8);
    put(248, 0x401000, 8);
    regs = fb_minidump_context(FB_AMD64, (struct fb_span){bytes, 1232, 0}, false);
    CHECK("WOW64", regs.arch == FB_X86 && regs.valid == 0x3FF);
    CHECK("WOW64", regs.v[FB_EAX] == 0xBBBBCCCC && regs.v[FB_ESP] == 0x12F000);
    CHECK("WOW64", regs.v[FB_EIP] == 0x401000 && regs.v[FB_EFLAGS] == 0x246);
}

/* Flags that say nothing are believed only when the registers lead somewhere. */
static void unflagged(void)
{
    static const struct {
        const char *name;
        uint64_t sp;
        bool believed;
    } rows[] = {
        {"sp in memory",  0x5008,  true },
        {"sp in nothing", 0x90000, false},
    };
    static struct reading got;
    static const uint8_t stack[64];
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen d;
        struct fb_regs regs = {.arch = FB_AMD64};
        dumpgen_begin(&d, false);
        dumpgen_system(&d, &(struct dumpgen_system){.arch = 9, .platform = 2});
        uint32_t size, context = dumpgen_context(&d, &regs, &size);
        memset(d.p + context + 48, 0, 4); // the flags
        for (size_t k = 0; k < 8; k++)
            d.p[context + 152 + k] = (uint8_t)(rows[i].sp >> (8 * k));
        uint32_t at = dumpgen_bytes(&d, stack, sizeof stack);
        dumpgen_stream(&d, 3);
        dumpgen_number(&d, 1, 4);
        dumpgen_bytes(&d, NULL, 24);
        dumpgen_number(&d, 0x5000, 8);
        dumpgen_number(&d, sizeof stack, 4);
        dumpgen_number(&d, at, 4);
        dumpgen_number(&d, size, 4);
        dumpgen_number(&d, context, 4);
        dumpgen_stream_end(&d);
        reading_of(&got, dumpgen_end(&d));
        CHECK(rows[i].name, (got.dump.threads.v[0].regs.valid != 0) == rows[i].believed);
        CHECK(rows[i].name, reading_noted(&got, FB_NOTE_BAD_CONTEXT));
        dumpgen_free(&d);
    }
}

int main(void)
{
    every_register();
    sizes_and_flags();
    two_more_layouts();
    unflagged();
    return check_done();
}
