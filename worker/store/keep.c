/*
 * worker/store/keep.c -- the one transaction of a batch, sent in pipeline mode: a few round
 * trips however many reports.
 *
 * The order of its statements is the order of its locks, the same for everybody: offsets by
 * partition, dedup keys, machines, samples by bucket, dead letters. An error anywhere makes the
 * server skip the rest; nothing of the batch is kept then.
 */
#include "base/sort.h"
#include "log.h"
#include "metrics.h"
#include "store/resolve.h"

#include <stdlib.h>
#include <string.h>

enum {
    ATTEMPTS = 4, // the first, and three more when another transaction was in the way
    DEAD_MAX = 1 << 20,
    PARAMETERS_MAX = FB_COLUMN_COUNT + 1,
};

enum kind { PLAIN, REPORTS, SAMPLE };
struct step { // a statement that was sent
    enum kind kind;
    struct fb_item *item; // of SAMPLE
};
struct sample { // a dump that is sent along
    int64_t bucket;
    struct fb_item *item;
};
struct keep {
    struct fb_store *store;
    const struct fb_batch *batch;
    struct fb_item *items;
    size_t n_items;
    struct sample *samples; // by bucket
    size_t n_samples;
    struct step *steps;
    size_t n_steps;
    struct fb_store_result *result;
};

/* --- parameters ----------------------------------------------------------------------------
 */

struct parameters {
    const char *value[PARAMETERS_MAX];
    int length[PARAMETERS_MAX], format[PARAMETERS_MAX];
    char digits[PARAMETERS_MAX][24];
    int n;
};

static void add_text(struct parameters *p, const char *text)
{
    p->value[p->n] = text;
    p->length[p->n] = 0;
    p->format[p->n++] = 0;
}

static void add_bytes(struct parameters *p, const uint8_t *bytes, size_t n)
{
    p->value[p->n] = n != 0 ? (const char *)bytes : NULL;
    p->length[p->n] = (int)n;
    p->format[p->n++] = 1;
}

static void add_number(struct parameters *p, long long v)
{
    snprintf(p->digits[p->n], sizeof p->digits[0], "%lld", v);
    add_text(p, p->digits[p->n]);
}

/* A timestamptz in its binary form: microseconds since 2000, big-endian. */
static void add_time(struct parameters *p, int64_t us)
{
    uint64_t v = (uint64_t)(us - 946684800LL * 1000000);
    for (size_t i = 0; i < 8; i++)
        p->digits[p->n][i] = (char)(v >> (56 - 8 * i));
    p->value[p->n] = p->digits[p->n];
    p->length[p->n] = 8;
    p->format[p->n++] = 1;
}

static bool add_array(struct parameters *p, struct fb_array *array)
{
    struct fb_span span = fb_array_end(array);
    add_bytes(p, span.p, span.n);
    return span.p != NULL;
}

/* --- sending -------------------------------------------------------------------------------
 */

static bool note(struct keep *k, int sent, enum kind kind, struct fb_item *item)
{
    k->steps[k->n_steps].kind = kind;
    k->steps[k->n_steps].item = item;
    k->n_steps += sent == 1;
    return sent == 1;
}

static bool send_plain(struct keep *k, const char *sql)
{
    int sent = PQsendQueryParams(k->store->db, sql, 0, NULL, NULL, NULL, NULL, 0);
    return note(k, sent, PLAIN, NULL);
}

static bool send_named(struct keep *k, const char *name, const struct parameters *p,
                       enum kind kind, struct fb_item *item)
{
    int sent = PQsendQueryPrepared(k->store->db, name, p->n, p->value, p->length, p->format, 0);
    return note(k, sent, kind, item);
}

