/*
 * worker/analysis/symbols/image_names.h -- the functions that an image itself names: names of
 * last resort, when there is no symbol file.
 *
 * PE: its exports, and the COFF symbols that some linkers leave. ELF: .symtab and .dynsym. Most
 * functions are in none of them, so that the nearest one below an address is a guess: it is
 * only made near it and within one section. Where the table tells a function's size, it is
 * none.
 */
#pragma once
#include "symbols/symbols.h"

struct fb_image_functions; // opaque, lives in the arena

enum {
    FB_IMAGE_NAME_REACH = 4096,       // bytes from a function's start to what is named after it
    FB_IMAGE_NAMES_MAX = 1024 * 1024, // of each table
    FB_IMAGE_NAME_MAX = 4096,         // bytes; a longer one is cut
    FB_IMAGE_LOOKS_MAX = 1 << 26,     // at sections, while names are gathered
};

/** Gather them, of `*left` entries of tables, which are counted down.
 * `image` must outlive the result. It takes an eighth of what is left in the arena at most.
 * @return NULL: there are none, no room for them, or more than are left */
struct fb_image_functions *fb_image_functions(const struct fb_image *image, size_t *left,
                                              struct fb_arena *arena);
/** Where the function that a PE image exports last before `rva` begins, by name or not. Of
 * `*left` exports, which are counted down. @return 0: none, or more than are left */
uint64_t fb_image_export_before(const struct fb_image *image, uint64_t rva, size_t *left);
/** What covers `rva`, or is nearest; the name is put into `arena`. @return false: nothing */
bool fb_image_function(struct fb_image_functions *functions, uint64_t rva,
                       struct fb_arena *arena, struct fb_symbol *out);
