/* ingest/envelope.h -- an upload as the message that goes
 * through Kafka (proto/envelope.proto). */
#pragma once
#include "dialects/meaning.h"
#include "ids.h"
#include "wire.h"
#include <zstd.h>

/** What ingest itself says about a report. */
struct fb_receipt {
    uint8_t id[FB_ID_SIZE];
    int64_t received_at_us;
    int vendor_id;
    const char *vendor;
    const char *dialect; // literal
    uint8_t dump_sha256[FB_SHA256_SIZE];
};

/** Reads the bytes of files back: at least one and at most `n` bytes from `off` on, valid until
 * the next call. */
struct fb_file_source {
    struct fb_err (*get)(void *arg, uint64_t off, uint64_t n, struct fb_span *out);
    void *arg;
};

/** Fields that tell us something else than the report: they do not travel. */
bool fb_envelope_secret(const char *field);

/**
 * Pack the report; its dump is `upload->files[upload->dump]`. Fields are joined first.
 * @owner  the caller frees `out` with fb_wire_free, also after a failure
 * @fails  LIMIT: larger than FB_MESSAGE_MAX; UNAVAILABLE: no memory, or the source failed
 */
struct fb_err fb_envelope_pack(struct fb_upload *upload, const struct fb_receipt *receipt,
                               struct fb_file_source source, ZSTD_CCtx *zstd,
                               struct fb_wire *out, uint8_t dedup[FB_DEDUP_SIZE]);
