/* stand-in, not committed */
#include "pg.h"
#include "log.h"
struct fb_err fb_pg_connect(const char *url, const char *program, PGconn **out)
{
    (void)program;
    PGconn *db = PQconnectdb(url);
    if (PQstatus(db) != CONNECTION_OK) { fb_log(FB_LOG_WARNING, "pg", "error", PQerrorMessage(db), NULL); PQfinish(db); return FB_FAIL(UNAVAILABLE, "pg", 0); }
    *out = db;
    return FB_NO_ERR;
}
struct fb_err fb_pg_run(PGconn *db, const char *sql, int n, const char *const *parameters, PGresult **out)
{
    PGresult *r = PQexecParams(db, sql, n, NULL, parameters, NULL, NULL, 0);
    if (PQresultStatus(r) != PGRES_TUPLES_OK && PQresultStatus(r) != PGRES_COMMAND_OK) { fb_log(FB_LOG_WARNING, "pg", "error", PQerrorMessage(db), NULL); PQclear(r); return FB_FAIL(UNAVAILABLE, "pg", 0); }
    if (out) *out = r; else PQclear(r);
    return FB_NO_ERR;
}
