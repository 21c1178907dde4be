/*
 * worker/sandbox/zygote.h -- the process that forks children: it was forked early and has done
 * nothing since, so a child begins without threads, connections or secrets.
 *
 * The parent asks, the zygote answers, one question at a time: fork a child for a slot, or wait
 * for one that has died.
 */
#pragma once
#include "sandbox/sandbox.h"

struct fb_zygote {
    int pid, control;
};
struct fb_slot_memory { // shared between parent and child of a slot
    uint8_t *job, *answer;
};

/** Fork it. It inherits the mappings of all `n` slots; each child keeps only its
 * own. @fails UNAVAILABLE */
struct fb_err fb_zygote_open(const struct fb_config *config, const struct fb_work *work,
                             const struct fb_slot_memory *slots, size_t n,
                             struct fb_zygote *out);
/** A new child for `slot`. `*fd` is its bell, the caller's. @fails UNAVAILABLE */
struct fb_err fb_zygote_fork(const struct fb_zygote *zygote, uint32_t slot, int *pid, int *fd);
/** Wait for a child that is dead or dying; its wait status, -1 when the zygote is gone. */
int fb_zygote_wait(const struct fb_zygote *zygote, int pid);
void fb_zygote_close(struct fb_zygote *zygote);
