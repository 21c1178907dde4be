/*
 * ingest/http/request.h -- one request from its headers to its answer.
 */
#pragma once
#include "http/server.h"
#include <stdatomic.h>
#include <zstd.h>

enum { FB_COMPRESSORS_MAX = 64 };

/** What all requests share. */
struct fb_shop {
    struct fb_producer *producer;
    struct fb_keys *keys;
    struct fb_probes probes;
    uint64_t max_report; // bytes
    const char *spill_dir;
    atomic_int active;     // requests that are not answered yet
    atomic_int producing;  // threads that are within fb_produce
    atomic_bool stopping;  // every answer closes its connection
    atomic_bool detached;  // the producer is gone
    pthread_mutex_t mutex; // around the compressors
    ZSTD_CCtx *compressors[FB_COMPRESSORS_MAX];
    size_t compressors_n;
};

/** libmicrohttpd's handlers; `cls` is the shop. */
enum MHD_Result fb_request_handle(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **state);
void fb_request_completed(void *cls, struct MHD_Connection *connection, void **state,
                          enum MHD_RequestTerminationCode how);
