/*
 * worker/sandbox/pool.c -- the parent's side: which child has which job, and until when.
 *
 * Used by one thread. A slot is idle, busy, or (for the moment in which its child
 * is replaced) empty.
 */
#include "log.h"
#include "now.h"
#include "sandbox/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    CHILDREN_MAX = 256,
    JOBS_MAX = 10000, // of one child: what it may have leaked goes with it
    START_MS = 10000,
    AGAIN_SECONDS = 1 // until the next try to start a child
};

struct slot {
    struct fb_slot_memory memory;
    int pid, bell; // bell -1: no child
    bool busy, overdue;
    void *ticket;
    double since;
    int jobs;
    double started;
};
struct fb_pool {
    struct fb_zygote zygote;
    bool broken; // the zygote is gone: no child will ever be replaced
    size_t n;
    double seconds;                             // a job may take
    uint8_t *copy;                              // of the last answer
    struct fb_slot_memory memory[CHILDREN_MAX]; // as the zygote knows them
    struct slot slots[CHILDREN_MAX];
};

const char *fb_death_name(enum fb_death death)
{
    static const char *const names[] = {"alive", "signal", "memory", "time", "sandbox"};
    return names[death];
}

static uint8_t *shared(size_t n)
{
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    return p != MAP_FAILED ? p : NULL;
}

/* End the child of a slot, whatever it does: one that was taken over may cut its bell and live
 * on. A child that is dead already keeps its status. */
static int end_child(struct fb_pool *pool, struct slot *slot)
{
    kill(slot->pid, SIGKILL);
    close(slot->bell);
    slot->bell = -1;
    int status = fb_zygote_wait(&pool->zygote, slot->pid);
    if (status == -1 && !pool->broken)
        fb_log(FB_LOG_ERROR, "zygote_gone", "next", "start the worker again", NULL);
    pool->broken |= status == -1;
    return status;
}

/* A child rings once when it has all that it needs. Whatever is wrong with one that does not is
 * not the fault of a report: it never had any. */
static bool rings(const struct slot *slot)
{
    struct pollfd bell = {.fd = slot->bell, .events = POLLIN};
    uint64_t n;
    while (poll(&bell, 1, START_MS) < 0 && errno == EINTR)
        continue;
    return recv(slot->bell, &n, sizeof n, MSG_DONTWAIT) == sizeof n;
}

static void replace(struct fb_pool *pool, size_t i)
{
    struct slot *slot = &pool->slots[i];
    slot->busy = slot->overdue = false;
    slot->jobs = 0;
    slot->started = fb_now();
    struct fb_err err = fb_zygote_fork(&pool->zygote, (uint32_t)i, &slot->pid, &slot->bell);
    if (!fb_failed(err) && rings(slot))
        return;
    int status = fb_failed(err) ? 0 : end_child(pool, slot);
    slot->bell = -1;
    fb_log(FB_LOG_ERROR, "analyser_not_started", "reason",
           fb_failed(err) ? err.what : "it ended at once", "status", fb_log_number(status),
           "next", "check the limits on processes and memory", NULL);
}

static size_t wanted_children(const struct fb_config *config)
{
    long long n = fb_config_number(config, FB_OPT_WORKER_ANALYSERS, 0, CHILDREN_MAX);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (n == 0)
        n = cores > 0 && cores < CHILDREN_MAX ? cores : 1;
    return (size_t)n;
}

struct fb_err fb_pool_open(const struct fb_config *config, const struct fb_work *work,
                           struct fb_pool **out)
{
    struct fb_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL)
        return FB_FAIL(UNAVAILABLE, "no memory for the analysers", 0);
    pool->n = wanted_children(config);
    fb_config_number(config, FB_OPT_WORKER_MEMORY, 16 << 20, 1LL << 40); // said here, once
    pool->seconds = (double)fb_config_number(config, FB_OPT_WORKER_SECONDS, 1, 3600) * 1.5 + 1;
    pool->copy = malloc(FB_ANSWER_MAX);
    bool there = pool->copy != NULL;
    for (size_t i = 0; i < pool->n; i++) {
        pool->memory[i] = (struct fb_slot_memory){shared(FB_JOB_MAX), shared(FB_ANSWER_MAX)};
        pool->slots[i] = (struct slot){.memory = pool->memory[i], .bell = -1};
        there = there && pool->memory[i].job != NULL && pool->memory[i].answer != NULL;
    }
    struct fb_err err = there
                            ? fb_zygote_open(config, work, pool->memory, pool->n, &pool->zygote)
                            : FB_FAIL(UNAVAILABLE, "no memory for the analysers", 0);
    if (fb_failed(err)) {
        free(pool->copy);
        free(pool);
        return err;
    }
    for (size_t i = 0; i < pool->n; i++)
        replace(pool, i);
    if (fb_pool_idle(pool) == 0) {
        fb_pool_close(pool);
        return FB_FAIL(UNAVAILABLE, "no analyser can be started", 0);
    }
    *out = pool;
    return FB_NO_ERR;
}

size_t fb_pool_missing(const struct fb_pool *pool)
{
    size_t n = 0;
    for (size_t i = 0; i < pool->n; i++)
        n += pool->slots[i].bell < 0;
    return n;
}

bool fb_pool_broken(const struct fb_pool *pool) { return pool->broken; }

