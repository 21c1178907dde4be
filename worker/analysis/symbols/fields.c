/* worker/analysis/symbols/fields.c -- lines, words and numbers of a text that
 * may be anything. */
#include "symbols/fields.h"

struct fb_fields fb_fields_next(struct fb_span text, size_t *at)
{
    const uint8_t *p = text.p + *at;
    const uint8_t *lf = memchr(p, '\n', text.n - *at);
    const uint8_t *end = lf != NULL ? lf : text.p + text.n;
    *at = lf != NULL ? (size_t)(lf - text.p) + 1 : text.n;
    if (end > p && end[-1] == '\r')
        end--;
    return (struct fb_fields){p, end, false};
}

static bool blank(uint8_t c) { return c == ' ' || c == '\t'; }

static void skip_blanks(struct fb_fields *f)
{
    while (f->p < f->end && blank(*f->p))
        f->p++;
}

struct fb_span fb_fields_text(struct fb_fields *f)
{
    skip_blanks(f);
    const uint8_t *start = f->p;
    while (f->p < f->end && !blank(*f->p))
        f->p++;
    return (struct fb_span){start, (size_t)(f->p - start), 0};
}

struct fb_span fb_fields_rest(struct fb_fields *f)
{
    skip_blanks(f);
    struct fb_span rest = {f->p, (size_t)(f->end - f->p), 0};
    f->p = f->end;
    return rest;
}

bool fb_fields_ended(struct fb_fields *f)
{
    skip_blanks(f);
    return f->p == f->end;
}

bool fb_fields_word(struct fb_fields *f, const char *word)
{
    struct fb_fields ahead = *f;
    if (!fb_span_is(fb_fields_text(&ahead), word))
        return false;
    *f = ahead;
    return true;
}

static unsigned digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - (unsigned)'0';
    if (c >= 'a' && c <= 'f')
        return c - (unsigned)'a' + 10;
    return c >= 'A' && c <= 'F' ? c - (unsigned)'A' + 10 : 16; // 16: a digit in no base of ours
}

static uint64_t number(struct fb_fields *f, unsigned base, uint64_t max)
{
    struct fb_span text = fb_fields_text(f);
    uint64_t v = 0;
    f->bad |= text.n == 0;
    for (size_t i = 0; i < text.n && !f->bad; i++) {
        unsigned d = digit(text.p[i]);
        f->bad = d >= base || __builtin_mul_overflow(v, base, &v) ||
                 __builtin_add_overflow(v, d, &v) || v > max;
    }
    return f->bad ? 0 : v;
}

uint64_t fb_fields_hex(struct fb_fields *f) { return number(f, 16, UINT64_MAX); }
uint32_t fb_fields_hex32(struct fb_fields *f) { return (uint32_t)number(f, 16, UINT32_MAX); }
uint32_t fb_fields_dec(struct fb_fields *f) { return (uint32_t)number(f, 10, UINT32_MAX); }

size_t fb_fields_count(const struct fb_fields *f)
{
    struct fb_fields ahead = *f;
    size_t n = 0;
    while (fb_fields_text(&ahead).n != 0)
        n++;
    return n;
}
