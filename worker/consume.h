/*
 * worker/consume.h -- the consumer: messages, and which partitions are ours from
 * which offset on.
 *
 * Offsets live in PostgreSQL; what Kafka is told is for lag displays only. The rules of
 * librdkafka 2.0.2 that this file keeps: poll one message at a time, commit synchronously only
 * when partitions are given back, never poll when there is no room (and pause when that lasts),
 * call assign and unassign in the callback.
 */
#pragma once
#include "config.h"
#include "store/store.h"

#include <librdkafka/rdkafka.h>

struct fb_consumer;

struct fb_consumer_events {
    void *arg;
    /** Partitions were taken away, or given to us: forget every task that is not stored. */
    void (*changed)(void *arg);
};

/** Join the group. @fails USAGE: a setting is refused; UNAVAILABLE (logged) */
struct fb_err fb_consumer_open(const struct fb_config *config,
                               const struct fb_consumer_events *events,
                               struct fb_consumer **out);
/** Become readable when there is something to poll for. */
int fb_consumer_fd(const struct fb_consumer *consumer);
void fb_consumer_clear_fd(struct fb_consumer *consumer);
/** The id of the cluster, asked within `ms`; NULL: the broker does not answer. Lives as long
 * as the consumer. */
const char *fb_consumer_cluster(struct fb_consumer *consumer, int ms);
/** The store that offsets are read from; needed before the first poll. */
void fb_consumer_use(struct fb_consumer *consumer, struct fb_store *store, const char *cluster);
/** The next message, NULL: none now. The caller destroys it. */
rd_kafka_message_t *fb_consumer_poll(struct fb_consumer *consumer);
/** Stop and start fetching; rebalances go on being served by fb_consumer_poll. */
void fb_consumer_pause(struct fb_consumer *consumer, bool pause);

/** What PostgreSQL has for a partition of ours; -2: not ours. */
int64_t fb_consumer_stored(const struct fb_consumer *consumer, int32_t partition);
/** The batch that moved the offset to `next` is stored. */
void fb_consumer_set_stored(struct fb_consumer *consumer, int32_t partition, int64_t next);
/** Read the offsets anew and go on from there: after a batch was fenced off. */
void fb_consumer_rewind(struct fb_consumer *consumer);
/** Tell Kafka, without waiting, and set the lag metrics. */
void fb_consumer_report(struct fb_consumer *consumer);
/** How many partitions are ours; -1 before the first assignment, and while PostgreSQL does not
 * say where they stand. */
int fb_consumer_partitions(const struct fb_consumer *consumer);
/** librdkafka has said that this consumer will never fetch again. */
bool fb_consumer_failed(const struct fb_consumer *consumer);
/** Leave the group: partitions are given back through `changed`. */
void fb_consumer_leave(struct fb_consumer *consumer);
/** Every message must have been destroyed by now. */
void fb_consumer_close(struct fb_consumer *consumer);
