/*
 * tests/unit/test_signature.c -- from a stack to the text that people read and the key that
 * makes the bucket: which frames count, what kinds there are, and what must never change a key.
 */
#include "base/hash.h"
#include "bucket/codes.h"
#include "bucket/keys.h"
#include "bucket/signature.h"
#include "support/check.h"
#include "support/crashed.h"

enum { FRAMES = 14 };

static const struct {
    const char *name;
    enum fb_os os;
    uint32_t code;
    const char *frames[FRAMES];
    const char *want;
    bool unsymbolicated;
} rows[] = {
    {"plain",                                  FB_WINDOWS, 0,                       {"app.exe!foo(int)", "app.exe!main"}, "foo",                 false},
    {"prefixes go on",
     FB_WINDOWS,                                           0,
     {"vcruntime140.dll!memcpy", "app.exe!std::vector<int>::push_back(int)", "app.exe!foo"},
     "memcpy | std::vector<T>::push_back | foo",                                                                                                 false},
    {"irrelevant ones are skipped",
     FB_WINDOWS,                                           0,
     {"KERNELBASE.dll!RaiseException", "vcruntime140.dll!_CxxThrowException", "app.exe!foo"},
     "foo",                                                                                                                                      false},
    {"no more than four",
     FB_WINDOWS,                                           0,
     {"app.exe!memcpy", "app.exe!malloc", "app.exe!free", "app.exe!calloc", "app.exe!realloc",
      "app.exe!foo"},
     "memcpy | malloc | free | foo",                                                                                                             false},
    {"a library without symbols goes on once",
     FB_WINDOWS,                                           0,
     {"third.dll+1000", "third.dll+2000", "app.exe!foo"},
     "third.dll | foo",                                                                                                                          false},
    {"a sentinel cuts",
     FB_WINDOWS,                                           0,
     {"ucrtbase.dll!helper", "app.exe!_purecall", "app.exe!foo"},
     "_purecall | foo",                                                                                                                          false},
    {"a sentinel that is skipped",
     FB_LINUX,                                             0,
     {"app!handler", "libc.so.6!_sigtramp", "app!foo"},
     "foo",                                                                                                                                      false},
    {"Rust panics",
     FB_LINUX,                                             0,
     {"app!unwinder", "app!rust_begin_unwind", "app!core::panicking::panic_fmt",
      "app!app::run"},
     "app::run",                                                                                                                                 false},
    {"the system's frame, then ours",
     FB_WINDOWS,                                           0,
     {"user32.dll!SomeWindowThing", "user32.dll!DispatchMessageW", "app.exe!pump",
      "app.exe!main"},
     "SomeWindowThing | ~ pump",                                                                                                                 false},
    {"our frame needs no other",               FB_WINDOWS, 0,                       {"b.dll!foo", "app.exe!main"},        "foo",                 false},
    {"a stranger is named",
     FB_WINDOWS,                                           0,
     {"C:\\Other\\Hook.DLL!inject", "app.exe!foo"},
     "hook.dll!inject",                                                                                                                          false},
    {"only irrelevant",
     FB_WINDOWS,                                           0,
     {"ntdll.dll!RtlUserThreadStart", "kernel32.dll!BaseThreadInitThunk"},
     "RtlUserThreadStart",                                                                                                                       false},
    {"scanned frames wait",
     FB_WINDOWS,                                           0,
     {"ntdll.dll!memset", "~app.exe!ghost", "app.exe!foo"},
     "memset | foo",                                                                                                                             false},
    {"recursion counts once",
     FB_WINDOWS,                                           0,
     {"app.exe!memcpy", "app.exe!memcpy", "app.exe!memcpy", "app.exe!foo"},
     "memcpy | foo",                                                                                                                             false},
    {"a hidden irrelevant round",
     FB_WINDOWS,                                           0,
     {"app.exe!malloc", "app.exe!calloc", "app.exe!malloc", "app.exe!calloc", "app.exe!foo"},
     "malloc | calloc | foo",                                                                                                                    false},
    {"anonymous or not",
     FB_WINDOWS,                                           0,
     {"app.exe!ns::`anonymous namespace'::foo(int)"},
     "ns::foo",                                                                                                                                  false},
    {"an abort that was only scanned",
     FB_LINUX,                                             0,
     {"libc.so.6!gsignal", "~libc.so.6!abort", "~app!foo"},
     "gsignal | ~ app",                                                                                                                          false},
 // without symbols
    {"pages of the system, and ours",
     FB_MACOS,                                             0,
     {"/usr/lib/libx.dylib+9000", "/usr/lib/liby.dylib+6000", "/usr/lib/libx.dylib+1",
      "app+165f644", "app+1"},
     "libx.dylib!@0x9 | liby.dylib!@0x6 | ~ app!@0x165f",                                                                                        true },
    {"pages",
     FB_WINDOWS,                                           0,
     {"App.exe+2345", "app.exe+9000", "b.dll+1234"},
     "app.exe!@0x2 | app.exe!@0x9",                                                                                                              true },
    {"pages of two modules",
     FB_WINDOWS,                                           0,
     {"app.exe+2345", "app.exe+9000", "b.dll+1234"},
     "app.exe!@0x2 | b.dll!@0x1",                                                                                                                true },
    {"one module",                             FB_LINUX,   0,                       {"app+123456"},                       "app!@0x123",          true },
    {"the system's symbols do not help",
     FB_WINDOWS,                                           0,
     {"app.exe+2345", "kernel32.dll!BaseThreadInitThunk"},
     "app.exe!@0x2 | kernel32.dll!@0x1",                                                                                                         true },
    {"nothing but guesses",                    FB_WINDOWS, 0,                       {"~app.exe!ghost", "~b.dll+1"},       "app.exe",             true },
    {"nothing",
     FB_WINDOWS,                                           FB_WIN_ACCESS_VIOLATION,
     {NULL},
     "EMPTY | EXCEPTION_ACCESS_VIOLATION | end of stack",                                                                                        false},
    {"nothing, without an exception",
     FB_WINDOWS,                                           0,
     {NULL},
     "EMPTY | no exception | end of stack",                                                                                                      false},
 // kinds
    {"stack overflow",
     FB_WINDOWS,                                           FB_WIN_STACK_OVERFLOW,
     {"app.exe!leaf", "app.exe!b", "app.exe!c", "app.exe!a", "app.exe!b", "app.exe!c",
      "app.exe!a", "app.exe!b", "app.exe!c", "app.exe!a", "app.exe!main"},
     "stackoverflow | a | b | c",                                                                                                                false},
    {"stack overflow, another leaf",
     FB_WINDOWS,                                           FB_WIN_STACK_OVERFLOW,
     {"app.exe!memset", "app.exe!c", "app.exe!a", "app.exe!b", "app.exe!c", "app.exe!a",
      "app.exe!b", "app.exe!c", "app.exe!a", "app.exe!b", "app.exe!main"},
     "stackoverflow | a | b | c",                                                                                                                false},
    {"stack overflow without recursion",
     FB_WINDOWS,                                           FB_WIN_STACK_OVERFLOW,
     {"app.exe!big"},
     "stackoverflow | big",                                                                                                                      false},
    {"wild jump",
     FB_WINDOWS,                                           FB_WIN_ACCESS_VIOLATION,
     {"?", "app.exe!foo"},
     "wild jump | foo",                                                                                                                          false},
    {"wild jump from nowhere",
     FB_WINDOWS,                                           FB_WIN_ACCESS_VIOLATION,
     {"?"},
     "wild jump | EMPTY | EXCEPTION_ACCESS_VIOLATION | end of stack",                                                                            false},
    {"fast fail",
     FB_WINDOWS,                                           FB_WIN_FAST_FAIL,
     {"app.exe!foo"},
     "fastfail LEGACY_GS_VIOLATION | foo",                                                                                                       false},
    {"requested",                              FB_WINDOWS, FB_WIN_SIMULATED,        {"app.exe!foo"},                      "report | foo",        false},
    {"no memory",                              FB_WINDOWS, FB_WIN_NO_MEMORY,        {"app.exe!foo"},                      "OOM | unknown | foo", false},
    {"an allocator that gave up",
     FB_LINUX,                                             FB_SIGABRT,
     {"libc.so.6!raise", "app!alloc::alloc::handle_alloc_error", "app!foo"},
     "OOM | unknown | alloc::alloc::handle_alloc_error | foo",                                                                                   false},
    {"broken memory",                          FB_LINUX,   FB_SIGBUS,               {"app!foo"},                          "foo",                 false},
};

