/* tests/unit/test_minidump_process.c -- threads, stacks, the exception and whose it is, memory,
 * pages, and what Crashpad and Breakpad add. */
#include "support/check.h"
#include "support/reading.h"

static struct reading got;
static uint8_t stack[256];

static struct fb_regs at_sp(uint64_t sp)
{
    struct fb_regs regs = {.arch = FB_AMD64};
    fb_reg_set(&regs, FB_RAX, 1);
    fb_reg_set(&regs, FB_RIP, 0x401000);
    fb_reg_set(&regs, FB_RSP, sp);
    return regs;
}

static void windows(struct dumpgen *d)
{
    dumpgen_begin(d, false);
    dumpgen_system(d, &(struct dumpgen_system){.arch = 9, .platform = 2});
}

/* Which thread the report is about. */
static void crashing_thread(void)
{
    enum { NONE = 0, LINUX = 0x8201, WINDOWS = 2 };
    static const struct {
        const char *name;
        uint32_t exception, code; // thread id; 0: no exception stream
        uint32_t validity, requesting, platform;
        uint64_t sp; // of the exception's context; 0: it has none
        size_t want;
        bool requested;
    } rows[] = {
        {"exception",                    8, 0xC0000005, NONE, 0, WINDOWS, 0,      1,        false},
        {"exception before Breakpad",    8, 0xC0000005, 2,    7, WINDOWS, 0,      1,        false},
        {"Breakpad alone",               0, 0,          2,    7, WINDOWS, 0,      0,        true },
        {"Breakpad, not valid",          0, 0,          1,    7, WINDOWS, 0,      SIZE_MAX, false},
        {"nobody",                       0, 0,          NONE, 0, WINDOWS, 0,      SIZE_MAX, false},
        {"exception of no thread",       9, 0xC0000005, NONE, 0, WINDOWS, 0,      SIZE_MAX, false},
        {"exception on a known stack",   9, 0xC0000005, NONE, 0, WINDOWS, 0x6010, 1,        false},
        {"on demand, Crashpad",          8, 0x0517A7ED, NONE, 0, WINDOWS, 0,      1,        true },
        {"on demand, Breakpad on Linux", 8, 0xFFFFFFFF, NONE, 0, LINUX,   0,      1,        true },
        {"that code on Windows",         8, 0xFFFFFFFF, NONE, 0, WINDOWS, 0,      1,        false},
    };
    const struct dumpgen_thread threads[] = {
        {.id = 7, .stack_start = 0x5000, .stack = stack, .n_stack = 64, .regs = at_sp(0x5000)},
        {.id = 8, .stack_start = 0x6000, .stack = stack, .n_stack = 64, .regs = at_sp(0x6000)},
        {.id = 8, .stack_start = 0x7000, .stack = stack, .n_stack = 64, .regs = at_sp(0x7000)},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen d;
        dumpgen_begin(&d, false);
        dumpgen_system(&d, &(struct dumpgen_system){.arch = 9, .platform = rows[i].platform});
        dumpgen_threads(&d, threads, 3);
        struct dumpgen_exception e = {.thread = rows[i].exception, .code = rows[i].code};
        if (rows[i].sp != 0)
            e.regs = at_sp(rows[i].sp);
        if (e.thread != 0)
            dumpgen_exception(&d, &e);
        if (rows[i].validity != 0)
            dumpgen_breakpad(&d, rows[i].validity, rows[i].requesting);
        reading_of(&got, dumpgen_end(&d));
        CHECK(rows[i].name, got.dump.crashing == rows[i].want);
        CHECK(rows[i].name, got.dump.requested == rows[i].requested);
        CHECK(rows[i].name, got.dump.exception.present == (rows[i].exception != 0));
        CHECK(rows[i].name, reading_noted(&got, FB_NOTE_DUPLICATE_ITEM)); // two of id 8
        CHECK(rows[i].name, got.dump.threads.n == 3);
        dumpgen_free(&d);
    }
}

