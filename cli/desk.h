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
struct fb_desk_symbols { // the folders that --symbols named
    const char *dirs[FB_DESK_SYMBOL_DIRS_MAX];
    size_t n;
};
struct argp_state;
struct fb_desk {
    const char *command; // for messages
    struct fb_desk_symbols symbols;
    /* Called once per analysed dump. @return false: there was no memory for it */
    bool (*each)(struct fb_desk *desk, struct fb_analysis *a, struct fb_arena *arena);
    void *owner; // for `each`

    struct fb_analyze_input input; // its product may be set beforehand
    size_t n;                      // dumps that were analysed
    bool failed;
};

/** One more folder; ends the program with an error of `state` when there are too many. */
void fb_desk_add_symbols(struct fb_desk_symbols *symbols, const char *dir,
                         struct argp_state *state);
/** Go through all of `files`; they may be written to. */
void fb_desk_run(struct fb_desk *desk, char **files, int n);
/** Push out what was printed. @return exit code */
int fb_desk_close(struct fb_desk *desk);

/** Print a document of JSON with line ends and indents, and nothing else changed. */
void fb_desk_print_pretty(const char *document);
