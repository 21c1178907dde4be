/*
 * tests/unit/test_kernel.c -- kernel dumps of our own making: what each sample says, from
 * header to keys, and what damage costs.
 */
#include "analyze.h"
#include "bugchecks.h"
#include "kernel/kernel.h"
#include "support/check.h"
#include "support/kernelgen.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM = 4 << 20 };
static uint8_t *room;
static struct fb_notes notes;
static struct fb_dump dump;

static struct fb_err read_file(struct fb_span file)
{
    struct fb_arena arena = {.base = room, .cap = ROOM};
    fb_arena_reset(&arena);
    notes = (struct fb_notes){0};
    return fb_kernel_read(file, &arena, &notes, &dump);
}

static bool noted(enum fb_note_code code)
{
    for (size_t i = 0; i < notes.n; i++)
        if (notes.v[i].code == code)
            return true;
    return false;
}

static bool same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* --- what is read ------------------------------------------------------------------- */

#define WHERE (KERNELGEN_DRIVER + 0x1234) // the crash
#define LOW   UINT64_C(0x90001234)        // the same of 32 bits
#define STOP  (KERNELGEN_NT + 0x3F5A80)   // the routine that stops the kernel
#define FAULT UINT64_C(0xFFFFF803DEAD0000)

static const struct sample {
    const char *row;
    enum fb_arch arch;
    uint32_t code; // of the exception
    bool explained;
    uint64_t address, ip, fault;
    uint32_t n_parameters;
    size_t drivers, unloaded;
    bool registers; // of the exception
    const char *process;
} samples[KERNELGEN_SAMPLES] = {
    {"7e",   FB_AMD64, 0xC0000005, true,  WHERE, WHERE, 0x30,  2, 3, 2, true,  "shaky.exe"},
    {"d1",   FB_AMD64, 0xC0000005, true,  WHERE, WHERE, FAULT, 2, 3, 2, true,  "shaky.exe"},
    {"8e",   FB_X86,   0xC0000094, true,  LOW,   LOW,   0,     0, 3, 1, true,  NULL       },
    {"139",  FB_ARM64, 0xC0000409, true,  0,     STOP,  0,     1, 3, 2, false, NULL       },
    {"e2",   FB_AMD64, 0x80000003, false, STOP,  STOP,  0,     0, 3, 2, true,  "shaky.exe"},
    {"full", FB_AMD64, 0xC0000005, true,  WHERE, STOP,  FAULT, 2, 0, 0, false, NULL       },
};

static void check_sample(const struct sample *want, const struct kernelgen *g)
{
    const struct fb_exception *e = &dump.exception;
    CHECK(want->row, dump.system.arch == want->arch && dump.system.os == FB_WINDOWS);
    CHECK(want->row,
          dump.system.build == g->build && dump.system.major == (g->narrow ? 5 : 10));
    CHECK(want->row, dump.bugcheck.present && dump.bugcheck.code == g->code);
    CHECK(want->row,
          memcmp(dump.bugcheck.parameters, g->parameters, sizeof g->parameters) == 0);
    CHECK(want->row, e->present && e->code == want->code);
    CHECK(want->row, dump.kernel.explained == want->explained);
    CHECK(want->row, e->address == want->address && e->n_parameters == want->n_parameters);
    CHECK(want->row, want->n_parameters < 2 || e->parameters[1] == want->fault);
    CHECK(want->row, (e->regs.valid != 0) == want->registers);
    CHECK(want->row, dump.threads.n == 1 && dump.crashing == 0);
    CHECK(want->row, fb_reg_ip(&dump.threads.v[0].regs) == want->ip);
    CHECK(want->row, dump.modules.n == want->drivers && dump.n_unloaded == want->unloaded);
    CHECK(want->row, same(dump.kernel.process, want->process));
    CHECK(want->row, dump.pid == (want->process != NULL ? g->pid : 0));
    CHECK(want->row, same(dump.kernel.comment, g->comment));
    CHECK(want->row, dump.time - dump.process_start == 60);
    CHECK(want->row, dump.requested == (g->code == 0xE2));
    CHECK(want->row, noted(FB_NOTE_UNREAD) == (g->type != 4));
    CHECK(want->row, g->type != 4 || dump.completeness > 0.9);
}