static void exception_record(void)
{
    static const struct {
        const char *name;
        uint16_t arch;
        uint32_t parameters;
        uint64_t address;
        uint32_t want;
        uint64_t want_address;
    } rows[] = {
        {"two parameters",        9, 2,          0xFFFFFFFFFFFFFFFF, 2,  0xFFFFFFFFFFFFFFFF},
        {"fifteen",               9, 15,         0x1000,             15, 0x1000            },
        {"sixteen",               9, 16,         0x1000,             15, 0x1000            },
        {"4294967295",            9, UINT32_MAX, 0x1000,             15, 0x1000            },
        {"32-bit, sign extended", 0, 2,          0xFFFFFFFF80000010, 2,  0x80000010        },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen d;
        dumpgen_begin(&d, false);
        dumpgen_system(&d, &(struct dumpgen_system){.arch = rows[i].arch, .platform = 2});
        dumpgen_exception(&d, &(struct dumpgen_exception){
                                  .code = 0xC0000005,
                                  .flags = 1,
                                  .address = rows[i].address,
                                  .n_parameters = rows[i].parameters,
                                  .parameters = {8, rows[i].address}
        });
        reading_of(&got, dumpgen_end(&d));
        const struct fb_exception *e = &got.dump.exception;
        CHECK(rows[i].name, e->present && e->code == 0xC0000005 && e->flags == 1);
        CHECK(rows[i].name, e->n_parameters == rows[i].want && e->parameters[0] == 8);
        CHECK(rows[i].name, e->address == rows[i].want_address);
        CHECK(rows[i].name, e->parameters[1] == rows[i].want_address);
        CHECK(rows[i].name,
              reading_noted(&got, FB_NOTE_CUT_LIST) == (rows[i].parameters > rows[i].want));
        dumpgen_free(&d);
    }
}

/* Exceptions that were being handled: records in memory, each leading to the next. */
static void outer_exceptions(void)
{
    enum { AT = 0x8000, RECORD = 152 };
    static uint8_t records[10 * RECORD];
    static const struct {
        const char *name;
        uint16_t arch;
        uint32_t platform, n_parameters;
        size_t n;     // records
        uint64_t end; // where the last one leads
        size_t want;
        bool limit;
    } rows[] = {
        {"none",                9, 2,      2,  0,  0,          0, false},
        {"one",                 9, 2,      2,  1,  0,          1, false},
        {"three",               9, 2,      15, 3,  0,          3, false},
        {"32-bit",              0, 2,      2,  2,  0,          2, false},
        {"one not captured",    9, 2,      2,  1,  0xDEAD0000, 1, false},
        {"a ring",              9, 2,      2,  2,  AT,         8, true },
        {"too many",            9, 2,      2,  10, 0,          8, true },
        {"too many parameters", 9, 2,      16, 1,  0,          0, false},
        {"not on Linux",        9, 0x8201, 2,  1,  0,          0, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen d;
        struct dumpgen scratch = {.p = records, .n = sizeof records, .room = sizeof records};
        size_t word = rows[i].arch == 0 ? 4 : 8;
        memset(records, 0, sizeof records);
        for (size_t k = 0; k < rows[i].n; k++) {
            uint64_t next = k + 1 < rows[i].n ? AT + RECORD * (k + 1) : rows[i].end;
            dumpgen_poke(&scratch, RECORD * k, 0xE06D7363, 4);
            dumpgen_poke(&scratch, RECORD * k + 8, next, word);
            dumpgen_poke(&scratch, RECORD * k + 8 + word, 0x401000 + k, word);
            dumpgen_poke(&scratch, RECORD * k + 8 + 2 * word, rows[i].n_parameters, 4);
            dumpgen_poke(&scratch, RECORD * k + 8 + 3 * word, 0x19930520, word);
        }
        struct dumpgen_memory memory = {AT, records, sizeof records};
        dumpgen_begin(&d, false);
        dumpgen_system(
            &d, &(struct dumpgen_system){.arch = rows[i].arch, .platform = rows[i].platform});
        dumpgen_memory(&d, &memory, 1);
        dumpgen_exception(&d, &(struct dumpgen_exception){.code = 0xC000041D,
                                                          .nested = rows[i].n != 0 ? AT : 0});
        reading_of(&got, dumpgen_end(&d));
        const struct fb_exception *e = &got.dump.exception;
        CHECK(rows[i].name, e->n_outer == rows[i].want);
        for (size_t k = 0; k < e->n_outer; k++) {
            CHECK(rows[i].name, e->outer[k].code == 0xE06D7363);
            CHECK(rows[i].name, e->outer[k].address == 0x401000 + k % rows[i].n);
            CHECK(rows[i].name, e->outer[k].n_parameters == rows[i].n_parameters &&
                                    e->outer[k].parameters[0] == 0x19930520);
        }
        CHECK(rows[i].name, reading_noted(&got, FB_NOTE_LIMIT) == rows[i].limit);
        dumpgen_free(&d);
    }
}

/* What the header's flags promise must be there. */
static void promises(void)
{
    static const struct {
        const char *name;
        uint64_t flags;
        bool handles, noted;
    } rows[] = {
        {"nothing promised",  0,    false, false},
        {"handles, kept",     4,    true,  false},
        {"handles, not kept", 4,    false, true },
        {"unloaded modules",  0x20, false, false},
        {"all memory",        2,    false, true },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen d;
        windows(&d);
        d.flags = rows[i].flags;
        if (rows[i].handles)
            dumpgen_handles(&d, &(struct dumpgen_handle){.handle = 4}, 1);
        dumpgen_raw(&d, 10, "x", 1);
        reading_of(&got, dumpgen_end(&d));
        size_t n = 0;
        for (size_t k = 0; k < got.notes.n; k++)
            n += strstr(got.notes.v[k].what, "promise") != NULL;
        CHECK(rows[i].name, (n != 0) == rows[i].noted);
        dumpgen_free(&d);
    }
}

/* Each oddity lowers the score, down to where all is odd. */
static void odd_dumps(void)
{
    static const struct {
        const char *name;
        size_t odd; // regions of memory that are empty
        bool lower; // than the row before
    } rows[] = {
        {"nothing odd", 0,  false},
        {"one",         1,  true },
        {"four",        4,  true },
        {"eight",       8,  true },
        {"all",         16, false},
    };
    double before = 1;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen_memory memory[20] = {
            {0x5000, stack, sizeof stack}
        };
        struct dumpgen d;
        windows(&d);
        dumpgen_memory(&d, memory, 1 + rows[i].odd);
        reading_of(&got, dumpgen_end(&d));
        CHECK(rows[i].name, got.dump.memory.n == 1);
        CHECK(rows[i].name, i == 0 || (got.dump.completeness < before) == rows[i].lower);
        before = got.dump.completeness;
        dumpgen_free(&d);
    }
}

