/*
 * worker/analysis/unwind/ladder.h -- what the parts of the walker promise each other.
 *
 * A rung is one way to find a caller; all have one signature, so that a ladder is a table and a
 * new method one row. A rung proposes, walk.c checks: what no caller may be, no rung need know.
 */
#pragma once
#include "disasm/insn.h"
#include "symbols/eh_frame.h"
#include "unwind/walk.h"

struct fb_unwinder { // what stays the same during one walk
    const struct fb_walk_env *env;
    struct fb_arena *arena; // scratch for look-ups, given back at once
    const struct fb_reg_names *names;
    struct fb_span stack; // the captured bytes of the stack
    fb_addr stack_start;
    struct fb_places *places; // of the dump
    size_t *instructions;     // that code.c may still decode
    const struct fb_frame
        *younger;         // the callee of the frame whose caller is looked for, or NULL
    uint64_t not_address; // bits that a pointer may carry besides its address: ARM64 only
    uint64_t thumb;       // the bit of a code pointer that says what code it is: ARM only
    bool nameless;        // there is nothing that could name a function
};

/* What a rung proposes. */
struct fb_caller {
    struct fb_regs regs;
    bool exact;       // ip is where it was interrupted, and all known registers are true
    unsigned popped;  // as in struct fb_frame
    bool unpopped;    // likewise
    bool other_stack; // it ran on another stack than its callee: sp may lie anywhere
};

/** Propose a caller of `callee`: at least ip and sp of `caller`, which begins without a known
 * register. An ip below FB_LOWEST_CODE says that the stack ends here. @return false: no idea;
 * `caller` may then hold anything */
typedef bool fb_unwind_fn(const struct fb_unwinder *w, const struct fb_frame *callee,
                          struct fb_caller *caller);
fb_unwind_fn fb_unwind_bad_call, fb_unwind_leaf, fb_unwind_lr;   // leaf.c
fb_unwind_fn fb_unwind_leaf_x64;                                 // leaf.c
fb_unwind_fn fb_unwind_pdata_x64;                                // pdata_x64.c
fb_unwind_fn fb_unwind_pdata_arm64;                              // pdata_arm64.c
fb_unwind_fn fb_unwind_eh_frame;                                 // dwarf.c
fb_unwind_fn fb_unwind_stack_cfi;                                // stack_cfi.c
fb_unwind_fn fb_unwind_stack_win, fb_unwind_stack_win_near;      // stack_win.c
fb_unwind_fn fb_unwind_code;                                     // code.c
fb_unwind_fn fb_unwind_entry;                                    // entry.c
fb_unwind_fn fb_unwind_fp, fb_unwind_fp_arm, fb_unwind_fp_thumb; // fp.c
fb_unwind_fn fb_unwind_again;                                    // again.c
fb_unwind_fn fb_unwind_scan;                                     // scan.c
fb_unwind_fn fb_unwind_signal, fb_unwind_sigtramp;               // signal.c

/* --- shadow.c ----------------------------------------------------------------------- */

struct fb_shadow {
    bool open;    // there is one, and it still speaks
    bool synced;  // `next` belongs to the caller of the frame at hand
    fb_addr next; // the word to be read next
    size_t left;  // words that may still be read
};
enum fb_witness { FB_WITNESS_SILENT, FB_WITNESS_AGREES, FB_WITNESS_CORRECTS };
/** Begin with a thread's shadow stack, if it has one. `live`: its registers are of the same
 * moment. */
void fb_shadow_open(const struct fb_unwinder *w, const struct fb_thread *thread, bool live,
                    struct fb_shadow *out);
/** Ask about the caller that was found for `callee`: `ip`, 0 when there was none. `place` is
 * one whose sp is sure though its ip may be wrong, NULL when there is none.
 * CORRECTS: `*caller` is set to the true one. */
enum fb_witness fb_shadow_ask(const struct fb_unwinder *w, struct fb_shadow *shadow,
                              const struct fb_frame *callee, fb_addr ip,
                              const struct fb_caller *place, struct fb_caller *caller);

