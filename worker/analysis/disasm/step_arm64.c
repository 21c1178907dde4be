/*
 * worker/analysis/disasm/step_arm64.c -- what one instruction of ARM64 does to the registers
 * that lead to the caller.
 *
 * All instructions have four bytes and their fields at the same places, so that no library is
 * asked. Of those that are not listed, the register that they write is the lowest field.
 * @source Arm's manual of the A-profile architecture, C4.1
 */
#include "disasm/step_plain.h"

enum { SIZE = 4, NONE = -1, ZERO = 31 };

static uint32_t bits(uint32_t w, unsigned from, unsigned n)
{
    return w >> from & ((UINT32_C(1) << n) - 1);
}
static int64_t signed_bits(uint32_t w, unsigned from, unsigned n)
{
    int64_t sign = INT64_C(1) << (n - 1);
    return ((int64_t)bits(w, from, n) ^ sign) - sign;
}
static uint64_t bit(int reg) { return reg >= 0 ? UINT64_C(1) << reg : 0; }

/* Register 31 is the stack pointer in some places, and the zero register in all others. */
static int or_sp(uint32_t field) { return (int)field; }
static int or_none(uint32_t field) { return field == ZERO ? NONE : (int)field; }

/* --- data --------------------------------------------------------------------------- */

/* The mask that N, immr and imms of a logical immediate stand for; 64 bits only. */
static uint64_t mask_of(uint32_t w)
{
    unsigned size = 64, rotate = bits(w, 16, 6), ones = bits(w, 10, 6);
    if (bits(w, 22, 1) == 0)
        for (size = 32; size > 2 && (ones & size) != 0; size /= 2)
            continue;
    ones = (ones & (size - 1)) + 1;
    rotate &= size - 1;
    uint64_t all = size == 64 ? UINT64_MAX : (UINT64_C(1) << size) - 1;
    uint64_t v = ones == 64 ? UINT64_MAX : (UINT64_C(1) << ones) - 1;
    if (rotate != 0)
        v = (v >> rotate | v << (size - rotate)) & all;
    for (unsigned at = size; at < 64; at *= 2)
        v |= v << at;
    return v;
}

static bool immediate(uint32_t w, struct fb_step *out)
{
    uint32_t low = bits(w, 0, 5), next = bits(w, 5, 5);
    bool whole = bits(w, 31, 1) != 0, flags;
    switch (bits(w, 23, 3)) {
    case 2: { // add, sub
        int64_t n = (int64_t)bits(w, 10, 12) << (bits(w, 22, 1) != 0 ? 12 : 0);
        flags = bits(w, 29, 1) != 0;
        int to = flags ? or_none(low) : or_sp(low);
        out->writes = bit(to);
        if (whole && to != NONE)
            fb_step_set(out, FB_STEP_SET, to, or_sp(next), bits(w, 30, 1) != 0 ? -n : n);
        return true;
    }
    case 4: // and, orr, eor, ands
        flags = bits(w, 29, 2) == 3;
        out->writes = bit(flags ? or_none(low) : or_sp(low));
        if (whole && bits(w, 29, 2) == 0)
            fb_step_set(out, FB_STEP_MASK, or_sp(low), or_none(next), (int64_t)mask_of(w));
        return true;
    default: // addresses, moves, bit fields
        out->writes = bit(or_none(low));
        return true;
    }
}

static void by_register(uint32_t w, struct fb_step *out)
{
    bool moves = (w & 0xFFE0FFE0) == 0xAA0003E0; // orr x, xzr, x
    bool extended = (w & 0x1FE00000) == 0x0B200000 && bits(w, 29, 1) == 0;
    int to = extended ? or_sp(bits(w, 0, 5)) : or_none(bits(w, 0, 5));
    bool compares = (w & 0x1FE00000) == 0x1A400000; // ccmp, ccmn: flags only
    out->writes = compares ? 0 : bit(to);
    if (moves && to != NONE && bits(w, 16, 5) != ZERO)
        fb_step_set(out, FB_STEP_SET, to, (int)bits(w, 16, 5), 0);
}

