/* worker/analysis/unwind/places.c -- looking up what places.h remembers. */
#include "unwind/places.h"

void fb_places_open(const struct fb_dump *dump, struct fb_places *out)
{
    const struct fb_modules *modules = &dump->modules;
    *out = (struct fb_places){.dump = dump};
    out->code_start = modules->n != 0 ? modules->v[0].base : 0;
    for (size_t i = 0; i < modules->n; i++)
        if (modules->v[i].end > out->code_end)
            out->code_end = modules->v[i].end;
}

const struct fb_place *fb_place_find(const struct fb_places *places, fb_addr a,
                                     struct fb_place *out)
{
    const struct fb_dump *dump = places->dump;
    struct fb_bounds bounds = FB_EVERYWHERE;
    out->module = fb_module_around(&dump->modules, a, &bounds);
    out->page = fb_page_around(&dump->pages, a, &bounds);
    out->held = fb_memory_around(&dump->memory, a, &bounds);
    out->from = bounds.first;
    out->size = bounds.last - bounds.first;
    out->size += out->size != UINT64_MAX; // else the very last address is looked up each time
    return out;
}
