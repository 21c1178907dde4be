/* worker/consume.c -- librdkafka's consumer, held to our rules. */
#include "consume.h"

#include "kafka.h"
#include "log.h"
#include "metrics.h"
#include "now.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    PARTITIONS_MAX = 1024,
    ASK_MS = 5000,
    TRY_SECONDS = 1, // between two tries to learn where to go on
    FIRST_OFFSET = -1,
    NOT_OURS = -2
};

struct partition {
    int32_t id;
    int64_t stored; // next offset in PostgreSQL, FIRST_OFFSET when it has none
    int64_t start;  // the log begins behind that: go on here; -1: it does not
    bool astray;    // out of the log's range, and Kafka has not said what that is
};
struct fb_consumer {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    struct fb_consumer_events events;
    struct fb_store *store;
    const char *topic, *cluster;
    char *cluster_id;
    struct partition ours[PARTITIONS_MAX];
    int n; // -1 before the first assignment
    int fd;
    bool paused, failed;
    bool adrift; // partitions are ours, but PostgreSQL has not said where they stand
    double next_try;
};

/* --- the assignment ----------------------------------------------------------------- */

static struct partition *find(struct fb_consumer *c, int32_t id)
{
    for (int i = 0; i < c->n; i++)
        if (c->ours[i].id == id)
            return &c->ours[i];
    return NULL;
}

static int64_t start_of(const struct partition *p)
{
    return p->start >= 0 ? p->start : p->stored;
}

static void remember(struct fb_consumer *c, const rd_kafka_topic_partition_list_t *list)
{
    c->n = 0;
    for (int i = 0; i < list->cnt && c->n < PARTITIONS_MAX; i++)
        c->ours[c->n++] = (struct partition){list->elems[i].partition, FIRST_OFFSET, -1, false};
}

/* Ask PostgreSQL where each of our partitions stands. */
static bool read_offsets(struct fb_consumer *c)
{
    int32_t ids[PARTITIONS_MAX];
    int64_t next[PARTITIONS_MAX];
    for (int i = 0; i < c->n; i++)
        ids[i] = c->ours[i].id;
    struct fb_err err =
        fb_store_offsets(c->store, c->cluster, c->topic, ids, (size_t)c->n, next);
    if (fb_failed(err)) {
        fb_log(FB_LOG_WARNING, "offsets_unknown", "reason", err.what, "next", "trying again",
               NULL);
        return false;
    }
    for (int i = 0; i < c->n; i++) {
        if (c->ours[i].stored != next[i])
            c->ours[i].start = -1;
        c->ours[i].stored = next[i];
    }
    return true;
}

/* Make librdkafka fetch our partitions, or none of them. It starts a partition that was paused
 * as a paused one (seen with 2.0.2), however often it was given away in between. */
static bool assign_ours(struct fb_consumer *c, bool all)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(c->n);
    for (int i = 0; all && i < c->n; i++)
        rd_kafka_topic_partition_list_add(list, c->topic, c->ours[i].id)->offset =
            start_of(&c->ours[i]) >= 0 ? start_of(&c->ours[i]) : RD_KAFKA_OFFSET_BEGINNING;
    bool done = rd_kafka_assign(c->rk, list) == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (list->cnt > 0)
        rd_kafka_resume_partitions(c->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    c->paused = false;
    return done;
}

/* Go on from where PostgreSQL stands. It may be away: then nothing is fetched and the next
 * polls try again, for the group must see us poll meanwhile. */
static void take_up(struct fb_consumer *c)
{
    bool known = read_offsets(c);
    c->adrift = !assign_ours(c, known) || !known;
    c->next_try = fb_now() + TRY_SECONDS;
    for (int i = 0; i < c->n; i++)
        c->ours[i].astray = false;
    if (!c->adrift)
        fb_log(FB_LOG_INFO, "assigned", "partitions", fb_log_number(c->n), NULL);
}