/* Of the vector instructions, few write others than vector registers. */
static void vector(uint32_t w, struct fb_step *out)
{
    bool converts = (w & 0x5F20FC00) == 0x1E200000 || (w & 0x5F200000) == 0x1E000000;
    bool extracts = (w & 0xBFE0EC00) == 0x0E002C00; // umov, smov
    if (converts || extracts)
        out->writes = bit(or_none(bits(w, 0, 5)));
}

/* --- memory ------------------------------------------------------------------------- */

struct access {
    bool load, whole; // registers of 64 bits
    int first, second;
    int base;
    int64_t offset, update;
};

static void put_access(const struct access *a, struct fb_step *out)
{
    int first = a->whole ? a->first : NONE, second = a->whole ? a->second : NONE;
    if (a->load)
        out->writes |= bit(a->first) | bit(a->second);
    if (a->update != 0)
        out->writes |= bit(a->base);
    if (first == NONE && second == NONE && a->update == 0)
        return;
    if (a->load)
        fb_step_set(out, FB_STEP_LOAD, first, a->base, a->offset);
    else
        fb_step_set(out, FB_STEP_STORE, a->base, first, a->offset);
    out->second = (int8_t)second;
    out->update = a->update;
}

/* Behind the access, before it, or not at all: where `n` is added to the base. */
enum index { AFTER = 1, NEVER, BEFORE };
static void place(struct access *a, enum index index, int64_t n)
{
    a->offset = index == AFTER ? 0 : n;
    a->update = index == NEVER ? 0 : n;
}

static void pair(uint32_t w, struct fb_step *out)
{
    bool is_vector = bits(w, 26, 1) != 0;
    unsigned size = bits(w, 30, 2);
    int64_t scale = is_vector ? INT64_C(4) << size : size == 2 ? 8 : 4;
    enum index index = bits(w, 23, 2) == 0 ? NEVER : (enum index)bits(w, 23, 2);
    struct access a = {.load = bits(w, 22, 1) != 0, .whole = !is_vector && size == 2};
    a.first = is_vector ? NONE : or_none(bits(w, 0, 5));
    a.second = is_vector ? NONE : or_none(bits(w, 10, 5));
    a.base = or_sp(bits(w, 5, 5));
    if (!is_vector && size == 1 && !a.load) // stgp counts in 16 bytes
        scale = 16;
    place(&a, index, signed_bits(w, 15, 7) * scale);
    put_access(&a, out);
}

static void single(uint32_t w, struct fb_step *out)
{
    bool is_vector = bits(w, 26, 1) != 0, scaled = bits(w, 24, 1) != 0;
    unsigned size = bits(w, 30, 2), opc = bits(w, 22, 2), form = bits(w, 10, 2);
    bool prefetches = !is_vector && size == 3 && opc == 2;
    struct access a = {.second = NONE, .base = or_sp(bits(w, 5, 5))};
    a.load = is_vector ? (opc & 1) != 0 : opc != 0;
    a.first = is_vector || prefetches ? NONE : or_none(bits(w, 0, 5));
    a.whole = !is_vector && size == 3 && opc < 2;
    if (scaled) {
        unsigned shift = is_vector && opc >= 2 ? 4 : size;
        place(&a, NEVER, (int64_t)bits(w, 10, 12) << shift);
    } else if (bits(w, 21, 1) == 0) {
        place(&a, form == 0 || form == 2 ? NEVER : (enum index)form, signed_bits(w, 12, 9));
    } else { // an index in a register, or an atomic: where to, nobody knows
        a.whole = false;
        out->writes = form == 2 && !a.load ? 0 : bit(a.first);
        return;
    }
    put_access(&a, out);
}

