/*
 * worker/analysis/minidump/memory.c -- which bytes of the process the dump holds. Nothing is
 * copied: a region is an address and a view into the file.
 *
 * Both lists and the stacks of the threads become one array, by start and then size. Overlaps
 * stay; only exact repetitions go, since writers list each stack twice.
 */
#include "minidump/parts.h"

#include "base/sort.h"

enum { DESCRIPTOR_SIZE = 16, HEADER64_SIZE = 16, RVA_MIN = 32 };

/* The lists wait until the threads are read, so that the array can be made in one piece. */
struct fb_err fb_md_memory_list(struct fb_md *m, struct fb_md_stream s)
{
    if (s.bytes.n < 4)
        return FB_FAIL(TRUNCATED, "a memory list without a count", s.bytes.off);
    m->memory_list = s;
    return FB_NO_ERR;
}

struct fb_err fb_md_memory64_list(struct fb_md *m, struct fb_md_stream s)
{
    if (s.bytes.n < HEADER64_SIZE)
        return FB_FAIL(TRUNCATED, "a memory list without a count", s.bytes.off);
    m->memory64_list = s;
    return FB_NO_ERR;
}

static void note_odd(struct fb_md *m, bool wraps, uint64_t rva)
{
    if (wraps)
        fb_note(m->notes, FB_NOTE_BAD_RANGE, "a memory region is empty or wraps", rva);
    else
        fb_note(m->notes, FB_NOTE_TRUNCATED, "a memory region reaches beyond the file", rva);
}

/* @return whether the file has any of the region */
static inline bool find_region(struct fb_md *m, fb_addr start, uint64_t rva, uint64_t size,
                               struct fb_region *out)
{
    struct fb_span bytes = fb_span_clip(m->file, rva, size);
    bool wraps = size == 0 || size - 1 > UINT64_MAX - start;
    if (wraps || bytes.n < size)
        note_odd(m, wraps, rva);
    if (wraps || bytes.n == 0 || rva < RVA_MIN)
        return false;
    *out = (struct fb_region){start, bytes};
    return true;
}

/* There may be hundreds of thousands, so their bytes are counted once for all. */
static void add_list(struct fb_md *m, const struct fb_md_list *list)
{
    struct fb_memory *memory = &m->dump->memory;
    struct fb_region *next = memory->v + memory->n;
    for (size_t i = 0; i < list->n; i++) {
        struct fb_span d = fb_md_record(list, i);
        fb_addr start = fb_md_address(m, fb_field(d, 0, 8, m->big));
        uint64_t size = fb_field(d, 8, 4, m->big);
        next += find_region(m, start, fb_field(d, 12, 4, m->big), size, next);
    }
    memory->n = (size_t)(next - memory->v);
}

/* Here the data of the regions follow one another, from one place on. */
static void add_list64(struct fb_md *m, const struct fb_md_list *list, uint64_t rva)
{
    struct fb_memory *memory = &m->dump->memory;
    struct fb_reader r = fb_md_reader(m, list->bytes);
    for (size_t i = 0; i < list->n; i++) {
        fb_addr start = fb_md_address(m, fb_read_u64(&r));
        uint64_t size = fb_read_u64(&r);
        memory->n += find_region(m, start, rva, size, memory->v + memory->n);
        if (size > UINT64_MAX - rva) {
            fb_note(m->notes, FB_NOTE_BAD_RANGE, "the sizes of memory regions overflow", rva);
            return;
        }
        rva += size;
    }
}

/* The 64-bit list, whose count has eight bytes and is followed by the place of the data. */
static struct fb_md_list list64(struct fb_md *m, uint64_t *rva)
{
    struct fb_reader r = fb_md_reader(m, m->memory64_list.bytes);
    uint64_t claimed = fb_read_u64(&r);
    *rva = fb_read_u64(&r);
    size_t n = r.in.n != 0 ? fb_md_room(m, &r, claimed, DESCRIPTOR_SIZE, FB_MD_REGIONS_MAX) : 0;
    return (struct fb_md_list){fb_span_clip(r.in, HEADER64_SIZE, n * DESCRIPTOR_SIZE), n,
                               DESCRIPTOR_SIZE};
}

static void put_in_order(struct fb_memory *memory, struct fb_region *room)
{
    if (memory->n == 0)
        return;
    memory->v =
        fb_sort_numbered(memory->v, memory->n, sizeof *memory->v, fb_region_order, room);
    struct fb_region *last = memory->v; // of those that stay
    const struct fb_region *end = last + memory->n;
    uint64_t longest = last->bytes.n;
    for (const struct fb_region *region = last + 1; region < end; region++) {
        if (last->start == region->start && last->bytes.n == region->bytes.n)
            continue;
        longest = region->bytes.n > longest ? region->bytes.n : longest;
        *++last = *region; // in place, mostly: cheaper than to ask
    }
    memory->longest = longest;
    memory->n = (size_t)(last + 1 - memory->v);
}

void fb_md_memory(struct fb_md *m)
{
    struct fb_md_list list = {0};
    if (m->memory_list.bytes.n != 0 &&
        fb_failed(fb_md_list(m, m->memory_list, DESCRIPTOR_SIZE, FB_MD_REGIONS_MAX, &list)))
        list.n = 0;
    uint64_t rva64;
    struct fb_md_list l64 = list64(m, &rva64);
    const struct fb_threads *threads = &m->dump->threads;
    struct fb_memory *memory = &m->dump->memory;
    size_t most = list.n + l64.n + threads->n;
    memory->v = FB_RAW(m->arena, struct fb_region, most);
    struct fb_region *room = FB_RAW(m->arena, struct fb_region, most);
    m->full |= memory->v == NULL || room == NULL;
    if (m->full)
        return;
    add_list(m, &list);
    add_list64(m, &l64, rva64);
    for (size_t i = 0; i < threads->n; i++)
        if (threads->v[i].stack.n != 0)
            memory->v[memory->n++] =
                (struct fb_region){threads->v[i].stack_start, threads->v[i].stack};
    put_in_order(memory, room);
}
