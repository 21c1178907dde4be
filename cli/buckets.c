/* cli/buckets.c -- `faultbucket buckets`: the ranked table, from the view dash.buckets. */
#include "table.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT_MAX = 100000 };
struct options {
    const char *vendor; // NULL: every one that we may see
    const char *limit;
    bool json;
};

static const struct argp_option flags[] = {
    {"vendor",              'v', "NAME", 0, "only this vendor's", 0},
    {"limit",               'n', "N", 0, "at most N buckets (20)", 0},
    {"json", 'j', NULL, 0, "one JSON object per line, all columns of dash.buckets", 0},
    {0                    }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    char *end = arg;
    switch (key) {
    case 'v':
        o->vendor = arg;
        return 0;
    case 'j':
        o->json = true;
        return 0;
    case 'n':
        o->limit = arg;
        long n = strtol(arg, &end, 10);
        if (end == arg || *end != 0 || n < 1 || n > LIMIT_MAX)
            argp_error(state, "--limit takes a number from 1 to %d", LIMIT_MAX);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

#define RANKED                                                                                 \
    " FROM (SELECT * FROM dash.buckets WHERE $1::text IS NULL OR vendor = $1"                  \
    " ORDER BY hits DESC, bucket_id LIMIT $2::integer) b ORDER BY hits DESC, bucket_id"

static void print_rows(const PGresult *rows)
{
    static const struct fb_cli_column columns[] = {
        {"BUCKET",     0,  true },
        {"SIGNATURE",  56, false},
        {"CLASS",      0,  false},
        {"HITS",       0,  true },
        {"MACHINES",   0,  true },
        {"FIRST SEEN", 0,  false},
        {"LAST SEEN",  0,  false},
        {"VERSIONS",   24, false},
        {"14 DAYS",    0,  false},
    };
    enum { COLUMNS = sizeof columns / sizeof *columns };
    PGresult *shown = PQcopyResult(rows, PG_COPYRES_ATTRS | PG_COPYRES_TUPLES);
    for (int row = 0; row < PQntuples(rows); row++) {
        char line[256];
        snprintf(line, sizeof line, "%s", fb_cli_sparkline(PQgetvalue(rows, row, COLUMNS - 1)));
        PQsetvalue(shown, row, COLUMNS - 1, line, (int)strlen(line));
    }
    fb_cli_table(shown, columns, COLUMNS);
    PQclear(shown);
}

int fb_cmd_buckets(const struct fb_config *config, int argc, char **argv)
{
    static const struct argp argp = {.options = flags,
                                     .parser = parse,
                                     .doc =
                                         "The ranked buckets, most hits first. Exploitability "
                                         "is judged by our own rules (fb1)."};
    static char name[] = "faultbucket buckets";
    struct options o = {.limit = "20"};
    argv[0] = name;
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    const char *args[] = {o.vendor, o.limit};
    PGresult *rows =
        fb_cli_query(config,
                     o.json ? "SELECT to_jsonb(b)::text" RANKED
                            : "SELECT bucket_id, signature, class, hits, machines,"
                              " to_char(first_seen AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'),"
                              " to_char(last_seen AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'),"
                              " array_to_string(versions, ' '), trend::text" RANKED,
                     2, args);
    if (rows == NULL)
        return FB_EXIT_FAILED;
    if (!o.json)
        print_rows(rows);
    for (int row = 0; o.json && row < PQntuples(rows); row++)
        puts(PQgetvalue(rows, row, 0)); // jsonb's text escapes control characters itself
    PQclear(rows);
    return FB_EXIT_OK;
}
