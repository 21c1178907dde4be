/*
 * common/kafka.h -- Kafka as our programs use it: a producer that answers for every
 * message, and topics.
 *
 * The rules of librdkafka 2.0.2 are kept here, so that no program needs to know
 * them. The worker's consumer is in worker/consume.c; it takes its settings from here.
 */
#pragma once
#include "base/reader.h"
#include "config.h"
#include <librdkafka/rdkafka.h>

struct fb_producer;

enum fb_delivery { FB_DELIVERED, FB_NOT_PERSISTED, FB_POSSIBLY_PERSISTED };
/** Called once per accepted message, in the producer's own thread: store the result,
 * wake somebody, return. */
typedef void fb_delivered_fn(void *arg, enum fb_delivery how, const char *code);

/** A producer with acks=all and idempotence, and its polling thread. @fails USAGE: a setting
 * is refused (logged) */
struct fb_err fb_producer_open(const struct fb_config *config, const char *topic,
                               struct fb_producer **out);
/** Whether the broker has answered a metadata request for the topic within `ms`; the message
 * says why not (logged). */
struct fb_err fb_producer_ready(struct fb_producer *producer, int ms);

struct fb_message {
    struct fb_span key, value; // both are owned by the caller until `delivered`
    const char *id;            // header fb-id: the report's UUID
    bool maybe_duplicate;      // header fb-maybe-dup
    const char *traceparent;   // may be NULL
    const char *reason;        // header fb-reason, for dead letters; may be NULL
};
/** Hand a message over. @fails UNAVAILABLE: the queue is full (at once, never blocks); LIMIT:
 * too large for the broker */
struct fb_err fb_produce(struct fb_producer *producer, const struct fb_message *message,
                         fb_delivered_fn *delivered, void *arg);
/** Wait up to `ms` for what is under way, then close; what is not delivered is reported
 * NOT_PERSISTED or POSSIBLY_PERSISTED. */
void fb_producer_close(struct fb_producer *producer, int ms);

/** Create the topic with its settings where it does not exist, raise its partitions where it
 * has fewer. @fails UNAVAILABLE; the log says what the broker said */
struct fb_err fb_kafka_topic(const struct fb_config *config, const char *topic, int partitions,
                             int replication, long long retention_ms);
/** Settings common to all clients plus those of `section`. @owner the caller, until
 * rd_kafka_new takes it. NULL: refused (logged) */
rd_kafka_conf_t *fb_kafka_conf(const struct fb_config *config, const char *section);
