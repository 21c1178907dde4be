/* worker/task.c -- the list of tasks. */
#include "task.h"

#include <stdlib.h>

/* Beyond that two partitions may wait for each other, which only costs time. */
enum { PARTITIONS_MAX = 4096 };

void fb_tasks_init(struct fb_tasks *tasks) { *tasks = (struct fb_tasks){.end = &tasks->first}; }

static void append(struct fb_tasks *tasks, struct fb_task *task)
{
    task->next = NULL;
    *tasks->end = task;
    tasks->end = &task->next;
    tasks->n++;
    tasks->bytes += task->bytes;
}

struct fb_task *fb_tasks_add(struct fb_tasks *tasks, rd_kafka_message_t *message, double now)
{
    struct fb_task *task = calloc(1, sizeof *task);
    if (task == NULL) {
        rd_kafka_message_destroy(message);
        return NULL;
    }
    task->message = message;
    task->bytes = message->len;
    task->since = now;
    task->envelope = fb_envelope_unpack((struct fb_span){message->payload, message->len, 0});
    if (task->envelope == NULL) {
        task->dead = "not an envelope of ours";
        task->state = FB_TASK_DONE;
    }
    append(tasks, task);
    return task;
}

void fb_tasks_grow(struct fb_tasks *tasks, struct fb_task *task, size_t n)
{
    task->bytes += n;
    tasks->bytes += n;
}

struct fb_task *fb_tasks_waiting(const struct fb_tasks *tasks)
{
    struct fb_task *task = tasks->first;
    while (task != NULL && task->state != FB_TASK_WAITING)
        task = task->next;
    return task;
}

void fb_tasks_take(struct fb_tasks *tasks, size_t max, size_t max_bytes, struct fb_tasks *out)
{
    uint64_t blocked[PARTITIONS_MAX / 64] = {0};
    struct fb_tasks kept;
    fb_tasks_init(&kept);
    for (struct fb_task *task = tasks->first, *next; task != NULL; task = next) {
        next = task->next;
        size_t bit = (size_t)task->message->partition % PARTITIONS_MAX;
        bool free_to_go =
            task->state == FB_TASK_DONE && (blocked[bit / 64] >> bit % 64 & 1) == 0;
        if (free_to_go && out->n < max && out->bytes < max_bytes) {
            append(out, task);
        } else {
            blocked[bit / 64] |= UINT64_C(1) << bit % 64;
            append(&kept, task);
        }
    }
    *tasks = kept;
    if (tasks->n == 0)
        fb_tasks_init(tasks); // its end still points into `kept`
}

static void free_task(struct fb_task *task)
{
    fb_envelope_free(task->envelope);
    fb_analysis_free(task->analysis);
    rd_kafka_message_destroy(task->message);
    free(task);
}

void fb_tasks_drop(struct fb_tasks *tasks, struct fb_tasks *orphans)
{
    for (struct fb_task *task = tasks->first, *next; task != NULL; task = next) {
        next = task->next;
        task->dropped = task->state == FB_TASK_GIVEN;
        if (task->dropped)
            append(orphans, task);
        else
            free_task(task);
    }
    fb_tasks_init(tasks);
}

void fb_tasks_free_orphan(struct fb_tasks *orphans, struct fb_task *task)
{
    struct fb_task **link = &orphans->first;
    while (*link != NULL && *link != task)
        link = &(*link)->next;
    if (*link == NULL)
        return;
    *link = task->next;
    if (orphans->end == &task->next)
        orphans->end = link;
    orphans->n--;
    orphans->bytes -= task->bytes;
    free_task(task);
}

void fb_tasks_free(struct fb_tasks *tasks)
{
    for (struct fb_task *task = tasks->first, *next; task != NULL; task = next) {
        next = task->next;
        free_task(task);
    }
    fb_tasks_init(tasks);
}