/** Whether a frame's sp is where its code left it: reckoned, and arguments counted. */
static inline bool fb_sp_is_sure(const struct fb_frame *frame)
{
    return frame->exact || (frame->trust == FB_TRUST_CFI && !frame->unpopped);
}
/** A frame's registers as they were in its call, when the arguments still stood on the stack:
 * what records of symbol files and images speak of. evidence.c */
void fb_regs_in_call(const struct fb_unwinder *w, const struct fb_frame *frame,
                     struct fb_regs *out);

/* What a rung cannot do without: where it is not at hand, nobody asks the rung. */
enum fb_need {
    FB_NEED_EXACT = 1, // a frame that was interrupted
    FB_NEED_SYMBOLS = 2,
    FB_NEED_IMAGE = 4, // of some module, or function tables of the process itself
};
struct fb_rung {
    const char *method;
    enum fb_trust trust;
    fb_unwind_fn *unwind;
    unsigned needs; // of enum fb_need, by bit
};
struct fb_ladder {
    enum fb_arch arch;
    enum fb_os os;                    // FB_OS_UNKNOWN: any
    unsigned call;                    // bytes that lead from a return address into the call
    uint64_t callee_saved;            // registers by bit
    const struct fb_rung *const rung; // up to the one without a method
};
/** The ladder of a machine; NULL when we have none. */
const struct fb_ladder *fb_ladder_for(enum fb_arch arch, enum fb_os os);

/** The function, or the part of one, that x64 unwind data has at `a`: its first byte, its end,
 * and where the function to which it belongs is entered. @return false: none that we know */
bool fb_pdata_x64_function(const struct fb_unwinder *w, fb_addr a, fb_addr *begin, fb_addr *end,
                           fb_addr *primary);
/** The function that holds `a`, as unwind data of ARM64 Windows has it: a part of one, when it
 * was cut into parts. @return false: no data, or no function */
bool fb_pdata_arm64_function(const struct fb_unwinder *w, fb_addr a, fb_addr *begin,
                             fb_addr *end);

/* --- evidence.c --------------------------------------------------------------------- */

enum fb_evidence fb_return_evidence(const struct fb_unwinder *w, uint64_t word);
/** Whether `a` may hold code: false only when the dump says that it does not. */
bool fb_may_execute(const struct fb_unwinder *w, fb_addr a);
/** Code from `a` on, as many of `max` bytes as stand together: from the dump, else from the
 * module's image. */
struct fb_span fb_code_bytes(const struct fb_unwinder *w, fb_addr a, size_t max);
struct fb_code_view { // bytes that were found last; begins with zeros
    fb_addr at;
    struct fb_span bytes;
};
/** Like fb_code_bytes, for who reads on and on. */
struct fb_span fb_code_viewed(const struct fb_unwinder *w, struct fb_code_view *view, fb_addr a,
                              size_t max);
/** The bytes that end at `a`, as many of `max` as are at hand, likewise. */
struct fb_span fb_code_before(const struct fb_unwinder *w, fb_addr a, size_t max);
/** The image of a module: that of its code id, else the pages that the dump holds; NULL when
 * there is neither. */
const struct fb_image *fb_code_image(const struct fb_unwinder *w,
                                     const struct fb_module *module);
/** Whether any module may have an image. */
bool fb_code_has_images(const struct fb_walk_env *env);
/** Whether there are symbols for the module; MISSING when there is no module. */
enum fb_symbol_state fb_code_symbols(const struct fb_unwinder *w,
                                     const struct fb_module *module);
/** Its symbol file; NULL when there is none, or who answers does not hand it out. */
const struct fb_symfile *fb_code_symfile(const struct fb_unwinder *w,
                                         const struct fb_module *module);
/** The table of a module's FDEs, made when it is first asked for; NULL when there are none. */
const struct fb_eh_index *fb_code_fdes(const struct fb_unwinder *w,
                                       const struct fb_module *module);
