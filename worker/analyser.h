/*
 * worker/analyser.h -- what a child does with a job: an envelope in, an answer
 * of analysis.proto out.
 */
#pragma once
#include "sandbox/sandbox.h"

/** For fb_pool_open. An envelope that cannot be read, or holds no dump, gets an answer whose
 * `error` says so. */
extern const struct fb_work fb_analyser_work;
