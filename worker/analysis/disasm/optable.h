/*
 * worker/analysis/disasm/optable.h -- what an instruction does, by Capstone's id: our own word,
 * heard before Capstone's.
 *
 * Only what Capstone says wrongly or not at all needs a row; a test runs the instructions that
 * it is known to get wrong through the table and the library that is linked.
 */
#pragma once
#include "disasm/insn.h"

#include <capstone/capstone.h>

/* What is done to the memory that the first operand names; other operands in
 * memory are read. */
enum fb_op_memory { FB_OP_UNSAID, FB_OP_LOAD, FB_OP_STORE, FB_OP_UPDATE, FB_OP_NO_ACCESS };

enum {
    FB_OP_PUSH = 1,        // the PUSH class of the msec16 rules
    FB_OP_PUSHES = 1 << 1, // writes words below the stack pointer
    FB_OP_POPS = 1 << 2,   // reads words at the stack pointer
    FB_OP_PRIVILEGED = 1 << 3,
    FB_OP_DIVIDES = 1 << 4,
    FB_OP_ALIGNED = 1 << 5,  // its memory operand must be aligned to its size
    FB_OP_TESTS = 1 << 6,    // reads all its register operands, writes flags only
    FB_OP_MERGES = 1 << 7,   // reads its destination as well
    FB_OP_ANY_ORDER = 1 << 8 // memory as any operand is as the first
};
/* Stands for the flags register in the masks of rows that two architectures share. */
#define FB_OP_FLAGS (UINT64_C(1) << 63)
#define FB_REG(i)   (UINT64_C(1) << (i))

struct fb_op {
    enum fb_op_memory memory;
    enum fb_flow flow;
    unsigned flags;
    unsigned words;         // pushed or popped, 0: one
    uint64_t reads, writes; // registers, beyond what Capstone says
    uint64_t not_written;   // what Capstone says is written, and is not
};

/** The row of an instruction; one of zeros when the table has none. */
const struct fb_op *fb_op_x86(unsigned id);
const struct fb_op *fb_op_arm64(unsigned id);
const struct fb_op *fb_op_arm(unsigned id);

/** The architectures' halves of fb_disasm: operands and flow of `cs` into `out`. */
void fb_insn_x86(csh handle, enum fb_arch arch, const cs_insn *cs, const struct fb_regs *regs,
                 struct fb_insn *out);
/** Our index of one of Capstone's registers, -1 when we have none. */
int fb_insn_x86_reg(enum fb_arch arch, unsigned reg);
int fb_insn_arm64_reg(unsigned reg);
int fb_insn_arm_reg(unsigned reg);
void fb_insn_arm64(csh handle, const cs_insn *cs, const struct fb_regs *regs,
                   struct fb_insn *out);
void fb_insn_arm(csh handle, const cs_insn *cs, const struct fb_regs *regs,
                 struct fb_insn *out);

/** ARM64 words that Capstone 4 does not know and current programs are full of: atomics, pointer
 * authentication, UDF. @return the text, NULL when `word` is none of them. */
const char *fb_insn_arm64_word(uint32_t word, const struct fb_regs *regs, struct fb_insn *out);

/** Append a memory operand, when there is room. */
static inline struct fb_memory_operand *fb_insn_touch(struct fb_insn *insn)
{
    static const struct fb_memory_operand fresh = {.base = -1, .index = -1};
    if (insn->n_mem == FB_MEMORY_OPERANDS_MAX)
        return NULL;
    insn->mem[insn->n_mem] = fresh;
    return &insn->mem[insn->n_mem++];
}
static inline uint64_t fb_insn_mask(int reg) { return reg >= 0 ? FB_REG(reg) : 0; }
