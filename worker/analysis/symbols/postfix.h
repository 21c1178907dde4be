/*
 * worker/analysis/symbols/postfix.h -- the little language of STACK records: postfix
 * expressions over registers, variables and memory.
 *
 *      $T0 $ebp 4 + ^ =        $T0 becomes the word at ebp + 4
 *
 * Numbers are signed decimals; + - * / % are as in C, without sign; `a b @` rounds a down to a
 * multiple of b, a power of two; ^ reads a word of memory; = gives a value to a name. A name
 * stands for itself until its value is needed.
 */
#pragma once
#include "base/reader.h"

enum { FB_POSTFIX_TEXT_MAX = 4096, FB_POSTFIX_SLOTS = 64, FB_POSTFIX_TOKENS = 256 };

struct fb_postfix {
    void *self;
    uint64_t mask; // of a word: arithmetic wraps there
    /** The value of a name. @return false: unknown */
    bool (*get)(void *self, struct fb_span name, uint64_t *out);
    /** Give a name a value. @return false: it cannot have one. NULL: no name can */
    bool (*set)(void *self, struct fb_span name, uint64_t value);
    /** One word of memory. @return false: not at hand */
    bool (*load)(void *self, uint64_t at, uint64_t *out);
};

/** Run a program, which must leave nothing behind. @return false: it fails, or is none */
bool fb_postfix_run(const struct fb_postfix *p, struct fb_span program);
/** The one value that an expression leaves. @return false: it fails, or is none */
bool fb_postfix_value(const struct fb_postfix *p, struct fb_span expression, uint64_t *out);
