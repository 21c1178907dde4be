/* common/base/text.c -- bounded text, and the two doors through which outside text comes in. */
#include "base/text.h"

#include <stdio.h>

struct fb_text fb_text_over(char *buffer, size_t cap)
{
    buffer[0] = 0;
    return (struct fb_text){.p = buffer, .cap = cap};
}

struct fb_text fb_text_open(struct fb_arena *arena)
{
    static char nothing[1];
    size_t left = fb_arena_left(arena);
    if (left == 0)
        return (struct fb_text){.p = nothing, .cap = 1, .cut = true};
    return fb_text_over(fb_arena_take(arena, left), left);
}

const char *fb_text_close(struct fb_text *text, struct fb_arena *arena)
{
    if (text->cut)
        return NULL;
    fb_arena_give_back(arena, text->cap - text->n - 1);
    return text->p;
}

void fb_text_put(struct fb_text *text, const char *p, size_t n)
{
    size_t room = text->cap - 1 - text->n;
    if (n > room) {
        n = room;
        text->cut = true;
    }
    if (n != 0)
        memcpy(text->p + text->n, p, n);
    text->n += n;
    text->p[text->n] = 0;
}

void fb_text_hex(struct fb_text *text, uint64_t v, int digits)
{
    char hex[16];
    int n = 0;
    do
        hex[15 - n++] = "0123456789abcdef"[v & 15];
    while ((v >>= 4) != 0 || (n < digits && n < 16));
    fb_text_put(text, hex + 16 - n, (size_t)n);
}

void fb_text_dec(struct fb_text *text, uint64_t v)
{
    char dec[20];
    int n = 0;
    do
        dec[19 - n++] = (char)('0' + v % 10);
    while ((v /= 10) != 0);
    fb_text_put(text, dec + 20 - n, (size_t)n);
}

void fb_text_format(struct fb_text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t room = text->cap - text->n;
    int n = vsnprintf(text->p + text->n, room, format, args);
    va_end(args);
    if (n < 0)
        n = 0;
    text->cut |= (size_t)n >= room;
    text->n += (size_t)n < room ? (size_t)n : room - 1;
}

/* A code point that Unicode allows, as UTF-8; whole or not at all. */
static void put_code_point(struct fb_text *text, uint32_t c)
{
    char out[4];
    size_t n = 0;
    if (c == 0)
        c = 0xFFFD;
    if (c < 0x80) {
        out[n++] = (char)c;
    } else if (c < 0x800) {
        out[n++] = (char)(0xC0 | c >> 6);
    } else if (c < 0x10000) {
        out[n++] = (char)(0xE0 | c >> 12);
        out[n++] = (char)(0x80 | (c >> 6 & 63));
    } else {
        out[n++] = (char)(0xF0 | c >> 18);
        out[n++] = (char)(0x80 | (c >> 12 & 63));
        out[n++] = (char)(0x80 | (c >> 6 & 63));
    }
    if (c >= 0x80)
        out[n++] = (char)(0x80 | (c & 63));
    if (n > text->cap - 1 - text->n)
        text->cut = true;
    else
        fb_text_put(text, out, n);
}

/* The length of the valid UTF-8 sequence at `p`, 0 when there is none. Overlong forms,
 * surrogates and what lies beyond U+10FFFF are refused by the bounds of the second byte
 * (Unicode 15, table 3-7). */
static size_t utf8_length(const uint8_t *p, size_t n)
{
    size_t len = p[0] < 0x80   ? 1
                 : p[0] < 0xC2 ? 0
                 : p[0] < 0xE0 ? 2
                 : p[0] < 0xF0 ? 3
                 : p[0] < 0xF5 ? 4
                               : 0;
    if (len < 2 || len > n)
        return len <= n ? len : 0;
    uint8_t low = p[0] == 0xE0 ? 0xA0 : p[0] == 0xF0 ? 0x90 : 0x80;
    uint8_t high = p[0] == 0xED ? 0x9F : p[0] == 0xF4 ? 0x8F : 0xBF;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return len;
}

/* Bytes of a word, with the lowest and with the highest bit of each set. */
static const uint64_t LOWS = 0x0101010101010101, HIGHS = 0x8080808080808080;

/* Eight bytes from `from` on to `to`. @return how many of them are plain, of 1 to 0x7F */
static inline size_t copy_eight(const uint8_t *from, char *to)
{
    uint64_t w;
    memcpy(&w, from, sizeof w);
    memcpy(to, &w, sizeof w);
    w = le64toh(w);
    uint64_t odd = (w | (w - LOWS)) & HIGHS; // exact up to the first one that is
    return odd == 0 ? sizeof w : (size_t)__builtin_ctzll(odd) / 8;
}

