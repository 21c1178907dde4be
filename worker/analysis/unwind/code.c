/*
 * worker/analysis/unwind/code.c -- the code itself as unwind information.
 *
 * From where a function stands, its code is followed to the return, with the registers and the
 * stack that the dump holds. Where the paths end must be a return address; when they end in
 * different ones, only a proof decides.
 */
#include "unwind/emulate.h"

enum { POPPED_MAX = 16 }; // words of arguments that a callee may have popped unseen

enum proof { // what speaks for the word that a path returns to
    NO_PROOF,
    LIKELY,  // it lies in code
    PROVED,  // behind a call
    REACHED, // of the function that the path began in
    PROOFS
};
struct answer {
    bool found, disputed;
    fb_addr slot;
    unsigned popped; // bytes of arguments
    struct fb_regs regs;
};
struct forward { // zeroed up to `answer`, and of each answer whether it was found
    const struct fb_frame *callee;
    struct { // the last word that was asked about
        fb_addr slot;
        uint64_t ra;
        bool sure;
        enum proof proof;
    } asked;
    struct answer answer[PROOFS];
};

/* --- where a path ends -------------------------------------------------------------- */

static bool same_register(const struct fb_regs *a, const struct fb_regs *b, int i)
{
    return fb_reg_known(a, i) && fb_reg_known(b, i) && a->v[i] == b->v[i];
}

/* Two paths to one return must agree on a register, or it is not known. */
static void merge(struct answer *a, const struct fb_regs *regs)
{
    for (int i = 0; i < FB_REGS_MAX; i++)
        if (!same_register(&a->regs, regs, i))
            a->regs.valid &= ~(UINT64_C(1) << i);
}

static void first(struct answer *a, fb_addr slot, unsigned popped, const struct fb_regs *regs)
{
    a->found = true;
    a->slot = slot;
    a->popped = popped;
    fb_regs_copy(&a->regs, regs);
}

static void propose(struct fb_emulation *e, fb_addr slot, unsigned popped,
                    const struct fb_regs *regs, enum proof proof)
{
    struct forward *f = e->self;
    struct answer *a = &f->answer[proof];
    if (a->found && (a->slot != slot || !same_register(&a->regs, regs, e->sp)))
        a->disputed = true;
    else if (a->found)
        merge(a, regs);
    else
        first(a, slot, popped, regs);
}

/* Where sp is sure, nobody needs to ask whom the call before the word has called. */
static enum proof proof_of(const struct fb_emulation *e, uint64_t ra, bool sure)
{
    static const enum proof by_fit[] = {
        [FB_FIT_REFUTED] = NO_PROOF, [FB_FIT_OPEN] = PROVED, [FB_FIT_PROVED] = REACHED};
    const struct forward *f = e->self;
    enum fb_evidence evidence = fb_return_evidence(e->w, ra);
    if (evidence == FB_EVIDENCE_PROVED && sure)
        return PROVED;
    if (evidence == FB_EVIDENCE_PROVED)
        return by_fit[fb_call_fits(e->w, fb_code_address(e->w, ra), f->callee)];
    return evidence == FB_EVIDENCE_LIKELY ? LIKELY : NO_PROOF;
}

/* The return address at `slot`, by what speaks for it. Most paths end at the same one. */
static enum proof proof_at(struct fb_emulation *e, fb_addr slot, bool sure, uint64_t *ra)
{
    struct forward *f = e->self;
    if (slot % e->word != 0 || !fb_stack_word(e->w, slot, ra))
        return NO_PROOF;
    if (slot != f->asked.slot || *ra != f->asked.ra || sure != f->asked.sure) {
        f->asked.slot = slot;
        f->asked.ra = *ra;
        f->asked.sure = sure;
        f->asked.proof = proof_of(e, *ra, sure);
    }
    return f->asked.proof;
}

/* When callees may have popped their arguments: the best proof a little above. What was popped
 * on the way came from wrong places. */
