/* tests/unit/test_ids.c -- ids: their bits, their text, and when two dumps are one. */
#include "ids.h"
#include "support/check.h"

#include <string.h>

static const struct {
    const char *name;
    uint64_t ms;
    uint8_t random; // all ten bytes
    const char *text, *client;
} rows[] = {
    {"zeros",         0,              0x00, "00000000-0000-7000-8000-000000000000", "8000000000000000"},
    {"ones",          0xFFFFFFFFFFFF, 0xFF, "ffffffff-ffff-7fff-bfff-ffffffffffff", "bfffffffffffffff"},
 // RFC 9562, A.6 has the same time
    {"RFC's example", 0x017F22E279B0, 0xA5, "017f22e2-79b0-75a5-a5a5-a5a5a5a5a5a5",
     "a5a5a5a5a5a5a5a5"                                                                               },
};

static void check_text(void)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t random[10], id[FB_ID_SIZE];
        char text[FB_ID_TEXT], client[FB_ID_CLIENT];
        memset(random, rows[i].random, sizeof random);
        fb_id_make(rows[i].ms, random, id);
        fb_id_text(id, text);
        fb_id_client(id, client);
        CHECK(rows[i].name, strcmp(text, rows[i].text) == 0);
        CHECK(rows[i].name, strcmp(client, rows[i].client) == 0);
    }
}

static void check_dedup(void)
{
    static const struct {
        const char *name;
        int vendor;
        const char *product;
        uint8_t dump;
        bool same;
    } others[] = {
        {"the same",       12, "A",  1, true },
        {"other vendor",   1,  "A",  1, false},
        {"other product",  12, "B",  1, false},
        {"other dump",     12, "A",  2, false},
        {"shifted digits", 1,  "2A", 1, false},
    };
    uint8_t dump[FB_SHA256_SIZE], key[FB_DEDUP_SIZE], other[FB_DEDUP_SIZE];
    char hex[FB_DEDUP_TEXT];
    memset(dump, 1, sizeof dump);
    fb_id_dedup(12, "A", dump, key);
    fb_hex(key, sizeof key, hex);
    // printf '12\0A\0' and 32 bytes 01, through sha256sum
    CHECK("known answer", strcmp(hex, "bb14e3459c7575d8d7210c8d7165e628") == 0);
    for (size_t i = 0; i < COUNT(others); i++) {
        memset(dump, others[i].dump, sizeof dump);
        fb_id_dedup(others[i].vendor, others[i].product, dump, other);
        CHECK(others[i].name, (memcmp(key, other, sizeof key) == 0) == others[i].same);
    }
}

int main(void)
{
    check_text();
    check_dedup();
    return check_done();
}
