/*
 * worker/analysis/unwind/seen.h -- the addresses that a search through code has been at.
 */
#pragma once
#include "dump.h"

enum {
    FB_SEEN_MAX = 512,
    FB_SEEN_SLOTS = 1024 // twice as many, a power of two
};
struct fb_seen { // zeroed up to `at`
    size_t n;
    uint16_t slot[FB_SEEN_SLOTS]; // of the hash table: 1 + index in `at`
    fb_addr at[FB_SEEN_MAX];
};

/** @return whether `a` is new and there is room for it, which it then takes */
static inline bool fb_seen_first(struct fb_seen *seen, fb_addr a)
{
    static const uint32_t spread = 0x9E3779B1; // of the golden ratio
    size_t i = (size_t)((uint32_t)a * spread >> 16) % FB_SEEN_SLOTS;
    while (seen->slot[i] != 0 && seen->at[seen->slot[i] - 1] != a)
        i = (i + 1) % FB_SEEN_SLOTS;
    if (seen->slot[i] != 0 || seen->n == FB_SEEN_MAX)
        return false;
    seen->at[seen->n++] = a;
    seen->slot[i] = (uint16_t)seen->n;
    return true;
}
