/* tests/unit/test_base.c -- reader, arena, text, sort and digests, a row per way
 * each can go. */
#include "base/arena.h"
#include "base/hash.h"
#include "base/reader.h"
#include "base/sort.h"
#include "base/text.h"
#include "support/check.h"

#include <openssl/evp.h>
#include <stdlib.h>

static void spans(void)
{
    static const struct {
        const char *name;
        uint64_t off, n;
        size_t want, clipped;
    } rows[] = {
        {"all of it",          0,              8,              8, 8},
        {"from the middle",    3,              5,              5, 5},
        {"one too many",       3,              6,              0, 5},
        {"nothing",            3,              0,              0, 0},
        {"at the end",         8,              1,              0, 0},
        {"offset + n wraps",   8,              UINT64_MAX - 4, 0, 0},
        {"offset out of here", UINT64_MAX - 1, 4,              0, 0},
    };
    static const uint8_t bytes[8];
    struct fb_span whole = {bytes, sizeof bytes, 100};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fb_span sub = fb_span_sub(whole, rows[i].off, rows[i].n);
        CHECK(rows[i].name, sub.n == rows[i].want);
        CHECK(rows[i].name, sub.n == 0 || sub.off == 100 + rows[i].off);
        CHECK(rows[i].name, fb_span_clip(whole, rows[i].off, rows[i].n).n == rows[i].clipped);
    }
}

static void reader_is_sticky(void)
{
    static const uint8_t bytes[] = {1, 2, 3, 4, 5};
    struct fb_reader r = {
        .in = {bytes, sizeof bytes, 16}
    };
    CHECK("reader", fb_read_u32(&r) == 0x04030201);
    CHECK("reader", fb_read_room(&r, UINT64_MAX, 1) == 1);
    CHECK("reader", fb_read_u16(&r) == 0 && r.err.code == FB_TRUNCATED && r.err.at == 20);
    CHECK("reader", fb_read_u8(&r) == 0 && r.at == 4 && fb_read_room(&r, 9, 1) == 0);
}

static void fields_of_records(void)
{
    static const struct {
        const char *name;
        size_t at, n;
        uint64_t want, want_big;
    } rows[] = {
        {"the first",         0,            1, 0x01,               0x01              },
        {"a word",            1,            4, 0x05040302,         0x02030405        },
        {"the last",          7,            2, 0x0908,             0x0809            },
        {"eight",             1,            8, 0x0908070605040302, 0x0203040506070809},
        {"one beyond",        8,            2, 0,                  0                 },
        {"at the end",        9,            1, 0,                  0                 },
        {"far beyond",        10,           1, 0,                  0                 },
        {"at + n would wrap", SIZE_MAX - 1, 4, 0,                  0                 },
    };
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    const struct fb_span record = {bytes, sizeof bytes, 0}, none = {NULL, 0, 0};
    for (size_t i = 0; i < COUNT(rows); i++) {
        CHECK(rows[i].name, fb_field(record, rows[i].at, rows[i].n, false) == rows[i].want);
        CHECK(rows[i].name, fb_field(record, rows[i].at, rows[i].n, true) == rows[i].want_big);
        CHECK(rows[i].name, fb_field(none, rows[i].at, rows[i].n, false) == 0);
    }
    CHECK("words", fb_span_word(record, 1, 4, false) == 0x05040302);
    CHECK("words", fb_span_word(record, 1, 8, true) == 0x0203040506070809);
}

static void arena_ends(void)
{
    _Alignas(16) uint8_t room[256];
    struct fb_arena arena = {.base = room, .cap = sizeof room};
    uint64_t *v = FB_NEW(&arena, uint64_t, 4);
    CHECK("arena", v != NULL && v[0] == 0 && v[3] == 0 && (uintptr_t)v % 8 == 0);
    CHECK("arena", FB_NEW(&arena, uint64_t, SIZE_MAX / 4) == NULL);
    CHECK("arena", FB_NEW(&arena, char, 257) == NULL);
    CHECK("arena", FB_NEW(&arena, char, 0) != NULL);
    struct fb_text text = fb_text_open(&arena);
    fb_text_str(&text, "kept");
    const char *kept = fb_text_close(&text, &arena);
    CHECK("arena",
          kept != NULL && strcmp(kept, "kept") == 0 && FB_NEW(&arena, char, 8) != NULL);
    struct fb_text full = fb_text_open(&arena);
    for (int i = 0; i < 300; i++)
        fb_text_char(&full, 'x');
    CHECK("arena", full.cut && fb_text_close(&full, &arena) == NULL);
    fb_arena_reset(&arena);
}

