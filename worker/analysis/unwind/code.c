/*
 * worker/analysis/unwind/code.c -- the code itself as unwind information.
 *
 * From where a function stands, its code is followed to the return, with the registers and the
 * stack that the dump holds: no more than where sp goes, and which saved registers come back.
 * Both ways of a condition are gone; a call returns and leaves sp as it was. Where the paths
 * end must be a return address; when they end in different ones, only a proof decides.
 *
 * On x86 a callee may pop its arguments. How many bytes, its own code says, or the caller's
 * behind the call; when neither does, the return address may lie a little higher than reckoned.
 */
#include "unwind/ladder.h"

#include "disasm/insn.h"

#include <string.h>

enum {
    INSTRUCTIONS_MAX = 512, // per frame, however many paths
    SEEN_SLOTS = 1024,      // of the table of addresses: twice as many, a power of two
    PATHS_MAX = 32,         // that wait to be followed
    SAVED_MAX = 24,         // words that a path has stored
    X86_INSN_MAX = 15,
    POPPED_MAX = 16 // words of arguments that a callee may have popped unseen
};

struct saved { // a word of the stack that the path has written
    fb_addr at;
    uint64_t value;
    bool known;
};
struct path {
    fb_addr ip;
    struct fb_regs regs;
    struct saved saved[SAVED_MAX];
    size_t n;
    bool full;  // there was no room for a word: what the stack holds, is not known any more
    bool loose; // some callee may have popped its arguments
    bool fresh; // and it was the last instruction that called it
};
struct answer {
    bool found, disputed;
    fb_addr slot;
    unsigned popped; // bytes of arguments
    struct fb_regs regs;
};
struct emulation {
    const struct fb_unwinder *w;
    enum fb_arch arch;
    size_t word;
    int ip, sp, bp;
    uint64_t callee_saved;
    size_t left; // instructions
    size_t n_waiting, n_seen;
    struct answer answer[FB_EVIDENCE_PROVED + 1]; // the best by its evidence
    uint16_t slot[SEEN_SLOTS];                    // of the hash table: 1 + index in `seen`
    fb_addr seen[INSTRUCTIONS_MAX];               // from here on, nothing needs to be zeroed
    struct path waiting[PATHS_MAX];
};

/* --- registers and words ------------------------------------------------------------ */

static uint64_t cut(const struct emulation *e, uint64_t v)
{
    return e->word == sizeof(uint32_t) ? (uint32_t)v : v;
}

static void forget(struct fb_regs *regs, uint64_t which) { regs->valid &= ~which; }

static void put(const struct emulation *e, struct fb_regs *regs, int to, bool known,
                uint64_t value)
{
    if (to >= 0 && known)
        fb_reg_set(regs, to, cut(e, value));
    else if (to >= 0)
        forget(regs, UINT64_C(1) << to);
}

static void store(struct path *p, fb_addr at, bool known, uint64_t value)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->saved[i].at == at) {
            p->saved[i] = (struct saved){at, value, known};
            return;
        }
    p->full |= p->n == SAVED_MAX;
    if (p->n < SAVED_MAX)
        p->saved[p->n++] = (struct saved){at, value, known};
}

static bool load(const struct emulation *e, const struct path *p, fb_addr at, uint64_t *out)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->saved[i].at == at) {
            *out = p->saved[i].value;
            return p->saved[i].known;
        }
    return !p->full && fb_stack_word(e->w, at, out);
}

/* --- one instruction ---------------------------------------------------------------- */

static void push(const struct emulation *e, struct path *p, int from, int64_t words)
{
    bool known = fb_reg_known(&p->regs, from);
    uint64_t value = known ? p->regs.v[from] : 0;
    if (!fb_reg_known(&p->regs, e->sp))
        return;
    uint64_t sp = cut(e, p->regs.v[e->sp] - (uint64_t)words * e->word);
    fb_reg_set(&p->regs, e->sp, sp);
    store(p, sp, known, value);
}

