/* tests/support/kernelgen_samples.c -- one small kernel dump for each way that a bugcheck tells
 * of its exception. */
#include "support/kernelgen.h"

#include <stdlib.h>
#include <string.h>

#define TIME   UINT64_C(133500000000000000) // some day of 2024
#define UPTIME UINT64_C(600000000)          // a minute
enum { BREAKPOINT = (int)0x80000003, NARROW_NT = (int)0x80400000, NARROW_SP = (int)0x8A000000 };

static const struct kernelgen_driver drivers[] = {
    {"\\SystemRoot\\system32\\ntoskrnl.exe",       KERNELGEN_NT,             0x1000000, 0x11, 0x5F000001},
    {"\\SystemRoot\\system32\\hal.dll",            KERNELGEN_NT + 0x2000000, 0x6000,    0x12, 0x5F000002},
    {"\\SystemRoot\\System32\\drivers\\shaky.sys", KERNELGEN_DRIVER,         0x20000,   0x13, 0x5F000003},
};
static const struct kernelgen_driver narrow_drivers[] = {
    {"\\WINDOWS\\system32\\ntkrnlpa.exe", 0x80400000, 0x200000, 0x21, 0x4F000001},
    {"hal.dll",                           0x80600000, 0x20000,  0x22, 0x4F000002},
    {"shaky.sys",                         0x90000000, 0x20000,  0x23, 0x4F000003},
};
static const struct kernelgen_driver gone[] = {
    {"gone.sys",          KERNELGEN_DRIVER + 0x100000, 0x8000, 0, 0},
    {"averylongname.sys", KERNELGEN_DRIVER + 0x200000, 0x8000, 0, 0},
};
static const struct kernelgen_driver narrow_gone[] = {
    {"gone.sys", 0x91000000, 0x8000, 0, 0},
};

static uint8_t stack[KERNELGEN_STACK];

static void put(size_t at, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        stack[at + i] = (uint8_t)(v >> 8 * i);
}

static struct fb_regs registers(enum fb_arch arch, uint64_t ip, uint64_t sp)
{
    struct fb_regs regs = {.arch = arch};
    const struct fb_reg_names *names = fb_reg_names(arch);
    for (size_t i = 0; i < names->n; i++)
        fb_reg_set(&regs, (int)i, 0x1000 + 0x10 * i);
    fb_reg_set(&regs, names->ip, ip);
    fb_reg_set(&regs, names->sp, sp);
    fb_reg_set(&regs, names->fp, sp + 0x80);
    return regs;
}

/* All that the 64-bit samples share. */
static struct kernelgen base64(uint32_t machine, enum fb_arch arch)
{
    memset(stack, 0, sizeof stack);
    return (struct kernelgen){
        .machine = machine,
        .build = 19041,
        .type = 4,
        .exception = (uint32_t)BREAKPOINT,
        .exception_at = KERNELGEN_NT + 0x3F5A80,
        .regs = registers(arch, KERNELGEN_NT + 0x3F5A80, KERNELGEN_SP + 0x20),
        .time = TIME,
        .uptime = UPTIME,
        .stack_start = KERNELGEN_SP,
        .stack = stack,
        .n_stack = sizeof stack,
        .drivers = drivers,
        .n_drivers = 3,
        .unloaded = gone,
        .n_unloaded = 2,
        .process = "shaky.exe",
        .pid = 1234 * 4,
        .pid_at = 0x440,
        .process_name_at = 0x5A8,
    };
}

/* An access violation: a write to 0x30. */
static void put_record(size_t at, uint64_t ip)
{
    put(at, 0xC0000005, 4);
    put(at + 0x10, ip, 8);
    put(at + 0x18, 2, 4);
    put(at + 0x20, 1, 8);
    put(at + 0x28, 0x30, 8);
}

