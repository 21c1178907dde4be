/*
 * tests/unit/test_walk_signal.c -- out of signal handlers, one row per kind of trampoline, back
 * on the same stack and on another one.
 *
 * The process: app at 0x400000, lib with the trampoline at 0x500000. The handler runs at the
 * bottom of a stack at 0x10000 and has a frame pointer; the interrupted code ran higher up, or
 * on a stack at 0x80000.
 */
#include "support/check.h"
#include "unwind/walk.h"

#include <stdlib.h>
#include <string.h>

enum {
    ROOM = 4 * 1024 * 1024,
    STACK = 0x10000,
    OTHER = 0x80000,
    SIZE = 4096,
    TRAMPOLINE = 0x500100,
    INTERRUPTED = 0x400234,
    CALLER = 0x400500
};

struct row {
    const char *name;
    enum fb_arch arch;
    enum fb_os os;
    uint8_t code[12];
    size_t n_code;
    unsigned ip_at, sp_at, saved_at; // bytes above the trampoline's sp
    int saved;                       // a register that only the context knows
};
static const struct row rows[] = {
    {"x64",
     FB_AMD64,            FB_LINUX,
     {0x48, 0xC7, 0xC0, 15, 0, 0, 0, 0x0F, 5},
     9,                                                                     168,
     160,                                                                             144,
     FB_RAX                                                                                      },
    {"x86 rt",    FB_X86, FB_LINUX,   {0xB8, 0xAD, 0, 0, 0, 0xCD, 0x80}, 7, 216, 188, 200, FB_ECX},
    {"x86 old",
     FB_X86,              FB_LINUX,
     {0x58, 0xB8, 0x77, 0, 0, 0, 0xCD, 0x80},
     8,                                                                     60,
     32,                                                                              40,
     FB_EDX                                                                                      },
    {"arm64",
     FB_ARM64,            FB_ANDROID,
     {0x68, 0x11, 0x80, 0xD2, 1, 0, 0, 0xD4},
     8,                                                                     568,
     560,                                                                             312,
     FB_X0                                                                                       },
    {"arm",
     FB_ARM,              FB_ANDROID,
     {0xAD, 0x70, 0xA0, 0xE3, 0, 0, 0, 0xEF},
     8,                                                                     220,
     212,                                                                             160,
     FB_R0                                                                                       },
    {"arm thumb", FB_ARM, FB_ANDROID, {0xAD, 0x27, 0, 0xDF},             4, 220, 212, 160, FB_R0 },
};

struct process {
    uint8_t stack[SIZE], other[SIZE], code[16];
    struct fb_module modules[2];
    struct fb_region regions[3];
    struct fb_dump dump;
    struct fb_thread thread;
    struct fb_regs regs;
};

static void put(uint8_t *at, size_t word, uint64_t value)
{
    for (size_t i = 0; i < word; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

/* The handler's frame record at the bottom; above it what the kernel has left. */
static void make(const struct row *row, fb_addr sp, struct process *p)
{
    memset(p, 0, sizeof *p);
    const struct fb_reg_names *names = fb_reg_names(row->arch);
    size_t word = names->word;
    memcpy(p->code, row->code, row->n_code);
    put(p->stack + word, word, TRAMPOLINE | (row->n_code == 4 ? 1 : 0));
    uint8_t *context = p->stack + 2 * word;
    put(context + row->ip_at, word, INTERRUPTED);
    put(context + row->sp_at, word, sp);
    put(context + row->saved_at, word, 77);
    uint8_t *there = sp >= OTHER ? p->other + (sp - OTHER) : p->stack + (sp - STACK);
    put(there, word, CALLER);
    p->modules[0] =
        (struct fb_module){.base = 0x400000, .end = 0x410000, .path = "", .name = "app"};
    p->modules[1] =
        (struct fb_module){.base = 0x500000, .end = 0x510000, .path = "", .name = "lib"};
    p->regions[0] = (struct fb_region){
        STACK, {p->stack, SIZE, 0}
    };
    p->regions[1] = (struct fb_region){
        OTHER, {p->other, SIZE, 0}
    };
    p->regions[2] = (struct fb_region){
        TRAMPOLINE, {p->code, sizeof p->code, 0}
    };
    p->dump.system.arch = row->arch;
    p->dump.system.os = row->os;
    p->dump.modules = (struct fb_modules){p->modules, COUNT(p->modules), 0};
    p->dump.memory =
        (struct fb_memory){.v = p->regions, .n = COUNT(p->regions), .longest = SIZE};
    p->thread = (struct fb_thread){
        .stack_start = STACK, .stack = {p->stack, SIZE, 0}
    };
    p->regs = (struct fb_regs){.arch = row->arch};
    fb_reg_set(&p->regs, names->ip, 0x400100);
    fb_reg_set(&p->regs, names->sp, STACK);
    fb_reg_set(&p->regs, names->fp, STACK);
}

static void interrupted_is(const struct row *row, const struct fb_stack *s, fb_addr sp)
{
    if (!CHECK(row->name, s->n >= 4))
        return;
    const struct fb_frame *f = &s->v[2];
    CHECK(row->name, s->v[1].resume == TRAMPOLINE);
    CHECK(row->name, f->resume == INTERRUPTED && f->lookup == INTERRUPTED && f->exact);
    CHECK(row->name, strcmp(f->method, "signal") == 0 && f->trust == FB_TRUST_CFI);
    CHECK(row->name,
          f->sp == sp && fb_reg_known(&f->regs, row->saved) && f->regs.v[row->saved] == 77);
    CHECK(row->name, s->v[3].resume == CALLER && !s->v[3].exact);
}

int main(void)
{
    static const fb_addr stacks[] = {STACK + 2048, OTHER + 512};
    uint8_t *room = malloc(ROOM);
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t k = 0; k < COUNT(stacks); k++) {
            struct process p;
            make(&rows[i], stacks[k], &p);
            struct fb_arena arena = {.base = room, .cap = ROOM};
            struct fb_walk_env env = {.dump = &p.dump};
            struct fb_stack s = {0};
            CHECK(rows[i].name, !fb_failed(fb_walk(&env, &p.thread, &p.regs, &arena, &s)));
            interrupted_is(&rows[i], &s, stacks[k]);
            p.code[0] ^= 1; // no trampoline: nobody is led astray
            CHECK(rows[i].name, !fb_failed(fb_walk(&env, &p.thread, &p.regs, &arena, &s)));
            CHECK(rows[i].name, s.n < 3 || s.v[2].resume != INTERRUPTED ||
                                    strcmp(s.v[2].method, "signal") != 0);
            fb_arena_reset(&arena);
        }
    free(room);
    return check_done();
}
