/*
 * cli/symbol_dirs.h -- symbols and images from any folders: stores in the layouts of Breakpad,
 * symstore and SSQP, and files that just lie about below them.
 *
 * A file is read when a frame first needs it, once per process, and only used when the id
 * inside it is that of the module. Compressed stores and references to other places are not
 * read.
 */
#pragma once
#include "symbols/symbols.h"

struct fb_symbol_dirs;

/** @owner the caller closes it; `dirs` must outlive it. NULL: no memory */
struct fb_symbol_dirs *fb_symbol_dirs_open(const char *const *dirs, size_t n);
/** The table of questions for the analysis; valid until closed. */
const struct fb_symbols *fb_symbol_dirs_table(const struct fb_symbol_dirs *dirs);
/** What stood where a file was looked for and was not read: number `i`, or NULL. */
const char *fb_symbol_dirs_note(const struct fb_symbol_dirs *dirs, size_t i);
void fb_symbol_dirs_close(struct fb_symbol_dirs *dirs);
