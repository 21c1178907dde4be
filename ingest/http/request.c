/*
 * ingest/http/request.c -- the life of a request.
 *
 *   headers   decide what can be decided; a client that waits for 100 Continue is refused here
 *   pieces    inflate, split, store; of a request that is refused already, swallow
 *   complete  find the vendor, pack the envelope, hand it to Kafka, fall asleep
 *   report    Kafka's word has come, in the producer's thread: wake up
 *   again     answer
 *
 * A refused body is swallowed (to a limit) before the answer, since closing a connection with
 * unread bytes resets it, and the client may then never see why.
 */
#include "http/request.h"

#include "dialects/meaning.h"
#include "dialects/params.h"
#include "envelope.h"
#include "http/answer.h"
#include "http/body.h"
#include "http/framing.h"
#include "log.h"
#include "metrics.h"
#include "spill.h"
#include <stdlib.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

enum {
    BODY_SECONDS = 300,   // for a whole body, however slowly it trickles
    SWALLOW_TIMES = 2,    // of the largest report: what a refused body may cost
    TRACEPARENT_SIZE = 55 // W3C Trace Context, version 00
};

enum phase { RECEIVING, WAITING, ANSWERED };
enum { PENDING = -1 };

struct request {
    struct fb_shop *shop;
    struct MHD_Connection *connection;
    enum phase phase;
    enum fb_answer refused;
    const char *why; // literal, instead of the answer's line
    int64_t since_us;
    uint64_t body_n; // as sent
    const char *dialect;
    bool multipart, vendor_known;
    struct fb_vendor vendor;
    struct fb_body body;
    struct fb_multipart parser;
    struct fb_arena arena;
    struct fb_upload upload;
    struct fb_spill spill;
    struct fb_receipt receipt;
    struct fb_wire message;
    char key[FB_DEDUP_TEXT], id[FB_ID_TEXT], client_id[FB_ID_CLIENT];
    char traceparent[TRACEPARENT_SIZE + 1];
    atomic_int delivery; // enum fb_delivery, or PENDING
};

/* Where reports are taken. Chromium's own path is there because its builds ship with it. */
static const char *const paths[] = {"/submit", "/", "/cr/report"};

static int64_t clock_us(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
    const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
    return value != NULL ? value : "";
}

/* --- refusing ----------------------------------------------------------------------- */

static void refuse(struct request *r, enum fb_answer answer, const char *why)
{
    if (r->refused == FB_ANSWER_NONE) {
        r->refused = answer;
        r->why = why;
    }
}

static void refuse_for(struct request *r, struct fb_err err)
{
    static const enum fb_answer answers[FB_CODE_COUNT] = {
        [FB_TRUNCATED] = FB_ANSWER_MALFORMED, [FB_MALFORMED] = FB_ANSWER_MALFORMED,
        [FB_LIMIT] = FB_ANSWER_TOO_LARGE,     [FB_UNAVAILABLE] = FB_ANSWER_NO_ROOM,
        [FB_USAGE] = FB_ANSWER_NO_ROOM,       [FB_BUG] = FB_ANSWER_NO_ROOM,
    };
    if (fb_failed(err))
        refuse(r, answers[err.code], err.what);
}

static void count(const struct request *r, unsigned status, const char *reason)
{
    static const double us_per_second = 1e6;
    char labels[64];
    snprintf(labels, sizeof labels, "%s,%u", r->dialect, status);
    fb_metric_add(FB_METRIC_INGEST_REQUESTS, labels, 1);
    fb_metric_observe(FB_METRIC_INGEST_SECONDS, r->dialect,
                      (double)(clock_us(CLOCK_MONOTONIC) - r->since_us) / us_per_second);
    fb_metric_observe(FB_METRIC_INGEST_BYTES, r->dialect, (double)r->body_n);
    if (reason[0] != 0)
        fb_metric_add(FB_METRIC_INGEST_REJECTED, reason, 1);
}

static enum MHD_Result answer(struct request *r, enum fb_answer a, bool close)
{
    bool accepted = a == FB_ANSWER_ACCEPTED;
    const char *text = accepted ? r->client_id : r->why;
    r->phase = ANSWERED;
    count(r, fb_answer_status(a), fb_answer_reason(a));
    fb_log(accepted ? FB_LOG_DEBUG : FB_LOG_INFO, accepted ? "accepted" : "refused", "id",
           r->id[0] != 0 ? r->id : NULL, "dialect", r->dialect, "status",
           fb_log_number(fb_answer_status(a)), "reason", fb_answer_reason(a), "bytes",
           fb_log_number((long long)r->body_n), "why", r->why, NULL);
    return fb_answer_queue(r->connection, a, text, close || atomic_load(&r->shop->stopping));
}

/* --- headers ------------------------------------------------------------------------ */

