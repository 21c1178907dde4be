/*
 * worker/analysis/symbols/elf.c -- the headers of an ELF image, of either class and byte order.
 *
 *   "\x7F" "ELF" class order ... | program headers: segments | section headers: by name
 *
 * Segments say what is mapped where, and lead to everything that the loader needs. Sections are
 * there for tools: a stripped file may have none, and the pages of a process never do.
 */
#include "symbols/image_kinds.h"

enum {
    CLASS_64 = 2,
    ORDER_BIG = 2,
    HEADER_MAX = 64,
    SEGMENT_MIN = 32,
    SECTION_MIN = 40,
    FB_ELF_SEGMENTS_MAX = 128,  // images have a dozen
    FB_ELF_SECTIONS_MAX = 1024, // images have some forty
    NAME_MAX_ = 64,
    PAGE = 4096,
    PT_LOAD = 1,
    PT_DYNAMIC = 2,
    PT_NOTE = 4,
    EXECUTE = 1, // of a segment
    SHT_SYMTAB = 2,
    SHT_NOTE = 7,
    SHT_NOBITS = 8,
    SHT_DYNSYM = 11,
    SHF_ALLOC = 2,
    SHF_EXECUTE = 4,
};
static const uint32_t PT_GNU_EH_FRAME = 0x6474E550;

struct elf { // an image under way
    struct fb_image *image;
    struct fb_arena *arena;
    uint64_t segments_at, sections_at;
    size_t n_segments, segment_size, n_sections, section_size, names;
    struct fb_span build_id;
};

struct segment {
    uint32_t type, flags;
    uint64_t at, address, bytes_in_file, size;
};
struct section {
    uint32_t name, type, link;
    uint64_t flags, address, at, size, entry;
};

static uint64_t word(const struct elf *e, struct fb_reader *r)
{
    return fb_read_le(r, e->image->word);
}

static struct fb_reader reader_at(const struct elf *e, uint64_t at, size_t n)
{
    return (struct fb_reader){.in = fb_image_raw(e->image, at, n), .big = e->image->big};
}

/* --- segments ----------------------------------------------------------------------- */

/* Read all fields of entry `i`; false when it is not all there. */
static bool read_segment(const struct elf *e, size_t i, struct segment *out)
{
    struct fb_reader r = reader_at(e, e->segments_at + i * e->segment_size, e->segment_size);
    bool wide = e->image->word == 8;
    out->type = fb_read_u32(&r);
    out->flags = wide ? fb_read_u32(&r) : 0;
    out->at = word(e, &r);
    out->address = word(e, &r);
    word(e, &r); // physical address
    out->bytes_in_file = word(e, &r);
    out->size = word(e, &r);
    out->flags = wide ? out->flags : fb_read_u32(&r);
    return !fb_failed(r.err);
}

/* RVA 0 is the page on which the lowest segment begins: there the loader's first mapping
 * starts, which a dump calls the base of the module. */
static size_t measure(struct elf *e)
{
    struct segment s;
    size_t n_loads = 0;
    uint64_t low = UINT64_MAX, high = 0;
    for (size_t i = 0; i < e->n_segments && read_segment(e, i, &s); i++) {
        if (s.type != PT_LOAD || s.size > UINT64_MAX - s.address)
            continue;
        low = s.address < low ? s.address : low;
        high = s.address + s.size > high ? s.address + s.size : high;
        n_loads++;
    }
    if (n_loads != 0) {
        e->image->preferred_base = low & ~(uint64_t)(PAGE - 1);
        e->image->size = high - e->image->preferred_base;
    }
    return n_loads;
}

static struct fb_err read_loads(struct elf *e)
{
    struct segment s;
    size_t n = measure(e), k = 0;
    struct fb_image_section *v = FB_NEW(e->arena, struct fb_image_section, n);
    if (v == NULL)
        return FB_FAIL(LIMIT, "no room for the segments of an image", e->segments_at);
    for (size_t i = 0; i < e->n_segments && k < n && read_segment(e, i, &s); i++)
        if (s.type == PT_LOAD && s.size <= UINT64_MAX - s.address)
            v[k++] = (struct fb_image_section){.name = "",
                                               .rva = s.address - e->image->preferred_base,
                                               .size = s.size,
                                               .at = s.at,
                                               .bytes_in_file = s.bytes_in_file,
                                               .executable = (s.flags & EXECUTE) != 0};
    e->image->loads = v;
    e->image->n_loads = k;
    return FB_NO_ERR;
}

/* A note may lie outside of what is loaded, but then it stands in the file. */
static struct fb_span segment_bytes(const struct elf *e, const struct segment *s)
{
    return e->image->memory == NULL
               ? fb_image_raw(e->image, s->at, s->bytes_in_file)
               : fb_image_at(e->image, s->address - e->image->preferred_base, s->size);
}

static void follow_segments(struct elf *e)
{
    struct segment s;
    for (size_t i = 0; i < e->n_segments && read_segment(e, i, &s); i++) {
        uint64_t rva = s.address - e->image->preferred_base;
        if (s.type == PT_NOTE && e->build_id.n == 0)
            e->build_id = fb_elf_build_id(e->image, segment_bytes(e, &s));
        else if (s.type == PT_GNU_EH_FRAME)
            e->image->eh_frame_hdr = (struct fb_image_part){rva, s.size};
        else if (s.type == PT_DYNAMIC)
            fb_elf_dynamic(e->image, segment_bytes(e, &s));
    }
}

/* --- sections ----------------------------------------------------------------------- */

