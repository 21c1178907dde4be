/*
 * tests/unit/test_envelope.c -- what ingest packs, the generated code unpacks.
 */
#include "base/hash.h"
#include "envelope.h"
#include "envelope.pb-c.h"
#include "spill.h"
#include "support/check.h"

#include <stdlib.h>

enum { ROOM = FB_UPLOAD_ROOM };

/* The bytes of a file, so that compression has something and not everything to gain. */
static void fill(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(i * i >> 5);
    memcpy(p, "MDMP", n < 4 ? n : 4);
}

struct made {
    struct fb_arena arena;
    struct fb_upload upload;
    struct fb_spill spill;
    uint8_t *dump;
    size_t dump_n;
};

static void add_field(struct fb_upload *u, const char *name, const char *value, size_t n)
{
    fb_upload_field(u, fb_span_of(name), (struct fb_span){(const uint8_t *)value, n, 0});
}

static void add_file(struct fb_upload *u, const char *name, const uint8_t *p, size_t n)
{
    enum { STEP = 10007 };
    fb_upload_file_begin(u, name, "file");
    for (size_t at = 0; at < n; at += STEP)
        CHECK(name, !fb_failed(fb_upload_data(
                        u, (struct fb_span){p + at, n - at < STEP ? n - at : STEP, 0})));
    CHECK(name, !fb_failed(fb_upload_end(u)));
}

static struct made *make(size_t dump_n)
{
    struct made *m = calloc(1, sizeof *m);
    m->arena = (struct fb_arena){.base = malloc(ROOM), .cap = ROOM};
    m->dump = malloc(dump_n);
    m->dump_n = dump_n;
    fill(m->dump, dump_n);
    fb_spill_start(&m->spill, "/tmp");
    fb_upload_start(&m->upload, &m->arena, fb_spill_store(&m->spill));
    return m;
}

static void unmake(struct made *m)
{
    fb_spill_free(&m->spill);
    fb_arena_reset(&m->arena);
    free(m->arena.base);
    free(m->dump);
    free(m);
}

static Faultbucket__Envelope *pack(struct made *m, struct fb_wire *wire)
{
    uint8_t dedup[FB_DEDUP_SIZE];
    struct fb_receipt receipt = {.received_at_us = 1700000000000000,
                                 .vendor_id = 7,
                                 .vendor = "acme",
                                 .dialect = "curl"};
    memset(receipt.id, 0x11, sizeof receipt.id);
    CHECK("digest", !fb_failed(fb_spill_digest(&m->spill, receipt.dump_sha256)));
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    struct fb_err err =
        fb_envelope_pack(&m->upload, &receipt, fb_spill_source(&m->spill), zstd, wire, dedup);
    ZSTD_freeCCtx(zstd);
    CHECK("packed", !fb_failed(err));
    Faultbucket__Envelope *e = faultbucket__envelope__unpack(NULL, wire->n, wire->p);
    CHECK("dedup key", e != NULL && e->dedup_key.len == FB_DEDUP_SIZE &&
                           memcmp(e->dedup_key.data, dedup, FB_DEDUP_SIZE) == 0);
    return e;
}

static bool holds(ProtobufCBinaryData zstd, const uint8_t *p, size_t n)
{
    static uint8_t plain[4 << 20];
    size_t got = ZSTD_decompress(plain, sizeof plain, zstd.data, zstd.len);
    return got == n && memcmp(plain, p, n) == 0 &&
           ZSTD_getFrameContentSize(zstd.data, zstd.len) == n;
}

static void check_receipt(const Faultbucket__Envelope *e)
{
    CHECK("schema", e->schema == 1);
    CHECK("id", e->report_id.len == FB_ID_SIZE && e->report_id.data[15] == 0x11);
    CHECK("time", e->received_at_us == 1700000000000000);
    CHECK("vendor", e->vendor_id == 7 && strcmp(e->vendor, "acme") == 0);
    CHECK("dialect", strcmp(e->dialect, "curl") == 0);
    CHECK("not a duplicate", !e->maybe_duplicate);
}

