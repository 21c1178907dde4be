/*
 * cli/analyze.c -- `faultbucket analyze`: a dump at a desk, with no server at all.
 *
 * Each file is read, analysed and printed by itself; one that is no dump costs one line on
 * standard error and the exit code, and the others still run.
 */
#include "analyze.h"
#include "cli.h"
#include "files.h"
#include "kernel/kernel.h"
#include "report.h"
#include "symbol_dirs.h"

#include <argp.h>
#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SYMBOL_DIRS_MAX = 64 };

struct options {
    bool json, pretty, colour;
    const char *product;
    const char *symbol_dirs[SYMBOL_DIRS_MAX];
    size_t n_symbol_dirs;
    char **files;
    int n_files;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case 'j':
        o->json = true;
        return 0;
    case 'p':
        o->json = o->pretty = true;
        return 0;
    case 'P':
        o->product = arg;
        return 0;
    case 's':
        if (o->n_symbol_dirs == SYMBOL_DIRS_MAX)
            argp_error(state, "more than %d symbol folders", SYMBOL_DIRS_MAX);
        o->symbol_dirs[o->n_symbol_dirs++] = arg;
        return 0;
    case 'c':
        if (strcmp(arg, "always") != 0 && strcmp(arg, "never") != 0 && strcmp(arg, "auto") != 0)
            argp_error(state, "--color is `%s`; it is auto, always or never", arg);
        o->colour = strcmp(arg, "always") == 0 || (strcmp(arg, "auto") == 0 && o->colour);
        return 0;
    case ARGP_KEY_ARGS:
        o->files = state->argv + state->next;
        o->n_files = state->argc - state->next;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "name a dump, a folder of dumps, or - for standard input");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

// clang-format off
static const struct argp_option flags[] = {
    {"json",    'j', NULL,   0, "One JSON document per line and file (docs/analysis-json.md)", 0},
    {"pretty",  'p', NULL,   0, "The same, indented", 0},
    {"symbols", 's', "DIR",  0, "Folder of Breakpad symbols, DIR/FILE/ID/NAME.sym; may be given again", 0},
    {"product", 'P', "NAME", 0, "Product of the bucket key; otherwise the dump says", 0},
    {"color",   'c', "WHEN", 0, "auto (on a terminal), always or never", 0},
    {0},
};
// clang-format on
static const struct argp argp = {
    flags,
    parse,
    "FILE...",
    "Say what crashed in a dump, how bad it is and why, and under which keys it is counted.\v"
    "FILE may be a dump, a folder (every minidump and kernel dump below it is taken) or - for "
    "standard input. "
    "Exit codes: 0 every file was analysed, 1 at least one could not be, 2 called wrongly.",
    NULL,
    NULL,
    NULL};

/* --- one file ----------------------------------------------------------------------- */

struct run {
    const struct options *options;
    struct fb_analyze_input input;
    bool failed;
};

static void new_line(int depth) { printf("\n%*s", 2 * depth, ""); }

/* The document with line ends and indents, and nothing else changed: what it
 * escapes, stays so. */
static void print_pretty(const char *document)
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

static bool print_json(const struct run *run, const struct fb_analysis *a,
                       struct fb_arena *arena)
{
    const char *document = fb_analysis_json(a, run->input.symbols, arena);
    if (document == NULL)
        return false;
    if (run->options->pretty)
        print_pretty(document);
    else
        puts(document);
    return true;
}

static void complain(struct run *run, const char *path, const char *what, const char *next_step)
{
    fb_cli_failed("analyze", path, what, next_step);
    run->failed = true;
}

static void analyse(struct run *run, const char *path, struct fb_span bytes,
                    struct fb_arena *arena)
{
    run->input.file = bytes;
    run->input.file_name = path;
    struct fb_analysis *a;
    struct fb_err err = fb_analyze(&run->input, arena, &a);
    if (fb_failed(err))
        complain(run, path, err.what, "name a minidump or a Windows kernel dump");
    else if (!run->options->json)
        fb_report_print(a, run->options->colour);
    else if (!print_json(run, a, arena))
        complain(run, path, "its analysis is larger than there is memory for",
                 "free some memory");
}

static void one_file(struct run *run, const char *path)
{
    struct fb_file file;
    struct fb_err err = fb_file_read(path, &file);
    if (fb_failed(err)) {
        complain(run, path, errno != 0 ? strerror(errno) : err.what,
                 "name a file that can be read");
        return;
    }
    struct fb_arena arena = fb_arena_map((64u << 20) + 4 * file.bytes.n);
    if (arena.base == NULL)
        complain(run, path, "there is no memory for its analysis", "free some memory");
    else
        analyse(run, path, file.bytes, &arena);
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

static void folder(struct run *run, char *path)
{
    char *const roots[] = {path, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    for (FTSENT *entry; tree != NULL && (entry = fts_read(tree)) != NULL;) {
        if (entry->fts_info == FTS_F && looks_like_a_dump(entry->fts_path))
            one_file(run, entry->fts_path);
        else if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR)
            complain(run, entry->fts_path, strerror(entry->fts_errno),
                     "name a folder that can be read");
    }
    if (tree != NULL)
        fts_close(tree);
}

int fb_cmd_analyze(const struct fb_config *config, int argc, char **argv)
{
    (void)config;
    struct options options = {.colour = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL};
    char name[] = "faultbucket analyze";
    argv[0] = name;
    argp_parse(&argp, argc, argv, 0, NULL, &options);

    struct fb_symbol_dirs *symbols =
        options.n_symbol_dirs > 0
            ? fb_symbol_dirs_open(options.symbol_dirs, options.n_symbol_dirs)
            : NULL;
    struct run run = {
        .options = &options,
        .input = {.product = options.product,
                  .symbols = symbols != NULL ? fb_symbol_dirs_table(symbols) : NULL}
    };
    fb_analyze_open(&run.input);
    for (int i = 0; i < options.n_files; i++) {
        struct stat about;
        if (stat(options.files[i], &about) == 0 && S_ISDIR(about.st_mode))
            folder(&run, options.files[i]);
        else
            one_file(&run, options.files[i]);
    }
    fb_analyze_close(&run.input);
    fb_symbol_dirs_close(symbols);
    if (fflush(stdout) != 0)
        complain(&run, "standard output", strerror(errno), "make room where it goes");
    return run.failed ? FB_EXIT_FAILED : FB_EXIT_OK;
}
