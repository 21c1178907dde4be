/*
 * ingest/dialects/multipart.c -- find the delimiters, hand out what lies between.
 *
 *     [preamble CRLF] --boundary CRLF  header lines CRLF CRLF  data CRLF --boundary ...
 * --boundary--
 *
 * A boundary cannot hold a CR, so CR opens a delimiter and nothing within one: when a match
 * breaks off, it can only start again at the very byte that broke it. The bytes matched so far
 * are then data, and are known, since they equal the delimiter: nothing need be kept.
 */
#include "dialects/multipart.h"

struct fb_err fb_multipart_start(struct fb_multipart *m, struct fb_span boundary,
                                 struct fb_part_sink sink)
{
    if (boundary.n == 0 || boundary.n > FB_BOUNDARY_MAX ||
        memchr(boundary.p, '\r', boundary.n) != NULL)
        return FB_FAIL(MALFORMED, "the multipart boundary must have 1 to 70 characters", 0);
    *m = (struct fb_multipart){.sink = sink, .delimiter_n = 4 + boundary.n};
    memcpy(m->delimiter, "\r\n--", 4);
    memcpy(m->delimiter + 4, boundary.p, boundary.n);
    m->matched = 2; // the body's start counts as the start of a line
    return FB_NO_ERR;
}

static void emit(struct fb_multipart *m, const uint8_t *p, size_t n)
{
    if (m->state == FB_MP_BODY && n != 0)
        m->err = m->sink.data(m->sink.arg, (struct fb_span){p, n, m->at});
}

/* How many bytes from the start of `in` cannot belong to a delimiter. */
static size_t count_plain(const struct fb_multipart *m, struct fb_span in)
{
    for (size_t at = 0; at < in.n; at++) {
        const uint8_t *cr = memchr(in.p + at, '\r', in.n - at);
        if (cr == NULL)
            return in.n;
        at = (size_t)(cr - in.p);
        size_t n = in.n - at < m->delimiter_n ? in.n - at : m->delimiter_n;
        if (memcmp(cr, m->delimiter, n) == 0)
            return at;
    }
    return in.n;
}

static void close_part(struct fb_multipart *m)
{
    if (m->state == FB_MP_BODY)
        m->err = m->sink.end(m->sink.arg);
    m->state = FB_MP_AFTER;
    m->matched = 0;
    m->seen = 0;
}

static size_t take_data(struct fb_multipart *m, struct fb_span in)
{
    size_t n = m->matched == 0 ? count_plain(m, in) : 0;
    if (n != 0) {
        emit(m, in.p, n);
        return n;
    }
    while (n < in.n && m->matched < m->delimiter_n && in.p[n] == m->delimiter[m->matched]) {
        m->matched++;
        n++;
    }
    if (m->matched == m->delimiter_n) {
        close_part(m);
    } else if (n < in.n) { // broken off: it was data
        emit(m, m->delimiter, m->matched);
        m->matched = 0;
    }
    return n;
}

/* "--" ends the body, blanks are padding, CR LF opens the next part's header. */
static size_t take_line_rest(struct fb_multipart *m, struct fb_span in)
{
    uint8_t c = in.p[0];
    if (m->seen == 0 && (c == ' ' || c == '\t'))
        return 1;
    if (m->seen == 0 && (c == '-' || c == '\r')) {
        m->seen = c;
    } else if (m->seen == '-' && c == '-') {
        m->state = FB_MP_EPILOGUE;
    } else if (m->seen == '\r' && c == '\n') {
        m->state = FB_MP_HEADER;
        m->header_n = m->line_n = 0;
        if (++m->parts > FB_PARTS_MAX)
            m->err = FB_FAIL(LIMIT, "more parts than a report has", m->at);
    } else {
        m->err = FB_FAIL(MALFORMED, "text behind a multipart delimiter", m->at);
    }
    return 1;
}

static void open_part(struct fb_multipart *m)
{
    m->state = FB_MP_BODY;
    m->err = m->sink.begin(m->sink.arg, (struct fb_span){m->header, m->header_n, m->at});
    m->matched = 0;
}

static size_t take_header(struct fb_multipart *m, struct fb_span in)
{
    uint8_t c = in.p[0];
    if (m->header_n == sizeof m->header) {
        m->err = FB_FAIL(LIMIT, "a part's header is longer than 4 KiB", m->at);
        return 0;
    }
    m->header[m->header_n++] = c;
    if (c == '\n' && m->line_n == 0)
        open_part(m);
    else if (c == '\n')
        m->line_n = 0;
    else if (c != '\r')
        m->line_n++;
    return 1;
}

static size_t take_epilogue(struct fb_multipart *m, struct fb_span in)
{
    (void)m;
    return in.n;
}

struct fb_err fb_multipart_push(struct fb_multipart *m, struct fb_span in)
{
    static size_t (*const take[])(struct fb_multipart *, struct fb_span) = {
        [FB_MP_PREAMBLE] = take_data,     [FB_MP_BODY] = take_data,
        [FB_MP_AFTER] = take_line_rest,   [FB_MP_HEADER] = take_header,
        [FB_MP_EPILOGUE] = take_epilogue,
    };
    while (in.n != 0 && !fb_failed(m->err)) {
        size_t n = take[m->state](m, in);
        m->at += n;
        in = fb_span_clip(in, n, in.n - n);
    }
    return m->err;
}

struct fb_err fb_multipart_end(const struct fb_multipart *m)
{
    if (!fb_failed(m->err) && m->state != FB_MP_EPILOGUE)
        return FB_FAIL(TRUNCATED, "the multipart body has no closing delimiter", m->at);
    return m->err;
}
