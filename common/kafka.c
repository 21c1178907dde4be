/*
 * common/kafka.c -- the producer: every message that is accepted is answered for, once.
 *
 * A job is our note of one message until its delivery report. An idempotent producer can reach
 * a state that it never leaves ("fatal"); its undelivered jobs then move to a new client, once
 * each, marked as possible duplicates where the old client could not say. Only the polling
 * thread replaces the client, so it alone may read `client` without the lock.
 */
#include "kafka.h"

#include "log.h"
#include "metrics.h"
#include "now.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    ID_MAX = 64,
    TRACE_MAX = 64,
    POLL_MS = 100,
    DRAIN_MS = 1000, // for the reports of a client that is given up
    DRAIN_TRIES = 10
};

struct job {
    struct job *next;
    fb_delivered_fn *delivered;
    void *arg;
    struct fb_span key, value;
    char id[ID_MAX], trace[TRACE_MAX];
    const char *reason;
    double since;                // fb_now() when it was handed over
    bool maybe_duplicate, again; // again: this is its second client
};

struct fb_producer {
    pthread_rwlock_t lock; // around the exchange of `client`
    rd_kafka_t *client;
    rd_kafka_conf_t *conf; // each client gets a copy
    char *topic;
    pthread_t poller;
    struct job *parked; // the polling thread's own: jobs that move to the next client
    atomic_bool stop;
    atomic_llong queued_bytes, queued_messages;
};

/* --- settings ----------------------------------------------------------------------- */

struct setting {
    const char *section, *key, *value; // section NULL: all clients
    bool fixed;                        // delivery rests on it: the file may not change it
};
static const struct setting settings[] = {
    {NULL,             "client.id",                          "faultbucket",    false},
    {NULL,             "socket.keepalive.enable",            "true",           false},
    {NULL,             "topic.metadata.refresh.interval.ms", "60000",          false},
    {"kafka.producer", "acks",                               "all",            true },
    {"kafka.producer", "enable.idempotence",                 "true",           true },
    {"kafka.producer", "linger.ms",                          "2",              false},
    {"kafka.producer", "compression.codec",                  "none",           false},
    {"kafka.producer", "message.timeout.ms",                 "5000",           false},
    {"kafka.producer", "message.max.bytes",                  "33554432",       false},
    {"kafka.producer", "queue.buffering.max.kbytes",         "65536",          false},
    {"kafka.producer", "queue.buffering.max.messages",       "20000",          false},
    {"kafka.producer", "reconnect.backoff.max.ms",           "2000",           false},
    {"kafka.consumer", "reconnect.backoff.max.ms",           "5000",           false},
    {"kafka.consumer", "enable.auto.commit",                 "false",          true },
    {"kafka.consumer", "enable.auto.offset.store",           "false",          true },
    {"kafka.consumer", "auto.offset.reset",                  "error",          true },
    {"kafka.consumer", "partition.assignment.strategy",      "roundrobin",     false},
    {"kafka.consumer", "session.timeout.ms",                 "20000",          false},
    {"kafka.consumer", "heartbeat.interval.ms",              "3000",           false},
    {"kafka.consumer", "max.poll.interval.ms",               "300000",         false},
    {"kafka.consumer", "fetch.message.max.bytes",            "4194304",        false},
    {"kafka.consumer", "fetch.max.bytes",                    "52428800",       false},
    {"kafka.consumer", "receive.message.max.bytes",          "134217728",      false},
    {"kafka.consumer", "queued.max.messages.kbytes",         "65536",          false},
    {"kafka.consumer", "queued.min.messages",                "1000",           false},
    {"kafka.consumer", "isolation.level",                    "read_committed", false},
    {"kafka.consumer", "check.crcs",                         "true",           false},
};
enum { SETTINGS = sizeof settings / sizeof *settings };

struct making {
    rd_kafka_conf_t *conf;
    const char *section;
    bool refused;
};

