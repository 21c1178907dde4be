/*
 * ingest/envelope.c -- small things first, then the dump and the attachments, compressed
 * straight into the message.
 */
#include "envelope.h"

/* Field numbers of proto/envelope.proto; a test unpacks with the generated code. */
enum envelope_field {
    SCHEMA = 1,
    REPORT_ID = 2,
    RECEIVED_AT = 3,
    VENDOR_ID = 4,
    VENDOR = 5,
    PRODUCT = 6,
    VERSION = 7,
    PLATFORM = 8,
    MACHINE = 9,
    DIALECT = 10,
    DEDUP_KEY = 11,
    DUMP_SHA256 = 12,
    DUMP_SIZE = 13,
    DUMP_ZSTD = 14,
    FIELDS = 15,
    ATTACHMENTS = 16
};
enum field_field { NAME = 1, VALUE = 2, CUT = 3 };
enum attachment_field { FILE_FIELD = 1, FILE_NAME = 2, FILE_ZSTD = 3, FILE_SIZE = 4 };
enum { SCHEMA_NOW = 1, LEVEL = 1, STEP = 64 * 1024 };

bool fb_envelope_secret(const char *field) { return strcmp(field, "key") == 0; }

static void put_receipt(struct fb_wire *w, const struct fb_receipt *receipt)
{
    fb_wire_number(w, SCHEMA, SCHEMA_NOW);
    fb_wire_bytes(w, REPORT_ID, receipt->id, FB_ID_SIZE);
    fb_wire_number(w, RECEIVED_AT, (uint64_t)receipt->received_at_us);
    fb_wire_number(w, VENDOR_ID, (uint64_t)(int64_t)receipt->vendor_id);
    fb_wire_bytes(w, VENDOR, receipt->vendor, strlen(receipt->vendor));
    fb_wire_bytes(w, DIALECT, receipt->dialect, strlen(receipt->dialect));
    fb_wire_bytes(w, DUMP_SHA256, receipt->dump_sha256, FB_SHA256_SIZE);
}

/* @return the product, in `product` */
static void put_meanings(struct fb_wire *w, const struct fb_upload *upload,
                         char product[FB_MEANING_MAX + 1])
{
    static const enum envelope_field numbers[FB_MEANINGS] = {
        [FB_MEANS_PRODUCT] = PRODUCT,
        [FB_MEANS_VERSION] = VERSION,
        [FB_MEANS_PLATFORM] = PLATFORM,
        [FB_MEANS_MACHINE] = MACHINE,
    };
    for (enum fb_meaning m = 0; m < FB_MEANINGS; m++) {
        char text[FB_MEANING_MAX + 1];
        fb_meaning_get(upload, m, text);
        fb_wire_bytes(w, numbers[m], text, strlen(text));
        if (m == FB_MEANS_PRODUCT)
            memcpy(product, text, sizeof text);
    }
}

static void put_field(struct fb_wire *w, const struct fb_field *field)
{
    size_t section = fb_wire_open(w, FIELDS);
    bool cut = field->cut;
    cut |= fb_wire_text(w, NAME, field->name, field->name_n, FB_NAME_MAX);
    cut |= fb_wire_text(w, VALUE, field->value, field->value_n, FB_VALUE_MAX);
    fb_wire_number(w, CUT, cut);
    fb_wire_close(w, section);
}

/* One turn of the compressor into the message. @return whether it has more to say */
static bool turn(struct fb_wire *w, ZSTD_CCtx *zstd, ZSTD_inBuffer *in, bool last)
{
    uint8_t *to = fb_wire_room(w, STEP < w->max - w->n ? STEP : w->max - w->n);
    if (to == NULL)
        return false;
    ZSTD_outBuffer out = {.dst = to, .size = STEP < w->max - w->n ? STEP : w->max - w->n};
    size_t left = ZSTD_compressStream2(zstd, &out, in, last ? ZSTD_e_end : ZSTD_e_continue);
    fb_wire_took(w, out.pos);
    if (ZSTD_isError(left))
        w->err = FB_FAIL(UNAVAILABLE, "the compressor failed", w->n);
    else if (out.pos == 0 && out.size == 0)
        w->err = FB_FAIL(LIMIT, "the report does not fit into one message", w->n);
    return !fb_failed(w->err) && (last ? left != 0 : in->pos < in->size);
}

static void put_zstd(struct fb_wire *w, unsigned field, const struct fb_file *file,
                     struct fb_file_source source, ZSTD_CCtx *zstd)
{
    size_t section = fb_wire_open(w, field);
    ZSTD_CCtx_reset(zstd, ZSTD_reset_session_and_parameters);
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, LEVEL);
    ZSTD_CCtx_setPledgedSrcSize(zstd, file->size);
    for (uint64_t at = 0; at < file->size && !fb_failed(w->err);) {
        struct fb_span piece = {0};
        struct fb_err err = source.get(source.arg, file->off + at, file->size - at, &piece);
        if (fb_failed(err)) {
            w->err = err;
            return;
        }
        at += piece.n;
        ZSTD_inBuffer in = {.src = piece.p, .size = piece.n};
        while (turn(w, zstd, &in, at == file->size))
            ;
    }
    fb_wire_close(w, section);
}

static void put_attachment(struct fb_wire *w, const struct fb_file *file,
                           struct fb_file_source source, ZSTD_CCtx *zstd)
{
    size_t section = fb_wire_open(w, ATTACHMENTS);
    fb_wire_text(w, FILE_FIELD, file->name, strlen(file->name), FB_NAME_MAX);
    fb_wire_text(w, FILE_NAME, file->file_name, strlen(file->file_name), FB_NAME_MAX);
    fb_wire_number(w, FILE_SIZE, file->size);
    put_zstd(w, FILE_ZSTD, file, source, zstd);
    fb_wire_close(w, section);
}

struct fb_err fb_envelope_pack(struct fb_upload *upload, const struct fb_receipt *receipt,
                               struct fb_file_source source, ZSTD_CCtx *zstd,
                               struct fb_wire *out, uint8_t dedup[FB_DEDUP_SIZE])
{
    char product[FB_MEANING_MAX + 1];
    const struct fb_file *dump = &upload->files[upload->dump];
    *out = (struct fb_wire){.max = FB_MESSAGE_MAX};
    fb_upload_join(upload);
    put_receipt(out, receipt);
    put_meanings(out, upload, product);
    fb_id_dedup(receipt->vendor_id, product, receipt->dump_sha256, dedup);
    fb_wire_bytes(out, DEDUP_KEY, dedup, FB_DEDUP_SIZE);
    fb_wire_number(out, DUMP_SIZE, dump->size);
    for (size_t i = 0; i < upload->fields_n; i++)
        if (!fb_envelope_secret(upload->fields[i].name))
            put_field(out, &upload->fields[i]);
    put_zstd(out, DUMP_ZSTD, dump, source, zstd);
    for (size_t i = 0; i < upload->files_n; i++)
        if (&upload->files[i] != dump)
            put_attachment(out, &upload->files[i], source, zstd);
    return out->err;
}
