/*
 * tests/unit/test_task.c -- the list of tasks: what may go into a batch, and who frees what.
 *
 * The messages are real ones, since only librdkafka can free its own: they come from its mock
 * cluster, ten bytes each, as many per partition as the rows need.
 */
#include "support/check.h"
#include "task.h"

#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>
#include <string.h>

enum { PARTITIONS = 3, PER_PARTITION = 64, BYTES = 10, WAIT_MS = 20000 };
static const char topic[] = "tasks";
static const char payload[BYTES + 1] = "no dump...";

static rd_kafka_message_t *stock[PARTITIONS][PER_PARTITION];
static size_t in_stock[PARTITIONS];

/* --- messages ----------------------------------------------------------------------- */

static rd_kafka_t *client(rd_kafka_type_t type, const char *brokers)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char error[200];
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, error, sizeof error);
    if (type == RD_KAFKA_CONSUMER)
        rd_kafka_conf_set(conf, "group.id", "test", error, sizeof error);
    return rd_kafka_new(type, conf, error, sizeof error);
}

static bool produce(const char *brokers)
{
    rd_kafka_t *producer = client(RD_KAFKA_PRODUCER, brokers);
    for (int i = 0; i < PARTITIONS * PER_PARTITION; i++) {
        rd_kafka_vu_t what[4];
        memset(what, 0, sizeof what);
        what[0].vtype = RD_KAFKA_VTYPE_TOPIC;
        what[0].u.cstr = topic;
        what[1].vtype = RD_KAFKA_VTYPE_PARTITION;
        what[1].u.i32 = i % PARTITIONS;
        what[2].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
        what[2].u.i = RD_KAFKA_MSG_F_COPY;
        what[3].vtype = RD_KAFKA_VTYPE_VALUE;
        what[3].u.mem.ptr = strdup(payload);
        what[3].u.mem.size = BYTES;
        rd_kafka_error_destroy(rd_kafka_produceva(producer, what, 4));
        free(what[3].u.mem.ptr);
    }
    bool done = rd_kafka_flush(producer, WAIT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_destroy(producer);
    return done;
}

static void consume(rd_kafka_t *consumer)
{
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(PARTITIONS);
    for (int i = 0; i < PARTITIONS; i++)
        rd_kafka_topic_partition_list_add(all, topic, i)->offset = 0;
    rd_kafka_assign(consumer, all);
    rd_kafka_topic_partition_list_destroy(all);
    for (int got = 0; got < PARTITIONS * PER_PARTITION;) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(consumer, WAIT_MS);
        if (m == NULL)
            return;
        if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR && in_stock[m->partition] < PER_PARTITION)
            stock[m->partition][in_stock[m->partition]++] = m, got++;
        else
            rd_kafka_message_destroy(m);
    }
}

static rd_kafka_message_t *message_of(int partition)
{
    return in_stock[partition] > 0 ? stock[partition][--in_stock[partition]] : NULL;
}

/* --- lists: per task a digit, its partition, and w(aiting), g(iven) or d(one) ---------- */

static void fill(struct fb_tasks *tasks, const char *list)
{
    fb_tasks_init(tasks);
    for (const char *c = list; *c != 0; c += 2) {
        struct fb_task *task = fb_tasks_add(tasks, message_of(c[0] - '0'), 0);
        task->state = c[1] == 'w'   ? FB_TASK_WAITING
                      : c[1] == 'g' ? FB_TASK_GIVEN
                                    : FB_TASK_DONE;
        task->deaths = (int)(c - list) / 2; // stands for its place
    }
}

/* The places of the tasks, as letters. */
static const char *places(const struct fb_tasks *tasks)
{
    static char text[64];
    size_t n = 0;
    for (const struct fb_task *task = tasks->first; task != NULL; task = task->next)
        text[n++] = (char)('a' + task->deaths);
    text[n] = 0;
    return n == tasks->n && tasks->bytes == n * BYTES ? text : "the counts are wrong";
}

static void same(const char *row, const struct fb_tasks *tasks, const char *want)
{
    if (!CHECK(row, strcmp(places(tasks), want) == 0))
        fprintf(stderr, "    but: %s instead of %s\n", places(tasks), want);
}

