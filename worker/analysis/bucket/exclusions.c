/*
 * worker/analysis/bucket/exclusions.c -- the frames that stay out of the hashes, as patterns.
 *
 * The first table is !exploitable's own, kept as it was (ucrtbase and KERNELBASE are younger),
 * so that its hashes can be compared. The second is what ours adds, the third holds in any
 * module. Few frames lie in a module that has a row, so the module is looked at first.
 */
#include "bucket/ids.h"
#include "bucket/name_parts.h"

static const char *const all[] = {"*"};

static const char *const msec_ntdll[] = {
    "dbgbreakpoint",  "dbguiremotebreakin", "_eh4_callfilterfunc", "_except_handler4",
    "executehandler", "executehandler2",    "kifastsystemcallret", "kiuserexceptiondispatcher",
    "rtl*exception*", "rtl*heap*",          "rtl*failure*",        "zwwaitformultipleobjects",
};
static const char *const msec_kernel32[] = {
    "werp*",
    "unhandledexceptionfilter",
    "*raiseexception*",
    "waitformultipleobjects*",
    "heapfree",
    "kebugcheck*",
};
static const char *const msec_msvcrt[] = {"free", "*alloc*"};

static const char *const our_kernelbase[] = {"raiseexception*", "unhandledexceptionfilter*",
                                             "waitfor*"};
static const char *const our_ntdll[] = {
    "nt*",
    "zw*",
    "kiraiseuserexceptiondispatcher",
    "rtldispatchexception",
    "rtlreportcriticalfailure",
    "rtlpheap*",
};
static const char *const our_vcruntime[] = {"_cxxthrowexception", "__c*frame*handler*"};
static const char *const our_ucrtbase[] = {
    "abort", "raise", "_invoke_watson", "_invalid_parameter*", "free*", "*alloc*"};

#define COUNT(v)   (sizeof(v) / sizeof *(v))
#define SYMBOLS(v) v, COUNT(v)
#define NO_SYMBOLS NULL, 0
struct exclusion {
    const char *module; // lower case; a `*` at its end is any text
    bool bare;          // its frames without a symbol, too
    const char *const *symbols;
    size_t n;
};

static const struct exclusion msec[] = {
    {"apvrf",    true,  SYMBOLS(all)          },
    {"verifier", true,  SYMBOLS(all)          },
    {"vfbasics", true,  NO_SYMBOLS            },
    {"vrfcore",  false, SYMBOLS(all)          },
    {"mscorwks", true,  NO_SYMBOLS            },
    {"clrstub*", true,  SYMBOLS(all)          },
    {"ntdll*",   false, SYMBOLS(msec_ntdll)   },
    {"kernel32", false, SYMBOLS(msec_kernel32)},
    {"msvcrt",   false, SYMBOLS(msec_msvcrt)  },
};

static const struct exclusion ours[] = {
    {"kernelbase", false, SYMBOLS(our_kernelbase)},
    {"ntdll",      false, SYMBOLS(our_ntdll)     },
    {"vcruntime*", false, SYMBOLS(our_vcruntime) },
    {"ucrtbase",   false, SYMBOLS(our_ucrtbase)  },
};

static const char *const any_module[] = {
    "memcpy*",
    "memmove*",
    "memset*",
    "strlen*",
    "wcslen*",
    "__report_*failure",
    "__fastfail",
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

/* Whether the module of `name`, its first `n` bytes, is `module`. */
static bool lies_in(const char *module, const char *name, size_t n)
{
    size_t i = 0;
    while (i < n && module[i] != '*' && module[i] == fb_lower(name[i]))
        i++;
    return module[i] == '*' || (module[i] == 0 && i == n);
}

/* "module!symbol" or "module" */
struct place {
    const char *name;
    size_t module;      // its length
    const char *symbol; // NULL: none
};

static struct place place_of(const char *name)
{
    const char *mark = strchr(name, '!');
    return mark != NULL ? (struct place){name, (size_t)(mark - name), mark + 1}
                        : (struct place){name, strlen(name), NULL};
}

static bool holds(const struct exclusion *row, const char *symbol)
{
    return symbol != NULL ? fb_glob_any(row->symbols, row->n, symbol) : row->bare;
}

/* Most modules begin with another letter. */
static bool any_holds(const struct exclusion *rows, size_t n, const struct place *place)
{
    char first = fb_lower(*place->name);
    for (size_t i = 0; i < n; i++)
        if (*rows[i].module == first && lies_in(rows[i].module, place->name, place->module) &&
            holds(&rows[i], place->symbol))
            return true;
    return false;
}

bool fb_msec_excludes(const char *name)
{
    const struct place place = place_of(name);
    return any_holds(msec, COUNT(msec), &place);
}

bool fb_hash_excludes(const char *name, const char *symbol)
{
    const struct place place = place_of(name);
    return any_holds(msec, COUNT(msec), &place) || any_holds(ours, COUNT(ours), &place) ||
           (symbol != NULL && fb_glob_any(any_module, COUNT(any_module), symbol));
}
