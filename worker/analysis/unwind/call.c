/*
 * worker/analysis/unwind/call.c -- the call behind which a return address stands.
 */
#include "unwind/ladder.h"

struct fb_call fb_call_before(const struct fb_unwinder *w, fb_addr address)
{
    enum fb_arch arch = w->env->dump->system.arch;
    if (!fb_work_take(w->env->work, FB_WORK_CALLS, 1))
        return (struct fb_call){.kind = FB_CALL_NONE};
    bool thumb = arch == FB_ARM && (address & 1) != 0;
    return fb_disasm_call_before(arch, fb_code_before(w, address - thumb, FB_CALL_MAX),
                                 address);
}
