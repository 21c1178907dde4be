/*
 * tests/unit/test_rule_texts.c -- every rule has its words and every verdict its rule; what
 * other tools call a crash, row by row; and paths as SARIF wants them.
 */
#include "exploitability/peers.h"
#include "exploitability/rule_texts.h"
#include "sarif.h"
#include "support/check.h"

#include <string.h>

static void words(const struct fb_rules *rules)
{
    size_t n;
    const struct fb_rule_text *v = fb_rule_texts(rules, &n);
    for (size_t i = 0; i < rules->n; i++) {
        const struct fb_rule_text *text = fb_rule_text(&rules->v[i]);
        if (!CHECK(rules->v[i].id, text != NULL))
            continue;
        CHECK(text->id, text >= v && text < v + n);
        CHECK(text->id, text->asks[0] != '\0' && text->rests_on[0] != '\0');
        CHECK(text->id, (text->also != NULL) == (rules->v[i].finding != NULL));
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++)
            CHECK(v[i].id, strcmp(v[i].id, v[k].id) != 0 ||
                               strcmp(v[i].short_name, v[k].short_name) != 0);
}

static void rule_of_verdict(void)
{
    static const struct {
        const char *rule, *short_name, *want;
    } rows[] = {
        {"FB-19", "WriteAV",        "WriteAV"       },
        {"FB-03", "FastFail_2",     "FastFail"      },
        {"FB-05", "HeapCorruption", "Reporter"      },
        {"FB-05", "MemoryTagFault", "MemoryTagFault"},
        {"FB-77", "NoSuchRule",     "Unclassified"  },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fb_judgement verdict = {.rule = rows[i].rule, .short_name = rows[i].short_name};
        CHECK(rows[i].short_name, strcmp(fb_rule_of(&verdict)->short_name, rows[i].want) == 0);
    }
    for (size_t i = 0; i < fb_rules_fb1.n; i++) {
        const struct fb_rule *rule = &fb_rules_fb1.v[i];
        struct fb_judgement verdict = {.rule = rule->id, .short_name = rule->short_name};
        CHECK(rule->id, fb_rule_of(&verdict) == rule);
    }
}

#define E   FB_CLASS_EXPLOITABLE
#define PE  FB_CLASS_PROBABLY_EXPLOITABLE
#define U   FB_CLASS_UNKNOWN
#define PNE FB_CLASS_PROBABLY_NOT_EXPLOITABLE

