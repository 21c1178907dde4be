/* tests/unit/test_symfile.c -- Breakpad symbol files, a row per oddity that real ones have. */
#include "support/check.h"
#include "symbols/symfile.h"

#include <stdlib.h>
#include <string.h>

#define HEAD "MODULE windows x86_64 0123456789ABCDEF0123456789ABCDEF1 a b.pdb\n"

/* What one look-up gives: "function+start file:line", then " < function file:line" per inlined
 * call, innermost first; "-" where nothing is. */
static const struct {
    const char *name, *text;
    uint64_t rva;
    const char *want;
    bool corrupt;
} rows[] = {
    {"in a function",                   HEAD "FILE 1 a.c\nFUNC 1000 10 0 f\n1000 8 7 1\n1008 8 8 1\n",         0x1008,
     "f+1000 a.c:8",                                                                                                                                                          false},
    {"its last byte",                   HEAD "FUNC 1000 10 0 f\n",                                             0x100f,             "f+1000 -:0",                              false},
    {"behind its end",                  HEAD "FUNC 1000 10 0 f\n",                                             0x1010,             "-",                                       false},
    {"before everything",               HEAD "FUNC 1000 10 0 f\n",                                             0xfff,              "-",                                       false},
    {"a gap between lines",             HEAD "FILE 1 a.c\nFUNC 1000 10 0 f\n1000 4 7 1\n1008 8 8 1\n",
     0x1005,                                                                                                                       "f+1000 -:0",                              false},
    {"m: one of many",                  HEAD "FUNC m 1000 10 0 f\n",                                           0x1000,             "f+1000 -:0 shared",                       false},
    {"name with spaces and tabs",       HEAD "FUNC 1000 10 0 a (b,\tc) d\n",                                   0x1000,
     "a (b,\tc) d+1000 -:0",                                                                                                                                                  false},
    {"name that is no UTF-8",           HEAD "FUNC 1000 10 0 f\xff\n",                                         0x1000,             "f\xef\xbf\xbd+1000 -:0",
     false                                                                                                                                                                         },
    {"no name",                         HEAD "FUNC 1000 10 0\n",                                               0x1000,             "<name omitted>+1000 -:0",                 false},
    {"CRLF",                            "MODULE a b 12 c\r\nFILE 1 a.c\r\nFUNC 1000 10 0 f\r\n1000 8 7 1\r\n", 0x1000,
     "f+1000 a.c:7",                                                                                                                                                          false},
    {"no last newline",                 HEAD "FUNC 1000 10 0 f",                                               0x1000,             "f+1000 -:0",                              false},
    {"empty lines",                     HEAD "\n\nFUNC 1000 10 0 f\n\n",                                       0x1000,             "f+1000 -:0",                              false},
    {"unsorted",                        HEAD "FUNC 2000 10 0 g\nFUNC 1000 10 0 f\n",                           0x1001,             "f+1000 -:0",                              false},
    {"unsorted lines",                  HEAD "FILE 1 a.c\nFUNC 1000 10 0 f\n1008 8 8 1\n1000 8 7 1\n",         0x1001,
     "f+1000 a.c:7",                                                                                                                                                          false},
    {"nested: inside",                  HEAD "FUNC 1000 100 0 f\nFUNC 1010 10 0 g\n",                          0x1018,             "g+1010 -:0",
     false                                                                                                                                                                         },
    {"nested: behind",                  HEAD "FUNC 1000 100 0 f\nFUNC 1010 10 0 g\n",                          0x1020,             "f+1000 -:0",
     false                                                                                                                                                                         },
    {"nested thrice: behind",
     HEAD "FUNC 1000 100 0 f\nFUNC 1010 40 0 g\nFUNC 1012 4 0 h\nFUNC 1018 4 0 i\n",                           0x1050,
     "f+1000 -:0",                                                                                                                                                            false},
    {"folded: the first counts",        HEAD "FUNC 1000 10 0 f\nFUNC 1000 10 0 g\n",                           0x1000,
     "f+1000 -:0",                                                                                                                                                            false},
    {"function of no bytes",            HEAD "FUNC 1000 0 0 f\n1000 4 1 1\n",                                  0x1000,             "-",                                       false},
    {"it hides no public",              HEAD "PUBLIC ff0 0 p\nFUNC 1000 0 0 f\n",                              0x1000,             "p+ff0 -:0",
     false                                                                                                                                                                         },
    {"line of no bytes",                HEAD "FILE 1 a.c\nFUNC 1000 10 0 f\n1000 0 6 1\n1000 8 7 1\n",         0x1000,
     "f+1000 a.c:7",                                                                                                                                                          false},
    {"FILE twice: the last counts",
     HEAD "FILE 1 a.c\nFILE 1 b.c\nFUNC 1000 10 0 f\n1000 8 7 1\n",                                            0x1000,             "f+1000 b.c:7",
     false                                                                                                                                                                         },
    {"FILE that is not there",          HEAD "FUNC 1000 10 0 f\n1000 8 7 1\n",                                 0x1000,             "f+1000 -:7",
     false                                                                                                                                                                         },
    {"public",                          HEAD "PUBLIC 1000 0 p\n",                                              0x1200,             "p+1000 -:0",                              false},
    {"public m",                        HEAD "PUBLIC m 1000 0 p\n",                                            0x1200,             "p+1000 -:0 shared",                       false},
    {"public at 0",                     HEAD "PUBLIC 0 0 p\n",                                                 0x10,               "-",                                       false},
    {"public too far below",            HEAD "PUBLIC 1000 0 p\n",                                              0x1000 + 0x100001,  "-",                                       false},
    {"public just near enough",         HEAD "PUBLIC 1000 0 p\n",                                              0x1000 + 0x100000,  "p+1000 -:0",
     false                                                                                                                                                                         },
    {"a function starts between",       HEAD "PUBLIC 1000 0 p\nFUNC 1100 10 0 f\n",                            0x1200,             "-",
     false                                                                                                                                                                         },
    {"public behind a function",        HEAD "PUBLIC 1180 0 p\nFUNC 1100 10 0 f\n",                            0x1200,
     "p+1180 -:0",                                                                                                                                                            false},
    {"function before public",          HEAD "PUBLIC 1100 0 p\nFUNC 1100 10 0 f\n",                            0x1100,             "f+1100 -:0",
     false                                                                                                                                                                         },
    {"inlined twice",
     HEAD "FILE 1 a.c\nFILE 2 b.h\nINLINE_ORIGIN 4 g()\nINLINE_ORIGIN 5 h()\nFUNC 1000 20 0 f\n"
          "INLINE 0 40 1 4 1000 10\nINLINE 1 50 2 5 1004 4\n1000 4 61 2\n1004 4 62 2\n",                       0x1004,             "f+1000 a.c:40 < h() b.h:62 < g() b.h:50", false},
    {"inlined once beside it",
     HEAD "FILE 1 a.c\nINLINE_ORIGIN 4 g()\nFUNC 1000 20 0 f\n"
          "INLINE 0 40 1 4 1000 4 1008 4\n1000 10 61 1\n",                                                     0x1009,             "f+1000 a.c:40 < g() a.c:61",              false},
    {"between the ranges of an inline",
     HEAD "FILE 1 a.c\nINLINE_ORIGIN 4 g()\nFUNC 1000 20 0 f\n"
          "INLINE 0 40 1 4 1000 4 1008 4\n1000 10 61 1\n",                                                     0x1005,             "f+1000 a.c:61",                           false},
    {"origin within the function",
     HEAD "FILE 1 a.c\nFUNC 1000 20 0 f\nINLINE 0 40 1 4 1000 4\nINLINE_ORIGIN 4 g()\n"
          "1000 10 61 1\n",                                                                                    0x1000,             "f+1000 a.c:40 < g() a.c:61",              false},
    {"origin that is not there",        HEAD "FUNC 1000 20 0 f\nINLINE 0 40 1 4 1000 4\n",                     0x1000,
     "f+1000 -:40 < <name omitted> -:0",                                                                                                                                      false},
    {"old form of inlines",
     HEAD "FILE 1 a.c\nFILE 2 b.h\nINLINE_ORIGIN 4 2 g()\nINLINE_ORIGIN 5 -1 h()\n"
          "FUNC 1000 20 0 f\nINLINE 0 40 4 1000 10\nINLINE 1 50 5 1004 4\n1000 4 61 1\n"
          "1004 4 62 2\n",                                                                                     0x1004,             "f+1000 a.c:40 < h() b.h:62 < g() b.h:50", false},
    {"INFO is skipped",                 HEAD "INFO CODE_ID 1 a.dll\nINFO anything\nFUNC 1000 10 0 f\n",        0x1000,
     "f+1000 -:0",                                                                                                                                                            false},
    {"inline before any function",      HEAD "INLINE 0 40 1 4 1000 4\nFUNC 1000 10 0 f\n",                     0x1000,
     "f+1000 -:0",                                                                                                                                                            true },
    {"inline without a range",          HEAD "FUNC 1000 10 0 f\nINLINE 0 40 1 4\n",                            0x1000,             "f+1000 -:0",
     true                                                                                                                                                                          },
    {"line before any function",        HEAD "1000 4 1 1\nFUNC 1000 10 0 f\n",                                 0x1000,             "f+1000 -:0",
     true                                                                                                                                                                          },
    {"bad function keeps no lines",
     HEAD "FILE 1 a.c\nFUNC 1000 10 0 f\nFUNC zz 10 0 g\n1000 8 7 1\n",                                        0x1000,             "f+1000 -:0",
     true                                                                                                                                                                          },
    {"unknown record",                  HEAD "HELLO\nFUNC 1000 10 0 f\n",                                      0x1000,             "f+1000 -:0",                              true },
    {"function wraps",                  HEAD "FUNC ffffffffffffffff 10 0 f\nPUBLIC 1000 0 p\n",                0x1000,
     "p+1000 -:0",                                                                                                                                                            true },
    {"function to the last byte",       HEAD "FUNC fffffffffffffff0 f 0 f\n",                                  0xfffffffffffffffe,
     "f+fffffffffffffff0 -:0",                                                                                                                                                false},
    {"number too long",                 HEAD "FUNC 11111111111111111 10 0 f\nPUBLIC 1000 0 p\n",               0x1000,
     "p+1000 -:0",                                                                                                                                                            true },
    {"line number too large",           HEAD "FUNC 1000 10 0 f\n1000 4 4294967296 1\n",                        0x1000,
     "f+1000 -:0",                                                                                                                                                            true },
    {"line number as large as can be",  HEAD "FUNC 1000 10 0 f\n1000 4 4294967295 4294967295\n",
     0x1000,                                                                                                                       "f+1000 -:4294967295",                     false},
};

