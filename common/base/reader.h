/*
 * common/base/reader.h -- the only door between hostile bytes and everything else.
 *
 * A span is a borrowed view that knows where in the file it came from. A reader walks a span
 * and keeps its first failure: from then on it hands out zeros and stands still. A parser
 * can thus read straight down the page, and ask once, before it believes what it read.
 */
#pragma once
#include "base/err.h"
#include <byteswap.h>
#include <endian.h>
#include <stddef.h>
#include <string.h>

struct fb_span {
    const uint8_t *p;
    size_t n;
    uint64_t off; // of p[0] in the file, so that errors can point
};
struct fb_reader {
    struct fb_span in;
    size_t at;
    bool big; // numbers stand most significant byte first
    struct fb_err err;
};

/** The bytes of a string of ours, without its NUL. */
static inline struct fb_span fb_span_of(const char *text)
{
    return (struct fb_span){(const uint8_t *)text, strlen(text), 0};
}
/** Whether the bytes are those of `text`. */
static inline bool fb_span_is(struct fb_span s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

/** The `n` bytes of `whole` from `off` on; empty when any of them lies outside. */
static inline struct fb_span fb_span_sub(struct fb_span whole, uint64_t off, uint64_t n)
{
    if (n == 0 || off > whole.n || n > whole.n - off) // `off + n > whole.n` could wrap
        return (struct fb_span){0};
    return (struct fb_span){whole.p + off, (size_t)n, whole.off + off};
}

/** As much of the `n` bytes from `off` on as `whole` has; empty when `off` lies outside. */
static inline struct fb_span fb_span_clip(struct fb_span whole, uint64_t off, uint64_t n)
{
    if (off >= whole.n)
        return (struct fb_span){0};
    uint64_t room = whole.n - off;
    return fb_span_sub(whole, off, n < room ? n : room);
}
/** How far behind `at` the word there, of 4 or 8 bytes, stands again, by whole words and less
 * than `limit` bytes; 0: nowhere. */
static inline uint64_t fb_span_again(struct fb_span in, uint64_t at, size_t word,
                                     uint64_t limit)
{
    uint64_t first = 0, there = 0, room = at < in.n ? in.n - at : 0;
    if (room < word)
        return 0;
    memcpy(&first, in.p + at, word == 4 ? 4 : 8);
    for (uint64_t i = word; i < limit && i + word <= room; i += word) {
        memcpy(&there, in.p + at + i, word == 4 ? 4 : 8);
        if (there == first)
            return i;
    }
    return 0;
}

/** The unsigned number of `n` <= 8 bytes at `at` of a record of fixed layout; 0 where the
 * record does not reach that far. Little-endian, unless `big`. */
static inline uint64_t fb_field(struct fb_span record, size_t at, size_t n, bool big)
{
    uint64_t v = 0;
    if (at > record.n || record.n - at < n)
        return 0;
    memcpy(&v, record.p + at, n);
    v = le64toh(v);
    return big ? bswap_64(v) >> (64 - 8 * n) : v;
}

/** The same, of a word of 4 or 8 bytes. */
static inline uint64_t fb_span_word(struct fb_span in, size_t at, size_t word, bool big)
{
    return word == 4 ? fb_field(in, at, 4, big) : fb_field(in, at, 8, big);
}

static inline struct fb_span fb_read_bytes(struct fb_reader *r, size_t n)
{
    struct fb_span got = fb_failed(r->err) ? (struct fb_span){0} : fb_span_sub(r->in, r->at, n);
    if (got.n < n && !fb_failed(r->err))
        r->err = FB_FAIL(TRUNCATED, "read past the end", r->in.off + r->at);
    r->at += got.n;
    return got;
}

static inline void fb_read_skip(struct fb_reader *r, size_t n) { (void)fb_read_bytes(r, n); }

/** An unsigned number of `n` <= 8 bytes: little-endian, unless the reader is `big`. */
static inline uint64_t fb_read_le(struct fb_reader *r, size_t n)
{
    struct fb_span got = fb_read_bytes(r, n);
    return got.n != 0 ? fb_field(got, 0, n, r->big) : 0;
}
static inline uint8_t fb_read_u8(struct fb_reader *r) { return (uint8_t)fb_read_le(r, 1); }
static inline uint16_t fb_read_u16(struct fb_reader *r) { return (uint16_t)fb_read_le(r, 2); }
static inline uint32_t fb_read_u32(struct fb_reader *r) { return (uint32_t)fb_read_le(r, 4); }
static inline uint64_t fb_read_u64(struct fb_reader *r) { return fb_read_le(r, 8); }

/** How many of the `claimed` elements of `size` bytes the rest of the input can hold. */
static inline size_t fb_read_room(const struct fb_reader *r, uint64_t claimed, size_t size)
{
    size_t room = fb_failed(r->err) ? 0 : (r->in.n - r->at) / size;
    return claimed < room ? (size_t)claimed : room;
}
