/*
 * worker/sandbox/sandbox.h -- analyser children: hostile bytes are parsed in processes
 * that may die.
 *
 * A zygote is forked first, before there are threads or connections; it forks the children and
 * tells how they died. Each child has one shared mapping for the job and its answer, and one
 * SOCK_SEQPACKET pair for the bell. It has limits on memory, files and CPU time; the parent
 * ends it by SIGKILL when the wall time is over. What a child says is copied before it is
 * looked at, since a child that was taken over can write at any time.
 */
#pragma once
#include "base/reader.h"
#include "config.h"

enum { FB_JOB_MAX = 34 << 20, FB_ANSWER_MAX = 16 << 20 };

/** Runs in the child, once per job: read `job`, write at most `room` bytes to `answer`. @return
 * how many; 0: none. `self` is what `start` returned in that child. */
struct fb_work {
    void *(*start)(const struct fb_config *config);
    size_t (*work)(void *self, struct fb_span job, uint8_t *answer, size_t room);
};

struct fb_pool;

enum fb_death { FB_ALIVE, FB_DEATH_SIGNAL, FB_DEATH_MEMORY, FB_DEATH_TIME, FB_DEATH_SANDBOX };
/** "signal", "memory", "time", "sandbox". */
const char *fb_death_name(enum fb_death death);

/** Fork the zygote and the children. Call before any thread is made and before secrets are
 * read. @fails UNAVAILABLE: no memory or processes, or no child comes up */
struct fb_err fb_pool_open(const struct fb_config *config, const struct fb_work *work,
                           struct fb_pool **out);
size_t fb_pool_size(const struct fb_pool *pool);
/** How many children could not be started; it is tried again and again. */
size_t fb_pool_missing(const struct fb_pool *pool);
/** No child can be replaced any more: the pool is of no use. */
bool fb_pool_broken(const struct fb_pool *pool);
size_t fb_pool_idle(const struct fb_pool *pool);
/** Give a job to an idle child. @return false when none is idle or the job is larger than
 * FB_JOB_MAX. `ticket` comes back with the answer. */
bool fb_pool_give(struct fb_pool *pool, struct fb_span job, void *ticket);

struct fb_answer {
    void *ticket;
    enum fb_death death;   // when not ALIVE there is no answer
    double seconds;        // it took
    struct fb_span answer; // valid until the next call of fb_pool_wait
};
/** Wait up to `ms` for an answer, or for `wake_fd` (-1: none) to become readable. @return true
 * when `*out` was filled. Children that died are replaced here. */
bool fb_pool_wait(struct fb_pool *pool, int wake_fd, int ms, struct fb_answer *out);
/** Process id of child `i`: for tests that kill it. */
int fb_pool_pid(const struct fb_pool *pool, size_t i);
/** End all children and wait for them. */
void fb_pool_close(struct fb_pool *pool);
