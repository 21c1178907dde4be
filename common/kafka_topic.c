/* common/kafka_topic.c -- topics: made where they are missing, widened where
 * they are narrow. */
#include "kafka.h"

#include "log.h"
#include <stdio.h>

enum { WAIT_MS = 15000, ANSWER_MAX = 256 };

struct admin {
    rd_kafka_t *client;
    rd_kafka_queue_t *answers;
    const char *topic;
};

static struct fb_err refuse(const char *topic, const char *why)
{
    fb_log(FB_LOG_ERROR, "kafka_topic", "topic", topic, "error", why, NULL);
    return FB_FAIL(UNAVAILABLE, "the topic cannot be made", 0);
}

/* The broker's word on the one topic of an answer; `*text` lives as long as the event. */
static rd_kafka_resp_err_t outcome(rd_kafka_event_t *event, const char **text)
{
    size_t n = 0;
    const rd_kafka_topic_result_t **v = NULL;
    *text = rd_kafka_event_error_string(event);
    if (rd_kafka_event_error(event) != 0)
        return rd_kafka_event_error(event);
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_CREATETOPICS_RESULT)
        v = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
    else
        v = rd_kafka_CreatePartitions_result_topics(
            rd_kafka_event_CreatePartitions_result(event), &n);
    if (n != 1)
        return RD_KAFKA_RESP_ERR__BAD_MSG;
    *text = rd_kafka_topic_result_error_string(v[0]);
    return rd_kafka_topic_result_error(v[0]);
}

/* Wait for the answer. `fine` is the one error that is none. */
static struct fb_err await(struct admin *a, rd_kafka_resp_err_t fine, bool *was_fine)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(a->answers, WAIT_MS);
    const char *text = NULL;
    if (event == NULL)
        return refuse(a->topic, "no answer from the broker");
    rd_kafka_resp_err_t code = outcome(event, &text);
    *was_fine = code == fine;
    struct fb_err err = code == 0 || code == fine
                            ? FB_NO_ERR
                            : refuse(a->topic, text != NULL ? text : rd_kafka_err2str(code));
    rd_kafka_event_destroy(event);
    return err;
}

static void set_number(rd_kafka_NewTopic_t *topic, const char *key, long long value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", value);
    rd_kafka_NewTopic_set_config(topic, key, text);
}

static struct fb_err create(struct admin *a, int partitions, int replication,
                            long long retention_ms, bool *existed)
{
    enum { MESSAGE_MAX = 33554432, SAFE_REPLICATION = 3 };
    char why[ANSWER_MAX];
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(a->topic, partitions, replication, why, sizeof why);
    if (topic == NULL)
        return refuse(a->topic, why);
    set_number(topic, "max.message.bytes", MESSAGE_MAX);
    set_number(topic, "retention.ms", retention_ms);
    set_number(topic, "min.insync.replicas", replication >= SAFE_REPLICATION ? 2 : 1);
    rd_kafka_NewTopic_set_config(topic, "cleanup.policy", "delete");
    rd_kafka_CreateTopics(a->client, &topic, 1, NULL, a->answers);
    rd_kafka_NewTopic_destroy(topic);
    return await(a, RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS, existed);
}

/* @return the topic's partitions, 0 when nobody says */
static int count_partitions(struct admin *a)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(a->client, a->topic, NULL);
    int n = 0;
    if (rd_kafka_metadata(a->client, 0, topic, &metadata, WAIT_MS) == 0) {
        n = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(topic);
    return n;
}

static struct fb_err widen(struct admin *a, int partitions)
{
    char why[ANSWER_MAX];
    int has = count_partitions(a);
    bool fine;
    if (has == 0)
        return refuse(a->topic, "it exists, but the broker does not say how many partitions");
    if (has >= partitions)
        return FB_NO_ERR;
    rd_kafka_NewPartitions_t *more =
        rd_kafka_NewPartitions_new(a->topic, (size_t)partitions, why, sizeof why);
    if (more == NULL)
        return refuse(a->topic, why);
    rd_kafka_CreatePartitions(a->client, &more, 1, NULL, a->answers);
    rd_kafka_NewPartitions_destroy(more);
    return await(a, RD_KAFKA_RESP_ERR_NO_ERROR, &fine);
}

struct fb_err fb_kafka_topic(const struct fb_config *config, const char *topic, int partitions,
                             int replication, long long retention_ms)
{
    char why[ANSWER_MAX];
    bool existed = false;
    rd_kafka_conf_t *conf = fb_kafka_conf(config, NULL);
    if (conf == NULL)
        return FB_FAIL(USAGE, "a Kafka setting was refused", 0);
    struct admin a = {.topic = topic};
    a.client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (a.client == NULL) {
        rd_kafka_conf_destroy(conf);
        return refuse(topic, why);
    }
    a.answers = rd_kafka_queue_new(a.client);
    struct fb_err err = create(&a, partitions, replication, retention_ms, &existed);
    if (!fb_failed(err) && existed)
        err = widen(&a, partitions);
    rd_kafka_queue_destroy(a.answers);
    rd_kafka_destroy(a.client);
    return err;
}
