/*
 * tests/unit/test_rules.c -- walks both rule tables: every row can be reached, ids are unique
 * or stand together, and the last row always holds. Then the lists that the rules rest on.
 */
#include "exploitability/rules.h"
#include "exploitability/signals.h"
#include "support/check.h"

#include <string.h>

#define WILD UINT64_C(0x41414141)
#define AV   .code = FB_X_ACCESS_VIOLATION, .arch = FB_AMD64, .wide = true, .operand = -1
#define READ_OF(a)                                                                             \
    AV, .access = FB_ACCESS_READ, .recorded_access = FB_ACCESS_READ, .fault = (a),             \
        .recorded = (a), .ip = 0x401000
#define WRITE_OF(a)                                                                            \
    AV, .access = FB_ACCESS_WRITE, .recorded_access = FB_ACCESS_WRITE, .fault = (a),           \
        .recorded = (a), .ip = 0x401000
#define EXECUTION_OF(a)                                                                        \
    AV, .access = FB_ACCESS_EXECUTE, .recorded_access = FB_ACCESS_EXECUTE, .fault = (a),       \
        .recorded = (a), .ip = (a)
#define INSN(...) .decoded = true, .insn = {__VA_ARGS__}
#define STACK     .stack_source = FB_RANGE_TEB, .stack_limit = 0x120000, .stack_base = 0x130000

#define TAINTED(kind) .taint[FB_TAINT_##kind] = {"call rax", 0x401003, "rax"}

static const struct fb_module module = {.base = 0x401000, .name = "program.exe"};
static const struct fb_pattern freed = {0xDDDDDDDD, FB_PATTERN_FREED, "dddddddd", "a test"};

/* A bugcheck that the original turns into an exception, and one that it does not. */
static const struct fb_dump turned = {
    .bugcheck = {.present = true, .code = 0x1000007E}
};
static const struct fb_dump unturned = {
    .bugcheck = {.present = true, .code = 0xD1}
};
#define KERNEL .dump = &turned, .kernel = true
#define KERNEL_AV(what, a)                                                                     \
    KERNEL, AV, .access = FB_ACCESS_##what, .recorded_access = FB_ACCESS_##what, .fault = (a), \
                .recorded = (a), .ip = HIGH
#define HIGH UINT64_C(0xFFFF800000001000)

struct set {
    const char *id, *short_name;
    struct fb_facts facts;
};

