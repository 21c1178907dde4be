/*
 * worker/analysis/bucket/failure.c -- the failure id, as the Windows debugger's !analyze would
 * write it, and its hash.
 *
 *   <class>_<code>_<image>!<function>      INVALID_POINTER_READ_c0000005_app.exe!main
 *   <bugcheck>_<detail>_<image>!<function> 0x1E_c0000005_R_nt!CmpCreateKeyBody
 *
 * Each heuristic is a row: primary or addendum, in the id or not, and when it holds. The first
 * primary row gives the class; the id is a function of the rows found and the blamed frame.
 */
#include "base/text.h"
#include "bucket/codes.h"
#include "bucket/ids.h"
#include "bugchecks.h"

enum { NULL_ZONE = 0x10000 };
enum { CLASSES_MAX = 8 };

/* --- what the rows ask -------------------------------------------------------------- */

static bool windows(const struct fb_analysis *a, uint32_t code)
{
    bool told = !a->dump.bugcheck.present || a->dump.kernel.explained;
    return a->dump.exception.present && a->dump.system.os == FB_WINDOWS && told &&
           a->dump.exception.code == code;
}

static bool unix_signal(const struct fb_analysis *a, uint32_t signal)
{
    return a->dump.exception.present && a->dump.exception.code == signal &&
           (a->dump.system.os == FB_LINUX || a->dump.system.os == FB_ANDROID);
}

static bool mach(const struct fb_analysis *a, uint32_t type)
{
    return a->dump.exception.present && a->dump.exception.code == type &&
           (a->dump.system.os == FB_MACOS || a->dump.system.os == FB_IOS);
}

static bool is_access(const struct fb_analysis *a, enum fb_access access)
{
    return a->crash.access == access &&
           (windows(a, FB_WIN_ACCESS_VIOLATION) || unix_signal(a, FB_SIGSEGV) ||
            unix_signal(a, FB_SIGBUS) || mach(a, FB_EXC_BAD_ACCESS));
}

static bool near_null(const struct fb_analysis *a)
{
    uint64_t at = a->crash.non_canonical ? a->crash.adjusted : a->crash.address;
    return a->crash.null_pointer || at < NULL_ZONE;
}

static bool is_member_of_null(const struct fb_analysis *a)
{
    return a->crash.null_pointer && a->crash.adjusted != 0;
}

static bool is_mapped_data(const struct fb_analysis *a)
{
    const struct fb_page *page = fb_page_at(&a->dump.pages, a->crash.address);
    return page != NULL && page->access != 0 && (page->access & FB_PAGE_EXECUTE) == 0;
}

static bool is_fast_fail(const struct fb_analysis *a) { return windows(a, FB_WIN_FAST_FAIL); }

static uint32_t fast_fail_code(const struct fb_analysis *a)
{
    const struct fb_exception *e = &a->dump.exception;
    return e->n_parameters > 0 ? (uint32_t)e->parameters[0] : 0;
}

#define WHEN(name, condition)                                                                  \
    static bool name(const struct fb_analysis *a) { return condition; }
WHEN(member_read, is_access(a, FB_ACCESS_READ) && is_member_of_null(a))
WHEN(member_write, is_access(a, FB_ACCESS_WRITE) && is_member_of_null(a))
WHEN(null_read, is_access(a, FB_ACCESS_READ) && near_null(a))
WHEN(null_write, is_access(a, FB_ACCESS_WRITE) && near_null(a))
WHEN(null_execute, is_access(a, FB_ACCESS_EXECUTE) && near_null(a))
WHEN(data_execute, is_access(a, FB_ACCESS_EXECUTE) && is_mapped_data(a))
WHEN(bad_read, is_access(a, FB_ACCESS_READ))
WHEN(bad_write, is_access(a, FB_ACCESS_WRITE))
WHEN(bad_execute, is_access(a, FB_ACCESS_EXECUTE))
WHEN(overflow, windows(a, FB_WIN_STACK_OVERFLOW))
WHEN(cookie,
     is_fast_fail(a) && (fast_fail_code(a) == 0 || fast_fail_code(a) == FB_FAST_FAIL_COOKIE))
WHEN(fast_fail, is_fast_fail(a))
WHEN(heap, windows(a, FB_WIN_HEAP_CORRUPTION))
WHEN(in_page, windows(a, FB_WIN_IN_PAGE_ERROR))
WHEN(breakpoint, windows(a, FB_WIN_BREAKPOINT) || windows(a, FB_WIN_WX86_BREAKPOINT) ||
                     unix_signal(a, FB_SIGTRAP) || mach(a, FB_EXC_BREAKPOINT))
