/* worker/keeper.c -- hold a batch until it is stored, fenced off, or the worker stops. */
#include "keeper.h"

#include "base/hash.h"
#include "kafka.h"
#include "log.h"
#include "metrics.h"
#include "now.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    ROLLUP_SECONDS = 5,
    DEAD_LETTER_MS = 30000,
    BACK_OFF_FIRST_MS = 100,
    BACK_OFF_LAST_MS = 5000
};

static const size_t no_row = SIZE_MAX;

enum phase { IDLE, WORKING, FINISHED };

struct fb_keeper {
    const struct fb_config *config;
    const char *cluster, *topic;
    struct fb_store *store; // NULL while PostgreSQL is away
    struct fb_producer *dead_letters;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t change;
    enum phase phase;
    struct fb_keeper_batch batch;
    enum fb_kept how;
    int done_fd;
    atomic_bool stopping;
    _Atomic double away_since;
};

/* --- dead letters ------------------------------------------------------------------- */

struct letters { // under way to the dead letter topic
    pthread_mutex_t lock;
    pthread_cond_t change;
    size_t open, failed;
};

static const char too_large_code[] = "MSG_SIZE_TOO_LARGE"; // librdkafka's name

static void on_delivered(void *arg, enum fb_delivery how, const char *code)
{
    struct letters *letters = arg;
    // What the topic will never hold must not stop its partition: PostgreSQL has its beginning.
    bool too_large = code != NULL && strcmp(code, too_large_code) == 0;
    if (too_large)
        fb_log(FB_LOG_ERROR, "dead_letter_too_large", "next",
               "raise max.message.bytes of the dead letter topic", NULL);
    pthread_mutex_lock(&letters->lock);
    letters->open--;
    letters->failed += how != FB_DELIVERED && !too_large;
    pthread_cond_signal(&letters->change);
    pthread_mutex_unlock(&letters->lock);
}

static void post(struct fb_keeper *keeper, const struct fb_task *task, struct letters *letters)
{
    char id[33] = "";
    if (task->envelope != NULL)
        fb_hex(task->envelope->report_id.data, task->envelope->report_id.len, id);
    struct fb_message message = {
        .key = {task->message->key,     task->message->key_len, 0},
        .value = {task->message->payload, task->message->len,     0},
        .id = id,
        .reason = task->dead
    };
    struct fb_err err = fb_produce(keeper->dead_letters, &message, on_delivered, letters);
    if (fb_failed(err))
        on_delivered(letters, FB_NOT_PERSISTED,
                     err.code == FB_LIMIT ? too_large_code : "queue");
}

/* Post every dead letter of the batch and wait until the broker has them all. */
static bool post_dead_letters(struct fb_keeper *keeper)
{
    struct letters letters = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};
    for (struct fb_task *task = keeper->batch.tasks.first; task != NULL; task = task->next)
        letters.open += task->dead != NULL;
    for (struct fb_task *task = keeper->batch.tasks.first; task != NULL; task = task->next)
        if (task->dead != NULL)
            post(keeper, task, &letters);
    // Every message gets its report within the producer's message.timeout.ms.
    pthread_mutex_lock(&letters.lock);
    while (letters.open > 0)
        pthread_cond_wait(&letters.change, &letters.lock);
    pthread_mutex_unlock(&letters.lock);
    return letters.failed == 0;
}

/* --- one batch ---------------------------------------------------------------------- */

static struct fb_store_row *rows_of(const struct fb_keeper *keeper)
{
    struct fb_store_row *rows = calloc(keeper->batch.tasks.n, sizeof *rows);
    size_t i = 0;
    for (struct fb_task *task = keeper->batch.tasks.first; rows != NULL && task != NULL;
         task = task->next)
        rows[i++] = (struct fb_store_row){
            .envelope = task->envelope,
            .analysis = task->analysis,
            .message = {task->message->payload, task->message->len, 0},
            .partition = task->message->partition,
            .offset = task->message->offset,
            .dead = task->dead,
            .unanalysed = task->unanalysed
        };
    return rows;
}

static void count_result(const struct fb_store_result *result)
{
    fb_metric_add(FB_METRIC_WORKER_REPORTS, "counted", result->counted);
    fb_metric_add(FB_METRIC_WORKER_REPORTS, "duplicate", result->duplicate);
    fb_metric_add(FB_METRIC_WORKER_REPORTS, "unanalysed", result->unanalysed);
    fb_metric_add(FB_METRIC_WORKER_REPORTS, "dead", result->dead);
}

/* The task whose text PostgreSQL will not hold becomes a dead letter; the others go on.
 * @return false when it is one already, and nothing is left to take away */
