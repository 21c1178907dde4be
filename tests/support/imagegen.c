/*
 * tests/support/imagegen.c -- PE and ELF images as their descriptions say: the smallest that
 * hold ids, unwind sections and names.
 */
#include "support/imagegen.h"

struct writer {
    uint8_t *p;
    size_t at;
    bool big;
};

static void put(struct writer *w, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        w->p[w->at + i] = (uint8_t)(v >> (8 * (w->big ? n - 1 - i : i)));
    w->at += n;
}
static void put16(struct writer *w, uint32_t v) { put(w, v, 2); }
static void put32(struct writer *w, uint64_t v) { put(w, v, 4); }
static void put_bytes(struct writer *w, const void *p, size_t n)
{
    memcpy(w->p + w->at, p, n);
    w->at += n;
}
static struct writer at(uint8_t *p, size_t place, bool big)
{
    return (struct writer){p, place, big};
}

static size_t count(const struct imagegen_names *names)
{
    size_t n = 0;
    while (names != NULL && n < IMAGEGEN_NAMES_MAX && names->v[n].name != NULL)
        n++;
    return n;
}

/* --- PE ----------------------------------------------------------------------------- */

enum {
    PE_AT = 0x80,
    TEXT_AT = 0x400,
    RDATA_AT = 0x1400,
    DEBUG_AT = 0,       // within .rdata: directory, then record
    EXPORTS_AT = 0x100, // likewise: directory, tables, texts
    EXPORTS_SIZE = 0x300,
    FUNCTIONS_AT = 0x140,
    NAMES_AT = 0x180,
    ORDINALS_AT = 0x1C0,
    FORWARDER_AT = IMAGEGEN_FORWARDED - IMAGEGEN_RDATA,
    TEXTS_AT = 0x220,
    COFF_AT = 0x1C00,
};

static void pe_directories(struct writer *w, const struct imagegen_pe *want)
{
    put32(w, 16);
    for (int i = 0; i < 16; i++) {
        bool exports = i == 0 && want->exports != NULL, debug = i == 6 && want->pdb != NULL;
        put32(w, exports ? IMAGEGEN_RDATA + EXPORTS_AT : debug ? IMAGEGEN_RDATA + DEBUG_AT : 0);
        put32(w, exports ? EXPORTS_SIZE : debug ? 28 : 0);
    }
}

static void pe_optional(struct writer *w, const struct imagegen_pe *want)
{
    size_t word = want->pe32 ? 4 : 8;
    put16(w, want->pe32 ? 0x10B : 0x20B);
    w->at += want->pe32 ? 26 : 22;
    put(w, IMAGEGEN_BASE, word);
    w->at += 24;
    put32(w, IMAGEGEN_SIZE);
    put32(w, TEXT_AT);
    w->at += want->pe32 ? 28 : 44;
    pe_directories(w, want);
}

static void pe_section(struct writer *w, const char *name, uint32_t rva, uint32_t size,
                       uint32_t place, uint32_t flags)
{
    size_t end = w->at + 8;
    put_bytes(w, name, strlen(name));
    w->at = end;
    put32(w, size);
    put32(w, rva);
    put32(w, size);
    put32(w, place);
    w->at += 12;
    put32(w, flags);
}

static void pe_headers(const struct imagegen_pe *want, uint8_t *out)
{
    struct writer w = at(out, 0, false);
    put_bytes(&w, "MZ", 2);
    w.at = 60;
    put32(&w, PE_AT);
    w.at = PE_AT;
    put_bytes(&w, "PE\0\0", 4);
    put16(&w, want->pe32 ? 0x14C : 0x8664);
    put16(&w, 2);
    put32(&w, want->timestamp);
    put32(&w, want->symbols != NULL ? COFF_AT : 0);
    put32(&w, count(want->symbols));
    put16(&w, want->pe32 ? 224 : 240);
    put16(&w, 0x22);
    pe_optional(&w, want);
    pe_section(&w, ".text", IMAGEGEN_TEXT, 0x1000, TEXT_AT, 0x60000020);
    pe_section(&w, ".rdata", IMAGEGEN_RDATA, 0x800, RDATA_AT, 0x40000040);
}

