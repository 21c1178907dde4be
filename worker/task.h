/*
 * worker/task.h -- one message on its way through a worker: from Kafka to an analyser, and
 * into a batch.
 *
 * The list keeps the order in which messages came, so that of each partition only a
 * contiguous run goes into a batch: a later message that was ready first must not carry the
 * offset past an earlier one.
 */
#pragma once
#include "envelope_reader.h"
#include "store/store.h"

#include <librdkafka/rdkafka.h>

enum fb_task_state { FB_TASK_WAITING, FB_TASK_GIVEN, FB_TASK_DONE };

struct fb_task {
    rd_kafka_message_t *message;     // owned
    Faultbucket__Envelope *envelope; // owned; NULL: the message is none
    Faultbucket__Analysis *analysis; // owned; NULL: there is none
    enum fb_task_state state;
    int deaths;       // analysers that died of it
    bool dropped;     // its partition was given away while an analyser has it
    bool unanalysed;  // counted, though there is no analysis
    const char *dead; // why it goes to the dead letters; NULL: it does not
    size_t bytes;     // of the message, and of its analysis
    double since;
    struct fb_task *next;
};
struct fb_tasks {
    struct fb_task *first, **end;
    size_t n, bytes;
};

void fb_tasks_init(struct fb_tasks *tasks);
/** Take over `message`. NULL: out of memory, the message is destroyed. */
struct fb_task *fb_tasks_add(struct fb_tasks *tasks, rd_kafka_message_t *message, double now);
/** The analysis of a task of the list is there and takes `n` bytes. */
void fb_tasks_grow(struct fb_tasks *tasks, struct fb_task *task, size_t n);
/** The first that no analyser has had yet; NULL: none. */
struct fb_task *fb_tasks_waiting(const struct fb_tasks *tasks);
/** Move up to `max` finished tasks to `*out`, of each partition only those before which
 * none is unfinished. */
void fb_tasks_take(struct fb_tasks *tasks, size_t max, size_t max_bytes, struct fb_tasks *out);
/** Forget them all: those that an analyser has are marked as dropped and move to `orphans`,
 * since its answer will still name them; the others are freed. */
void fb_tasks_drop(struct fb_tasks *tasks, struct fb_tasks *orphans);
/** Free one of the orphans: its answer has come. */
void fb_tasks_free_orphan(struct fb_tasks *orphans, struct fb_task *task);
/** Free all tasks of a list. */
void fb_tasks_free(struct fb_tasks *tasks);
