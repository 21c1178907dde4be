/*
 * worker/analysis/unwind/dwarf_cfa.c -- the call frame instructions: run up to an address, they
 * leave the rules that hold there.
 *
 * An instruction is a row of a table: its operands, what it does, and to which kind of rule.
 */
#include "unwind/dwarf.h"

#include "symbols/leb128.h"

struct machine {
    const struct fb_eh_cie *cie;
    struct fb_eh_reader r; // the program
    uint64_t at, until;    // RVAs: the row in the making begins at `at`
    size_t *steps;
    struct fb_cfa_row row, initial;
    struct fb_cfa_row kept[FB_CFA_REMEMBERED_MAX];
    size_t n_kept;
    bool done; // the next row begins behind `until`
};
struct operands {
    uint64_t v[2];
    struct fb_span block;
};

static void fail(struct machine *m, struct fb_err err)
{
    if (!fb_failed(m->r.r.err))
        m->r.r.err = err;
}

static int64_t times(uint64_t n, int64_t factor) { return (int64_t)(n * (uint64_t)factor); }

/* --- what instructions do ----------------------------------------------------------- */

typedef void act(struct machine *m, const struct operands *o, enum fb_cfa_how how);

static void nothing(struct machine *m, const struct operands *o, enum fb_cfa_how how)
{
    (void)m, (void)o, (void)how;
}

static void advance(struct machine *m, const struct operands *o, enum fb_cfa_how how)
{
    (void)how;
    uint64_t left = m->until - m->at, unit = m->cie->code_align;
    if (unit != 0 && o->v[0] > left / unit)
        m->done = true;
    else
        m->at += o->v[0] * unit;
}

static void go_to(struct machine *m, const struct operands *o, enum fb_cfa_how how)
{
    (void)how;
    if (o->v[0] < m->at)
        fail(m, FB_FAIL(MALFORMED, "call frame instructions that go back", m->r.r.in.off));
    m->done = o->v[0] > m->until;
    m->at = o->v[0];
}

static void set_rule(struct machine *m, uint64_t column, struct fb_cfa_rule rule)
{
    if (column < FB_CFA_COLUMNS)
        m->row.v[column] = rule;
}

static void plain(struct machine *m, const struct operands *o, enum fb_cfa_how how)
{
    set_rule(m, o->v[0], (struct fb_cfa_rule){.how = how, .reg = o->v[1]});
}

static void offset(struct machine *m, const struct operands *o, enum fb_cfa_how how)
{
    int64_t n = times(o->v[1], m->cie->data_align);
    set_rule(m, o->v[0], (struct fb_cfa_rule){.how = how, .offset = n});
}

static void negative(struct machine *m, const struct operands *o, enum fb_cfa_how how)
{
    struct operands turned = {
        .v = {o->v[0], 0 - o->v[1]}
    };
    offset(m, &turned, how);
}

static void expression(struct machine *m, const struct operands *o, enum fb_cfa_how how)
{
    set_rule(m, o->v[0], (struct fb_cfa_rule){.how = how, .expression = o->block});
}

static void restore(struct machine *m, const struct operands *o, enum fb_cfa_how how)
{
    (void)how;
    if (o->v[0] < FB_CFA_COLUMNS)
        m->row.v[o->v[0]] = m->initial.v[o->v[0]];
}

static void remember_state(struct machine *m, const struct operands *o, enum fb_cfa_how how)
{
    (void)o, (void)how;
    if (m->n_kept < FB_CFA_REMEMBERED_MAX)
        m->kept[m->n_kept++] = m->row;
    else
        fail(m, FB_FAIL(LIMIT, "call frame rows put aside without end", m->r.r.in.off));
}

static void restore_state(struct machine *m, const struct operands *o, enum fb_cfa_how how)
{
    (void)o, (void)how;
    if (m->n_kept > 0)
        m->row = m->kept[--m->n_kept];
    else
        fail(m, FB_FAIL(MALFORMED, "no call frame row was put aside", m->r.r.in.off));
}

static void cfa(struct machine *m, const struct operands *o, enum fb_cfa_how how)
{
    m->row.cfa = (struct fb_cfa_rule){.how = how, .reg = o->v[0], .offset = (int64_t)o->v[1]};
}

static void cfa_factored(struct machine *m, const struct operands *o, enum fb_cfa_how how)
{
    cfa(m, o, how);
    m->row.cfa.offset = times(o->v[1], m->cie->data_align);
}

/* One part of the CFA changes: it must be of these parts. */
static struct fb_cfa_rule *cfa_of(struct machine *m, enum fb_cfa_how how)
{
    if (m->row.cfa.how != how)
        fail(m, FB_FAIL(MALFORMED, "a CFA that is not a register's", m->r.r.in.off));
    return &m->row.cfa;
}

static void cfa_register(struct machine *m, const struct operands *o, enum fb_cfa_how how)
{
    cfa_of(m, how)->reg = o->v[0];
}

static void cfa_offset(struct machine *m, const struct operands *o, enum fb_cfa_how how)
{
    cfa_of(m, how)->offset = (int64_t)o->v[0];
}

static void cfa_offset_factored(struct machine *m, const struct operands *o,
                                enum fb_cfa_how how)
{
    cfa_of(m, how)->offset = times(o->v[0], m->cie->data_align);
}

static void cfa_expression(struct machine *m, const struct operands *o, enum fb_cfa_how how)
{
    m->row.cfa = (struct fb_cfa_rule){.how = how, .expression = o->block};
}

/* ARM64: from here on the return address is signed, or no longer; which shows by itself, since
 * it then is no address. The same number means something else on SPARC. */
