/*
 * worker/analysis/minidump/pages.c -- what the process might do with its memory: protections,
 * from the Windows list. Linux' maps are in maps.c; the first that can be read counts.
 */
#include "minidump/parts.h"

#include "base/sort.h"

enum {
    ENTRY_SIZE = 48,
    COMMITTED = 0x1000,
    RESERVED = 0x2000,
    TYPE_MAPPED = 0x40000,
    TYPE_IMAGE = 0x1000000,
    PROTECTION_GUARD = 0x100,
};

/* By the low byte of a Windows protection, of which one bit is set. */
enum {
    R = FB_PAGE_READ,
    RW = FB_PAGE_READ | FB_PAGE_WRITE,
    X = FB_PAGE_EXECUTE,
    RX = FB_PAGE_READ | FB_PAGE_EXECUTE,
    RWX = FB_PAGE_READ | FB_PAGE_WRITE | FB_PAGE_EXECUTE,
};
static const uint8_t accesses[256] = {
    [0x02] = R, [0x04] = RW, [0x08] = RW,                // copied on write
    [0x10] = X, [0x20] = RX, [0x40] = RWX, [0x80] = RWX, // copied on write
};

static unsigned access_of(uint32_t protection)
{
    return accesses[protection & 0xFF] | (protection & PROTECTION_GUARD ? FB_PAGE_GUARD : 0u);
}

static enum fb_page_kind kind_of(uint32_t state, uint32_t type)
{
    if (state != COMMITTED)
        return state == RESERVED ? FB_PAGE_RESERVED : FB_PAGE_FREE;
    return type == TYPE_IMAGE    ? FB_PAGE_IMAGE
           : type == TYPE_MAPPED ? FB_PAGE_MAPPED
                                 : FB_PAGE_PRIVATE;
}

static int by_start(const void *pa, const void *pb)
{
    const struct fb_page *a = pa, *b = pb;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return a->size < b->size ? -1 : a->size > b->size;
}

/* In order, and one behind the other: then all is as it should be. */
static bool stand_apart(const struct fb_pages *pages)
{
    const struct fb_page *v = pages->v;
    for (size_t i = 1; i < pages->n; i++)
        if (v[i].start < v[i - 1].start || v[i - 1].size > v[i].start - v[i - 1].start)
            return false;
    return true;
}

void fb_md_sort_pages(struct fb_md *m)
{
    struct fb_pages *pages = &m->dump->pages;
    if (stand_apart(pages))
        return;
    fb_sort(pages->v, pages->n, sizeof *pages->v, by_start);
    for (size_t i = 0; i + 1 < pages->n; i++) {
        uint64_t room = pages->v[i + 1].start - pages->v[i].start;
        if (pages->v[i].size <= room)
            continue;
        pages->v[i].size = room;
        fb_note(m->notes, FB_NOTE_BAD_RANGE, "two ranges of pages overlap", FB_NOWHERE);
    }
}

static inline void add(struct fb_md *m, const struct fb_page *page, uint64_t at)
{
    struct fb_pages *pages = &m->dump->pages;
    if (page->size == 0 || page->size - 1 > UINT64_MAX - page->start)
        fb_note(m->notes, FB_NOTE_BAD_RANGE, "a range of pages is empty or wraps", at);
    else
        pages->v[pages->n++] = *page;
}

void fb_md_add_page(struct fb_md *m, const struct fb_page *page, uint64_t at)
{
    add(m, page, at);
}

/* Of a MEMORY_BASIC_INFORMATION64. */
static struct fb_page read_info(const struct fb_md *m, struct fb_span info)
{
    uint32_t state = (uint32_t)fb_field(info, 32, 4, m->big);
    uint32_t protection = (uint32_t)fb_field(info, 36, 4, m->big);
    uint32_t type = (uint32_t)fb_field(info, 40, 4, m->big);
    return (struct fb_page){
        .start = fb_md_address(m, fb_field(info, 0, 8, m->big)),
        .size = fb_field(info, 24, 8, m->big),
        .kind = kind_of(state, type),
        .access = state == COMMITTED ? access_of(protection) : 0,
    };
}

struct fb_err fb_md_memory_info(struct fb_md *m, struct fb_md_stream s)
{
    struct fb_md_list list;
    struct fb_err err = fb_md_sized_list(m, s, 8, ENTRY_SIZE, FB_MD_PAGES_MAX, &list);
    if (fb_failed(err))
        return err;
    struct fb_pages *pages = &m->dump->pages;
    pages->v = FB_RAW(m->arena, struct fb_page, list.n);
    m->full |= pages->v == NULL;
    for (size_t i = 0; i < list.n && !m->full; i++) {
        struct fb_span info = fb_md_record(&list, i);
        struct fb_page page = read_info(m, info);
        add(m, &page, info.off);
    }
    pages->source = list.n != 0 ? FB_PAGES_MEMORY_INFO : FB_PAGES_NONE;
    fb_md_sort_pages(m);
    return FB_NO_ERR;
}
