/* ingest/dialects/params.c -- one line after the other, one parameter after the other. */
#include "dialects/params.h"

#include <strings.h>

static bool is_blank(uint8_t c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static struct fb_span trim(struct fb_span s)
{
    while (s.n != 0 && is_blank(s.p[0]))
        s = fb_span_clip(s, 1, s.n);
    while (s.n != 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

static bool is_word(struct fb_span s, const char *word)
{
    return s.n != 0 && s.n == strlen(word) && strncasecmp((const char *)s.p, word, s.n) == 0;
}

/* The bytes of `s` before the first `stop`, all of them without one. */
static size_t until(struct fb_span s, char stop)
{
    const uint8_t *p = s.n != 0 ? memchr(s.p, stop, s.n) : NULL;
    return p != NULL ? (size_t)(p - s.p) : s.n;
}

struct fb_span fb_params_line(struct fb_span block, const char *name)
{
    while (block.n != 0) {
        size_t n = until(block, '\n');
        struct fb_span line = fb_span_clip(block, 0, n);
        size_t colon = until(line, ':');
        if (colon < line.n && is_word(trim(fb_span_clip(line, 0, colon)), name))
            return trim(fb_span_clip(line, colon + 1, line.n));
        block = fb_span_clip(block, n + 1, block.n);
    }
    return block;
}

bool fb_params_multipart(struct fb_span content_type)
{
    static const char kind[] = "multipart/";
    return content_type.n >= sizeof kind - 1 &&
           strncasecmp((const char *)content_type.p, kind, sizeof kind - 1) == 0;
}

/* Bytes of a value that starts at `s`: a quoted one up to and with its closing quote. */
static size_t value_length(struct fb_span s)
{
    if (s.n == 0 || s.p[0] != '"')
        return until(s, ';');
    size_t n = 1;
    while (n < s.n && s.p[n] != '"')
        n += s.p[n] == '\\' && n + 1 < s.n && (s.p[n + 1] == '"' || s.p[n + 1] == '\\') ? 2 : 1;
    return n < s.n ? n + 1 : s.n;
}

/* Folklore: old curl and RFC 822 escape `"` and `\` by a backslash; browsers on Windows once
 * sent whole paths with single ones. So only these two pairs are escapes. */
static void put_value(struct fb_text *out, struct fb_span s)
{
    s = trim(s);
    if (s.n == 0 || s.p[0] != '"') {
        fb_text_put(out, (const char *)s.p, s.n);
        return;
    }
    size_t end = s.n >= 2 && s.p[s.n - 1] == '"' ? s.n - 1 : s.n;
    for (size_t i = 1; i < end; i++) {
        if (s.p[i] == '\\' && i + 1 < end && (s.p[i + 1] == '"' || s.p[i + 1] == '\\'))
            i++;
        fb_text_put(out, (const char *)s.p + i, 1);
    }
}

bool fb_params_get(struct fb_span value, const char *name, struct fb_text *out)
{
    struct fb_span rest = fb_span_clip(value, until(value, ';') + 1, value.n);
    while (rest.n != 0) {
        size_t equals = until(rest, '='), semicolon = until(rest, ';');
        if (semicolon < equals) { // a word without a value
            rest = fb_span_clip(rest, semicolon + 1, rest.n);
            continue;
        }
        struct fb_span key = trim(fb_span_clip(rest, 0, equals));
        rest = fb_span_clip(rest, equals + 1, rest.n);
        while (rest.n != 0 && is_blank(rest.p[0]))
            rest = fb_span_clip(rest, 1, rest.n);
        size_t n = value_length(rest);
        if (is_word(key, name)) {
            put_value(out, fb_span_clip(rest, 0, n));
            return true;
        }
        rest = fb_span_clip(rest, n, rest.n);
        rest = fb_span_clip(rest, until(rest, ';') + 1, rest.n);
    }
    return false;
}

void fb_params_unescape(struct fb_text *text)
{
    static const struct {
        const char *escape;
        char plain;
    } escapes[] = {
        {"%0d", '\r'},
        {"%0a", '\n'},
        {"%22", '"' },
        {"%25", '%' }
    };
    size_t to = 0;
    for (size_t from = 0; from < text->n; from++) {
        char c = text->p[from];
        for (size_t i = 0; c == '%' && i < sizeof escapes / sizeof *escapes; i++)
            if (strncmp(text->p + from, escapes[i].escape, 3) == 0) {
                c = escapes[i].plain;
                from += 2;
                break;
            }
        text->p[to++] = c;
    }
    text->n = to;
    text->p[to] = 0;
}