static bool send_offsets(struct keep *k)
{
    struct fb_array *to = k->store->columns;
    const struct fb_batch *b = k->batch;
    fb_array_start(&to[0], FB_PG_INT4);
    fb_array_start(&to[1], FB_PG_INT8);
    fb_array_start(&to[2], FB_PG_INT8);
    for (size_t i = 0; i < b->n_offsets; i++) {
        fb_array_int(&to[0], b->offsets[i].partition);
        fb_array_int(&to[1], b->offsets[i].expected);
        fb_array_int(&to[2], b->offsets[i].next);
    }
    struct parameters p = {.n = 0};
    add_text(&p, b->cluster);
    add_text(&p, b->topic);
    bool ok = true;
    for (size_t i = 0; i < 3; i++)
        ok = add_array(&p, &to[i]) && ok;
    return ok && send_named(k, "move", &p, PLAIN, NULL);
}

static bool send_reports(struct keep *k, const struct fb_item *items, size_t n)
{
    if (n == 0)
        return true;
    struct fb_array *to = k->store->columns;
    struct parameters p = {.n = 0};
    bool ok = true;
    fb_array_start(&to[0], FB_PG_BYTEA);
    for (size_t i = 0; i < n; i++)
        fb_array_bytes(
            &to[0], (struct fb_span){items[i].e->dedup_key.data, items[i].e->dedup_key.len, 0});
    ok = add_array(&p, &to[0]);
    for (size_t c = 0; c < FB_COLUMN_COUNT; c++) {
        fb_array_start(&to[c + 1], fb_columns[c].type);
        for (size_t i = 0; i < n; i++)
            fb_columns[c].put(&to[c + 1], &items[i]);
        ok = add_array(&p, &to[c + 1]) && ok;
    }
    return ok && send_named(k, "keep", &p, REPORTS, NULL);
}

static bool send_sample(struct keep *k, struct fb_item *item)
{
    const Faultbucket__Envelope *e = item->e;
    struct parameters p = {.n = 0};
    add_bytes(&p, e->report_id.data, e->report_id.len);
    add_time(&p, e->received_at_us);
    add_number(&p, item->bucket_id);
    add_number(&p, k->store->samples);
    add_bytes(&p, e->dump_zstd.data, e->dump_zstd.len);
    add_bytes(&p, item->a->json.data, item->a->json.len);
    return send_named(k, "sample", &p, SAMPLE, item);
}

static bool send_dead(struct keep *k, const struct fb_store_row *row)
{
    const Faultbucket__Envelope *e = row->envelope;
    struct parameters p = {.n = 0};
    add_text(&p, k->batch->cluster);
    add_text(&p, k->batch->topic);
    add_number(&p, row->partition);
    add_number(&p, row->offset);
    add_number(&p, e != NULL ? e->vendor_id : 0);
    if (e != NULL && e->report_id.len == 16)
        add_bytes(&p, e->report_id.data, e->report_id.len);
    else
        add_text(&p, NULL);
    add_text(&p, row->dead);
    add_bytes(&p, row->message.n != 0 ? row->message.p : (const uint8_t *)"",
              row->message.n < DEAD_MAX ? row->message.n : DEAD_MAX);
    if (row->message.n == 0)
        p.value[p.n - 1] = ""; // not NULL: an empty message is one, too
    add_number(&p, (long long)row->message.n);
    add_text(&p, NULL); // now: when it was set aside
    return send_named(k, "dead", &p, PLAIN, NULL);
}

static bool send_extras(struct keep *k, size_t low, size_t high)
{
    bool ok = true;
    for (size_t i = 0; i < k->n_samples && ok; i++)
        if (k->samples[i].item->row >= low && k->samples[i].item->row < high)
            ok = send_sample(k, k->samples[i].item);
    for (size_t i = low; i < high && ok; i++)
        if (k->batch->rows[i].dead != NULL)
            ok = send_dead(k, &k->batch->rows[i]);
    return ok;
}

/* --- answers -------------------------------------------------------------------------------
 */

