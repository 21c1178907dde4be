/*
 * tests/unit/test_crash_name.c -- the names of crashes: every row of the tables, how names are
 * put together, and what two other processors say about the corpus.
 */
#include "bucket/codes.h"
#include "bucket/keys.h"
#include "support/check.h"
#include "support/tsv.h"

#include <dirent.h>

static const struct {
    enum fb_os os;
    enum fb_arch arch;
    uint32_t code, flags, n;
    uint64_t p[3];
    const char *want;
    uint64_t address; // the record says 0x1000
    enum fb_access access;
    bool crashed;
} rows[] = {
    {FB_WINDOWS,
     FB_AMD64,              0xC0000005,
     0,                                     2,
     {0, 0x41},
     "EXCEPTION_ACCESS_VIOLATION_READ",                                    0x41,
     FB_ACCESS_READ,                                                                                      true },
    {FB_WINDOWS,
     FB_AMD64,              0xC0000005,
     0,                                     2,
     {1, 0x41},
     "EXCEPTION_ACCESS_VIOLATION_WRITE",                                   0x41,
     FB_ACCESS_WRITE,                                                                                     true },
    {FB_WINDOWS,
     FB_AMD64,              0xC0000005,
     0,                                     2,
     {8, 0x41},
     "EXCEPTION_ACCESS_VIOLATION_EXEC",                                    0x41,
     FB_ACCESS_EXECUTE,                                                                                   true },
    {FB_WINDOWS,
     FB_AMD64,              0xC0000005,
     0,                                     2,
     {5, 0x41},
     "EXCEPTION_ACCESS_VIOLATION",                                         0x41,
     FB_ACCESS_UNKNOWN,                                                                                   true },
    {FB_WINDOWS,
     FB_AMD64,              0xC0000005,
     0,                                     0,
     {0},
     "EXCEPTION_ACCESS_VIOLATION",                                         0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   true },
    {FB_WINDOWS,
     FB_X86,                0xC0000005,
     0,                                     2,
     {0, 0xFFFFFFFF80001000},
     "EXCEPTION_ACCESS_VIOLATION_READ",                                    0x80001000,
     FB_ACCESS_READ,                                                                                      true },
    {FB_WINDOWS,
     FB_AMD64,              0xC0000006,
     0,                                     3,
     {0, 0x41, 0xC000009C},
     "EXCEPTION_IN_PAGE_ERROR_READ / STATUS_DEVICE_DATA_ERROR",            0x41,
     FB_ACCESS_READ,                                                                                      true },
    {FB_WINDOWS,
     FB_AMD64,              0xC0000006,
     0,                                     3,
     {0, 0x41, 0xC0001234},
     "EXCEPTION_IN_PAGE_ERROR_READ / 0xc0001234",                          0x41,
     FB_ACCESS_READ,                                                                                      true },
    {FB_WINDOWS,
     FB_AMD64,              0xC0000409,
     1,                                     1,
     {7},
     "EXCEPTION_STACK_BUFFER_OVERRUN / FAST_FAIL_FATAL_APP_EXIT",          0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   true },
    {FB_WINDOWS,
     FB_AMD64,              0xC0000409,
     1,                                     1,
     {999},
     "EXCEPTION_STACK_BUFFER_OVERRUN / 0x000003e7",                        0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   true },
    {FB_WINDOWS,
     FB_AMD64,              0xC0000409,
     1,                                     0,
     {0},
     "EXCEPTION_STACK_BUFFER_OVERRUN",                                     0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   true },
    {FB_WINDOWS,
     FB_AMD64,              0xC00000FD,
     0,                                     2,
     {1, 0x41},
     "EXCEPTION_STACK_OVERFLOW",                                           0x1000,
     FB_ACCESS_WRITE,                                                                                     true },
    {FB_WINDOWS,
     FB_AMD64,              0xC0070005,
     2,                                     0,
     {0},
     "0xc0070005 / 0x00000002",                                            0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   true },
    {FB_WINDOWS,
     FB_AMD64,              0x0517A7ED,
     0,                                     0,
     {0},
     "Simulated Exception",                                                0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   false},
    {FB_LINUX,
     FB_AMD64,              11,
     1,                                     0,
     {0},
     "SIGSEGV / SEGV_MAPERR",                                              0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   true },
    {FB_LINUX,
     FB_AMD64,              11,
     0x80,                                  0,
     {0},
     "SIGSEGV / SI_KERNEL",                                                0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   true },
    {FB_LINUX,    FB_AMD64, 11,         0,  0, {0}, "SIGSEGV",             0x1000,     FB_ACCESS_UNKNOWN, true },
    {FB_LINUX,
     FB_AMD64,              6,
     (uint32_t)-6,
     0,                                        {0},
     "SIGABRT / SI_TKILL",                                                 0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   true },
    {FB_LINUX,    FB_AMD64, 8,          77, 0, {0}, "SIGFPE / 0x0000004d", 0x1000,     FB_ACCESS_UNKNOWN, true },
    {FB_ANDROID,
     FB_ARM64,              11,
     9,                                     0,
     {0},
     "SIGSEGV / SEGV_MTESERR",                                             0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   true },
    {FB_LINUX,
     FB_AMD64,              200,
     5,                                     0,
     {0},
     "0x000000c8 / 0x00000005",                                            0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   true },
    {FB_LINUX,
     FB_AMD64,              0xFFFFFFFF,
     0,                                     0,
     {0},
     "DUMP_REQUESTED",                                                     0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   false},
    {FB_MACOS,
     FB_AMD64,              1,
     1,                                     0,
     {0},
     "EXC_BAD_ACCESS / KERN_INVALID_ADDRESS",                              0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   true },
    {FB_MACOS,
     FB_AMD64,              1,
     13,                                    0,
     {0},
     "EXC_BAD_ACCESS / EXC_I386_GPFLT",                                    0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   true },
    {FB_MACOS,
     FB_ARM64,              1,
     0x105,                                 0,
     {0},
     "EXC_BAD_ACCESS / EXC_ARM_PAC_FAIL",                                  0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   true },
    {FB_MACOS,
     FB_ARM64,              1,
     0x999,                                 0,
     {0},
     "EXC_BAD_ACCESS / 0x00000999",                                        0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   true },
    {FB_MACOS,
     FB_ARM64,              2,
     1,                                     0,
     {0},
     "EXC_BAD_INSTRUCTION / EXC_ARM_UNDEFINED",                            0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   true },
    {FB_MACOS,
     FB_AMD64,              3,
     1,                                     0,
     {0},
     "EXC_ARITHMETIC / EXC_I386_DIV",                                      0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   true },
    {FB_MACOS,
     FB_ARM64,              5,
     0x10002,                               0,
     {0},
     "EXC_SOFTWARE / SIGABRT",                                             0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   true },
    {FB_MACOS,
     FB_AMD64,              6,
     2,                                     0,
     {0},
     "EXC_BREAKPOINT / EXC_I386_BPT",                                      0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   true },
    {FB_IOS,
     FB_ARM64,              6,
     1,                                     0,
     {0},
     "EXC_BREAKPOINT / EXC_ARM_BREAKPOINT",                                0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   true },
    {FB_MACOS,
     FB_ARM64,              10,
     0x06000000,                            0,
     {0},
     "EXC_CRASH / SIGABRT",                                                0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   true },
    {FB_MACOS,
     FB_ARM64,              10,
     0x00100000,                            0,
     {0},
     "EXC_CRASH / EXC_BAD_ACCESS",                                         0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   true },
    {FB_MACOS,
     FB_ARM64,              11,
     0x60000000,                            0,
     {0},
     "EXC_RESOURCE / RESOURCE_TYPE_MEMORY",                                0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   true },
    {FB_MACOS,
     FB_ARM64,              12,
     0x40000000,                            0,
     {0},
     "EXC_GUARD / GUARD_TYPE_FD",                                          0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   true },
    {FB_IOS,
     FB_AMD64,              0x43506E78,
     0,                                     0,
     {0},
     "Uncaught NSException",                                               0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   true },
    {FB_MACOS,
     FB_AMD64,              0x43507378,
     0,                                     0,
     {0},
     "Simulated Exception",                                                0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   false},
    {FB_MACOS,
     FB_AMD64,              0,
     0,                                     0,
     {0},
     "0x00000000 / 0x00000000",                                            0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   true },
    {FB_OS_OTHER,
     FB_AMD64,              0xC0000005,
     3,                                     0,
     {0},
     "0xc0000005 / 0x00000003",                                            0x1000,
     FB_ACCESS_UNKNOWN,                                                                                   true },
};

