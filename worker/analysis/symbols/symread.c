/*
 * worker/analysis/symbols/symread.c -- from the text of a .sym file to its tables.
 *
 * The first pass only counts records by their first word, so that the second can fill tables of
 * the right size: memory stays within a small multiple of the text, and nothing ever grows.
 */
#include "symbols/symread.h"

#include "base/sort.h"
#include "base/text.h"

enum {
    BAD_MAX = 1000,      // a file with more bad lines than this is read no further,
    BAD_SHARE_FROM = 100 // nor one with this many, if they are a tenth of what was read
};

static const char *text_of(struct fb_sym_reading *r, struct fb_span s)
{
    struct fb_text text = fb_text_open(r->arena);
    fb_text_utf8(&text, s);
    return fb_text_close(&text, r->arena);
}

/* MODULE os arch id name */
static bool read_module(struct fb_sym_reading *r, struct fb_fields *f)
{
    fb_fields_text(f);
    fb_fields_text(f);
    struct fb_span id = fb_fields_text(f);
    struct fb_span file = fb_fields_rest(f);
    if (!r->counting && r->sym->debug_id == NULL) {
        r->sym->debug_id = text_of(r, id);
        r->sym->debug_file = text_of(r, file);
    }
    return id.n != 0;
}

/* FILE number path */
static bool read_file(struct fb_sym_reading *r, struct fb_fields *f)
{
    if (r->counting)
        return ++r->sym->n_files != 0;
    uint32_t number = fb_fields_dec(f);
    struct fb_sym_name name = fb_sym_name_of(fb_fields_rest(f));
    if (!f->bad)
        r->sym->files[r->sym->n_files++] = (struct fb_sym_numbered){number, FB_SYM_NONE, name};
    return !f->bad;
}

/* INLINE_ORIGIN number name, or before 2021: number file name, with file -1 for none. */
static bool read_origin(struct fb_sym_reading *r, struct fb_fields *f)
{
    if (r->counting)
        return ++r->sym->n_origins != 0;
    struct fb_sym_numbered origin = {.number = fb_fields_dec(f), .file = FB_SYM_NONE};
    struct fb_fields old = *f;
    if (!fb_fields_word(&old, "-1"))
        origin.file = fb_fields_dec(&old);
    if (old.bad || fb_fields_ended(&old))
        origin.file = FB_SYM_NONE;
    else
        f->p = old.p;
    origin.name = fb_sym_name_of(fb_fields_rest(f));
    if (!f->bad)
        r->sym->origins[r->sym->n_origins++] = origin;
    return !f->bad;
}

/* FUNC [m] address size parameters name */
static bool read_func(struct fb_sym_reading *r, struct fb_fields *f)
{
    if (r->counting)
        return ++r->sym->n_funcs != 0;
    bool shared = fb_fields_word(f, "m");
    struct fb_sym_func func = {.at = fb_fields_hex(f), .size = fb_fields_hex(f)};
    func.shared = shared;
    func.params = fb_fields_hex32(f);
    func.name = fb_sym_name_of(fb_fields_rest(f));
    func.first_line = (uint32_t)r->sym->n_lines;
    func.first_range = (uint32_t)r->sym->n_ranges;
    f->bad |= func.size > UINT64_MAX - func.at;
    /* A function of no bytes covers no address, and must not hide a public symbol either. */
    r->func = f->bad || func.size == 0 ? &r->orphan : &r->sym->funcs[r->sym->n_funcs++];
    *r->func = func;
    return !f->bad;
}

/* address size line file: no keyword, the record begins with its number */
static bool read_line(struct fb_sym_reading *r, struct fb_fields *f)
{
    if (r->counting)
        return ++r->sym->n_lines != 0;
    uint64_t at = fb_fields_hex(f);
    uint64_t size = fb_fields_hex(f);
    struct fb_sym_line line = {.line = fb_fields_dec(f), .file = fb_fields_dec(f)};
    if (f->bad || r->func == NULL || size > UINT32_MAX)
        return false;
    uint64_t offset = at - r->func->at; // wraps for a line before its function: then too far
    if (r->func == &r->orphan || size == 0 || offset > UINT32_MAX)
        return true;
    line.at = (uint32_t)offset;
    line.size = (uint32_t)size;
    r->sym->lines[r->sym->n_lines++] = line;
    r->func->n_lines++;
    return true;
}

