/*
 * worker/store/resolve.h -- before the transaction of a batch: products, buckets and partitions
 * that it needs, found or made.
 */
#pragma once
#include "store/session.h"

/** Fill product_id of every item, and their keys. @fails MALFORMED: `*bad` names no vendor of
 * ours; as fb_store_keep */
struct fb_err fb_resolve_products(struct fb_store *store, struct fb_item *items, size_t n,
                                  size_t *bad);
/** Fill bucket_id and samples. `*made`: new buckets. */
struct fb_err fb_resolve_buckets(struct fb_store *store, struct fb_item *items, size_t n,
                                 size_t *made);
/** Partitions for the days of the items. */
struct fb_err fb_resolve_days(struct fb_store *store, const struct fb_item *items, size_t n);
