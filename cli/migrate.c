/*
 * cli/migrate.c -- `faultbucket migrate`: bring the schema, the views and the topics up to
 * date.
 *
 * Forward only and safe to be run from many places at once: one session at a time holds an
 * advisory lock, the others find the work done. The lock is asked for again and again instead
 * of waited for: a session that waits inside a statement holds a snapshot, and CREATE INDEX
 * CONCURRENTLY in the session at work would wait for that snapshot for ever.
 */
#include "cli.h"
#include "kafka.h"
#include "log.h"
#include "migrations.h"
#include "now.h"
#include "pg.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    LOCK_SECONDS = 600,  // how long another migration may take
    ATTEMPTS = 5,        // of a step that another session was in the way of
    REPORT_DAYS = 7,     // how long Kafka keeps reports
    DEAD_DAYS = 30,      // and messages set aside
    DEAD_PARTITIONS = 6, // few messages
};
static const char lock_key[] = "hashtext('faultbucket migrate')";

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static struct fb_err take_lock(PGconn *db)
{
    char sql[96];
    snprintf(sql, sizeof sql, "SELECT pg_try_advisory_lock(%s)", lock_key);
    for (double end = fb_now() + LOCK_SECONDS; fb_now() < end; pause_ms(100)) {
        PGresult *result;
        struct fb_err err = fb_pg_run(db, sql, 0, NULL, &result);
        if (fb_failed(err))
            return err;
        bool got = strcmp(PQgetvalue(result, 0, 0), "t") == 0;
        PQclear(result);
        if (got)
            return FB_NO_ERR;
    }
    fb_cli_failed("migrate", "another migration", "it has held the lock for ten minutes",
                  "look for it in pg_stat_activity");
    return FB_FAIL(UNAVAILABLE, "another migration is at work", 0);
}

/* What the database knows of a migration of ours: absent, the same file, or trouble. */
static struct fb_err is_done(const PGresult *done, const struct fb_migration *m, bool *yes)
{
    *yes = false;
    for (int i = 0; i < PQntuples(done) && !*yes; i++) {
        if (strtol(PQgetvalue(done, i, 0), NULL, 10) != m->number)
            continue;
        *yes = true;
        if (strcmp(PQgetvalue(done, i, 1), m->sha256) != 0) {
            fb_cli_failed("migrate", m->name,
                          "it differs from what this database was made with",
                          "restore the file: a change needs a migration of its own");
            return FB_FAIL(USAGE, "a migration was changed", 0);
        }
    }
    return FB_NO_ERR;
}

/* A number that we have no file for was made by a program newer than this one. */
static struct fb_err refuse_unknown(const PGresult *done, const struct fb_migrations *files)
{
    for (int i = 0; i < PQntuples(done); i++) {
        size_t at = 0;
        while (at < files->n && files->v[at].number != strtol(PQgetvalue(done, i, 0), NULL, 10))
            at++;
        if (at == files->n) {
            fb_cli_failed("migrate", PQgetvalue(done, i, 0),
                          "the database has this migration, this program does not",
                          "use the newer release that the database belongs to");
            return FB_FAIL(USAGE, "the database is newer than this program", 0);
        }
    }
    return FB_NO_ERR;
}

/* Run a file; `record` is the statement that notes it in the same transaction, or NULL. */
static struct fb_err run_file(PGconn *db, const struct fb_migration *m, const char *record)
{
    char number[16];
    snprintf(number, sizeof number, "%d", m->number);
    const char *args[] = {number, m->name, m->sha256};
    struct fb_err err = m->no_transaction ? FB_NO_ERR : fb_pg_run(db, "BEGIN", 0, NULL, NULL);
    if (!fb_failed(err))
        err = fb_pg_run(db, m->sql, 0, NULL, NULL);
    if (!fb_failed(err) && record != NULL)
        err = fb_pg_run(db, record, 3, args, NULL);
    if (!m->no_transaction && !fb_failed(err))
        err = fb_pg_run(db, "COMMIT", 0, NULL, NULL);
    if (fb_failed(err) && PQtransactionStatus(db) != PQTRANS_IDLE)
        fb_pg_run(db, "ROLLBACK", 0, NULL, NULL);
    return err;
}

/* Dashboards at work may be in the way of a view: then once more. */
static struct fb_err run_patiently(PGconn *db, const struct fb_migration *m, const char *record)
{
    struct fb_err err = run_file(db, m, record);
    for (int i = 1; i < ATTEMPTS && err.code == FB_UNAVAILABLE && PQstatus(db) == CONNECTION_OK;
         i++) {
        pause_ms(200);
        err = run_file(db, m, record);
    }
    if (fb_failed(err))
        fb_cli_failed("migrate", m->name, err.what,
                      "see the line above for what PostgreSQL said");
    return err;
}

