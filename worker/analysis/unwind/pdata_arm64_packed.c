/*
 * worker/analysis/unwind/pdata_arm64_packed.c -- the codes that a packed entry stands for.
 *
 *     0  1 2      12 13  15 16  19 20 21 22 23      31
 *     flag length/4  RegF   RegI   H  CR    frame/16
 *
 * The prolog, in the order in which it runs; what is in brackets only if CR or H say so:
 *
 *     [pacibsp]                        CR 2
 *     stp x19, x20, [sp, -saved]!      RegI registers; the last one alone, or with lr (CR 1)
 *     [str lr]                         CR 1
 *     stp d8, d9                       RegF + 1 registers, unless RegF is 0
 *     [stp x0, x1 ... stp x6, x7]      H
 *     sub sp, sp, locals               up to two instructions, 4080 bytes first
 *     [stp x29, lr, [sp]; mov x29, sp] CR 2 and 3; up to 512 bytes without the sub before it
 */
#include "unwind/pdata_arm64.h"

enum {
    FLAG_WHOLE = 1,
    FLAG_FRAGMENT = 2,
    INTEGERS_MAX = 10, // x19 ... x28
    CR_LINK = 1,
    CR_SIGNED = 2,
    CR_CHAINED = 3,
    WORD = 8,
    HOMES = 4,          // stores, of two words each
    SUB_MAX = 4080,     // bytes that one `sub` takes
    STORE_LOWERS = 512, // bytes that one `stp` takes
    LINK_REGISTER = 11  // lr, counted from x19
};
enum { // codes with their fields empty
    ALLOC_S = 0x00,
    ALLOC_M = 0xC000,
    SAVE_FPLR = 0x40,
    SAVE_FPLR_X = 0x80,
    SAVE_REGP = 0xC800,
    SAVE_REGP_X = 0xCC00,
    SAVE_REG = 0xD000,
    SAVE_REG_X = 0xD400,
    SAVE_LRPAIR = 0xD600,
    SAVE_FREGP = 0xD800,
    SAVE_FREGP_X = 0xDA00,
    SAVE_FREG = 0xDC00,
    SET_FP = 0xE1,
    NOP = 0xE3,
    END = 0xE4,
    END_C = 0xE5,
    PAC_SIGN_LR = 0xFC
};

struct packed {
    unsigned floats, integers, cr; // registers
    bool homes;
    unsigned before_floats; // bytes: integers, and lr
    unsigned saved, locals; // bytes
};

static unsigned bits(uint32_t word, unsigned from, unsigned n)
{
    return word >> from & ((1U << n) - 1);
}

static bool unpack(uint32_t word, struct packed *p)
{
    unsigned f = bits(word, 13, 3), frame = bits(word, 23, 9) * 16;
    p->floats = f != 0 ? f + 1 : 0;
    p->integers = bits(word, 16, 4);
    p->homes = bits(word, 20, 1) != 0;
    p->cr = bits(word, 21, 2);
    p->before_floats = (p->integers + (p->cr == CR_LINK)) * WORD;
    unsigned saved = p->before_floats + (p->floats + 2 * HOMES * p->homes) * WORD;
    p->saved = (saved + 15) / 16 * 16;
    p->locals = frame - p->saved;
    bool chained = p->cr >= CR_SIGNED;
    return p->integers <= INTEGERS_MAX && frame >= p->saved && (!chained || p->locals != 0);
}

/* --- codes, in the order of undoing ------------------------------------------------- */

static void put(struct fb_arm64_function *f, unsigned code)
{
    if (code > UINT8_MAX && f->n_expanded < FB_ARM64_EXPANDED_MAX)
        f->expanded[f->n_expanded++] = (uint8_t)(code >> 8);
    if (f->n_expanded < FB_ARM64_EXPANDED_MAX)
        f->expanded[f->n_expanded++] = (uint8_t)code;
}

/* A code with two fields, the distance in its lowest `z_bits`. */
static void put_save(struct fb_arm64_function *f, unsigned code, unsigned x, unsigned z_bits,
                     unsigned z)
{
    put(f, code | x << z_bits | z);
}

