/*
 * worker/analysis/unwind/pdata_arm64_codes.c -- the unwind codes of ARM64, one row each.
 *
 * A code is one to five bytes, most significant first. What it says about registers and
 * distances stands in its lowest bits: first (higher) the register, then (lowest) the distance.
 *
 *     1 1 0 0 1 0 x x   x x z z z z z z      save_regp: x19+x and the next one, at sp + 8 z
 */
#include "unwind/pdata_arm64.h"

enum {
    X19 = 19,
    D8 = 8,
    LAST_FLOAT = 31,
    REPEATS_MAX = 16, // pairs that one code may have following it
    FIRST_CUSTOM = 0xE8,
    LAST_CUSTOM = 0xEF // codes of these stand for no instruction
};

enum second { ALONE, PAIR, LINK }; // with the next register, with lr

struct code {
    uint8_t mask, value, length;
    enum fb_arm64_effect effect;
    char file;
    uint8_t first;
    enum second second;
    uint8_t x_bits, x_step; // first += x * x_step
    uint8_t z_bits;
    uint8_t at;         // bytes per z, for where the registers lie
    uint8_t rise, more; // rise = (z + more) * rise
};

#define OTHER(value_, length_, effect_)                                                        \
    {                                                                                          \
        .mask = 0xFF, .value = value_, .length = length_, .effect = FB_UNDO_##effect_          \
    }
#define MOVE FB_UNDO_MOVE

/* The first row that fits. */
// clang-format off
static const struct code table[] = {
    /* mask value bytes       registers             x     z  at rise */
    {0xE0, 0x00, 1, MOVE, 0,   0,       ALONE, 0, 0,  5, 0, 16, 0}, // alloc_s
    {0xE0, 0x20, 1, MOVE, 'x', X19,     PAIR,  0, 0,  5, 0,  8, 0}, // save_r19r20_x
    {0xC0, 0x40, 1, MOVE, 'x', FB_FP64, PAIR,  0, 0,  6, 8,  0, 0}, // save_fplr
    {0xC0, 0x80, 1, MOVE, 'x', FB_FP64, PAIR,  0, 0,  6, 0,  8, 1}, // save_fplr_x
    {0xF8, 0xC0, 2, MOVE, 0,   0,       ALONE, 0, 0, 11, 0, 16, 0}, // alloc_m
    {0xFC, 0xC8, 2, MOVE, 'x', X19,     PAIR,  4, 1,  6, 8,  0, 0}, // save_regp
    {0xFC, 0xCC, 2, MOVE, 'x', X19,     PAIR,  4, 1,  6, 0,  8, 1}, // save_regp_x
    {0xFC, 0xD0, 2, MOVE, 'x', X19,     ALONE, 4, 1,  6, 8,  0, 0}, // save_reg
    {0xFE, 0xD4, 2, MOVE, 'x', X19,     ALONE, 4, 1,  5, 0,  8, 1}, // save_reg_x
    {0xFE, 0xD6, 2, MOVE, 'x', X19,     LINK,  3, 2,  6, 8,  0, 0}, // save_lrpair
    {0xFE, 0xD8, 2, MOVE, 'd', D8,      PAIR,  3, 1,  6, 8,  0, 0}, // save_fregp
    {0xFE, 0xDA, 2, MOVE, 'd', D8,      PAIR,  3, 1,  6, 0,  8, 1}, // save_fregp_x
    {0xFE, 0xDC, 2, MOVE, 'd', D8,      ALONE, 3, 1,  6, 8,  0, 0}, // save_freg
    {0xFF, 0xDE, 2, MOVE, 'd', D8,      ALONE, 3, 1,  5, 0,  8, 1}, // save_freg_x
    OTHER(0xDF, 2, UNKNOWN),                                        // alloc_z: nobody says how long a vector is
    {0xFF, 0xE0, 4, MOVE, 0,   0,       ALONE, 0, 0, 24, 0, 16, 0}, // alloc_l
    OTHER(0xE1, 1, FRAME),                                          // set_fp
    {0xFF, 0xE2, 2, FB_UNDO_FRAME, 0, 0, ALONE, 0, 0, 8, 8,  0, 0}, // add_fp
    OTHER(0xE3, 1, NOTHING),                                        // nop
    OTHER(0xE4, 1, END),                                            // end
    OTHER(0xE5, 1, CONTINUE),                                       // end_c
    OTHER(0xE6, 1, REPEAT),                                         // save_next
    OTHER(0xE7, 3, ANY),                                            // save_any_reg
    OTHER(0xE9, 1, MACHINE),                                        // machine frame
    OTHER(0xEA, 1, CONTEXT),                                        // context record
    OTHER(0xEC, 1, CALL),                                           // clear unwound to call
    OTHER(0xF8, 2, UNKNOWN),
    OTHER(0xF9, 3, UNKNOWN),
    OTHER(0xFA, 4, UNKNOWN),
    OTHER(0xFB, 5, UNKNOWN),
    OTHER(0xFC, 1, SIGN),                                           // pac_sign_lr
    {.length = 1, .effect = FB_UNDO_UNKNOWN},                       // trap frame, EC context, reserved
};
#undef OTHER
#undef MOVE
// clang-format on

