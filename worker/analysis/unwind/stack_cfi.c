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
#include "symbols/fields.h"
#include "symbols/postfix.h"
#include "symbols/symstack.h"
#include "unwind/stack_records.h"

enum { LINES_MAX = 4096, CFA = FB_REGS_MAX, RA, RULES };

struct rules { // expressions; p == NULL: no rule
    struct fb_span v[RULES];
};
struct state {
    const struct fb_unwinder *w;
    const struct fb_regs *callee;
    bool has_cfa;
    uint64_t cfa;
};

/* --- gathering ---------------------------------------------------------------------- */

static int rule_named(const struct fb_unwinder *w, struct fb_span name)
{
    if (fb_span_is(name, ".cfa"))
        return CFA;
    if (fb_span_is(name, ".ra"))
        return RA;
    return fb_record_register(w, name);
}

/* The next token that ends with a colon, without it; `f` stands behind it then.
 * @return the text in between */
static struct fb_span until_rule(struct fb_fields *f, struct fb_span *name)
{
    const uint8_t *start = f->p;
    *name = (struct fb_span){0};
    while (!fb_fields_ended(f)) {
        const uint8_t *before = f->p;
        struct fb_span token = fb_fields_text(f);
        if (token.p[token.n - 1] != ':')
            continue;
        *name = (struct fb_span){token.p, token.n - 1, 0};
        return (struct fb_span){start, (size_t)(before - start), 0};
    }
    return (struct fb_span){start, (size_t)(f->end - start), 0};
}

static void add_line(const struct fb_unwinder *w, struct fb_sym_name line, struct rules *out)
{
    struct fb_fields f = {line.p, line.p + line.n, false};
    struct fb_span name, next;
    until_rule(&f, &name);
    for (; name.n != 0; name = next) {
        struct fb_span expression = until_rule(&f, &next);
        int i = rule_named(w, name);
        if (i >= 0)
            out->v[i] = expression;
    }
}

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

static bool work_out(struct state *s, struct fb_span expression, uint64_t *out)
{
    const struct fb_postfix postfix = {s, fb_record_mask(s->w), get, NULL, load};
    return expression.p != NULL && fb_postfix_value(&postfix, expression, out);
}

/* Files for machines with a link register may leave .ra out. */
static bool return_address(struct state *s, const struct rules *rules, uint64_t *out)
{
    int lr = s->w->names->lr;
    if (rules->v[RA].p != NULL)
        return work_out(s, rules->v[RA], out);
    if (!fb_reg_known(s->callee, lr))
        return false;
    *out = s->callee->v[lr];
    return true;
}

static void set_registers(struct state *s, const struct rules *rules, struct fb_regs *caller)
{
    for (int i = 0; i < FB_REGS_MAX; i++) {
        uint64_t value;
        if (rules->v[i].p == NULL)
            continue;
        if (work_out(s, rules->v[i], &value))
            fb_reg_set(caller, i, value);
        else
            caller->valid &= ~(UINT64_C(1) << i);
    }
}

static bool apply(struct state *s, const struct rules *rules, struct fb_regs *caller)
{
    const struct fb_reg_names *names = s->w->names;
    uint64_t ra;
    s->has_cfa = work_out(s, rules->v[CFA], &s->cfa);
    if (!s->has_cfa || !return_address(s, rules, &ra))
        return false;
    fb_regs_copy(caller, s->callee);
    fb_reg_set(caller, names->sp, s->cfa);
    set_registers(s, rules, caller);
    fb_reg_set(caller, names->ip, fb_code_address(s->w, ra));
    return fb_reg_known(caller, names->sp);
}

bool fb_unwind_stack_cfi(const struct fb_unwinder *w, const struct fb_frame *callee,
                         struct fb_caller *caller)
{
    uint64_t rva;
    const struct fb_symfile *sym = fb_record_symfile(w, callee->lookup, &rva);
    struct fb_sym_cfi cfi;
    if (sym == NULL || !fb_symfile_cfi(sym, rva, &cfi) || cfi.n > LINES_MAX)
        return false;
    struct rules rules = {.v = {{0}}};
    add_line(w, cfi.rules, &rules);
    for (size_t i = 0; i < cfi.n; i++)
        add_line(w, cfi.delta[i].rules, &rules);
    struct fb_regs regs;
    fb_regs_in_call(w, callee, &regs);
    struct state state = {.w = w, .callee = &regs};
    caller->unpopped = w->env->dump->system.arch == FB_X86;
    return apply(&state, &rules, &caller->regs);
}
