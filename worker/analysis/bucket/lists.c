/*
 * worker/analysis/bucket/lists.c -- the lists of functions that say nothing, or too little,
 * about a crash.
 *
 * IRRELEVANT functions are skipped; PREFIX ones go into the signature, and the walk goes on to
 * their caller. At a SENTINEL the signature starts, whatever lies above it. Names are those of
 * normalise.c, so compiler variants (_avx_unaligned, .cold, @@GLIBC) need no rows of their own.
 */
#include "bucket/lists.h"

#include "base/text.h"

#define EXACT(name, what, why)                                                                 \
    {                                                                                          \
        name, FB_MATCH_EXACT, FB_FRAME_##what, false, FB_ROLE_##why                            \
    }
#define SENTINEL(name, what, why)                                                              \
    {                                                                                          \
        name, FB_MATCH_EXACT, FB_FRAME_##what, true, FB_ROLE_##why                             \
    }

/* In order of bytes: found by bisection. */
// clang-format off
static const struct fb_list_row exact[] = {
    EXACT("AcquireSRWLockExclusive", PREFIX, LOCK),
    EXACT("BaseThreadInitThunk", IRRELEVANT, START),
    EXACT("CFRelease", PREFIX, CONTAINER),
    EXACT("CFRetain", PREFIX, CONTAINER),
    EXACT("CoTaskMemAlloc", PREFIX, ALLOCATOR),
    EXACT("CoTaskMemFree", PREFIX, ALLOCATOR),
    EXACT("CrashpadHandleCrash", IRRELEVANT, REPORTER),
    EXACT("EnterCriticalSection", PREFIX, LOCK),
    EXACT("GlobalAlloc", PREFIX, ALLOCATOR),
    EXACT("GlobalFree", PREFIX, ALLOCATOR),
    EXACT("HeapAlloc", PREFIX, ALLOCATOR),
    EXACT("HeapFree", PREFIX, ALLOCATOR),
    EXACT("HeapReAlloc", PREFIX, ALLOCATOR),
    EXACT("HeapSize", PREFIX, ALLOCATOR),
    EXACT("KeBugCheck", IRRELEVANT, DISPATCH),
    EXACT("KeBugCheck2", IRRELEVANT, DISPATCH),
    EXACT("KeBugCheckEx", IRRELEVANT, DISPATCH),
    EXACT("KiBugCheck3", IRRELEVANT, DISPATCH),
    EXACT("KiBugCheckDebugBreak", IRRELEVANT, DISPATCH),
    EXACT("KiBugCheckDispatch", IRRELEVANT, DISPATCH),
    EXACT("KiDispatchException", IRRELEVANT, DISPATCH),
    EXACT("KiDivideErrorFault", IRRELEVANT, DISPATCH),
    EXACT("KiDoubleFaultAbort", IRRELEVANT, DISPATCH),
    EXACT("KiExceptionDispatch", IRRELEVANT, DISPATCH),
    EXACT("KiFastFailDispatch", IRRELEVANT, GUARD),
    EXACT("KiFastSystemCall", PREFIX, SYSCALL),
    EXACT("KiFastSystemCallRet", PREFIX, SYSCALL),
    EXACT("KiGeneralProtectionFault", IRRELEVANT, DISPATCH),
    EXACT("KiGeneralProtectionFaultShadow", IRRELEVANT, DISPATCH),
    EXACT("KiInvalidOpcodeFault", IRRELEVANT, DISPATCH),
    EXACT("KiPageFault", IRRELEVANT, DISPATCH),
    EXACT("KiPageFaultShadow", IRRELEVANT, DISPATCH),
    EXACT("KiPreprocessFault", IRRELEVANT, DISPATCH),
    EXACT("KiRaiseSecurityCheckFailure", IRRELEVANT, GUARD),
    EXACT("KiRaiseSecurityCheckFailureShadow", IRRELEVANT, GUARD),
    EXACT("KiRaiseUserExceptionDispatcher", IRRELEVANT, DISPATCH),
    EXACT("KiStartSystemThread", IRRELEVANT, START),
    EXACT("KiSystemServiceCopyEnd", IRRELEVANT, SYSCALL),
    EXACT("KiSystemServiceHandler", IRRELEVANT, SYSCALL),
    EXACT("KiUserApcDispatch", IRRELEVANT, DISPATCH),
    EXACT("KiUserApcDispatcher", IRRELEVANT, DISPATCH),
    EXACT("KiUserCallbackDispatch", IRRELEVANT, DISPATCH),
    EXACT("KiUserCallbackDispatcher", IRRELEVANT, DISPATCH),
    EXACT("KiUserExceptionDispatch", IRRELEVANT, DISPATCH),
    EXACT("KiUserExceptionDispatcher", IRRELEVANT, DISPATCH),
    EXACT("KxStartSystemThread", IRRELEVANT, START),
    EXACT("LeaveCriticalSection", PREFIX, LOCK),
    EXACT("LocalAlloc", PREFIX, ALLOCATOR),
    EXACT("LocalFree", PREFIX, ALLOCATOR),
    EXACT("MiSystemFault", IRRELEVANT, DISPATCH),
    EXACT("MiniDumpWriteDump", IRRELEVANT, REPORTER),
    EXACT("MmAccessFault", IRRELEVANT, DISPATCH),
    EXACT("NtDelayExecution", IRRELEVANT, WAIT),
    EXACT("NtWaitForAlertByThreadId", IRRELEVANT, WAIT),
    EXACT("PspSystemThreadStartup", IRRELEVANT, START),
    EXACT("PspUnhandledExceptionInSystemThread", IRRELEVANT, DISPATCH),
    EXACT("RaiseException", IRRELEVANT, DISPATCH),
    EXACT("ReleaseSRWLockExclusive", PREFIX, LOCK),
    EXACT("RtlAcquireSRWLockExclusive", PREFIX, LOCK),
    EXACT("RtlAcquireSRWLockShared", PREFIX, LOCK),
    EXACT("RtlDispatchException", IRRELEVANT, DISPATCH),
    EXACT("RtlEnterCriticalSection", PREFIX, LOCK),
    EXACT("RtlFailFast2", IRRELEVANT, GUARD),
    EXACT("RtlFreeHeap", PREFIX, ALLOCATOR),
    EXACT("RtlLeaveCriticalSection", PREFIX, LOCK),
    EXACT("RtlRaiseException", IRRELEVANT, DISPATCH),
    EXACT("RtlRaiseStatus", IRRELEVANT, DISPATCH),
    EXACT("RtlReAllocateHeap", PREFIX, ALLOCATOR),
    EXACT("RtlReleaseSRWLockExclusive", PREFIX, LOCK),
    EXACT("RtlReleaseSRWLockShared", PREFIX, LOCK),
    EXACT("RtlReportCriticalFailure", IRRELEVANT, HEAP_CHECK),
    EXACT("RtlReportException", IRRELEVANT, REPORTER),
    EXACT("RtlSizeHeap", PREFIX, ALLOCATOR),
    EXACT("RtlSleepConditionVariableSRW", IRRELEVANT, WAIT),
    EXACT("RtlUserThreadStart", IRRELEVANT, START),
    EXACT("RtlpAnalyzeHeapFailure", IRRELEVANT, HEAP_CHECK),
    EXACT("RtlpCoalesceFreeBlocks", PREFIX, ALLOCATOR),
    EXACT("RtlpEnterCriticalSectionContended", PREFIX, LOCK),
    EXACT("RtlpExecuteHandlerForException", IRRELEVANT, DISPATCH),
    EXACT("RtlpFreeHeap", PREFIX, ALLOCATOR),
    EXACT("RtlpFreeHeapInternal", PREFIX, ALLOCATOR),
    EXACT("RtlpHandleInvalidUserCallTarget", IRRELEVANT, GUARD),
    EXACT("RtlpLogHeapFailure", IRRELEVANT, HEAP_CHECK),
    EXACT("RtlpLowFragHeapFree", PREFIX, ALLOCATOR),
    EXACT("SysAllocString", PREFIX, ALLOCATOR),
    EXACT("SysFreeString", PREFIX, ALLOCATOR),
    EXACT("UnhandledExceptionFilter", IRRELEVANT, DISPATCH),
    EXACT("UserCallWinProcCheckWow", PREFIX, MESSAGES),
    EXACT("VirtualAlloc", PREFIX, ALLOCATOR),
    EXACT("VirtualFree", PREFIX, ALLOCATOR),
    EXACT("WerReportFault", IRRELEVANT, REPORTER),
    EXACT("WerpReportFault", IRRELEVANT, REPORTER),
    EXACT("_C_specific_handler", IRRELEVANT, DISPATCH),
    EXACT("_CxxThrowException", IRRELEVANT, DISPATCH),
    EXACT("_Unwind_Resume", IRRELEVANT, LANGUAGE),
    EXACT("__CxxFrameHandler3", IRRELEVANT, DISPATCH),
    EXACT("__CxxFrameHandler4", IRRELEVANT, DISPATCH),
    EXACT("__abort", IRRELEVANT, ABORT),
    SENTINEL("__assert_fail", PREFIX, ABORT),
    SENTINEL("__assert_fail_base", PREFIX, ABORT),
    SENTINEL("__assert_rtn", PREFIX, ABORT),
    EXACT("__chk_fail", IRRELEVANT, GUARD),
    EXACT("__clone3", IRRELEVANT, START),
    SENTINEL("__cxa_pure_virtual", PREFIX, ABORT),
    EXACT("__cxa_rethrow", IRRELEVANT, LANGUAGE),
    EXACT("__cxa_throw", IRRELEVANT, LANGUAGE),
    EXACT("__fastfail", IRRELEVANT, GUARD),
    EXACT("__fortify_fail", IRRELEVANT, GUARD),
    EXACT("__kernel_rt_sigreturn", IRRELEVANT, DISPATCH),
    EXACT("__kill", PREFIX, SYSCALL),
    EXACT("__libc_calloc", PREFIX, ALLOCATOR),
    EXACT("__libc_free", PREFIX, ALLOCATOR),
    EXACT("__libc_malloc", PREFIX, ALLOCATOR),
    EXACT("__libc_message", IRRELEVANT, HEAP_CHECK),
    EXACT("__libc_realloc", PREFIX, ALLOCATOR),
    EXACT("__psynch_cvwait", IRRELEVANT, WAIT),
    EXACT("__pthread_kill", IRRELEVANT, ABORT),
    EXACT("__pthread_kill_implementation", IRRELEVANT, ABORT),
    EXACT("__pthread_kill_internal", IRRELEVANT, ABORT),
    EXACT("__pthread_mutex_lock", PREFIX, LOCK),
    EXACT("__report_gsfailure", IRRELEVANT, GUARD),
    EXACT("__report_rangecheckfailure", IRRELEVANT, GUARD),
    EXACT("__report_securityfailure", IRRELEVANT, GUARD),
    EXACT("__restore_rt", IRRELEVANT, DISPATCH),
    EXACT("__restore_rt_sa", IRRELEVANT, DISPATCH),
    EXACT("__rust_begin_short_backtrace", IRRELEVANT, LANGUAGE),
    EXACT("__rust_start_panic", IRRELEVANT, LANGUAGE),
    EXACT("__security_check_cookie", IRRELEVANT, GUARD),
    EXACT("__stack_chk_fail", IRRELEVANT, GUARD),
    EXACT("_calloc_base", PREFIX, ALLOCATOR),
    EXACT("_free_base", PREFIX, ALLOCATOR),
    EXACT("_free_dbg", PREFIX, ALLOCATOR),
    EXACT("_guard_dispatch_icall_nop", IRRELEVANT, GUARD),
    EXACT("_int_free", PREFIX, ALLOCATOR),
    EXACT("_int_malloc", PREFIX, ALLOCATOR),
    EXACT("_int_realloc", PREFIX, ALLOCATOR),
    SENTINEL("_invoke_watson", PREFIX, ABORT),
    EXACT("_malloc_base", PREFIX, ALLOCATOR),
    EXACT("_malloc_dbg", PREFIX, ALLOCATOR),
    EXACT("_objc_msgSend_uncached", IRRELEVANT, LANGUAGE),
    EXACT("_pthread_start", IRRELEVANT, START),
    SENTINEL("_purecall", PREFIX, ABORT),
    EXACT("_realloc_base", PREFIX, ALLOCATOR),
    SENTINEL("_sigtramp", IRRELEVANT, DISPATCH),
    EXACT("_stricmp", PREFIX, PRIMITIVE),
    SENTINEL("_wassert", PREFIX, ABORT),
    EXACT("_wcsicmp", PREFIX, PRIMITIVE),
    EXACT("abort", IRRELEVANT, ABORT),
    EXACT("abort_message", IRRELEVANT, HEAP_CHECK),
    EXACT("aligned_alloc", PREFIX, ALLOCATOR),
    SENTINEL("alloc::alloc::handle_alloc_error", PREFIX, ALLOCATOR),
    EXACT("arena_dalloc", PREFIX, ALLOCATOR),
    EXACT("arena_malloc", PREFIX, ALLOCATOR),
    EXACT("arena_run_alloc", PREFIX, ALLOCATOR),
    EXACT("arena_t::Malloc", PREFIX, ALLOCATOR),
    EXACT("bcopy", PREFIX, PRIMITIVE),
    EXACT("bzero", PREFIX, PRIMITIVE),
    EXACT("calloc", PREFIX, ALLOCATOR),
    EXACT("cfree", PREFIX, ALLOCATOR),
    EXACT("clone3", IRRELEVANT, START),
    EXACT("core::ptr::drop_in_place", PREFIX, CONTAINER),
    EXACT("core::ptr::drop_in_place<T>", PREFIX, CONTAINER),
    EXACT("free", PREFIX, ALLOCATOR),
    EXACT("gsignal", IRRELEVANT, ABORT),
    SENTINEL("handle_alloc_error", PREFIX, ALLOCATOR),
    EXACT("kill", PREFIX, SYSCALL),
    EXACT("mach_msg", IRRELEVANT, WAIT),
    EXACT("mach_msg2_trap", IRRELEVANT, WAIT),
    EXACT("mach_msg_trap", IRRELEVANT, WAIT),
    EXACT("malloc", PREFIX, ALLOCATOR),
    EXACT("malloc_consolidate", PREFIX, ALLOCATOR),
    EXACT("malloc_error_break", IRRELEVANT, HEAP_CHECK),
    EXACT("malloc_printerr", IRRELEVANT, HEAP_CHECK),
    EXACT("malloc_vreport", IRRELEVANT, HEAP_CHECK),
    EXACT("memalign", PREFIX, ALLOCATOR),
    EXACT("memccpy", PREFIX, PRIMITIVE),
    EXACT("memchr", PREFIX, PRIMITIVE),
    EXACT("memcmp", PREFIX, PRIMITIVE),
    EXACT("memcpy", PREFIX, PRIMITIVE),
    EXACT("memmove", PREFIX, PRIMITIVE),
    EXACT("memset", PREFIX, PRIMITIVE),
    EXACT("objc_autorelease", PREFIX, CONTAINER),
    EXACT("objc_exception_throw", IRRELEVANT, LANGUAGE),
    EXACT("objc_msgSend", PREFIX, CONTAINER),
    EXACT("objc_release", PREFIX, CONTAINER),
    EXACT("objc_retain", PREFIX, CONTAINER),
    EXACT("operator delete", PREFIX, ALLOCATOR),
    EXACT("operator delete[]", PREFIX, ALLOCATOR),
    EXACT("operator new", PREFIX, ALLOCATOR),
    EXACT("operator new[]", PREFIX, ALLOCATOR),
    EXACT("os_unfair_lock_lock", PREFIX, LOCK),
    EXACT("posix_memalign", PREFIX, ALLOCATOR),
    EXACT("pthread_cond_wait", IRRELEVANT, WAIT),
    EXACT("pthread_kill", IRRELEVANT, ABORT),
    EXACT("pthread_mutex_lock", PREFIX, LOCK),
    EXACT("pthread_mutex_unlock", PREFIX, LOCK),
    EXACT("raise", IRRELEVANT, ABORT),
    EXACT("realloc", PREFIX, ALLOCATOR),
    EXACT("rust_begin_unwind", IRRELEVANT, LANGUAGE),
    SENTINEL("rust_oom", PREFIX, ALLOCATOR),
    SENTINEL("rust_panic", IRRELEVANT, LANGUAGE),
    SENTINEL("rust_panic_with_hook", IRRELEVANT, LANGUAGE),
    EXACT("start_thread", IRRELEVANT, START),
    SENTINEL("std::_Mutex_base::lock", PREFIX, LOCK),
    EXACT("std::__terminate", IRRELEVANT, ABORT),
    SENTINEL("std::mutex::lock", PREFIX, LOCK),
    EXACT("std::terminate", IRRELEVANT, ABORT),
    EXACT("strcasecmp", PREFIX, PRIMITIVE),
    EXACT("strcat", PREFIX, PRIMITIVE),
    EXACT("strchr", PREFIX, PRIMITIVE),
    EXACT("strcmp", PREFIX, PRIMITIVE),
    EXACT("strcpy", PREFIX, PRIMITIVE),
    EXACT("strdup", PREFIX, PRIMITIVE),
    EXACT("stricmp", PREFIX, PRIMITIVE),
    EXACT("strlen", PREFIX, PRIMITIVE),
    EXACT("strncasecmp", PREFIX, PRIMITIVE),
    EXACT("strncat", PREFIX, PRIMITIVE),
    EXACT("strncmp", PREFIX, PRIMITIVE),
    EXACT("strncpy", PREFIX, PRIMITIVE),
    EXACT("strnlen", PREFIX, PRIMITIVE),
    EXACT("strrchr", PREFIX, PRIMITIVE),
    EXACT("strstr", PREFIX, PRIMITIVE),
    EXACT("swift_release", PREFIX, CONTAINER),
    EXACT("swift_retain", PREFIX, CONTAINER),
    EXACT("syscall", PREFIX, SYSCALL),
    EXACT("szone_error", IRRELEVANT, HEAP_CHECK),
    EXACT("tgkill", IRRELEVANT, ABORT),
    EXACT("thread_start", IRRELEVANT, START),
    EXACT("tiny_free_list_add_ptr", PREFIX, ALLOCATOR),
    EXACT("tiny_malloc_from_free_list", PREFIX, ALLOCATOR),
    EXACT("wcscat", PREFIX, PRIMITIVE),
    EXACT("wcschr", PREFIX, PRIMITIVE),
    EXACT("wcscmp", PREFIX, PRIMITIVE),
    EXACT("wcscpy", PREFIX, PRIMITIVE),
    EXACT("wcslen", PREFIX, PRIMITIVE),
    EXACT("wcsncmp", PREFIX, PRIMITIVE),
    EXACT("wcsncpy", PREFIX, PRIMITIVE),
    EXACT("wcsnlen", PREFIX, PRIMITIVE),
    EXACT("wcsrchr", PREFIX, PRIMITIVE),
    EXACT("wcsstr", PREFIX, PRIMITIVE),
    EXACT("wmemcmp", PREFIX, PRIMITIVE),
    EXACT("wmemcpy", PREFIX, PRIMITIVE),
    EXACT("wmemset", PREFIX, PRIMITIVE),
};

