/* cli/desk.c -- reads and analyses dumps one after the other. */
#include "desk.h"

#include "cli.h"
#include "files.h"
#include "kernel/kernel.h"
#include "symbol_dirs.h"

#include <argp.h>
#include <errno.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>

/* --- one file ----------------------------------------------------------------------- */

static void complain(struct fb_desk *desk, const char *path, const char *what,
                     const char *next_step)
{
    fb_cli_failed(desk->command, path, what, next_step);
    desk->failed = true;
}

static void analyse(struct fb_desk *desk, const char *path, struct fb_span bytes,
                    struct fb_arena *arena)
{
    desk->input.file = bytes;
    desk->input.file_name = path;
    struct fb_analysis *a;
    struct fb_err err = fb_analyze(&desk->input, arena, &a);
    if (fb_failed(err))
        complain(desk, path, err.what, "name a minidump or a Windows kernel dump");
    else if (!desk->each(desk, a, arena))
        complain(desk, path, "its analysis is larger than there is memory for",
                 "free some memory");
    desk->n += !fb_failed(err);
}

static void one_file(struct fb_desk *desk, const char *path)
{
    struct fb_file file;
    struct fb_err err = fb_file_read(path, &file);
    if (fb_failed(err)) {
        complain(desk, path, errno != 0 ? strerror(errno) : err.what,
                 "name a file that can be read");
        return;
    }
    struct fb_arena arena = fb_arena_map((64u << 20) + 4 * file.bytes.n);
    if (arena.base == NULL)
        complain(desk, path, "there is no memory for its analysis", "free some memory");
    else
        analyse(desk, path, file.bytes, &arena);
    fb_arena_unmap(&arena);
    fb_file_free(&file);
}

/* --- many files --------------------------------------------------------------------- */

static bool looks_like_a_dump(const char *path)
{
    char magic[8] = {0};
    FILE *file = fopen(path, "rb");
    size_t n = file != NULL ? fread(magic, 1, sizeof magic, file) : 0;
    if (file != NULL)
        fclose(file);
    return (n >= 4 && (memcmp(magic, "MDMP", 4) == 0 || memcmp(magic, "PMDM", 4) == 0)) ||
           fb_kernel_is((struct fb_span){(const uint8_t *)magic, n, 0});
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void folder(struct fb_desk *desk, char *path)
{
    char *const roots[] = {path, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    for (FTSENT *entry; tree != NULL && (entry = fts_read(tree)) != NULL;) {
        if (entry->fts_info == FTS_F && looks_like_a_dump(entry->fts_path))
            one_file(desk, entry->fts_path);
        else if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR)
            complain(desk, entry->fts_path, strerror(entry->fts_errno),
                     "name a folder that can be read");
    }
    if (tree != NULL)
        fts_close(tree);
}

static void close_symbols(const struct fb_desk *desk, struct fb_symbol_dirs *symbols)
{
    const char *note = NULL;
    for (size_t i = 0; symbols != NULL && (note = fb_symbol_dirs_note(symbols, i)) != NULL; i++)
        fprintf(stderr, "faultbucket %s: %s\n", desk->command, fb_cli_safe(note));
    fb_symbol_dirs_close(symbols);
}

void fb_desk_add_symbols(struct fb_desk_symbols *symbols, const char *dir,
                         struct argp_state *state)
{
    if (symbols->n == FB_DESK_SYMBOL_DIRS_MAX)
        argp_error(state, "more than %d symbol folders", FB_DESK_SYMBOL_DIRS_MAX);
    symbols->dirs[symbols->n++] = dir;
}

void fb_desk_run(struct fb_desk *desk, char **files, int n)
{
    struct fb_symbol_dirs *symbols =
        desk->symbols.n > 0 ? fb_symbol_dirs_open(desk->symbols.dirs, desk->symbols.n) : NULL;
    desk->input.symbols = symbols != NULL ? fb_symbol_dirs_table(symbols) : NULL;
    fb_analyze_open(&desk->input);
    for (int i = 0; i < n; i++) {
        struct stat about;
        if (stat(files[i], &about) == 0 && S_ISDIR(about.st_mode))
            folder(desk, files[i]);
        else
            one_file(desk, files[i]);
    }
    fb_analyze_close(&desk->input);
    close_symbols(desk, symbols);
}

int fb_desk_close(struct fb_desk *desk)
{
    if (fflush(stdout) != 0)
        complain(desk, "standard output", strerror(errno), "make room where it goes");
    return desk->failed ? FB_EXIT_FAILED : FB_EXIT_OK;
}

/* --- JSON for people ---------------------------------------------------------------- */

static void new_line(int depth) { printf("\n%*s", 2 * depth, ""); }

/* What the document escapes, stays so. */
void fb_desk_print_pretty(const char *document)
{
    int depth = 0;
    bool in_string = false;
    for (const char *c = document; *c != 0; c++) {
        bool opens = !in_string && (*c == '{' || *c == '[');
        bool closes = !in_string && (*c == '}' || *c == ']');
        bool empty = closes && (c[-1] == '{' || c[-1] == '[');
        depth -= closes;
        if (closes && !empty)
            new_line(depth);
        putchar(*c);
        depth += opens;
        if ((opens && c[1] != '}' && c[1] != ']') || (!in_string && *c == ','))
            new_line(depth);
        else if (!in_string && *c == ':')
            putchar(' ');
        if (in_string && *c == '\\')
            putchar(*++c);
        else if (*c == '"')
            in_string = !in_string;
    }
    putchar('\n');
}
