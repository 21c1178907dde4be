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

/* Facts in the order of the page: the title and the expression over dash.bucket_detail. */
static const struct {
    const char *title, *sql;
} facts[] = {
    {"bucket",      "bucket_id"                                                                },
    {"signature",   "signature"                                                                },
    {"product",     "vendor || ', ' || product"                                                },
    {"class",       "class"                                                                    },
    {"rule",        "concat_ws(': ', rule, explanation)"                                       },
    {"hits",        "hits || ' on ' || machines || ' machines; ' || hits_24h || ' in 24 hours, '"
             " || hits_7d || ' in 7 days, ' || hits_prior_7d || ' in the 7 before'"},
    {"seen",        "first_seen || ' to ' || last_seen"                                        },
    {"platforms",   "array_to_string(platforms, ', ')"                                         },
    {"crash",       "concat_ws(' at ', crash_info ->> 'type', crash_info ->> 'address')"       },
    {"instruction", "crash_info ->> 'instruction'"                                             },
    {"blame",       "concat_ws('!', sample_keys #>> '{blame,module}',"
              " sample_keys #>> '{blame,function}')"                              },
    {"sample",      "samples || ' kept, shown: report ' || sample_report_id"                   },
    {"14 days",     "trend::text"                                                              },
};
enum { FACTS = sizeof facts / sizeof *facts };

/* Lists below the facts: a title, and a statement over $1 that gives one text per line. */
static const struct {
    const char *title, *sql;
} lists[] = {
    {"Evidence",            "SELECT format('%s = %s (%s)', f ->> 'name', f ->> 'value', f ->> 'source')"
                 " FROM dash.bucket_detail, jsonb_array_elements(CASE "
                 "jsonb_typeof(exploitability -> 'facts')"
                 " WHEN 'array' THEN exploitability -> 'facts' ELSE '[]' END) f WHERE "
                 "bucket_id = $1::bigint"                             },
    {"Instructions",
     "SELECT format('%s  %s  %s', l ->> 'address', l ->> 'text', coalesce(l ->> 'marks', ''))"
     " FROM dash.bucket_detail, jsonb_array_elements(CASE jsonb_typeof(exploitability -> "
     "'block')"
     " WHEN 'array' THEN exploitability -> 'block' ELSE '[]' END) l WHERE bucket_id = "
     "$1::bigint"                                                                     },
    {"Stack of the sample",
     "SELECT format('%s  %s  [%s]', lpad(coalesce(f ->> 'frame', '?'), 3),"
     " coalesce((f ->> 'module') || '!' || (f ->> 'function'),"
     "  (f ->> 'module') || '+' || (f ->> 'module_offset'), f ->> 'offset'), f ->> 'trust')"
     " FROM dash.bucket_detail, jsonb_array_elements(CASE jsonb_typeof(stack)"
     " WHEN 'array' THEN stack ELSE '[]' END) f WHERE bucket_id = $1::bigint LIMIT 40"},
    {"Versions",
     "SELECT format('%s  %s  %s hits', v ->> 'version', v ->> 'platform', v ->> 'hits')"
     " FROM dash.bucket_detail, jsonb_array_elements(version_hits) v"
     " WHERE bucket_id = $1::bigint LIMIT 20"                                         },
    {"Latest reports",
     "SELECT format('%s  %s  %s  %s', r ->> 'client_id', r ->> 'received_at', r ->> 'version',"
     " coalesce(r ->> 'crash_type', r ->> 'unanalysed'))"
     " FROM dash.bucket_detail, jsonb_array_elements(latest_reports) r"
     " WHERE bucket_id = $1::bigint LIMIT 10"                                         },
};

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