static enum MHD_Result add_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                  size_t name_n, const char *value, size_t value_n)
{
    (void)kind;
    fb_framing_add(cls, name, name_n, value, value_n);
    return MHD_YES;
}

static enum MHD_Result add_argument(void *cls, enum MHD_ValueKind kind, const char *name,
                                    size_t name_n, const char *value, size_t value_n)
{
    struct request *r = cls;
    (void)kind;
    fb_upload_field(&r->upload, (struct fb_span){(const uint8_t *)name, name_n, 0},
                    (struct fb_span){(const uint8_t *)value, value != NULL ? value_n : 0, 0});
    return MHD_YES;
}

/* A key decides at once. Without one, a form field may still bring it. */
static void check_key(struct request *r, struct fb_span key)
{
    switch (fb_keys_find(r->shop->keys, key, &r->vendor)) {
    case FB_KEY_GOOD:
        r->vendor_known = true;
        break;
    case FB_KEY_UNKNOWN:
        refuse(r, FB_ANSWER_BAD_KEY, NULL);
        break;
    case FB_KEY_UNSURE:
        refuse(r, FB_ANSWER_NOT_READY, NULL);
        break;
    }
}

static void check_early_key(struct request *r)
{
    struct fb_span key = fb_span_of(header(r->connection, "X-Faultbucket-Key"));
    const char *argument =
        MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, "key");
    if (key.n == 0 && argument != NULL)
        key = fb_span_of(argument);
    if (key.n != 0)
        check_key(r, key);
}

static void check_target(struct request *r, const char *url, const char *method)
{
    size_t i = 0;
    while (i < sizeof paths / sizeof *paths && strcmp(url, paths[i]) != 0)
        i++;
    if (i == sizeof paths / sizeof *paths)
        refuse(r, FB_ANSWER_NOT_FOUND, NULL);
    else if (strcmp(method, MHD_HTTP_METHOD_POST) != 0)
        refuse(r, FB_ANSWER_METHOD, NULL);
}

static struct fb_err to_parser(void *arg, struct fb_span bytes)
{
    struct request *r = arg;
    return r->multipart ? fb_multipart_push(&r->parser, bytes)
                        : fb_upload_data(&r->upload, bytes);
}

/* How the body is to be read. */
static void start_body(struct request *r)
{
    char room[FB_BOUNDARY_MAX + 2]; // one too many shows
    struct fb_text boundary = fb_text_over(room, sizeof room);
    struct fb_span type = fb_span_of(header(r->connection, "Content-Type"));
    struct fb_err err = fb_body_start(&r->body, header(r->connection, "Content-Encoding"));
    r->body.out = to_parser;
    r->body.arg = r;
    r->body.limit = r->shop->max_report;
    if (fb_failed(err))
        refuse(r, err.code == FB_MALFORMED ? FB_ANSWER_ENCODING : FB_ANSWER_NO_ROOM, NULL);
    r->multipart = fb_params_multipart(type);
    if (!r->multipart) {
        fb_upload_file_begin(&r->upload, "body", "");
        return;
    }
    fb_params_get(type, "boundary", &boundary);
    struct fb_span chosen = {(const uint8_t *)boundary.p, boundary.n, 0};
    refuse_for(r, fb_multipart_start(&r->parser, chosen, fb_upload_sink(&r->upload)));
    if (boundary.n != 0)
        r->dialect = fb_dialect(chosen, header(r->connection, "User-Agent"));
}

/* Whether to answer now: when the client waits for our word, when there is no body or no
 * knowing where it ends, or when it is too much to swallow. */
static bool answer_now(const struct request *r, const struct fb_framing *f)
{
    bool has_body = f->codings != 0 || f->length != 0;
    return r->refused == FB_ANSWER_FRAMING || !has_body ||
           header(r->connection, "Expect")[0] != 0 ||
           f->length > SWALLOW_TIMES * r->shop->max_report;
}

static void copy_traceparent(struct request *r)
{
    const char *value = header(r->connection, "traceparent");
    if (strlen(value) == TRACEPARENT_SIZE &&
        strspn(value, "0123456789abcdef-") == TRACEPARENT_SIZE)
        memcpy(r->traceparent, value, TRACEPARENT_SIZE);
}

static struct request *new_request(struct fb_shop *shop, struct MHD_Connection *connection)
{
    struct request *r = calloc(1, sizeof *r);
    uint8_t *room = malloc(FB_UPLOAD_ROOM); // touched only as far as it is used
    if (r == NULL || room == NULL) {
        free(r);
        free(room);
        return NULL;
    }
    r->shop = shop;
    r->connection = connection;
    r->since_us = clock_us(CLOCK_MONOTONIC);
    r->dialect = "raw";
    r->arena = (struct fb_arena){.base = room, .cap = FB_UPLOAD_ROOM};
    atomic_init(&r->delivery, PENDING);
    fb_spill_start(&r->spill, shop->spill_dir);
    fb_upload_start(&r->upload, &r->arena, fb_spill_store(&r->spill));
    atomic_fetch_add(&shop->active, 1);
    return r;
}

