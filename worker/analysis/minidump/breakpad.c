/*
 * worker/analysis/minidump/breakpad.c -- what Breakpad's and Mozilla's writers add: who asked
 * for the dump, and the text of a failed check.
 */
#include "minidump/parts.h"

enum {
    REQUESTING_VALID = 2,
    ASSERTION_TEXT = 256, // bytes of each of the three texts
    INVALID_PARAMETER = 1,
    PURE_CALL = 2,
    MAC_RECORDS_MAX = 20,
    MAC_STRING_MAX = 8192,
    MAC_MESSAGES = 2, // module path and then the message
};

struct fb_err fb_md_breakpad(struct fb_md *m, struct fb_md_stream s)
{
    struct fb_reader r = fb_md_reader(m, s.bytes);
    uint32_t validity = fb_read_u32(&r);
    fb_read_skip(&r, 4); // the thread that wrote the dump
    uint32_t requesting = fb_read_u32(&r);
    if (fb_failed(r.err))
        return r.err;
    m->requesting_known = (validity & REQUESTING_VALID) != 0;
    m->requesting = requesting;
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

/* The NUL-terminated string at the reader. */
static struct fb_span terminated(struct fb_reader *r)
{
    size_t left = r->in.n - r->at, n = 0;
    while (n < left && n < MAC_STRING_MAX && r->in.p[r->at + n] != 0)
        n++;
    struct fb_span found = fb_read_bytes(r, n);
    fb_read_skip(r, 1);
    return found;
}

static const char *message_of(struct fb_md *m, struct fb_span record, uint32_t strings_at)
{
    struct fb_reader r = fb_md_reader(m, record);
    fb_read_skip(&r, strings_at);
    struct fb_span found = {0};
    for (size_t i = 0; i < MAC_MESSAGES && !fb_failed(r.err); i++)
        found = terminated(&r);
    return !fb_failed(r.err) && found.n != 0 ? fb_md_text8(m, found, MAC_STRING_MAX) : NULL;
}

struct fb_err fb_md_mac_crash_info(struct fb_md *m, struct fb_md_stream s)
{
    struct fb_reader r = fb_md_reader(m, s.bytes);
    fb_read_skip(&r, 4); // the type of the stream once more
    uint32_t n = fb_read_u32(&r);
    uint32_t strings_at = fb_read_u32(&r);
    for (uint32_t i = 0; i < n && i < MAC_RECORDS_MAX && m->dump->assertion == NULL; i++) {
        struct fb_md_location at = fb_md_location(&r);
        if (!fb_failed(r.err))
            m->dump->assertion =
                message_of(m, fb_span_clip(m->file, at.rva, at.size), strings_at);
    }
    return r.err;
}
