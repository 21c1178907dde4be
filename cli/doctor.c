/*
 * cli/doctor.c -- `faultbucket doctor`: is everything there that the programs need, and if not,
 * what to do. One line per check; the exit code is 1 when a check failed.
 */
#include "cli.h"
#include "kafka.h"
#include "migrations.h"
#include "pg.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>

enum { KAFKA_MS = 10000, OLDEST_POSTGRES = 150000 };
enum finding { GOOD, ODD, BAD };

static int failures;

static void say(enum finding finding, const char *what, const char *detail, const char *to_do)
{
    static const char *const marks[] = {"ok     ", "warning", "FAILED "};
    failures += finding == BAD;
    printf("%s  %-28s %s\n", marks[finding], what, fb_cli_safe(detail));
    if (finding != GOOD)
        printf("         -> %s\n", to_do);
}

/* --- settings and versions -----------------------------------------------------------------
 */

/* An address may carry a password: "password=x", or "user:password@". */
static bool may_hold_secret(enum fb_option option)
{
    return option == FB_OPT_SERVER_KEY || option == FB_OPT_POSTGRES_URL;
}

static void check_settings(const struct fb_config *config)
{
    printf("settings that are not the default:\n");
    for (enum fb_option option = 0; option < FB_OPTION_COUNT; option++) {
        const char *source = fb_config_source(config, option);
        if (strcmp(source, "default") == 0)
            continue;
        printf("  %s = %s (%s)\n", fb_config_name(option),
               may_hold_secret(option) ? "..." : fb_cli_safe(fb_config_text(config, option)),
               source);
    }
}

static void check_versions(void)
{
    char text[128];
    snprintf(text, sizeof text, "faultbucket %s, librdkafka %s, libpq %d.%d", FB_VERSION,
             rd_kafka_version_str(), PQlibVersion() / 10000, PQlibVersion() % 10000);
    say(GOOD, "versions", text, "");
}

/* --- Kafka ---------------------------------------------------------------------------------
 */

static void check_topic(const struct fb_config *config, enum fb_option option)
{
    const char *topic = fb_config_text(config, option);
    struct fb_producer *producer;
    struct fb_err err = fb_producer_open(config, topic, &producer);
    if (!fb_failed(err)) {
        err = fb_producer_ready(producer, KAFKA_MS);
        fb_producer_close(producer, 0);
    }
    if (fb_failed(err))
        say(BAD, "Kafka topic", topic,
            "check kafka.brokers; where the topic is missing, run `faultbucket migrate`");
    else
        say(GOOD, "Kafka topic", topic, "");
}

/* --- PostgreSQL ----------------------------------------------------------------------------
 */

/* X(what, SQL, what to do): each statement gives one row, a finding (0 good, 1 odd, 2 bad) and
 * a detail. */
#define CHECKS(X)                                                                              \
    X("PostgreSQL clock and user", "SELECT 0, format('%s as %s', now(), current_user)", "")    \
    X("synchronous_commit",                                                                    \
      "SELECT CASE WHEN current_setting('synchronous_commit') IN ('off', 'local') THEN 1 "     \
      "ELSE 0 END,"                                                                            \
      " current_setting('synchronous_commit')",                                                \
      "workers turn it on for themselves; turn it on for the server, or a failover may lose "  \
      "what "                                                                                  \
      "was counted")                                                                           \
    X("encoding",                                                                              \
      "SELECT CASE WHEN current_setting('server_encoding') = 'UTF8' THEN 0 ELSE 2 END,"        \
      " current_setting('server_encoding')",                                                   \
      "create the database with ENCODING 'UTF8'")                                              \
    X("roles",                                                                                 \
      "SELECT CASE WHEN count(*) = 4 THEN 0 ELSE 1 END, format('%s of 4', count(*)) FROM "     \
      "pg_roles"                                                                               \
      " WHERE rolname IN ('faultbucket_writer', 'faultbucket_ingest', "                        \
      "'faultbucket_dashboards',"                                                              \
      " 'faultbucket_vendor')",                                                                \
      "let a role with CREATEROLE run `faultbucket migrate`")                                  \
    X("vendors and valid keys",                                                                \
      "SELECT CASE WHEN (SELECT count(*) FROM ingest_key WHERE NOT revoked) > 0 THEN 0 ELSE "  \
      "1 END,"                                                                                 \
      " format('%s vendors, %s keys', (SELECT count(*) FROM vendor),"                          \
      " (SELECT count(*) FROM ingest_key WHERE NOT revoked))",                                 \
      "`faultbucket vendor add NAME`, then `faultbucket key create NAME`")                     \
    X("partitions ahead",                                                                      \
      "SELECT CASE WHEN to_regclass('report_' || to_char(now() AT TIME ZONE 'UTC' + interval " \
      "'1 day',"                                                                               \
      " 'YYYYMMDD')) IS NULL THEN 1 ELSE 0 END,"                                               \
      " (SELECT count(*) || ' partitions' FROM pg_inherits WHERE inhparent = "                 \
      "'report'::regclass)",                                                                   \
      "start a worker: its rollup makes them; reports lie in report_default meanwhile")        \
    X("reports of odd dates",                                                                  \
      "SELECT CASE WHEN count(*) < 1000 THEN 0 ELSE 1 END, count(*) || ' in report_default'"   \
      " FROM (SELECT FROM report_default LIMIT 1000) d",                                       \
      "compare the clocks of the ingest nodes with this one")                                  \
    X("rollup",                                                                                \
      "SELECT CASE WHEN count(*) < 1000000 THEN 0 ELSE 1 END, count(*) || ' deltas wait'"      \
      " FROM (SELECT FROM trend_delta LIMIT 1000000) d",                                       \
      "start a worker; if one runs, look for `rollup` in its log")                             \
    X("dead letters",                                                                          \
      "SELECT CASE WHEN count(*) = 0 THEN 0 ELSE 1 END, count(*) || ' in the last 24 hours'"   \
      " FROM dead_letter WHERE received_at > now() - interval '24 hours'",                     \
      "SELECT reason, count(*) FROM dead_letter GROUP BY 1 says why")                          \
    X("messages lost in Kafka",                                                                \
      "SELECT CASE WHEN count(*) = 0 THEN 0 ELSE 1 END, count(*) || ' gaps' FROM offset_gap",  \
      "raise the topic's retention above the longest time that workers may stand still")