static void check_headers(struct request *r, const struct fb_framing *f, const char *url,
                          const char *method)
{
    const char *wrong = fb_framing_wrong(f);
    if (wrong != NULL)
        refuse(r, FB_ANSWER_FRAMING, wrong);
    if (f->bytes > FB_HEADERS_MAX)
        refuse(r, FB_ANSWER_HEADERS, NULL);
    check_target(r, url, method);
    if (f->length > r->shop->max_report)
        refuse(r, FB_ANSWER_TOO_LARGE, NULL);
    if (r->refused != FB_ANSWER_NONE)
        return;
    check_early_key(r);
    MHD_get_connection_values_n(r->connection, MHD_GET_ARGUMENT_KIND, add_argument, r);
    start_body(r);
    copy_traceparent(r);
}

static enum MHD_Result begin(struct fb_shop *shop, struct MHD_Connection *connection,
                             const char *url, const char *method, void **state)
{
    struct fb_framing framing = {0};
    struct request *r = new_request(shop, connection);
    if (r == NULL)
        return MHD_NO; // without memory there is no polite way
    *state = r;
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, add_header, &framing);
    check_headers(r, &framing, url, method);
    if (r->refused != FB_ANSWER_NONE && answer_now(r, &framing))
        return answer(r, r->refused, true);
    return MHD_YES;
}

/* --- pieces ------------------------------------------------------------------------- */

/* @return MHD_NO ends the connection without an answer: the body takes too long, or is refused
 * and has no end */
static enum MHD_Result take(struct request *r, struct fb_span piece)
{
    static const int64_t longest_us = (int64_t)BODY_SECONDS * 1000000;
    r->body_n += piece.n;
    if (clock_us(CLOCK_MONOTONIC) - r->since_us > longest_us)
        return MHD_NO;
    if (r->refused != FB_ANSWER_NONE)
        return r->body_n > SWALLOW_TIMES * r->shop->max_report ? MHD_NO : MHD_YES;
    refuse_for(r, fb_body_push(&r->body, piece));
    return MHD_YES;
}

/* --- complete ----------------------------------------------------------------------- */

static struct fb_err end_body(struct request *r)
{
    struct fb_err err = fb_body_end(&r->body);
    if (fb_failed(err))
        return err;
    return r->multipart ? fb_multipart_end(&r->parser) : fb_upload_end(&r->upload);
}

static void find_vendor(struct request *r)
{
    const struct fb_field *field = fb_upload_find(&r->upload, "key");
    if (field != NULL && field->value_n != 0) {
        check_key(r, (struct fb_span){(const uint8_t *)field->value, field->value_n, 0});
        return;
    }
    switch (fb_keys_anonymous(r->shop->keys, &r->vendor)) {
    case FB_KEY_GOOD:
        break;
    case FB_KEY_UNKNOWN:
        refuse(r, FB_ANSWER_NO_KEY, NULL);
        break;
    case FB_KEY_UNSURE:
        refuse(r, FB_ANSWER_NOT_READY, NULL);
        break;
    }
}

static bool name_report(struct request *r)
{
    enum { RANDOM = 10, US_PER_MS = 1000 };
    uint8_t random[RANDOM];
    if (getrandom(random, sizeof random, 0) != RANDOM)
        return false;
    r->receipt.received_at_us = clock_us(CLOCK_REALTIME);
    fb_id_make((uint64_t)r->receipt.received_at_us / US_PER_MS, random, r->receipt.id);
    fb_id_text(r->receipt.id, r->id);
    fb_id_client(r->receipt.id, r->client_id);
    r->receipt.vendor_id = r->vendor.id;
    r->receipt.vendor = r->vendor.name;
    r->receipt.dialect = r->dialect;
    return true;
}

static ZSTD_CCtx *borrow_compressor(struct fb_shop *shop)
{
    ZSTD_CCtx *zstd = NULL;
    pthread_mutex_lock(&shop->mutex);
    if (shop->compressors_n != 0)
        zstd = shop->compressors[--shop->compressors_n];
    pthread_mutex_unlock(&shop->mutex);
    return zstd != NULL ? zstd : ZSTD_createCCtx();
}

static void give_back_compressor(struct fb_shop *shop, ZSTD_CCtx *zstd)
{
    pthread_mutex_lock(&shop->mutex);
    bool fits = shop->compressors_n < FB_COMPRESSORS_MAX;
    if (fits)
        shop->compressors[shop->compressors_n++] = zstd;
    pthread_mutex_unlock(&shop->mutex);
    if (!fits)
        ZSTD_freeCCtx(zstd);
}