static void memory(uint32_t w, struct fb_step *out)
{
    switch (bits(w, 27, 3)) {
    case 5:
        pair(w, out);
        break;
    case 7:
        single(w, out);
        break;
    default: // literals, exclusives, vectors of structures
        if (bits(w, 26, 1) != 0)
            out->writes = bits(w, 23, 1) != 0 ? bit(or_sp(bits(w, 5, 5))) : 0;
        else
            out->writes = bit(or_none(bits(w, 0, 5))) | bit(or_none(bits(w, 10, 5))) |
                          bit(or_none(bits(w, 16, 5)));
        break;
    }
}

/* --- branches ----------------------------------------------------------------------- */

static void go(struct fb_step *out, enum fb_step_kind kind, fb_addr address, int64_t words)
{
    out->kind = kind;
    out->target_known = true;
    out->target = address + (uint64_t)(words * SIZE);
}

/* BR, BLR, RET and those that check a signature first. */
static void through_register(uint32_t w, struct fb_step *out)
{
    enum { JUMP, CALL, RETURN };
    unsigned op = bits(w, 21, 2);
    bool key_in_register = bits(w, 24, 1) != 0, checks = bits(w, 11, 1) != 0;
    if (op == RETURN)
        fb_step_set(out, FB_STEP_RETURN, NONE, checks ? FB_LR64 : or_none(bits(w, 5, 5)), 0);
    else if (op == CALL)
        fb_step_set(out, FB_STEP_CALL, NONE, NONE, 0);
    else
        out->kind = FB_STEP_END;
    if (op == 3 || (key_in_register && op == RETURN)) // eret, drps; not allocated
        out->kind = FB_STEP_END;
}

/* cbz, cbnz; b.cond and bc.cond, but not when the condition is always true */
static bool on_condition(uint32_t w)
{
    return (w & 0x7E000000) == 0x34000000 ||
           ((w & 0xFF000000) == 0x54000000 && bits(w, 0, 4) < 14);
}

static bool branch(uint32_t w, fb_addr address, struct fb_step *out)
{
    if ((w & 0x7C000000) == 0x14000000) // b, bl
        go(out, bits(w, 31, 1) != 0 ? FB_STEP_CALL : FB_STEP_JUMP, address,
           signed_bits(w, 0, 26));
    else if (on_condition(w))
        go(out, FB_STEP_BRANCH, address, signed_bits(w, 5, 19));
    else if ((w & 0x7E000000) == 0x36000000) // tbz, tbnz
        go(out, FB_STEP_BRANCH, address, signed_bits(w, 5, 14));
    else if ((w & 0xFF000000) == 0x54000000) // always
        go(out, FB_STEP_JUMP, address, signed_bits(w, 5, 19));
    else if ((w & 0xFE000000) == 0xD6000000)
        through_register(w, out);
    else if ((w & 0xFF000000) == 0xD4000000) // svc comes back; brk, hlt and others do not
        out->kind = (w & 0xFFE0001F) == 0xD4000001 ? FB_STEP_OTHER : FB_STEP_END;
    else if ((w & 0xFFC00000) == 0xD5000000) // hints, barriers, system registers
        out->writes = bits(w, 21, 1) != 0 ? bit(or_none(bits(w, 0, 5))) : 0;
    else
        return false;
    return true;
}

bool fb_step_arm64(struct fb_span code, fb_addr address, struct fb_step *out)
{
    struct fb_reader r = {.in = code};
    uint32_t w = fb_read_u32(&r);
    struct fb_step step = {.length = SIZE, .to = NONE, .from = NONE, .second = NONE};
    unsigned group = bits(w, 25, 4);
    bool known = !fb_failed(r.err);
    if (known && (w >> 16) == 0) // udf
        step.kind = FB_STEP_END;
    else if ((group & 14) == 8)
        known = known && immediate(w, &step);
    else if ((group & 14) == 10)
        known = known && branch(w, address, &step);
    else if ((group & 5) == 4)
        memory(w, &step);
    else if ((group & 7) == 5)
        by_register(w, &step);
    else if ((group & 7) == 7 || group == 2) // scalable vectors in group 2
        vector(w, &step);
    else
        known = false;
    if (known)
        *out = step;
    return known;
}
