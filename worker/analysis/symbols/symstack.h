/*
 * worker/analysis/symbols/symstack.h -- what a .sym file says about stacks: its STACK records,
 * and the sizes of parameters.
 *
 * Programs and rules are handed out as they stand in the text; the rungs of the walker run
 * them.
 * @source docs/symbol_files.md of Breakpad; FPO_DATA and FRAMEDATA of Microsoft's PDB sources
 */
#pragma once
#include "symbols/symfile.h"

struct fb_sym_name { // a view into the text
    const uint8_t *p;
    size_t n;
};
struct fb_sym_delta { // STACK CFI: rules that hold from `at` on
    uint64_t at;
    struct fb_sym_name rules;
};
/* The rules at an address: the first ones, and those that change them, in their order. */
struct fb_sym_cfi {
    struct fb_sym_name rules;
    const struct fb_sym_delta *delta;
    size_t n;
};
/* A STACK WIN record. Sizes in bytes. */
struct fb_stack_win {
    bool has_program;
    struct fb_sym_name program; // frame data (type 4)
    bool uses_bp;               // FPO (type 0): ebp is saved, and then something else
    uint32_t params, saved, locals;
};

/** The STACK CFI rules in force at `rva`. @return false: none cover it */
bool fb_symfile_cfi(const struct fb_symfile *sym, uint64_t rva, struct fb_sym_cfi *out);
/** The STACK WIN record of `rva`: frame data before FPO. @return false: none covers it */
bool fb_symfile_win(const struct fb_symfile *sym, uint64_t rva, struct fb_stack_win *out);
/** Bytes of parameters that the FUNC or PUBLIC record at `rva` names. @return false: none */
bool fb_symfile_params(const struct fb_symfile *sym, uint64_t rva, uint32_t *out);