static struct fb_err pack(struct request *r)
{
    uint8_t dedup[FB_DEDUP_SIZE];
    struct fb_err err = fb_spill_digest(&r->spill, r->receipt.dump_sha256);
    ZSTD_CCtx *zstd = fb_failed(err) ? NULL : borrow_compressor(r->shop);
    if (zstd == NULL)
        return FB_FAIL(UNAVAILABLE, "no memory to compress", 0);
    err = fb_envelope_pack(&r->upload, &r->receipt, fb_spill_source(&r->spill), zstd,
                           &r->message, dedup);
    give_back_compressor(r->shop, zstd);
    fb_hex(dedup, FB_DEDUP_SIZE, r->key);
    return err;
}

static void drop_working_memory(struct request *r)
{
    fb_spill_free(&r->spill);
    fb_body_free(&r->body);
    fb_arena_reset(&r->arena);
    free(r->arena.base);
    r->arena = (struct fb_arena){0};
}

/* In the producer's thread. Once the connection is resumed, the request may be gone. */
static void delivered(void *arg, enum fb_delivery how, const char *code)
{
    struct request *r = arg;
    struct MHD_Connection *connection = r->connection;
    if (code != NULL)
        fb_log(FB_LOG_WARNING, "not_delivered", "id", r->id, "code", code, NULL);
    atomic_store(&r->delivery, (int)how);
    MHD_resume_connection(connection);
}

static struct fb_err produce(struct request *r)
{
    const struct fb_message message = {
        .key = fb_span_of(r->key),
        .value = {r->message.p, r->message.n, 0},
        .id = r->id,
        .traceparent = r->traceparent[0] != 0 ? r->traceparent : NULL,
    };
    struct fb_err err = FB_FAIL(UNAVAILABLE, "the server is stopping: try again", 0);
    atomic_fetch_add(&r->shop->producing, 1);
    if (!atomic_load(&r->shop->detached))
        err = fb_produce(r->shop->producer, &message, delivered, r);
    atomic_fetch_sub(&r->shop->producing, 1);
    return err;
}

/* The report of what is produced may come before fb_produce returns: fall asleep first. */
static enum MHD_Result hand_over(struct request *r)
{
    r->phase = WAITING;
    MHD_suspend_connection(r->connection);
    struct fb_err err = produce(r);
    if (fb_failed(err)) {
        refuse(r, err.code == FB_LIMIT ? FB_ANSWER_TOO_LARGE : FB_ANSWER_QUEUE_FULL, err.what);
        MHD_resume_connection(r->connection);
    }
    return MHD_YES;
}

static enum MHD_Result complete(struct request *r)
{
    if (r->refused == FB_ANSWER_NONE)
        refuse_for(r, end_body(r));
    if (r->refused == FB_ANSWER_NONE && !r->vendor_known)
        find_vendor(r);
    if (r->refused == FB_ANSWER_NONE && r->upload.dump < 0)
        refuse(r, FB_ANSWER_NO_DUMP, NULL);
    if (r->refused == FB_ANSWER_NONE && !name_report(r))
        refuse(r, FB_ANSWER_NO_ROOM, NULL);
    if (r->refused == FB_ANSWER_NONE)
        refuse_for(r, pack(r));
    drop_working_memory(r);
    return r->refused == FB_ANSWER_NONE ? hand_over(r) : answer(r, r->refused, false);
}

static enum MHD_Result awake(struct request *r)
{
    if (r->refused != FB_ANSWER_NONE)
        return answer(r, r->refused, false);
    return answer(
        r, atomic_load(&r->delivery) == FB_DELIVERED ? FB_ANSWER_ACCEPTED : FB_ANSWER_NOT_KEPT,
        false);
}

enum MHD_Result fb_request_handle(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **state)
{
    struct fb_shop *shop = cls;
    struct request *r = *state;
    unsigned status;
    (void)version;
    if (r == NULL &&
        fb_health_answer(connection, method, url, &shop->probes, &status) == MHD_YES)
        return MHD_YES;
    if (r == NULL)
        return begin(shop, connection, url, method, state);
    if (*size != 0) {
        struct fb_span piece = {(const uint8_t *)data, *size, 0};
        *size = 0;
        return take(r, piece);
    }
    return r->phase == RECEIVING ? complete(r) : awake(r);
}

void fb_request_completed(void *cls, struct MHD_Connection *connection, void **state,
                          enum MHD_RequestTerminationCode how)
{
    struct fb_shop *shop = cls;
    struct request *r = *state;
    (void)connection, (void)how;
    if (r == NULL)
        return;
    if (r->phase != ANSWERED)
        count(r, 0, "client_gone");
    drop_working_memory(r);
    fb_wire_free(&r->message);
    free(r);
    *state = NULL;
    atomic_fetch_sub(&shop->active, 1);
}
