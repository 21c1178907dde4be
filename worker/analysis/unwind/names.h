/*
 * worker/analysis/unwind/names.h -- naming frames, once they are found.
 */
#pragma once
#include "unwind/ladder.h"

enum { FB_NAMED = 128 };
struct fb_named { // frames that have their names, by address; NULL: none
    const struct fb_frame *v[FB_NAMED];
};

/** Set a frame's module and names, which live in `arena`. */
void fb_name_frame(const struct fb_unwinder *w, struct fb_arena *arena, struct fb_frame *f);