WHEN(clr, windows(a, FB_WIN_CLR_EXCEPTION))
WHEN(cpp, windows(a, FB_WIN_CPP_EXCEPTION))
WHEN(illegal, windows(a, FB_WIN_ILLEGAL_INSTRUCTION) || unix_signal(a, FB_SIGILL) ||
                  mach(a, FB_EXC_BAD_INSTRUCTION))
WHEN(divide, windows(a, FB_WIN_INT_DIVIDE_BY_ZERO) ||
                 (unix_signal(a, FB_SIGFPE) && a->dump.exception.flags == 1) ||
                 (mach(a, FB_EXC_ARITHMETIC) && a->dump.exception.flags == 1))
WHEN(stopped, a->dump.bugcheck.present)
WHEN(anything, a != NULL)
WHEN(lost, a->crash.crashed &&fb_crashing_stack(a)->n != 0 &&
               fb_crashing_stack(a)->v[0].module == NULL)
WHEN(exploitable, a->exploitability.fb1.class == FB_CLASS_EXPLOITABLE)

/* --- the rows ----------------------------------------------------------------------- */

enum rank { PRIMARY, ADDENDUM };
static const struct problem {
    const char *name;
    enum rank rank;
    bool in_id;
    bool (*holds)(const struct fb_analysis *a);
} problems[] = {
    {"NULL_CLASS_PTR_READ",     PRIMARY,  true,  member_read },
    {"NULL_CLASS_PTR_WRITE",    PRIMARY,  true,  member_write},
    {"NULL_POINTER_READ",       PRIMARY,  true,  null_read   },
    {"NULL_POINTER_WRITE",      PRIMARY,  true,  null_write  },
    {"NULL_POINTER_EXECUTE",    PRIMARY,  true,  null_execute},
    {"SOFTWARE_NX_FAULT",       PRIMARY,  true,  data_execute},
    {"INVALID_POINTER_READ",    PRIMARY,  true,  bad_read    },
    {"INVALID_POINTER_WRITE",   PRIMARY,  true,  bad_write   },
    {"INVALID_POINTER_EXECUTE", PRIMARY,  true,  bad_execute },
    {"STACK_OVERFLOW",          PRIMARY,  true,  overflow    },
    {"STACK_BUFFER_OVERRUN",    PRIMARY,  true,  cookie      },
    {"FAIL_FAST_",              PRIMARY,  true,  fast_fail   }, // and the name of the code
    {"HEAP_CORRUPTION",         PRIMARY,  true,  heap        },
    {"IN_PAGE_ERROR",           PRIMARY,  true,  in_page     },
    {"BREAKPOINT",              PRIMARY,  true,  breakpoint  },
    {"CLR_EXCEPTION",           PRIMARY,  true,  clr         },
    {"CPP_EXCEPTION",           PRIMARY,  true,  cpp         },
    {"ILLEGAL_INSTRUCTION",     PRIMARY,  true,  illegal     },
    {"INTEGER_DIVIDE_BY_ZERO",  PRIMARY,  true,  divide      },
    {"BUGCHECK",                PRIMARY,  true,  stopped     },
    {"APPLICATION_FAULT",       PRIMARY,  true,  anything    },
 // what is true as well, and stays out of the id
    {"BAD_INSTRUCTION_PTR",     ADDENDUM, false, lost        },
    {"EXPLOITABLE",             ADDENDUM, false, exploitable },
};

static const char *class_name(const struct fb_analysis *a, const struct problem *p,
                              struct fb_arena *arena)
{
    if (p->holds != fast_fail)
        return p->name;
    char buffer[64];
    struct fb_text text = fb_text_over(buffer, sizeof buffer);
    const char *name = fb_code_find(fb_fast_fail_codes(), fast_fail_code(a));
    fb_text_str(&text, p->name);
    if (name != NULL)
        fb_text_str(&text, name);
    else
        fb_text_dec(&text, fast_fail_code(a));
    return fb_arena_text(arena, text.p, text.n);
}