static void check_text(const char *row, const char *got, const char *want)
{
    if (!CHECK(row, got != NULL && strcmp(got, want) == 0))
        fprintf(stderr, "    got  %s\n    want %s\n", got, want);
}

static struct crashed *make(enum fb_os os, uint32_t code, const char *const *frames, size_t n)
{
    struct crashed *c = crashed_new(os, FB_AMD64, os == FB_WINDOWS ? "app.exe" : "app");
    for (size_t i = 0; i < n && frames[i] != NULL; i++)
        crashed_frame(c, frames[i]);
    if (code != 0)
        crashed_exception(c, code, 0, 0, 0);
    return c;
}

static void keys(struct crashed *c, const char *product)
{
    CHECK("name", !fb_failed(fb_name_crash(&c->a, &c->arena)));
    CHECK("keys", !fb_failed(fb_make_keys(&c->a, product, &c->arena)));
}

static void test_rows(void)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct crashed *c = make(rows[i].os, rows[i].code, rows[i].frames, FRAMES);
        keys(c, NULL);
        check_text(rows[i].name, c->a.keys.signature, rows[i].want);
        CHECK(rows[i].name, c->a.keys.unsymbolicated == rows[i].unsymbolicated);
        free(c);
    }
}

/* --- kinds that need more than a code ----------------------------------------------- */

