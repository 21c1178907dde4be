/*
 * tests/unit/test_stack_records.c -- STACK records of .sym files: the postfix language, the
 * records at an address, and the callers that they lead to.
 */
#include "support/check.h"
#include "support/one_sym.h"
#include "symbols/postfix.h"
#include "symbols/symstack.h"
#include "unwind/cfi_rows.h"
#include "unwind/walk.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM = 1024 * 1024, STACK = ONE_SYM_STACK, BASE = ONE_SYM_BASE };
static uint8_t *room;
static struct fb_cfi_rows remembered;

/* --- the language ------------------------------------------------------------------- */

static const struct {
    const char *text;
    uint64_t want; // of a 32-bit machine on which $a is 100, and memory at 4n holds n
    bool fails;
} expressions[] = {
    {"1",                    1,          false},
    {"-1",                   0xFFFFFFFF, false},
    {"$a",                   100,        false},
    {"$a 4 +",               104,        false},
    {"3 5 -",                0xFFFFFFFE, false},
    {"4294967295 2 *",       0xFFFFFFFE, false},
    {"7 2 /",                3,          false},
    {"-7 2 /",               0x7FFFFFFC, false},
    {"7 4 %",                3,          false},
    {"$a 64 @",              64,         false},
    {"128 64 @",             128,        false},
    {"$a ^",                 25,         false},
    {"$a 4 + ^ ^",           0,          true }, // memory holds 26 there, and 26 is no place
    {"\t $a  4\t+ ",         104,        false},
    {"",                     0,          true },
    {"1 2",                  0,          true },
    {"+",                    0,          true },
    {"1 +",                  0,          true },
    {"$b",                   0,          true },
    {"$b 1 +",               0,          true },
    {"1 0 /",                0,          true },
    {"1 0 %",                0,          true },
    {"1 0 @",                0,          true },
    {"1 3 @",                0,          true },
    {"$a 1 =",               0,          true }, // no name can have a value here
    {"99999999999999999999", 0,          true },
    {"12x",                  0,          true },
    {"-",                    0,          true },
    {".undef",               0,          true },
};

static bool get(void *self, struct fb_span name, uint64_t *out)
{
    *out = 100;
    return self == NULL && fb_span_is(name, "$a");
}

static bool load(void *self, uint64_t at, uint64_t *out)
{
    *out = at / 4;
    return self == NULL && at % 4 == 0;
}

static void expressions_have_values(void)
{
    const struct fb_postfix p = {NULL, UINT32_MAX, get, NULL, load};
    for (size_t i = 0; i < COUNT(expressions); i++) {
        uint64_t got = 0;
        bool done = fb_postfix_value(&p, fb_span_of(expressions[i].text), &got);
        CHECK(expressions[i].text, done == !expressions[i].fails);
        CHECK(expressions[i].text, !done || got == expressions[i].want);
    }
}

/* `text`, `n` times. */
static char *many(const char *text, size_t n)
{
    size_t length = strlen(text);
    char *v = malloc(n * length + 1);
    for (size_t i = 0; i < n; i++)
        memcpy(v + i * length, text, length);
    v[n * length] = 0;
    return v;
}

static void work_is_bounded(void)
{
    const struct fb_postfix p = {NULL, UINT32_MAX, get, NULL, load};
    static const struct {
        const char *name, *first, *text;
        size_t n;
        bool fails;
    } rows[] = {
        {"as deep as can be", "",  "1 ",   FB_POSTFIX_SLOTS,          false},
        {"too deep",          "",  "1 ",   FB_POSTFIX_SLOTS + 1,      true },
        {"many tokens",       "1", " 1 +", FB_POSTFIX_TOKENS / 2 - 1, false},
        {"too many tokens",   "1", " 1 +", FB_POSTFIX_TOKENS / 2,     true },
        {"too long",          "1", "    ", FB_POSTFIX_TEXT_MAX / 4,   true },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *tail = many(rows[i].text, rows[i].n), text[2 * FB_POSTFIX_TEXT_MAX];
        uint64_t got;
        bool deep = rows[i].first[0] == 0; // ends with its values added up
        char *sum = deep ? many("+ ", rows[i].n - 1) : many("", 0);
        snprintf(text, sizeof text, "%s%s%s", rows[i].first, tail, sum);
        CHECK(rows[i].name, fb_postfix_value(&p, fb_span_of(text), &got) == !rows[i].fails);
        free(tail);
        free(sum);
    }
}

