/*
 * crashpad.c -- start Crashpad's handler from a signal handler.
 *
 * It is told where our registers lie, and is let trace us. Everything between the crash and the
 * exec is what a signal handler may do.
 */
#include "crashpad.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ALTERNATE_STACK = 64 * 1024 };

/* What Crashpad calls ExceptionInformation: where the handler finds the crash in our memory. */
struct __attribute__((packed)) crash {
    uint64_t siginfo;
    uint64_t context;
    int32_t thread;
};

static struct crash crash;
static char *arguments[CRASHPAD_ARGUMENTS_MAX + 2];
static char where_to_look[64]; // the last argument, made before anything crashes
static void (*before_dump)(const siginfo_t *, const void *);

static void on_crash(int number, siginfo_t *info, void *context)
{
    if (before_dump != NULL)
        before_dump(info, context);
    crash.siginfo = (uint64_t)(uintptr_t)info;
    crash.context = (uint64_t)(uintptr_t)context;
    crash.thread = (int32_t)syscall(SYS_gettid);
    prctl(PR_SET_PTRACER, (unsigned long)getpid(), 0UL, 0UL, 0UL);
    pid_t child = fork();
    if (child == 0) {
        execv(arguments[0], arguments);
        _exit(127);
    }
    int status;
    waitpid(child, &status, 0);
    signal(number, SIG_DFL);
    raise(number);
}

void crashpad_catch(int argc, char **argv, void (*first)(const siginfo_t *, const void *))
{
    static char stack[ALTERNATE_STACK];
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    if (argc > CRASHPAD_ARGUMENTS_MAX)
        abort();
    memcpy(arguments, argv, (size_t)argc * sizeof *argv);
    snprintf(where_to_look, sizeof where_to_look, "--trace-parent-with-exception=0x%llx",
             (unsigned long long)(uintptr_t)&crash);
    arguments[argc] = where_to_look;
    before_dump = first;
    sigaltstack(&alternate, NULL);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
}
