/* ingest/http/framing.c -- RFC 9110 5.6.2 for names, RFC 9112 6.1 to 6.3 for lengths. */
#include "http/framing.h"

#include <string.h>
#include <strings.h>

static bool is_token(const char *p, size_t n)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < n; i++) {
        char c = p[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!plain && (c == 0 || strchr(others, c) == NULL))
            return false;
    }
    return n != 0;
}

static bool is(const char *p, size_t n, const char *word)
{
    return n == strlen(word) && strncasecmp(p, word, n) == 0;
}

/* Digits alone: no sign, no list, no blank within; and few enough that they cannot wrap. */
static bool read_length(const char *p, size_t n, uint64_t *out)
{
    enum { DIGITS_MAX = 18 };
    uint64_t v = 0;
    if (n == 0 || n > DIGITS_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return false;
        v = v * 10 + (uint64_t)(p[i] - '0');
    }
    *out = v;
    return true;
}

void fb_framing_add(struct fb_framing *f, const char *name, size_t name_n, const char *value,
                    size_t value_n)
{
    enum { COLON_BLANK_CRLF = 4 };
    f->bytes += name_n + value_n + COLON_BLANK_CRLF;
    f->bad |= !is_token(name, name_n) || (value_n != 0 && memchr(value, 0, value_n) != NULL);
    if (is(name, name_n, "content-length")) {
        f->lengths++;
        f->bad |= !read_length(value, value_n, &f->length);
    } else if (is(name, name_n, "transfer-encoding")) {
        f->codings++;
        f->bad |= !is(value, value_n, "chunked");
    }
}

const char *fb_framing_wrong(const struct fb_framing *f)
{
    if (f->lengths > 1)
        return "Content-Length is said twice";
    if (f->lengths != 0 && f->codings != 0)
        return "Content-Length and Transfer-Encoding are both said";
    if (f->codings > 1)
        return "Transfer-Encoding is said twice";
    return f->bad ? "a header has a bad name, a bad length, or a transfer coding other than"
                    " chunked"
                  : NULL;
}