static uint8_t room[4096];

static struct fb_err name_it(struct fb_analysis *a, size_t cap)
{
    struct fb_arena arena = {.base = room, .cap = cap};
    return fb_name_crash(a, &arena);
}

static void test_rows(void)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        static struct fb_analysis a;
        a = (struct fb_analysis){0};
        a.dump.system.os = rows[i].os;
        a.dump.system.arch = rows[i].arch;
        a.dump.exception = (struct fb_exception){.present = true,
                                                 .code = rows[i].code,
                                                 .flags = rows[i].flags,
                                                 .address = 0x1000,
                                                 .n_parameters = rows[i].n};
        memcpy(a.dump.exception.parameters, rows[i].p, sizeof rows[i].p);
        CHECK(rows[i].want, name_it(&a, 4).code == FB_LIMIT && a.crash.type == NULL);
        CHECK(rows[i].want, !fb_failed(name_it(&a, sizeof room)));
        if (!CHECK(rows[i].want, strcmp(a.crash.type, rows[i].want) == 0))
            fprintf(stderr, "    got %s\n", a.crash.type);
        CHECK(rows[i].want, a.crash.address == rows[i].address);
        CHECK(rows[i].want, a.crash.access == rows[i].access);
        CHECK(rows[i].want, a.crash.crashed == rows[i].crashed);
    }
}

