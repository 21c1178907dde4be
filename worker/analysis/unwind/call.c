/*
 * worker/analysis/unwind/call.c -- the call behind which a return address stands.
 */
#include "unwind/ladder.h"

struct fb_call fb_call_before(const struct fb_unwinder *w, fb_addr address)
{
    enum fb_arch arch = w->env->dump->system.arch;
    bool thumb = arch == FB_ARM && (address & 1) != 0;
    return fb_disasm_call_before(arch, fb_code_before(w, address - thumb, FB_CALL_MAX),
                                 address);
}