static const struct set fb1[] = {
    {"FB-01", "NotACrash",                  {.event = FB_EVENT_NONE}                                                         },
    {"FB-01", "NotACrash",                  {.code = FB_X_DEBUGGER_WAKE}                                                     },
    {"FB-01", "NotACrash",                  {.code = FB_X_SIMULATED}                                                         },
    {"FB-02",
     "ReadAVonControlFlow",                 {READ_OF(UINT64_MAX), .wild_target = true, INSN(.flow = FB_FLOW_RETURN)}         },
    {"FB-02",
     "BranchToNonCanonical",                {READ_OF(UINT64_MAX), .wild_target = true, INSN(.flow = FB_FLOW_CALL)}           },
    {"FB-03",
     "FastFail",                            {.code = FB_X_FAST_FAIL, .fast_fail = {FB_CLASS_EXPLOITABLE, "FastFail_2", "x"}} },
    {"FB-04", "HeapCorruption",             {.code = FB_X_HEAP_CORRUPTION}                                                   },
    {"FB-05", "MemoryTagFault",             {.event = FB_EVENT_MEMORY_TAG, .settled = true}                                  },
    {"FB-05", "ShadowStackMismatch",        {.event = FB_EVENT_SHADOW_STACK, .settled = true}                                },
    {"FB-05",
     "Reporter",                            {READ_OF(0), .reporter = {FB_CLASS_EXPLOITABLE, "HeapCorruption", "x"}}          },
    {"FB-06", "StackCodeExecution",         {.code = FB_X_DIVIDE, STACK, .ip = 0x130000}                                     },
    {"FB-07", "DEPViolation",               {EXECUTION_OF(0x10000)}                                                          },
    {"FB-07",
     "ReadAVonIP",                          {AV, .access = FB_ACCESS_READ, .fault = WILD, .recorded = WILD, .ip = WILD}      },
    {"FB-08", "DEPViolation",               {EXECUTION_OF(0xFFFF)}                                                           },
    {"FB-08", "ReadAVonIP",                 {AV, .access = FB_ACCESS_READ, .fault = 8, .recorded = 8, .ip = 8}               },
    {"FB-09", "PcOutsideCode",              {.code = FB_X_DIVIDE, .ip_no_code = true}                                        },
    {"FB-10", "ExceptionHandlerCorrupted",  {READ_OF(0), .chain = FB_CHAIN_LEFT_STACK}                                       },
    {"FB-10", "ExceptionHandlerCorrupted",  {READ_OF(0), .chain = FB_CHAIN_BROKEN}                                           },
    {"FB-11", "StackPivot",                 {READ_OF(WILD), .sp_astray = true}                                               },
    {"FB-12", "UndecodableInstruction",     {READ_OF(WILD), .refuted = true}                                                 },
    {"FB-13",
     "CompilerTrap",                        {.code = FB_X_ILLEGAL_INSTRUCTION, .trap = true, .ip_module = &module}           },
    {"FB-14", "IllegalInstruction",         {.code = FB_X_ILLEGAL_INSTRUCTION, .trap = true}                                 },
    {"FB-14", "PrivilegedInstruction",      {.code = FB_X_PRIVILEGED}                                                        },
    {"FB-15", "StackExhaustion",            {.code = FB_X_STACK_OVERFLOW}                                                    },
    {"FB-15", "StackExhaustion",            {WRITE_OF(0x11FFF8), STACK, .sp = 0x120000}                                      },
    {"FB-15", "StackExhaustion",            {WRITE_OF(0x11FFF8), .sp = 0x120000, .repeated_frames = true}                    },
    {"FB-15",
     "StackExhaustion",                     {WRITE_OF(0x11FFF8), STACK, .sp = 0x11FFF8, .sp_astray = true}                   },
    {"FB-16", "GuardPage",                  {.code = FB_X_GUARD_PAGE}                                                        },
    {"FB-17", "ReadAVonControlFlow",        {READ_OF(WILD), INSN(.flow = FB_FLOW_CALL)}                                      },
    {"FB-18", "ReadAVonControlFlow",        {READ_OF(8), INSN(.flow = FB_FLOW_JUMP)}                                         },
    {"FB-19", "WriteAV",                    {WRITE_OF(0x10000)}                                                              },
    {"FB-20", "WriteAVNearNull",            {WRITE_OF(0xFFFF)}                                                               },
    {"FB-21", "ReadAVonBlockMove",          {READ_OF(0), INSN(.block_move = true)}                                           },
    {"FB-22", "ReadAVNearNull",             {READ_OF(0xFFFF)}                                                                },
    {"FB-22", "ReadAVNearNull",             {READ_OF(UINT64_MAX - 0x17)}                                                     },
    {"FB-22", "ReadAVNearNull",             {READ_OF(8), TAINTED(CODE_FLOW)}                                                 },
    {"FB-23",
     "TaintedDataControlsCodeFlow",         {READ_OF(WILD), TAINTED(CODE_FLOW), TAINTED(WRITE_ADDRESS), .pattern = &freed}   },
    {"FB-24",
     "TaintedDataControlsWriteAddress",     {READ_OF(WILD), TAINTED(WRITE_ADDRESS), TAINTED(BRANCH), .pattern = &freed}      },
    {"FB-25", "FreedMemoryPointer",         {READ_OF(WILD), TAINTED(BRANCH), .pattern = &freed}                              },
    {"FB-29",
     "TaintedDataControlsBranchSelection",  {READ_OF(WILD), TAINTED(BRANCH), TAINTED(RETURNED)}                              },
    {"FB-28",
     "TaintedDataReturnedFromFunction",     {READ_OF(WILD), TAINTED(RETURNED), TAINTED(ARGUMENT)}                            },
    {"FB-27",
     "TaintedDataPassedToFunction",         {READ_OF(WILD), TAINTED(ARGUMENT), TAINTED(BLOCK_MOVE)}                          },
    {"FB-26", "TaintedDataUsedInBlockMove", {READ_OF(WILD), TAINTED(BLOCK_MOVE)}                                             },
    {"FB-19", "WriteAV",                    {WRITE_OF(WILD), TAINTED(CODE_FLOW)}                                             },
    {"FB-25", "FreedMemoryPointer",         {READ_OF(WILD), .pattern = &freed}                                               },
    {"FB-30", "ReadAV",                     {READ_OF(WILD)}                                                                  },
    {"FB-30", "ReadAV",                     {READ_OF(UINT64_MAX)}                                                            },
    {"FB-31", "AccessViolation",            {AV, .ip = 0x401000}                                                             },
    {"FB-32", "AppVerifierStop",            {.code = FB_X_VERIFIER_STOP}                                                     },
    {"FB-32", "AppVerifierStop",            {.code = FB_X_BREAKPOINT, .verifier = true}                                      },
    {"FB-33", "DivideByZero",               {.code = FB_X_DIVIDE}                                                            },
    {"FB-34", "FPError",                    {.code = FB_X_FLOAT_INVALID}                                                     },
    {"FB-35", "IntegerOverflow",            {.code = FB_X_OVERFLOW}                                                          },
    {"FB-36", "ArrayIndexOOB",              {.code = FB_X_ARRAY_BOUNDS}                                                      },
    {"FB-37", "Breakpoint",                 {.code = FB_X_WOW64_BREAKPOINT}                                                  },
    {"FB-37", "Breakpoint",                 {.code = FB_X_SINGLE_STEP}                                                       },
    {"FB-37", "Breakpoint",                 {.code = FB_X_WOW64_SINGLE_STEP}                                                 },
    {"FB-38", "InPageError",                {.code = FB_X_IN_PAGE_ERROR}                                                     },
    {"FB-39", "InvalidHandle",              {.code = FB_X_HANDLE_NOT_CLOSABLE}                                               },
    {"FB-40", "UnhandledException",         {.code = FB_X_CPP}                                                               },
    {"FB-41", "MachineCheck",               {.event = FB_EVENT_MACHINE_CHECK}                                                },
    {"FB-43", "DataMisalignment",           {.code = FB_X_MISALIGNED, .settled = true}                                       },
    {"FB-43",
     "DataMisalignment",                    {.code = FB_X_MISALIGNED, .settled = true, .ip_no_code = true, .sp_astray = true}},
    {"FB-40", "UnhandledException",         {.event = FB_EVENT_LANGUAGE}                                                     },
    {"FB-44", "Abort",                      {.event = FB_EVENT_ABORT}                                                        },
    {"FB-45", "BadSystemCall",              {.event = FB_EVENT_BAD_SYSCALL}                                                  },
    {"FB-49", "ResourceLimit",              {.event = FB_EVENT_RESOURCE}                                                     },
    {"FB-49", "GuardException",             {.event = FB_EVENT_GUARD}                                                        },
    {"FB-99", "Unclassified",               {.code = 0xDEADBEEF}                                                             },
};

