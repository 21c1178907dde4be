/*
 * worker/run.c -- one loop over Kafka, the analysers and the keeper; none of them
 * waits for another.
 *
 * Back pressure is not polling: when enough tasks are open, nothing more is fetched. A task
 * goes from Kafka to an analyser and into a batch; whatever happens to it on the way, its
 * offset moves only together with its effects.
 */
#include "run.h"

#include "consume.h"
#include "health.h"
#include "keeper.h"
#include "log.h"
#include "metrics.h"
#include "now.h"

#include <capstone/capstone.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum {
    DEATHS_MAX = 2, // analysers that one report may kill
    BATCH_BYTES = 8 << 20,
    OPEN_BYTES = 64 << 20,      // of messages and analyses, until no more is fetched
    ANALYSED_BYTES = 128 << 20, // and until no more is analysed
    HAND_BACK_MS = 5000,        // how long partitions may take to be given back
    LAST_BATCH_MS = 20000,      // and the last batch at a stop
    PAUSE_AFTER_SECONDS = 60,   // of no room: then the group must see us poll
    REPORT_SECONDS = 5,
    STUCK_SECONDS = 120, // far above every wait of the loop
};

struct worker {
    const struct fb_config *config;
    struct fb_pool *pool;
    struct fb_consumer *consumer;
    struct fb_keeper *keeper;
    struct fb_store *store; // for offsets
    struct fb_health *health;
    struct fb_tasks tasks;
    struct fb_tasks orphans; // dropped, but an analyser still has them
    int wake_fd;             // readable when Kafka or the keeper has something
    size_t batch_max;
    double batch_seconds;
    double no_room_since, last_report;
    bool given_back; // partitions changed while the keeper had a batch
    bool broken;
    _Atomic(const char *) not_ready;
    _Atomic double turned; // when the loop last did
};

static volatile sig_atomic_t stop_signals;
static void on_signal(int signal)
{
    (void)signal;
    if (stop_signals++ > 0)
        _Exit(1); // the second one: leave at once, nothing is lost
}

/* --- what becomes of a batch -------------------------------------------------------- */

static void settle(struct worker *w, struct fb_keeper_batch *batch, enum fb_kept how)
{
    bool ours = how == FB_KEPT && !w->given_back; // else the offsets were read anew meanwhile
    for (size_t i = 0; ours && i < batch->n_offsets; i++)
        fb_consumer_set_stored(w->consumer, batch->offsets[i].partition,
                               batch->offsets[i].next);
    fb_tasks_free(&batch->tasks);
    free(batch->offsets);
    if (how == FB_KEPT_BROKEN)
        w->broken = true;
    if (how == FB_KEPT_FENCED) {
        fb_metric_add(FB_METRIC_FENCED, "", 1);
        fb_log(FB_LOG_WARNING, "batch_fenced", "reason",
               "another worker has stored these offsets", NULL);
        if (!w->given_back)
            fb_consumer_rewind(w->consumer);
    }
    w->given_back = false;
}

static void take_finished(struct worker *w, int ms)
{
    struct fb_keeper_batch batch;
    enum fb_kept how;
    if (fb_keeper_busy(w->keeper) && fb_keeper_take(w->keeper, ms, &batch, &how))
        settle(w, &batch, how);
}

/* Partitions come or go: let the batch that is being stored finish, forget all else. */
static void on_changed(void *arg)
{
    struct worker *w = arg;
    fb_tasks_drop(&w->tasks, &w->orphans);
    w->given_back = true;
    if (w->keeper != NULL)
        take_finished(w, HAND_BACK_MS);
    w->given_back = fb_keeper_busy(w->keeper);
}

static struct fb_store_offset *offset_of(struct fb_keeper_batch *batch, int32_t partition)
{
    for (size_t i = 0; i < batch->n_offsets; i++)
        if (batch->offsets[i].partition == partition)
            return &batch->offsets[i];
    batch->offsets[batch->n_offsets] = (struct fb_store_offset){.partition = partition};
    return &batch->offsets[batch->n_offsets++];
}

