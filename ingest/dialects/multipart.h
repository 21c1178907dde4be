/*
 * ingest/dialects/multipart.h -- the framing of multipart bodies, as a stream (RFC 2046, 5.1).
 *
 * It holds one part's header and nothing else, so its size is all the memory it needs. It knows
 * no field and no dump: parts.h does. However the body is cut into pieces, the sink sees the
 * same parts with the same bytes, if not in the same pieces.
 */
#pragma once
#include "base/reader.h"
#include "upload_limits.h"

/** Where parts go. A failure ends the parse and is handed up. The spans are gone on return. */
struct fb_part_sink {
    struct fb_err (*begin)(void *arg, struct fb_span header); // all its lines
    struct fb_err (*data)(void *arg, struct fb_span bytes);
    struct fb_err (*end)(void *arg);
    void *arg;
};

enum fb_multipart_state {
    FB_MP_PREAMBLE,
    FB_MP_BODY,
    FB_MP_AFTER, // a delimiter: the rest of its line decides
    FB_MP_HEADER,
    FB_MP_EPILOGUE
};

struct fb_multipart {
    struct fb_part_sink sink;
    struct fb_err err;
    enum fb_multipart_state state;
    uint64_t at;                            // bytes of the body that were taken
    uint8_t delimiter[4 + FB_BOUNDARY_MAX]; // CR LF "--" boundary
    size_t delimiter_n, matched;
    uint8_t seen; // of the rest of a delimiter's line
    size_t parts;
    uint8_t header[FB_PART_HEADER_MAX];
    size_t header_n, line_n;
};

/** @fails MALFORMED: no boundary of 1 to 70 characters */
struct fb_err fb_multipart_start(struct fb_multipart *m, struct fb_span boundary,
                                 struct fb_part_sink sink);
/** The next bytes of the body. @fails MALFORMED, LIMIT, and what the sink says;
 * it stays failed */
struct fb_err fb_multipart_push(struct fb_multipart *m, struct fb_span in);
/** The body is complete. @fails TRUNCATED: the closing delimiter is missing; or as before */
struct fb_err fb_multipart_end(const struct fb_multipart *m);