static const struct set msec16[] = {
    {"0",  "NotAnException",               {.event = FB_EVENT_NONE}                                                   },
    {"1",  "DebuggerWake",                 {.code = FB_X_DEBUGGER_WAKE}                                               },
    {"2",  "StackCodeExecution",           {.code = FB_X_DIVIDE, STACK, .ip = 0x120000}                               },
    {"3",  "KernelExceptionInUserland",    {KERNEL, .code = FB_X_DIVIDE, .wide = true, .ip = WILD}                    },
    {"4",  "IllegalInstruction",           {.code = FB_X_ILLEGAL_INSTRUCTION}                                         },
    {"5",  "PrivilegedInstruction",        {.code = FB_X_PRIVILEGED}                                                  },
    {"6",  "GuardPage",                    {.code = FB_X_GUARD_PAGE}                                                  },
    {"7",  "GSViolation",                  {.code = FB_X_FAST_FAIL, .has_subcode = true, .subcode = 7}                },
    {"8",  "HeapCorruption",               {.code = FB_X_HEAP_CORRUPTION}                                             },
    {"9",  "DEPViolation",                 {KERNEL_AV(EXECUTE, HIGH)}                                                 },
    {"10", "DEPViolation",                 {EXECUTION_OF(WILD), .chain = FB_CHAIN_LEFT_STACK}                         },
    {"11", "ReadAVonIP",                   {KERNEL_AV(READ, HIGH)}                                                    },
    {"12", "ReadAVonIP",                   {AV, .recorded_access = FB_ACCESS_READ, .recorded = WILD, .ip = WILD}      },
    {"13", "ExceptionHandlerCorrupted",    {WRITE_OF(WILD), .chain = FB_CHAIN_LEFT_STACK}                             },
    {"14", "DEPViolation",                 {EXECUTION_OF(0), .chain = FB_CHAIN_BROKEN}                                },
    {"15", "ReadAVonIP",                   {AV, .recorded_access = FB_ACCESS_READ, .recorded = 8, .ip = 8}            },
    {"16", "ReadAvOnIP",                   {READ_OF(0), .refuted = true}                                              },
    {"17", "WriteAV",                      {WRITE_OF(WILD)}                                                           },
    {"17", "WriteAV",                      {WRITE_OF(0x11FFBC), STACK, INSN(.push = true)}                            },
    {"18", "WriteAV",                      {KERNEL_AV(WRITE, HIGH)}                                                   },
    {"19", "WriteAV",                      {KERNEL_AV(WRITE, 8)}                                                      },
    {"20", "ReadAVonControlFlow",          {KERNEL_AV(READ, 8), INSN(.flow = FB_FLOW_CALL)}                           },
    {"21", "ReadAVonControlFlow",          {READ_OF(WILD), INSN(.flow = FB_FLOW_RETURN)}                              },
    {"22", "ReadAVonControlFlow",          {READ_OF(0), INSN(.flow = FB_FLOW_CALL)}                                   },
    {"23", "ReadAVonBlockMove",            {READ_OF(0), INSN(.block_move = true)}                                     },
    {"24", "ReadAVonBlockMove",            {KERNEL_AV(READ, HIGH + 8), INSN(.block_move = true)}                      },
    {"25", "ReadAVonBlockMove",            {KERNEL_AV(READ, 8), INSN(.block_move = true)}                             },
    {"26",
     "TaintedDataControlsCodeFlow",        {READ_OF(0), TAINTED(CODE_FLOW), TAINTED(WRITE_ADDRESS), .verifier = true} },
    {"27",
     "TaintedDataControlsWriteAddress",    {READ_OF(0), TAINTED(WRITE_ADDRESS), .verifier = true}                     },
    {"26", "TaintedDataControlsCodeFlow",  {KERNEL_AV(READ, 8), TAINTED(CODE_FLOW)}                                   },
    {"29", "ReadAVNearNull",               {READ_OF(0), TAINTED(BRANCH)}                                              },
    {"41",
     "TaintedDataUsedInBlockMove",         {READ_OF(WILD), TAINTED(BLOCK_MOVE), .unknown_frames = true}               },
    {"43",
     "TaintedDataPassedToFunction",        {READ_OF(WILD), TAINTED(ARGUMENT), TAINTED(BLOCK_MOVE)}                    },
    {"44",
     "TaintedDataReturnedFromFunction",    {READ_OF(WILD), TAINTED(RETURNED), TAINTED(ARGUMENT)}                      },
    {"45",
     "TaintedDataControlsBranchSelection", {READ_OF(WILD), TAINTED(BRANCH), TAINTED(RETURNED)}                        },
    {"28", "AppVerifierStop",              {READ_OF(0), .verifier = true}                                             },
    {"29", "ReadAVNearNull",               {READ_OF(0), .unknown_frames = true}                                       },
    {"32", "DivideByZero",                 {.code = FB_X_DIVIDE}                                                      },
    {"33", "DivideByZero",                 {.code = FB_X_FLOAT_DIVIDE}                                                },
    {"34", "StackExhaustion",              {.code = FB_X_STACK_OVERFLOW}                                              },
    {"34", "StackExhaustion",              {WRITE_OF(0x11FFC0), STACK, INSN(.push = true)}                            },
    {"35", "WriteAVNearNull",              {WRITE_OF(0)}                                                              },
    {"36", "Breakpoint",                   {.code = FB_X_WOW64_BREAKPOINT}                                            },
    {"37", "Breakpoint",                   {.code = FB_X_BREAKPOINT}                                                  },
    {"38",
     "BugCheck",                           {.dump = &unturned, .kernel = true, WRITE_OF(HIGH), .unknown_frames = true}},
    {"38", "BugCheck",                     {KERNEL, .event = FB_EVENT_BUGCHECK}                                       },
    {"40", "ReadAVNearNull",               {KERNEL_AV(READ, 8)}                                                       },
    {"39", "PossibleStackCorruption",      {.code = FB_X_BREAKPOINT, .unknown_frames = true}                          },
    {"39", "PossibleStackCorruption",      {WRITE_OF(0), .unknown_frames = true}                                      },
};