static struct fb_err apply(PGconn *db, const struct fb_migrations *files, size_t *applied)
{
    static const char record[] =
        "INSERT INTO schema_migration (number, name, sha256) VALUES ($1, $2, $3)";
    PGresult *done;
    struct fb_err err = fb_pg_run(
        db, "SELECT number, sha256 FROM schema_migration ORDER BY number", 0, NULL, &done);
    if (fb_failed(err))
        return err;
    err = refuse_unknown(done, files);
    for (size_t i = 0; i < files->n && !fb_failed(err); i++) {
        bool yes;
        err = is_done(done, &files->v[i], &yes);
        if (fb_failed(err) || yes)
            continue;
        err = run_patiently(db, &files->v[i], record);
        if (!fb_failed(err)) {
            printf("%s\n", files->v[i].name);
            (*applied)++;
        }
    }
    PQclear(done);
    return err;
}

static struct fb_err migrate_database(PGconn *db, const struct fb_migrations *tables,
                                      const struct fb_migrations *views, size_t *applied)
{
    static const char book[] =
        "CREATE TABLE IF NOT EXISTS schema_migration (number integer PRIMARY KEY,"
        " name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT "
        "now())";
    struct fb_err err = take_lock(db);
    if (!fb_failed(err))
        err = fb_pg_run(db, book, 0, NULL, NULL);
    if (!fb_failed(err))
        err = apply(db, tables, applied);
    for (size_t i = 0; i < views->n && !fb_failed(err); i++)
        err = run_patiently(db, &views->v[i], NULL);
    return err;
}

/* A topic that was made a moment ago is not known to every broker at once: then once more. */
static struct fb_err make_topic(const struct fb_config *config, enum fb_option name,
                                int partitions, int days)
{
    const long long day_ms = 24LL * 3600 * 1000;
    const char *topic = fb_config_text(config, name);
    int replication = (int)fb_config_number(config, FB_OPT_KAFKA_REPLICATION, 1, 100);
    struct fb_err err = fb_kafka_topic(config, topic, partitions, replication, days * day_ms);
    for (int i = 1; i < ATTEMPTS && err.code == FB_UNAVAILABLE; i++) {
        pause_ms(500);
        err = fb_kafka_topic(config, topic, partitions, replication, days * day_ms);
    }
    if (fb_failed(err))
        fb_cli_failed("migrate", fb_config_text(config, FB_OPT_KAFKA_BROKERS), err.what,
                      "the database is up to date; check kafka.brokers and run it again");
    return err;
}

static struct fb_err make_topics(const struct fb_config *config)
{
    int partitions = (int)fb_config_number(config, FB_OPT_KAFKA_PARTITIONS, 1, 10000);
    struct fb_err err = make_topic(config, FB_OPT_KAFKA_TOPIC, partitions, REPORT_DAYS);
    if (!fb_failed(err))
        err = make_topic(config, FB_OPT_KAFKA_DEAD_TOPIC, DEAD_PARTITIONS, DEAD_DAYS);
    return err;
}

static struct fb_err migrate(const struct fb_config *config, const struct fb_migrations *tables,
                             const struct fb_migrations *views)
{
    PGconn *db;
    size_t applied = 0;
    struct fb_err err =
        fb_pg_connect(fb_config_text(config, FB_OPT_POSTGRES_URL), "faultbucket migrate", &db);
    if (fb_failed(err))
        return err;
    err = migrate_database(db, tables, views, &applied);
    if (!fb_failed(err))
        printf("database is up to date: %zu migrations, %zu of them now, %zu views and roles\n",
               tables->n, applied, views->n);
    if (!fb_failed(err))
        err = make_topics(config); // under the lock, too
    PQfinish(db);
    return err;
}

int fb_cmd_migrate(const struct fb_config *config, int argc, char **argv)
{
    static const struct argp argp = {.doc = "Bring the database and the topics up to date."};
    static char name[] = "faultbucket migrate";
    argv[0] = name;
    argp_parse(&argp, argc, argv, 0, NULL, NULL);
    const char *folder = fb_migrations_folder(config);
    if (folder == NULL)
        return fb_cli_failed("migrate", "the folder of the migrations", "it was not found",
                             "name it with --migrate-dir");
    struct fb_migrations tables, views;
    if (fb_failed(fb_migrations_read(folder, "", &tables)))
        return FB_EXIT_FAILED;
    struct fb_err err = fb_migrations_read(folder, "views", &views);
    if (!fb_failed(err)) {
        err = migrate(config, &tables, &views);
        fb_migrations_free(&views);
    }
    fb_migrations_free(&tables);
    return fb_failed(err) ? FB_EXIT_FAILED : FB_EXIT_OK;
}
