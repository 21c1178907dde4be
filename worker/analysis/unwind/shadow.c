/*
 * worker/analysis/unwind/shadow.c -- the shadow stack (CET) as a witness.
 *
 * The processor keeps a second stack of nothing but return addresses, which no program writes:
 *
 *      SSP ->  | return address of the innermost frame |
 *              | return address of its caller          |
 *              | ...                        0, a token |
 *
 * Once it is known which word belongs to which frame, the next word is the caller, whatever the
 * stack says. When a method finds the same, both agree; else the stack is searched for the true
 * address, and that the two disagree is told: it is how a smashed stack looks.
 *
 * The words of an exception handler may come first, since a thread's shadow-stack pointer is
 * that of the time when the dump was written. Fibers and the kernel break the sequence.
 */
#include "unwind/ladder.h"

enum {
    WORD = 8,
    WORDS_MAX = 4096, // that a shadow stack is followed
    RESYNC = 4        // words that may be skipped
};

void fb_shadow_open(const struct fb_unwinder *w, const struct fb_thread *thread, bool live,
                    struct fb_shadow *out)
{
    *out = (struct fb_shadow){.next = thread->shadow_stack, .left = WORDS_MAX};
    out->open = w->env->dump->system.arch == FB_AMD64 && thread->shadow_stack != 0 &&
                thread->shadow_stack % WORD == 0;
    out->synced = out->open && live;
}

/* The word at `*at`, behind restore tokens, which hold their own address. */
static bool word_at(const struct fb_unwinder *w, fb_addr *at, uint64_t *out)
{
    enum { TOKEN = 1, FLAGS = 7 };
    for (int tokens = 0; tokens < RESYNC; tokens++, *at += WORD) {
        if (!fb_memory_read(&w->env->dump->memory, *at, WORD, out) || *out == 0)
            return false;
        bool token = (*out & TOKEN) != 0 && (*out & ~(uint64_t)FLAGS) - *at <= WORD;
        if (!token)
            return fb_may_execute(w, *out);
    }
    return false;
}

/* The place behind the first of `n` words that is `ip`; 0: none is. */
static fb_addr behind(const struct fb_unwinder *w, const struct fb_shadow *shadow, size_t n,
                      fb_addr ip)
{
    fb_addr at = shadow->next;
    uint64_t word;
    for (size_t i = 0; i < n && word_at(w, &at, &word); i++, at += WORD)
        if (word == ip)
            return at + WORD;
    return 0;
}

/* Where on the stack the true return address stands, above the callee; 0: nowhere. */
static fb_addr find_on_stack(const struct fb_unwinder *w, fb_addr from, uint64_t ra)
{
    uint64_t word;
    for (fb_addr at = from; fb_stack_word(w, at, &word); at += WORD)
        if (word == ra)
            return at;
    return 0;
}

/* The true caller: where a method that reckons has put its sp, else where the stack has its
 * address, else, on a stack that was overwritten, a word above the callee at least. */
static struct fb_caller correct(const struct fb_unwinder *w, const struct fb_frame *callee,
                                uint64_t ra, const struct fb_caller *place)
{
    struct fb_caller caller = {.regs.arch = callee->regs.arch};
    fb_addr slot = place == NULL ? find_on_stack(w, callee->sp, ra) : 0;
    if (place != NULL)
        caller = *place;
    else
        fb_reg_set(&caller.regs, FB_RSP, (slot != 0 ? slot : callee->sp) + WORD);
    fb_reg_set(&caller.regs, FB_RIP, ra);
    return caller;
}

static bool witnessed(const struct fb_unwinder *w, struct fb_shadow *shadow, uint64_t ip)
{
    fb_addr found = behind(w, shadow, shadow->synced ? RESYNC : shadow->left, ip);
    if (found == 0)
        return false;
    shadow->left -= (found - shadow->next) / WORD;
    shadow->next = found;
    return shadow->synced = true;
}

enum fb_witness fb_shadow_ask(const struct fb_unwinder *w, struct fb_shadow *shadow,
                              const struct fb_frame *callee, fb_addr ip,
                              const struct fb_caller *place, struct fb_caller *caller)
{
    fb_addr at = shadow->next;
    uint64_t ra;
    if (shadow->left == 0 || !word_at(w, &at, &ra)) {
        shadow->open = false;
        return FB_WITNESS_SILENT;
    }
    if (ip != 0 && witnessed(w, shadow, ip))
        return FB_WITNESS_AGREES;
    if (!shadow->synced)
        return FB_WITNESS_SILENT;
    shadow->next = at + WORD;
    shadow->left--;
    *caller = correct(w, callee, ra, place);
    return FB_WITNESS_CORRECTS;
}
