/*
 * tests/support/image_folder.h -- all images below some folders, as who holds symbols would
 * hand them out: by what a code id is made of.
 */
#pragma once
#include "support/whole.h"
#include "symbols/symbols.h"

#include <glob.h>
#include <string.h>

enum { IMAGES_MAX = 128, IMAGES_ROOM = 4 * 1024 * 1024 };
struct image_folder {
    struct fb_arena arena;
    const struct fb_image *v[IMAGES_MAX];
    char path[IMAGES_MAX][512];
    size_t n;
};

/** Add those that `pattern` names. @return how many there are now */
static inline size_t image_folder_add(struct image_folder *f, const char *pattern)
{
    glob_t found = {0};
    if (f->arena.base == NULL)
        f->arena = (struct fb_arena){.base = malloc(IMAGES_ROOM), .cap = IMAGES_ROOM};
    if (glob(pattern, GLOB_MARK, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc && f->n < IMAGES_MAX; i++) {
            const char *path = found.gl_pathv[i];
            struct fb_image *image = NULL;
            if (path[strlen(path) - 1] == '/')
                continue;
            struct fb_span file = whole_file(path);
            if (fb_failed(fb_image_read(file, &f->arena, &image))) {
                whole_free(file);
                continue;
            }
            snprintf(f->path[f->n], sizeof *f->path, "%s", path);
            f->v[f->n++] = image;
        }
    globfree(&found);
    return f->n;
}

static inline const struct fb_image *image_folder_find(void *self,
                                                       const struct fb_module *module)
{
    const struct image_folder *f = self;
    for (size_t i = 0; module->timestamp != 0 && i < f->n; i++)
        if (f->v[i]->timestamp == module->timestamp && f->v[i]->size == module->size)
            return f->v[i];
    return NULL;
}

static inline enum fb_symbol_state image_folder_state(void *self,
                                                      const struct fb_module *module)
{
    (void)self, (void)module;
    return FB_SYMBOLS_MISSING;
}

/** The table of questions, of which only the one for images has answers. */
static inline struct fb_symbols image_folder_table(struct image_folder *f)
{
    return (struct fb_symbols){
        .self = f, .state = image_folder_state, .image = image_folder_find};
}

static inline void image_folder_free(struct image_folder *f)
{
    for (size_t i = 0; i < f->n; i++)
        whole_free(f->v[i]->file);
    fb_arena_reset(&f->arena);
    free(f->arena.base);
}
