/*
 * worker/analysis/bucket/codes.h -- names of exceptions and signals, as Breakpad and
 * rust-minidump print them, so that tools which know their names know ours.
 *
 * All answers are literals; NULL is a code without a name. The tables themselves are handed out
 * too: a test walks every row.
 */
#pragma once
#include "dump.h"

struct fb_named_code {
    uint32_t code;
    const char *name;
};
struct fb_codes {
    const struct fb_named_code *v; // by rising code
    size_t n;
};

/* Not an enumeration: these do not fit an int. */
#define FB_WIN_GUARD_PAGE              0x80000001u
#define FB_WIN_BREAKPOINT              0x80000003u
#define FB_WIN_SINGLE_STEP             0x80000004u
#define FB_WIN_WX86_SINGLE_STEP        0x4000001Eu
#define FB_WIN_WX86_BREAKPOINT         0x4000001Fu
#define FB_WIN_ACCESS_VIOLATION        0xC0000005u
#define FB_WIN_IN_PAGE_ERROR           0xC0000006u
#define FB_WIN_NO_MEMORY               0xC0000017u
#define FB_WIN_ILLEGAL_INSTRUCTION     0xC000001Du
#define FB_WIN_INT_DIVIDE_BY_ZERO      0xC0000094u
#define FB_WIN_DEVICE_DATA_ERROR       0xC000009Cu
#define FB_WIN_STACK_OVERFLOW          0xC00000FDu
#define FB_WIN_IO_DEVICE_ERROR         0xC0000185u
#define FB_WIN_FATAL_MEMORY_EXHAUSTION 0xC00001ADu
#define FB_WIN_HEAP_CORRUPTION         0xC0000374u
#define FB_WIN_FAST_FAIL               0xC0000409u
#define FB_WIN_CLR_EXCEPTION           0xE0434352u
#define FB_WIN_CPP_EXCEPTION           0xE06D7363u
#define FB_WIN_OUT_OF_MEMORY           0xE0000008u // Chromium's
#define FB_WIN_SIMULATED               0x0517A7EDu // Crashpad's, a dump on request
enum { FB_FAST_FAIL_COOKIE = 2, FB_FAST_FAIL_APP_EXIT = 7 };

/* Linux and Android: the code of the exception is the signal. */
enum {
    FB_SIGILL = 4,
    FB_SIGTRAP = 5,
    FB_SIGABRT = 6,
    FB_SIGBUS = 7,
    FB_SIGFPE = 8,
    FB_SIGSEGV = 11
};
enum { FB_BUS_MCEERR_AR = 4, FB_BUS_MCEERR_AO = 5, FB_SI_KERNEL = 0x80 };
#define FB_LINUX_DUMP_REQUESTED 0xFFFFFFFFu

enum {
    FB_EXC_BAD_ACCESS = 1,
    FB_EXC_BAD_INSTRUCTION = 2,
    FB_EXC_ARITHMETIC = 3,
    FB_EXC_SOFTWARE = 5,
    FB_EXC_BREAKPOINT = 6,
    FB_EXC_CRASH = 10,
    FB_EXC_RESOURCE = 11,
    FB_EXC_GUARD = 12,
    FB_EXC_SIMULATED = 0x43507378,   // Crashpad's "CPsx", a dump on request
    FB_EXC_NSEXCEPTION = 0x43506E78, // Crashpad's "CPnx"
};
#define FB_MAC_SOFT_NSEXCEPTION 0xDEADC0DEu // Breakpad's, under FB_EXC_SOFTWARE

/** The name in `codes`, found by bisection. */
const char *fb_code_find(struct fb_codes codes, uint32_t code);

/** Exception codes and NTSTATUS values. @source ntstatus.h, winnt.h */
struct fb_codes fb_windows_codes(void);
/** Parameter 0 of a fast fail, without "FAST_FAIL_". @source winnt.h */
struct fb_codes fb_fast_fail_codes(void);
/** Signals. @source signal(7) */
struct fb_codes fb_linux_signals(void);
/** What si_code says for `signal`, including those that any signal may have. */
const char *fb_linux_si_name(uint32_t signal, uint32_t si_code);
/** Mach exception types. @source mach/exception_types.h */
struct fb_codes fb_mac_exceptions(void);
/** What the first code says for exception `type` on `arch`. */
const char *fb_mac_code_name(uint32_t type, enum fb_arch arch, uint32_t code);