static struct crashed *one_frame(enum fb_os os, uint32_t code)
{
    static const char *const frames[] = {"app.exe!foo"}, *const unix_frames[] = {"app!foo"};
    return make(os, code, os == FB_WINDOWS ? frames : unix_frames, 1);
}

static void finish(const char *row, struct crashed *c, const char *want)
{
    keys(c, NULL);
    check_text(row, c->a.keys.signature, want);
    free(c);
}

static void test_memory_kinds(void)
{
    static const struct fb_pair small[] = {
        {"OOMAllocationSize", "262144"}
    };
    static const struct fb_pair large[] = {
        {"OOMAllocationSize", "262145"}
    };
    struct crashed *c = one_frame(FB_WINDOWS, FB_WIN_BREAKPOINT);
    c->a.dump.annotations = small;
    c->a.dump.n_annotations = 1;
    finish("small", c, "OOM | small");
    c = one_frame(FB_WINDOWS, FB_WIN_BREAKPOINT);
    c->a.dump.annotations = large;
    c->a.dump.n_annotations = 1;
    finish("large", c, "OOM | large | foo");
    c = one_frame(FB_WINDOWS, 0);
    crashed_exception(c, FB_WIN_OUT_OF_MEMORY, 1, 1 << 20, 0);
    finish("Chromium", c, "OOM | large | foo");
    c = one_frame(FB_WINDOWS, FB_WIN_BREAKPOINT);
    c->thread.last_error = 1455;
    finish("last error", c, "OOM | unknown | foo");
    c = one_frame(FB_WINDOWS, 0);
    crashed_exception(c, FB_WIN_IN_PAGE_ERROR, 3, 0, 0);
    c->a.dump.exception.parameters[2] = FB_WIN_DEVICE_DATA_ERROR;
    finish("disk", c, "hardware | disk");
    c = one_frame(FB_WINDOWS, 0);
    crashed_exception(c, FB_WIN_IN_PAGE_ERROR, 3, 0, 0);
    c->a.dump.exception.parameters[2] = 0xC000020C;
    finish("network share", c, "foo");
    c = one_frame(FB_LINUX, FB_SIGBUS);
    c->a.dump.exception.flags = FB_BUS_MCEERR_AR;
    finish("memory", c, "hardware | memory");
}

static void test_overflow_elsewhere(void)
{
    static struct fb_page pages[] = {
        {0x7000, 0x1000, 0,                            FB_PAGE_PRIVATE, NULL},
        {0x8000, 0x8000, FB_PAGE_READ | FB_PAGE_WRITE, FB_PAGE_STACK,   NULL}
    };
    for (int i = 0; i < 3; i++) {
        struct crashed *c = one_frame(FB_LINUX, FB_SIGSEGV);
        c->a.dump.exception.regs.arch = FB_AMD64;
        fb_reg_set(&c->a.dump.exception.regs, FB_RSP, i == 2 ? 0x500000 : 0x8010);
        c->a.dump.exception.address = i == 1 ? 0x9000 : 0x7ff8;
        c->a.dump.pages = (struct fb_pages){pages, 2, FB_PAGES_MAPS};
        finish("guard page", c, i == 0 ? "stackoverflow | foo" : "foo");
    }
}

