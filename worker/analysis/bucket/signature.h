/*
 * worker/analysis/bucket/signature.h -- the text that people read and the key that makes a
 * bucket, both joined from the same parts.
 */
#pragma once
#include "base/text.h"
#include "bucket/frames.h"

/* What kind of crash it was, where that says more than its frames: the first that holds. */
#define FB_KINDS(X)                                                                            \
    X(NONE)                                                                                    \
    X(REPORT)                                                                                  \
    X(HARDWARE)                                                                                \
    X(KERNEL)                                                                                  \
    X(OOM)                                                                                     \
    X(STACK_OVERFLOW)                                                                          \
    X(UNCAUGHT)                                                                                \
    X(ABORT)                                                                                   \
    X(FAST_FAIL)                                                                               \
    X(UNLOADED)                                                                                \
    X(WILD_JUMP)
#define X(kind) FB_KIND_##kind,
enum fb_kind { FB_KINDS(X) FB_KIND_COUNT };
#undef X

struct fb_kind_found {
    enum fb_kind kind;
    bool alone; // the frames say nothing: they stay out of the key
};
/** The kind of the crash; its words are appended to `words`, parts separated by NUL. */
struct fb_kind_found fb_kind_find(const struct fb_analysis *a,
                                  const struct fb_key_frames *frames, struct fb_text *words);

/** The type of a thrown C++ object, as in "std::runtime_error", from the throw's parameters.
 * @return false when the dump does not hold it. */
bool fb_thrown_type(const struct fb_dump *dump, struct fb_text *out);

/** a->keys.signature, .bucket and .unsymbolicated; a->keys.product must be set.
 * @fails LIMIT */
struct fb_err fb_make_signature(struct fb_analysis *a, const struct fb_key_frames *frames,
                                struct fb_arena *arena);
