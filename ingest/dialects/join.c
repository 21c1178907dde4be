/*
 * ingest/dialects/join.c -- long values that a client had to send in numbered pieces.
 *
 * Electron on Linux cuts at 127 bytes and Sentry's clients at their own length; both name the
 * pieces key__1, key__2 and so on. Chromium's switch-1, switch-2 are values of their own.
 */
#include "dialects/upload.h"

/* The number of a piece, and how long its key is; 0 when the name is none of a piece. */
static unsigned piece_number(const struct fb_field *field, size_t *stem)
{
    enum { DIGITS_MAX = 4 };
    size_t n = field->name_n;
    unsigned number = 0, scale = 1;
    while (n > 0 && field->name[n - 1] >= '0' && field->name[n - 1] <= '9' &&
           field->name_n - n < DIGITS_MAX) {
        number += scale * (unsigned)(field->name[--n] - '0');
        scale *= 10;
    }
    if (n < 3 || field->name[n - 1] != '_' || field->name[n - 2] != '_')
        return 0;
    *stem = n - 2;
    return number;
}

static bool same_stem(const struct fb_field *a, size_t stem, const struct fb_field *b)
{
    size_t n;
    return piece_number(b, &n) != 0 && n == stem && memcmp(a->name, b->name, n) == 0;
}

/* The field with the lowest number above `after` among the pieces of `first`; of two with the
 * same number the one that came first. NULL: no more. */
static struct fb_field *next_piece(struct fb_upload *u, const struct fb_field *first,
                                   size_t stem, unsigned after)
{
    struct fb_field *best = NULL;
    unsigned lowest = 0;
    size_t ignored;
    for (size_t i = 0; i < u->fields_n; i++) {
        unsigned number =
            same_stem(first, stem, &u->fields[i]) ? piece_number(&u->fields[i], &ignored) : 0;
        if (number > after && (best == NULL || number < lowest)) {
            best = &u->fields[i];
            lowest = number;
        }
    }
    return best;
}

/* The value of all pieces in a block of its own. @fails NULL when the arena is full */
static bool join_values(struct fb_upload *u, const struct fb_field *first, size_t stem,
                        struct fb_field *out)
{
    size_t left = u->arena->cap - u->arena->used, ignored;
    size_t room = left < FB_VALUE_MAX + 1 ? left : FB_VALUE_MAX + 1;
    if (room == 0)
        return false;
    struct fb_text text = fb_text_over(fb_arena_take(u->arena, room), room);
    const struct fb_field *piece = next_piece(u, first, stem, 0);
    for (; piece != NULL; piece = next_piece(u, first, stem, piece_number(piece, &ignored))) {
        fb_text_put(&text, piece->value, piece->value_n);
        out->cut |= piece->cut;
    }
    fb_arena_give_back(u->arena, room - text.n - 1);
    out->value = text.p;
    out->value_n = text.n;
    out->cut |= text.cut;
    return true;
}

/* Of the fields behind `first`, keep those that are no piece of it. */
static void drop_pieces(struct fb_upload *u, size_t first, size_t stem)
{
    size_t kept = first + 1;
    for (size_t i = first + 1; i < u->fields_n; i++)
        if (!same_stem(&u->fields[first], stem, &u->fields[i]))
            u->fields[kept++] = u->fields[i];
    u->fields_n = kept;
}

void fb_upload_join(struct fb_upload *u)
{
    for (size_t i = 0; i < u->fields_n; i++) {
        size_t stem;
        struct fb_field joined = {0};
        if (piece_number(&u->fields[i], &stem) == 0)
            continue;
        joined.name = fb_arena_text(u->arena, u->fields[i].name, stem);
        joined.name_n = stem;
        if (joined.name == NULL || !join_values(u, &u->fields[i], stem, &joined))
            return; // no room: the pieces stay as they are
        drop_pieces(u, i, stem);
        u->fields[i] = joined;
    }
}
