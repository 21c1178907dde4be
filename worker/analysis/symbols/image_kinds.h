/*
 * worker/analysis/symbols/image_kinds.h -- what image.c and the readers of the kinds of images
 * share. Nobody else includes it.
 */
#pragma once
#include "symbols/image.h"

/** The bytes at a place of the file, or of the mapped image: the headers stand there in both.
 */
struct fb_span fb_image_raw(const struct fb_image *image, uint64_t at, size_t max);
/** The architecture that a number in the headers stands for. */
enum fb_arch fb_image_arch(enum fb_image_kind kind, uint16_t machine);
/** A text up to its NUL, or as long as its bytes are. NULL: arena full. */
const char *fb_image_text(struct fb_span bytes, struct fb_arena *arena);
/** Fill in what the headers say. @fails MALFORMED, TRUNCATED, LIMIT */
struct fb_err fb_image_pe(struct fb_image *image, struct fb_arena *arena);
struct fb_err fb_image_elf(struct fb_image *image, struct fb_arena *arena);

/* elf_parts.c: what the segments of an ELF image lead to. */

/** The build id among some notes; empty when there is none. */
struct fb_span fb_elf_build_id(const struct fb_image *image, struct fb_span notes);
/** Where .eh_frame is, when only .eh_frame_hdr is known: up to the end of what is mapped. */
void fb_elf_eh_frame(struct fb_image *image);
/** The table of dynamic symbols that the loader's own table leads to. */
void fb_elf_dynamic(struct fb_image *image, struct fb_span dynamic);
/** The ids, by the build id or by the code. @fails LIMIT */
struct fb_err fb_elf_ids(struct fb_image *image, struct fb_span build_id,
                         struct fb_arena *arena);
