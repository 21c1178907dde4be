/*
 * worker/analysis/disasm/dataflow.h -- what one instruction does to data, the same words for
 * all architectures: which places it reads, which it writes, and what flows between them.
 *
 * Places that hold no data (constants, the instruction pointer, the zero register) are left
 * out. How much of an address or a flag an instruction uses is told here; what follows from it
 * is said in exploitability/taint.c.
 */
#pragma once
#include "disasm/insn.h"

/* The parts of a general register that can be written apart: bits 0-7, 8-15, 16-31, 32-63. */
enum { FB_UNIT_LOW = 1, FB_UNIT_HIGH = 2, FB_UNIT_MIDDLE = 4, FB_UNIT_TOP = 8, FB_UNITS = 4 };
enum {
    FB_UNITS_16 = FB_UNIT_LOW | FB_UNIT_HIGH,
    FB_UNITS_32 = FB_UNITS_16 | FB_UNIT_MIDDLE,
    FB_UNITS_64 = FB_UNITS_32 | FB_UNIT_TOP
};

enum fb_data_kind { FB_DATA_REGISTER, FB_DATA_VECTOR, FB_DATA_MEMORY, FB_DATA_FLAGS };
struct fb_data {
    enum fb_data_kind kind;
    bool read, write;
    bool only_address;     // memory that is not accessed: its address is what is read (LEA)
    bool named;            // stands in the text of the instruction
    int8_t reg;            // a register by fb_regs index, or a vector register by number
    uint8_t reads, writes; // units of a general register
    int8_t base, index;    // memory; -1: none, or the instruction pointer
    bool plain;            // memory: not relative to a segment
    uint32_t size;         // memory, bytes
    int64_t displacement;
};

enum fb_effect {
    FB_EFFECT_FLOW,         // each place written := all places read, together
    FB_EFFECT_SWAP,         // the first two places change their contents
    FB_EFFECT_SWAP_ADD,     // second := first, first := both
    FB_EFFECT_FETCH,        // third := first, first := first or second
    FB_EFFECT_COMPARE_SWAP, // first or second, third or first; flags := first and third
    FB_EFFECT_PUSH,         // each place, in order, onto the stack
    FB_EFFECT_POP,          // each place, in order, from the stack
    FB_EFFECT_BLOCK_MOVE    // first := second, many times
};

enum { FB_DATA_MAX = 20 };
struct fb_dataflow {
    enum fb_effect effect;
    bool stack_moves; // the stack pointer changes by `stack_by` bytes, other than by PUSH and
                      // POP
    int64_t stack_by;
    struct fb_data v[FB_DATA_MAX];
    size_t n;
};

/* Vector registers by number: those of both architectures come first. */
enum {
    FB_VECTORS_PLAIN = 32,
    FB_VECTOR_MMX = 32,  // x86: eight
    FB_VECTOR_MASK = 40, // x86: k0 ... k7
    FB_VECTOR_X87 = 48,  // the whole x87 stack, since its registers turn
    FB_VECTORS
};

/** Like fb_disasm, and what the instruction does to data. */
bool fb_disasm_data(size_t handle, enum fb_arch arch, struct fb_span code, fb_addr address,
                    const struct fb_regs *regs, struct fb_arena *arena, struct fb_insn *out,
                    struct fb_dataflow *data);
