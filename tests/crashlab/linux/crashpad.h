/*
 * crashpad.h -- what a program does to have Crashpad's handler beside it when it crashes.
 */
#pragma once
#include <signal.h>

enum { CRASHPAD_ARGUMENTS_MAX = 32 };

/**
 * From now on a fatal signal starts the handler: argv[0] is its program, the others go to it,
 * and one more that says where the crash is described. It takes a dump of this process;
 * afterwards the signal takes its usual course. `first`, unless NULL, is called before that, in
 * the signal handler, on an alternate stack.
 * @owner  the strings stay the caller's, and must live as long as the process
 */
void crashpad_catch(int argc, char **argv,
                    void (*first)(const siginfo_t *, const void *context));
