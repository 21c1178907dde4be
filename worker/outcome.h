/*
 * worker/outcome.h -- from the record of an analysis to the message that the store understands.
 */
#pragma once
#include "analysis.h"
#include "analysis.pb-c.h"
#include "envelope.pb-c.h"

/**
 * Fill `out` from `a` and what the client said.
 * @owner  everything hangs in `arena` or views `a`, `envelope` and `json`; do not free it with
 * protobuf-c
 * @fails  LIMIT: arena full
 */
struct fb_err fb_outcome(const struct fb_analysis *a, const Faultbucket__Envelope *envelope,
                         const char *json, struct fb_arena *arena, Faultbucket__Analysis *out);
