/* ingest/wire.c -- see the encoding page of the protobuf documentation:
 * tags, varints, lengths. */
#include "wire.h"

#include "base/text.h"
#include <stdlib.h>

enum { VARINT = 0, LENGTH = 2, TAG_BITS = 3, VARINT_MAX = 10, LENGTH_BYTES = 5, FIRST = 4096 };

static bool grow(struct fb_wire *w, size_t need)
{
    size_t cap = w->cap != 0 ? w->cap : FIRST;
    while (cap < need)
        cap *= 2;
    uint8_t *p = realloc(w->p, cap < w->max ? cap : w->max);
    if (p == NULL) {
        w->err = FB_FAIL(UNAVAILABLE, "no memory for a message", w->n);
        return false;
    }
    w->p = p;
    w->cap = cap < w->max ? cap : w->max;
    return true;
}

uint8_t *fb_wire_room(struct fb_wire *w, size_t n)
{
    if (fb_failed(w->err))
        return NULL;
    if (n > w->max - w->n) {
        w->err = FB_FAIL(LIMIT, "the report does not fit into one message", w->n);
        return NULL;
    }
    if (n > w->cap - w->n && !grow(w, w->n + n))
        return NULL;
    return w->p + w->n;
}

void fb_wire_took(struct fb_wire *w, size_t n) { w->n += n; }

static void put_varint(struct fb_wire *w, uint64_t v)
{
    uint8_t *p = fb_wire_room(w, VARINT_MAX);
    if (p == NULL)
        return;
    size_t n = 0;
    while (v >= 0x80) {
        p[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    p[n++] = (uint8_t)v;
    fb_wire_took(w, n);
}

static void put_tag(struct fb_wire *w, unsigned field, unsigned type)
{
    put_varint(w, (uint64_t)field << TAG_BITS | type);
}

void fb_wire_number(struct fb_wire *w, unsigned field, uint64_t v)
{
    if (v == 0)
        return;
    put_tag(w, field, VARINT);
    put_varint(w, v);
}

void fb_wire_bytes(struct fb_wire *w, unsigned field, const void *p, size_t n)
{
    if (n == 0)
        return;
    put_tag(w, field, LENGTH);
    put_varint(w, n);
    uint8_t *to = fb_wire_room(w, n);
    if (to == NULL)
        return;
    memcpy(to, p, n);
    fb_wire_took(w, n);
}

bool fb_wire_text(struct fb_wire *w, unsigned field, const char *p, size_t n, size_t max)
{
    enum { GROWTH = 3 }; // of a byte that is no UTF-8
    size_t section = fb_wire_open(w, field);
    size_t cap = (n < max / GROWTH ? n * GROWTH : max) + 1;
    uint8_t *to = fb_wire_room(w, cap);
    if (to == NULL)
        return true;
    struct fb_text text = fb_text_over((char *)to, cap);
    fb_text_utf8(&text, (struct fb_span){(const uint8_t *)p, n, 0});
    fb_wire_took(w, text.n);
    fb_wire_close(w, section);
    return text.cut;
}

size_t fb_wire_open(struct fb_wire *w, unsigned field)
{
    put_tag(w, field, LENGTH);
    if (fb_wire_room(w, LENGTH_BYTES) != NULL)
        fb_wire_took(w, LENGTH_BYTES);
    return w->n;
}

void fb_wire_close(struct fb_wire *w, size_t section)
{
    if (fb_failed(w->err))
        return;
    size_t n = w->n - section;
    uint8_t *p = w->p + section - LENGTH_BYTES;
    for (size_t i = 0; i < LENGTH_BYTES; i++)
        p[i] = (uint8_t)((n >> (7 * i) & 0x7F) | (i + 1 < LENGTH_BYTES ? 0x80 : 0));
}

void fb_wire_free(struct fb_wire *w)
{
    free(w->p);
    *w = (struct fb_wire){0};
}
