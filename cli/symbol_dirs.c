/*
 * cli/symbol_dirs.c -- answer what the analysis asks of symbols and images, and remember it.
 *
 * Each file is looked for where a store would keep it, in every folder, and only then among all
 * files below them. The dump may know no debug id, as Wine's do: then the image knows it.
 */
#include "symbol_dirs.h"

#include "build_ids.h"
#include "files.h"
#include "symbol_store.h"
#include "symbols/symfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { RECENT = 1024, MODULES_MAX = 4096, NOTES_MAX = 32, IMAGE_ROOM = 8 * 1024 * 1024 };

struct known { // a module that was asked for: what there is of it
    struct fb_module module;
    char *name, *debug_file;
    const char *code_id, *debug_id; // NULL: none
    char ids[FB_CODE_ID_ROOM + FB_DEBUG_ID_ROOM];
    uint8_t build_id[FB_BUILD_ID_MAX];
    bool asked_symbols, asked_image;
    struct fb_file text, file;
    struct fb_arena symbols_arena, image_arena;
    struct fb_symfile *symbols; // NULL: none
    struct fb_image *image;     // NULL: none
};
struct fb_symbol_dirs {
    struct fb_symbols table;
    const char *const *dirs;
    size_t n_dirs;
    struct fb_store_index *index;
    struct known v[MODULES_MAX];
    size_t n;
    uint16_t recent[RECENT]; // by a module's address: 1 + where it was last found
    char *notes[NOTES_MAX];
    size_t n_notes;
};
struct search {
    struct fb_symbol_dirs *dirs;
    struct known *known;
    const struct fb_store_wanted *wanted;
};

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void take_note(void *self, const char *path, const char *what)
{
    struct fb_symbol_dirs *dirs = ((struct search *)self)->dirs;
    char line[4096 + 256];
    snprintf(line, sizeof line, "%s %s", path, what);
    for (size_t i = 0; i < dirs->n_notes; i++)
        if (strcmp(dirs->notes[i], line) == 0)
            return;
    char *kept = dirs->n_notes < NOTES_MAX ? strdup(line) : NULL;
    if (kept != NULL)
        dirs->notes[dirs->n_notes++] = kept;
}

static void search(struct search *s, enum fb_store_kind kind,
                   bool (*take)(void *self, const char *path))
{
    const struct fb_store_taker taker = {take, take_note, s};
    for (size_t i = 0; i < s->dirs->n_dirs; i++)
        if (fb_store_paths(s->dirs->dirs[i], kind, s->wanted, &taker))
            return;
    if (s->dirs->index != NULL)
        fb_store_index_find(s->dirs->index, kind, s->wanted, &taker);
}

/* --- images ------------------------------------------------------------------------- */

/* Old Linux dumps tell no build id, but the debug id made of the code. */
static bool is_of(const struct fb_image *image, const struct fb_store_wanted *wanted)
{
    if (wanted->code_id != NULL)
        return image->code_id != NULL && strcasecmp(image->code_id, wanted->code_id) == 0;
    return image->debug_id != NULL && fb_same_debug_id(image->debug_id, wanted->debug_id);
}

static bool take_image(void *self, const char *path)
{
    const struct search *s = self;
    struct known *k = s->known;
    if (fb_failed(fb_file_map(path, &k->file)))
        return false;
    k->image_arena = fb_arena_map(IMAGE_ROOM);
    if (k->image_arena.base != NULL &&
        !fb_failed(fb_image_read(k->file.bytes, &k->image_arena, &k->image)) &&
        is_of(k->image, s->wanted))
        return true;
    k->image = NULL;
    fb_arena_unmap(&k->image_arena);
    fb_file_free(&k->file);
    return false;
}

static const struct fb_image *image_of(struct fb_symbol_dirs *dirs, struct known *known)
{
    const struct fb_store_wanted wanted = {known->name, known->code_id, known->debug_file,
                                           known->debug_id};
    struct search s = {dirs, known, &wanted};
    if (!known->asked_image && (known->code_id != NULL || known->debug_id != NULL))
        search(&s, FB_STORE_IMAGE, take_image);
    known->asked_image = true;
    return known->image;
}

/* --- symbols ------------------------------------------------------------------------ */

static bool fits(struct fb_span text, const struct fb_store_wanted *wanted)
{
    struct fb_store_ids ids;
    if (!fb_store_sym_ids(text, &ids))
        return false;
    return wanted->debug_id != NULL ? fb_same_debug_id(ids.debug_id, wanted->debug_id)
                                    : strcasecmp(ids.code_id, wanted->code_id) == 0;
}

static bool take_symbols(void *self, const char *path)
{
    const struct search *s = self;
    struct known *k = s->known;
    if (fb_failed(fb_file_read(path, &k->text)))
        return false;
    if (fits(k->text.bytes, s->wanted)) {
        k->symbols_arena = fb_arena_map(8 * k->text.bytes.n + (1u << 20));
        if (k->symbols_arena.base != NULL &&
            !fb_failed(fb_symfile_read(k->text.bytes, &k->symbols_arena, &k->symbols)))
            return true;
    }
    k->symbols = NULL;
    fb_arena_unmap(&k->symbols_arena);
    fb_file_free(&k->text);
    return false;
}

