/*
 * worker/store/item.h -- one report on its way into the tables: what a row says, checked, cut
 * and with its keys.
 */
#pragma once
#include "store/array.h"
#include "store/cache.h"
#include "store/store.h"

enum { FB_NAME_MAX = 256, FB_FRAMES_MAX = 64 };

struct fb_item {
    const Faultbucket__Envelope *e;
    const Faultbucket__Analysis *a; // NULL: unanalysed, for `reason`
    const char *reason;
    size_t row; // index in the batch
    char product[FB_NAME_MAX + 1];
    const char *version, *platform;
    uint8_t product_key[FB_CACHE_KEY]; // of the caches
    uint8_t cache_key[FB_CACHE_KEY];
    const char *algorithm;
    uint8_t bucket_key[FB_CACHE_KEY];
    char signature[FB_PG_TEXT_MAX + 1];
    int32_t product_id;
    int64_t bucket_id;
    bool known;       // the bucket was known before this batch
    uint32_t samples; // that the bucket has at least, this batch's counted
    int64_t machine;  // 0: the client named none
};

/** Make the item of a row that is a report. @fails MALFORMED: the envelope lacks what every
 * report has */
struct fb_err fb_item_make(const struct fb_store_row *row, size_t index, struct fb_item *out);
/** The keys that need the product's id. */
void fb_item_key(struct fb_item *item);
/** The day on which it was received, since 1970. */
int64_t fb_item_day(const struct fb_item *item);
/** Pack modules and frames of the crashing thread: a message Analysis as one zstd frame.
 * @return its size within `room`, 0 when there is none */
size_t fb_item_frames(const struct fb_item *item, uint8_t *room, size_t cap);
/** The class of ours, 0 when not judged. */
int fb_item_class(const struct fb_item *item);
