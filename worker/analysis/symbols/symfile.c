/*
 * worker/analysis/symbols/symfile.c -- what covers an address: function or public symbol,
 * line, inlined calls.
 *
 * Inlining shifts lines by one level: the record's line belongs to the innermost inlined
 * function, and every other function, the physical one included, stands at the call of the
 * next deeper one.
 */
#include "symbols/symfile.h"
#include "base/text.h"
#include "symbols/symtable.h"

enum {
    NAME_LONGEST = 4096,       // C++ can do 160 KB; nobody reads more than this
    INLINES_MAX = 256,         // depth of inlining
    OUTER_MAX = 1000,          // nested functions looked at
    PUBLIC_REACH = 1024 * 1024 // no function is this long: an address behind it is in another
};
static const char no_name[] = "<name omitted>"; // as Breakpad says

bool fb_symfile_corrupt(const struct fb_symfile *sym) { return sym->corrupt; }
const char *fb_symfile_debug_id(const struct fb_symfile *sym) { return sym->debug_id; }
const char *fb_symfile_debug_file(const struct fb_symfile *sym) { return sym->debug_file; }

static const char *text_of(struct fb_arena *arena, struct fb_sym_name name)
{
    if (name.n == 0)
        return no_name;
    char room[NAME_LONGEST];
    struct fb_text text = fb_text_over(room, sizeof room);
    fb_text_utf8(&text, (struct fb_span){name.p, name.n, 0});
    if (text.cut)
        fb_text_shorten(&text, NAME_LONGEST - 8); // it is longer: the last bytes become dots
    return fb_arena_text(arena, text.p, text.n);
}

static const struct fb_sym_numbered *numbered(const struct fb_sym_numbered *v, size_t n,
                                              uint32_t number)
{
    size_t i;
    FB_SYM_COUNT_UP_TO(v, n, number, number, &i);
    return i > 0 && v[i - 1].number == number ? &v[i - 1] : NULL;
}

static const char *file_name(const struct fb_symfile *sym, uint32_t number,
                             struct fb_arena *arena)
{
    const struct fb_sym_numbered *file = numbered(sym->files, sym->n_files, number);
    return file != NULL && number != FB_SYM_NONE ? text_of(arena, file->name) : NULL;
}

/* The innermost function that covers `rva`; `*nearest` is where the last one
 * before it starts. */
static const struct fb_sym_func *func_at(const struct fb_symfile *sym, uint64_t rva,
                                         uint64_t *nearest)
{
    size_t n;
    FB_SYM_COUNT_UP_TO(sym->funcs, sym->n_funcs, at, rva, &n);
    *nearest = n > 0 ? sym->funcs[n - 1].at : 0;
    uint32_t i = n > 0 ? (uint32_t)n - 1 : FB_SYM_NONE;
    for (int steps = 0; i != FB_SYM_NONE && steps < OUTER_MAX; steps++) {
        if (rva - sym->funcs[i].at < sym->funcs[i].size)
            return &sym->funcs[i];
        i = sym->funcs[i].outer;
    }
    return NULL;
}

/* The public symbol before `rva`, unless a function starts in between: then the address lies in
 * a gap that is nobody's. */
static const struct fb_sym_public *public_at(const struct fb_symfile *sym, uint64_t rva,
                                             uint64_t nearest)
{
    size_t n;
    FB_SYM_COUNT_UP_TO(sym->publics, sym->n_publics, at, rva, &n);
    if (n == 0 || rva - sym->publics[n - 1].at > PUBLIC_REACH)
        return NULL;
    return sym->publics[n - 1].at > nearest ? &sym->publics[n - 1] : NULL;
}

/* Which of the two covers `rva`; the other is NULL. @return false: neither */
static bool covered(const struct fb_symfile *sym, uint64_t rva, const struct fb_sym_func **func,
                    const struct fb_sym_public **public)
{
    uint64_t nearest;
    *func = func_at(sym, rva, &nearest);
    *public = *func == NULL ? public_at(sym, rva, nearest) : NULL;
    return *func != NULL || *public != NULL;
}

static const struct fb_sym_line *line_at(const struct fb_symfile *sym,
                                         const struct fb_sym_func *func, uint64_t offset)
{
    const struct fb_sym_line *v = sym->lines + func->first_line;
    size_t n;
    FB_SYM_COUNT_UP_TO(v, func->n_lines, at, offset, &n);
    return n > 0 && offset - v[n - 1].at < v[n - 1].size ? &v[n - 1] : NULL;
}

