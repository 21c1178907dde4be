/*
 * worker/analysis/symbols/image_kinds.h -- what image.c and the readers of the kinds of images
 * share. Nobody else includes it.
 */
#pragma once
#include "symbols/image.h"

/** The bytes at a place of the file, or of the mapped image: the headers stand there in both.
 */
struct fb_span fb_image_raw(const struct fb_image *image, uint64_t at, size_t max);
/** Fill in what the headers say. @fails MALFORMED, TRUNCATED, LIMIT */
struct fb_err fb_image_pe(struct fb_image *image, struct fb_arena *arena);
struct fb_err fb_image_elf(struct fb_image *image, struct fb_arena *arena);
