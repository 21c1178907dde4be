/* tests/unit/test_minidump_xstate.c -- the shadow-stack pointer in the extended state of a
 * context: both layouts, whose context counts, and offsets that lie. */
#include "support/check.h"
#include "support/reading.h"
#include "support/whole.h"

#define CET       (UINT64_C(1) << 11)
#define AVX       (UINT64_C(1) << 2)
#define COMPACTED (UINT64_C(1) << 63)

static struct reading got;
static uint8_t stack[64];

static struct fb_regs at_sp(uint64_t sp)
{
    struct fb_regs regs = {.arch = FB_AMD64};
    fb_reg_set(&regs, FB_RAX, 1);
    fb_reg_set(&regs, FB_RIP, 0x401000);
    fb_reg_set(&regs, FB_RSP, sp);
    return regs;
}

/* MiscInfo of version 5, whose table knows AVX and CET. */
static void put_misc(struct dumpgen *d, uint32_t avx_size, uint32_t cet_at)
{
    dumpgen_stream(d, 15);
    uint32_t at = dumpgen_bytes(d, NULL, 1364);
    dumpgen_poke(d, at, 1364, 4);
    dumpgen_poke(d, at + 848 + 8 * 2, 576, 4);
    dumpgen_poke(d, at + 848 + 8 * 2 + 4, avx_size, 4);
    dumpgen_poke(d, at + 848 + 8 * 11, cet_at, 4);
    dumpgen_poke(d, at + 848 + 8 * 11 + 4, 16, 4);
    dumpgen_stream_end(d);
}

struct row {
    const char *name;
    bool table;
    struct dumpgen_xstate x;
    uint64_t want;
    bool noted;
};

/* Offsets in the table count from the legacy area of 512 bytes; 832 there is 320 here. */
static const struct row rows[] = {
    {"by the table",            true,  {CET, 0, 0, 320, 0x8000, 512},                           0x8000, false},
    {"compacted, alone",        false, {CET, COMPACTED | CET, 0, 64, 0x8000, 0},                0x8000, false},
    {"compacted, behind AVX",
     true,                             {CET | AVX, COMPACTED | CET | AVX, 0, 320, 0x8000, 512},
     0x8000,                                                                                            false},
    {"header further on",       false, {CET, COMPACTED | CET, 80, 64, 0x8000, 0},               0x8000, false},
    {"not present",             true,  {AVX, 0, 0, 320, 0x8000, 512},                           0,      false},
    {"a size unknown",          false, {CET | AVX, COMPACTED | CET | AVX, 0, 320, 0x8000, 512}, 0,      true },
    {"no table",                false, {CET, 0, 0, 320, 0x8000, 512},                           0,      true },
    {"data beyond the context", true,  {CET, 0, 0, 0, 0x8000, 128},                             0,      true },
    {"header beyond the end",   true,  {CET, 0, 4096, 0, 0x8000, 128},                          0,      false},
    {"header before the pairs", true,  {CET, 0, 0xFFFFFFF0, 0, 0x8000, 128},                    0,      false},
    {"header far away",         true,  {CET, 0, 0x7FFFFFFF, 0, 0x8000, 128},                    0,      false},
    {"pairs cut",               true,  {CET, 0, 0, 0, 0x8000, 20},                              0,      false},
};

static void read_row(const struct row *row, bool big, const struct dumpgen_xstate *exception)
{
    struct dumpgen d;
    dumpgen_begin(&d, big);
    dumpgen_system(&d, &(struct dumpgen_system){.arch = 9, .platform = 2});
    if (row->table)
        put_misc(&d, 256, 832);
    dumpgen_threads(&d,
                    &(struct dumpgen_thread){.id = 1,
                                             .stack_start = 0x5000,
                                             .stack = stack,
                                             .n_stack = sizeof stack,
                                             .regs = at_sp(0x5000),
                                             .xstate = &row->x},
                    1);
    if (exception != NULL)
        dumpgen_exception(&d, &(struct dumpgen_exception){.thread = 1,
                                                          .code = 0xC0000005,
                                                          .regs = at_sp(0x5010),
                                                          .xstate = exception});
    reading_of(&got, dumpgen_end(&d));
    const struct fb_thread *thread = &got.dump.threads.v[0];
    uint64_t want =
        exception != NULL && exception->shadow_stack != 0 ? exception->shadow_stack : row->want;
    CHECK(row->name, !fb_failed(got.err) && got.dump.threads.n == 1);
    CHECK(row->name, thread->shadow_stack == want);
    CHECK(row->name, reading_noted(&got, FB_NOTE_BAD_CONTEXT) == row->noted);
    CHECK(row->name, fb_reg_sp(&thread->regs) == (exception != NULL ? 0x5010 : 0x5000));
    dumpgen_free(&d);
}

/* Crashpad leaves the exception's pointer at 0: the thread's own counts. */
static void whose(void)
{
    static const struct dumpgen_xstate zero = {CET, COMPACTED | CET, 0, 64, 0, 0};
    static const struct dumpgen_xstate other = {CET, COMPACTED | CET, 0, 64, 0x9000, 0};
    read_row(&rows[1], false, &zero);
    read_row(&rows[1], false, &other);
}

/* The real one: at the pointer stand the return addresses, innermost first. */
static bool real(void)
{
    const char *corpus = getenv("FAULTBUCKET_CORPUS");
    char path[512];
    snprintf(path, sizeof path, "%s/minidumps/win-cet-xsave-x64.dmp",
             corpus != NULL ? corpus : "../shared/corpus");
    struct fb_span file = whole_file(path);
    if (file.n == 0)
        return false;
    static struct fb_arena arena;
    static struct fb_notes notes;
    struct fb_dump dump;
    arena = (struct fb_arena){.base = malloc(1 << 22), .cap = 1 << 22};
    struct fb_err err = fb_minidump_read(file, &arena, &notes, &dump);
    uint64_t word = 0;
    CHECK("real", !fb_failed(err) && dump.threads.n == 1);
    CHECK("real", dump.threads.v[0].shadow_stack == 0xcbc83fefc8);
    CHECK("real", fb_memory_read(&dump.memory, dump.threads.v[0].shadow_stack, 8, &word));
    CHECK("real", fb_module_at(&dump.modules, word) != NULL);
    free(arena.base);
    whole_free(file);
    return true;
}

int main(void)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int big = 0; big < 2; big++)
            read_row(&rows[i], big != 0, NULL);
    whose();
    if (!real())
        fprintf(stderr, "no corpus: the real dump with a shadow stack was NOT read\n");
    return check_done();
}