size_t fb_pool_size(const struct fb_pool *pool) { return pool->n; }
int fb_pool_pid(const struct fb_pool *pool, size_t i) { return pool->slots[i].pid; }

static bool idle(const struct slot *slot) { return slot->bell >= 0 && !slot->busy; }

size_t fb_pool_idle(const struct fb_pool *pool)
{
    size_t n = 0;
    for (size_t i = 0; i < pool->n; i++)
        n += idle(&pool->slots[i]);
    return n;
}

bool fb_pool_give(struct fb_pool *pool, struct fb_span job, void *ticket)
{
    size_t i = 0;
    while (i < pool->n && !idle(&pool->slots[i]))
        i++;
    if (i == pool->n || job.n > FB_JOB_MAX)
        return false;
    struct slot *slot = &pool->slots[i];
    if (job.n != 0)
        memcpy(slot->memory.job, job.p, job.n);
    uint64_t n = job.n;
    slot->ticket = ticket;
    slot->since = fb_now();
    slot->busy = true;
    // A child that has just died is found by fb_pool_wait: the job is then answered with its
    // death.
    (void)send(slot->bell, &n, sizeof n, MSG_NOSIGNAL);
    return true;
}

static enum fb_death cause(const struct slot *slot, int status)
{
    if (slot->overdue)
        return FB_DEATH_TIME;
    if (WIFEXITED(status))
        return WEXITSTATUS(status) == FB_CHILD_NO_MEMORY ? FB_DEATH_MEMORY : FB_DEATH_SIGNAL;
    int signal = WTERMSIG(status);
    return signal == SIGXCPU  ? FB_DEATH_TIME
           : signal == SIGSYS ? FB_DEATH_SANDBOX
                              : FB_DEATH_SIGNAL;
}

/* The bell of slot `i` was cut: bury the child, take a new one. @return true when it leaves
 * a job behind */
static bool bury(struct fb_pool *pool, size_t i, struct fb_answer *out)
{
    struct slot *slot = &pool->slots[i];
    int status = end_child(pool, slot);
    bool had_job = slot->busy;
    *out = (struct fb_answer){.ticket = slot->ticket,
                              .death = cause(slot, status),
                              .seconds = fb_now() - slot->since};
    if (had_job || !WIFEXITED(status))
        fb_log(FB_LOG_WARNING, "analyser_died", "cause", fb_death_name(out->death), "status",
               fb_log_number(status), NULL);
    replace(pool, i);
    return had_job;
}

/* Memory of an unusually large job or answer goes back to the system. */
static void give_back(uint8_t *memory, size_t used)
{
    enum { KEEP = 1 << 20 };
    if (used > KEEP)
        madvise(memory, used, MADV_REMOVE);
}

static bool take_answer(struct fb_pool *pool, size_t i, struct fb_answer *out)
{
    struct slot *slot = &pool->slots[i];
    uint64_t n = 0;
    ssize_t got = recv(slot->bell, &n, sizeof n, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (got != sizeof n || n > FB_ANSWER_MAX || !slot->busy) // what no child of ours says
        return bury(pool, i, out);
    memcpy(pool->copy, slot->memory.answer, n);
    give_back(slot->memory.answer, n);
    slot->busy = false;
    *out = (struct fb_answer){
        slot->ticket, FB_ALIVE, fb_now() - slot->since, {pool->copy, n, 0}
    };
    if (++slot->jobs == JOBS_MAX) { // now, while it is idle: no job may meet its end
        end_child(pool, slot);
        replace(pool, i);
    }
    return true;
}

static void end_overdue(struct fb_pool *pool)
{
    for (size_t i = 0; i < pool->n; i++) {
        struct slot *slot = &pool->slots[i];
        if (slot->busy && !slot->overdue && fb_now() - slot->since > pool->seconds) {
            slot->overdue = true;
            kill(slot->pid, SIGKILL);
        }
    }
}

bool fb_pool_wait(struct fb_pool *pool, int wake_fd, int ms, struct fb_answer *out)
{
    enum { TICK_MS = 500 }; // how late an overdue child is noticed
    struct pollfd fds[CHILDREN_MAX + 1];
    for (size_t i = 0; i < pool->n; i++)
        fds[i] = (struct pollfd){.fd = pool->slots[i].bell, .events = POLLIN};
    fds[pool->n] = (struct pollfd){.fd = wake_fd, .events = POLLIN};
    poll(fds, pool->n + 1, ms < TICK_MS ? ms : TICK_MS);
    end_overdue(pool);
    for (size_t i = 0; i < pool->n; i++) {
        if (pool->slots[i].bell < 0 && fb_now() - pool->slots[i].started >= AGAIN_SECONDS)
            replace(pool, i);
        else if (pool->slots[i].bell >= 0 && fds[i].revents != 0 && take_answer(pool, i, out))
            return true;
    }
    return false;
}

void fb_pool_close(struct fb_pool *pool)
{
    for (size_t i = 0; i < pool->n; i++) {
        struct slot *slot = &pool->slots[i];
        if (slot->bell >= 0)
            end_child(pool, slot);
        munmap(slot->memory.job, FB_JOB_MAX);
        munmap(slot->memory.answer, FB_ANSWER_MAX);
    }
    fb_zygote_close(&pool->zygote);
    free(pool->copy);
    free(pool);
}