static const struct {
    const char *message, *want;
} messages[] = {
    {"free(): invalid pointer",                                          "abort: free(): invalid pointer | foo"},
    {"index 12 out of range 7",                                          "abort: index # out of range # | foo" },
    {"pointer 0x7fffdeadbeef is bad",                                    "abort: pointer 0x# is bad | foo"     },
    {"assert in /home/me/src/a.cc:12",                                   "abort: assert in a.cc:# | foo"       },
    {"assert in C:\\me\\a.cc:12",                                        "abort: assert in a.cc:# | foo"       },
    {"a | b",                                                            "abort: a   b | foo"                  },
    {"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg",
     "abort: aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff | foo"                               },
    {"\x01\xff",                                                         "abort:  | foo"                       },
};

static void test_messages(void)
{
    for (size_t i = 0; i < COUNT(messages); i++) {
        static const char *const frames[] = {"libc.so.6!helper", "libc.so.6!abort", "app!foo"};
        struct crashed *c = make(FB_LINUX, FB_SIGABRT, frames, 3);
        c->a.dump.assertion = messages[i].message;
        finish(messages[i].message, c, messages[i].want);
    }
    static const struct fb_pair said[] = {
        {"abort_message", "gone 5"}
    };
    struct crashed *c = one_frame(FB_ANDROID, FB_SIGABRT);
    c->a.dump.annotations = said;
    c->a.dump.n_annotations = 1;
    finish("annotation", c, "abort: gone # | foo");
}

/* ThrowInfo at 0x10, array at 0x40, type at 0x60, descriptor at 0x80, all from base 0x10000. */
static const uint8_t throw_tables[] = {
    [0x1C] = 0x40, [0x40] = 1, [0x44] = 0x60, [0x64] = 0x80, [0x90] = '.', '?', 'A', 'V',
    'r',           'u',        'n',           '_',           'e',          'r', 'r', '@',
    's',           't',        'd',           '@',           '@',          0,
};

static void test_thrown(void)
{
    for (int i = 0; i < 3; i++) {
        static struct fb_region region;
        region = (struct fb_region){
            0x10000, {throw_tables, i == 1 ? 0x50 : sizeof throw_tables, 0}
        };
        struct crashed *c = one_frame(FB_WINDOWS, 0);
        crashed_exception(c, FB_WIN_CPP_EXCEPTION, i == 2 ? 3 : 4, 0x19930520, 0);
        c->a.dump.exception.parameters[2] = 0x10010;
        c->a.dump.exception.parameters[3] = 0x10000;
        c->a.dump.memory = (struct fb_memory){&region, 1, region.bytes.n, false};
        finish("thrown", c, i == 0 ? "uncaught std::run_err | foo" : "foo");
    }
    struct crashed *c = one_frame(FB_MACOS, FB_EXC_NSEXCEPTION);
    finish("Objective-C", c, "uncaught NSException | foo");
    c = one_frame(FB_WINDOWS, 0);
    crashed_exception(c, FB_WIN_CLR_EXCEPTION, 1, 0x80131509, 0);
    finish("CLR", c, "uncaught CLR 80131509 | foo");
}

static void test_more_kinds(void)
{
    static const struct fb_unloaded gone = {.name = "gone.dll"};
    static const struct fb_unloaded *const all[] = {&gone};
    static struct fb_page jit = {0x600000000 - 16, 0x1000, FB_PAGE_READ | FB_PAGE_EXECUTE,
                                 FB_PAGE_PRIVATE, NULL};
    static const char *const frames[] = {"?", "app.exe!foo"};
    struct crashed *c = make(FB_WINDOWS, FB_WIN_ACCESS_VIOLATION, frames, 2);
    c->frames[0].unloaded = all;
    c->frames[0].n_unloaded = 1;
    finish("unloaded", c, "unloaded gone.dll | foo");
    c = make(FB_WINDOWS, FB_WIN_ACCESS_VIOLATION, frames, 2);
    c->a.dump.pages = (struct fb_pages){&jit, 1, FB_PAGES_MEMORY_INFO};
    finish("JIT", c, "foo");
    c = one_frame(FB_WINDOWS, 0);
    crashed_exception(c, FB_WIN_FAST_FAIL, 1, 7, 0);
    finish("abort", c, "foo");
    c = one_frame(FB_WINDOWS, 0);
    crashed_exception(c, FB_WIN_FAST_FAIL, 1, 3, 0);
    finish("list", c, "fastfail CORRUPT_LIST_ENTRY | foo");
    c = one_frame(FB_WINDOWS, 0);
    crashed_exception(c, FB_WIN_FAST_FAIL, 1, 999, 0);
    finish("unknown", c, "fastfail 999 | foo");
    c = one_frame(FB_WINDOWS, FB_WIN_ACCESS_VIOLATION);
    c->a.dump.crashing = SIZE_MAX;
    finish("no thread", c, "EMPTY | EXCEPTION_ACCESS_VIOLATION | no crashing thread");
}

