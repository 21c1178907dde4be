/* worker/analysis/unwind/places.c -- looking up what places.h remembers. */
#include "unwind/places.h"

/* A list of pages is gone through from both ends, up to where modules lie. A page counts up to
 * where the next one begins. */
static struct fb_bounds executable(const struct fb_pages *pages, fb_addr code_start,
                                   fb_addr code_end)
{
    struct fb_bounds out = {code_start, code_end};
    for (size_t i = 0; i < pages->n && pages->v[i].start < out.first; i++)
        if ((pages->v[i].access & FB_PAGE_EXECUTE) != 0)
            out.first = pages->v[i].start;
    for (size_t i = pages->n; i > 0; i--) {
        const struct fb_page *page = &pages->v[i - 1];
        uint64_t room = UINT64_MAX - page->start;
        fb_addr last = page->start + (page->size < room ? page->size : room);
        if ((page->access & FB_PAGE_EXECUTE) != 0 && last > out.last)
            out.last = last;
        if (out.last != code_end || page->start <= code_end)
            break;
    }
    return out;
}

void fb_places_open(const struct fb_dump *dump, struct fb_places *out)
{
    const struct fb_modules *modules = &dump->modules;
    out->dump = dump;
    out->no_images = false;
    out->code_end = 0;
    out->code_start = modules->n != 0 ? modules->v[0].base : 0;
    for (size_t i = 0; i < FB_PLACES; i++)
        out->v[i].from = out->v[i].size = 0;
    for (size_t i = 0; i < modules->n; i++)
        if (modules->v[i].end > out->code_end)
            out->code_end = modules->v[i].end;
    out->executable =
        executable(&dump->pages, modules->n != 0 ? out->code_start : UINT64_MAX, out->code_end);
    out->beyond = dump->pages.source == FB_PAGES_NONE ? FB_EVIDENCE_STRAY : FB_EVIDENCE_NONE;
}

/* The cheap part of fb_return_evidence. */
static enum fb_evidence returns_to(const struct fb_dump *dump, const struct fb_place *place)
{
    if (place->page == NULL && place->module == NULL && dump->pages.source == FB_PAGES_NONE)
        return FB_EVIDENCE_STRAY;
    bool executable = place->page != NULL ? (place->page->access & FB_PAGE_EXECUTE) != 0
                                          : place->module != NULL;
    return executable ? FB_EVIDENCE_PROVED : FB_EVIDENCE_NONE;
}

static void put_bounds(const struct fb_bounds *bounds, struct fb_place *place)
{
    place->from = bounds->first;
    place->size = bounds->last - bounds->first;
    place->size += place->size != UINT64_MAX; // else the very last one is looked up each time
}

struct fb_place *fb_place_find(const struct fb_places *places, fb_addr a, struct fb_place *out)
{
    const struct fb_dump *dump = places->dump;
    struct fb_bounds bounds = FB_EVERYWHERE;
    out->module = fb_module_around(&dump->modules, a, &bounds);
    out->page = fb_page_around(&dump->pages, a, &bounds);
    out->searched = out->no_code = false;
    out->returns = returns_to(dump, out);
    put_bounds(&bounds, out);
    return out;
}

/* Then, the answer holds for fewer addresses; for the last one of all, though nobody counts it.
 */
void fb_place_search(const struct fb_places *places, fb_addr a, struct fb_place *place)
{
    fb_addr last = place->from + (place->size - 1);
    struct fb_bounds bounds = {place->from, last > a ? last : a};
    place->region = fb_memory_around(&places->dump->memory, a, &bounds, &place->several);
    place->searched = true;
    place->no_code = places->no_images && place->region == NULL && !place->several;
    put_bounds(&bounds, place);
}
