/*
 * tests/unit/test_vectors.c -- vector files as people write them: columns in any order, rows
 * that are judged, and every way in which a line can be wrong.
 */
#include "base/arena.h"
#include "disasm/insn.h"
#include "exploitability/exploitability.h"
#include "exploitability/vectors.h"
#include "support/check.h"

#include <string.h>

static uint8_t room[4 << 20];

static struct fb_span span_of(const char *text)
{
    return (struct fb_span){(const uint8_t *)text, strlen(text), 0};
}

static void headers(void)
{
    static const struct {
        const char *line, *error; // NULL: it is one
    } rows[] = {
        {"id",                  NULL                                   },
        {"fb_class\tid\tnotes", NULL                                   },
        {"fb_class",            "there is no column id"                },
        {"id\tfb_clas",         "a column has a name that is not known"},
        {"id\tid",              "a column stands twice"                },
        {"id\t",                "a column has a name that is not known"},
        {"",                    "a column has a name that is not known"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fb_vector_header header;
        struct fb_err err = fb_vector_header(span_of(rows[i].line), &header);
        CHECK(rows[i].line, rows[i].error == NULL
                                ? !fb_failed(err)
                                : err.what != NULL && strcmp(err.what, rows[i].error) == 0);
    }
}

#define HEADER                                                                                 \
    "os\tarch\texc_code\taccess\tfault_addr\tip\tbytes\tregs\tcontext\tfb_rule\tfb_"           \
    "class\teff_addr\t"                                                                        \
    "check\torigin\tid"
#define WRITE "windows\tamd64\t0xc0000005\twrite\t0x41414141\t0x401000\t8908\t"
#define ENDS  "\tFB-19\tEXPLOITABLE\t-\tfb\tderived\tT1"

// clang-format off
/* Rows under HEADER; what is wrong with them, or which columns differ. */
static const struct {
    const char *line, *error, *differs;
} lines[] = {
    {WRITE "rax=41414141\t-" ENDS, NULL, ""},
    {WRITE "rax=41414141\t-\tFB-20\tUNKNOWN\t0x10\tfb\t-\tT1", NULL, "fb_rule fb_class eff_addr "},
    {WRITE "rax=41414141\t-\t-\t-\t-\tboth\t-\tT1", NULL, ""},
    {WRITE "rax=41414141\tstack_limit=0x10000;stack_base=0x20000;seh=invalid:42424242" ENDS, NULL, ""},
    {WRITE "rax=41414141\tsi_code=-6;unknown_frames=1" ENDS, NULL, ""},
    {WRITE "rax=41414141\t-\tFB-19", "the row has fewer fields than the header", NULL},
    {WRITE "rax=41414141\t-" ENDS "\tx", "the row has more fields than the header", NULL},
    {"beos\tx86\t1\t-\t-\t-\t-\t-\t-" ENDS, "os has a value that is not known", NULL},
    {"linux\tvax\t1\t-\t-\t-\t-\t-\t-" ENDS, "arch has a value that is not known", NULL},
    {"linux\tx86\televen\t-\t-\t-\t-\t-\t-" ENDS, "exc_code is no number", NULL},
    {"linux\tx86\t0x\t-\t-\t-\t-\t-\t-" ENDS, "exc_code is no number", NULL},
    {"linux\tx86\t11\twritten\t-\t-\t-\t-\t-" ENDS, "access has a value that is not known", NULL},
    {"linux\tx86\t11\t-\t0x10000000000000000\t-\t-\t-\t-" ENDS, "fault_addr is no number", NULL},
    {"linux\tx86\t11\t-\t-\t-1\t-\t-\t-" ENDS, "ip is no number", NULL},
    {"linux\tx86\t11\t-\t-\t-\t123\t-\t-" ENDS, "bytes has an odd or too large number of digits", NULL},
    {"linux\tx86\t11\t-\t-\t-\tzz\t-\t-" ENDS, "bytes is no number", NULL},
    {"linux\tamd64\t11\t-\t-\t0xffffffffffffffff\t9090\t-\t-" ENDS, "memory reaches beyond the address space", NULL},
    {"linux\tx86\t11\t-\t-\t-\t-\trax=1\t-" ENDS, "regs has a register or value that is none", NULL},
    {"linux\tx86\t11\t-\t-\t-\t-\teax\t-" ENDS, "regs has a register or value that is none", NULL},
    {"linux\tx86\t11\t-\t-\t-\t-\teax=\t-" ENDS, "regs has a register or value that is none", NULL},
    {"linux\tx86\t11\t-\t-\t-\t-\teax=11111111111111111\t-" ENDS, "regs has a register or value that is none", NULL},
    {"linux\tx86\t11\t-\t-\t-\t-\t-\tstack_limt=1" ENDS, "context has a value that is not known", NULL},
    {"linux\tx86\t11\t-\t-\t-\t-\t-\ttos" ENDS, "context has a value that is not known", NULL},
    {"linux\tx86\t11\t-\t-\t-\t-\t-\ttos=x" ENDS, "context has a number that is none", NULL},
    {"linux\tx86\t11\t-\t-\t-\t-\t-\tseh=valid" ENDS, "context has a handler chain that is none", NULL},
    {"linux\tx86\t11\t-\t-\t-\t-\t-\tmach=1:x" ENDS, "context has a mach exception that is none", NULL},
    {"linux\tx86\t11\t-\t-\t-\t-\t-\tstack_limit=0x20000;stack_base=0x10000" ENDS, "context has a stack that ends before it begins", NULL},
    {"linux\tx86\t11\t-\t-\t-\t-\t-\tstack_limit=0;stack_base=0xffffffff\t-\t-\t-\t-\tpeer-test\tT1", "context has a stack that is larger than is read", NULL},
    {WRITE "-\t-\tFB-19\tBAD\t-\tfb\t-\tT1", "fb_class has a value that is not known", NULL},
    {WRITE "-\t-\tFB-19\t-\t-\tmaybe\t-\tT1", "check has a value that is not known", NULL},
    {WRITE "-\t-\tFB-19\t-\there\tfb\t-\tT1", "eff_addr is no number", NULL},
};
// clang-format on

static struct fb_err judge(const char *line, struct fb_arena *arena, size_t capstone,
                           char *differs, size_t n)
{
    struct fb_vector_header header;
    struct fb_vector v;
    struct fb_analysis *a = NULL;
    struct fb_err err = fb_vector_header(span_of(HEADER), &header);
    if (!fb_failed(err))
        err = fb_vector_row(&header, span_of(line), arena, &v);
    if (!fb_failed(err))
        err = fb_vector_process(&v, arena, &a);
    if (!fb_failed(err))
        err = fb_judge(a, capstone, arena);
    if (fb_failed(err))
        return err;
    struct fb_vector_difference found[FB_VECTOR_DIFFERENCES];
    for (size_t i = 0, k = fb_vector_compare(&v, a, arena, found); i < k; i++) {
        size_t at = strlen(differs);
        snprintf(differs + at, n - at, "%s ", fb_vector_column_name(found[i].column));
    }
    return err;
}

static void rows(size_t capstone)
{
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct fb_arena arena = {.base = room, .cap = sizeof room};
        char differs[256] = "";
        struct fb_err err = judge(lines[i].line, &arena, capstone, differs, sizeof differs);
        const char *error = fb_failed(err) ? err.what : NULL;
        bool same = lines[i].error == NULL
                        ? error == NULL && strcmp(differs, lines[i].differs) == 0
                        : error != NULL && strcmp(error, lines[i].error) == 0;
        if (!CHECK(lines[i].line, same))
            fprintf(stderr, "    %s; differs: %s\n", error != NULL ? error : "it can be read",
                    differs);
        fb_arena_reset(&arena);
    }
}

