/*
 * worker/analysis/unwind/images.c -- the images of a dump's modules and the code in them.
 *
 * The dump may hold their pages, as full dumps do; that is known from the start. Else whoever
 * holds the symbols may hold the file: each is asked for once, when it is needed.
 */
#include "symbols/image_names.h"
#include "unwind/ladder.h"

struct fb_images {
    const struct fb_module *first;
    struct fb_arena *arena; // for what is remembered
    struct known {
        bool asked, named;
        const struct fb_image *image;
        const struct fb_image_functions *functions; // when `named`; NULL: none
    } v[];                                          // one per module
};

static void map_all(const struct fb_dump *dump, struct fb_arena *arena,
                    struct fb_images *images)
{
    for (size_t i = 0; i < dump->modules.n; i++) {
        fb_addr base = dump->modules.v[i].base;
        struct fb_image *mapped = NULL;
        if (fb_memory_at(&dump->memory, base, 2).n != 0 &&
            !fb_failed(fb_image_map(&dump->memory, base, arena, &mapped)))
            images->v[i].image = mapped;
    }
}

struct fb_images *fb_images_new(const struct fb_dump *dump, struct fb_arena *arena)
{
    size_t size = sizeof(struct fb_images) + dump->modules.n * sizeof(struct known);
    struct fb_images *images = fb_arena_new(arena, 1, size, alignof(struct fb_images));
    if (images == NULL)
        return NULL;
    images->first = dump->modules.v;
    images->arena = arena;
    map_all(dump, arena, images);
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

bool fb_code_nearest(const struct fb_unwinder *w, const struct fb_module *module, uint64_t rva,
                     struct fb_arena *arena, struct fb_symbol *out)
{
    const struct fb_image *image = fb_code_image(w, module);
    if (image == NULL)
        return false;
    struct known *known = &w->env->images->v[module - w->env->images->first];
    if (!known->named)
        known->functions = fb_image_functions(image, w->env->images->arena);
    known->named = true;
    return known->functions != NULL && fb_image_function(known->functions, rva, arena, out);
}

struct fb_span fb_code_bytes(const struct fb_unwinder *w, fb_addr a, size_t max)
{
    struct fb_span there = fb_memory_at(&w->env->dump->memory, a, max);
    if (there.n == max)
        return there;
    const struct fb_module *module = fb_code_module(w, a);
    const struct fb_image *image = fb_code_image(w, module);
    if (image == NULL)
        return there;
    struct fb_span in_file = fb_image_at(image, a - module->base, max);
    return in_file.n > there.n ? in_file : there;
}

struct fb_span fb_code_before(const struct fb_unwinder *w, fb_addr a, size_t max)
{
    for (size_t n = max < a ? max : (size_t)a; n > 0; n--) {
        struct fb_span got = fb_code_bytes(w, a - n, n);
        if (got.n == n)
            return got;
    }
    return (struct fb_span){0};
}