static struct kernelgen of_7e(void)
{
    static const uint8_t code[] = {0x48, 0x89, 0x01, 0xC3}; // mov [rcx], rax; ret
    static const struct dumpgen_memory blocks[] = {
        {KERNELGEN_DRIVER + 0x1234, code, sizeof code},
        {KERNELGEN_NT + 0x1000,     code, sizeof code},
    };
    struct kernelgen g = base64(0x8664, FB_AMD64);
    struct dumpgen context = {0};
    struct fb_regs regs = registers(FB_AMD64, KERNELGEN_DRIVER + 0x1234, KERNELGEN_SP + 0x900);
    fb_reg_set(&regs, FB_RCX, 0x30);
    uint32_t size;
    uint32_t at = dumpgen_context(&context, &regs, &size);
    memcpy(stack + KERNELGEN_CONTEXT, context.p + at, size);
    dumpgen_free(&context);
    put_record(KERNELGEN_RECORD, KERNELGEN_DRIVER + 0x1234);
    put(0x900, KERNELGEN_DRIVER + 0x2345, 8);
    g.code = 0x1000007E;
    g.parameters[0] = 0xFFFFFFFFC0000005;
    g.parameters[1] = KERNELGEN_DRIVER + 0x1234;
    g.parameters[2] = KERNELGEN_SP + KERNELGEN_RECORD;
    g.parameters[3] = KERNELGEN_SP + KERNELGEN_CONTEXT;
    g.comment = "a note of the machine's owner";
    g.blocks = blocks;
    g.n_blocks = 2;
    return g;
}

static struct kernelgen of_d1(void)
{
    struct kernelgen g = base64(0x8664, FB_AMD64);
    size_t frame = 0x300;
    put(frame + 0x38, 0xFFFFF803DEAD0000, 8); // RCX
    put(frame + 0x158, KERNELGEN_SP + 0x880, 8);
    put(frame + 0x168, KERNELGEN_DRIVER + 0x1234, 8);
    put(frame + 0x170, 0x10, 2);
    put(frame + 0x178, 0x10246, 4);
    put(frame + 0x180, KERNELGEN_SP + 0x800, 8);
    put(frame + 0x188, 0x18, 2);
    put(0x800, KERNELGEN_DRIVER + 0x2345, 8);
    g.code = 0xD1;
    g.parameters[0] = 0xFFFFF803DEAD0000;
    g.parameters[1] = 2;
    g.parameters[2] = 1;
    g.parameters[3] = KERNELGEN_DRIVER + 0x1234;
    return g;
}

static struct kernelgen of_8e(void)
{
    struct kernelgen g = base64(0x14C, FB_X86);
    size_t frame = 0x300;
    g.narrow = true;
    g.build = 2600;
    g.exception_at = (uint32_t)NARROW_NT + 0x1000;
    g.stack_start = (uint32_t)NARROW_SP;
    g.regs = registers(FB_X86, g.exception_at, g.stack_start + 0x20);
    g.drivers = narrow_drivers;
    g.unloaded = narrow_gone;
    g.n_unloaded = 1;
    g.process = NULL;
    put(frame + 0x40, 0x44, 4); // ECX
    put(frame + 0x60, g.stack_start + 0x800, 4);
    put(frame + 0x68, 0x90001234, 4);
    put(0x804, 0x90002345, 4);
    g.code = 0x8E;
    g.parameters[0] = 0xC0000094;
    g.parameters[1] = 0x90001234;
    g.parameters[2] = g.stack_start + frame;
    return g;
}

static struct kernelgen of_139(void)
{
    struct kernelgen g = base64(0xAA64, FB_ARM64);
    g.code = 0x139;
    g.parameters[0] = 3;
    put(0xA0, KERNELGEN_SP + 0x100, 8);
    put(0xA8, KERNELGEN_DRIVER + 0x2344, 8);
    return g;
}

static struct kernelgen of_e2(void)
{
    struct kernelgen g = base64(0x8664, FB_AMD64);
    g.code = 0xE2;
    return g;
}

static struct kernelgen of_full(void)
{
    struct kernelgen g = of_d1();
    g.type = 1;
    return g;
}

struct kernelgen kernelgen_sample(enum kernelgen_sample which)
{
    static struct kernelgen (*const samples[])(void) = {of_7e,  of_d1, of_8e,
                                                        of_139, of_e2, of_full};
    return samples[which]();
}
