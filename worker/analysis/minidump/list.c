/*
 * worker/analysis/minidump/list.c -- the two shapes of lists. What a list claims to hold is
 * compared with the bytes that are there, and a limit, before anything is made of it.
 */
#include "minidump/parts.h"

enum { COUNT_SIZE = 4, PADDED = 8, SIZED_HEADER = 8 };

size_t fb_md_room(struct fb_md *m, const struct fb_reader *r, uint64_t claimed, size_t entry,
                  size_t max)
{
    size_t n = fb_read_room(r, claimed, entry);
    if (n < claimed)
        fb_note(m->notes, FB_NOTE_CUT_LIST, "a list claims more than there is", r->in.off);
    if (n > max)
        fb_note(m->notes, FB_NOTE_LIMIT, "a list is longer than we read", r->in.off);
    return n < max ? n : max;
}

struct fb_err fb_md_list(struct fb_md *m, struct fb_md_stream s, size_t entry, size_t max,
                         struct fb_md_list *out)
{
    struct fb_reader r = fb_md_reader(m, s.bytes);
    uint64_t claimed = fb_read_u32(&r);

    /* Folklore: a writer that lays the list out as a C struct on a 64-bit host leaves four
     * unused bytes between the count and the first entry, as some Breakpad builds did. Only
     * the size of the stream gives it away. */
    if (s.claimed == PADDED + claimed * entry)
        fb_read_skip(&r, PADDED - COUNT_SIZE);
    if (fb_failed(r.err))
        return r.err;
    size_t n = fb_md_room(m, &r, claimed, entry, max);
    *out = (struct fb_md_list){fb_span_clip(s.bytes, r.at, n * entry), n, entry};
    return FB_NO_ERR;
}

struct fb_err fb_md_sized_list(struct fb_md *m, struct fb_md_stream s, size_t count,
                               size_t entry_min, size_t max, struct fb_md_list *out)
{
    struct fb_reader r = fb_md_reader(m, s.bytes);
    uint32_t header = fb_read_u32(&r);
    uint32_t entry = fb_read_u32(&r);
    uint64_t claimed = fb_read_le(&r, count);
    if (fb_failed(r.err))
        return r.err;
    if (header < SIZED_HEADER + count || header > s.bytes.n)
        return FB_FAIL(MALFORMED, "a list whose header has an impossible size", s.bytes.off);
    if (entry < entry_min || entry > FB_MD_ENTRY_MAX)
        return FB_FAIL(MALFORMED, "a list whose entries have an impossible size", s.bytes.off);
    r.at = header;
    size_t n = fb_md_room(m, &r, claimed, entry, max);
    *out = (struct fb_md_list){fb_span_clip(s.bytes, header, n * entry), n, entry};
    return FB_NO_ERR;
}

struct fb_reader fb_md_entry(const struct fb_md *m, const struct fb_md_list *list, size_t i)
{
    return fb_md_reader(m, fb_md_record(list, i));
}