static void pop(const struct emulation *e, struct path *p, int to, int64_t words)
{
    uint64_t value = 0;
    bool known = fb_reg_known(&p->regs, e->sp);
    if (known) {
        uint64_t sp = p->regs.v[e->sp];
        known = load(e, p, sp, &value);
        fb_reg_set(&p->regs, e->sp, cut(e, sp + (uint64_t)words * e->word));
    }
    put(e, &p->regs, to, known, value);
}

static void leave(const struct emulation *e, struct path *p)
{
    put(e, &p->regs, e->sp, fb_reg_known(&p->regs, e->bp), p->regs.v[e->bp]);
    pop(e, p, e->bp, 1);
}

static void enter(const struct emulation *e, struct path *p, int64_t size)
{
    push(e, p, e->bp, 1);
    put(e, &p->regs, e->bp, fb_reg_known(&p->regs, e->sp), p->regs.v[e->sp]);
    put(e, &p->regs, e->sp, fb_reg_known(&p->regs, e->sp), p->regs.v[e->sp] - (uint64_t)size);
}

/* What every instruction does that only reckons. */
static void apply(const struct emulation *e, struct path *p, const struct fb_step *s)
{
    struct fb_regs *regs = &p->regs;
    bool known = fb_reg_known(regs, s->from);
    uint64_t from = known ? regs->v[s->from] : 0, value = 0;
    uint64_t constant = (uint64_t)s->constant;
    switch (s->kind) {
    case FB_STEP_SET:
        put(e, regs, s->to, known, from + constant);
        break;
    case FB_STEP_MASK:
        put(e, regs, s->to, known, from & constant);
        break;
    case FB_STEP_LOAD:
        known = known && load(e, p, cut(e, from + constant), &value);
        put(e, regs, s->to, known, value);
        break;
    case FB_STEP_STORE: // others than saved registers do not come back
        if (fb_reg_known(regs, s->to) && (e->callee_saved >> s->from & 1) != 0)
            store(p, cut(e, regs->v[s->to] + constant), known, from);
        break;
    case FB_STEP_PUSH:
        push(e, p, s->from, s->constant);
        break;
    case FB_STEP_POP:
        forget(regs, s->writes & ~(UINT64_C(1) << e->sp));
        pop(e, p, s->to, s->constant);
        break;
    case FB_STEP_ENTER:
        enter(e, p, s->constant);
        break;
    case FB_STEP_LEAVE:
        leave(e, p);
        break;
    default:
        forget(regs, s->writes);
        break;
    }
}

static bool decode(struct emulation *e, fb_addr at, struct fb_step *out)
{
    if (e->left == 0)
        return false;
    e->left--;
    struct fb_span code = fb_code_bytes(e->w, at, X86_INSN_MAX);
    return fb_disasm_step(e->w->env->capstone, e->arch, code, at, out);
}

/* --- calls -------------------------------------------------------------------------- */

/* The bytes that the function at `at` pops, which is the same at all of its returns: so that
 * the first one in sight will do. @return false: it is not in sight */
static bool popped_by(struct emulation *e, fb_addr at, uint64_t *out)
{
    enum { IN_SIGHT = 64 };
    struct fb_step s;
    for (size_t i = 0; i < IN_SIGHT && decode(e, at, &s) && s.kind != FB_STEP_END; i++) {
        if (s.kind == FB_STEP_RETURN) {
            *out = (uint64_t)s.constant;
            return true;
        }
        at = cut(e, s.kind == FB_STEP_JUMP ? s.target : at + s.length);
    }
    return false;
}

static void call(struct emulation *e, struct path *p, const struct fb_step *s)
{
    uint64_t popped;
    if (s->target_known && s->target == p->ip) { // only to know where it stands
        push(e, p, -1, 1);
        return;
    }
    forget(&p->regs, ~(e->callee_saved | UINT64_C(1) << e->sp));
    if (e->arch != FB_X86)
        return;
    if (s->target_known && popped_by(e, s->target, &popped)) {
        put(e, &p->regs, e->sp, fb_reg_known(&p->regs, e->sp), p->regs.v[e->sp] + popped);
        return;
    }
    p->loose = p->fresh = true;
}

