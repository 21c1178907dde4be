/*
 * worker/analysis/symbols/symfile.h -- Breakpad's text symbol files (.sym): names, lines and
 * inlines; symstack.h has what they say about stacks.
 *
 * One pass over the text makes sorted tables in an arena; names stay views into the text.
 * A line that makes no sense costs itself and sets `corrupt`.
 * @source  docs/symbol_files.md of Breakpad
 */
#pragma once
#include "symbols/symbols.h"

struct fb_symfile; // opaque, lives in the arena

/** @fails MALFORMED: no MODULE line; LIMIT: arena full. `text` must outlive the result. */
struct fb_err fb_symfile_read(struct fb_span text, struct fb_arena *arena,
                              struct fb_symfile **out);
bool fb_symfile_corrupt(const struct fb_symfile *sym);
/** The id and name of its MODULE line, NUL-terminated, in the arena. */
const char *fb_symfile_debug_id(const struct fb_symfile *sym);
const char *fb_symfile_debug_file(const struct fb_symfile *sym);
/** Where the function or public symbol that covers `rva` begins. @return false when nothing
 * does. */
bool fb_symfile_function(const struct fb_symfile *sym, uint64_t rva, uint64_t *start);
/** What covers `rva`; texts are put into `arena`. @return false when nothing does. */
bool fb_symfile_lookup(const struct fb_symfile *sym, uint64_t rva, struct fb_arena *arena,
                       struct fb_symbol *out);