static int by_partition(const void *a, const void *b)
{
    int32_t x = ((const struct fb_store_offset *)a)->partition,
            y = ((const struct fb_store_offset *)b)->partition;
    return (x > y) - (x < y);
}

static void close_batch(struct worker *w)
{
    struct fb_keeper_batch batch = {0};
    fb_tasks_init(&batch.tasks);
    fb_tasks_take(&w->tasks, w->batch_max, BATCH_BYTES, &batch.tasks);
    if (batch.tasks.n == 0)
        return;
    batch.offsets = calloc(batch.tasks.n, sizeof *batch.offsets);
    if (batch.offsets == NULL) {
        fb_tasks_free(&batch.tasks);
        fb_consumer_rewind(w->consumer);
        return;
    }
    for (struct fb_task *task = batch.tasks.first; task != NULL; task = task->next) {
        struct fb_store_offset *offset = offset_of(&batch, task->message->partition);
        offset->expected = fb_consumer_stored(w->consumer, task->message->partition);
        offset->next = task->message->offset + 1;
    }
    qsort(batch.offsets, batch.n_offsets, sizeof *batch.offsets, by_partition);
    fb_keeper_give(w->keeper, &batch);
}

static bool batch_is_due(const struct worker *w)
{
    return w->tasks.first != NULL &&
           (w->tasks.n >= w->batch_max || w->tasks.bytes >= BATCH_BYTES ||
            fb_now() - w->tasks.first->since >= w->batch_seconds);
}

/* --- what becomes of a task --------------------------------------------------------- */

static void give_up_on(struct fb_task *task, const char *reason)
{
    task->unanalysed = task->envelope != NULL;
    task->dead = reason;
    task->state = FB_TASK_DONE;
}

static void on_death(struct fb_task *task, enum fb_death death)
{
    static const char *const reasons[] = {"", "it crashes the analyser",
                                          "it needs too much memory", "it takes too much time",
                                          "it makes forbidden system calls"};
    fb_metric_add(FB_METRIC_SANDBOX_DEATHS, fb_death_name(death), 1);
    if (++task->deaths < DEATHS_MAX)
        task->state = FB_TASK_WAITING; // once more, in a fresh child
    else
        give_up_on(task, reasons[death]);
}

/* Why there is no analysis, in the child's words if they are words: one that was taken over may
 * say anything. The text lives as long as the task's analysis. */
static const char *reason_of(const struct fb_task *task)
{
    enum { WORDS_MAX = 120 };
    size_t n = 0;
    const char *words = task->analysis->error;
    while (words[n] >= ' ' && words[n] <= '~' && n < WORDS_MAX)
        n++;
    return words[n] == 0 ? words : "it is not a dump that can be read";
}

static void on_analysis(struct worker *w, struct fb_task *task, struct fb_span answer)
{
    task->analysis = fb_analysis_unpack(answer);
    fb_tasks_grow(&w->tasks, task, answer.n);
    task->state = FB_TASK_DONE;
    if (task->analysis == NULL)
        give_up_on(task, "the analyser's answer makes no sense");
    else if (task->analysis->error[0] != 0)
        give_up_on(task, reason_of(task));
}

static void on_answer(struct worker *w, const struct fb_answer *answer)
{
    struct fb_task *task = answer->ticket;
    if (task->dropped) {
        fb_tasks_free_orphan(&w->orphans, task);
        return;
    }
    fb_metric_observe(FB_METRIC_ANALYSIS_SECONDS, "minidump", answer->seconds);
    if (answer->death != FB_ALIVE)
        on_death(task, answer->death);
    else
        on_analysis(w, task, answer->answer);
}

/* An analysis may be a thousand times its message, so analysing stops when too much of it waits
 * to be stored; but never the first task, for which all others of its partition wait. */
static void give_waiting(struct worker *w)
{
    while (fb_pool_idle(w->pool) > 0) {
        struct fb_task *task = fb_tasks_waiting(&w->tasks);
        if (task == NULL || (w->tasks.bytes >= ANALYSED_BYTES && task != w->tasks.first))
            return;
        if (fb_pool_give(w->pool,
                         (struct fb_span){task->message->payload, task->message->len, 0}, task))
            task->state = FB_TASK_GIVEN;
        else
            give_up_on(task, "it is larger than an analyser takes");
    }
}

