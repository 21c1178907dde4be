/* worker/analysis/unwind/steps.c -- decoding, unless it was done before. */
#include "unwind/steps.h"

enum { INSTRUCTION_MAX = 15 };

static bool decode(const struct fb_unwinder *w, struct fb_code_view *view, fb_addr at,
                   struct fb_step *out)
{
    struct fb_span code = fb_code_viewed(w, view, at, INSTRUCTION_MAX);
    return fb_disasm_step(w->env->capstone, w->env->dump->system.arch, code, at, out);
}

bool fb_step_at(const struct fb_unwinder *w, struct fb_code_view *view, fb_addr at,
                struct fb_step *out)
{
    struct fb_steps *steps = w->env->steps;
    size_t slot = at % FB_STEPS;
    if (steps == NULL || at == 0)
        return decode(w, view, at, out);
    if (steps->at[slot] != at) {
        steps->at[slot] = 0;
        if (!decode(w, view, at, &steps->v[slot]))
            return false;
        steps->at[slot] = at;
    }
    *out = steps->v[slot];
    return true;
}
