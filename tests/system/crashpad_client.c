/*
 * tests/system/crashpad_client.c -- a program that crashes, with Crashpad's own handler beside
 * it (../crashlab/linux/crashpad.c).
 *
 *     crashpad_client WAY HANDLER ARGUMENT...        WAY: write, abort, exec
 */
#include "crashpad.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELD_OFFSET = 0x18 };

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
    if (argc < 3 || argc - 2 > CRASHPAD_ARGUMENTS_MAX) {
        fprintf(stderr, "usage: crashpad_client write|abort|exec HANDLER ARGUMENT...\n");
        return 2;
    }
    crashpad_catch(argc - 2, argv + 2, NULL);
    crash_now(argv[1]);
    return 0;
}
