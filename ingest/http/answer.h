/*
 * ingest/http/answer.h -- all that a client can be told, one row each.
 *
 * Most clients take anything but 200 as "lost for ever", so an error is the last
 * resort, and never a redirect. 503 is the only one that a sender may cure by waiting.
 */
#pragma once
#include <microhttpd.h>
#include <stdbool.h>

/* X(id, status, reason for metrics, line for people) */
#define FB_ANSWERS(X)                                                                          \
    X(NONE, 0, "", "")                                                                         \
    X(ACCEPTED, 200, "", "")                                                                   \
    X(FRAMING, 400, "framing", "the request's framing is wrong")                               \
    X(MALFORMED, 400, "malformed", "the body cannot be read")                                  \
    X(NO_DUMP, 400, "no_dump",                                                                 \
      "no dump in this upload: a file part, or the whole body, must begin with MDMP or "       \
      "PAGEDU")                                                                                \
    X(NO_KEY, 403, "no_key",                                                                   \
      "an upload key is needed: ?key=..., the header X-Faultbucket-Key, or a field key")       \
    X(BAD_KEY, 403, "bad_key", "this upload key is unknown or revoked")                        \
    X(NOT_FOUND, 404, "not_found", "no such page: reports are posted to /submit")              \
    X(METHOD, 405, "method", "reports are sent by POST")                                       \
    X(TOO_LARGE, 413, "too_large", "the report is larger than this server takes")              \
    X(ENCODING, 415, "encoding", "the body's encoding must be gzip or identity")               \
    X(HEADERS, 431, "headers", "the request's headers are larger than 16 KiB")                 \
    X(NOT_READY, 503, "not_ready", "the server is not ready yet: try again")                   \
    X(NO_ROOM, 503, "no_room", "the server has no memory or disk left: try again")             \
    X(QUEUE_FULL, 503, "queue_full", "too many reports are waiting for Kafka: try again")      \
    X(NOT_KEPT, 503, "not_kept", "Kafka did not acknowledge the report: try again")
#define X(id, status, reason, text) FB_ANSWER_##id,
enum fb_answer { FB_ANSWERS(X) FB_ANSWER_COUNT };
#undef X

unsigned fb_answer_status(enum fb_answer answer);
const char *fb_answer_reason(enum fb_answer answer);

/** Queue it. `text` replaces the row's line when not NULL, as it is for the id; `close` ends
 * the connection afterwards. */
enum MHD_Result fb_answer_queue(struct MHD_Connection *connection, enum fb_answer answer,
                                const char *text, bool close);
