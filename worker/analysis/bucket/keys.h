/*
 * worker/analysis/bucket/keys.h -- the keys of a report: signature, bucket, label, failure
 * id, hashes, blame.
 *
 * All are computed for every report and never mixed up (docs/architecture.md says what
 * each is for).
 */
#pragma once
#include "analysis.h"

/** Fill the name of the crash (a->crash.type, crashed, address, ip, access as recorded)
 * from the exception. */
struct fb_err fb_name_crash(struct fb_analysis *a, struct fb_arena *arena);

/**
 * Compute a->keys from the finished analysis; also classifies the crashing thread's frames
 * (class, in_app, normal).
 * @param product  what the client says; NULL or empty: annotations of the dump, else the
 * program's file name
 * @fails LIMIT: arena full
 */
struct fb_err fb_make_keys(struct fb_analysis *a, const char *product, struct fb_arena *arena);

/** One function name, normalised as the unit test shows; in `arena`. NULL when the
 * arena is full. */
const char *fb_normalise(const char *function, const char *file, struct fb_arena *arena);
