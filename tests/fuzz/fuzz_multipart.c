/*
 * tests/fuzz/fuzz_multipart.c -- a body through framing, parts, pieces and the envelope.
 *
 * The first byte chooses how the body is cut; whatever the cut, the same upload must come out.
 */
#include "envelope.h"
#include "spill.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct got {
    uint8_t *room;
    struct fb_arena arena;
    struct fb_upload upload;
    struct fb_spill spill;
    struct fb_err err;
};

static void parse(struct got *g, const uint8_t *p, size_t n, size_t step)
{
    static struct fb_multipart m;
    g->room = malloc(FB_UPLOAD_ROOM);
    g->arena = (struct fb_arena){.base = g->room, .cap = FB_UPLOAD_ROOM};
    fb_spill_start(&g->spill, "/tmp");
    fb_upload_start(&g->upload, &g->arena, fb_spill_store(&g->spill));
    fb_multipart_start(&m, (struct fb_span){(const uint8_t *)"b", 1, 0},
                       fb_upload_sink(&g->upload));
    for (size_t at = 0; at < n; at += step) {
        size_t piece = n - at < step ? n - at : step;
        uint8_t *copy = malloc(piece);
        memcpy(copy, p + at, piece);
        fb_multipart_push(&m, (struct fb_span){copy, piece, 0});
        free(copy);
    }
    g->err = fb_multipart_end(&m);
}

static void pack(struct got *g)
{
    static ZSTD_CCtx *zstd;
    struct fb_receipt receipt = {.vendor = "v", .dialect = "raw"};
    struct fb_wire wire;
    uint8_t dedup[FB_DEDUP_SIZE];
    if (zstd == NULL)
        zstd = ZSTD_createCCtx();
    if (g->upload.dump < 0 || fb_failed(fb_spill_digest(&g->spill, receipt.dump_sha256)))
        return;
    if (fb_failed(fb_envelope_pack(&g->upload, &receipt, fb_spill_source(&g->spill), zstd,
                                   &wire, dedup)))
        abort();
    fb_wire_free(&wire);
}

static void drop(struct got *g)
{
    fb_spill_free(&g->spill);
    fb_arena_reset(&g->arena);
    free(g->room);
}

static bool same(const struct fb_upload *a, const struct fb_upload *b)
{
    if (a->fields_n != b->fields_n || a->files_n != b->files_n || a->dump != b->dump)
        return false;
    for (size_t i = 0; i < a->fields_n; i++)
        if (a->fields[i].value_n != b->fields[i].value_n ||
            memcmp(a->fields[i].value, b->fields[i].value, a->fields[i].value_n) != 0)
            return false;
    for (size_t i = 0; i < a->files_n; i++)
        if (a->files[i].size != b->files[i].size || a->files[i].off != b->files[i].off)
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct got whole, cut;
    if (size < 2)
        return 0;
    parse(&whole, data + 1, size - 1, size);
    parse(&cut, data + 1, size - 1, (size_t)data[0] % 64 + 1);
    if (whole.err.code != cut.err.code || !same(&whole.upload, &cut.upload))
        abort();
    pack(&cut);
    drop(&whole);
    drop(&cut);
    return 0;
}
