/*
 * worker/analysis/unwind/pdata_arm64_undo.c -- take back what a prolog has done, code by code.
 *
 * A word that was not captured costs the register that it holds; only without the return
 * address, or on a code that nobody knows, is there no caller.
 */
#include "unwind/pdata_arm64.h"

#include "minidump/minidump.h"

enum {
    KERNEL_BIT = 55,
    CONTEXT_SIZE = 912 // CONTEXT of ARM64
};

struct undoing {
    const struct fb_unwinder *w;
    fb_addr lowest; // sp of the callee
    struct fb_regs regs;
    bool has_ip, context; // ip, or all registers, were restored
    bool exact;           // ip is where the caller goes on
    bool guessed;         // the frame pointer is not to be believed
};

static void load(struct undoing *u, int reg, fb_addr at)
{
    uint64_t word;
    if (fb_stack_word(u->w, at, &word))
        fb_reg_set(&u->regs, reg, word);
    else
        u->regs.valid &= ~(UINT64_C(1) << reg);
}

static bool move(struct undoing *u, const struct fb_arm64_undo *undo)
{
    fb_addr sp = fb_reg_sp(&u->regs);
    if (undo->file == 'x' && undo->n > 0)
        load(u, undo->first, sp + undo->at);
    if (undo->file == 'x' && undo->n > 1)
        load(u, undo->second, sp + undo->at + u->w->names->word);
    fb_reg_set(&u->regs, FB_SP64, sp + undo->rise);
    return true;
}

/* When fp is lost, sp stands where it stood: unless the function has moved it (alloca). What a
 * code has added to it meanwhile is no measure: clang describes a realigned stack by half. */
static bool frame(struct undoing *u, const struct fb_arm64_undo *undo)
{
    fb_addr sp = fb_reg_fp(&u->regs) - undo->at;
    if (fb_reg_known(&u->regs, FB_FP64) && fb_in_stack(u->w, sp) && sp >= u->lowest)
        fb_reg_set(&u->regs, FB_SP64, sp);
    else
        u->guessed = true;
    return true;
}

static bool sign(struct undoing *u, const struct fb_arm64_undo *undo)
{
    uint64_t lr = u->regs.v[FB_LR64], strip = u->w->not_address;
    (void)undo;
    u->regs.v[FB_LR64] = (lr >> KERNEL_BIT & 1) != 0 ? lr | strip : lr & ~strip;
    return true;
}

static bool machine(struct undoing *u, const struct fb_arm64_undo *undo)
{
    uint64_t sp, pc;
    fb_addr at = fb_reg_sp(&u->regs);
    (void)undo;
    if (!fb_stack_word(u->w, at, &sp) || !fb_stack_word(u->w, at + u->w->names->word, &pc))
        return false;
    fb_reg_set(&u->regs, FB_SP64, sp);
    fb_reg_set(&u->regs, FB_PC64, pc);
    u->has_ip = u->exact = true;
    return true;
}

static bool context(struct undoing *u, const struct fb_arm64_undo *undo)
{
    fb_addr sp = fb_reg_sp(&u->regs);
    (void)undo;
    if (!fb_in_stack(u->w, sp))
        return false;
    struct fb_span raw = fb_span_sub(u->w->stack, sp - u->w->stack_start, CONTEXT_SIZE);
    struct fb_regs regs = fb_minidump_context(FB_ARM64, raw, u->w->env->dump->memory.big);
    if (!fb_reg_known(&regs, FB_PC64) || !fb_reg_known(&regs, FB_SP64))
        return false;
    u->regs = regs;
    u->has_ip = u->exact = u->context = true;
    return true;
}

static bool call(struct undoing *u, const struct fb_arm64_undo *undo)
{
    (void)undo;
    return u->exact = true;
}

static bool nothing(struct undoing *u, const struct fb_arm64_undo *undo)
{
    (void)u;
    (void)undo;
    return true;
}

static bool (*const effects[])(struct undoing *, const struct fb_arm64_undo *) = {
    [FB_UNDO_NOTHING] = nothing, [FB_UNDO_MOVE] = move,        [FB_UNDO_FRAME] = frame,
    [FB_UNDO_SIGN] = sign,       [FB_UNDO_MACHINE] = machine,  [FB_UNDO_CONTEXT] = context,
    [FB_UNDO_CALL] = call,       [FB_UNDO_CONTINUE] = nothing, [FB_UNDO_REPEAT] = NULL,
    [FB_UNDO_ANY] = NULL,        [FB_UNDO_END] = NULL,         [FB_UNDO_UNKNOWN] = NULL,
};

static bool undo_all(struct undoing *u, struct fb_span codes, size_t at)
{
    struct fb_arm64_undo undo;
    for (; at < codes.n; at += undo.length) {
        if (!fb_arm64_code(codes, at, &undo))
            return false;
        if (undo.effect == FB_UNDO_END)
            return true;
        if (effects[undo.effect] == NULL || !effects[undo.effect](u, &undo))
            return false;
    }
    return true;
}

/* What a function need not restore is its own, not its caller's; lr led here. */
static uint64_t restored(void)
{
    uint64_t own = (UINT64_C(1) << 19) - 1;
    return ~own & ~(UINT64_C(1) << FB_LR64) & ~(UINT64_C(1) << FB_CPSR64);
}

bool fb_arm64_undo(const struct fb_unwinder *w, const struct fb_frame *callee,
                   struct fb_span codes, size_t at, struct fb_caller *caller)
{
    struct undoing u = {.w = w, .lowest = callee->sp, .regs = callee->regs};
    if (!undo_all(&u, codes, at) || (!u.has_ip && !fb_reg_known(&u.regs, FB_LR64)))
        return false;
    if (!u.has_ip)
        fb_reg_set(&u.regs, FB_PC64, fb_code_address(w, u.regs.v[FB_LR64]));
    if (u.guessed && fb_return_evidence(w, u.regs.v[FB_PC64]) < FB_EVIDENCE_LIKELY)
        return false;
    if (!u.context)
        u.regs.valid &= restored();
    *caller = (struct fb_caller){.regs = u.regs, .exact = u.exact};
    caller->other_stack = u.exact && !fb_in_stack(w, fb_reg_sp(&u.regs));
    return true;
}
