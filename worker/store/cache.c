/* worker/store/cache.c -- keys are digests, so their first bytes choose the set. */
#include "store/cache.h"

#include <stdlib.h>
#include <string.h>

enum { WAYS = 4 };

struct fb_err fb_cache_open(struct fb_cache *cache, size_t sets)
{
    *cache = (struct fb_cache){calloc(sets * WAYS, sizeof *cache->v), calloc(sets, 1), sets};
    if (cache->v != NULL && cache->next != NULL)
        return FB_NO_ERR;
    fb_cache_close(cache);
    return FB_FAIL(LIMIT, "no memory for the cache of buckets", 0);
}

void fb_cache_close(struct fb_cache *cache)
{
    free(cache->v);
    free(cache->next);
    *cache = (struct fb_cache){0};
}

void fb_cache_clear(struct fb_cache *cache)
{
    memset(cache->v, 0, cache->sets * WAYS * sizeof *cache->v);
}

static size_t set_of(const struct fb_cache *cache, const uint8_t key[FB_CACHE_KEY])
{
    uint32_t start;
    memcpy(&start, key, sizeof start);
    return start % cache->sets;
}

struct fb_known *fb_cache_get(const struct fb_cache *cache, const uint8_t key[FB_CACHE_KEY])
{
    struct fb_known *set = cache->v + set_of(cache, key) * WAYS;
    for (size_t i = 0; i < WAYS; i++)
        if (set[i].id != 0 && memcmp(set[i].key, key, FB_CACHE_KEY) == 0)
            return &set[i];
    return NULL;
}

void fb_cache_put(struct fb_cache *cache, const uint8_t key[FB_CACHE_KEY], int64_t id,
                  uint32_t samples, int worst)
{
    struct fb_known *known = fb_cache_get(cache, key);
    if (known == NULL) {
        size_t set = set_of(cache, key);
        known = cache->v + set * WAYS + cache->next[set];
        cache->next[set] = (uint8_t)((cache->next[set] + 1) % WAYS);
    }
    known->id = id;
    known->samples = samples;
    known->worst = worst;
    memcpy(known->key, key, FB_CACHE_KEY);
}

void fb_cache_forget(const struct fb_cache *cache, const uint8_t key[FB_CACHE_KEY])
{
    struct fb_known *known = fb_cache_get(cache, key);
    if (known != NULL)
        known->id = 0;
}
