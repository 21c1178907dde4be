/*
 * worker/analysis/unwind/pdata_x64_undo.c -- a prolog undone, operation by operation.
 *
 * Where a register was saved, counts from one place that stays the same while all is undone:
 * rsp as it was behind the prolog, or what the frame register kept of it.
 */
#include "unwind/pdata_x64.h"

int fb_x64_register(unsigned number)
{
    static const int registers[] = {
        FB_RAX, FB_RCX, FB_RDX, FB_RBX, FB_RSP, FB_RBP, FB_RSI, FB_RDI,
        FB_R8,  FB_R9,  FB_R10, FB_R11, FB_R12, FB_R13, FB_R14, FB_R15,
    };
    return number < sizeof registers / sizeof *registers ? registers[number] : -1;
}

/* The stack only ever shrinks while a prolog is undone. */
static bool raise(struct fb_x64_undo *u, uint64_t sp)
{
    if (!fb_reg_known(&u->regs, FB_RSP) || sp < u->regs.v[FB_RSP])
        return false;
    fb_reg_set(&u->regs, FB_RSP, sp);
    return true;
}

bool fb_x64_release(struct fb_x64_undo *u, uint64_t n)
{
    return raise(u, u->regs.v[FB_RSP] + n);
}

/* A word that was not captured costs one register, not the caller. */
static void restore(struct fb_x64_undo *u, unsigned number, fb_addr at)
{
    int reg = fb_x64_register(number);
    uint64_t word;
    if (reg < 0 || reg == FB_RSP)
        return;
    u->regs.valid &= ~(UINT64_C(1) << reg);
    u->restored |= UINT64_C(1) << reg;
    if (fb_stack_word(u->w, at, &word))
        fb_reg_set(&u->regs, reg, word);
}

bool fb_x64_pop(struct fb_x64_undo *u, unsigned reg)
{
    restore(u, reg, u->regs.v[FB_RSP]);
    return fb_x64_release(u, sizeof(uint64_t));
}

static bool pop_pair(struct fb_x64_undo *u, const struct fb_x64_op *op)
{
    unsigned numbers[] = {op->reg, op->second};
    for (size_t i = 0; i < 2; i++) {
        int reg = fb_x64_register(numbers[i]);
        if (reg >= 0 && reg != FB_RSP)
            u->regs.valid &= ~(UINT64_C(1) << reg);
    }
    return fb_x64_release(u, 2 * sizeof(uint64_t));
}

/* What the processor pushes for an interrupt: rip, cs, flags, rsp and ss, behind an error code
 * of some. */
static bool machine_frame(struct fb_x64_undo *u, bool error_code)
{
    uint64_t ip, sp, at = u->regs.v[FB_RSP];
    if (error_code)
        at += 8;
    if (!fb_stack_word(u->w, at, &ip) || !fb_stack_word(u->w, at + 24, &sp))
        return false;
    fb_reg_set(&u->regs, FB_RIP, ip);
    fb_reg_set(&u->regs, FB_RSP, sp);
    u->interrupted = true;
    return true;
}

/* --- the whole ---------------------------------------------------------------------- */

struct frame { // from where saved registers are counted
    bool known;
    fb_addr base;
};

/* Which register keeps the frame, once the prolog has set it. A chained part begins with the
 * frame of its parent. @return -1: none */
static int frame_register(const struct fb_x64_info *info, uint64_t offset, uint64_t *at)
{
    struct fb_x64_ops ops = {.in = info};
    struct fb_x64_op op;
    if (info->frame >= 0 && (offset >= info->prolog || info->chained)) {
        *at = info->frame_at;
        return fb_x64_register((unsigned)info->frame);
    }
    while (fb_x64_next(&ops, &op))
        if (op.kind == FB_X64_SET_FRAME && op.at <= offset) {
            *at = op.n;
            return fb_x64_register(op.reg);
        }
    return -1;
}

static struct frame find_frame(const struct fb_x64_undo *u, const struct fb_x64_info *info,
                               uint64_t offset)
{
    uint64_t at = 0;
    int reg = frame_register(info, offset, &at);
    if (reg < 0)
        return (struct frame){true, u->regs.v[FB_RSP]};
    return (struct frame){fb_reg_known(&u->regs, reg), u->regs.v[reg] - at};
}

static bool undo_one(struct fb_x64_undo *u, const struct fb_x64_op *op,
                     const struct frame *frame)
{
    switch (op->kind) {
    case FB_X64_PUSH:
        return fb_x64_pop(u, op->reg);
    case FB_X64_PUSH_PAIR:
        return pop_pair(u, op);
    case FB_X64_ALLOC:
        return fb_x64_release(u, op->n);
    case FB_X64_SET_FRAME:
        return frame->known && raise(u, frame->base);
    case FB_X64_SAVE:
        if (frame->known)
            restore(u, op->reg, frame->base + op->n);
        return frame->known;
    case FB_X64_MACHINE_FRAME:
        return machine_frame(u, op->n != 0);
    case FB_X64_SAVE_XMM:
    case FB_X64_EPILOG:
    default:
        return true;
    }
}

bool fb_x64_undo(struct fb_x64_undo *u, const struct fb_x64_info *info, uint64_t offset)
{
    struct fb_x64_ops ops = {.in = info};
    struct fb_x64_op op;
    bool whole = offset >= info->prolog;
    if (!whole && info->version == 3) // which are done there, we do not read
        return false;
    struct frame frame = find_frame(u, info, offset);
    while (!u->interrupted && fb_x64_next(&ops, &op))
        if ((whole || op.at <= offset) && !undo_one(u, &op, &frame))
            return false;
    return !ops.bad;
}
