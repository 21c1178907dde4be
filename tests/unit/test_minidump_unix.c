/* tests/unit/test_minidump_unix.c -- the streams that only writers on Linux and macOS have:
 * what /proc says, the loader's list, the memory map, crash infos. */
#include "support/check.h"
#include "support/reading.h"

static struct reading got;

static void begin(struct dumpgen *d, uint16_t arch, bool big)
{
    dumpgen_begin(d, big);
    dumpgen_system(d, &(struct dumpgen_system){.arch = arch, .platform = 0x8201});
}

static void read_text(struct dumpgen *d, uint32_t type, const char *p, size_t n)
{
    begin(d, 9, false);
    dumpgen_raw(d, type, p, n);
    reading_of(&got, dumpgen_end(d));
}

/* All words of a list in one text, so that a row can say what it wants. */
static const char *joined(const char *const *v, size_t n)
{
    static char text[512];
    text[0] = 0;
    for (size_t i = 0; i < n && strlen(text) + strlen(v[i]) + 2 < sizeof text; i++) {
        strcat(text, i != 0 ? "|" : "");
        strcat(text, v[i]);
    }
    return text;
}

static const char *names_of(struct fb_span environment)
{
    static char text[512];
    size_t n = 0;
    struct fb_span name = fb_environment_name(&environment);
    for (; name.n != 0 && n + name.n + 2 < sizeof text;
         name = fb_environment_name(&environment)) {
        if (n != 0)
            text[n++] = '|';
        memcpy(text + n, name.p, name.n);
        n += name.n;
    }
    text[n] = 0;
    return text;
}

/* What is kept of command lines and of environments. */
static void words(void)
{
#define ROW(type, name, text, want)                                                            \
    {                                                                                          \
        type, name, text, sizeof(text) - 1, want                                               \
    }
    static const struct {
        uint32_t type;
        const char *name, *text;
        size_t n;
        const char *want;
    } rows[] = {
        ROW(0x47670006, "program alone", "./bin/a\0", "a"),
        ROW(0x47670006, "its last NUL is missing", "a", "a"),
        ROW(0x47670006, "an option", "a\0--verbose\0", "a|--verbose"),
        ROW(0x47670006, "an option's value", "a\0--token=s3cret\0", "a|--token=*"),
        ROW(0x47670006, "a value beside its option", "a\0-p\0s3cret\0", "a|-p|*"),
        ROW(0x47670006, "a value stuck to its option", "a\0-p@s3cret\0", "a|-p*"),
        ROW(0x47670006, "a value that looks like a name", "a\0-ps3cret\0", "a|-p*"),
        ROW(0x47670006, "a name that one dash begins", "a\0-Dtoken=s3cret\0", "a|-D*"),
        ROW(0x47670006, "a file", "a\0/home/me/letter\0", "a|*"),
        ROW(0x47670006, "padding", "a\0\0\0\0", "a"),
        ROW(0x47670006, "a name with a blank", "/opt/my app\0-x\0", "my app|-x"),
        ROW(0x47670006, "a title", "/opt/a --type=gpu --on\0\0", "a|--type=*|--on"),
        ROW(0x47670006, "nothing", "\0\0", ""),
        ROW(0x47670007, "two", "PATH=/bin\0HOME=/home/me\0", "PATH|HOME"),
        ROW(0x47670007, "no value", "EMPTY=\0", "EMPTY"),
        ROW(0x47670007, "cut in a name", "PATH=/bin\0HO", "PATH"),
        ROW(0x47670007, "overwritten by a title", "me@host ls --password=x\0A=b\0", "A"),
        ROW(0x47670007, "no name", "=x\0", ""),
    };
#undef ROW
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen d;
        read_text(&d, rows[i].type, rows[i].text, rows[i].n);
        const struct fb_linux *proc = &got.dump.proc;
        CHECK(rows[i].name, reading_same(rows[i].type == 0x47670007
                                             ? names_of(got.dump.environment)
                                             : joined(proc->arguments, proc->n_arguments),
                                         rows[i].want));
        dumpgen_free(&d);
    }
}