static const char *or_dash(const char *s) { return s != NULL ? s : "-"; }

static void print(const struct fb_symbol *s, char *out, size_t cap)
{
    size_t n = (size_t)snprintf(out, cap, "%s+%llx %s:%u", or_dash(s->function),
                                (unsigned long long)s->function_rva, or_dash(s->file), s->line);
    if (s->shared)
        n += (size_t)snprintf(out + n, cap - n, " shared");
    for (size_t i = 0; i < s->n_inlines && n < cap; i++)
        n += (size_t)snprintf(out + n, cap - n, " < %s %s:%u", s->inlines[i].function,
                              or_dash(s->inlines[i].file), s->inlines[i].line);
}

static void look_up_rows(uint8_t *room, size_t cap)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fb_arena arena = {.base = room, .cap = cap};
        struct fb_symfile *sym = NULL;
        struct fb_symbol symbol;
        char got[512] = "-";
        struct fb_err err = fb_symfile_read(fb_span_of(rows[i].text), &arena, &sym);
        if (!CHECK(rows[i].name, !fb_failed(err)))
            continue;
        uint64_t start = 0;
        bool found = fb_symfile_lookup(sym, rows[i].rva, &arena, &symbol);
        if (found)
            print(&symbol, got, sizeof got);
        CHECK(rows[i].name, fb_symfile_function(sym, rows[i].rva, &start) == found);
        CHECK(rows[i].name, !found || start == symbol.function_rva);
        if (!CHECK(rows[i].name, strcmp(got, rows[i].want) == 0))
            fprintf(stderr, "  got %s\n", got);
        CHECK(rows[i].name, fb_symfile_corrupt(sym) == rows[i].corrupt);
        fb_arena_reset(&arena);
    }
}

