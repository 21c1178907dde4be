/*
 * tests/unit/test_bugchecks.c -- every row of the table of bugchecks, and what the parameters
 * of each kind become: exception, access, address.
 */
#include "bugchecks.h"
#include "kernel/kernel.h"
#include "support/check.h"
#include "support/kernelgen.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM = 1 << 20 };
#define MARK  UINT32_C(0x10000000)
#define FAULT UINT64_C(0xFFFFF803DEAD0000)
#define PLACE (KERNELGEN_DRIVER + 0x1234)
#define AV    UINT32_C(0xC0000005)
#define HEAP  UINT32_C(0xC0000374)
#define BREAK UINT32_C(0x80000003)

static const struct fb_bugcheck_row *find(uint32_t code)
{
    return fb_bugcheck_find(&(struct fb_bugcheck){.present = true, .code = code});
}

static void rows(void)
{
    size_t n;
    const struct fb_bugcheck_row *v = fb_bugcheck_rows(&n);
    for (size_t i = 0; i < n; i++) {
        const char *row = v[i].name;
        CHECK(row, i == 0 || v[i - 1].code < v[i].code);
        CHECK(row, find(v[i].code) == &v[i]);
        CHECK(row, v[i].code >= MARK || find(v[i].code | MARK) == &v[i]);
        CHECK(row,
              row[0] != 0 && row[strspn(row, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] == 0);
        for (int k = 0; k < FB_BUGCHECK_PARAMETERS; k++) {
            enum fb_bugcheck_role role = v[i].parameters[k].role;
            const char *words = v[i].parameters[k].words;
            CHECK(row, words == NULL || words[0] != 0);
            CHECK(row, role == FB_PARAMETER_OTHER || fb_bugcheck_parameter(&v[i], role) == k);
        }
        // an address is of use only to an exception that has one
        bool touched = fb_bugcheck_parameter(&v[i], FB_PARAMETER_ADDRESS) >= 0;
        CHECK(row, !touched || v[i].status != 0);
        CHECK(row, v[i].nature != FB_BUGCHECK_MANUAL || v[i].status == 0);
    }
    CHECK("unknown", find(0x7FFFFFF) == NULL);
    CHECK("none", fb_bugcheck_find(&(struct fb_bugcheck){.code = 0x0A}) == NULL);
}

/* --- what becomes of parameters ------------------------------------------------------ */

static const struct {
    const char *row;
    uint32_t code;
    uint64_t p[4];
    uint32_t build, machine;
    uint32_t exception; // BREAK: nothing is told, and the header's record stays
    int access;         // -1: none
    uint64_t fault, address;
} cases[] = {
    {"0A reads",                 0x0A,       {FAULT, 2, 0, PLACE},                    19041, 0x8664, AV,         0,  FAULT, PLACE},
    {"0A writes",                0x0A,       {FAULT, 2, 1, PLACE},                    19041, 0x8664, AV,         1,  FAULT, PLACE},
    {"0A executes",              0x0A,       {FAULT, 2, 8, PLACE},                    19041, 0x8664, AV,         8,  FAULT, PLACE},
    {"D1, a small dump's",       0x100000D1, {8, 2, 0, PLACE},                        19041, 0x8664, AV,         0,  8,     PLACE},
    {"50 reads",                 0x50,       {FAULT, 0, PLACE, 2},                    19041, 0x8664, AV,         0,  FAULT, PLACE},
    {"50, present and read",     0x50,       {FAULT, 1, PLACE, 2},                    19041, 0x8664, AV,         0,  FAULT, PLACE},
    {"50 writes",                0x50,       {FAULT, 2, PLACE, 2},                    19041, 0x8664, AV,         1,  FAULT, PLACE},
    {"50 executes",              0x50,       {FAULT, 16, PLACE, 2},                   19041, 0x8664, AV,         8,  FAULT, PLACE},
    {"50 writes, before 10",     0x50,       {FAULT, 1, PLACE, 0},                    9600,  0x8664, AV,         1,  FAULT, PLACE},
    {"50 executes, before 10",   0x50,       {FAULT, 8, PLACE, 0},                    9600,  0x8664, AV,         8,  FAULT, PLACE},
    {"50 writes, ARM64",         0x50,       {FAULT, 1, PLACE, 0},                    19041, 0xAA64, AV,         1,  FAULT, PLACE},
    {"50 executes, ARM64",       0x50,       {FAULT, 8, PLACE, 0},                    19041, 0xAA64, AV,         8,  FAULT, PLACE},
    {"1E, an access",
     0x1E,                                   {0xFFFFFFFFC0000005, PLACE, 1, FAULT},
     19041,                                                                                  0x8664,
     AV,                                                                                                         1,
     FAULT,                                                                                                                 PLACE},
    {"1E, another",
     0x1E,                                   {0xFFFFFFFFC0000094, PLACE, 0, 0},
     19041,                                                                                  0x8664,
     0xC0000094,                                                                                                 0,
     0,                                                                                                                     PLACE},
    {"3B",                       0x3B,       {0xC000001D, PLACE, 0, 0},               19041, 0x8664, 0xC000001D, -1, 0,     PLACE},
    {"7E without its record",
     0x7E,                                   {0xFFFFFFFFC0000005, PLACE, 0x10, 0x20},
     19041,                                                                                  0x8664,
     AV,                                                                                                         -1,
     0,                                                                                                                     PLACE},
    {"7F, divide",               0x7F,       {0},                                     19041, 0x8664, 0xC0000094, -1, 0,     0    },
    {"7F, double fault",         0x7F,       {8, 0, 0, 0},                            19041, 0x8664, 0xC00000FD, -1, 0,     0    },
    {"7F, another",              0x7F,       {0x1D, 0, 0, 0},                         19041, 0x8664, BREAK,      -1, 0,     0    },
    {"BE",                       0xBE,       {FAULT, 0, 0, 0},                        19041, 0x8664, AV,         1,  FAULT, 0    },
    {"FC",                       0xFC,       {FAULT, 0, 0, 0},                        19041, 0x8664, AV,         8,  FAULT, FAULT},
    {"C5",                       0xC5,       {FAULT, 2, 1, PLACE},                    19041, 0x8664, HEAP,       -1, 0,     PLACE},
    {"19",                       0x19,       {0x20, 0, 0, 0},                         19041, 0x8664, HEAP,       -1, 0,     0    },
    {"139, list",                0x139,      {3, 0, 0, 0},                            19041, 0x8664, 0xC0000409, 3,  0,     0    },
    {"139, cookie",              0x139,      {2, 0, 0, 0},                            19041, 0x8664, 0xC0000409, 2,  0,     0    },
    {"F7",                       0xF7,       {1, 2, 3, 0},                            19041, 0x8664, 0xC0000409, 2,  0,     0    },
    {"2B",                       0x2B,       {0},                                     19041, 0x8664, 0xC00000FD, -1, 0,     0    },
    {"9F",                       0x9F,       {3, 0, 0, 0},                            19041, 0x8664, BREAK,      -1, 0,     0    },
    {"124",                      0x124,      {0},                                     19041, 0x8664, BREAK,      -1, 0,     0    },
    {"a code that nobody knows", 0x7FFF,     {FAULT, 0, 0, PLACE},                    19041, 0x8664, BREAK,      -1, 0,     0    },
};

static void told(uint8_t *room)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct kernelgen g = kernelgen_sample(KERNELGEN_E2_X64);
        g.code = cases[i].code;
        g.build = cases[i].build;
        g.machine = cases[i].machine;
        memcpy(g.parameters, cases[i].p, sizeof g.parameters);
        struct fb_span file = kernelgen_make(&g, NULL);
        struct fb_arena arena = {.base = room, .cap = ROOM};
        struct fb_notes notes = {0};
        struct fb_dump dump;
        fb_arena_reset(&arena);
        if (CHECK(cases[i].row, !fb_failed(fb_kernel_read(file, &arena, &notes, &dump)))) {
            const struct fb_exception *e = &dump.exception;
            uint64_t address = cases[i].exception == BREAK ? g.exception_at : cases[i].address;
            CHECK(cases[i].row, e->present && e->code == cases[i].exception);
            CHECK(cases[i].row, dump.kernel.explained == (cases[i].exception != BREAK));
            CHECK(cases[i].row, (e->n_parameters > 0) == (cases[i].access >= 0));
            CHECK(cases[i].row,
                  cases[i].access < 0 || e->parameters[0] == (uint64_t)cases[i].access);
            CHECK(cases[i].row, cases[i].fault == 0 || e->parameters[1] == cases[i].fault);
            CHECK(cases[i].row, e->address == address);
        }
        kernelgen_free(file);
    }
}

int main(void)
{
    uint8_t *room = malloc(ROOM);
    if (room == NULL)
        return check_skip("no memory for the arena");
    rows();
    told(room);
    free(room);
    return check_done();
}
