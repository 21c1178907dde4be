/*
 * worker/analysis/symbols/image_names.c -- functions out of exports and symbol tables, by
 * address.
 *
 * They are put in order only when that pays. Names stay where they are until one is asked for.
 */
#include "symbols/image_names.h"

#include "base/sort.h"
#include "symbols/image_kinds.h"

enum { PLACES_MAX = 1 << 16 };             // of exports: ordinals have 16 bits
enum source { SYMBOLS, DYNAMIC, EXPORTS }; // of several names at one place, the first
struct function {
    uint32_t rva, size; // size 0: unknown
    uint32_t name;      // place in the texts of its source; EXPORTS: RVA
    uint32_t source;
};
struct fb_image_functions {
    const struct fb_image *image;
    struct function *v;
    size_t n;
    size_t asked; // how often
    bool sorted;
};
struct list { // of what is beyond `cap` only the number is kept
    const struct fb_image *image;
    struct function *v;
    size_t n, cap;
    const struct fb_image_section *last; // that held a function
    size_t looks; // at sections; what is beyond FB_IMAGE_LOOKS_MAX, is lost
    size_t left;  // entries of tables that may be read
};

/* Functions stand together, so that the last section mostly holds the next one as well. */
static bool is_code(struct list *list, uint64_t rva)
{
    const struct fb_image_section *s = list->last;
    if (s != NULL && rva >= s->rva && rva - s->rva < s->size)
        return s->executable;
    if (list->looks > FB_IMAGE_LOOKS_MAX)
        return false;
    list->looks += list->image->n_sections;
    list->last = fb_image_section(list->image, rva);
    return list->last != NULL && list->last->executable;
}

static void add(struct list *list, uint64_t rva, uint64_t size, uint64_t name,
                enum source source)
{
    if (rva > UINT32_MAX || name > UINT32_MAX || !is_code(list, rva))
        return;
    if (list->n < list->cap)
        list->v[list->n] =
            (struct function){(uint32_t)rva, size < UINT32_MAX ? (uint32_t)size : UINT32_MAX,
                              (uint32_t)name, source};
    list->n++;
}

/* How many of the entries of a table are read. */
static size_t entries(struct list *list, const struct fb_reader *table, size_t size)
{
    size_t n = fb_read_room(table, FB_IMAGE_NAMES_MAX, size);
    n = n < list->left ? n : list->left;
    list->left -= n;
    return n;
}

/* --- PE ----------------------------------------------------------------------------- */

static uint32_t number(const struct fb_image *image, uint64_t rva, size_t n)
{
    struct fb_reader r = {.in = fb_image_at(image, rva, n)};
    return (uint32_t)fb_read_le(&r, n);
}

/* What lies among the exports themselves is no code, but the name of a function elsewhere. */
static bool is_forwarder(const struct fb_image *image, uint32_t rva)
{
    return rva >= image->exports.rva && rva - image->exports.rva < image->exports.size;
}

struct exports { // the directory: counts, and RVAs of its tables
    uint64_t n_functions, n_names, functions, names, ordinals;
};

static bool read_directory(const struct fb_image *image, struct exports *out)
{
    enum { DIRECTORY = 40, COUNTS_AT = 20 };
    struct fb_reader r = {.in = fb_image_at(image, image->exports.rva, DIRECTORY)};
    fb_read_skip(&r, COUNTS_AT);
    out->n_functions = fb_read_u32(&r);
    out->n_names = fb_read_u32(&r);
    out->functions = fb_read_u32(&r);
    out->names = fb_read_u32(&r);
    out->ordinals = fb_read_u32(&r);
    return image->kind == FB_IMAGE_PE && image->exports.size != 0 && !fb_failed(r.err);
}

/* Entry `i` of a table of numbers, which mostly stands in one piece with its begin, `whole`. */
static uint32_t entry(const struct fb_image *image, struct fb_span whole, uint64_t rva,
                      uint64_t i)
{
    struct fb_span there = fb_span_sub(whole, 4 * i, 4);
    return there.n != 0 ? (uint32_t)fb_field(there, 0, 4, false)
                        : number(image, rva + 4 * i, 4);
}

