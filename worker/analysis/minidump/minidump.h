/*
 * worker/analysis/minidump/minidump.h -- from the bytes of a minidump to a struct fb_dump.
 *
 * The directory is read first, then each stream in an order in which none needs a later one.
 * What cannot be read costs its item and a note, never the report; only a file that is no
 * minidump at all fails.
 */
#pragma once
#include "dump.h"

/**
 * Read a minidump.
 * @owner   everything in `out` lives in `arena` or views `file`, which must outlive it
 * @fails   MALFORMED: not a minidump (what says what it is instead); TRUNCATED: shorter than
 * its header or without one readable directory entry; LIMIT: the arena is full. `*out` is then
 * unspecified.
 * @source  minidumpapiset.h
 */
struct fb_err fb_minidump_read(struct fb_span file, struct fb_arena *arena,
                               struct fb_notes *notes, struct fb_dump *out);

/** Decode a raw CPU context of `arch`. valid == 0 in the result when it is unusable. */
struct fb_regs fb_minidump_context(enum fb_arch arch, struct fb_span context, bool swapped);

/** The name of a type of stream, as its vendor calls it; NULL when we know none. */
const char *fb_minidump_stream_name(uint32_t type);
