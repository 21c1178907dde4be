/*
 * worker/analysis/minidump/strings.c -- texts of a dump: counted UTF-16 and UTF-8 strings, and
 * raw bytes. A bad text costs that text and a note.
 */
#include "minidump/parts.h"

enum { UTF8_MAX = 3 }; // bytes that one UTF-16 unit, or one byte that is no UTF-8, may become

static struct fb_span until_nul(struct fb_span bytes, size_t unit)
{
    for (size_t i = 0; i + unit <= bytes.n; i += unit)
        if (bytes.p[i] == 0 && bytes.p[i + unit - 1] == 0)
            return fb_span_sub(bytes, 0, i);
    return bytes;
}

/* The budget is charged for what the text may take, and paid back what it did not. */
static bool afford(struct fb_md *m, size_t n, uint64_t at)
{
    if (n <= m->text_left)
        return true;
    if (!m->text_spent)
        fb_note(m->notes, FB_NOTE_LIMIT, "names share more text than the file has bytes", at);
    m->text_spent = true;
    return false;
}

static size_t room_for(struct fb_span bytes, size_t unit)
{
    return (unit == 1 ? bytes.n : bytes.n / 2) * UTF8_MAX + 1;
}

static const char *keep(struct fb_md *m, struct fb_span bytes, size_t unit)
{
    size_t room = room_for(bytes, unit);
    if (!afford(m, room, bytes.off))
        return NULL;
    if (fb_arena_left(m->arena) < room) {
        m->full = true;
        return NULL;
    }
    struct fb_text text = fb_text_over(fb_arena_take(m->arena, room), room);
    if (unit == 1)
        fb_text_utf8(&text, bytes);
    else if (m->big)
        fb_text_utf16be(&text, bytes);
    else
        fb_text_utf16(&text, bytes);
    fb_arena_give_back(m->arena, room - text.n - 1);
    m->text_left -= text.n + 1;
    if (memchr(text.p, 0xEF, text.n) != NULL && strstr(text.p, "\xEF\xBF\xBD") != NULL)
        fb_note(m->notes, FB_NOTE_BAD_TEXT, "a text is not valid Unicode", bytes.off);
    return text.p;
}

/* Nearly all texts are plain ASCII, and need no more than to be copied. NULL: this one is not,
 * or it is too long for what is left. */
static inline const char *plain(struct fb_md *m, struct fb_span bytes, size_t unit)
{
    size_t room = room_for(bytes, unit);
    if (room > m->text_left || room > fb_arena_left(m->arena))
        return NULL;
    char *out = fb_arena_take(m->arena, room);
    size_t n = unit == 1 ? fb_text_plain(bytes, out) : fb_text_plain16(bytes, m->big, out);
    size_t at = n * unit;
    bool whole = at == bytes.n || (bytes.p[at] == 0 && bytes.p[at + unit - 1] == 0);
    fb_arena_give_back(m->arena, whole ? room - n - 1 : room);
    if (!whole)
        return NULL;
    out[n] = 0;
    m->text_left -= n + 1;
    return out;
}

/* Any other. */
static const char *odd(struct fb_md *m, struct fb_span bytes, size_t unit, size_t max)
{
    bytes = until_nul(fb_span_clip(bytes, 0, max + unit), unit);
    if (bytes.n > max) {
        fb_note(m->notes, FB_NOTE_BAD_TEXT, "a text is too long and was cut", bytes.off);
        bytes = fb_span_sub(bytes, 0, max);
    }
    return keep(m, bytes, unit);
}

static inline const char *text(struct fb_md *m, struct fb_span bytes, size_t unit, size_t max)
{
    const char *quick = bytes.n <= max ? plain(m, bytes, unit) : NULL;
    return quick != NULL ? quick : odd(m, bytes, unit, max);
}

const char *fb_md_text16(struct fb_md *m, struct fb_span bytes)
{
    return text(m, fb_span_sub(bytes, 0, bytes.n & ~(size_t)1), 2, FB_MD_STRING_MAX);
}

const char *fb_md_text8(struct fb_md *m, struct fb_span bytes, size_t max)
{
    return text(m, bytes, 1, max);
}

/* The bytes of a counted string. False, with a note, when they are not all there: a name that
 * swallowed the rest of the file would say less than none. */
static bool counted(struct fb_md *m, uint64_t rva, struct fb_span *out)
{
    if (rva == 0)
        return false;
    struct fb_reader r = fb_md_reader(m, fb_span_clip(m->file, rva, UINT64_MAX));
    uint32_t n = fb_read_u32(&r);
    *out = fb_read_bytes(&r, n);
    if (fb_failed(r.err))
        fb_note(m->notes, FB_NOTE_BAD_TEXT, "a string reaches beyond the file", rva);
    return !fb_failed(r.err);
}

const char *fb_md_string(struct fb_md *m, uint64_t rva)
{
    struct fb_span bytes;
    return counted(m, rva, &bytes) ? fb_md_text16(m, bytes) : NULL;
}

const char *fb_md_string8(struct fb_md *m, uint64_t rva)
{
    struct fb_span bytes;
    return counted(m, rva, &bytes) ? fb_md_text8(m, bytes, FB_MD_STRING_MAX) : NULL;
}

const char *fb_md_keep(struct fb_md *m, const struct fb_text *text)
{
    char *copy = fb_arena_text(m->arena, text->p, text->n);
    m->full |= copy == NULL;
    return copy;
}
