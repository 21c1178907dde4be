/*
 * worker/sandbox/child.c -- an analyser child binds itself, rings once, then works until the
 * bell is cut.
 *
 * The filter on system calls is a later step; its place is at the end of bind_self.
 */
#include "sandbox/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FILES_MAX = 16 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { CAN_LIMIT_MEMORY = 0 }; // the sanitizers' shadow is terabytes of address space
#elif defined(__has_feature)
enum {
    CAN_LIMIT_MEMORY = !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
};
#else
enum { CAN_LIMIT_MEMORY = 1 };
#endif

static void limit(int what, rlim_t n)
{
    struct rlimit both = {n, n};
    setrlimit((__rlimit_resource_t)what, &both);
}

static void close_all_but(int bell)
{
    // Who was taken over shall not write our log. A sanitizer needs its stderr.
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && CAN_LIMIT_MEMORY; fd++)
        dup2(open("/dev/null", O_RDWR), fd);
    dup2(bell, 3);
    close_range(4, ~0U, 0);
}

/* Room beside the arena: the two mappings, the dump unpacked, libraries
 * and Capstone's tables. */
static rlim_t address_space(const struct fb_config *config)
{
    const rlim_t beside = (rlim_t)768 << 20;
    return (rlim_t)fb_config_number(config, FB_OPT_WORKER_MEMORY, 16 << 20, 1LL << 40) + beside;
}

static void bind_self(const struct fb_config *config)
{
    signal(SIGTERM, SIG_IGN); // the parent decides when we end
    signal(SIGINT, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_NOFILE, FILES_MAX);
    if (CAN_LIMIT_MEMORY)
        limit(RLIMIT_AS, address_space(config));
}

/* CPU time is counted over the life of a process: each job moves the limit on. */
static void allow_cpu(rlim_t seconds)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    struct rlimit cpu = {(rlim_t)used.ru_utime.tv_sec + (rlim_t)used.ru_stime.tv_sec + 1 +
                             seconds,
                         RLIM_INFINITY};
    setrlimit(RLIMIT_CPU, &cpu);
}

void fb_child_run(const struct fb_config *config, const struct fb_work *work,
                  const struct fb_slot_memory *slot, int bell)
{
    close_all_but(bell);
    bell = 3;
    bind_self(config);
    void *self = work->start(config);
    if (self == NULL)
        _exit(FB_CHILD_NO_MEMORY);
    rlim_t seconds = (rlim_t)fb_config_number(config, FB_OPT_WORKER_SECONDS, 1, 3600);
    const uint64_t ready = 0;
    bool heard = send(bell, &ready, sizeof ready, MSG_NOSIGNAL) == sizeof ready;
    while (heard) {
        uint64_t n;
        ssize_t got = recv(bell, &n, sizeof n, 0);
        if (got != sizeof n || n > FB_JOB_MAX)
            break;
        allow_cpu(seconds);
        uint64_t answer =
            work->work(self, (struct fb_span){slot->job, n, 0}, slot->answer, FB_ANSWER_MAX);
        heard = send(bell, &answer, sizeof answer, MSG_NOSIGNAL) == sizeof answer;
    }
    _exit(FB_CHILD_DONE);
}
