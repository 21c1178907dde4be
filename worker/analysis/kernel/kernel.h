/*
 * worker/analysis/kernel/kernel.h -- from the bytes of a Windows kernel dump to the same struct
 * fb_dump that a minidump fills: one thread, the one that stopped the kernel; the drivers are
 * its modules; and the exception is what the bugcheck says happened.
 *
 * A triage dump ("small memory dump") is read whole. Of full and bitmap dumps, which hold
 * physical pages, only the header is.
 */
#pragma once
#include "dump.h"

/** Whether a file begins as a kernel dump does: "PAGEDU64" or "PAGEDUMP". */
bool fb_kernel_is(struct fb_span file);

/**
 * Read a kernel dump.
 * @owner   everything in `out` lives in `arena` or views `file`, which must outlive it
 * @fails   MALFORMED: not a kernel dump; TRUNCATED: too short to hold a bugcheck; LIMIT: the
 * arena is full. `*out` is then unspecified.
 * @source  wdbgexts.h and what several readers of the format agree upon
 */
struct fb_err fb_kernel_read(struct fb_span file, struct fb_arena *arena,
                             struct fb_notes *notes, struct fb_dump *out);

/* --- the two fixed parts, as recorded ----------------------------------------------- */

enum fb_kernel_type {
    FB_KERNEL_FULL = 1,
    FB_KERNEL_SUMMARY = 2,
    FB_KERNEL_HEADER = 3,
    FB_KERNEL_TRIAGE = 4,
};

struct fb_kernel_header { // numbers that nobody filled in are 0
    bool wide;            // 64-bit
    uint32_t major;       // 15 free, 12 checked
    uint32_t build;
    uint64_t directory_table;
    fb_addr loaded_modules; // PsLoadedModuleList
    fb_addr debugger_data;
    uint32_t machine; // as in a PE header
    uint32_t processors;
    struct fb_bugcheck bugcheck;
    struct fb_span context;
    struct fb_exception exception;
    uint32_t type;   // enum fb_kernel_type, or one that we know by name only
    uint64_t time;   // FILETIME: 100 ns since 1601
    uint64_t uptime; // 100 ns
    struct fb_span comment;
};
/** @fails MALFORMED, TRUNCATED. A header that is cut behind the bugcheck is read as far. */
struct fb_err fb_kernel_header(struct fb_span file, struct fb_kernel_header *out);

struct fb_kernel_triage { // offsets count from the start of the file
    uint32_t service_pack, size, valid_at;
    uint32_t context_at, exception_at, mm_at, unloaded_at, prcb_at, process_at, thread_at;
    uint32_t stack_at, stack_size;
    uint32_t drivers_at, n_drivers;
    uint32_t strings_at, strings_size;
    uint32_t broken_driver_at, options;
    fb_addr stack_top; // address of the first byte of the stack
    fb_addr page;      // a page of data
    uint32_t page_at, page_size;
    uint32_t debugger_at, debugger_size;
    uint32_t blocks_at, n_blocks;
};
/** @fails TRUNCATED: the block is not all there. */
struct fb_err fb_kernel_triage(struct fb_span file, bool wide, struct fb_kernel_triage *out);

/** What a dump type is called: "triage" ...; NULL: a number without a name. Literal. */
const char *fb_kernel_type_name(uint32_t type);