static void utf8(void)
{
    static const struct {
        const char *name, *in;
        size_t n;
        const char *want;
    } rows[] = {
        {"ascii",               "abc",                                  3, "abc"                                 },
        {"two, three and four", "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", 9,
         "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80"                                                                  },
        {"NUL",                 "a\0b",                                 3,
         "a\xEF\xBF\xBD"
         "b"                                                                                                     },
        {"overlong",            "\xC0\x80",                             2, "\xEF\xBF\xBD\xEF\xBF\xBD"            },
        {"surrogate",           "\xED\xA0\x80",                         3, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"cut off",             "a\xE2\x82",                            3, "a\xEF\xBF\xBD\xEF\xBF\xBD"           },
        {"beyond Unicode",      "\xF4\x90\x80\x80",                     4,
         "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"                                                      },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char room[64];
        struct fb_text text = fb_text_over(room, sizeof room);
        fb_text_utf8(&text, (struct fb_span){(const uint8_t *)rows[i].in, rows[i].n, 0});
        CHECK(rows[i].name, strcmp(text.p, rows[i].want) == 0 && !text.cut);
    }
}

static void utf16(void)
{
    static const struct {
        const char *name, *in;
        size_t n;
        const char *want;
    } rows[] = {
        {"ascii",       "a\0b\0",           4, "ab"              },
        {"odd length",  "a\0b",             3, "a"               },
        {"a pair",      "\x3D\xD8\x00\xDE", 4, "\xF0\x9F\x98\x80"},
        {"high alone",  "\x3D\xD8z\0",      4, "\xEF\xBF\xBDz"   },
        {"high at end", "\x3D\xD8",         2, "\xEF\xBF\xBD"    },
        {"low alone",   "\x00\xDEz\0",      4, "\xEF\xBF\xBDz"   },
        {"NUL",         "\0\0z\0",          4, "\xEF\xBF\xBDz"   },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char room[64];
        struct fb_text text = fb_text_over(room, sizeof room);
        fb_text_utf16(&text, (struct fb_span){(const uint8_t *)rows[i].in, rows[i].n, 0});
        CHECK(rows[i].name, strcmp(text.p, rows[i].want) == 0 && !text.cut);
    }
}

static void numbers_and_cuts(void)
{
    char room[16];
    struct fb_text text = fb_text_over(room, sizeof room);
    fb_text_hex(&text, 0xAB, 4);
    fb_text_char(&text, ' ');
    fb_text_dec(&text, 1234567890);
    CHECK("numbers", strcmp(room, "00ab 1234567890") == 0 && !text.cut);
    fb_text_char(&text, '!');
    CHECK("full", text.cut && text.n == 15);
    struct fb_text euro = fb_text_over(room, 4);
    fb_text_utf8(&euro, (struct fb_span){(const uint8_t *)"ab\xE2\x82\xAC", 5, 0});
    CHECK("whole or not at all", euro.cut && strcmp(room, "ab") == 0);
    char longer[32];
    struct fb_text shorter = fb_text_over(longer, sizeof longer);
    fb_text_str(&shorter, "abcd\xE2\x82\xAC"
                          "efghij");
    fb_text_shorten(&shorter, 9);
    CHECK("shorten", strcmp(longer, "abcd...") == 0);
    struct fb_text f = fb_text_over(room, 6);
    fb_text_format(&f, "%s", "abcdefgh");
    CHECK("format", f.cut && strcmp(room, "abcde") == 0);
}

/* Every length with an odd unit at every place: the copy ends there, whether it goes by words
 * or by letters, and in either byte order. */
static void texts_in_a_row(void)
{
    char room[10];
    struct fb_text text = fb_text_over(room, sizeof room);
    const char *first = text.p;
    fb_text_str(&text, "abc");
    CHECK("next", fb_text_next(&text) && text.n == 0 && text.cap == 6);
    fb_text_str(&text, "defg");
    CHECK("both", strcmp(first, "abc") == 0 && strcmp(text.p, "defg") == 0);
    CHECK("an empty one", fb_text_next(&text) && text.cap == 1 && text.p[0] == 0);
    CHECK("none", !fb_text_next(&text));
    fb_text_str(&text, "h");
    CHECK("cut", text.cut && !fb_text_next(&text));
}

