/*
 * worker/analysis/minidump/lines.c -- texts as Linux keeps them in /proc and /etc: lines, lines
 * of a name and a value, and words that end in one letter.
 */
#include "minidump/parts.h"

static bool is_blank(uint8_t c) { return c == ' ' || c == '\t' || c == '"' || c == '\r'; }

struct fb_span fb_md_trim(struct fb_span s)
{
    while (s.n != 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    while (s.n != 0 && is_blank(s.p[0]))
        s = fb_span_sub(s, 1, s.n - 1);
    return s;
}

struct fb_span fb_md_cut_at(struct fb_span *rest, int end)
{
    const uint8_t *found = rest->n != 0 ? memchr(rest->p, end, rest->n) : NULL;
    size_t n = found != NULL ? (size_t)(found - rest->p) : rest->n;
    struct fb_span before = fb_span_sub(*rest, 0, n);
    *rest = fb_span_sub(*rest, n + (found != NULL), rest->n - n - (found != NULL));
    return before;
}

struct fb_span fb_md_next_line(struct fb_span *rest) { return fb_md_cut_at(rest, '\n'); }

struct fb_span fb_md_value_of(struct fb_span text, const char *name, char separator)
{
    while (text.n != 0) {
        struct fb_span value = fb_md_next_line(&text);
        struct fb_span key = fb_md_cut_at(&value, separator);
        if (key.n == 0 || value.n == 0)
            continue;
        key = fb_md_trim(key);
        if (key.n == strlen(name) && memcmp(key.p, name, key.n) == 0)
            return fb_md_trim(value);
    }
    return text;
}

uint64_t fb_md_decimal(struct fb_span text)
{
    uint64_t v = 0;
    for (size_t i = 0; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++) {
        uint64_t digit = (uint64_t)(text.p[i] - '0');
        if (v > (UINT64_MAX - digit) / 10)
            return UINT64_MAX;
        v = v * 10 + digit;
    }
    return v;
}