static void check_lists(void)
{
    struct kernelgen g = kernelgen_sample(KERNELGEN_7E_X64);
    struct fb_span file = kernelgen_make(&g, NULL);
    CHECK("lists", !fb_failed(read_file(file)));
    const struct fb_module *m = fb_module_at(&dump.modules, KERNELGEN_DRIVER + 0x1234);
    char id[FB_CODE_ID_ROOM];
    CHECK("driver", m != NULL && same(m->name, "shaky.sys") &&
                        same(fb_module_code_id(m, id), "5f00000320000"));
    CHECK("driver", m != NULL && same(m->path, g.drivers[2].name) && m->checksum == 0x13);
    CHECK("unloaded", same(dump.unloaded[0].name, "gone.sys"));
    CHECK("unloaded", dump.unloaded[0].base == KERNELGEN_DRIVER + 0x100000 &&
                          dump.unloaded[0].size == 0x8000);
    CHECK("unloaded, cut at twelve letters", same(dump.unloaded[1].name, "averylongnam"));
    uint64_t v = 0;
    CHECK("stack", fb_memory_read(&dump.memory, KERNELGEN_SP + 0x900, 8, &v) &&
                       v == KERNELGEN_DRIVER + 0x2345);
    CHECK("block",
          fb_memory_read(&dump.memory, KERNELGEN_DRIVER + 0x1234, 4, &v) && v == 0xC3018948);
    CHECK("no odd thing", notes.n == 0);
    kernelgen_free(file);
}

static void reading(void)
{
    for (int i = 0; i < KERNELGEN_SAMPLES; i++) {
        struct kernelgen g = kernelgen_sample((enum kernelgen_sample)i);
        struct fb_span file = kernelgen_make(&g, NULL);
        if (CHECK(samples[i].row, !fb_failed(read_file(file))))
            check_sample(&samples[i], &g);
        kernelgen_free(file);
    }
    check_lists();
}

