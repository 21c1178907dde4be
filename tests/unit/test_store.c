/*
 * tests/unit/test_store.c -- batches into a real PostgreSQL: counted once, fenced, never in
 * each other's way.
 *
 * Runs when FAULTBUCKET_TEST_POSTGRES names an empty database that was migrated, as a
 * superuser, and FAULTBUCKET_TEST_WRITER the same as a member of faultbucket_writer;
 * tests/system/test_store.py starts one.
 */
#include "log.h"
#include "pg.h"
#include "store/store.h"
#include "support/check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 50, ROOM = 200 };
static const struct fb_config *config;
static int64_t now_us;
static PGconn *admin;

/* --- reports ------------------------------------------------------------------------ */

struct made { // one report, everything of it in one place
    Faultbucket__Envelope e;
    Faultbucket__Analysis a;
    Faultbucket__Judgement fb1;
    char *signals[2];
    Faultbucket__Frame frame, *frames[1];
    Faultbucket__Module module, *modules[1];
    uint8_t id[16], dedup[16], key[16], dump[16];
    char machine[24], json[64];
};

static void put_id(uint8_t id[16], uint64_t v)
{
    memset(id, 0x70, 16);
    memcpy(id + 8, &v, sizeof v);
}

static char empty[] = "", product[] = "editor", version[] = "1.2.3",
            platform[] = "windows amd64";
static char near_null[] = "near_null", odd_return[] = "odd_return_address";
static char signature[] = "editor!draw | editor!main", rules[] = "fb1", rule[] = "FB-19";
static char name[] = "WriteAV", function[] = "draw", module_name[] = "editor.exe";

static void make_analysis(struct made *m, uint64_t bucket)
{
    faultbucket__analysis__init(&m->a);
    faultbucket__judgement__init(&m->fb1);
    faultbucket__frame__init(&m->frame);
    faultbucket__module__init(&m->module);
    put_id(m->key, bucket);
    m->a.signature = signature;
    m->a.rules = rules;
    m->a.bucket_key = (ProtobufCBinaryData){16, m->key};
    m->fb1.class_ = 3;
    m->fb1.rule = rule;
    m->fb1.short_name = name;
    m->a.fb1 = &m->fb1;
    m->signals[0] = near_null;
    m->signals[1] = odd_return;
    m->a.signals = m->signals;
    m->a.n_signals = bucket % 3;
    m->frame.function = function;
    m->module.name = module_name;
    m->frames[0] = &m->frame;
    m->modules[0] = &m->module;
    m->a.frames = m->frames;
    m->a.modules = m->modules;
    m->a.n_frames = m->a.n_modules = 1;
    snprintf(m->json, sizeof m->json, "{\"keys\": {\"n\": %llu}}", (unsigned long long)bucket);
    m->a.json = (ProtobufCBinaryData){strlen(m->json), (uint8_t *)m->json};
}

/* Report `n`, of bucket `bucket`, of one of seven machines. */
static void make(struct made *m, uint64_t n, uint64_t bucket)
{
    memset(m, 0, sizeof *m);
    faultbucket__envelope__init(&m->e);
    make_analysis(m, bucket);
    put_id(m->id, n);
    put_id(m->dedup, n);
    snprintf(m->machine, sizeof m->machine, "machine-%d", (int)(n % 7));
    m->e.schema = 1;
    m->e.report_id = (ProtobufCBinaryData){16, m->id};
    m->e.dedup_key = (ProtobufCBinaryData){16, m->dedup};
    m->e.received_at_us = now_us - (int64_t)n;
    m->e.vendor_id = 1;
    m->e.product = product;
    m->e.version = version;
    m->e.platform = platform;
    m->e.machine = m->machine;
    m->e.dialect = empty;
    m->e.dump_size = 1000;
    m->e.dump_zstd = (ProtobufCBinaryData){16, m->dump};
}

/* --- batches ------------------------------------------------------------------------ */

struct fixture {
    struct made made[ROOM];
    struct fb_store_row rows[ROOM];
    struct fb_store_offset offset;
    struct fb_batch batch;
    struct fb_store_result got;
    size_t bad;
};

