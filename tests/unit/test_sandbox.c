/*
 * tests/unit/test_sandbox.c -- children that answer, die, hang and lie; the pool
 * outlives them all.
 */
#include "sandbox/sandbox.h"
#include "support/check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static void *start(const struct fb_config *config)
{
    enum { AS_MUCH_AS_AN_ANALYSER = 512 << 20 };
    (void)config;
    void *self = mmap(NULL, AS_MUCH_AS_AN_ANALYSER, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return self != MAP_FAILED && getenv("NO_ANALYSER_STARTS") == NULL ? self : NULL;
}

enum { BELL = 3 }; // of every child

/* Can the child write a file? It must not. */
static bool can_write(void)
{
    int fd = open("/tmp", O_TMPFILE | O_WRONLY, 0600);
    signal(SIGXFSZ, SIG_IGN);
    return fd >= 0 && write(fd, "x", 1) == 1;
}

/* A job's first letter says how the child behaves. */
static size_t work(void *self, struct fb_span job, uint8_t *answer, size_t room)
{
    (void)self;
    (void)room;
    switch (job.p[0]) {
    case 'e':
        memcpy(answer, job.p, job.n);
        return job.n;
    case 'k':
        raise(SIGKILL);
        return 0;
    case 'x':
        raise(SIGXCPU);
        return 0;
    case 'y':
        raise(SIGSYS);
        return 0;
    case 'm':
        _exit(71); // as when there is no memory
    case 'l':
        return FB_ANSWER_MAX + 1;
    case 'w':
        answer[0] = can_write() ? '1' : '0';
        return 1;
    case 'c':
        close(BELL);
        for (;;)
            pause();
    case '0':
        send(BELL, "", 0, 0);
        for (;;)
            pause();
    case 'h':
        for (;;)
            pause();
    default:
        return 0;
    }
}

static const struct {
    const char *name, *job;
    enum fb_death death;
    const char *answer;
} rows[] = {
    {"an answer",                "echo",       FB_ALIVE,         "echo"      },
    {"no answer",                "nothing",    FB_ALIVE,         ""          },
    {"killed",                   "kill",       FB_DEATH_SIGNAL,  ""          },
    {"CPU time over",            "xcpu",       FB_DEATH_TIME,    ""          },
    {"forbidden call",           "y",          FB_DEATH_SANDBOX, ""          },
    {"no memory",                "mem",        FB_DEATH_MEMORY,  ""          },
    {"lies about its length",    "lie",        FB_DEATH_SIGNAL,  ""          },
    {"hangs",                    "hang",       FB_DEATH_TIME,    ""          },
    {"cuts its bell, and lives", "cut",        FB_DEATH_SIGNAL,  ""          },
    {"says nothing, at length",  "0 bytes",    FB_DEATH_SIGNAL,  ""          },
    {"cannot write files",       "write",      FB_ALIVE,         "0"         },
    {"an answer after all that", "echo again", FB_ALIVE,         "echo again"},
};

static bool any_answer(struct fb_pool *pool, struct fb_answer *answer)
{
    for (int i = 0; i < 50; i++)
        if (fb_pool_wait(pool, -1, 100, answer))
            return true;
    return false;
}

static bool equal(struct fb_span got, const char *want)
{
    return got.n == strlen(want) && (got.n == 0 || memcmp(got.p, want, got.n) == 0);
}

static void one_at_a_time(struct fb_pool *pool)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fb_span job = {(const uint8_t *)rows[i].job, strlen(rows[i].job), 0};
        int ticket;
        struct fb_answer answer = {0};
        CHECK(rows[i].name, fb_pool_give(pool, job, &ticket));
        if (!CHECK(rows[i].name, any_answer(pool, &answer) && answer.ticket == &ticket))
            continue;
        CHECK(rows[i].name, answer.death == rows[i].death);
        CHECK(rows[i].name, equal(answer.answer, rows[i].answer));
    }
}

