/* tests/unit/test_minidump_windows.c -- the streams that only Windows' writers have: thread
 * infos, MiscInfo of every size, handles, tokens, memory counters, comments. */
#include "support/check.h"
#include "support/reading.h"

static struct reading got;
static uint8_t memory[0x1400];

static void windows(struct dumpgen *d, bool big)
{
    dumpgen_begin(d, big);
    dumpgen_system(d, &(struct dumpgen_system){.arch = 9, .platform = 2});
}

static void misc(void)
{
    enum { ALL = 0x3F7 };
    static const struct {
        const char *name;
        uint32_t size, flags, want;
    } rows[] = {
        {"version 1",               24,   ALL, 0x3  },
        {"version 2",               44,   ALL, 0x7  },
        {"version 3",               232,  ALL, 0xF7 },
        {"version 4",               832,  ALL, 0x1F7},
        {"version 5",               1364, ALL, ALL  },
        {"between 4 and 5",         1000, ALL, 0x1F7},
        {"version 5, little valid", 1364, 1,   1    },
        {"nothing valid",           1364, 0,   0    },
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int big = 0; big < 2; big++) {
            struct dumpgen d;
            windows(&d, big != 0);
            dumpgen_misc_full(&d, rows[i].size, rows[i].flags);
            reading_of(&got, dumpgen_end(&d));
            const struct fb_misc *m = &got.dump.misc;
            uint32_t want = rows[i].want;
            CHECK(rows[i].name, got.dump.has_misc && m->flags == want);
            CHECK(rows[i].name, got.dump.pid == (want & 1 ? 77 : 0));
            CHECK(rows[i].name, (want & 4) == 0 || (m->mhz_max == 3000 && m->mhz_now == 2000));
            CHECK(rows[i].name, (want & 0x10) == 0 || m->integrity == 0x2000);
            CHECK(rows[i].name, (want & 0x40) == 0 || m->bias == -60);
            CHECK(rows[i].name,
                  reading_same(m->time_zone, want & 0x40 ? "Middle Standard Time" : NULL));
            CHECK(rows[i].name, reading_same(m->build, want & 0x100 ? "19041.1.sample" : NULL));
            CHECK(rows[i].name, reading_same(m->debug_build,
                                             want & 0x100 ? "dbgsample.amd64,1.2.3.4" : NULL));
            CHECK(rows[i].name, (want & 0x200) == 0 || m->cookie == 0xC00C1E);
            dumpgen_free(&d);
        }
}

/* A start after the dump is a clock that was set back, and noted. */
static void misc_start(void)
{
    static const struct {
        const char *name;
        uint32_t time;
        bool noted;
    } rows[] = {
        {"started before", 1700000000, false},
        {"started after",  1600000000, true },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen d;
        windows(&d, false);
        d.time = rows[i].time;
        dumpgen_misc(&d, 1, 1699999990);
        reading_of(&got, dumpgen_end(&d));
        CHECK(rows[i].name, reading_noted(&got, FB_NOTE_BAD_ITEM) == rows[i].noted);
        dumpgen_free(&d);
    }
}

static void thread_infos(void)
{
    static const struct {
        const char *name;
        struct dumpgen_thread_info v[2];
        bool present, regs, teb, noted;
    } rows[] = {
        {"plain",              {{7, 0, 0x401000}},               true,  true,  true,  false},
        {"wrote the dump",     {{7, 2, 0x401000}},               true,  true,  true,  false},
        {"of another thread",  {{9, 0, 0x401000}},               false, true,  true,  false},
        {"twice",              {{7, 0, 0x401000}, {7, 0x30, 1}}, true,  true,  true,  true },
        {"its context is bad", {{7, 0x10, 0x401000}},            true,  false, true,  true },
        {"its TEB is bad",     {{7, 0x20, 0x401000}},            true,  true,  false, false},
        {"it was in error",    {{7, 1, 0x401000}},               true,  true,  true,  true },
    };
    struct fb_regs regs = {.arch = FB_AMD64};
    fb_reg_set(&regs, FB_RIP, 0x401000);
    fb_reg_set(&regs, FB_RSP, 0x5000);
    const struct dumpgen_thread thread = {.id = 7,
                                          .teb = 0x9000,
                                          .stack_start = 0x5000,
                                          .stack = memory,
                                          .n_stack = 64,
                                          .regs = regs};
    const struct dumpgen_memory teb = {0x9000, memory, sizeof memory};
    memory[0x68] = 87;
    memory[0x1250] = 0x35;
    memory[0x1253] = 0xC0;
    memory[0x09] = 0x70; // stack from 0x6000 to 0x7000
    memory[0x11] = 0x60;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen d;
        windows(&d, false);
        dumpgen_threads(&d, &thread, 1);
        dumpgen_memory(&d, &teb, 1);
        dumpgen_thread_infos(&d, rows[i].v, rows[i].v[1].thread != 0 ? 2 : 1);
        reading_of(&got, dumpgen_end(&d));
        const struct fb_thread *t = &got.dump.threads.v[0];
        CHECK(rows[i].name, t->info.present == rows[i].present);
        CHECK(rows[i].name, !t->info.present || t->info.start == 0x401000);
        CHECK(rows[i].name, !t->info.present || t->info.user_time == 30000);
        CHECK(rows[i].name, (t->regs.valid != 0) == rows[i].regs);
        CHECK(rows[i].name, t->last_error == (rows[i].teb ? 87 : UINT64_MAX));
        CHECK(rows[i].name, t->last_status == (rows[i].teb ? 0xC0000035 : UINT64_MAX));
        CHECK(rows[i].name, t->stack_base == (rows[i].teb ? 0x7000 : 0));
        CHECK(rows[i].name, t->stack_limit == (rows[i].teb ? 0x6000 : 0));
        CHECK(rows[i].name, (got.notes.n > 1) == rows[i].noted); // one: there are no modules
        dumpgen_free(&d);
    }
}