static void fill(struct fixture *f, uint64_t first, size_t n, int32_t partition,
                 int64_t expected)
{
    f->got = (struct fb_store_result){0};
    f->bad = SIZE_MAX;
    for (size_t i = 0; i < n; i++) {
        make(&f->made[i], first + i, (first + i) % 5);
        f->rows[i] = (struct fb_store_row){
            .envelope = &f->made[i].e,
            .analysis = &f->made[i].a,
            .message = {f->made[i].id, 16, 0},
            .partition = partition,
            .offset = (expected < 0 ? 0 : expected) + (int64_t)i
        };
    }
    f->offset = (struct fb_store_offset){partition, expected,
                                         (expected < 0 ? 0 : expected) + (int64_t)n};
    f->batch = (struct fb_batch){"fb.reports", "cluster-a", f->rows, n, &f->offset, 1};
}

static enum fb_code keep(struct fb_store *store, struct fixture *f)
{
    return fb_store_keep(store, &f->batch, &f->got, &f->bad).code;
}

static long long ask(const char *sql)
{
    PGresult *rows;
    if (fb_failed(fb_pg_run(admin, sql, 0, NULL, &rows)))
        return -1;
    long long v = PQntuples(rows) == 1 ? strtoll(PQgetvalue(rows, 0, 0), NULL, 10) : -1;
    PQclear(rows);
    return v;
}

/* Every number can be recomputed from the reports, before and after a rollup. */
static void check_sums(const char *row)
{
    CHECK(row,
          ask("SELECT count(*) FROM (SELECT bucket_id, count(*) AS n, count(DISTINCT machine)"
              " AS m, min(received_at) AS f, max(received_at) AS l, coalesce(max(fb1_class), 0)"
              " AS c FROM report GROUP BY 1) r FULL JOIN bucket_now b USING (bucket_id)"
              " WHERE (n, m, f, l, c) IS DISTINCT FROM (hits, machines, first_seen, last_seen,"
              " class)") == 0);
    CHECK(row,
          ask("SELECT count(*) FROM (SELECT bucket_id, date_trunc('hour', received_at, 'UTC')"
              " AS hour, version, platform, count(*) AS n FROM report GROUP BY 1, 2, 3, 4) r"
              " FULL JOIN dash.bucket_trend t USING (bucket_id, hour, version, platform)"
              " WHERE n IS DISTINCT FROM hits") == 0);
    CHECK(row,
          ask("SELECT count(*) FROM (SELECT bucket_id, coalesce(fb1_class, 0) AS class,"
              " coalesce(fb1_rule, '') AS rule, count(*) AS n FROM report GROUP BY 1, 2, 3) r"
              " FULL JOIN (SELECT bucket_id, class, rule, sum(hits) AS hits FROM verdict_now"
              "  GROUP BY 1, 2, 3) v USING (bucket_id, class, rule)"
              " WHERE n IS DISTINCT FROM hits") == 0);
    CHECK(row,
          ask("SELECT count(*) FROM (SELECT bucket_id, signal, count(*) AS n FROM report,"
              "  string_to_table(signals, ' ') AS signal GROUP BY 1, 2) r"
              " FULL JOIN (SELECT bucket_id, signal, sum(hits) AS hits FROM signal_now"
              "  GROUP BY 1, 2) s USING (bucket_id, signal) WHERE n IS DISTINCT FROM hits") ==
              0);
    CHECK(row, ask("SELECT count(*) FROM report") ==
                   ask("SELECT coalesce(sum(hits), 0) FROM dash.verdicts"));
    CHECK(row, ask("SELECT count(*) FROM report") ==
                   ask("SELECT coalesce(sum(reports), 0) FROM dash.ingest_health"));
    CHECK(row, ask("SELECT count(*) FROM report") ==
                   ask("SELECT coalesce(sum(hits), 0) FROM trend_day_now"));
    CHECK(row, ask("SELECT count(*) FROM report") ==
                   ask("SELECT coalesce(sum(hits), 0) FROM version_now"));
}

