/*
 * worker/analysis/unwind/seen.h -- the addresses that a search through code has been at.
 *
 * Most searches end after a few, which are looked through; only then a table is made.
 */
#pragma once
#include "dump.h"

#include <string.h>

enum {
    FB_SEEN_MAX = 512,
    FB_SEEN_SLOTS = 1024, // twice as many, a power of two
    FB_SEEN_FEW = 16      // without the table
};
struct fb_seen { // begins with `n` 0
    size_t n;
    uint16_t slot[FB_SEEN_SLOTS]; // of the hash table: 1 + index in `at`
    fb_addr at[FB_SEEN_MAX];
};

/** Where `a` is in the table, or the free slot for it. */
static inline uint16_t *fb_seen_slot(struct fb_seen *seen, fb_addr a)
{
    static const uint32_t spread = 0x9E3779B1; // of the golden ratio
    size_t i = (size_t)((uint32_t)a * spread >> 16) % FB_SEEN_SLOTS;
    while (seen->slot[i] != 0 && seen->at[seen->slot[i] - 1] != a)
        i = (i + 1) % FB_SEEN_SLOTS;
    return &seen->slot[i];
}

static inline void fb_seen_make_table(struct fb_seen *seen)
{
    memset(seen->slot, 0, sizeof seen->slot);
    for (size_t i = 0; i < seen->n; i++)
        *fb_seen_slot(seen, seen->at[i]) = (uint16_t)(i + 1);
}

/** @return whether `a` is new and there is room for it, which it then takes */
static inline bool fb_seen_first(struct fb_seen *seen, fb_addr a)
{
    if (seen->n == FB_SEEN_MAX)
        return false;
    for (size_t i = 0; seen->n < FB_SEEN_FEW && i < seen->n; i++)
        if (seen->at[i] == a)
            return false;
    if (seen->n == FB_SEEN_FEW)
        fb_seen_make_table(seen);
    if (seen->n >= FB_SEEN_FEW) {
        uint16_t *slot = fb_seen_slot(seen, a);
        if (*slot != 0)
            return false;
        *slot = (uint16_t)(seen->n + 1);
    }
    seen->at[seen->n++] = a;
    return true;
}