static bool set_aside(struct fb_keeper *keeper, size_t bad)
{
    struct fb_task *task = keeper->batch.tasks.first;
    for (size_t i = 0; i < bad && task != NULL; i++)
        task = task->next;
    if (task == NULL || (task->dead != NULL && !task->unanalysed))
        return false;
    fb_analysis_free(task->analysis);
    task->analysis = NULL;
    task->unanalysed = false;
    task->dead = "the database will not hold it";
    return true;
}

static struct fb_err keep_once(struct fb_keeper *keeper, size_t *bad)
{
    if (keeper->store == NULL) {
        struct fb_err err = fb_store_open(keeper->config, &keeper->store);
        if (fb_failed(err))
            return err;
    }
    struct fb_store_row *rows = rows_of(keeper);
    if (rows == NULL)
        return FB_FAIL(UNAVAILABLE, "no memory for a batch", 0);
    struct fb_batch batch = {
        keeper->topic,         keeper->cluster,       rows,
        keeper->batch.tasks.n, keeper->batch.offsets, keeper->batch.n_offsets};
    struct fb_store_result result = {0};
    double start = fb_now();
    struct fb_err err = fb_store_keep(keeper->store, &batch, &result, bad);
    free(rows);
    if (!fb_failed(err)) {
        count_result(&result);
        fb_metric_observe(FB_METRIC_BATCH_SECONDS, "", fb_now() - start);
        fb_metric_observe(FB_METRIC_BATCH_REPORTS, "", (double)keeper->batch.tasks.n);
    }
    return err;
}

/* After a COMMIT of unknown outcome the offsets tell: all moved, none moved, or
 * another worker's. */
static bool was_kept(struct fb_keeper *keeper)
{
    const struct fb_keeper_batch *batch = &keeper->batch;
    int32_t *partitions = calloc(batch->n_offsets, sizeof *partitions);
    int64_t *next = calloc(batch->n_offsets, sizeof *next);
    bool kept = partitions != NULL && next != NULL && keeper->store != NULL;
    for (size_t i = 0; kept && i < batch->n_offsets; i++)
        partitions[i] = batch->offsets[i].partition;
    kept = kept && !fb_failed(fb_store_offsets(keeper->store, keeper->cluster, keeper->topic,
                                               partitions, batch->n_offsets, next));
    for (size_t i = 0; kept && i < batch->n_offsets; i++)
        kept = next[i] == batch->offsets[i].next;
    free(partitions);
    free(next);
    return kept;
}

/* Wait, woken by a stop or a batch; not at all in the phase `unless`. */
static void back_off(struct fb_keeper *keeper, int ms, enum phase unless)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&keeper->lock);
    if (!keeper->stopping && keeper->phase != unless)
        pthread_cond_timedwait(&keeper->change, &keeper->lock, &until);
    pthread_mutex_unlock(&keeper->lock);
}

static void lost_connection(struct fb_keeper *keeper)
{
    if (keeper->away_since == 0)
        keeper->away_since = fb_now();
    if (keeper->store != NULL)
        fb_store_close(keeper->store);
    keeper->store = NULL;
}

static enum fb_kept keep(struct fb_keeper *keeper)
{
    bool posted = false, unsure = false;
    for (int ms = BACK_OFF_FIRST_MS;;) {
        size_t bad = no_row;
        posted = posted || post_dead_letters(keeper);
        struct fb_err err = posted ? keep_once(keeper, &bad)
                                   : FB_FAIL(UNAVAILABLE, "dead letters cannot be posted", 0);
        if (!fb_failed(err) || (err.code == FB_LIMIT && unsure && was_kept(keeper))) {
            keeper->away_since = 0;
            return FB_KEPT;
        }
        if (err.code == FB_LIMIT)
            return FB_KEPT_FENCED;
        if (err.code == FB_MALFORMED &&
            bad == no_row) // not a report's fault: look things up anew
            err = FB_FAIL(UNAVAILABLE, err.what, 0);
        if (err.code == FB_MALFORMED && set_aside(keeper, bad)) {
            posted = false;
            continue;
        }
        if (err.code != FB_UNAVAILABLE)
            return FB_KEPT_BROKEN;
        fb_log(FB_LOG_WARNING, "batch_held", "reason", err.what, "again_in_ms",
               fb_log_number(ms), NULL);
        if (keeper->stopping)
            return FB_KEPT_STOPPED;
        unsure = unsure || posted;
        if (posted)
            lost_connection(keeper);
        back_off(keeper, ms, IDLE);
        ms = ms * 2 < BACK_OFF_LAST_MS ? ms * 2 : BACK_OFF_LAST_MS;
    }
}

/* --- the thread --------------------------------------------------------------------- */

