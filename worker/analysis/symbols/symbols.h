/*
 * worker/analysis/symbols/symbols.h -- what the analysis asks of symbols, whoever holds them.
 *
 * The caller (command line, worker) finds and owns symbol files; the pure analysis only
 * sees this table of questions, so that tests, desks and workers can answer them each in
 * their own way.
 */
#pragma once
#include "analysis.h"
#include "symbols/image.h"

struct fb_symfile;

struct fb_symbol {
    const char *function; // NULL: no symbol covers the address
    uint64_t function_rva;
    bool shared;      // several functions have this code: the name is one of theirs
    bool nearest;     // a guess: the nearest function below, whose end nobody knows
    const char *file; // NULL: no line
    uint32_t line;
    const struct fb_inline *inlines; // innermost first
    size_t n_inlines;
};
enum fb_symbol_state { FB_SYMBOLS_MISSING, FB_SYMBOLS_LOADED, FB_SYMBOLS_CORRUPT };

struct fb_symbols {
    void *self;
    /** Whether there are symbols for the module. Asked once per module and remembered by
     * whoever answers. */
    enum fb_symbol_state (*state)(void *self, const struct fb_module *module);
    /** What covers `rva` in `module`; texts live as long as `arena`. @return false when nothing
     * does. */
    bool (*lookup)(void *self, const struct fb_module *module, uint64_t rva,
                   struct fb_arena *arena, struct fb_symbol *out);
    /** The image the module was mapped from, by its code id; NULL: not at hand. May itself be
     * NULL: no images. */
    const struct fb_image *(*image)(void *self, const struct fb_module *module);
    /** The module's symbol file, for its STACK records; NULL: none. May itself be NULL. */
    const struct fb_symfile *(*symfile)(void *self, const struct fb_module *module);
};
