/* common/envelope_reader.c -- protobuf-c with a ceiling, and the checks that the
 * schema cannot express. */
#include "envelope_reader.h"

#include <stdlib.h>

/* An unpacked message is at most so many times its packed size: an empty sub-message takes two
 * bytes on the wire and a struct and a pointer in memory. */
enum { GROWTH_MAX = 64, ROOM_BESIDE = 65536 };

static void *take(void *user, size_t n)
{
    size_t *left = user;
    if (n > *left)
        return NULL;
    *left -= n;
    return malloc(n);
}

static void give(void *user, void *p)
{
    (void)user;
    free(p);
}

static void *unpack(const ProtobufCMessageDescriptor *type, struct fb_span message)
{
    size_t left = message.n <= (SIZE_MAX - ROOM_BESIDE) / GROWTH_MAX
                      ? message.n * GROWTH_MAX + ROOM_BESIDE
                      : 0;
    ProtobufCAllocator allocator = {take, give, &left};
    return protobuf_c_message_unpack(type, &allocator, message.n, message.p);
}

Faultbucket__Envelope *fb_envelope_unpack(struct fb_span message)
{
    Faultbucket__Envelope *e = unpack(&faultbucket__envelope__descriptor, message);
    if (e != NULL &&
        (e->schema != FB_ENVELOPE_SCHEMA || e->report_id.len != 16 || e->dedup_key.len != 16)) {
        fb_envelope_free(e);
        return NULL;
    }
    return e;
}

void fb_envelope_free(Faultbucket__Envelope *envelope)
{
    if (envelope != NULL)
        faultbucket__envelope__free_unpacked(envelope, NULL);
}

Faultbucket__Analysis *fb_analysis_unpack(struct fb_span message)
{
    Faultbucket__Analysis *a = unpack(&faultbucket__analysis__descriptor, message);
    bool good =
        a != NULL && a->schema == FB_ANALYSIS_SCHEMA &&
        (a->error[0] != 0 || (a->bucket_key.len == 16 && a->fb1 != NULL && a->msec16 != NULL));
    if (a != NULL && !good) {
        fb_analysis_free(a);
        return NULL;
    }
    return a;
}

void fb_analysis_free(Faultbucket__Analysis *analysis)
{
    if (analysis != NULL)
        faultbucket__analysis__free_unpacked(analysis, NULL);
}
