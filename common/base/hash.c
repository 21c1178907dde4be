/* common/base/hash.c -- SHA-256 and MD5: one block buffer, two compression functions. */
#include "base/hash.h"

#include "base/sha256_x86.h"

#include <string.h>

static uint32_t rotl(uint32_t x, unsigned n) { return x << n | x >> (32 - n); }
static uint32_t rotr(uint32_t x, unsigned n) { return x >> n | x << (32 - n); }

typedef void compress_fn(uint32_t state[8], const uint8_t block[64]);

static void add(struct fb_hash *h, const uint8_t *p, size_t n, compress_fn *compress)
{
    size_t held = h->bytes % 64;
    h->bytes += n;
    while (n > 0) {
        size_t take = n < 64 - held ? n : 64 - held;
        if (take == 64) {
            compress(h->state, p);
        } else {
            memcpy(h->block + held, p, take);
            if (held + take == 64)
                compress(h->state, h->block);
        }
        held = (held + take) % 64;
        p += take;
        n -= take;
    }
}

/* The length in bits, in the one order of bytes or the other. */
static void put_length(uint8_t out[8], uint64_t bits, bool big_endian)
{
    for (unsigned i = 0; i < 8; i++)
        out[i] = (uint8_t)(bits >> 8 * (big_endian ? 7 - i : i));
}

/* Both pad alike: 0x80, zeros, and the length at the end of a block, this one or the next. */
static void pad(struct fb_hash *h, compress_fn *compress, bool big_endian)
{
    enum { LENGTH_AT = 64 - 8 };
    size_t held = h->bytes % 64;
    h->block[held++] = 0x80;
    if (held > LENGTH_AT) {
        memset(h->block + held, 0, 64 - held);
        compress(h->state, h->block);
        held = 0;
    }
    memset(h->block + held, 0, LENGTH_AT - held);
    put_length(h->block + LENGTH_AT, h->bytes * 8, big_endian);
    compress(h->state, h->block);
}

static const uint32_t sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
    0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
    0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
    0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
    0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
    0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
    0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
    0xc67178f2,
};

/* One round; the eight words of the state take turns, so that none has to move. */
static inline void sha256_round(uint32_t a, uint32_t b, uint32_t c, uint32_t *d, uint32_t e,
                                uint32_t f, uint32_t g, uint32_t *h, uint32_t word)
{
    uint32_t s1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25);
    uint32_t s0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22);
    uint32_t t1 = *h + s1 + (g ^ (e & (f ^ g))) + word;
    *d += t1;
    *h = t1 + s0 + ((a & b) | (c & (a | b)));
}

