/*
 * worker/analysis/unwind/emulate.h -- following code: where sp goes, and which saved registers
 * come back.
 *
 * Who wants something of it says where a path begins, and what is to be done where a path is
 * and where it returns. All the code that the paths lead to is followed, each instruction once.
 */
#pragma once
#include "disasm/insn.h"
#include "unwind/ladder.h"
#include "unwind/seen.h"

enum {
    FB_EMULATE_MAX = 2 * FB_SEEN_MAX, // instructions per frame, with those of callees
    FB_PATHS_MAX = 32,                // that wait to be followed
    FB_SAVED_MAX = 24                 // words that a path has stored
};

struct fb_saved { // a word of the stack that the path has written
    fb_addr at;
    uint64_t value;
    bool known;
};
struct fb_path {
    fb_addr ip;
    size_t n;    // words in `saved`
    bool full;   // there was no room for a word: what the stack holds, is not known any more
    bool loose;  // some callee may have popped its arguments
    bool fresh;  // and it was the last instruction that called it
    bool moved;  // what was called last has left another sp and bp, which nobody knows
    bool called; // there was nothing but padding since the last call,
    bool padded; // and some of it
    uint64_t doubtful; // registers by bit: popped while it was loose
    fb_addr inside;    // of a helper that was called, which returns to here; 0: not in one
    struct fb_regs regs;
    struct fb_saved saved[FB_SAVED_MAX];
};
struct fb_emulation {
    const struct fb_unwinder *w;
    enum fb_arch arch;
    size_t word;
    int ip, sp, bp;
    int lr;                // -1: calls put the return address on the stack
    uint64_t callee_saved; // registers by bit
    /** Where a path is. @return whether it goes on. NULL: they all do */
    bool (*at)(struct fb_emulation *e, struct fb_path *p);
    /** Where a path returns, by `s`. NULL: nobody cares */
    void (*returns)(struct fb_emulation *e, struct fb_path *p, const struct fb_step *s);
    void *self;  // theirs
    size_t left; // instructions
    size_t n_waiting;
    struct fb_code_view view;
    struct fb_seen seen; // from here on, nothing needs to be zeroed
    struct fb_path path; // that is followed now
    struct fb_path waiting[FB_PATHS_MAX];
};

/** Whether there is code at `a` that may still be followed. */
bool fb_emulate_can(const struct fb_unwinder *w, fb_addr a);
/** Room for an emulation, from the arena. @return NULL: none */
struct fb_emulation *fb_emulate_open(const struct fb_unwinder *w);
/** Forget all paths and begin with one. */
struct fb_path *fb_emulate_begin(struct fb_emulation *e, fb_addr ip,
                                 const struct fb_regs *regs);
void fb_emulate(struct fb_emulation *e);
/** Between begin and fb_emulate: whether the call before `address` is of a helper that leaves
 * its caller with another sp and bp, as prologs of x86 call them. */
bool fb_emulate_in_prolog(struct fb_emulation *e, fb_addr address);
/** An address or a word, as wide as the machine has them. */
static inline uint64_t fb_emulate_cut(const struct fb_emulation *e, uint64_t v)
{
    return e->word == sizeof(uint32_t) ? (uint32_t)v : v;
}
