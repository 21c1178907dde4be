/* worker/analysis/bucket/mac_codes.c -- Mach exceptions, and what their first code says. */
#include "bucket/codes.h"

static const struct fb_named_code exceptions[] = {
    {FB_EXC_BAD_ACCESS,      "EXC_BAD_ACCESS"      },
    {FB_EXC_BAD_INSTRUCTION, "EXC_BAD_INSTRUCTION" },
    {FB_EXC_ARITHMETIC,      "EXC_ARITHMETIC"      },
    {4,                      "EXC_EMULATION"       },
    {FB_EXC_SOFTWARE,        "EXC_SOFTWARE"        },
    {FB_EXC_BREAKPOINT,      "EXC_BREAKPOINT"      },
    {7,                      "EXC_SYSCALL"         },
    {8,                      "EXC_MACH_SYSCALL"    },
    {9,                      "EXC_RPC_ALERT"       },
    {FB_EXC_CRASH,           "EXC_CRASH"           },
    {FB_EXC_RESOURCE,        "EXC_RESOURCE"        },
    {FB_EXC_GUARD,           "EXC_GUARD"           },
    {FB_EXC_NSEXCEPTION,     "Uncaught NSException"},
    {FB_EXC_SIMULATED,       "Simulated Exception" },
};

static const struct fb_named_code access_any[] = {
    {1,  "KERN_INVALID_ADDRESS"   },
    {2,  "KERN_PROTECTION_FAILURE"},
    {5,  "KERN_FAILURE"           },
    {8,  "KERN_NO_ACCESS"         },
    {9,  "KERN_MEMORY_FAILURE"    },
    {10, "KERN_MEMORY_ERROR"      },
    {50, "KERN_CODESIGN_ERROR"    },
};
static const struct fb_named_code access_x86[] = {
    {13, "EXC_I386_GPFLT"}
};
static const struct fb_named_code access_arm[] = {
    {0x101, "EXC_ARM_DA_ALIGN"},
    {0x102, "EXC_ARM_DA_DEBUG"},
    {0x103, "EXC_ARM_SP_ALIGN"},
    {0x104, "EXC_ARM_SWP"     },
    {0x105, "EXC_ARM_PAC_FAIL"},
};
static const struct fb_named_code instruction_x86[] = {
    {1,  "EXC_I386_INVOP"    },
    {10, "EXC_I386_INVTSSFLT"},
    {11, "EXC_I386_SEGNPFLT" },
    {12, "EXC_I386_STKFLT"   },
    {13, "EXC_I386_GPFLT"    },
    {17, "EXC_I386_ALIGNFLT" },
};
static const struct fb_named_code instruction_arm[] = {
    {1, "EXC_ARM_UNDEFINED"}
};
static const struct fb_named_code arithmetic_x86[] = {
    {1, "EXC_I386_DIV"      },
    {2, "EXC_I386_INTO"     },
    {3, "EXC_I386_NOEXT"    },
    {4, "EXC_I386_EXTOVR"   },
    {5, "EXC_I386_EXTERR"   },
    {6, "EXC_I386_EMERR"    },
    {7, "EXC_I386_BOUND"    },
    {8, "EXC_I386_SSEEXTERR"},
};
static const struct fb_named_code software[] = {
    {0x10000,                 "SIGSYS"               },
    {0x10001,                 "SIGPIPE"              },
    {0x10002,                 "SIGABRT"              },
    {FB_MAC_SOFT_NSEXCEPTION, "UNCAUGHT_NS_EXCEPTION"},
};
static const struct fb_named_code breakpoint_x86[] = {
    {1, "EXC_I386_SGL"},
    {2, "EXC_I386_BPT"}
};
static const struct fb_named_code breakpoint_arm[] = {
    {1, "EXC_ARM_BREAKPOINT"}
};