static void signed_or_not(struct machine *m, const struct operands *o, enum fb_cfa_how how)
{
    (void)o, (void)how;
    if (m->r.image->arch != FB_ARM64)
        fail(m, FB_FAIL(MALFORMED, "a call frame instruction of another processor",
                        m->r.r.in.off));
}

/* --- the instructions --------------------------------------------------------------- */

/* Operands: a byte count; A an address, U and S numbers of any length, B a block. */
// clang-format off
static const struct instruction {
    const char *operands;
    act *run;
    enum fb_cfa_how how;
} instructions[64] = {
    [0x00] = {"",   nothing,             0},
    [0x01] = {"A",  go_to,               0},
    [0x02] = {"1",  advance,             0},
    [0x03] = {"2",  advance,             0},
    [0x04] = {"4",  advance,             0},
    [0x05] = {"UU", offset,              FB_CFA_OFFSET},
    [0x06] = {"U",  restore,             0},
    [0x07] = {"U",  plain,               FB_CFA_UNDEFINED},
    [0x08] = {"U",  plain,               FB_CFA_SAME},
    [0x09] = {"UU", plain,               FB_CFA_REGISTER},
    [0x0A] = {"",   remember_state,      0},
    [0x0B] = {"",   restore_state,       0},
    [0x0C] = {"UU", cfa,                 FB_CFA_REGISTER},
    [0x0D] = {"U",  cfa_register,        FB_CFA_REGISTER},
    [0x0E] = {"U",  cfa_offset,          FB_CFA_REGISTER},
    [0x0F] = {"B",  cfa_expression,      FB_CFA_VAL_EXPRESSION},
    [0x10] = {"UB", expression,          FB_CFA_EXPRESSION},
    [0x11] = {"US", offset,              FB_CFA_OFFSET},
    [0x12] = {"US", cfa_factored,        FB_CFA_REGISTER},
    [0x13] = {"S",  cfa_offset_factored, FB_CFA_REGISTER},
    [0x14] = {"UU", offset,              FB_CFA_VAL_OFFSET},
    [0x15] = {"US", offset,              FB_CFA_VAL_OFFSET},
    [0x16] = {"UB", expression,          FB_CFA_VAL_EXPRESSION},
    [0x1D] = {"8",  advance,             0}, // MIPS
    [0x2D] = {"",   signed_or_not,       0},
    [0x2E] = {"U",  nothing,             0}, // GNU: bytes of arguments on the stack
    [0x2F] = {"UU", negative,            FB_CFA_OFFSET}, // GNU
};
// clang-format on
/* Those that have an operand in their low six bits. */
static const struct instruction packed[4] = {
    [1] = {"",  advance, 0            },
    [2] = {"U", offset,  FB_CFA_OFFSET},
    [3] = {"",  restore, 0            },
};

static uint64_t read_operand(struct machine *m, char kind, struct fb_span *block)
{
    bool null;
    uint64_t n;
    switch (kind) {
    case 'A':
        return fb_eh_address(&m->r, m->cie->addresses, &null);
    case 'U':
        return fb_read_uleb(&m->r.r);
    case 'S':
        return (uint64_t)fb_read_sleb(&m->r.r);
    case 'B':
        n = fb_read_uleb(&m->r.r);
        *block = fb_read_bytes(&m->r.r, n < SIZE_MAX ? (size_t)n : SIZE_MAX);
        return n;
    default:
        return fb_read_le(&m->r.r, (size_t)(kind - '0'));
    }
}

static void step(struct machine *m)
{
    uint8_t op = fb_read_u8(&m->r.r);
    bool in_it = op >> 6 != 0;
    const struct instruction *i = in_it ? &packed[op >> 6] : &instructions[op];
    struct operands o = {0};
    size_t n = 0;
    if (in_it)
        o.v[n++] = op & 0x3F;
    if (i->run == NULL) {
        fail(m, FB_FAIL(MALFORMED, "a call frame instruction that we do not know",
                        m->r.r.in.off + m->r.r.at));
        return;
    }
    for (const char *kind = i->operands; *kind != 0 && n < 2; kind++)
        o.v[n++] = read_operand(m, *kind, &o.block);
    if (!fb_failed(m->r.r.err))
        i->run(m, &o, i->how);
}

static struct fb_err run(struct machine *m, const struct fb_image *image,
                         const struct fb_eh_program *program)
{
    m->r = (struct fb_eh_reader){
        .r = {.in = program->bytes, .big = image->big},
        .image = image,
        .rva = program->rva,
        .data = FB_NOWHERE
    };
    for (size_t n = 0; !m->done && m->r.r.at < m->r.r.in.n && !fb_failed(m->r.r.err); n++) {
        if (*m->steps == 0 || n == FB_CFA_STEPS_MAX)
            return FB_FAIL(LIMIT, "call frame instructions without end", m->r.r.in.off);
        --*m->steps;
        step(m);
    }
    return m->r.r.err;
}

struct fb_err fb_cfa_row(const struct fb_image *image, const struct fb_eh_fde *fde,
                         uint64_t rva, size_t *steps, struct fb_cfa_row *out)
{
    struct machine m;
    m.cie = &fde->cie;
    m.steps = steps;
    m.n_kept = 0;
    m.done = false;
    m.row = (struct fb_cfa_row){0};
    m.initial = m.row;
    m.at = 0; // a CIE has one row, for all of its FDEs
    m.until = UINT64_MAX;
    struct fb_err err = run(&m, image, &fde->cie.program);
    if (fb_failed(err))
        return err;
    m.initial = m.row;
    m.n_kept = 0;
    m.done = false;
    m.at = fde->begin;
    m.until = rva;
    err = run(&m, image, &fde->program);
    if (!fb_failed(err))
        *out = m.row;
    return err;
}