static const struct {
    const char *name;
    struct fb_facts facts;
} fallbacks[] = {
    {"ReadAV",          {READ_OF(WILD)}                                    },
    {"AccessViolation", {AV, .recorded = WILD}                             },
    {"InPageError",     {.code = FB_X_IN_PAGE_ERROR}                       },
    {"FPError",         {.code = FB_X_FLOAT_INVALID}                       },
    {"OutOfMemory",     {.code = FB_X_NO_MEMORY}                           },
    {"AppVerifierStop", {.code = FB_X_VERIFIER_STOP}                       },
    {"0xe06d7363",      {.code = FB_X_CPP}                                 },
    {"0x517a7ed",       {.code = FB_X_SIMULATED}                           },
    {"0x6",             {.event = FB_EVENT_ABORT, .exception = {.code = 6}}},
};

static void shape(const char *table, const struct fb_rules *rules)
{
    static const struct fb_facts nothing;
    for (size_t i = 0; i < rules->n; i++) {
        const struct fb_rule *rule = &rules->v[i];
        CHECK(rule->id, rule->class >= FB_CLASS_PROBABLY_NOT_EXPLOITABLE &&
                            rule->class <= FB_CLASS_EXPLOITABLE);
        CHECK(rule->id, rule->text[0] != '\0');
        for (size_t k = 0; k < i; k++) {
            bool same = strcmp(rules->v[k].id, rule->id) == 0;
            CHECK(rule->id, !same || strcmp(rules->v[k].short_name, rule->short_name) != 0);
            CHECK(rule->id, !same || strcmp(rules->v[i - 1].id, rule->id) == 0);
        }
    }
    if (rules == &fb_rules_fb1)
        CHECK(table, rules->v[rules->n - 1].holds(&nothing));
}