static void status(void)
{
    static const struct {
        const char *name, *text;
        uint64_t peak;
        uint32_t pid, threads;
        const char *state;
    } rows[] = {
        {"as the kernel writes it",
         "Name:\ta\nState:\tS (sleeping)\nPid:\t7\nPPid:\t3\nVmPeak:\t     100 "
         "kB\nThreads:\t4\n",                                             102400, 7, 4, "S (sleeping)"},
        {"cut",                     "Pid:\t7\nVmPe",                      0,      7, 0, ""            },
        {"numbers beyond 64 bits",
         "Pid:\t99999999999999999999\nVmPeak: 99999999999999999999 kB\n", 0,      0, 0, ""            },
        {"a pid beyond 32 bits",    "Pid:\t4294967296\n",                 0,      0, 0, ""            },
        {"no numbers",              "Pid:\nVmPeak:\tmany kB\n",           0,      0, 0, ""            },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen d;
        read_text(&d, 0x47670004, rows[i].text, strlen(rows[i].text));
        CHECK(rows[i].name, got.dump.pid == rows[i].pid);
        struct fb_proc_status got_status = fb_proc_status(got.dump.proc_status);
        CHECK(rows[i].name, got_status.vm_peak == rows[i].peak);
        CHECK(rows[i].name, got_status.threads == rows[i].threads);
        CHECK(rows[i].name, reading_same(got_status.state, rows[i].state));
        dumpgen_free(&d);
    }
}

static void microcodes(void)
{
    static const struct {
        const char *name, *text;
        bool has;
        uint64_t want;
    } rows[] = {
        {"Intel's",     "microcode\t: 0xf0\n", true,  0xF0},
        {"in decimals", "microcode\t: 17\n",   false, 0   },
        {"no number",   "microcode\t: 0xfg\n", false, 0   },
        {"none",        "model name\t: x\n",   false, 0   },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen d;
        read_text(&d, 0x47670003, rows[i].text, strlen(rows[i].text));
        CHECK(rows[i].name, got.dump.proc.has_microcode == rows[i].has);
        CHECK(rows[i].name, !rows[i].has || got.dump.proc.microcode == rows[i].want);
        dumpgen_free(&d);
    }
}