/* The words of the block and the 48 that follow from them, each with its constant. */
static void sha256_schedule(const uint8_t p[64], uint32_t w[64])
{
    for (size_t i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 |
               (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
    for (size_t i = 16; i < 64; i++) {
        uint32_t s0 = rotr(w[i - 15], 7) ^ rotr(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t s1 = rotr(w[i - 2], 17) ^ rotr(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    for (size_t i = 0; i < 64; i++)
        w[i] += sha256_k[i];
}

static void sha256_portable(uint32_t state[8], const uint8_t p[64])
{
    uint32_t w[64];
    sha256_schedule(p, w);
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (size_t i = 0; i < 64; i += 8) {
        sha256_round(a, b, c, &d, e, f, g, &h, w[i]);
        sha256_round(h, a, b, &c, d, e, f, &g, w[i + 1]);
        sha256_round(g, h, a, &b, c, d, e, &f, w[i + 2]);
        sha256_round(f, g, h, &a, b, c, d, &e, w[i + 3]);
        sha256_round(e, f, g, &h, a, b, c, &d, w[i + 4]);
        sha256_round(d, e, f, &g, h, a, b, &c, w[i + 5]);
        sha256_round(c, d, e, &f, g, h, a, &b, w[i + 6]);
        sha256_round(b, c, d, &e, f, g, h, &a, w[i + 7]);
    }
    const uint32_t end[8] = {a, b, c, d, e, f, g, h};
    for (int i = 0; i < 8; i++)
        state[i] += end[i];
}

static void sha256_fast(uint32_t state[8], const uint8_t p[64])
{
    fb_sha256_block_x86(state, p, sha256_k);
}

static compress_fn *sha256_block(const struct fb_hash *h)
{
    return h->portable || !fb_sha256_has_x86() ? sha256_portable : sha256_fast;
}

void fb_sha256_start(struct fb_hash *h)
{
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(h->state, start, sizeof start); // nobody reads a block before it is written
    h->bytes = 0;
    h->portable = false;
}

void fb_sha256_add_long(struct fb_hash *h, const void *p, size_t n)
{
    add(h, p, n, sha256_block(h));
}

void fb_sha256_end(struct fb_hash *h, uint8_t out[FB_SHA256_SIZE])
{
    pad(h, sha256_block(h), true);
    for (size_t i = 0; i < 8; i++) {
        uint32_t v = h->state[i];
        uint8_t word[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8),
                           (uint8_t)v};
        memcpy(out + 4 * i, word, sizeof word);
    }
}

void fb_sha256(const void *p, size_t n, uint8_t out[FB_SHA256_SIZE])
{
    struct fb_hash h;
    fb_sha256_start(&h);
    fb_sha256_add(&h, p, n);
    fb_sha256_end(&h, out);
}

/* floor(2^32 * |sin(i + 1)|), RFC 1321 */
static const uint32_t md5_k[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613,
    0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193,
    0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d,
    0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed,
    0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122,
    0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa,
    0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244,
    0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb,
    0xeb86d391,
};

/* What a round mixes of three words. */
static inline uint32_t md5_mix(unsigned round, uint32_t b, uint32_t c, uint32_t d)
{
    return round == 0   ? d ^ (b & (c ^ d))
           : round == 1 ? c ^ (d & (b ^ c))
           : round == 2 ? b ^ c ^ d
                        : c ^ (b | ~d);
}

static inline uint32_t md5_step(unsigned round, const uint32_t m[16], unsigned i,
                                unsigned shift, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    static const unsigned mul[4] = {1, 5, 3, 7}, inc[4] = {0, 1, 5, 0};
    uint32_t word = m[(mul[round] * i + inc[round]) % 16];
    return b + rotl(a + md5_mix(round, b, c, d) + md5_k[16 * round + i] + word, shift);
}

/* Sixteen steps; `round` is a constant wherever this is inlined. */
static inline void md5_round(unsigned round, const uint32_t m[16], uint32_t s[4])
{
    static const unsigned shifts[4][4] = {
        {7, 12, 17, 22},
        {5, 9,  14, 20},
        {4, 11, 16, 23},
        {6, 10, 15, 21}
    };
    uint32_t a = s[0], b = s[1], c = s[2], d = s[3];
    for (unsigned i = 0; i < 16; i += 4) {
        a = md5_step(round, m, i, shifts[round][0], a, b, c, d);
        d = md5_step(round, m, i + 1, shifts[round][1], d, a, b, c);
        c = md5_step(round, m, i + 2, shifts[round][2], c, d, a, b);
        b = md5_step(round, m, i + 3, shifts[round][3], b, c, d, a);
    }
    s[0] = a, s[1] = b, s[2] = c, s[3] = d;
}

static void md5_block(uint32_t state[8], const uint8_t p[64])
{
    uint32_t m[16], s[4];
    for (size_t i = 0; i < 16; i++)
        m[i] = p[4 * i] | (uint32_t)p[4 * i + 1] << 8 | (uint32_t)p[4 * i + 2] << 16 |
               (uint32_t)p[4 * i + 3] << 24;
    memcpy(s, state, sizeof s);
    md5_round(0, m, s);
    md5_round(1, m, s);
    md5_round(2, m, s);
    md5_round(3, m, s);
    for (int i = 0; i < 4; i++)
        state[i] += s[i];
}

void fb_md5(const void *p, size_t n, uint8_t out[FB_MD5_SIZE])
{
    struct fb_hash h = {
        .state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}
    };
    add(&h, p, n, md5_block);
    pad(&h, md5_block, false);
    for (int i = 0; i < FB_MD5_SIZE; i++)
        out[i] = (uint8_t)(h.state[i / 4] >> (8 * (i % 4)));
}

void fb_hex(const uint8_t *p, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = "0123456789abcdef"[p[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[p[i] & 15];
    }
    out[2 * n] = 0;
}
