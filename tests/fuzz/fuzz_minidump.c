/*
 * tests/fuzz/fuzz_minidump.c -- the door through which strangers' dumps come in.
 *
 * The input is copied to a block of exactly its size, so that one byte too many is seen.
 * What was read is looked up as the walker would, so that a list which only seems in order
 * is seen, too.
 */
#include "minidump/minidump.h"

#include <stdlib.h>
#include <string.h>

enum { ARENA_SIZE = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_around(const struct fb_dump *dump)
{
    for (size_t i = 0; i < dump->threads.n; i++) {
        const struct fb_regs *regs = &dump->threads.v[i].regs;
        uint64_t word;
        (void)fb_memory_read(&dump->memory, fb_reg_sp(regs), 8, &word);
        const struct fb_module *module = fb_module_at(&dump->modules, fb_reg_ip(regs));
        if (module != NULL &&
            (fb_reg_ip(regs) < module->base || fb_reg_ip(regs) >= module->end))
            abort();
        const struct fb_page *page = fb_page_at(&dump->pages, fb_reg_sp(regs));
        if (page != NULL && fb_reg_sp(regs) - page->start >= page->size)
            abort();
    }
    for (size_t i = 1; i < dump->memory.n; i++)
        if (dump->memory.v[i - 1].start > dump->memory.v[i].start)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t *block;
    static struct fb_notes notes;
    struct fb_dump dump;
    if (block == NULL)
        block = malloc(ARENA_SIZE);
    uint8_t *copy = malloc(size != 0 ? size : 1);
    if (block == NULL || copy == NULL)
        abort();
    if (size != 0)
        memcpy(copy, data, size);
    struct fb_arena arena = {.base = block, .cap = ARENA_SIZE};
    notes = (struct fb_notes){0};
    struct fb_err err =
        fb_minidump_read((struct fb_span){copy, size, 0}, &arena, &notes, &dump);
    if (!fb_failed(err))
        look_around(&dump);
    fb_arena_reset(&arena);
    free(copy);
    return 0;
}
