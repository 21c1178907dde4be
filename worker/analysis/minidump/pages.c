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

/* The low byte of a Windows protection: one bit of eight. */
static const struct {
    uint8_t protection;
    unsigned access;
} accesses[] = {
    {0x02, FB_PAGE_READ                                  },
    {0x04, FB_PAGE_READ | FB_PAGE_WRITE                  },
    {0x08, FB_PAGE_READ | FB_PAGE_WRITE                  }, // copied on write
    {0x10, FB_PAGE_EXECUTE                               },
    {0x20, FB_PAGE_READ | FB_PAGE_EXECUTE                },
    {0x40, FB_PAGE_READ | FB_PAGE_WRITE | FB_PAGE_EXECUTE},
    {0x80, FB_PAGE_READ | FB_PAGE_WRITE | FB_PAGE_EXECUTE}, // copied on write
};

static unsigned access_of(uint32_t protection)
{
    unsigned access = protection & PROTECTION_GUARD ? FB_PAGE_GUARD : 0;
    for (size_t i = 0; i < sizeof accesses / sizeof *accesses; i++)
        if ((protection & 0xFF) == accesses[i].protection)
            access |= accesses[i].access;
    return access;
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

void fb_md_sort_pages(struct fb_md *m)
{
    struct fb_pages *pages = &m->dump->pages;
    fb_sort(pages->v, pages->n, sizeof *pages->v, by_start);
    for (size_t i = 0; i + 1 < pages->n; i++) {
        uint64_t room = pages->v[i + 1].start - pages->v[i].start;
        if (pages->v[i].size <= room)
            continue;
        pages->v[i].size = room;
        fb_note(m->notes, FB_NOTE_BAD_RANGE, "two ranges of pages overlap", FB_NOWHERE);
    }
}

void fb_md_add_page(struct fb_md *m, struct fb_page page, uint64_t at)
{
    struct fb_pages *pages = &m->dump->pages;
    if (page.size == 0 || page.size - 1 > UINT64_MAX - page.start)
        fb_note(m->notes, FB_NOTE_BAD_RANGE, "a range of pages is empty or wraps", at);
    else
        pages->v[pages->n++] = page;
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
        struct fb_reader r = fb_md_entry(m, &list, i);
        struct fb_page page = {.start = fb_md_address(m, fb_read_u64(&r))};
        fb_read_skip(&r, 8 + 4 + 4); // allocation: base, first protection, padding
        page.size = fb_read_u64(&r);
        uint32_t state = fb_read_u32(&r);
        uint32_t protection = fb_read_u32(&r);
        page.kind = kind_of(state, fb_read_u32(&r));
        page.access = state == COMMITTED ? access_of(protection) : 0;
        fb_md_add_page(m, page, r.in.off);
    }
    pages->source = list.n != 0 ? FB_PAGES_MEMORY_INFO : FB_PAGES_NONE;
    fb_md_sort_pages(m);
    return FB_NO_ERR;
}
