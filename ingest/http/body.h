/*
 * ingest/http/body.h -- a request's body as it was before it was compressed, within limits.
 */
#pragma once
#include "base/reader.h"
#include "upload_limits.h"
#include <zlib.h>

struct fb_body {
    struct fb_err (*out)(void *arg, struct fb_span bytes);
    void *arg;
    uint64_t limit;        // of decoded bytes
    uint64_t sent, plain;  // bytes before and after decoding
    bool gzip, open, done; // open: `z` holds memory; done: a gzip member has ended
    z_stream z;
};

/** @fails MALFORMED: an encoding that we do not know; UNAVAILABLE: no memory */
struct fb_err fb_body_start(struct fb_body *body, const char *encoding);
/** @fails LIMIT: too large, or inflated beyond belief; MALFORMED: damaged; or as `out` says */
struct fb_err fb_body_push(struct fb_body *body, struct fb_span in);
/** @fails TRUNCATED */
struct fb_err fb_body_end(const struct fb_body *body);
void fb_body_free(struct fb_body *body);
