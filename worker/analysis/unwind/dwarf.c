/*
 * worker/analysis/unwind/dwarf.c -- a caller by the rules of .eh_frame.
 *
 * The row that holds at the call says where the CFA is, and from there where the registers are.
 * A CIE may say that its functions are signal trampolines: what they return to was interrupted,
 * and all its registers are known.
 */
#include "unwind/dwarf.h"

enum { STEPS_PER_INSTRUCTION = 64 }; // of a program, for what decoding one costs

/* --- registers ---------------------------------------------------------------------- */

/* DWARF's numbers, from 0 on. macOS has exchanged two of x86 in .eh_frame.
 * Source: the System V ABI of each processor. */
static const int8_t x86[] = {FB_EAX, FB_ECX, FB_EDX, FB_EBX, FB_ESP,
                             FB_EBP, FB_ESI, FB_EDI, FB_EIP};
static const int8_t x86_macos[] = {FB_EAX, FB_ECX, FB_EDX, FB_EBX, FB_EBP,
                                   FB_ESP, FB_ESI, FB_EDI, FB_EIP};
static const int8_t amd64[] = {FB_RAX, FB_RDX, FB_RCX, FB_RBX, FB_RSI, FB_RDI,
                               FB_RBP, FB_RSP, FB_R8,  FB_R9,  FB_R10, FB_R11,
                               FB_R12, FB_R13, FB_R14, FB_R15, FB_RIP};
/* On ARM and ARM64 they are our own. */
static const struct map {
    enum fb_arch arch;
    enum fb_os os; // FB_OS_UNKNOWN: any
    uint8_t n;
    const int8_t *v;
} maps[] = {
    {FB_X86,   FB_MACOS,      sizeof x86_macos, x86_macos},
    {FB_X86,   FB_OS_UNKNOWN, sizeof x86,       x86      },
    {FB_AMD64, FB_OS_UNKNOWN, sizeof amd64,     amd64    },
    {FB_ARM,   FB_OS_UNKNOWN, FB_PC32 + 1,      NULL     },
    {FB_ARM64, FB_OS_UNKNOWN, FB_PC64 + 1,      NULL     },
};

int fb_dwarf_register(const struct fb_system *system, uint64_t number)
{
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        const struct map *m = &maps[i];
        if (m->arch != system->arch || (m->os != FB_OS_UNKNOWN && m->os != system->os))
            continue;
        if (number >= m->n)
            return -1;
        return m->v != NULL ? m->v[number] : (int)number;
    }
    return -1;
}

/* --- rules -------------------------------------------------------------------------- */

struct step { // from a frame to its caller
    const struct fb_unwinder *w;
    struct fb_dwarf_frame frame;
    uint64_t cfa;
    struct fb_regs regs; // the caller's
    uint64_t restored;   // registers by bit
};

static uint64_t in_word(const struct fb_unwinder *w, uint64_t v)
{
    return w->names->word == sizeof(uint32_t) ? (uint32_t)v : v;
}

static bool of_register(const struct step *s, const struct fb_cfa_rule *rule, uint64_t *out)
{
    int i = fb_dwarf_register(&s->w->env->dump->system, rule->reg);
    if (!fb_reg_known(s->frame.regs, i))
        return false;
    *out = in_word(s->w, s->frame.regs->v[i] + (uint64_t)rule->offset);
    return true;
}

/* What a rule says that a register is. @return false: it is not to be found */
static bool value_of(const struct step *s, const struct fb_cfa_rule *rule, uint64_t *out)
{
    size_t word = s->w->names->word;
    uint64_t at = in_word(s->w, s->cfa + (uint64_t)rule->offset);
    switch (rule->how) {
    case FB_CFA_OFFSET:
        return fb_process_read(s->w, at, word, out);
    case FB_CFA_VAL_OFFSET:
        *out = at;
        return true;
    case FB_CFA_REGISTER:
        return of_register(s, rule, out);
    case FB_CFA_EXPRESSION:
        return fb_dwarf_evaluate(&s->frame, rule->expression, &s->cfa, &at) &&
               fb_process_read(s->w, at, word, out);
    case FB_CFA_VAL_EXPRESSION:
        return fb_dwarf_evaluate(&s->frame, rule->expression, &s->cfa, out);
    default:
        return false;
    }
}

static void restore(struct step *s, uint64_t column, const struct fb_cfa_rule *rule)
{
    uint64_t v;
    int i = fb_dwarf_register(&s->w->env->dump->system, column);
    if (i < 0 || rule->how == FB_CFA_UNSAID || rule->how == FB_CFA_SAME)
        return;
    s->regs.valid &= ~(UINT64_C(1) << i);
    if (!value_of(s, rule, &v))
        return;
    fb_reg_set(&s->regs, i, v);
    s->restored |= UINT64_C(1) << i;
}

