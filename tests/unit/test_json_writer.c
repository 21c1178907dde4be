/* tests/unit/test_json_writer.c -- JSON as it is written: what is escaped, where commas stand,
 * and what happens when the room ends. */
#include "json_writer.h"
#include "support/check.h"

#include <string.h>

/* A string value, as it stands in the document. */
static void strings(void)
{
    static const struct {
        const char *name, *value, *want;
    } rows[] = {
        {"empty",               "",                          "\"\""                        },
        {"plain",               "a b/c",                     "\"a b/c\""                   },
        {"quote",               "say \"no\"",                "\"say \\\"no\\\"\""          },
        {"backslash",           "C:\\x\\",                   "\"C:\\\\x\\\\\""             },
        {"line end",            "a\r\nb\tc",                 "\"a\\u000d\\u000ab\\u0009c\""},
        {"escape sequence",     "\x1b[31m",                  "\"\\u001b[31m\""             },
        {"first control",       "\x01",                      "\"\\u0001\""                 },
        {"last control",        "\x1f ",                     "\"\\u001f \""                },
        {"DEL",                 "~\x7f",                     "\"~\\u007f\""                },
        {"first C1",            "\xC2\x80",                  "\"\\u0080\""                 },
        {"CSI of C1",           "\xC2\x9B[2J",               "\"\\u009b[2J\""              },
        {"no-break space",      "\xC2\xA0",                  "\"\xC2\xA0\""                },
        {"Arabic letter mark",  "\xD8\x9C",                  "\"\\u061c\""                 },
        {"Arabic letter",       "\xD8\xA7",                  "\"\xD8\xA7\""                },
        {"right-to-left mark",  "\xE2\x80\x8F",              "\"\\u200f\""                 },
        {"line separator",      "\xE2\x80\xA8",              "\"\\u2028\""                 },
        {"turned name",
         "a\xE2\x80\xAE"
         "exe.txt",                                          "\"a\\u202eexe.txt\""         },
        {"isolate",             "\xE2\x81\xA6x\xE2\x81\xA9", "\"\\u2066x\\u2069\""         },
        {"euro, an E2 as well", "\xE2\x82\xAC",              "\"\xE2\x82\xAC\""            },
        {"beyond 16 bits",      "\xF0\x9F\x98\x80",          "\"\xF0\x9F\x98\x80\""        },
        {"no width",            "a\xE2\x80\x8B\xEF\xBB\xBF", "\"a\\u200b\\ufeff\""         },
        {"full width",          "\xEF\xBC\xA1",              "\"\xEF\xBC\xA1\""            },
        {"nothing",             NULL,                        "null"                        },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char room[128];
        struct fb_text t = fb_text_over(room, sizeof room);
        fb_json_string(&t, NULL, rows[i].value);
        if (!CHECK(rows[i].name, strcmp(room, rows[i].want) == 0))
            fprintf(stderr, "    but: %s\n", room);
        CHECK(rows[i].name, !t.cut);
    }
}

static void commas_and_nesting(void)
{
    char room[256];
    struct fb_text t = fb_text_over(room, sizeof room);
    fb_json_open(&t, NULL, '{');
    fb_json_open(&t, "none", '[');
    fb_json_close(&t, ']');
    fb_json_open(&t, "list", '[');
    fb_json_number(&t, NULL, 0);
    fb_json_number(&t, NULL, UINT64_MAX);
    fb_json_open(&t, NULL, '[');
    fb_json_open(&t, NULL, '{');
    fb_json_close(&t, '}');
    fb_json_close(&t, ']');
    fb_json_close(&t, ']');
    fb_json_bool(&t, "a\"b", true);
    fb_json_null(&t, "n");
    fb_json_decimal(&t, "d", 0.125);
    fb_json_hex(&t, "h", 0x2a, 8, true);
    fb_json_hex(&t, "u", 0x2a, 8, false);
    fb_json_bytes(&t, "b", (struct fb_span){(const uint8_t *)"\x00\xff", 2, 0});
    fb_json_close(&t, '}');
    static const char want[] = "{\"none\":[],\"list\":[0,18446744073709551615,[{}]],"
                               "\"a\\\"b\":true,\"n\":null,\"d\":0.12,"
                               "\"h\":\"0x0000002a\",\"u\":null,\"b\":\"00ff\"}";
    if (!CHECK("document", strcmp(room, want) == 0))
        fprintf(stderr, "    but: %s\n", room);
}

/* A value that ends in what looks like the beginning of a list still gets its comma. */
static void brackets_in_values(void)
{
    static const char *const values[] = {"{", "[", ":", ",", "}", "]"};
    for (size_t i = 0; i < COUNT(values); i++) {
        char room[64], want[64];
        struct fb_text t = fb_text_over(room, sizeof room);
        fb_json_open(&t, NULL, '[');
        fb_json_string(&t, NULL, values[i]);
        fb_json_string(&t, NULL, values[i]);
        fb_json_close(&t, ']');
        snprintf(want, sizeof want, "[\"%s\",\"%s\"]", values[i], values[i]);
        CHECK(values[i], strcmp(room, want) == 0);
    }
}

/* Every room that is too small: cut, NUL-terminated, and nothing behind it is touched. */
static void small_rooms(void)
{
    static char value[300], whole[1000];
    for (size_t i = 0; i + 1 < sizeof value; i++)
        value[i] = (char)(1 + i % 127);
    struct fb_text t = fb_text_over(whole, sizeof whole);
    fb_json_string(&t, "key", value);
    CHECK("long", !t.cut && t.n > sizeof value);
    for (size_t cap = 1; cap <= t.n + 1; cap++) {
        char room[sizeof whole];
        memset(room, '#', sizeof room);
        struct fb_text small = fb_text_over(room, cap);
        fb_json_string(&small, "key", value);
        CHECK("cut", small.cut == (cap <= t.n) && room[small.n] == 0);
        CHECK("a prefix", small.n < cap && memcmp(room, whole, small.n) == 0);
        CHECK("behind the room", room[cap] == '#');
    }
}

int main(void)
{
    strings();
    commas_and_nesting();
    brackets_in_values();
    small_rooms();
    return check_done();
}