/* --- the rows ----------------------------------------------------------------------- */

static void counts_once(struct fb_store *store, struct fixture *f)
{
    const char *row = "counted once";
    int32_t partition = 0;
    int64_t next = 0;
    CHECK(row, fb_store_offsets(store, "cluster-a", "fb.reports", &partition, 1, &next).code ==
                   FB_OK);
    CHECK(row, next == -1);
    fill(f, 1000, BATCH, 0, -1);
    CHECK(row, keep(store, f) == FB_OK);
    CHECK(row, f->got.counted == BATCH && f->got.duplicate == 0 && f->got.new_buckets == 5);
    fb_store_offsets(store, "cluster-a", "fb.reports", &partition, 1, &next);
    CHECK(row, next == BATCH);
    check_sums(row);

    row = "the same reports from a later offset, and one twice in the batch";
    fill(f, 1000, BATCH + 1, 0, BATCH);
    make(&f->made[1], 1000, 0);
    CHECK(row, keep(store, f) == FB_OK);
    CHECK(row, f->got.counted == 1 && f->got.duplicate == BATCH && f->got.new_buckets == 0);
    fill(f, 1500, 2, 0, 2 * BATCH + 1); // a client that sent its dump again: an id of its own
    put_id(f->made[1].dedup, 1500);
    CHECK(row, keep(store, f) == FB_OK && f->got.counted == 1 && f->got.duplicate == 1);
    check_sums(row);
    CHECK(row,
          ask("SELECT max(n) FROM (SELECT count(*) AS n FROM sample GROUP BY bucket_id) s") ==
              3);
    CHECK(row,
          ask("SELECT min(n) FROM (SELECT count(*) AS n FROM sample GROUP BY bucket_id) s") ==
              3);
    CHECK(row, ask("SELECT sum(duplicates) FROM dash.ingest_health") == BATCH + 1);
}

static void fences(struct fb_store *store, struct fixture *f)
{
    const char *row = "a batch of a worker that lost its partition";
    long long before = ask("SELECT count(*) FROM report");
    fill(f, 2000, BATCH, 0, 7);
    CHECK(row, keep(store, f) == FB_LIMIT);
    fill(f, 2000, BATCH, 0, -1);
    CHECK(row, keep(store, f) == FB_LIMIT);
    CHECK(row, ask("SELECT count(*) FROM report") == before);
    CHECK(row, ask("SELECT count(*) FROM report_key") == before);
    row = "the same offsets of another cluster";
    fill(f, 2000, BATCH, 0, -1);
    f->batch.cluster = "cluster-b";
    CHECK(row, keep(store, f) == FB_OK && f->got.counted == BATCH);
}

static void finds_bad(struct fb_store *store, struct fixture *f)
{
    static uint8_t not_json[] = "{\"nul\": \"\\u0000\"}";
    static char poison[] = "poison", hostile[] = "1\xff\"{},\\\x1b[2J";
    const char *row = "an analysis that jsonb refuses";
    fill(f, 3000, 10, 1, -1);
    for (size_t i = 0; i < 10; i++) // of a bucket that has no samples yet
        put_id(f->made[i].key, 77);
    f->made[1].a.json = (ProtobufCBinaryData){sizeof not_json - 1, not_json};
    CHECK(row, keep(store, f) == FB_MALFORMED && f->bad == 1);
    CHECK(row, ask("SELECT count(*) FROM report WHERE bucket_key = '\\x7070707070707070'"
                   "::bytea || '\\x4d00000000000000'::bytea") == 0);

    row = "a row that a constraint forbids";
    fb_pg_run(admin, "ALTER TABLE report ADD CONSTRAINT p CHECK (version <> 'poison')", 0, NULL,
              NULL);
    fill(f, 3100, 10, 1, -1);
    f->made[6].e.version = poison;
    CHECK(row, keep(store, f) == FB_MALFORMED && f->bad == 6);
    fb_pg_run(admin, "ALTER TABLE report DROP CONSTRAINT p", 0, NULL, NULL);

    row = "a vendor that does not exist";
    f->made[6].e.version = version;
    f->made[3].e.vendor_id = 99;
    CHECK(row, keep(store, f) == FB_MALFORMED && f->bad == 3);
    row = "an envelope without a report id";
    f->made[3].e.vendor_id = 1;
    f->made[4].e.report_id.len = 15;
    CHECK(row, keep(store, f) == FB_MALFORMED && f->bad == 4);
    row = "no envelope, and no reason either";
    f->made[4].e.report_id.len = 16;
    f->rows[5].envelope = NULL;
    CHECK(row, keep(store, f) == FB_MALFORMED && f->bad == 5);
    row = "hostile text is kept as what of it is text";
    f->rows[5].envelope = &f->made[5].e;
    f->made[2].e.version = hostile;
    CHECK(row, keep(store, f) == FB_OK && f->got.counted == 10);
    CHECK(row,
          ask("SELECT count(*) FROM report WHERE version = E'1\\uFFFD\"{},\\\\\\x1b[2J'") == 1);
    check_sums(row);
}

