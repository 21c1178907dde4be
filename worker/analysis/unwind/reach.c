/*
 * worker/analysis/unwind/reach.c -- whether the call before a return address leads to the code
 * that was found running.
 *
 * The code is followed from where the call goes, all ways of its conditions, through tail calls
 * and thunks, over the calls that it makes. When it comes to the instruction at which the
 * callee stands, the call is proved; when all of it is at hand and it does not, refuted. A way
 * that ends nobody knows where leaves it open.
 */
#include "unwind/seen.h"
#include "unwind/steps.h"

#include <string.h>

enum {
    WAYS_MAX = 64, // that wait to be followed
    INSTRUCTION_MAX = 15,
    BRK = 0x6A1 // the eleven highest bits, ARM64
};

struct search {
    const struct fb_unwinder *w;
    enum fb_arch arch;
    fb_addr goal;
    bool found, open;
    struct fb_code_view view;
    size_t n_waiting;
    fb_addr waiting[WAYS_MAX]; // from here on, nothing needs to be zeroed
    struct fb_seen seen;
};

/* --- words that code calls or jumps through ----------------------------------------- */

/* Folklore: code of x86 that was read from a file has addresses for where it was linked to. */
static uint64_t rva_of(const struct fb_module *module, const struct fb_image *image, fb_addr a)
{
    return a >= module->base && a < module->end ? a - module->base : a - image->preferred_base;
}

static bool imported(const struct fb_image *image, uint64_t rva)
{
    return rva >= image->imports.rva && rva - image->imports.rva < image->imports.size;
}

/* The function whose address the word at `at` is, which code of `module` asks for. An import
 * that is not at hand is, at least, not in the same module. */
static enum fb_fit through(struct search *s, const struct fb_module *module, fb_addr at,
                           fb_addr *target)
{
    const struct fb_dump *dump = s->w->env->dump;
    size_t word = s->w->names->word;
    struct fb_reader r = {.in = fb_memory_at(&dump->memory, at, word), .big = dump->memory.big};
    if (r.in.n == word) {
        *target = fb_read_le(&r, word);
        return FB_FIT_PROVED;
    }
    const struct fb_image *image = fb_code_image(s->w, module);
    bool foreign = image != NULL && imported(image, rva_of(module, image, at)) &&
                   fb_code_module(s->w, s->goal) == module;
    return foreign ? FB_FIT_REFUTED : FB_FIT_OPEN;
}

/* --- one instruction ---------------------------------------------------------------- */

static void put_off(struct search *s, fb_addr a)
{
    s->open |= s->n_waiting == WAYS_MAX;
    if (s->n_waiting < WAYS_MAX)
        s->waiting[s->n_waiting++] = a;
}

/* `int3`, `ud2` and `int 29h` end a way for good, as do `brk` and `udf`. */
static bool stops(enum fb_arch arch, struct fb_span code)
{
    struct fb_reader r = {.in = code};
    uint32_t word = fb_read_u32(&r);
    if (arch == FB_ARM64)
        return !fb_failed(r.err) && (word >> 16 == 0 || word >> 21 == BRK);
    enum { INT3 = 0xCC, INT = 0xCD, FAST_FAIL = 0x29, HLT = 0xF4, TWO = 0x0F, UD2 = 0x0B };
    if (code.n > 0 && (code.p[0] == INT3 || code.p[0] == HLT))
        return true;
    return code.n > 1 && ((code.p[0] == INT && code.p[1] == FAST_FAIL) ||
                          (code.p[0] == TWO && code.p[1] == UD2));
}

/* `jmp [word]`, with or without a REX prefix that changes nothing. @return 0: another one */
static fb_addr word_of_jump(const struct search *s, struct fb_span code, fb_addr at)
{
    enum { REX_W = 0x48, GROUP_5 = 0xFF, JUMP_ABSOLUTE = 0x25 };
    struct fb_reader r = {.in = code};
    if (s->arch == FB_ARM64)
        return 0; // it takes more than one instruction
    if (s->arch == FB_AMD64 && code.n > 0 && code.p[0] == REX_W)
        fb_read_skip(&r, 1);
    bool jumps = fb_read_u8(&r) == GROUP_5 && fb_read_u8(&r) == JUMP_ABSOLUTE;
    uint32_t d = fb_read_u32(&r);
    if (!jumps || fb_failed(r.err))
        return 0;
    return s->arch == FB_X86 ? d : at + r.at + (uint64_t)(int32_t)d;
}