static const struct {
    enum fb_os os;
    const char *rule, *short_name, *instruction;
    enum fb_class class;
    const char *casr, *gdb, *breakpad; // "class name"; NULL: none
} peers[] = {
    {FB_WINDOWS, "FB-19", "WriteAV",                "mov dword ptr [rax], ecx", E,   "EXPLOITABLE DestAv",
     "EXPLOITABLE DestAv",                                                                                                                        "MEDIUM"     },
    {FB_LINUX,   "FB-19", "WriteAV",                NULL,                       E,   "EXPLOITABLE DestAv",                "EXPLOITABLE DestAv",   "HIGH"       },
    {FB_MACOS,   "FB-19", "WriteAV",                NULL,                       E,   "EXPLOITABLE DestAv",                "EXPLOITABLE DestAv",   NULL         },
    {FB_WINDOWS, "FB-17", "ReadAVonControlFlow",    "ret",                      E,   "EXPLOITABLE ReturnAv",
     "EXPLOITABLE ReturnAv",                                                                                                                      "HIGH"       },
    {FB_WINDOWS, "FB-17", "ReadAVonControlFlow",    "call qword ptr [rax]",     E,
     "EXPLOITABLE CallAv",                                                                                                "EXPLOITABLE BranchAv", "HIGH"       },
    {FB_WINDOWS, "FB-17", "ReadAVonControlFlow",    "jmp qword ptr [rax]",      E,
     "EXPLOITABLE BranchAv",                                                                                              "EXPLOITABLE BranchAv", "HIGH"       },
    {FB_WINDOWS, "FB-08", "ReadAVonIP",             NULL,                       PE,  "PROBABLY_EXPLOITABLE -",
     "PROBABLY_EXPLOITABLE SegFaultOnPcNearNull",                                                                                                 "NONE"       },
    {FB_ANDROID, "FB-22", "ReadAVNearNull",         NULL,                       PNE, "NOT_EXPLOITABLE -",
     "PROBABLY_NOT_EXPLOITABLE SourceAvNearNull",                                                                                                 "INTERESTING"},
    {FB_WINDOWS, "FB-05", "GSViolation",            NULL,                       E,   "PROBABLY_EXPLOITABLE StackGuard",
     "EXPLOITABLE StackBufferOverflow",                                                                                                           "MEDIUM"     },
    {FB_LINUX,   "FB-05", "CheckPrevented",         NULL,                       PNE, "NOT_EXPLOITABLE SafeFunctionCheck",
     "UNKNOWN AbortSignal",                                                                                                                       "HIGH"       },
    {FB_LINUX,   "FB-44", "Abort",                  NULL,                       PNE, "NOT_EXPLOITABLE AbortSignal",
     "UNKNOWN AbortSignal",                                                                                                                       "NONE"       },
    {FB_WINDOWS, "FB-05", "SecurityAssertion",      NULL,                       E,   "EXPLOITABLE -",                     "EXPLOITABLE -",
     "HIGH"                                                                                                                                                    },
    {FB_WINDOWS, "FB-12", "UndecodableInstruction", NULL,                       PE,  "PROBABLY_EXPLOITABLE -",
     "PROBABLY_EXPLOITABLE -",                                                                                                                    "MEDIUM"     },
    {FB_WINDOWS, "FB-99", "Unclassified",           NULL,                       U,   "UNDEFINED -",                       "UNKNOWN -",            "NONE"       },
    {FB_WINDOWS, "FB-45", "BadSystemCall",          NULL,                       PNE, "NOT_EXPLOITABLE -",
     "PROBABLY_NOT_EXPLOITABLE -",                                                                                                                "NONE"       },
};

/* What Breakpad looks at besides the event. */
static const struct {
    enum fb_os os;
    enum fb_arch arch;
    const char *rule, *short_name;
    enum fb_class class;
    const char *signals[2];
    const char *want;
} ratings[] = {
    {FB_WINDOWS, FB_X86,   "FB-30", "ReadAV",                      U,   {NULL},            "LOW"        },
    {FB_WINDOWS, FB_X86,   "FB-30", "ReadAV",                      U,   {"ascii_pointer"}, "HIGH"       },
    {FB_WINDOWS, FB_X86,   "FB-19", "WriteAV",                     E,   {"ascii_pointer"}, "HIGH"       },
    {FB_WINDOWS, FB_X86,   "FB-22", "ReadAVNearNull",              PNE, {"ascii_pointer"}, "NONE"       },
    {FB_WINDOWS,
     FB_AMD64,             "FB-30",
     "ReadAV",                                                     U,
     {"ascii_pointer", "noncanonical_recovered"},
     "LOW"                                                                                              },
    {FB_WINDOWS, FB_X86,   "FB-23", "TaintedDataControlsCodeFlow", PE,  {NULL},            "HIGH"       },
    {FB_WINDOWS, FB_AMD64, "FB-23", "TaintedDataControlsCodeFlow", PE,  {NULL},            "LOW"        },
    {FB_WINDOWS, FB_AMD64, "FB-02", "ReadAVonControlFlow",         E,   {NULL},            "LOW"        },
    {FB_WINDOWS, FB_AMD64, "FB-03", "FastFail_7",                  PNE, {NULL},            "MEDIUM"     },
    {FB_LINUX,   FB_AMD64, "FB-20", "WriteAVNearNull",             U,   {"exec_stack"},    "HIGH"       },
    {FB_LINUX,   FB_AMD64, "FB-20", "WriteAVNearNull",             U,   {"exec_heap"},     "HIGH"       },
    {FB_LINUX,   FB_AMD64, "FB-44", "Abort",                       PNE, {"exec_stack"},    "NONE"       },
    {FB_LINUX,   FB_AMD64, "FB-13", "CompilerTrap",                PNE, {NULL},            "INTERESTING"},
    {FB_LINUX,   FB_AMD64, "FB-01", "NotACrash",                   U,   {NULL},            "NONE"       },
    {FB_MACOS,   FB_AMD64, "FB-20", "WriteAVNearNull",             U,   {"exec_stack"},    NULL         },
};