static void sets_aside(struct fb_store *store, struct fixture *f)
{
    const char *row = "unanalysed and dead";
    fill(f, 4000, 10, 2, -1);
    f->rows[1].analysis = NULL;
    f->rows[1].unanalysed = true;
    f->rows[1].dead = "killed the analyser twice";
    f->rows[2].envelope = NULL;
    f->rows[2].dead = "no envelope";
    f->rows[3].dead = "schema from the future";
    f->made[3].e.vendor_id = 99;
    CHECK(row, keep(store, f) == FB_OK);
    CHECK(row, f->got.counted == 7 && f->got.unanalysed == 1 && f->got.dead == 2);
    CHECK(row, ask("SELECT count(*) FROM dead_letter WHERE octet_length(message) = 16") == 3);
    CHECK(row, ask("SELECT count(*) FROM dead_letter WHERE vendor_id = 1") == 1);
    CHECK(row, ask("SELECT hits FROM dash.buckets WHERE signature ="
                   " 'unanalysed | killed the analyser twice' AND class = 'NOT_JUDGED'") == 1);
    CHECK(row, ask("SELECT sum(dead) FROM dash.ingest_health") == 3);
    check_sums(row);
    CHECK(row, fb_store_gap(store, "cluster-a", "fb.reports", 2, 10, 30).code == FB_OK);
    CHECK(row, fb_store_gap(store, "cluster-a", "fb.reports", 2, 10, 30).code == FB_OK);
    CHECK(row, ask("SELECT messages_lost FROM dash.partitions WHERE partition = 2") == 20);
}

static void odd_days(struct fb_store *store, struct fixture *f)
{
    const char *row = "received at other times";
    const int64_t day = 86400LL * 1000000;
    fill(f, 5000, 5, 3, -1);
    f->made[0].e.received_at_us = now_us - 10 * day;
    f->made[1].e.received_at_us = now_us - 1000 * day;
    f->made[2].e.received_at_us = now_us + 20 * day;
    f->made[3].e.received_at_us = 0;
    CHECK(row, keep(store, f) == FB_OK && f->got.counted == 5);
    CHECK(row, ask("SELECT count(*) FROM report_default") == 3);
    check_sums(row);
    row = "a partition made for rows that came before it";
    fb_pg_run(admin,
              "SELECT fb_make_partition((now() AT TIME ZONE 'UTC' + interval '20 days')::date)",
              0, NULL, NULL);
    CHECK(row, ask("SELECT count(*) FROM report_default") == 2);
    check_sums(row);
}

/* One report of bucket `bucket`, judged as `class`, by a worker that remembers. */
static bool keep_judged(struct fb_store *store, struct fixture *f, uint64_t n, uint64_t bucket,
                        int class)
{
    static int64_t next = -1;
    fill(f, 8000 + n, 1, 6, next);
    next = next < 0 ? 1 : next + 1;
    make(&f->made[0], 8000 + n, bucket);
    f->made[0].fb1.class_ = class;
    return keep(store, f) == FB_OK && f->got.counted == 1;
}

