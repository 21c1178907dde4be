/*
 * worker/analysis/bucket/name_parts.h -- what the files that normalise names share.
 */
#pragma once
#include "base/text.h"

#include <string.h>

enum { FB_FUNCTION_MAX = 4096 }; // bytes of a name that are looked at

static inline bool fb_is_digit(char c) { return c >= '0' && c <= '9'; }
static inline bool fb_is_hex(char c) { return fb_is_digit(c) || (c >= 'a' && c <= 'f'); }

/** Undo Rust's legacy mangling. @return false when it is not a name of this kind; `out` then
 * holds rubbish */
bool fb_demangle_rust(const char *p, struct fb_text *out);
/** Take off what compilers and linkers hang on the ends; `file` may say that it is Rust. */
void fb_cut_marks(struct fb_text *name, const char *file);