/* Every arena too small for the row is said to be so, and nothing else happens. */
static void small_rooms(size_t capstone)
{
    for (size_t cap = 0; cap < 16384; cap += 61) {
        struct fb_arena arena = {.base = room, .cap = cap};
        char differs[256] = "";
        struct fb_err err = judge(lines[0].line, &arena, capstone, differs, sizeof differs);
        CHECK("small room", !fb_failed(err) || err.code == FB_LIMIT);
        fb_arena_reset(&arena);
    }
}

static void numbers(void)
{
    static const struct {
        const char *text;
        bool is;
        uint64_t v;
    } texts[] = {
        {"0",                    true,  0         },
        {"17",                   true,  17        },
        {"0x1F",                 true,  31        },
        {"18446744073709551615", true,  UINT64_MAX},
        {"18446744073709551616", false, 0         },
        {"0xffffffffffffffff",   true,  UINT64_MAX},
        {"0x10000000000000000",  false, 0         },
        {"",                     false, 0         },
        {"0x",                   false, 0         },
        {"1f",                   false, 0         },
        {"-1",                   false, 0         },
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        uint64_t v = 0;
        CHECK(texts[i].text,
              fb_vector_number(texts[i].text, strlen(texts[i].text), &v) == texts[i].is);
        CHECK(texts[i].text, v == texts[i].v);
    }
}

int main(void)
{
    size_t capstone = fb_disasm_open(FB_AMD64);
    headers();
    numbers();
    rows(capstone);
    small_rooms(capstone);
    fb_disasm_close(capstone);
    return check_done();
}