/* Itanium's list of threads, whose entries are longer. */
static void threads_ex(void)
{
    struct dumpgen d;
    windows(&d);
    dumpgen_stream(&d, 8);
    dumpgen_number(&d, 2, 4);
    for (uint32_t i = 0; i < 2; i++) {
        dumpgen_number(&d, 70 + i, 4);
        dumpgen_bytes(&d, NULL, 60);
    }
    dumpgen_stream_end(&d);
    reading_of(&got, dumpgen_end(&d));
    CHECK("ex", got.dump.threads.n == 2 && got.dump.threads.v[1].id == 71);
    dumpgen_free(&d);
}

/* Where a stack is found when the thread does not say where in the file it lies. */
static void stacks(void)
{
    static const struct {
        const char *name;
        bool own, full; // the thread has bytes of its own; the list is the 64-bit one
        uint64_t start, sp;
        uint64_t want_start;
        size_t want;
    } rows[] = {
        {"of its own",                  true,  false, 0x5000, 0x5010, 0x5000, 64 },
        {"in the list, by its start",   false, false, 0x8000, 0x8010, 0x8000, 256},
        {"in the 64-bit list",          false, true,  0x8000, 0x8010, 0x8000, 256},
        {"start inside a region",       false, true,  0x8080, 0x8090, 0x8080, 128},
        {"start unknown, by sp",        false, true,  0,      0x8040, 0x8040, 192},
        {"start misleads, by sp",       false, true,  0x9000, 0x8040, 0x8040, 192},
        {"sp a little below the start", false, true,  0x8010, 0x8000, 0x8000, 256},
        {"nowhere",                     false, true,  0x1000, 0x2000, 0x1000, 0  },
    };
    static const struct dumpgen_memory memory[] = {
        {0x8000, stack, sizeof stack},
        {0x9000, stack, 16          }
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen d;
        windows(&d);
        dumpgen_threads(&d,
                        &(struct dumpgen_thread){.id = 1,
                                                 .stack_start = rows[i].start,
                                                 .stack = rows[i].own ? stack : NULL,
                                                 .n_stack = 64,
                                                 .regs = at_sp(rows[i].sp)},
                        1);
        (rows[i].full ? dumpgen_memory64 : dumpgen_memory)(&d, memory, 2);
        reading_of(&got, dumpgen_end(&d));
        const struct fb_thread *thread = &got.dump.threads.v[0];
        CHECK(rows[i].name, thread->stack_start == rows[i].want_start);
        CHECK(rows[i].name, thread->stack.n == rows[i].want);
        dumpgen_free(&d);
    }
}

