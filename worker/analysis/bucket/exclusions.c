/*
 * worker/analysis/bucket/exclusions.c -- the frames that stay out of the hashes, as patterns.
 *
 * The first table is !exploitable's own, kept as it was (ucrtbase and KERNELBASE are younger),
 * so that its hashes can be compared. The second is what ours adds; a pattern without a module
 * holds in any.
 */
#include "bucket/ids.h"

static const char *const msec[] = {
    "apvrf",
    "apvrf!*",
    "verifier",
    "verifier!*",
    "vfbasics",
    "vrfcore!*",
    "mscorwks",
    "clrstub*",
    "ntdll*!dbgbreakpoint",
    "ntdll*!dbguiremotebreakin",
    "ntdll*!_eh4_callfilterfunc",
    "ntdll*!_except_handler4",
    "ntdll*!executehandler",
    "ntdll*!executehandler2",
    "ntdll*!kifastsystemcallret",
    "ntdll*!kiuserexceptiondispatcher",
    "ntdll*!rtl*exception*",
    "ntdll*!rtl*heap*",
    "ntdll*!rtl*failure*",
    "ntdll*!zwwaitformultipleobjects",
    "kernel32!werp*",
    "kernel32!unhandledexceptionfilter",
    "kernel32!*raiseexception*",
    "kernel32!waitformultipleobjects*",
    "kernel32!heapfree",
    "kernel32!kebugcheck*",
    "msvcrt!free",
    "msvcrt!*alloc*",
};

static const char *const ours[] = {
    "kernelbase!raiseexception*",
    "kernelbase!unhandledexceptionfilter*",
    "kernelbase!waitfor*",
    "ntdll!nt*",
    "ntdll!zw*",
    "ntdll!kiraiseuserexceptiondispatcher",
    "ntdll!rtldispatchexception",
    "ntdll!rtlreportcriticalfailure",
    "ntdll!rtlpheap*",
    "vcruntime*!_cxxthrowexception",
    "vcruntime*!__c*frame*handler*",
    "ucrtbase!abort",
    "ucrtbase!raise",
    "ucrtbase!_invoke_watson",
    "ucrtbase!_invalid_parameter*",
    "ucrtbase!free*",
    "ucrtbase!*alloc*",
    "*!memcpy*",
    "*!memmove*",
    "*!memset*",
    "*!strlen*",
    "*!wcslen*",
    "*!__report_*failure",
    "*!__fastfail",
};

static const char *const any_module[] = {
    "raise",
    "gsignal",
    "abort",
    "__assert_fail*",
    "__kernel_vsyscall",
    "__restore_rt",
    "__libc_message",
    "malloc_printerr",
    "_int_free",
    "_int_malloc",
    "free",
    "malloc",
    "__memmove_*",
    "__memcpy_*",
    "__memset_*",
    "__str*",
    "*fortify*",
    "__*_chk",
    "__pthread_kill",
    "pthread_kill",
    "__abort_message",
    "malloc_*error*",
    "_platform_mem*",
    "_platform_str*",
    "_objc_msgsend*",
    "core::panicking::*",
    "std::panicking::*",
    "rust_begin_unwind",
    "__rust_start_panic",
    "__cxa_throw",
    "std::terminate",
    "__cxxabiv1::*",
    "std::__throw_*",
    "base::debug::*",
    "logging::logmessage*",
};

#define ANY(patterns, name) fb_glob_any(patterns, sizeof(patterns) / sizeof *(patterns), name)

bool fb_msec_excludes(const char *name) { return ANY(msec, name); }

bool fb_hash_excludes(const char *name, const char *symbol)
{
    return ANY(msec, name) || ANY(ours, name) || (symbol != NULL && ANY(any_module, symbol));
}
