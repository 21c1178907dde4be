/*
 * ingest/dialects/params.h -- header lines and their parameters: `form-data; name="a"; ...`.
 *
 * Quoted values may hold anything, `;` and `=` included, so a line is walked, never searched.
 */
#pragma once
#include "base/text.h"

/** The value of the first line `name: value` of a header block, without blanks around it; empty
 * when there is none. Names are compared without case. */
struct fb_span fb_params_line(struct fb_span block, const char *name);

/** Whether a Content-Type names a multipart body of any kind. */
bool fb_params_multipart(struct fb_span content_type);

/** Append the value of the parameter `name` to `out`, quotes and backslashes taken off, as
 * bytes as they are. @return whether there is such a parameter */
bool fb_params_get(struct fb_span value, const char *name, struct fb_text *out);

/** Undo in place the four escapes that Crashpad, Chromium and curl write into names: %0d %0a
 * %22 %25, and no others. */
void fb_params_unescape(struct fb_text *text);