static bool has_room(const struct worker *w)
{
    return w->tasks.n < 2 * w->batch_max && w->tasks.bytes < OPEN_BYTES;
}

static void fetch(struct worker *w)
{
    fb_consumer_clear_fd(w->consumer);
    bool room = has_room(w);
    if (room)
        w->no_room_since = 0;
    else if (w->no_room_since == 0)
        w->no_room_since = fb_now();
    bool pause = !room && fb_now() - w->no_room_since > PAUSE_AFTER_SECONDS;
    fb_consumer_pause(w->consumer, pause);
    if (!room && !pause)
        return;
    size_t wanted = w->batch_max;
    for (rd_kafka_message_t *m;
         wanted > 0 && (pause || has_room(w)) && (m = fb_consumer_poll(w->consumer)) != NULL;
         wanted--)
        if (fb_tasks_add(&w->tasks, m, fb_now()) == NULL)
            fb_consumer_rewind(w->consumer); // no memory: come back to it
}

/* --- health ------------------------------------------------------------------------- */

static const char *ready(void *arg) { return ((struct worker *)arg)->not_ready; }
static const char *alive(void *arg)
{
    const struct worker *w = arg;
    return fb_now() - w->turned < STUCK_SECONDS ? NULL : "the loop has stopped";
}

/* How long the oldest report here has waited since ingest accepted it. */
static void report_lag(const struct worker *w)
{
    static const double us_per_second = 1e6;
    const struct fb_task *oldest = w->tasks.first;
    while (oldest != NULL && oldest->envelope == NULL)
        oldest = oldest->next;
    double since =
        oldest != NULL ? (double)oldest->envelope->received_at_us / us_per_second : 0;
    double waits = oldest != NULL ? (double)time(NULL) - since : 0;
    fb_metric_set(FB_METRIC_LAG_SECONDS, "", waits > 0 ? waits : 0);
}

static void look_around(struct worker *w)
{
    w->not_ready = fb_consumer_partitions(w->consumer) < 0 ? "no assignment from the group yet"
                   : fb_pool_size(w->pool) == fb_pool_missing(w->pool)
                       ? "no analyser can be started"
                   : fb_keeper_away_since(w->keeper) != 0 ? "PostgreSQL is away"
                                                          : NULL;
    if (fb_now() - w->last_report < REPORT_SECONDS)
        return;
    w->last_report = fb_now();
    report_lag(w);
    fb_consumer_report(w->consumer);
}

/* --- the loop ----------------------------------------------------------------------- */

static void wait_for_something(struct worker *w)
{
    struct fb_answer answer;
    int ms = (int)(w->batch_seconds * 1000 / 2) + 1;
    while (fb_pool_wait(w->pool, w->wake_fd, ms, &answer)) {
        on_answer(w, &answer);
        give_waiting(w);
        ms = 0;
    }
}

static void step(struct worker *w)
{
    w->turned = fb_now();
    fetch(w);
    give_waiting(w);
    wait_for_something(w);
    take_finished(w, 0);
    w->broken |= fb_consumer_failed(w->consumer) || fb_pool_broken(w->pool);
    if (batch_is_due(w) && !fb_keeper_busy(w->keeper))
        close_batch(w);
    look_around(w);
}

/* What is analysed by now is stored; the rest is another worker's. */
static void stop(struct worker *w)
{
    w->not_ready = "stopping";
    fb_log(FB_LOG_INFO, "stopping", NULL, NULL);
    take_finished(w, LAST_BATCH_MS);
    if (!w->broken && !fb_keeper_busy(w->keeper)) {
        close_batch(w);
        take_finished(w, LAST_BATCH_MS);
    }
}

static void waiting_for(const char *whom, const char *setting)
{
    fb_log(FB_LOG_WARNING, "waiting", "for", whom, "check", setting, NULL);
    sleep(1);
}

