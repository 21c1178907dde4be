/*
 * tests/unit/test_dwarf_cfa.c -- every call frame instruction, and the programs that only an
 * attacker writes.
 *
 * The CIE says CFA = rsp + 8, ra at CFA - 8, offsets in units of -8. The function begins at
 * 0x20000; each row asks for the rules at some byte of it.
 */
#include "support/check.h"
#include "support/eh_gen.h"
#include "unwind/dwarf.h"

enum { BEGIN = 0x20000, RSP = 7, RA = 16, RBX = 3, RBP = 6 };
static const uint8_t first[] = {0x0C, RSP, 8, 0x80 | RA, 1};

#define CFA_IS(r, n)                                                                           \
    {                                                                                          \
        .how = FB_CFA_REGISTER, .reg = (r), .offset = (n)                                      \
    }
#define START CFA_IS(RSP, 8)
#define AT(n)                                                                                  \
    {                                                                                          \
        .how = FB_CFA_OFFSET, .offset = (n)                                                    \
    }
#define HOW(h)                                                                                 \
    {                                                                                          \
        .how = FB_CFA_##h                                                                      \
    }

// clang-format off
static const struct {
    const char *name;
    uint8_t n, program[24];
    uint64_t at;
    struct fb_cfa_rule cfa;
    unsigned column;
    struct fb_cfa_rule rule;
} rows[] = {
    {"nothing", 0, {0}, 0, START, RA, AT(-8)},
    {"nop", 2, {0, 0}, 5, START, RA, AT(-8)},
    {"advance_loc, before", 3, {0x44, 0x0E, 16}, 3, START, RA, AT(-8)},
    {"advance_loc, there", 3, {0x44, 0x0E, 16}, 4, CFA_IS(RSP, 16), RA, AT(-8)},
    {"advance_loc1", 4, {0x02, 0xFF, 0x0E, 16}, 255, CFA_IS(RSP, 16), RA, AT(-8)},
    {"advance_loc1, before", 4, {0x02, 0xFF, 0x0E, 16}, 254, START, RA, AT(-8)},
    {"advance_loc2", 5, {0x03, 0, 1, 0x0E, 16}, 256, CFA_IS(RSP, 16), RA, AT(-8)},
    {"advance_loc4", 7, {0x04, 0, 0, 1, 0, 0x0E, 16}, 65536, CFA_IS(RSP, 16), RA, AT(-8)},
    {"advance_loc4, before", 7, {0x04, 0, 0, 1, 0, 0x0E, 16}, 65535, START, RA, AT(-8)},
    {"advance_loc8", 11, {0x1D, 4, 0, 0, 0, 0, 0, 0, 0, 0x0E, 16}, 4, CFA_IS(RSP, 16),
     RA, AT(-8)},
    {"advance_loc8, far", 11, {0x1D, 4, 0, 0, 0, 0, 0, 0, 0xFF, 0x0E, 16}, 0x7FFF, START,
     RA, AT(-8)},
    {"offset", 2, {0x80 | RBX, 2}, 0, START, RBX, AT(-16)},
    {"offset_extended", 3, {0x05, RBX, 2}, 0, START, RBX, AT(-16)},
    {"offset_extended_sf", 3, {0x11, RBX, 0x7E}, 0, START, RBX, AT(16)},
    {"negative_offset_extended", 3, {0x2F, RBX, 2}, 0, START, RBX, AT(16)},
    {"restore", 3, {0x80 | RA, 9, 0xC0 | RA}, 0, START, RA, AT(-8)},
    {"restore, what the CIE left out", 3, {0x80 | RBX, 9, 0xC0 | RBX}, 0, START,
     RBX, HOW(UNSAID)},
    {"restore_extended", 4, {0x80 | RA, 9, 0x06, RA}, 0, START, RA, AT(-8)},
    {"undefined", 2, {0x07, RA}, 0, START, RA, HOW(UNDEFINED)},
    {"same_value", 2, {0x08, RBX}, 0, START, RBX, HOW(SAME)},
    {"register", 3, {0x09, RBX, RBP}, 0, START, RBX, CFA_IS(RBP, 0)},
    {"remember and restore", 8, {0x0A, 0x0E, 32, 0x80 | RBX, 2, 0x41, 0x0B, 0}, 1, START,
     RBX, HOW(UNSAID)},
    {"remembered, not restored", 8, {0x0A, 0x0E, 32, 0x80 | RBX, 2, 0x41, 0x0B, 0}, 0,
     CFA_IS(RSP, 32), RBX, AT(-16)},
    {"remember twice", 8, {0x0A, 0x0E, 32, 0x0A, 0x0E, 64, 0x0B, 0}, 0, CFA_IS(RSP, 32),
     RA, AT(-8)},
    {"def_cfa", 4, {0x0C, RBP, 0x90, 1}, 0, CFA_IS(RBP, 144), RA, AT(-8)},
    {"def_cfa_register", 2, {0x0D, RBP}, 0, CFA_IS(RBP, 8), RA, AT(-8)},
    {"def_cfa_offset", 2, {0x0E, 24}, 0, CFA_IS(RSP, 24), RA, AT(-8)},
    {"def_cfa_sf", 3, {0x12, RBP, 0x7D}, 0, CFA_IS(RBP, 24), RA, AT(-8)},
    {"def_cfa_offset_sf", 2, {0x13, 0x7D}, 0, CFA_IS(RSP, 24), RA, AT(-8)},
    {"def_cfa_expression", 4, {0x0F, 2, 0x77, 8}, 0, HOW(VAL_EXPRESSION), RA, AT(-8)},
    {"def_cfa after an expression", 7, {0x0F, 2, 0x77, 8, 0x0C, RSP, 8}, 0, START, RA, AT(-8)},
    {"expression", 5, {0x10, RBX, 2, 0x77, 8}, 0, START, RBX, HOW(EXPRESSION)},
    {"val_expression", 5, {0x16, RBX, 2, 0x77, 8}, 0, START, RBX, HOW(VAL_EXPRESSION)},
    {"val_offset", 3, {0x14, RBX, 2}, 0, START,
     RBX, {.how = FB_CFA_VAL_OFFSET, .offset = -16}},
    {"val_offset_sf", 3, {0x15, RBX, 0x7E}, 0, START,
     RBX, {.how = FB_CFA_VAL_OFFSET, .offset = 16}},
    {"args_size", 3, {0x2E, 0x90, 1}, 0, START, RA, AT(-8)},
    {"a register of vectors", 3, {0x05, 40, 2}, 0, START, RA, AT(-8)},
    {"a register that nothing has", 6, {0x05, 0xFF, 0xFF, 0xFF, 0x7F, 2}, 0, START, RA, AT(-8)},
    {"nonsense behind the place", 4, {0x44, 0x3F, 0x3F, 0x3F}, 3, START, RA, AT(-8)},
};

