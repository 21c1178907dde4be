/*
 * ingest/spill.h -- the bytes of one upload's files: the first of them in memory, the rest in a
 * file without a name, which is gone with the process.
 */
#pragma once
#include "base/hash.h"
#include "dialects/upload.h"
#include "envelope.h"
#include <openssl/evp.h>

struct fb_spill {
    const char *dir; // of the file
    uint8_t *memory;
    size_t memory_n, memory_cap;
    int fd; // -1: all in memory
    uint64_t file_n;
    uint8_t *window; // for reading the file back
    EVP_MD_CTX *digest;
};

void fb_spill_start(struct fb_spill *spill, const char *dir);
/** @fails of `put`: UNAVAILABLE, no memory or no disk (logged) */
struct fb_file_store fb_spill_store(struct fb_spill *spill);
struct fb_file_source fb_spill_source(struct fb_spill *spill);
/** SHA-256 of the bytes that were put as the dump's. @fails UNAVAILABLE */
struct fb_err fb_spill_digest(struct fb_spill *spill, uint8_t out[FB_SHA256_SIZE]);
void fb_spill_free(struct fb_spill *spill);
