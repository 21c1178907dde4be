/* worker/analysis/unwind/work.c -- the limits on all walks, and their notes. */
#include "unwind/work.h"

struct fb_work fb_work_for_a_dump(void)
{
#define X(kind, most, note) [FB_WORK_##kind] = (most),
    return (struct fb_work){{FB_WORK_KINDS(X)}};
#undef X
}

void fb_work_note(const struct fb_work *work, struct fb_notes *notes)
{
#define X(kind, most, note) [FB_WORK_##kind] = (note),
    static const char *const words[] = {FB_WORK_KINDS(X)};
#undef X
    for (size_t i = 0; i < FB_WORK_COUNT; i++)
        if (work->left[i] == 0)
            fb_note(notes, FB_NOTE_LIMIT, words[i], FB_NOWHERE);
}
