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

/* The value of `line` if it is that name's. */
static struct fb_span value_of(struct fb_span line, const char *name, char separator)
{
    size_t n = strlen(name);
    if (line.n <= n || memcmp(line.p, name, n) != 0)
        return (struct fb_span){0};
    while (n < line.n && (line.p[n] == ' ' || line.p[n] == '\t'))
        n++;
    if (n == line.n || line.p[n] != (uint8_t)separator)
        return (struct fb_span){0};
    return fb_md_trim(fb_span_sub(line, n + 1, line.n - n - 1));
}

void fb_md_values(struct fb_span text, char separator, const char *const *names,
                  struct fb_span *values, size_t n)
{
    memset(values, 0, n * sizeof *values);
    for (size_t found = 0; text.n != 0 && found < n;) {
        struct fb_span line = fb_md_next_line(&text);
        for (size_t i = 0; i < n && line.n != 0; i++) {
            if (line.p[0] != (uint8_t)names[i][0] || values[i].n != 0)
                continue;
            values[i] = value_of(line, names[i], separator);
            found += values[i].n != 0;
        }
    }
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
