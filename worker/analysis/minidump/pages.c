/*
 * worker/analysis/minidump/pages.c -- what the process might do with its memory: protections,
 * from the Windows list or from Linux' maps. The first that can be read counts.
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
    LINE_MAX = 4608, // PATH_MAX and the fields before it
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

static void put_in_order(struct fb_md *m)
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

static void add(struct fb_md *m, struct fb_page page, uint64_t at)
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
    pages->v = FB_MD_NEW(m, struct fb_page, list.n);
    for (size_t i = 0; i < list.n && !m->full; i++) {
        struct fb_reader r = fb_md_entry(m, &list, i);
        struct fb_page page = {.start = fb_md_address(m, fb_read_u64(&r))};
        fb_read_skip(&r, 8 + 4 + 4); // allocation: base, first protection, padding
        page.size = fb_read_u64(&r);
        uint32_t state = fb_read_u32(&r);
        uint32_t protection = fb_read_u32(&r);
        page.kind = kind_of(state, fb_read_u32(&r));
        page.access = state == COMMITTED ? access_of(protection) : 0;
        add(m, page, r.in.off);
    }
    pages->source = list.n != 0 ? FB_PAGES_MEMORY_INFO : FB_PAGES_NONE;
    put_in_order(m);
    return FB_NO_ERR;
}

/* --- /proc/PID/maps: "start-end perms offset dev inode path" ------------------------ */

static struct fb_span next_line(struct fb_span *rest)
{
    const uint8_t *nl = rest->n != 0 ? memchr(rest->p, '\n', rest->n) : NULL;
    size_t n = nl != NULL ? (size_t)(nl - rest->p) : rest->n;
    struct fb_span line = fb_span_sub(*rest, 0, n);
    *rest = fb_span_sub(*rest, n + (nl != NULL), rest->n - n - (nl != NULL));
    return line;
}

static bool hex(struct fb_reader *r, char end, uint64_t *out)
{
    uint64_t v = 0;
    for (int digits = 0; digits <= 16; digits++) {
        uint8_t c = fb_read_u8(r);
        if (c == (uint8_t)end)
            break;
        bool decimal = c >= '0' && c <= '9', letter = c >= 'a' && c <= 'f';
        if ((!decimal && !letter) || digits == 16)
            return false;
        v = v << 4 | (uint64_t)(decimal ? c - '0' : c - 'a' + 10);
    }
    *out = v;
    return !fb_failed(r->err);
}

/* Past a field and the blanks behind it. */
static void skip_field(struct fb_reader *r)
{
    while (r->at < r->in.n && r->in.p[r->at] != ' ')
        r->at++;
    while (r->at < r->in.n && r->in.p[r->at] == ' ')
        r->at++;
}

static bool begins(struct fb_span s, const char *with)
{
    return s.n >= strlen(with) && memcmp(s.p, with, strlen(with)) == 0;
}

static enum fb_page_kind kind_of_path(const struct fb_md *m, fb_addr start, struct fb_span path)
{
    if (begins(path, "[stack"))
        return FB_PAGE_STACK;
    if (begins(path, "[heap]"))
        return FB_PAGE_HEAP;
    if (fb_module_at(&m->dump->modules, start) != NULL)
        return FB_PAGE_IMAGE;
    return path.n != 0 && path.p[0] != '[' ? FB_PAGE_MAPPED : FB_PAGE_PRIVATE;
}

static bool parse_line(struct fb_md *m, struct fb_span line, struct fb_page *out)
{
    struct fb_reader r = fb_md_reader(m, line);
    uint64_t end;
    if (!hex(&r, '-', &out->start) || !hex(&r, ' ', &end) || end < out->start)
        return false;
    out->size = end - out->start;
    struct fb_span perms = fb_read_bytes(&r, 4);
    if (perms.n < 4)
        return false;
    static const unsigned bits[] = {FB_PAGE_READ, FB_PAGE_WRITE, FB_PAGE_EXECUTE};
    for (size_t i = 0; i < 3; i++)
        out->access |= perms.p[i] == (uint8_t) "rwx"[i] ? bits[i] : 0;
    for (int field = 0; field < 4; field++) // rest of perms, offset, device, inode
        skip_field(&r);
    struct fb_span path = fb_read_bytes(&r, r.in.n - r.at);
    out->kind = kind_of_path(m, out->start, path);
    out->name = path.n != 0 ? fb_md_text8(m, path, LINE_MAX) : NULL;
    return true;
}

static size_t count_lines(struct fb_span text)
{
    size_t n = 0;
    while (text.n != 0)
        n += next_line(&text).n != 0;
    return n;
}

struct fb_err fb_md_maps(struct fb_md *m, struct fb_md_stream s)
{
    m->dump->n_maps = count_lines(s.bytes);
    struct fb_pages *pages = &m->dump->pages;
    size_t n = m->dump->n_maps < FB_MD_PAGES_MAX ? m->dump->n_maps : FB_MD_PAGES_MAX;
    if (pages->source != FB_PAGES_NONE || n == 0)
        return FB_NO_ERR;
    pages->v = FB_MD_NEW(m, struct fb_page, n);
    for (struct fb_span rest = s.bytes; rest.n != 0 && pages->n < n && !m->full;) {
        struct fb_span line = next_line(&rest);
        struct fb_page page = {0};
        if (line.n == 0)
            continue;
        if (parse_line(m, line, &page))
            add(m, page, line.off);
        else
            fb_note(m->notes, FB_NOTE_BAD_ITEM, "a line of the maps cannot be read", line.off);
    }
    pages->source = FB_PAGES_MAPS;
    put_in_order(m);
    return FB_NO_ERR;
}