static void commit(struct fb_consumer *c, int async)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(c->n > 0 ? c->n : 1);
    for (int i = 0; i < c->n; i++)
        if (c->ours[i].stored >= 0)
            rd_kafka_topic_partition_list_add(list, c->topic, c->ours[i].id)->offset =
                c->ours[i].stored;
    if (list->cnt > 0)
        rd_kafka_commit(c->rk, list, async); // display only: a failure changes nothing
    rd_kafka_topic_partition_list_destroy(list);
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *list, void *arg)
{
    struct fb_consumer *c = arg;
    fb_metric_add(FB_METRIC_REBALANCES, "", 1);
    c->events.changed(c->events.arg);
    if (code != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        if (!rd_kafka_assignment_lost(rk))
            commit(c, 0);
        c->n = 0;
        c->adrift = false;
        rd_kafka_assign(rk, NULL);
        fb_log(FB_LOG_INFO, "revoked", "partitions", fb_log_number(list->cnt), NULL);
        return;
    }
    remember(c, list);
    take_up(c);
}

void fb_consumer_rewind(struct fb_consumer *c)
{
    c->events.changed(c->events.arg);
    if (c->n > 0)
        take_up(c);
}

/* --- messages ----------------------------------------------------------------------- */

/* Retention has overtaken us, or the log is another: go on with the oldest that is left, and
 * say how much is lost. librdkafka refuses to seek in a partition that it has stopped for this
 * reason (seen with 2.0.2), so all are taken up anew.
 * @return false when Kafka does not answer: the partition stands still until it does */
static bool find_way(struct fb_consumer *c, struct partition *p)
{
    int64_t low = 0, high = 0, from = start_of(p) >= 0 ? start_of(p) : 0;
    if (rd_kafka_query_watermark_offsets(c->rk, c->topic, p->id, &low, &high, ASK_MS) != 0)
        return false;
    fb_log(FB_LOG_WARNING, "offset_out_of_range", "partition", fb_log_number(p->id), "offset",
           fb_log_number(from), "low", fb_log_number(low), "high", fb_log_number(high), NULL);
    if (low > from) {
        fb_metric_add(FB_METRIC_OFFSET_GAP, "", (uint64_t)(low - from));
        fb_log(FB_LOG_ERROR, "messages_lost_to_retention", "partition", fb_log_number(p->id),
               "from", fb_log_number(from), "to", fb_log_number(low), "next",
               "raise the topic's retention.ms", NULL);
        fb_store_gap(c->store, c->cluster, c->topic, p->id, from, low);
    }
    p->start = low;
    fb_consumer_rewind(c);
    return true;
}

static void out_of_range(struct fb_consumer *c, int32_t id)
{
    struct partition *p = find(c, id);
    if (p != NULL)
        p->astray = !find_way(c, p);
    c->next_try = fb_now() + TRY_SECONDS;
}

static void try_again(struct fb_consumer *c)
{
    bool found = true;
    if (fb_now() < c->next_try)
        return;
    if (c->adrift)
        take_up(c);
    for (int i = 0; i < c->n && found; i++)
        if (c->ours[i].astray)
            c->ours[i].astray = !(found = find_way(c, &c->ours[i]));
    c->next_try = fb_now() + TRY_SECONDS;
}

static void on_error(struct fb_consumer *c, const rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
        message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)
        out_of_range(c, message->partition);
    else if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
        fb_log(FB_LOG_WARNING, "kafka", "reason", rd_kafka_message_errstr(message), NULL);
    c->failed |= message->err == RD_KAFKA_RESP_ERR__FATAL;
}

rd_kafka_message_t *fb_consumer_poll(struct fb_consumer *c)
{
    try_again(c);
    rd_kafka_message_t *message = rd_kafka_consumer_poll(c->rk, 0);
    if (message == NULL)
        return NULL;
    bool good = message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!good)
        on_error(c, message);
    if (good && find(c, message->partition) != NULL)
        return message;
    rd_kafka_message_destroy(message);
    return NULL;
}

