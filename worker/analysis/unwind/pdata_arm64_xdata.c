/*
 * worker/analysis/unwind/pdata_arm64_xdata.c -- a record of .xdata, and where in its codes an
 * instruction is.
 *
 *     0      17 18 19 20 21 22  26 27  31
 *     length/4  vers   X  E epilogs  words      both last fields 0: a second word has them
 *     one word per epilog, unless E; the codes; what belongs to the exception handler
 *
 * An epilog has its own run of codes, whose first instruction is undone first. Every code
 * stands for one instruction: so many have run of a prolog, or not yet of an epilog.
 */
#include "unwind/pdata_arm64.h"

enum { WORD = 4 };

static uint32_t bits(uint32_t word, unsigned from, unsigned n)
{
    return word >> from & ((UINT32_C(1) << n) - 1);
}

bool fb_arm64_xdata(struct fb_span xdata, struct fb_arm64_function *out)
{
    struct fb_reader r = {.in = xdata};
    uint32_t header = fb_read_u32(&r);
    uint32_t epilogs = bits(header, 22, 5), words = bits(header, 27, 5);
    if (epilogs == 0 && words == 0) {
        uint32_t more = fb_read_u32(&r);
        epilogs = bits(more, 0, 16);
        words = bits(more, 16, 8);
    }
    *out = (struct fb_arm64_function){.length = bits(header, 0, 18),
                                      .one_epilog = bits(header, 21, 1) != 0};
    if (out->one_epilog)
        out->epilog = epilogs;
    else
        out->epilogs = fb_read_bytes(&r, epilogs * WORD);
    out->codes = fb_read_bytes(&r, words * WORD);
    return !fb_failed(r.err) && bits(header, 18, 2) == 0;
}

/* --- where an instruction is -------------------------------------------------------- */

static bool ends(const struct fb_arm64_undo *undo)
{
    return undo->effect == FB_UNDO_END || undo->effect == FB_UNDO_CONTINUE;
}

/* The instructions that the codes from `at` on stand for. */
static uint32_t count(struct fb_span codes, size_t at)
{
    struct fb_arm64_undo undo;
    uint32_t n = 0;
    for (; fb_arm64_code(codes, at, &undo) && !ends(&undo); at += undo.length)
        n += undo.instruction;
    return n;
}

/* Behind the codes of `n` instructions. */
static size_t skip(struct fb_span codes, size_t at, uint32_t n)
{
    struct fb_arm64_undo undo;
    for (; n > 0 && fb_arm64_code(codes, at, &undo); at += undo.length)
        n -= undo.instruction;
    return at;
}

static uint32_t scope(const struct fb_arm64_function *f, size_t i)
{
    struct fb_reader r = {.in = f->epilogs, .at = i * WORD};
    return fb_read_u32(&r);
}

/* The last epilog that starts at or before instruction `at`. @return false: none does */
static bool find_epilog(const struct fb_arm64_function *f, uint32_t at, uint32_t *start,
                        size_t *code)
{
    size_t low = 0, high = f->epilogs.n / WORD;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bits(scope(f, middle), 0, 18) <= at)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return false;
    *start = bits(scope(f, low - 1), 0, 18);
    *code = bits(scope(f, low - 1), 22, 10);
    return true;
}

/* An epilog ends with an instruction that leaves the function, which has no code. */
static bool in_epilog(const struct fb_arm64_function *f, uint32_t at, size_t *first)
{
    struct fb_span codes = fb_arm64_codes(f);
    uint32_t start, n;
    size_t code = f->epilog;
    if (!f->one_epilog && !find_epilog(f, at, &start, &code))
        return false;
    if (code >= codes.n)
        return false;
    n = count(codes, code) + 1;
    if (f->one_epilog)
        start = n <= f->length ? f->length - n : 0;
    if (at < start || at - start >= n)
        return false;
    *first = skip(codes, code, at - start);
    return true;
}

size_t fb_arm64_first_code(const struct fb_arm64_function *f, uint32_t at)
{
    struct fb_span codes = fb_arm64_codes(f);
    uint32_t prolog = count(codes, 0);
    size_t first = 0;
    if (at < prolog)
        return skip(codes, 0, prolog - at);
    return in_epilog(f, at, &first) ? first : 0;
}
