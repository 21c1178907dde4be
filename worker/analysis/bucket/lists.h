/*
 * worker/analysis/bucket/lists.h -- what we know of function and module names before we have
 * seen a crash: which frames never say anything, and which say too little to stop at.
 *
 * Tables, each row with its reason. Rows are looked up by bisection where the name is exact,
 * and by a scan of the few patterns that share its first letter elsewhere.
 */
#pragma once
#include "analysis.h"

/* Why a function is skipped or passed over; the words stand in the report. */
#define FB_ROLES(X)                                                                            \
    X(NONE, "")                                                                                \
    X(DISPATCH, "exception dispatch")                                                          \
    X(GUARD, "stack guard or fast fail")                                                       \
    X(HEAP_CHECK, "heap check")                                                                \
    X(ABORT, "abort or assertion")                                                             \
    X(WAIT, "wait")                                                                            \
    X(REPORTER, "crash reporting")                                                             \
    X(LANGUAGE, "language runtime")                                                            \
    X(PRIMITIVE, "memory or string primitive")                                                 \
    X(ALLOCATOR, "allocator")                                                                  \
    X(CONTAINER, "container or reference count")                                               \
    X(LOCK, "synchronisation")                                                                 \
    X(MESSAGES, "message plumbing")                                                            \
    X(SYSCALL, "system call")                                                                  \
    X(START, "start of a thread")
#define X(role, words) FB_ROLE_##role,
enum fb_role { FB_ROLES(X) FB_ROLE_COUNT };
#undef X
const char *fb_role_name(enum fb_role role);

/* How a pattern is meant. */
enum fb_match { FB_MATCH_EXACT, FB_MATCH_PREFIX, FB_MATCH_GLOB };

struct fb_list_row {
    const char *pattern;
    enum fb_match match;
    enum fb_frame_class class; // what the walk does: IRRELEVANT skips, PREFIX goes on
    bool sentinel;             // the signature starts here
    enum fb_role role;
};

/** The row for a normalised function name; NULL: the function is relevant. */
const struct fb_list_row *fb_list_find(const char *normal);
/** The rows themselves, for tests: the exact ones in order of bytes, then the patterns. */
const struct fb_list_row *fb_list_exact(size_t *n);
const struct fb_list_row *fb_list_patterns(size_t *n);

/** Whether `name` matches `pattern`, in which `*` is any text and `?` any character.
 * Time is at most the product of both lengths. */
bool fb_glob(const char *pattern, const char *name, bool ignore_case);
/** Whether any of the `n` patterns does, without regard to case. */
bool fb_glob_any(const char *const *patterns, size_t n, const char *name);

/** Whether a module belongs to the operating system or to a compiler's runtime. */
bool fb_is_system_module(const struct fb_module *module, enum fb_os os);
/** The patterns on its name, for tests: by first letter, a lower-case one. */
const char *const *fb_system_names(enum fb_os os, size_t *n);
/** Whether a module is a Windows kernel itself: it, its hardware layer, its debugger's link. */
bool fb_is_kernel_module(const struct fb_module *module);
/** Whether a name (without symbols) is that of a shared library: "*.dll", "*.so*" ...
 * NULL is none's. */
bool fb_is_library_name(const char *name);
