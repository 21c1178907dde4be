/*
 * tests/unit/test_sandbox.c -- children that answer, die, hang and lie; the pool outlives them
 * all.
 */
#include "sandbox/sandbox.h"
#include "support/check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *start(const struct fb_config *config)
{
    static int self;
    (void)config;
    return &self;
}

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

int main(void)
{
    setenv("FAULTBUCKET_WORKER_ANALYSERS", "2", 1);
    setenv("FAULTBUCKET_WORKER_ANALYSER_SECONDS", "1", 1);
    char name[] = "test";
    char *argv[] = {name, NULL};
    int argc = 1;
    struct fb_pool *pool;
    static const struct fb_work script = {start, work};
    struct fb_err err = fb_pool_open(fb_config_load('W', "", &argc, argv), &script, &pool);
    if (CHECK("open", !fb_failed(err))) {
        one_at_a_time(pool);
        all_at_once(pool);
        fb_pool_close(pool);
    }
    return check_done();
}
