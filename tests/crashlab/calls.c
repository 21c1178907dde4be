/*
 * calls.c -- callers as a walker of stacks would rather not meet them: functions that take
 * their arguments off the stack, frames of a size known only when they run, frames larger
 * than a page, and system DLLs that call back. For builds with LAB_CALLS.
 */
#include "stage.h"
#include <stdlib.h>
#include <windows.h>

static volatile uintptr_t zero;
static volatile int work_done;

/* The registers that a function must hand back as it found them. */
#ifdef _WIN64
#define SAVED "rbx", "rsi", "rdi", "r12", "r13"
#else
#define SAVED "ebx", "esi", "edi"
#endif

/* --- window: each of the calling conventions, as in programs with windows ----------- */

LONG_PTR __stdcall window_proc(fault_fn *fault, UINT message, WPARAM w, LPARAM l);
NOINLINE LONG_PTR __stdcall window_proc(fault_fn *fault, UINT message, WPARAM w, LPARAM l)
{
    MARK();
    fault();
    return (LONG_PTR)(message + w) + l;
}

int __fastcall dispatch(fault_fn *fault, int message, int times, int flags);
NOINLINE int __fastcall dispatch(fault_fn *fault, int message, int times, int flags)
{
    MARK();
    LONG_PTR got = window_proc(fault, (UINT)message, (WPARAM)times, flags);
    __asm__ volatile("" : : : SAVED);
    return (int)got + times;
}

NOINLINE void window(fault_fn *fault)
{
    MARK();
    work_done = work_done + dispatch(fault, 15, 3, work_done);
}

/* --- import: a frame made while it runs, and one larger than a page ----------------- */

int parse_line(fault_fn *fault, size_t length, int line, int column, int first, int last);
NOINLINE int parse_line(fault_fn *fault, size_t length, int line, int column, int first,
                        int last)
{
    MARK();
    volatile char *copy = __builtin_alloca(length);
    copy[0] = (char)line;
    fault();
    return copy[0] + column + first + last;
}

int read_file(fault_fn *fault, const volatile int *at);
NOINLINE int read_file(fault_fn *fault, const volatile int *at)
{
    MARK();
    volatile char buffer[6000];
    buffer[*at] = 1;
    int length = parse_line(fault, 300 + (size_t)*at, at[0], buffer[*at], 1, 2);
    __asm__ volatile("" : : : SAVED);
    return length + buffer[*at];
}

NOINLINE void import(fault_fn *fault)
{
    MARK();
    work_done = work_done + read_file(fault, &work_done);
}

/* --- faults at the end of these routes ---------------------------------------------- */

NOINLINE void stdcall_null_write(void)
{
    MARK();
    *(volatile int *)zero = 7;
}

NOINLINE void alloca_null_read(void)
{
    MARK();
    work_done = *(volatile int *)zero;
}

/* Called twice: by its route, when it has itself called back, and then again. */
static volatile int called_back;

static int __cdecl compare(const void *a, const void *b)
{
    MARK();
    callback_null_read();
    return *(const int *)a - *(const int *)b;
}

NOINLINE void callback_null_read(void)
{
    MARK();
    int values[] = {2, 1};
    if (called_back++ == 0)
        qsort(values, 2, sizeof values[0], compare);
    else
        work_done = *(volatile int *)zero;
    work_done = work_done + values[0];
}

static LONG CALLBACK on_exception(EXCEPTION_POINTERS *at)
{
    MARK();
    handler_null_read();
    return at->ExceptionRecord->ExceptionCode != 0 ? EXCEPTION_CONTINUE_SEARCH : 0;
}

NOINLINE void handler_null_read(void)
{
    MARK();
    if (called_back++ == 0) {
        AddVectoredExceptionHandler(1, on_exception);
        RaiseException(0xe0000001, 0, 0, NULL);
    } else {
        work_done = *(volatile int *)zero;
    }
    work_done = work_done + 1;
}
