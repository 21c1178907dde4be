/*
 * worker/analysis/kernel/drivers.c -- loaded and unloaded drivers: the modules of a kernel.
 *
 * Entries of loaded ones are the kernel's own records with the place of a name in front. Their
 * size depends on the build and is written nowhere: the one counts with which most of the bases
 * are page-aligned addresses of the kernel.
 */
#include "kernel/parts.h"

#include "base/sort.h"

enum { PAGE_MASK = 0xFFF };

/* Where the fields of an entry lie, and the sizes that were seen. */
static const struct layout {
    uint16_t base, size, checksum, timestamp, least;
    uint16_t strides[4];
} layouts[] = {
    {0x1C, 0x24, 0x44, 0x48, 0x4C, {0x4C, 0x50, 0x54, 0x58}},
    {0x38, 0x48, 0x80, 0x88, 0x8C, {0x90, 0x98, 0xA8, 0xB0}},
};
enum { STRIDES = 1 + sizeof layouts->strides / sizeof *layouts->strides, STRIDE_MAX = 0x400 };

static const struct layout *layout_of(const struct fb_kd *k)
{
    return &layouts[k->header.wide ? 1 : 0];
}

/* --- the size of an entry ----------------------------------------------------------- */

static size_t plausible(const struct fb_kd *k, size_t stride)
{
    const struct fb_kernel_triage *t = &k->triage;
    size_t good = 0;
    for (size_t i = 0; i < t->n_drivers && i < FB_KERNEL_DRIVERS_MAX; i++) {
        struct fb_span entry =
            fb_span_sub(k->file, t->drivers_at + (uint64_t)i * stride, stride);
        fb_addr base = fb_field(entry, layout_of(k)->base, fb_kd_word(k), false);
        good += fb_kd_is_kernel(k, base) && (base & PAGE_MASK) == 0;
    }
    return good;
}

/* Names follow the list, which gives the size when nothing stands between. */
static size_t between(const struct fb_kd *k)
{
    const struct fb_kernel_triage *t = &k->triage;
    if (t->n_drivers == 0 || t->strings_at <= t->drivers_at ||
        (t->strings_at - t->drivers_at) % t->n_drivers != 0)
        return 0;
    return (t->strings_at - t->drivers_at) / t->n_drivers;
}

static size_t find_stride(const struct fb_kd *k)
{
    const struct layout *l = layout_of(k);
    size_t best = 0, most = 0;
    for (size_t i = 0; i < STRIDES; i++) {
        size_t stride = i == 0 ? between(k) : l->strides[i - 1];
        if (stride < l->least || stride > STRIDE_MAX)
            continue;
        size_t good = plausible(k, stride);
        if (good > most) {
            most = good;
            best = stride;
        }
    }
    return best;
}

/* --- loaded ------------------------------------------------------------------------- */

/* A count of UTF-16 units and then those. What is not all there is no name. */
static const char *name_at(struct fb_kd *k, uint32_t at)
{
    struct fb_reader r = {.in = fb_span_clip(k->file, at, UINT64_MAX)};
    uint64_t n = fb_read_u32(&r);
    struct fb_span bytes = fb_read_bytes(&r, n <= FB_KERNEL_NAME_MAX / 2 ? 2 * (size_t)n : 0);
    if (at == 0 || bytes.n == 0) {
        fb_note(k->notes, FB_NOTE_BAD_TEXT, "the name of a driver cannot be read", at);
        return "";
    }
    const char *name = fb_kd_text16(k, bytes);
    return name != NULL ? name : "";
}

/* `end` holds the place in the file until the list is in order. */
static void read_driver(struct fb_kd *k, struct fb_span entry, size_t place,
                        struct fb_module *out)
{
    const struct layout *l = layout_of(k);
    out->base = fb_field(entry, l->base, fb_kd_word(k), false);
    out->size = fb_field(entry, l->size, 4, false);
    out->checksum = (uint32_t)fb_field(entry, l->checksum, 4, false);
    out->timestamp = (uint32_t)fb_field(entry, l->timestamp, 4, false);
    out->end = place;
    out->path = name_at(k, (uint32_t)fb_field(entry, 0, 4, false));
    out->name = fb_last_component(out->path);
    out->code_id = FB_CODE_ID_PE;
}

