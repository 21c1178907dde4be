/*
 * tests/support/kernelgen.h -- builds Windows kernel dumps, byte by byte, from the format's
 * description. Like dumpgen.h, it shares no code and no table with the reader.
 *
 * Fill a struct, or take a sample and change it, then make the file: header, triage block,
 * stack, drivers, names, unloaded drivers, process, blocks. Unused bytes hold "PAGE", as the
 * kernel leaves them.
 */
#pragma once
#include "support/dumpgen.h"

struct kernelgen_driver {
    const char *name;
    uint64_t base;
    uint32_t size, checksum, timestamp;
};
struct kernelgen {
    bool narrow;      // 32-bit
    uint32_t machine; // as in a PE header
    uint32_t build;
    uint32_t type; // 4 triage
    uint32_t code; // bugcheck
    uint64_t parameters[4];
    uint32_t exception; // code of the header's record
    uint64_t exception_at;
    struct fb_regs regs;   // the header's context
    uint64_t time, uptime; // 100 ns
    const char *comment;
    uint64_t stack_start;
    const uint8_t *stack;
    uint32_t n_stack;
    const struct kernelgen_driver *drivers, *unloaded;
    uint32_t n_drivers, n_unloaded;
    uint32_t stride;     // of the list of drivers; 0: 0x90, or 0x4C
    uint32_t gap;        // bytes between that list and the names
    const char *process; // its EPROCESS is 0x600 bytes long
    uint32_t pid, pid_at, process_name_at;
    const struct dumpgen_memory *blocks;
    uint32_t n_blocks;
};

/* Where the parts lie, for tests that damage them. */
struct kernelgen_places {
    uint32_t triage, stack, drivers, names, unloaded, process, blocks;
};

/** The file, exactly as long as it is, on the heap; `places` may be NULL. */
struct fb_span kernelgen_make(const struct kernelgen *g, struct kernelgen_places *places);
void kernelgen_free(struct fb_span file);
/** Overwrite bytes of a file that kernelgen_make made. */
void kernelgen_poke(struct fb_span file, size_t at, uint64_t v, size_t bytes);

enum kernelgen_sample {
    KERNELGEN_7E_X64,  // a record and a context on the stack
    KERNELGEN_D1_X64,  // a trap frame on the stack, which no parameter leads to
    KERNELGEN_8E_X86,  // a trap frame
    KERNELGEN_139_ARM, // a fast fail on ARM64, without a record
    KERNELGEN_E2_X64,  // somebody pressed the keys
    KERNELGEN_FULL,    // all of the memory, which is not read
    KERNELGEN_SAMPLES
};
/** What each sample is made of, `stack` included: one at a time. */
struct kernelgen kernelgen_sample(enum kernelgen_sample which);
enum { KERNELGEN_STACK = 0xA00, KERNELGEN_CONTEXT = 0x100, KERNELGEN_RECORD = 0x700 };
/** The addresses of the samples. */
#define KERNELGEN_NT     UINT64_C(0xFFFFF80310000000)
#define KERNELGEN_DRIVER UINT64_C(0xFFFFF80320000000)
#define KERNELGEN_SP     UINT64_C(0xFFFFF80000010000)
