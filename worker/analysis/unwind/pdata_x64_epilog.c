/*
 * worker/analysis/unwind/pdata_x64_epilog.c -- threads that stand in an epilog.
 *
 * An epilog is made of few instructions, so that it can be told by its bytes: it may move rsp
 * up once, it pops registers, and it returns or jumps to another function. From where the
 * thread stands, what is left of it is done. Version 2 also says where epilogs are.
 */
#include "unwind/pdata_x64.h"

enum {
    EPILOG_MAX = 64, // bytes: all registers popped, and more
    NO_BYTE = 256,   // differs from every byte
    REX_B = 1,       // the register's number has its fourth bit
    SP = 4,          // rsp, as instructions number it
    CALL_THROUGH_IMPORT = 0x25
};

struct code {
    struct fb_span bytes;
    size_t at;
    fb_addr ip; // of bytes.p[0]
};

static unsigned peek(const struct code *c, size_t i)
{
    return i < c->bytes.n - c->at ? c->bytes.p[c->at + i] : NO_BYTE;
}

/* A number of `n` bytes, with its sign. */
static int64_t number(const struct code *c, size_t i, size_t n)
{
    struct fb_reader r = {.in = fb_span_sub(c->bytes, c->at + i, n)};
    uint64_t sign = UINT64_C(1) << (8 * n - 1);
    return (int64_t)((fb_read_le(&r, n) ^ sign) - sign);
}

static bool has(const struct code *c, size_t n) { return n <= c->bytes.n - c->at; }

/* --- rsp moves up ------------------------------------------------------------------- */

/* add rsp, n */
static bool add(struct code *c, struct fb_x64_undo *u)
{
    unsigned code = peek(c, 1);
    size_t n = code == 0x83 ? 1 : 4;
    if (peek(c, 0) != 0x48 || (code != 0x83 && code != 0x81) || peek(c, 2) != 0xC4 ||
        !has(c, 3 + n) || !fb_x64_release(u, (uint64_t)number(c, 3, n)))
        return false;
    c->at += 3 + n;
    return true;
}

/* lea rsp, [frame register + n] */
static bool lea(struct code *c, struct fb_x64_undo *u, const struct fb_x64_info *info)
{
    unsigned rex = peek(c, 0), modrm = peek(c, 2);
    unsigned from = (modrm & 7) | (rex & REX_B) << 3;
    size_t sib = (modrm & 7) == SP ? 1 : 0, n = modrm >> 6 == 1 ? 1 : 4;
    if ((rex & 0xFE) != 0x48 || peek(c, 1) != 0x8D || (modrm >> 3 & 7) != SP ||
        (modrm >> 6 != 1 && modrm >> 6 != 2) || (sib != 0 && peek(c, 3) != 0x24))
        return false;
    int reg = fb_x64_register(from);
    if ((int)from != info->frame || !fb_reg_known(&u->regs, reg) || !has(c, 3 + sib + n))
        return false;
    uint64_t to = u->regs.v[reg] + (uint64_t)number(c, 3 + sib, n);
    if (to < u->regs.v[FB_RSP] || !fb_x64_release(u, to - u->regs.v[FB_RSP]))
        return false;
    c->at += 3 + sib + n;
    return true;
}

/* --- registers come back ------------------------------------------------------------ */

static bool pop(struct code *c, struct fb_x64_undo *u)
{
    size_t rex = peek(c, 0) == 0x41 ? 1 : 0;
    unsigned code = peek(c, rex), reg = (code & 7) | (unsigned)rex << 3;
    if ((code & ~7U) != 0x58 || reg == SP || !fb_x64_pop(u, reg))
        return false;
    c->at += rex + 1;
    return true;
}

/* --- it ends ------------------------------------------------------------------------ */

static bool returns(const struct code *c, struct fb_x64_undo *u)
{
    unsigned first = peek(c, 0);
    if (first == 0xC2 && has(c, 3))
        u->popped = (uint64_t)number(c, 1, 2) & UINT16_MAX;
    return first == 0xC3 || (first == 0xC2 && has(c, 3)) ||
           ((first == 0xF2 || first == 0xF3) && peek(c, 1) == 0xC3);
}

/* Through a pointer. A jump into a table of cases is written without REX.W: that is how they
 * can be told apart. */