/** Note what is odd about a module's image; the first thing counts. `what` is a literal. */
void fb_code_odd(const struct fb_unwinder *w, const struct fb_module *module, const char *what);
/** What its image itself names at `rva`, or nearest below. @return false: nothing */
bool fb_code_nearest(const struct fb_unwinder *w, const struct fb_module *module, uint64_t rva,
                     struct fb_arena *arena, struct fb_symbol *out);
/** The same, unless unwind data says that it is another function's name. */
bool fb_code_own_name(const struct fb_unwinder *w, const struct fb_module *module, uint64_t rva,
                      struct fb_arena *arena, struct fb_symbol *out); // own_name.c
/** The module that holds `a`, NULL when none does. */
static inline const struct fb_module *fb_code_module(const struct fb_unwinder *w, fb_addr a)
{
    bool may = a >= w->places->code_start && a < w->places->code_end;
    return may ? fb_place_at(w->places, a)->module : NULL;
}
/** Whether a module (NULL: none) belongs to the system, by where it was loaded from. */
bool fb_of_system(const struct fb_module *module);
/** The call before a return address. */
struct fb_call fb_call_before(const struct fb_unwinder *w, fb_addr address); // call.c
/* What the call before a return address says about who was called. */
enum fb_fit { FB_FIT_REFUTED, FB_FIT_OPEN, FB_FIT_PROVED };
/** Whether the call before `address` leads to where `callee` stands. reach.c
 * REFUTED: all the code that it leads to is at hand, and `callee` is not in it. */
enum fb_fit fb_call_fits(const struct fb_unwinder *w, fb_addr address,
                         const struct fb_frame *callee);
/** Where the function that holds `a` is entered, by unwind data or symbols.
 * @return false: they do not say */
bool fb_function_entry(const struct fb_unwinder *w, fb_addr a, fb_addr *out);
/** Whether two addresses surely lie in different functions. */
bool fb_other_function(const struct fb_unwinder *w, fb_addr a, fb_addr b);
/** A code pointer of ARM64 without authentication and tag. */
fb_addr fb_code_unsigned(const struct fb_unwinder *w, uint64_t word);
/** A code pointer without authentication, tag and Thumb bits. */
static inline fb_addr fb_code_address(const struct fb_unwinder *w, uint64_t word)
{
    return w->not_address != 0 ? fb_code_unsigned(w, word) : word & ~w->thumb;
}
static inline bool fb_in_stack(const struct fb_unwinder *w, fb_addr a)
{
    return a - w->stack_start < w->stack.n;
}
/** One word of the stack. Without a reader, whose errors nobody would hear: a scan asks this of
 * every word. @return false: not captured */
static inline bool fb_stack_word(const struct fb_unwinder *w, fb_addr a, uint64_t *out)
{
    size_t word = w->names->word;
    uint64_t at = a - w->stack_start;
    if (at >= w->stack.n || w->stack.n - at < word)
        return false;
    *out = fb_span_word(w->stack, at, word, w->env->dump->memory.big);
    return true;
}
struct fb_words { // of the stack, one after the other
    struct fb_span bytes;
    size_t n, size; // words, and the bytes of one
    bool big;
};
/** All words from `a` up. */
static inline struct fb_words fb_stack_words(const struct fb_unwinder *w, fb_addr a)
{
    size_t size = w->names->word;
    struct fb_span there = fb_span_clip(w->stack, a - w->stack_start, SIZE_MAX);
    return (struct fb_words){there, there.n / size, size, w->env->dump->memory.big};
}
static inline uint64_t fb_words_at(const struct fb_words *words, size_t i)
{
    return fb_span_word(words->bytes, i * words->size, words->size, words->big);
}
/** `n` <= 8 bytes of the stack, or of whatever else the dump holds. @return false: not
 * captured */
bool fb_process_read(const struct fb_unwinder *w, fb_addr a, size_t n, uint64_t *out);