static void leaves(struct search *s, fb_addr at)
{
    struct fb_span code = fb_code_viewed(s->w, &s->view, at, INSTRUCTION_MAX);
    fb_addr word = word_of_jump(s, code, at), target;
    if (stops(s->arch, code))
        return;
    enum fb_fit known =
        word != 0 ? through(s, fb_code_module(s->w, at), word, &target) : FB_FIT_OPEN;
    if (known == FB_FIT_PROVED)
        put_off(s, target);
    s->open |= known == FB_FIT_OPEN;
}

/* @return whether the way goes on, at `*at` */
static bool advance(struct search *s, fb_addr *at)
{
    struct fb_step step;
    if (*s->w->instructions == 0 || !fb_step_at(s->w, &s->view, *at, &step)) {
        s->open = true;
        return false;
    }
    --*s->w->instructions;
    s->found |= s->goal - *at < step.length;
    fb_addr next = *at + step.length;
    switch (step.kind) {
    case FB_STEP_RETURN:
        return false;
    case FB_STEP_END:
        leaves(s, *at);
        return false;
    case FB_STEP_BRANCH:
        put_off(s, step.target);
        break;
    case FB_STEP_JUMP:
        next = step.target;
        break;
    default:
        break;
    }
    *at = next;
    return true;
}

static void follow(struct search *s)
{
    while (s->n_waiting > 0 && !s->found) {
        fb_addr at = s->waiting[--s->n_waiting];
        while (!s->found && fb_seen_first(&s->seen, at) && advance(s, &at))
            continue;
    }
    s->open |= s->seen.n == FB_SEEN_MAX;
}

/* --- the call ----------------------------------------------------------------------- */

static bool same_function(const struct fb_unwinder *w, fb_addr a, fb_addr b)
{
    fb_addr begin, end, function_a, function_b;
    return fb_pdata_x64_function(w, a, &begin, &end, &function_a) &&
           fb_pdata_x64_function(w, b, &begin, &end, &function_b) && function_a == function_b;
}

static enum fb_fit leads_to(struct search *s, fb_addr target)
{
    if (same_function(s->w, target, s->goal))
        return FB_FIT_PROVED;
    put_off(s, target);
    follow(s);
    if (s->found)
        return FB_FIT_PROVED;
    return s->open ? FB_FIT_OPEN : FB_FIT_REFUTED;
}

static enum fb_fit fits(struct search *s, struct fb_call call, fb_addr address)
{
    fb_addr target;
    if (call.kind == FB_CALL_DIRECT)
        return leads_to(s, call.target);
    if (call.kind != FB_CALL_THROUGH)
        return FB_FIT_OPEN;
    enum fb_fit known = through(s, fb_code_module(s->w, address - 1), call.target, &target);
    return known == FB_FIT_PROVED ? leads_to(s, target) : known;
}

enum fb_fit fb_call_fits(const struct fb_unwinder *w, fb_addr address,
                         const struct fb_frame *callee)
{
    struct fb_call call = fb_call_before(w, address);
    bool told = call.kind == FB_CALL_DIRECT || call.kind == FB_CALL_THROUGH;
    size_t before = w->arena->used;
    struct search *s =
        told && w->env->capstone != 0 ? FB_RAW(w->arena, struct search, 1) : NULL;
    if (s == NULL)
        return FB_FIT_OPEN;
    memset(s, 0, offsetof(struct search, waiting));
    s->seen.n = 0;
    s->w = w;
    s->arch = w->env->dump->system.arch;
    s->goal = callee->lookup;
    enum fb_fit fit = fits(s, call, address);
    fb_arena_give_back(w->arena, w->arena->used - before);
    return fit;
}