size_t fb_text_plain(struct fb_span bytes, char *out)
{
    size_t n = 0;
    if (bytes.n >= 8) // the last eight overlap those before
        for (size_t got, last = bytes.n - 8;; n = n + 8 < last ? n + 8 : last)
            if ((got = copy_eight(bytes.p + n, out + n)) < 8 || n == last)
                return n + got;
    for (; n < bytes.n && bytes.p[n] != 0 && bytes.p[n] < 0x80; n++)
        out[n] = (char)bytes.p[n];
    return n;
}

void fb_text_utf8(struct fb_text *text, struct fb_span bytes)
{
    for (size_t i = 0; i < bytes.n && !text->cut;) {
        size_t room = text->cap - 1 - text->n;
        size_t plain = fb_text_plain(fb_span_clip(bytes, i, room), text->p + text->n);
        text->n += plain;
        i += plain;
        if (i == bytes.n)
            break;
        size_t len = bytes.p[i] != 0 ? utf8_length(bytes.p + i, bytes.n - i) : 0;
        if (len == 0) {
            put_code_point(text, 0xFFFD);
            i++;
        } else if (len > text->cap - 1 - text->n) {
            text->cut = true; // whole or not at all
        } else {
            fb_text_put(text, (const char *)bytes.p + i, len);
            i += len;
        }
    }
    text->p[text->n] = 0;
}

/* Eight little-endian units of UTF-16: their low halves become letters. @return how many are
 * plain, of 1 to 0x7F */
static inline size_t narrow_eight(const uint8_t *from, char *to)
{
    typedef uint16_t eight_units __attribute__((vector_size(16)));
    typedef uint8_t eight_bytes __attribute__((vector_size(8)));
    typedef uint64_t two_words __attribute__((vector_size(16)));
    eight_units units;
    memcpy(&units, from, sizeof units);
    eight_bytes letters = __builtin_convertvector(units, eight_bytes);
    memcpy(to, &letters, sizeof letters);
    two_words odd = (two_words)(units - 1 > 0x7E); // all bits of each unit that is
    if ((odd[0] | odd[1]) == 0)
        return 8;
    return (size_t)(odd[0] != 0 ? __builtin_ctzll(odd[0]) : 64 + __builtin_ctzll(odd[1])) / 16;
}

size_t fb_text_plain16(struct fb_span bytes, bool big, char *out)
{
    size_t n = 0, units = bytes.n / 2;
    if (units >= 8 && !big && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
        for (size_t got, last = units - 8;; n = n + 8 < last ? n + 8 : last)
            if ((got = narrow_eight(bytes.p + 2 * n, out + n)) < 8 || n == last)
                return n + got;
    for (; n < units; n++) {
        uint8_t low = bytes.p[2 * n + big], high = bytes.p[2 * n + !big];
        if (high != 0 || low == 0 || low >= 0x80)
            break;
        out[n] = (char)low;
    }
    return n;
}

static void put_utf16(struct fb_text *text, struct fb_span bytes, bool big)
{
    struct fb_reader r = {.in = bytes, .big = big};
    uint64_t room = text->cap - 1 - text->n;
    size_t plain = fb_text_plain16(fb_span_clip(bytes, 0, 2 * room), big, text->p + text->n);
    text->n += plain;
    text->p[text->n] = 0;
    r.at = 2 * plain;
    for (size_t n = (bytes.n - r.at) / 2; n > 0 && !text->cut; n--) {
        uint32_t c = fb_read_u16(&r);
        if (c >= 0xD800 && c < 0xE000) {
            struct fb_reader peek = r;
            uint32_t low = n > 1 ? fb_read_u16(&peek) : 0;
            bool pair = c < 0xDC00 && low >= 0xDC00 && low < 0xE000;
            c = pair ? 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00) : 0xFFFD;
            if (pair) {
                r = peek;
                n--;
            }
        }
        put_code_point(text, c);
    }
}

void fb_text_utf16(struct fb_text *text, struct fb_span bytes)
{
    put_utf16(text, bytes, false);
}

void fb_text_utf16be(struct fb_text *text, struct fb_span bytes)
{
    put_utf16(text, bytes, true);
}

uint32_t fb_text_code_point(const uint8_t *s, size_t *n)
{
    *n = *s < 0x80 ? 1 : *s < 0xE0 ? 2 : *s < 0xF0 ? 3 : 4;
    uint32_t c = *n == 1 ? *s : *s & (0x3Fu >> (*n - 1));
    for (size_t i = 1; i < *n; i++)
        c = c << 6 | (s[i] & 63);
    return c;
}

bool fb_text_harmful(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xA0) || c == 0x61C || (c >= 0x200B && c <= 0x200F) ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF;
}

void fb_text_shorten(struct fb_text *text, size_t max)
{
    if (text->n <= max)
        return;
    size_t n = max - 3;
    while (n > 0 && ((uint8_t)text->p[n] & 0xC0) == 0x80)
        n--;
    memcpy(text->p + n, "...", 4);
    text->n = n + 3;
}
