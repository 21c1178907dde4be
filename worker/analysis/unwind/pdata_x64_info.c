/*
 * worker/analysis/unwind/pdata_x64_info.c -- the bytes of unwind information, read into
 * operations.
 *
 * Versions 1 and 2 count slots of two bytes, of which an operation takes up to three. Version 3
 * has a pool of operations of any length, which begin with the bits that tell them apart.
 */
#include "unwind/pdata_x64.h"

enum {
    HEADER = 4,
    SLOTS_MAX = 255,
    ENTRY_SIZE = 12,
    INFO_MAX = HEADER + 2 * (SLOTS_MAX + 1) + ENTRY_SIZE,
    CHAINED = 4,
    LARGE_PROLOG = 8 // version 3
};

/* --- the header --------------------------------------------------------------------- */

static bool read_parent(const struct fb_x64_entry *entry, struct fb_span bytes, size_t at,
                        struct fb_x64_info *info)
{
    struct fb_reader r = {.in = fb_span_sub(bytes, at, ENTRY_SIZE)};
    info->parent.base = entry->base;
    info->parent.begin = fb_read_u32(&r);
    info->parent.end = fb_read_u32(&r);
    info->parent.info = fb_read_u32(&r);
    return !fb_failed(r.err);
}

/* Versions 1 and 2: the slots, an even number of them, then the parent. */
static bool read_slots(struct fb_reader *r, struct fb_x64_info *info, size_t *end)
{
    info->n = fb_read_u8(r);
    unsigned frame = fb_read_u8(r);
    info->frame = (frame & 15) != 0 ? (int)(frame & 15) : -1;
    info->frame_at = frame >> 4 << 4;
    info->bytes = fb_read_bytes(r, 2 * info->n);
    *end = HEADER + 2 * (info->n + (info->n & 1));
    return !fb_failed(r->err);
}

/* Version 3: where in the prolog each operation is done, the epilogs, the pool. Without epilogs
 * the pool begins at once; with them, behind what their descriptors say. */
static bool skip_epilogs(struct fb_reader *r, size_t n, size_t size)
{
    enum { WIDE = 2, OPERATIONS = 3 }; // flag; where the count begins
    for (size_t i = 0; i < n; i++) {
        unsigned first = fb_read_u8(r), count = first >> OPERATIONS;
        size_t wide = (first & WIDE) != 0 ? 2 : 1;
        fb_read_skip(r, 2);
        if (count != 0)
            fb_read_skip(r, 2 + wide * (1 + count));
    }
    return !fb_failed(r->err) && r->at <= size;
}

static bool read_pool(struct fb_reader *r, bool large, struct fb_x64_info *info, size_t *end)
{
    size_t payload = 2 * (size_t)fb_read_u8(r);
    unsigned counts = fb_read_u8(r);
    struct fb_reader in = {.in = fb_read_bytes(r, payload)};
    *end = (HEADER + payload + 3) / 4 * 4;
    info->n = counts & 31;
    info->frame = -1;
    if (large)
        info->prolog |= (uint32_t)fb_read_u8(&in) << 8;
    fb_read_skip(&in, info->n * (large ? 2 : 1));
    if (!skip_epilogs(&in, counts >> 5, payload) || fb_failed(r->err))
        return false;
    info->bytes = fb_span_clip(in.in, in.at, payload);
    return true;
}

bool fb_x64_info(const struct fb_unwinder *w, const struct fb_x64_entry *entry,
                 struct fb_x64_info *out)
{
    struct fb_span bytes = fb_code_bytes(w, entry->base + entry->info, INFO_MAX);
    struct fb_reader r = {.in = bytes};
    unsigned first = fb_read_u8(&r), flags = first >> 3;
    struct fb_x64_info info = {.version = first & 7, .prolog = fb_read_u8(&r)};
    size_t end;
    bool slots = info.version == 1 || info.version == 2;
    if (!slots && info.version != 3)
        return false;
    if (slots ? !read_slots(&r, &info, &end)
              : !read_pool(&r, (flags & LARGE_PROLOG) != 0, &info, &end))
        return false;
    info.chained = (flags & CHAINED) != 0;
    if (info.chained && !read_parent(entry, bytes, end, &info))
        return false;
    *out = info;
    return true;
}

/* --- versions 1 and 2 --------------------------------------------------------------- */

struct shape { // of an operation
    enum fb_x64_kind kind;
    unsigned slots;
    unsigned scale; // of the number in the slots behind the first; 0: there is none
};
enum { ALLOC_LARGE = 1, ALLOC_SMALL = 2, SIX = 6, SEVEN = 7, SHAPES = 11 };
static const struct shape shapes[SHAPES] = {
    {FB_X64_PUSH,          1, 0 },
    {FB_X64_ALLOC,         2, 8 },
    {FB_X64_ALLOC,         1, 0 },
    {FB_X64_SET_FRAME,     1, 0 },
    {FB_X64_SAVE,          2, 8 },
    {FB_X64_SAVE,          3, 1 },
    {FB_X64_SAVE_XMM,      2, 8 }, // of version 1: half of a register
    {FB_X64_SAVE_XMM,      3, 1 }, // likewise
    {FB_X64_SAVE_XMM,      2, 16},
    {FB_X64_SAVE_XMM,      3, 1 },
    {FB_X64_MACHINE_FRAME, 1, 0 },
};

