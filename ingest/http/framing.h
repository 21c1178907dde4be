/*
 * ingest/http/framing.h -- what the HTTP library lets pass and we do not.
 *
 * Where two servers in a row may read a request's length differently, the second one can be
 * given a request that the first never saw. So there is one way to say the length, or none.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fb_framing {
    size_t bytes;              // of the header block
    unsigned lengths, codings; // how often Content-Length and Transfer-Encoding were said
    bool bad;                  // a name outside the token set, a length that is none, ...
    uint64_t length;           // what Content-Length says
};

/** One header line, as it came. */
void fb_framing_add(struct fb_framing *f, const char *name, size_t name_n, const char *value,
                    size_t value_n);
/** After the last line: NULL, or a literal that says what is wrong. */
const char *fb_framing_wrong(const struct fb_framing *f);
