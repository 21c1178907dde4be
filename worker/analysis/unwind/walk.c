/*
 * worker/analysis/unwind/walk.c -- frame by frame: ask the rungs, check what they propose, and
 * stop with a reason.
 *
 * The walk first finds all frames and only then their names, so that frames stand in one block
 * which grows to what is needed and no more. Every caller lies higher on the stack than its
 * callee: that alone bounds the walk by the size of the stack, whatever its bytes say.
 */
#include "unwind/walk.h"
#include "unwind/names.h"

enum {
    GUESSES_MAX = 4,             // scanned frames in a row, once there has been a better one
    INSTRUCTIONS_MAX = 16384,    // decoded to find callers
    STACKS_MAX = 2,              // that a walk may change to
    STACK_MAX = 64 * 1024 * 1024 // of a stack that the thread list does not hold
};

struct walk { // what changes from frame to frame
    struct fb_unwinder w;
    const struct fb_ladder *ladder;
    size_t scanned, guesses;
    size_t instructions; // left to decode
    bool better;         // some caller was not guessed
    unsigned stacks;     // changed to
    unsigned at_hand;    // of what rungs need, by bit
    struct fb_shadow shadow;
    const struct fb_frame *corrupted; // as in struct fb_stack
};

/* --- the stack and the addresses ---------------------------------------------------- */

/* Bits beyond an address: what Crashpad says, else all beyond 47 bits or the highest module. */
static uint64_t beyond_address(const struct fb_dump *dump, fb_addr highest)
{
    uint64_t address = (UINT64_C(1) << 47) - 1;
    if (dump->system.arch != FB_ARM64)
        return 0;
    if (dump->address_mask != 0)
        return dump->address_mask;
    while (address < highest)
        address = address << 1 | 1;
    return ~address;
}

/* The captured stack: the thread's own when sp is in it, the memory at sp otherwise. When sp
 * itself was not captured, a stack that overflowed, the thread's own again. */
static void find_stack(struct fb_unwinder *w, const struct fb_thread *thread, fb_addr sp)
{
    bool own = sp >= thread->stack_start && sp - thread->stack_start < thread->stack.n;
    struct fb_span there =
        own ? (struct fb_span){0} : fb_memory_at(&w->env->dump->memory, sp, STACK_MAX);
    w->stack = there.n != 0 ? there : thread->stack;
    w->stack_start = there.n != 0 ? sp : thread->stack_start;
}

static struct fb_unwinder unwinder(const struct fb_walk_env *env,
                                   const struct fb_thread *thread, const struct fb_regs *regs,
                                   struct fb_places *places, struct fb_arena *arena)
{
    struct fb_unwinder w = {.env = env,
                            .arena = arena,
                            .names = fb_reg_names(env->dump->system.arch),
                            .places = places,
                            .thumb = env->dump->system.arch == FB_ARM};
    w.not_address = beyond_address(env->dump, places->code_end);
    find_stack(&w, thread, fb_reg_sp(regs));
    return w;
}

/* --- one step ----------------------------------------------------------------------- */

static bool canonical(const struct fb_unwinder *w, fb_addr a)
{
    unsigned bits = w->env->dump->system.arch == FB_AMD64 ? 47 : 55;
    if (w->names->word == sizeof(uint32_t))
        return a <= UINT32_MAX;
    return a >> bits == 0 || a >> bits == UINT64_MAX >> bits;
}

/* Whether `caller` can be one, whoever proposes it. Out of a frame that was interrupted sp may
 * stay where a call leaves it alone; out of one on another stack, it may lie anywhere. */
static bool passes(const struct walk *walk, const struct fb_frame *callee,
                   const struct fb_caller *caller)
{
    const struct fb_unwinder *w = &walk->w;
    fb_addr ip = fb_reg_ip(&caller->regs), sp = fb_reg_sp(&caller->regs);
    bool stays = sp == callee->sp && w->names->lr >= 0 && callee->exact && ip != callee->resume;
    bool held = fb_in_stack(w, sp) || sp == w->stack_start + w->stack.n || stays;
    bool rises = (sp > callee->sp || stays) && held;
    bool crosses = caller->other_stack && walk->stacks < STACKS_MAX;
    return (rises || crosses) && sp % w->names->word == 0 && canonical(w, ip) &&
           canonical(w, sp);
}

static void change_stack(struct walk *walk, const struct fb_regs *regs)
{
    static const struct fb_thread nobody;
    find_stack(&walk->w, &nobody, fb_reg_sp(regs));
    walk->stacks++;
}

static void keep_saved(const struct fb_ladder *ladder, const struct fb_reg_names *names,
                       struct fb_regs *caller)
{
    caller->valid &= ladder->callee_saved | UINT64_C(1) << names->ip |
                     UINT64_C(1) << names->sp | (names->fp >= 0 ? UINT64_C(1) << names->fp : 0);
}

