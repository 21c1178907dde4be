/*
 * worker/analysis/minidump/maps.c -- the memory map that Linux shows in /proc/PID/maps: what
 * may be done with which pages, and the modules that the dump's own list lacks.
 *
 *     start-end perms offset dev inode path
 */
#include "minidump/parts.h"

enum { LINE_MAX = 4608 }; // PATH_MAX and the fields before it

static const uint8_t digits[256] = { // one more than each is worth
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
    ['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
    ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16};

static bool hex(struct fb_reader *r, char end, uint64_t *out)
{
    const struct fb_span in = r->in;
    uint64_t v = 0;
    size_t at = r->at;
    for (uint8_t digit; at < in.n && (digit = digits[in.p[at]]) != 0; at++)
        v = v << 4 | (uint64_t)(digit - 1);
    *out = v;
    bool ended = at < in.n && in.p[at] == (uint8_t)end && at - r->at <= 16;
    r->at = at + ended;
    return ended;
}

/* Past a field and the blanks behind it: many, where the kernel fills up to the path. */
static void skip_field(struct fb_reader *r)
{
    static const uint8_t blanks[8] = {' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '};
    const struct fb_span in = r->in;
    size_t at = r->at;
    while (at < in.n && in.p[at] != ' ')
        at++;
    while (in.n - at >= sizeof blanks && memcmp(in.p + at, blanks, sizeof blanks) == 0)
        at += sizeof blanks;
    while (at < in.n && in.p[at] == ' ')
        at++;
    r->at = at;
}

static bool begins(struct fb_span s, const char *with)
{
    return s.n >= strlen(with) && memcmp(s.p, with, strlen(with)) == 0;
}

/* The module, if any, that the last address was in: the next ones are mostly in the same. */
struct place {
    struct fb_bounds bounds; // where that holds; first > last: nowhere yet
    const struct fb_module *module;
};

static bool in_module(const struct fb_md *m, fb_addr a, struct place *place)
{
    if (a < place->bounds.first || a > place->bounds.last) {
        place->bounds = FB_EVERYWHERE;
        place->module = fb_module_around(&m->dump->modules, a, &place->bounds);
    }
    return place->module != NULL;
}

static enum fb_page_kind kind_of_path(const struct fb_md *m, fb_addr start, struct fb_span path,
                                      struct place *place)
{
    if (begins(path, "[stack"))
        return FB_PAGE_STACK;
    if (begins(path, "[heap]"))
        return FB_PAGE_HEAP;
    if (in_module(m, start, place))
        return FB_PAGE_IMAGE;
    return path.n != 0 && path.p[0] != '[' ? FB_PAGE_MAPPED : FB_PAGE_PRIVATE;
}

static bool parse_line(struct fb_md *m, struct fb_span line, struct place *place,
                       struct fb_page *out)
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
    out->kind = kind_of_path(m, out->start, path, place);
    out->name = path.n != 0 ? fb_md_text8(m, path, LINE_MAX) : NULL;
    return true;
}

/* --- modules that the list lacks ----------------------------------------------------- */

struct mapping {       // pages that follow one another in memory and come from one file
    size_t first, end; // indices
    bool executable;
};