/* Every row is found by its code, has a name, and stands in order. */
static void walk_table(const char *table, struct fb_codes codes)
{
    for (size_t i = 0; i < codes.n; i++) {
        CHECK(codes.v[i].name, codes.v[i].name[0] != 0);
        CHECK(codes.v[i].name, fb_code_find(codes, codes.v[i].code) == codes.v[i].name);
        CHECK(codes.v[i].name, i == 0 || codes.v[i - 1].code < codes.v[i].code);
    }
    CHECK(table, fb_code_find(codes, 0xABCDEF01) == NULL);
}

static const struct {
    uint32_t signal;
    const char *const names[12]; // for 1, 2 ...
} si_codes[] = {
    {4,
     {"ILL_ILLOPC", "ILL_ILLOPN", "ILL_ILLADR", "ILL_ILLTRP", "ILL_PRVOPC", "ILL_PRVREG",
      "ILL_COPROC", "ILL_BADSTK", "ILL_BADIADDR"}                                           },
    {5,  {"TRAP_BRKPT", "TRAP_TRACE", "TRAP_BRANCH", "TRAP_HWBKPT", "TRAP_UNK", "TRAP_PERF"}},
    {7,  {"BUS_ADRALN", "BUS_ADRERR", "BUS_OBJERR", "BUS_MCEERR_AR", "BUS_MCEERR_AO"}       },
    {8,
     {"FPE_INTDIV", "FPE_INTOVF", "FPE_FLTDIV", "FPE_FLTOVF", "FPE_FLTUND", "FPE_FLTRES",
      "FPE_FLTINV", "FPE_FLTSUB"}                                                           },
    {11,
     {"SEGV_MAPERR", "SEGV_ACCERR", "SEGV_BNDERR", "SEGV_PKUERR", "SEGV_ACCADI", "SEGV_ADIDERR",
      "SEGV_ADIPERR", "SEGV_MTEAERR", "SEGV_MTESERR", "SEGV_CPERR"}                         },
    {31, {"SYS_SECCOMP", "SYS_USER_DISPATCH"}                                               },
};

static void test_tables(void)
{
    walk_table("windows", fb_windows_codes());
    walk_table("fast fail", fb_fast_fail_codes());
    walk_table("signals", fb_linux_signals());
    walk_table("mach", fb_mac_exceptions());
    for (size_t i = 0; i < COUNT(si_codes); i++)
        for (uint32_t k = 0; si_codes[i].names[k] != NULL; k++) {
            const char *got = fb_linux_si_name(si_codes[i].signal, k + 1);
            CHECK(si_codes[i].names[k], got != NULL && strcmp(got, si_codes[i].names[k]) == 0);
        }
    static const int32_t any[] = {0x80, -1, -2, -3, -4, -5, -6, -7, -60};
    for (size_t i = 0; i < COUNT(any); i++)
        CHECK("any signal", fb_linux_si_name(1, (uint32_t)any[i]) != NULL);
}

static void test_absent(void)
{
    static struct fb_analysis a;
    CHECK("no exception", !fb_failed(name_it(&a, sizeof room)));
    CHECK("no exception", a.crash.type == NULL && !a.crash.crashed);
}

/* --- the corpus --------------------------------------------------------------------- */

static enum fb_os os_of(const char *platform)
{
    static const struct {
        const char *name;
        enum fb_os os;
    } names[] = {
        {"windows", FB_WINDOWS},
        {"linux",   FB_LINUX  },
        {"android", FB_ANDROID},
        {"macos",   FB_MACOS  },
        {"ios",     FB_IOS    }
    };
    for (size_t i = 0; platform != NULL && i < COUNT(names); i++)
        if (strcmp(names[i].name, platform) == 0)
            return names[i].os;
    return FB_OS_UNKNOWN;
}

static enum fb_arch arch_of(const char *arch)
{
    if (arch == NULL)
        return FB_ARCH_UNKNOWN;
    return strcmp(arch, "x86") == 0     ? FB_X86
           : strcmp(arch, "amd64") == 0 ? FB_AMD64
           : strcmp(arch, "arm") == 0   ? FB_ARM
                                        : FB_ARM64;
}

