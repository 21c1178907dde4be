/*
 * common/base/err.h -- the one error type: a plain value, handed up by return.
 *
 * The code alone decides what a worker does next with the message that met it, so no caller has
 * to guess. The text is a literal, so that hostile bytes never become a message or a format.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Per code: its name in logs and metrics, and what becomes of the message that met it. */
#define FB_CODES(X)                                                                            \
    X(OK, "ok", ADVANCE)                                                                       \
    X(TRUNCATED, "truncated", PARK)                                                            \
    X(MALFORMED, "malformed", PARK)                                                            \
    X(LIMIT, "limit", PARK)                                                                    \
    X(UNAVAILABLE, "unavailable", RETRY)                                                       \
    X(USAGE, "usage", STOP)                                                                    \
    X(BUG, "bug", STOP)
#define X(code, name, then) FB_##code,
enum fb_code { FB_CODES(X) FB_CODE_COUNT };
#undef X

/* ADVANCE: the result is stored. PARK: this input can never succeed; set it aside and go on.
 * RETRY: the world is at fault, not the input. STOP: we, or who started us, are at fault. */
enum fb_verdict { FB_ADVANCE, FB_PARK, FB_RETRY, FB_STOP };

/** What becomes of the message that met `code`. */
enum fb_verdict fb_verdict(enum fb_code code);
/** The code's name for logs and metrics: a literal. */
const char *fb_code_name(enum fb_code code);

struct fb_err {
    enum fb_code code;
    const char *what; // a literal: hostile bytes never become a message or a format
    uint64_t at;      // byte offset in the file, where there is one
};
#define FB_NO_ERR            ((struct fb_err){.code = FB_OK})
#define FB_FAIL(c, what, at) ((struct fb_err){FB_##c, (what), (at)})
static inline bool fb_failed(struct fb_err err) { return err.code != FB_OK; }
