/*
 * worker/analysis/memory.c -- looking things up in a dump by address: module, pages, bytes.
 *
 * All lists are sorted by start. Regions of memory may overlap: a look-up goes to the
 * last region that starts at or below the address and then back, no further than the
 * longest region reaches.
 */
#include "dump.h"

enum { STEPS_BACK_MAX = 64 }; // a thousand ranges over one address are no dump

static fb_addr address_of(const void *element)
{
    fb_addr first;
    memcpy(&first, element, sizeof first);
    return first;
}

/* How many of `n` elements of `stride` bytes, whose first member is a sorted address, begin at
 * or below `a`. Halves are chosen without a branch, which nobody could predict. */
static inline size_t count_up_to(const void *v, size_t n, size_t stride, fb_addr a)
{
    const uint8_t *from = v, *low = from;
    if (n == 0)
        return 0;
    while (n > 1) {
        size_t half = n / 2;
        low = address_of(low + half * stride) <= a ? low + half * stride : low;
        n -= half;
    }
    return (size_t)(low - from) / stride + (address_of(low) <= a);
}

static void not_below(struct fb_bounds *bounds, fb_addr a)
{
    bounds->first = bounds->first < a ? a : bounds->first;
}
static void not_above(struct fb_bounds *bounds, fb_addr a)
{
    bounds->last = bounds->last > a ? a : bounds->last;
}

const struct fb_module *fb_module_around(const struct fb_modules *modules, fb_addr a,
                                         struct fb_bounds *bounds)
{
    const struct fb_module *v = modules->v;
    size_t i = count_up_to(v, modules->n, sizeof *v, a);
    if (i < modules->n)
        not_above(bounds, v[i].base - 1);
    if (i > 0)
        not_below(bounds, v[i - 1].base);
    for (size_t steps = 0; steps < STEPS_BACK_MAX && i > 0 && v[i - 1].end <= v[i - 1].base;
         steps++)
        i--; // unusable ranges are listed, but hold nothing
    if (i > 0 && a < v[i - 1].end) {
        not_above(bounds, v[i - 1].end - 1);
        return &v[i - 1];
    }
    if (i > 0)
        not_below(bounds, v[i - 1].end);
    return NULL;
}

const struct fb_module *fb_module_at(const struct fb_modules *modules, fb_addr a)
{
    struct fb_bounds any = FB_EVERYWHERE;
    return fb_module_around(modules, a, &any);
}

const struct fb_page *fb_page_around(const struct fb_pages *pages, fb_addr a,
                                     struct fb_bounds *bounds)
{
    size_t i = count_up_to(pages->v, pages->n, sizeof *pages->v, a);
    if (i < pages->n)
        not_above(bounds, pages->v[i].start - 1);
    if (i == 0)
        return NULL;
    const struct fb_page *page = &pages->v[i - 1];
    not_below(bounds, page->start);
    if (a - page->start < page->size) {
        uint64_t room = UINT64_MAX - page->start;
        not_above(bounds, page->start + (page->size - 1 < room ? page->size - 1 : room));
        return page;
    }
    not_below(bounds, page->start + page->size);
    return NULL;
}

const struct fb_page *fb_page_at(const struct fb_pages *pages, fb_addr a)
{
    struct fb_bounds any = FB_EVERYWHERE;
    return fb_page_around(pages, a, &any);
}

const struct fb_region *fb_memory_around(const struct fb_memory *memory, fb_addr a,
                                         struct fb_bounds *bounds, bool *several)
{
    const struct fb_region *v = memory->v, *found = NULL;
    size_t i = count_up_to(v, memory->n, sizeof *v, a), last = i;
    if (i < memory->n)
        not_above(bounds, v[i].start - 1);
    *several = false;
    for (; i > 0 && a - v[i - 1].start < memory->longest; i--) {
        const struct fb_region *region = &v[i - 1];
        bool holds = a - region->start < region->bytes.n;
        *several |= (holds && found != NULL) || last - i == STEPS_BACK_MAX;
        if (*several)
            return NULL;
        not_below(bounds, holds ? region->start : region->start + region->bytes.n);
        if (holds)
            not_above(bounds, region->start + (region->bytes.n - 1));
        found = holds ? region : found;
    }
    if (i > 0)
        not_below(bounds, v[i - 1].start + memory->longest);
    return found;
}

struct fb_span fb_memory_at(const struct fb_memory *memory, fb_addr a, size_t max)
{
    size_t i = count_up_to(memory->v, memory->n, sizeof *memory->v, a);
    struct fb_span best = {0};
    for (size_t steps = 0;
         i > 0 && steps < STEPS_BACK_MAX && a - memory->v[i - 1].start < memory->longest;
         steps++) {
        i--;
        struct fb_span found = fb_span_clip(memory->v[i].bytes, a - memory->v[i].start, max);
        if (found.n > best.n)
            best = found;
        if (best.n == max)
            break;
    }
    return best;
}

bool fb_memory_read(const struct fb_memory *memory, fb_addr a, size_t n, uint64_t *out)
{
    uint64_t v = 0;
    for (size_t got = 0; got < n;) {
        struct fb_span bytes = fb_memory_at(memory, a + got, n - got);
        if (bytes.n == 0 || a + got < a)
            return false;
        for (size_t i = 0; i < bytes.n; i++, got++)
            v |= (uint64_t)bytes.p[i] << 8 * (memory->big ? n - 1 - got : got);
    }
    *out = v;
    return true;
}

/* --- putting in order ---------------------------------------------------------------- */

const char *fb_last_component(const char *path)
{
    size_t n = path != NULL ? strlen(path) : 0;
    if (n < 2)
        return path;
    const char *slash = memrchr(path, '/', n - 1); // one at the very end parts nothing
    const char *from = slash != NULL ? slash + 1 : path;
    const char *backslash = memrchr(from, '\\', (size_t)(path + n - 1 - from));
    return backslash != NULL ? backslash + 1 : from;
}

int fb_region_order(const void *pa, const void *pb)
{
    const struct fb_region *a = pa, *b = pb;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    if (a->bytes.n != b->bytes.n)
        return a->bytes.n < b->bytes.n ? -1 : 1;
    return a->bytes.off < b->bytes.off ? -1 : a->bytes.off > b->bytes.off;
}
