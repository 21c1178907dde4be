/*
 * snapshot.h -- a stopped process as a dump needs it: threads, modules, and ranges of
 * memory worth keeping. The `rva` fields are the writer's, who notes there where in the
 * file a thing landed.
 */
#pragma once
#include "writer.h"

enum { THREADS_MAX = 32, MODULES_MAX = 128, RANGES_MAX = 256 };

/* What differs between the processors. */
#ifdef _WIN64
#define IP(c) ((c)->Rip)
#define SP(c) ((c)->Rsp)
#else
#define IP(c) ((c)->Eip)
#define SP(c) ((c)->Esp)
#endif

struct range {
    uint64_t start, size;
    uint32_t rva;
};
struct thread {
    DWORD id, suspended;
    uint64_t teb, stack_top;
    CONTEXT context;
    WCHAR name[64];
    uint32_t context_rva, name_rva;
};
struct module {
    uint64_t base;
    uint32_t size, checksum, stamp, path_rva, record_rva, record_size;
    WCHAR path[LAB_PATH_MAX];
    VS_FIXEDFILEINFO version;
};

struct snapshot {
    const struct lab_process *of;
    struct thread threads[THREADS_MAX];
    uint32_t n_threads;
    struct module modules[MODULES_MAX];
    uint32_t n_modules;
    struct range ranges[RANGES_MAX];
    uint32_t n_ranges;
};

/** Fill `*s`; what cannot be read is left out. `process` must outlive it. */
void lab_snapshot(const struct lab_process *process, struct snapshot *s);

/** The range that holds `address`, or NULL. */
const struct range *lab_range_of(const struct snapshot *s, uint64_t address);

/** Copy `n` bytes of the process; false unless all of them can be read. */
bool lab_peek(HANDLE process, uint64_t at, void *into, size_t n);

/** The PE headers of the image at `base`, and where they lie; 0 when it is none. */
uint64_t lab_headers(HANDLE process, uint64_t base, IMAGE_NT_HEADERS *nt);