static void plain_runs(void)
{
    static const uint16_t odd[] = {0, 0x80, 0xFF, 0x100, 0x141, 0x4141, 0x8000, 0xFFFF};
    enum { LONGEST = 20, KINDS = sizeof odd / sizeof *odd };
    const size_t rows = (size_t)KINDS * LONGEST * (LONGEST + 1);
    for (size_t i = 0; i < rows; i++) {
        size_t kind = i % KINDS, n = 1 + i / KINDS % LONGEST, at = i / KINDS / LONGEST;
        uint8_t little[2 * LONGEST], big[2 * LONGEST], bytes[LONGEST];
        char out[3][LONGEST] = {0};
        for (size_t k = 0; k < n; k++) {
            uint16_t unit = k == at ? odd[kind] : (uint16_t)(k % 3 == 0 ? 0x7F : 1 + k);
            bytes[k] = unit > 0xFF ? 0x80 : (uint8_t)unit;
            little[2 * k] = big[2 * k + 1] = (uint8_t)unit;
            little[2 * k + 1] = big[2 * k] = (uint8_t)(unit >> 8);
        }
        size_t want = at < n ? at : n;
        size_t got[] = {fb_text_plain((struct fb_span){bytes, n, 0}, out[0]),
                        fb_text_plain16((struct fb_span){little, 2 * n, 0}, false, out[1]),
                        fb_text_plain16((struct fb_span){big, 2 * n, 0}, true, out[2])};
        for (size_t k = 0; k < 3; k++) {
            CHECK("plain run", got[k] == want);
            CHECK("plain text", memcmp(out[k], bytes, want) == 0);
        }
    }
}

static int by_value(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static void sorting(void)
{
    unsigned seed = 1;
    for (size_t n = 0; n < 300; n = n * 2 + 1) {
        int v[300];
        for (size_t i = 0; i < n; i++)
            v[i] = (int)((seed = seed * 1103515245u + 12345u) >> 16) % 50;
        fb_sort(v, n, sizeof *v, by_value);
        for (size_t i = 1; i < n; i++)
            CHECK("sort", v[i - 1] <= v[i]);
    }
}

struct numbered {
    uint64_t number;
    size_t place;
};

static int by_place(const void *a, const void *b)
{
    size_t x = ((const struct numbered *)a)->place, y = ((const struct numbered *)b)->place;
    return (x > y) - (x < y);
}

/* Lists of runs: of every length from few elements to one, so that both ways are gone; equal
 * numbers are ordered by where they stood. */
static void sorting_numbered(void)
{
    enum { N = 300 };
    for (size_t length = 1; length <= N; length++) {
        struct numbered v[N], room[N];
        bool seen[N] = {false};
        for (size_t i = 0; i < N; i++)
            v[i] = (struct numbered){UINT64_MAX - i % length * 7 % 100, i};
        const struct numbered *sorted = fb_sort_numbered(v, N, sizeof *v, by_place, room);
        for (size_t i = 0; i < N; i++) {
            const struct numbered *last = &sorted[i - (i > 0)];
            CHECK("in order",
                  last->number < sorted[i].number ||
                      (last->number == sorted[i].number && last->place <= sorted[i].place));
            CHECK("once", !seen[sorted[i].place]);
            seen[sorted[i].place] = true;
            CHECK("whole", sorted[i].number == UINT64_MAX - sorted[i].place % length * 7 % 100);
        }
    }
    CHECK("nothing", fb_sort_numbered(NULL, 0, sizeof(int), by_place, NULL) == NULL);
}

static void sha256_of(const uint8_t *p, size_t n, bool portable, uint8_t out[32])
{
    struct fb_hash h;
    fb_sha256_start(&h);
    h.portable = portable;
    size_t pieces = n / 2; // short ones, of all lengths up to a block and over
    for (size_t at = 0, piece = 0; at < pieces; at += piece) {
        piece = at % 67 < pieces - at ? at % 67 : pieces - at;
        piece += piece == 0;
        fb_sha256_add(&h, p + at, piece);
    }
    fb_sha256_add(&h, p, 0);
    fb_sha256_add(&h, p + pieces, n - pieces);
    fb_sha256_end(&h, out);
}

static void digests_equal_openssl(void)
{
    static uint8_t bytes[1000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    for (size_t n = 0; n < sizeof bytes; n += 9) {
        uint8_t ours[32], theirs[32];
        EVP_Digest(bytes, n, theirs, NULL, EVP_sha256(), NULL);
        sha256_of(bytes, n, true, ours);
        CHECK("sha-256, portable", memcmp(ours, theirs, 32) == 0);
        sha256_of(bytes, n, false, ours);
        CHECK("sha-256", memcmp(ours, theirs, 32) == 0);
        EVP_Digest(bytes, n, theirs, NULL, EVP_md5(), NULL);
        fb_md5(bytes, n, ours);
        CHECK("md5", memcmp(ours, theirs, 16) == 0);
    }
}

int main(void)
{
    spans();
    reader_is_sticky();
    fields_of_records();
    arena_ends();
    utf8();
    utf16();
    plain_runs();
    numbers_and_cuts();
    texts_in_a_row();
    sorting();
    sorting_numbered();
    digests_equal_openssl();
    return check_done();
}
