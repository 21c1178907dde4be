/*
 * ingest/ids.h -- who a report is: made once, when it is accepted, and carried everywhere.
 *
 * The id is a UUIDv7 (RFC 9562). The client is told its last 8 bytes, 62 of whose bits are
 * random, as 16 hex digits: the one form that every client can read.
 */
#pragma once
#include "base/hash.h"

enum {
    FB_ID_SIZE = 16,
    FB_ID_TEXT = 37,   // 36 characters and NUL
    FB_ID_CLIENT = 17, // 16 hex digits and NUL
    FB_DEDUP_SIZE = 16,
    FB_DEDUP_TEXT = 33
};

/** A UUIDv7 from milliseconds since 1970 and 10 random bytes. */
void fb_id_make(uint64_t ms, const uint8_t random[10], uint8_t out[FB_ID_SIZE]);
void fb_id_text(const uint8_t id[FB_ID_SIZE], char out[FB_ID_TEXT]);
void fb_id_client(const uint8_t id[FB_ID_SIZE], char out[FB_ID_CLIENT]);

/** Two uploads with the same key are the same crash sent twice: SHA-256 of the vendor's id in
 * decimal, NUL, product, NUL, SHA-256 of the dump; its first 16 bytes. */
void fb_id_dedup(int vendor, const char *product, const uint8_t dump[FB_SHA256_SIZE],
                 uint8_t out[FB_DEDUP_SIZE]);
