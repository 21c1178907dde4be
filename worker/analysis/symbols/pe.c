/*
 * worker/analysis/symbols/pe.c -- the headers of a Windows image.
 *
 *   "MZ" ... @60 | "PE\0\0" | file header (20) | optional header | section table
 */
#include "symbols/image_kinds.h"

#include "build_ids.h"

enum {
    AT_PE_OFFSET = 60,
    PE_SIGNATURE = 0x00004550,
    PE32_PLUS = 0x20B,
    FILE_HEADER = 24, // with the signature
    DIRECTORIES_MAX = 16,
    SECTION_SIZE = 40,
    LOADED_MAX = 96,                // sections: the loader's own limit;
    SECTIONS_MAX = 16 * LOADED_MAX, // linkers of objects go beyond
    SYMBOL_SIZE = 18,
    EXECUTE = 0x20000000, // IMAGE_SCN_MEM_EXECUTE
    DEBUG_ENTRY = 28,
    DEBUG_ENTRIES_MAX = 64,
    DEBUG_CODEVIEW = 2, // IMAGE_DEBUG_TYPE_CODEVIEW
    CODEVIEW_MAX = 4096,
};

static struct fb_reader reader_at(const struct fb_image *image, uint64_t at, size_t n)
{
    return (struct fb_reader){.in = fb_image_raw(image, at, n)};
}

/* --- sections ----------------------------------------------------------------------- */

/* "/4" stands for the text at offset 4 of the string table, behind the symbols. */
static struct fb_span long_name(const struct fb_image *image, struct fb_span name,
                                uint64_t strings)
{
    enum { LONGEST = 64 };
    uint64_t at = 0;
    for (size_t i = 1; i < name.n && name.p[i] >= '0' && name.p[i] <= '9'; i++)
        at = 10 * at + (uint64_t)(name.p[i] - '0');
    struct fb_span found = fb_image_raw(image, strings + at, LONGEST);
    return strings != 0 && found.n != 0 ? found : name;
}

static const char *section_name(const struct fb_image *image, struct fb_span name,
                                uint64_t strings, struct fb_arena *arena)
{
    bool is_long = name.n > 0 && name.p[0] == '/';
    return fb_image_text(is_long ? long_name(image, name, strings) : name, arena);
}

static void read_section(struct fb_image *image, struct fb_reader *r, uint64_t strings,
                         struct fb_arena *arena, struct fb_image_section *out)
{
    struct fb_span name = fb_read_bytes(r, 8);
    uint32_t size = fb_read_u32(r);
    out->rva = fb_read_u32(r);
    out->bytes_in_file = fb_read_u32(r);
    out->at = fb_read_u32(r);
    fb_read_skip(r, 12);
    out->executable = (fb_read_u32(r) & EXECUTE) != 0;
    out->size = size != 0 ? size : out->bytes_in_file;
    out->name = section_name(image, name, strings, arena);
    if (out->name == NULL)
        out->name = "";
    /* Folklore: lld cuts the name to the eight bytes of its field. */
    if (strcmp(out->name, ".eh_frame") == 0 || strcmp(out->name, ".eh_fram") == 0)
        image->eh_frame = (struct fb_image_part){out->rva, size};
}

static struct fb_err read_sections(struct fb_image *image, uint64_t at, size_t n,
                                   uint64_t strings, struct fb_arena *arena)
{
    struct fb_reader r = reader_at(image, at, n * SECTION_SIZE);
    n = fb_read_room(&r, n, SECTION_SIZE);
    struct fb_image_section *v = FB_NEW(arena, struct fb_image_section, n);
    if (v == NULL)
        return FB_FAIL(LIMIT, "no room for the sections of an image", at);
    for (size_t i = 0; i < n; i++)
        read_section(image, &r, strings, arena, &v[i]);
    image->sections = v;
    image->n_sections = n;
    return FB_NO_ERR;
}

/* --- the optional header ------------------------------------------------------------ */

static void read_directories(struct fb_image *image, struct fb_reader *r)
{
    struct fb_image_part part[DIRECTORIES_MAX] = {0};
    size_t n = fb_read_room(r, fb_read_u32(r), 8);
    for (size_t i = 0; i < n && i < DIRECTORIES_MAX; i++) {
        part[i].rva = fb_read_u32(r);
        part[i].size = fb_read_u32(r);
    }
    image->exports = part[0];
    image->exceptions = part[3];
    image->debug = part[6];
    image->imports = part[12];
}

