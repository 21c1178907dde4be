/*
 * tests/unit/test_walk_again.c -- recursion with large frames, of which nothing but the stack
 * is at hand: a row per arrangement of the same return address.
 */
#include "support/check.h"
#include "unwind/walk.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM = 4 * 1024 * 1024, STACK = 0x100000, SIZE = 512 * 1024, BASE = 0x400000 };
enum { RETURN = BASE + 0x1550 };

static const struct {
    const char *name;
    enum fb_arch arch;
    size_t first, distance, n; // words: where it stands first, how far apart, how often
    size_t frames;             // that must be found, the context among them
    bool regular;
} rows[] = {
    {"a recursion of pages",         FB_AMD64, 5, 602,  20, 21, true },
    {"with 32 bits",                 FB_X86,   5, 601,  20, 21, true },
    {"as large as can be",           FB_AMD64, 5, 8192, 6,  7,  true },
    {"larger",                       FB_AMD64, 5, 8194, 6,  2,  false},
    {"too few rounds to believe it", FB_AMD64, 5, 602,  3,  2,  false},
    {"just enough",                  FB_AMD64, 5, 602,  4,  2,  true },
};

static void put(uint8_t *stack, size_t word, size_t at, uint64_t value)
{
    for (size_t i = 0; i < word; i++)
        stack[at * word + i] = (uint8_t)(value >> (8 * i));
}

static bool by_recursion(const struct fb_stack *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->v[i].method, "recursion") == 0)
            return s->v[i].resume == RETURN && s->v[i].trust == FB_TRUST_SCAN;
    return false;
}

static void walk(size_t row, uint8_t *stack, struct fb_arena *arena, struct fb_stack *out)
{
    const struct fb_reg_names *names = fb_reg_names(rows[row].arch);
    struct fb_module module = {.base = BASE, .end = BASE + 0x10000, .path = "", .name = "app"};
    struct fb_region region = {
        STACK, {stack, SIZE, 0}
    };
    struct fb_dump dump = {
        .system = {.arch = rows[row].arch, .os = FB_WINDOWS},
        .modules = { &module,                     1,                0},
        .memory = { .v = &region,                .n = 1,  .longest = SIZE}
    };
    struct fb_thread thread = {.stack_start = STACK, .stack = region.bytes};
    struct fb_regs regs = {.arch = rows[row].arch};
    struct fb_walk_env env = {.dump = &dump};
    memset(stack, 0, SIZE);
    for (size_t i = 0; i < rows[row].n; i++)
        put(stack, names->word, rows[row].first + i * rows[row].distance, RETURN);
    fb_reg_set(&regs, names->ip, BASE + 0x1234);
    fb_reg_set(&regs, names->sp, STACK);
    CHECK(rows[row].name, !fb_failed(fb_walk(&env, &thread, &regs, arena, out)));
}

int main(void)
{
    uint8_t *room = malloc(ROOM), *stack = malloc(SIZE);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fb_arena arena = {.base = room, .cap = ROOM};
        struct fb_stack s;
        walk(i, stack, &arena, &s);
        CHECK(rows[i].name, by_recursion(&s) == rows[i].regular);
        CHECK(rows[i].name, s.n >= rows[i].frames || !rows[i].regular);
        fb_arena_reset(&arena);
    }
    free(stack);
    free(room);
    return check_done();
}
