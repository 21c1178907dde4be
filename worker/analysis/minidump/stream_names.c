/* worker/analysis/minidump/stream_names.c -- the types of streams by name: those that are read
 * and those that are only listed. */
#include "minidump/minidump.h"

static const struct {
    uint32_t type;
    const char *name;
} names[] = {
    {3,          "ThreadList"             },
    {4,          "ModuleList"             },
    {5,          "MemoryList"             },
    {6,          "Exception"              },
    {7,          "SystemInfo"             },
    {8,          "ThreadExList"           },
    {9,          "Memory64List"           },
    {10,         "CommentA"               },
    {11,         "CommentW"               },
    {12,         "HandleData"             },
    {13,         "FunctionTable"          },
    {14,         "UnloadedModuleList"     },
    {15,         "MiscInfo"               },
    {16,         "MemoryInfoList"         },
    {17,         "ThreadInfoList"         },
    {18,         "HandleOperationList"    },
    {19,         "Token"                  },
    {20,         "JavaScriptData"         },
    {21,         "SystemMemoryInfo"       },
    {22,         "ProcessVmCounters"      },
    {23,         "IptTrace"               },
    {24,         "ThreadNames"            },
    {0xFFF0,     "Wine"                   },
    {0x43500001, "CrashpadInfo"           },
    {0x47670001, "BreakpadInfo"           },
    {0x47670002, "BreakpadAssertion"      },
    {0x47670003, "LinuxCpuInfo"           },
    {0x47670004, "LinuxProcStatus"        },
    {0x47670005, "LinuxLsbRelease"        },
    {0x47670006, "LinuxCommandLine"       },
    {0x47670007, "LinuxEnvironment"       },
    {0x47670008, "LinuxAuxv"              },
    {0x47670009, "LinuxMaps"              },
    {0x4767000A, "LinuxDsoDebug"          },
    {0x4B6B0002, "ChromiumStabilityReport"},
    {0x4D7A0001, "MacCrashInfo"           },
    {0x4D7A0002, "MacBootArgs"            },
    {0x4D7A0003, "LinuxProcLimits"        },
    {0x4D7A0004, "SoftErrors"             },
};

const char *fb_minidump_stream_name(uint32_t type)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].type == type)
            return names[i].name;
    return NULL;
}
