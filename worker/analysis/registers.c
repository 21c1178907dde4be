/* worker/analysis/registers.c -- the registers of each architecture: names, and which is ip,
 * sp and fp. */
#include "dump.h"

static const char *const x86[] = {"eax", "ebx", "ecx", "edx", "esi",
                                  "edi", "ebp", "esp", "eip", "eflags"};
static const char *const amd64[] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi",
                                    "rbp", "rsp", "r8",  "r9",  "r10", "r11",
                                    "r12", "r13", "r14", "r15", "rip", "rflags"};
static const char *const arm[] = {"r0", "r1",  "r2", "r3",  "r4", "r5", "r6", "r7",  "r8",
                                  "r9", "r10", "fp", "r12", "sp", "lr", "pc", "cpsr"};
static const char *const arm64[] = {
    "x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",  "x8",  "x9",  "x10", "x11",
    "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23",
    "x24", "x25", "x26", "x27", "x28", "fp",  "lr",  "sp",  "pc",  "cpsr"};

#define COUNT(v) (sizeof(v) / sizeof *(v))
static const struct fb_reg_names table[] = {
    [FB_ARCH_UNKNOWN] = {0,            NULL,  -1,      -1,      -1,      -1,      8},
    [FB_X86] = {COUNT(x86),   x86,   FB_EIP,  FB_ESP,  FB_EBP,  -1,      4},
    [FB_AMD64] = {COUNT(amd64), amd64, FB_RIP,  FB_RSP,  FB_RBP,  -1,      8},
    [FB_ARM] = {COUNT(arm),   arm,   FB_PC32, FB_SP32, FB_FP32, FB_LR32, 4},
    [FB_ARM64] = {COUNT(arm64), arm64, FB_PC64, FB_SP64, FB_FP64, FB_LR64, 8},
    [FB_ARCH_OTHER] = {0,            NULL,  -1,      -1,      -1,      -1,      8},
};

const struct fb_reg_names *fb_reg_names(enum fb_arch arch) { return &table[arch]; }

uint64_t fb_reg_ip(const struct fb_regs *r) { return fb_reg_value(r, table[r->arch].ip); }
uint64_t fb_reg_sp(const struct fb_regs *r) { return fb_reg_value(r, table[r->arch].sp); }
uint64_t fb_reg_fp(const struct fb_regs *r) { return fb_reg_value(r, table[r->arch].fp); }
