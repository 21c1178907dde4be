/*
 * linux/app.c -- the Linux program: one fault by name, at the end of a chain of callers, and
 * Crashpad's handler to see it.
 *
 *     app FAULT NOTES HANDLER ARGUMENT...
 *
 * NOTES becomes what the signal said, where the program was, its trail, and its modules. It is
 * written before the handler starts, and never from the dump.
 */
#include "crashpad.h"
#include "stage.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

volatile struct trail trail;
static volatile int work_done;
static int notes = -1;

/* --- notes -------------------------------------------------------------------------- */

static void note(const char *name, unsigned long long value)
{
    char line[64];
    int n = snprintf(line, sizeof line, "%s %llx\n", name, value);
    if (n > 0 && write(notes, line, (size_t)n) != n)
        _exit(3);
}

static void note_maps(void)
{
    char part[4096];
    int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    for (ssize_t n; (n = read(maps, part, sizeof part)) > 0;)
        if (write(notes, part, (size_t)n) != n)
            _exit(3);
    close(maps);
}

/* The word at the stack pointer, where there is one: the return address of a call that left
 * the code. Asked of the system, since the stack may be at its end. */
static void note_top(uintptr_t sp)
{
    uint64_t word;
    int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    if (pread(memory, &word, sizeof word, (off_t)sp) == (ssize_t)sizeof word)
        note("top", word);
    close(memory);
}

static void on_signal(const siginfo_t *info, const void *context)
{
    /* The flag that has alignment checked is still set: the handler is not as tidy. */
    __asm__ volatile("pushfq\n\tandl $~0x40000, (%%rsp)\n\tpopfq" : : : "cc", "memory");
    const ucontext_t *at = context;
    note("signal", (unsigned)info->si_signo);
    note("si_code", (unsigned)info->si_code);
    note("address", (uintptr_t)info->si_addr);
    note("ip", (unsigned long long)at->uc_mcontext.gregs[REG_RIP]);
    note("sp", (unsigned long long)at->uc_mcontext.gregs[REG_RSP]);
    note_top((uintptr_t)at->uc_mcontext.gregs[REG_RSP]);
    for (uint32_t i = 0; i < trail.n && i < TRAIL_MAX; i++) // innermost first
        note("trail", trail.pc[(trail.n - 1 - i) % TRAIL_MAX]);
    note_maps();
}

/* --- the chains of ../stage.c ------------------------------------------------------- */

#define LINK(name, next, cost)                                                                 \
    void name(fault_fn *fault);                                                                \
    NOINLINE void name(fault_fn *fault)                                                        \
    {                                                                                          \
        MARK();                                                                                \
        next;                                                                                  \
        work_done = work_done + (cost);                                                        \
    }

LINK(draw_shape, fault(), 1)
LINK(load_page, draw_shape(fault), 2)
LINK(render, load_page(fault), 3)

LINK(apply_change, fault(), 4)
LINK(decode_body, apply_change(fault), 5)
LINK(network, decode_body(fault), 6)

LINK(write_block, fault(), 7)
LINK(flush_cache, write_block(fault), 8)
LINK(storage, flush_cache(fault), 9)

static const struct fault {
    const char *name;
    fault_fn *commit;
    void (*route)(fault_fn *);
} faults[] = {
#define FAULT(name, route, thread, arch, code, access, address, frame0, insn, verdict, note)   \
    {#name, name, route},
#include "faults.def"
#undef FAULT
};

static const struct fault *find(const char *name)
{
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (strcmp(faults[i].name, name) == 0)
            return &faults[i];
    return NULL;
}

int main(int argc, char **argv)
{
    MARK();
    const struct fault *fault = argc > 3 ? find(argv[1]) : NULL;
    if (fault == NULL || argc - 3 > CRASHPAD_ARGUMENTS_MAX) {
        fprintf(stderr, "usage: app FAULT NOTES HANDLER ARGUMENT... (a row of faults.def)\n");
        return 2;
    }
    notes = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    crashpad_catch(argc - 3, argv + 3, on_signal);
    fault->route(fault->commit);
    fprintf(stderr, "%s: still alive\n", fault->name);
    return work_done;
}
