/*
 * cli/symbol_dirs.h -- symbols from folders in Breakpad's layout: DIR/app.pdb/DEBUGID/app.sym.
 *
 * A file is read when a frame first needs it, once per process.
 */
#pragma once
#include "symbols/symbols.h"

struct fb_symbol_dirs;

/** @owner the caller closes it; `dirs` must outlive it. NULL: no memory */
struct fb_symbol_dirs *fb_symbol_dirs_open(const char *const *dirs, size_t n);
/** The table of questions for the analysis; valid until closed. */
const struct fb_symbols *fb_symbol_dirs_table(const struct fb_symbol_dirs *dirs);
void fb_symbol_dirs_close(struct fb_symbol_dirs *dirs);
