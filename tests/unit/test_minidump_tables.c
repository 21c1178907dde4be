/* tests/unit/test_minidump_tables.c -- function tables of code that the process made itself. */
#include "support/check.h"
#include "support/reading.h"
#include "support/whole.h"

static struct reading got;

static void read_one(struct dumpgen *d, bool big, const struct dumpgen_table *v, size_t n)
{
    dumpgen_begin(d, big);
    dumpgen_system(d, &(struct dumpgen_system){.arch = 9, .platform = 2});
    dumpgen_tables(d, v, n);
    reading_of(&got, dumpgen_end(d));
}

static void honest(void)
{
    static const struct dumpgen_table v[] = {
        {0x20000, 0x30000, 0x20000, 3, 0},
        {0x10000, 0x11000, 0xF000,  2, 0},
        {0x40000, 0x41000, 0x40000, 0, 0},
    };
    for (int big = 0; big < 2; big++) {
        struct dumpgen d;
        read_one(&d, big != 0, v, COUNT(v));
        const struct fb_function_table *t = got.dump.function_tables;
        CHECK("honest", got.dump.n_function_tables == 3 && t[0].start == 0x10000);
        CHECK("honest", t[0].end == 0x11000 && t[0].base == 0xF000 && t[0].entry_size == 12);
        CHECK("honest", t[0].entries.n == 24 && t[1].entries.n == 36 && t[2].entries.n == 0);
        struct fb_reader r = {.in = t[1].entries, .at = 24, .big = big != 0};
        CHECK("honest", fb_read_u32(&r) == 48 && fb_read_u32(&r) == 52);
        CHECK("honest", !reading_noted(&got, FB_NOTE_BAD_ITEM));
        dumpgen_free(&d);
    }
}

static void lies(void)
{
    static const struct {
        const char *name;
        struct dumpgen_table v[2];
        size_t want;
        enum fb_note_code noted;
    } rows[] = {
        {"more entries than bytes",
         {{0x1000, 0x2000, 0, 1, 0}, {0x3000, 0x4000, 0, 1, UINT32_MAX}},
         1, FB_NOTE_BAD_ITEM },
        {"covers nothing",
         {{0x2000, 0x2000, 0, 1, 0}, {0x3000, 0x4000, 0, 1, 0}},
         1, FB_NOTE_BAD_RANGE},
        {"ends before it starts",
         {{0x2000, 0x1000, 0, 1, 0}, {0x3000, 0x2000, 0, 1, 0}},
         0, FB_NOTE_BAD_RANGE},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen d;
        read_one(&d, false, rows[i].v, 2);
        CHECK(rows[i].name, got.dump.n_function_tables == rows[i].want);
        CHECK(rows[i].name, reading_noted(&got, rows[i].noted));
        dumpgen_free(&d);
    }
}

/* The header: own size, descriptor, native descriptor, entry, count, padding. */
static void headers(void)
{
    static const struct {
        const char *name;
        uint32_t header[6];
        size_t want;
        bool bad_stream, cut;
    } rows[] = {
        {"none",                  {24, 32, 0, 12, 0, 0},          0, false, false},
        {"one",                   {24, 32, 0, 12, 1, 0},          1, false, false},
        {"count 4294967295",      {24, 32, 0, 12, UINT32_MAX, 0}, 1, false, true },
        {"entry of 0 bytes",      {24, 32, 0, 0, 1, 0},           0, true,  false},
        {"entry of 4294967295",   {24, 32, 0, UINT32_MAX, 1, 0},  0, true,  false},
        {"descriptor too small",  {24, 31, 0, 12, 1, 0},          0, true,  false},
        {"descriptor 4294967295", {24, UINT32_MAX, 0, 12, 1, 0},  0, true,  false},
        {"native 4294967295",     {24, 32, UINT32_MAX, 12, 1, 0}, 0, true,  false},
        {"header beyond the end", {999, 32, 0, 12, 1, 0},         0, true,  false},
        {"header too small",      {23, 32, 0, 12, 1, 0},          0, true,  false},
        {"padding beyond 7",      {24, 32, 0, 12, 1, 8},          0, true,  false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen d;
        dumpgen_begin(&d, false);
        dumpgen_system(&d, &(struct dumpgen_system){.arch = 9, .platform = 2});
        dumpgen_stream(&d, 13);
        for (size_t k = 0; k < 6; k++)
            dumpgen_number(&d, rows[i].header[k], 4);
        dumpgen_number(&d, 0x1000, 8);
        dumpgen_number(&d, 0x2000, 8);
        dumpgen_bytes(&d, NULL, 16);
        dumpgen_stream_end(&d);
        reading_of(&got, dumpgen_end(&d));
        CHECK(rows[i].name, got.dump.n_function_tables == rows[i].want);
        CHECK(rows[i].name, reading_noted(&got, FB_NOTE_BAD_STREAM) == rows[i].bad_stream);
        CHECK(rows[i].name, reading_noted(&got, FB_NOTE_CUT_LIST) == rows[i].cut);
        dumpgen_free(&d);
    }
}

/* V8's one entry for all its code, in a real dump. */
static void real(void)
{
    static uint8_t room[1 << 22];
    static struct fb_notes notes;
    const char *corpus = getenv("FAULTBUCKET_CORPUS");
    char path[512];
    snprintf(path, sizeof path, "%s/minidumps/win-electron-null-read.dmp",
             corpus != NULL ? corpus : "../shared/corpus");
    struct fb_span file = whole_file(path);
    struct fb_dump dump;
    struct fb_arena arena = {.base = room, .cap = sizeof room};
    if (file.n == 0) {
        fprintf(stderr, "no corpus: the real dump with a function table was NOT read\n");
        return;
    }
    CHECK("real", !fb_failed(fb_minidump_read(file, &arena, &notes, &dump)));
    if (CHECK("real", dump.n_function_tables == 1)) {
        const struct fb_function_table *t = &dump.function_tables[0];
        struct fb_reader r = {.in = t->entries};
        CHECK("real", t->base == 0x3b59fd80000 && t->start == t->base && t->entry_size == 12);
        CHECK("real", fb_read_u32(&r) == 0 && fb_read_u32(&r) == t->end - t->start);
    }
    whole_free(file);
}

int main(void)
{
    honest();
    lies();
    headers();
    real();
    return check_done();
}
