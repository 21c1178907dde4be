/*
 * cli/analyze.c -- `faultbucket analyze`: a dump at a desk, with no server at all; as a report
 * for a person, as JSON, or as SARIF for the tools that collect findings.
 */
#include "cli.h"
#include "desk.h"
#include "exploitability/peers.h"
#include "report.h"
#include "sarif.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
    bool json, pretty, sarif, peers, colour;
    struct fb_desk *desk;
    size_t n_results; // of SARIF
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
    case 'S':
        o->sarif = true;
        return 0;
    case 'o':
        o->peers = true;
        return 0;
    case 'P':
        o->desk->input.product = arg;
        return 0;
    case 's':
        fb_desk_add_symbols(&o->desk->symbols, arg, state);
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
    case ARGP_KEY_END:
        if (o->sarif && o->json)
            argp_error(state, "--sarif and --json are two forms of output: choose one");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

// clang-format off
static const struct argp_option flags[] = {
    {"json",    'j', NULL,   0, "One JSON document per line and file (docs/analysis-json.md)", 0},
    {"pretty",  'p', NULL,   0, "The same, indented", 0},
    {"sarif",   'S', NULL,   0, "One SARIF 2.1.0 log of all files, for tools that collect findings", 0},
    {"peers",   'o', NULL,   0, "Say too what CASR, gdb's exploitable and Breakpad call such a crash", 0},
    {"symbols", 's', "DIR",  0, "Folder of symbols (.sym) and images: a store or any folder; may be given again", 0},
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

/* --- output ------------------------------------------------------------------------- */

static bool print_json(const struct fb_desk *desk, const struct fb_analysis *a, bool pretty,
                       struct fb_arena *arena)
{
    const char *document = fb_analysis_json(a, desk->input.symbols, arena);
    if (document == NULL)
        return false;
    if (pretty)
        fb_desk_print_pretty(document);
    else
        puts(document);
    return true;
}

static bool print(struct fb_desk *desk, struct fb_analysis *a, struct fb_arena *arena)
{
    struct options *o = desk->owner;
    if (o->peers && fb_failed(fb_peers(a, arena)))
        return false;
    if (o->sarif) {
        bool printed = fb_sarif_result(a, o->n_results == 0, arena);
        o->n_results += printed;
        return printed;
    }
    if (o->json)
        return print_json(desk, a, o->pretty, arena);
    fb_report_print(a, o->colour);
    return true;
}

int fb_cmd_analyze(const struct fb_config *config, int argc, char **argv)
{
    (void)config;
    struct options options = {.colour = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL};
    struct fb_desk desk = {.command = "analyze", .each = print, .owner = &options};
    options.desk = &desk;
    char name[] = "faultbucket analyze";
    argv[0] = name;
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    if (options.sarif)
        fb_sarif_begin();
    fb_desk_run(&desk, options.files, options.n_files);
    if (options.sarif)
        fb_sarif_end(!desk.failed);
    return fb_desk_close(&desk);
}
