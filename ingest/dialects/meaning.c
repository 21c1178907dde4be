/*
 * ingest/dialects/meaning.c -- names that clients use, best first.
 *
 * Electron sends its own name as `prod` and the application's as `_productName`: the names
 * with an underscore outrank the others. What Crashpad repeats in the query says the same
 * as its fields.
 */
#include "dialects/meaning.h"

#include <strings.h>

enum { NAMES_MAX = 6 };
static const char *const names[FB_MEANINGS][NAMES_MAX] = {
    [FB_MEANS_PRODUCT] = {"_productName", "ProductName", "prod", "product"},
    [FB_MEANS_VERSION] = {"_version",     "Version",                  "ver", "version"},
    [FB_MEANS_PLATFORM] = {"plat", "platform"},
    [FB_MEANS_MACHINE] = {"guid",              "machine"                     },
};

/* Crashpad's client id is all zeros until its database has one: then it names nobody. */
static bool is_unset_guid(const struct fb_field *field)
{
    return field->value_n == strspn(field->value, "0-");
}

void fb_meaning_get(const struct fb_upload *u, enum fb_meaning meaning, char *out)
{
    struct fb_text text = fb_text_over(out, FB_MEANING_MAX + 1);
    for (size_t i = 0; i < NAMES_MAX && names[meaning][i] != NULL; i++) {
        const struct fb_field *field = fb_upload_find(u, names[meaning][i]);
        if (field == NULL || field->value_n == 0 ||
            (meaning == FB_MEANS_MACHINE && is_unset_guid(field)))
            continue;
        fb_text_utf8(&text, (struct fb_span){(const uint8_t *)field->value, field->value_n, 0});
        return;
    }
}

/* Read from the top. A dialect is told by how the client builds its boundary; where two share
 * one library's form builder, the name that the client gives itself decides. */
static const struct {
    const char *boundary, *agent, *dialect;
} dialects[] = {
    {"---MultipartBoundary-",      "",          "crashpad"},
    {"",                           "Crashpad/", "crashpad"},
    {"",                           "Breakpad/", "breakpad"},
    {"",                           "curl/",     "curl"    },
    {"--------------------------", "",          "breakpad"}, // 26 and 27 hyphens: in-process
    {"------------------------",   "",          "curl"    }, // 24: libcurl
    {"",                           "",          "unknown" },
};

const char *fb_dialect(struct fb_span boundary, const char *user_agent)
{
    if (boundary.n == 0)
        return "raw";
    size_t i = 0;
    for (;; i++) { // the last row always holds
        size_t n = strlen(dialects[i].boundary), m = strlen(dialects[i].agent);
        if (boundary.n >= n && memcmp(boundary.p, dialects[i].boundary, n) == 0 &&
            strncasecmp(user_agent, dialects[i].agent, m) == 0)
            return dialects[i].dialect;
    }
}
