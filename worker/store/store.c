/* worker/store/store.c -- the connection, the offsets, the gaps and the rollup; keep.c keeps
 * batches. */
#include "store/store.h"

#include "log.h"
#include "metrics.h"
#include "now.h"
#include "store/session.h"
#include "store/statements.h"

#include <stdlib.h>
#include <string.h>

enum {
    PRODUCT_SETS = 1024,
    BUCKET_SETS = 16384,
    CACHE_SECONDS = 600, // a bucket merged by hand is noticed within that time
    ROLLUP_MOST = 100000,
};

/* The joins of a batch are between lists of equal length, which the planner takes for ten
 * rows: without nested loops it cannot choose the quadratic way. Where it must use one all the
 * same it believes the cost to be astronomic, and would compile the statement first: half a
 * second each. */
static const char settings[] =
    "SET enable_nestloop = off; SET jit = off;"
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') IN ('off', 'local')";

static struct fb_err check_schema(PGconn *db)
{
    PGresult *result;
    struct fb_err err = fb_pg_run(db,
                                  "SELECT coalesce(max(number), 0) FROM schema_migration"
                                  " WHERE to_regclass('schema_migration') IS NOT NULL",
                                  0, NULL, &result);
    long number = fb_failed(err) ? 0 : strtol(PQgetvalue(result, 0, 0), NULL, 10);
    if (!fb_failed(err))
        PQclear(result);
    if (err.code == FB_UNAVAILABLE)
        return err;
    if (number < FB_SCHEMA) {
        fb_log(FB_LOG_ERROR, "schema_too_old", "found", fb_log_number(number), "needed",
               fb_log_number(FB_SCHEMA), "do", "run `faultbucket migrate`", NULL);
        return FB_FAIL(USAGE, "the database's schema is older than this program", 0);
    }
    if (number > FB_SCHEMA) // forward only: what we know of is still there
        fb_log(FB_LOG_WARNING, "schema_newer", "found", fb_log_number(number), "known",
               fb_log_number(FB_SCHEMA), NULL);
    return FB_NO_ERR;
}

static struct fb_err prepare(PGconn *db, const char *name, const char *sql)
{
    char state[6];
    PGresult *result = PQprepare(db, name, sql, 0, NULL);
    struct fb_err err = fb_pg_error(db, result, state);
    if (fb_failed(err))
        fb_log(FB_LOG_ERROR, "postgres_prepare", "statement", name, "sqlstate", state, "reason",
               PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY), NULL);
    PQclear(result);
    return err;
}

static struct fb_err prepare_all(PGconn *db)
{
    static const struct {
        const char *name, *sql;
    } statements[] = {
#define X(name, sql) {#name, sql},
        FB_STATEMENTS(X)
#undef X
    };
    char keep[FB_KEEP_SQL_MAX];
    fb_columns_sql(keep);
    struct fb_err err = prepare(db, "keep", keep);
    for (size_t i = 0; i < sizeof statements / sizeof *statements && !fb_failed(err); i++)
        err = prepare(db, statements[i].name, statements[i].sql);
    return err;
}

static struct fb_err begin_session(PGconn *db)
{
    struct fb_err err = check_schema(db);
    if (!fb_failed(err))
        err = fb_pg_run(db, settings, 0, NULL, NULL);
    if (!fb_failed(err))
        err = fb_pg_run(db, "SELECT fb_make_partitions()", 0, NULL, NULL);
    if (!fb_failed(err))
        err = prepare_all(db);
    return err;
}

static void forget(struct fb_store *store)
{
    fb_cache_clear(&store->products);
    fb_cache_clear(&store->buckets);
    store->cleared_at = fb_now();
    store->n_days = 0;
}

struct fb_err fb_session_ready(struct fb_store *store)
{
    if (store->db != NULL && PQstatus(store->db) == CONNECTION_OK)
        return FB_NO_ERR;
    PQfinish(store->db);
    store->db = NULL;
    forget(store);
    PGconn *db;
    struct fb_err err = fb_pg_connect(store->url, "faultbucket-worker", &db);
    if (fb_failed(err))
        return err;
    err = begin_session(db);
    if (fb_failed(err))
        PQfinish(db);
    else
        store->db = db;
    return err;
}

