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
    fb_addr at; // 0: nothing is known of any
    bool has_call, has_evidence;
    struct fb_call call;
    enum fb_evidence evidence;
};
struct fb_returns { // begins with all `at` 0
    struct fb_return v[FB_RETURNS];
};

static inline void fb_returns_open(struct fb_returns *out)
{
    for (size_t i = 0; i < FB_RETURNS; i++)
        out->v[i].at = 0;
}

/** Where it stands, or is to be put: in `own`, when nobody remembers. */
static inline struct fb_return *fb_return_at(const struct fb_unwinder *w, fb_addr at,
                                             struct fb_return *own)
{
    bool kept = w->env->returns != NULL && at != 0;
    struct fb_return *r = kept ? &w->env->returns->v[at % FB_RETURNS] : own;
    if (!kept || r->at != at)
        *r = (struct fb_return){.at = at};
    return r;
}
