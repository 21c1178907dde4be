/*
 * common/envelope_reader.h -- unpack the messages of proto/ within a limit on memory.
 *
 * protobuf-c takes what a message claims; here it takes it from an allocator with a ceiling
 * that follows from the message's own size.
 */
#pragma once
#include "analysis.pb-c.h"
#include "base/reader.h"
#include "envelope.pb-c.h"

enum { FB_ENVELOPE_SCHEMA = 1, FB_ANALYSIS_SCHEMA = 1 };

/** @owner the caller frees it. NULL: not an envelope, of a schema that is not ours, without its
 * 16-byte id and key, or out of memory */
Faultbucket__Envelope *fb_envelope_unpack(struct fb_span message);
void fb_envelope_free(Faultbucket__Envelope *envelope);

/** Likewise for a child's answer. It has an error, or a bucket key of 16 bytes and both
 * judgements; its texts may still be anything: PostgreSQL refuses what is not UTF-8, and then
 * the row is set aside. */
Faultbucket__Analysis *fb_analysis_unpack(struct fb_span message);
void fb_analysis_free(Faultbucket__Analysis *analysis);
