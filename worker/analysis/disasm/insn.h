/*
 * worker/analysis/disasm/insn.h -- one instruction, as the judge needs it: what it
 * reads and writes.
 *
 * Capstone decodes; what an instruction does to memory is decided by our own table (optable.c)
 * before Capstone's flags are believed, since those are wrong for dozens of common instructions
 * (a test compares the table with the library that is linked).
 */
#pragma once
#include "analysis.h"

enum fb_flow {
    FB_FLOW_NONE,
    FB_FLOW_CALL,
    FB_FLOW_JUMP,
    FB_FLOW_CONDITIONAL,
    FB_FLOW_RETURN,
    FB_FLOW_TRAP
};

enum { FB_MEMORY_OPERANDS_MAX = 4 };
struct fb_memory_operand {
    bool read, write;
    bool known; // the address could be computed from the registers
    fb_addr address;
    uint32_t size;      // bytes, 0 unknown
    uint32_t alignment; // the processor faults when the address is no multiple of it; 0: never
    bool stack;         // the implicit access of PUSH, POP, CALL, RET and their like
    int base, index;    // fb_regs indices, -1 none
};
struct fb_insn {
    fb_addr address;
    uint8_t length;
    const char *text; // Intel syntax, in the arena
    unsigned id;      // Capstone's
    enum fb_flow flow;
    bool block_move; // REP MOVS
    bool push;       // PUSH class
    bool privileged; // by our list
    bool divides;
    bool target_memory; // a branch through memory
    int target_reg;     // a branch through a register: its index, else -1
    bool target_known;  // direct branch: `target`
    fb_addr target;
    uint64_t reads, writes; // registers: bit i for fb_regs index i, the flags among them
    struct fb_memory_operand mem[FB_MEMORY_OPERANDS_MAX]; // explicit operands come first
    size_t n_mem;
};
/** Does straight-line code end with this instruction? */
static inline bool fb_insn_ends_block(const struct fb_insn *insn)
{
    return insn->flow != FB_FLOW_NONE;
}

/** Is the missing decoding of `code` evidence? Not when more bytes could complete it, nor when
 * the library is known to miss instructions of `arch`. Asked after fb_disasm has failed. */
bool fb_disasm_refutes(size_t handle, enum fb_arch arch, struct fb_span code);

/** Open Capstone for `arch`. @return the handle for struct fb_walk_env, 0 when that is not to
 * be had. Close once. */
size_t fb_disasm_open(enum fb_arch arch);
void fb_disasm_close(size_t handle);

/**
 * Decode the instruction at `address` whose bytes begin `code`; operand addresses are computed
 * from `regs`.
 * @return false when the bytes are no instruction (or, ARM64 with Capstone 4, may be one that
 * it does not know)
 * @owner  text lives in `arena`
 */
bool fb_disasm(size_t handle, enum fb_arch arch, struct fb_span code, fb_addr address,
               const struct fb_regs *regs, struct fb_arena *arena, struct fb_insn *out);

/** Like fb_disasm, for a line of a listing: text, length and flow are certain to be there, the
 * rest is not. */
bool fb_disasm_line(size_t handle, enum fb_arch arch, struct fb_span code, fb_addr address,
                    const struct fb_regs *regs, struct fb_arena *arena, struct fb_insn *out);

/* What an instruction does to the registers that lead to the caller; registers by fb_regs
 * index, -1: none, or not a whole word. */
enum fb_step_kind {
    FB_STEP_OTHER, // nothing but `writes`
    FB_STEP_SET,   // to = from + constant
    FB_STEP_MASK,  // to = from & constant
    FB_STEP_LOAD,  // to = [from + constant], second the word behind; then from += update
    FB_STEP_STORE, // [to + constant] = from, the word behind = second; then to += update
    FB_STEP_PUSH,  // `constant` words, the last of them `from`
    FB_STEP_POP,   // `constant` words, the first of them into `to`
    FB_STEP_ENTER, // room for `constant` bytes
    FB_STEP_LEAVE,
    FB_STEP_CALL,
    FB_STEP_JUMP,
    FB_STEP_BRANCH, // on a condition
    FB_STEP_RETURN, // and `constant` bytes of arguments are gone; ARM64: to `from`
    FB_STEP_END     // the code does not go on, or nobody knows where
};
struct fb_step {
    enum fb_step_kind kind;
    uint8_t length;
    int8_t to, from, second;
    bool target_known;
    int64_t constant, update;
    fb_addr target;
    uint64_t writes; // as in struct fb_insn
};
/** Like fb_disasm, for x86, x64 and ARM64 only, and without text and addresses. */
bool fb_disasm_step(size_t handle, enum fb_arch arch, struct fb_span code, fb_addr address,
                    struct fb_step *out);

/* The call behind which a return address stands. */
enum fb_call_kind {
    FB_CALL_UNKNOWN, // too few bytes are at hand
    FB_CALL_NONE,
    FB_CALL_ANYWHERE,
    FB_CALL_DIRECT, // of `target`
    FB_CALL_THROUGH // of what the word at `target` says
};
struct fb_call {
    enum fb_call_kind kind;
    fb_addr target;
};
enum { FB_CALL_MAX = 7 }; // bytes that are asked for, at most
/** The call that `before` ends with, the bytes that end at `address` (which for Thumb code is
 * odd). Targets are told for x86, x64 and ARM64 only. */
struct fb_call fb_disasm_call_before(enum fb_arch arch, struct fb_span before, fb_addr address);
