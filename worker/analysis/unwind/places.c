/* worker/analysis/unwind/places.c -- looking up what places.h remembers. */
#include "unwind/places.h"

void fb_places_open(const struct fb_dump *dump, struct fb_places *out)
{
    const struct fb_modules *modules = &dump->modules;
    out->dump = dump;
    out->code_end = 0;
    out->code_start = modules->n != 0 ? modules->v[0].base : 0;
    for (size_t i = 0; i < FB_PLACES; i++)
        out->v[i].from = out->v[i].size = 0;
    for (size_t i = 0; i < modules->n; i++)
        if (modules->v[i].end > out->code_end)
            out->code_end = modules->v[i].end;
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
    put_bounds(&bounds, place);
}
