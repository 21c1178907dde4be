/*
 * worker/sandbox/child.h -- the life of an analyser child: limits first, then one job
 * after the other.
 */
#pragma once
#include "sandbox/zygote.h"

/** Exit codes by which a child says why it ended. */
enum { FB_CHILD_DONE = 0, FB_CHILD_NO_MEMORY = 71 };

/** Never returns. `bell` is the child's end of the pair; everything else is closed. */
__attribute__((noreturn)) void fb_child_run(const struct fb_config *config,
                                            const struct fb_work *work,
                                            const struct fb_slot_memory *slot, int bell);