static void put_alloc(struct fb_arm64_function *f, unsigned bytes)
{
    put(f, bytes < 512 ? ALLOC_S | bytes / 16 : ALLOC_M | bytes / 16);
}

static void put_locals(const struct packed *p, bool epilog, struct fb_arm64_function *f)
{
    bool chained = p->cr >= CR_SIGNED, at_once = chained && p->locals <= STORE_LOWERS;
    if (chained && !epilog)
        put(f, SET_FP);
    if (chained)
        put(f, at_once ? SAVE_FPLR_X | (p->locals / WORD - 1) : SAVE_FPLR);
    if (at_once || p->locals == 0)
        return;
    if (p->locals > SUB_MAX)
        put_alloc(f, p->locals - SUB_MAX);
    put_alloc(f, p->locals > SUB_MAX ? SUB_MAX : p->locals);
}

/* The first store makes room for all. When there is no other, that is one of the homes. */
static void put_homes(const struct packed *p, bool epilog, struct fb_arm64_function *f)
{
    bool makes_room = p->before_floats == 0 && p->floats == 0;
    if (!p->homes)
        return;
    for (unsigned i = makes_room; i < HOMES && !epilog; i++)
        put(f, NOP);
    if (makes_room)
        put_alloc(f, p->saved);
}

static void put_floats(const struct packed *p, struct fb_arm64_function *f)
{
    if (p->floats % 2 != 0)
        put_save(f, SAVE_FREG, p->floats - 1, 6, p->before_floats / WORD + p->floats - 1);
    for (unsigned i = p->floats / 2 * 2; i > 0; i -= 2)
        if (i == 2 && p->before_floats == 0)
            put_save(f, SAVE_FREGP_X, 0, 6, p->saved / WORD - 1);
        else
            put_save(f, SAVE_FREGP, i - 2, 6, p->before_floats / WORD + i - 2);
}

/* The last one of an odd number, and lr. */
static void put_single(const struct packed *p, struct fb_arm64_function *f)
{
    unsigned last = p->integers - 1;
    bool odd = p->integers % 2 != 0, link = p->cr == CR_LINK;
    if (odd && link)
        put_save(f, SAVE_LRPAIR, last / 2, 6, last);
    else if (link && p->integers != 0)
        put_save(f, SAVE_REG, LINK_REGISTER, 6, p->integers);
    else if (link)
        put_save(f, SAVE_REG_X, LINK_REGISTER, 5, p->saved / WORD - 1);
    else if (odd && last != 0)
        put_save(f, SAVE_REG, last, 6, last);
    else if (odd)
        put_save(f, SAVE_REG_X, 0, 5, p->saved / WORD - 1);
    /* Folklore: no code stores x19 with lr and makes room for them; MSVC takes a `sub` more. */
    if (odd && link && last == 0)
        put_alloc(f, p->saved);
}

static void put_integers(const struct packed *p, struct fb_arm64_function *f)
{
    put_single(p, f);
    for (unsigned i = p->integers / 2 * 2; i > 0; i -= 2)
        if (i == 2)
            put_save(f, SAVE_REGP_X, 0, 6, p->saved / WORD - 1);
        else
            put_save(f, SAVE_REGP, i - 2, 6, i - 2);
}

static void put_all(const struct packed *p, bool epilog, struct fb_arm64_function *f)
{
    put_locals(p, epilog, f);
    put_homes(p, epilog, f);
    put_floats(p, f);
    put_integers(p, f);
    if (p->cr == CR_SIGNED)
        put(f, PAC_SIGN_LR);
    put(f, END);
}

bool fb_arm64_packed(uint32_t word, struct fb_arm64_function *out)
{
    unsigned flag = bits(word, 0, 2);
    struct packed p;
    if ((flag != FLAG_WHOLE && flag != FLAG_FRAGMENT) || !unpack(word, &p))
        return false;
    *out = (struct fb_arm64_function){.length = bits(word, 2, 11),
                                      .one_epilog = flag == FLAG_WHOLE};
    if (flag == FLAG_FRAGMENT) // its prolog has run elsewhere
        put(out, END_C);
    put_all(&p, false, out);
    out->epilog = out->n_expanded;
    if (flag == FLAG_WHOLE)
        put_all(&p, true, out);
    return true;
}
