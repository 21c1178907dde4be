/*
 * worker/analysis/unwind/places.h -- what the dump knows of an address, remembered: which
 * module holds it, what its pages are, and where its bytes are.
 *
 * A walk asks this of every word of the stacks, mostly of the same few places again and again.
 * The answer holds for all addresses around that lie between the same bounds, so that it is
 * kept with them, one answer for each part of the address space, and shared by all walks.
 */
#pragma once
#include "dump.h"

enum { FB_LOWEST_CODE = 4096 };

/* How much a word looks like a return address. STRAY: no module holds it, and nobody says what
 * its page is. LIKELY: in code. PROVED: behind a call. */
enum fb_evidence {
    FB_EVIDENCE_NONE,
    FB_EVIDENCE_STRAY,
    FB_EVIDENCE_LIKELY,
    FB_EVIDENCE_PROVED
};

enum {
    FB_PLACES = 128,   // answers that are kept,
    FB_PLACE_BITS = 16 // one for addresses that share all but these lowest bits
};
struct fb_place {
    fb_addr from; // size 0: nothing is known yet
    uint64_t size;
    const struct fb_module *module; // NULL: none
    const struct fb_page *page;     // NULL: unknown
    bool searched;                  // the dump's memory, for
    const struct fb_region *region; // the one that holds its bytes; NULL: none,
    bool several;                   // unless there may be several
    bool no_code;                   // somebody found out that no code is at hand
    enum fb_evidence returns;       // the most that may speak for a return to it
};
struct fb_places {
    const struct fb_dump *dump;
    fb_addr code_start, code_end; // of all modules: a cheap first answer
    struct fb_bounds executable;  // of all that may hold code, another one,
    enum fb_evidence beyond;      // and what speaks for a return to elsewhere
    bool no_images;               // code is in the dump itself, or not at hand
    struct fb_place v[FB_PLACES];
};

/** Begin, when the dump has been read; from then on it must stay as it is. */
void fb_places_open(const struct fb_dump *dump, struct fb_places *out);
/** Look it up in the dump's own lists. */
struct fb_place *fb_place_find(const struct fb_places *places, fb_addr a, struct fb_place *out);

/** Look for its bytes, too. */
void fb_place_search(const struct fb_places *places, fb_addr a, struct fb_place *place);

/** What is known of `a`, but where its bytes are; to be read before the next one is asked for.
 */
static inline struct fb_place *fb_place_at(struct fb_places *places, fb_addr a)
{
    struct fb_place *place = &places->v[(a >> FB_PLACE_BITS) % FB_PLACES];
    return a - place->from < place->size ? place : fb_place_find(places, a, place);
}

/** The same, and where its bytes are. */
static inline struct fb_place *fb_place_held(struct fb_places *places, fb_addr a)
{
    struct fb_place *place = fb_place_at(places, a);
    if (!place->searched)
        fb_place_search(places, a, place);
    return place;
}

/** The most that may speak for a return to `a`. */
static inline enum fb_evidence fb_place_returns(struct fb_places *places, fb_addr a)
{
    if (a < FB_LOWEST_CODE)
        return FB_EVIDENCE_NONE;
    if (a < places->executable.first || a > places->executable.last) // as most words
        return places->beyond;
    return fb_place_at(places, a)->returns;
}
