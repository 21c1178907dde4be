/* ingest/keys.c -- the table of keys: read whole, sorted, exchanged under a lock. */
#include "keys.h"

#include "base/hash.h"
#include "base/text.h"
#include "log.h"
#include "pg.h"
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { REFRESH_SECONDS = 5 };

struct entry {
    uint8_t hash[FB_SHA256_SIZE];
    struct fb_vendor vendor;
};

struct table {
    struct entry *v;
    size_t n;
    bool loaded, has_anonymous;
    struct fb_vendor anonymous;
};

struct fb_keys {
    const char *url, *anonymous; // the configuration's
    pthread_rwlock_t lock;       // around `table`
    struct table table;
    pthread_t reader;
    pthread_mutex_t mutex; // around `stop`
    pthread_cond_t wake;
    bool stop;
    PGconn *db; // the reading thread's own
};

static const char select_keys[] =
    "SELECT encode(k.key_hash, 'hex'), v.vendor_id, v.name FROM upload_key k"
    " JOIN vendor v ON v.vendor_id = k.vendor_id WHERE k.revoked_at IS NULL";
static const char select_vendor[] = "SELECT vendor_id, name FROM vendor WHERE name = $1";

static int by_hash(const void *a, const void *b) { return memcmp(a, b, FB_SHA256_SIZE); }

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* @return whether `hex` is exactly one digest */
static bool read_hash(const char *hex, uint8_t out[FB_SHA256_SIZE])
{
    if (strlen(hex) != 2 * (size_t)FB_SHA256_SIZE)
        return false;
    for (size_t i = 0; i < FB_SHA256_SIZE; i++) {
        int high = digit(hex[2 * i]), low = digit(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static struct fb_vendor read_vendor(const PGresult *rows, int row, int column)
{
    struct fb_vendor vendor = {.id = (int)strtol(PQgetvalue(rows, row, column), NULL, 10)};
    struct fb_text name = fb_text_over(vendor.name, sizeof vendor.name);
    const char *text = PQgetvalue(rows, row, column + 1);
    fb_text_utf8(&name, fb_span_of(text));
    return vendor;
}

static struct fb_err load_keys(PGconn *db, struct table *out)
{
    PGresult *rows = NULL;
    struct fb_err err = fb_pg_run(db, select_keys, 0, NULL, &rows);
    if (fb_failed(err))
        return err;
    int n = PQntuples(rows);
    out->v = calloc((size_t)n + 1, sizeof *out->v);
    for (int i = 0; out->v != NULL && i < n; i++) {
        struct entry *entry = &out->v[out->n];
        if (!read_hash(PQgetvalue(rows, i, 0), entry->hash))
            continue; // no digest: no key can match it
        entry->vendor = read_vendor(rows, i, 1);
        out->n++;
    }
    PQclear(rows);
    if (out->v == NULL)
        return FB_FAIL(UNAVAILABLE, "no memory for the upload keys", 0);
    qsort(out->v, out->n, sizeof *out->v, by_hash);
    out->loaded = true;
    return FB_NO_ERR;
}

static struct fb_err load_anonymous(struct fb_keys *keys, struct table *out)
{
    PGresult *rows = NULL;
    if (keys->anonymous[0] == 0)
        return FB_NO_ERR;
    struct fb_err err = fb_pg_run(keys->db, select_vendor, 1, &keys->anonymous, &rows);
    if (fb_failed(err))
        return err;
    out->has_anonymous = PQntuples(rows) == 1;
    if (out->has_anonymous)
        out->anonymous = read_vendor(rows, 0, 0);
    else
        fb_log(FB_LOG_WARNING, "anonymous_vendor", "vendor", keys->anonymous, "error",
               "no such vendor: create it, or change ingest.anonymous_vendor", NULL);
    PQclear(rows);
    return FB_NO_ERR;
}

static void exchange(struct fb_keys *keys, struct table fresh)
{
    pthread_rwlock_wrlock(&keys->lock);
    struct table old = keys->table;
    keys->table = fresh;
    pthread_rwlock_unlock(&keys->lock);
    free(old.v);
}

static void refresh(struct fb_keys *keys)
{
    struct table fresh = {0};
    struct fb_err err = FB_NO_ERR;
    if (keys->db == NULL)
        err = fb_pg_connect(keys->url, "faultbucket-ingest", &keys->db);
    if (!fb_failed(err))
        err = load_keys(keys->db, &fresh);
    if (!fb_failed(err))
        err = load_anonymous(keys, &fresh);
    if (!fb_failed(err)) {
        exchange(keys, fresh);
        return;
    }
    free(fresh.v);
    PQfinish(keys->db); // NULL is fine
    keys->db = NULL;
}

/* @return false when it is time to stop */
static bool rest(struct fb_keys *keys)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += REFRESH_SECONDS;
    pthread_mutex_lock(&keys->mutex);
    int over = 0;
    while (!keys->stop && over == 0)
        over = pthread_cond_timedwait(&keys->wake, &keys->mutex, &until);
    bool stop = keys->stop;
    pthread_mutex_unlock(&keys->mutex);
    return !stop;
}

static void *read_loop(void *arg)
{
    struct fb_keys *keys = arg;
    do
        refresh(keys);
    while (rest(keys));
    PQfinish(keys->db);
    return NULL;
}

struct fb_err fb_keys_open(const struct fb_config *config, struct fb_keys **out)
{
    pthread_condattr_t monotonic;
    struct fb_keys *keys = calloc(1, sizeof *keys);
    if (keys == NULL)
        return FB_FAIL(UNAVAILABLE, "no memory for the upload keys", 0);
    keys->url = fb_config_text(config, FB_OPT_POSTGRES_URL);
    keys->anonymous = fb_config_text(config, FB_OPT_INGEST_ANONYMOUS);
    pthread_rwlock_init(&keys->lock, NULL);
    pthread_mutex_init(&keys->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&keys->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&keys->reader, NULL, read_loop, keys) != 0) {
        free(keys);
        return FB_FAIL(UNAVAILABLE, "no thread for the upload keys", 0);
    }
    *out = keys;
    return FB_NO_ERR;
}

enum fb_key_answer fb_keys_find(struct fb_keys *keys, struct fb_span key, struct fb_vendor *out)
{
    struct entry wanted;
    enum fb_key_answer answer = FB_KEY_UNSURE;
    fb_sha256(key.p, key.n, wanted.hash);
    pthread_rwlock_rdlock(&keys->lock);
    if (keys->table.loaded) {
        const struct entry *found =
            bsearch(&wanted, keys->table.v, keys->table.n, sizeof wanted, by_hash);
        answer = found != NULL ? FB_KEY_GOOD : FB_KEY_UNKNOWN;
        if (found != NULL)
            *out = found->vendor;
    }
    pthread_rwlock_unlock(&keys->lock);
    return answer;
}

enum fb_key_answer fb_keys_anonymous(struct fb_keys *keys, struct fb_vendor *out)
{
    if (keys->anonymous[0] == 0)
        return FB_KEY_UNKNOWN;
    pthread_rwlock_rdlock(&keys->lock);
    bool known = keys->table.has_anonymous;
    if (known)
        *out = keys->table.anonymous;
    pthread_rwlock_unlock(&keys->lock);
    return known ? FB_KEY_GOOD : FB_KEY_UNSURE;
}

const char *fb_keys_missing(struct fb_keys *keys)
{
    pthread_rwlock_rdlock(&keys->lock);
    bool loaded = keys->table.loaded, anonymous = keys->table.has_anonymous;
    pthread_rwlock_unlock(&keys->lock);
    if (!loaded)
        return "the upload keys were not read from PostgreSQL yet";
    if (keys->anonymous[0] != 0 && !anonymous)
        return "the vendor named by ingest.anonymous_vendor does not exist";
    return NULL;
}

void fb_keys_close(struct fb_keys *keys)
{
    pthread_mutex_lock(&keys->mutex);
    keys->stop = true;
    pthread_cond_signal(&keys->wake);
    pthread_mutex_unlock(&keys->mutex);
    pthread_join(keys->reader, NULL);
    pthread_cond_destroy(&keys->wake);
    pthread_mutex_destroy(&keys->mutex);
    pthread_rwlock_destroy(&keys->lock);
    free(keys->table.v);
    free(keys);
}