static const struct {
    const char *name;
    uint8_t n, program[24];
    enum fb_code fails;
} bad[] = {
    {"an unknown instruction", 1, {0x3F}, FB_MALFORMED},
    {"one of ARM64", 1, {0x2D}, FB_MALFORMED},
    {"restore without remember", 1, {0x0B}, FB_MALFORMED},
    {"remember without end", 17,
     {10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10}, FB_LIMIT},
    {"operand cut", 1, {0x0C}, FB_TRUNCATED},
    {"second operand cut", 2, {0x0C, 7}, FB_TRUNCATED},
    {"block cut", 3, {0x0F, 8, 0x77}, FB_TRUNCATED},
    {"block of 2^63 bytes", 11,
     {0x0F, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1}, FB_TRUNCATED},
    {"a number without an end", 20,
     {0x0E, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
      0x80, 0x80, 0x80, 0x80, 0x80, 0x80}, FB_MALFORMED},
    {"set_loc back", 5, {0x01, 0, 0, 0, 0}, FB_MALFORMED},
    {"set_loc cut", 3, {0x01, 0, 0}, FB_TRUNCATED},
    {"register of an expression", 6, {0x0F, 2, 0x77, 8, 0x0D, RBP}, FB_MALFORMED},
    {"offset of an expression", 6, {0x0F, 2, 0x77, 8, 0x0E, 8}, FB_MALFORMED},
};
// clang-format on

static bool same_rule(const struct fb_cfa_rule *a, const struct fb_cfa_rule *b)
{
    return a->how == b->how && a->reg == b->reg && a->offset == b->offset;
}