/* Three slots, of which at least one shows the worst class, whoever comes when. */
static void worst_samples(struct fb_store *store, struct fixture *f)
{
    static const struct {
        int class;
        const char *kept; // classes of the samples, in order of their slots
    } reports[] = {
        {2, "2"    },
        {1, "2 1"  },
        {2, "2 1 2"},
        {2, "2 1 2"}, // no better than what is there
        {3, "2 3 2"}, // the mildest goes
        {3, "2 3 2"},
        {4, "4 3 2"}, // of two alike the one of the lower slot
        {1, "4 3 2"},
    };
    static const char kept[] =
        "SELECT count(*) FROM (SELECT string_agg(class::text, ' ' ORDER BY slot) AS kept,"
        " bool_and(class = fb1_class) AS same FROM sample JOIN report USING (report_id)"
        " WHERE sample.bucket_id = (SELECT max(bucket_id) FROM bucket)) s"
        " WHERE same AND kept = '%s'";
    for (size_t i = 0; i < COUNT(reports); i++) {
        char sql[512], row[64];
        snprintf(row, sizeof row, "sample %zu of class %d", i, reports[i].class);
        CHECK(row, keep_judged(store, f, i, 4321, reports[i].class));
        snprintf(sql, sizeof sql, kept, reports[i].kept);
        CHECK(row, ask(sql) == 1);
    }
    CHECK("the worst is shown", ask("SELECT count(*) FROM dash.bucket_detail WHERE class ="
                                    " 'EXPLOITABLE' AND sample_class = class") == 1);
    check_sums("samples");
}

static void many_products(struct fb_store *store, struct fixture *f)
{
    static char names[ROOM][16];
    const char *row = "a client that makes up products";
    for (int round = 0; round < 6; round++) {
        fill(f, 6000 + (uint64_t)round * ROOM, ROOM, 4, round == 0 ? -1 : ROOM * round);
        for (int i = 0; i < ROOM; i++) {
            snprintf(names[i], sizeof names[i], "product %d", ROOM * round + i);
            f->made[i].e.product = names[i];
        }
        CHECK(row, keep(store, f) == FB_OK && f->got.counted == ROOM);
    }
    CHECK(row, ask("SELECT count(*) FROM product WHERE vendor_id = 1") == 1000);
    CHECK(row, ask("SELECT count(*) FROM report JOIN product USING (product_id)"
                   " WHERE name = '(other)'") == 6 * ROOM - 998);
    check_sums(row);
}

/* --- two writers -------------------------------------------------------------------- */

enum { ROUNDS = 20, SHARED = 400 };
static pthread_barrier_t together; // else the quicker one is always a round ahead
struct writer {
    int32_t partition;
    size_t counted, duplicate, failed;
};

/* Both keep the same reports in an order of their own: the worst case for locks. */
static void *write_shared(void *arg)
{
    struct writer *w = arg;
    struct fb_store *store;
    struct fixture *f = calloc(1, sizeof *f);
    unsigned seed = (unsigned)w->partition;
    if (f == NULL || fb_failed(fb_store_open(config, &store)))
        abort();
    for (int64_t round = 0; round < ROUNDS; round++) {
        fill(f, 0, ROOM, w->partition, round == 0 ? -1 : round * ROOM);
        for (size_t i = 0; i < ROOM; i++) {
            uint64_t n = (uint64_t)rand_r(&seed) % SHARED;
            make(&f->made[i], 100000 + (uint64_t)round * SHARED + n,
                 100 + (n + 40 * (uint64_t)round) % 400);
        }
        pthread_barrier_wait(&together);
        w->failed += keep(store, f) != FB_OK;
        w->counted += f->got.counted;
        w->duplicate += f->got.duplicate;
        if (round % 5 == 0)
            fb_store_rollup(store);
    }
    fb_store_close(store);
    free(f);
    return NULL;
}

