/*
 * ingest/wire.h -- a growing buffer, and protobuf's wire format written straight into it.
 *
 * A packer that starts from structs would hold a large dump twice. A section's length is only
 * known when it ends, so five bytes are kept for it and filled in afterwards: a varint may have
 * leading zeros, and every reader takes them.
 */
#pragma once
#include "base/reader.h"

struct fb_wire {
    uint8_t *p; // on the heap
    size_t n, cap, max;
    struct fb_err err; // the first failure; from then on nothing is written
};

/** `n` bytes of room at the end; they count once fb_wire_took says so. @fails NULL: LIMIT or
 * UNAVAILABLE in `err` */
uint8_t *fb_wire_room(struct fb_wire *w, size_t n);
void fb_wire_took(struct fb_wire *w, size_t n);

/** A number; 0 is left out, as proto3 does. */
void fb_wire_number(struct fb_wire *w, unsigned field, uint64_t v);
/** Bytes; empty ones are left out. */
void fb_wire_bytes(struct fb_wire *w, unsigned field, const void *p, size_t n);
/** Text: what is not UTF-8 becomes U+FFFD. @return whether more than `max` bytes
 * were cut off */
bool fb_wire_text(struct fb_wire *w, unsigned field, const char *p, size_t n, size_t max);

/** A nested message, or bytes of unknown length. @return what fb_wire_close wants */
size_t fb_wire_open(struct fb_wire *w, unsigned field);
void fb_wire_close(struct fb_wire *w, size_t section);

void fb_wire_free(struct fb_wire *w);
