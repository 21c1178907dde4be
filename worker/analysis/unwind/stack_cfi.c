/*
 * worker/analysis/unwind/stack_cfi.c -- the rules of a .sym file's STACK CFI records.
 *
 * A rule is the name of a register, a colon, and how its value in the caller follows from the
 * callee's registers:
 *
 *      .cfa: $rsp 16 + .ra: .cfa -8 + ^ $rbp: .cfa -16 + ^
 *
 * .cfa is worked out first, the others may ask for it. Where several lines speak of a register,
 * the last one that was reached holds. A register without a rule keeps its value; one whose
 * rule fails has none.
 */
#include "symbols/postfix.h"
#include "unwind/cfi_rows.h"
#include "unwind/stack_records.h"

struct state {
    const struct fb_unwinder *w;
    const struct fb_regs *callee;
    bool has_cfa;
    uint64_t cfa;
};

/* --- working out -------------------------------------------------------------------- */

static bool get(void *self, struct fb_span name, uint64_t *out)
{
    const struct state *s = self;
    if (fb_span_is(name, ".cfa")) {
        *out = s->cfa;
        return s->has_cfa;
    }
    int i = fb_record_register(s->w, name);
    if (!fb_reg_known(s->callee, i))
        return false;
    *out = s->callee->v[i];
    return true;
}

static bool load(void *self, uint64_t at, uint64_t *out)
{
    const struct state *s = self;
    return fb_process_read(s->w, at, s->w->names->word, out);
}

static bool value_of(const struct state *s, int base, uint64_t *out)
{
    bool cfa = base == FB_CFI_CFA, known = cfa ? s->has_cfa : fb_reg_known(s->callee, base);
    if (known)
        *out = cfa ? s->cfa : s->callee->v[base];
    return known;
}

static bool work_out(struct state *s, const struct fb_cfi_rule *rule, uint64_t *out)
{
    uint64_t mask = fb_record_mask(s->w), base;
    const struct fb_postfix postfix = {s, mask, get, NULL, load};
    if (rule->how == FB_CFI_TEXT)
        return fb_postfix_value(&postfix, (struct fb_span){rule->text, rule->text_n, 0}, out);
    if (!value_of(s, rule->base, &base))
        return false;
    base = (base + rule->offset) & mask;
    if (rule->how == FB_CFI_WORD)
        return load(s, base, out);
    *out = base;
    return true;
}

static const struct fb_cfi_rule *rule_of(const struct fb_cfi_row *row, int of)
{
    return row->place[of] != 0 ? &row->v[row->place[of] - 1] : NULL;
}

/* Files for machines with a link register may leave .ra out. */
static bool return_address(struct state *s, const struct fb_cfi_rule *rule, uint64_t *out)
{
    int lr = s->w->names->lr;
    if (rule != NULL)
        return work_out(s, rule, out);
    if (!fb_reg_known(s->callee, lr))
        return false;
    *out = s->callee->v[lr];
    return true;
}

static void set_registers(struct state *s, const struct fb_cfi_row *row, struct fb_regs *caller)
{
    for (const struct fb_cfi_rule *rule = row->v; rule < row->v + row->n; rule++) {
        uint64_t value;
        if (rule->of >= FB_REGS_MAX)
            continue;
        if (work_out(s, rule, &value))
            fb_reg_set(caller, rule->of, value);
        else
            caller->valid &= ~(UINT64_C(1) << rule->of);
    }
}

static bool apply(struct state *s, const struct fb_cfi_row *row, struct fb_regs *caller)
{
    const struct fb_reg_names *names = s->w->names;
    const struct fb_cfi_rule *cfa = rule_of(row, FB_CFI_CFA);
    uint64_t ra;
    s->has_cfa = cfa != NULL && work_out(s, cfa, &s->cfa);
    if (!s->has_cfa || !return_address(s, rule_of(row, FB_CFI_RA), &ra))
        return false;
    fb_regs_copy(caller, s->callee);
    fb_reg_set(caller, names->sp, s->cfa);
    set_registers(s, row, caller);
    fb_reg_set(caller, names->ip, fb_code_address(s->w, ra));
    return fb_reg_known(caller, names->sp);
}

bool fb_unwind_stack_cfi(const struct fb_unwinder *w, const struct fb_frame *callee,
                         struct fb_caller *caller)
{
    struct fb_cfi_row own;
    const struct fb_cfi_row *row = fb_cfi_row_at(w, callee->lookup, &own);
    if (row == NULL)
        return false;
    struct fb_regs regs;
    fb_regs_in_call(w, callee, &regs);
    struct state state = {.w = w, .callee = &regs};
    caller->unpopped = w->env->dump->system.arch == FB_X86;
    return apply(&state, row, &caller->regs);
}
