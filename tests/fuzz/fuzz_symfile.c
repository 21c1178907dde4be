/*
 * tests/fuzz/fuzz_symfile.c -- any bytes as a symbol file, and look-ups where its records say
 * that something is.
 *
 * The first bytes of the input are also taken as addresses, so that a fuzzer can aim. Input
 * goes into a block of its exact size: reading one byte too many is seen.
 */
#include "symbols/symfile.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 1024 * 1024, STEPS = 64 };

static void look_up(const struct fb_symfile *sym, const uint8_t *data, size_t size,
                    struct fb_arena *arena)
{
    struct fb_symbol symbol;
    for (size_t i = 0; i < STEPS; i++) {
        fb_symfile_lookup(sym, i * 4, arena, &symbol);
        fb_symfile_lookup(sym, 0x1000 + i, arena, &symbol);
        if (i + 8 <= size) {
            uint64_t rva;
            memcpy(&rva, data + i, sizeof rva);
            fb_symfile_lookup(sym, rva, arena, &symbol);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size + 1), *room = malloc(ROOM);
    uint8_t *text = exact + 1; // an empty input, too, ends at the end of its block
    if (size != 0)
        memcpy(text, data, size);
    struct fb_arena arena = {.base = room, .cap = ROOM};
    struct fb_symfile *sym = NULL;
    if (!fb_failed(fb_symfile_read((struct fb_span){text, size, 0}, &arena, &sym)))
        look_up(sym, text, size, &arena);
    fb_arena_reset(&arena);
    free(room);
    free(exact);
    return 0;
}
