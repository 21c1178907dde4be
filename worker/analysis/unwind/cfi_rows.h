/*
 * worker/analysis/unwind/cfi_rows.h -- the STACK CFI rules in force at an address, taken out of
 * their text, and those of a dump that were asked for last.
 *
 * Nearly all rules have one of two forms, `register offset +` and `.cfa offset + ^`: these are
 * reckoned without the little language that the others are written in. The threads of a process
 * mostly wait in the same few places: the text of each is read once for all of them.
 */
#pragma once
#include "unwind/ladder.h"

enum { FB_CFI_CFA = FB_REGS_MAX, FB_CFI_RA, FB_CFI_RULES }; // beside the registers
enum fb_cfi_how {
    FB_CFI_TEXT, // an expression
    FB_CFI_SUM,  // base + offset
    FB_CFI_WORD  // the word there
};
struct fb_cfi_rule {
    uint8_t of; // whose value it tells
    uint8_t how;
    int8_t base; // a register, or FB_CFI_CFA; -1: nobody knows it
    uint64_t offset;
    const uint8_t *text;
    size_t text_n;
};
struct fb_cfi_row {
    bool found;
    uint8_t n;
    uint8_t place[FB_CFI_RULES]; // 1 + index in `v`; 0: no rule
    struct fb_cfi_rule v[FB_CFI_RULES];
};
enum { FB_CFI_ROWS = 32 }; // a power of two
struct fb_cfi_rows {       // begins with all `at` 0
    fb_addr at[FB_CFI_ROWS];
    struct fb_cfi_row v[FB_CFI_ROWS];
};

static inline void fb_cfi_rows_open(struct fb_cfi_rows *out)
{
    memset(out->at, 0, sizeof out->at);
}
/** The row at `a`: one that is remembered, or in `own`. @return NULL: no symbols have one */
const struct fb_cfi_row *fb_cfi_row_at(const struct fb_unwinder *w, fb_addr a,
                                       struct fb_cfi_row *own);