static struct fb_err find_problems(struct fb_analysis *a, struct fb_arena *arena,
                                   struct fb_text *id)
{
    const char **found = FB_NEW(arena, const char *, CLASSES_MAX);
    size_t n = 0;
    bool primary = false;
    for (size_t i = 0; found != NULL && i < sizeof problems / sizeof *problems; i++) {
        const struct problem *p = &problems[i];
        if (n == CLASSES_MAX || (p->rank == PRIMARY && primary) || !p->holds(a))
            continue;
        found[n] = class_name(a, p, arena);
        if (found[n] == NULL)
            return FB_FAIL(LIMIT, "no room for the problem classes", 0);
        primary |= p->rank == PRIMARY;
        if (p->in_id) {
            fb_text_str(id, found[n]);
            fb_text_char(id, '_');
        }
        n++;
    }
    if (found == NULL)
        return FB_FAIL(LIMIT, "no room for the problem classes", 0);
    a->keys.problem_classes = found;
    a->keys.n_problem_classes = n;
    return FB_NO_ERR;
}

/* --- the id ------------------------------------------------------------------------- */

/* Brackets, commas and blanks do not stand in an id. */
static void put_name(struct fb_text *out, const char *name)
{
    for (; *name != 0; name++) {
        bool plain =
            *name > ' ' && *name <= '~' && *name != '<' && *name != '>' && *name != ',';
        fb_text_char(out, plain ? *name : '_');
    }
}

static void put_place(struct fb_text *id, const struct fb_analysis *a)
{
    const struct fb_stack *stack = fb_crashing_stack(a);
    const struct fb_frame *f = a->keys.blame < stack->n ? &stack->v[a->keys.blame] : NULL;
    const struct fb_modules *modules = &a->dump.modules;
    const char *program = modules->main < modules->n ? modules->v[modules->main].name : NULL;
    if (in_page(a)) {
        fb_text_str(id, "hardware_disk!Unknown");
    } else if (f != NULL && f->module != NULL && f->module->name != NULL) {
        put_name(id, f->module->name);
        fb_text_char(id, '!');
        put_name(id, f->normal != NULL ? f->normal : "Unknown");
    } else {
        put_name(id, program != NULL ? program : "unknown");
        fb_text_str(id, "!unknown_error_in_process");
    }
}

static uint32_t code_of(const struct fb_analysis *a)
{
    const struct fb_exception *e = &a->dump.exception;
    if (!e->present)
        return 0;
    return clr(a) && e->n_parameters > 0 ? (uint32_t)e->parameters[0] : e->code;
}

/* --- the same of a kernel ------------------------------------------------------------ */

static const char *access_letter(enum fb_access access)
{
    return access == FB_ACCESS_READ      ? "R_"
           : access == FB_ACCESS_WRITE   ? "W_"
           : access == FB_ACCESS_EXECUTE ? "X_"
                                         : "";
}

/* How debuggers begin the id of a bad access; all others begin with the bugcheck. */
static const struct violation {
    uint32_t bugcheck;
    bool by_code; // by the bugcheck and the code of the exception, not as AV
    bool letter;
} violations[] = {
    {0x1E, true,  true },
    {0x3B, true,  false},
    {0x50, false, true },
};

static struct violation violation_of(uint32_t bugcheck)
{
    for (size_t i = 0; i < sizeof violations / sizeof *violations; i++)
        if (violations[i].bugcheck == bugcheck)
            return violations[i];
    return (struct violation){0};
}

static void put_bugcheck(struct fb_text *id, const struct fb_analysis *a)
{
    const struct fb_bugcheck *b = &a->dump.bugcheck;
    const struct violation v = violation_of(fb_bugcheck_code(b));
    const struct fb_bugcheck_row *row = fb_bugcheck_find(b);
    bool violation = windows(a, FB_WIN_ACCESS_VIOLATION);
    if (violation && !v.by_code)
        fb_text_str(id, "AV_");
    else
        fb_text_format(id, "0x%X_", (unsigned)fb_bugcheck_code(b));
    if (fb_bugcheck_parameter(row, FB_PARAMETER_STATUS) >= 0 && (!violation || v.by_code))
        fb_text_format(id, "%08x_", (unsigned)a->dump.exception.code);
    if (violation && v.letter)
        fb_text_str(id, access_letter(a->crash.access));
    if (fb_bugcheck_parameter(row, FB_PARAMETER_FAST_FAIL) < 0)
        return;
    const char *name = fb_code_find(fb_fast_fail_codes(), fast_fail_code(a));
    fb_text_format(id, "%x_", (unsigned)fast_fail_code(a));
    fb_text_str(id, name != NULL ? name : "");
    fb_text_str(id, name != NULL ? "_" : "");
}