static bool find_cfa(struct step *s, const struct fb_cfa_rule *rule)
{
    if (rule->how == FB_CFA_REGISTER)
        return of_register(s, rule, &s->cfa);
    return rule->how == FB_CFA_VAL_EXPRESSION &&
           fb_dwarf_evaluate(&s->frame, rule->expression, NULL, &s->cfa);
}

/* Where the column of the return address is no ip, it is a link register, which the callee may
 * still hold. Undefined: nobody has called it. */
static bool return_address(struct step *s, const struct fb_cfa_row *row, uint64_t column,
                           uint64_t *out)
{
    int i = fb_dwarf_register(&s->w->env->dump->system, column);
    if (column >= FB_CFA_COLUMNS || i < 0)
        return false;
    const struct fb_cfa_rule *rule = &row->v[column];
    bool held = rule->how == FB_CFA_UNSAID || rule->how == FB_CFA_SAME;
    *out = 0;
    if (rule->how == FB_CFA_UNDEFINED)
        return true;
    if (held && (i == s->w->names->ip || !fb_reg_known(s->frame.regs, i)))
        return false;
    if (held)
        *out = s->frame.regs->v[i];
    return held || value_of(s, rule, out);
}

static bool apply(struct step *s, const struct fb_eh_fde *fde, const struct fb_cfa_row *row)
{
    uint64_t ip;
    if (!find_cfa(s, &row->cfa) || !return_address(s, row, fde->cie.return_column, &ip))
        return false;
    fb_reg_set(&s->regs, s->w->names->sp, s->cfa);
    for (uint64_t i = 0; i < FB_CFA_COLUMNS; i++)
        restore(s, i, &row->v[i]);
    fb_reg_set(&s->regs, s->w->names->ip, fb_code_address(s->w, ip));
    return fb_reg_known(&s->regs, s->w->names->sp);
}

/* --- the rung ----------------------------------------------------------------------- */

/* Registers that a call may destroy are the handler's, unless a rule has brought them back. */
static void interrupted(const struct step *s, const struct fb_frame *callee,
                        struct fb_caller *caller)
{
    const struct fb_system *system = &s->w->env->dump->system;
    uint64_t saved = fb_ladder_for(system->arch, system->os)->callee_saved;
    fb_addr sp = fb_reg_sp(&s->regs);
    caller->regs.valid &=
        saved | s->restored | UINT64_C(1) << s->w->names->ip | UINT64_C(1) << s->w->names->sp;
    caller->exact = true;
    caller->other_stack = sp <= callee->sp || !fb_in_stack(s->w, sp);
}

/* The row for where `callee` stands, if its module has one. */
static bool find_row(const struct fb_unwinder *w, fb_addr a, size_t *steps,
                     struct fb_eh_fde *fde, struct fb_cfa_row *row)
{
    const struct fb_module *module = fb_code_module(w, a);
    const struct fb_image *image = fb_code_image(w, module);
    const struct fb_eh_index *index = image != NULL ? fb_code_fdes(w, module) : NULL;
    if (index == NULL)
        return false;
    struct fb_err err = fb_eh_find(image, index, a - module->base, fde);
    if (!fb_failed(err))
        err = fb_cfa_row(image, fde, a - module->base, steps, row);
    if (fb_failed(err) && err.code != FB_UNAVAILABLE)
        fb_code_odd(w, module, err.what);
    return !fb_failed(err);
}

static bool unwind(const struct fb_unwinder *w, const struct fb_frame *callee, size_t *steps,
                   struct fb_caller *caller)
{
    struct fb_eh_fde fde;
    struct fb_cfa_row row;
    if (!find_row(w, callee->lookup, steps, &fde, &row))
        return false;
    const struct fb_module *module = fb_code_module(w, callee->lookup);
    struct fb_regs regs;
    fb_regs_in_call(w, callee, &regs);
    struct step s = {
        .w = w,
        .frame = {w, &regs, module->base - fb_code_image(w, module)->preferred_base, steps},
    };
    fb_regs_copy(&s.regs, &regs);
    if (!apply(&s, &fde, &row))
        return false;
    fb_regs_copy(&caller->regs, &s.regs);
    caller->unpopped = w->env->dump->system.arch == FB_X86;
    if (fde.cie.signal)
        interrupted(&s, callee, caller);
    return true;
}

/* All steps of a walk together are bounded by what it may decode. */
bool fb_unwind_eh_frame(const struct fb_unwinder *w, const struct fb_frame *callee,
                        struct fb_caller *caller)
{
    size_t left = w->instructions != NULL ? *w->instructions : FB_CFA_STEPS_MAX;
    size_t may = left * STEPS_PER_INSTRUCTION, steps = may;
    bool found = unwind(w, callee, &steps, caller);
    if (w->instructions != NULL)
        *w->instructions -= (may - steps) / STEPS_PER_INSTRUCTION;
    return found;
}
