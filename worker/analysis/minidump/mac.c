/*
 * worker/analysis/minidump/mac.c -- what macOS' writers add: the messages that images leave in
 * their __crash_info sections, the kernel's boot arguments, and what the writer failed at.
 *
 *   list    type again | n | where strings begin in a record | 20 locations
 *   record  type (8) | version (8) | thread (8) | dialog mode (8) | abort cause (8) ...
 *           strings, each with its NUL: module path, message, signature, backtrace, message 2
 *
 * Thread and dialog mode came with version 4, the abort cause with version 5.
 */
#include "minidump/parts.h"

enum {
    RECORDS_MAX = 20,
    STRING_MAX = 8192,
    HAS_THREAD = 4,
    HAS_ABORT_CAUSE = 5,
    SOFT_ERRORS_MAX = 65536,
};

/* The NUL-terminated string at the reader; NULL when there is none, or an empty one. */
static const char *terminated(struct fb_md *m, struct fb_reader *r)
{
    struct fb_span rest = fb_span_clip(r->in, r->at, UINT64_MAX);
    const uint8_t *nul = rest.n != 0 ? memchr(rest.p, 0, rest.n) : NULL;
    size_t n = nul != NULL ? (size_t)(nul - rest.p) : rest.n;
    struct fb_span found = fb_read_bytes(r, n);
    fb_read_skip(r, 1);
    return found.n != 0 ? fb_md_text8(m, found, STRING_MAX) : NULL;
}

static void read_record(struct fb_md *m, struct fb_span bytes, uint32_t strings_at,
                        struct fb_mac_record *out)
{
    struct fb_reader r = fb_md_reader(m, fb_span_clip(bytes, 0, strings_at));
    fb_read_skip(&r, 8);
    uint64_t version = fb_read_u64(&r);
    if (version >= HAS_THREAD) {
        out->thread = fb_read_u64(&r);
        out->dialog_mode = fb_read_u64(&r);
        out->has_thread = !fb_failed(r.err);
    }
    if (version >= HAS_ABORT_CAUSE) {
        out->abort_cause = fb_read_u64(&r);
        out->has_abort_cause = !fb_failed(r.err);
    }
    struct fb_reader strings = fb_md_reader(m, bytes);
    fb_read_skip(&strings, strings_at);
    const char **texts[] = {&out->module, &out->message, &out->signature, &out->backtrace,
                            &out->message2};
    for (size_t i = 0; i < sizeof texts / sizeof *texts && strings.at < bytes.n; i++)
        *texts[i] = terminated(m, &strings);
}

struct fb_err fb_md_mac_crash_info(struct fb_md *m, struct fb_md_stream s)
{
    struct fb_reader r = fb_md_reader(m, s.bytes);
    fb_read_skip(&r, 4); // the type of the stream once more
    uint32_t claimed = fb_read_u32(&r);
    uint32_t strings_at = fb_read_u32(&r);
    if (fb_failed(r.err))
        return r.err;
    size_t n = fb_md_room(m, &r, claimed, 8, RECORDS_MAX);
    struct fb_mac_record *v = FB_MD_NEW(m, struct fb_mac_record, n);
    for (size_t i = 0; i < n && !m->full; i++) {
        struct fb_md_location at = fb_md_location(&r);
        struct fb_span bytes = fb_span_clip(m->file, at.rva, at.size);
        if (bytes.n < at.size || bytes.n <= strings_at)
            fb_note(m->notes, FB_NOTE_BAD_ITEM, "a crash info is cut", at.rva);
        read_record(m, bytes, strings_at, &v[i]);
        if (m->dump->assertion == NULL)
            m->dump->assertion = v[i].message;
    }
    m->dump->mac_records = v;
    m->dump->n_mac_records = m->full ? 0 : n;
    return FB_NO_ERR;
}

struct fb_err fb_md_boot_args(struct fb_md *m, struct fb_md_stream s)
{
    struct fb_reader r = fb_md_reader(m, s.bytes);
    fb_read_skip(&r, 4); // the type of the stream once more
    uint64_t rva = fb_read_u64(&r);
    if (fb_failed(r.err))
        return r.err;
    m->dump->mac_boot_args = fb_md_string(m, rva);
    return FB_NO_ERR;
}

struct fb_err fb_md_soft_errors(struct fb_md *m, struct fb_md_stream s)
{
    m->dump->soft_errors = fb_md_text8(m, s.bytes, SOFT_ERRORS_MAX);
    return FB_NO_ERR;
}