/* Of these two the code is packed: its three highest bits are the type. */
enum { PACKED_TYPE_SHIFT = 29 };
static const struct fb_named_code resource[] = {
    {1, "RESOURCE_TYPE_CPU"    },
    {2, "RESOURCE_TYPE_WAKEUPS"},
    {3, "RESOURCE_TYPE_MEMORY" },
    {4, "RESOURCE_TYPE_IO"     },
    {5, "RESOURCE_TYPE_THREADS"},
};
static const struct fb_named_code guard[] = {
    {1, "GUARD_TYPE_MACH_PORT"  },
    {2, "GUARD_TYPE_FD"         },
    {3, "GUARD_TYPE_USER"       },
    {4, "GUARD_TYPE_VN"         },
    {5, "GUARD_TYPE_VIRT_MEMORY"},
    {6, "GUARD_TYPE_REJECTED_SC"},
};

/* A crash wraps what came before: signal in bits 24-31, exception type in 20-23. */
enum { CRASH_SIGNAL_SHIFT = 24, CRASH_TYPE_SHIFT = 20 };
static const struct fb_named_code bsd_signals[] = {
    {3,  "SIGQUIT"},
    {4,  "SIGILL" },
    {5,  "SIGTRAP"},
    {6,  "SIGABRT"},
    {7,  "SIGEMT" },
    {8,  "SIGFPE" },
    {9,  "SIGKILL"},
    {10, "SIGBUS" },
    {11, "SIGSEGV"},
    {12, "SIGSYS" },
};

enum cpu { ANY, INTEL, ARM };
#define TABLE(v)                                                                               \
    {                                                                                          \
        v, sizeof(v) / sizeof *(v)                                                             \
    }
static const struct {
    uint32_t type;
    enum cpu cpu;
    uint32_t shift;
    struct fb_codes codes;
} by_type[] = {
    {FB_EXC_BAD_ACCESS,      ANY,   0,                  TABLE(access_any)     },
    {FB_EXC_BAD_ACCESS,      INTEL, 0,                  TABLE(access_x86)     },
    {FB_EXC_BAD_ACCESS,      ARM,   0,                  TABLE(access_arm)     },
    {FB_EXC_BAD_INSTRUCTION, INTEL, 0,                  TABLE(instruction_x86)},
    {FB_EXC_BAD_INSTRUCTION, ARM,   0,                  TABLE(instruction_arm)},
    {FB_EXC_ARITHMETIC,      INTEL, 0,                  TABLE(arithmetic_x86) },
    {FB_EXC_SOFTWARE,        ANY,   0,                  TABLE(software)       },
    {FB_EXC_BREAKPOINT,      INTEL, 0,                  TABLE(breakpoint_x86) },
    {FB_EXC_BREAKPOINT,      ARM,   0,                  TABLE(breakpoint_arm) },
    {FB_EXC_CRASH,           ANY,   CRASH_SIGNAL_SHIFT, TABLE(bsd_signals)    },
    {FB_EXC_RESOURCE,        ANY,   PACKED_TYPE_SHIFT,  TABLE(resource)       },
    {FB_EXC_GUARD,           ANY,   PACKED_TYPE_SHIFT,  TABLE(guard)          },
};

struct fb_codes fb_mac_exceptions(void) { return (struct fb_codes)TABLE(exceptions); }

const char *fb_mac_code_name(uint32_t type, enum fb_arch arch, uint32_t code)
{
    enum cpu cpu = arch == FB_X86 || arch == FB_AMD64 ? INTEL : ARM;
    const char *name = NULL;
    for (size_t i = 0; name == NULL && i < sizeof by_type / sizeof *by_type; i++)
        if (by_type[i].type == type && (by_type[i].cpu == ANY || by_type[i].cpu == cpu))
            name = fb_code_find(by_type[i].codes, code >> by_type[i].shift);
    if (name == NULL && type == FB_EXC_CRASH)
        name = fb_code_find(fb_mac_exceptions(), code >> CRASH_TYPE_SHIFT & 15);
    return name;
}