static void head(uint8_t *room, size_t cap)
{
    static const struct {
        const char *name, *text;
        enum fb_code want;
        const char *id, *file;
    } heads[] = {
        {"module",                HEAD,                      FB_OK,        "0123456789ABCDEF0123456789ABCDEF1", "a b.pdb"},
        {"module without a name", "MODULE a b 12",           FB_OK,        "12",                                ""       },
        {"empty",                 "",                        FB_MALFORMED, NULL,                                NULL     },
        {"something else",        "<html>",                  FB_MALFORMED, NULL,                                NULL     },
        {"not the first line",    "FUNC 1000 10 0 f\n" HEAD, FB_MALFORMED, NULL,                                NULL     },
    };
    for (size_t i = 0; i < COUNT(heads); i++) {
        struct fb_arena arena = {.base = room, .cap = cap};
        struct fb_symfile *sym = NULL;
        struct fb_err err = fb_symfile_read(fb_span_of(heads[i].text), &arena, &sym);
        CHECK(heads[i].name, err.code == heads[i].want);
        if (err.code == FB_OK && heads[i].id != NULL) {
            CHECK(heads[i].name, strcmp(fb_symfile_debug_id(sym), heads[i].id) == 0);
            CHECK(heads[i].name, strcmp(fb_symfile_debug_file(sym), heads[i].file) == 0);
        }
        fb_arena_reset(&arena);
    }
}

