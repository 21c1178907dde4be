/*
 * cli/desk.h -- the dumps that a command of the desk was given: files, folders of them,
 * standard input; each is read, analysed and handed to what the command makes of it.
 *
 * One that cannot be analysed costs one line on standard error and the exit code, and the
 * others still run.
 */
#pragma once
#include "analyze.h"

enum { FB_DESK_SYMBOL_DIRS_MAX = 64 };
struct fb_desk {
    const char *command; // for messages
    const char *symbol_dirs[FB_DESK_SYMBOL_DIRS_MAX];
    size_t n_symbol_dirs;
    /* Called once per analysed dump. @return false: there was no memory for it */
    bool (*each)(struct fb_desk *desk, struct fb_analysis *a, struct fb_arena *arena);
    void *owner; // for `each`

    struct fb_analyze_input input; // its product may be set beforehand
    size_t n;                      // dumps that were analysed
    bool failed;
};

/** Go through all of `files`; they may be written to. */
void fb_desk_run(struct fb_desk *desk, char **files, int n);
/** Push out what was printed. @return exit code */
int fb_desk_close(struct fb_desk *desk);

/** Print a document of JSON with line ends and indents, and nothing else changed. */
void fb_desk_print_pretty(const char *document);