static const struct code *code_of(uint8_t byte)
{
    const struct code *code = table;
    while ((byte & code->mask) != code->value) // the last row always fits
        code++;
    return code;
}

static uint32_t low(uint32_t v, unsigned bits) { return v & ((UINT32_C(1) << bits) - 1); }

static void by_table(const struct code *code, uint32_t v, struct fb_arm64_undo *out)
{
    uint32_t z = low(v, code->z_bits), x = low(v >> code->z_bits, code->x_bits);
    uint32_t first = code->first + x * code->x_step;
    *out = (struct fb_arm64_undo){
        .effect = code->effect,
        .length = code->length,
        .file = code->file,
        .first = (uint8_t)first,
        .n = code->file == 0         ? 0
             : code->second == ALONE ? 1
                                     : 2,
        .second = code->second == LINK ? FB_LR64 : (uint8_t)(first + 1),
        .at = z * code->at,
        .rise = (z + code->more) * code->rise,
    };
}

/* 0pxrrrrr ffoooooo: p two registers, x sp is moved; the distance counts in units of what is
 * stored, the smallest multiple of 16 when sp is moved. */
static void any_register(uint32_t v, struct fb_arm64_undo *out)
{
    static const char files[] = {'x', 'd', 'q', 0};
    uint32_t r = v >> 8 & 0x1F, o = low(v, 6);
    bool pair = (v >> 14 & 1) != 0, moves = (v >> 13 & 1) != 0;
    char file = files[v >> 6 & 3];
    uint32_t unit = pair || moves || file == 'q' ? 16 : 8;
    out->effect = file != 0 && (v >> 15 & 1) == 0 ? FB_UNDO_MOVE : FB_UNDO_UNKNOWN;
    out->file = file;
    out->first = (uint8_t)r;
    out->n = pair ? 2 : 1;
    out->second = (uint8_t)(r + 1);
    out->at = moves ? 0 : o * unit;
    out->rise = moves ? (o + 1) * unit : 0;
}

/* There is no x31 to be saved, and no d32. */
static bool exist(const struct fb_arm64_undo *undo)
{
    unsigned last = undo->n == 2 && undo->second > undo->first ? undo->second : undo->first;
    return undo->n == 0 || last <= (undo->file == 'x' ? FB_LR64 : LAST_FLOAT);
}

/* One code by itself. @return false: it is cut */
static bool decode(struct fb_span codes, size_t at, struct fb_arm64_undo *out)
{
    struct fb_reader r = {.in = fb_span_clip(codes, at, codes.n), .big = true};
    if (r.in.n == 0)
        return false;
    uint8_t byte = r.in.p[0];
    const struct code *code = code_of(byte);
    uint32_t v = (uint32_t)fb_read_le(&r, code->length);
    by_table(code, v, out);
    if (code->effect == FB_UNDO_ANY)
        any_register(v, out);
    if (!exist(out))
        out->effect = FB_UNDO_UNKNOWN;
    out->instruction = (byte < FIRST_CUSTOM || byte > LAST_CUSTOM) &&
                       code->effect != FB_UNDO_END && code->effect != FB_UNDO_CONTINUE;
    return !fb_failed(r.err);
}

/* Codes stand in the order of undoing: what is repeated was stored before, and stands behind.
 * Each repetition is of the next two registers, in the next two places. */
static bool repeat(struct fb_span codes, size_t at, struct fb_arm64_undo *out)
{
    struct fb_arm64_undo of = {.effect = FB_UNDO_REPEAT};
    unsigned k = 0;
    for (; of.effect == FB_UNDO_REPEAT && k <= REPEATS_MAX; k++)
        if (!decode(codes, at + k, &of))
            return false;
    k--; // codes between the two
    out->effect = FB_UNDO_MOVE;
    out->file = of.file;
    out->n = 2;
    out->first = (uint8_t)(of.first + 2 * k);
    out->second = (uint8_t)(of.second + 2 * k);
    out->at = of.at + 2 * k * fb_arm64_size(&of);
    return of.effect == FB_UNDO_MOVE && of.n == 2 && of.second == of.first + 1 && exist(out);
}

bool fb_arm64_code(struct fb_span codes, size_t at, struct fb_arm64_undo *out)
{
    return decode(codes, at, out) && (out->effect != FB_UNDO_REPEAT || repeat(codes, at, out));
}