static struct shape shape_of(unsigned version, unsigned code, unsigned extra)
{
    if (version == 2 && code == SIX)
        return (struct shape){FB_X64_EPILOG, 1, 0};
    if (version == 2 && code == SEVEN) // nobody has seen one
        return (struct shape){FB_X64_SAVE_XMM, 2, 8};
    if (code == ALLOC_LARGE && extra == 1)
        return (struct shape){FB_X64_ALLOC, 3, 1};
    return shapes[code];
}

static bool next_slot(struct fb_reader *r, const struct fb_x64_info *info, struct fb_x64_op *op)
{
    op->at = fb_read_u8(r);
    unsigned second = fb_read_u8(r), code = second & 15, extra = second >> 4;
    if (fb_failed(r->err) || code >= SHAPES || (code == ALLOC_LARGE && extra > 1))
        return false;
    struct shape shape = shape_of(info->version, code, extra);
    op->kind = shape.kind;
    op->reg = extra;
    op->n = fb_read_le(r, 2 * (shape.slots - 1)) * shape.scale;
    if (code == ALLOC_SMALL)
        op->n = 8 * (extra + 1);
    if (op->kind == FB_X64_MACHINE_FRAME)
        op->n = extra;
    if (op->kind == FB_X64_SET_FRAME) {
        op->reg = info->frame >= 0 ? (unsigned)info->frame : 0;
        op->n = info->frame_at;
    }
    return !fb_failed(r->err);
}

/* --- version 3 ---------------------------------------------------------------------- */

static bool sized(struct fb_reader *r, struct fb_x64_op *op, enum fb_x64_kind kind,
                  unsigned reg, size_t size, unsigned scale)
{
    op->kind = kind;
    op->reg = reg;
    op->n = fb_read_le(r, size) * scale;
    return true;
}

/* Those that have the whole of their first byte. */
static bool next_whole(struct fb_reader *r, unsigned first, struct fb_x64_op *op)
{
    unsigned second;
    switch (first) {
    case 0:
        second = fb_read_u8(r);
        return sized(r, op, FB_X64_SET_FRAME, second & 15, 0, 0) &&
               ((op->n = second >> 4 << 4), true);
    case 1:
        return sized(r, op, FB_X64_ALLOC, 0, 4, 1);
    case 2:
        return sized(r, op, FB_X64_ALLOC, 0, 2, 8);
    default:
        return false; // 3: a frame of the processor or the system, of which no more is known
    }
}

static bool next_pair(struct fb_x64_op *op, unsigned reg, unsigned second)
{
    op->kind = FB_X64_PUSH_PAIR;
    op->reg = reg;
    op->second = second;
    return true;
}

static bool next_in_pool(struct fb_reader *r, struct fb_x64_op *op)
{
    unsigned first = fb_read_u8(r), reg = first >> 3, high = first >> 4;
    switch (first & 7) {
    case 4:
        return sized(r, op, FB_X64_PUSH, reg, 0, 0);
    case 5:
        return sized(r, op, FB_X64_SAVE, reg, 4, 1);
    case 6:
        return sized(r, op, FB_X64_SAVE, reg, 2, 8);
    case 7:
        return next_pair(op, reg, reg + 1);
    default:
        break;
    }
    switch (first & 15) {
    case 8:
        sized(r, op, FB_X64_ALLOC, 0, 0, 0);
        op->n = 8 * (high + 1);
        return true;
    case 9:
        return sized(r, op, FB_X64_SAVE_XMM, high, 4, 1);
    case 10:
        return sized(r, op, FB_X64_SAVE_XMM, high, 2, 16);
    default:
        break;
    }
    if ((first & 63) == 32) {
        unsigned two = first >> 6 | (unsigned)fb_read_u8(r) << 2; // two numbers of five bits
        return next_pair(op, two & 31, two >> 5);
    }
    return next_whole(r, first, op);
}

bool fb_x64_next(struct fb_x64_ops *ops, struct fb_x64_op *out)
{
    const struct fb_x64_info *info = ops->in;
    struct fb_reader r = {.in = info->bytes, .at = ops->at};
    struct fb_x64_op op = {0};
    if (ops->bad || ops->done >= info->n || (info->version < 3 && r.at >= info->bytes.n))
        return false;
    bool good = info->version < 3 ? next_slot(&r, info, &op) : next_in_pool(&r, &op);
    if (!good || fb_failed(r.err)) {
        ops->bad = true;
        return false;
    }
    ops->at = r.at;
    ops->done++;
    *out = op;
    return true;
}
