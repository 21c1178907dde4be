/*
 * worker/analysis/minidump/modules.c -- loaded and unloaded modules.
 *
 * Loaded ones are put in address order. Where two overlap the earlier one ends at the base of
 * the later; of several with one base the first in the file counts, and the others are listed
 * but hold nothing.
 */
#include "minidump/parts.h"

#include "base/sort.h"

enum {
    ENTRY_SIZE = 108,
    FIXED_INFO_AT = 24, // a VS_FIXEDFILEINFO:
    FIXED_INFO_VERSION = FIXED_INFO_AT + 8,
    FIXED_INFO_TYPE = FIXED_INFO_AT + 36,
    CODEVIEW_AT = 76,
    MISC_AT = 84,
    TYPE_APP = 1,
    UNLOADED_SIZE = 24,
};

static const uint32_t FIXED_INFO = 0xFEEF04BD;

static uint32_t u32(const struct fb_md *m, struct fb_span entry, size_t at)
{
    return (uint32_t)fb_field(entry, at, 4, m->big);
}

static bool is_apple(const struct fb_md *m)
{
    return m->dump->system.os == FB_MACOS || m->dump->system.os == FB_IOS;
}

/* Folklore: Linux writers have four numbers and four words, and no use for halves. */
static void read_version(const struct fb_md *m, struct fb_span entry, uint32_t words[4])
{
    for (size_t i = 0; i < 4; i++)
        words[i] = u32(m, entry, FIXED_INFO_VERSION + 4 * i);
    enum fb_os os = m->dump->system.os;
    if (os == FB_LINUX || os == FB_ANDROID)
        return;
    words[3] = words[1] & 0xFFFF;
    words[2] = words[1] >> 16;
    words[1] = words[0] & 0xFFFF;
    words[0] = words[0] >> 16;
}

/* A name that cannot be read is an empty one: everybody looks at names. */
static const char *or_nothing(const char *name) { return name != NULL ? name : ""; }

static struct fb_md_location location(const struct fb_md *m, struct fb_span entry, size_t at)
{
    return (struct fb_md_location){u32(m, entry, at), u32(m, entry, at + 4)};
}

/* `entry` is a MINIDUMP_MODULE. */
static void read_module(struct fb_md *m, struct fb_span entry, struct fb_module *module)
{
    *module = (struct fb_module){.base = fb_md_address(m, fb_field(entry, 0, 8, m->big)),
                                 .size = u32(m, entry, 8),
                                 .checksum = u32(m, entry, 12),
                                 .timestamp = u32(m, entry, 16),
                                 .path = or_nothing(fb_md_string(m, u32(m, entry, 20)))};
    module->name = fb_last_component(module->path);
    bool informed = u32(m, entry, FIXED_INFO_AT) == FIXED_INFO;
    if (informed)
        read_version(m, entry, module->version);
    fb_md_identify(m, location(m, entry, CODEVIEW_AT), location(m, entry, MISC_AT), module);
    if (informed && m->dump->modules.main == SIZE_MAX && is_apple(m) &&
        u32(m, entry, FIXED_INFO_TYPE) == TYPE_APP)
        m->dump->modules.main = (size_t)(module - m->dump->modules.v);
}

/* The end of module `i`, given the base of the next other one. */
static fb_addr end_of(struct fb_md *m, size_t i, fb_addr next)
{
    const struct fb_module *v = m->dump->modules.v;
    bool repeated = i > 0 && v[i - 1].base == v[i].base;
    if (v[i].size == 0 || v[i].size > UINT64_MAX - v[i].base || repeated) {
        fb_note(m->notes, FB_NOTE_BAD_RANGE, "a module's range is empty, wraps or is taken",
                FB_NOWHERE);
        return v[i].base;
    }
    fb_addr end = v[i].base + v[i].size;
    if (end <= next)
        return end;
    fb_note(m->notes, FB_NOTE_BAD_RANGE, "a module reaches into the next one", FB_NOWHERE);
    return next;
}

static void find_ends(struct fb_md *m)
{
    struct fb_modules *modules = &m->dump->modules;
    fb_addr next = UINT64_MAX;
    for (size_t i = modules->n; i-- > 0;) {
        fb_addr above = next;
        if (i > 0 && modules->v[i - 1].base != modules->v[i].base)
            next = modules->v[i].base;
        modules->v[i].end = end_of(m, i, above);
    }
}

