/*
 * tests/support/one_sym.h -- a Windows process of one module with a symbol file, and a little
 * stack: what STACK records need to be tried.
 */
#pragma once
#include "symbols/symstack.h"
#include "unwind/walk.h"

#include <string.h>

enum { ONE_SYM_BASE = 0x400000, ONE_SYM_END = 0x410000, ONE_SYM_STACK = 0x10000 };
enum { ONE_SYM_STACK_SIZE = 256 };

struct one_sym {
    struct fb_module module;
    struct fb_region region;
    uint8_t stack[ONE_SYM_STACK_SIZE];
    struct fb_dump dump;
    struct fb_thread thread;
    struct fb_regs regs;
    struct fb_symfile *sym;
    struct fb_symbols symbols;
};

static inline enum fb_symbol_state one_sym_state(void *self, const struct fb_module *module)
{
    (void)self;
    (void)module;
    return FB_SYMBOLS_MISSING; // names are not asked for
}

static inline const struct fb_symfile *one_sym_file(void *self, const struct fb_module *module)
{
    const struct one_sym *p = self;
    return module == &p->module ? p->sym : NULL;
}

/** All but the registers and what lies on the stack; the symbol file is the caller's. `p` must
 * stay where it is. */
static inline void one_sym_make(struct one_sym *p, enum fb_arch arch)
{
    memset(p, 0, sizeof *p);
    const struct fb_span stack = {p->stack, sizeof p->stack, 0};
    p->module =
        (struct fb_module){.base = ONE_SYM_BASE, .end = ONE_SYM_END, .path = "", .name = "app"};
    p->region = (struct fb_region){ONE_SYM_STACK, stack};
    p->thread.stack_start = ONE_SYM_STACK;
    p->thread.stack = stack;
    p->symbols = (struct fb_symbols){p, one_sym_state, NULL, NULL, one_sym_file};
    p->regs.arch = p->dump.system.arch = arch;
    p->dump.system.os = FB_WINDOWS;
    p->dump.modules = (struct fb_modules){&p->module, 1, 0};
    p->dump.memory = (struct fb_memory){.v = &p->region, .n = 1, .longest = ONE_SYM_STACK_SIZE};
}
