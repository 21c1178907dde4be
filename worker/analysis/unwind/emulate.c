/*
 * worker/analysis/unwind/emulate.c -- following code, one instruction after the other.
 *
 * Both ways of a condition are gone; a call returns and leaves sp as it was. On x86 a callee
 * may pop its arguments. How many bytes, its own code says, or the caller's behind the call;
 * when neither does, the path is loose: sp may lie a little higher than reckoned.
 */
#include "unwind/emulate.h"

#include "unwind/steps.h"
#include <string.h>

/* --- registers and words ------------------------------------------------------------ */

static void forget(struct fb_regs *regs, uint64_t which) { regs->valid &= ~which; }

static void put(const struct fb_emulation *e, struct fb_regs *regs, int to, bool known,
                uint64_t value)
{
    if (to >= 0 && known)
        fb_reg_set(regs, to, fb_emulate_cut(e, value));
    else if (to >= 0)
        forget(regs, UINT64_C(1) << to);
}

static void store(struct fb_path *p, fb_addr at, bool known, uint64_t value)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->saved[i].at == at) {
            p->saved[i] = (struct fb_saved){at, value, known};
            return;
        }
    p->full |= p->n == FB_SAVED_MAX;
    if (p->n < FB_SAVED_MAX)
        p->saved[p->n++] = (struct fb_saved){at, value, known};
}

static bool load(const struct fb_emulation *e, const struct fb_path *p, fb_addr at,
                 uint64_t *out)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->saved[i].at == at) {
            *out = p->saved[i].value;
            return p->saved[i].known;
        }
    return !p->full && fb_stack_word(e->w, at, out);
}

/* --- one instruction ---------------------------------------------------------------- */

static void push(const struct fb_emulation *e, struct fb_path *p, int from, int64_t words)
{
    bool known = fb_reg_known(&p->regs, from);
    uint64_t value = known ? p->regs.v[from] : 0;
    if (!fb_reg_known(&p->regs, e->sp))
        return;
    uint64_t sp = fb_emulate_cut(e, p->regs.v[e->sp] - (uint64_t)words * e->word);
    fb_reg_set(&p->regs, e->sp, sp);
    store(p, sp, known, value);
}

static void pop(const struct fb_emulation *e, struct fb_path *p, int to, int64_t words)
{
    uint64_t value = 0;
    bool known = fb_reg_known(&p->regs, e->sp);
    if (known) {
        uint64_t sp = p->regs.v[e->sp];
        known = load(e, p, sp, &value);
        fb_reg_set(&p->regs, e->sp, fb_emulate_cut(e, sp + (uint64_t)words * e->word));
    }
    put(e, &p->regs, to, known, value);
    if (p->loose && to >= 0)
        p->doubtful |= UINT64_C(1) << to;
}

/* sp is known again, and so it is known that it was not. */
static void found_sp(struct fb_path *p)
{
    if (p->loose)
        forget(&p->regs, p->doubtful);
    p->loose = false;
    p->doubtful = 0;
}

static void leave(const struct fb_emulation *e, struct fb_path *p)
{
    put(e, &p->regs, e->sp, fb_reg_known(&p->regs, e->bp), p->regs.v[e->bp]);
    found_sp(p);
    pop(e, p, e->bp, 1);
}

static void enter(const struct fb_emulation *e, struct fb_path *p, int64_t size)
{
    push(e, p, e->bp, 1);
    put(e, &p->regs, e->bp, fb_reg_known(&p->regs, e->sp), p->regs.v[e->sp]);
    put(e, &p->regs, e->sp, fb_reg_known(&p->regs, e->sp), p->regs.v[e->sp] - (uint64_t)size);
}

static void move_base(const struct fb_emulation *e, struct fb_path *p, int base, int64_t by)
{
    if (by != 0)
        put(e, &p->regs, base, fb_reg_known(&p->regs, base), p->regs.v[base] + (uint64_t)by);
}

static void load_word(const struct fb_emulation *e, struct fb_path *p, int to, bool known,
                      fb_addr at)
{
    uint64_t value = 0;
    known = known && load(e, p, fb_emulate_cut(e, at), &value);
    put(e, &p->regs, to, known, value);
}

static void load_into(const struct fb_emulation *e, struct fb_path *p, const struct fb_step *s)
{
    bool known = fb_reg_known(&p->regs, s->from);
    fb_addr at = known ? p->regs.v[s->from] + (uint64_t)s->constant : 0;
    move_base(e, p, s->from, s->update);
    forget(&p->regs, s->writes & ~(s->update != 0 ? UINT64_C(1) << s->from : 0));
    load_word(e, p, s->to, known, at);
    load_word(e, p, s->second, known, at + e->word);
}

