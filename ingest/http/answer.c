/* ingest/http/answer.c -- the rows as responses: small, with a length, as plain text. */
#include "http/answer.h"

#include <stdio.h>
#include <string.h>

static const struct {
    unsigned status;
    const char *reason, *text;
} answers[] = {
#define X(id, status, reason, text) {status, reason, text},
    FB_ANSWERS(X)
#undef X
};

unsigned fb_answer_status(enum fb_answer answer) { return answers[answer].status; }
const char *fb_answer_reason(enum fb_answer answer) { return answers[answer].reason; }

static void add_headers(struct MHD_Response *response, enum fb_answer answer, bool close)
{
    static const char retry_seconds[] = "5";
    MHD_add_response_header(response, "Content-Type", "text/plain");
    if (answers[answer].status == MHD_HTTP_SERVICE_UNAVAILABLE)
        MHD_add_response_header(response, "Retry-After", retry_seconds);
    if (answers[answer].status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, "Allow", "POST");
    if (close)
        MHD_add_response_header(response, "Connection", "close");
}

enum MHD_Result fb_answer_queue(struct MHD_Connection *connection, enum fb_answer answer,
                                const char *text, bool close)
{
    char line[256];
    // The id is stored by machines as it comes: no newline.
    int n = snprintf(line, sizeof line, answer == FB_ANSWER_ACCEPTED ? "%s" : "%s\n",
                     text != NULL ? text : answers[answer].text);
    struct MHD_Response *response =
        MHD_create_response_from_buffer((size_t)n, line, MHD_RESPMEM_MUST_COPY);
    if (response == NULL)
        return MHD_NO;
    add_headers(response, answer, close);
    enum MHD_Result done = MHD_queue_response(connection, answers[answer].status, response);
    MHD_destroy_response(response);
    return done;
}
