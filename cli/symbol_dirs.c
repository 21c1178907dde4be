/*
 * cli/symbol_dirs.c -- find, read and remember symbol files.
 *
 * File and id come from the dump, so from an attacker: only names without separators, dots at
 * the start and control characters become part of a path.
 */
#include "symbol_dirs.h"

#include "files.h"
#include "symbols/symfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { LOADED_MAX = 4096, NAME_MAX_ = 255 };

struct loaded { // a module that was asked for: its symbols, or that there are none
    char *debug_file, *debug_id;
    struct fb_file text;
    struct fb_arena arena;
    struct fb_symfile *symbols; // NULL: none
};
struct fb_symbol_dirs {
    struct fb_symbols table;
    const char *const *dirs;
    size_t n_dirs;
    struct loaded v[LOADED_MAX];
    size_t n;
};

static bool fit_for_a_path(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < n; i++)
        if ((uint8_t)name[i] < 0x20 || name[i] == '/' || name[i] == '\\')
            return false;
    return n > 0 && n <= NAME_MAX_ && name[0] != '.';
}

/* "app.pdb" is described in "app.sym", "libapp.so" in "libapp.so.sym". */
static int stem_length(const char *debug_file)
{
    size_t n = strlen(debug_file);
    bool pdb = n > 4 && strcasecmp(debug_file + n - 4, ".pdb") == 0;
    return (int)(pdb ? n - 4 : n);
}

static bool find_file(const struct fb_symbol_dirs *dirs, const struct loaded *entry,
                      struct fb_file *out)
{
    for (size_t i = 0; i < dirs->n_dirs; i++) {
        char path[4096];
        int n =
            snprintf(path, sizeof path, "%s/%s/%s/%.*s.sym", dirs->dirs[i], entry->debug_file,
                     entry->debug_id, stem_length(entry->debug_file), entry->debug_file);
        if (n > 0 && (size_t)n < sizeof path && !fb_failed(fb_file_read(path, out)))
            return true;
    }
    return false;
}

static void load(const struct fb_symbol_dirs *dirs, struct loaded *entry)
{
    if (!fit_for_a_path(entry->debug_file) || !fit_for_a_path(entry->debug_id) ||
        !find_file(dirs, entry, &entry->text))
        return;
    entry->arena = fb_arena_map(8 * entry->text.bytes.n + (1u << 20));
    if (entry->arena.base == NULL ||
        fb_failed(fb_symfile_read(entry->text.bytes, &entry->arena, &entry->symbols)))
        entry->symbols = NULL;
}

static struct fb_symfile *symbols_of(struct fb_symbol_dirs *dirs,
                                     const struct fb_module *module)
{
    if (module->debug_file == NULL || module->debug_id == NULL)
        return NULL;
    for (size_t i = 0; i < dirs->n; i++)
        if (strcmp(dirs->v[i].debug_id, module->debug_id) == 0 &&
            strcmp(dirs->v[i].debug_file, module->debug_file) == 0)
            return dirs->v[i].symbols;
    if (dirs->n == LOADED_MAX)
        return NULL;
    struct loaded *entry = &dirs->v[dirs->n];
    entry->debug_file = strdup(module->debug_file);
    entry->debug_id = strdup(module->debug_id);
    if (entry->debug_file == NULL || entry->debug_id == NULL) {
        free(entry->debug_file);
        free(entry->debug_id);
        return NULL;
    }
    dirs->n++;
    load(dirs, entry);
    return entry->symbols;
}

static enum fb_symbol_state state(void *self, const struct fb_module *module)
{
    const struct fb_symfile *symbols = symbols_of(self, module);
    if (symbols == NULL)
        return FB_SYMBOLS_MISSING;
    return fb_symfile_corrupt(symbols) ? FB_SYMBOLS_CORRUPT : FB_SYMBOLS_LOADED;
}

static bool lookup(void *self, const struct fb_module *module, uint64_t rva,
                   struct fb_arena *arena, struct fb_symbol *out)
{
    const struct fb_symfile *symbols = symbols_of(self, module);
    return symbols != NULL && fb_symfile_lookup(symbols, rva, arena, out);
}

static const struct fb_symfile *symfile(void *self, const struct fb_module *module)
{
    return symbols_of(self, module);
}

struct fb_symbol_dirs *fb_symbol_dirs_open(const char *const *dirs, size_t n)
{
    struct fb_symbol_dirs *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->table = (struct fb_symbols){self, state, lookup, NULL, symfile};
        self->dirs = dirs;
        self->n_dirs = n;
    }
    return self;
}

const struct fb_symbols *fb_symbol_dirs_table(const struct fb_symbol_dirs *dirs)
{
    return &dirs->table;
}

void fb_symbol_dirs_close(struct fb_symbol_dirs *dirs)
{
    for (size_t i = 0; dirs != NULL && i < dirs->n; i++) {
        free(dirs->v[i].debug_file);
        free(dirs->v[i].debug_id);
        fb_file_free(&dirs->v[i].text);
        fb_arena_unmap(&dirs->v[i].arena);
    }
    free(dirs);
}