/* --- records at an address ---------------------------------------------------------- */

#define HEAD "MODULE windows x86 0123456789ABCDEF0123456789ABCDEF1 app.pdb\n"
#define CFI                                                                                    \
    HEAD "STACK CFI INIT 1000 20 .cfa: $esp 4 +\nSTACK CFI 1001 a\nSTACK CFI 1008 b\n"         \
         "STACK CFI 1020 c\nSTACK CFI INIT 1020 10 second\n"
#define WIN_OF(type, at, size, params, program)                                                \
    "STACK WIN " type " " at " " size " 1 2 " params " 4 8 0 " program "\n"

static const struct {
    const char *name, *text;
    uint64_t rva;
    const char *want;
    bool corrupt;
} records[] = {
    {"CFI from the first byte",             CFI,                                                 0x1000,                                                       "cfi .cfa: $esp 4 +",false },
    {"CFI after a delta",                   CFI,                                                 0x1007,                                                       "cfi .cfa: $esp 4 +|a",false },
    {"CFI at its last byte",                CFI,                                                 0x101F,                                                       "cfi .cfa: $esp 4 +|a|b",false },
    {"CFI of the next",                     CFI,                                                 0x1020,                                                       "cfi second|c",false },
    {"CFI in front",                        CFI,                                                 0xFFF,                                                        "-",false },
    {"CFI behind",                          CFI,                                                 0x1030,                                                       "-",false },
    {"CFI at 0",                            HEAD "STACK CFI INIT 0 4 x\nSTACK CFI 0 y\n",        1,                                                            "cfi x|y",false },
    {"of two CFI the first",                HEAD "STACK CFI INIT 9 4 x\nSTACK CFI INIT 9 4 y\n", 9,                                                            "cfi x",
     false},
    {"CFI around the end of all addresses", HEAD "STACK CFI INIT ffffffffffffffff 2 x\n",        9,
     "-",true  },
    {"CFI without size",                    HEAD "STACK CFI INIT 9\n",                           9,                                                            "-",true  },
    {"FPO",                                 HEAD WIN_OF("0",                                     "1000",                                                       "10","c",    "0 1"), 0x100F, "fpo 12 4 8 bp", false},
    {"FPO without ebp",                               HEAD WIN_OF("0",                                                                   "1000",                                                                                                                          "10","c","0 0"), 0x1000, "fpo 12 4 8",
     false},
    {"behind FPO",                               HEAD WIN_OF("0",            "1000","10","c","0 0"), 0x1010, "-", false},
    {"frame data",                                 HEAD WIN_OF("4",                                                                                    "1000",                                                                                                                                     "10","c","1 $T0 1 ="), 0x1000,
     "program 12 4 8 $T0 1 =", false},
    {"frame data before FPO",
     HEAD WIN_OF("0",                                                                               "1000",                                                                                                                                     "10",                                                                                                                    "c",                                                                                                                                                                                                                      "0 0") WIN_OF("4", "1000", "10", "1", "1 x"), 0x1000,
     "program 1 4 8 x", false},
    {"a later record within",
     HEAD WIN_OF("4",                              "1000", "10","1","1 x") WIN_OF("4", "1004", "4", "2", "1 y"), 0x1004,
     "program 2 4 8 y", false},
    {"what follows it is nobody's",
     HEAD WIN_OF("4",                                                                   "1000",                                                                                                                          "10","1","1 x") WIN_OF("4", "1004", "4", "2", "1 y"), 0x1008,
     "-", false},
    {"of two the last",
     HEAD WIN_OF("4","1000","10","1","1 x") WIN_OF("4", "1000", "10", "2", "1 y"), 0x1004,
     "program 2 4 8 y", false},
    {"other types say nothing",                                  HEAD WIN_OF("1",                                                                               "1000",                                                                                                                                     "10","c","0 0"), 0x1000, "-", false},
    {"a program of FPO",               HEAD WIN_OF("0",                                                                            "1000",                                                                                                     "10","c",                                                                                                                                                                                                                                            "1 x"), 0x1000, "-", true},
    {"frame data without one",                               HEAD WIN_OF("4",                                                                               "1000",                                                                                                                                        "10","c","0 0"), 0x1000, "-", true},
    {"larger than any function",                                HEAD WIN_OF("0",                                                                                   "1000",                                                                                                                   "80000000","c","0 0"), 0x1000, "-",
     true},
    {"cut short",                                  HEAD "STACK WIN 4 1000 10 1 2 3\n",                                                                    0x1000,                                                                                                                          "-",true                                                                                         },
    {"neither",                               HEAD "STACK OTHER 1000\n",                                                                                        0x1000,                                                                                                                                               "-",true},
    {"parameters of a FUNC",                               HEAD "FUNC 1000 10 c f\n",                                                                               0x1000,                                                                                                                                                                                                                    "params 12",                                                                                                                                                                                                                                                                                                                                                                                                                   false                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                         },
    {"parameters of a PUBLIC",                                  HEAD "PUBLIC 1000 8 f\n",                                                                               0x1001,                                                                                                                                     "params 8",false},
};

