/* worker/analysis/unwind/steps.c -- decoding, unless it was done before. */
#include "unwind/steps.h"

enum { INSTRUCTION_MAX = 15 };

static bool decode(const struct fb_unwinder *w, struct fb_code_view *view, fb_addr at,
                   struct fb_step *out)
{
    struct fb_span code = fb_code_viewed(w, view, at, INSTRUCTION_MAX);
    return fb_disasm_step(w->env->capstone, w->env->dump->system.arch, code, at, out);
}

bool fb_step_decode(const struct fb_unwinder *w, struct fb_code_view *view, fb_addr at,
                    struct fb_step *out)
{
    struct fb_steps *steps = w->env->steps;
    if (!decode(w, view, at, out))
        return false;
    if (steps != NULL) {
        steps->at[at % FB_STEPS] = at;
        steps->v[at % FB_STEPS] = *out;
    }
    return true;
}
