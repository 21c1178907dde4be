/*
 * tests/unit/test_kafka.c -- the producer against librdkafka's own mock cluster: every message
 * is answered for once, whatever the broker does.
 */
#include "kafka.h"
#include "log.h"
#include "metrics.h"
#include "support/check.h"

#include <librdkafka/rdkafka_mock.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { MESSAGES = 200, WAIT_MS = 20000 };

static atomic_int answers[3]; // per enum fb_delivery

static void delivered(void *arg, enum fb_delivery how, const char *code)
{
    atomic_int *times = arg;
    (void)code;
    atomic_fetch_add(times, 1);
    atomic_fetch_add(&answers[how], 1);
}

static int answered(void)
{
    return atomic_load(&answers[0]) + atomic_load(&answers[1]) + atomic_load(&answers[2]);
}

static void wait_answers(int n)
{
    static const struct timespec tick = {.tv_nsec = 10000000};
    for (int ms = 0; answered() < n && ms < WAIT_MS; ms += 10)
        nanosleep(&tick, NULL);
}

static const struct fb_config *configure(const char *brokers)
{
    static char program[] = "test", flag[256];
    static char *argv[] = {program, flag, NULL};
    int argc = 2;
    snprintf(flag, sizeof flag, "--kafka-brokers=%s", brokers);
    return fb_config_load('I', "", &argc, argv);
}

/* Produce `n` messages, each with its own count of answers. */
static void produce_many(struct fb_producer *p, atomic_int *times, int n)
{
    static const uint8_t value[1000] = "value";
    for (int i = 0; i < n; i++) {
        struct fb_message message = {
            .key = {(const uint8_t *)"key", 3,            0},
            .value = {value,                  sizeof value, 0},
            .id = "id",
            .traceparent = "00-trace"
        };
        if (!CHECK("taken", !fb_failed(fb_produce(p, &message, delivered, &times[i]))))
            delivered(&times[i], FB_NOT_PERSISTED, NULL);
    }
}

static void check_once(const char *row, const atomic_int *times, int n)
{
    int once = 0;
    for (int i = 0; i < n; i++)
        once += atomic_load(&times[i]) == 1;
    if (!CHECK(row, once == n))
        fprintf(stderr, "  %d of %d were answered once\n", once, n);
}

static void reset(atomic_int *times)
{
    for (int i = 0; i < MESSAGES; i++)
        atomic_store(&times[i], 0);
    for (size_t i = 0; i < COUNT(answers); i++)
        atomic_store(&answers[i], 0);
}

static void check_plain(const struct fb_config *config)
{
    static atomic_int times[MESSAGES];
    struct fb_producer *p;
    CHECK("opened", !fb_failed(fb_producer_open(config, "t", &p)));
    CHECK("ready", !fb_failed(fb_producer_ready(p, WAIT_MS)));
    reset(times);
    produce_many(p, times, MESSAGES);
    wait_answers(MESSAGES);
    check_once("plain", times, MESSAGES);
    CHECK("plain", atomic_load(&answers[FB_DELIVERED]) == MESSAGES);
    CHECK("queue is empty", fb_metric_value(FB_METRIC_QUEUE_BYTES, NULL) == 0);
    fb_producer_close(p, WAIT_MS);
}

static void check_too_large(const struct fb_config *config)
{
    static const size_t size = 40 << 20;
    atomic_int times = 0;
    struct fb_producer *p;
    uint8_t *value = calloc(1, size);
    CHECK("opened", !fb_failed(fb_producer_open(config, "t", &p)));
    struct fb_message message = {
        .value = {value, size, 0},
          .id = "id"
    };
    CHECK("too large", fb_produce(p, &message, delivered, &times).code == FB_LIMIT);
    fb_producer_close(p, WAIT_MS);
    CHECK("a refused message has no answer", times == 0);
    free(value);
}

/* A foreign message may have any key, and must fit among the dead letters with it. */
static void check_long_key(const struct fb_config *config)
{
    static const uint8_t key[100000];
    atomic_int times = 0;
    struct fb_producer *p;
    CHECK("opened", !fb_failed(fb_producer_open(config, "t", &p)));
    struct fb_message message = {
        .key = {key, sizeof key, 0},
          .value = {key, 1,          0},
          .id = "id"
    };
    CHECK("long key", !fb_failed(fb_produce(p, &message, delivered, &times)));
    fb_producer_close(p, WAIT_MS);
    CHECK("long key", times == 1);
}

/* The broker does not take what it is sent: refused, with a code, within the time-out. */
static void check_refusing(const struct fb_config *config, rd_kafka_mock_cluster_t *cluster)
{
    static atomic_int times[MESSAGES];
    enum { PRODUCE = 0 }; // the API key
    struct fb_producer *p;
    CHECK("opened", !fb_failed(fb_producer_open(config, "t", &p)));
    CHECK("ready", !fb_failed(fb_producer_ready(p, WAIT_MS)));
    reset(times);
    rd_kafka_mock_push_request_errors(cluster, PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    produce_many(p, times, 1);
    wait_answers(1);
    CHECK("not kept", atomic_load(&answers[FB_DELIVERED]) == 0);
    CHECK("counted", fb_metric_value(FB_METRIC_PRODUCE_ERRORS, NULL) >= 1);
    fb_producer_close(p, WAIT_MS);
    check_once("refused", times, 1);
    rd_kafka_mock_clear_request_errors(cluster, PRODUCE);
}

/* A broker that says the sequence is broken ends the client for good: what it owed goes out
 * through a new one, and whoever waits is told of success. */
static void check_fatal(const struct fb_config *config, rd_kafka_mock_cluster_t *cluster)
{
    static atomic_int times[MESSAGES];
    enum { PRODUCE = 0 };
    struct fb_producer *p;
    CHECK("opened", !fb_failed(fb_producer_open(config, "t", &p)));
    CHECK("ready", !fb_failed(fb_producer_ready(p, WAIT_MS)));
    reset(times);
    produce_many(p, times, 1);
    wait_answers(1);
    rd_kafka_mock_push_request_errors(cluster, PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    produce_many(p, times + 1, MESSAGES - 1);
    wait_answers(MESSAGES);
    check_once("fatal", times, MESSAGES);
    CHECK("fatal", atomic_load(&answers[FB_DELIVERED]) == MESSAGES);
    fb_producer_close(p, WAIT_MS);
}

/* Closed while nothing can be sent: each message is still answered for. */
static void check_closed(const struct fb_config *config, rd_kafka_mock_cluster_t *cluster)
{
    static atomic_int times[MESSAGES];
    struct fb_producer *p;
    rd_kafka_mock_broker_set_down(cluster, 1);
    CHECK("opened", !fb_failed(fb_producer_open(config, "t", &p)));
    CHECK("not ready", fb_failed(fb_producer_ready(p, 100)));
    reset(times);
    produce_many(p, times, MESSAGES);
    fb_producer_close(p, 100);
    check_once("closed", times, MESSAGES);
    CHECK("closed", atomic_load(&answers[FB_DELIVERED]) == 0);
    rd_kafka_mock_broker_set_up(cluster, 1);
}

int main(void)
{
    char why[256];
    fb_log_open("test_kafka", "error");
    rd_kafka_t *host = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof why);
    rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(host, 1);
    rd_kafka_mock_topic_create(cluster, "t", 2, 1);
    const struct fb_config *config = configure(rd_kafka_mock_cluster_bootstraps(cluster));
    check_plain(config);
    check_too_large(config);
    check_long_key(config);
    check_refusing(config, cluster);
    check_fatal(config, cluster);
    check_closed(config, cluster);
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(host);
    return check_done();
}
