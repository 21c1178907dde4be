/*
 * worker/analysis/unwind/images.c -- the images of a dump's modules and the code in them, and
 * whether there are symbols.
 *
 * The dump may hold their pages, as full dumps do; that is known from the start. Else whoever
 * holds the symbols may hold the file: each is asked for once, when it is needed.
 */
#include "symbols/image_names.h"
#include "unwind/ladder.h"

enum {
    TABLES_MAX = 4 * 1024 * 1024, // bytes of the tables of FDEs that we make
    TABLES_SHARE = 16,            // and this part of what the arena holds
    ENTRIES_MAX = 1 << 20         // looked at to make them
};

struct fb_images {
    const struct fb_module *first;
    struct fb_arena *arena; // for what is remembered,
    struct fb_arena tables; // and for what is met during a walk, whose arena forgets it
    size_t entries;
    bool mapped; // the dump holds pages of some image
    struct known {
        bool asked, asked_symbols, indexed, odd, named;
        enum fb_symbol_state symbols;
        const struct fb_symfile *file;
        const struct fb_image *image;
        struct fb_eh_index fdes;
        struct fb_image_functions *functions; // when `named`; NULL: none
    } v[];                                    // one per module
};

/* From the end of the arena, so that what is not needed of it costs nobody anything. */
static struct fb_arena room_for_tables(struct fb_arena *arena)
{
    size_t room = (arena->cap - arena->used) / TABLES_SHARE;
    room = room < TABLES_MAX ? room : TABLES_MAX;
    arena->cap -= room;
    return (struct fb_arena){.base = arena->base + arena->cap, .cap = room};
}

void fb_images_close(struct fb_images *images, struct fb_arena *arena)
{
    if (images == NULL)
        return;
    fb_arena_reset(&images->tables);
    arena->cap += images->tables.cap;
    images->tables.cap = 0;
}

/* Whether the dump holds nothing at `a`, and then up to where. */
static bool lies_in_gap(const struct fb_memory *memory, fb_addr a, struct fb_bounds *gap)
{
    struct fb_bounds around = FB_EVERYWHERE;
    bool several;
    bool empty = fb_memory_around(memory, a, &around, &several) == NULL && !several;
    *gap = empty ? around : *gap;
    return empty;
}

static void map_all(const struct fb_dump *dump, struct fb_arena *arena,
                    struct fb_images *images)
{
    struct fb_bounds gap = {1,
                            0}; // where the dump holds nothing: mostly, many modules lie in one
    for (size_t i = 0; i < dump->modules.n; i++) {
        fb_addr base = dump->modules.v[i].base;
        struct fb_image *mapped = NULL;
        if ((base >= gap.first && base <= gap.last) || lies_in_gap(&dump->memory, base, &gap) ||
            fb_failed(fb_image_map(&dump->memory, base, arena, &mapped)))
            continue;
        images->v[i].image = mapped;
        images->mapped = true;
    }
}

bool fb_code_has_images(const struct fb_walk_env *env)
{
    return env->images != NULL &&
           (env->images->mapped || (env->symbols != NULL && env->symbols->image != NULL));
}

struct fb_images *fb_images_new(const struct fb_dump *dump, struct fb_arena *arena)
{
    size_t size = sizeof(struct fb_images) + dump->modules.n * sizeof(struct known);
    struct fb_images *images = fb_arena_new(arena, 1, size, alignof(struct fb_images));
    if (images == NULL)
        return NULL;
    images->first = dump->modules.v;
    images->entries = ENTRIES_MAX;
    images->arena = arena;
    map_all(dump, arena, images);
    images->tables = room_for_tables(arena);
    return images;
}

const struct fb_image *fb_code_image(const struct fb_unwinder *w,
                                     const struct fb_module *module)
{
    struct fb_images *images = w->env->images;
    const struct fb_symbols *symbols = w->env->symbols;
    if (images == NULL || module == NULL)
        return NULL;
    struct known *known = &images->v[module - images->first];
    if (!known->asked && symbols != NULL && symbols->image != NULL) {
        const struct fb_image *file = symbols->image(symbols->self, module);
        known->image = file != NULL ? file : known->image;
    }
    known->asked = true;
    return known->image;
}

static void ask_symbols(const struct fb_symbols *symbols, const struct fb_module *module,
                        struct known *out)
{
    out->symbols = symbols->state(symbols->self, module);
    out->file = symbols->symfile != NULL ? symbols->symfile(symbols->self, module) : NULL;
    out->asked_symbols = true;
}

/* What is known of a module's symbols; in `own`, when nothing is remembered. */
static const struct known *symbols_of(const struct fb_unwinder *w,
                                      const struct fb_module *module, struct known *own)
{
    struct fb_images *images = w->env->images;
    struct known *known = images != NULL ? &images->v[module - images->first] : own;
    if (images == NULL || !known->asked_symbols)
        ask_symbols(w->env->symbols, module, known);
    return known;
}

