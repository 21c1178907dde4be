/*
 * worker/analysis/unwind/names.c -- the names of a frame: module, function, line, inlined
 * calls.
 *
 * They come from symbols, else from the image itself. A place that an earlier frame stood at,
 * in this thread or another one, is not looked up again.
 */
#include "unwind/names.h"

#include "symbols/demangle.h"

enum { UNLOADED_MAX = 8 }; // unloaded modules named per frame

static bool held_by(const struct fb_unloaded *u, fb_addr a)
{
    return a >= u->base && a - u->base < u->size;
}

static void name_unloaded(const struct fb_dump *dump, struct fb_arena *arena,
                          struct fb_frame *f)
{
    const struct fb_unloaded **v = FB_NEW(arena, const struct fb_unloaded *, UNLOADED_MAX);
    size_t n = 0;
    for (size_t i = 0; v != NULL && i < dump->n_unloaded && n < UNLOADED_MAX; i++)
        if (held_by(&dump->unloaded[i], f->lookup))
            v[n++] = &dump->unloaded[i];
    f->unloaded = v;
    f->n_unloaded = n;
}

/* A name as people write it, as long as that is not too much work. */
static const char *people_write(const struct fb_unwinder *w, const char *name,
                                struct fb_arena *arena)
{
    bool mangled = name[0] == '_';
    return mangled && fb_work_take(w->env->work, FB_WORK_LETTERS, strlen(name))
               ? fb_demangle(name, arena)
               : name;
}

/* The same of all of them. */
static const struct fb_inline *demangle_inlines(const struct fb_unwinder *w,
                                                const struct fb_inline *v, size_t n,
                                                struct fb_arena *arena)
{
    struct fb_inline *copy = NULL;
    for (size_t i = 0; i < n; i++) {
        const char *name = people_write(w, v[i].function, arena);
        if (name == v[i].function)
            continue;
        if (copy == NULL && (copy = FB_RAW(arena, struct fb_inline, n)) != NULL)
            memcpy(copy, v, n * sizeof *v);
        if (copy != NULL)
            copy[i].function = name;
    }
    return copy != NULL ? copy : v;
}

static void name_anew(const struct fb_unwinder *w, struct fb_arena *arena, struct fb_frame *f)
{
    const struct fb_symbols *symbols = w->env->symbols;
    struct fb_symbol s = {0};
    uint64_t rva = f->lookup - f->module->base;
    bool has = fb_code_symbols(w, f->module) != FB_SYMBOLS_MISSING;
    if (has ? !symbols->lookup(symbols->self, f->module, rva, arena, &s)
            : !fb_code_own_name(w, f->module, rva, arena, &s))
        return;
    f->function = people_write(w, s.function, arena);
    f->mangled = f->function != s.function ? s.function : NULL;
    f->function_at = f->module->base + s.function_rva;
    f->shared = s.shared;
    f->nearest = s.nearest;
    f->file = s.file;
    f->line = s.line;
    f->inlines = demangle_inlines(w, s.inlines, s.n_inlines, arena);
    f->n_inlines = s.n_inlines;
}

static void name_alike(const struct fb_frame *other, struct fb_frame *f)
{
    f->function = other->function;
    f->mangled = other->mangled;
    f->function_at = other->function_at;
    f->shared = other->shared;
    f->nearest = other->nearest;
    f->file = other->file;
    f->line = other->line;
    f->inlines = other->inlines;
    f->n_inlines = other->n_inlines;
}

void fb_name_frame(const struct fb_unwinder *w, struct fb_arena *arena, struct fb_frame *f)
{
    const struct fb_frame *own = NULL;
    const struct fb_frame **known =
        w->env->named != NULL ? &w->env->named->v[f->lookup % FB_NAMED] : &own;
    f->module = fb_code_module(w, f->lookup);
    if (f->module == NULL)
        name_unloaded(w->env->dump, arena, f);
    else if (w->nameless)
        return;
    else if (*known != NULL && (*known)->lookup == f->lookup)
        name_alike(*known, f);
    else
        name_anew(w, arena, f);
    *known = f->module != NULL ? f : *known;
}