static uint64_t number(const char *text) { return text != NULL ? strtoull(text, NULL, 16) : 0; }

/* The record as the first reference read it; what its own address row says is the crash's. */
static void read_exception(const struct tsv *t, struct fb_exception *e)
{
    e->present = true;
    e->code = (uint32_t)number(tsv_value(t, "code"));
    e->flags = (uint32_t)number(tsv_value(t, "flags"));
    for (unsigned i = 0; i < FB_EXCEPTION_PARAMETERS_MAX; i++) {
        char key[16];
        snprintf(key, sizeof key, "param%u", i);
        const char *value = tsv_value(t, key);
        if (value == NULL)
            break;
        e->parameters[e->n_parameters++] = number(value);
    }
}

/* Names without blanks around "/": the first reference is not sure whether it wants them. */
static void squeeze(const char *from, char *to, size_t cap)
{
    size_t n = 0;
    for (; *from != 0 && n + 1 < cap; from++)
        if (*from != ' ')
            to[n++] = *from;
    to[n] = 0;
}

/* Where the references have no name and we have, or say the same in other words. */
static bool differs_knowingly(const char *first, const char *ours)
{
    static const struct {
        const char *theirs, *ours;
    } known[] = {
        {"unknown0x43506e78/0x00000000", "UncaughtNSException"  },
        {"unknown0x00000000/0x00000000", "0x00000000/0x00000000"},
    };
    for (size_t i = 0; i < COUNT(known); i++)
        if (strcmp(known[i].theirs, first) == 0 && strcmp(known[i].ours, ours) == 0)
            return true;
    return false;
}

static bool read_first(const char *path, struct fb_analysis *a, uint64_t *address)
{
    struct tsv t;
    if (!tsv_open(&t, path))
        return false;
    while (tsv_next(&t)) {
        if (strcmp(t.field[0], "dump") == 0) {
            a->dump.system.os = os_of(tsv_value(&t, "platform"));
            a->dump.system.arch = arch_of(tsv_value(&t, "arch"));
            a->dump.exception.address = number(tsv_value(&t, "exception_address"));
        } else if (strcmp(t.field[0], "exception") == 0) {
            read_exception(&t, &a->dump.exception);
        } else if (strcmp(t.field[0], "crash") == 0) {
            *address = number(tsv_value(&t, "address"));
        }
    }
    return true;
}

static bool read_second(const char *path, char *reason, size_t cap)
{
    struct tsv t;
    bool found = false;
    if (!tsv_open(&t, path))
        return false;
    while (tsv_next(&t))
        if (strcmp(t.field[0], "crash") == 0 && tsv_value(&t, "reason") != NULL) {
            squeeze(tsv_value(&t, "reason"), reason, cap);
            found = strcmp(reason, "-") != 0;
        }
    return found;
}

static void compare(const char *name)
{
    static struct fb_analysis a;
    a = (struct fb_analysis){0};
    char path[512], reason[256], ours[256];
    uint64_t address = 0;
    snprintf(path, sizeof path, "expected/%s.tsv", name);
    if (!read_first(path, &a, &address) || !a.dump.exception.present)
        return;
    snprintf(path, sizeof path, "expected/%s.second.tsv", name);
    if (!read_second(path, reason, sizeof reason))
        return;
    CHECK(name, !fb_failed(name_it(&a, sizeof room)));
    squeeze(a.crash.type, ours, sizeof ours);
    if (!CHECK(name, strcmp(ours, reason) == 0 || differs_knowingly(reason, ours)))
        fprintf(stderr, "    got %s\n    want %s\n", ours, reason);
    CHECK(name, a.crash.address == address);
}

static size_t test_corpus(void)
{
    static const char suffix[] = ".second.tsv";
    const char *corpus = getenv("FAULTBUCKET_CORPUS");
    char path[4096];
    snprintf(path, sizeof path, "%s/expected", corpus != NULL ? corpus : "../shared/corpus");
    DIR *dir = opendir(path);
    size_t n = 0;
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        size_t length = strlen(e->d_name), m = sizeof suffix - 1;
        if (length <= m || strcmp(e->d_name + length - m, suffix) != 0)
            continue;
        e->d_name[length - m] = 0;
        compare(e->d_name);
        n++;
    }
    if (dir != NULL)
        closedir(dir);
    return n;
}

int main(void)
{
    test_rows();
    test_tables();
    test_absent();
    size_t n = test_corpus();
    printf("%zu dumps of the corpus compared\n", n);
    int failed = check_done();
    return failed != 0 || n != 0 ? failed : check_skip("no corpus at FAULTBUCKET_CORPUS");
}
