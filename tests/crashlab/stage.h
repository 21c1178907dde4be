/*
 * stage.h -- what a fault finds when it is called: a chain of callers that can be told
 * apart in a dump, and a trail on which each of them has left its return address. The trail
 * is how the laboratory knows the true stack without walking it; the debugger reads it from
 * the dying process.
 */
#pragma once
#include <stdint.h>

#define NOINLINE __attribute__((noinline))

enum { TRAIL_MAX = 64 };

/* The newest TRAIL_MAX return addresses, oldest first; `n` counts all that were ever left. */
struct trail {
    uint32_t n;
    uint32_t spare;
    uint64_t pc[TRAIL_MAX];
};
extern volatile struct trail trail;

/* The first statement of every function that shall appear in the truth. */
#define MARK_ON(t)                                                                             \
    ((t)->pc[(t)->n % TRAIL_MAX] = (uint64_t)(uintptr_t)__builtin_return_address(0),           \
     (t)->n = (t)->n + 1)
#define MARK() MARK_ON(&trail)

/* What plugin.dll offers: a function that returns, and one that does not. */
typedef int plugin_fn(volatile struct trail *t, int seed);

/* A fault, and the chains of callers that calls.c has for it. */
typedef void fault_fn(void);
void window(fault_fn *fault);
void import(fault_fn *fault);

/* Every fault of faults.def, one function each, in crashes.c or calls.c. */
#define FAULT(name, route, thread, arch, code, access, address, frame0, insn, verdict, note)   \
    void name(void);
#include "faults.def"
#undef FAULT