static void handles(void)
{
    static const struct {
        const char *name;
        struct dumpgen_handle handle;
        uint32_t pid, tid;
        bool noted;
    } rows[] = {
        {"named",           {.handle = 4, .type = "Event", .name = "e"}, 0,  0,  false},
        {"nameless",        {.handle = 4, .type = "Event"},              0,  0,  false},
        {"without a type",  {.handle = 4},                               0,  0,  false},
        {"of a thread",     {.handle = 4, .type = "Thread", .info = 1},  70, 71, false},
        {"an owned mutant", {.handle = 4, .type = "Mutant", .info = 3},  70, 71, false},
        {"of a process",    {.handle = 4, .type = "Process", .info = 5}, 70, 0,  false},
        {"of a section",    {.handle = 4, .type = "Section", .info = 7}, 0,  0,  false},
        {"a ring of infos", {.handle = 4, .info = 1, .ring = true},      0,  0,  true },
        {"infos nowhere",   {.handle = 4, .no_info = 0xFFFFFF00},        0,  0,  true },
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int big = 0; big < 2; big++) {
            struct dumpgen d;
            windows(&d, big != 0);
            dumpgen_handles(&d, &rows[i].handle, 1);
            reading_of(&got, dumpgen_end(&d));
            const struct fb_handle *h = got.dump.handles;
            CHECK(rows[i].name, got.dump.n_handles == 1 && h->handle == 4);
            CHECK(rows[i].name, reading_same(h->type, rows[i].handle.type));
            CHECK(rows[i].name, reading_same(h->name, rows[i].handle.name));
            CHECK(rows[i].name, h->access == 0x1F0003 && h->handles == 3 && h->pointers == 4);
            if (!rows[i].handle.ring)
                CHECK(rows[i].name, h->owner_pid == rows[i].pid && h->owner_tid == rows[i].tid);
            CHECK(rows[i].name, reading_noted(&got, FB_NOTE_BAD_ITEM) == rows[i].noted);
            dumpgen_free(&d);
        }
}

static void operations(void)
{
    static const struct {
        const char *name;
        uint32_t depth;
        size_t want;
        bool noted;
    } rows[] = {
        {"no trace",      0,          0,  false},
        {"three frames",  3,          3,  false},
        {"all there are", 32,         32, false},
        {"more",          33,         32, true },
        {"4294967295",    UINT32_MAX, 32, true },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen d;
        windows(&d, false);
        dumpgen_operations(
            &d, &(struct dumpgen_operation){8, 77, 78, .operation = 2, .depth = rows[i].depth},
            1);
        reading_of(&got, dumpgen_end(&d));
        const struct fb_handle_operation *op = got.dump.handle_operations;
        CHECK(rows[i].name, got.dump.n_handle_operations == 1 && op->handle == 8);
        CHECK(rows[i].name, op->pid == 77 && op->tid == 78 && op->operation == 2);
        CHECK(rows[i].name, op->depth == rows[i].want);
        CHECK(rows[i].name, op->depth < 2 || op->back_trace[1] == 0x401010);
        CHECK(rows[i].name, reading_noted(&got, FB_NOTE_CUT_LIST) == rows[i].noted);
        dumpgen_free(&d);
    }
}

