/*
 * common/base/text.h -- text that is put together piece by piece within a fixed room.
 *
 * What does not fit is dropped and `cut` is set; the text is always NUL-terminated. Bytes
 * from outside pass through fb_text_utf8 or fb_text_utf16, which let through valid UTF-8
 * and nothing else.
 */
#pragma once
#include "base/arena.h"
#include "base/reader.h"
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

/** Whether `p` begins with `with`. */
static inline bool fb_starts(const char *p, const char *with)
{
    return strncmp(p, with, strlen(with)) == 0;
}

struct fb_text {
    char *p;
    size_t n;   // bytes written, without the NUL
    size_t cap; // of p, with the NUL
    bool cut;
};

/** A text over the caller's buffer of `cap` > 0 bytes. */
struct fb_text fb_text_over(char *buffer, size_t cap);

/** A text over all the room that the arena has left: one at a time, until fb_text_close. */
struct fb_text fb_text_open(struct fb_arena *arena);
/** Keep what was written and give the rest of the room back. @return NUL-terminated, lives in
 * the arena; @fails NULL when the text was cut, since then the arena is full. */
const char *fb_text_close(struct fb_text *text, struct fb_arena *arena);

/** Begin another text behind the NUL of this one, in the rest of its room; the last of them is
 * closed. @return false when this one was cut or leaves no room */
static inline bool fb_text_next(struct fb_text *text)
{
    if (text->cut || text->cap - text->n < 2)
        return false;
    *text = fb_text_over(text->p + text->n + 1, text->cap - text->n - 1);
    return true;
}

void fb_text_put(struct fb_text *text, const char *p, size_t n);
/* Here, so that of a literal nobody has to ask the length. */
static inline void fb_text_str(struct fb_text *text, const char *s)
{
    fb_text_put(text, s, strlen(s));
}
static inline void fb_text_char(struct fb_text *text, char c)
{
    if (text->n + 1 >= text->cap) {
        text->cut = true;
        return;
    }
    text->p[text->n++] = c;
    text->p[text->n] = 0;
}
/** `v` as `digits` lower-case hex digits at least. */
void fb_text_hex(struct fb_text *text, uint64_t v, int digits);
void fb_text_dec(struct fb_text *text, uint64_t v);
void fb_text_format(struct fb_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Append bytes that claim to be UTF-8: what is not valid becomes U+FFFD, and so does NUL. */
void fb_text_utf8(struct fb_text *text, struct fb_span bytes);
/** Append UTF-16LE code units: unpaired surrogates become U+FFFD; an odd last byte
 * is left out. */
void fb_text_utf16(struct fb_text *text, struct fb_span bytes);
/** The same, of a writer whose byte order is the other one. */
void fb_text_utf16be(struct fb_text *text, struct fb_span bytes);

/** Copy the plain ASCII that `bytes` begin with, up to a NUL: all of it, in most paths and
 * names. `out` has room for all of `bytes`; no NUL is put behind. @return how many letters */
size_t fb_text_plain(struct fb_span bytes, char *out);
/** The same of UTF-16 code units, `big`: the most significant byte first. */
size_t fb_text_plain16(struct fb_span bytes, bool big, char *out);

/** The code point at `s`, which is valid UTF-8, and its length in bytes. */
uint32_t fb_text_code_point(const uint8_t *s, size_t *n);
/** Whether a code point moves a cursor, hides text or turns its direction: C0, DEL, C1, marks
 * without width, embeddings and isolates. Who prints text from outside escapes them. */
bool fb_text_harmful(uint32_t c);

/** Shorten to at most `max` bytes at a UTF-8 boundary, the last three of them dots. */
void fb_text_shorten(struct fb_text *text, size_t max);
