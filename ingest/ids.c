/* ingest/ids.c -- bytes to names. */
#include "ids.h"

#include <stdio.h>
#include <string.h>

void fb_id_make(uint64_t ms, const uint8_t random[10], uint8_t out[FB_ID_SIZE])
{
    enum { VERSION = 0x70, VARIANT = 0x80 };
    for (size_t i = 0; i < 6; i++)
        out[i] = (uint8_t)(ms >> (40 - 8 * i));
    memcpy(out + 6, random, 10);
    out[6] = (uint8_t)(VERSION | (out[6] & 0x0F));
    out[8] = (uint8_t)(VARIANT | (out[8] & 0x3F));
}

void fb_id_text(const uint8_t id[FB_ID_SIZE], char out[FB_ID_TEXT])
{
    static const size_t groups[] = {4, 2, 2, 2, 6};
    char *to = out;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        fb_hex(id, groups[i], to);
        id += groups[i];
        to += 2 * groups[i];
        *to++ = '-';
    }
    to[-1] = 0;
}

void fb_id_client(const uint8_t id[FB_ID_SIZE], char out[FB_ID_CLIENT])
{
    fb_hex(id + FB_ID_SIZE / 2, FB_ID_SIZE / 2, out);
}

void fb_id_dedup(int vendor, const char *product, const uint8_t dump[FB_SHA256_SIZE],
                 uint8_t out[FB_DEDUP_SIZE])
{
    char number[16];
    uint8_t digest[FB_SHA256_SIZE];
    struct fb_hash h;
    int n = snprintf(number, sizeof number, "%d", vendor);
    fb_sha256_start(&h);
    fb_sha256_add(&h, number, (size_t)n + 1); // with its NUL
    fb_sha256_add(&h, product, strlen(product) + 1);
    fb_sha256_add(&h, dump, FB_SHA256_SIZE);
    fb_sha256_end(&h, digest);
    memcpy(out, digest, FB_DEDUP_SIZE);
}