static void apply(struct making *m, const char *key, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(m->conf, key, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return;
    m->refused = true;
    fb_log(FB_LOG_ERROR, "kafka_setting", "section", m->section, "key", key, "error", why,
           NULL);
}

static bool is_of(const struct setting *s, const char *section)
{
    return s->section == NULL || (section != NULL && strcmp(s->section, section) == 0);
}

static void apply_from_file(void *arg, const char *key, const char *value)
{
    struct making *m = arg;
    for (size_t i = 0; i < SETTINGS; i++)
        if (settings[i].fixed && is_of(&settings[i], m->section) &&
            strcmp(settings[i].key, key) == 0 && strcmp(settings[i].value, value) != 0) {
            m->refused = true;
            fb_log(FB_LOG_ERROR, "kafka_setting", "section", m->section, "key", key, "error",
                   "delivery rests on this setting: remove it from the file", NULL);
            return;
        }
    apply(m, key, value);
}

/* librdkafka's levels are syslog's: below 4 is an error, 4 a warning. */
static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    enum { SYSLOG_WARNING = 4, SYSLOG_INFO = 6 };
    (void)client;
    fb_log(level <= SYSLOG_WARNING ? FB_LOG_WARNING
           : level <= SYSLOG_INFO  ? FB_LOG_INFO
                                   : FB_LOG_DEBUG,
           "kafka", "facility", facility, "text", text, NULL);
}

rd_kafka_conf_t *fb_kafka_conf(const struct fb_config *config, const char *section)
{
    struct making m = {rd_kafka_conf_new(), section, false};
    apply(&m, "bootstrap.servers", fb_config_text(config, FB_OPT_KAFKA_BROKERS));
    for (size_t i = 0; i < SETTINGS; i++)
        if (is_of(&settings[i], section))
            apply(&m, settings[i].key, settings[i].value);
    if (section != NULL)
        fb_config_section(config, section, apply_from_file, &m);
    rd_kafka_conf_set_log_cb(m.conf, on_log);
    if (!m.refused)
        return m.conf;
    rd_kafka_conf_destroy(m.conf);
    return NULL;
}

/* --- delivery reports: the polling thread ------------------------------------------- */

static void count_queue(struct fb_producer *p, long long bytes, long long messages)
{
    long long b = atomic_fetch_add(&p->queued_bytes, bytes) + bytes;
    long long n = atomic_fetch_add(&p->queued_messages, messages) + messages;
    fb_metric_set(FB_METRIC_QUEUE_BYTES, "produce", (double)b);
    fb_metric_set(FB_METRIC_QUEUE_MESSAGES, "produce", (double)n);
}

/* The job ends here. Nothing of it may be touched after `delivered`: its owner may be gone. */
static void finish(struct fb_producer *p, struct job *job, enum fb_delivery how,
                   rd_kafka_resp_err_t err)
{
    const char *code = err != 0 ? rd_kafka_err2name(err) : NULL;
    count_queue(p, -(long long)job->value.n, -1);
    if (how == FB_DELIVERED)
        fb_metric_observe(FB_METRIC_INGEST_ACK_SECONDS, "", fb_now() - job->since);
    else
        fb_metric_add(FB_METRIC_PRODUCE_ERRORS, code != NULL ? code : "none", 1);
    job->delivered(job->arg, how, code);
    free(job);
}

static enum fb_delivery delivery_of(const rd_kafka_message_t *report)
{
    if (report->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return FB_DELIVERED;
    return rd_kafka_message_status(report) == RD_KAFKA_MSG_STATUS_NOT_PERSISTED
               ? FB_NOT_PERSISTED
               : FB_POSSIBLY_PERSISTED;
}

static bool given_up(const struct fb_producer *p, rd_kafka_t *client)
{
    char why[8];
    return client != p->client || rd_kafka_fatal_error(client, why, sizeof why) != 0;
}

static void on_report(rd_kafka_t *client, const rd_kafka_message_t *report, void *opaque)
{
    struct fb_producer *p = opaque;
    struct job *job = report->_private;
    enum fb_delivery how = delivery_of(report);
    bool move = how != FB_DELIVERED && !job->again && !atomic_load(&p->stop);
    if (move && given_up(p, client)) {
        job->again = true;
        job->maybe_duplicate |= how == FB_POSSIBLY_PERSISTED;
        job->next = p->parked;
        p->parked = job;
    } else {
        finish(p, job, how, report->err);
    }
}

static rd_kafka_headers_t *headers_of(const struct job *job)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(5);
    rd_kafka_header_add(headers, "fb-id", -1, job->id, -1);
    rd_kafka_header_add(headers, "fb-schema", -1, "1", -1);
    if (job->maybe_duplicate)
        rd_kafka_header_add(headers, "fb-maybe-dup", -1, "1", -1);
    if (job->trace[0] != 0)
        rd_kafka_header_add(headers, "traceparent", -1, job->trace, -1);
    if (job->reason != NULL)
        rd_kafka_header_add(headers, "fb-reason", -1, job->reason, -1);
    return headers;
}