static void memory(void)
{
    static const struct {
        const char *name;
        uint64_t start[3];
        uint32_t n[3];
        size_t want;
        bool bad;
    } rows[] = {
        {"in order",        {0x1000, 0x2000, 0x3000},          {16, 16, 16}, 3, false},
        {"not in order",    {0x3000, 0x1000, 0x2000},          {16, 16, 16}, 3, false},
        {"one twice",       {0x1000, 0x2000, 0x1000},          {16, 16, 16}, 2, false},
        {"one byte shared", {0x1000, 0x100F, 0x2000},          {16, 16, 16}, 3, false},
        {"one wraps",       {UINT64_MAX - 7, 0x1000, 0x2000},  {16, 16, 16}, 2, true },
        {"up to the top",   {UINT64_MAX - 15, 0x1000, 0x2000}, {16, 16, 16}, 3, false},
        {"one empty",       {0x1000, 0x2000, 0x3000},          {16, 0, 16},  2, true },
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int full = 0; full < 2; full++) {
            struct dumpgen d;
            struct dumpgen_memory v[3];
            for (size_t k = 0; k < 3; k++)
                v[k] = (struct dumpgen_memory){rows[i].start[k], stack, rows[i].n[k]};
            windows(&d);
            (full ? dumpgen_memory64 : dumpgen_memory)(&d, v, 3);
            reading_of(&got, dumpgen_end(&d));
            CHECK(rows[i].name, got.dump.memory.n == rows[i].want);
            CHECK(rows[i].name, reading_noted(&got, FB_NOTE_BAD_RANGE) == rows[i].bad);
            CHECK(rows[i].name, got.dump.memory.longest == 16);
            for (size_t k = 1; k < got.dump.memory.n; k++)
                CHECK(rows[i].name,
                      got.dump.memory.v[k - 1].start < got.dump.memory.v[k].start);
            dumpgen_free(&d);
        }
}

/* Sizes that lie: the region is clamped to the file, and a sum that overflows ends the list. */
static void memory64_lies(void)
{
    struct dumpgen d;
    windows(&d);
    dumpgen_stream(&d, 9);
    dumpgen_number(&d, 3, 8);
    dumpgen_number(&d, 0x40, 8);
    dumpgen_number(&d, 0x1000, 8);
    dumpgen_number(&d, UINT64_C(1) << 40, 8);
    dumpgen_number(&d, 0x2000, 8);
    dumpgen_number(&d, UINT64_MAX - 0x3000, 8);
    dumpgen_number(&d, 0x3000, 8);
    dumpgen_number(&d, 16, 8);
    dumpgen_stream_end(&d);
    struct fb_span file = dumpgen_end(&d);
    reading_of(&got, file);
    CHECK("lies", got.dump.memory.n == 1 && got.dump.memory.v[0].bytes.n == file.n - 0x40);
    CHECK("lies", reading_noted(&got, FB_NOTE_TRUNCATED));
    CHECK("lies", reading_noted(&got, FB_NOTE_BAD_RANGE));
    dumpgen_free(&d);
}

static void last_errors(void)
{
    static const struct {
        const char *name;
        uint16_t arch;
        uint32_t platform;
        size_t at;
        uint64_t want;
    } rows[] = {
        {"x64",      9, 2,      0x68, 5         },
        {"x86",      0, 2,      0x34, 5         },
        {"no TEB",   9, 2,      0x34, UINT64_MAX},
        {"on Linux", 9, 0x8201, 0x68, UINT64_MAX},
    };
    static const uint8_t five[4] = {5};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen d;
        struct dumpgen_memory teb = {0x7000 + rows[i].at, five, 4};
        dumpgen_begin(&d, false);
        dumpgen_system(
            &d, &(struct dumpgen_system){.arch = rows[i].arch, .platform = rows[i].platform});
        dumpgen_threads(&d, &(struct dumpgen_thread){.id = 1, .teb = 0x7000}, 1);
        dumpgen_memory(&d, &teb, 1);
        reading_of(&got, dumpgen_end(&d));
        CHECK(rows[i].name, got.dump.threads.v[0].last_error == rows[i].want);
        dumpgen_free(&d);
    }
}

