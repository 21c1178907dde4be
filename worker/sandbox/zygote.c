/* worker/sandbox/zygote.c -- fork on request; the bell's other end travels to the parent
 * with the answer. */
#include "sandbox/zygote.h"

#include "log.h"
#include "sandbox/child.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum question { ASK_FORK, ASK_WAIT };
struct ask {
    enum question question;
    uint32_t slot; // ASK_FORK
    int pid;       // ASK_WAIT
};

/* Send `value`, and `fd` with it unless it is -1. */
static bool send_with_fd(int socket, int value, int fd)
{
    _Alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec part = {&value, sizeof value};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        message.msg_control = room;
        message.msg_controllen = sizeof room;
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        *c = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL) == sizeof value;
}

static bool receive_with_fd(int socket, int *value, int *fd)
{
    _Alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof *fd)] = {0};
    struct iovec part = {value, sizeof *value};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    ssize_t got;
    do
        got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    *fd = -1;
    if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
        memcpy(fd, CMSG_DATA(c), sizeof *fd);
    return got == sizeof *value;
}

/* --- in the zygote ------------------------------------------------------------------ */

struct zygote_self {
    const struct fb_config *config;
    const struct fb_work *work;
    const struct fb_slot_memory *slots;
    size_t n;
    int control;
};

/* What the other children work on is none of this one's business, and would count against
 * its address space. */
static void forget_others(const struct zygote_self *self, uint32_t slot)
{
    for (size_t i = 0; i < self->n; i++) {
        if (i == slot)
            continue;
        munmap(self->slots[i].job, FB_JOB_MAX);
        munmap(self->slots[i].answer, FB_ANSWER_MAX);
    }
}

static void answer_fork(const struct zygote_self *self, uint32_t slot)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        send_with_fd(self->control, -1, -1);
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        forget_others(self, slot);
        fb_child_run(self->config, self->work, &self->slots[slot], pair[1]);
    }
    close(pair[1]);
    send_with_fd(self->control, pid, pid > 0 ? pair[0] : -1);
    close(pair[0]);
}

static void answer_wait(const struct zygote_self *self, int pid)
{
    int status = -1;
    pid_t got;
    do
        got = waitpid(pid, &status, 0);
    while (got < 0 && errno == EINTR);
    send_with_fd(self->control, got == pid ? status : -1, -1);
}

__attribute__((noreturn)) static void run_zygote(const struct zygote_self *self)
{
    signal(SIGTERM, SIG_IGN); // lives as long as its parent
    signal(SIGINT, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct ask ask;
    for (;;) {
        ssize_t got = recv(self->control, &ask, sizeof ask, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got != sizeof ask)
            _exit(0);
        if (ask.question == ASK_FORK)
            answer_fork(self, ask.slot);
        else
            answer_wait(self, ask.pid);
    }
}

/* --- in the parent ------------------------------------------------------------------ */

struct fb_err fb_zygote_open(const struct fb_config *config, const struct fb_work *work,
                             const struct fb_slot_memory *slots, size_t n,
                             struct fb_zygote *out)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return FB_FAIL(UNAVAILABLE, "no socket pair for the zygote", 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[0]);
        run_zygote(&(struct zygote_self){config, work, slots, n, pair[1]});
    }
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return FB_FAIL(UNAVAILABLE, "no process for the zygote", 0);
    }
    *out = (struct fb_zygote){pid, pair[0]};
    return FB_NO_ERR;
}

struct fb_err fb_zygote_fork(const struct fb_zygote *zygote, uint32_t slot, int *pid, int *fd)
{
    struct ask ask = {.question = ASK_FORK, .slot = slot};
    if (send(zygote->control, &ask, sizeof ask, MSG_NOSIGNAL) != sizeof ask ||
        !receive_with_fd(zygote->control, pid, fd) || *pid <= 0 || *fd < 0)
        return FB_FAIL(UNAVAILABLE, "no process for an analyser", 0);
    return FB_NO_ERR;
}

int fb_zygote_wait(const struct fb_zygote *zygote, int pid)
{
    struct ask ask = {.question = ASK_WAIT, .pid = pid};
    int status, fd;
    if (send(zygote->control, &ask, sizeof ask, MSG_NOSIGNAL) != sizeof ask ||
        !receive_with_fd(zygote->control, &status, &fd))
        return -1;
    return status;
}

void fb_zygote_close(struct fb_zygote *zygote)
{
    close(zygote->control);
    while (waitpid(zygote->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}