/* In any block that is too small reading says LIMIT, and a look-up says nothing
 * or the truth. */
static void starve(uint8_t *room, size_t cap)
{
    static const char text[] = HEAD "FILE 1 a.c\nINLINE_ORIGIN 4 g()\nFUNC 1000 20 0 f\n"
                                    "INLINE 0 40 1 4 1000 4\n1000 10 61 1\nPUBLIC 1 0 p\n";
    struct fb_arena arena = {.base = room, .cap = cap};
    struct fb_symfile *sym = NULL;
    struct fb_symbol symbol;
    CHECK("starve", !fb_failed(fb_symfile_read(fb_span_of(text), &arena, &sym)));
    size_t read = arena.used;
    CHECK("starve", fb_symfile_lookup(sym, 0x1000, &arena, &symbol));
    size_t all = arena.used;
    fb_arena_reset(&arena);
    for (size_t less = 0; less < all; less++) {
        arena = (struct fb_arena){.base = room, .cap = less};
        struct fb_err err = fb_symfile_read(fb_span_of(text), &arena, &sym);
        CHECK("starve", err.code == (less < read ? FB_LIMIT : FB_OK));
        if (err.code == FB_OK && fb_symfile_lookup(sym, 0x1000, &arena, &symbol))
            CHECK("starve", strcmp(symbol.function, "f") == 0);
        fb_arena_reset(&arena);
    }
}

/* A name is cut, never the record; and nobody reads a million bad lines. */
static void large(uint8_t *room, size_t cap)
{
    enum { LONG = 200 * 1000, BAD = 1500 };
    static const char last[] = "\nFUNC 2000 10 0 g\n";
    char *text = malloc(LONG + 256);
    size_t n = (size_t)sprintf(text, "%s", HEAD "FUNC 1000 10 0 ");
    memset(text + n, 'x', LONG);
    memcpy(text + n + LONG, last, sizeof last);
    struct fb_arena arena = {.base = room, .cap = cap};
    struct fb_symfile *sym = NULL;
    struct fb_symbol symbol;
    CHECK("long name", !fb_failed(fb_symfile_read(fb_span_of(text), &arena, &sym)));
    CHECK("long name", fb_symfile_lookup(sym, 0x1000, &arena, &symbol));
    CHECK("long name", strlen(symbol.function) < 5000 && !fb_symfile_corrupt(sym));
    CHECK("long name", fb_symfile_lookup(sym, 0x2000, &arena, &symbol));
    fb_arena_reset(&arena);

    n = (size_t)sprintf(text, "%s", HEAD "FUNC 1000 10 0 f\n");
    for (int i = 0; i < BAD; i++)
        n += (size_t)sprintf(text + n, "BAD\n");
    memcpy(text + n, last, sizeof last);
    CHECK("bad lines", !fb_failed(fb_symfile_read(fb_span_of(text), &arena, &sym)));
    CHECK("bad lines", fb_symfile_corrupt(sym));
    CHECK("bad lines", fb_symfile_lookup(sym, 0x1000, &arena, &symbol));
    CHECK("bad lines", !fb_symfile_lookup(sym, 0x2000, &arena, &symbol));
    fb_arena_reset(&arena);
    free(text);
}

int main(void)
{
    enum { ROOM = 1024 * 1024 };
    uint8_t *room = malloc(ROOM);
    look_up_rows(room, ROOM);
    head(room, ROOM);
    starve(room, ROOM);
    large(room, ROOM);
    free(room);
    return check_done();
}
