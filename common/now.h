/* common/now.h -- seconds on a clock that never jumps: for time-outs and durations only. */
#pragma once
#include <time.h>

static inline double fb_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}
