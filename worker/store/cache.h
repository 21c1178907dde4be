/*
 * worker/store/cache.h -- ids of products and buckets that this worker has met, by key.
 *
 * Four ways per set, the oldest makes room: an attacker who finds keys of one set costs himself
 * a look-up per report, nobody else anything. What the cache says was committed once;
 * forgetting is always safe.
 */
#pragma once
#include "base/err.h"
#include <stddef.h>

enum { FB_CACHE_KEY = 16 };

struct fb_known {
    uint8_t key[FB_CACHE_KEY];
    int64_t id;       // 0: empty
    uint32_t samples; // of a bucket, at least
    int worst;        // class among them, at least
};
struct fb_cache {
    struct fb_known *v;
    uint8_t *next; // per set: the way that makes room
    size_t sets;
};

/** @fails LIMIT: no memory */
struct fb_err fb_cache_open(struct fb_cache *cache, size_t sets);
void fb_cache_close(struct fb_cache *cache);
void fb_cache_clear(struct fb_cache *cache);
/** NULL when unknown; valid until the next fb_cache_put. */
struct fb_known *fb_cache_get(const struct fb_cache *cache, const uint8_t key[FB_CACHE_KEY]);
void fb_cache_put(struct fb_cache *cache, const uint8_t key[FB_CACHE_KEY], int64_t id,
                  uint32_t samples, int worst);
void fb_cache_forget(const struct fb_cache *cache, const uint8_t key[FB_CACHE_KEY]);
