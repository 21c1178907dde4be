/*
 * worker/analysis/unwind/dwarf.h -- the rules of call frame information: where a caller's
 * registers are, at each instruction of a function.
 *
 * A program of an FDE writes a table, row by row: how the canonical frame address (CFA, the
 * caller's sp) is reckoned, and per register (a column) where its value is. A rule may be a
 * little program of its own, a DWARF expression. Programs are hostile: all are bounded, in
 * steps and in what they may stack.
 *
 * Source: DWARF 5, 2.5, 6.4 and 7.24.
 */
#pragma once
#include "symbols/eh_frame.h"
#include "unwind/ladder.h"

enum {
    FB_CFA_COLUMNS = 35,        // numbers of registers that we keep rules for
    FB_CFA_REMEMBERED_MAX = 16, // rows that a program may put aside
    FB_CFA_STEPS_MAX = 1 << 16, // instructions for one row
    FB_DWARF_STACK_MAX = 64,    // words of an expression
    FB_DWARF_STEPS_MAX = 4096   // operations of an expression
};

enum fb_cfa_how {
    FB_CFA_UNSAID,         // the ABI says it
    FB_CFA_UNDEFINED,      // lost
    FB_CFA_SAME,           // as in the callee
    FB_CFA_OFFSET,         // stands at CFA + offset
    FB_CFA_VAL_OFFSET,     // is CFA + offset
    FB_CFA_REGISTER,       // is the callee's register + offset
    FB_CFA_EXPRESSION,     // stands where the expression says
    FB_CFA_VAL_EXPRESSION, // is what the expression says
};
struct fb_cfa_rule {
    enum fb_cfa_how how;
    uint64_t reg; // DWARF's number
    int64_t offset;
    struct fb_span expression;
};
struct fb_cfa_row {
    struct fb_cfa_rule cfa; // REGISTER or VAL_EXPRESSION; UNSAID: the program has not said it
    struct fb_cfa_rule v[FB_CFA_COLUMNS];
};
/**
 * The rules that hold at `rva`, which lies in `fde`.
 * @owner  expressions are views into the image
 * @units  *steps: instructions that may still be run; counted down
 * @fails  MALFORMED, TRUNCATED; LIMIT, for programs that go too far
 */
struct fb_err fb_cfa_row(const struct fb_image *image, const struct fb_eh_fde *fde,
                         uint64_t rva, size_t *steps, struct fb_cfa_row *out);

/* --- expressions, dwarf_expression.c ------------------------------------------------ */

struct fb_dwarf_frame { // what an expression may ask for
    const struct fb_unwinder *w;
    const struct fb_regs *regs;
    uint64_t moved; // from where the image was linked to where it is
    size_t *steps;  // operations that may still be done; counted down
};
/** The value of an expression that begins with `*first` on its stack; NULL: with nothing.
 * @return false: it has none, or asks for what is not known */
bool fb_dwarf_evaluate(const struct fb_dwarf_frame *frame, struct fb_span expression,
                       const uint64_t *first, uint64_t *out);
/** The index of the register to which DWARF gives `number`; -1: we do not read it. dwarf.c */
int fb_dwarf_register(const struct fb_system *system, uint64_t number);
