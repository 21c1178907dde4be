/*
 * tests/fuzz/fuzz_kernel.c -- the door for kernel dumps. Behind it the whole analysis runs, but
 * for the decoding of instructions: a kernel's stack, modules and keys have ways of their own.
 *
 * The input is copied to a block of exactly its size, so that one byte too many is seen.
 */
#include "analyze.h"
#include "kernel/kernel.h"

#include <stdlib.h>
#include <string.h>

enum { ARENA_SIZE = 8 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What look-ups rely on. */
static void look_around(const struct fb_dump *dump)
{
    for (size_t i = 1; i < dump->memory.n; i++)
        if (dump->memory.v[i - 1].start > dump->memory.v[i].start)
            abort();
    for (size_t i = 0; i < dump->modules.n; i++) {
        const struct fb_module *m = &dump->modules.v[i];
        if (m->end < m->base || (i > 0 && m[-1].base > m->base) || m->name == NULL)
            abort();
    }
    if (dump->threads.n != 1 || dump->crashing != 0 || !dump->bugcheck.present)
        abort();
}

static void analyse(struct fb_span file, struct fb_arena *arena)
{
    struct fb_analyze_input in = {.file = file};
    struct fb_analysis *a;
    if (fb_failed(fb_analyze(&in, arena, &a)))
        return;
    look_around(&a->dump);
    (void)fb_analysis_json(a, NULL, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t *block;
    if (block == NULL)
        block = malloc(ARENA_SIZE);
    uint8_t *copy = malloc(size != 0 ? size : 1);
    if (block == NULL || copy == NULL)
        abort();
    if (size != 0)
        memcpy(copy, data, size);
    struct fb_span file = {copy, size, 0};
    struct fb_arena arena = {.base = block, .cap = ARENA_SIZE};
    if (fb_kernel_is(file)) // anything else is fuzz_minidump's
        analyse(file, &arena);
    fb_arena_reset(&arena);
    free(copy);
    return 0;
}
