/*
 * worker/analysis/symbols/fields.h -- one line of a symbol file, taken apart field by field.
 *
 * Like the byte reader, it keeps its first failure and then hands out zeros: a record is read
 * straight down, and asked once. Fields are parted by blanks; the last one, a name, runs to the
 * end of the line.
 */
#pragma once
#include "base/reader.h"

struct fb_fields {
    const uint8_t *p, *end;
    bool bad;
};

/** The next line of `text` from `*at` on, without its LF or CRLF; moves `*at` behind it. */
struct fb_fields fb_fields_next(struct fb_span text, size_t *at);
/** Whether the first field is `word`; if so, it is taken. */
bool fb_fields_word(struct fb_fields *f, const char *word);
uint64_t fb_fields_hex(struct fb_fields *f);
uint32_t fb_fields_hex32(struct fb_fields *f);
uint32_t fb_fields_dec(struct fb_fields *f);
/** The next field as it stands; empty at the end of the line. */
struct fb_span fb_fields_text(struct fb_fields *f);
/** What is left of the line. */
struct fb_span fb_fields_rest(struct fb_fields *f);
bool fb_fields_ended(struct fb_fields *f);
/** How many fields are left, not taken. */
size_t fb_fields_count(const struct fb_fields *f);