static void read_exports(const struct fb_image *image, struct list *list)
{
    struct exports e;
    if (!read_directory(image, &e))
        return;
    struct fb_reader name = {.in = fb_image_at(image, e.names, 4 * e.n_names)};
    struct fb_reader ordinal = {.in = fb_image_at(image, e.ordinals, 2 * e.n_names)};
    struct fb_span functions = fb_image_at(image, e.functions, 4 * (size_t)PLACES_MAX);
    size_t n = entries(list, &name, 4);
    for (size_t i = 0; i < n && !fb_failed(ordinal.err); i++) {
        uint64_t text = fb_read_u32(&name), place = fb_read_u16(&ordinal);
        uint32_t rva = place < e.n_functions ? entry(image, functions, e.functions, place) : 0;
        if (rva != 0 && !is_forwarder(image, rva))
            add(list, rva, 0, text, EXPORTS);
    }
}

uint64_t fb_image_export_before(const struct fb_image *image, uint64_t rva, size_t *left)
{
    struct exports e;
    if (!read_directory(image, &e))
        return 0;
    uint64_t best = 0, n = e.n_functions < PLACES_MAX ? e.n_functions : PLACES_MAX;
    struct fb_reader r = {.in = fb_image_at(image, e.functions, 4 * n)};
    size_t there = fb_read_room(&r, n, 4);
    bool enough = there <= *left;
    *left -= enough ? there : *left;
    for (size_t i = 0; enough && i < there; i++) {
        uint64_t entry = fb_read_u32(&r);
        if (entry <= rva && entry > best)
            best = entry;
    }
    return best;
}

/* A COFF symbol: name (8) | value | section (2) | type (2) | class (1) | auxiliaries (1). */
static void read_coff(const struct fb_image *image, struct list *list)
{
    enum { SYMBOL = 18, TYPE_FUNCTION = 0x20, EXTERNAL = 2, STATIC = 3 };
    struct fb_reader r = {.in = image->symbols.entries};
    size_t n = entries(list, &r, SYMBOL);
    for (size_t i = 0; i < n; i++) {
        uint64_t at = i * SYMBOL;
        fb_read_skip(&r, 8);
        uint64_t value = fb_read_u32(&r);
        size_t section = fb_read_u16(&r);
        uint32_t type = fb_read_u16(&r);
        uint8_t class = fb_read_u8(&r);
        uint8_t more = fb_read_u8(&r);
        fb_read_skip(&r, (size_t)more * SYMBOL);
        i += more;
        if (type == TYPE_FUNCTION && (class == EXTERNAL || class == STATIC) && section > 0 &&
            section <= image->n_sections)
            add(list, image->sections[section - 1].rva + value, 0, at, SYMBOLS);
    }
}

/* --- ELF ---------------------------------------------------------------------------- */

struct elf_symbol {
    uint32_t name;
    uint8_t info;
    uint16_t section;
    uint64_t value, size;
};

static struct elf_symbol read_elf_symbol(const struct fb_image *image, struct fb_reader *r)
{
    bool wide = image->word == 8;
    struct elf_symbol s = {.name = fb_read_u32(r)};
    if (!wide) {
        s.value = fb_read_u32(r);
        s.size = fb_read_u32(r);
    }
    s.info = fb_read_u8(r);
    fb_read_skip(r, 1);
    s.section = fb_read_u16(r);
    if (wide) {
        s.value = fb_read_u64(r);
        s.size = fb_read_u64(r);
    }
    return s;
}

static void read_elf(const struct fb_image *image, const struct fb_image_names *names,
                     enum source source, struct list *list)
{
    enum { SYMBOL_32 = 16, SYMBOL_64 = 24, TYPE = 15, FUNCTION = 2, GNU_IFUNC = 10 };
    struct fb_reader r = {.in = names->entries, .big = image->big};
    size_t n = entries(list, &r, image->word == 8 ? SYMBOL_64 : SYMBOL_32);
    for (size_t i = 0; i < n; i++) {
        struct elf_symbol s = read_elf_symbol(image, &r);
        int type = s.info & TYPE;
        uint64_t thumb = image->arch == FB_ARM ? s.value & 1 : 0;
        if ((type == FUNCTION || type == GNU_IFUNC) && s.section != 0)
            add(list, s.value - thumb - image->preferred_base, s.size, s.name, source);
    }
}

/* --- all of them -------------------------------------------------------------------- */

static void read_all(const struct fb_image *image, struct list *list)
{
    if (image->kind == FB_IMAGE_PE) {
        read_coff(image, list);
        read_exports(image, list);
    } else {
        read_elf(image, &image->symbols, SYMBOLS, list);
        read_elf(image, &image->dynamic, DYNAMIC, list);
    }
}

