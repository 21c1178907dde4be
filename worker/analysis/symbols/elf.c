/*
 * worker/analysis/symbols/elf.c -- the headers of an ELF image.
 */
#include "symbols/image_kinds.h"

struct fb_err fb_image_elf(struct fb_image *image, struct fb_arena *arena)
{
    (void)image;
    (void)arena;
    return FB_FAIL(MALFORMED, "ELF images are not read yet", 0);
}
