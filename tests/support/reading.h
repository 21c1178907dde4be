/*
 * tests/support/reading.h -- read a built dump and ask what was noted. One at a time; what was
 * read views the builder's file, so free that last.
 */
#pragma once
#include "minidump/minidump.h"
#include "support/dumpgen.h"

struct reading {
    struct fb_err err;
    struct fb_dump dump;
    struct fb_notes notes;
    _Alignas(16) uint8_t room[1 << 20];
};

static inline void reading_of(struct reading *r, struct fb_span file)
{
    struct fb_arena arena = {.base = r->room, .cap = sizeof r->room};
    fb_arena_reset(&arena);
    r->notes = (struct fb_notes){0};
    r->err = fb_minidump_read(file, &arena, &r->notes, &r->dump);
}

static inline bool reading_noted(const struct reading *r, enum fb_note_code code)
{
    for (size_t i = 0; i < r->notes.n; i++)
        if (r->notes.v[i].code == code)
            return true;
    return false;
}

static inline bool reading_same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}
