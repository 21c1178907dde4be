/*
 * worker/analysis/minidump/breakpad.c -- what Breakpad adds: who asked for the dump and who
 * wrote it, and the text of a failed check.
 */
#include "minidump/parts.h"

enum {
    WRITING_VALID = 1,
    REQUESTING_VALID = 2,
    ASSERTION_TEXT = 256, // bytes of each of the three texts
    INVALID_PARAMETER = 1,
    PURE_CALL = 2,
};

struct fb_err fb_md_breakpad(struct fb_md *m, struct fb_md_stream s)
{
    struct fb_reader r = fb_md_reader(m, s.bytes);
    uint32_t validity = fb_read_u32(&r);
    uint32_t writing = fb_read_u32(&r);
    uint32_t requesting = fb_read_u32(&r);
    if (fb_failed(r.err))
        return r.err;
    m->requesting_known = (validity & REQUESTING_VALID) != 0;
    m->requesting = requesting;
    m->dump->writing_thread = validity & WRITING_VALID ? writing : 0;
    return FB_NO_ERR;
}

static void add(struct fb_text *text, const char *before, const char *what)
{
    if (what == NULL || *what == 0)
        return;
    fb_text_str(text, text->n != 0 ? before : "");
    fb_text_str(text, what);
}

struct fb_err fb_md_assertion(struct fb_md *m, struct fb_md_stream s)
{
    struct fb_reader r = fb_md_reader(m, s.bytes);
    const char *part[3]; // expression, function, file
    for (size_t i = 0; i < 3; i++)
        part[i] = fb_md_text16(m, fb_read_bytes(&r, ASSERTION_TEXT));
    uint32_t line = fb_read_u32(&r);
    uint32_t type = fb_read_u32(&r);
    if (fb_failed(r.err))
        return r.err;
    char buffer[4 * ASSERTION_TEXT * 2];
    struct fb_text text = fb_text_over(buffer, sizeof buffer);
    add(&text, "",
        type == INVALID_PARAMETER ? "Invalid parameter passed to library function"
        : type == PURE_CALL       ? "Pure virtual function called"
                                  : NULL);
    add(&text, ": ", part[0]);
    add(&text, " in ", part[1]);
    add(&text, " at ", part[2]);
    if (part[2] != NULL && *part[2] != 0)
        fb_text_format(&text, ":%u", line);
    /* Folklore: Electron writes the stream into every dump, with nothing in it. */
    if (text.n != 0)
        m->dump->assertion = fb_md_keep(m, &text);
    return FB_NO_ERR;
}