static void print(const struct fb_symfile *sym, uint64_t rva, char *out, size_t cap)
{
    struct fb_sym_cfi cfi;
    struct fb_stack_win win;
    uint32_t params;
    snprintf(out, cap, "-");
    if (fb_symfile_cfi(sym, rva, &cfi)) {
        size_t n = (size_t)snprintf(out, cap, "cfi %.*s", (int)cfi.rules.n, cfi.rules.p);
        for (size_t i = 0; i < cfi.n; i++)
            n += (size_t)snprintf(out + n, cap - n, "|%.*s", (int)cfi.delta[i].rules.n,
                                  cfi.delta[i].rules.p);
    } else if (fb_symfile_win(sym, rva, &win) && win.has_program) {
        snprintf(out, cap, "program %u %u %u %.*s", win.params, win.saved, win.locals,
                 (int)win.program.n, win.program.p);
    } else if (fb_symfile_win(sym, rva, &win)) {
        snprintf(out, cap, "fpo %u %u %u%s", win.params, win.saved, win.locals,
                 win.uses_bp ? " bp" : "");
    } else if (fb_symfile_params(sym, rva, &params)) {
        snprintf(out, cap, "params %u", params);
    }
}

static struct fb_symfile *read_text(const char *text, struct fb_arena *arena)
{
    struct fb_symfile *sym = NULL;
    return CHECK(text, !fb_failed(fb_symfile_read(fb_span_of(text), arena, &sym))) ? sym : NULL;
}

static void records_are_found(void)
{
    for (size_t i = 0; i < COUNT(records); i++) {
        struct fb_arena arena = {.base = room, .cap = ROOM};
        struct fb_symfile *sym = read_text(records[i].text, &arena);
        char got[256];
        if (sym == NULL)
            continue;
        print(sym, records[i].rva, got, sizeof got);
        if (!CHECK(records[i].name, strcmp(got, records[i].want) == 0))
            fprintf(stderr, "  got %s\n", got);
        CHECK(records[i].name, fb_symfile_corrupt(sym) == records[i].corrupt);
        fb_arena_reset(&arena);
    }
}

/* --- callers ------------------------------------------------------------------------ */

/* One thread at BASE + 0x1004, its sp at the bottom of a stack whose words are given. All
 * registers but ip and sp hold 0xA0 plus their number. */