static enum proof look_above(struct fb_emulation *e, struct fb_path *p, fb_addr *slot,
                             uint64_t *ra)
{
    enum proof best = LIKELY;
    fb_addr from = *slot;
    for (size_t i = 1; i <= POPPED_MAX && best < REACHED; i++) {
        uint64_t word;
        enum proof proof = proof_at(e, from + i * e->word, false, &word);
        if (proof <= best)
            continue;
        best = proof;
        *slot = from + i * e->word;
        *ra = word;
    }
    if (best == LIKELY)
        return NO_PROOF;
    p->regs.valid = UINT64_C(1) << e->sp;
    return best;
}

/* Where the link register has the return address, that stands in for where it lies. */
static void end_linked(struct fb_emulation *e, struct fb_path *p, const struct fb_step *s)
{
    if (!fb_reg_known(&p->regs, s->from) || !fb_reg_known(&p->regs, e->sp))
        return;
    uint64_t ra = p->regs.v[s->from];
    enum proof proof = proof_of(e, ra, true);
    if (proof == NO_PROOF)
        return;
    fb_reg_set(&p->regs, e->ip, fb_code_address(e->w, ra));
    propose(e, ra, 0, &p->regs, proof);
}

static void end(struct fb_emulation *e, struct fb_path *p, const struct fb_step *s)
{
    uint64_t ra;
    if (!fb_reg_known(&p->regs, e->sp))
        return;
    fb_addr slot = p->regs.v[e->sp];
    enum proof proof = proof_at(e, slot, !p->loose, &ra);
    enum proof above = proof <= LIKELY && p->loose ? look_above(e, p, &slot, &ra) : NO_PROOF;
    proof = above != NO_PROOF ? above : proof;
    if (proof == NO_PROOF)
        return;
    fb_reg_set(&p->regs, e->ip, fb_code_address(e->w, ra));
    fb_reg_set(&p->regs, e->sp, fb_emulate_cut(e, slot + e->word + (uint64_t)s->constant));
    propose(e, slot, (unsigned)s->constant, &p->regs, proof);
}

/* The best proof decides. From a frame that was scanned for, a mere likelihood would be a guess
 * upon a guess. */
static bool best(const struct forward *f, bool guessed, struct fb_caller *caller)
{
    const struct answer *a = &f->answer[REACHED];
    while (!a->found && a > &f->answer[guessed ? PROVED : LIKELY])
        a--;
    if (!a->found || a->disputed)
        return false;
    fb_regs_copy(&caller->regs, &a->regs);
    caller->popped = a->popped;
    return true;
}

static void begin(struct forward *f, const struct fb_frame *callee)
{
    memset(f, 0, offsetof(struct forward, answer));
    f->callee = callee;
    for (size_t i = 0; i < PROOFS; i++)
        f->answer[i].found = f->answer[i].disputed = false;
}

bool fb_unwind_code(const struct fb_unwinder *w, const struct fb_frame *callee,
                    struct fb_caller *caller)
{
    size_t before = w->arena->used;
    struct fb_emulation *e = fb_emulate_can(w, callee->resume) ? fb_emulate_open(w) : NULL;
    if (e == NULL)
        return false;
    struct forward f;
    begin(&f, callee);
    e->self = &f;
    e->returns = e->lr < 0 ? end : end_linked;
    struct fb_path *p = fb_emulate_begin(e, callee->resume, &callee->regs);
    bool sure = fb_sp_is_sure(callee);
    p->loose = p->fresh = e->arch == FB_X86 && !sure;
    p->called = !callee->exact;
    p->moved = !callee->exact && callee->trust >= FB_TRUST_CFI &&
               fb_emulate_in_prolog(e, callee->resume);
    if (e->lr >= 0 && !sure) // the record of fp does not say where its frame ends
        p->regs.valid &= ~(UINT64_C(1) << e->sp);
    fb_emulate(e);
    fb_arena_give_back(w->arena, w->arena->used - before);
    return best(&f, callee->trust == FB_TRUST_SCAN, caller);
}