static void make_frame(const struct walk *walk, const struct fb_rung *rung,
                       const struct fb_regs *regs, bool exact, struct fb_frame *out)
{
    fb_addr ip = fb_reg_ip(regs);
    memset(out, 0, offsetof(struct fb_frame, regs));
    out->resume = ip;
    out->lookup = exact ? fb_code_address(&walk->w, ip) : ip - walk->ladder->call;
    out->sp = fb_reg_sp(regs);
    out->trust = rung->trust;
    out->method = rung->method;
    out->exact = exact;
    fb_regs_copy(&out->regs, regs);
}

/* Scanned frames in a row are guesses upon guesses, unless a call before each proves it, or
 * their regularity. */
static void count(struct walk *walk, const struct fb_rung *rung, const struct fb_frame *frame)
{
    bool scanned = rung->trust == FB_TRUST_SCAN;
    bool again = rung->unwind == fb_unwind_again;
    bool proved =
        !scanned || again || fb_return_evidence(&walk->w, frame->resume) == FB_EVIDENCE_PROVED;
    walk->scanned += scanned && !again;
    walk->guesses = proved ? 0 : walk->guesses + 1;
    walk->better |= !scanned;
}

/* What the ladder says about the caller of a frame. */
struct proposal {
    const struct fb_rung *by; // whose caller passes; NULL: nobody's
    struct fb_caller caller;
    bool reckoned; // a method that reckons knows where the caller's sp is, whatever its ip
    struct fb_caller place;
    const char *stop; // why there is no caller
};

/* Whether the method may still be asked. @return why not, NULL when it may */
static const char *spent(const struct walk *walk, const struct fb_rung *rung)
{
    if (rung->trust == FB_TRUST_SCAN && walk->scanned == FB_SCANNED_MAX)
        return "limit of scanned frames";
    if (rung->trust == FB_TRUST_SCAN && walk->better && walk->guesses == GUESSES_MAX)
        return "only guesses are left";
    return NULL;
}

static const char *no_method(const struct fb_unwinder *w, const struct fb_frame *callee)
{
    if (w->stack.n == 0)
        return "the stack was not captured";
    return fb_in_stack(w, callee->sp) ? "no method finds a caller"
                                      : "the stack pointer left the captured stack";
}

static void remember_place(const struct walk *walk, const struct fb_frame *callee,
                           const struct fb_rung *rung, const struct fb_caller *caller,
                           struct proposal *p)
{
    fb_addr sp = fb_reg_sp(&caller->regs);
    if (p->reckoned || rung->trust < FB_TRUST_CFI || sp <= callee->sp ||
        !fb_in_stack(&walk->w, sp))
        return;
    p->reckoned = true;
    p->place = *caller;
}

/* Nothing is known of it. The registers' values need not be zeroed for that. */
static void forget_caller(enum fb_arch arch, struct fb_caller *caller)
{
    caller->regs.arch = arch;
    caller->regs.valid = 0;
    caller->exact = caller->unpopped = caller->other_stack = false;
    caller->popped = 0;
}

static void propose(const struct walk *walk, const struct fb_frame *callee, struct proposal *p)
{
    unsigned lacks = ~(walk->at_hand | (callee->exact ? FB_NEED_EXACT : 0));
    p->by = NULL;
    p->reckoned = false;
    for (const struct fb_rung *rung = walk->ladder->rung; rung->method != NULL; rung++) {
        if ((rung->needs & lacks) != 0)
            continue;
        forget_caller(callee->regs.arch, &p->caller);
        if ((p->stop = spent(walk, rung)) != NULL)
            return;
        if (!rung->unwind(&walk->w, callee, &p->caller))
            continue;
        if (walk->shadow.open)
            remember_place(walk, callee, rung, &p->caller, p);
        if (fb_reg_ip(&p->caller.regs) < FB_LOWEST_CODE) {
            p->stop = "end of the stack";
            return;
        }
        if (passes(walk, callee, &p->caller)) {
            p->by = rung;
            return;
        }
    }
    p->stop = no_method(&walk->w, callee);
}

/* The shadow stack has the last word. What it says in place of a method that reckons, means
 * that the return address was overwritten. */
static void hear_witness(struct walk *walk, const struct fb_frame *callee, struct proposal *p)
{
    static const struct fb_rung shadow = {"shadow_stack", FB_TRUST_SHADOW_STACK, NULL, 0};
    if (p->by != NULL && p->caller.exact)
        return; // no call stands between
    fb_addr ip = p->by != NULL ? fb_reg_ip(&p->caller.regs) : 0;
    enum fb_witness said = fb_shadow_ask(&walk->w, &walk->shadow, callee, ip,
                                         p->reckoned ? &p->place : NULL, &p->caller);
    if (said == FB_WITNESS_CORRECTS && p->reckoned && walk->corrupted == NULL)
        walk->corrupted = callee;
    bool guessed = p->by != NULL && p->by->trust < FB_TRUST_CFI;
    if (said == FB_WITNESS_CORRECTS || (said == FB_WITNESS_AGREES && guessed))
        p->by = &shadow;
}

