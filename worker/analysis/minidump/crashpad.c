/*
 * worker/analysis/minidump/crashpad.c -- Crashpad's own stream: annotations of the process and
 * of its modules, and the bits of a code address that are none.
 *
 *   info      version | report id (16) | client id (16) | simple | modules | 0 | address mask
 *   modules   n | { index, location of module info } ...
 *   module    version | list | simple | objects          three locations
 */
#include "minidump/parts.h"

enum {
    ID_SIZE = 16,
    MODULE_ENTRY_SIZE = 12,
    PAIR_SIZE = 8,
    OBJECT_SIZE = 12,
    TYPE_INVALID = 0,
    TYPE_STRING = 1, // others are the application's own
};

struct pairs { // growing within a room that was measured before
    struct fb_pair *v;
    size_t n, room;
};

static struct fb_reader at(const struct fb_md *m, struct fb_md_location where)
{
    return fb_md_reader(m, fb_span_clip(m->file, where.rva, where.size));
}

/* How many items of `size` bytes the counted array there really has. */
static size_t count_items(struct fb_md *m, struct fb_md_location where, size_t size)
{
    struct fb_reader r = at(m, where);
    uint32_t claimed = fb_read_u32(&r);
    return where.size != 0 ? fb_md_room(m, &r, claimed, size, FB_MD_ANNOTATIONS_MAX) : 0;
}

static void add(struct pairs *pairs, const char *name, const char *value)
{
    if (name != NULL && value != NULL && pairs->n < pairs->room)
        pairs->v[pairs->n++] = (struct fb_pair){name, value};
}

static void read_simple(struct fb_md *m, struct fb_md_location where, struct pairs *pairs)
{
    size_t n = count_items(m, where, PAIR_SIZE);
    struct fb_reader r = at(m, where);
    fb_read_skip(&r, 4);
    for (size_t i = 0; i < n && pairs->n < pairs->room; i++) {
        const char *name = fb_md_string8(m, fb_read_u32(&r));
        add(pairs, name, fb_md_string8(m, fb_read_u32(&r)));
    }
}

/* The list has values only; who reads them wants something to call them by. */
static void read_list(struct fb_md *m, struct fb_md_location where, struct pairs *pairs)
{
    size_t n = count_items(m, where, 4);
    struct fb_reader r = at(m, where);
    fb_read_skip(&r, 4);
    for (size_t i = 0; i < n && pairs->n < pairs->room; i++) {
        char name[16];
        struct fb_text text = fb_text_over(name, sizeof name);
        fb_text_format(&text, "list-%zu", i + 1);
        const char *value = fb_md_string8(m, fb_read_u32(&r));
        add(pairs, value != NULL ? fb_md_keep(m, &text) : NULL, value);
    }
}

static void read_objects(struct fb_md *m, struct fb_md_location where, struct pairs *pairs)
{
    size_t n = count_items(m, where, OBJECT_SIZE);
    struct fb_reader r = at(m, where);
    fb_read_skip(&r, 4);
    for (size_t i = 0; i < n && pairs->n < pairs->room; i++) {
        uint32_t name = fb_read_u32(&r);
        uint16_t type = fb_read_u16(&r);
        fb_read_skip(&r, 2);
        uint32_t value = fb_read_u32(&r);
        struct fb_reader v = fb_md_reader(m, fb_span_clip(m->file, value, UINT64_MAX));
        struct fb_span bytes = fb_read_bytes(&v, fb_read_u32(&v));
        if (fb_failed(v.err))
            fb_note(m->notes, FB_NOTE_BAD_ITEM, "an annotation reaches beyond the file", value);
        else if (type == TYPE_STRING)
            add(pairs, fb_md_string8(m, name), fb_md_text8(m, bytes, FB_MD_VALUE_MAX));
        else if (type != TYPE_INVALID)
            fb_note(m->notes, FB_NOTE_UNREAD, "an annotation of an application's own type",
                    value);
    }
}

/* Lend the arena's room for as many pairs as `n` claims at most, or as the total allows. */
static struct pairs room_for(struct fb_md *m, size_t n, size_t *left)
{
    n = n < *left ? n : *left;
    struct pairs pairs = {.v = FB_MD_NEW(m, struct fb_pair, n), .room = m->full ? 0 : n};
    *left -= n;
    return pairs;
}

