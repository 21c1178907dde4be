/*
 * ingest/dialects/meaning.h -- which field tells what: product, version, platform, machine; and
 * which kind of client sent it.
 */
#pragma once
#include "dialects/upload.h"

enum fb_meaning {
    FB_MEANS_PRODUCT,
    FB_MEANS_VERSION,
    FB_MEANS_PLATFORM,
    FB_MEANS_MACHINE,
    FB_MEANINGS
};

/** What the client says about `meaning`, as valid UTF-8 of at most FB_MEANING_MAX bytes; ""
 * when it says nothing. `out` holds FB_MEANING_MAX + 1 bytes. */
void fb_meaning_get(const struct fb_upload *u, enum fb_meaning meaning, char *out);

/** The dialect's name for metrics and the envelope: a literal. `boundary` is empty for a body
 * that is not multipart. */
const char *fb_dialect(struct fb_span boundary, const char *user_agent);