enum fb_symbol_state fb_code_symbols(const struct fb_unwinder *w,
                                     const struct fb_module *module)
{
    struct known own;
    return w->env->symbols != NULL && module != NULL ? symbols_of(w, module, &own)->symbols
                                                     : FB_SYMBOLS_MISSING;
}

const struct fb_symfile *fb_code_symfile(const struct fb_unwinder *w,
                                         const struct fb_module *module)
{
    struct known own;
    return w->env->symbols != NULL && module != NULL ? symbols_of(w, module, &own)->file : NULL;
}

void fb_code_odd(const struct fb_unwinder *w, const struct fb_module *module, const char *what)
{
    struct known *known = &w->env->images->v[module - w->env->images->first];
    if (!known->odd && w->env->notes != NULL)
        fb_note(w->env->notes, FB_NOTE_BAD_ITEM, what, FB_NOWHERE);
    known->odd = true;
}

const struct fb_eh_index *fb_code_fdes(const struct fb_unwinder *w,
                                       const struct fb_module *module)
{
    const struct fb_image *image = fb_code_image(w, module);
    if (image == NULL)
        return NULL;
    struct fb_images *images = w->env->images;
    struct known *known = &images->v[module - images->first];
    if (!known->indexed)
        (void)fb_eh_index(image, &images->entries, &images->tables, &known->fdes);
    known->indexed = true;
    if (known->fdes.odd != NULL)
        fb_code_odd(w, module, known->fdes.odd);
    return known->fdes.n != 0 ? &known->fdes : NULL;
}

bool fb_code_nearest(const struct fb_unwinder *w, const struct fb_module *module, uint64_t rva,
                     struct fb_arena *arena, struct fb_symbol *out)
{
    const struct fb_image *image = fb_code_image(w, module);
    if (image == NULL)
        return false;
    struct known *known = &w->env->images->v[module - w->env->images->first];
    size_t all = SIZE_MAX;
    if (!known->named)
        known->functions = fb_image_functions(
            image, fb_work_left(w->env->work, FB_WORK_NAMES, &all), w->env->images->arena);
    known->named = true;
    return known->functions != NULL && fb_image_function(known->functions, rva, arena, out);
}

/* What the dump itself holds. */
static struct fb_span held(const struct fb_unwinder *w, const struct fb_place *place, fb_addr a,
                           size_t max)
{
    if (place->region != NULL)
        return fb_span_clip(place->region->bytes, a - place->region->start, max);
    return place->several ? fb_memory_at(&w->env->dump->memory, a, max) : (struct fb_span){0};
}

struct fb_span fb_code_bytes(const struct fb_unwinder *w, fb_addr a, size_t max)
{
    struct fb_place *place = fb_place_held(w->places, a);
    if (place->no_code) // as in most modules of a minidump
        return (struct fb_span){0};
    struct fb_span there = held(w, place, a, max);
    if (there.n == max)
        return there;
    const struct fb_module *module = place->module;
    const struct fb_image *image = fb_code_image(w, module);
    if (image == NULL) {
        place->no_code = place->region == NULL && !place->several;
        return there;
    }
    struct fb_span in_file = fb_image_at(image, a - module->base, max);
    return in_file.n > there.n ? in_file : there;
}

struct fb_span fb_code_viewed(const struct fb_unwinder *w, struct fb_code_view *view, fb_addr a,
                              size_t max)
{
    enum { AHEAD = 256 };
    uint64_t at = a - view->at;
    if (at < view->bytes.n && view->bytes.n - at >= max)
        return (struct fb_span){view->bytes.p + at, max, view->bytes.off + at};
    struct fb_span there = held(w, fb_place_held(w->places, a), a, AHEAD);
    if (there.n < max)
        there = fb_code_bytes(w, a, there.n == 0 ? AHEAD : max);
    *view = (struct fb_code_view){a, there};
    return (struct fb_span){there.p, there.n < max ? there.n : max, there.off};
}

struct fb_span fb_code_before(const struct fb_unwinder *w, fb_addr a, size_t max)
{
    if (a == 0)
        return (struct fb_span){0};
    const struct fb_place *place = fb_place_held(w->places, a - 1);
    if (place->region != NULL && a - place->from >= max) // of one piece
        return fb_span_sub(place->region->bytes, a - max - place->region->start, max);
    if (place->no_code || fb_code_bytes(w, a - 1, 1).n == 0)
        return (struct fb_span){0}; // mostly, nothing is at hand
    for (size_t n = max < a ? max : (size_t)a; n > 0; n--) {
        struct fb_span got = fb_code_bytes(w, a - n, n);
        if (got.n == n)
            return got;
    }
    return (struct fb_span){0};
}