static int compare(uint32_t a, uint32_t b) { return (a > b) - (a < b); }

static int by_place(const void *a, const void *b)
{
    const struct function *x = a, *y = b;
    int order = compare(x->rva, y->rva);
    if (order == 0)
        order = compare(x->source, y->source);
    return order != 0 ? order : compare(x->name, y->name);
}

/* Of tables that are too long nothing is kept, rather than what happens to come first. */
struct fb_image_functions *fb_image_functions(const struct fb_image *image, size_t *left,
                                              struct fb_arena *arena)
{
    size_t room = (arena->cap - arena->used) / 8 / sizeof(struct function);
    struct fb_image_functions *made = FB_NEW(arena, struct fb_image_functions, 1);
    struct function *v = FB_RAW(arena, struct function, room);
    if (made == NULL || v == NULL)
        return NULL;
    struct list list = {.image = image, .v = v, .cap = room, .left = *left};
    read_all(image, &list);
    *left = list.left;
    size_t n = list.left != 0 && list.n <= room ? list.n : 0;
    fb_arena_give_back(arena, (room - n) * sizeof *v);
    *made = (struct fb_image_functions){.image = image, .v = v, .n = n};
    return n != 0 ? made : NULL;
}

/* --- look-up ------------------------------------------------------------------------ */

/* Few ask: to look at all is cheaper than to put them in order, until somebody asks often. */
static const struct function *nearest_of_all(const struct fb_image_functions *f, uint64_t rva)
{
    const struct function *best = NULL;
    for (const struct function *v = f->v; v < f->v + f->n; v++)
        if (v->rva <= rva && (best == NULL || v->rva > best->rva ||
                              (v->rva == best->rva && by_place(v, best) < 0)))
            best = v;
    return best;
}

static const struct function *nearest_sorted(const struct fb_image_functions *f, uint64_t rva)
{
    size_t from = 0, to = f->n;
    while (from < to) {
        size_t middle = from + ((to - from) / 2);
        if (f->v[middle].rva <= rva)
            from = middle + 1;
        else
            to = middle;
    }
    while (from > 1 && f->v[from - 2].rva == f->v[from - 1].rva)
        from--;
    return from > 0 ? &f->v[from - 1] : NULL;
}

static const struct function *nearest(struct fb_image_functions *f, uint64_t rva)
{
    enum { OFTEN = 16 };
    if (++f->asked <= OFTEN)
        return nearest_of_all(f, rva);
    if (!f->sorted)
        fb_sort(f->v, f->n, sizeof *f->v, by_place);
    f->sorted = true;
    return nearest_sorted(f, rva);
}

static struct fb_span coff_name(const struct fb_image *image, uint32_t at)
{
    struct fb_reader r = {.in = fb_span_sub(image->symbols.entries, at, 8)};
    uint32_t zero = fb_read_u32(&r), place = fb_read_u32(&r);
    struct fb_span name =
        zero != 0 ? r.in : fb_span_clip(image->symbols.strings, place, FB_IMAGE_NAME_MAX);
    bool decorated = image->arch == FB_X86 && name.n > 1 && name.p[0] == '_';
    return decorated ? fb_span_sub(name, 1, name.n - 1) : name; // as C functions are on x86
}

static struct fb_span name_of(const struct fb_image *image, const struct function *f)
{
    if (f->source == EXPORTS)
        return fb_image_at(image, f->name, FB_IMAGE_NAME_MAX);
    if (image->kind == FB_IMAGE_PE)
        return coff_name(image, f->name);
    const struct fb_image_names *names =
        f->source == DYNAMIC ? &image->dynamic : &image->symbols;
    return fb_span_clip(names->strings, f->name, FB_IMAGE_NAME_MAX);
}

bool fb_image_function(struct fb_image_functions *functions, uint64_t rva,
                       struct fb_arena *arena, struct fb_symbol *out)
{
    const struct fb_image *image = functions->image;
    const struct function *f = nearest(functions, rva);
    if (f == NULL)
        return false;
    uint64_t reach = f->size != 0 ? f->size : FB_IMAGE_NAME_REACH;
    if (rva - f->rva >= reach ||
        fb_image_section(image, rva) != fb_image_section(image, f->rva))
        return false;
    const char *name = fb_image_text(name_of(image, f), arena);
    if (name == NULL || *name == 0)
        return false;
    *out =
        (struct fb_symbol){.function = name, .function_rva = f->rva, .nearest = f->size == 0};
    return true;
}
