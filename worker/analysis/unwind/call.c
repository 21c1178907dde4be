/*
 * worker/analysis/unwind/call.c -- the call behind which a return address stands.
 */
#include "unwind/returns.h"

struct fb_call fb_call_before(const struct fb_unwinder *w, fb_addr address)
{
    if (!fb_work_take(w->env->work, FB_WORK_CALLS, 1))
        return (struct fb_call){.kind = FB_CALL_NONE};
    fb_addr behind = address & ~w->thumb;
    if (fb_place_held(w->places, behind - 1)->no_code) // as in most modules of a minidump
        return (struct fb_call){.kind = FB_CALL_UNKNOWN};
    struct fb_return own, *known = fb_return_at(w, address, &own);
    if (!known->has_call) {
        known->call = fb_disasm_call_before(w->env->dump->system.arch,
                                            fb_code_before(w, behind, FB_CALL_MAX), address);
        known->has_call = true;
    }
    return known->call;
}
