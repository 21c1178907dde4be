/*
 * cli/bucket.c -- `faultbucket bucket ID`: one bucket on one page. ID is a bucket's number, or
 * what a customer has: the 16 hex digits that answered an upload, or a report's UUID.
 */
#include "table.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENT_ID = 16, UUID = 36, BUCKET_DIGITS = 15 };

/* A statement that finds the bucket's number from $1. */
static const char *finder(const char *id)
{
    size_t n = strlen(id);
    if (n <= BUCKET_DIGITS && n > 0 && strspn(id, "0123456789") == n)
        return "SELECT $1::bigint";
    if (n == CLIENT_ID && strspn(id, "0123456789abcdefABCDEF") == n)
        return "SELECT bucket_id FROM report"
               " WHERE substr(uuid_send(report_id), 9) = decode($1, 'hex') LIMIT 1";
    if (n == UUID && strspn(id, "0123456789abcdefABCDEF-") == n)
        return "SELECT bucket_id FROM report WHERE report_id = $1::uuid LIMIT 1";
    return NULL;
}

/* clang-format off */
/* Facts in the order of the page: the title and the expression over dash.bucket_detail. */
static const struct {
    const char *title, *sql;
} facts[] = {
    {"bucket",      "bucket_id"},
    {"signature",   "signature"},
    {"product",     "vendor || ', ' || product"},
    {"class",       "class"},
    {"rule",        "concat_ws(': ', rule, explanation)"},
    {"hits",        "hits || ' on ' || machines || ' machines; ' || hits_24h || ' in 24 hours, '"
                    " || hits_7d || ' in 7 days, ' || hits_prior_7d || ' in the 7 before'"},
    {"seen",        "date_trunc('second', first_seen) || ' to ' || date_trunc('second', last_seen)"},
    {"platforms",   "array_to_string(platforms, ', ')"},
    {"crash",       "concat_ws(' at ', crash_info ->> 'type', crash_info ->> 'address')"},
    {"instruction", "crash_info ->> 'instruction'"},
    {"blame",       "concat_ws('!', sample_keys #>> '{blame,module}', sample_keys #>> '{blame,function}')"},
    {"sample",      "samples || ' kept, shown: report ' || sample_report_id || ', judged ' || sample_class"},
    {"14 days",     "trend::text"},
};
enum { FACTS = sizeof facts / sizeof *facts };

/* The elements of an array in the sample's document; none when it is no array. */
#define EACH(path) " FROM dash.bucket_detail, jsonb_array_elements(CASE jsonb_typeof(" path ")" \
                   " WHEN 'array' THEN " path " ELSE '[]' END) e WHERE bucket_id = $1::bigint"

/* Lists below the facts: a title, and a statement over $1 that gives one text per line. */
static const struct {
    const char *title, *sql;
} lists[] = {
    {"Verdicts",
     "SELECT concat_ws('  ', e ->> 'class', nullif(e ->> 'rule', ''), (e ->> 'hits') || ' hits')"
     EACH("verdicts") " LIMIT 20"},
    {"Signals",
     "SELECT format('%s  %s hits', e ->> 'signal', e ->> 'hits')" EACH("signals") " LIMIT 20"},
    {"Evidence",
     "SELECT format('%s = %s (%s)', e ->> 'name', e ->> 'value', e ->> 'source')"
     EACH("exploitability -> 'facts'")},
    {"Instructions",
     "SELECT concat_ws('  ', e ->> 'address', e ->> 'text', nullif(e ->> 'marks', '[]'))"
     EACH("exploitability -> 'block'")},
    {"Stack of the sample",
     "SELECT format('%s  %s  [%s]', lpad(coalesce(e ->> 'frame', '?'), 3),"
     " coalesce((e ->> 'module') || '!' || (e ->> 'function'),"
     " (e ->> 'module') || '+' || regexp_replace(e ->> 'module_offset', '^0x0+', '0x'), e ->> 'offset'),"
     " e ->> 'trust')" EACH("stack") " LIMIT 40"},
    {"Versions",
     "SELECT format('%s  %s  %s hits', e ->> 'version', e ->> 'platform', e ->> 'hits')"
     EACH("version_hits") " LIMIT 20"},
    {"Latest reports",
     "SELECT format('%s  %s  %s  %s', e ->> 'client_id', left(e ->> 'received_at', 19), e ->> 'version',"
     " coalesce(e ->> 'crash_type', e ->> 'unanalysed'))" EACH("latest_reports") " LIMIT 10"},
};
/* clang-format on */

