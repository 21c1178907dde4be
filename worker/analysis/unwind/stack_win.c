/*
 * worker/analysis/unwind/stack_win.c -- 32-bit x86: the STACK WIN records of a .sym file, which
 * come from frame data and FPO data of a PDB.
 *
 *      esp ->  | parameters of the callee, if it was called with any and has not popped them |
 *              | locals                                                                      |
 *              | saved registers                                                             |
 *              | return address           |  <- where the search for it starts
 *
 * Frame data is a program that works out the caller's registers; FPO data only the sizes of
 * this picture.
 * @source stackwalk notes of Breakpad (postfix programs), FPO_DATA in winnt.h
 */
#include "symbols/postfix.h"
#include "symbols/symstack.h"
#include "unwind/stack_records.h"

enum { VARIABLES_MAX = 64 };
enum { WORD = 4, SAVED_BP = 2 * WORD, SEARCH = 3 * WORD }; // bytes

struct variable {
    struct fb_span name;
    uint64_t value;
};
struct program {
    const struct fb_unwinder *w;
    struct variable v[VARIABLES_MAX];
    size_t n;
};

/* --- variables ---------------------------------------------------------------------- */

static struct variable *variable(struct program *p, struct fb_span name)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->v[i].name.n == name.n && memcmp(p->v[i].name.p, name.p, name.n) == 0)
            return &p->v[i];
    return NULL;
}

static bool get(void *self, struct fb_span name, uint64_t *out)
{
    const struct variable *v = variable(self, name);
    if (v != NULL)
        *out = v->value;
    return v != NULL;
}

static bool set(void *self, struct fb_span name, uint64_t value)
{
    struct program *p = self;
    struct variable *v = variable(p, name);
    if (v == NULL && p->n == VARIABLES_MAX)
        return false;
    if (v == NULL)
        v = &p->v[p->n++];
    *v = (struct variable){name, value & UINT32_MAX};
    return true;
}

static bool load(void *self, uint64_t at, uint64_t *out)
{
    const struct program *p = self;
    return fb_process_read(p->w, at, WORD, out);
}

/* --- the frame ---------------------------------------------------------------------- */

struct frame {
    struct fb_stack_win win;
    struct fb_regs regs;    // as in its call
    uint32_t callee_params; // bytes that its callee was given
};

/* What the next younger frame was given: nothing lies below the youngest. */
static uint32_t given_to(const struct fb_unwinder *w, const struct fb_frame *younger)
{
    struct fb_stack_win win;
    uint64_t rva;
    uint32_t params = 0;
    const struct fb_symfile *sym =
        younger != NULL ? fb_record_symfile(w, younger->lookup, &rva) : NULL;
    if (sym == NULL)
        return 0;
    if (fb_symfile_win(sym, rva, &win))
        return win.params;
    fb_symfile_params(sym, rva, &params);
    return params;
}

static bool find_frame(const struct fb_unwinder *w, const struct fb_frame *callee,
                       struct frame *out)
{
    uint64_t rva;
    const struct fb_symfile *sym = fb_record_symfile(w, callee->lookup, &rva);
    if (sym == NULL || !fb_symfile_win(sym, rva, &out->win))
        return false;
    out->callee_params = given_to(w, w->younger);
    fb_regs_in_call(w, callee, &out->regs);
    return true;
}

/* How far above esp the return address is. */
static uint32_t frame_size(const struct frame *frame)
{
    return frame->win.locals + frame->win.saved + frame->callee_params;
}

/* --- frame data --------------------------------------------------------------------- */

/* What a program calls the registers. Folklore: clang's programs name some by their numbers in
 * CodeView. */
static const struct {
    const char *name, *number;
    int reg;
} registers[] = {
    {"$eip", "$33", FB_EIP},
    {"$esp", "$21", FB_ESP},
    {"$ebp", "$22", FB_EBP},
    {"$ebx", "$20", FB_EBX},
    {"$esi", "$23", FB_ESI},
    {"$edi", "$24", FB_EDI},
};
enum { REGISTERS = sizeof registers / sizeof *registers, REQUIRED = 2, SEEDED = 4 };

/* eip is not known to a program, esi and edi only when it sets them. */
static void seed(struct program *p, const struct frame *frame, uint64_t search)
{
    for (int i = 1; i < SEEDED; i++)
        if (fb_reg_known(&frame->regs, registers[i].reg))
            set(p, fb_span_of(registers[i].name), frame->regs.v[registers[i].reg]);
    set(p, fb_span_of(".cbParams"), frame->win.params);
    set(p, fb_span_of(".cbCalleeParams"), frame->callee_params);
    set(p, fb_span_of(".cbSavedRegs"), frame->win.saved);
    set(p, fb_span_of(".cbLocals"), frame->win.locals);
    set(p, fb_span_of(".raSearchStart"), search);
    set(p, fb_span_of(".raSearch"), search);
}