/* Entries of any size that was seen, whether or not names follow at once. */
static void strides(void)
{
    static const struct {
        const char *row;
        enum kernelgen_sample sample;
        uint32_t stride, gap;
    } rows[] = {
        {"x64, 0x98",               KERNELGEN_7E_X64, 0x98, 0 },
        {"x64, 0xA8",               KERNELGEN_7E_X64, 0xA8, 0 },
        {"x64, 0xA0 that divides",  KERNELGEN_7E_X64, 0xA0, 0 },
        {"x64, 0x90 and a gap",     KERNELGEN_7E_X64, 0x90, 8 },
        {"x64, 0xA8 and a gap",     KERNELGEN_7E_X64, 0xA8, 16},
        {"x64, a gap that divides", KERNELGEN_7E_X64, 0x90, 24},
        {"x86, 0x50",               KERNELGEN_8E_X86, 0x50, 0 },
        {"x86, 0x4C and a gap",     KERNELGEN_8E_X86, 0x4C, 4 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct kernelgen g = kernelgen_sample(rows[i].sample);
        g.stride = rows[i].stride;
        g.gap = rows[i].gap;
        struct fb_span file = kernelgen_make(&g, NULL);
        CHECK(rows[i].row, !fb_failed(read_file(file)) && dump.modules.n == 3);
        CHECK(rows[i].row, dump.modules.n == 3 && same(dump.modules.v[2].name, "shaky.sys"));
        kernelgen_free(file);
    }
}

/* --- damage ------------------------------------------------------------------------- */

/* Which number is overwritten: a field of the triage block, or of the part that it leads to. */
enum part { TRIAGE, DRIVERS, NAMES, UNLOADED, BLOCKS, PROCESS, HEAD };
// clang-format off
static const struct {
    const char *row;
    enum part part;
    uint32_t at;
    uint64_t value;
    size_t bytes;
    enum fb_note_code note; // FB_NOTE_COUNT: nothing odd
    size_t drivers, unloaded;
} damages[] = {
    {"drivers: all the numbers there are", TRIAGE,   0x34,  0xFFFFFFFF,         4, FB_NOTE_CUT_LIST,       SIZE_MAX, 2},
    {"drivers: none",                      TRIAGE,   0x34,  0,                  4, FB_NOTE_MISSING_STREAM, 0,        2},
    {"drivers: past the end",              TRIAGE,   0x30,  0xFFFFFF00,         4, FB_NOTE_MISSING_STREAM, 0,        2},
    {"drivers: over the header",           TRIAGE,   0x30,  0,                  4, FB_NOTE_MISSING_STREAM, 0,        2},
    {"a driver's base wraps",              DRIVERS,  0x38,  UINT64_MAX - 0xFFF, 8, FB_NOTE_BAD_RANGE,      3,        2},
    {"a driver over another",              DRIVERS,  0x38,  KERNELGEN_DRIVER,   8, FB_NOTE_BAD_RANGE,      3,        2},
    {"a driver without size",              DRIVERS,  0x48,  0,                  4, FB_NOTE_BAD_RANGE,      3,        2},
    {"a name past the end",                DRIVERS,  0x00,  0xFFFFFFF0,         4, FB_NOTE_BAD_TEXT,       3,        2},
    {"a name at 0",                        DRIVERS,  0x00,  0,                  4, FB_NOTE_BAD_TEXT,       3,        2},
    {"a name without end",                 NAMES,    0x00,  0xFFFFFFFF,         4, FB_NOTE_BAD_TEXT,       3,        2},
    {"a name of half a gigabyte",          NAMES,    0x00,  0x10000000,         4, FB_NOTE_BAD_TEXT,       3,        2},
    {"a name of one surrogate",            NAMES,    0x04,  0xD800,             2, FB_NOTE_BAD_TEXT,       3,        2},
    {"unloaded: too many",                 UNLOADED, 0x00,  UINT64_MAX,         8, FB_NOTE_BAD_ITEM,       3,        0},
    {"unloaded: past the end",             TRIAGE,   0x18,  0xFFFFFFF0,         4, FB_NOTE_COUNT,          3,        0},
    {"unloaded: none",                     TRIAGE,   0x18,  0,                  4, FB_NOTE_COUNT,          3,        0},
    {"unloaded: a name of odd length",     UNLOADED, 0x08,  0xFFFF,             2, FB_NOTE_COUNT,          3,        2},
    {"the stack past the end",             TRIAGE,   0x28,  0xFFFFFFF0,         4, FB_NOTE_TRUNCATED,      3,        2},
    {"the stack longer than the file",     TRIAGE,   0x2C,  0xFFFFFFFF,         4, FB_NOTE_TRUNCATED,      3,        2},
    {"the stack wraps",                    TRIAGE,   0x48,  UINT64_MAX - 8,     8, FB_NOTE_BAD_RANGE,      3,        2},
    {"the context past the end",           TRIAGE,   0x0C,  0xFFFFFFF0,         4, FB_NOTE_BAD_CONTEXT,    3,        2},
    {"blocks: all the numbers there are",  TRIAGE,   0x7C,  0xFFFFFFFF,         4, FB_NOTE_CUT_LIST,       3,        2},
    {"blocks: past the end",               TRIAGE,   0x78,  0xFFFFFFF0,         4, FB_NOTE_CUT_LIST,       3,        2},
    {"a block past the end",               BLOCKS,   0x08,  0xFFFFFFF0,         4, FB_NOTE_TRUNCATED,      3,        2},
    {"a block in the header",              BLOCKS,   0x08,  0x10,               4, FB_NOTE_BAD_RANGE,      3,        2},
    {"a block that wraps",                 BLOCKS,   0x00,  UINT64_MAX - 1,     8, FB_NOTE_BAD_RANGE,      3,        2},
    {"a block that lies over the stack",   BLOCKS,   0x00,  KERNELGEN_SP + 4,   8, FB_NOTE_COUNT,          3,        2},
    {"the process past the end",           TRIAGE,   0x20,  0xFFFFFFF0,         4, FB_NOTE_COUNT,          3,        2},
    {"a process with a name of bytes",     PROCESS,  0x5A8, 0x01FF,             2, FB_NOTE_COUNT,          3,        2},
    {"longer than the file",               TRIAGE,   0x04,  0xFFFFFFFF,         4, FB_NOTE_TRUNCATED,      3,        2},
    {"a CPU that nobody makes",            HEAD,     0x30,  0x1234,             4, FB_NOTE_BAD_ITEM,       3,        2},
};
// clang-format on

static uint32_t place_of(const struct kernelgen_places *at, enum part part)
{
    const uint32_t places[] = {at->triage, at->drivers, at->names, at->unloaded,
                               at->blocks, at->process, 0};
    return places[part];
}

static void damage(void)
{
    for (size_t i = 0; i < COUNT(damages); i++) {
        struct kernelgen g = kernelgen_sample(KERNELGEN_7E_X64);
        struct kernelgen_places at;
        struct fb_span file = kernelgen_make(&g, &at);
        kernelgen_poke(file, place_of(&at, damages[i].part) + damages[i].at, damages[i].value,
                       damages[i].bytes);
        if (CHECK(damages[i].row, !fb_failed(read_file(file)))) {
            bool odd = damages[i].note != FB_NOTE_COUNT;
            CHECK(damages[i].row, odd ? noted(damages[i].note) : notes.n == 0);
            CHECK(damages[i].row,
                  damages[i].drivers == SIZE_MAX || dump.modules.n == damages[i].drivers);
            CHECK(damages[i].row, dump.n_unloaded == damages[i].unloaded);
            CHECK(damages[i].row, dump.threads.n == 1 && dump.bugcheck.present);
        }
        kernelgen_free(file);
    }
}

static void refusals(void)
{
    static const struct {
        const char *row, *bytes;
        size_t n;
        enum fb_code code;
    } rows[] = {
        {"empty",                "",                 0,  FB_MALFORMED},
        {"half a word",          "PAGEDU6",          7,  FB_MALFORMED},
        {"a minidump",           "MDMP\x93\xA7\0\0", 8,  FB_MALFORMED},
        {"a page",               "PAGEPAGEPAGE",     12, FB_MALFORMED},
        {"nothing but the word", "PAGEDU64",         8,  FB_TRUNCATED},
        {"the same of 32 bits",  "PAGEDUMP",         8,  FB_TRUNCATED},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fb_span file = {(const uint8_t *)rows[i].bytes, rows[i].n, 0};
        CHECK(rows[i].row, read_file(file).code == rows[i].code);
        CHECK(rows[i].row, fb_kernel_is(file) == (rows[i].code == FB_TRUNCATED));
    }
}

/* --- from end to end ---------------------------------------------------------------- */

#define VIOLATION " / EXCEPTION_ACCESS_VIOLATION_WRITE"
static const struct {
    const char *type, *signature, *code, *failure, *fb1, *msec16; // NULL: not asked for
} analyses[KERNELGEN_SAMPLES] = {
    {.type = "SYSTEM_THREAD_EXCEPTION_NOT_HANDLED" VIOLATION,
     .signature = "bugcheck 0x7e | shaky.sys!@0x1",
     .code = "1000007e",
     .failure = "AV_shaky!unknown_function",
     .fb1 = "WriteAVNearNull",
     .msec16 = "WriteAV"},
    {.type = "DRIVER_IRQL_NOT_LESS_OR_EQUAL" VIOLATION,
     .signature = "bugcheck 0xd1 | shaky.sys!@0x1",
     .code = "d1",
     .failure = "AV_shaky!unknown_function",
     .fb1 = "WriteAV",
     .msec16 = "BugCheck"},
    {.type = "KERNEL_MODE_EXCEPTION_NOT_HANDLED / EXCEPTION_INT_DIVIDE_BY_ZERO",
     .signature = "bugcheck 0x8e | shaky.sys!@0x1",
     .code = "8e",
     .failure = "0x8E_c0000094_shaky!unknown_function",
     .fb1 = "DivideByZero"                          },
    {.type = "KERNEL_SECURITY_CHECK_FAILURE / EXCEPTION_STACK_BUFFER_OVERRUN"
             " / FAST_FAIL_CORRUPT_LIST_ENTRY",                                   .signature = "bugcheck 0x139 CORRUPT_LIST_ENTRY | shaky.sys!@0x2",
     .code = "139",
     .failure = "0x139_3_CORRUPT_LIST_ENTRY_shaky!unknown_function",
     .fb1 = "FastFail_3",
     .msec16 = "BugCheck"},
    {.type = "MANUALLY_INITIATED_CRASH",
     .code = "e2",
     .fb1 = "NotACrash",
     .msec16 = "NotAnException"                                                                                                                  },
    {.type = "DRIVER_IRQL_NOT_LESS_OR_EQUAL" VIOLATION,
     .signature =
         "bugcheck 0xd1 | EMPTY | DRIVER_IRQL_NOT_LESS_OR_EQUAL | the stack was not captured",                        .code = "d1",
     .fb1 = "WriteAV",
     .msec16 = "BugCheck"                          },
};

static void check_text(const char *row, const char *want, const char *got)
{
    if (want != NULL && !CHECK(row, same(want, got)))
        fprintf(stderr, "    got %s\n", got);
}

static void check_analysis(size_t i, const struct fb_analysis *a)
{
    const char *row = samples[i].row;
    const struct fb_keys *k = &a->keys;
    check_text(row, analyses[i].type, a->crash.type);
    check_text(row, analyses[i].signature, k->signature);
    check_text(row, "BlueScreen", k->label.event_type);
    check_text(row, analyses[i].code, k->label.parameters[0]);
    check_text(row, analyses[i].failure, k->failure_id);
    check_text(row, analyses[i].fb1, a->exploitability.fb1.short_name);
    check_text(row, analyses[i].msec16, a->exploitability.msec16.short_name);
    check_text(row, "windows kernel", k->product);
    CHECK(row, k->label.n == 8);
}

static void analysing(void)
{
    struct fb_analyze_input in = {0};
    fb_analyze_open(&in);
    for (size_t i = 0; i < KERNELGEN_SAMPLES; i++) {
        struct kernelgen g = kernelgen_sample((enum kernelgen_sample)i);
        struct fb_arena arena = {.base = room, .cap = ROOM};
        fb_arena_reset(&arena);
        in.file = kernelgen_make(&g, NULL);
        struct fb_analysis *a = NULL;
        if (CHECK(samples[i].row, !fb_failed(fb_analyze(&in, &arena, &a))))
            check_analysis(i, a);
        const char *json = a != NULL ? fb_analysis_json(a, NULL, &arena) : NULL;
        CHECK(samples[i].row, json != NULL && strstr(json, "\"kind\":\"kernel\"") != NULL);
        CHECK(samples[i].row, json != NULL && strstr(json, "\"bugcheck\":{\"code\":") != NULL);
        kernelgen_free(in.file);
    }
    fb_analyze_close(&in);
}

int main(void)
{
    room = malloc(ROOM);
    if (room == NULL)
        return check_skip("no memory for the arena");
    reading();
    strides();
    damage();
    refusals();
    analysing();
    free(room);
    return check_done();
}