/* --- keys --------------------------------------------------------------------------- */

static void expect_key(const char *row, const struct crashed *c, const char *bytes, size_t n)
{
    uint8_t digest[FB_SHA256_SIZE];
    fb_sha256(bytes, n, digest);
    CHECK(row, memcmp(c->a.keys.bucket, digest, 16) == 0);
}

static void test_key_definition(void)
{
    static const char *const frames[] = {"app.exe!memcpy", "app.exe!foo"};
    static const char *const bare[] = {"app.exe+2345"};
    struct crashed *c = make(FB_WINDOWS, 0, frames, 2);
    keys(c, "Product");
    static const char want[] = "fb1\0Product\0memcpy\0foo";
    expect_key("definition", c, want, sizeof want - 1);
    free(c);
    c = make(FB_WINDOWS, 0, bare, 1);
    keys(c, "Product");
    static const char build[] = "fb1\0Product\0app.exe!@0x2\0"
                                "5f0000001000000";
    expect_key("build", c, build, sizeof build - 1);
    free(c);
}

/* What differs between two reports of one bug. */
static void another_build(struct crashed *c) { c->modules[0].timestamp = 0x60000000; }
static void another_place(struct crashed *c)
{
    c->frames[0].lookup += 0x100;
    c->frames[0].resume += 0x100;
    c->frames[0].function_at += 0x80;
}
static void another_line(struct crashed *c) { c->frames[0].line = 99; }
static void another_system(struct crashed *c) { c->a.dump.system.build = 22631; }
static void another_address(struct crashed *c)
{
    c->a.dump.exception.parameters[1] = 0x41414141;
}
static void another_access(struct crashed *c) { c->a.dump.exception.parameters[0] = 1; }
static void another_trust(struct crashed *c) { c->frames[1].trust = FB_TRUST_FRAME_POINTER; }
static void another_name(struct crashed *c) { c->frames[0].function = "void foo(int) const"; }
static void nothing(struct crashed *c) { (void)c; }
static void another_function(struct crashed *c) { c->frames[0].function = "other"; }

static const struct {
    const char *name;
    void (*change)(struct crashed *c);
    const char *product;
    bool same;
} changes[] = {
    {"build",    another_build,    "p", true },
    {"place",    another_place,    "p", true },
    {"line",     another_line,     "p", true },
    {"system",   another_system,   "p", true },
    {"address",  another_address,  "p", true },
    {"access",   another_access,   "p", true },
    {"trust",    another_trust,    "p", true },
    {"name",     another_name,     "p", true },
    {"product",  nothing,          "q", false},
    {"function", another_function, "p", false},
};

static void test_key_stability(void)
{
    static const char *const frames[] = {"app.exe!foo(int)", "app.exe!main"};
    uint8_t first[16];
    struct crashed *c = make(FB_WINDOWS, FB_WIN_ACCESS_VIOLATION, frames, 2);
    c->a.dump.exception.n_parameters = 2;
    keys(c, "p");
    memcpy(first, c->a.keys.bucket, 16);
    free(c);
    for (size_t i = 0; i < COUNT(changes); i++) {
        c = make(FB_WINDOWS, FB_WIN_ACCESS_VIOLATION, frames, 2);
        c->a.dump.exception.n_parameters = 2;
        changes[i].change(c);
        keys(c, changes[i].product);
        CHECK(changes[i].name, (memcmp(first, c->a.keys.bucket, 16) == 0) == changes[i].same);
        free(c);
    }
}