/* One function of a program. */
static struct fb_err row_of(enum fb_arch arch, const void *program, size_t n, uint64_t at,
                            size_t steps, struct fb_cfa_row *out)
{
    static struct eh_gen g;
    struct fb_eh_fde fde = {0};
    eh_open(&g, arch);
    uint64_t cie = eh_cie(&g, "zR", RA, first, sizeof first);
    uint64_t rva = eh_fde(&g, cie, BEGIN, 0x100000, program, n);
    const struct fb_image *image = eh_image(&g);
    struct fb_err err = fb_eh_read_fde(image, rva, &fde);
    CHECK("the function", !fb_failed(err));
    if (!fb_failed(err))
        err = fb_cfa_row(image, &fde, BEGIN + at, &steps, out);
    eh_close(&g);
    return err;
}

/* set_loc counts from where it stands: put there what leads to BEGIN + 0xFFFF. */
static void test_set_loc(void)
{
    static struct eh_gen g;
    static const uint8_t then[] = {0x0E, 16};
    struct fb_eh_fde fde;
    struct fb_cfa_row row;
    size_t steps = 100;
    eh_open(&g, FB_AMD64);
    uint64_t cie = eh_cie(&g, "zR", RA, first, sizeof first);
    uint64_t at = eh_here(&g) + 17; // behind length, back, begin, size and a zero
    uint64_t rva = eh_fde(&g, cie, BEGIN, 0x100000, "\x01\0\0\0\0", 5);
    for (size_t i = 0; i < 4; i++)
        g.bytes[at + 1 - EH_AT + i] = (uint8_t)((BEGIN + 0xFFFF - (at + 1)) >> (8 * i));
    eh_bytes(&g, then, sizeof then);
    g.bytes[rva - EH_AT] = (uint8_t)(g.bytes[rva - EH_AT] + sizeof then);
    const struct fb_image *image = eh_image(&g);
    if (CHECK("set_loc", !fb_failed(fb_eh_read_fde(image, rva, &fde)))) {
        CHECK("set_loc", !fb_failed(fb_cfa_row(image, &fde, BEGIN + 0xFFFE, &steps, &row)) &&
                             row.cfa.offset == 8);
        CHECK("set_loc", !fb_failed(fb_cfa_row(image, &fde, BEGIN + 0xFFFF, &steps, &row)) &&
                             row.cfa.offset == 16);
    }
    eh_close(&g);
}

/* As many instructions as an FDE holds: their count ends it. */
static void test_long(void)
{
    enum { LONG = FB_CFA_STEPS_MAX + 100 };
    static uint8_t nops[LONG];
    struct fb_eh_fde fde = {.cie = {.code_align = 1}, .begin = BEGIN, .size = 0x1000};
    struct fb_image image = {.arch = FB_AMD64};
    struct fb_cfa_row row;
    size_t steps = 2 * (size_t)LONG, few = 1000;
    fde.program.bytes = (struct fb_span){nops, LONG, 0};
    CHECK("without end", fb_cfa_row(&image, &fde, BEGIN, &steps, &row).code == FB_LIMIT);
    CHECK("without end", steps == 2 * (size_t)LONG - FB_CFA_STEPS_MAX);
    fde.program.bytes.n = FB_CFA_STEPS_MAX;
    CHECK("just so", fb_cfa_row(&image, &fde, BEGIN, &steps, &row).code == FB_OK);
    CHECK("spent", fb_cfa_row(&image, &fde, BEGIN, &few, &row).code == FB_LIMIT && few == 0);
}

int main(void)
{
    struct fb_cfa_row row;
    for (size_t i = 0; i < COUNT(rows); i++) {
        memset(&row, 0, sizeof row);
        struct fb_err err = row_of(FB_AMD64, rows[i].program, rows[i].n, rows[i].at, 100, &row);
        CHECK(rows[i].name, err.code == FB_OK);
        CHECK(rows[i].name, same_rule(&row.cfa, &rows[i].cfa));
        CHECK(rows[i].name, same_rule(&row.v[rows[i].column], &rows[i].rule));
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        CHECK(bad[i].name,
              row_of(FB_AMD64, bad[i].program, bad[i].n, 0, 100, &row).code == bad[i].fails);
    CHECK("signed, ARM64", row_of(FB_ARM64, "\x2D", 1, 0, 100, &row).code == FB_OK);
    test_set_loc();
    test_long();
    return check_done();
}
