/*
 * tests/fuzz/fuzz_symfile.c -- any bytes as a symbol file, and look-ups where its records say
 * that something is; programs and rules of its STACK records are run.
 *
 * The first bytes of the input are also taken as addresses, so that a fuzzer can aim. Input
 * goes into a block of its exact size: reading one byte too many is seen.
 */
#include "symbols/postfix.h"
#include "symbols/symstack.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 1024 * 1024, STEPS = 64 };

static bool get(void *self, struct fb_span name, uint64_t *out)
{
    *out = *(uint64_t *)self + name.n;
    return name.n % 5 != 0;
}
static bool set(void *self, struct fb_span name, uint64_t value)
{
    *(uint64_t *)self = value;
    return name.n != 7;
}
static bool load(void *self, uint64_t at, uint64_t *out)
{
    *out = at + *(uint64_t *)self;
    return at % 16 != 15;
}

static void run_stack(const struct fb_symfile *sym, uint64_t rva)
{
    uint64_t state = rva, got;
    const struct fb_postfix p = {&state, UINT32_MAX, get, set, load};
    struct fb_sym_cfi cfi;
    struct fb_stack_win win;
    if (fb_symfile_cfi(sym, rva, &cfi))
        fb_postfix_value(&p, (struct fb_span){cfi.rules.p, cfi.rules.n, 0}, &got);
    if (fb_symfile_win(sym, rva, &win) && win.has_program)
        fb_postfix_run(&p, (struct fb_span){win.program.p, win.program.n, 0});
}

static void ask(const struct fb_symfile *sym, uint64_t rva, struct fb_arena *arena)
{
    struct fb_symbol symbol;
    uint32_t params;
    fb_symfile_lookup(sym, rva, arena, &symbol);
    fb_symfile_params(sym, rva, &params);
    run_stack(sym, rva);
}

static void look_up(const struct fb_symfile *sym, const uint8_t *data, size_t size,
                    struct fb_arena *arena)
{
    for (size_t i = 0; i < STEPS; i++) {
        ask(sym, i * 4, arena);
        ask(sym, 0x1000 + i, arena);
        if (i + 8 <= size) {
            uint64_t rva;
            memcpy(&rva, data + i, sizeof rva);
            ask(sym, rva, arena);
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