static void two_writers(void)
{
    const char *row = "two writers, the same reports, in random order";
    struct writer w[2] = {{.partition = 10}, {.partition = 11}};
    pthread_t threads[2];
    static const char reports[] = "SELECT count(*) FROM report";
    long long before = ask(reports);
    pthread_barrier_init(&together, NULL, 2);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, write_shared, &w[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&together);
    CHECK(row, w[0].failed + w[1].failed == 0);
    CHECK(row, w[0].counted + w[1].counted + w[0].duplicate + w[1].duplicate ==
                   (size_t)2 * ROUNDS * ROOM);
    CHECK(row, (long long)(w[0].counted + w[1].counted) == ask(reports) - before);
    CHECK(row, ask("SELECT count(*) FROM pg_stat_database WHERE datname = current_database()"
                   " AND deadlocks > 0") == 0);
    CHECK(row,
          ask("SELECT max(n) FROM (SELECT count(*) AS n FROM sample GROUP BY bucket_id) s") ==
              3);
    check_sums(row);
}

static void rolls_up(struct fb_store *store)
{
    const char *row = "rollup";
    PGresult *rows;
    CHECK(row, fb_store_rollup(store).code == FB_OK);
    CHECK(row, ask("SELECT count(*) FROM trend_delta") == 0);
    CHECK(row, ask("SELECT count(*) FROM machine_delta") == 0);
    CHECK(row, ask("SELECT count(*) FROM intake_delta") == 0);
    check_sums(row);
    PGnotify *told = PQnotifies(admin);
    CHECK(row,
          told != NULL && strcmp(told->relname, "fb_new_bucket") == 0 && told->extra[0] != 0);
    PQfreemem(told);

    row = "a rollup while another is at it";
    fb_pg_run(admin, "SELECT pg_advisory_lock(hashtext('faultbucket rollup'))", 0, NULL, NULL);
    fb_pg_run(admin, "INSERT INTO intake_delta VALUES (1, now(), 0, 0, 0, 0, 0, 0)", 0, NULL,
              NULL);
    CHECK(row, fb_store_rollup(store).code == FB_OK);
    CHECK(row, ask("SELECT count(*) FROM intake_delta") == 1);
    if (!fb_failed(fb_pg_run(admin, "SELECT pg_advisory_unlock_all()", 0, NULL, &rows)))
        PQclear(rows);
}

static void survives_loss(struct fb_store *store, struct fixture *f)
{
    const char *row = "the connection is lost between two batches";
    fb_pg_run(admin,
              "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
              " WHERE application_name = 'faultbucket-worker'",
              0, NULL, NULL);
    fill(f, 9000, 5, 5, -1);
    CHECK(row, keep(store, f) == FB_UNAVAILABLE);
    CHECK(row, keep(store, f) == FB_OK && f->got.counted == 5);
    check_sums(row);
}

int main(void)
{
    const char *url = getenv("FAULTBUCKET_TEST_POSTGRES");
    const char *writer = getenv("FAULTBUCKET_TEST_WRITER");
    if (url == NULL || writer == NULL)
        return check_skip(
            "FAULTBUCKET_TEST_POSTGRES names no database; system/test_store runs this");
    static char program[] = "test_store", quiet[] = "--log-level=error";
    char flag[512];
    snprintf(flag, sizeof flag, "--postgres-url=%s", writer);
    char *argv[] = {program, flag, quiet, NULL};
    int argc = 3;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    now_us = now.tv_sec * 1000000LL;
    config = fb_config_load('W', "test", &argc, argv);
    fb_log_open("test_store", "error");
    static struct fixture room, *f = &room;
    struct fb_store *store;
    if (fb_failed(fb_pg_connect(url, "test", &admin)) ||
        !CHECK("open", fb_store_open(config, &store).code == FB_OK))
        return 1;
    fb_pg_run(admin, "LISTEN fb_new_bucket", 0, NULL, NULL);
    counts_once(store, f);
    fences(store, f);
    finds_bad(store, f);
    sets_aside(store, f);
    odd_days(store, f);
    worst_samples(store, f);
    many_products(store, f);
    two_writers();
    rolls_up(store);
    survives_loss(store, f);
    fb_store_close(store);
    PQfinish(admin);
    return check_done();
}