static void reach(const char *table, const struct fb_rules *rules, const struct set *sets,
                  size_t n)
{
    bool reached[64] = {false};
    CHECK(table, rules->n <= COUNT(reached));
    for (size_t i = 0; i < n; i++) {
        static const struct fb_dump no_dump;
        static const struct fb_stack no_stack;
        struct fb_facts facts = sets[i].facts;
        char name[FB_FALLBACK_NAME];
        if (facts.dump == NULL)
            facts.dump = &no_dump;
        facts.stack = &no_stack;
        struct fb_ruling got =
            rules == &fb_rules_fb1 ? fb_rule_fb1(&facts) : fb_rule_msec16(&facts, name);
        if (!CHECK(sets[i].id, got.rule != NULL))
            continue;
        bool same = strcmp(got.rule->id, sets[i].id) == 0 &&
                    strcmp(got.rule->short_name, sets[i].short_name) == 0;
        if (!CHECK(sets[i].id, same))
            fprintf(stderr, "    set %zu: got %s %s\n", i, got.rule->id, got.short_name);
        reached[got.rule - rules->v] = true;
    }
    for (size_t i = 0; i < rules->n; i++)
        CHECK(rules->v[i].id, reached[i]);
}

static void without_rule(void)
{
    for (size_t i = 0; i < COUNT(fallbacks); i++) {
        char name[FB_FALLBACK_NAME];
        struct fb_ruling got = fb_rule_msec16(&fallbacks[i].facts, name);
        CHECK(fallbacks[i].name, got.rule == NULL && got.class == FB_CLASS_UNKNOWN);
        CHECK(fallbacks[i].name, strcmp(got.short_name, fallbacks[i].name) == 0);
    }
}

