/*
 * worker/analysis/unwind/steps.h -- the instructions of a dump's code that were decoded last.
 *
 * The threads of a process mostly wait in the same few functions, and each frame in one is
 * asked about more than once: what an instruction does is decoded once for all of them.
 */
#pragma once
#include "unwind/ladder.h"

enum { FB_STEPS = 512 }; // a power of two
struct fb_steps {        // zeroed up to `v`
    fb_addr at[FB_STEPS];
    struct fb_step v[FB_STEPS];
};

static inline void fb_steps_open(struct fb_steps *out)
{
    memset(out, 0, offsetof(struct fb_steps, v));
}
/** Decode the instruction at `at`, and remember it. @return false: it is not at hand, or none
 */
bool fb_step_decode(const struct fb_unwinder *w, struct fb_code_view *view, fb_addr at,
                    struct fb_step *out);
/** What it does, by what is remembered; else the same. */
static inline bool fb_step_at(const struct fb_unwinder *w, struct fb_code_view *view,
                              fb_addr at, struct fb_step *out)
{
    const struct fb_steps *steps = w->env->steps;
    if (steps == NULL || at == 0 || steps->at[at % FB_STEPS] != at)
        return fb_step_decode(w, view, at, out);
    *out = steps->v[at % FB_STEPS];
    return true;
}