static void read_optional(struct fb_image *image, struct fb_reader *r)
{
    bool plus = fb_read_u16(r) == PE32_PLUS;
    fb_read_skip(r, plus ? 22 : 26);
    image->word = plus ? 8 : 4;
    image->preferred_base = fb_read_le(r, image->word);
    fb_read_skip(r, 24);
    image->size = fb_read_u32(r);
    image->headers = fb_read_u32(r);
    fb_read_skip(r, plus ? 44 : 28); // checksum, subsystem, stack and heap, loader flags
    read_directories(image, r);
}

/* --- ids ---------------------------------------------------------------------------- */

/* The record that the debug directory names first; a linker that keeps its debug data outside
 * of what is mapped gives only the place in the file. */
static struct fb_span codeview_record(const struct fb_image *image)
{
    struct fb_reader r = {.in = fb_image_at(image, image->debug.rva, image->debug.size)};
    size_t n = fb_read_room(&r, DEBUG_ENTRIES_MAX, DEBUG_ENTRY);
    for (size_t i = 0; i < n; i++) {
        fb_read_skip(&r, 12);
        uint32_t type = fb_read_u32(&r);
        uint32_t size = fb_read_u32(&r);
        uint32_t rva = fb_read_u32(&r);
        uint32_t at = fb_read_u32(&r);
        size_t max = size < CODEVIEW_MAX ? size : CODEVIEW_MAX;
        if (type == DEBUG_CODEVIEW && rva != 0)
            return fb_image_at(image, rva, max);
        if (type == DEBUG_CODEVIEW && image->memory == NULL)
            return fb_image_raw(image, at, max);
    }
    return (struct fb_span){0};
}

static const char *debug_file_name(struct fb_span name, struct fb_arena *arena)
{
    const char *whole = fb_image_text(name, arena);
    return fb_last_component(whole != NULL && *whole != 0 ? whole : NULL);
}

static struct fb_err read_ids(struct fb_image *image, struct fb_arena *arena)
{
    char id[FB_CODE_ID_ROOM];
    fb_pe_code_id(image->timestamp, image->size, id);
    image->code_id = fb_arena_text(arena, id, strlen(id));
    bool full = image->code_id == NULL;
    struct fb_codeview record;
    if (!fb_failed(fb_codeview_read(codeview_record(image), false, &record)) &&
        record.build.kind != FB_CODEVIEW_OTHER) {
        char debug_id[FB_DEBUG_ID_ROOM];
        fb_build_debug_id(&record.build, debug_id);
        image->debug_file = debug_file_name(record.name, arena);
        if (debug_id[0] != 0)
            image->debug_id = fb_arena_text(arena, debug_id, strlen(debug_id));
        full |= debug_id[0] != 0 && image->debug_id == NULL;
    }
    return full ? FB_FAIL(LIMIT, "no room for the ids of an image", 0) : FB_NO_ERR;
}

struct fb_err fb_image_pe(struct fb_image *image, struct fb_arena *arena)
{
    struct fb_reader dos = reader_at(image, AT_PE_OFFSET, 4);
    uint64_t at = fb_read_u32(&dos);
    struct fb_reader r = reader_at(image, at, FILE_HEADER);
    if (fb_failed(dos.err) || fb_read_u32(&r) != PE_SIGNATURE)
        return FB_FAIL(MALFORMED, "a DOS program, no Windows image", at);
    image->kind = FB_IMAGE_PE;
    image->arch = fb_image_arch(FB_IMAGE_PE, fb_read_u16(&r));
    size_t n_sections = fb_read_u16(&r);
    image->timestamp = fb_read_u32(&r);
    uint64_t symbols = fb_read_u32(&r);
    uint64_t n_symbols = fb_read_u32(&r);
    size_t optional = fb_read_u16(&r);
    if (fb_failed(r.err))
        return r.err;
    struct fb_reader o = reader_at(image, at + FILE_HEADER, optional);
    read_optional(image, &o);
    if (image->size == 0)
        return FB_FAIL(MALFORMED, "a Windows image without a size", at);
    uint64_t strings = symbols != 0 ? symbols + n_symbols * SYMBOL_SIZE : 0;
    if (strings != 0 && image->memory == NULL) // the loader leaves them in the file
        image->symbols =
            (struct fb_image_names){fb_image_raw(image, symbols, n_symbols * SYMBOL_SIZE),
                                    fb_image_raw(image, strings, SIZE_MAX)};
    size_t most = image->memory != NULL ? LOADED_MAX : SECTIONS_MAX;
    struct fb_err err = read_sections(image, at + FILE_HEADER + optional,
                                      n_sections < most ? n_sections : most, strings, arena);
    return fb_failed(err) ? err : read_ids(image, arena);
}
