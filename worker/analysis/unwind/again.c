/*
 * worker/analysis/unwind/again.c -- recursion whose frames are larger than what a scan skips.
 *
 * The return address that led to a frame stands up the stack again, and again at the same
 * distance: so regularly no stale words lie.
 */
#include "base/reader.h"
#include "unwind/ladder.h"

enum {
    FRAME_MAX = 64 * 1024, // bytes
    ROUNDS = 3             // of one distance, in front of the frame
};

static bool is_at(const struct fb_unwinder *w, fb_addr at, uint64_t word)
{
    uint64_t there;
    return fb_stack_word(w, at, &there) && there == word;
}

static bool regular(const struct fb_unwinder *w, fb_addr slot, fb_addr distance, uint64_t word)
{
    for (fb_addr i = 1; i <= ROUNDS; i++)
        if (!is_at(w, slot + i * distance, word))
            return false;
    return true;
}

static bool found(fb_addr slot, size_t word, uint64_t ra, struct fb_caller *caller)
{
    int ip = fb_reg_names(caller->regs.arch)->ip, sp = fb_reg_names(caller->regs.arch)->sp;
    fb_reg_set(&caller->regs, ip, ra);
    fb_reg_set(&caller->regs, sp, slot + word);
    return true;
}

/* Once the distance is known, every further round is one. */
static fb_addr known_distance(const struct fb_unwinder *w, const struct fb_frame *callee)
{
    return w->younger != NULL && w->younger->resume == callee->resume
               ? callee->sp - w->younger->sp
               : 0;
}

bool fb_unwind_again(const struct fb_unwinder *w, const struct fb_frame *callee,
                     struct fb_caller *caller)
{
    size_t word = w->names->word;
    fb_addr slot = fb_reg_sp(&callee->regs) - callee->popped - word,
            known = known_distance(w, callee);
    uint64_t ra, at = slot - w->stack_start, nearer;
    if (callee->exact || !fb_stack_word(w, slot, &ra) ||
        fb_code_address(w, ra) != callee->resume)
        return false;
    if (known != 0 && is_at(w, slot + known, ra))
        return found(slot + known, word, callee->resume, caller);
    uint64_t most = (w->stack.n - at) / ROUNDS, limit = most < FRAME_MAX ? most : FRAME_MAX;
    if (!fb_work_take(w->env->work, FB_WORK_RECURSION, (size_t)limit / word))
        return false;
    for (uint64_t far = 0; far <= limit; far += nearer) {
        nearer = fb_span_again(w->stack, at + far, word, limit + word - far);
        if (nearer == 0)
            return false;
        if (regular(w, slot, far + nearer, ra))
            return found(slot + far + nearer, word, callee->resume, caller);
    }
    return false;
}
