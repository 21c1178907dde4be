/*
 * worker/run.h -- the worker: messages in, analyses made, batches stored, until it is
 * told to stop.
 */
#pragma once
#include "sandbox/sandbox.h"

/** Run until SIGTERM or SIGINT. `pool` was opened before any thread. @return the exit code
 * of the process */
int fb_worker_run(const struct fb_config *config, struct fb_pool *pool);
