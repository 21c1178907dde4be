/*
 * worker/analysis/minidump/context.c -- CPU contexts: where each register lies in the bytes.
 *
 * The architecture comes from SystemInfo; flags only confirm it, since one and the same bit
 * means a CPU to Breakpad and "an exception is active" to Windows. A register is known when
 * the flag of its group is set.
 */
#include "minidump/parts.h"

enum { CONTROL = 1, INTEGER = 2, BOTH = CONTROL | INTEGER }; // group bits of the flags

struct place {
    uint8_t reg, groups; // any of the groups makes the register known
    uint16_t at;
};

static const struct place x86[] = {
    {FB_EDI,    INTEGER, 156},
    {FB_ESI,    INTEGER, 160},
    {FB_EBX,    INTEGER, 164},
    {FB_EDX,    INTEGER, 168},
    {FB_ECX,    INTEGER, 172},
    {FB_EAX,    INTEGER, 176},
    {FB_EBP,    CONTROL, 180},
    {FB_EIP,    CONTROL, 184},
    {FB_EFLAGS, CONTROL, 192},
    {FB_ESP,    CONTROL, 196},
};
static const struct place amd64[] = {
    {FB_RAX, INTEGER, 120},
    {FB_RCX, INTEGER, 128},
    {FB_RDX, INTEGER, 136},
    {FB_RBX, INTEGER, 144},
    {FB_RSP, CONTROL, 152},
    {FB_RBP, BOTH,    160}, // dbghelp counts it among the integers, others do not
    {FB_RSI, INTEGER, 168},
    {FB_RDI, INTEGER, 176},
    {FB_RIP, CONTROL, 248},
};
/* The same registers, of a thread in 32-bit mode. */
static const struct place amd64_as_x86[] = {
    {FB_EAX, INTEGER, 120},
    {FB_ECX, INTEGER, 128},
    {FB_EDX, INTEGER, 136},
    {FB_EBX, INTEGER, 144},
    {FB_ESP, CONTROL, 152},
    {FB_EBP, BOTH,    160},
    {FB_ESI, INTEGER, 168},
    {FB_EDI, INTEGER, 176},
    {FB_EIP, CONTROL, 248},
};
enum { AMD64_CS = 56, AMD64_EFLAGS = 68, AMD64_R8 = 184, CS_OF_WOW64 = 0x23 };

/* A run of registers of one size, one behind the other. */
struct run {
    uint8_t first, n, groups;
    uint16_t at;
};
static const struct run arm_runs[] = {
    {0,         13, INTEGER, 4 },
    {FB_SP32,   3,  CONTROL, 56},
    {FB_CPSR32, 1,  CONTROL, 68},
};
static const struct run arm64_runs[] = {
    {FB_X0,   29, INTEGER, 8  },
    {FB_FP64, 4,  CONTROL, 240},
};
enum { ARM64_CPSR = 4, ARM64_OLD_CPSR = 272 };
static const struct run arm64_old_runs[] = {
    {FB_X0, 33, BOTH, 8},
};

enum layout { X86, AMD64, ARM_BREAKPAD, ARM_WINDOWS, ARM64, ARM64_OLD, FORMATS };
static const struct format {
    enum fb_arch arch;
    uint16_t size;
    uint16_t flags_at;
    uint32_t cpu;    // this flag...
    uint32_t others; // ...and none of these
    bool one_group;  // Breakpad's ARM flags have no bit of their own for control
} formats[FORMATS] = {
    [X86] = {FB_X86,   716,  0,  0x00010000, 0x00700000, false},
    [AMD64] = {FB_AMD64, 1232, 48, 0x00100000, 0x00650000, false},
    [ARM_BREAKPAD] = {FB_ARM,   368,  0,  0x40000040, 0x00710000, true },
    [ARM_WINDOWS] = {FB_ARM,   368,  0,  0x00200000, 0x00510000, false},
    [ARM64] = {FB_ARM64, 912,  0,  0x00400000, 0x00310000, false},
    [ARM64_OLD] = {FB_ARM64, 796,  0,  0x80000000, 0x00710000, true },
};

struct reading {
    struct fb_span context; // as long as its format says, or longer
    bool big;
    uint32_t groups;
    struct fb_regs *out;
};

static uint64_t number_at(const struct reading *c, size_t at, size_t size)
{
    return fb_field(c->context, at, size, c->big);
}

