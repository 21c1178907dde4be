/*
 * cli/submit.c -- `faultbucket submit`: send dumps to an ingest node, as Breakpad's
 * own uploader would.
 */
#include "cli.h"

#include <argp.h>
#include <curl/curl.h>
#include <string.h>

enum { FIELDS_MAX = 256, REPLY_MAX = 256 };

struct options {
    const char *fields[FIELDS_MAX]; // NAME=VALUE
    size_t n_fields;
    char **files;
    int n_files;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case 'f':
        if (strchr(arg, '=') == NULL || o->n_fields == FIELDS_MAX)
            argp_error(state, "--field is NAME=VALUE, at most %d times", FIELDS_MAX);
        o->fields[o->n_fields++] = arg;
        return 0;
    case ARGP_KEY_ARGS:
        o->files = state->argv + state->next;
        o->n_files = state->argc - state->next;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "name a dump to send");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option flags[] = {
    {"field",       'f', "NAME=VALUE", 0,
     "Say something about the report, for example prod=Editor, ver=4.2.1, guid=MACHINE", 0},
    {0},
};
static const struct argp argp = {
    flags,
    parse,
    "FILE...",
    "Send dumps to the ingest node at server.url with the upload key server.key. "
    "Prints the id of each report.\v"
    "Exit codes: 0 all were accepted, 1 one was not, 2 called wrongly.",
    NULL,
    NULL,
    NULL};

struct reply {
    char text[REPLY_MAX];
    size_t n;
};

static size_t on_reply(char *bytes, size_t size, size_t n, void *user)
{
    struct reply *reply = user;
    size_t room = sizeof reply->text - 1 - reply->n, take = n < room ? n : room;
    memcpy(reply->text + reply->n, bytes, take);
    reply->n += take;
    return size * n;
}

static void add_parts(curl_mime *form, const struct options *o, const char *path)
{
    for (size_t i = 0; i < o->n_fields; i++) {
        char name[256];
        size_t n = strcspn(o->fields[i], "=");
        snprintf(name, sizeof name, "%.*s", (int)n, o->fields[i]);
        curl_mimepart *part = curl_mime_addpart(form);
        curl_mime_name(part, name);
        curl_mime_data(part, o->fields[i] + n + 1, CURL_ZERO_TERMINATED);
    }
    curl_mimepart *dump = curl_mime_addpart(form);
    curl_mime_name(dump, "upload_file_minidump");
    curl_mime_type(dump, "application/octet-stream");
    curl_mime_filedata(dump, path);
}

/* What a failed upload means, and what to do. */
static int explain(const char *path, CURLcode code, long status, const struct reply *reply)
{
    if (code == CURLE_READ_ERROR)
        return fb_cli_failed("submit", path, "cannot be read", "name a file that can be read");
    if (code != CURLE_OK)
        return fb_cli_failed("submit", path, curl_easy_strerror(code),
                             "check server.url, and that the ingest node runs");
    char reason[REPLY_MAX + 64];
    snprintf(reason, sizeof reason, "status %ld: %s", status, fb_cli_safe(reply->text));
    return fb_cli_failed("submit", path, reason,
                         status == 403 ? "set server.key to a key of `faultbucket key create`"
                                       : "see the log of the ingest node");
}

static int send_one(CURL *curl, const struct options *o, const char *path)
{
    curl_mime *form = curl_mime_init(curl);
    struct reply reply = {0};
    long status = 0;
    add_parts(form, o, path);
    curl_easy_setopt(curl, CURLOPT_MIMEPOST, form);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_mime_free(form);
    if (code != CURLE_OK || status != 200)
        return explain(path, code, status, &reply);
    printf("%s %s\n", fb_cli_safe(reply.text), path);
    return FB_EXIT_OK;
}

int fb_cmd_submit(const struct fb_config *config, int argc, char **argv)
{
    struct options options = {0};
    char name[] = "faultbucket submit";
    argv[0] = name;
    argp_parse(&argp, argc, argv, 0, NULL, &options);

    char url[2048], key[256];
    snprintf(url, sizeof url, "%s/submit", fb_config_text(config, FB_OPT_SERVER_URL));
    snprintf(key, sizeof key, "X-Faultbucket-Key: %s",
             fb_config_text(config, FB_OPT_SERVER_KEY));
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURL *curl = curl_easy_init();
    struct curl_slist *headers =
        fb_config_text(config, FB_OPT_SERVER_KEY)[0] != 0 ? curl_slist_append(NULL, key) : NULL;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_reply);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
    int worst = FB_EXIT_OK;
    for (int i = 0; i < options.n_files; i++)
        if (send_one(curl, &options, options.files[i]) != FB_EXIT_OK)
            worst = FB_EXIT_FAILED;
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    curl_global_cleanup();
    return worst;
}