static void all_at_once(struct fb_pool *pool)
{
    struct fb_span job = {(const uint8_t *)"hang", 4, 0};
    int tickets[2];
    CHECK("two", fb_pool_give(pool, job, &tickets[0]) && fb_pool_give(pool, job, &tickets[1]));
    CHECK("two", fb_pool_idle(pool) == 0 && !fb_pool_give(pool, job, NULL));
    for (size_t i = 0; i < fb_pool_size(pool); i++)
        kill(fb_pool_pid(pool, i), SIGKILL);
    struct fb_answer answer;
    for (int i = 0; i < 2; i++)
        CHECK("two", any_answer(pool, &answer) && answer.death == FB_DEATH_SIGNAL);
    CHECK("two", fb_pool_idle(pool) == 2);
    kill(fb_pool_pid(pool, 0), SIGKILL); // while it is idle: nobody's job is lost
    fb_pool_wait(pool, -1, 500, &answer);
    int ticket;
    job = (struct fb_span){(const uint8_t *)"echo", 4, 0};
    for (int i = 0; i < 2; i++)
        CHECK("idle death", fb_pool_give(pool, job, &ticket));
    for (int i = 0; i < 2; i++)
        CHECK("idle death", any_answer(pool, &answer) && answer.death == FB_ALIVE);
    CHECK("too large", !fb_pool_give(pool, (struct fb_span){NULL, FB_JOB_MAX + 1, 0}, NULL));
}

static struct fb_err open_pool(const char *children, struct fb_pool **out)
{
    char name[] = "test";
    char *argv[] = {name, NULL};
    int argc = 1;
    static const struct fb_work script = {start, work};
    setenv("FAULTBUCKET_WORKER_ANALYSERS", children, 1);
    return fb_pool_open(fb_config_load('W', "", &argc, argv), &script, out);
}

/* A child retires after many jobs: none of them may be lost to that. */
static void retiring(void)
{
    enum { MANY = 10050 };
    struct fb_pool *pool;
    if (!CHECK("retire", !fb_failed(open_pool("1", &pool))))
        return;
    int first = fb_pool_pid(pool, 0), ticket, lost = 0;
    struct fb_span job = {(const uint8_t *)"echo", 4, 0};
    for (int i = 0; i < MANY; i++) {
        struct fb_answer answer = {0};
        lost += !fb_pool_give(pool, job, &ticket) || !any_answer(pool, &answer) ||
                answer.death != FB_ALIVE;
    }
    CHECK("retire", lost == 0);
    CHECK("retire", fb_pool_pid(pool, 0) != first);
    fb_pool_close(pool);
}

/* Each child has room for itself, however many there are; without children there is no pool. */
static void many_and_none(void)
{
    struct fb_pool *pool;
    if (CHECK("many", !fb_failed(open_pool("64", &pool)))) {
        CHECK("many", fb_pool_idle(pool) == 64);
        fb_pool_close(pool);
    }
    setenv("NO_ANALYSER_STARTS", "1", 1);
    CHECK("none", open_pool("2", &pool).code == FB_UNAVAILABLE);
    unsetenv("NO_ANALYSER_STARTS");
}

static int parent_of(int pid)
{
    char path[64], line[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *stat = fopen(path, "r");
    if (stat != NULL && fgets(line, sizeof line, stat) == NULL)
        line[0] = 0;
    if (stat != NULL)
        fclose(stat);
    const char *state = strrchr(line, ')'); // "pid (name) state parent ..."
    return state != NULL && strlen(state) > 4 ? (int)strtol(state + 4, NULL, 10) : 0;
}

/* The zygote is killed, and all children with it: that is told, not waited for. */
static void orphaned(void)
{
    struct fb_pool *pool;
    if (!CHECK("orphaned", !fb_failed(open_pool("2", &pool))))
        return;
    int zygote = parent_of(fb_pool_pid(pool, 0));
    if (CHECK("orphaned", zygote > 1))
        kill(zygote, SIGKILL);
    struct fb_answer answer;
    for (int i = 0; i < 10 && !fb_pool_broken(pool); i++)
        fb_pool_wait(pool, -1, 100, &answer);
    CHECK("orphaned", fb_pool_broken(pool));
    fb_pool_close(pool);
}

int main(void)
{
    alarm(120); // a pool that waits for ever is what this test must not become
    setenv("FAULTBUCKET_WORKER_ANALYSER_SECONDS", "1", 1);
    struct fb_pool *pool;
    struct fb_err err = open_pool("2", &pool);
    if (CHECK("open", !fb_failed(err))) {
        one_at_a_time(pool);
        all_at_once(pool);
        fb_pool_close(pool);
    }
    many_and_none();
    retiring();
    orphaned();
    return check_done();
}
