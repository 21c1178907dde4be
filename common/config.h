/*
 * common/config.h -- one configuration for all programs: file, environment, flags,
 * in that order.
 *
 * Every option is one row of the table in config.c: its name `section.key` in the file,
 * FAULTBUCKET_SECTION_KEY in the environment, --section-key=VALUE on the command line. The file
 * is an INI file named by --config or $FAULTBUCKET_CONFIG, else /etc/faultbucket.conf when it
 * exists. The sections [kafka.producer] and [kafka.consumer] go to librdkafka as they are.
 */
#pragma once
#include "base/err.h"
#include <stdio.h>

/* X(identifier, name, default, argument, help, programs): programs is any of I(ngest),
 * W(orker), C(ommand line) */
#define FB_OPTIONS(X)                                                                          \
    X(KAFKA_BROKERS, "kafka.brokers", "127.0.0.1:9092", "HOST:PORT,...",                       \
      "Kafka's bootstrap servers", "IWC")                                                      \
    X(KAFKA_TOPIC, "kafka.topic", "fb.reports", "NAME", "topic that carries the reports",      \
      "IWC")                                                                                   \
    X(KAFKA_DEAD_TOPIC, "kafka.dead_topic", "fb.reports.dead", "NAME",                         \
      "topic of messages set aside", "WC")                                                     \
    X(KAFKA_GROUP, "kafka.group", "faultbucket", "NAME", "consumer group of the workers",      \
      "WC")                                                                                    \
    X(KAFKA_PARTITIONS, "kafka.partitions", "48", "N",                                         \
      "partitions of a topic that migrate creates", "C")                                       \
    X(KAFKA_REPLICATION, "kafka.replication", "1", "N",                                        \
      "replicas of a topic that migrate creates", "C")                                         \
    X(POSTGRES_URL, "postgres.url", "dbname=faultbucket", "CONNINFO",                          \
      "PostgreSQL connection string", "IWC")                                                   \
    X(INGEST_LISTEN, "ingest.listen", "0.0.0.0:8080", "HOST:PORT",                             \
      "where reports are accepted; port 0 takes a free one", "I")                              \
    X(INGEST_ANONYMOUS, "ingest.anonymous_vendor", "", "VENDOR",                               \
      "vendor of uploads without a key; empty refuses them", "I")                              \
    X(INGEST_MAX_REPORT, "ingest.max_report_bytes", "26214400", "BYTES",                       \
      "largest body, and largest dump after decompression", "I")                               \
    X(INGEST_SPILL, "ingest.spill_dir", "/tmp", "DIR",                                         \
      "folder for dumps too large to hold in memory meanwhile", "I")                           \
    X(INGEST_CONNECTIONS, "ingest.connections", "4096", "N", "connections at once", "I")       \
    X(INGEST_THREADS, "ingest.threads", "0", "N", "threads; 0: one per core", "I")             \
    X(WORKER_ANALYSERS, "worker.analysers", "0", "N", "analyser children; 0: one per core",    \
      "W")                                                                                     \
    X(WORKER_LISTEN, "worker.listen", "127.0.0.1:0", "HOST:PORT",                              \
      "where health and metrics are served", "W")                                              \
    X(WORKER_BATCH, "worker.batch_reports", "500", "N", "reports in a transaction at most",    \
      "W")                                                                                     \
    X(WORKER_BATCH_MS, "worker.batch_ms", "200", "MS", "age at which a batch is closed", "W")  \
    X(WORKER_MEMORY, "worker.analyser_memory_bytes", "268435456", "BYTES",                     \
      "memory of one analyser at most", "W")                                                   \
    X(WORKER_SECONDS, "worker.analyser_seconds", "10", "S", "time for one dump at most", "W")  \
    X(WORKER_SAMPLES, "worker.samples", "3", "N", "dumps kept per bucket", "W")                \
    X(MIGRATIONS, "migrate.dir", "", "DIR",                                                    \
      "folder of the migrations; empty: beside the program", "C")                              \
    X(SERVER_URL, "server.url", "http://127.0.0.1:8080", "URL", "ingest, for submit", "C")     \
    X(SERVER_KEY, "server.key", "", "KEY", "upload key, for submit", "C")                      \
    X(LOG_LEVEL, "log.level", "info", "LEVEL", "error, warning, info or debug", "IWC")

#define X(id, name, value, arg, help, programs) FB_OPT_##id,
enum fb_option { FB_OPTIONS(X) FB_OPTION_COUNT };
#undef X

struct fb_config;

/**
 * Read file, environment and flags. Flags of the table are taken out of `argv`, wherever they
 * stand before a `--`; what remains (argv[0], and for the command line the command and its own
 * arguments) stays in order. A server program (I, W) takes nothing else: --help prints `about`
 * and the table, --version the version, and both exit 0; anything else is a fault. Every fault
 * is printed to standard error with what to do, and ends the process with exit code 2.
 * @owner  the result lives until the process ends
 */
const struct fb_config *fb_config_load(char program, const char *about, int *argc, char **argv);

/** The options of `program` with defaults and all three spellings, for --help. */
void fb_config_help(char program, FILE *to);

/** The value as text; never NULL. */
const char *fb_config_text(const struct fb_config *config, enum fb_option option);
/** The value as a whole number within [low, high]; a value that is not one ends the process
 * with exit code 2. */
long long fb_config_number(const struct fb_config *config, enum fb_option option, long long low,
                           long long high);
/** Where the value came from, for doctor: "default", "file", "environment", "flag". */
const char *fb_config_source(const struct fb_config *config, enum fb_option option);
const char *fb_config_name(enum fb_option option);
/** Call `each` for every key of the [kafka.producer] or [kafka.consumer] section. */
void fb_config_section(const struct fb_config *config, const char *section,
                       void (*each)(void *arg, const char *key, const char *value), void *arg);