/* librdkafka reads keys and values through its own, unqualified pointer, and never writes. */
static void *as_payload(struct fb_span value)
{
    union {
        const uint8_t *in;
        void *out;
    } p = {.in = value.p};
    return p.out;
}

static rd_kafka_resp_err_t send_job(rd_kafka_t *client, const char *topic, struct job *job)
{
    rd_kafka_headers_t *headers = headers_of(job);
    // Flags 0: the value stays its owner's until the report; the key is copied.
    const rd_kafka_vu_t what[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC,    .u.cstr = topic                                },
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = 0                                       },
        {.vtype = RD_KAFKA_VTYPE_KEY,      .u.mem = {as_payload(job->key), job->key.n}    },
        {.vtype = RD_KAFKA_VTYPE_VALUE,    .u.mem = {as_payload(job->value), job->value.n}},
        {.vtype = RD_KAFKA_VTYPE_HEADERS,  .u.headers = headers                           },
        {.vtype = RD_KAFKA_VTYPE_OPAQUE,   .u.ptr = job                                   },
    };
    rd_kafka_error_t *error = rd_kafka_produceva(client, what, sizeof what / sizeof *what);
    rd_kafka_resp_err_t err = rd_kafka_error_code(error); // of NULL: no error
    rd_kafka_error_destroy(error);
    if (err != 0)
        rd_kafka_headers_destroy(headers); // they stay ours when the message was refused
    return err;
}

static rd_kafka_t *new_client(struct fb_producer *p)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_dup(p->conf);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (client == NULL) {
        rd_kafka_conf_destroy(conf);
        fb_log(FB_LOG_ERROR, "kafka_client", "error", why, NULL);
    }
    return client;
}

static void send_parked(struct fb_producer *p)
{
    while (p->parked != NULL) {
        struct job *job = p->parked;
        p->parked = job->next;
        rd_kafka_resp_err_t err = send_job(p->client, p->topic, job);
        if (err != 0)
            finish(p, job, job->maybe_duplicate ? FB_POSSIBLY_PERSISTED : FB_NOT_PERSISTED,
                   err);
    }
}

/* Have every message of a client reported, now. Whoever waits for a report that never comes
 * waits for ever. */
