/* tests/unit/test_framing.c -- header blocks that a second server might read differently. */
#include "http/framing.h"
#include "support/check.h"

#include <string.h>

static const struct {
    const char *name;
    const char *lines[4]; // "name: value"
    bool fine;
    uint64_t length;
} rows[] = {
    {"nothing",                {NULL},                                                       true,  0 },
    {"a length",               {"content-length: 12"},                                       true,  12},
    {"chunked",                {"Transfer-Encoding: chunked"},                               true,  0 },
    {"chunked in capitals",    {"TRANSFER-ENCODING: CHUNKED"},                               true,  0 },
    {"all token characters",   {"!#$%&'*+-.^_`|~09azAZ: x"},                                 true,  0 },
    {"two lengths",            {"Content-Length: 1", "Content-Length: 2"},                   false, 0 },
    {"two equal lengths",      {"Content-Length: 1", "content-length: 1"},                   false, 0 },
    {"length and coding",      {"Content-Length: 1", "Transfer-Encoding: chunked"},          false, 0 },
    {"coding and length",      {"Transfer-Encoding: chunked", "Content-Length: 1"},          false, 0 },
    {"two codings",            {"Transfer-Encoding: chunked", "Transfer-Encoding: chunked"}, false, 0 },
    {"identity",               {"Transfer-Encoding: identity"},                              false, 0 },
    {"a list of codings",      {"Transfer-Encoding: gzip, chunked"},                         false, 0 },
    {"signed",                 {"Content-Length: +1"},                                       false, 0 },
    {"negative",               {"Content-Length: -1"},                                       false, 0 },
    {"a list of lengths",      {"Content-Length: 1, 1"},                                     false, 0 },
    {"hexadecimal",            {"Content-Length: 0x10"},                                     false, 0 },
    {"empty",                  {"Content-Length: "},                                         false, 0 },
    {"would wrap",             {"Content-Length: 18446744073709551617"},                     false, 0 },
    {"blank before the colon", {"Content-Length : 1"},                                       false, 0 },
    {"empty name",             {": 1"},                                                      false, 0 },
    {"byte above ASCII",       {"X\xe9: 1"},                                                 false, 0 },
};

static struct fb_framing read_row(size_t row)
{
    struct fb_framing f = {0};
    for (size_t i = 0; i < COUNT(rows[row].lines) && rows[row].lines[i] != NULL; i++) {
        const char *line = rows[row].lines[i], *colon = strstr(line, ": ");
        fb_framing_add(&f, line, (size_t)(colon - line), colon + 2, strlen(colon + 2));
    }
    return f;
}

int main(void)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fb_framing f = read_row(i);
        CHECK(rows[i].name, (fb_framing_wrong(&f) == NULL) == rows[i].fine);
        CHECK(rows[i].name, !rows[i].fine || f.length == rows[i].length);
    }
    struct fb_framing f = {0};
    fb_framing_add(&f, "X", 1, "a\0b", 3);
    CHECK("NUL in a value", fb_framing_wrong(&f) != NULL);
    CHECK("bytes are counted", f.bytes == 8);
    return check_done();
}