static void take_answer(struct keep *k, const struct step *step, PGresult *answer)
{
    if (step->kind == REPORTS) {
        k->result->counted = (size_t)strtoull(PQgetvalue(answer, 0, 0), NULL, 10);
        k->result->unanalysed = (size_t)strtoull(PQgetvalue(answer, 0, 1), NULL, 10);
        k->result->duplicate = k->n_items - k->result->counted - k->result->unanalysed;
    } else if (step->kind == SAMPLE && strcmp(PQcmdTuples(answer), "1") != 0) {
        /* A duplicate, or another worker was quicker: look again how many there are. */
        fb_cache_forget(&k->store->buckets, step->item->cache_key);
    }
}

/* The answers of all statements, then that of the sync; the first error counts. */
static struct fb_err take_answers(struct keep *k, char state[6])
{
    PGconn *db = k->store->db;
    struct fb_err first = FB_NO_ERR;
    for (size_t i = 0; i < k->n_steps && PQstatus(db) == CONNECTION_OK; i++) {
        char here[6];
        PGresult *answer = PQgetResult(db);
        bool skipped = PQresultStatus(answer) == PGRES_PIPELINE_ABORTED;
        struct fb_err err = skipped ? FB_NO_ERR : fb_pg_error(db, answer, here);
        if (!skipped && !fb_failed(err))
            take_answer(k, &k->steps[i], answer);
        if (fb_failed(err) && !fb_failed(first)) {
            first = err;
            memcpy(state, here, sizeof here);
            fb_log(err.code == FB_BUG ? FB_LOG_ERROR : FB_LOG_WARNING, "batch_refused",
                   "sqlstate", state, "reason",
                   PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY), NULL);
        }
        PQclear(answer);
        PQclear(answer != NULL ? PQgetResult(db) : NULL); // NULL ends a statement's answers
    }
    PQclear(PQgetResult(db)); // of the sync
    return first;
}

/* Rows [low, high) in one transaction, which is kept or, for a trial, undone. */
static struct fb_err attempt(struct keep *k, size_t low, size_t high, bool trial, char state[6])
{
    PGconn *db = k->store->db;
    size_t from = 0, to;
    while (from < k->n_items && k->items[from].row < low)
        from++;
    for (to = from; to < k->n_items && k->items[to].row < high;)
        to++;
    k->n_steps = 0;
    state[0] = 0;
    bool ok = PQenterPipelineMode(db) == 1 && send_plain(k, "BEGIN") &&
              (trial || k->batch->n_offsets == 0 || send_offsets(k)) &&
              send_reports(k, k->items + from, to - from) && send_extras(k, low, high) &&
              send_plain(k, trial ? "ROLLBACK" : "COMMIT") && PQpipelineSync(db) == 1;
    struct fb_err err = ok ? take_answers(k, state) : FB_NO_ERR;
    if (!ok || PQstatus(db) != CONNECTION_OK || PQexitPipelineMode(db) != 1) {
        PQfinish(db); // in the middle of something: the next one begins with a new connection
        k->store->db = NULL;
        state[0] = 0;
        return FB_FAIL(UNAVAILABLE, "the connection to PostgreSQL was lost", 0);
    }
    if (PQtransactionStatus(db) != PQTRANS_IDLE)
        PQclear(PQexec(db, "ROLLBACK"));
    return err;
}

/* Which row does the server not hold? Each by itself, and undone: rare, so simple. */
static struct fb_err find_bad(struct keep *k, struct fb_err why, size_t *bad)
{
    char state[6];
    for (size_t i = 0; i < k->batch->n_rows; i++) {
        struct fb_err err = attempt(k, i, i + 1, true, state);
        if (err.code == FB_MALFORMED) {
            *bad = i;
            return err;
        }
        if (fb_failed(err))
            return err;
    }
    return FB_FAIL(BUG, why.what, 0); // each one is fine, all together are not
}

/* --- the batch -----------------------------------------------------------------------------
 */

static int by_bucket(const void *a, const void *b)
{
    const struct sample *x = a, *y = b;
    return (x->bucket > y->bucket) - (x->bucket < y->bucket);
}

