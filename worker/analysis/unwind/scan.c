/*
 * worker/analysis/unwind/scan.c -- the last resort: the next word up the stack that looks like
 * a return address.
 *
 * It finds stale ones too. How a word looks is its rank; the best rank wins, but only so far
 * above the first: a table says how many words.
 */
#include "unwind/ladder.h"

enum {
    WINDOW = 40,             // words, when the callee's sp is that of a call;
    WINDOW_OF_CONTEXT = 160, // when all its locals may lie above sp
    CALL_ALIGNMENT = 16,     // of sp at a call in 64-bit code of x86, by all its ABIs
    HOME = 32,               // bytes at sp that Windows x64 leaves to who is called
    SAVED_FP_GAP = 128 * 1024
};

enum rank {
    NOTHING,
    REFUTED, // behind a call of another function
    ODD,     // in code, but who is there does not call the callee; or in an odd place
    LIKELY,  // in code; or behind a call, in an odd place
    PROVED,  // behind a call
    REACHED, // of the callee
    RANKS
};
static const size_t patience[RANKS] = {
    // words that a better one may come later
    [NOTHING] = WINDOW_OF_CONTEXT,
    [REFUTED] = WINDOW_OF_CONTEXT,
    [ODD] = 8,
    [LIKELY] = 4,
    [PROVED] = 16,
};

/* Where no call of 64-bit code of x86 puts its return address: there, sp is aligned; and on
 * Windows, the words at sp of one who has called belong to whom he calls. */
static bool odd_place(const struct fb_unwinder *w, const struct fb_frame *callee, fb_addr at)
{
    const struct fb_system *system = &w->env->dump->system;
    if (system->arch != FB_AMD64)
        return false;
    bool home = system->os == FB_WINDOWS && !callee->exact && at - callee->sp < HOME;
    return home || (at + w->names->word) % CALL_ALIGNMENT != 0;
}

/* The system is called by programs far more often than it calls them. */
static bool odd_caller(const struct fb_unwinder *w, const struct fb_frame *callee, fb_addr a)
{
    const struct fb_module *from = fb_code_module(w, a),
                           *to = fb_code_module(w, callee->lookup);
    return from != to && fb_of_system(from) && !fb_of_system(to);
}

static enum rank rank_of(const struct fb_unwinder *w, const struct fb_frame *callee, fb_addr at,
                         uint64_t value)
{
    static const enum rank by_fit[] = {
        [FB_FIT_REFUTED] = REFUTED, [FB_FIT_OPEN] = PROVED, [FB_FIT_PROVED] = REACHED};
    fb_addr a = fb_code_address(w, value);
    enum fb_evidence evidence = fb_return_evidence(w, value);
    if (evidence < FB_EVIDENCE_LIKELY)
        return NOTHING;
    enum rank rank = LIKELY;
    if (evidence == FB_EVIDENCE_PROVED)
        rank = by_fit[fb_call_fits(w, a, callee)];
    if (rank == REFUTED || rank == REACHED)
        return rank;
    if (odd_place(w, callee, at))
        rank--;
    return rank > ODD && odd_caller(w, callee, a) ? rank - 1 : rank;
}

/* Where the return address lies; 0 when nothing looks like one. */
static fb_addr find(const struct fb_unwinder *w, const struct fb_frame *callee, uint64_t *ra)
{
    size_t word = w->names->word;
    bool deep = callee->exact || callee->trust == FB_TRUST_CFI;
    size_t window = deep ? WINDOW_OF_CONTEXT : WINDOW;
    fb_addr at = callee->sp > w->stack_start ? callee->sp : w->stack_start;
    fb_addr found = 0;
    enum rank best = NOTHING;
    at += -at & (word - 1);
    struct fb_words words = fb_stack_words(w, at);
    window = window < words.n ? window : words.n;
    for (size_t i = 0, end = window; i < end && best < REACHED; i++) {
        uint64_t value = fb_words_at(&words, i);
        if (fb_place_returns(w->places, fb_code_address(w, value)) < FB_EVIDENCE_LIKELY)
            continue; // as most words
        enum rank rank = rank_of(w, callee, at + i * word, value);
        if (rank <= best)
            continue;
        best = rank;
        found = at + i * word;
        *ra = value;
        end = i + 1 + patience[rank] < window ? i + 1 + patience[rank] : window;
    }
    return found;
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
