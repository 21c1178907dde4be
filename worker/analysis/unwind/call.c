/*
 * worker/analysis/unwind/call.c -- the call behind which a return address stands.
 */
#include "unwind/returns.h"

struct fb_call fb_call_before(const struct fb_unwinder *w, fb_addr address)
{
    if (!fb_work_take(w->env->work, FB_WORK_CALLS, 1))
        return (struct fb_call){.kind = FB_CALL_NONE};
    struct fb_return own, *known = fb_return_at(w, address, &own);
    if (!known->has_call) {
        fb_addr behind = address & ~w->thumb;
        known->call = fb_disasm_call_before(w->env->dump->system.arch,
                                            fb_code_before(w, behind, FB_CALL_MAX), address);
        known->has_call = true;
    }
    return known->call;
}