/* Whether a dump is sent along: while its bucket has room, and then in the place of a milder
 * one when it is worse than all; those of this batch counted. */
static bool takes_sample(struct fb_known *known, uint32_t most, int class)
{
    bool room = known->samples<most, worse = most> 0 && class > known->worst;
    if (!room && !worse)
        return false;
    known->samples += room;
    known->worst = class > known->worst ? class : known->worst;
    return true;
}

static void choose_samples(struct keep *k)
{
    for (size_t i = 0; i < k->n_items; i++) {
        struct fb_item *item = &k->items[i];
        struct fb_known *known = fb_cache_get(&k->store->buckets, item->cache_key);
        if (known == NULL || item->a == NULL || item->a->json.len == 0 ||
            item->e->dump_zstd.len == 0 ||
            !takes_sample(known, k->store->samples, fb_item_class(item)))
            continue;
        k->samples[k->n_samples++] = (struct sample){item->bucket_id, item};
    }
    fb_sort(k->samples, k->n_samples, sizeof *k->samples, by_bucket);
}

/* What was not kept takes no sample's place. */
static void unchoose_samples(struct keep *k)
{
    for (size_t i = 0; i < k->n_samples; i++)
        fb_cache_forget(&k->store->buckets, k->samples[i].item->cache_key);
}

static struct fb_err make_items(struct keep *k, size_t *bad)
{
    for (size_t i = 0; i < k->batch->n_rows; i++) {
        const struct fb_store_row *row = &k->batch->rows[i];
        if (row->dead != NULL && (row->envelope == NULL || !row->unanalysed)) {
            k->result->dead++;
            continue;
        }
        struct fb_err err = row->envelope != NULL
                                ? fb_item_make(row, i, &k->items[k->n_items])
                                : FB_FAIL(MALFORMED, "the message is no envelope", 0);
        if (fb_failed(err)) {
            *bad = i;
            return err;
        }
        k->n_items++;
    }
    return FB_NO_ERR;
}

static struct fb_err keep_batch(struct keep *k, size_t *bad)
{
    size_t made = 0;
    struct fb_err err = make_items(k, bad);
    if (!fb_failed(err))
        err = fb_resolve_products(k->store, k->items, k->n_items, bad);
    if (!fb_failed(err))
        err = fb_resolve_buckets(k->store, k->items, k->n_items, &made);
    if (!fb_failed(err))
        err = fb_resolve_days(k->store, k->items, k->n_items);
    if (fb_failed(err))
        return err;
    choose_samples(k);
    char state[6];
    int tries = 0;
    while (fb_failed(err = attempt(k, 0, k->batch->n_rows, false, state)) &&
           ++tries < ATTEMPTS && err.code == FB_UNAVAILABLE && strncmp(state, "40", 2) == 0)
        fb_metric_add(FB_METRIC_PG_RETRIES, state, 1);
    if (err.code == FB_MALFORMED)
        err = find_bad(k, err, bad);
    if (fb_failed(err))
        unchoose_samples(k);
    k->result->new_buckets = made;
    return err;
}

struct fb_err fb_store_keep(struct fb_store *store, const struct fb_batch *batch,
                            struct fb_store_result *result, size_t *bad)
{
    struct fb_err err = fb_session_ready(store);
    if (fb_failed(err))
        return err;
    struct fb_store_result got = {0};
    size_t n = batch->n_rows + 1;
    struct keep k = {
        .store = store,
        .batch = batch,
        .items = calloc(n, sizeof *k.items),
        .samples = calloc(n, sizeof *k.samples),
        .steps = calloc(2 * n + 8, sizeof *k.steps),
        .result = &got,
    };
    if (k.items != NULL && k.samples != NULL && k.steps != NULL)
        err = keep_batch(&k, bad);
    else
        err = FB_FAIL(UNAVAILABLE, "no memory for a batch", 0);
    if (!fb_failed(err))
        *result = got;
    free(k.items);
    free(k.samples);
    free(k.steps);
    return err;
}