static int by_base(const void *pa, const void *pb)
{
    const struct fb_module *a = pa, *b = pb;
    if (a->base != b->base)
        return a->base < b->base ? -1 : 1;
    return a->end < b->end ? -1 : a->end > b->end;
}

/* Of several with one base the first holds it; one that reaches into the next is cut there. */
static void put_in_order(struct fb_kd *k)
{
    struct fb_modules *modules = &k->dump->modules;
    fb_sort(modules->v, modules->n, sizeof *modules->v, by_base);
    fb_addr above = UINT64_MAX;
    for (size_t i = modules->n; i-- > 0;) {
        struct fb_module *m = &modules->v[i];
        bool repeated = i > 0 && m[-1].base == m->base;
        m->end = repeated || m->size > UINT64_MAX - m->base ? m->base : m->base + m->size;
        if (m->end == m->base || m->end > above)
            fb_note(k->notes, FB_NOTE_BAD_RANGE,
                    "a driver's range is empty, taken, or reaches into the next one",
                    FB_NOWHERE);
        m->end = m->end > above ? above : m->end;
        above = repeated ? above : m->base;
    }
}

void fb_kd_drivers(struct fb_kd *k)
{
    const struct fb_kernel_triage *t = &k->triage;
    size_t stride = find_stride(k);
    if (t->n_drivers == 0 || stride == 0) {
        if (k->header.type == FB_KERNEL_TRIAGE)
            fb_note(k->notes, FB_NOTE_MISSING_STREAM,
                    "no list of drivers: no address can be named", t->drivers_at);
        return;
    }
    struct fb_reader r = {.in = fb_span_clip(k->file, t->drivers_at, UINT64_MAX)};
    size_t n = fb_read_room(&r, t->n_drivers, stride);
    if (n < t->n_drivers || n > FB_KERNEL_DRIVERS_MAX)
        fb_note(k->notes, FB_NOTE_CUT_LIST, "more drivers than there is room for",
                t->drivers_at);
    n = n < FB_KERNEL_DRIVERS_MAX ? n : FB_KERNEL_DRIVERS_MAX;
    struct fb_module *v = FB_KD_NEW(k, struct fb_module, n);
    for (size_t i = 0; i < n && !k->full; i++)
        read_driver(k, fb_read_bytes(&r, stride), i, &v[i]);
    if (k->full)
        return;
    k->dump->modules.v = v;
    k->dump->modules.n = n;
    put_in_order(k);
}

/* --- unloaded ----------------------------------------------------------------------- */

/* A count of one word; then per driver a counted string, whose letters stand behind it, twelve
 * at most, and where it lay. */
enum { NAME_SIZE = 24 };

static void read_unloaded(struct fb_kd *k, struct fb_reader *r, struct fb_unloaded *out)
{
    size_t word = fb_kd_word(k);
    size_t length = fb_read_u16(r);
    fb_read_skip(r, 2 + (word == 8 ? (size_t)4 : 0) + word); // room, padding, pointer
    struct fb_span name = fb_read_bytes(r, NAME_SIZE);
    out->base = fb_read_le(r, word);
    fb_addr end = fb_read_le(r, word);
    out->size = end > out->base ? end - out->base : 0;
    out->name = fb_kd_text16(k, fb_span_clip(name, 0, length));
    if (out->name == NULL)
        out->name = "";
}

void fb_kd_unloaded(struct fb_kd *k)
{
    uint64_t at = k->triage.unloaded_at;
    if (at == 0)
        return;
    size_t word = fb_kd_word(k);
    size_t size = 4 * word + NAME_SIZE; // string of two words, its letters, two addresses
    struct fb_reader r = {.in = fb_span_clip(k->file, at, UINT64_MAX)};
    uint64_t claimed = fb_read_le(&r, word);
    size_t n = fb_read_room(&r, claimed, size);
    if (n < claimed || n > FB_KERNEL_UNLOADED_MAX) { // the layout varies: no guesses
        fb_note(k->notes, FB_NOTE_BAD_ITEM, "the unloaded drivers cannot be read", at);
        return;
    }
    struct fb_unloaded *v = FB_KD_NEW(k, struct fb_unloaded, n);
    for (size_t i = 0; i < n && !k->full; i++)
        read_unloaded(k, &r, &v[i]);
    k->dump->unloaded = v;
    k->dump->n_unloaded = k->full ? 0 : n;
}
