/*
 * worker/analysis/symbols/eh_frame_index.c -- from code to its FDE: the sorted table.
 *
 *   .eh_frame_hdr  | 1 | three encodings | where .eh_frame is | n | n rows: begin, FDE |
 *
 * A table that lies costs its FDE: what it leads to must hold the code that was asked for.
 */
#include "symbols/eh_frame.h"

#include "base/sort.h"

enum { HEADER_MAX = 32, ENTRY_SIZE = 12 }; // of an entry: at least
#define NOTHING FB_FAIL(UNAVAILABLE, "no FDE holds this code", 0)

/* --- the linker's ------------------------------------------------------------------- */

static size_t width_of(const struct fb_image *image, uint8_t encoding)
{
    static const uint8_t widths[16] = {
        [FB_EH_UDATA2] = 2, [FB_EH_UDATA4] = 4, [FB_EH_UDATA8] = 8,
        [FB_EH_SDATA2] = 2, [FB_EH_SDATA4] = 4, [FB_EH_SDATA8] = 8};
    uint8_t format = encoding & 0x0F;
    if (encoding >= FB_EH_ALIGNED)
        return 0;
    return format == FB_EH_ABSPTR || format == FB_EH_SIGNED ? fb_eh_word(image)
                                                            : widths[format];
}

static struct fb_eh_reader row_at(const struct fb_image *image, const struct fb_eh_index *index,
                                  size_t i)
{
    size_t width = width_of(image, index->encoding);
    uint64_t rva = index->table + 2 * width * i;
    return (struct fb_eh_reader){
        .r = {.in = fb_image_at(image, rva, 2 * width), .big = image->big},
        .image = image,
        .rva = rva,
        .data = index->data,
    };
}

/* Where .eh_frame begins, as the header says, whose table may be unfit for a search. */
static bool read_header(const struct fb_image *image, uint64_t *frames, struct fb_eh_index *out)
{
    const struct fb_image_part *part = &image->eh_frame_hdr;
    struct fb_eh_reader r = {
        .r = {.in = fb_image_at(image, part->rva, HEADER_MAX), .big = image->big},
        .image = image,
        .rva = part->rva,
        .data = part->rva,
    };
    bool null;
    bool known = fb_read_u8(&r.r) == 1;
    uint8_t to_frames = fb_read_u8(&r.r), to_count = fb_read_u8(&r.r);
    uint8_t encoding = fb_read_u8(&r.r);
    *frames = fb_eh_address(&r, to_frames, &null);
    if (part->size == 0 || !known || fb_failed(r.r.err))
        return false;
    size_t width = width_of(image, encoding), at = 0;
    size_t counted = width_of(image, to_count & 0x0F);
    uint64_t n = to_count != FB_EH_OMIT && counted != 0 ? fb_read_le(&r.r, counted) : 0;
    at = r.r.at;
    if (fb_failed(r.r.err) || width == 0 || part->size < at)
        n = 0;
    else if (n > (part->size - at) / (2 * width))
        n = (part->size - at) / (2 * width);
    *out = (struct fb_eh_index){
        .table = part->rva + at, .data = part->rva, .encoding = encoding, .n = (size_t)n};
    return true;
}

/* --- ours --------------------------------------------------------------------------- */

struct pass { // over the section
    const struct fb_image *image;
    struct fb_image_part part;
    bool sized; // its end is known; else a mark ends it
    size_t *entries;
    struct fb_eh_row *rows;
    size_t n, cap;
    struct fb_eh_cie cie; // the last one
    const char *odd;
};

static int by_begin(const void *left, const void *right)
{
    const struct fb_eh_row *a = left, *b = right;
    if (a->begin != b->begin)
        return a->begin < b->begin ? -1 : 1;
    return a->fde < b->fde ? -1 : a->fde > b->fde;
}

static void find_odd(struct pass *p, struct fb_err err)
{
    if (p->odd == NULL)
        p->odd = err.what;
}

static void keep(struct pass *p, uint64_t rva, struct fb_eh_entry *e)
{
    struct fb_eh_fde fde;
    struct fb_err err = fb_eh_read_body(p->image, e, &p->cie, &fde);
    if (fb_failed(err)) {
        find_odd(p, err);
        return;
    }
    p->cie = fde.cie;
    if (fde.discarded || fde.size == 0 || fde.begin > UINT32_MAX || rva > UINT32_MAX)
        return;
    if (p->n < p->cap)
        p->rows[p->n++] = (struct fb_eh_row){(uint32_t)fde.begin, (uint32_t)rva};
    else
        find_odd(p, FB_FAIL(LIMIT, "more FDEs in .eh_frame than there is room for", 0));
}

