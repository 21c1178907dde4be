/*
 * ingest/keys.h -- upload keys: which vendor a report belongs to.
 *
 * Postgres holds the SHA-256 of each key. A thread reads all of them every few seconds into a
 * table, so that no upload waits for Postgres; while Postgres is away, the last table serves.
 */
#pragma once
#include "base/reader.h"
#include "config.h"

enum { FB_VENDOR_MAX = 256 };
struct fb_vendor {
    int id;
    char name[FB_VENDOR_MAX + 1];
};

struct fb_keys;
enum fb_key_answer { FB_KEY_GOOD, FB_KEY_UNKNOWN, FB_KEY_UNSURE }; // unsure: no table yet

/** Start the thread. @fails UNAVAILABLE: no thread, no memory */
struct fb_err fb_keys_open(const struct fb_config *config, struct fb_keys **out);
/** Whose key is it? */
enum fb_key_answer fb_keys_find(struct fb_keys *keys, struct fb_span key,
                                struct fb_vendor *out);
/** The vendor of uploads without a key. UNKNOWN: they are refused; UNSURE: no table yet, or
 * the configured vendor does not exist (logged) */
enum fb_key_answer fb_keys_anonymous(struct fb_keys *keys, struct fb_vendor *out);
/** NULL when the table can be used, else a literal that says why not. */
const char *fb_keys_missing(struct fb_keys *keys);
void fb_keys_close(struct fb_keys *keys);