static void batches(void)
{
    static const struct {
        const char *name, *list;
        size_t max, max_bytes;
        const char *taken, *kept;
    } rows[] = {
        {"nothing",                    "",           9, 999, "",    ""   },
        {"all",                        "0d0d1d",     9, 999, "abc", ""   },
        {"none is done",               "0w1g",       9, 999, "",    "ab" },
        {"behind one that waits",      "0d0w0d",     9, 999, "a",   "bc" },
        {"behind one that is given",   "0g0d0d",     9, 999, "",    "abc"},
        {"other partitions go on",     "0w1d0d2d1d", 9, 999, "bde", "ac" },
        {"each has its own hole",      "0d1w0w1d2d", 9, 999, "ae",  "bcd"},
        {"no more than max",           "0d0d0d0d",   2, 999, "ab",  "cd" },
        {"max leaves no hole",         "0d1d0d1d",   1, 999, "a",   "bcd"},
        {"bytes: the one that passes", "0d0d0d",     9, 11,  "ab",  "c"  },
        {"bytes: reached",             "0d0d0d",     9, 20,  "ab",  "c"  },
        {"bytes: one at least",        "0d0d",       9, 1,   "a",   "b"  },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fb_tasks tasks, batch;
        fill(&tasks, rows[i].list);
        fb_tasks_init(&batch);
        fb_tasks_take(&tasks, rows[i].max, rows[i].max_bytes, &batch);
        same(rows[i].name, &batch, rows[i].taken);
        same(rows[i].name, &tasks, rows[i].kept);
        fb_tasks_add(&tasks, message_of(2), 0)->deaths = 25; // the list can still grow
        CHECK(rows[i].name, strchr(places(&tasks), 'z') != NULL);
        fb_tasks_free(&tasks);
        fb_tasks_free(&batch);
    }
}

static void waiting(void)
{
    struct fb_tasks tasks;
    fill(&tasks, "0d1g2w0w");
    const struct fb_task *task = fb_tasks_waiting(&tasks);
    CHECK("waiting", task != NULL && task->deaths == 2);
    fb_tasks_free(&tasks);
    CHECK("waiting", tasks.n == 0 && fb_tasks_waiting(&tasks) == NULL);
}

static void no_envelope(void)
{
    struct fb_tasks tasks;
    fb_tasks_init(&tasks);
    const struct fb_task *task = fb_tasks_add(&tasks, message_of(0), 7);
    CHECK("no envelope", task->state == FB_TASK_DONE && task->dead != NULL && task->since == 7);
    fb_tasks_free(&tasks);
}

/* Partitions are taken away while analysers work: what they have must outlive the list. */
static void orphans(void)
{
    struct fb_tasks tasks, left;
    fill(&tasks, "0g0w1d1g2g");
    fb_tasks_init(&left);
    fb_tasks_drop(&tasks, &left);
    same("dropped", &tasks, "");
    if (!CHECK("orphans", strcmp(places(&left), "ade") == 0))
        return;
    struct fb_task *a = left.first, *d = a->next, *e = d->next;
    CHECK("orphans", a->dropped && d->dropped && e->dropped);
    fb_tasks_free_orphan(&left, e); // the last: the next one goes behind d
    CHECK("last", left.n == 2 && left.end == &d->next);
    fb_tasks_free_orphan(&left, a);
    CHECK("first", left.n == 1 && left.first == d);
    fb_tasks_free_orphan(&left, NULL);
    CHECK("not in the list", left.n == 1);
    fb_tasks_free_orphan(&left, d);
    CHECK("none", left.n == 0 && left.first == NULL && left.end == &left.first);
}

int main(void)
{
    char error[200];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
    rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(host, 1);
    const char *brokers = rd_kafka_mock_cluster_bootstraps(cluster);
    rd_kafka_mock_topic_create(cluster, topic, PARTITIONS, 1);
    CHECK("mock", produce(brokers));
    rd_kafka_t *consumer = client(RD_KAFKA_CONSUMER, brokers);
    rd_kafka_poll_set_consumer(consumer);
    consume(consumer);
    for (int i = 0; i < PARTITIONS; i++)
        if (!CHECK("mock", in_stock[i] == PER_PARTITION))
            return check_done();
    batches();
    waiting();
    no_envelope();
    orphans();
    for (int i = 0; i < PARTITIONS; i++)
        while (in_stock[i] > 0)
            rd_kafka_message_destroy(message_of(i));
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(host);
    return check_done();
}
