/*
 * worker/analysis/bucket/blame.c -- the frame whose owner should look at the crash, and why.
 *
 * Candidates are the frames that count in the stable hash. A frame found by scanning may
 * lie on the stack from an earlier call: it is blamed only when no better one is there,
 * and marked weak.
 */
#include "base/text.h"
#include "bucket/codes.h"
#include "bucket/ids.h"

static size_t index_of(const struct fb_analysis *a, const struct fb_key_frame *f)
{
    return (size_t)(f->frame - fb_crashing_stack(a)->v);
}

static const struct fb_key_frame *first_own(struct fb_kept_frames kept, bool trusted)
{
    for (size_t i = 0; i < kept.n; i++) {
        const struct fb_key_frame *f = kept.v[i].frame;
        bool low = f->class == FB_FRAME_LOW;
        bool skipped = f->row != NULL && f->row->role != FB_ROLE_NONE;
        if (f->frame->in_app && !skipped && low != trusted)
            return f;
    }
    return NULL;
}

/* All leaves of one recursion come together under its smallest name. */
static const struct fb_key_frame *recursion(const struct fb_analysis *a,
                                            const struct fb_key_frames *frames)
{
    bool overflow = a->dump.system.os == FB_WINDOWS && a->dump.exception.present &&
                    a->dump.exception.code == FB_WIN_STACK_OVERFLOW;
    const struct fb_key_frame *smallest = NULL;
    for (size_t i = 0; overflow && i < frames->cycle_n; i++) {
        const struct fb_key_frame *f = &frames->v[frames->cycle_at + i];
        if (f->name != NULL && (smallest == NULL || strcmp(f->name, smallest->name) < 0))
            smallest = f;
    }
    return smallest;
}

/* The roles of the frames above the blamed one that the lists know, each once. */
static void put_skipped(struct fb_text *why, const struct fb_key_frames *frames,
                        const struct fb_key_frame *blamed)
{
    bool said[FB_ROLE_COUNT] = {[FB_ROLE_NONE] = true};
    const char *before = "; skipped above it: ";
    for (size_t i = 0; i < frames->n && frames->v[i].frame != blamed->frame; i++) {
        enum fb_role role = frames->v[i].row != NULL ? frames->v[i].row->role : FB_ROLE_NONE;
        if (said[role])
            continue;
        said[role] = true;
        fb_text_str(why, before);
        fb_text_str(why, fb_role_name(role));
        before = ", ";
    }
}

static bool is_corruption(const struct fb_analysis *a)
{
    return a->dump.system.os == FB_WINDOWS && a->dump.exception.code == FB_WIN_HEAP_CORRUPTION;
}

struct fb_err fb_make_blame(struct fb_analysis *a, const struct fb_key_frames *frames,
                            struct fb_kept_frames kept, struct fb_arena *arena)
{
    a->keys.blame = SIZE_MAX;
    a->keys.blame_why = "no frames";
    if (frames->n == 0)
        return FB_NO_ERR;
    const char *why = "recursion, under its smallest name";
    const struct fb_key_frame *f = recursion(a, frames);
    if (f == NULL) {
        why = a->dump.bugcheck.present ? "first frame that is not the kernel's"
                                       : "first frame that is not the system's";
        f = first_own(kept, true);
    }
    if (f == NULL)
        f = first_own(kept, false);
    if (f == NULL) {
        why = a->dump.bugcheck.present
                  ? "nothing but the kernel's frames: the first that counts"
                  : "nothing but the system's frames: the first that counts";
        f = kept.v[0].frame;
    }
    struct fb_text text = fb_text_open(arena);
    fb_text_str(&text, why);
    put_skipped(&text, frames, f);
    if (f->class == FB_FRAME_LOW)
        fb_text_str(&text, "; weak: the walk is not sure of it");
    else if (is_corruption(a))
        fb_text_str(&text, "; weak: the damage was done earlier");
    a->keys.blame = index_of(a, f);
    a->keys.blame_why = fb_text_close(&text, arena);
    return a->keys.blame_why != NULL ? FB_NO_ERR : FB_FAIL(LIMIT, "no room for the blame", 0);
}
