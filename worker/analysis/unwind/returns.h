/*
 * worker/analysis/unwind/returns.h -- what was found out about return addresses.
 *
 * Each is asked about more than once: by several rungs, by who counts guesses, and on the
 * stacks of all threads that have come the same way.
 */
#pragma once
#include "unwind/ladder.h"

enum { FB_RETURNS = 128 };
struct fb_return {
    bool has_call, has_evidence;
    struct fb_call call;
    enum fb_evidence evidence;
};
struct fb_returns {         // begins with all `at` 0: nothing is known of any,
    fb_addr at[FB_RETURNS]; // which stand together so that this is done at once
    struct fb_return v[FB_RETURNS];
};

static inline void fb_returns_open(struct fb_returns *out)
{
    memset(out->at, 0, sizeof out->at);
}

/** Where it stands, or is to be put: in `own`, when nobody remembers. */
static inline struct fb_return *fb_return_at(const struct fb_unwinder *w, fb_addr at,
                                             struct fb_return *own)
{
    struct fb_returns *returns = at != 0 ? w->env->returns : NULL;
    size_t slot = at % FB_RETURNS;
    struct fb_return *r = returns != NULL ? &returns->v[slot] : own;
    if (returns != NULL && returns->at[slot] == at)
        return r;
    r->has_call = r->has_evidence = false;
    if (returns != NULL)
        returns->at[slot] = at;
    return r;
}