/* Read from the top, after the exact ones; the first that matches counts. */
static const struct fb_list_row patterns[] = {
    {"__scrt_", FB_MATCH_PREFIX, FB_FRAME_IRRELEVANT, false, FB_ROLE_START},
    {"invoke_main", FB_MATCH_PREFIX, FB_FRAME_IRRELEVANT, false, FB_ROLE_START},
    {"seh_filter", FB_MATCH_PREFIX, FB_FRAME_IRRELEVANT, false, FB_ROLE_DISPATCH},
    {"LdrpValidateUserCallTarget", FB_MATCH_PREFIX, FB_FRAME_IRRELEVANT, false, FB_ROLE_GUARD},
    {"__chkstk", FB_MATCH_PREFIX, FB_FRAME_IRRELEVANT, false, FB_ROLE_GUARD},
    {"RtlpHeapHandleError", FB_MATCH_PREFIX, FB_FRAME_IRRELEVANT, false, FB_ROLE_HEAP_CHECK},
    {"futex", FB_MATCH_PREFIX, FB_FRAME_IRRELEVANT, false, FB_ROLE_WAIT},
    {"_dispatch_", FB_MATCH_PREFIX, FB_FRAME_IRRELEVANT, false, FB_ROLE_WAIT},
    {"*WaitForSingleObject*", FB_MATCH_GLOB, FB_FRAME_IRRELEVANT, false, FB_ROLE_WAIT},
    {"*WaitForMultipleObjects*", FB_MATCH_GLOB, FB_FRAME_IRRELEVANT, false, FB_ROLE_WAIT},
    {"google_breakpad::", FB_MATCH_PREFIX, FB_FRAME_IRRELEVANT, false, FB_ROLE_REPORTER},
    {"crashpad::", FB_MATCH_PREFIX, FB_FRAME_IRRELEVANT, false, FB_ROLE_REPORTER},
    {"sentry__", FB_MATCH_PREFIX, FB_FRAME_IRRELEVANT, false, FB_ROLE_REPORTER},
    {"core::panicking::panic", FB_MATCH_PREFIX, FB_FRAME_IRRELEVANT, true, FB_ROLE_LANGUAGE},
    {"core::panicking::", FB_MATCH_PREFIX, FB_FRAME_IRRELEVANT, false, FB_ROLE_LANGUAGE},
    {"std::panicking::", FB_MATCH_PREFIX, FB_FRAME_IRRELEVANT, false, FB_ROLE_LANGUAGE},
    {"std::sys_common::backtrace::", FB_MATCH_PREFIX, FB_FRAME_IRRELEVANT, false, FB_ROLE_LANGUAGE},
    {"core::ops::function::FnOnce::call_once", FB_MATCH_PREFIX, FB_FRAME_IRRELEVANT, false, FB_ROLE_LANGUAGE},
    {"std::__", FB_MATCH_PREFIX, FB_FRAME_IRRELEVANT, false, FB_ROLE_LANGUAGE},
    {"std::_Func_", FB_MATCH_PREFIX, FB_FRAME_IRRELEVANT, false, FB_ROLE_LANGUAGE},
    {"compiler_builtins::", FB_MATCH_PREFIX, FB_FRAME_IRRELEVANT, false, FB_ROLE_LANGUAGE},
    {"std::unique_ptr<T>::", FB_MATCH_PREFIX, FB_FRAME_IRRELEVANT, false, FB_ROLE_CONTAINER},
    {"std::shared_ptr<T>::", FB_MATCH_PREFIX, FB_FRAME_IRRELEVANT, false, FB_ROLE_CONTAINER},
    {"_invalid_parameter", FB_MATCH_PREFIX, FB_FRAME_PREFIX, true, FB_ROLE_ABORT},
    {"Rtl*AllocateHeap*", FB_MATCH_GLOB, FB_FRAME_PREFIX, false, FB_ROLE_ALLOCATOR},
    {"je_", FB_MATCH_PREFIX, FB_FRAME_PREFIX, false, FB_ROLE_ALLOCATOR},
    {"mi_", FB_MATCH_PREFIX, FB_FRAME_PREFIX, false, FB_ROLE_ALLOCATOR},
    {"tcmalloc", FB_MATCH_PREFIX, FB_FRAME_PREFIX, false, FB_ROLE_ALLOCATOR},
    {"szone_", FB_MATCH_PREFIX, FB_FRAME_PREFIX, false, FB_ROLE_ALLOCATOR},
    {"std::vector<T>::", FB_MATCH_PREFIX, FB_FRAME_PREFIX, false, FB_ROLE_CONTAINER},
    {"std::basic_string<T>::", FB_MATCH_PREFIX, FB_FRAME_PREFIX, false, FB_ROLE_CONTAINER},
    {"DispatchMessage", FB_MATCH_PREFIX, FB_FRAME_PREFIX, false, FB_ROLE_MESSAGES},
    {"CallWindowProc", FB_MATCH_PREFIX, FB_FRAME_PREFIX, false, FB_ROLE_MESSAGES},
    {"Nt", FB_MATCH_PREFIX, FB_FRAME_PREFIX, false, FB_ROLE_SYSCALL},
    {"Zw", FB_MATCH_PREFIX, FB_FRAME_PREFIX, false, FB_ROLE_SYSCALL},
};
// clang-format on

