/*
 * worker/analysis/unwind/entry.c -- the caller by the code from a function's entry on.
 *
 * Where the code ahead does not tell (it never returns, or comes by code that is not at hand),
 * that behind may: followed from the entry to where the function stands, it says how far sp has
 * moved since, and where saved registers lie. The entry is what a return address up the stack
 * has called: then sp must come out as it is, which no stale word achieves. Or it is known, by
 * symbols or as an export.
 */
#include "unwind/emulate.h"

#include "symbols/image_names.h"

enum {
    WINDOW = 128,        // words that are searched for who has called
    CALLERS_MAX = 8,     // that are tried
    FAR_APART = 1 << 16, // hardly a function is longer
    SLACK = 16           // words of arguments that a callee may have popped unseen
};
/* Stands for what a register held at the entry. */
#define HELD(r) (UINT64_C(0xE7215A00) | (unsigned)(r))

struct backward {
    const struct fb_frame *callee;
    fb_addr entry_sp;
    bool found, disputed, loose;
    struct fb_path there; // as it came to where the function stands
    uint64_t popped;      // by its own return
};

/* --- from the entry to where it stands ---------------------------------------------- */

static bool arrives(struct fb_emulation *e, struct fb_path *p)
{
    struct backward *b = e->self;
    if (p->ip != b->callee->resume)
        return true;
    bool known = fb_reg_known(&p->regs, e->sp);
    if (!known || (b->found && b->there.regs.v[e->sp] != p->regs.v[e->sp]))
        b->disputed = true;
    else if (!b->found)
        b->there = *p;
    b->found |= known;
    return true;
}

static void returns(struct fb_emulation *e, struct fb_path *p, const struct fb_step *s)
{
    struct backward *b = e->self;
    (void)p;
    b->popped = (uint64_t)s->constant;
}

/* @return whether it comes to where the function stands, and with one sp */
static bool comes(struct fb_emulation *e, struct backward *b, fb_addr entry, fb_addr sp)
{
    struct fb_regs regs = {.arch = e->arch};
    for (int r = 0; r < FB_REGS_MAX; r++)
        if ((e->callee_saved >> r & 1) != 0 || r == e->lr)
            fb_reg_set(&regs, r, HELD(r));
    fb_reg_set(&regs, e->sp, sp);
    *b = (struct backward){.callee = b->callee, .entry_sp = sp};
    e->self = b;
    e->at = arrives;
    e->returns = returns;
    struct fb_path *p = fb_emulate_begin(e, entry, &regs);
    p->full = true; // what the stack held then, it need not hold now
    fb_emulate(e);
    return b->found && !b->disputed;
}

/* --- what it says about the caller -------------------------------------------------- */

/* The caller's value of register `r`, which the function has left alone or saved. */
static void restore(const struct fb_emulation *e, const struct backward *b, fb_addr moved,
                    int r, struct fb_regs *caller)
{
    const struct fb_path *p = &b->there;
    uint64_t value;
    if (fb_reg_known(&p->regs, r) && p->regs.v[r] == HELD(r)) {
        if (fb_reg_known(&b->callee->regs, r))
            fb_reg_set(caller, r, b->callee->regs.v[r]);
        return;
    }
    for (size_t i = 0; i < p->n; i++)
        if (p->saved[i].known && p->saved[i].value == HELD(r) &&
            fb_stack_word(e->w, fb_emulate_cut(e, p->saved[i].at + moved), &value))
            fb_reg_set(caller, r, value);
}

/* Where the return address lies; 0: it is still in the link register, or lost. */
static fb_addr slot_of(const struct fb_emulation *e, const struct backward *b, fb_addr moved)
{
    const struct fb_path *p = &b->there;
    if (e->lr < 0)
        return fb_emulate_cut(e, b->entry_sp + moved);
    for (size_t i = 0; i < p->n; i++)
        if (p->saved[i].known && p->saved[i].value == HELD(e->lr))
            return p->saved[i].at + moved;
    return 0;
}

static bool return_address(const struct fb_emulation *e, const struct backward *b,
                           fb_addr moved, uint64_t *ra)
{
    const struct fb_regs *regs = &b->callee->regs;
    fb_addr slot = slot_of(e, b, moved);
    if (slot == 0 && fb_reg_known(&b->there.regs, e->lr) &&
        b->there.regs.v[e->lr] == HELD(e->lr) && fb_reg_known(regs, e->lr)) {
        *ra = regs->v[e->lr];
        return true;
    }
    return slot % e->word == 0 && slot >= b->callee->sp && fb_stack_word(e->w, slot, ra);
}