static void test_product(void)
{
    static const struct fb_pair said[] = {
        {"product",      "last"  },
        {"ProductName",  "third" },
        {"prod",         "second"},
        {"_productName", "first" }
    };
    for (size_t n = 0; n <= COUNT(said); n++) {
        static const char *const want[] = {"app.exe", "last", "third", "second", "first"};
        struct crashed *c = one_frame(FB_WINDOWS, 0);
        c->a.dump.annotations = said;
        c->a.dump.n_annotations = n;
        keys(c, "");
        check_text("product", c->a.keys.product, want[n]);
        free(c);
    }
    struct crashed *c = crashed_new(FB_WINDOWS, FB_AMD64, NULL);
    keys(c, NULL);
    check_text("nobody", c->a.keys.product, "unknown");
    free(c);
}

/* --- frames ------------------------------------------------------------------------- */

static void test_classes(void)
{
    static const struct {
        const char *frame;
        enum fb_frame_class class;
        bool in_app;
    } v[] = {
        {"ntdll.dll!RtlUserThreadStart",       FB_FRAME_IRRELEVANT, false},
        {"ucrtbase.dll!_purecall",             FB_FRAME_SENTINEL,   false},
        {"ntdll.dll!RtlAllocateHeap",          FB_FRAME_PREFIX,     false},
        {"app.exe!foo",                        FB_FRAME_RELEVANT,   true },
        {"b.dll!foo",                          FB_FRAME_RELEVANT,   true },
        {"b.dll+1",                            FB_FRAME_PREFIX,     true },
        {"app.exe+1",                          FB_FRAME_RELEVANT,   true },
        {"~app.exe!foo",                       FB_FRAME_LOW,        true },
        {"?",                                  FB_FRAME_LOW,        false},
        {"C:\\WINDOWS\\system32\\odd.dll!foo", FB_FRAME_RELEVANT,   false},
        {"C:\\Other\\odd2.dll!foo",            FB_FRAME_RELEVANT,   true },
        {"vcruntime140_1.dll!foo",             FB_FRAME_RELEVANT,   false},
    };
    struct crashed *c = crashed_new(FB_WINDOWS, FB_AMD64, "app.exe");
    for (size_t i = 0; i < COUNT(v); i++)
        crashed_frame(c, v[i].frame);
    crashed_frame(c, "app.exe!far");
    c->frames[COUNT(v)].file = NULL; // an export, and nothing else for miles
    c->frames[COUNT(v)].function_at -= 0x1000;
    keys(c, NULL);
    for (size_t i = 0; i < COUNT(v); i++) {
        CHECK(v[i].frame, c->frames[i].class == v[i].class);
        CHECK(v[i].frame, c->frames[i].in_app == v[i].in_app);
    }
    CHECK("far", c->frames[COUNT(v)].class == FB_FRAME_LOW);
    free(c);
}

static void test_inlines(void)
{
    static const struct fb_inline v[] = {
        {"std::vector<int>::at(int)", "v.h",  1},
        {"hidden(int)",               "a.cc", 2}
    };
    static const char *const frames[] = {"libc.so.6!memcpy", "app!foo", "app!main"};
    struct crashed *c = make(FB_LINUX, FB_SIGSEGV, frames, 3);
    c->frames[1].inlines = v;
    c->frames[1].n_inlines = 2;
    finish("inlines", c, "memcpy | hidden");
}

static void test_lists(void)
{
    size_t n;
    const struct fb_list_row *row = fb_list_exact(&n);
    for (size_t i = 0; i < n; i++) {
        CHECK(row[i].pattern, i == 0 || strcmp(row[i - 1].pattern, row[i].pattern) < 0);
        CHECK(row[i].pattern, fb_list_find(row[i].pattern) == &row[i]);
        CHECK(row[i].pattern, row[i].role != FB_ROLE_NONE);
    }
    row = fb_list_patterns(&n);
    for (size_t i = 0; i < n; i++) {
        char name[64];
        size_t m = 0;
        for (const char *p = row[i].pattern; *p != 0; p++)
            m += (size_t)snprintf(name + m, sizeof name - m, "%s%c", *p == '*' ? "Q" : "",
                                  *p == '*' ? 'q' : *p);
        const struct fb_list_row *got = fb_list_find(name);
        CHECK(row[i].pattern, got != NULL && got->class == row[i].class);
    }
    CHECK("no row", fb_list_find("foo") == NULL);
}

/* --- hostile and starved ------------------------------------------------------------ */

