/* common/pg.c -- libpq's errors end here: sqlstates become our codes, messages
 * become log lines. */
#include "pg.h"

#include "log.h"

#include <string.h>

/* What the server says beside the results: warnings matter, the rest only when one looks. */
static void log_notice(void *arg, const PGresult *result)
{
    (void)arg;
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    bool warning = severity != NULL && strcmp(severity, "WARNING") == 0;
    fb_log(warning ? FB_LOG_WARNING : FB_LOG_DEBUG, "postgres_notice", "message",
           PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY), NULL);
}

struct fb_err fb_pg_connect(const char *url, const char *program, PGconn **out)
{
    /* What stands before dbname the URL may overrule, what stands behind it may not: all our
     * text is UTF-8. A server that vanishes while we wait for its answer leaves nothing unsent,
     * so only keepalives find out. */
    const char *keys[] = {"connect_timeout",           "tcp_user_timeout",
                          "keepalives_idle",           "keepalives_interval",
                          "fallback_application_name", "dbname",
                          "client_encoding",           NULL};
    const char *values[] = {"10", "30000", "10", "5", program, url, "UTF8", NULL};
    PGconn *db = PQconnectdbParams(keys, values, 1);
    if (db == NULL || PQstatus(db) != CONNECTION_OK) {
        fb_log(FB_LOG_ERROR, "postgres_connect", "reason",
               db != NULL ? PQerrorMessage(db) : "no memory", "do",
               "check postgres.url and that the server runs", NULL);
        PQfinish(db);
        return FB_FAIL(UNAVAILABLE, "PostgreSQL cannot be reached", 0);
    }
    PQsetNoticeReceiver(db, log_notice, NULL);
    *out = db;
    return FB_NO_ERR;
}

/* The first row whose prefix fits the sqlstate decides (PostgreSQL's manual, appendix A). */
static const struct {
    const char *prefix;
    struct fb_err err;
} sqlstates[] = {
    {"40",    {FB_UNAVAILABLE, "another transaction was in the way", 0}        },
    {"08",    {FB_UNAVAILABLE, "the connection to PostgreSQL failed", 0}       },
    {"25006", {FB_UNAVAILABLE, "PostgreSQL is read-only", 0}                   }, // a failover
    {"53",    {FB_UNAVAILABLE, "PostgreSQL is short of resources", 0}          },
    {"55P03", {FB_UNAVAILABLE, "a lock was not to be had", 0}                  },
    {"57",    {FB_UNAVAILABLE, "PostgreSQL is shutting down or was stopped", 0}},
    {"58",    {FB_UNAVAILABLE, "PostgreSQL has trouble with its disk", 0}      },
    {"22",    {FB_MALFORMED, "PostgreSQL will not hold this value", 0}         },
    {"23",    {FB_MALFORMED, "a constraint forbids this row", 0}               },
    {"54",    {FB_MALFORMED, "a value is beyond PostgreSQL's limits", 0}       },
    {"FB001", {FB_LIMIT, "another worker has moved an offset", 0}              },
    {"",      {FB_BUG, "PostgreSQL refused a statement", 0}                    },
};

struct fb_err fb_pg_error(PGconn *db, const PGresult *result, char state[6])
{
    ExecStatusType status = PQresultStatus(result);
    state[0] = 0;
    if (result != NULL && status != PGRES_FATAL_ERROR && status != PGRES_BAD_RESPONSE)
        return FB_NO_ERR;
    const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (code == NULL || PQstatus(db) != CONNECTION_OK)
        return FB_FAIL(UNAVAILABLE, "the connection to PostgreSQL was lost", 0);
    memccpy(state, code, 0, 5);
    state[5] = 0;
    size_t i = 0;
    while (strncmp(sqlstates[i].prefix, code, strlen(sqlstates[i].prefix)) != 0)
        i++;
    return sqlstates[i].err;
}

struct fb_err fb_pg_run(PGconn *db, const char *sql, int n, const char *const *parameters,
                        PGresult **out)
{
    /* Without parameters the simple protocol: it takes several statements at once, as
     * migrations are. */
    PGresult *result =
        n == 0 ? PQexec(db, sql) : PQexecParams(db, sql, n, NULL, parameters, NULL, NULL, 0);
    char state[6];
    struct fb_err err = fb_pg_error(db, result, state);
    if (fb_failed(err)) {
        const char *said = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
        fb_log(FB_LOG_ERROR, "postgres_statement", "sqlstate", state, "reason",
               said != NULL ? said : PQerrorMessage(db), "hint",
               PQresultErrorField(result, PG_DIAG_MESSAGE_HINT), NULL);
    }
    if (out != NULL && !fb_failed(err))
        *out = result;
    else
        PQclear(result);
    return err;
}