/* Folklore: gcc takes arguments off the stack by itself, and so takes back what a callee has
 * popped: `sub esp, n` behind a call undoes it. */
static bool undoes_pop(const struct emulation *e, struct path *p, const struct fb_step *s)
{
    bool fresh = p->fresh;
    p->fresh = false;
    return fresh && s->kind == FB_STEP_SET && s->to == e->sp && s->from == e->sp &&
           s->constant < 0;
}

/* --- where a path ends -------------------------------------------------------------- */

static bool same_register(const struct fb_regs *a, const struct fb_regs *b, int i)
{
    return fb_reg_known(a, i) && fb_reg_known(b, i) && a->v[i] == b->v[i];
}

/* Two paths to one return must agree on a register, or it is not known. */
static void merge(struct answer *a, const struct fb_regs *regs)
{
    for (int i = 0; i < FB_REGS_MAX; i++)
        if (!same_register(&a->regs, regs, i))
            forget(&a->regs, UINT64_C(1) << i);
}

static void propose(struct emulation *e, fb_addr slot, unsigned popped,
                    const struct fb_regs *regs, enum fb_evidence evidence)
{
    struct answer *a = &e->answer[evidence];
    if (a->found && (a->slot != slot || !same_register(&a->regs, regs, e->sp)))
        a->disputed = true;
    else if (a->found)
        merge(a, regs);
    else
        *a = (struct answer){true, false, slot, popped, *regs};
}

/* The return address at `slot`, by what speaks for it. */
static enum fb_evidence evidence_at(const struct emulation *e, fb_addr slot, uint64_t *ra)
{
    if (slot % e->word != 0 || !fb_stack_word(e->w, slot, ra))
        return FB_EVIDENCE_NONE;
    return fb_return_evidence(e->w, *ra);
}

/* When callees may have popped their arguments: the first proof a little above. What was popped
 * on the way came from wrong places. */
static enum fb_evidence look_above(const struct emulation *e, struct path *p, fb_addr *slot,
                                   uint64_t *ra)
{
    for (size_t i = 1; i <= POPPED_MAX; i++) {
        fb_addr at = *slot + i * e->word;
        if (evidence_at(e, at, ra) != FB_EVIDENCE_PROVED)
            continue;
        *slot = at;
        p->regs.valid = UINT64_C(1) << e->sp;
        return FB_EVIDENCE_PROVED;
    }
    return FB_EVIDENCE_NONE;
}

static void end(struct emulation *e, struct path *p, const struct fb_step *s)
{
    uint64_t ra;
    if (!fb_reg_known(&p->regs, e->sp))
        return;
    fb_addr slot = p->regs.v[e->sp];
    enum fb_evidence evidence = evidence_at(e, slot, &ra);
    if (evidence < FB_EVIDENCE_LIKELY && p->loose)
        evidence = look_above(e, p, &slot, &ra);
    if (evidence < FB_EVIDENCE_LIKELY)
        return;
    fb_reg_set(&p->regs, e->ip, fb_code_address(e->w, ra));
    fb_reg_set(&p->regs, e->sp, cut(e, slot + e->word + (uint64_t)s->constant));
    propose(e, slot, (unsigned)s->constant, &p->regs, evidence);
}

/* --- all paths ---------------------------------------------------------------------- */

/* @return whether `a` is new and there is room for it */
static bool first_time(struct emulation *e, fb_addr a)
{
    static const uint32_t spread = 0x9E3779B1; // of the golden ratio
    size_t i = (size_t)((uint32_t)a * spread >> 16) % SEEN_SLOTS;
    while (e->slot[i] != 0 && e->seen[e->slot[i] - 1] != a)
        i = (i + 1) % SEEN_SLOTS;
    if (e->slot[i] != 0 || e->n_seen == INSTRUCTIONS_MAX)
        return false;
    e->seen[e->n_seen++] = a;
    e->slot[i] = (uint16_t)e->n_seen;
    return true;
}

