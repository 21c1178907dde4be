/*
 * common/pg.h -- PostgreSQL for our programs: connect, run, read, with libpq's errors
 * turned into ours.
 */
#pragma once
#include "base/err.h"
#include <libpq-fe.h>

/** Connect; sets application_name. @fails UNAVAILABLE, logged with what the server said and
 * what to do */
struct fb_err fb_pg_connect(const char *url, const char *program, PGconn **out);
/** Run one statement with text parameters (NULL is SQL NULL). `*out` (may be NULL) gets the
 * result, which the caller clears. @fails RETRY kinds (connection, 40001, 40P01) as
 * UNAVAILABLE; data the server will not hold (class 22, 23) as MALFORMED; all else as BUG;
 * logged with sqlstate. */
struct fb_err fb_pg_run(PGconn *db, const char *sql, int n, const char *const *parameters,
                        PGresult **out);
/** A result's error as ours, and its sqlstate (literal length 5, "" when none) into `state`. */
struct fb_err fb_pg_error(PGconn *db, const PGresult *result, char state[6]);