static void roll_up(struct fb_keeper *keeper, double *last)
{
    if (fb_now() - *last < ROLLUP_SECONDS)
        return;
    double start = *last = fb_now();
    if ((keeper->store == NULL && fb_failed(fb_store_open(keeper->config, &keeper->store))) ||
        fb_failed(fb_store_rollup(keeper->store))) {
        lost_connection(keeper);
        return;
    }
    keeper->away_since = 0; // though no batch may come for long
    fb_metric_observe(FB_METRIC_ROLLUP_SECONDS, "", fb_now() - start);
}

/* The next batch, or false after a second without one. */
static bool next_batch(struct fb_keeper *keeper)
{
    back_off(keeper, 1000, WORKING);
    pthread_mutex_lock(&keeper->lock);
    bool there = keeper->phase == WORKING;
    pthread_mutex_unlock(&keeper->lock);
    return there;
}

static void *run(void *arg)
{
    struct fb_keeper *keeper = arg;
    double last_rollup = fb_now();
    while (!keeper->stopping) {
        bool there = next_batch(keeper);
        if (there) {
            enum fb_kept how = keep(keeper);
            pthread_mutex_lock(&keeper->lock);
            keeper->how = how;
            keeper->phase = FINISHED;
            pthread_mutex_unlock(&keeper->lock);
            eventfd_write(keeper->done_fd, 1);
        }
        roll_up(keeper, &last_rollup);
    }
    return NULL;
}

struct fb_err fb_keeper_open(const struct fb_config *config, const char *cluster,
                             struct fb_keeper **out)
{
    struct fb_keeper *keeper = calloc(1, sizeof *keeper);
    if (keeper == NULL)
        return FB_FAIL(UNAVAILABLE, "no memory for the keeper", 0);
    keeper->config = config;
    keeper->cluster = cluster;
    keeper->topic = fb_config_text(config, FB_OPT_KAFKA_TOPIC);
    keeper->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&keeper->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&keeper->change, &monotonic);
    pthread_condattr_destroy(&monotonic);
    struct fb_err err = fb_producer_open(
        config, fb_config_text(config, FB_OPT_KAFKA_DEAD_TOPIC), &keeper->dead_letters);
    if (!fb_failed(err))
        err = fb_store_open(config, &keeper->store);
    if (!fb_failed(err) && pthread_create(&keeper->thread, NULL, run, keeper) != 0)
        err = FB_FAIL(UNAVAILABLE, "no thread for the keeper", 0);
    if (!fb_failed(err)) {
        *out = keeper;
        return err;
    }
    if (keeper->store != NULL)
        fb_store_close(keeper->store);
    if (keeper->dead_letters != NULL)
        fb_producer_close(keeper->dead_letters, 0);
    free(keeper);
    return err;
}

int fb_keeper_fd(const struct fb_keeper *keeper) { return keeper->done_fd; }
double fb_keeper_away_since(const struct fb_keeper *keeper) { return keeper->away_since; }

bool fb_keeper_busy(const struct fb_keeper *keeper)
{
    struct fb_keeper *k = (struct fb_keeper *)(uintptr_t)keeper; // only the lock is touched
    pthread_mutex_lock(&k->lock);
    bool busy = k->phase != IDLE;
    pthread_mutex_unlock(&k->lock);
    return busy;
}

void fb_keeper_give(struct fb_keeper *keeper, const struct fb_keeper_batch *batch)
{
    pthread_mutex_lock(&keeper->lock);
    keeper->batch = *batch;
    keeper->phase = WORKING;
    pthread_cond_signal(&keeper->change);
    pthread_mutex_unlock(&keeper->lock);
}

bool fb_keeper_take(struct fb_keeper *keeper, int ms, struct fb_keeper_batch *batch,
                    enum fb_kept *how)
{
    struct pollfd done = {.fd = keeper->done_fd, .events = POLLIN};
    eventfd_t count;
    if (poll(&done, 1, ms) <= 0 || eventfd_read(keeper->done_fd, &count) != 0)
        return false;
    pthread_mutex_lock(&keeper->lock);
    *batch = keeper->batch;
    *how = keeper->how;
    keeper->phase = IDLE;
    pthread_mutex_unlock(&keeper->lock);
    return true;
}

void fb_keeper_close(struct fb_keeper *keeper)
{
    keeper->stopping = true;
    pthread_mutex_lock(&keeper->lock);
    pthread_cond_signal(&keeper->change);
    pthread_mutex_unlock(&keeper->lock);
    pthread_join(keeper->thread, NULL);
    if (keeper->phase != IDLE) {
        fb_tasks_free(&keeper->batch.tasks);
        free(keeper->batch.offsets);
    }
    if (keeper->store != NULL)
        fb_store_close(keeper->store);
    fb_producer_close(keeper->dead_letters, DEAD_LETTER_MS);
    close(keeper->done_fd);
    free(keeper);
}
