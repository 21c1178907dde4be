/*
 * tests/fuzz/fuzz_image.c -- any bytes as an image, as a file and as the pages of a process:
 * its ids, its sections, its bytes by RVA and the functions that it names.
 *
 * The first bytes of the input are also taken as addresses, so that a fuzzer can aim. Input
 * goes into a block of its exact size: reading one byte too many is seen.
 */
#include "symbols/image_names.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 4 * 1024 * 1024, STEPS = 64 };
#define LOADED UINT64_C(0x7FFF00000000)

static void ask(const struct fb_image *image, struct fb_image_functions *functions,
                uint64_t rva, struct fb_arena *arena)
{
    struct fb_symbol symbol;
    struct fb_span got = fb_image_at(image, rva, 16);
    if (got.n > 16)
        abort();
    for (volatile size_t i = 0; i < got.n; i++)
        (void)((const volatile uint8_t *)got.p)[i];
    (void)fb_image_section(image, rva);
    if (functions != NULL)
        fb_image_function(functions, rva, arena, &symbol);
}

static void look_at(const struct fb_image *image, const uint8_t *data, size_t size,
                    struct fb_arena *arena)
{
    size_t left = SIZE_MAX;
    struct fb_image_functions *functions = fb_image_functions(image, &left, arena);
    for (size_t i = 0; i < image->n_sections && i < STEPS; i++)
        ask(image, functions, image->sections[i].rva, arena);
    for (size_t i = 0; i < STEPS; i++) {
        uint64_t rva = 0;
        if (i + 8 <= size)
            memcpy(&rva, data + i, sizeof rva);
        ask(image, functions, rva, arena);
        ask(image, functions, 0x1000 + 0x40 * i, arena);
    }
    ask(image, functions, image->eh_frame.rva, arena);
    ask(image, functions, image->debug.rva, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size + 1), *room = malloc(ROOM);
    uint8_t *bytes = exact + 1; // an empty input, too, ends at the end of its block
    if (size != 0)
        memcpy(bytes, data, size);
    struct fb_span file = {bytes, size, 0};
    struct fb_region region = {LOADED, file};
    struct fb_memory memory = {&region, 1, size, false};
    struct fb_arena arena = {.base = room, .cap = ROOM};
    struct fb_image *image = NULL;
    if (!fb_failed(fb_image_read(file, &arena, &image)))
        look_at(image, bytes, size, &arena);
    fb_arena_reset(&arena);
    if (!fb_failed(fb_image_map(&memory, LOADED, &arena, &image)))
        look_at(image, bytes, size, &arena);
    fb_arena_reset(&arena);
    free(room);
    free(exact);
    return 0;
}