static void read_module(struct fb_md *m, struct fb_md_location info, struct fb_module *module,
                        size_t *left)
{
    struct fb_reader r = at(m, info);
    fb_read_skip(&r, 4); // version
    struct fb_md_location list = fb_md_location(&r);
    struct fb_md_location simple = fb_md_location(&r);
    struct fb_md_location objects = fb_md_location(&r);
    if (fb_failed(r.err)) {
        fb_note(m->notes, FB_NOTE_BAD_ITEM, "a module's annotations cannot be read", info.rva);
        return;
    }
    size_t n = count_items(m, list, 4) + count_items(m, simple, PAIR_SIZE) +
               count_items(m, objects, OBJECT_SIZE);
    struct pairs pairs = room_for(m, n, left);
    read_list(m, list, &pairs);
    read_simple(m, simple, &pairs);
    read_objects(m, objects, &pairs);
    const char **flat = FB_MD_NEW(m, const char *, 2 * pairs.n);
    for (size_t i = 0; flat != NULL && i < pairs.n; i++) {
        flat[2 * i] = pairs.v[i].name;
        flat[2 * i + 1] = pairs.v[i].value;
    }
    module->annotations = flat;
    module->n_annotations = flat != NULL ? pairs.n : 0;
}

static void read_modules(struct fb_md *m, struct fb_md_location where, size_t *left)
{
    size_t n = count_items(m, where, MODULE_ENTRY_SIZE);
    struct fb_reader r = at(m, where);
    fb_read_skip(&r, 4);
    for (size_t i = 0; i < n && !m->full; i++) {
        uint32_t index = fb_read_u32(&r);
        struct fb_md_location info = fb_md_location(&r);
        struct fb_module *module =
            index < m->dump->modules.n ? &m->dump->modules.v[m->module_order[index]] : NULL;
        if (module == NULL || module->n_annotations != 0)
            fb_note(m->notes, FB_NOTE_BAD_ITEM, "annotations of no module, or of one again",
                    info.rva);
        else
            read_module(m, info, module, left);
    }
}

/* A GUID as people write it; NULL when it is all zero, as of a client that has none. */
static const char *guid(struct fb_md *m, struct fb_span bytes)
{
    static const uint8_t widths[] = {4, 2, 2};
    struct fb_reader r = fb_md_reader(m, bytes);
    char room[40];
    struct fb_text text = fb_text_over(room, sizeof room);
    uint64_t any = 0;
    for (size_t i = 0; i < sizeof widths; i++) {
        uint64_t v = fb_read_le(&r, widths[i]);
        any |= v;
        fb_text_hex(&text, v, 2 * widths[i]);
        fb_text_char(&text, '-');
    }
    for (size_t i = r.at; i < ID_SIZE; i++) {
        uint8_t v = fb_read_u8(&r);
        any |= v;
        fb_text_hex(&text, v, 2);
        if (i == ID_SIZE - 7)
            fb_text_char(&text, '-');
    }
    return any != 0 ? fb_md_keep(m, &text) : NULL;
}

struct fb_err fb_md_crashpad(struct fb_md *m, struct fb_md_stream s)
{
    struct fb_reader r = fb_md_reader(m, s.bytes);
    uint32_t version = fb_read_u32(&r);
    struct fb_span report = fb_read_bytes(&r, ID_SIZE);
    struct fb_span client = fb_read_bytes(&r, ID_SIZE);
    struct fb_md_location simple = fb_md_location(&r);
    struct fb_md_location modules = fb_md_location(&r);
    if (fb_failed(r.err))
        return r.err;
    if (version == 0)
        return FB_FAIL(MALFORMED, "Crashpad's stream was not finished", s.bytes.off);
    fb_read_skip(&r, 4);
    uint64_t mask = fb_read_u64(&r);
    m->dump->address_mask = fb_failed(r.err) ? 0 : mask; // older writers end before it

    m->dump->report_id = guid(m, report);
    m->dump->client_id = guid(m, client);
    size_t left = FB_MD_ANNOTATIONS_MAX;
    struct pairs pairs = room_for(m, count_items(m, simple, PAIR_SIZE), &left);
    read_simple(m, simple, &pairs);
    m->dump->annotations = pairs.v;
    m->dump->n_annotations = pairs.n;
    read_modules(m, modules, &left);
    return FB_NO_ERR;
}
