/*
 * tests/unit/test_walk_shadow.c -- the shadow stack against what the methods find, one row per
 * way in which both can agree or not.
 *
 * The process: app, whose code at 0x401000 is calls only, each eighth byte behind one; code
 * made by the process at 0x700000, with unwind data: its function has 32 bytes of locals. The
 * stack begins at 0x10000, the shadow stack at 0x30000.
 */
#include "support/check.h"
#include "unwind/walk.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM = 4 << 20, STACK = 0x10000, SHADOW = 0x30000, APP = 0x401000, JIT = 0x700000 };
enum { WORDS = 64, CODE = 4096, SHOWN = 8, MADE_UP = 0x41414141 };

struct row {
    const char *name;
    uint64_t ip;
    uint64_t stack[12], shadow[8];
    bool live;        // the shadow-stack pointer is of the time of the registers
    const char *want; // "ip method, ..."
    int corrupted;    // index of the frame; -1: none
};
static const struct row rows[] = {
    {"both agree",
     APP + 0x100,
     {0, APP + 8, 0, APP + 16},
     {APP + 8, APP + 16},
     true,  "401100 context, 401008 shadow_stack, 401010 shadow_stack",
     -1},
    {"a stale word is passed over",
     APP + 0x100,
     {0, APP + 80, 0, APP + 8},
     {APP + 8},
     true,  "401100 context, 401008 shadow_stack",
     -1},
    {"a token is passed over",
     APP + 0x100,
     {0, APP + 8},
     {SHADOW + 1, APP + 8},
     true,  "401100 context, 401008 shadow_stack",
     -1},
    {"frames of a handler come first",
     APP + 0x100,
     {0, APP + 8, 0, APP + 80, APP + 16},
     {APP + 0x200, APP + 0x208, APP + 8, APP + 16},
     false, "401100 context, 401008 shadow_stack, 401010 shadow_stack",
     -1},
    {"what never was called, syncs nothing",
     APP + 0x100,
     {0, APP + 8},
     {APP + 0x200},
     false, "401100 context, 401008 scan",
     -1},
    {"unwind data agrees",
     JIT + 0x10,
     {0, 0, 0, 0, APP + 8},
     {APP + 8},
     true,  "700010 context, 401008 pdata",
     -1},
    {"a return address was overwritten",
     JIT + 0x10,
     {MADE_UP, MADE_UP, MADE_UP, MADE_UP, MADE_UP, 0, 0, APP + 16},
     {APP + 8, APP + 16},
     true,  "700010 context, 401008 shadow_stack, 401010 shadow_stack",
     0 },
    {"the whole stack was overwritten",
     JIT + 0x10,
     {MADE_UP, MADE_UP, MADE_UP, MADE_UP, MADE_UP, MADE_UP, MADE_UP, MADE_UP},
     {JIT + 0x80, APP + 16},
     true,  "700010 context, 700080 shadow_stack, 401010 shadow_stack",
     0 },
    {"data end it",
     APP + 0x100,
     {0, APP + 8, 0, APP + 16},
     {STACK, APP + 80},
     true,  "401100 context, 401008 scan, 401010 scan",
     -1},
};

static uint8_t code[CODE], stack[8 * WORDS], shadow[8 * WORDS], table[12];
/* Version 1, no flags; 4 bytes of prolog; one operation, done behind byte 4: 32 bytes. */
static const uint8_t info[] = {1, 4, 1, 0, 4, 0x32, 0, 0};

static void put(uint8_t *at, size_t n, uint64_t value)
{
    for (size_t i = 0; i < n; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static void make_code(void)
{
    for (size_t i = 0; i < CODE; i++)
        code[i] = i % 8 == 3 ? 0xE8 : 0x90;
    put(table, 4, 0);
    put(table + 4, 4, 0x100);
    put(table + 8, 4, 0x800);
}

static void walk(const struct row *row, struct fb_arena *arena, struct fb_stack *out)
{
    static struct fb_module app = {
        .base = APP - 0x1000, .end = APP + CODE, .path = "", .name = "app"};
    struct fb_region regions[] = {
        {STACK,       {stack, sizeof stack, 0}  },
        {SHADOW,      {shadow, sizeof shadow, 0}},
        {APP,         {code, sizeof code, 0}    },
        {JIT,         {code, 0x100, 0}          },
        {JIT + 0x800, {info, sizeof info, 0}    },
    };
    struct fb_page pages[] = {
        {STACK,  sizeof stack,  FB_PAGE_READ | FB_PAGE_WRITE,   FB_PAGE_PRIVATE, NULL},
        {SHADOW, sizeof shadow, FB_PAGE_READ,                   FB_PAGE_PRIVATE, NULL},
        {APP,    CODE,          FB_PAGE_READ | FB_PAGE_EXECUTE, FB_PAGE_IMAGE,   NULL},
        {JIT,    0x1000,        FB_PAGE_READ | FB_PAGE_EXECUTE, FB_PAGE_PRIVATE, NULL},
    };
    struct fb_function_table jit = {
        JIT, JIT + 0x800, JIT, {table, sizeof table, 0},
             12
    };
    struct fb_dump dump = {
        .system = {.arch = FB_AMD64,     .os = FB_WINDOWS    },
        .modules = { &app,                   1,                    0},
        .memory = { .v = regions, .n = COUNT(regions),      .longest = CODE},
        .pages = { pages,        COUNT(pages), FB_PAGES_MEMORY_INFO},
        .function_tables = &jit,
        .n_function_tables = 1,
    };
    for (size_t i = 0; i < WORDS; i++) {
        put(stack + 8 * i, 8, i < COUNT(row->stack) ? row->stack[i] : 0);
        put(shadow + 8 * i, 8, i < COUNT(row->shadow) ? row->shadow[i] : 0);
    }
    struct fb_thread thread = {
        .stack_start = STACK, .stack = {stack, sizeof stack, 0},
             .shadow_stack = SHADOW
    };
    struct fb_regs regs = {.arch = FB_AMD64};
    fb_reg_set(&regs, FB_RIP, row->ip);
    fb_reg_set(&regs, FB_RSP, STACK);
    thread.regs = regs;
    struct fb_walk_env env = {.dump = &dump};
    CHECK(row->name,
          !fb_failed(fb_walk(&env, &thread, row->live ? &thread.regs : &regs, arena, out)));
}

static void check(const struct row *row, const struct fb_stack *s)
{
    char got[512] = "";
    size_t n = 0;
    for (size_t i = 0; i < s->n && i < SHOWN; i++)
        n += (size_t)snprintf(got + n, sizeof got - n, "%s%llx %s", i == 0 ? "" : ", ",
                              (unsigned long long)s->v[i].resume, s->v[i].method);
    if (!CHECK(row->name, strcmp(got, row->want) == 0))
        fprintf(stderr, "  want %s\n  got  %s\n", row->want, got);
    CHECK(row->name, s->corrupted == (row->corrupted < 0 ? NULL : &s->v[row->corrupted]));
}

int main(void)
{
    uint8_t *room = malloc(ROOM);
    make_code();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fb_arena arena = {.base = room, .cap = ROOM};
        struct fb_stack s = {0};
        walk(&rows[i], &arena, &s);
        check(&rows[i], &s);
        fb_arena_reset(&arena);
    }
    free(room);
    return check_done();
}