static void patterns(void)
{
    static const struct {
        const char *name;
        uint64_t value;
        bool wide;
        int kind; // -1: none
    } values[] = {
        {"exact",           0xFEEEFEEE,         false, FB_PATTERN_FREED },
        {"64 KiB above",    0xDDDEDDDD,         false, FB_PATTERN_FREED },
        {"just beyond",     0xDDDEDDDE,         false, -1               },
        {"64 KiB below",    0xDDDCDDDD,         false, FB_PATTERN_FREED },
        {"twice on 64-bit", 0xE5E5E5E5E5E5E5E5, true,  FB_PATTERN_FREED },
        {"once on 64-bit",  0x00000000E5E5E5E5, true,  -1               },
        {"uninitialised",   0xCDCDCDCD,         false, FB_PATTERN_UNINIT},
        {"behind a block",  0xD0D0D0D0,         false, FB_PATTERN_GUARD },
        {"two are near",    0xDEADC0DD,         false, FB_PATTERN_OTHER },
        {"null",            0,                  false, -1               },
        {"last",            UINT64_MAX,         true,  -1               },
    };
    /* Each that no other is near. */
    static const uint32_t words[] = {
        0x2B2B2B2B, 0x4B4B4B4B, 0x55555555, 0x5A5A5A5A, 0x6B6B6B6B, 0x8B8B8B8B, 0x9B9B9B9B,
        0xA0A0A0A0, 0xA5A5A5A5, 0xAAAAAAAA, 0xABABABAB, 0xBAADF00D, 0xBBADBEEF, 0xC0C0C0C0,
        0xCCCCCCCC, 0xCDCDCDCD, 0xD0D0D0D0, 0xDBDBDBDB, 0xDDDDDDDD, 0xDEADBEEF, 0xE0E0E0E0,
        0xE5E5E5E5, 0xF0F0F0F0, 0xFDFDFDFD, 0xFEEEFEEE};
    for (size_t i = 0; i < COUNT(values); i++) {
        const struct fb_pattern *got = fb_pattern_of(values[i].value, values[i].wide);
        CHECK(values[i].name, (got == NULL ? -1 : (int)got->kind) == values[i].kind);
    }
    for (size_t i = 0; i < COUNT(words); i++) {
        uint64_t twice = (uint64_t)words[i] << 32 | words[i];
        const struct fb_pattern *got = fb_pattern_of(words[i], false);
        CHECK("narrow", got != NULL && got->word == words[i]);
        CHECK("wide", fb_pattern_of(twice, true) == got);
        CHECK("as far above", fb_pattern_of(twice + 0x10000, true) == got);
        CHECK("as far below", fb_pattern_of(twice - 0x10000, true) == got);
        CHECK("farther", fb_pattern_of(twice + 0x10001, true) != got);
        CHECK("another half", fb_pattern_of(twice + (UINT64_C(1) << 32), true) != got);
    }
    CHECK("text, 32-bit", fb_looks_like_text(0x41414141, false));
    CHECK("three bytes", !fb_looks_like_text(0x00414141, false));
    CHECK("six bytes", fb_looks_like_text(0x0000414141414141, true));
    CHECK("five bytes", !fb_looks_like_text(0x0000004141414141, true));
}

static void reporters(void)
{
    static const struct {
        const char *first, *second, *want;
    } stacks[] = {
        {"abort",                     "malloc_printerr",  "HeapCorruption"},
        {"__fortify_fail",            "__stack_chk_fail", "GSViolation"   },
        {"__fortify_fail",            "__chk_fail",       "CheckPrevented"},
        {"__memcpy_chk",              "main",             "CheckPrevented"},
        {"strcpy_chk",                "main",             NULL            },
        {"scudo::reportErrorX(char)", "free",             "HeapCorruption"},
        {"RtlReportFatalFailure",     "RtlFreeHeap",      "HeapCorruption"},
        {"__stack_chk_fail(int)",     "main",             "GSViolation"   },
        {"__stack_chk_failure",       "main",             NULL            },
        {NULL,                        NULL,               NULL            },
    };
    for (size_t i = 0; i < COUNT(stacks); i++) {
        struct fb_frame frames[] = {{.function = stacks[i].first},
                                    {.function = stacks[i].second}};
        struct fb_stack stack = {.v = frames, .n = 2};
        struct fb_dump dump = {0};
        struct fb_facts facts = {.stack = &stack, .dump = &dump};
        fb_facts_frames(&facts);
        const char *got = facts.reporter.short_name;
        CHECK(stacks[i].first ? stacks[i].first : "none",
              stacks[i].want == NULL ? got == NULL
                                     : got != NULL && strcmp(got, stacks[i].want) == 0);
    }
}

/* The allocator's clean-up reports by aborting; a crash in it is something else. */
static void aborting_allocator(void)
{
    struct fb_frame frame = {.function = "malloc_consolidate"};
    struct fb_stack stack = {.v = &frame, .n = 1};
    struct fb_dump dump = {0};
    struct fb_facts aborts = {.stack = &stack, .dump = &dump, .event = FB_EVENT_ABORT};
    struct fb_facts crashes = {.stack = &stack, .dump = &dump, .code = FB_X_ACCESS_VIOLATION};
    fb_facts_frames(&aborts);
    fb_facts_frames(&crashes);
    CHECK("aborts", aborts.reporter.short_name != NULL);
    CHECK("crashes", crashes.reporter.short_name == NULL);
}

