/*
 * worker/keeper.h -- the thread that keeps batches, so that analysers work on
 * while PostgreSQL commits.
 *
 * One batch at a time. Dead letters go to their topic first, then everything is stored in one
 * transaction: effects come before the offset. When PostgreSQL is away the batch is held, and
 * the connection made anew.
 */
#pragma once
#include "config.h"
#include "task.h"

struct fb_keeper;

enum fb_kept { FB_KEPT, FB_KEPT_FENCED, FB_KEPT_STOPPED, FB_KEPT_BROKEN };

struct fb_keeper_batch {
    struct fb_tasks tasks;           // owned by the keeper until it is done
    struct fb_store_offset *offsets; // likewise, malloc'ed
    size_t n_offsets;
};

/** Connect and start the thread. @fails as fb_store_open; UNAVAILABLE */
struct fb_err fb_keeper_open(const struct fb_config *config, const char *cluster,
                             struct fb_keeper **out);
/** Becomes readable when a batch is done. */
int fb_keeper_fd(const struct fb_keeper *keeper);
bool fb_keeper_busy(const struct fb_keeper *keeper);
/** Hand a batch over. Only when it is not busy. */
void fb_keeper_give(struct fb_keeper *keeper, const struct fb_keeper_batch *batch);
/** Take the finished batch back, waiting up to `ms`. @return false when there is none */
bool fb_keeper_take(struct fb_keeper *keeper, int ms, struct fb_keeper_batch *batch,
                    enum fb_kept *how);
/** Since when (monotonic seconds) PostgreSQL is away, 0: it is there. */
double fb_keeper_away_since(const struct fb_keeper *keeper);
/** Stop: a batch that is held for want of PostgreSQL is given up. */
void fb_keeper_close(struct fb_keeper *keeper);
