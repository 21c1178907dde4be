/*
 * worker/analysis/bucket/frames.h -- the frames of the crashing thread as keys see them: named,
 * classified, inlined functions among them, repeated cycles found.
 */
#pragma once
#include "analysis.h"
#include "bucket/lists.h"

enum { FB_KEY_FRAMES_MAX = 256, FB_CYCLE_MAX = 8 };

struct fb_key_frame {
    const struct fb_frame *frame;
    const char *name; // normalised; without symbols the module's name; NULL: neither
    const struct fb_list_row *row; // what the lists say of the function; NULL: nothing
    enum fb_frame_class class;
    bool symbol;  // `name` is a function's
    bool inlined; // it stands in frame->inlines
};
struct fb_key_frames {
    struct fb_key_frame *v; // innermost first, at most FB_KEY_FRAMES_MAX
    uint32_t *id;           // equal for equal names
    size_t n;
    size_t cycle_at, cycle_n; // of a recursion: where it starts, how many frames; n = 0: none
};

/**
 * Classify the crashing thread's frames in place (class, in_app, normal) and list them.
 * Of inlined functions only those are listed that the lists know nothing of.
 * @fails LIMIT
 */
struct fb_err fb_key_frames(struct fb_analysis *a, struct fb_arena *arena,
                            struct fb_key_frames *out);

/** Equal numbers for equal names; each NULL has its own. `n` is at most FB_KEY_FRAMES_MAX. */
void fb_name_ids(const char *const *names, size_t n, uint32_t *ids);
/** Drop the rounds of each cycle but the first: the indices that stay, in order and at most
 * `most` of them, into `kept`. @return how many */
size_t fb_collapse(const uint32_t *ids, size_t n, size_t most, size_t *kept);

/** Whether the module is neither the system's nor the program's, nor from
 * the program's folder. */
bool fb_is_foreign_module(const struct fb_dump *dump, const struct fb_module *module);
