/*
 * tests/fuzz/fuzz_symfile.c -- any bytes as a symbol file, and look-ups where its records say
 * that something is; a thread stands there, too, and its stack is walked by STACK records.
 *
 * The first bytes of the input are also taken as addresses, so that a fuzzer can aim. Input
 * goes into a block of its exact size: reading one byte too many is seen.
 */
#include "support/one_sym.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 1024 * 1024, STEPS = 64 };

static void ask(const struct fb_symfile *sym, uint64_t rva, struct fb_arena *arena)
{
    struct fb_symbol symbol;
    uint32_t params;
    fb_symfile_lookup(sym, rva, arena, &symbol);
    fb_symfile_params(sym, rva, &params);
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

/* One thread that stands in the module, with the input for a stack. */
static void walk(struct fb_symfile *sym, enum fb_arch arch, uint64_t rva, struct fb_span stack,
                 struct fb_arena *arena)
{
    struct one_sym p;
    const struct fb_reg_names *names = fb_reg_names(arch);
    struct fb_stack walked;
    one_sym_make(&p, arch);
    p.sym = sym;
    if (stack.n != 0)
        memcpy(p.stack, stack.p, stack.n < sizeof p.stack ? stack.n : sizeof p.stack);
    for (int i = 0; i < (int)names->n; i++)
        fb_reg_set(&p.regs, i, ONE_SYM_STACK + (uint64_t)i * names->word);
    fb_reg_set(&p.regs, names->ip, ONE_SYM_BASE + rva % (ONE_SYM_END - ONE_SYM_BASE));
    fb_reg_set(&p.regs, names->sp, ONE_SYM_STACK);
    struct fb_walk_env env = {.dump = &p.dump, .symbols = &p.symbols};
    fb_walk(&env, &p.thread, &p.regs, arena, &walked);
}

static void walk_all(struct fb_symfile *sym, struct fb_span text, struct fb_arena *arena)
{
    static const enum fb_arch all[] = {FB_X86, FB_AMD64, FB_ARM, FB_ARM64};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        walk(sym, all[i], 0x1001, text, arena);
        walk(sym, all[i], text.n, text, arena);
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
    if (!fb_failed(fb_symfile_read((struct fb_span){text, size, 0}, &arena, &sym))) {
        look_up(sym, text, size, &arena);
        walk_all(sym, (struct fb_span){text, size, 0}, &arena);
    }
    fb_arena_reset(&arena);
    free(room);
    free(exact);
    return 0;
}