static void breakpad_ratings(void)
{
    for (size_t i = 0; i < COUNT(ratings); i++) {
        static uint8_t room[1024];
        struct fb_arena arena = {.base = room, .cap = sizeof room};
        struct fb_analysis a = {0};
        a.dump.system.os = ratings[i].os;
        a.dump.system.arch = ratings[i].arch;
        struct fb_exploitability *e = &a.exploitability;
        e->fb1.class = ratings[i].class;
        e->fb1.rule = ratings[i].rule;
        e->fb1.short_name = ratings[i].short_name;
        e->signals = ratings[i].signals;
        while (e->n_signals < COUNT(ratings[i].signals) && e->signals[e->n_signals] != NULL)
            e->n_signals++;
        const char *row = ratings[i].short_name, *want = ratings[i].want;
        if (!CHECK(row, !fb_failed(fb_peers(&a, &arena))))
            continue;
        const char *got = e->peers[2].class;
        CHECK(row, want == NULL ? got == NULL : got != NULL && strcmp(got, want) == 0);
        fb_arena_reset(&arena);
    }
}

static bool says(const struct fb_peer *peer, const char *want)
{
    char got[128];
    snprintf(got, sizeof got, "%s %s", peer->class,
             peer->short_name != NULL ? peer->short_name : "-");
    return strcmp(got, want) == 0;
}

static void other_tools(void)
{
    for (size_t i = 0; i < COUNT(peers); i++) {
        static uint8_t room[1024];
        struct fb_arena arena = {.base = room, .cap = sizeof room};
        struct fb_analysis a = {.crash.instruction = peers[i].instruction};
        a.dump.system.os = peers[i].os;
        a.dump.system.arch = FB_X86;
        a.exploitability.fb1 = (struct fb_judgement){
            .class = peers[i].class, .rule = peers[i].rule, .short_name = peers[i].short_name};
        const char *row = peers[i].short_name;
        struct fb_arena none = {.base = room};
        CHECK(row, fb_peers(&a, &none).code == FB_LIMIT && a.exploitability.n_peers == 0);
        if (!CHECK(row, !fb_failed(fb_peers(&a, &arena)) && a.exploitability.n_peers == 3))
            continue;
        const struct fb_peer *v = a.exploitability.peers;
        CHECK(row, says(&v[0], peers[i].casr));
        CHECK(row, says(&v[1], peers[i].gdb));
        CHECK(row, peers[i].breakpad == NULL ? v[2].class == NULL
                                             : strcmp(v[2].class, peers[i].breakpad) == 0);
        fb_arena_reset(&arena);
    }
}

static void uris(void)
{
    static const struct {
        const char *path, *uri;
    } rows[] = {
        {"/src/a b/c#1.c",                    "file:///src/a%20b/c%231.c"        },
        {"C:\\src\\main.c",                   "file:///C:/src/main.c"            },
        {"\\\\server\\share\\a.c",            "file://server/share/a.c"          },
        {"src/a.c",                           "src/a.c"                          },
        {"a:b.c",                             "a%3Ab.c"                          },
        {"hg:hg.example.org/x:src/a.c:1234f", "hg:hg.example.org/x:src/a.c:1234f"},
        {"\xc3\xa4\x1b.c",                    "%C3%A4%1B.c"                      },
        {"",                                  ""                                 },
        {"-",                                 "-"                                },
    };
    char out[128], small[8];
    for (size_t i = 0; i < COUNT(rows); i++) {
        fb_sarif_uri(rows[i].path, out, sizeof out);
        if (!CHECK(rows[i].path, strcmp(out, rows[i].uri) == 0))
            fprintf(stderr, "    %s\n", out);
    }
    fb_sarif_uri("/src/a/long/path", small, sizeof small);
    CHECK("no room", small[0] == '\0');
}

int main(void)
{
    words(&fb_rules_fb1);
    words(&fb_rules_msec16);
    rule_of_verdict();
    other_tools();
    breakpad_ratings();
    uris();
    return check_done();
}