static void pe_debug(const struct imagegen_pe *want, uint8_t *rdata)
{
    size_t n = 24 + strlen(want->pdb) + 1;
    struct writer w = at(rdata, DEBUG_AT + 12, false);
    put32(&w, 2);
    put32(&w, n);
    put32(&w, IMAGEGEN_RDATA + DEBUG_AT + 28);
    put32(&w, RDATA_AT + DEBUG_AT + 28);
    put_bytes(&w, "RSDS", 4);
    put_bytes(&w, want->guid, 16);
    put32(&w, want->age);
    put_bytes(&w, want->pdb, strlen(want->pdb) + 1);
}

static void pe_exports(const struct imagegen_names *names, uint8_t *rdata)
{
    struct writer w = at(rdata, EXPORTS_AT + 20, false), text = at(rdata, TEXTS_AT, false);
    size_t n = count(names);
    put32(&w, n);
    put32(&w, n);
    put32(&w, IMAGEGEN_RDATA + FUNCTIONS_AT);
    put32(&w, IMAGEGEN_RDATA + NAMES_AT);
    put32(&w, IMAGEGEN_RDATA + ORDINALS_AT);
    memcpy(rdata + FORWARDER_AT, "NTDLL.RtlThing", sizeof "NTDLL.RtlThing");
    for (size_t i = 0; i < n; i++) {
        size_t other = n - 1 - i; // functions stand in another order than their names
        struct writer function = at(rdata, FUNCTIONS_AT + 4 * other, false);
        struct writer name = at(rdata, NAMES_AT + 4 * i, false);
        struct writer ordinal = at(rdata, ORDINALS_AT + 2 * i, false);
        put32(&function, names->v[i].rva);
        put32(&name, IMAGEGEN_RDATA + text.at);
        put16(&ordinal, (uint32_t)other);
        put_bytes(&text, names->v[i].name, strlen(names->v[i].name) + 1);
    }
}

static void pe_symbols(const struct imagegen_names *names, uint8_t *out)
{
    size_t n = count(names);
    struct writer w = at(out, COFF_AT, false), text = at(out, COFF_AT + 18 * n + 4, false);
    size_t strings = COFF_AT + 18 * n;
    for (size_t i = 0; i < n; i++) {
        const char *name = names->v[i].name;
        size_t end = w.at + 8;
        if (strlen(name) <= 8) {
            put_bytes(&w, name, strlen(name));
            w.at = end;
        } else {
            put32(&w, 0);
            put32(&w, text.at - strings);
            put_bytes(&text, name, strlen(name) + 1);
        }
        put32(&w, names->v[i].rva - IMAGEGEN_TEXT);
        put16(&w, 1); // section, counted from 1
        put16(&w, names->v[i].data ? 0 : 0x20);
        put(&w, 2, 1); // external
        put(&w, 0, 1);
    }
    put32(&w, text.at - strings);
}

struct fb_span imagegen_pe(const struct imagegen_pe *want, uint8_t *out)
{
    memset(out, 0, IMAGEGEN_SIZE);
    memset(out + TEXT_AT, 0xCC, 0x1000);
    pe_headers(want, out);
    if (want->pdb != NULL)
        pe_debug(want, out + RDATA_AT);
    if (want->exports != NULL)
        pe_exports(want->exports, out + RDATA_AT);
    if (want->symbols != NULL)
        pe_symbols(want->symbols, out);
    return (struct fb_span){out, IMAGEGEN_SIZE, 0};
}

/* --- ELF ---------------------------------------------------------------------------- */

enum {
    PROGRAM_AT = 0x40,
    NOTE_AT = 0x200,
    DYNAMIC_AT = 0x300,
    HASH_AT = 0x400,
    EH_FRAME_HDR_AT = 0x500,
    EH_FRAME_AT = 0x540,
    DYNSYM_AT = IMAGEGEN_RDATA,
    DYNSTR_AT = IMAGEGEN_RDATA + 0x200,
    SYMTAB_AT = 0x3000,
    STRTAB_AT = 0x3200,
    SHSTRTAB_AT = 0x3400,
    SECTIONS_AT = 0x3500,
    TEXT_SECTION = 1,
};