/* The caller of `callee`. @return NULL: found; else why not */
static const char *step(struct walk *walk, const struct fb_frame *callee, struct fb_frame *out)
{
    struct proposal p;
    propose(walk, callee, &p);
    if (walk->shadow.open)
        hear_witness(walk, callee, &p);
    if (p.by == NULL)
        return p.stop;
    if (!p.caller.exact)
        keep_saved(walk->ladder, walk->w.names, &p.caller.regs);
    if (p.caller.other_stack)
        change_stack(walk, &p.caller.regs);
    make_frame(walk, p.by, &p.caller.regs, p.caller.exact, out);
    out->popped = p.caller.popped;
    out->unpopped = p.caller.unpopped;
    count(walk, p.by, out);
    return NULL;
}

/* --- the whole ---------------------------------------------------------------------- */

/* Room for all frames that a walk may have, or for as many as half of the arena holds: names
 * and look-ups need the rest. It is not zeroed, since most of it is given back. */
static struct fb_frame *room_for_frames(struct fb_arena *arena, size_t *cap)
{
    size_t half = (arena->cap - arena->used) / 2 / sizeof(struct fb_frame);
    *cap = half < FB_FRAMES_MAX ? half : FB_FRAMES_MAX;
    return *cap != 0 ? FB_RAW(arena, struct fb_frame, *cap) : NULL;
}

/* What one walk may decode of what is left for all. */
static size_t allowance(const struct fb_walk_env *env)
{
    size_t left = env->work != NULL ? env->work->left[FB_WORK_INSTRUCTIONS] : SIZE_MAX;
    return left < INSTRUCTIONS_MAX ? left : INSTRUCTIONS_MAX;
}

/* What all rungs of a walk can do with. */
static unsigned at_hand(const struct fb_walk_env *env)
{
    bool image = fb_code_has_images(env) || env->dump->n_function_tables != 0;
    return (env->symbols != NULL ? FB_NEED_SYMBOLS : 0) | (image ? FB_NEED_IMAGE : 0);
}

static void find_frames(struct walk *walk, const struct fb_regs *regs, struct fb_frame *v,
                        size_t cap, struct fb_stack *out)
{
    static const struct fb_rung context = {"context", FB_TRUST_CONTEXT, NULL, 0};
    size_t n = 0;
    const char *stop = NULL;
    make_frame(walk, &context, regs, true, &v[n++]);
    while (stop == NULL && n < cap && fb_work_take(walk->w.env->work, FB_WORK_FRAMES, 1)) {
        walk->w.younger = n > 1 ? &v[n - 2] : NULL;
        if ((stop = step(walk, &v[n - 1], &v[n])) == NULL)
            n++;
    }
    *out = (struct fb_stack){
        v, n, stop != NULL ? stop : "limit of frames", stop == NULL, walk->corrupted, {0}};
}

struct fb_err fb_walk(const struct fb_walk_env *env, const struct fb_thread *thread,
                      const struct fb_regs *regs, struct fb_arena *arena, struct fb_stack *out)
{
    struct walk walk = {.ladder = fb_ladder_for(env->dump->system.arch, env->dump->system.os)};
    size_t cap;
    if (walk.ladder == NULL || regs->valid == 0) {
        *out = (struct fb_stack){.stop = regs->valid == 0 ? "no registers"
                                                          : "no method for this processor"};
        return FB_NO_ERR;
    }
    struct fb_frame *v = room_for_frames(arena, &cap);
    if (v == NULL)
        return FB_FAIL(LIMIT, "no room for the frames of a thread", 0);
    struct fb_places own;
    if (env->places == NULL)
        fb_places_open(env->dump, &own);
    walk.w = unwinder(env, thread, regs, env->places != NULL ? env->places : &own, arena);
    walk.at_hand = at_hand(env);
    walk.w.nameless = walk.at_hand == 0;
    fb_shadow_open(&walk.w, thread, regs == &thread->regs, &walk.shadow);
    size_t allowed = walk.instructions = allowance(env);
    walk.w.instructions = &walk.instructions;
    find_frames(&walk, regs, v, cap, out);
    (void)fb_work_take(env->work, FB_WORK_INSTRUCTIONS, allowed - walk.instructions);
    fb_arena_give_back(arena, (cap - out->n) * sizeof *v);
    for (size_t i = 0; i < out->n; i++)
        fb_name_frame(&walk.w, arena, &v[i]);
    out->cycle = fb_stack_cycle(out);
    if (out->cut && cap < FB_FRAMES_MAX)
        return FB_FAIL(LIMIT, "no room for all frames of a thread", 0);
    return FB_NO_ERR;
}
