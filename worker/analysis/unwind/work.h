/*
 * worker/analysis/unwind/work.h -- what all walks of one dump together may cost.
 *
 * Each walk, and each step of it, has limits of its own; but a dump may have hundreds of
 * threads of a thousand frames in thousands of modules, all made of the same few bytes. What is
 * spent is not done: frames go without, and a note says so. Honest dumps stay far below.
 */
#pragma once
#include "dump.h"

/* Each: how much of it, and the note when there is no more. */
#define FB_WORK_KINDS(X)                                                                       \
    X(INSTRUCTIONS, 1 << 17, "more code to be followed for callers than we follow")            \
    X(CALLS, 1 << 20, "more words that may be return addresses than we look at")               \
    X(RECURSION, 1 << 24, "more of the stacks to be searched for recursions")                  \
    X(EXPORTS, 1 << 24, "more exports to be searched for functions than we search")            \
    X(NAMES, 1 << 21, "more names of functions in images than we read")                        \
    X(LETTERS, 1 << 23, "more mangled names than we undo")                                     \
    X(FRAMES, 1 << 17, "more frames in all stacks than we walk")
#define X(kind, most, note) FB_WORK_##kind,
enum fb_work_kind { FB_WORK_KINDS(X) FB_WORK_COUNT };
#undef X

struct fb_work {
    size_t left[FB_WORK_COUNT];
};

/** All that a dump may cost. */
struct fb_work fb_work_for_a_dump(void);
/** Note what was not enough. */
void fb_work_note(const struct fb_work *work, struct fb_notes *notes);

/** Take `n` of what is left. NULL: there is no limit. @return false: that is too much, and
 * nothing is left */
static inline bool fb_work_take(struct fb_work *work, enum fb_work_kind kind, size_t n)
{
    bool enough = work == NULL || n <= work->left[kind];
    if (work != NULL)
        work->left[kind] = enough ? work->left[kind] - n : 0;
    return enough;
}

/** What is left, to be counted down by who takes it; `all` where there is no limit. */
static inline size_t *fb_work_left(struct fb_work *work, enum fb_work_kind kind, size_t *all)
{
    return work != NULL ? &work->left[kind] : all;
}