static void drain(rd_kafka_t *client)
{
    rd_kafka_purge(client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    for (int i = 0; i < DRAIN_TRIES && rd_kafka_flush(client, DRAIN_MS) != 0; i++)
        continue;
}

/* A fatal client is replaced, and what it owed is sent again. */
static void replace_client(struct fb_producer *p)
{
    rd_kafka_t *next = new_client(p), *old = p->client;
    if (next == NULL)
        return; // tried again at the next turn of the loop
    pthread_rwlock_wrlock(&p->lock);
    p->client = next;
    pthread_rwlock_unlock(&p->lock);
    drain(old);
    rd_kafka_destroy(old);
    send_parked(p);
}

static void *poll_loop(void *arg)
{
    struct fb_producer *p = arg;
    char why[256];
    while (!atomic_load(&p->stop)) {
        rd_kafka_poll(p->client, POLL_MS);
        rd_kafka_resp_err_t err = rd_kafka_fatal_error(p->client, why, sizeof why);
        if (err == 0)
            continue;
        fb_log(FB_LOG_ERROR, "kafka_fatal", "code", rd_kafka_err2name(err), "error", why, NULL);
        replace_client(p);
    }
    return NULL;
}

/* --- what the header promises ------------------------------------------------------- */

static void free_producer(struct fb_producer *p)
{
    if (p->client != NULL)
        rd_kafka_destroy(p->client);
    if (p->conf != NULL)
        rd_kafka_conf_destroy(p->conf);
    pthread_rwlock_destroy(&p->lock);
    free(p->topic);
    free(p);
}

struct fb_err fb_producer_open(const struct fb_config *config, const char *topic,
                               struct fb_producer **out)
{
    struct fb_producer *p = calloc(1, sizeof *p);
    if (p == NULL)
        return FB_FAIL(UNAVAILABLE, "no memory for a producer", 0);
    pthread_rwlock_init(&p->lock, NULL);
    p->topic = strdup(topic);
    p->conf = fb_kafka_conf(config, "kafka.producer");
    if (p->topic == NULL || p->conf == NULL)
        goto failed;
    rd_kafka_conf_set_dr_msg_cb(p->conf, on_report);
    rd_kafka_conf_set_opaque(p->conf, p);
    p->client = new_client(p);
    if (p->client == NULL || pthread_create(&p->poller, NULL, poll_loop, p) != 0)
        goto failed;
    *out = p;
    return FB_NO_ERR;

failed:
    free_producer(p);
    return FB_FAIL(USAGE, "the producer cannot be made", 0);
}

static rd_kafka_resp_err_t ask_metadata(rd_kafka_t *client, const char *name, int ms)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);
    if (topic == NULL)
        return rd_kafka_last_error();
    rd_kafka_resp_err_t err = rd_kafka_metadata(client, 0, topic, &metadata, ms);
    if (err == 0) {
        err = metadata->topic_cnt == 1 ? metadata->topics[0].err
                                       : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(topic);
    return err;
}

struct fb_err fb_producer_ready(struct fb_producer *p, int ms)
{
    pthread_rwlock_rdlock(&p->lock);
    rd_kafka_resp_err_t err = ask_metadata(p->client, p->topic, ms);
    pthread_rwlock_unlock(&p->lock);
    if (err == 0)
        return FB_NO_ERR;
    fb_log(FB_LOG_WARNING, "kafka_not_ready", "topic", p->topic, "error", rd_kafka_err2str(err),
           NULL);
    return FB_FAIL(UNAVAILABLE, "Kafka has not told us about the topic yet", 0);
}

static struct job *new_job(const struct fb_message *message, fb_delivered_fn *delivered,
                           void *arg)
{
    struct job *job = calloc(1, sizeof *job);
    if (job == NULL)
        return NULL;
    job->delivered = delivered;
    job->arg = arg;
    job->key = message->key;
    job->value = message->value;
    job->reason = message->reason;
    job->maybe_duplicate = message->maybe_duplicate;
    job->since = fb_now();
    snprintf(job->id, sizeof job->id, "%s", message->id);
    snprintf(job->trace, sizeof job->trace, "%s",
             message->traceparent != NULL ? message->traceparent : "");
    return job;
}

struct fb_err fb_produce(struct fb_producer *p, const struct fb_message *message,
                         fb_delivered_fn *delivered, void *arg)
{
    struct job *job = new_job(message, delivered, arg);
    long long n = (long long)message->value.n;
    if (job == NULL)
        return FB_FAIL(UNAVAILABLE, "no memory for a message", 0);
    count_queue(p, n, 1); // before, since the report may come before we return
    pthread_rwlock_rdlock(&p->lock);
    rd_kafka_resp_err_t err = send_job(p->client, p->topic, job);
    pthread_rwlock_unlock(&p->lock);
    if (err == 0)
        return FB_NO_ERR;
    count_queue(p, -n, -1);
    free(job);
    fb_metric_add(FB_METRIC_PRODUCE_ERRORS, rd_kafka_err2name(err), 1);
    return err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE
               ? FB_FAIL(LIMIT, "too large for the broker", 0)
               : FB_FAIL(UNAVAILABLE, "the producer takes no message now", 0);
}

void fb_producer_close(struct fb_producer *p, int ms)
{
    atomic_store(&p->stop, true);
    pthread_join(p->poller, NULL);
    send_parked(p); // those that still wait for a client after a fatal one
    if (rd_kafka_flush(p->client, ms) != 0)
        drain(p->client);
    free_producer(p);
}
