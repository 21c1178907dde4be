/*
 * tests/unit/test_judge_dumps.c -- real dumps, read and judged without symbols.
 *
 * The winfault dumps come from programs that crash in one known way; the others from Breakpad's
 * own tests, whose rating stands in the comment. Each dump is then judged in every smaller
 * arena: that must end in LIMIT and nothing else.
 */
#include "disasm/insn.h"
#include "exploitability/exploitability.h"
#include "minidump/minidump.h"
#include "support/check.h"
#include "support/whole.h"

#include <stdlib.h>
#include <string.h>

/* `truth` is what the makers of the dump think of it; where fb1 differs, the reason follows. */
static const struct {
    const char *file, *rule, *short_name, *msec16, *signal, *truth;
} rows[] = {
    {"winfault-breakpoint",                     "FB-37", "Breakpoint",                         "Breakpoint",          NULL,                     "not"                        },
    {"winfault-call_null",                      "FB-08", "DEPViolation",                       "DEPViolation",        "near_null",
     "not; as the original"                                                                                                                                                  },
    {"winfault-copy_past_end",                  "FB-19", "WriteAV",                            "WriteAV",             NULL,                     "exploitable"                },
    {"winfault-cpp_exception",                  "FB-40", "UnhandledException",                 "0xe06d7363",          NULL,                     "not"                        },
    {"winfault-divide_by_zero",                 "FB-33", "DivideByZero",                       "DivideByZero",        NULL,                     "not"                        },
    {"winfault-exec_stack",                     "FB-06", "StackCodeExecution",                 "StackCodeExecution",  NULL,
     "exploitable"                                                                                                                                                           },
    {"winfault-guard_page",                     "FB-16", "GuardPage",                          "GuardPage",           NULL,
     "probably; as the original"                                                                                                                                             },
    {"winfault-heap_corruption",                "FB-04", "HeapCorruption",                     "HeapCorruption",      NULL,
     "exploitable"                                                                                                                                                           },
    {"winfault-illegal",                        "FB-13", "CompilerTrap",                       "IllegalInstruction",  NULL,
     "unknown; UD2 is a compiler's"                                                                                                                                          },
    {"winfault-invalid_parameter",              "FB-99", "Unclassified",                       "0xc000000d",          NULL,
     "not; no rule for the code"                                                                                                                                             },
    {"winfault-no_exception",                   "FB-01", "NotACrash",                          "NotAnException",      NULL,                     "-"                          },
    {"winfault-noncanonical_read",              "FB-28", "TaintedDataReturnedFromFunction",
     "TaintedDataReturnedFromFunction",                                                                               "noncanonical_recovered",
     "probably; the value is stored and returned"                                                                                                                            },
    {"winfault-null_read",                      "FB-22", "ReadAVNearNull",                     "ReadAVNearNull",      "near_null",              "not"                        },
    {"winfault-null_write",                     "FB-20", "WriteAVNearNull",                    "WriteAVNearNull",     "near_null",
     "not; as the original"                                                                                                                                                  },
    {"winfault-ret_smash_noncanonical",         "FB-02", "ReadAVonControlFlow",                "ReadAVonControlFlow",
     "noncanonical_recovered",                                                                                                                  "exploitable"                },
    {"winfault-stack_overflow",                 "FB-15", "StackExhaustion",                    "StackExhaustion",     NULL,                     "not"                        },
    {"winfault-uaf_virtual_call",               "FB-23", "TaintedDataControlsCodeFlow",
     "TaintedDataControlsCodeFlow",                                                                                   "freed_pattern",          "exploitable"                },
    {"winfault-wild_read",                      "FB-28", "TaintedDataReturnedFromFunction",
     "TaintedDataReturnedFromFunction",                                                                               NULL,                     "unknown"                    },
    {"winfault-write_readonly",                 "FB-19", "WriteAV",                            "WriteAV",             NULL,
     "probably; as the original"                                                                                                                                             },

    {"win-ascii_read_av",                       "FB-28", "TaintedDataReturnedFromFunction",
     "TaintedDataReturnedFromFunction",                                                                               "ascii_pointer",          "HIGH for ASCII"             },
    {"win-ascii_write_av",                      "FB-19", "WriteAV",                            "WriteAV",             "ascii_pointer",          "HIGH"                       },
    {"win-exec_av_on_stack",                    "FB-06", "StackCodeExecution",                 "StackCodeExecution",  NULL,                     "HIGH"                       },
    {"win-null_read_av",                        "FB-22", "ReadAVNearNull",                     "ReadAVNearNull",      "near_null",              "NONE"                       },
    {"win-read_av_conditional",                 "FB-29", "TaintedDataControlsBranchSelection",
     "TaintedDataControlsBranchSelection",                                                                            NULL,                     "LOW"                        },
    {"win-read_av_non_null",                    "FB-28", "TaintedDataReturnedFromFunction",
     "TaintedDataReturnedFromFunction",                                                                               NULL,                     "LOW"                        },
    {"win-stack_exhaustion",                    "FB-15", "StackExhaustion",                    "StackExhaustion",     NULL,                     "NONE"                       },
    {"win-fastfail",                            "FB-03", "FastFail_7",                         "GSViolation",         "check_prevented",        "a Rust abort"               },
    {"linux-divide_by_zero",                    "FB-33", "DivideByZero",                       "DivideByZero",        NULL,                     "NONE"                       },
    {"linux-executable_stack",                  "FB-20", "WriteAVNearNull",                    "WriteAVNearNull",     "exec_stack",
     "HIGH for the mapping"                                                                                                                                                  },
    {"linux-inside_module_exe_region1",         "FB-20", "WriteAVNearNull",                    "WriteAVNearNull",     NULL,
     "INTERESTING"                                                                                                                                                           },
    {"linux-jmp_to_0",                          "FB-08", "DEPViolation",                       "DEPViolation",        NULL,                     "HIGH; near null here"       },
    {"linux-null_read_av",                      "FB-22", "ReadAVNearNull",                     "ReadAVNearNull",      NULL,                     "INTERESTING"                },
    {"linux-overflow",                          "FB-44", "Abort",                              "0x6",                 NULL,                     "HIGH by a name on the stack"},
    {"linux-raise_sigabrt",                     "FB-44", "Abort",                              "0x6",                 NULL,                     "NONE"                       },
    {"linux-stack_pointer_in_stack",            "FB-20", "WriteAVNearNull",                    "WriteAVNearNull",     NULL,
     "INTERESTING"                                                                                                                                                           },
    {"linux-write_to_nonwritable_module",       "FB-19", "WriteAV",                            "WriteAV",             NULL,                     "HIGH"                       },
    {"linux-write_to_outside_module_via_math",  "FB-19", "WriteAV",                            "WriteAV",             NULL,                     "HIGH"                       },
    {"linux-in_module_outside_executable_part", "FB-14", "PrivilegedInstruction",
     "PrivilegedInstruction",                                                                                         NULL,                     "HIGH"                       },
    {"linux-chrome-general-protection",         "FB-31", "AccessViolation",                    "AccessViolation",     NULL,
     "no code in the dump"                                                                                                                                                   },
    {"android-arm64-firefox",                   "FB-20", "WriteAVNearNull",                    "WriteAVNearNull",     NULL,
     "deliberate"                                                                                                                                                            },
    {"ios-sim-crashpad-annotation",             "FB-40", "UnhandledException",                 "0x43506e78",          NULL,
     "NSException"                                                                                                                                                           },
};