struct fb_err fb_session_arrays(struct fb_store *store, const char *sql, size_t n,
                                struct fb_array *arrays, PGresult **out)
{
    enum { MOST = 8 };
    const char *values[MOST];
    int lengths[MOST], formats[MOST];
    for (size_t i = 0; i < n && i < MOST; i++) {
        struct fb_span span = fb_array_end(&arrays[i]);
        if (span.p == NULL)
            return FB_FAIL(UNAVAILABLE, "no memory for a batch", 0);
        values[i] = (const char *)span.p;
        lengths[i] = (int)span.n;
        formats[i] = 1;
    }
    PGresult *result = PQexecParams(store->db, sql, (int)n, NULL, values, lengths, formats, 0);
    char state[6];
    struct fb_err err = fb_pg_error(store->db, result, state);
    *out = result;
    if (fb_failed(err)) {
        fb_log(FB_LOG_ERROR, "postgres_statement", "sqlstate", state, "reason",
               PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY), NULL);
        PQclear(result);
        *out = NULL;
    }
    return err;
}

struct fb_err fb_store_open(const struct fb_config *config, struct fb_store **out)
{
    struct fb_store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return FB_FAIL(UNAVAILABLE, "no memory for the store", 0);
    store->samples = (uint32_t)fb_config_number(config, FB_OPT_WORKER_SAMPLES, 0, 1000);
    store->url = strdup(fb_config_text(config, FB_OPT_POSTGRES_URL));
    struct fb_err err =
        store->url != NULL ? FB_NO_ERR : FB_FAIL(UNAVAILABLE, "no memory for the store", 0);
    if (!fb_failed(err))
        err = fb_cache_open(&store->products, PRODUCT_SETS);
    if (!fb_failed(err))
        err = fb_cache_open(&store->buckets, BUCKET_SETS);
    if (!fb_failed(err))
        err = fb_session_ready(store);
    if (fb_failed(err))
        fb_store_close(store);
    else
        *out = store;
    return err;
}

void fb_store_close(struct fb_store *store)
{
    if (store == NULL)
        return;
    PQfinish(store->db);
    for (size_t i = 0; i < sizeof store->columns / sizeof *store->columns; i++)
        fb_array_free(&store->columns[i]);
    fb_cache_close(&store->products);
    fb_cache_close(&store->buckets);
    free(store->url);
    free(store);
}

struct fb_err fb_store_offsets(struct fb_store *store, const char *cluster, const char *topic,
                               const int32_t *partitions, size_t n, int64_t *next)
{
    const char *args[] = {cluster, topic};
    PGresult *rows;
    struct fb_err err = fb_session_ready(store);
    if (!fb_failed(err))
        err = fb_pg_run(store->db,
                        "SELECT partition, next_offset FROM kafka_offset"
                        " WHERE cluster = $1 AND topic = $2",
                        2, args, &rows);
    if (fb_failed(err))
        return err;
    for (size_t i = 0; i < n; i++) {
        next[i] = -1;
        for (int at = 0; at < PQntuples(rows); at++)
            if (strtol(PQgetvalue(rows, at, 0), NULL, 10) == partitions[i])
                next[i] = strtoll(PQgetvalue(rows, at, 1), NULL, 10);
    }
    PQclear(rows);
    return FB_NO_ERR;
}

struct fb_err fb_store_rollup(struct fb_store *store)
{
    struct fb_err err = fb_session_ready(store);
    if (fb_failed(err))
        return err;
    if (fb_now() - store->cleared_at > CACHE_SECONDS)
        forget(store);
    char most[16];
    snprintf(most, sizeof most, "%d", ROLLUP_MOST);
    const char *args[] = {most};
    PGresult *moved;
    err = fb_pg_run(store->db, "SELECT fb_rollup($1::integer)", 1, args, &moved);
    if (!fb_failed(err)) {
        if (!PQgetisnull(moved, 0, 0)) // NULL: another worker was at it
            fb_metric_set(FB_METRIC_ROLLUP_ROWS, "", strtod(PQgetvalue(moved, 0, 0), NULL));
        PQclear(moved);
    }
    if (!fb_failed(err))
        err = fb_pg_run(store->db, "SELECT fb_make_partitions()", 0, NULL, NULL);
    return err;
}

struct fb_err fb_store_gap(struct fb_store *store, const char *cluster, const char *topic,
                           int32_t partition, int64_t from, int64_t to)
{
    char number[3][24];
    snprintf(number[0], sizeof number[0], "%d", partition);
    snprintf(number[1], sizeof number[1], "%lld", (long long)from);
    snprintf(number[2], sizeof number[2], "%lld", (long long)to);
    const char *args[] = {cluster, topic, number[0], number[1], number[2]};
    struct fb_err err = fb_session_ready(store);
    if (fb_failed(err))
        return err;
    return fb_pg_run(
        store->db,
        "INSERT INTO offset_gap (cluster, topic, partition, from_offset, to_offset)"
        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        5, args, NULL);
}
