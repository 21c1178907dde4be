/*
 * worker/analysis/symbols/image.h -- the image that a module was mapped from: PE or ELF, as a
 * file or as the pages that the dump holds.
 *
 * Addresses are RVAs: from the first byte of the mapped image. What an image says about itself
 * is read once; the bytes are looked up as they are asked for. Its relocations are not applied.
 */
#pragma once
#include "dump.h"

enum fb_image_kind { FB_IMAGE_PE, FB_IMAGE_ELF };
struct fb_image_section {
    const char *name;           // as the section table or its string table says
    uint64_t rva, size;         // when mapped
    uint64_t at, bytes_in_file; // where in the file
    bool executable;
};
struct fb_image_part { // size 0: there is none
    uint64_t rva, size;
};
struct fb_image_names { // a table of symbols as it stands, and the texts that it points into
    struct fb_span entries, strings;
};
struct fb_image {
    enum fb_image_kind kind;
    enum fb_arch arch;
    bool big;                       // numbers stand most significant byte first (ELF)
    uint8_t word;                   // bytes of an address
    struct fb_span file;            // empty: mapped, and read from
    const struct fb_memory *memory; // here,
    fb_addr base;                   // from this address on
    uint64_t preferred_base;        // of RVA 0, as linked
    uint64_t size;                  // when mapped
    uint64_t headers;               // bytes of the headers, which are mapped at RVA 0 (PE)
    uint32_t timestamp;             // PE
    const struct fb_image_section *sections; // those that are mapped
    size_t n_sections;
    const struct fb_image_section *loads; // ELF: segments; what of the file is mapped where
    size_t n_loads;
    struct fb_image_part exports, exceptions, debug; // PE: data directories 0, 3 and 6
    struct fb_image_part imports; // and 12: where the addresses of imported functions lie
    struct fb_image_part eh_frame, eh_frame_hdr; // by name, in either kind
    struct fb_image_names symbols, dynamic;      // COFF or .symtab; .dynsym
    // As a dump names them; NULL: none. An ELF image without a build id has a debug id only,
    // the one that Breakpad makes of its code.
    const char *code_id, *debug_id, *debug_file;
};

/**
 * Read what the file says about itself.
 * @owner  `*out` lives in `arena` and views `file`
 * @fails  MALFORMED, TRUNCATED: no image that we know; LIMIT: arena full
 * @source Microsoft's "PE Format"; the System V ABI, chapter 4
 */
struct fb_err fb_image_read(struct fb_span file, struct fb_arena *arena, struct fb_image **out);
/** The same of the pages that a dump holds from `base` on. `memory` must outlive it. */
struct fb_err fb_image_map(const struct fb_memory *memory, fb_addr base, struct fb_arena *arena,
                           struct fb_image **out);

/** The bytes from `rva` on, as many of `max` as stand together; empty when there are none. */
struct fb_span fb_image_at(const struct fb_image *image, uint64_t rva, size_t max);
/** The section that holds `rva`; NULL when none does. */
const struct fb_image_section *fb_image_section(const struct fb_image *image, uint64_t rva);