/* Name, type, flags, place, size, link, size of an entry: as the section table has them. */
static const struct elf_section {
    const char *name;
    uint32_t type, flags, place, size, link, entry;
} elf_sections[] = {
    {"",                   0,  0, 0,               0,      0, 0},
    {".text",              1,  6, IMAGEGEN_TEXT,   0x1000, 0, 0},
    {".note.gnu.build-id", 7,  2, NOTE_AT,         0,      0, 0},
    {".dynsym",            11, 2, DYNSYM_AT,       0,      4, 1},
    {".dynstr",            3,  2, DYNSTR_AT,       0x200,  0, 0},
    {".symtab",            2,  0, SYMTAB_AT,       0,      6, 1},
    {".strtab",            3,  0, STRTAB_AT,       0x200,  0, 0},
    {".eh_frame_hdr",      1,  2, EH_FRAME_HDR_AT, 12,     0, 0},
    {".eh_frame",          1,  2, EH_FRAME_AT,     0x40,   0, 0},
    {".shstrtab",          3,  0, SHSTRTAB_AT,     0x100,  0, 0},
};
enum { ELF_SECTIONS = sizeof elf_sections / sizeof *elf_sections };

static size_t word_of(const struct imagegen_elf *want) { return want->is32 ? 4 : 8; }
static size_t entry_of(const struct imagegen_elf *want) { return want->is32 ? 16 : 24; }
static uint32_t note_size(const struct imagegen_elf *want)
{
    return want->build_id != NULL ? 16 + ((want->n_build_id + 3) & ~3u) : 0;
}

static void elf_header(const struct imagegen_elf *want, uint8_t *out)
{
    size_t word = word_of(want);
    struct writer w = at(out, 0, want->big);
    put_bytes(&w, "\177ELF", 4);
    put(&w, want->is32 ? 1 : 2, 1);
    put(&w, want->big ? 2 : 1, 1);
    put(&w, 1, 1);
    w.at = 16;
    put16(&w, 3);
    put16(&w, want->is32 ? 3 : 62);
    put32(&w, 1);
    put(&w, 0, word);
    put(&w, PROGRAM_AT, word);
    put(&w, want->unsectioned ? 0 : SECTIONS_AT, word);
    put32(&w, 0);
    put16(&w, want->is32 ? 52 : 64);
    put16(&w, want->is32 ? 32 : 56);
    put16(&w, 4);
    put16(&w, want->is32 ? 40 : 64);
    put16(&w, want->unsectioned ? 0 : ELF_SECTIONS);
    put16(&w, want->unsectioned ? 0 : ELF_SECTIONS - 1);
}

static void elf_segment(struct writer *w, const struct imagegen_elf *want, uint32_t type,
                        uint32_t flags, uint32_t place, uint32_t size)
{
    size_t word = word_of(want);
    put32(w, type);
    if (!want->is32)
        put32(w, flags);
    put(w, place, word);
    put(w, place + IMAGEGEN_BASE, word);
    put(w, place + IMAGEGEN_BASE, word);
    put(w, size, word);
    put(w, size, word);
    if (want->is32)
        put32(w, flags);
    put(w, 4, word);
}

static void elf_segments(const struct imagegen_elf *want, uint8_t *out)
{
    struct writer w = at(out, PROGRAM_AT, want->big);
    elf_segment(&w, want, 1, 5, 0, IMAGEGEN_SIZE);
    elf_segment(&w, want, 2, 4, DYNAMIC_AT, 0x100);
    elf_segment(&w, want, 4, 4, NOTE_AT, note_size(want));
    elf_segment(&w, want, 0x6474E550, 4, EH_FRAME_HDR_AT, 12);
}

static void elf_symbol(struct writer *w, const struct imagegen_elf *want,
                       const struct imagegen_name *name, uint64_t text)
{
    size_t word = word_of(want);
    uint64_t value = name->absent ? 0 : name->rva + (uint64_t)IMAGEGEN_BASE;
    put32(w, text);
    if (want->is32) {
        put(w, value, word);
        put(w, 0x10, word);
    }
    put(w, name->data ? 0x11 : 0x12, 1);
    put(w, 0, 1);
    put16(w, name->absent ? 0 : TEXT_SECTION);
    if (!want->is32) {
        put(w, value, word);
        put(w, 0x10, word);
    }
}

