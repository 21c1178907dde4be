/*
 * common/metrics.h -- counters, gauges and histograms in Prometheus' text form, from
 * a fixed table.
 *
 * Names and labels are one row each in metrics.c. Any thread may count; values are atomics,
 * each combination of label values a slot that is made at first use (bounded: beyond 128 per
 * metric, or 95 bytes, they go to the slot "other"). A metric is printed once it has a slot;
 * adding 0 makes one.
 */
#pragma once
#include "base/text.h"

#define FB_METRICS(X)                                                                          \
    X(INGEST_REQUESTS, COUNTER, "faultbucket_ingest_requests_total", "dialect,status",         \
      "requests answered")                                                                     \
    X(INGEST_SECONDS, HISTOGRAM, "faultbucket_ingest_request_seconds", "dialect",              \
      "from first byte to answer")                                                             \
    X(INGEST_BYTES, SIZES, "faultbucket_ingest_request_bytes", "dialect",                      \
      "body sizes as sent")                                                                    \
    X(INGEST_REJECTED, COUNTER, "faultbucket_ingest_rejected_total", "reason",                 \
      "requests refused")                                                                      \
    X(INGEST_ACK_SECONDS, HISTOGRAM, "faultbucket_ingest_kafka_ack_seconds", "",               \
      "from produce to the broker's acknowledgement")                                          \
    X(PRODUCE_ERRORS, COUNTER, "faultbucket_kafka_produce_errors_total", "code",               \
      "failed delivery reports")                                                               \
    X(QUEUE_BYTES, GAUGE, "faultbucket_kafka_queue_bytes", "direction",                        \
      "bytes waiting in librdkafka")                                                           \
    X(QUEUE_MESSAGES, GAUGE, "faultbucket_kafka_queue_messages", "direction",                  \
      "messages waiting in librdkafka")                                                        \
    X(LAG_MESSAGES, GAUGE, "faultbucket_worker_lag_messages", "partition",                     \
      "messages between the log's end and our offset")                                         \
    X(LAG_SECONDS, GAUGE, "faultbucket_worker_lag_seconds", "",                                \
      "how long the oldest report here has waited")                                            \
    X(WORKER_REPORTS, COUNTER, "faultbucket_worker_reports_total", "outcome",                  \
      "reports: counted, duplicate, unanalysed, dead")                                         \
    X(ANALYSIS_SECONDS, HISTOGRAM, "faultbucket_worker_analysis_seconds", "format",            \
      "one dump in the analyser")                                                              \
    X(SANDBOX_DEATHS, COUNTER, "faultbucket_worker_sandbox_deaths_total", "cause",             \
      "analysers that died: signal, memory, time, sandbox")                                    \
    X(BATCH_SECONDS, HISTOGRAM, "faultbucket_worker_batch_seconds", "", "one transaction")     \
    X(BATCH_REPORTS, SIZES, "faultbucket_worker_batch_reports", "",                            \
      "reports in a transaction")                                                              \
    X(REBALANCES, COUNTER, "faultbucket_worker_rebalances_total", "",                          \
      "changes of the assignment")                                                             \
    X(FENCED, COUNTER, "faultbucket_worker_fenced_batches_total", "",                          \
      "batches dropped since another worker had stored them")                                  \
    X(OFFSET_GAP, COUNTER, "faultbucket_worker_offset_gap_messages_total", "",                 \
      "messages lost to retention before they were read")                                      \
    X(PG_RETRIES, COUNTER, "faultbucket_pg_retries_total", "sqlstate",                         \
      "transactions tried again")                                                              \
    X(ROLLUP_SECONDS, HISTOGRAM, "faultbucket_rollup_seconds", "", "one rollup")               \
    X(ROLLUP_ROWS, GAUGE, "faultbucket_rollup_pending_rows", "",                               \
      "delta rows found by the last rollup")                                                   \
    X(BUCKETS_CREATED, COUNTER, "faultbucket_buckets_created_total", "class", "new buckets")   \
    X(BUILD_INFO, GAUGE, "faultbucket_build_info", "version,librdkafka,capstone", "1")

#define X(id, type, name, labels, help) FB_METRIC_##id,
enum fb_metric { FB_METRICS(X) FB_METRIC_COUNT };
#undef X

/** Add to a counter; `labels` are the label values joined by ',' in the metric's order,
 * "" for none. */
void fb_metric_add(enum fb_metric metric, const char *labels, uint64_t n);
void fb_metric_set(enum fb_metric metric, const char *labels, double value);
/** One observation of a histogram: seconds, or bytes/counts for SIZES. */
void fb_metric_observe(enum fb_metric metric, const char *labels, double value);
/** All metrics that have a slot, in the text exposition format 0.0.4. */
void fb_metrics_print(struct fb_text *out);
/** The value of a counter or gauge, or the sum of a histogram; NULL labels: over all labels.
 * For tests and doctor. */
double fb_metric_value(enum fb_metric metric, const char *labels);
