/*
 * tests/support/crashed.h -- an analysis as the keys meet it, built from one line per frame, so
 * that a test need not make a dump first.
 *
 *   "app.exe!ns::foo"  symbol in a module     "app.exe+1234"  no symbol
 *   "?"                in no module           a leading "~"   found by scanning
 *
 * Modules are made as they are named, 16 MiB apart, in the folder "C:\app" (or "/opt/app"); a
 * name with a path keeps it. The first module is the program.
 */
#pragma once
#include "analysis.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

enum { CRASHED_MODULES = 16, CRASHED_FRAMES = 512, CRASHED_APART = 0x1000000 };

struct crashed {
    struct fb_analysis a;
    struct fb_module modules[CRASHED_MODULES];
    char paths[CRASHED_MODULES][512];
    struct fb_thread thread;
    struct fb_stack stack;
    struct fb_frame frames[CRASHED_FRAMES];
    char texts[CRASHED_FRAMES][256];
    struct fb_arena arena;
    _Alignas(16) uint8_t room[1 << 20];
};

static inline const char *crashed_base(const char *path)
{
    const char *base = path;
    for (; *path != 0; path++)
        if (*path == '/' || *path == '\\')
            base = path + 1;
    return base;
}

static inline const struct fb_module *crashed_module(struct crashed *c, const char *name)
{
    struct fb_modules *m = &c->a.dump.modules;
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->v[i].name, crashed_base(name)) == 0)
            return &m->v[i];
    bool bare = crashed_base(name) == name;
    const char *folder = c->a.dump.system.os == FB_WINDOWS ? "C:\\app\\" : "/opt/app/";
    snprintf(c->paths[m->n], sizeof c->paths[0], "%s%s", bare ? folder : "", name);
    fb_addr base = 0x10000000 + m->n * CRASHED_APART;
    c->modules[m->n] = (struct fb_module){.base = base,
                                          .size = CRASHED_APART,
                                          .end = base + CRASHED_APART,
                                          .timestamp = 0x5f000000,
                                          .path = c->paths[m->n],
                                          .name = crashed_base(c->paths[m->n]),
                                          .code_id = FB_CODE_ID_PE};
    return &m->v[m->n++];
}

static inline void crashed_frame(struct crashed *c, const char *line)
{
    struct fb_frame *f = &c->frames[c->stack.n];
    char *text = c->texts[c->stack.n++];
    *f = (struct fb_frame){.trust = c->stack.n == 1 ? FB_TRUST_CONTEXT : FB_TRUST_CFI};
    if (*line == '~') {
        f->trust = FB_TRUST_SCAN;
        line++;
    }
    snprintf(text, 256, "%s", line);
    f->resume = f->lookup = 0x600000000;
    if (*line == '?')
        return;
    char *bang = strchr(text, '!'), *plus = strchr(text, '+');
    bool symbol = bang != NULL;
    char *mark = symbol ? bang : plus;
    uint64_t offset = !symbol && plus != NULL ? strtoull(plus + 1, NULL, 16) : 0x1000;
    if (mark != NULL)
        *mark = 0;
    f->module = crashed_module(c, text);
    f->resume = f->lookup = f->module->base + offset;
    if (symbol) {
        f->function = bang + 1;
        f->function_at = f->lookup - 0x10;
        f->file = "file.cc";
        f->line = 7;
    }
}

/* A crash of `os`; give it an exception and frames, then let the keys be made. */
static inline struct crashed *crashed_new(enum fb_os os, enum fb_arch arch, const char *program)
{
    struct crashed *c = (struct crashed *)calloc(1, sizeof *c);
    if (c == NULL)
        exit(2);
    c->arena = (struct fb_arena){.base = c->room, .cap = sizeof c->room};
    c->a.dump.system.os = os;
    c->a.dump.system.arch = arch;
    c->a.dump.modules.v = c->modules;
    c->a.dump.threads = (struct fb_threads){&c->thread, 1};
    c->thread.last_error = UINT64_MAX;
    c->a.stacks = &c->stack;
    c->stack.v = c->frames;
    c->stack.stop = "end of stack";
    if (program != NULL)
        crashed_module(c, program);
    else
        c->a.dump.modules.main = SIZE_MAX;
    return c;
}

static inline void crashed_exception(struct crashed *c, uint32_t code, uint32_t n, uint64_t p0,
                                     uint64_t p1)
{
    struct fb_exception *e = &c->a.dump.exception;
    e->present = true;
    e->code = code;
    e->n_parameters = n;
    e->parameters[0] = p0;
    e->parameters[1] = p1;
    if (c->stack.n != 0)
        e->address = c->frames[0].resume;
}