void fb_consumer_pause(struct fb_consumer *c, bool pause)
{
    rd_kafka_topic_partition_list_t *list;
    if (c->paused == pause || rd_kafka_assignment(c->rk, &list) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    if (pause)
        rd_kafka_pause_partitions(c->rk, list);
    else
        rd_kafka_resume_partitions(c->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    c->paused = pause;
    fb_log(FB_LOG_INFO, pause ? "paused" : "resumed", NULL, NULL);
}

/* --- offsets ------------------------------------------------------------------------ */

int64_t fb_consumer_stored(const struct fb_consumer *c, int32_t id)
{
    for (int i = 0; i < c->n; i++)
        if (c->ours[i].id == id)
            return c->ours[i].stored;
    return NOT_OURS;
}

void fb_consumer_set_stored(struct fb_consumer *c, int32_t id, int64_t next)
{
    struct partition *p = find(c, id);
    if (p != NULL) {
        p->stored = next;
        p->start = -1;
    }
}

void fb_consumer_report(struct fb_consumer *c)
{
    commit(c, 1);
    for (int i = 0; i < c->n; i++) {
        int64_t low, high;
        if (rd_kafka_get_watermark_offsets(c->rk, c->topic, c->ours[i].id, &low, &high) == 0 &&
            high >= 0) {
            int64_t from = c->ours[i].stored >= 0 ? c->ours[i].stored : low;
            fb_metric_set(FB_METRIC_LAG_MESSAGES, fb_log_number(c->ours[i].id),
                          (double)(high > from ? high - from : 0));
        }
    }
}

int fb_consumer_partitions(const struct fb_consumer *c) { return c->adrift ? -1 : c->n; }
bool fb_consumer_failed(const struct fb_consumer *c) { return c->failed; }
int fb_consumer_fd(const struct fb_consumer *c) { return c->fd; }

void fb_consumer_clear_fd(struct fb_consumer *c)
{
    eventfd_t count;
    (void)eventfd_read(c->fd, &count);
}

/* --- open and close ----------------------------------------------------------------- */

static struct fb_err join(struct fb_consumer *c, rd_kafka_conf_t *conf)
{
    char why[256] = "";
    rd_kafka_conf_set_opaque(conf, c);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    c->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (c->rk == NULL) {
        fb_log(FB_LOG_ERROR, "no_consumer", "reason", why, "next", "mend [kafka.consumer]",
               NULL);
        rd_kafka_conf_destroy(conf);
        return FB_FAIL(USAGE, "librdkafka refuses a setting", 0);
    }
    rd_kafka_poll_set_consumer(c->rk);
    return FB_NO_ERR;
}

struct fb_err fb_consumer_open(const struct fb_config *config,
                               const struct fb_consumer_events *events,
                               struct fb_consumer **out)
{
    struct fb_consumer *c = calloc(1, sizeof *c);
    rd_kafka_conf_t *conf = fb_kafka_conf(config, "kafka.consumer");
    if (c == NULL || conf == NULL) {
        free(c);
        return FB_FAIL(USAGE, "librdkafka refuses a setting", 0);
    }
    c->events = *events;
    c->topic = fb_config_text(config, FB_OPT_KAFKA_TOPIC);
    c->n = -1;
    rd_kafka_conf_set(conf, "group.id", fb_config_text(config, FB_OPT_KAFKA_GROUP), NULL, 0);
    struct fb_err err = join(c, conf);
    if (fb_failed(err)) {
        free(c);
        return err;
    }
    c->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    c->queue = rd_kafka_queue_get_consumer(c->rk);
    static const uint64_t one = 1;
    rd_kafka_queue_io_event_enable(c->queue, c->fd, &one, sizeof one);
    *out = c;
    return FB_NO_ERR;
}

const char *fb_consumer_cluster(struct fb_consumer *c, int ms)
{
    if (c->cluster_id == NULL)
        c->cluster_id = rd_kafka_clusterid(c->rk, ms);
    return c->cluster_id;
}

void fb_consumer_use(struct fb_consumer *c, struct fb_store *store, const char *cluster)
{
    c->store = store;
    c->cluster = cluster;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, c->topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_subscribe(c->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
}

void fb_consumer_leave(struct fb_consumer *c) { rd_kafka_consumer_close(c->rk); }

void fb_consumer_close(struct fb_consumer *c)
{
    rd_kafka_queue_destroy(c->queue);
    if (c->cluster_id != NULL)
        rd_kafka_mem_free(c->rk, c->cluster_id);
    rd_kafka_destroy(c->rk);
    close(c->fd);
    free(c);
}