static void read_ranges(struct fb_sym_reading *r, struct fb_fields *f, uint32_t depth)
{
    while (!f->bad && !fb_fields_ended(f)) {
        uint64_t offset = fb_fields_hex(f) - r->func->at;
        uint64_t size = fb_fields_hex(f);
        if (f->bad || size == 0 || size > UINT32_MAX || offset > UINT32_MAX)
            continue;
        r->sym->ranges[r->sym->n_ranges++] = (struct fb_sym_range){
            depth, (uint32_t)offset, (uint32_t)size, (uint32_t)r->sym->n_sites};
        r->func->n_ranges++;
    }
}

/* INLINE depth line file origin (address size)+; the old form has no file, and so an odd
 * number of fields. */
static bool read_inline(struct fb_sym_reading *r, struct fb_fields *f)
{
    size_t fields = fb_fields_count(f);
    if (r->counting) {
        r->sym->n_sites++;
        r->sym->n_ranges += fields / 2;
        return true;
    }
    uint32_t depth = fb_fields_dec(f);
    struct fb_sym_site site = {.line = fb_fields_dec(f), .file = FB_SYM_NONE};
    if (fields % 2 == 0)
        site.file = fb_fields_dec(f);
    site.origin = fb_fields_dec(f);
    if (f->bad || fields < 5 || r->func == NULL)
        return false;
    if (r->func == &r->orphan)
        return true;
    read_ranges(r, f, depth);
    r->sym->sites[r->sym->n_sites++] = site;
    return !f->bad;
}

/* PUBLIC [m] address parameters name */
static bool read_public(struct fb_sym_reading *r, struct fb_fields *f)
{
    if (r->counting)
        return ++r->sym->n_publics != 0;
    bool shared = fb_fields_word(f, "m");
    struct fb_sym_public public = {.at = fb_fields_hex(f), .shared = shared};
    public.params = fb_fields_hex32(f);
    public.name = fb_sym_name_of(fb_fields_rest(f));
    /* Folklore: the converters of old system PDBs write absolute symbols (_CIlog and others of
     * ntdll) as publics at 0. Nothing lies there. */
    if (!f->bad && public.at != 0)
        r->sym->publics[r->sym->n_publics++] = public;
    return !f->bad;
}

static bool skip(struct fb_sym_reading *r, struct fb_fields *f)
{
    return r != NULL && f != NULL;
}

/* Records by their first word. INFO says nothing that we ask. */
static const struct {
    const char *word;
    bool (*read)(struct fb_sym_reading *, struct fb_fields *);
} records[] = {
    {"FUNC",          read_func        },
    {"INLINE",        read_inline      },
    {"PUBLIC",        read_public      },
    {"STACK",         fb_sym_read_stack},
    {"FILE",          read_file        },
    {"INLINE_ORIGIN", read_origin      },
    {"MODULE",        read_module      },
    {"INFO",          skip             },
};

static bool starts_with_digit(const struct fb_fields *f)
{
    return (*f->p >= '0' && *f->p <= '9') || (*f->p >= 'a' && *f->p <= 'f');
}

static bool read_record(struct fb_sym_reading *r, struct fb_fields *f)
{
    if (fb_fields_ended(f))
        return true;
    if (starts_with_digit(f))
        return read_line(r, f);
    for (size_t i = 0; i < sizeof records / sizeof *records; i++)
        if (fb_fields_word(f, records[i].word))
            return records[i].read(r, f);
    return false;
}

static void read_all(struct fb_sym_reading *r, struct fb_span text)
{
    size_t bad = 0, lines = 0;
    for (size_t at = 0; at < text.n; lines++) {
        struct fb_fields f = fb_fields_next(text, &at);
        bad += read_record(r, &f) ? 0 : 1;
        if (!r->counting && (bad > BAD_MAX || (bad > BAD_SHARE_FROM && bad > lines / 10)))
            break;
    }
    r->sym->corrupt = bad != 0;
}

/* --- sorting: by address or number, then by place in the file ----------------------- */

static int by_number(const void *a, const void *b)
{
    const struct fb_sym_numbered *x = a, *y = b;
    return x->number != y->number ? fb_sym_order(x->number, y->number)
                                  : fb_sym_order_place(x->name, y->name);
}
/* Of two that begin together the shorter comes later, of two equals the first: a look-up takes
 * the last that fits. */