/* Images without extension, and the kernel by the name that debuggers give it. */
static void put_kernel_place(struct fb_text *id, const struct fb_analysis *a)
{
    const struct fb_stack *stack = fb_crashing_stack(a);
    const struct fb_frame *f = a->keys.blame < stack->n ? &stack->v[a->keys.blame] : NULL;
    if (f == NULL || f->module == NULL) {
        fb_text_str(id, "unknown!unknown_function");
        return;
    }
    const char *name = f->module->name, *dot = strrchr(name, '.');
    size_t start = id->n, n = dot != NULL ? (size_t)(dot - name) : strlen(name);
    if (fb_glob("nt*krnl*.exe", name, true) || fb_glob("ntkr*.exe", name, true))
        fb_text_str(id, "nt");
    else
        put_name(id, name);
    if (id->n > start + n) { // without its extension
        id->n = start + n;
        id->p[id->n] = 0;
    }
    fb_text_char(id, '!');
    put_name(id, f->normal != NULL ? f->normal : "unknown_function");
}

struct fb_err fb_make_failure(struct fb_analysis *a, struct fb_arena *arena)
{
    enum { ID_MAX = 1024 };
    char buffer[ID_MAX];
    struct fb_text id = fb_text_over(buffer, sizeof buffer);
    bool kernel = a->dump.bugcheck.present;
    fb_text_str(&id, kernel ? "km:" : "um:");
    size_t start = id.n;
    struct fb_err err = find_problems(a, arena, &id);
    if (fb_failed(err))
        return err;
    if (kernel) { // classes stand beside the id, not in it
        id.n = start;
        put_bugcheck(&id, a);
        put_kernel_place(&id, a);
    } else {
        fb_text_hex(&id, code_of(a), 8);
        fb_text_char(&id, '_');
        put_place(&id, a);
    }
    const char *whole = fb_arena_text(arena, id.p, id.n);
    if (whole == NULL)
        return FB_FAIL(LIMIT, "no room for the failure id", 0);
    a->keys.failure_id = whole + strlen("um:");
    return fb_failure_hash(whole, arena, a->keys.failure_hash);
}

/* --- its hash ----------------------------------------------------------------------- */

/* The code point that begins with `first` and goes on at `*at`, which moves behind it; `first`
 * itself when that is no UTF-8. */
static uint32_t join_utf8(uint32_t first, const unsigned char **at)
{
    const unsigned char *p = *at;
    size_t more = first < 0xC2 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
    uint32_t c = first & (0x3Fu >> more);
    for (size_t i = 0; i < more; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return first;
        c = c << 6 | (p[i] & 0x3F);
    }
    *at += more;
    return more != 0 ? c : first;
}

/* UTF-16LE, lower case; what is not UTF-8 is taken byte by byte. */
static size_t to_utf16(const char *s, uint8_t *out)
{
    size_t n = 0;
    for (const unsigned char *p = (const unsigned char *)s; *p != 0;) {
        uint32_t c = *p++;
        if (c >= 0x80)
            c = join_utf8(c, &p);
        if (c >= 'A' && c <= 'Z')
            c += 'a' - 'A';
        if (c >= 0x10000) {
            uint32_t high = 0xD800 + ((c - 0x10000) >> 10 & 0x3FF);
            out[n++] = (uint8_t)high;
            out[n++] = (uint8_t)(high >> 8);
            c = 0xDC00 + (c & 0x3FF);
        }
        out[n++] = (uint8_t)c;
        out[n++] = (uint8_t)(c >> 8);
    }
    return n;
}

/* 01234567-89ab-cdef-0123-456789abcdef */
static void print_guid(const uint8_t bytes[FB_MD5_SIZE], char out[37])
{
    static const size_t groups[] = {4, 2, 2, 2, 6};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        fb_hex(bytes, groups[i], out);
        bytes += groups[i];
        out += 2 * groups[i];
        *out++ = i + 1 < sizeof groups / sizeof *groups ? '-' : 0;
    }
}

struct fb_err fb_failure_hash(const char *failure_id, struct fb_arena *arena, char out[37])
{
    static const uint8_t order[] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    uint8_t *wide = FB_RAW(arena, uint8_t, 2 * strlen(failure_id) + 2);
    if (wide == NULL)
        return FB_FAIL(LIMIT, "no room for the failure hash", 0);
    uint8_t digest[FB_MD5_SIZE], ordered[FB_MD5_SIZE];
    fb_md5(wide, to_utf16(failure_id, wide), digest);
    for (size_t i = 0; i < sizeof order; i++)
        ordered[i] = digest[order[i]];
    print_guid(ordered, out);
    return FB_NO_ERR;
}
