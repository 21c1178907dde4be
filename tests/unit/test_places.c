/*
 * tests/unit/test_places.c -- what is remembered of addresses is what the lists say, whichever
 * neighbour was asked for before.
 *
 * Lists are made at random in a small space, with all that real ones have: holes, overlaps,
 * ranges that hold nothing, and one that reaches to the last address.
 */
#include "support/check.h"
#include "unwind/places.h"

#include <stdlib.h>

enum { WORLDS = 300, MODULES = 12, PAGES = 12, REGIONS = 90, QUESTIONS = 3000, SIZE = 96 };

struct world {
    struct fb_dump dump;
    struct fb_module modules[MODULES];
    struct fb_page pages[PAGES];
    struct fb_region regions[REGIONS];
    struct fb_places places;
};
static const uint8_t bytes[SIZE];
static uint32_t seed = 1;

static uint32_t chance(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % below;
}

static int by_address(const void *a, const void *b)
{
    fb_addr x = *(const fb_addr *)a, y = *(const fb_addr *)b;
    return (x > y) - (x < y);
}
static void choose(fb_addr *v, size_t n, fb_addr origin, uint32_t space)
{
    for (size_t i = 0; i < n; i++)
        v[i] = origin + chance(space);
    qsort(v, n, sizeof *v, by_address);
}

static void make_modules(struct world *w, fb_addr origin, uint32_t space)
{
    fb_addr at[MODULES];
    choose(at, MODULES, origin, space);
    for (size_t i = 0; i < MODULES; i++) {
        fb_addr next = i + 1 < MODULES ? at[i + 1] : UINT64_MAX;
        uint64_t size = chance(4) == 0 ? 0 : chance(space / 4);
        w->modules[i] =
            (struct fb_module){.base = at[i], .end = size < next - at[i] ? at[i] + size : next};
    }
    w->dump.modules = (struct fb_modules){w->modules, chance(MODULES + 1), SIZE_MAX};
}

static void make_pages(struct world *w, fb_addr origin, uint32_t space)
{
    fb_addr at[PAGES];
    choose(at, PAGES, origin, space);
    for (size_t i = 0; i < PAGES; i++)
        w->pages[i] = (struct fb_page){.start = at[i],
                                       .size = chance(6) == 0 ? UINT64_MAX : chance(space / 4),
                                       .access = chance(2) == 0 ? FB_PAGE_EXECUTE : 0};
    w->dump.pages = (struct fb_pages){w->pages, chance(PAGES + 1), FB_PAGES_MEMORY_INFO};
    if (w->dump.pages.n == 0)
        w->dump.pages.source = FB_PAGES_NONE;
}

static void make_memory(struct world *w, fb_addr origin, uint32_t space)
{
    fb_addr at[REGIONS];
    choose(at, REGIONS, origin, space);
    struct fb_memory *memory = &w->dump.memory;
    *memory = (struct fb_memory){.v = w->regions, .n = chance(2) == 0 ? 6 : REGIONS};
    for (size_t i = 0; i < memory->n; i++) {
        uint64_t room = UINT64_MAX - at[i], size = 1 + chance(SIZE);
        w->regions[i].start = at[i];
        w->regions[i].bytes = (struct fb_span){bytes, size <= room ? size : 1, i};
        if (w->regions[i].bytes.n > memory->longest)
            memory->longest = w->regions[i].bytes.n;
    }
}

static void check_memory(const struct world *w, const struct fb_place *place, fb_addr a)
{
    struct fb_span want = fb_memory_at(&w->dump.memory, a, 8), got = {0};
    if (place->several)
        return; // who asks looks into the list
    if (place->region != NULL)
        got = fb_span_clip(place->region->bytes, a - place->region->start, 8);
    CHECK("bytes", got.n == want.n && got.off == want.off);
}

static void ask(struct world *w, fb_addr a)
{
    const struct fb_module *module = fb_module_at(&w->dump.modules, a);
    const struct fb_page *page = fb_page_at(&w->dump.pages, a);
    bool whole = chance(2) == 0;
    const struct fb_place *place =
        whole ? fb_place_held(&w->places, a) : fb_place_at(&w->places, a);
    CHECK("module", place->module == module);
    CHECK("page", place->page == page);
    bool code = page != NULL ? (page->access & FB_PAGE_EXECUTE) != 0 : module != NULL;
    bool stray = module == NULL && page == NULL && w->dump.pages.source == FB_PAGES_NONE;
    CHECK("returns", place->returns == (code    ? FB_EVIDENCE_PROVED
                                        : stray ? FB_EVIDENCE_STRAY
                                                : FB_EVIDENCE_NONE));
    CHECK("most", fb_place_returns(&w->places, a) ==
                      (a < FB_LOWEST_CODE ? FB_EVIDENCE_NONE : place->returns));
    if (whole)
        check_memory(w, place, a);
}

/* The module that the plainest search finds. */
static void check_module(const struct world *w, fb_addr a)
{
    const struct fb_module *want = NULL;
    for (size_t i = 0; i < w->dump.modules.n; i++)
        if (a >= w->modules[i].base && a < w->modules[i].end)
            want = &w->modules[i];
    CHECK("searched", fb_module_at(&w->dump.modules, a) == want);
}

/* Of a dump with nothing but one byte there. */
static void last_address(void)
{
    static struct world w;
    w.regions[0] = (struct fb_region){
        UINT64_MAX, {bytes, 1, 7}
    };
    w.dump.memory = (struct fb_memory){.v = w.regions, .n = 1, .longest = 1};
    fb_places_open(&w.dump, &w.places);
    for (int i = 0; i < 2; i++) {
        CHECK("last", fb_place_held(&w.places, UINT64_MAX)->region == w.regions);
        CHECK("before", fb_place_held(&w.places, UINT64_MAX - 1)->region == NULL);
        CHECK("far", fb_place_held(&w.places, UINT64_MAX - 0xFFFF)->region == NULL);
    }
}

int main(void)
{
    last_address();
    static struct world w;
    for (int i = 0; i < WORLDS; i++) {
        uint32_t space = 64 + chance(4096);
        fb_addr origin = i % 3 == 0 ? UINT64_MAX - space : (fb_addr)chance(1 << 18);
        make_modules(&w, origin, space);
        make_pages(&w, origin, space);
        make_memory(&w, origin, space);
        fb_places_open(&w.dump, &w.places);
        for (int j = 0; j < QUESTIONS; j++) {
            fb_addr a = origin - 100 + chance(space + 200);
            ask(&w, a);
            check_module(&w, a);
        }
        CHECK("too low", fb_place_returns(&w.places, FB_LOWEST_CODE - 1) == FB_EVIDENCE_NONE);
    }
    return check_done();
}
