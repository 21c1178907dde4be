/*
 * tests/system/crashpad_client.c -- a program that crashes, with Crashpad's own handler beside
 * it.
 *
 *     crashpad_client WAY HANDLER ARGUMENT...        WAY: write, abort, exec
 *
 * On a fatal signal it tells the handler where its registers lie, lets itself be traced, and
 * starts the handler with the arguments given and one of its own; the handler takes a dump of
 * its parent, stores it and sends it. Afterwards the signal takes its usual course. Everything
 * between the crash and the exec is what a signal handler may do.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 32, FIELD_OFFSET = 0x18, ALTERNATE_STACK = 64 * 1024 };

/* What Crashpad calls ExceptionInformation: where the handler finds the crash in our memory. */
struct __attribute__((packed)) crash {
    uint64_t siginfo;
    uint64_t context;
    int32_t thread;
};

static struct crash crash;
static char *arguments[ARGUMENTS_MAX + 2];
static char where_to_look[64]; // the last argument, made before anything crashes

static void on_crash(int number, siginfo_t *info, void *context)
{
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

static void catch_crashes(void)
{
    static char stack[ALTERNATE_STACK];
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP};
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaltstack(&alternate, NULL);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
}

/* Three functions deep, so that there is a stack to walk. */
__attribute__((noinline)) static void crash_by_write(volatile char *object)
{
    object[FIELD_OFFSET] = 1;
}

__attribute__((noinline)) static void crash_by_exec(uintptr_t to)
{
    void (*call)(void);
    memcpy(&call, &to, sizeof call);
    call();
}

__attribute__((noinline)) static void crash_now(const char *way)
{
    static const uintptr_t not_canonical = 0x4141414141414141;
    if (strcmp(way, "write") == 0)
        crash_by_write(NULL);
    if (strcmp(way, "exec") == 0)
        crash_by_exec(not_canonical);
    abort();
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc - 2 > ARGUMENTS_MAX) {
        fprintf(stderr, "usage: crashpad_client write|abort|exec HANDLER ARGUMENT...\n");
        return 2;
    }
    memcpy(arguments, argv + 2, (size_t)(argc - 2) * sizeof *argv);
    snprintf(where_to_look, sizeof where_to_look, "--trace-parent-with-exception=0x%llx",
             (unsigned long long)(uintptr_t)&crash);
    arguments[argc - 2] = where_to_look;
    catch_crashes();
    crash_now(argv[1]);
    return 0;
}
