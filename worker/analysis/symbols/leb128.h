/*
 * worker/analysis/symbols/leb128.h -- DWARF's numbers of as many bytes as they need: seven bits
 * in each, the lowest first, and a mark in all but the last.
 *
 * Writers may pad them; what does not fit into 64 bits is dropped, as everybody does.
 */
#pragma once
#include "base/reader.h"

enum { FB_LEB128_MAX = 16 }; // bytes: ten are needed for 64 bits

/* The bits, how many they are, and whether the last byte's highest is set. */
static inline uint64_t fb_read_leb128(struct fb_reader *r, unsigned *bits, bool *negative)
{
    uint64_t v = 0;
    uint8_t byte = 0x80;
    unsigned n = 0;
    for (; (byte & 0x80) != 0 && n < FB_LEB128_MAX; n++) {
        byte = fb_read_u8(r); // 0, which ends it, behind the end
        if (7 * n < 64)
            v |= (uint64_t)(byte & 0x7F) << (7 * n);
    }
    if ((byte & 0x80) != 0 && !fb_failed(r->err))
        r->err = FB_FAIL(MALFORMED, "a LEB128 number without an end", r->in.off + r->at);
    *bits = 7 * n;
    *negative = (byte & 0x40) != 0;
    return v;
}

static inline uint64_t fb_read_uleb(struct fb_reader *r)
{
    unsigned bits;
    bool negative;
    return fb_read_leb128(r, &bits, &negative);
}

static inline int64_t fb_read_sleb(struct fb_reader *r)
{
    unsigned bits;
    bool negative;
    uint64_t v = fb_read_leb128(r, &bits, &negative);
    return (int64_t)(negative && bits < 64 ? v | UINT64_MAX << bits : v);
}