static void sample_windows(void)
{
    struct dumpgen d;
    reading_of(&got, dumpgen_sample(&d, FB_AMD64, false, false));
    const struct fb_dump *dump = &got.dump;
    CHECK("system", dump->system.major == 10 && dump->system.build == 19045);
    CHECK("system",
          dump->system.cpu_count == 4 && reading_same(dump->system.csd, "Service Pack 1"));
    CHECK("system",
          reading_same(dump->system.cpu_info, "GenuineIntel family 6 model 42 stepping 7"));
    CHECK("misc", dump->has_misc && dump->pid == 77 && dump->process_start == 1699999990);
    CHECK("names", reading_same(dump->threads.v[0].name, "main"));
    CHECK("names", reading_same(dump->threads.v[1].name, "worker"));
    CHECK("pages", dump->pages.source == FB_PAGES_MEMORY_INFO && dump->pages.n == 3);
    const struct fb_page *guard = fb_page_at(&dump->pages, 0x7ffe0000);
    CHECK("pages", guard->access == (FB_PAGE_READ | FB_PAGE_WRITE | FB_PAGE_GUARD));
    CHECK("pages", fb_page_at(&dump->pages, 0x400000)->kind == FB_PAGE_IMAGE);
    CHECK("crashpad", dump->n_annotations == 2 && dump->address_mask == 0xFF00000000000000);
    CHECK("crashpad", reading_same(dump->annotations[1].name, "ver") &&
                          reading_same(dump->annotations[1].value, "1.2"));
    const struct fb_module *module = &dump->modules.v[0];
    CHECK("crashpad", module->n_annotations == 2);
    CHECK("crashpad", reading_same(module->annotations[1], "from a list"));
    CHECK("crashpad", reading_same(module->annotations[2], "abort") &&
                          reading_same(module->annotations[3], "check failed"));
    CHECK("whole", reading_same(dump->writer, "crashpad") && got.notes.n == 0);
    CHECK("whole", dump->completeness > 0.9);
    dumpgen_free(&d);
}

static void sample_linux(void)
{
    struct dumpgen d;
    reading_of(&got, dumpgen_sample(&d, FB_AMD64, true, false));
    const struct fb_dump *dump = &got.dump;
    CHECK("uname",
          dump->system.major == 5 && dump->system.minor == 10 && dump->system.build == 28);
    CHECK("maps",
          dump->n_maps == 6 && dump->pages.n == 6 && dump->pages.source == FB_PAGES_MAPS);
    CHECK("maps", reading_same(dump->pages.v[1].name, "/usr/bin/sample program (deleted)"));
    CHECK("maps",
          dump->pages.v[0].kind == FB_PAGE_IMAGE && dump->pages.v[2].kind == FB_PAGE_HEAP);
    CHECK("maps", dump->pages.v[4].kind == FB_PAGE_STACK &&
                      dump->pages.v[0].access == (FB_PAGE_READ | FB_PAGE_EXECUTE));
    CHECK("lsb", dump->has_lsb && reading_same(dump->lsb.id, "Debian"));
    CHECK("lsb", reading_same(dump->lsb.description, "Debian GNU/Linux 12"));
    CHECK("cpuinfo", strstr(dump->system.cpu_info, "Sample CPU @ 3 GHz") != NULL);
    CHECK("assertion",
          reading_same(dump->assertion, "Invalid parameter passed to library function: "
                                        "n > 0 in main at sample.c:12"));
    CHECK("writer", reading_same(dump->writer, "breakpad"));
    dumpgen_free(&d);
}

/* Many names that point to one long string: memory stays in proportion to the file. */
static void shared_text(void)
{
    enum { MODULES = 200, LETTERS = 8000 };
    struct dumpgen d;
    dumpgen_begin(&d, false);
    static char text[LETTERS + 1];
    memset(text, 'a', LETTERS);
    uint32_t at = dumpgen_string16(&d, text);
    dumpgen_stream(&d, 4);
    dumpgen_number(&d, MODULES, 4);
    for (uint64_t i = 0; i < MODULES; i++) {
        dumpgen_number(&d, 0x10000 * i, 8);
        dumpgen_bytes(&d, NULL, 12);
        dumpgen_number(&d, at, 4);
        dumpgen_bytes(&d, NULL, 84);
    }
    dumpgen_stream_end(&d);
    reading_of(&got, dumpgen_end(&d));
    CHECK("shared text", !fb_failed(got.err) && got.dump.modules.n == MODULES);
    CHECK("shared text", reading_noted(&got, FB_NOTE_LIMIT));
    CHECK("shared text", got.dump.modules.v[0].name[0] == 'a');
    CHECK("shared text", got.dump.modules.v[MODULES - 1].name[0] == 0);
    dumpgen_free(&d);
}

int main(void)
{
    crashing_thread();
    exception_record();
    outer_exceptions();
    promises();
    odd_dumps();
    threads_ex();
    stacks();
    memory();
    memory64_lies();
    last_errors();
    sample_windows();
    sample_linux();
    shared_text();
    return check_done();
}