struct row {
    const char *name;
    enum fb_arch arch;
    const char *text;
    uint64_t words[12];
    const char *method;    // of the caller; NULL: none is found that way
    uint64_t ip, sp_words; // of the caller; sp in words above the bottom
    int reg;               // one more register: -1 none,
    uint64_t value;        // which has this value, 0: is unknown
    const char *second;    // the method of the caller's caller, NULL: not asked
    uint64_t second_ip;
};
#define RA(n) (BASE + 0x2000 + (n))
#define AT(n) (STACK + 4 * (n))
#define PROGRAM(params, saved, locals, text)                                                   \
    HEAD "STACK WIN 4 1000 10 0 0 " params " " saved " " locals " 0 1 " text "\n"
#define PLAIN "$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + ="
#define FPO(params, saved, locals, bp)                                                         \
    HEAD "STACK WIN 0 1000 10 0 0 " params " " saved " " locals " 0 0 " bp "\n"
#define RULES(text) HEAD "STACK CFI INIT 1000 10 " text "\n"

// clang-format off
static const struct row rows[] = {
    /* frame data */
    {"a program", FB_X86, PROGRAM("0", "4", "4", PLAIN), {1, 2, RA(0)}, "stack_win", RA(0), 3,
     FB_EBP, 0xA0 + FB_EBP, NULL, 0},
    {"ebx survives", FB_X86, PROGRAM("0", "0", "0", PLAIN), {RA(0)}, "stack_win", RA(0), 1,
     FB_EBX, 0xA0 + FB_EBX, NULL, 0},
    {"esi does not", FB_X86, PROGRAM("0", "0", "0", PLAIN), {RA(0)}, "stack_win", RA(0), 1,
     FB_ESI, 0, NULL, 0},
    {"a register is restored", FB_X86,
     PROGRAM("0", "4", "0", PLAIN " $esi $T0 4 - ^ ="), {77, RA(0)}, "stack_win", RA(0), 2,
     FB_ESI, 77, NULL, 0},
    {"by its number", FB_X86, PROGRAM("0", "4", "0", PLAIN " $24 $T0 4 - ^ ="), {77, RA(0)},
     "stack_win", RA(0), 2, FB_EDI, 77, NULL, 0},
    {"a = without its blank", FB_X86,
     PROGRAM("0", "0", "0", "$T0 .raSearchStart =$eip $T0 ^ =$esp $T0 4 + ="), {RA(0)},
     "stack_win", RA(0), 1, -1, 0, NULL, 0},
    {"locals miscounted", FB_X86, PROGRAM("0", "0", "4", PLAIN), {1, 2, 3, RA(0)}, "stack_win",
     RA(0), 4, -1, 0, NULL, 0},
    {"too far off", FB_X86, PROGRAM("0", "0", "0", PLAIN), {1, 2, 3, 4, RA(0)}, NULL, 0, 0, -1,
     0, NULL, 0},
    {"something is left", FB_X86, PROGRAM("0", "0", "0", PLAIN " 1"), {RA(0)}, NULL, 0, 0, -1,
     0, NULL, 0},
    {"no esp", FB_X86, PROGRAM("0", "0", "0", "$eip .raSearch ^ ="), {RA(0)}, NULL, 0, 0, -1, 0,
     NULL, 0},
    {"parameters of the callee lie in between", FB_X86,
     PROGRAM("8", "0", "0", PLAIN) "STACK WIN 4 2000 10 0 0 0 0 4 0 1 " PLAIN "\n",
     {RA(1), 1, 2, 3, RA(4)}, "stack_win", RA(1), 1, -1, 0, "stack_win", RA(4)},
    {"of a FUNC, too", FB_X86,
     HEAD "FUNC 1000 10 8 f\nFUNC 2000 10 0 g\nSTACK CFI INIT 1000 10 .cfa: $esp 4 + .ra: "
          ".cfa 4 - ^\nSTACK WIN 4 2000 10 0 0 0 0 4 0 1 " PLAIN "\n",
     {RA(1), 1, 2, 3, RA(4)}, "stack_cfi", RA(1), 1, -1, 0, "stack_win", RA(4)},
    /* FPO */
    {"FPO", FB_X86, FPO("0", "4", "4", "0"), {1, 2, RA(0)}, "stack_win", RA(0), 3, FB_EBX,
     0xA0 + FB_EBX, NULL, 0},
    {"FPO that uses ebp", FB_X86, FPO("0", "8", "4", "1"), {55, 1, 2, RA(0)}, "stack_win", RA(0),
     4, FB_EBP, 55, NULL, 0},
    {"what is left of a call", FB_X86, FPO("0", "0", "4", "0"), {1, BASE + 0x1004, RA(0)},
     "stack_win", RA(0), 3, -1, 0, NULL, 0},
    /* rules */
    {"rules", FB_X86, RULES(".cfa: $esp 12 + .ra: .cfa 4 - ^ $ebp: .cfa 8 - ^"),
     {1, 66, RA(0)}, "stack_cfi", RA(0), 3, FB_EBP, 66, NULL, 0},
    {"a register without a rule", FB_X86, RULES(".cfa: $esp 4 + .ra: .cfa 4 - ^"), {RA(0)},
     "stack_cfi", RA(0), 1, FB_ESI, 0xA0 + FB_ESI, NULL, 0},
    {"one whose rule fails", FB_X86, RULES(".cfa: $esp 4 + .ra: .cfa 4 - ^ $esi: .undef"),
     {RA(0)}, "stack_cfi", RA(0), 1, FB_ESI, 0, NULL, 0},
    {"a later rule replaces", FB_X86,
     RULES(".cfa: $esp 4 + .ra: .cfa 4 - ^") "STACK CFI 1004 .cfa: $esp 8 +\n", {1, RA(0)},
     "stack_cfi", RA(0), 2, -1, 0, NULL, 0},
    {"not yet", FB_X86,
     RULES(".cfa: $esp 4 + .ra: .cfa 4 - ^") "STACK CFI 1005 .cfa: $esp 8 +\n", {RA(0), RA(4)},
     "stack_cfi", RA(0), 1, -1, 0, NULL, 0},
    {"no .cfa", FB_X86, RULES(".ra: $esp ^"), {RA(0)}, NULL, 0, 0, -1, 0, NULL, 0},
    {"no .ra", FB_X86, RULES(".cfa: $esp 4 +"), {RA(0)}, NULL, 0, 0, -1, 0, NULL, 0},
    {"without dollars", FB_AMD64, RULES(".cfa: rsp 16 + .ra: .cfa -8 + ^ rbx: .cfa -16 + ^"),
     {5, RA(0)}, "stack_cfi", RA(0), 2, FB_RBX, 5, NULL, 0},
    {"the number first", FB_AMD64, RULES(".cfa: 16 $rsp + .ra: .cfa -8 + ^ $rbx: -16 .cfa + ^"),
     {5, RA(0)}, "stack_cfi", RA(0), 2, FB_RBX, 5, NULL, 0},
    {"no number", FB_AMD64, RULES(".cfa: $rsp .ra: .cfa ^ $rbx: $rbp"),
     {RA(0)}, NULL, 0, 0, -1, 0, NULL, 0},
    {"more than one sum", FB_AMD64, RULES(".cfa: $rsp 8 + 8 + .ra: .cfa -8 + ^ $rbx: .cfa 0 +"),
     {5, RA(0)}, "stack_cfi", RA(0), 2, FB_RBX, STACK + 16, NULL, 0},
    {".cfa of .cfa", FB_AMD64, RULES(".cfa: .cfa 8 + .ra: $rsp ^"), {RA(0)}, NULL, 0, 0, -1, 0,
     NULL, 0},
    {"a register that nobody knows", FB_AMD64, RULES(".cfa: $rsp 8 + .ra: .cfa -8 + ^ $rbx: $cs 4 +"),
     {RA(0)}, "stack_cfi", RA(0), 1, FB_RBX, 0, NULL, 0},
    {"an operator that is none", FB_AMD64, RULES(".cfa: $rsp 8 + .ra: .cfa -8 + ^ $rbx: .cfa 4 &"),
     {RA(0)}, "stack_cfi", RA(0), 1, FB_RBX, 0, NULL, 0},
    {"sp of its own", FB_AMD64, RULES(".cfa: $rsp 8 + .ra: .cfa -8 + ^ $rsp: .cfa 8 +"),
     {RA(0)}, "stack_cfi", RA(0), 2, -1, 0, NULL, 0},
    {"a link register", FB_ARM64, RULES(".cfa: sp 16 + .ra: .cfa -8 + ^ x29: .cfa -16 + ^"),
     {88, RA(0)}, "stack_cfi", RA(0), 2, FB_FP64, 88, NULL, 0},
    {"named for what it is", FB_ARM, RULES(".cfa: r13 8 + .ra: .cfa -4 + ^ r11: .cfa -8 + ^"),
     {88, RA(0)}, "stack_cfi", RA(0), 2, FB_FP32, 88, NULL, 0},
};
// clang-format on