static bool jumps_away(const struct code *c)
{
    unsigned first = peek(c, 0);
    if (first == 0xFF)
        return peek(c, 1) == CALL_THROUGH_IMPORT;
    return (first & ~7U) == 0x48 && peek(c, 1) == 0xFF && peek(c, 2) != NO_BYTE &&
           (peek(c, 2) >> 3 & 7) == 4;
}

/* To another function, or back to the beginning of this one. */
static bool jumps_out(const struct code *c, const struct fb_unwinder *w)
{
    fb_addr begin, end, here, there;
    unsigned first = peek(c, 0);
    size_t n = first == 0xEB ? 1 : 4;
    if ((first != 0xEB && first != 0xE9) || !has(c, 1 + n))
        return false;
    fb_addr ip = c->ip + c->at;
    fb_addr target = ip + 1 + n + (uint64_t)number(c, 1, n);
    return fb_pdata_x64_function(w, ip, &begin, &end, &here) &&
           (!fb_pdata_x64_function(w, target, &begin, &end, &there) || there != here ||
            target == here);
}

/* Code of one function may lie in two places that nothing connects, so that a jump in its body
 * looks like its end: then hardly a return address is on top of the stack. */
static bool can_return(const struct fb_x64_undo *u)
{
    uint64_t word;
    return fb_stack_word(u->w, u->regs.v[FB_RSP], &word) &&
           fb_return_evidence(u->w, word) >= FB_EVIDENCE_LIKELY;
}

static bool by_bytes(struct fb_x64_undo *u, const struct fb_x64_info *info, fb_addr ip)
{
    struct fb_x64_undo done = *u;
    struct code c = {.bytes = fb_code_bytes(u->w, ip, EPILOG_MAX), .ip = ip};
    if (!add(&c, &done))
        lea(&c, &done, info);
    while (pop(&c, &done))
        continue;
    if (!returns(&c, &done) && !((jumps_away(&c) || jumps_out(&c, u->w)) && can_return(&done)))
        return false;
    *u = done;
    return true;
}

/* --- version 2 ---------------------------------------------------------------------- */

enum { AT_END = 1 };

/* The first operation has the size of all epilogs, and whether one ends the function; those
 * behind it, how far before the end others begin. @return whether any is told */
static bool told(const struct fb_x64_entry *entry, const struct fb_x64_info *info,
                 uint64_t offset, uint64_t *begin, bool *inside)
{
    struct fb_x64_ops ops = {.in = info};
    struct fb_x64_op op;
    uint64_t size = 0, end = (uint64_t)entry->end - entry->begin;
    while (fb_x64_next(&ops, &op) && op.kind == FB_X64_EPILOG) {
        bool first = size == 0;
        uint64_t back = op.at | (uint64_t)op.reg << 8;
        if (first) {
            size = op.at;
            back = (op.reg & AT_END) != 0 ? size : 0;
        }
        if (back != 0 && back <= end && offset >= end - back && offset - (end - back) < size) {
            *begin = end - back;
            *inside = true;
        }
    }
    return size != 0;
}

/* Without its bytes: an epilog pops what the prolog has pushed, and moves rsp before that. A
 * word that was made room for among the pushes is popped as well, into no matter what. */
static bool by_operations(struct fb_x64_undo *u, const struct fb_x64_info *info, uint64_t begin,
                          uint64_t offset)
{
    struct fb_x64_undo done = *u;
    struct fb_x64_ops ops = {.in = info};
    struct fb_x64_op op;
    bool pushes = false;
    for (uint64_t at = begin; fb_x64_next(&ops, &op);) {
        bool push = op.kind == FB_X64_PUSH;
        pushes |= push;
        if (!push && !(pushes && op.kind == FB_X64_ALLOC && op.n == sizeof(uint64_t)))
            continue;
        if (at >= offset && !(push ? fb_x64_pop(&done, op.reg) : fb_x64_release(&done, op.n)))
            return false;
        at += push && op.reg >= 8 ? 2 : 1;
    }
    if (!ops.bad)
        *u = done;
    return !ops.bad;
}

bool fb_x64_epilog(struct fb_x64_undo *u, const struct fb_x64_entry *entry,
                   const struct fb_x64_info *info, fb_addr ip)
{
    uint64_t begin = 0, offset = ip - (entry->base + entry->begin);
    bool inside = false;
    if (info->version != 2 || !told(entry, info, offset, &begin, &inside))
        return by_bytes(u, info, ip);
    return inside &&
           (by_bytes(u, info, ip) || (!info->chained && by_operations(u, info, begin, offset)));
}