static void put_off(struct emulation *e, const struct path *p, fb_addr at)
{
    if (e->n_waiting == PATHS_MAX)
        return;
    e->waiting[e->n_waiting] = *p;
    e->waiting[e->n_waiting++].ip = at;
}

/* @return whether the path goes on, from its ip */
static bool follow(struct emulation *e, struct path *p, const struct fb_step *s)
{
    fb_addr next = p->ip = cut(e, p->ip + s->length);
    if (undoes_pop(e, p, s))
        return true;
    switch (s->kind) {
    case FB_STEP_CALL:
        call(e, p, s);
        return true;
    case FB_STEP_BRANCH:
        put_off(e, p, next);
        p->ip = s->target;
        return s->target_known;
    case FB_STEP_JUMP:
        p->ip = s->target;
        return true;
    case FB_STEP_RETURN:
        end(e, p, s);
        return false;
    case FB_STEP_END:
        return false;
    default:
        apply(e, p, s);
        return true;
    }
}

static void follow_all(struct emulation *e)
{
    struct fb_step s;
    while (e->n_waiting > 0) {
        struct path p = e->waiting[--e->n_waiting];
        while (first_time(e, p.ip) && decode(e, p.ip, &s) && follow(e, &p, &s))
            continue;
    }
}

/* Room for an emulation, of which only the beginning is zeroed. */
static struct emulation *room(struct fb_arena *arena)
{
    struct emulation *e = FB_RAW(arena, struct emulation, 1);
    if (e != NULL)
        memset(e, 0, offsetof(struct emulation, seen));
    return e;
}

static void begin(struct emulation *e, const struct fb_unwinder *w,
                  const struct fb_frame *callee)
{
    const struct fb_system *system = &w->env->dump->system;
    e->w = w;
    e->arch = system->arch;
    e->word = w->names->word;
    e->ip = w->names->ip;
    e->sp = w->names->sp;
    e->bp = w->names->fp;
    e->callee_saved = fb_ladder_for(system->arch, system->os)->callee_saved;
    e->left = *w->instructions < INSTRUCTIONS_MAX ? *w->instructions : INSTRUCTIONS_MAX;
    bool exact = callee->exact || (callee->trust == FB_TRUST_CFI && !callee->unpopped);
    struct path *p = &e->waiting[e->n_waiting++];
    p->ip = callee->resume;
    p->regs = callee->regs;
    p->n = 0;
    p->full = false;
    p->loose = p->fresh = e->arch == FB_X86 && !exact;
}

/* From a frame that was scanned for, a mere likelihood would be a guess upon a guess. */
static bool best(const struct emulation *e, bool guessed, struct fb_caller *caller)
{
    const struct answer *a = &e->answer[FB_EVIDENCE_PROVED];
    if (!a->found && !guessed)
        a = &e->answer[FB_EVIDENCE_LIKELY];
    if (!a->found || a->disputed)
        return false;
    caller->regs = a->regs;
    caller->popped = a->popped;
    return true;
}

static bool at_hand(const struct fb_unwinder *w, fb_addr a)
{
    return w->env->capstone != 0 && *w->instructions != 0 && fb_code_bytes(w, a, 1).n != 0 &&
           fb_may_execute(w, a);
}

bool fb_unwind_code(const struct fb_unwinder *w, const struct fb_frame *callee,
                    struct fb_caller *caller)
{
    size_t before = w->arena->used;
    struct emulation *e = at_hand(w, callee->resume) ? room(w->arena) : NULL;
    bool sure = false;
    if (e != NULL) {
        begin(e, w, callee);
        size_t left = e->left;
        follow_all(e);
        *w->instructions -= left - e->left;
        sure = best(e, callee->trust == FB_TRUST_SCAN, caller);
    }
    fb_arena_give_back(w->arena, w->arena->used - before);
    return sure;
}