/* The call that was inlined at `depth` around `offset`. */
static const struct fb_sym_site *site_at(const struct fb_symfile *sym,
                                         const struct fb_sym_func *func, uint32_t depth,
                                         uint64_t offset)
{
    const struct fb_sym_range *v = sym->ranges + func->first_range;
    size_t first, n;
    FB_SYM_COUNT_UP_TO(v, func->n_ranges, depth, depth, &n);
    if (depth == 0)
        first = 0;
    else
        FB_SYM_COUNT_UP_TO(v, func->n_ranges, depth, depth - 1, &first);
    v += first;
    FB_SYM_COUNT_UP_TO(v, n - first, at, offset, &n);
    return n > 0 && offset - v[n - 1].at < v[n - 1].size ? &sym->sites[v[n - 1].site] : NULL;
}

/* Where the calls at one address stand, outermost first. */
struct chain {
    const struct fb_sym_site *site[INLINES_MAX];
    size_t n;
};

/* The file of the call at depth `i`. The old form does not say: it is the file that
 * defines the caller. */
static uint32_t call_file(const struct fb_symfile *sym, const struct fb_sym_func *func,
                          const struct chain *chain, size_t i)
{
    if (chain->site[i]->file != FB_SYM_NONE)
        return chain->site[i]->file;
    if (i == 0)
        return func->n_lines != 0 ? sym->lines[func->first_line].file : FB_SYM_NONE;
    const struct fb_sym_numbered *origin =
        numbered(sym->origins, sym->n_origins, chain->site[i - 1]->origin);
    return origin != NULL ? origin->file : FB_SYM_NONE;
}

/* Move the lines up by one level; the record's own, already in `out`, goes to the innermost. */
static void put_inlines(const struct fb_symfile *sym, const struct fb_sym_func *func,
                        const struct chain *chain, struct fb_arena *arena,
                        struct fb_symbol *out)
{
    struct fb_inline *v = FB_NEW(arena, struct fb_inline, chain->n);
    if (v == NULL)
        return;
    const char *file = out->file;
    uint32_t line = out->line;
    for (size_t i = 0; i < chain->n; i++) {
        const struct fb_sym_site *site = chain->site[chain->n - 1 - i];
        const struct fb_sym_numbered *origin =
            numbered(sym->origins, sym->n_origins, site->origin);
        const char *name = origin != NULL ? text_of(arena, origin->name) : no_name;
        v[i] = (struct fb_inline){name != NULL ? name : no_name, file, line};
        file = file_name(sym, call_file(sym, func, chain, chain->n - 1 - i), arena);
        line = site->line;
    }
    out->file = file;
    out->line = line;
    out->inlines = v;
    out->n_inlines = chain->n;
}

static void put_lines(const struct fb_symfile *sym, const struct fb_sym_func *func,
                      uint64_t offset, struct fb_arena *arena, struct fb_symbol *out)
{
    const struct fb_sym_line *line = line_at(sym, func, offset);
    if (line != NULL) {
        out->file = file_name(sym, line->file, arena);
        out->line = line->line;
    }
    struct chain chain = {.n = 0};
    while (chain.n < INLINES_MAX &&
           (chain.site[chain.n] = site_at(sym, func, (uint32_t)chain.n, offset)) != NULL)
        chain.n++;
    if (chain.n != 0)
        put_inlines(sym, func, &chain, arena, out);
}

bool fb_symfile_function(const struct fb_symfile *sym, uint64_t rva, uint64_t *start)
{
    const struct fb_sym_func *func;
    const struct fb_sym_public *public;
    if (!covered(sym, rva, &func, &public))
        return false;
    *start = func != NULL ? func->at : public->at;
    return true;
}

bool fb_symfile_params(const struct fb_symfile *sym, uint64_t rva, uint32_t *out)
{
    const struct fb_sym_func *func;
    const struct fb_sym_public *public;
    if (!covered(sym, rva, &func, &public))
        return false;
    *out = func != NULL ? func->params : public->params;
    return true;
}

bool fb_symfile_lookup(const struct fb_symfile *sym, uint64_t rva, struct fb_arena *arena,
                       struct fb_symbol *out)
{
    struct fb_symbol found = {0};
    const struct fb_sym_func *func;
    const struct fb_sym_public *public;
    if (!covered(sym, rva, &func, &public))
        return false;
    if (func != NULL) {
        found.function = text_of(arena, func->name);
        found.function_rva = func->at;
        found.shared = func->shared;
        put_lines(sym, func, rva - func->at, arena, &found);
    } else {
        found.function = text_of(arena, public->name);
        found.function_rva = public->at;
        found.shared = public->shared;
    }
    if (found.function == NULL)
        return false;
    *out = found;
    return true;
}
