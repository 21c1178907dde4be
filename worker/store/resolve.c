/*
 * worker/store/resolve.c -- what a batch stands on is committed before the batch: it can be
 * made by several workers at once, and is right whether or not the batch is ever kept.
 */
#include "store/resolve.h"

#include "analysis.h"
#include "metrics.h"

#include <stdlib.h>
#include <string.h>

enum { ATTEMPTS = 3 };

/* Again at once, when only another transaction was in the way. */
static struct fb_err ask(struct fb_store *store, const char *sql, size_t n, PGresult **out)
{
    struct fb_err err = fb_session_arrays(store, sql, n, store->columns, out);
    for (int i = 1;
         i < ATTEMPTS && err.code == FB_UNAVAILABLE && PQstatus(store->db) == CONNECTION_OK;
         i++)
        err = fb_session_arrays(store, sql, n, store->columns, out);
    return err;
}

static long long number_at(const PGresult *rows, int row, int column)
{
    return strtoll(PQgetvalue(rows, row, column), NULL, 10);
}

static void put_products(struct fb_store *store, const struct fb_item *items, size_t n)
{
    fb_array_start(&store->columns[0], FB_PG_INT4);
    fb_array_start(&store->columns[1], FB_PG_TEXT);
    for (size_t i = 0; i < n; i++) {
        if (items[i].product_id != 0)
            continue;
        fb_array_int(&store->columns[0], items[i].e->vendor_id);
        fb_array_text(&store->columns[1], items[i].product, FB_NAME_MAX);
    }
}

/* The answers come by their place among the items that were asked for. */
static void take_products(struct fb_store *store, struct fb_item *items, size_t n,
                          const PGresult *rows)
{
    int *place = calloc(n, sizeof *place), asked = 0;
    for (size_t i = 0; i < n && place != NULL; i++)
        if (items[i].product_id == 0)
            place[asked++] = (int)i;
    for (int at = 0; at < PQntuples(rows) && place != NULL; at++) {
        long long ord = number_at(rows, at, 0);
        if (ord < 1 || ord > asked)
            continue;
        struct fb_item *item = &items[place[ord - 1]];
        item->product_id = (int32_t)number_at(rows, at, 1);
        fb_cache_put(&store->products, item->product_key, item->product_id, 0, 0);
    }
    free(place);
}

struct fb_err fb_resolve_products(struct fb_store *store, struct fb_item *items, size_t n,
                                  size_t *bad)
{
    bool all = true;
    for (size_t i = 0; i < n; i++) {
        const struct fb_known *known = fb_cache_get(&store->products, items[i].product_key);
        items[i].product_id = known != NULL ? (int32_t)known->id : 0;
        all = all && known != NULL;
    }
    if (!all) {
        char sql[96];
        snprintf(sql, sizeof sql, "SELECT ord, product_id FROM fb_products($1, $2, %d)",
                 FB_PRODUCTS_MAX);
        PGresult *rows;
        put_products(store, items, n);
        struct fb_err err = ask(store, sql, 2, &rows);
        if (fb_failed(err))
            return err;
        take_products(store, items, n, rows);
        PQclear(rows);
    }
    for (size_t i = 0; i < n; i++) {
        if (items[i].product_id == 0) {
            *bad = items[i].row;
            return FB_FAIL(MALFORMED, "the envelope names no vendor of ours", 0);
        }
        fb_item_key(&items[i]);
    }
    return FB_NO_ERR;
}

static void put_buckets(struct fb_store *store, const struct fb_item *items, size_t n)
{
    static const enum fb_pg_type types[] = {FB_PG_INT4,  FB_PG_INT4, FB_PG_TEXT,
                                            FB_PG_BYTEA, FB_PG_TEXT, FB_PG_BOOL};
    struct fb_array *to = store->columns;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        fb_array_start(&to[i], types[i]);
    for (size_t i = 0; i < n; i++) {
        if (items[i].bucket_id != 0)
            continue;
        fb_array_int(&to[0], items[i].e->vendor_id);
        fb_array_int(&to[1], items[i].product_id);
        fb_array_text(&to[2], items[i].algorithm, FB_NAME_MAX);
        fb_array_bytes(&to[3], (struct fb_span){items[i].bucket_key, FB_CACHE_KEY, 0});
        fb_array_text(&to[4], items[i].signature, FB_PG_TEXT_MAX);
        fb_array_int(&to[5], items[i].a != NULL && items[i].a->unsymbolicated);
    }
}

