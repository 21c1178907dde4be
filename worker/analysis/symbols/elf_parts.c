/*
 * worker/analysis/symbols/elf_parts.c -- what the segments of an ELF image lead to: its build
 * id, its unwind data and its dynamic symbols.
 */
#include "symbols/image_kinds.h"

#include "build_ids.h"

enum {
    NT_GNU_BUILD_ID = 3,
    NOTES_MAX = 64,
    DT_NULL = 0,
    DT_HASH = 4,
    DT_STRTAB = 5,
    DT_SYMTAB = 6,
    DT_STRSZ = 10,
    DYNAMIC_MAX = 1024,
    SYMBOL_32 = 16,
    SYMBOL_64 = 24,
    HASHED_TEXT = 4096, // of .text, by which Breakpad tells files without a build id
    GUID_SIZE = 16,
};

/* --- ids ---------------------------------------------------------------------------- */

static size_t padded(uint32_t n) { return ((size_t)n + 3) & ~(size_t)3; }

struct fb_span fb_elf_build_id(const struct fb_image *image, struct fb_span notes)
{
    struct fb_reader r = {.in = notes, .big = image->big};
    for (int i = 0; i < NOTES_MAX && !fb_failed(r.err); i++) {
        uint32_t n_name = fb_read_u32(&r);
        uint32_t n = fb_read_u32(&r);
        uint32_t type = fb_read_u32(&r);
        struct fb_span name = fb_read_bytes(&r, padded(n_name));
        struct fb_span bytes = fb_read_bytes(&r, n);
        if (!fb_failed(r.err) && type == NT_GNU_BUILD_ID && n_name == 4 &&
            memcmp(name.p, "GNU", 4) == 0 && n <= FB_BUILD_ID_MAX)
            return bytes;
        fb_read_skip(&r, padded(n) - n);
    }
    return (struct fb_span){0};
}

/* Breakpad XORs the first page of the code. */
static bool hash_text(const struct fb_image *image, uint8_t id[GUID_SIZE])
{
    for (size_t i = 0; i < image->n_sections; i++) {
        const struct fb_image_section *s = &image->sections[i];
        if (strcmp(s->name, ".text") != 0)
            continue;
        struct fb_span text =
            fb_image_raw(image, s->at, s->size < HASHED_TEXT ? s->size : HASHED_TEXT);
        for (size_t k = 0; k < text.n; k++)
            id[k % GUID_SIZE] ^= text.p[k];
        return text.n != 0 && image->memory == NULL;
    }
    return false;
}

struct fb_err fb_elf_ids(struct fb_image *image, struct fb_span build_id,
                         struct fb_arena *arena)
{
    char code_id[FB_CODE_ID_ROOM] = "", debug_id[FB_DEBUG_ID_ROOM] = "";
    uint8_t hash[GUID_SIZE] = {0};
    bool hashed = build_id.n == 0 && hash_text(image, hash);
    fb_elf_debug_id(hashed ? (struct fb_span){hash, GUID_SIZE, 0} : build_id, debug_id);
    if (debug_id[0] == 0)
        return FB_NO_ERR;
    if (!hashed) {
        fb_elf_code_id(build_id, code_id);
        image->code_id = fb_arena_text(arena, code_id, strlen(code_id));
    }
    image->debug_id = fb_arena_text(arena, debug_id, strlen(debug_id));
    return image->debug_id == NULL || (image->code_id == NULL && !hashed)
               ? FB_FAIL(LIMIT, "no room for the ids of an image", 0)
               : FB_NO_ERR;
}

/* --- unwind data -------------------------------------------------------------------- */

/* Encodings of pointers, DW_EH_PE_...: what they count from, and how many bytes they have. */
enum { FROM = 0x70, FROM_ITSELF = 0x10, FROM_TABLE = 0x30, FORM = 0x0F };

static size_t size_of(uint8_t encoding, uint8_t word)
{
    switch (encoding & FORM) {
    case 0x00:
        return word;
    case 0x03: // unsigned
    case 0x0B:
        return 4;
    case 0x04: // unsigned
    case 0x0C:
        return 8;
    default:
        return 0;
    }
}

void fb_elf_eh_frame(struct fb_image *image)
{
    enum { AT_POINTER = 4 };
    uint64_t table = image->eh_frame_hdr.rva;
    struct fb_reader r = {.in = fb_image_at(image, table, AT_POINTER + 8), .big = image->big};
    if (image->eh_frame.size != 0 || image->eh_frame_hdr.size == 0 || fb_read_u8(&r) != 1)
        return;
    uint8_t encoding = fb_read_u8(&r);
    size_t n = size_of(encoding, image->word);
    fb_read_skip(&r, 2);
    uint64_t rva = fb_read_le(&r, n);
    if (fb_failed(r.err) || n == 0)
        return;
    if (n == 4 && (encoding & 0x08) != 0)
        rva = (uint64_t)(int64_t)(int32_t)rva;
    rva += (encoding & FROM) == FROM_ITSELF  ? table + AT_POINTER
           : (encoding & FROM) == FROM_TABLE ? table
                                             : 0 - image->preferred_base;
    for (size_t i = 0; i < image->n_loads; i++) {
        const struct fb_image_section *s = &image->loads[i];
        if (rva >= s->rva && rva - s->rva < s->size)
            image->eh_frame = (struct fb_image_part){rva, s->size - (rva - s->rva)};
    }
}

/* --- dynamic symbols ---------------------------------------------------------------- */

/* The loader of a process may have turned the addresses of the table into those of memory. */
static uint64_t rva_of(const struct fb_image *image, uint64_t address)
{
    bool moved =
        image->memory != NULL && address >= image->base && address - image->base < image->size;
    return address - (moved ? image->base : image->preferred_base);
}

/* The number of symbols stands in the table of hashes; that of GNU does not tell it, but the
 * texts follow upon the symbols wherever a linker wrote them. */
static uint64_t symbols_size(const struct fb_image *image, const uint64_t tag[DT_STRSZ + 1])
{
    uint64_t entry = image->word == 8 ? SYMBOL_64 : SYMBOL_32;
    struct fb_reader r = {.in = fb_image_at(image, rva_of(image, tag[DT_HASH]), 8),
                          .big = image->big};
    fb_read_skip(&r, 4);
    uint64_t n = fb_read_u32(&r);
    if (tag[DT_HASH] != 0 && !fb_failed(r.err))
        return n * entry;
    return tag[DT_STRTAB] > tag[DT_SYMTAB] ? tag[DT_STRTAB] - tag[DT_SYMTAB] : 0;
}

void fb_elf_dynamic(struct fb_image *image, struct fb_span dynamic)
{
    struct fb_reader r = {.in = dynamic, .big = image->big};
    uint64_t tag[DT_STRSZ + 1] = {0};
    for (int i = 0; i < DYNAMIC_MAX && !fb_failed(r.err); i++) {
        uint64_t name = fb_read_le(&r, image->word);
        uint64_t value = fb_read_le(&r, image->word);
        if (name == DT_NULL)
            break;
        if (name <= DT_STRSZ)
            tag[name] = value;
    }
    if (tag[DT_SYMTAB] == 0 || tag[DT_STRTAB] == 0)
        return;
    uint64_t size = symbols_size(image, tag);
    image->dynamic = (struct fb_image_names){
        fb_image_at(image, rva_of(image, tag[DT_SYMTAB]), size),
        fb_image_at(image, rva_of(image, tag[DT_STRTAB]), tag[DT_STRSZ])};
}