static void tokens(void)
{
    static const uint32_t person[] = {5, 21, 111, 222, 333, 1001, 0};
    static const uint32_t administrator[] = {5, 21, 111, 222, 333, 500, 0};
    static const uint32_t local_system[] = {5, 18, 0};
    static const uint32_t in_the_cloud[] = {12, 1, 4111, 5222, 6333, 7444, 0};
    static const struct {
        const char *name;
        struct dumpgen_token token;
        const char *user;
        bool administrator;
    } rows[] = {
        {"a person",           {77, person, 0x2000, 0, 0},        "S-1-5-21-*",     false},
        {"a person, elevated", {77, person, 0x3000, 7, 0},        "S-1-5-21-*",     true },
        {"deny only",          {77, person, 0x2000, 0x10, 0},     "S-1-5-21-*",     false},
        {"the administrator",  {77, administrator, 0x3000, 7, 0}, "S-1-5-21-*-500", true },
        {"the system",         {77, local_system, 0x4000, 7, 0},  "S-1-5-18",       true },
        {"of Azure",           {77, in_the_cloud, 0x2000, 0, 0},  "S-1-12-1-*",     false},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int big = 0; big < 2; big++) {
            struct dumpgen d;
            windows(&d, big != 0);
            const struct dumpgen_token v[] = {rows[i].token, rows[i].token};
            dumpgen_tokens(&d, v, 2);
            reading_of(&got, dumpgen_end(&d));
            CHECK(rows[i].name, got.dump.n_tokens == 2);
            const struct fb_token *t = &got.dump.tokens[1];
            CHECK(rows[i].name, t->id == 77 && t->handle == 0x75C && !t->impersonation);
            CHECK(rows[i].name, reading_same(t->user, rows[i].user));
            CHECK(rows[i].name, t->integrity == rows[i].token.integrity);
            CHECK(rows[i].name, t->administrator == rows[i].administrator);
            CHECK(rows[i].name, !reading_noted(&got, FB_NOTE_BAD_ITEM));
            dumpgen_free(&d);
        }
}

static void token_sizes(void)
{
    static const uint32_t user[] = {5, 18, 0};
    static const struct {
        const char *name;
        uint32_t size;
    } rows[] = {
        {"smaller than its header", 8         },
        {"larger than the stream",  5000      },
        {"4294967295",              UINT32_MAX},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen d;
        windows(&d, false);
        dumpgen_tokens(&d, &(struct dumpgen_token){77, user, 0x2000, 0, rows[i].size}, 1);
        reading_of(&got, dumpgen_end(&d));
        CHECK(rows[i].name, got.dump.n_tokens == 0);
        CHECK(rows[i].name, reading_noted(&got, FB_NOTE_BAD_ITEM));
        dumpgen_free(&d);
    }
}

static void counters(void)
{
    static const struct {
        const char *name;
        uint16_t revision, flags;
        uint64_t private_usage, virtual_size;
        bool job;
    } rows[] = {
        {"revision 1",          1, 0,    9000,  0,     false},
        {"revision 2",          2, 0xF,  11000, 10000, false},
        {"revision 2 in a job", 2, 0x1F, 11000, 10000, true },
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int big = 0; big < 2; big++) {
            struct dumpgen d;
            windows(&d, big != 0);
            dumpgen_counters(&d, rows[i].revision, rows[i].flags);
            dumpgen_system_memory(&d);
            reading_of(&got, dumpgen_end(&d));
            const struct fb_vm_counters *c = &got.dump.counters;
            CHECK(rows[i].name, c->present && c->page_faults == 500);
            CHECK(rows[i].name, c->peak_working_set == 1000 && c->working_set == 2000);
            CHECK(rows[i].name, c->pagefile == 7000 && c->peak_pagefile == 8000);
            CHECK(rows[i].name, c->private_usage == rows[i].private_usage);
            CHECK(rows[i].name, c->virtual_size == rows[i].virtual_size);
            CHECK(rows[i].name, c->has_job == rows[i].job);
            CHECK(rows[i].name, !c->has_job || c->job_total_limit == 18000);
            const struct fb_system_memory *s = &got.dump.system_memory;
            CHECK(rows[i].name, s->present && s->page_size == 4096 && s->physical == 1000);
            CHECK(rows[i].name, s->available == 10 && s->committed == 20);
            CHECK(rows[i].name, s->commit_limit == 30 && s->commit_peak == 40);
            dumpgen_free(&d);
        }
}

static void comments(void)
{
    static const struct {
        const char *name, *bytes;
        size_t n;
        const char *want;
    } rows[] = {
        {"with its NUL", "abc\0",    4, "abc"           },
        {"without",      "abc",      3, "abc"           },
        {"with a tail",  "abc\0def", 7, "abc"           },
        {"not Unicode",  "a\xE9z",   3, "a\xEF\xBF\xBDz"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen d;
        windows(&d, false);
        dumpgen_raw(&d, 10, rows[i].bytes, rows[i].n);
        dumpgen_stream(&d, 11);
        dumpgen_text16(&d, "wide", 4 + i); // with and without a NUL
        dumpgen_number(&d, 0, 1);          // and an odd byte
        dumpgen_stream_end(&d);
        reading_of(&got, dumpgen_end(&d));
        CHECK(rows[i].name, reading_same(got.dump.comment, rows[i].want));
        CHECK(rows[i].name, reading_same(got.dump.comment_wide, "wide"));
        dumpgen_free(&d);
    }
}

int main(void)
{
    misc();
    misc_start();
    thread_infos();
    handles();
    operations();
    tokens();
    token_sizes();
    counters();
    comments();
    return check_done();
}
