/*
 * worker/analysis/minidump/function_tables.c -- FunctionTable: unwind data that the process
 * registered for code it made itself. The entries stay where they are, as views; what they
 * point to is in the memory of the process.
 *
 *   header      own size | descriptor | native descriptor | function entry | n | padding
 *   descriptor  lowest (8) | highest (8) | base (8) | entries | padding
 *   ...         native descriptor, entries, padding, and then the next descriptor
 */
#include "minidump/parts.h"

#include "base/sort.h"

enum {
    HEADER_SIZE = 24,
    DESCRIPTOR_SIZE = 32,
    ENTRY_MIN = 8,
    ENTRY_SIZE_MAX = 64,
    PADDING_MAX = 7,
};

struct sizes {
    uint32_t header, descriptor, native, entry;
};

static bool impossible(const struct sizes *sizes)
{
    return sizes->header < HEADER_SIZE || sizes->descriptor < DESCRIPTOR_SIZE ||
           sizes->descriptor > FB_MD_ENTRY_MAX || sizes->native > FB_MD_ENTRY_MAX ||
           sizes->entry < ENTRY_MIN || sizes->entry > ENTRY_SIZE_MAX;
}

/* One table. False when it cannot be read: then neither can those behind it. */
static bool read_table(struct fb_md *m, struct fb_reader *r, const struct sizes *sizes,
                       struct fb_function_table *out)
{
    struct fb_reader head = fb_md_reader(m, fb_read_bytes(r, sizes->descriptor));
    *out = (struct fb_function_table){.start = fb_md_address(m, fb_read_u64(&head)),
                                      .end = fb_md_address(m, fb_read_u64(&head)),
                                      .base = fb_md_address(m, fb_read_u64(&head)),
                                      .entry_size = sizes->entry};
    uint32_t claimed = fb_read_u32(&head);
    uint32_t padding = fb_read_u32(&head);
    fb_read_skip(r, sizes->native);
    size_t n = fb_read_room(r, claimed, sizes->entry);
    out->entries = fb_read_bytes(r, n * sizes->entry);
    if (fb_failed(head.err) || fb_failed(r->err) || n < claimed || padding > PADDING_MAX)
        return false;
    fb_read_skip(r, padding < r->in.n - r->at ? padding : r->in.n - r->at);
    return true;
}

static int by_start(const void *pa, const void *pb)
{
    const struct fb_function_table *a = pa, *b = pb;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return a->entries.off < b->entries.off ? -1 : a->entries.off > b->entries.off;
}

static void read_tables(struct fb_md *m, struct fb_reader *r, const struct sizes *sizes,
                        size_t n)
{
    struct fb_function_table *v = FB_MD_NEW(m, struct fb_function_table, n);
    size_t kept = 0;
    for (size_t i = 0; i < n && !m->full; i++) {
        uint64_t at = r->in.off + r->at;
        if (!read_table(m, r, sizes, &v[kept])) {
            fb_note(m->notes, FB_NOTE_BAD_ITEM, "a function table cannot be read", at);
            break;
        }
        if (v[kept].end <= v[kept].start)
            fb_note(m->notes, FB_NOTE_BAD_RANGE, "a function table covers no address", at);
        else
            kept++;
    }
    if (m->full)
        return;
    fb_sort(v, kept, sizeof *v, by_start);
    m->dump->function_tables = v;
    m->dump->n_function_tables = kept;
}

struct fb_err fb_md_function_tables(struct fb_md *m, struct fb_md_stream s)
{
    struct fb_reader r = fb_md_reader(m, s.bytes);
    struct sizes sizes = {.header = fb_read_u32(&r)};
    sizes.descriptor = fb_read_u32(&r);
    sizes.native = fb_read_u32(&r);
    sizes.entry = fb_read_u32(&r);
    uint32_t claimed = fb_read_u32(&r);
    uint32_t padding = fb_read_u32(&r);
    if (fb_failed(r.err))
        return r.err;
    if (impossible(&sizes) || padding > PADDING_MAX)
        return FB_FAIL(MALFORMED, "function tables whose parts have impossible sizes",
                       s.bytes.off);
    fb_read_skip(&r, sizes.header - HEADER_SIZE);
    fb_read_skip(&r, padding);
    if (fb_failed(r.err))
        return claimed == 0 ? FB_NO_ERR : r.err;
    size_t n =
        fb_md_room(m, &r, claimed, sizes.descriptor + sizes.native, FB_MD_FUNCTION_TABLES_MAX);
    read_tables(m, &r, &sizes, n);
    return FB_NO_ERR;
}