enum { ROOM = 64 << 20 };

static bool has_signal(const struct fb_exploitability *x, const char *name)
{
    for (size_t i = 0; i < x->n_signals; i++)
        if (strcmp(x->signals[i], name) == 0)
            return true;
    return false;
}

static struct fb_span dump_file(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/minidumps/%s.dmp", folder, name);
    return whole_file(path);
}

/* In any smaller block than the one that sufficed it must say LIMIT. */
static void starve(const char *name, struct fb_analysis *a, size_t handle, uint8_t *room,
                   size_t before, size_t after)
{
    size_t step = (after - before) / 64 + 1;
    for (size_t cap = before; cap < after; cap += step) {
        struct fb_arena less = {.base = room, .cap = cap, .used = before};
        CHECK(name, fb_judge(a, handle, &less).code == FB_LIMIT);
    }
}

static void check_dump(size_t i, struct fb_span file, uint8_t *room)
{
    const char *name = rows[i].file;
    struct fb_arena arena = {.base = room, .cap = ROOM};
    fb_arena_reset(&arena);
    struct fb_analysis a = {0};
    if (!CHECK(name, !fb_failed(fb_minidump_read(file, &arena, &a.notes, &a.dump))))
        return;
    size_t handle = fb_disasm_open(a.dump.system.arch);
    size_t before = arena.used;
    if (CHECK(name, !fb_failed(fb_judge(&a, handle, &arena)))) {
        const struct fb_exploitability *x = &a.exploitability;
        CHECK(name, strcmp(x->fb1.rule, rows[i].rule) == 0);
        CHECK(name, strcmp(x->fb1.short_name, rows[i].short_name) == 0);
        CHECK(name, strcmp(x->msec16.short_name, rows[i].msec16) == 0);
        CHECK(name, rows[i].signal == NULL || has_signal(x, rows[i].signal));
        CHECK(name, x->n_facts > 0 && x->fb1.confidence > 0 && x->fb1.confidence <= 100);
        starve(name, &a, handle, room, before, arena.used);
    }
    fb_disasm_close(handle);
}

int main(void)
{
    const char *corpus = getenv("FAULTBUCKET_CORPUS");
    uint8_t *room = malloc(ROOM);
    size_t found = 0;
    for (size_t i = 0; room != NULL && i < COUNT(rows); i++) {
        struct fb_span file =
            dump_file(corpus != NULL ? corpus : "../shared/corpus", rows[i].file);
        if (file.n == 0)
            continue;
        found++;
        check_dump(i, file, room);
        whole_free(file);
    }
    free(room);
    if (found == 0)
        return check_skip("the corpus of dumps is not there");
    CHECK("every dump is there", found == COUNT(rows));
    return check_done();
}
