/*
 * worker/analysis/bucket/ids.h -- the keys that others know, too: Windows Error Reporting's
 * labels, the debugger's failures, !exploitable's hashes; and our own stable hash and blame.
 */
#pragma once
#include "base/hash.h"
#include "bucket/frames.h"

/** Id of a label: MD5 over the lower-cased event type and parameters; the legacy id is its last
 * 60 bits. Empty parameters count. @fails LIMIT */
struct fb_err fb_label_ids(const char *event_type, const char *const *parameters, size_t n,
                           struct fb_arena *arena, char id[33], uint64_t *legacy);
/** Hash of a failure id that begins with "um:" or "km:". @fails LIMIT */
struct fb_err fb_failure_hash(const char *failure_id, struct fb_arena *arena, char out[37]);
/** The end of a SHA-256, its eight words folded into one. */
uint32_t fb_msec_fold(struct fb_hash *hash);

/** a->keys.label. @fails LIMIT */
struct fb_err fb_make_label(struct fb_analysis *a, const struct fb_key_frames *frames,
                            struct fb_arena *arena);
/** a->keys.failure_id, failure_hash and problem_classes; blame must be known. @fails LIMIT */
struct fb_err fb_make_failure(struct fb_analysis *a, struct fb_arena *arena);
/** a->keys.msec_*. @fails LIMIT */
struct fb_err fb_make_msec(struct fb_analysis *a, struct fb_arena *arena);
/** a->keys.fbh1_* and blame. @fails LIMIT */
struct fb_err fb_make_hashes(struct fb_analysis *a, const struct fb_key_frames *frames,
                             struct fb_arena *arena);

/** Frames that !exploitable leaves out of its hashes: `name` is "module!symbol" or "module". */
bool fb_msec_excludes(const char *name);
/** Those that ours leaves out; `symbol` is NULL without one. */
bool fb_hash_excludes(const char *name, const char *symbol);

/* A frame as the stable hash names it. */
struct fb_kept_frame {
    const struct fb_key_frame *frame;
    const char *name;   // "module!symbol", lower case; NULL: in no module
    size_t module;      // the bytes of `name` before the "!"
    uint64_t offset;    // in the function; in the module without symbols
    const char *digits; // of the offset, where `name` ends in them; NULL: elsewhere
    bool excluded;
};
struct fb_kept_frames {
    const struct fb_kept_frame *v;
    size_t n;
};
/** a->keys.blame and blame_why. @fails LIMIT */
struct fb_err fb_make_blame(struct fb_analysis *a, const struct fb_key_frames *frames,
                            struct fb_kept_frames kept, struct fb_arena *arena);