static int by_func(const void *a, const void *b)
{
    const struct fb_sym_func *x = a, *y = b;
    if (x->at != y->at)
        return fb_sym_order(x->at, y->at);
    return x->size != y->size ? fb_sym_order(y->size, x->size)
                              : fb_sym_order_place(y->name, x->name);
}
static int by_public(const void *a, const void *b)
{
    const struct fb_sym_public *x = a, *y = b;
    return x->at != y->at ? fb_sym_order(x->at, y->at) : fb_sym_order_place(y->name, x->name);
}
static int by_line(const void *a, const void *b)
{
    const struct fb_sym_line *x = a, *y = b;
    return x->at != y->at ? fb_sym_order(x->at, y->at) : fb_sym_order(y->size, x->size);
}
static int by_range(const void *a, const void *b)
{
    const struct fb_sym_range *x = a, *y = b;
    if (x->depth != y->depth)
        return fb_sym_order(x->depth, y->depth);
    return x->at != y->at ? fb_sym_order(x->at, y->at) : fb_sym_order(y->site, x->site);
}

/* For each function the nearest one before it that reaches further: where a look-up goes on
 * that found the address behind the end of a nested function. */
static void link_outer(struct fb_symfile *sym)
{
    for (uint32_t i = 0; i < sym->n_funcs; i++) {
        struct fb_sym_func *f = &sym->funcs[i];
        uint32_t outer = i == 0 ? FB_SYM_NONE : i - 1;
        while (outer != FB_SYM_NONE &&
               sym->funcs[outer].at + sym->funcs[outer].size <= f->at + f->size)
            outer = sym->funcs[outer].outer;
        f->outer = outer;
    }
}

static void sort_all(struct fb_symfile *sym)
{
    fb_sort(sym->files, sym->n_files, sizeof *sym->files, by_number);
    fb_sort(sym->origins, sym->n_origins, sizeof *sym->origins, by_number);
    fb_sort(sym->publics, sym->n_publics, sizeof *sym->publics, by_public);
    fb_sort(sym->funcs, sym->n_funcs, sizeof *sym->funcs, by_func);
    for (size_t i = 0; i < sym->n_funcs; i++) {
        const struct fb_sym_func *f = &sym->funcs[i];
        fb_sort(sym->lines + f->first_line, f->n_lines, sizeof *sym->lines, by_line);
        fb_sort(sym->ranges + f->first_range, f->n_ranges, sizeof *sym->ranges, by_range);
    }
    link_outer(sym);
    fb_sym_sort_stack(sym);
}

/* Tables of the size that was counted; the counts start again at 0 for the second pass. */
static bool make_tables(struct fb_symfile *sym, struct fb_arena *arena)
{
    bool made = true;
#define X(table, type)                                                                         \
    sym->table = FB_NEW(arena, type, sym->n_##table);                                          \
    made = made && sym->table != NULL;                                                         \
    sym->n_##table = 0;
    FB_SYM_TABLES(X)
#undef X
    return made;
}

struct fb_err fb_symfile_read(struct fb_span text, struct fb_arena *arena,
                              struct fb_symfile **out)
{
    size_t at = 0;
    struct fb_fields first = text.n != 0 ? fb_fields_next(text, &at) : (struct fb_fields){0};
    if (!fb_fields_word(&first, "MODULE") || fb_fields_count(&first) < 3)
        return FB_FAIL(MALFORMED, "no MODULE line: not a Breakpad symbol file", text.off);
    if (text.n >= FB_SYM_NONE) // indices are 32 bits wide
        return FB_FAIL(LIMIT, "the symbol file is larger than 4 GiB", text.off);
    struct fb_symfile *sym = FB_NEW(arena, struct fb_symfile, 1);
    if (sym == NULL)
        return FB_FAIL(LIMIT, "no room for the symbol file", text.off);
    struct fb_sym_reading r = {.sym = sym, .arena = arena, .counting = true};
    read_all(&r, text);
    if (!make_tables(sym, arena))
        return FB_FAIL(LIMIT, "no room for the symbol file", text.off);
    r.counting = false;
    read_all(&r, text);
    if (sym->debug_id == NULL || sym->debug_file == NULL)
        return FB_FAIL(LIMIT, "no room for the symbol file", text.off);
    sort_all(sym);
    *out = sym;
    return FB_NO_ERR;
}