static bool read_section(const struct elf *e, size_t i, struct section *out)
{
    struct fb_reader r = reader_at(e, e->sections_at + i * e->section_size, e->section_size);
    out->name = fb_read_u32(&r);
    out->type = fb_read_u32(&r);
    out->flags = word(e, &r);
    out->address = word(e, &r);
    out->at = word(e, &r);
    out->size = word(e, &r);
    out->link = fb_read_u32(&r);
    fb_read_skip(&r, 4);
    word(e, &r); // alignment
    out->entry = word(e, &r);
    return !fb_failed(r.err);
}

static struct fb_span section_bytes(const struct elf *e, const struct section *s)
{
    return s->type != SHT_NOBITS ? fb_image_raw(e->image, s->at, s->size) : (struct fb_span){0};
}

static const char *section_name(const struct elf *e, struct fb_span names, uint32_t at)
{
    const char *name = fb_image_text(fb_span_clip(names, at, NAME_MAX_), e->arena);
    return name != NULL ? name : "";
}

static void follow_section(struct elf *e, const struct section *s, const char *name)
{
    struct fb_image_part part = {s->address - e->image->preferred_base, s->size};
    struct fb_image_names *names = s->type == SHT_SYMTAB   ? &e->image->symbols
                                   : s->type == SHT_DYNSYM ? &e->image->dynamic
                                                           : NULL;
    struct section texts;
    if (names != NULL && read_section(e, s->link, &texts) && s->link < e->n_sections)
        *names = (struct fb_image_names){section_bytes(e, s), section_bytes(e, &texts)};
    else if (s->type == SHT_NOTE && e->build_id.n == 0)
        e->build_id = fb_elf_build_id(e->image, section_bytes(e, s));
    else if (strcmp(name, ".eh_frame") == 0 && s->type != SHT_NOBITS)
        e->image->eh_frame = part;
    else if (strcmp(name, ".eh_frame_hdr") == 0 && s->type != SHT_NOBITS)
        e->image->eh_frame_hdr = part;
}

static struct fb_err read_sections(struct elf *e)
{
    struct section s, names = {0};
    if (e->names < e->n_sections)
        (void)read_section(e, e->names, &names);
    struct fb_span texts = section_bytes(e, &names);
    struct fb_image_section *v = FB_NEW(e->arena, struct fb_image_section, e->n_sections);
    size_t n = 0;
    if (v == NULL)
        return FB_FAIL(LIMIT, "no room for the sections of an image", e->sections_at);
    for (size_t i = 0; i < e->n_sections && read_section(e, i, &s); i++) {
        const char *name = section_name(e, texts, s.name);
        follow_section(e, &s, name);
        if ((s.flags & SHF_ALLOC) != 0)
            v[n++] = (struct fb_image_section){.name = name,
                                               .rva = s.address - e->image->preferred_base,
                                               .size = s.size,
                                               .at = s.at,
                                               .bytes_in_file = section_bytes(e, &s).n,
                                               .executable = (s.flags & SHF_EXECUTE) != 0};
    }
    e->image->sections = v;
    e->image->n_sections = n;
    return FB_NO_ERR;
}

/* --- the whole ---------------------------------------------------------------------- */

static struct fb_err read_header(struct elf *e)
{
    struct fb_reader r = {.in = fb_image_raw(e->image, 0, HEADER_MAX)};
    fb_read_skip(&r, 4);
    e->image->word = fb_read_u8(&r) == CLASS_64 ? 8 : 4;
    e->image->big = r.big = fb_read_u8(&r) == ORDER_BIG;
    fb_read_skip(&r, 12);
    e->image->arch = fb_image_arch(FB_IMAGE_ELF, fb_read_u16(&r));
    fb_read_skip(&r, 4);
    word(e, &r); // entry point
    e->segments_at = word(e, &r);
    e->sections_at = word(e, &r);
    fb_read_skip(&r, 6);
    e->segment_size = fb_read_u16(&r);
    e->n_segments = fb_read_u16(&r);
    e->section_size = fb_read_u16(&r);
    e->n_sections = fb_read_u16(&r);
    e->names = fb_read_u16(&r);
    return r.err;
}

/* Entries that are too short for their fields cannot be read; sections are not mapped. */
static void limit(struct elf *e)
{
    if (e->segment_size < SEGMENT_MIN)
        e->n_segments = 0;
    if (e->section_size < SECTION_MIN || e->sections_at == 0 || e->image->memory != NULL)
        e->n_sections = 0;
    if (e->n_segments > FB_ELF_SEGMENTS_MAX)
        e->n_segments = FB_ELF_SEGMENTS_MAX;
    size_t room = e->n_sections != 0 ? e->image->file.n / e->section_size : 0;
    e->n_sections = e->n_sections < room ? e->n_sections : room;
}

struct fb_err fb_image_elf(struct fb_image *image, struct fb_arena *arena)
{
    struct elf e = {.image = image, .arena = arena};
    image->kind = FB_IMAGE_ELF;
    struct fb_err err = read_header(&e);
    if (fb_failed(err))
        return err;
    limit(&e);
    err = read_loads(&e);
    if (fb_failed(err))
        return err;
    if (image->n_loads == 0 && e.n_sections == 0)
        return FB_FAIL(MALFORMED, "an ELF file with nothing to map", 0);
    follow_segments(&e);
    err = read_sections(&e);
    if (fb_failed(err))
        return err;
    if (image->n_sections == 0) {
        image->sections = image->loads;
        image->n_sections = image->n_loads;
    }
    fb_elf_eh_frame(image);
    return fb_elf_ids(image, e.build_id, arena);
}