static void limits(void)
{
#define HEADING "Limit               Soft Limit  Hard Limit  Units\n"
    static const struct {
        const char *name, *text;
        size_t want;
        const char *hard, *unit;
        bool noted;
    } rows[] = {
        {"with a unit", HEADING "Max open files      1024        4096        files\n", 1,
         "4096",                                                                                "files", false},
        {"without one", HEADING "Max nice priority   0           unlimited   \n",      1,
         "unlimited",                                                                           NULL,    false},
        {"cut",         HEADING "Max nice priority   0       ",                        0, NULL, NULL,    true },
        {"no heading",  "Max nice priority   0\n",                                     0, NULL, NULL,    false},
        {"empty lines", HEADING "\n\n",                                                0, NULL, NULL,    false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen d;
        read_text(&d, 0x4D7A0003, rows[i].text, strlen(rows[i].text));
        CHECK(rows[i].name, got.dump.proc.n_limits == rows[i].want);
        CHECK(rows[i].name, reading_noted(&got, FB_NOTE_BAD_ITEM) == rows[i].noted);
        if (got.dump.proc.n_limits == 1) {
            CHECK(rows[i].name, reading_same(got.dump.proc.limits[0].hard, rows[i].hard));
            CHECK(rows[i].name, reading_same(got.dump.proc.limits[0].unit, rows[i].unit));
        }
        dumpgen_free(&d);
    }
}

static void vectors_and_loaders(void)
{
    static const struct {
        const char *name;
        uint16_t arch;
        size_t word;
        bool padded, big;
    } rows[] = {
        {"32 bits",              0, 4, false, false},
        {"64 bits, packed",      9, 8, false, false},
        {"64 bits, padded",      9, 8, true,  false},
        {"64 bits, padded, big", 9, 8, true,  true },
        {"32 bits, big",         0, 4, false, true },
    };
    static const uint64_t auxv[] = {3, 0x400040, 9, 0x401000, 0, 0, 7, 7};
    static const struct dumpgen_linked linked[] = {
        {0x400000,   ""                },
        {0x7f000000, "/lib/ld-linux.so"}
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen d;
        begin(&d, rows[i].arch, rows[i].big);
        dumpgen_auxv(&d, auxv, 4, rows[i].word);
        dumpgen_loader(&d, linked, 2, rows[i].word, rows[i].padded);
        reading_of(&got, dumpgen_end(&d));
        const struct fb_linux *proc = &got.dump.proc;
        CHECK(rows[i].name, proc->n_auxv == 2 && proc->auxv[1].tag == 9); // up to the 0
        CHECK(rows[i].name, proc->auxv[1].value == 0x401000);
        CHECK(rows[i].name, proc->has_loader && proc->loader_base == 0x7f000000);
        CHECK(rows[i].name, proc->loader_break == 0x7f001234);
        CHECK(rows[i].name, proc->n_linked == 2 && proc->linked[1].address == 0x7f000000);
        CHECK(rows[i].name, proc->linked[1].dynamic == 0x7f000100);
        CHECK(rows[i].name, reading_same(proc->linked[1].name, "/lib/ld-linux.so"));
        dumpgen_free(&d);
    }
}

/* Modules that the memory map has and the list lacks. */
static void recovered_modules(void)
{
    static const struct dumpgen_module listed[] = {
        {.base = 0x500000, .size = 0x3000, .name = "/lib/b.so"},
    };
    static const struct {
        const char *name, *maps;
        bool with_list;
        const char *want, *main; // names in address order
    } rows[] = {
        {"listed",                        "00500000-00502000 r-xp 0 08:01 1 /lib/b.so\n",      true,  "b.so",        "b.so"},
        {"listed, but larger",            "00500000-00600000 r-xp 0 08:01 1 /lib/b.so\n",      true,  "b.so",
         "b.so"                                                                                                            },
        {"listed, with a page before it",
         "004ff000-00500000 r--p 0 08:01 1 /lib/b.so\n00500000-00503000 r-xp 0 08:01 1 "
         "/lib/b.so\n",                                                                        true,  "b.so",        "b.so"},
        {"below and above",
         "00400000-00401000 r-xp 0 08:01 1 /bin/a\n00700000-00701000 r-xp 0 08:01 1 "
         "/lib/c.so\n",                                                                        true,  "a|b.so|c.so", "b.so"},
        {"no list",
         "00300000-00301000 r-xp 0 08:01 1 /lib/z\n00400000-00402000 r-xp 0 08:01 1 /bin/a\n", false, "z|a",         "a"   },
        {"several pages",
         "00400000-00401000 r--p 0 08:01 1 /bin/a\n00401000-00402000 r-xp 0 08:01 1 /bin/a\n", false, "a",           "a"   },
        {"two of one name",
         "00400000-00401000 r-xp 0 08:01 1 /bin/a\n00404000-00405000 r-xp 0 08:01 1 /bin/a\n", false, "a|a",         "a"   },
        {"data alone",                    "00400000-00401000 rw-p 0 08:01 1 /bin/a\n",         false, "",            NULL  },
        {"no file",                       "00400000-00401000 r-xp 0 00:00 0 [vdso]\n",         false, "",            NULL  },
        {"a device",                      "00400000-00401000 r-xp 0 00:00 0 /dev/zero\n",      false, "",            NULL  },
        {"nameless",                      "00400000-00401000 r-xp 0 00:00 0\n",                false, "",            NULL  },
    };
    static const uint64_t auxv[] = {9, 0x400100, 0, 0};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen d;
        begin(&d, 9, false);
        dumpgen_auxv(&d, auxv, 2, 8);
        if (rows[i].with_list)
            dumpgen_modules(&d, listed, COUNT(listed));
        dumpgen_raw(&d, 0x47670009, rows[i].maps, strlen(rows[i].maps));
        reading_of(&got, dumpgen_end(&d));
        const struct fb_modules *modules = &got.dump.modules;
        const char *names[8];
        for (size_t k = 0; k < modules->n && k < COUNT(names); k++)
            names[k] = modules->v[k].name;
        CHECK(rows[i].name, reading_same(joined(names, modules->n), rows[i].want));
        CHECK(rows[i].name,
              reading_same(modules->main < modules->n ? names[modules->main] : NULL,
                           rows[i].main));
        CHECK(rows[i].name, reading_noted(&got, FB_NOTE_GUESSED) ==
                                (modules->n != (rows[i].with_list ? 1 : 0)));
        for (size_t k = 1; k < modules->n; k++)
            CHECK(rows[i].name, modules->v[k - 1].end <= modules->v[k].base);
        dumpgen_free(&d);
    }
}

