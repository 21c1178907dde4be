/* worker/analysis/symbols/symstack.c -- STACK records: from lines to tables, and the look-up.
 */
#include "base/sort.h"
#include "symbols/symread.h"

enum { WIN_FPO = 0, WIN_FRAME_DATA = 4, WIN_SIZE_MAX = INT32_MAX };

/* --- reading ------------------------------------------------------------------------ */

/* INIT address size rules, or: address rules */
static bool read_cfi(struct fb_sym_reading *r, struct fb_fields *f)
{
    bool init = fb_fields_word(f, "INIT");
    size_t *n = init ? &r->sym->n_inits : &r->sym->n_deltas;
    if (r->counting)
        return ++*n != 0;
    uint64_t at = fb_fields_hex(f), size = init ? fb_fields_hex(f) : 0;
    struct fb_sym_name rules = fb_sym_name_of(fb_fields_rest(f));
    if (f->bad || size > UINT64_MAX - at)
        return false;
    if (init)
        r->sym->inits[(*n)++] = (struct fb_sym_init){at, size, rules};
    else
        r->sym->deltas[(*n)++] = (struct fb_sym_delta){at, rules};
    return true;
}

/* What stands behind the sizes: a program, or whether ebp is used. */
static bool read_win_rest(struct fb_fields *f, uint64_t type, struct fb_sym_win *out)
{
    uint64_t has_program = fb_fields_hex(f);
    if (f->bad || (has_program != 0) != (type == WIN_FRAME_DATA))
        return false;
    if (type == WIN_FRAME_DATA)
        out->program = fb_sym_name_of(fb_fields_rest(f));
    else
        out->uses_bp = fb_fields_hex(f) != 0;
    return !f->bad;
}

/* type address size prolog epilog params saved locals max_stack has_program rest. The other
 * types, traps and task segments, say nothing about a stack. */
static bool read_win(struct fb_sym_reading *r, struct fb_fields *f)
{
    uint64_t type = fb_fields_hex(f);
    size_t *n = type == WIN_FRAME_DATA ? &r->sym->n_frames : &r->sym->n_fpos;
    if (type != WIN_FRAME_DATA && type != WIN_FPO)
        return !f->bad;
    if (r->counting)
        return ++*n != 0;
    struct fb_sym_win win = {.at = fb_fields_hex(f), .size = fb_fields_hex(f)};
    fb_fields_hex(f); // prolog
    fb_fields_hex(f); // epilog
    win.params = fb_fields_hex32(f);
    win.saved = fb_fields_hex32(f);
    win.locals = fb_fields_hex32(f);
    fb_fields_hex(f); // the most of the stack
    if (!read_win_rest(f, type, &win) || win.size > WIN_SIZE_MAX || win.at > UINT32_MAX)
        return false;
    win.place = f->end;
    (type == WIN_FRAME_DATA ? r->sym->frames : r->sym->fpos)[(*n)++] = win;
    return true;
}

bool fb_sym_read_stack(struct fb_sym_reading *r, struct fb_fields *f)
{
    if (fb_fields_word(f, "CFI"))
        return read_cfi(r, f);
    return fb_fields_word(f, "WIN") && read_win(r, f);
}

/* --- sorting ------------------------------------------------------------------------ */

/* Of two that begin together, the first counts. */
static int by_init(const void *a, const void *b)
{
    const struct fb_sym_init *x = a, *y = b;
    return x->at != y->at ? fb_sym_order(x->at, y->at) : fb_sym_order_place(y->rules, x->rules);
}
static int by_delta(const void *a, const void *b)
{
    const struct fb_sym_delta *x = a, *y = b;
    return x->at != y->at ? fb_sym_order(x->at, y->at) : fb_sym_order_place(x->rules, y->rules);
}
/* Of two that begin together, the last counts. */
static int by_win(const void *a, const void *b)
{
    const struct fb_sym_win *x = a, *y = b;
    return x->at != y->at ? fb_sym_order(x->at, y->at)
                          : fb_sym_order((uintptr_t)x->place, (uintptr_t)y->place);
}

void fb_sym_sort_stack(struct fb_symfile *sym)
{
    fb_sort(sym->inits, sym->n_inits, sizeof *sym->inits, by_init);
    fb_sort(sym->deltas, sym->n_deltas, sizeof *sym->deltas, by_delta);
    fb_sort(sym->frames, sym->n_frames, sizeof *sym->frames, by_win);
    fb_sort(sym->fpos, sym->n_fpos, sizeof *sym->fpos, by_win);
}

/* --- looking up --------------------------------------------------------------------- */

bool fb_symfile_cfi(const struct fb_symfile *sym, uint64_t rva, struct fb_sym_cfi *out)
{
    size_t n, from = 0, to;
    FB_SYM_COUNT_UP_TO(sym->inits, sym->n_inits, at, rva, &n);
    if (n == 0 || rva - sym->inits[n - 1].at >= sym->inits[n - 1].size)
        return false;
    const struct fb_sym_init *init = &sym->inits[n - 1];
    if (init->at != 0)
        FB_SYM_COUNT_UP_TO(sym->deltas, sym->n_deltas, at, init->at - 1, &from);
    FB_SYM_COUNT_UP_TO(sym->deltas, sym->n_deltas, at, rva, &to);
    *out = (struct fb_sym_cfi){init->rules, sym->deltas + from, to - from};
    return true;
}

/* The last record that begins at or before `rva` and reaches it. One that begins later within
 * another replaces what follows of it. */
static const struct fb_sym_win *win_at(const struct fb_sym_win *v, size_t count, uint64_t rva)
{
    size_t n;
    FB_SYM_COUNT_UP_TO(v, count, at, rva, &n);
    return n > 0 && rva - v[n - 1].at < v[n - 1].size ? &v[n - 1] : NULL;
}

bool fb_symfile_win(const struct fb_symfile *sym, uint64_t rva, struct fb_stack_win *out)
{
    const struct fb_sym_win *frame = win_at(sym->frames, sym->n_frames, rva);
    const struct fb_sym_win *win = frame != NULL ? frame : win_at(sym->fpos, sym->n_fpos, rva);
    if (win == NULL)
        return false;
    *out = (struct fb_stack_win){frame != NULL, win->program, win->uses_bp,
                                 win->params,   win->saved,   win->locals};
    return true;
}
