/*
 * tests/support/imagegen.h -- builds small images, byte by byte, from the formats'
 * descriptions.
 *
 * Like dumpgen it shares no code and no table with the reader. A PE image has .text at
 * IMAGEGEN_TEXT and .rdata behind it, in its file at other places than when mapped; an ELF
 * image stands in its file as it is mapped. Both are as long as IMAGEGEN_SIZE.
 */
#pragma once
#include "base/reader.h"

enum {
    IMAGEGEN_SIZE = 0x4000,
    IMAGEGEN_TEXT = 0x1000,      // RVA, of 0x1000 bytes
    IMAGEGEN_RDATA = 0x2000,     // RVA
    IMAGEGEN_FORWARDED = 0x2200, // RVA within the exports: names a function of another image
    IMAGEGEN_BASE = 0x400000,    // where it is linked to stand
    IMAGEGEN_NAMES_MAX = 16,
};

struct imagegen_name {
    const char *name;
    uint32_t rva;
    bool data;   // no function
    bool absent; // ELF: defined elsewhere
};
struct imagegen_names {
    struct imagegen_name v[IMAGEGEN_NAMES_MAX]; // up to the first without a name
};
struct imagegen_pe {
    bool pe32;
    uint32_t timestamp;
    const char *pdb; // NULL: no debug directory
    uint8_t guid[16];
    uint32_t age;
    const struct imagegen_names *exports, *symbols; // in order of their names; COFF
};
struct imagegen_elf {
    bool is32, big;
    const void *build_id;
    uint32_t n_build_id;
    bool unsectioned; // no section headers, as when stripped of them
    const struct imagegen_names *dynamic, *symbols; // .dynsym, .symtab
};

/** Write the image into `out`, of IMAGEGEN_SIZE bytes. */
struct fb_span imagegen_pe(const struct imagegen_pe *want, uint8_t *out);
struct fb_span imagegen_elf(const struct imagegen_elf *want, uint8_t *out);
/** Put one of the two where a loader would, into `out`, zeroed and of IMAGEGEN_SIZE bytes. */
void imagegen_map(struct fb_span file, bool is_pe, uint8_t *out);
