/*
 * worker/analysis/unwind/leaf.c -- callers of functions that have no frame yet, or never will.
 *
 * They only speak of a frame that was interrupted: of any other we know that it has made a
 * call. Only unwind data may say otherwise.
 */
#include "unwind/pdata_x64.h"

/* Everything but ip and sp stays as it is; what the ABI does not save, walk.c forgets. */
static bool return_to(const struct fb_unwinder *w, const struct fb_frame *callee, uint64_t word,
                      fb_addr sp, struct fb_caller *caller)
{
    fb_regs_copy(&caller->regs, &callee->regs);
    fb_reg_set(&caller->regs, w->names->ip, fb_code_address(w, word));
    fb_reg_set(&caller->regs, w->names->sp, sp);
    return true;
}

static bool from_stack(const struct fb_unwinder *w, const struct fb_frame *callee,
                       struct fb_caller *caller)
{
    uint64_t word;
    if (!fb_stack_word(w, callee->sp, &word) ||
        fb_return_evidence(w, word) < FB_EVIDENCE_LIKELY)
        return false;
    return return_to(w, callee, word, callee->sp + w->names->word, caller);
}

static bool link_register(const struct fb_unwinder *w, const struct fb_frame *callee,
                          uint64_t *out)
{
    int lr = w->names->lr;
    if (!fb_reg_known(&callee->regs, lr) ||
        fb_return_evidence(w, callee->regs.v[lr]) < FB_EVIDENCE_LIKELY)
        return false;
    *out = callee->regs.v[lr];
    return true;
}

/* Control went where no code is: through a null or wild pointer. If by a call, then the return
 * address is where the call has put it, untouched. */
bool fb_unwind_bad_call(const struct fb_unwinder *w, const struct fb_frame *callee,
                        struct fb_caller *caller)
{
    enum fb_arch arch = w->env->dump->system.arch;
    uint64_t lr;
    if (!callee->exact || fb_may_execute(w, callee->lookup))
        return false;
    if (arch == FB_X86 || arch == FB_AMD64)
        return from_stack(w, callee, caller);
    return link_register(w, callee, &lr) && return_to(w, callee, lr, callee->sp, caller);
}

/* x64 Windows: code that did not move rsp needs no unwind data, and has none. */
bool fb_unwind_leaf(const struct fb_unwinder *w, const struct fb_frame *callee,
                    struct fb_caller *caller)
{
    return callee->exact && from_stack(w, callee, caller);
}

/* x64 Windows: the unwind data of the image says that the function has none. A return address
 * must be proved when the callee has made a call, which no leaf does. */
bool fb_unwind_leaf_x64(const struct fb_unwinder *w, const struct fb_frame *callee,
                        struct fb_caller *caller)
{
    struct fb_x64_entry entry;
    uint64_t word;
    return fb_x64_find(w, callee->lookup, &entry) == FB_X64_NO_ENTRY &&
           (callee->exact || (fb_stack_word(w, callee->sp, &word) &&
                              fb_return_evidence(w, word) == FB_EVIDENCE_PROVED)) &&
           from_stack(w, callee, caller);
}

/* ARM64: in a leaf, or before its prolog has run, a function's return address is in lr. After
 * its first call, lr is stale and points back into the function itself; and once the record is
 * stored, lr says nothing that the record does not. */
bool fb_unwind_lr(const struct fb_unwinder *w, const struct fb_frame *callee,
                  struct fb_caller *caller)
{
    uint64_t lr, stored;
    if (!callee->exact || !link_register(w, callee, &lr))
        return false;
    fb_addr to = fb_code_address(w, lr);
    if (fb_stack_word(w, fb_reg_fp(&callee->regs) + w->names->word, &stored) &&
        fb_code_address(w, stored) == to)
        return false;
    return fb_other_function(w, to - 4, callee->lookup) &&
           return_to(w, callee, lr, callee->sp, caller);
}