static void recursion(void)
{
    struct fb_frame frames[120] = {{0}};
    struct fb_stack stack = {.v = frames, .n = COUNT(frames)};
    struct fb_dump dump = {0};
    for (size_t i = 0; i < COUNT(frames); i++)
        frames[i].resume = 0x1000 + i;
    struct fb_facts facts = {.stack = &stack, .dump = &dump};
    fb_facts_frames(&facts);
    CHECK("all different", !facts.repeated_frames);
    for (size_t i = 10; i < 10 + 3 * 20; i++)
        frames[i].resume = 0x9000 + i % 3;
    facts = (struct fb_facts){.stack = &stack, .dump = &dump};
    fb_facts_frames(&facts);
    CHECK("three functions, twenty times", facts.repeated_frames);
    frames[40].resume = 1;
    facts = (struct fb_facts){.stack = &stack, .dump = &dump};
    fb_facts_frames(&facts);
    CHECK("interrupted", !facts.repeated_frames);
}

/* Without what the search remembers: can anything that one flipped bit away be accessed? */
static bool flips(const struct fb_dump *dump, fb_addr fault)
{
    for (unsigned bit = 0; bit < 48; bit++) {
        fb_addr a = fault ^ UINT64_C(1) << bit;
        const struct fb_page *page = fb_page_at(&dump->pages, a);
        bool held = fb_memory_at(&dump->memory, a, 1).n > 0;
        if (a == 0 || (page != NULL ? (page->access & FB_PAGE_READ) != 0 : held))
            return true;
    }
    return false;
}

/* Pages with gaps, some of them no access, and regions of memory that overlap. */
static void bit_flips(void)
{
    enum { N = 6 };
    static uint8_t bytes[0x3000];
    uint64_t random = 1;
    for (int round = 0; round < 2000; round++) {
        struct fb_page pages[N];
        struct fb_region regions[N];
        fb_addr at = 0x10000, start = 0x20000;
        for (size_t i = 0; i < N; i++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
            at += 0x1000 * (random >> 33 & 31);
            start += 0x800 * (random >> 40 & 7);
            pages[i] = (struct fb_page){.start = at, .size = 0x1000 * (1 + (random >> 50 & 3))};
            pages[i].access = (random >> 60 & 3) != 0 ? 0 : FB_PAGE_READ;
            at += pages[i].size;
            regions[i] = (struct fb_region){
                start, {bytes, (size_t)0x400 << (random >> 55 & 3), 0}
            };
        }
        const struct fb_dump dump = {
            .pages = {pages,        round % 3 == 0 ? 0 : N, FB_PAGES_MAPS          },
            .memory = {.v = regions, .n = N,                 .longest = sizeof bytes}
        };
        static const fb_addr ends[] = {0x1000, 0x1001, 0x1FFF}; // a flip meets both of a gap
        fb_addr fault = (random >> 20 & 0x7F000) | ends[(size_t)round / 3 % COUNT(ends)];
        struct fb_facts f = {WRITE_OF(fault), .dump = &dump};
        f.event = FB_EVENT_CODE;
        const struct fb_page *page = fb_page_at(&dump.pages, f.fault);
        if (page != NULL ? page->access != 0 : fb_memory_at(&dump.memory, f.fault, 1).n > 0)
            continue;
        page = fb_page_at(&dump.pages, f.fault - 1);
        if (page != NULL ? page->access != 0 : fb_memory_at(&dump.memory, f.fault - 1, 1).n > 0)
            continue;
        fb_facts_bit_flip(&f);
        CHECK("a flipped bit", (f.bit_flip > 0) == flips(&dump, f.fault));
    }
}

int main(void)
{
    shape("fb1", &fb_rules_fb1);
    shape("msec16", &fb_rules_msec16);
    reach("fb1", &fb_rules_fb1, fb1, COUNT(fb1));
    reach("msec16", &fb_rules_msec16, msec16, COUNT(msec16));
    without_rule();
    patterns();
    reporters();
    aborting_allocator();
    recursion();
    bit_flips();
    return check_done();
}
