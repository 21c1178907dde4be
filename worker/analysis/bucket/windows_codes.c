/* worker/analysis/bucket/windows_codes.c -- exception codes, NTSTATUS values and
 * fast-fail codes. */
#include "bucket/codes.h"

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

/* 54 is misspelt in the header that everybody compiles against; tools search for it so. */
static const struct fb_named_code fast_fail[] = {
    {0,  "LEGACY_GS_VIOLATION"                },
    {1,  "VTGUARD_CHECK_FAILURE"              },
    {2,  "STACK_COOKIE_CHECK_FAILURE"         },
    {3,  "CORRUPT_LIST_ENTRY"                 },
    {4,  "INCORRECT_STACK"                    },
    {5,  "INVALID_ARG"                        },
    {6,  "GS_COOKIE_INIT"                     },
    {7,  "FATAL_APP_EXIT"                     },
    {8,  "RANGE_CHECK_FAILURE"                },
    {9,  "UNSAFE_REGISTRY_ACCESS"             },
    {10, "GUARD_ICALL_CHECK_FAILURE"          },
    {11, "GUARD_WRITE_CHECK_FAILURE"          },
    {12, "INVALID_FIBER_SWITCH"               },
    {13, "INVALID_SET_OF_CONTEXT"             },
    {14, "INVALID_REFERENCE_COUNT"            },
    {18, "INVALID_JUMP_BUFFER"                },
    {19, "MRDATA_MODIFIED"                    },
    {20, "CERTIFICATION_FAILURE"              },
    {21, "INVALID_EXCEPTION_CHAIN"            },
    {22, "CRYPTO_LIBRARY"                     },
    {23, "INVALID_CALL_IN_DLL_CALLOUT"        },
    {24, "INVALID_IMAGE_BASE"                 },
    {25, "DLOAD_PROTECTION_FAILURE"           },
    {26, "UNSAFE_EXTENSION_CALL"              },
    {27, "DEPRECATED_SERVICE_INVOKED"         },
    {28, "INVALID_BUFFER_ACCESS"              },
    {29, "INVALID_BALANCED_TREE"              },
    {30, "INVALID_NEXT_THREAD"                },
    {31, "GUARD_ICALL_CHECK_SUPPRESSED"       },
    {32, "APCS_DISABLED"                      },
    {33, "INVALID_IDLE_STATE"                 },
    {34, "MRDATA_PROTECTION_FAILURE"          },
    {35, "UNEXPECTED_HEAP_EXCEPTION"          },
    {36, "INVALID_LOCK_STATE"                 },
    {37, "GUARD_JUMPTABLE"                    },
    {38, "INVALID_LONGJUMP_TARGET"            },
    {39, "INVALID_DISPATCH_CONTEXT"           },
    {40, "INVALID_THREAD"                     },
    {41, "INVALID_SYSCALL_NUMBER"             },
    {42, "INVALID_FILE_OPERATION"             },
    {43, "LPAC_ACCESS_DENIED"                 },
    {44, "GUARD_SS_FAILURE"                   },
    {45, "LOADER_CONTINUITY_FAILURE"          },
    {46, "GUARD_EXPORT_SUPPRESSION_FAILURE"   },
    {47, "INVALID_CONTROL_STACK"              },
    {48, "SET_CONTEXT_DENIED"                 },
    {49, "INVALID_IAT"                        },
    {50, "HEAP_METADATA_CORRUPTION"           },
    {51, "PAYLOAD_RESTRICTION_VIOLATION"      },
    {52, "LOW_LABEL_ACCESS_DENIED"            },
    {53, "ENCLAVE_CALL_FAILURE"               },
    {54, "UNHANDLED_LSS_EXCEPTON"             },
    {55, "ADMINLESS_ACCESS_DENIED"            },
    {56, "UNEXPECTED_CALL"                    },
    {57, "CONTROL_INVALID_RETURN_ADDRESS"     },
    {58, "UNEXPECTED_HOST_BEHAVIOR"           },
    {59, "FLAGS_CORRUPTION"                   },
    {60, "VEH_CORRUPTION"                     },
    {61, "ETW_CORRUPTION"                     },
    {62, "RIO_ABORT"                          },
    {63, "INVALID_PFN"                        },
    {64, "GUARD_ICALL_CHECK_FAILURE_XFG"      },
    {65, "CAST_GUARD"                         },
    {66, "HOST_VISIBILITY_CHANGE"             },
    {67, "KERNEL_CET_SHADOW_STACK_ASSIST"     },
    {68, "PATCH_CALLBACK_FAILED"              },
    {69, "NTDLL_PATCH_FAILED"                 },
    {70, "INVALID_FLS_DATA"                   },
    {71, "ASAN_ERROR"                         },
    {72, "CLR_EXCEPTION_AOT"                  },
    {73, "POINTER_AUTH_INVALID_RETURN_ADDRESS"},
    {74, "INVALID_THREAD_STATE"               },
    {75, "CORRUPT_WOW64_STATE"                },
    {76, "INVALID_EXTENDED_STATE"             },
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
