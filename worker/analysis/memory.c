/*
 * worker/analysis/memory.c -- looking things up in a dump by address: module, pages, bytes.
 *
 * All lists are sorted by start. Regions of memory may overlap: a look-up goes to the
 * last region that starts at or below the address and then back, no further than the
 * longest region reaches.
 */
#include "dump.h"

enum { STEPS_BACK_MAX = 64 }; // a thousand ranges over one address are no dump

/* How many of `n` elements of `stride` bytes, whose first member is a sorted address, begin at
 * or below `a`. */
static size_t count_up_to(const void *v, size_t n, size_t stride, fb_addr a)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        fb_addr start;
        memcpy(&start, (const uint8_t *)v + mid * stride, sizeof start);
        if (start <= a)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

const struct fb_module *fb_module_at(const struct fb_modules *modules, fb_addr a)
{
    size_t i = count_up_to(modules->v, modules->n, sizeof *modules->v, a);
    for (size_t steps = 0;
         steps < STEPS_BACK_MAX && i > 0 && modules->v[i - 1].end <= modules->v[i - 1].base;
         steps++)
        i--; // unusable ranges are listed, but hold nothing
    return i > 0 && a < modules->v[i - 1].end ? &modules->v[i - 1] : NULL;
}

const struct fb_page *fb_page_at(const struct fb_pages *pages, fb_addr a)
{
    size_t i = count_up_to(pages->v, pages->n, sizeof *pages->v, a);
    return i > 0 && a - pages->v[i - 1].start < pages->v[i - 1].size ? &pages->v[i - 1] : NULL;
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
