/*
 * worker/analysis/unwind/scan.c -- the last resort: the next word up the stack that looks like
 * a return address.
 *
 * It finds stale ones too. A word that is proved by a call before it is taken at once; one that
 * merely lies in code, only when no proved one follows closely.
 */
#include "unwind/ladder.h"

enum {
    WINDOW = 40,             // words, when the callee's sp is that of a call;
    WINDOW_OF_CONTEXT = 160, // when all its locals may lie above sp
    PROOF_WITHIN = 4,        // words that a proof may come later than a mere likelihood
    SAVED_FP_GAP = 128 * 1024
};

/* Where the return address lies; 0 when nothing looks like one. */
static fb_addr find(const struct fb_unwinder *w, const struct fb_frame *callee, uint64_t *ra)
{
    size_t word = w->names->word;
    bool deep = callee->exact || callee->trust == FB_TRUST_CFI;
    size_t window = deep ? WINDOW_OF_CONTEXT : WINDOW;
    fb_addr at = callee->sp > w->stack_start ? callee->sp : w->stack_start;
    fb_addr likely = 0;
    at += -at & (word - 1);
    for (size_t i = 0, left = window; i < left; i++, at += word) {
        uint64_t value;
        if (!fb_stack_word(w, at, &value))
            break;
        enum fb_evidence evidence = fb_return_evidence(w, value);
        if (evidence < FB_EVIDENCE_LIKELY || (evidence == FB_EVIDENCE_LIKELY && likely != 0))
            continue;
        *ra = value;
        if (evidence == FB_EVIDENCE_PROVED)
            return at;
        likely = at;
        left = i + 1 + PROOF_WITHIN < window ? i + 1 + PROOF_WITHIN : window;
    }
    return likely;
}

/* The word below the return address is the saved frame pointer, if it can be one; else the old
 * one holds as long as it lies above. */
static void recover_fp(const struct fb_unwinder *w, const struct fb_frame *callee, fb_addr slot,
                       struct fb_regs *caller)
{
    int fp = w->names->fp;
    uint64_t saved;
    fb_addr below = slot - w->names->word;
    if (below >= callee->sp && fb_stack_word(w, below, &saved) && saved > below &&
        saved - below <= SAVED_FP_GAP && fb_in_stack(w, saved))
        fb_reg_set(caller, fp, saved);
    else if (fb_reg_known(&callee->regs, fp) && callee->regs.v[fp] > slot)
        fb_reg_set(caller, fp, callee->regs.v[fp]);
}

bool fb_unwind_scan(const struct fb_unwinder *w, const struct fb_frame *callee,
                    struct fb_caller *caller)
{
    uint64_t ra = 0;
    fb_addr slot = find(w, callee, &ra);
    if (slot == 0)
        return false;
    fb_reg_set(&caller->regs, w->names->ip, fb_code_address(w, ra));
    fb_reg_set(&caller->regs, w->names->sp, slot + w->names->word);
    recover_fp(w, callee, slot, &caller->regs);
    return true;
}
