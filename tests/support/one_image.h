/*
 * tests/support/one_image.h -- a 64-bit Windows process of one module whose image is at hand,
 * as the walker sees it.
 *
 * The image is a file in memory; it is "mapped" at its preferred base. The stack is a block of
 * the test's own.
 */
#pragma once
#include "unwind/ladder.h"

#include <stdlib.h>

struct one_image {
    struct fb_arena arena;
    struct fb_image *image;
    struct fb_module module;
    struct fb_dump dump;
    struct fb_symbols symbols;
    struct fb_walk_env env;
    struct fb_unwinder w;
    struct fb_places places;
};
enum { ONE_IMAGE_ROOM = 1024 * 1024 };

static inline enum fb_symbol_state one_image_state(void *self, const struct fb_module *module)
{
    (void)self;
    (void)module;
    return FB_SYMBOLS_MISSING;
}

static inline const struct fb_image *one_image_of(void *self, const struct fb_module *module)
{
    struct one_image *one = self;
    return module == &one->module ? one->image : NULL;
}

/** @return false: no image that can be read. Its file and `one` must stay where they are. */
static inline bool one_image_open(struct one_image *one, struct fb_span file)
{
    *one = (struct one_image){
        .arena = {.base = malloc(ONE_IMAGE_ROOM), .cap = ONE_IMAGE_ROOM}
    };
    if (one->arena.base == NULL || fb_failed(fb_image_read(file, &one->arena, &one->image)))
        return false;
    uint64_t base = one->image->preferred_base;
    one->module = (struct fb_module){.base = base,
                                     .size = one->image->size,
                                     .end = base + one->image->size,
                                     .path = "",
                                     .name = "image"};
    one->dump.system.arch = FB_AMD64;
    one->dump.system.os = FB_WINDOWS;
    one->dump.modules = (struct fb_modules){&one->module, 1, 0};
    one->symbols =
        (struct fb_symbols){.self = one, .state = one_image_state, .image = one_image_of};
    one->env = (struct fb_walk_env){.dump = &one->dump,
                                    .symbols = &one->symbols,
                                    .images = fb_images_new(&one->dump, &one->arena)};
    one->w = (struct fb_unwinder){.env = &one->env,
                                  .arena = &one->arena,
                                  .names = fb_reg_names(FB_AMD64),
                                  .places = &one->places};
    fb_places_open(&one->dump, &one->places);
    return one->env.images != NULL;
}

static inline void one_image_close(struct one_image *one)
{
    fb_arena_reset(&one->arena);
    free(one->arena.base);
}