static void print_facts(const PGresult *row)
{
    for (int i = 0; i < FACTS; i++) {
        const char *value = PQgetvalue(row, 0, i);
        if (value[0] == 0)
            continue;
        bool line = i == FACTS - 1;
        printf("%-12s %s\n", facts[i].title,
               line ? fb_cli_sparkline(value) : fb_cli_safe(value));
    }
}

static struct fb_err print_list(PGconn *db, size_t i, const char *bucket)
{
    PGresult *rows;
    struct fb_err err = fb_pg_run(db, lists[i].sql, 1, &bucket, &rows);
    if (fb_failed(err))
        return err;
    if (PQntuples(rows) != 0)
        printf("\n%s\n", lists[i].title);
    for (int row = 0; row < PQntuples(rows); row++)
        printf("  %s\n", fb_cli_safe(PQgetvalue(rows, row, 0)));
    PQclear(rows);
    return err;
}

static struct fb_err print_bucket(PGconn *db, const char *bucket, bool *found)
{
    char sql[4096];
    int n = snprintf(sql, sizeof sql, "SELECT ");
    for (int i = 0; i < FACTS; i++)
        n +=
            snprintf(sql + n, sizeof sql - (size_t)n, "%s%s", i == 0 ? "" : ", ", facts[i].sql);
    snprintf(sql + n, sizeof sql - (size_t)n,
             " FROM dash.bucket_detail WHERE bucket_id = $1::bigint");
    PGresult *row;
    struct fb_err err = fb_pg_run(db, sql, 1, &bucket, &row);
    if (fb_failed(err))
        return err;
    *found = PQntuples(row) == 1;
    if (*found)
        print_facts(row);
    PQclear(row);
    for (size_t i = 0; *found && i < sizeof lists / sizeof *lists && !fb_failed(err); i++)
        err = print_list(db, i, bucket);
    return err;
}

static struct fb_err show(PGconn *db, const char *sql, const char *id, bool *found)
{
    PGresult *rows;
    struct fb_err err = fb_pg_run(db, sql, 1, &id, &rows);
    if (fb_failed(err))
        return err;
    if (PQntuples(rows) == 1)
        err = print_bucket(db, PQgetvalue(rows, 0, 0), found);
    PQclear(rows);
    return err;
}

int fb_cmd_bucket(const struct fb_config *config, int argc, char **argv)
{
    static const struct argp argp = {
        .args_doc = "ID",
        .doc = "One bucket: its verdict with the evidence, the stack of a sample, versions and "
               "reports. ID is its number, or the id that answered an upload."};
    static char name[] = "faultbucket bucket";
    argv[0] = name;
    int at;
    argp_parse(&argp, argc, argv, ARGP_NO_ARGS, &at, NULL);
    const char *sql = argc - at == 1 ? finder(argv[at]) : NULL;
    if (sql == NULL)
        return fb_cli_usage("bucket", "it takes a bucket's number or a report's id");
    PGconn *db;
    bool found = false;
    struct fb_err err =
        fb_pg_connect(fb_config_text(config, FB_OPT_POSTGRES_URL), "faultbucket", &db);
    if (fb_failed(err))
        return FB_EXIT_FAILED;
    err = show(db, sql, argv[at], &found);
    PQfinish(db);
    if (fb_failed(err))
        return FB_EXIT_FAILED;
    return found ? FB_EXIT_OK
                 : fb_cli_failed("bucket", argv[at], "there is no such bucket or report",
                                 "`faultbucket buckets` lists them");
}