static void mac_records(void)
{
    static const struct {
        const char *name;
        struct dumpgen_mac_record record;
        bool thread, abort_cause;
        const char *module, *message2, *assertion;
        bool noted;
    } rows[] = {
        {"version 5",
         {5, {"dyld", "m", "s", "b", "n"}, 0},
         true,  true,
         "dyld", "n",
         "m",  false},
        {"version 4",
         {4, {"dyld", "m", "s", "b", "n"}, 0},
         true,  false,
         "dyld", "n",
         "m",  false},
        {"version 1",
         {1, {"dyld", "m", "s", "b", "n"}, 0},
         false, false,
         "dyld", "n",
         "m",  false},
        {"no message",
         {5, {"dyld", NULL, "s", "b", "n"}, 0},
         true,  true,
         "dyld", "n",
         NULL, false},
        {"nothing said",
         {5, {NULL, NULL, NULL, NULL, NULL}, 0},
         true,  true,
         NULL,   NULL,
         NULL, false},
        {"the last NUL is missing",
         {5, {"dyld", "m", "s", "b", "n"}, 1},
         true,  true,
         "dyld", "n",
         "m",  false},
        {"no string is there",
         {5, {"dyld", "m", "s", "b", "n"}, 13},
         true,  true,
         NULL,   NULL,
         NULL, true },
        {"cut in its numbers",
         {5, {"dyld", "m", "s", "b", "n"}, 13 + 32},
         false, false,
         NULL,   NULL,
         NULL, true },
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int big = 0; big < 2; big++) {
            struct dumpgen d;
            dumpgen_begin(&d, big != 0);
            dumpgen_system(&d, &(struct dumpgen_system){.arch = 9, .platform = 0x8101});
            dumpgen_mac_records(&d, &rows[i].record, 1);
            dumpgen_boot_args(&d, "-v");
            dumpgen_raw(&d, 0x4D7A0004, "[\"e\"]", 5);
            reading_of(&got, dumpgen_end(&d));
            CHECK(rows[i].name, got.dump.n_mac_records == 1);
            const struct fb_mac_record *r = got.dump.mac_records;
            CHECK(rows[i].name, r->has_thread == rows[i].thread);
            CHECK(rows[i].name, r->has_abort_cause == rows[i].abort_cause);
            CHECK(rows[i].name, !r->has_thread || (r->thread == 0x1003 && r->dialog_mode == 5));
            CHECK(rows[i].name, !r->has_abort_cause || r->abort_cause == 9);
            CHECK(rows[i].name, reading_same(r->module, rows[i].module));
            CHECK(rows[i].name, reading_same(r->message2, rows[i].message2));
            CHECK(rows[i].name, reading_same(got.dump.assertion, rows[i].assertion));
            CHECK(rows[i].name, reading_noted(&got, FB_NOTE_BAD_ITEM) == rows[i].noted);
            CHECK(rows[i].name, reading_same(got.dump.mac_boot_args, "-v"));
            CHECK(rows[i].name, reading_same(got.dump.soft_errors, "[\"e\"]"));
            dumpgen_free(&d);
        }
}

int main(void)
{
    words();
    status();
    microcodes();
    limits();
    vectors_and_loaders();
    recovered_modules();
    mac_records();
    return check_done();
}
