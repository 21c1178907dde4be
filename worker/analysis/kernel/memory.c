/*
 * worker/analysis/kernel/memory.c -- which bytes of the kernel a triage dump holds: the stack,
 * a page of data, and the blocks that drivers and the kernel chose. Nothing is copied.
 */
#include "kernel/parts.h"

#include "base/sort.h"

enum { BLOCK_SIZE = 16, HEADER_MIN = 0x1000 };

static void add(struct fb_kd *k, fb_addr start, uint64_t at, uint64_t size)
{
    struct fb_memory *memory = &k->dump->memory;
    if (size == 0)
        return;
    struct fb_span bytes = fb_span_clip(k->file, at, size);
    if (size - 1 > UINT64_MAX - start || at < HEADER_MIN) {
        fb_note(k->notes, FB_NOTE_BAD_RANGE, "a block of memory wraps, or lies in the header",
                at);
        return;
    }
    if (bytes.n < size)
        fb_note(k->notes, FB_NOTE_TRUNCATED, "a block of memory reaches beyond the file", at);
    if (bytes.n == 0)
        return;
    memory->v[memory->n++] = (struct fb_region){start, bytes};
    if (bytes.n > memory->longest)
        memory->longest = bytes.n;
}

void fb_kd_memory(struct fb_kd *k)
{
    enum { STACK_AND_PAGE = 2 };
    const struct fb_kernel_triage *t = &k->triage;
    struct fb_memory *memory = &k->dump->memory;
    struct fb_reader r = {.in = fb_span_clip(k->file, t->blocks_at, UINT64_MAX)};
    size_t n = t->blocks_at != 0 ? fb_read_room(&r, t->n_blocks, BLOCK_SIZE) : 0;
    if (n < t->n_blocks || n > FB_KERNEL_BLOCKS_MAX)
        fb_note(k->notes, FB_NOTE_CUT_LIST, "more blocks of memory than there is room for",
                t->blocks_at);
    n = n < FB_KERNEL_BLOCKS_MAX ? n : FB_KERNEL_BLOCKS_MAX;
    memory->v = FB_KD_NEW(k, struct fb_region, n + STACK_AND_PAGE);
    if (memory->v == NULL)
        return;
    add(k, t->stack_top, t->stack_at, t->stack_size);
    add(k, t->page, t->page_at, t->page_size);
    for (size_t i = 0; i < n; i++) {
        fb_addr start = fb_read_u64(&r);
        uint32_t at = fb_read_u32(&r);
        add(k, start, at, fb_read_u32(&r));
    }
    fb_sort(memory->v, memory->n, sizeof *memory->v, fb_region_order);
    if (memory->n == 0 && k->header.type == FB_KERNEL_TRIAGE)
        fb_note(k->notes, FB_NOTE_MISSING_STREAM, "no memory: stacks cannot be walked",
                FB_NOWHERE);
}