static void test_hostile(void)
{
    static const char *const frames[] = {"app.exe!memcpy", "app.exe!malloc", "app.exe!free",
                                         "app.exe!foo"};
    static char longest[5000];
    memset(longest, 'a', sizeof longest - 1);
    struct crashed *c = make(FB_WINDOWS, 0, frames, 4);
    c->frames[3].function = longest;
    c->modules[0].name = longest;
    keys(c, longest);
    CHECK("long", strlen(c->a.keys.signature) <= 255);
    CHECK("long", strlen(c->a.keys.failure_id) < 1024);
    free(c);
    static const char *const bare[] = {"app.exe+1", "b.dll+1"};
    c = make(FB_WINDOWS, 0, bare, 2);
    c->modules[0].name = longest;
    c->modules[1].name = "\xc3\xa9\x01|\n";
    keys(c, NULL);
    CHECK("names", strlen(c->a.keys.signature) <= 255);
    for (const char *p = c->a.keys.signature; *p != 0; p++)
        CHECK("names", *p >= ' ' && *p <= '~');
    free(c);
    c = make(FB_WINDOWS, 0, bare, 2); // a name that lies outside the file is none
    c->modules[0].name = c->modules[0].path = NULL;
    c->modules[1].name = c->modules[1].path = NULL;
    keys(c, NULL);
    CHECK("no names", c->a.keys.signature[0] != 0);
    free(c);
    c = make(FB_WINDOWS, 0, NULL, 0);
    for (size_t i = 0; i < CRASHED_FRAMES; i++)
        crashed_frame(c, i % 3 != 0 ? "app.exe!a" : "app.exe!b");
    keys(c, NULL);
    check_text("deep", c->a.keys.signature, "b");
    free(c);
}

static void test_blame(void)
{
    static const struct {
        const char *frames[5];
        uint32_t code;
        size_t blame;
    } v[] = {
        {{"ntdll.dll!RtlFreeHeap", "ucrtbase.dll!free", "app.exe!foo", "app.exe!main"}, 0, 2       },
        {{"kernel32.dll!Odd", "~app.exe!ghost", "app.exe!foo"},                         0, 2       },
        {{"kernel32.dll!Odd", "~app.exe!ghost"},                                        0, 1       },
        {{"ntdll.dll!RtlFreeHeap", "kernel32.dll!Odd"},                                 0, 1       },
        {{"ntdll.dll!RtlFreeHeap"},                                                     0, 0       },
        {{NULL},                                                                        0, SIZE_MAX},
        {{"app.exe!b", "app.exe!a", "app.exe!b", "app.exe!a", "app.exe!b"},
         FB_WIN_STACK_OVERFLOW,                                                            0       },
    };
    for (size_t i = 0; i < COUNT(v); i++) {
        struct crashed *c = make(FB_WINDOWS, v[i].code, v[i].frames, 5);
        keys(c, NULL);
        CHECK(v[i].frames[0] != NULL ? v[i].frames[0] : "none", c->a.keys.blame == v[i].blame);
        CHECK("why", c->a.keys.blame_why != NULL && c->a.keys.blame_why[0] != 0);
        free(c);
    }
}

/* In any smaller arena it says LIMIT, and nothing else. */
static void test_starved(void)
{
    static const char *const frames[] = {"ntdll.dll!RtlFreeHeap", "app.exe!foo(int)", "b.dll+7",
                                         "?"};
    size_t used = 0;
    for (size_t cap = 1 << 20; cap != 0;
         cap = cap > used ? used - 1 : cap - (cap > 97 ? 97 : cap)) {
        struct crashed *c = make(FB_WINDOWS, FB_WIN_ACCESS_VIOLATION, frames, 4);
        c->a.crash.type = "EXCEPTION_ACCESS_VIOLATION_READ";
        c->a.crash.crashed = true;
        c->arena.cap = cap;
        struct fb_err err = fb_make_keys(&c->a, NULL, &c->arena);
        CHECK("starved", err.code == (used == 0 ? FB_OK : FB_LIMIT));
        if (used == 0)
            used = c->arena.used;
        free(c);
    }
}

int main(void)
{
    test_rows();
    test_memory_kinds();
    test_overflow_elsewhere();
    test_messages();
    test_thrown();
    test_more_kinds();
    test_key_definition();
    test_key_stability();
    test_product();
    test_classes();
    test_inlines();
    test_lists();
    test_hostile();
    test_blame();
    test_starved();
    return check_done();
}