static void elf_symbols(const struct imagegen_elf *want, const struct imagegen_names *names,
                        uint8_t *out, size_t table, size_t strings)
{
    struct writer w = at(out, table + entry_of(want), want->big);
    struct writer text = at(out, strings + 1, want->big);
    for (size_t i = 0; i < count(names); i++) {
        elf_symbol(&w, want, &names->v[i], text.at - strings);
        put_bytes(&text, names->v[i].name, strlen(names->v[i].name) + 1);
    }
}

/* The loader finds the dynamic symbols without sections; their number stands in the hash table.
 */
static void elf_dynamic(const struct imagegen_elf *want, uint8_t *out)
{
    size_t word = word_of(want);
    struct writer w = at(out, DYNAMIC_AT, want->big), hash = at(out, HASH_AT, want->big);
    const uint32_t rows[][2] = {
        {4, HASH_AT  },
        {5, DYNSTR_AT},
        {6, DYNSYM_AT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        put(&w, rows[i][0], word);
        put(&w, rows[i][1] + (uint64_t)IMAGEGEN_BASE, word);
    }
    put(&w, 10, word);
    put(&w, 0x200, word);
    put32(&hash, 1);
    put32(&hash, count(want->dynamic) + 1);
}

static void elf_note(const struct imagegen_elf *want, uint8_t *out)
{
    struct writer w = at(out, NOTE_AT, want->big);
    put32(&w, 4);
    put32(&w, want->n_build_id);
    put32(&w, 3);
    put_bytes(&w, "GNU", 4);
    put_bytes(&w, want->build_id, want->n_build_id);
}

/* Version 1; the pointer to .eh_frame counts from itself and has four bytes. */
static void elf_unwind(const struct imagegen_elf *want, uint8_t *out)
{
    struct writer w = at(out, EH_FRAME_HDR_AT, want->big);
    put_bytes(&w, "\1\x1B\3\x3B", 4);
    put32(&w, EH_FRAME_AT - (EH_FRAME_HDR_AT + 4));
}

static uint32_t section_size(const struct imagegen_elf *want, const struct elf_section *s)
{
    if (s->place == NOTE_AT)
        return note_size(want);
    if (s->entry == 0)
        return s->size;
    size_t n = count(s->place == DYNSYM_AT ? want->dynamic : want->symbols);
    return (uint32_t)((n + 1) * entry_of(want));
}

static void elf_section_table(const struct imagegen_elf *want, uint8_t *out)
{
    size_t word = word_of(want);
    struct writer w = at(out, SECTIONS_AT, want->big), text = at(out, SHSTRTAB_AT, want->big);
    for (size_t i = 0; i < ELF_SECTIONS; i++) {
        const struct elf_section *s = &elf_sections[i];
        put32(&w, text.at - SHSTRTAB_AT);
        put32(&w, s->type);
        put(&w, s->flags, word);
        put(&w, (s->flags & 2) != 0 ? s->place + (uint64_t)IMAGEGEN_BASE : 0, word);
        put(&w, s->place, word);
        put(&w, section_size(want, s), word);
        put32(&w, s->link);
        put32(&w, 0);
        put(&w, 1, word);
        put(&w, s->entry != 0 ? entry_of(want) : 0, word);
        put_bytes(&text, s->name, strlen(s->name) + 1);
    }
}

struct fb_span imagegen_elf(const struct imagegen_elf *want, uint8_t *out)
{
    memset(out, 0, IMAGEGEN_SIZE);
    memset(out + IMAGEGEN_TEXT, 0xCC, 0x1000);
    elf_header(want, out);
    elf_segments(want, out);
    elf_dynamic(want, out);
    elf_unwind(want, out);
    if (want->build_id != NULL)
        elf_note(want, out);
    elf_symbols(want, want->dynamic, out, DYNSYM_AT, DYNSTR_AT);
    elf_symbols(want, want->symbols, out, SYMTAB_AT, STRTAB_AT);
    if (!want->unsectioned)
        elf_section_table(want, out);
    return (struct fb_span){out, IMAGEGEN_SIZE, 0};
}

void imagegen_map(struct fb_span file, bool is_pe, uint8_t *out)
{
    if (!is_pe) {
        memcpy(out, file.p, file.n);
        return;
    }
    memcpy(out, file.p, TEXT_AT);
    memcpy(out + IMAGEGEN_TEXT, file.p + TEXT_AT, 0x1000);
    memcpy(out + IMAGEGEN_RDATA, file.p + RDATA_AT, 0x800);
}
