/*
 * cli/symbol_store.h -- how symbol_dirs.c finds files: at once where a store would keep them
 * (symbol_paths.c), or by what is inside all files below a folder (symbol_index.c).
 *
 * Neither believes a name: whoever takes a file looks at the ids in it and may refuse it.
 */
#pragma once
#include "base/reader.h"

enum fb_store_kind { FB_STORE_SYMBOLS, FB_STORE_IMAGE }; // a .sym file; a PE or ELF image

/* What is looked for, as the dump names it; any may be NULL. */
struct fb_store_wanted {
    const char *name, *code_id, *debug_file, *debug_id;
};
/* A file that might be it. @return whether it is */
struct fb_store_taker {
    bool (*take)(void *self, const char *path);
    /* Something stands where the file should, and is not read. `what` is a literal. */
    void (*note)(void *self, const char *path, const char *what);
    void *self;
};

/**
 * Look where Breakpad, Tecken, symstore (flat and two-tier) and SSQP keep such a file below
 * `root`. File and id come from the dump, so from an attacker: only names without separators,
 * dots at the start and control characters become part of a path.
 */
bool fb_store_paths(const char *root, enum fb_store_kind kind,
                    const struct fb_store_wanted *wanted, const struct fb_store_taker *taker);

/* The ids inside the files below some folders; read when first asked. */
struct fb_store_index;
/** @owner the caller closes it; `roots` must outlive it. NULL: no memory */
struct fb_store_index *fb_store_index_open(const char *const *roots, size_t n);
bool fb_store_index_find(struct fb_store_index *index, enum fb_store_kind kind,
                         const struct fb_store_wanted *wanted,
                         const struct fb_store_taker *taker);
void fb_store_index_close(struct fb_store_index *index);

/* The ids that the head of a .sym file tells; "" where it does not. */
enum { FB_STORE_ID_ROOM = 160 };
struct fb_store_ids {
    char code_id[FB_STORE_ID_ROOM], debug_id[FB_STORE_ID_ROOM];
};
/** @return false: no MODULE line */
bool fb_store_sym_ids(struct fb_span text, struct fb_store_ids *out);
