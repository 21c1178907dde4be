/* worker/analysis/bucket/linux_codes.c -- signals, and what their si_code says. */
#include "bucket/codes.h"

static const struct fb_named_code signals[] = {
    {1,                       "SIGHUP"        },
    {2,                       "SIGINT"        },
    {3,                       "SIGQUIT"       },
    {FB_SIGILL,               "SIGILL"        },
    {FB_SIGTRAP,              "SIGTRAP"       },
    {FB_SIGABRT,              "SIGABRT"       },
    {FB_SIGBUS,               "SIGBUS"        },
    {FB_SIGFPE,               "SIGFPE"        },
    {9,                       "SIGKILL"       },
    {10,                      "SIGUSR1"       },
    {FB_SIGSEGV,              "SIGSEGV"       },
    {12,                      "SIGUSR2"       },
    {13,                      "SIGPIPE"       },
    {14,                      "SIGALRM"       },
    {15,                      "SIGTERM"       },
    {16,                      "SIGSTKFLT"     },
    {24,                      "SIGXCPU"       },
    {25,                      "SIGXFSZ"       },
    {31,                      "SIGSYS"        },
    {FB_LINUX_DUMP_REQUESTED, "DUMP_REQUESTED"},
};

/* Negative numbers as they stand in the unsigned field. 0, SI_USER, has no name here: writers
 * that do not know the code write 0 as well. */
static const struct fb_named_code any_signal[] = {
    {FB_SI_KERNEL,  "SI_KERNEL"  },
    {(uint32_t)-60, "SI_ASYNCNL" },
    {(uint32_t)-7,  "SI_DETHREAD"},
    {(uint32_t)-6,  "SI_TKILL"   },
    {(uint32_t)-5,  "SI_SIGIO"   },
    {(uint32_t)-4,  "SI_ASYNCIO" },
    {(uint32_t)-3,  "SI_MESGQ"   },
    {(uint32_t)-2,  "SI_TIMER"   },
    {(uint32_t)-1,  "SI_QUEUE"   },
};
static const struct fb_named_code ill[] = {
    {1, "ILL_ILLOPC"  },
    {2, "ILL_ILLOPN"  },
    {3, "ILL_ILLADR"  },
    {4, "ILL_ILLTRP"  },
    {5, "ILL_PRVOPC"  },
    {6, "ILL_PRVREG"  },
    {7, "ILL_COPROC"  },
    {8, "ILL_BADSTK"  },
    {9, "ILL_BADIADDR"},
};
static const struct fb_named_code trap[] = {
    {1, "TRAP_BRKPT" },
    {2, "TRAP_TRACE" },
    {3, "TRAP_BRANCH"},
    {4, "TRAP_HWBKPT"},
    {5, "TRAP_UNK"   },
    {6, "TRAP_PERF"  },
};
static const struct fb_named_code bus[] = {
    {1,                "BUS_ADRALN"   },
    {2,                "BUS_ADRERR"   },
    {3,                "BUS_OBJERR"   },
    {FB_BUS_MCEERR_AR, "BUS_MCEERR_AR"},
    {FB_BUS_MCEERR_AO, "BUS_MCEERR_AO"},
};
static const struct fb_named_code fpe[] = {
    {1, "FPE_INTDIV"},
    {2, "FPE_INTOVF"},
    {3, "FPE_FLTDIV"},
    {4, "FPE_FLTOVF"},
    {5, "FPE_FLTUND"},
    {6, "FPE_FLTRES"},
    {7, "FPE_FLTINV"},
    {8, "FPE_FLTSUB"},
};
static const struct fb_named_code segv[] = {
    {1,  "SEGV_MAPERR" },
    {2,  "SEGV_ACCERR" },
    {3,  "SEGV_BNDERR" },
    {4,  "SEGV_PKUERR" },
    {5,  "SEGV_ACCADI" },
    {6,  "SEGV_ADIDERR"},
    {7,  "SEGV_ADIPERR"},
    {8,  "SEGV_MTEAERR"},
    {9,  "SEGV_MTESERR"},
    {10, "SEGV_CPERR"  },
};
static const struct fb_named_code sys[] = {
    {1, "SYS_SECCOMP"      },
    {2, "SYS_USER_DISPATCH"}
};

#define TABLE(v)                                                                               \
    {                                                                                          \
        v, sizeof(v) / sizeof *(v)                                                             \
    }
static const struct {
    uint32_t signal;
    struct fb_codes codes;
} by_signal[] = {
    {FB_SIGILL,  TABLE(ill) },
    {FB_SIGTRAP, TABLE(trap)},
    {FB_SIGBUS,  TABLE(bus) },
    {FB_SIGFPE,  TABLE(fpe) },
    {FB_SIGSEGV, TABLE(segv)},
    {31,         TABLE(sys) },
};

struct fb_codes fb_linux_signals(void) { return (struct fb_codes)TABLE(signals); }

const char *fb_linux_si_name(uint32_t signal, uint32_t si_code)
{
    const char *name = fb_code_find((struct fb_codes)TABLE(any_signal), si_code);
    for (size_t i = 0; name == NULL && i < sizeof by_signal / sizeof *by_signal; i++)
        if (by_signal[i].signal == signal)
            name = fb_code_find(by_signal[i].codes, si_code);
    return name;
}