static struct fb_symfile *symbols_of(struct fb_symbol_dirs *dirs, struct known *known)
{
    struct fb_store_wanted wanted = {known->name, known->code_id, known->debug_file,
                                     known->debug_id};
    struct search s = {dirs, known, &wanted};
    if (known->asked_symbols)
        return known->symbols;
    known->asked_symbols = true;
    const struct fb_image *image = known->debug_id == NULL ? image_of(dirs, known) : NULL;
    if (image != NULL) {
        wanted.debug_file = image->debug_file;
        wanted.debug_id = image->debug_id;
    }
    if (wanted.debug_id != NULL || wanted.code_id != NULL)
        search(&s, FB_STORE_SYMBOLS, take_symbols);
    return known->symbols;
}

/* --- modules ------------------------------------------------------------------------ */

static bool is_known(const struct known *known, const struct fb_module *module)
{
    return fb_module_same_ids(&known->module, module) && same_text(known->name, module->name) &&
           same_text(known->debug_file, module->debug_file);
}

static char *copy(const char *text) { return text != NULL ? strdup(text) : NULL; }

static void forget(struct known *known)
{
    free(known->name);
    free(known->debug_file);
    fb_file_free(&known->text);
    fb_file_free(&known->file);
    fb_arena_unmap(&known->symbols_arena);
    fb_arena_unmap(&known->image_arena);
}

/* The module's own record of them is a view into its dump. */
static void keep_ids(struct known *known, const struct fb_module *module)
{
    struct fb_span id = fb_span_clip(module->build.id, 0, sizeof known->build_id);
    known->module = *module;
    if (id.n != 0)
        memcpy(known->build_id, id.p, id.n);
    known->module.build.id = (struct fb_span){known->build_id, id.n, 0};
    known->code_id = fb_module_code_id(&known->module, known->ids);
    known->debug_id = fb_module_debug_id(&known->module, known->ids + FB_CODE_ID_ROOM);
}

/* NULL: no room for another one. */
static struct known *add(struct fb_symbol_dirs *dirs, const struct fb_module *module)
{
    if (dirs->n == MODULES_MAX)
        return NULL;
    struct known *known = &dirs->v[dirs->n];
    *known = (struct known){.name = copy(module->name), .debug_file = copy(module->debug_file)};
    keep_ids(known, module);
    if (!is_known(known, module)) { // no memory
        forget(known);
        return NULL;
    }
    dirs->n++;
    return known;
}

static struct known *find(struct fb_symbol_dirs *dirs, const struct fb_module *module)
{
    for (size_t i = 0; i < dirs->n; i++)
        if (is_known(&dirs->v[i], module))
            return &dirs->v[i];
    return NULL;
}

/* Questions come many in a row about one module, which stays where it is; another dump may have
 * another one there. */
static struct known *known_of(struct fb_symbol_dirs *dirs, const struct fb_module *module)
{
    uint16_t *recent = &dirs->recent[(uintptr_t)module / sizeof *module % RECENT];
    if (*recent != 0 && is_known(&dirs->v[*recent - 1], module))
        return &dirs->v[*recent - 1];
    struct known *known = find(dirs, module);
    if (known == NULL)
        known = add(dirs, module);
    if (known != NULL)
        *recent = (uint16_t)(known - dirs->v + 1);
    return known;
}

/* --- the questions ------------------------------------------------------------------ */

static const struct fb_symfile *symfile(void *self, const struct fb_module *module)
{
    struct known *known = known_of(self, module);
    return known != NULL ? symbols_of(self, known) : NULL;
}

static const struct fb_image *image(void *self, const struct fb_module *module)
{
    struct known *known = known_of(self, module);
    return known != NULL ? image_of(self, known) : NULL;
}

static enum fb_symbol_state state(void *self, const struct fb_module *module)
{
    const struct fb_symfile *symbols = symfile(self, module);
    if (symbols == NULL)
        return FB_SYMBOLS_MISSING;
    return fb_symfile_corrupt(symbols) ? FB_SYMBOLS_CORRUPT : FB_SYMBOLS_LOADED;
}

static bool lookup(void *self, const struct fb_module *module, uint64_t rva,
                   struct fb_arena *arena, struct fb_symbol *out)
{
    const struct fb_symfile *symbols = symfile(self, module);
    return symbols != NULL && fb_symfile_lookup(symbols, rva, arena, out);
}

struct fb_symbol_dirs *fb_symbol_dirs_open(const char *const *dirs, size_t n)
{
    struct fb_symbol_dirs *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->table = (struct fb_symbols){self, state, lookup, image, symfile};
        self->dirs = dirs;
        self->n_dirs = n;
        self->index = fb_store_index_open(dirs, n);
    }
    return self;
}

const struct fb_symbols *fb_symbol_dirs_table(const struct fb_symbol_dirs *dirs)
{
    return &dirs->table;
}

const char *fb_symbol_dirs_note(const struct fb_symbol_dirs *dirs, size_t i)
{
    return i < dirs->n_notes ? dirs->notes[i] : NULL;
}

void fb_symbol_dirs_close(struct fb_symbol_dirs *dirs)
{
    if (dirs == NULL)
        return;
    for (size_t i = 0; i < dirs->n; i++)
        forget(&dirs->v[i]);
    for (size_t i = 0; i < dirs->n_notes; i++)
        free(dirs->notes[i]);
    fb_store_index_close(dirs->index);
    free(dirs);
}
