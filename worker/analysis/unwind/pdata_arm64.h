/*
 * worker/analysis/unwind/pdata_arm64.h -- the unwind data of Windows on ARM64, in one form.
 *
 * An entry of .pdata either packs a usual prolog into one word or leads to a record in .xdata,
 * which has a code for every instruction of the prolog and of each epilog. A packed entry is
 * expanded into the codes that it stands for, so that everything behind knows codes only.
 *
 * Source: Microsoft's "ARM64 exception handling".
 */
#pragma once
#include "unwind/ladder.h"

enum { FB_ARM64_ENTRY = 8, FB_ARM64_EXPANDED_MAX = 64, FB_ARM64_XDATA_MAX = 8 + 4 * 0x100FF };

/* Unwind codes of one function: those of its prolog first, last instruction first. */
struct fb_arm64_function {
    uint32_t length;                         // in instructions
    struct fb_span codes;                    // of a record; a view into it
    struct fb_span epilogs;                  // one word each, by where they start
    bool one_epilog;                         // the last instructions of the function
    size_t epilog;                           // index of its first code
    uint8_t expanded[FB_ARM64_EXPANDED_MAX]; // codes of a packed entry
    size_t n_expanded;
};
static inline struct fb_span fb_arm64_codes(const struct fb_arm64_function *f)
{
    return f->n_expanded != 0 ? (struct fb_span){f->expanded, f->n_expanded, 0} : f->codes;
}

/** Expand the second word of an entry. @return false: it packs nothing that can be */
bool fb_arm64_packed(uint32_t word, struct fb_arm64_function *out);
/** Read a record; `xdata` begins with it. @return false: cut, or of another version */
bool fb_arm64_xdata(struct fb_span xdata, struct fb_arm64_function *out);
/** The index of the first code to be undone when instruction `at` has not run yet. */
size_t fb_arm64_first_code(const struct fb_arm64_function *f, uint32_t at);

/* --- codes -------------------------------------------------------------------------- */

enum fb_arm64_effect {
    FB_UNDO_NOTHING,
    FB_UNDO_MOVE,     // load registers from sp + `at` on, then sp += `rise`
    FB_UNDO_FRAME,    // sp = fp - `at`
    FB_UNDO_SIGN,     // lr is signed
    FB_UNDO_MACHINE,  // at sp lie the true sp and pc
    FB_UNDO_CONTEXT,  // at sp lies a CONTEXT
    FB_UNDO_CALL,     // the return address is where the caller goes on, not behind a call
    FB_UNDO_END,      // of a prolog or an epilog
    FB_UNDO_CONTINUE, // end of this function's own prolog: that of its parent follows
    FB_UNDO_REPEAT,   // only in the table: like the next code, of the next two registers
    FB_UNDO_ANY,      // only in the table: a second word says which registers
    FB_UNDO_UNKNOWN
};
struct fb_arm64_undo {
    enum fb_arm64_effect effect;
    uint8_t length;   // of the code, in bytes
    bool instruction; // it stands for one
    char file;        // of the registers to be loaded: 'x', 'd', 'q'; 0: there are none
    uint8_t n;        // how many, up to two
    uint8_t first, second;
    uint32_t at, rise; // bytes
};
static inline unsigned fb_arm64_size(const struct fb_arm64_undo *undo) // of one register
{
    return undo->file == 'q' ? 16 : 8;
}
/** Decode the code at index `at`. @return false: it is cut, or repeats nothing */
bool fb_arm64_code(struct fb_span codes, size_t at, struct fb_arm64_undo *out);
/** Undo all codes from index `at` on, beginning with the registers of `callee`.
 * @return false: no caller results */
bool fb_arm64_undo(const struct fb_unwinder *w, const struct fb_frame *callee,
                   struct fb_span codes, size_t at, struct fb_caller *caller);
