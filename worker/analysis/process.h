/*
 * worker/analysis/process.h -- what a dump says of the process and its machine beside what a
 * walk needs: times, rights, handles, memory counters, what the system's own tools would show.
 *
 * It is for people, and for verdicts such as "out of memory"; nothing here names a person: of
 * an account its kind is kept, of the environment the names, of the command line the options.
 * All pointers lead into the arena of the report; NULL is absent.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- Windows ------------------------------------------------------------------------ */

enum { // flags of a thread, as its writer found it
    FB_THREAD_ERROR = 1,
    FB_THREAD_WROTE_DUMP = 2,
    FB_THREAD_EXITED = 4,
    FB_THREAD_INVALID_INFO = 8,
    FB_THREAD_INVALID_CONTEXT = 0x10,
    FB_THREAD_INVALID_TEB = 0x20,
};
struct fb_thread_info { // MINIDUMP_THREAD_INFO; times in 100 ns, the first two since 1601
    bool present;
    uint32_t flags, error, exit_status;
    uint64_t created, exited, kernel_time, user_time;
    uint64_t start; // address where the thread began
    uint64_t affinity;
};

enum { // which fields of fb_misc are valid
    FB_MISC_PID = 1,
    FB_MISC_TIMES = 2,
    FB_MISC_POWER = 4,
    FB_MISC_INTEGRITY = 0x10,
    FB_MISC_EXECUTE_FLAGS = 0x20,
    FB_MISC_TIME_ZONE = 0x40,
    FB_MISC_PROTECTED = 0x80,
    FB_MISC_BUILD = 0x100,
    FB_MISC_COOKIE = 0x200,
};
struct fb_misc {
    uint32_t flags;
    uint32_t user_seconds, kernel_seconds;
    uint32_t mhz_max, mhz_now, mhz_limit;
    uint32_t integrity; // RID of the label: 0x2000 is medium
    uint32_t execute_flags, protected_process;
    uint32_t time_zone_id;   // 1 standard, 2 daylight time
    int32_t bias;            // minutes west of UTC
    const char *time_zone;   // of the standard time
    const char *build;       // of the system
    const char *debug_build; // of the writer
    uint32_t cookie;
};

struct fb_handle {
    uint64_t handle;
    const char *type, *name; // NULL: none
    uint32_t attributes, access, handles, pointers;
    uint32_t owner_pid, owner_tid; // of a mutant, process or thread; 0: not told
};
struct fb_handle_operation { // Application Verifier's log
    uint64_t handle;
    uint32_t pid, tid;
    uint32_t operation;         // 1 opened, 2 closed, 3 bad reference
    const uint64_t *back_trace; // return addresses, innermost first
    size_t depth;
};
struct fb_token {
    uint32_t id; // of the process or thread
    uint64_t handle;
    const char *user;   // SID without what tells one machine or domain from another
    uint32_t integrity; // RID of the label; UINT32_MAX: not told
    bool administrator; // the administrators' group is enabled
    uint32_t n_groups, n_privileges;
    bool impersonation; // else a primary token
};
struct fb_vm_counters { // bytes
    bool present;
    bool has_ex, has_job;
    uint32_t page_faults;
    uint64_t peak_working_set, working_set, pagefile, peak_pagefile;
    uint64_t peak_virtual, virtual_size, private_usage, private_working_set, shared_commit;
    uint64_t job_private_limit, job_total_limit, job_private_commit;
};
struct fb_system_memory {
    bool present;
    uint32_t page_size; // bytes; the rest counts pages
    uint64_t physical, available, committed, commit_limit, commit_peak;
};

/* --- Linux and Android -------------------------------------------------------------- */

struct fb_auxv { // what the kernel told the program when it began
    uint64_t tag, value;
};
struct fb_limit { // as in /proc/PID/limits: "unlimited" or a number
    const char *name, *soft, *hard, *unit;
};
struct fb_linked { // an entry of the loader's list
    uint64_t address, dynamic;
    const char *name;
};
struct fb_proc_status { // lines of /proc/PID/status; 0 and "": not told
    char state[32];     // "t (tracing stop)"
    uint32_t pid, parent, tracer, threads, seccomp;
    uint64_t vm_peak, vm_size, vm_rss_peak, vm_rss, vm_swap; // bytes
};
struct fb_linux {
    bool has_microcode;
    uint64_t microcode;
    const char *const *arguments; // values of options, and what is no option, are "*"
    size_t n_arguments;
    const struct fb_auxv *auxv;
    size_t n_auxv;
    const struct fb_limit *limits;
    size_t n_limits;
    bool has_loader;
    uint64_t loader_base, loader_break, loader_dynamic;
    const struct fb_linked *linked;
    size_t n_linked;
};

/* --- macOS and iOS ------------------------------------------------------------------ */

struct fb_mac_record { // what one image left in its __crash_info; NULL and 0: nothing
    bool has_thread, has_abort_cause; // since versions 4 and 5
    uint64_t thread, dialog_mode, abort_cause;
    const char *module, *message, *signature, *backtrace, *message2;
};