struct based { // a module of the file
    fb_addr base;
    uint64_t place;
};

static int by_place(const void *pa, const void *pb)
{
    const struct based *a = pa, *b = pb;
    return a->place < b->place ? -1 : a->place > b->place;
}

/* Where each module of the list will stand: they are read in the order of the file, as notes
 * about them are, and at once into their places. */
static void find_order(struct fb_md *m, const struct fb_md_list *list)
{
    const size_t used = m->arena->used;
    struct based *v = FB_RAW(m->arena, struct based, list->n);
    struct based *room = FB_RAW(m->arena, struct based, list->n);
    m->full |= v == NULL || room == NULL;
    if (m->full)
        return;
    for (size_t i = 0; i < list->n; i++) {
        uint64_t base = fb_field(fb_md_record(list, i), 0, 8, m->big);
        v[i] = (struct based){fb_md_address(m, base), i};
    }
    v = fb_sort_numbered(v, list->n, sizeof *v, by_place, room);
    for (size_t i = 0; i < list->n; i++)
        m->module_order[v[i].place] = (uint32_t)i;
    fb_arena_give_back(m->arena, m->arena->used - used);
}

struct fb_err fb_md_modules(struct fb_md *m, struct fb_md_stream s)
{
    struct fb_md_list list;
    struct fb_err err = fb_md_list(m, s, ENTRY_SIZE, FB_MD_MODULES_MAX, &list);
    if (fb_failed(err))
        return err;
    struct fb_modules *modules = &m->dump->modules;
    modules->v = FB_RAW(m->arena, struct fb_module, list.n);
    m->module_order = FB_RAW(m->arena, uint32_t, list.n);
    m->full |= modules->v == NULL || m->module_order == NULL;
    if (!m->full)
        find_order(m, &list);
    for (size_t i = 0; i < list.n && !m->full; i++)
        read_module(m, fb_md_record(&list, i), &modules->v[m->module_order[i]]);
    if (m->full)
        return FB_NO_ERR;
    modules->n = list.n;
    find_ends(m);
    if (list.n != 0 && modules->main == SIZE_MAX)
        modules->main = m->module_order[0];
    return FB_NO_ERR;
}

void fb_md_add_modules(struct fb_md *m, const struct fb_module *more, size_t n)
{
    struct fb_modules *old = &m->dump->modules;
    struct fb_modules all = {.n = old->n + n, .main = old->main};
    all.v = FB_MD_NEW(m, struct fb_module, all.n);
    if (m->full)
        return;
    for (size_t i = 0, k = 0; i + k < all.n;) {
        bool from_old = k == n || (i < old->n && old->v[i].base <= more[k].base);
        if (from_old && i == old->main)
            all.main = i + k;
        all.v[i + k] = from_old ? old->v[i] : more[k];
        i += from_old;
        k += !from_old;
    }
    *old = all;
}

struct fb_err fb_md_unloaded(struct fb_md *m, struct fb_md_stream s)
{
    struct fb_md_list list;
    struct fb_err err = fb_md_sized_list(m, s, 4, UNLOADED_SIZE, FB_MD_UNLOADED_MAX, &list);
    if (fb_failed(err))
        return err;
    struct fb_unloaded *v = FB_MD_NEW(m, struct fb_unloaded, list.n);
    for (size_t i = 0; i < list.n && !m->full; i++) {
        struct fb_reader r = fb_md_entry(m, &list, i);
        v[i].base = fb_md_address(m, fb_read_u64(&r));
        v[i].size = fb_read_u32(&r);
        v[i].checksum = fb_read_u32(&r);
        v[i].timestamp = fb_read_u32(&r);
        v[i].name = fb_last_component(or_nothing(fb_md_string(m, fb_read_u32(&r))));
        char id[FB_CODE_ID_ROOM];
        fb_pe_code_id(v[i].timestamp, v[i].size, id);
        v[i].code_id = fb_arena_text(m->arena, id, strlen(id));
        m->full |= v[i].code_id == NULL;
    }
    m->dump->unloaded = v;
    m->dump->n_unloaded = m->full ? 0 : list.n;
    return FB_NO_ERR;
}
