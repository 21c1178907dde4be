/*
 * worker/analysis/disasm/step_plain.h -- the parts of fb_disasm_step: for x86 and x64 the quick
 * one, and Capstone; and the one for ARM64.
 */
#pragma once
#include "disasm/insn.h"

static inline void fb_step_set(struct fb_step *out, enum fb_step_kind kind, int to, int from,
                               int64_t constant)
{
    out->kind = kind;
    out->to = (int8_t)to;
    out->from = (int8_t)from;
    out->constant = constant;
}

/** What fb_disasm_step would say. @return false: it is no plain instruction; ask Capstone */
bool fb_step_plain(enum fb_arch arch, struct fb_span code, fb_addr address,
                   struct fb_step *out);
/** What Capstone says. @return false: it knows no such instruction, or the handle is 0 */
bool fb_step_capstone(size_t handle, enum fb_arch arch, struct fb_span code, fb_addr address,
                      struct fb_step *out);
/** What fb_disasm_step says of ARM64. @return false: no such instruction */
bool fb_step_arm64(struct fb_span code, fb_addr address, struct fb_step *out);
