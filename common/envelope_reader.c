/* common/envelope_reader.c -- protobuf-c with a ceiling, and the checks that the
 * schema cannot express. */
#include "envelope_reader.h"

#include <stdlib.h>

/* An unpacked message holds its own bytes once more, and structs for a few hundred fields or
 * frames. One that claims more of them than any of ours is no message of ours: an empty
 * sub-message takes two bytes on the wire and fifty in memory. */
enum { ROOM_BESIDE = 512 * 1024 };

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
    size_t left = message.n <= SIZE_MAX - ROOM_BESIDE ? message.n + ROOM_BESIDE : 0;
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

static bool is_judgement(const Faultbucket__Judgement *j)
{
    enum { LOWEST_CLASS = 1, HIGHEST_CLASS = 4 }; // of analysis.proto
    return j != NULL && j->class_ >= LOWEST_CLASS && j->class_ <= HIGHEST_CLASS;
}

static bool is_whole(const Faultbucket__Analysis *a)
{
    return a->bucket_key.len == 16 && is_judgement(a->fb1) && is_judgement(a->msec16);
}

Faultbucket__Analysis *fb_analysis_unpack(struct fb_span message)
{
    Faultbucket__Analysis *a = unpack(&faultbucket__analysis__descriptor, message);
    bool good =
        a != NULL && a->schema == FB_ANALYSIS_SCHEMA && (a->error[0] != 0 || is_whole(a));
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
