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
    e.fields = calloc(n + 1, sizeof *e.fields);
    e.n_fields = n;
    for (size_t i = 0; i < n; i++)
        e.fields[i] = &empty;
    uint8_t *packed = malloc(faultbucket__envelope__get_packed_size(&e));
    *size = faultbucket__envelope__pack(&e, packed);
    free(e.fields);
    return packed;
}

int main(void)
{
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