/* Where a return address is searched: a program that aligns esp knows it by ebp only. */
static uint64_t search_start(const struct frame *frame)
{
    struct fb_sym_name program = frame->win.program;
    bool aligned = program.n != 0 && memchr(program.p, '@', program.n) != NULL;
    return aligned ? fb_reg_fp(&frame->regs) + WORD
                   : fb_reg_sp(&frame->regs) + frame_size(frame);
}

static bool run(const struct fb_unwinder *w, const struct frame *frame, uint64_t search,
                struct fb_regs *caller)
{
    struct program p = {.w = w, .n = 0};
    const struct fb_postfix postfix = {&p, UINT32_MAX, get, set, load};
    seed(&p, frame, search);
    if (!fb_postfix_run(&postfix,
                        (struct fb_span){frame->win.program.p, frame->win.program.n, 0}))
        return false;
    for (int i = 0; i < REGISTERS; i++) {
        uint64_t value;
        if (get(&p, fb_span_of(registers[i].number), &value) ||
            get(&p, fb_span_of(registers[i].name), &value))
            fb_reg_set(caller, registers[i].reg, value);
        else if (i < REQUIRED)
            return false;
    }
    return true;
}

/* --- FPO ---------------------------------------------------------------------------- */

/* Where the return address lies. In a frame that was interrupted, what was left of an earlier
 * call may stand below it, and then leads to where we are. */
static bool return_slot(const struct fb_unwinder *w, const struct frame *frame,
                        const struct fb_frame *callee, fb_addr *at, uint64_t *ra)
{
    *at = fb_reg_sp(&frame->regs) + frame_size(frame);
    if (!fb_stack_word(w, *at, ra))
        return false;
    if (!callee->exact || *ra != callee->resume)
        return true;
    *at += WORD;
    return fb_stack_word(w, *at, ra);
}

static bool picture(const struct fb_unwinder *w, const struct frame *frame,
                    const struct fb_frame *callee, struct fb_regs *caller)
{
    static const uint64_t carried = UINT64_C(1) << FB_EBP | UINT64_C(1) << FB_EBX;
    uint64_t ra, bp;
    fb_addr at;
    if (!return_slot(w, frame, callee, &at, &ra))
        return false;
    *caller = frame->regs;
    caller->valid &= carried;
    if (frame->win.uses_bp) {
        caller->valid &= ~carried;
        if (fb_stack_word(
                w, fb_reg_sp(&frame->regs) + frame->callee_params + frame->win.saved - SAVED_BP,
                &bp))
            fb_reg_set(caller, FB_EBP, bp);
    }
    fb_reg_set(caller, FB_EIP, ra);
    fb_reg_set(caller, FB_ESP, at + WORD);
    return true;
}

/* --- rungs -------------------------------------------------------------------------- */

bool fb_unwind_stack_win(const struct fb_unwinder *w, const struct fb_frame *callee,
                         struct fb_caller *caller)
{
    struct frame frame;
    if (!find_frame(w, callee, &frame))
        return false;
    bool found = frame.win.has_program ? run(w, &frame, search_start(&frame), &caller->regs)
                                       : picture(w, &frame, callee, &caller->regs);
    caller->unpopped = true;
    return found && fb_return_evidence(w, fb_reg_ip(&caller->regs)) >= FB_EVIDENCE_LIKELY;
}

/* Compilers miscount locals: the return address may be a few words above where it is said to
 * be. The program runs again with the first that looks like one; it must take it. */
bool fb_unwind_stack_win_near(const struct fb_unwinder *w, const struct fb_frame *callee,
                              struct fb_caller *caller)
{
    struct frame frame;
    if (!find_frame(w, callee, &frame) || !frame.win.has_program)
        return false;
    uint64_t start = search_start(&frame);
    caller->unpopped = true;
    for (uint64_t at = start; at <= start + SEARCH; at += WORD) {
        uint64_t word;
        if (fb_stack_word(w, at, &word) && fb_return_evidence(w, word) >= FB_EVIDENCE_LIKELY)
            return run(w, &frame, at, &caller->regs) && fb_reg_ip(&caller->regs) == word;
    }
    return false;
}