static void check_contents(void)
{
    struct made *m = make(5000);
    struct fb_wire wire;
    uint8_t digest[FB_SHA256_SIZE];
    add_field(&m->upload, "prod", "A\xff\0é", 5);
    add_field(&m->upload, "key", "secret", 6);
    add_field(&m->upload, "ver", "1", 1);
    add_field(&m->upload, "empty", "", 0);
    add_file(&m->upload, "log", (const uint8_t *)"hello", 5);
    add_file(&m->upload, "dump", m->dump, m->dump_n);
    Faultbucket__Envelope *e = pack(m, &wire);
    check_receipt(e);
    CHECK("product", strcmp(e->product, "A\xef\xbf\xbd\xef\xbf\xbdé") == 0);
    CHECK("version", strcmp(e->version, "1") == 0);
    CHECK("nothing said", e->platform[0] == 0 && e->machine[0] == 0);
    CHECK("fields", e->n_fields == 3 && strcmp(e->fields[1]->name, "ver") == 0);
    CHECK("valid text", strcmp(e->fields[0]->value, e->product) == 0);
    CHECK("empty value", e->fields[2]->value[0] == 0 && !e->fields[2]->cut);
    fb_sha256(m->dump, m->dump_n, digest);
    CHECK("digest", memcmp(e->dump_sha256.data, digest, sizeof digest) == 0);
    CHECK("dump", e->dump_size == m->dump_n && holds(e->dump_zstd, m->dump, m->dump_n));
    CHECK("attachment", e->n_attachments == 1 && e->attachments[0]->size == 5 &&
                            strcmp(e->attachments[0]->name, "log") == 0 &&
                            strcmp(e->attachments[0]->file_name, "file") == 0 &&
                            holds(e->attachments[0]->zstd, (const uint8_t *)"hello", 5));
    faultbucket__envelope__free_unpacked(e, NULL);
    fb_wire_free(&wire);
    unmake(m);
}

/* Around the sizes at which memory ends, a window ends, a buffer grows. */
static void check_sizes(void)
{
    static const size_t sizes[] = {4,      5,      65535,  65536,   262143, 262144,
                                   262145, 262148, 327680, 1000003, 3000009};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct made *m = make(sizes[i]);
        struct fb_wire wire;
        char row[32];
        snprintf(row, sizeof row, "%zu bytes", sizes[i]);
        add_file(&m->upload, "dump", m->dump, m->dump_n);
        add_file(&m->upload, "more", m->dump + 1, m->dump_n - 1);
        CHECK(row, (m->spill.fd >= 0) == (2 * sizes[i] - 1 > (size_t)FB_DUMP_IN_MEMORY));
        Faultbucket__Envelope *e = pack(m, &wire);
        CHECK(row, holds(e->dump_zstd, m->dump, m->dump_n));
        CHECK(row, holds(e->attachments[0]->zstd, m->dump + 1, m->dump_n - 1));
        faultbucket__envelope__free_unpacked(e, NULL);
        fb_wire_free(&wire);
        unmake(m);
    }
}

static void check_cut(void)
{
    struct made *m = make(100);
    struct fb_wire wire;
    char *value = malloc(FB_VALUE_MAX);
    memset(value, 'a', FB_VALUE_MAX);
    add_field(&m->upload, "whole", value, FB_VALUE_MAX);
    memset(value, 0xFF, FB_VALUE_MAX); // grows when it is made UTF-8
    add_field(&m->upload, "grown", value, FB_VALUE_MAX);
    memset(value, 'b', FB_MEANING_MAX);
    value[FB_MEANING_MAX - 1] = '\xc3'; // an e with an accent, not to be cut in two
    value[FB_MEANING_MAX] = '\xa9';
    add_field(&m->upload, "prod", value, FB_MEANING_MAX + 1);
    add_file(&m->upload, "dump", m->dump, m->dump_n);
    Faultbucket__Envelope *e = pack(m, &wire);
    CHECK("whole", strlen(e->fields[0]->value) == FB_VALUE_MAX && !e->fields[0]->cut);
    CHECK("cut between characters",
          strlen(e->fields[1]->value) == FB_VALUE_MAX - 1 && e->fields[1]->cut);
    CHECK("product", strlen(e->product) == FB_MEANING_MAX - 1);
    faultbucket__envelope__free_unpacked(e, NULL);
    fb_wire_free(&wire);
    free(value);
    unmake(m);
}

static void check_too_large(void)
{
    struct fb_wire w = {.max = 100};
    uint8_t bytes[90] = {0};
    fb_wire_bytes(&w, 1, bytes, sizeof bytes);
    CHECK("fits", w.err.code == FB_LIMIT || w.n == 92);
    fb_wire_bytes(&w, 1, bytes, sizeof bytes);
    CHECK("does not", w.err.code == FB_LIMIT && w.n <= 100);
    fb_wire_close(&w, fb_wire_open(&w, 1));
    CHECK("stays so", w.err.code == FB_LIMIT && w.n <= 100);
    fb_wire_free(&w);
}

int main(void)
{
    check_contents();
    check_sizes();
    check_cut();
    check_too_large();
    return check_done();
}
