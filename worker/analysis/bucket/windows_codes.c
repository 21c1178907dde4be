/* worker/analysis/bucket/windows_codes.c -- exception codes, NTSTATUS values and
 * fast-fail codes. */
#include "bucket/codes.h"
#include "fast_fails.h"

static const struct fb_named_code windows[] = {
    {FB_WIN_SIMULATED,               "Simulated Exception"                 },
    {0x40000015,                     "STATUS_FATAL_APP_EXIT"               },
    {FB_WIN_WX86_SINGLE_STEP,        "STATUS_WX86_SINGLE_STEP"             },
    {FB_WIN_WX86_BREAKPOINT,         "STATUS_WX86_BREAKPOINT"              },
    {0x40010005,                     "DBG_CONTROL_C"                       },
    {0x40010006,                     "DBG_PRINTEXCEPTION_C"                },
    {0x406D1388,                     "MS_VC_EXCEPTION"                     },
    {FB_WIN_GUARD_PAGE,              "EXCEPTION_GUARD_PAGE"                },
    {0x80000002,                     "EXCEPTION_DATATYPE_MISALIGNMENT"     },
    {FB_WIN_BREAKPOINT,              "EXCEPTION_BREAKPOINT"                },
    {FB_WIN_SINGLE_STEP,             "EXCEPTION_SINGLE_STEP"               },
    {FB_WIN_ACCESS_VIOLATION,        "EXCEPTION_ACCESS_VIOLATION"          },
    {FB_WIN_IN_PAGE_ERROR,           "EXCEPTION_IN_PAGE_ERROR"             },
    {0xC0000008,                     "EXCEPTION_INVALID_HANDLE"            },
    {0xC000000D,                     "STATUS_INVALID_PARAMETER"            },
    {FB_WIN_NO_MEMORY,               "STATUS_NO_MEMORY"                    },
    {FB_WIN_ILLEGAL_INSTRUCTION,     "EXCEPTION_ILLEGAL_INSTRUCTION"       },
    {0xC0000025,                     "EXCEPTION_NONCONTINUABLE_EXCEPTION"  },
    {0xC0000026,                     "EXCEPTION_INVALID_DISPOSITION"       },
    {0xC000008C,                     "EXCEPTION_ARRAY_BOUNDS_EXCEEDED"     },
    {0xC000008D,                     "EXCEPTION_FLT_DENORMAL_OPERAND"      },
    {0xC000008E,                     "EXCEPTION_FLT_DIVIDE_BY_ZERO"        },
    {0xC000008F,                     "EXCEPTION_FLT_INEXACT_RESULT"        },
    {0xC0000090,                     "EXCEPTION_FLT_INVALID_OPERATION"     },
    {0xC0000091,                     "EXCEPTION_FLT_OVERFLOW"              },
    {0xC0000092,                     "EXCEPTION_FLT_STACK_CHECK"           },
    {0xC0000093,                     "EXCEPTION_FLT_UNDERFLOW"             },
    {FB_WIN_INT_DIVIDE_BY_ZERO,      "EXCEPTION_INT_DIVIDE_BY_ZERO"        },
    {0xC0000095,                     "EXCEPTION_INT_OVERFLOW"              },
    {0xC0000096,                     "EXCEPTION_PRIV_INSTRUCTION"          },
    {0xC000009A,                     "STATUS_INSUFFICIENT_RESOURCES"       },
    {FB_WIN_DEVICE_DATA_ERROR,       "STATUS_DEVICE_DATA_ERROR"            },
    {FB_WIN_STACK_OVERFLOW,          "EXCEPTION_STACK_OVERFLOW"            },
    {0xC000012D,                     "STATUS_COMMITMENT_LIMIT"             },
    {0xC0000135,                     "STATUS_DLL_NOT_FOUND"                },
    {0xC0000138,                     "STATUS_ORDINAL_NOT_FOUND"            },
    {0xC0000139,                     "STATUS_ENTRYPOINT_NOT_FOUND"         },
    {0xC000013A,                     "STATUS_CONTROL_C_EXIT"               },
    {0xC0000142,                     "STATUS_DLL_INIT_FAILED"              },
    {FB_WIN_IO_DEVICE_ERROR,         "STATUS_IO_DEVICE_ERROR"              },
    {0xC0000194,                     "EXCEPTION_POSSIBLE_DEADLOCK"         },
    {FB_WIN_FATAL_MEMORY_EXHAUSTION, "STATUS_FATAL_MEMORY_EXHAUSTION"      },
    {0xC000020C,                     "STATUS_CONNECTION_DISCONNECTED"      },
    {0xC0000264,                     "STATUS_RESOURCE_NOT_OWNED"           },
    {0xC000027B,                     "STATUS_STOWED_EXCEPTION"             },
    {FB_WIN_HEAP_CORRUPTION,         "STATUS_HEAP_CORRUPTION"              },
    {FB_WIN_FAST_FAIL,               "EXCEPTION_STACK_BUFFER_OVERRUN"      },
    {0xC0000417,                     "STATUS_INVALID_CRUNTIME_PARAMETER"   },
    {0xC000041D,                     "STATUS_FATAL_USER_CALLBACK_EXCEPTION"},
    {0xC0000420,                     "STATUS_ASSERTION_FAILURE"            },
    {0xC0000421,                     "STATUS_VERIFIER_STOP"                },
    {0xC0000428,                     "STATUS_INVALID_IMAGE_HASH"           },
    {0xC0000602,                     "STATUS_FAIL_FAST_EXCEPTION"          },
    {0xC06D007E,                     "EXCEPTION_DELAY_LOAD_MODULE"         },
    {0xC06D007F,                     "EXCEPTION_DELAY_LOAD_PROCEDURE"      },
    {FB_WIN_OUT_OF_MEMORY,           "Out of Memory"                       },
    {FB_WIN_CLR_EXCEPTION,           "EXCEPTION_CLR"                       },
    {FB_WIN_CPP_EXCEPTION,           "Unhandled C++ Exception"             },
};

static const struct fb_named_code fast_fail[] = {
#define X(code, class, name) {code, #name},
    FB_FAST_FAILS(X)
#undef X
};

struct fb_codes fb_windows_codes(void)
{
    return (struct fb_codes){windows, sizeof windows / sizeof *windows};
}

struct fb_codes fb_fast_fail_codes(void)
{
    return (struct fb_codes){fast_fail, sizeof fast_fail / sizeof *fast_fail};
}

const char *fb_code_find(struct fb_codes codes, uint32_t code)
{
    size_t low = 0, high = codes.n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (codes.v[middle].code < code)
            low = middle + 1;
        else
            high = middle;
    }
    return low < codes.n && codes.v[low].code == code ? codes.v[low].name : NULL;
}