/* Neighbours may start after us: wait for both. */
static struct fb_err meet_neighbours(struct worker *w, const char **cluster)
{
    struct fb_err err = FB_FAIL(UNAVAILABLE, "stopped before PostgreSQL answered", 0);
    while (stop_signals == 0 &&
           (err = fb_store_open(w->config, &w->store)).code == FB_UNAVAILABLE)
        waiting_for("PostgreSQL", "postgres.url");
    if (fb_failed(err))
        return err;
    err =
        fb_consumer_open(w->config, &(struct fb_consumer_events){w, on_changed}, &w->consumer);
    if (fb_failed(err))
        return err;
    while (stop_signals == 0 && (*cluster = fb_consumer_cluster(w->consumer, 1000)) == NULL)
        waiting_for("Kafka", "kafka.brokers");
    return *cluster != NULL ? FB_NO_ERR
                            : FB_FAIL(UNAVAILABLE, "stopped before Kafka answered", 0);
}

static struct fb_err watch(struct worker *w)
{
    struct epoll_event readable = {.events = EPOLLIN};
    w->wake_fd = epoll_create1(EPOLL_CLOEXEC);
    if (w->wake_fd < 0 ||
        epoll_ctl(w->wake_fd, EPOLL_CTL_ADD, fb_consumer_fd(w->consumer), &readable) != 0 ||
        epoll_ctl(w->wake_fd, EPOLL_CTL_ADD, fb_keeper_fd(w->keeper), &readable) != 0)
        return FB_FAIL(UNAVAILABLE, "no file descriptor to wait on", 0);
    return FB_NO_ERR;
}

static struct fb_err begin(struct worker *w)
{
    const char *cluster = NULL;
    struct fb_err err = meet_neighbours(w, &cluster);
    if (!fb_failed(err))
        err = fb_keeper_open(w->config, cluster, &w->keeper);
    if (!fb_failed(err))
        err = watch(w);
    if (!fb_failed(err))
        err = fb_health_open(fb_config_text(w->config, FB_OPT_WORKER_LISTEN), ready, alive, w,
                             &w->health);
    if (!fb_failed(err))
        fb_consumer_use(w->consumer, w->store, cluster);
    return err;
}

/* Messages go before the consumer that they came from. */
static void end(struct worker *w)
{
    if (w->consumer != NULL)
        fb_consumer_leave(w->consumer);
    if (w->health != NULL)
        fb_health_close(w->health);
    if (w->keeper != NULL)
        fb_keeper_close(w->keeper);
    fb_tasks_free(&w->tasks);
    fb_tasks_free(&w->orphans);
    if (w->consumer != NULL)
        fb_consumer_close(w->consumer);
    if (w->store != NULL)
        fb_store_close(w->store);
    if (w->wake_fd > 0)
        close(w->wake_fd);
}

static void say_who_we_are(struct worker *w)
{
    char labels[96];
    snprintf(labels, sizeof labels, "%s,%s,%d.%d", FB_VERSION, rd_kafka_version_str(),
             CS_API_MAJOR, CS_API_MINOR);
    fb_metric_set(FB_METRIC_BUILD_INFO, labels, 1);
    fb_log(FB_LOG_INFO, "listening", "port", fb_log_number(fb_health_port(w->health)),
           "analysers", fb_log_number((long long)fb_pool_size(w->pool)), NULL);
}

int fb_worker_run(const struct fb_config *config, struct fb_pool *pool)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN); // whoever reads the log may go away
    struct worker w = {
        .config = config, .pool = pool, .not_ready = "starting", .turned = fb_now()};
    fb_tasks_init(&w.tasks);
    fb_tasks_init(&w.orphans);
    w.batch_max = (size_t)fb_config_number(config, FB_OPT_WORKER_BATCH, 1, 10000);
    w.batch_seconds = (double)fb_config_number(config, FB_OPT_WORKER_BATCH_MS, 1, 60000) / 1000;
    struct fb_err err = begin(&w);
    if (!fb_failed(err)) {
        say_who_we_are(&w);
        while (stop_signals == 0 && !w.broken)
            step(&w);
        stop(&w);
    } else {
        fb_log(FB_LOG_ERROR, "not_started", "reason", err.what, NULL);
    }
    end(&w);
    return (fb_failed(err) && stop_signals == 0) || w.broken;
}
