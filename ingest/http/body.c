/* ingest/http/body.c -- identity and gzip, as streams; RFC 1952 allows several members. */
#include "http/body.h"

#include <strings.h>

enum { GZIP_WINDOW = 15 + 16, STEP = 16 * 1024 };

static const struct {
    const char *name;
    bool gzip;
} encodings[] = {
    {"",         false},
    {"identity", false},
    {"gzip",     true },
    {"x-gzip",   true }
};

struct fb_err fb_body_start(struct fb_body *body, const char *encoding)
{
    size_t i = 0;
    while (i < sizeof encodings / sizeof *encodings &&
           strcasecmp(encodings[i].name, encoding) != 0)
        i++;
    if (i == sizeof encodings / sizeof *encodings)
        return FB_FAIL(MALFORMED, "the body's encoding must be gzip or identity", 0);
    body->gzip = encodings[i].gzip;
    if (body->gzip && inflateInit2(&body->z, GZIP_WINDOW) != Z_OK)
        return FB_FAIL(UNAVAILABLE, "no memory to inflate", 0);
    body->open = body->gzip;
    return FB_NO_ERR;
}

static struct fb_err hand_out(struct fb_body *body, struct fb_span bytes)
{
    body->plain += bytes.n;
    if (body->plain > body->limit)
        return FB_FAIL(LIMIT, "the report is larger than this server takes", body->plain);
    if (body->gzip && body->plain > FB_INFLATE_FREE &&
        body->plain / FB_INFLATE_RATIO_MAX > body->sent)
        return FB_FAIL(LIMIT, "the gzip body inflates beyond belief", body->plain);
    return bytes.n != 0 ? body->out(body->arg, bytes) : FB_NO_ERR;
}

/* One step of inflate. What is left of the input is in `z`. */
static struct fb_err inflate_step(struct fb_body *body)
{
    uint8_t plain[STEP];
    if (body->done) {
        inflateReset(&body->z);
        body->done = false;
    }
    body->z.next_out = plain;
    body->z.avail_out = sizeof plain;
    int got = inflate(&body->z, Z_NO_FLUSH);
    if (got != Z_OK && got != Z_STREAM_END && got != Z_BUF_ERROR)
        return FB_FAIL(MALFORMED, "the gzip body is damaged", body->sent);
    body->done = got == Z_STREAM_END;
    return hand_out(body, (struct fb_span){plain, sizeof plain - body->z.avail_out, 0});
}

struct fb_err fb_body_push(struct fb_body *body, struct fb_span in)
{
    struct fb_err err;
    body->sent += in.n;
    if (!body->gzip)
        return hand_out(body, in);
    union {
        const uint8_t *in;
        uint8_t *out;
    } p = {.in = in.p}; // zlib's pointer is unqualified; it only reads
    body->z.next_in = p.out;
    body->z.avail_in = (uInt)in.n;
    do
        err = inflate_step(body);
    while (!fb_failed(err) &&
           (body->z.avail_in != 0 || (body->z.avail_out == 0 && !body->done)));
    return err;
}

struct fb_err fb_body_end(const struct fb_body *body)
{
    return body->gzip && !body->done
               ? FB_FAIL(TRUNCATED, "the gzip body ends too early", body->sent)
               : FB_NO_ERR;
}

void fb_body_free(struct fb_body *body)
{
    if (body->open)
        inflateEnd(&body->z);
    body->open = false;
}