static void put_stack(const struct row *row, struct one_sym *p)
{
    size_t word = fb_reg_names(row->arch)->word;
    for (size_t i = 0; i < COUNT(row->words); i++)
        for (size_t k = 0; k < word; k++)
            p->stack[i * word + k] = (uint8_t)(row->words[i] >> (8 * k));
}

static void put_registers(const struct row *row, struct one_sym *p)
{
    const struct fb_reg_names *names = fb_reg_names(row->arch);
    p->regs = (struct fb_regs){.arch = row->arch};
    for (int i = 0; i < (int)names->n; i++)
        fb_reg_set(&p->regs, i, 0xA0 + (uint64_t)i);
    fb_reg_set(&p->regs, names->ip, BASE + 0x1004);
    fb_reg_set(&p->regs, names->sp, STACK);
}

static void make(const struct row *row, struct one_sym *p)
{
    one_sym_make(p, row->arch);
    put_stack(row, p);
    put_registers(row, p);
}

static bool by_record(const struct fb_stack *s, size_t i)
{
    return s->n > i && strncmp(s->v[i].method, "stack_", 6) == 0;
}

static void caller_is(const struct row *row, const struct fb_stack *s)
{
    size_t word = fb_reg_names(row->arch)->word;
    if (row->method == NULL) {
        CHECK(row->name, !by_record(s, 1));
        return;
    }
    if (!CHECK(row->name, by_record(s, 1) && strcmp(s->v[1].method, row->method) == 0))
        return;
    const struct fb_frame *f = &s->v[1];
    CHECK(row->name, f->resume == row->ip && f->sp == STACK + row->sp_words * word);
    CHECK(row->name, row->reg < 0 || fb_reg_known(&f->regs, row->reg) == (row->value != 0));
    CHECK(row->name, row->reg < 0 || row->value == 0 || f->regs.v[row->reg] == row->value);
    if (row->second != NULL && CHECK(row->name, by_record(s, 2)))
        CHECK(row->name,
              s->v[2].resume == row->second_ip && strcmp(s->v[2].method, row->second) == 0);
}

static void callers_are_found(void)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct one_sym p;
        struct fb_arena arena = {.base = room, .cap = ROOM};
        struct fb_stack stack = {0};
        make(&rows[i], &p);
        p.sym = read_text(rows[i].text, &arena);
        struct fb_walk_env env = {.dump = &p.dump, .symbols = &p.symbols};
        fb_cfi_rows_open(&remembered);
        for (int walks = 0; walks < 3; walks++) { // the last one has what the second has read
            CHECK(rows[i].name, !fb_failed(fb_walk(&env, &p.thread, &p.regs, &arena, &stack)));
            caller_is(&rows[i], &stack);
            env.rows = &remembered;
        }
        fb_arena_reset(&arena);
    }
}

int main(void)
{
    room = malloc(ROOM);
    expressions_have_values();
    work_is_bounded();
    records_are_found();
    callers_are_found();
    free(room);
    return check_done();
}