static bool is_file(const char *name)
{
    static const char *const others[] = {"/dev/", "/memfd:", "/SYSV", "/anon_hugepage"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (name != NULL && fb_starts(name, others[i]))
            return false;
    return name != NULL && name[0] == '/';
}

static struct mapping mapping_at(const struct fb_pages *pages, size_t first)
{
    const struct fb_page *v = pages->v;
    struct mapping found = {first, first, false};
    do {
        found.executable |= (v[found.end].access & FB_PAGE_EXECUTE) != 0;
        found.end++;
    } while (found.end < pages->n && v[first].name != NULL && v[found.end].name != NULL &&
             v[found.end].start == v[found.end - 1].start + v[found.end - 1].size &&
             strcmp(v[found.end].name, v[first].name) == 0);
    return found;
}

/* Whether a listed module holds any of the addresses. Both ends of each page suffice, since one
 * that lies between them would begin where a page of the mapping does. */
static bool is_listed(const struct fb_md *m, const struct mapping *mapping)
{
    for (size_t i = mapping->first; i < mapping->end; i++) {
        const struct fb_page *page = &m->dump->pages.v[i];
        if (page->kind == FB_PAGE_IMAGE ||
            fb_module_at(&m->dump->modules, page->start) != NULL ||
            fb_module_at(&m->dump->modules, page->start + page->size - 1) != NULL)
            return true;
    }
    return false;
}

static struct fb_module module_of(struct fb_md *m, const struct mapping *mapping)
{
    struct fb_page *v = m->dump->pages.v;
    const struct fb_page *last = &v[mapping->end - 1];
    const char *path = v[mapping->first].name;
    for (size_t i = mapping->first; i < mapping->end; i++)
        v[i].kind = FB_PAGE_IMAGE;
    return (struct fb_module){.base = v[mapping->first].start,
                              .size = last->start + last->size - v[mapping->first].start,
                              .end = last->start + last->size,
                              .path = path,
                              .name = fb_last_component(path),
                              .debug_file = fb_last_component(path)};
}

/* The program itself, when no list says: where the kernel found its first instruction. */
static void find_main(struct fb_md *m)
{
    enum { AT_ENTRY = 9 };
    const struct fb_linux *proc = &m->dump->proc;
    struct fb_modules *modules = &m->dump->modules;
    for (size_t i = 0; i < proc->n_auxv && modules->main == SIZE_MAX; i++) {
        const struct fb_module *found =
            proc->auxv[i].tag == AT_ENTRY ? fb_module_at(modules, proc->auxv[i].value) : NULL;
        modules->main = found != NULL ? (size_t)(found - modules->v) : SIZE_MAX;
    }
}

/* Modules of files that no listed one covers. `found` NULL: only count them. */
static size_t missing_modules(struct fb_md *m, struct fb_module *found)
{
    const struct fb_pages *pages = &m->dump->pages;
    size_t n = 0;
    for (struct mapping mapping = {0}; mapping.end < pages->n && n < FB_MD_MODULES_MAX;) {
        mapping = mapping_at(pages, mapping.end);
        if (!mapping.executable || !is_file(pages->v[mapping.first].name) ||
            is_listed(m, &mapping))
            continue;
        if (found != NULL)
            found[n] = module_of(m, &mapping);
        n++;
    }
    return n;
}

/* Folklore: under memory pressure, or with a size limit, Breakpad's list is cut or missing; and
 * it never had what was mapped while it wrote. */
static void recover_modules(struct fb_md *m)
{
    size_t n = missing_modules(m, NULL);
    struct fb_module *found = n != 0 ? FB_MD_NEW(m, struct fb_module, n) : NULL;
    if (found == NULL)
        return;
    (void)missing_modules(m, found);
    fb_note(m->notes, FB_NOTE_GUESSED, "modules that the list lacks, from the memory map",
            FB_NOWHERE);
    fb_md_add_modules(m, found, n);
    find_main(m);
}

static size_t count_lines(struct fb_span text)
{
    size_t n = 0;
    while (text.n != 0)
        n += fb_md_next_line(&text).n != 0;
    return n;
}

struct fb_err fb_md_maps(struct fb_md *m, struct fb_md_stream s)
{
    m->dump->n_maps = count_lines(s.bytes);
    struct fb_pages *pages = &m->dump->pages;
    size_t n = m->dump->n_maps < FB_MD_PAGES_MAX ? m->dump->n_maps : FB_MD_PAGES_MAX;
    if (pages->source != FB_PAGES_NONE || n == 0)
        return FB_NO_ERR;
    pages->v = FB_RAW(m->arena, struct fb_page, n);
    m->full |= pages->v == NULL;
    struct place place = {
        .bounds = {1, 0}
    };
    for (struct fb_span rest = s.bytes; rest.n != 0 && pages->n < n && !m->full;) {
        struct fb_span line = fb_md_next_line(&rest);
        struct fb_page page = {0};
        if (line.n == 0)
            continue;
        if (parse_line(m, line, &place, &page))
            fb_md_add_page(m, &page, line.off);
        else
            fb_note(m->notes, FB_NOTE_BAD_ITEM, "a line of the maps cannot be read", line.off);
    }
    pages->source = FB_PAGES_MAPS;
    fb_md_sort_pages(m);
    recover_modules(m);
    return FB_NO_ERR;
}
