/*
 * worker/analysis/symbols/eh_frame.h -- the section .eh_frame of an image, ELF or PE: which
 * code has unwind rules, and where their programs stand. unwind/dwarf.h runs these.
 *
 *   CIE  | length | 0           | what its FDEs share: encodings, first instructions |
 *   FDE  | length | back to CIE | begin | size | instructions                        |
 *
 * The entries stand in no order. A linker may have put a sorted table of them beside, in
 * .eh_frame_hdr; where none has, one pass over the section makes one. Addresses are RVAs.
 *
 * Source: Linux Standard Base, "Exception Frames"; DWARF 5, 6.4.
 */
#pragma once
#include "symbols/image.h"

enum {
    FB_EH_ENTRY_MAX = 1 << 20, // bytes of a CIE or an FDE
    FB_EH_FDES_MAX = 1 << 18,  // of an image without a table of its own
    FB_EH_LETTERS_MAX = 16     // of an augmentation
};

/* --- values as they are encoded ----------------------------------------------------- */

enum { // DW_EH_PE_...: the low four bits say how it is written, the next what it counts from
    FB_EH_ABSPTR = 0,
    FB_EH_ULEB128 = 1,
    FB_EH_UDATA2 = 2,
    FB_EH_UDATA4 = 3,
    FB_EH_UDATA8 = 4,
    FB_EH_SIGNED = 8, // a word
    FB_EH_SLEB128 = 9,
    FB_EH_SDATA2 = 10,
    FB_EH_SDATA4 = 11,
    FB_EH_SDATA8 = 12,
    FB_EH_PCREL = 0x10,
    FB_EH_TEXTREL = 0x20,
    FB_EH_DATAREL = 0x30,
    FB_EH_FUNCREL = 0x40,
    FB_EH_ALIGNED = 0x50,
    FB_EH_INDIRECT = 0x80,
    FB_EH_OMIT = 0xFF
};
struct fb_eh_reader { // bytes of an image, and where they are
    struct fb_reader r;
    const struct fb_image *image;
    uint64_t rva;  // of r.in.p[0]
    uint64_t data; // what DATAREL counts from; FB_NOWHERE: not known
};
/** The next value as an RVA; *null: 0 was written. Fails in `r->r.err`: MALFORMED, TRUNCATED.
 */
uint64_t fb_eh_address(struct fb_eh_reader *r, uint8_t encoding, bool *null);
/** The bytes of a word in the image. */
size_t fb_eh_word(const struct fb_image *image);

/* --- entries ------------------------------------------------------------------------ */

struct fb_eh_program { // call frame instructions
    struct fb_span bytes;
    uint64_t rva;
};
struct fb_eh_cie {
    uint64_t rva;
    unsigned version;
    uint64_t code_align; // what advances are counted in
    int64_t data_align;  // what offsets are counted in
    uint64_t return_column;
    uint8_t addresses; // encoding of begin
    bool sized;        // FDEs say how long their augmentation is
    bool signal;       // the frame was interrupted: its ip is exact
    bool b_key;        // ARM64: return addresses are signed with the other key
    struct fb_eh_program program;
};
struct fb_eh_fde {
    struct fb_eh_cie cie;
    uint64_t begin, size;
    bool discarded; // the linker has dropped its function
    struct fb_eh_program program;
};
struct fb_eh_entry {    // either of both, or the mark behind the last one
    uint64_t next;      // RVA behind it
    bool ends;          // it is that mark
    uint64_t id_at, id; // 0 in a CIE; in an FDE the bytes back to its CIE, from where it stands
    struct fb_eh_reader body; // behind the id
};
/** Read what stands at `rva`; when it is too long or cut, `out->next` is known all the same.
 * @fails  TRUNCATED, LIMIT, MALFORMED */
struct fb_err fb_eh_read_entry(const struct fb_image *image, uint64_t rva,
                               struct fb_eh_entry *out);
/** The FDE of an entry that is one. `known`: a CIE that was read before, perhaps its own; NULL:
 * none. @fails as fb_eh_read_fde */
struct fb_err fb_eh_read_body(const struct fb_image *image, struct fb_eh_entry *entry,
                              const struct fb_eh_cie *known, struct fb_eh_fde *out);
/** Read the FDE at `rva`, with its CIE.
 * @owner  views the image
 * @fails  MALFORMED, TRUNCATED, LIMIT */
struct fb_err fb_eh_read_fde(const struct fb_image *image, uint64_t rva, struct fb_eh_fde *out);

/* --- look-up ------------------------------------------------------------------------ */

struct fb_eh_row {
    uint32_t begin, fde; // RVAs
};
struct fb_eh_index {              // a sorted table: the linker's, or ours
    uint64_t table, data;         // RVAs of its first row and of what the rows count from
    uint8_t encoding;             // of both columns
    const struct fb_eh_row *rows; // ours; NULL: the linker's
    size_t n;
    const char *odd; // what could not be read of the section: a literal; NULL: nothing
};
/**
 * Find the sorted table, or make one.
 * @owner  `out->rows` live in `arena`
 * @units  *entries: how many entries may still be looked at; counted down
 * @fails  MALFORMED: there is no .eh_frame; LIMIT: arena full
 */
struct fb_err fb_eh_index(const struct fb_image *image, size_t *entries, struct fb_arena *arena,
                          struct fb_eh_index *out);
/**
 * The FDE whose code holds `rva`.
 * @fails  UNAVAILABLE: there is none; MALFORMED, TRUNCATED, LIMIT: it cannot be read
 */
struct fb_err fb_eh_find(const struct fb_image *image, const struct fb_eh_index *index,
                         uint64_t rva, struct fb_eh_fde *out);
