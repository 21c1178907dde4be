/*
 * worker/analysis/unwind/fp.c -- the chain of frame pointers.
 *
 *      fp ->  | the caller's fp  |
 *             | return address   |
 *             |                  |  <- the caller's sp
 *
 * All four architectures keep this record. A chain only ever leads up the stack; 0 ends it.
 */
#include "unwind/ladder.h"

struct record {
    uint64_t fp, ra;
};

static bool read_record(const struct fb_unwinder *w, fb_addr at, struct record *out)
{
    size_t word = w->names->word;
    return fb_stack_word(w, at, &out->fp) && fb_stack_word(w, at + word, &out->ra);
}

/* Windows x64 keeps no chain: rbp is a register like others there, so 0 ends nothing, and only
 * a return address that is one can be believed. What belongs to the system never has one. */
static bool keeps_chain(const struct fb_dump *dump)
{
    return dump->system.arch != FB_AMD64 || dump->system.os != FB_WINDOWS;
}

/* A chain that got this far may also lead through code that no module holds. */
static bool believable(const struct fb_unwinder *w, fb_addr at, const struct record *r)
{
    bool rises = r->fp == 0 || (r->fp > at && fb_in_stack(w, r->fp));
    enum fb_evidence evidence = fb_return_evidence(w, r->ra);
    bool strict = w->env->dump->system.arch == FB_X86 || !keeps_chain(w->env->dump);
    if (strict && !rises)
        return false;
    if (evidence == FB_EVIDENCE_STRAY)
        return rises && r->fp != 0 && keeps_chain(w->env->dump);
    return evidence >= FB_EVIDENCE_LIKELY;
}

/* What the caller's fp is, if it can be one; it is not followed down the stack. */
static void set_fp(const struct fb_unwinder *w, struct fb_regs *caller, int fp, fb_addr at,
                   uint64_t value)
{
    if (value > at && !fb_in_stack(w, value))
        value &= ~w->not_address;
    if (value == 0 || value > at)
        fb_reg_set(caller, fp, value);
    else
        caller->valid &= ~(UINT64_C(1) << fp);
}

/* Folklore: gcc, when it aligns a frame, keeps the record together by a copy of the return
 * address; where the call has put it, a word that is saved below the record tells. */
static fb_addr aligned_from(const struct fb_unwinder *w, fb_addr at, uint64_t ra)
{
    enum { SAVED_BELOW = 4, ALIGNMENT_MAX = 128 };
    size_t word = w->names->word;
    for (size_t i = 1; i <= SAVED_BELOW; i++) {
        uint64_t sp, copied;
        if (fb_stack_word(w, at - i * word, &sp) && sp > at + 2 * word &&
            sp - at <= ALIGNMENT_MAX && fb_stack_word(w, sp - word, &copied) && copied == ra)
            return sp;
    }
    return 0;
}

static bool follow(const struct fb_unwinder *w, const struct fb_frame *callee, int fp,
                   fb_addr at, struct fb_regs *caller)
{
    struct record r;
    if (at < callee->sp || !read_record(w, at, &r))
        return false;
    bool chained = callee->trust == FB_TRUST_FRAME_POINTER && keeps_chain(w->env->dump);
    bool ends = chained && r.ra == 0;
    if (!ends && (!believable(w, at, &r) ||
                  fb_call_fits(w, fb_code_address(w, r.ra), callee) == FB_FIT_REFUTED))
        return false;
    fb_regs_copy(caller, &callee->regs);
    fb_reg_set(caller, w->names->ip, ends ? 0 : fb_code_address(w, r.ra));
    fb_addr sp = aligned_from(w, at, r.ra);
    fb_reg_set(caller, w->names->sp, sp != 0 ? sp : at + 2 * w->names->word);
    set_fp(w, caller, fp, at, r.fp);
    return true;
}

static bool follow_register(const struct fb_unwinder *w, const struct fb_frame *callee, int fp,
                            struct fb_regs *caller)
{
    if (!fb_reg_known(&callee->regs, fp))
        return false;
    fb_addr at = callee->regs.v[fp];
    bool ends = at == 0 && callee->trust == FB_TRUST_FRAME_POINTER && keeps_chain(w->env->dump);
    if (!ends)
        return follow(w, callee, fp, at, caller);
    fb_regs_copy(caller, &callee->regs);
    fb_reg_set(caller, w->names->ip, 0);
    return true;
}

bool fb_unwind_fp(const struct fb_unwinder *w, const struct fb_frame *callee,
                  struct fb_caller *caller)
{
    if (!keeps_chain(w->env->dump) && fb_of_system(fb_code_module(w, callee->lookup)))
        return false;
    return follow_register(w, callee, w->names->fp, &caller->regs);
}

/* Folklore: gcc for 32-bit ARM lets r11 point at the stored lr, one word into the record; clang
 * at its begin. A record that ends the chain may be the one misread as the other. */
bool fb_unwind_fp_arm(const struct fb_unwinder *w, const struct fb_frame *callee,
                      struct fb_caller *caller)
{
    struct fb_regs gcc = {.arch = callee->regs.arch};
    bool found = follow_register(w, callee, FB_FP32, &caller->regs);
    if ((found && fb_reg_ip(&caller->regs) != 0) || !fb_reg_known(&callee->regs, FB_FP32))
        return found;
    if (!follow(w, callee, FB_FP32, callee->regs.v[FB_FP32] - w->names->word, &gcc) ||
        fb_reg_ip(&gcc) == 0)
        return found;
    caller->regs = gcc;
    return true;
}

/* Thumb code, and all of iOS, uses r7. */
bool fb_unwind_fp_thumb(const struct fb_unwinder *w, const struct fb_frame *callee,
                        struct fb_caller *caller)
{
    return follow_register(w, callee, FB_R7_32, &caller->regs);
}
