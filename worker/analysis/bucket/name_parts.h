/*
 * worker/analysis/bucket/name_parts.h -- what the files that normalise and compare names share.
 */
#pragma once
#include "base/text.h"

#include <string.h>

enum { FB_FUNCTION_MAX = 4096 }; // bytes of a name that are looked at

static inline bool fb_is_digit(char c) { return c >= '0' && c <= '9'; }
static inline bool fb_is_hex(char c) { return fb_is_digit(c) || (c >= 'a' && c <= 'f'); }
static inline char fb_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

/** Whether `s` is `lower` but for the case of its letters. */
static inline bool fb_same_lower(const char *s, const char *lower)
{
    while (*lower != 0 && fb_lower(*s) == *lower)
        s++, lower++;
    return *s == *lower;
}

/** The letters of `n` bytes in lower case. */
static inline void fb_lower_all(char *p, size_t n)
{
    typedef uint8_t eight_bytes __attribute__((vector_size(8)));
    size_t i = 0;
    for (eight_bytes v; n - i >= sizeof v; i += sizeof v) {
        memcpy(&v, p + i, sizeof v);
        v |= (eight_bytes)((v >= 'A') & (v <= 'Z')) & ('a' - 'A');
        memcpy(p + i, &v, sizeof v);
    }
    for (; i < n; i++)
        p[i] = fb_lower(p[i]);
}

/** Append `n` bytes, their letters in lower case. */
static inline void fb_text_lower(struct fb_text *text, const char *p, size_t n)
{
    size_t start = text->n;
    fb_text_put(text, p, n);
    fb_lower_all(text->p + start, text->n - start);
}

/** Undo Rust's legacy mangling. @return false when it is not a name of this kind; `out` then
 * holds rubbish */
bool fb_demangle_rust(const char *p, struct fb_text *out);
/** Take off what compilers and linkers hang on the ends; `file` may say that it is Rust. */
void fb_cut_marks(struct fb_text *name, const char *file);