const char *fb_role_name(enum fb_role role)
{
#define X(role, words) words,
    static const char *const names[] = {FB_ROLES(X)};
#undef X
    return names[role];
}

const struct fb_list_row *fb_list_exact(size_t *n)
{
    *n = sizeof exact / sizeof *exact;
    return exact;
}

const struct fb_list_row *fb_list_patterns(size_t *n)
{
    *n = sizeof patterns / sizeof *patterns;
    return patterns;
}

static const struct fb_list_row *find_exact(const char *normal)
{
    size_t low = 0, high = sizeof exact / sizeof *exact;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(exact[middle].pattern, normal);
        if (order == 0)
            return &exact[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* Most rows begin with another letter, which is seen without a call. */
static bool matches(const struct fb_list_row *row, const char *normal)
{
    if (row->pattern[0] != normal[0] && row->pattern[0] != '*')
        return false;
    if (row->match == FB_MATCH_PREFIX)
        return fb_starts(normal, row->pattern);
    return fb_glob(row->pattern, normal, false);
}

const struct fb_list_row *fb_list_find(const char *normal)
{
    const struct fb_list_row *row = find_exact(normal);
    for (size_t i = 0; row == NULL && i < sizeof patterns / sizeof *patterns; i++)
        if (matches(&patterns[i], normal))
            row = &patterns[i];
    return row;
}
