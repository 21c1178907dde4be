/*
 * worker/sandbox/sandbox.h -- analyser children: hostile bytes are parsed in processes that may
 * die.
 *
 * The pool forks its children early, before there are threads. Each child has one shared
 * mapping for the job (an envelope as it came from Kafka) and its answer (analysis.proto), and
 * one SOCK_SEQPACKET pair for the bell. A child has limits on memory and CPU time; the parent
 * ends it by SIGKILL when the wall time is over, and forks a new one from a clean zygote
 * process when one has died or has served its time.
 */
#pragma once
#include "base/err.h"
#include "base/reader.h"
#include "config.h"

struct fb_pool;

enum fb_death { FB_ALIVE, FB_DEATH_SIGNAL, FB_DEATH_MEMORY, FB_DEATH_TIME, FB_DEATH_SANDBOX };

/** Fork the children. Call before any thread is made. @fails UNAVAILABLE: no memory or
 * processes */
struct fb_err fb_pool_open(const struct fb_config *config, struct fb_pool **out);
size_t fb_pool_size(const struct fb_pool *pool);
/** Give `envelope` to a child that is idle. @return the child's index, -1 when all are busy.
 * `job` comes back with the answer. */
int fb_pool_give(struct fb_pool *pool, struct fb_span envelope, void *job);

struct fb_answer {
    void *job;
    enum fb_death death; // when not ALIVE there is no answer
    struct fb_span
        analysis; // packed analysis.proto, valid until the child is given its next job
};
/** Wait up to `ms` for an answer, or for `wake_fd` (-1: none) to become readable. @return true
 * when `*out` was filled */
bool fb_pool_wait(struct fb_pool *pool, int wake_fd, int ms, struct fb_answer *out);
void fb_pool_close(struct fb_pool *pool);
