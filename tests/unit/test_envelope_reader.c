/*
 * tests/unit/test_envelope_reader.c -- what a message may claim to hold: as much as ingest
 * packs, and not the memory of the machine.
 */
#include "envelope_reader.h"
#include "support/check.h"

#include <stdlib.h>

static const struct {
    const char *name;
    size_t fields;
    bool good;
} rows[] = {
    {"none",              0,       true },
    {"as many as may be", 512,     true },
    {"a flood",           1000000, false},
};

/* An envelope with `n` fields, all of them empty: two bytes each. */
static uint8_t *pack(size_t n, size_t *size)
{
    static uint8_t id[16] = {1};
    Faultbucket__Field empty;
    Faultbucket__Envelope e;
    faultbucket__field__init(&empty);
    faultbucket__envelope__init(&e);
    e.schema = FB_ENVELOPE_SCHEMA;
    e.report_id = e.dedup_key = (ProtobufCBinaryData){sizeof id, id};
    e.fields = calloc(
        n + 1, sizeof(Faultbucket__Field *)); // NOLINT(bugprone-sizeof-expression): pointers
    e.n_fields = n;
    for (size_t i = 0; i < n; i++)
        e.fields[i] = &empty;
    uint8_t *packed = malloc(faultbucket__envelope__get_packed_size(&e));
    *size = faultbucket__envelope__pack(&e, packed);
    free(e.fields);
    return packed;
}

/* --- what a child may answer --------------------------------------------------------- */

static const struct {
    const char *name, *error;
    uint32_t schema;
    size_t key;
    int class;
    bool good;
} answers[] = {
    {"an analysis",        "",    FB_ANALYSIS_SCHEMA,     16, 4,  true },
    {"a reason why not",   "why", FB_ANALYSIS_SCHEMA,     0,  0,  true },
    {"nothing",            "",    FB_ANALYSIS_SCHEMA,     0,  0,  false},
    {"a short key",        "",    FB_ANALYSIS_SCHEMA,     15, 4,  false},
    {"no such class",      "",    FB_ANALYSIS_SCHEMA,     16, 5,  false},
    {"a class below zero", "",    FB_ANALYSIS_SCHEMA,     16, -1, false},
    {"of another schema",  "",    FB_ANALYSIS_SCHEMA + 1, 16, 4,  false},
};

static void check_answer(size_t i)
{
    static uint8_t key[16], room[256];
    Faultbucket__Judgement judgement;
    Faultbucket__Analysis a;
    faultbucket__judgement__init(&judgement);
    faultbucket__analysis__init(&a);
    judgement.class_ = answers[i].class;
    a.schema = answers[i].schema;
    a.error = (char *)(uintptr_t)answers[i].error; // only read
    a.bucket_key = (ProtobufCBinaryData){answers[i].key, key};
    a.fb1 = a.msec16 = &judgement;
    size_t n = faultbucket__analysis__pack(&a, room);
    Faultbucket__Analysis *got = fb_analysis_unpack((struct fb_span){room, n, 0});
    CHECK(answers[i].name, (got != NULL) == answers[i].good);
    fb_analysis_free(got);
}

int main(void)
{
    for (size_t i = 0; i < COUNT(answers); i++)
        check_answer(i);
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t size;
        uint8_t *packed = pack(rows[i].fields, &size);
        Faultbucket__Envelope *e = fb_envelope_unpack((struct fb_span){packed, size, 0});
        CHECK(rows[i].name, (e != NULL) == rows[i].good);
        CHECK(rows[i].name, e == NULL || e->n_fields == rows[i].fields);
        fb_envelope_free(e);
        free(packed);
    }
    return check_done();
}