static void pass_over(struct pass *p)
{
    struct fb_eh_entry e;
    uint64_t at = p->part.rva, end = at + p->part.size;
    for (; at<end && * p->entries> 0; at = e.next) {
        e.next = at;
        --*p->entries;
        struct fb_err err = fb_eh_read_entry(p->image, at, &e);
        if (fb_failed(err))
            find_odd(p, err);
        else if (!e.ends && e.id != 0)
            keep(p, at, &e);
        if (e.next <= at || (e.ends && !p->sized))
            return;
    }
    if (at < end)
        find_odd(p, FB_FAIL(LIMIT, "more entries in .eh_frame than we look at", 0));
}

static size_t room_for(const struct fb_arena *arena, uint64_t size)
{
    enum { BESIDE = 64 }; // what a piece may cost besides itself
    size_t left = arena->cap - arena->used;
    size_t room = left > BESIDE ? (left - BESIDE) / sizeof(struct fb_eh_row) : 0;
    uint64_t most = size / ENTRY_SIZE + 1;
    most = most < FB_EH_FDES_MAX ? most : FB_EH_FDES_MAX;
    return most < room ? (size_t)most : room;
}

static struct fb_err make_index(struct pass *p, struct fb_arena *arena, struct fb_eh_index *out)
{
    p->cap = room_for(arena, p->part.size);
    p->rows = p->cap != 0 ? FB_RAW(arena, struct fb_eh_row, p->cap) : NULL;
    if (p->rows == NULL)
        return FB_FAIL(LIMIT, "no room for a table of FDEs", 0);
    pass_over(p);
    fb_arena_give_back(arena, (p->cap - p->n) * sizeof *p->rows);
    fb_sort(p->rows, p->n, sizeof *p->rows, by_begin);
    *out = (struct fb_eh_index){.rows = p->rows, .n = p->n, .odd = p->odd};
    return FB_NO_ERR;
}

struct fb_err fb_eh_index(const struct fb_image *image, size_t *entries, struct fb_arena *arena,
                          struct fb_eh_index *out)
{
    struct fb_eh_index linkers;
    uint64_t frames = 0;
    bool header = read_header(image, &frames, &linkers);
    if (header && linkers.n != 0) {
        *out = linkers;
        return FB_NO_ERR;
    }
    struct pass p = {.image = image,
                     .part = image->eh_frame,
                     .sized = image->eh_frame.size != 0,
                     .entries = entries,
                     .cie = {.rva = FB_NOWHERE}};
    if (!p.sized && header && frames < image->size)
        p.part = (struct fb_image_part){frames, image->size - frames};
    if (p.part.size == 0 || p.part.size > UINT64_MAX - p.part.rva)
        return FB_FAIL(MALFORMED, "an image without .eh_frame", 0);
    return make_index(&p, arena, out);
}

/* --- look-up ------------------------------------------------------------------------ */

/* One row. @return false: it cannot be read */
static bool row(const struct fb_image *image, const struct fb_eh_index *index, size_t i,
                uint64_t *begin, uint64_t *fde)
{
    if (index->rows != NULL) {
        *begin = index->rows[i].begin;
        *fde = index->rows[i].fde;
        return true;
    }
    bool null;
    struct fb_eh_reader r = row_at(image, index, i);
    *begin = fb_eh_address(&r, index->encoding, &null);
    *fde = fb_eh_address(&r, index->encoding, &null);
    return !fb_failed(r.r.err);
}

struct fb_err fb_eh_find(const struct fb_image *image, const struct fb_eh_index *index,
                         uint64_t rva, struct fb_eh_fde *out)
{
    uint64_t begin, at, best = 0;
    struct fb_eh_fde fde;
    size_t from = 0, to = index->n; // the last row at or before rva is before `to`
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (!row(image, index, middle, &begin, &at))
            return FB_FAIL(TRUNCATED, "a table of FDEs that is not all there", 0);
        if (begin <= rva) {
            best = at;
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    if (from == 0)
        return NOTHING;
    struct fb_err err = fb_eh_read_fde(image, best, &fde);
    if (fb_failed(err))
        return err;
    if (fde.discarded || rva < fde.begin || rva - fde.begin >= fde.size)
        return NOTHING;
    *out = fde;
    return FB_NO_ERR;
}