static void read_places(struct reading *c, const struct place *v, size_t n, size_t size)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].groups & c->groups)
            fb_reg_set(c->out, v[i].reg, number_at(c, v[i].at, size));
}

static void read_runs(struct reading *c, const struct run *v, size_t n, size_t size)
{
    for (size_t i = 0; i < n; i++)
        for (uint8_t k = 0; k < v[i].n && (v[i].groups & c->groups) != 0; k++)
            fb_reg_set(c->out, v[i].first + k, number_at(c, v[i].at + k * size, size));
}
#define READ(how, c, table, size) how((c), (table), sizeof(table) / sizeof *(table), (size))

static void read_amd64(struct reading *c)
{
    bool control = (c->groups & CONTROL) != 0;
    if (control && number_at(c, AMD64_CS, 2) == CS_OF_WOW64) {
        c->out->arch = FB_X86;
        READ(read_places, c, amd64_as_x86, 4);
        fb_reg_set(c->out, FB_EFLAGS, number_at(c, AMD64_EFLAGS, 4));
        return;
    }
    static const struct run r8[] = {
        {FB_R8, 8, INTEGER, AMD64_R8}
    };
    READ(read_places, c, amd64, 8);
    READ(read_runs, c, r8, 8);
    if (control)
        fb_reg_set(c->out, FB_RFLAGS, number_at(c, AMD64_EFLAGS, 4));
}

static void read_arm64(struct reading *c, bool old)
{
    if (old)
        READ(read_runs, c, arm64_old_runs, 8);
    else
        READ(read_runs, c, arm64_runs, 8);
    if (c->groups & CONTROL)
        fb_reg_set(c->out, FB_CPSR64, number_at(c, old ? ARM64_OLD_CPSR : ARM64_CPSR, 4));
}

static void read_layout(struct reading *c, enum layout layout)
{
    switch (layout) {
    case X86:
        READ(read_places, c, x86, 4);
        break;
    case AMD64:
        read_amd64(c);
        break;
    case ARM_BREAKPAD:
    case ARM_WINDOWS:
        READ(read_runs, c, arm_runs, 4);
        break;
    case ARM64:
    case ARM64_OLD:
        read_arm64(c, layout == ARM64_OLD);
        break;
    case FORMATS:
        break;
    }
}

static uint32_t flags_at(struct fb_span context, bool big, size_t at)
{
    return (uint32_t)fb_field(context, at, 4, big);
}

/* Whether these flags of a context of `arch` allow the format; 0 says nothing against any. */
static bool fits(const struct format *format, enum fb_arch arch, uint32_t flags)
{
    /* A 64-bit writer's dump of a 32-bit process may say x86 and hold AMD64 contexts. */
    bool wow64 = arch == FB_X86 && format->arch == FB_AMD64 && flags != 0;
    return (format->arch == arch || wow64) &&
           (flags == 0 || ((flags & format->cpu) != 0 && (flags & format->others) == 0));
}

/* The format that the flags confirm; failing that, the first whose flags say nothing. */
static size_t find_format(enum fb_arch arch, struct fb_span context, bool big)
{
    size_t found = FORMATS;
    for (size_t i = 0; i < FORMATS; i++) {
        bool related = formats[i].arch == arch || arch == FB_X86;
        if (!related || context.n < formats[i].size)
            continue;
        uint32_t flags = flags_at(context, big, formats[i].flags_at);
        if (!fits(&formats[i], arch, flags))
            continue;
        if (flags != 0)
            return i;
        found = found == FORMATS ? i : found;
    }
    return found;
}

struct fb_regs fb_md_context(enum fb_arch arch, struct fb_span context, bool big,
                             bool *unflagged)
{
    struct fb_regs regs = {.arch = arch};
    size_t i = find_format(arch, context, big);
    if (i == FORMATS)
        return regs;
    struct reading c = {.context = context,
                        .big = big,
                        .groups = flags_at(context, big, formats[i].flags_at) & BOTH,
                        .out = &regs};
    *unflagged = c.groups == 0;
    if (c.groups == 0 || (formats[i].one_group && (c.groups & INTEGER) != 0))
        c.groups = BOTH;
    if ((c.groups & CONTROL) == 0)
        return regs;
    regs.arch = formats[i].arch;
    read_layout(&c, (enum layout)i);
    return regs;
}

struct fb_regs fb_minidump_context(enum fb_arch arch, struct fb_span context, bool swapped)
{
    bool unflagged = false;
    return fb_md_context(arch, context, swapped, &unflagged);
}