/* Others than saved registers do not come back. */
static void store_word(const struct fb_emulation *e, struct fb_path *p, int from, fb_addr at)
{
    bool comes_back = from >= 0 && ((e->callee_saved >> from & 1) != 0 || from == e->lr);
    bool known = fb_reg_known(&p->regs, from);
    if (comes_back)
        store(p, fb_emulate_cut(e, at), known, known ? p->regs.v[from] : 0);
}

static void store_from(const struct fb_emulation *e, struct fb_path *p, const struct fb_step *s)
{
    if (!fb_reg_known(&p->regs, s->to))
        return;
    fb_addr at = p->regs.v[s->to] + (uint64_t)s->constant;
    store_word(e, p, s->from, at);
    store_word(e, p, s->second, at + e->word);
    move_base(e, p, s->to, s->update);
}

/* What every instruction does that only reckons. */
static void apply(const struct fb_emulation *e, struct fb_path *p, const struct fb_step *s)
{
    struct fb_regs *regs = &p->regs;
    bool known = fb_reg_known(regs, s->from);
    uint64_t from = known ? regs->v[s->from] : 0;
    uint64_t constant = (uint64_t)s->constant;
    switch (s->kind) {
    case FB_STEP_SET:
        put(e, regs, s->to, known, from + constant);
        if (s->to == e->sp && s->from != e->sp)
            found_sp(p);
        break;
    case FB_STEP_MASK:
        put(e, regs, s->to, known, from & constant);
        break;
    case FB_STEP_LOAD:
        load_into(e, p, s);
        break;
    case FB_STEP_STORE:
        store_from(e, p, s);
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

static bool decode(struct fb_emulation *e, fb_addr at, struct fb_step *out)
{
    if (e->left == 0 || *e->w->instructions == 0) // searches for callees take of them, too
        return false;
    e->left--;
    --*e->w->instructions;
    return fb_step_at(e->w, &e->view, at, out);
}

/* --- calls -------------------------------------------------------------------------- */

/* What a callee of x86 does to its caller. */
enum callee {
    UNSEEN,   // its return is not in sight
    PLAIN,    // it pops as many bytes as its return says, the same at all of them
    RESTORES, // the caller's frame is gone behind it: part of an epilog
    MOVES     // the caller's sp or bp is another behind it: part of a prolog, or alloca
};
struct look {   // at a callee, straight down
    bool saved; // it has pushed bp,
    bool made;  // and made a frame of its own
};

static enum callee look_at(const struct fb_emulation *e, struct look *l,
                           const struct fb_step *s)
{
    bool sets_sp = s->kind == FB_STEP_SET && s->to == e->sp;
    bool writes_sp = s->kind == FB_STEP_OTHER && (s->writes >> e->sp & 1) != 0;
    bool writes_bp = s->kind < FB_STEP_PUSH &&
                     (s->to == e->bp || (s->writes >> e->bp & 1) != 0) &&
                     s->kind != FB_STEP_STORE;
    l->saved |= (s->kind == FB_STEP_PUSH && s->from == e->bp) || s->kind == FB_STEP_ENTER;
    l->made |= s->kind == FB_STEP_ENTER || (l->saved && writes_bp && s->from == e->sp);
    if (!l->made && (s->kind == FB_STEP_LEAVE || (sets_sp && s->from == e->bp)))
        return RESTORES;
    if ((!l->made && (writes_sp || (sets_sp && s->from != e->sp))) || (!l->saved && writes_bp))
        return MOVES;
    return UNSEEN;
}

/* The first return in sight will do. */
enum { IN_SIGHT = 64, IN_SIGHT_OF_HELPER = 16 }; // instructions
static enum callee callee_at(struct fb_emulation *e, fb_addr at, uint64_t *popped)
{
    struct fb_step s;
    struct look l = {0};
    enum callee seen = UNSEEN;
    for (size_t i = 0; i < IN_SIGHT && decode(e, at, &s) && s.kind != FB_STEP_END; i++) {
        if (s.kind == FB_STEP_RETURN) {
            *popped = (uint64_t)s.constant;
            return PLAIN;
        }
        if ((seen = look_at(e, &l, &s)) != UNSEEN)
            return seen;
        at = fb_emulate_cut(e, s.kind == FB_STEP_JUMP ? s.target : at + s.length);
    }
    return UNSEEN;
}

/* Folklore: on ARM64 Windows, helpers that keep a cookie on the stack return with another sp.
 * They are a few instructions straight down. @return by how much sp has moved */
static int64_t moved_by(struct fb_emulation *e, fb_addr at)
{
    struct fb_step s;
    int64_t moved = 0;
    for (size_t i = 0; i < IN_SIGHT_OF_HELPER && decode(e, at, &s); i++, at += s.length) {
        int base = s.kind == FB_STEP_STORE ? s.to : s.from;
        bool accesses = s.kind == FB_STEP_STORE || s.kind == FB_STEP_LOAD;
        if (s.kind == FB_STEP_RETURN)
            return moved;
        if (s.kind >= FB_STEP_CALL && s.kind != FB_STEP_BRANCH)
            return 0;
        if (s.kind == FB_STEP_SET && s.to == e->sp && s.from == e->sp)
            moved += s.constant;
        else if (accesses && base == e->sp)
            moved += s.update;
    }
    return 0;
}

/* Its instructions do what they do to the path, up to its return. */
static void step_into(const struct fb_emulation *e, struct fb_path *p, fb_addr target)
{
    p->inside = p->ip;
    push(e, p, -1, 1);
    if (fb_reg_known(&p->regs, e->sp))
        store(p, p->regs.v[e->sp], true, p->inside);
    p->ip = target;
}

/* @return whether that was the return of a helper, and the path goes on behind its call */
static bool steps_out(const struct fb_emulation *e, struct fb_path *p, const struct fb_step *s)
{
    uint64_t to;
    if (p->inside == 0 || !fb_reg_known(&p->regs, e->sp) ||
        !load(e, p, p->regs.v[e->sp], &to) || to != p->inside)
        return false;
    move_base(e, p, e->sp, (int64_t)e->word + s->constant);
    p->ip = p->inside;
    p->inside = 0;
    return true;
}

static void call_x86(struct fb_emulation *e, struct fb_path *p, const struct fb_step *s)
{
    uint64_t popped = 0;
    enum callee callee = s->target_known ? callee_at(e, s->target, &popped) : UNSEEN;
    p->loose |= callee == UNSEEN;
    p->fresh = callee == UNSEEN;
    if (callee == PLAIN)
        move_base(e, p, e->sp, (int64_t)popped);
    if (callee == RESTORES && p->inside == 0)
        step_into(e, p, s->target);
    p->moved = callee == MOVES; // but not yet while it runs
}

static void call(struct fb_emulation *e, struct fb_path *p, const struct fb_step *s)
{
    if (e->lr < 0 && s->target_known && s->target == p->ip) { // only to know where it stands
        push(e, p, -1, 1);
        return;
    }
    forget(&p->regs, ~(e->callee_saved | UINT64_C(1) << e->sp));
    if (e->lr >= 0 && s->target_known)
        move_base(e, p, e->sp, moved_by(e, s->target));
    if (e->arch == FB_X86)
        call_x86(e, p, s);
}

/* Folklore: gcc takes arguments off the stack by itself, and so takes back what a callee has
 * popped: `sub esp, n` behind a call undoes it. */
static bool undoes_pop(const struct fb_emulation *e, struct fb_path *p, const struct fb_step *s)
{
    bool fresh = p->fresh;
    p->fresh = false;
    return fresh && s->kind == FB_STEP_SET && s->to == e->sp && s->from == e->sp &&
           s->constant < 0;
}

/* `push ebp` that `mov ebp,esp` follows. */
static bool makes_frame(struct fb_emulation *e, const struct fb_path *p,
                        const struct fb_step *s)
{
    if (s->kind != FB_STEP_PUSH || s->from != e->bp)
        return false;
    struct fb_span next = fb_code_viewed(e->w, &e->view, p->ip, 2);
    return next.n == 2 && ((next.p[0] == 0x8B && next.p[1] == 0xEC) ||
                           (next.p[0] == 0x89 && next.p[1] == 0xE5));
}

static bool makes_room(const struct fb_emulation *e, const struct fb_step *s)
{
    return s->kind == FB_STEP_SET && s->to == e->sp && s->from == e->sp && s->constant < 0;
}
static bool saves(const struct fb_emulation *e, const struct fb_step *s)
{
    return s->kind == FB_STEP_PUSH && s->from >= 0 && (e->callee_saved >> s->from & 1) != 0;
}

/* Whether an instruction behind a call is the first of another function: then the call does
 * not return. Behind one that does, nobody saves registers or makes room; but arguments are
 * pushed for the next call, on x86, unless it begins where functions are aligned to. */
static bool begins_function(struct fb_emulation *e, const struct fb_path *p,
                            const struct fb_step *s)
{
    enum { ALIGNED = 16 };
    bool saves_below = s->kind == FB_STEP_STORE && s->to == e->sp && s->update < 0;
    bool padded = p->padded && (p->ip - s->length) % ALIGNED == 0;
    if (e->arch == FB_X86 && !padded)
        return makes_frame(e, p, s);
    return makes_room(e, s) || saves(e, s) || saves_below;
}

static bool pads(const struct fb_step *s)
{
    return (s->kind == FB_STEP_OTHER && s->writes == 0) ||
           (s->kind == FB_STEP_SET && s->to == s->from && s->constant == 0);
}

/* Whether another function begins here, behind a call and perhaps padding. */
static bool falls_out(struct fb_emulation *e, struct fb_path *p, const struct fb_step *s)
{
    bool called = p->called, begins = called && begins_function(e, p, s);
    p->padded = called && pads(s);
    p->called = s->kind == FB_STEP_CALL || p->padded;
    return begins;
}

/* --- all paths ---------------------------------------------------------------------- */

static void copy(struct fb_path *to, const struct fb_path *from)
{
    memcpy(to, from, offsetof(struct fb_path, regs));
    fb_regs_copy(&to->regs, &from->regs);
    memcpy(to->saved, from->saved, from->n * sizeof *from->saved);
}

static void put_off(struct fb_emulation *e, const struct fb_path *p, fb_addr at)
{
    if (e->n_waiting == FB_PATHS_MAX)
        return;
    struct fb_path *waiting = &e->waiting[e->n_waiting++];
    copy(waiting, p);
    waiting->ip = at;
}

/* @return whether the path goes on, from its ip */
static bool follow(struct fb_emulation *e, struct fb_path *p, const struct fb_step *s)
{
    fb_addr next = p->ip = fb_emulate_cut(e, p->ip + s->length);
    if (p->moved)
        forget(&p->regs, UINT64_C(1) << e->sp | UINT64_C(1) << e->bp);
    p->moved = false;
    if (falls_out(e, p, s))
        return false;
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
        if (steps_out(e, p, s))
            return true;
        if (e->returns != NULL)
            e->returns(e, p, s);
        return false;
    case FB_STEP_END:
        return false;
    default:
        apply(e, p, s);
        return true;
    }
}

static bool goes_on(struct fb_emulation *e, struct fb_path *p)
{
    struct fb_step s;
    return (e->at == NULL || e->at(e, p)) && fb_seen_first(&e->seen, p->ip) &&
           decode(e, p->ip, &s) && follow(e, p, &s);
}

void fb_emulate(struct fb_emulation *e)
{
    while (goes_on(e, &e->path))
        continue;
    while (e->n_waiting > 0) {
        copy(&e->path, &e->waiting[--e->n_waiting]);
        while (goes_on(e, &e->path))
            continue;
    }
}

bool fb_emulate_in_prolog(struct fb_emulation *e, fb_addr address)
{
    if (e->arch != FB_X86)
        return false;
    struct fb_call call = fb_call_before(e->w, address);
    fb_addr at = call.target;
    struct fb_step s;
    struct look l = {0};
    if (call.kind != FB_CALL_DIRECT)
        return false;
    for (size_t i = 0; i < IN_SIGHT_OF_HELPER && decode(e, at, &s); i++, at += s.length) {
        if (makes_room(e, &s) || saves(e, &s) ||
            (s.kind >= FB_STEP_CALL && s.kind != FB_STEP_BRANCH))
            return false; // as most functions do at once
        if (look_at(e, &l, &s) == MOVES)
            return true;
    }
    return false;
}

bool fb_emulate_can(const struct fb_unwinder *w, fb_addr a)
{
    return w->env->capstone != 0 && *w->instructions != 0 &&
           !fb_place_held(w->places, a)->no_code && fb_code_bytes(w, a, 1).n != 0 &&
           fb_may_execute(w, a);
}

struct fb_emulation *fb_emulate_open(const struct fb_unwinder *w)
{
    const struct fb_system *system = &w->env->dump->system;
    struct fb_emulation *e = FB_RAW(w->arena, struct fb_emulation, 1);
    if (e == NULL)
        return NULL;
    memset(e, 0, offsetof(struct fb_emulation, seen));
    e->w = w;
    e->arch = system->arch;
    e->word = w->names->word;
    e->ip = w->names->ip;
    e->sp = w->names->sp;
    e->bp = w->names->fp;
    e->lr = w->names->lr;
    e->callee_saved = fb_ladder_for(system->arch, system->os)->callee_saved;
    return e;
}

struct fb_path *fb_emulate_begin(struct fb_emulation *e, fb_addr ip, const struct fb_regs *regs)
{
    struct fb_path *p = &e->path;
    e->seen.n = 0;
    e->left = FB_EMULATE_MAX;
    e->n_waiting = 0;
    p->ip = ip;
    fb_regs_copy(&p->regs, regs);
    p->n = 0;
    p->full = p->loose = p->fresh = p->called = p->moved = p->padded = false;
    p->inside = p->doubtful = 0;
    return p;
}