/* `moved`: from the addresses that were reckoned with to the true ones. */
static bool caller_of(const struct fb_emulation *e, const struct backward *b, fb_addr moved,
                      struct fb_regs *caller)
{
    uint64_t ra;
    bool guessed = b->callee->trust == FB_TRUST_SCAN;
    if (!return_address(e, b, moved, &ra) ||
        fb_return_evidence(e->w, ra) < (guessed ? FB_EVIDENCE_PROVED : FB_EVIDENCE_LIKELY))
        return false;
    for (int r = 0; r < FB_REGS_MAX; r++)
        if ((e->callee_saved >> r & 1) != 0)
            restore(e, b, moved, r, caller);
    size_t pushed = e->lr < 0 ? e->word : 0;
    fb_reg_set(caller, e->ip, fb_code_address(e->w, ra));
    fb_reg_set(caller, e->sp, fb_emulate_cut(e, b->entry_sp + moved + pushed + b->popped));
    return true;
}

/* --- entries ------------------------------------------------------------------------ */

/* Whether it all comes out as it is, when the return address lies at `slot`. */
static bool fits(struct fb_emulation *e, struct backward *b, fb_addr slot, fb_addr entry)
{
    fb_addr sp = b->callee->sp;
    if (!comes(e, b, entry, e->lr < 0 ? slot : sp))
        return false;
    fb_addr came = b->there.regs.v[e->sp];
    if (e->lr >= 0)
        return slot_of(e, b, sp - came) == slot;
    bool sure = e->arch != FB_X86 || (fb_sp_is_sure(b->callee) && !b->there.loose);
    fb_addr apart = sp > came ? sp - came : came - sp;
    return apart <= (sure ? 0 : SLACK * e->word);
}

static bool called(struct fb_emulation *e, struct backward *b, struct fb_regs *caller)
{
    fb_addr goal = b->callee->lookup, sp = b->callee->sp;
    struct fb_words words = fb_stack_words(e->w, sp);
    size_t tried = 0, n = words.n < WINDOW ? words.n : WINDOW;
    for (size_t i = 0; i < n && tried < CALLERS_MAX; i++) {
        uint64_t ra = fb_words_at(&words, i);
        if (e->arch == FB_ARM64)
            ra = fb_code_address(e->w, ra);
        if (ra < e->w->places->code_start || ra >= e->w->places->code_end)
            continue; // as most words
        struct fb_call call = fb_call_before(e->w, ra);
        if (call.kind != FB_CALL_DIRECT || call.target > goal || goal - call.target > FAR_APART)
            continue;
        tried++;
        if (fits(e, b, sp + i * e->word, call.target) &&
            caller_of(e, b, e->lr < 0 ? 0 : sp - b->there.regs.v[e->sp], caller))
            return true;
    }
    return false;
}

static bool known_entry(const struct fb_unwinder *w, fb_addr a, fb_addr *out)
{
    const struct fb_module *module = fb_code_module(w, a);
    const struct fb_image *image = fb_code_image(w, module);
    uint64_t rva;
    size_t all = SIZE_MAX, *left = fb_work_left(w->env->work, FB_WORK_EXPORTS, &all);
    if (module == NULL)
        return false;
    if (!fb_function_entry(w, a, out)) {
        rva = image != NULL ? fb_image_export_before(image, a - module->base, left) : 0;
        if (rva == 0)
            return false;
        *out = module->base + rva;
    }
    return a - *out <= FAR_APART;
}

/* It must not matter what sp was, as it does where it is aligned. */
static bool known(struct fb_emulation *e, struct backward *b, struct fb_regs *caller)
{
    fb_addr entry, sp = b->callee->sp;
    struct backward other = {.callee = b->callee};
    if (!known_entry(e->w, b->callee->lookup, &entry) ||
        !comes(e, &other, entry, sp - e->word) || !comes(e, b, entry, sp) ||
        b->there.regs.v[e->sp] - other.there.regs.v[e->sp] != e->word)
        return false;
    return caller_of(e, b, sp - b->there.regs.v[e->sp], caller);
}

bool fb_unwind_entry(const struct fb_unwinder *w, const struct fb_frame *callee,
                     struct fb_caller *caller)
{
    size_t before = w->arena->used;
    // the record of ARM64's frame pointer does not say where its frame ends
    bool sure = w->names->lr < 0 || fb_sp_is_sure(callee);
    struct fb_emulation *e =
        sure && fb_emulate_can(w, callee->resume) ? fb_emulate_open(w) : NULL;
    if (e == NULL)
        return false;
    struct backward b = {.callee = callee};
    bool found = called(e, &b, &caller->regs) || known(e, &b, &caller->regs);
    caller->popped = (unsigned)b.popped;
    fb_arena_give_back(w->arena, w->arena->used - before);
    return found;
}
