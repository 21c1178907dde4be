/* worker/analysis/json_writer.c -- the few productions of JSON that a document needs. */
#include "json_writer.h"

/* Copied as it is: all but quotes, backslash, controls, and the lead bytes of what is harmful
 * beyond ASCII, U+0080..U+009F (C2), U+061C (D8), U+200B..U+206F (E2) and U+FEFF (EF). */
static bool plain(uint8_t c)
{
    return c >= 0x20 && c != '"' && c != '\\' && c != 0x7f && c != 0xC2 && c != 0xD8 &&
           c != 0xE2 && c != 0xEF;
}

/* What is not plain, as itself or escaped. @return its length in bytes */
static size_t put_special(struct fb_text *t, const uint8_t *s)
{
    size_t n;
    uint32_t c = fb_text_code_point(s, &n);
    if (fb_text_harmful(c)) {
        fb_text_str(t, "\\u");
        fb_text_hex(t, c, 4);
        return n;
    }
    if (n == 1)
        fb_text_char(t, '\\');
    fb_text_put(t, (const char *)s, n);
    return n;
}

static void put_string(struct fb_text *t, const char *value)
{
    const uint8_t *s = (const uint8_t *)value;
    fb_text_char(t, '"');
    while (*s != 0) {
        size_t n = 0;
        while (plain(s[n]))
            n++;
        fb_text_put(t, (const char *)s, n);
        s += n;
        if (*s != 0)
            s += put_special(t, s);
    }
    fb_text_char(t, '"');
}

/* Keys are ours or names from outside: both go through the same door. */
static void put_key(struct fb_text *t, const char *key)
{
    char last = t->n > 0 ? t->p[t->n - 1] : '{';
    if (last != '{' && last != '[' && last != ':')
        fb_text_char(t, ',');
    if (key != NULL) {
        put_string(t, key);
        fb_text_char(t, ':');
    }
}

void fb_json_open(struct fb_text *t, const char *key, char bracket)
{
    put_key(t, key);
    fb_text_char(t, bracket);
}

void fb_json_close(struct fb_text *t, char bracket) { fb_text_char(t, bracket); }

void fb_json_null(struct fb_text *t, const char *key)
{
    put_key(t, key);
    fb_text_str(t, "null");
}

void fb_json_string(struct fb_text *t, const char *key, const char *value)
{
    if (value == NULL) {
        fb_json_null(t, key);
        return;
    }
    put_key(t, key);
    put_string(t, value);
}

void fb_json_number(struct fb_text *t, const char *key, uint64_t value)
{
    put_key(t, key);
    fb_text_dec(t, value);
}

void fb_json_signed(struct fb_text *t, const char *key, int64_t value)
{
    put_key(t, key);
    if (value < 0)
        fb_text_char(t, '-');
    fb_text_dec(t, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void fb_json_known_number(struct fb_text *t, const char *key, uint64_t value, bool known)
{
    if (known)
        fb_json_number(t, key, value);
    else
        fb_json_null(t, key);
}

void fb_json_decimal(struct fb_text *t, const char *key, double value)
{
    put_key(t, key);
    fb_text_format(t, "%.2f", value);
}

void fb_json_bool(struct fb_text *t, const char *key, bool value)
{
    put_key(t, key);
    fb_text_str(t, value ? "true" : "false");
}

void fb_json_hex(struct fb_text *t, const char *key, uint64_t value, int digits, bool known)
{
    if (!known) {
        fb_json_null(t, key);
        return;
    }
    put_key(t, key);
    fb_text_str(t, "\"0x");
    fb_text_hex(t, value, digits);
    fb_text_char(t, '"');
}

void fb_json_bytes(struct fb_text *t, const char *key, struct fb_span bytes)
{
    put_key(t, key);
    fb_text_char(t, '"');
    for (size_t i = 0; i < bytes.n; i++)
        fb_text_hex(t, bytes.p[i], 2);
    fb_text_char(t, '"');
}
