/*
 * common/base/hash.h -- the two digests that keys are made of, pure and streaming.
 *
 * SHA-256 (FIPS 180-4) names dumps and buckets; MD5 (RFC 1321) only where Microsoft's own ids
 * use it, never to protect anything. A test compares both with OpenSSL.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { FB_SHA256_SIZE = 32, FB_MD5_SIZE = 16 };

struct fb_hash {
    uint32_t state[8];
    uint64_t bytes; // hashed so far
    uint8_t block[64];
    bool portable; // do without the processor's own instructions: for tests
};

void fb_sha256_start(struct fb_hash *h);
/** The same as fb_sha256_add, of whatever length. */
void fb_sha256_add_long(struct fb_hash *h, const void *p, size_t n);
/** Take `n` bytes in; a few of them only wait for the rest of their block. */
static inline void fb_sha256_add(struct fb_hash *h, const void *p, size_t n)
{
    size_t held = h->bytes % sizeof h->block;
    if (n == 0 || n >= sizeof h->block - held) {
        fb_sha256_add_long(h, p, n);
        return;
    }
    memcpy(h->block + held, p, n);
    h->bytes += n;
}
void fb_sha256_end(struct fb_hash *h, uint8_t out[FB_SHA256_SIZE]);

void fb_md5(const void *p, size_t n, uint8_t out[FB_MD5_SIZE]);
void fb_sha256(const void *p, size_t n, uint8_t out[FB_SHA256_SIZE]);

/** `n` bytes as lower-case hex digits; `out` holds 2 n + 1 bytes. */
void fb_hex(const uint8_t *p, size_t n, char *out);
