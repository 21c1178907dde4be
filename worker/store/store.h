/*
 * worker/store/store.h -- keep a batch of reports: all of them with their offsets, or nothing.
 *
 * One transaction per batch: offsets are compared and set first, so that a
 * worker that lost its partition is fenced; duplicates are dropped by key; reports, trends and
 * samples follow. Keeping a batch twice is keeping it once.
 */
#pragma once
#include "analysis.pb-c.h"
#include "base/err.h"
#include "base/reader.h"
#include "config.h"
#include "envelope.pb-c.h"

struct fb_store;

struct fb_store_row {
    const Faultbucket__Envelope
        *envelope; // NULL for a message that is no envelope: then it is dead
    const Faultbucket__Analysis *analysis; // NULL when there is none
    struct fb_span message;                // as it came from Kafka, for dead letters
    int32_t partition;
    int64_t offset;
    const char *dead; // reason, a literal: goes to dead_letter; NULL: a report
    bool unanalysed;  // a report whose analysis failed: counted, in bucket "unanalysed"
};
struct fb_store_offset { // of one partition: what this worker believes, and what the batch
                         // makes of it
    int32_t partition;
    int64_t expected, next;
};
struct fb_batch {
    const char *topic;
    const char *cluster; // rd_kafka_clusterid
    const struct fb_store_row *rows;
    size_t n_rows;
    const struct fb_store_offset *offsets; // by partition
    size_t n_offsets;
};
struct fb_store_result {
    size_t counted, duplicate, unanalysed, dead, new_buckets;
};

/** Connect and check that the schema is the one this program knows. @fails UNAVAILABLE; USAGE:
 * run `faultbucket migrate` (logged) */
struct fb_err fb_store_open(const struct fb_config *config, struct fb_store **out);
void fb_store_close(struct fb_store *store);
/** The next offset of each partition; a partition never seen gets -1. `next` has room for `n`.
 * @fails UNAVAILABLE */
struct fb_err fb_store_offsets(struct fb_store *store, const char *cluster, const char *topic,
                               const int32_t *partitions, size_t n, int64_t *next);
/**
 * Keep a batch. 40P01 and 40001 are tried again here. @return FB_NO_ERR: committed.
 * @fails UNAVAILABLE: nothing is known to be kept, ask fb_store_offsets after reconnecting;
 * LIMIT: fenced, another worker has moved an offset: drop the batch and re-read; MALFORMED: a
 * row the server will not hold (`*bad` says which); BUG
 */
struct fb_err fb_store_keep(struct fb_store *store, const struct fb_batch *batch,
                            struct fb_store_result *result, size_t *bad);
/** Move deltas into the hour tables and totals, make partitions for the coming days; does
 * nothing when another worker is at it. Call every few seconds. */
struct fb_err fb_store_rollup(struct fb_store *store);
/** Record a gap: messages [from, to) of a partition are gone from Kafka. */
struct fb_err fb_store_gap(struct fb_store *store, const char *cluster, const char *topic,
                           int32_t partition, int64_t from, int64_t to);
