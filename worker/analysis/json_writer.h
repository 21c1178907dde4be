/*
 * worker/analysis/json_writer.h -- JSON, written straight into a text: commas by
 * themselves, strings escaped.
 *
 * A key of NULL is an element of an array. Text must be valid UTF-8 (fb_text_utf8 saw to that);
 * control characters are escaped, and so are DEL, the C1 controls and what turns the reading
 * direction, so that a document is safe to print.
 */
#pragma once
#include "base/text.h"

void fb_json_open(struct fb_text *t, const char *key, char bracket); // '{' or '['
void fb_json_close(struct fb_text *t, char bracket);                 // '}' or ']'
/** `value` NULL is null. */
void fb_json_string(struct fb_text *t, const char *key, const char *value);
void fb_json_number(struct fb_text *t, const char *key, uint64_t value);
void fb_json_signed(struct fb_text *t, const char *key, int64_t value);
/** Null when `known` is false. */
void fb_json_known_number(struct fb_text *t, const char *key, uint64_t value, bool known);
/** With at most two decimals. */
void fb_json_decimal(struct fb_text *t, const char *key, double value);
void fb_json_bool(struct fb_text *t, const char *key, bool value);
void fb_json_null(struct fb_text *t, const char *key);
/** "0x..." with at least `digits` digits, or null when `known` is false. */
void fb_json_hex(struct fb_text *t, const char *key, uint64_t value, int digits, bool known);
/** `n` bytes as hex digits. */
void fb_json_bytes(struct fb_text *t, const char *key, struct fb_span bytes);
