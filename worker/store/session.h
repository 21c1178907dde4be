/*
 * worker/store/session.h -- the connection of one store, and what it remembers of the database.
 */
#pragma once
#include "pg.h"
#include "store/array.h"
#include "store/cache.h"
#include "store/columns.h"

enum {
    FB_SCHEMA = 7,          // the newest migration that this program needs
    FB_PRODUCTS_MAX = 1000, // of a vendor; what comes after is the product "(other)"
    FB_DAYS_MAX = 256,
};

struct fb_store {
    PGconn *db;
    char *url;
    uint32_t samples; // kept per bucket
    struct fb_cache products, buckets;
    double cleared_at;                            // when the caches were last emptied
    int64_t days[FB_DAYS_MAX];                    // that partitions were asked for, a ring
    size_t n_days;                                // ever asked for
    struct fb_array columns[FB_COLUMN_COUNT + 1]; // rooms for parameters, kept
};

/** Make sure of a connection with our settings and statements; after a loss it is made anew and
 * everything remembered is forgotten. @fails UNAVAILABLE, USAGE */
struct fb_err fb_session_ready(struct fb_store *store);
/** Run a statement whose parameters are arrays. `*out` is the caller's to clear. */
struct fb_err fb_session_arrays(struct fb_store *store, const char *sql, size_t n,
                                struct fb_array *arrays, PGresult **out);
