/*
 * tests/support/arm64_image.h -- the ARM64 images of the corpus, each with what a walk needs to
 * look into it.
 */
#pragma once
#include "support/whole.h"
#include "unwind/pdata_arm64.h"

#include <stdlib.h>

enum { ARM64_IMAGE_ROOM = 1 << 20 };
#define ARM64_IMAGE_BASE UINT64_C(0x7FF600000000)
#define ARM64_CALLER     UINT64_C(0x7FF700000000)

static const char *const arm64_images[] = {
    "greenlet/_greenlet.arm64.pyd", "pydantic-core/_pydantic_core.win_arm64.pyd",
    "node-pty/arm64/pty.node",      "node-pty/arm64/winpty.dll",
    "node-pty/arm64/conpty.dll",    "node-pty/arm64/OpenConsole.exe",
    "setuptools/cli-arm64.exe",     "psutil/_psutil_windows.win_arm64.pyd",
};

/* One image, mapped at ARM64_IMAGE_BASE; a second module holds ARM64_CALLER. */
struct arm64_image {
    struct fb_span file;
    uint8_t *room;
    struct fb_arena arena;
    struct fb_image *image;
    struct fb_module modules[2];
    struct fb_dump dump;
    struct fb_symbols symbols;
    struct fb_walk_env env;
    struct fb_unwinder w;
    struct fb_places places;
};

static inline const struct fb_image *arm64_image_of(void *self, const struct fb_module *module)
{
    struct arm64_image *a = self;
    return module == &a->modules[0] ? a->image : NULL;
}

static inline enum fb_symbol_state arm64_no_symbols(void *self, const struct fb_module *module)
{
    (void)self;
    (void)module;
    return FB_SYMBOLS_MISSING;
}

/* @return false: no such file, or no image; nothing is to be freed */
static inline bool arm64_image_open(struct arm64_image *a, const char *path)
{
    *a = (struct arm64_image){.file = whole_file(path), .room = malloc(ARM64_IMAGE_ROOM)};
    a->arena = (struct fb_arena){.base = a->room, .cap = ARM64_IMAGE_ROOM};
    if (fb_failed(fb_image_read(a->file, &a->arena, &a->image))) {
        fb_arena_reset(&a->arena);
        free(a->room);
        whole_free(a->file);
        return false;
    }
    fb_addr base = ARM64_IMAGE_BASE, caller = ARM64_CALLER;
    a->modules[0] = (struct fb_module){
        .base = base, .size = a->image->size, .end = base + a->image->size, .name = "image"};
    a->modules[1] = (struct fb_module){
        .base = caller, .size = 0x100000, .end = caller + 0x100000, .name = "caller"};
    a->dump.system = (struct fb_system){.arch = FB_ARM64, .os = FB_WINDOWS};
    a->dump.modules = (struct fb_modules){a->modules, 2, 0};
    a->symbols =
        (struct fb_symbols){.self = a, .state = arm64_no_symbols, .image = arm64_image_of};
    a->env = (struct fb_walk_env){.dump = &a->dump, .symbols = &a->symbols};
    a->env.images = fb_images_new(&a->dump, &a->arena);
    a->w = (struct fb_unwinder){.env = &a->env,
                                .arena = &a->arena,
                                .names = fb_reg_names(FB_ARM64),
                                .places = &a->places,
                                .not_address = ~((UINT64_C(1) << 47) - 1)};
    fb_places_open(&a->dump, &a->places);
    return true;
}

static inline void arm64_image_close(struct arm64_image *a)
{
    fb_arena_reset(&a->arena);
    free(a->room);
    whole_free(a->file);
}

static inline size_t arm64_image_entries(const struct arm64_image *a)
{
    return (size_t)a->image->exceptions.size / FB_ARM64_ENTRY;
}

/* Entry `i`: where its function begins, and its unwind data. */
static inline bool arm64_image_entry(const struct arm64_image *a, size_t i, uint32_t *rva,
                                     uint32_t *unwind, struct fb_arm64_function *out)
{
    const struct fb_image_part *part = &a->image->exceptions;
    struct fb_reader r = {
        .in = fb_image_at(a->image, part->rva + i * FB_ARM64_ENTRY, FB_ARM64_ENTRY)};
    *rva = fb_read_u32(&r);
    *unwind = fb_read_u32(&r);
    if (fb_failed(r.err))
        return false;
    return (*unwind & 3) != 0
               ? fb_arm64_packed(*unwind, out)
               : fb_arm64_xdata(fb_image_at(a->image, *unwind, FB_ARM64_XDATA_MAX), out);
}
