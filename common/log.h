/*
 * common/log.h -- one line per event on standard error: time, level, event, key=value ...
 *
 * Values are quoted and escaped where they need it, so that hostile text can neither end a line
 * nor drive a terminal.
 */
#pragma once
#include <stdint.h>

enum fb_log_level { FB_LOG_ERROR, FB_LOG_WARNING, FB_LOG_INFO, FB_LOG_DEBUG };

/** Set once at the start, before threads: program name (literal) and level by name ("info"). */
void fb_log_open(const char *program, const char *level);

/**
 * Log an event: `event` is a literal, then pairs of literal key and text value, ended by NULL.
 * Any thread. A NULL value prints as `-`.
 */
void fb_log(enum fb_log_level level, const char *event, ...) __attribute__((sentinel));
/** A number as a value, in one of a few buffers of the thread: good for the same call only. */
const char *fb_log_number(long long n);