static void count_new(const struct fb_item *item)
{
    const char *class =
        item->a != NULL ? fb_class_name((enum fb_class)item->a->fb1->class_) : NULL;
    fb_metric_add(FB_METRIC_BUCKETS_CREATED, class != NULL ? class : "NOT_JUDGED", 1);
}

static size_t take_buckets(struct fb_store *store, struct fb_item *items, size_t n,
                           const PGresult *rows)
{
    int *place = calloc(n, sizeof *place), asked = 0;
    size_t made = 0;
    for (size_t i = 0; i < n && place != NULL; i++)
        if (items[i].bucket_id == 0)
            place[asked++] = (int)i;
    for (int at = 0; at < PQntuples(rows) && place != NULL; at++) {
        long long ord = number_at(rows, at, 0);
        if (ord < 1 || ord > asked)
            continue;
        struct fb_item *item = &items[place[ord - 1]];
        item->bucket_id = number_at(rows, at, 1);
        item->samples = (uint32_t)number_at(rows, at, 2);
        if (PQgetvalue(rows, at, 3)[0] == 't' &&
            fb_cache_get(&store->buckets, item->cache_key) == NULL) {
            made++;
            count_new(item);
        }
        fb_cache_put(&store->buckets, item->cache_key, item->bucket_id, item->samples,
                     (int)number_at(rows, at, 4));
    }
    free(place);
    return made;
}

struct fb_err fb_resolve_buckets(struct fb_store *store, struct fb_item *items, size_t n,
                                 size_t *made)
{
    bool all = true;
    *made = 0;
    for (size_t i = 0; i < n; i++) {
        const struct fb_known *known = fb_cache_get(&store->buckets, items[i].cache_key);
        items[i].bucket_id = known != NULL ? known->id : 0;
        items[i].samples = known != NULL ? known->samples : 0;
        all = all && known != NULL;
    }
    if (all)
        return FB_NO_ERR;
    PGresult *rows;
    put_buckets(store, items, n);
    struct fb_err err = ask(store,
                            "SELECT ord, bucket_id, samples, made, coalesce((SELECT max(class)"
                            " FROM sample s WHERE s.bucket_id = b.bucket_id), 0)"
                            " FROM fb_buckets($1, $2, $3, $4, $5, $6) b",
                            6, &rows);
    if (fb_failed(err))
        return err;
    *made = take_buckets(store, items, n, rows);
    PQclear(rows);
    for (size_t i = 0; i < n; i++)
        if (items[i].bucket_id == 0)
            return FB_FAIL(UNAVAILABLE, "a bucket vanished while it was looked up", 0);
    return FB_NO_ERR;
}

static bool asked_for(const struct fb_store *store, int64_t day)
{
    for (size_t i = 0; i < store->n_days && i < FB_DAYS_MAX; i++)
        if (store->days[i] == day)
            return true;
    return false;
}

struct fb_err fb_resolve_days(struct fb_store *store, const struct fb_item *items, size_t n)
{
    struct fb_array *days = &store->columns[0];
    fb_array_start(days, FB_PG_DATE);
    for (size_t i = 0; i < n; i++) {
        int64_t day = fb_item_day(&items[i]);
        if (asked_for(store, day))
            continue;
        store->days[store->n_days++ % FB_DAYS_MAX] = day;
        fb_array_int(days, day);
    }
    if (days->count == 0)
        return FB_NO_ERR;
    PGresult *rows;
    struct fb_err err = ask(store, "SELECT fb_make_partitions($1)", 1, &rows);
    if (fb_failed(err))
        store->n_days = 0;
    else
        PQclear(rows);
    return err;
}