static const struct {
    const char *what, *sql, *to_do;
} checks[] = {
#define X(what, sql, to_do) {what, sql, to_do},
    CHECKS(X)
#undef X
};

static void run_checks(PGconn *db)
{
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        PGresult *row;
        if (fb_failed(fb_pg_run(db, checks[i].sql, 0, NULL, &row))) {
            say(BAD, checks[i].what, "it cannot be asked",
                "run `faultbucket migrate`, or doctor as the role that owns the database");
            continue;
        }
        say((enum finding)(PQgetvalue(row, 0, 0)[0] - '0'), checks[i].what,
            PQgetvalue(row, 0, 1), checks[i].to_do);
        PQclear(row);
    }
}

static int schema_of(PGconn *db)
{
    PGresult *row;
    if (fb_failed(
            fb_pg_run(db, "SELECT to_regclass('schema_migration') IS NOT NULL", 0, NULL, &row)))
        return -1;
    bool there = PQgetvalue(row, 0, 0)[0] == 't';
    PQclear(row);
    if (!there ||
        fb_failed(fb_pg_run(db, "SELECT coalesce(max(number), 0) FROM schema_migration", 0,
                            NULL, &row)))
        return there ? -1 : 0;
    int number = (int)strtol(PQgetvalue(row, 0, 0), NULL, 10);
    PQclear(row);
    return number;
}

static bool check_schema(const struct fb_config *config, PGconn *db)
{
    const char *folder = fb_migrations_folder(config);
    struct fb_migrations files;
    if (folder == NULL || fb_failed(fb_migrations_read(folder, "", &files))) {
        say(BAD, "migrations", "their folder was not found", "name it with --migrate-dir");
        return true;
    }
    int newest = files.v[files.n - 1].number, found = schema_of(db);
    fb_migrations_free(&files);
    char text[64];
    snprintf(text, sizeof text, "%d, this program knows %d", found, newest);
    if (found < newest)
        say(BAD, "schema", text, "run `faultbucket migrate`");
    else if (found > newest)
        say(ODD, "schema", text, "use the newer release that the database belongs to");
    else
        say(GOOD, "schema", text, "");
    return found > 0;
}

static void check_postgres(const struct fb_config *config)
{
    PGconn *db;
    if (fb_failed(
            fb_pg_connect(fb_config_text(config, FB_OPT_POSTGRES_URL), "faultbucket", &db))) {
        say(BAD, "PostgreSQL", "it cannot be reached", "see above; check postgres.url");
        return;
    }
    char text[32];
    int version = PQserverVersion(db);
    snprintf(text, sizeof text, "%d.%d", version / 10000, version % 10000);
    say(version >= OLDEST_POSTGRES ? GOOD : BAD, "PostgreSQL", text,
        "15 or later is needed: views of an older one cannot keep vendors apart");
    if (check_schema(config, db))
        run_checks(db);
    PQfinish(db);
}

int fb_cmd_doctor(const struct fb_config *config, int argc, char **argv)
{
    static const struct argp argp = {
        .doc = "Check Kafka, PostgreSQL, versions and settings, and say what to do."};
    static char name[] = "faultbucket doctor";
    argv[0] = name;
    argp_parse(&argp, argc, argv, 0, NULL, NULL);
    check_settings(config);
    check_versions();
    check_topic(config, FB_OPT_KAFKA_TOPIC);
    check_topic(config, FB_OPT_KAFKA_DEAD_TOPIC);
    check_postgres(config);
    return failures == 0 ? FB_EXIT_OK : FB_EXIT_FAILED;
}
