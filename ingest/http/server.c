/* ingest/http/server.c -- start, quiesce, stop. */
#include "http/request.h"

#include "log.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNECTION_MEMORY = 32 * 1024, // per connection, idle ones too
    IDLE_SECONDS = 30,
    THREADS_MAX = 256,
    REPORT_MAX = 1 << 30,
    CONNECTIONS_MAX = 1000000,
    TICK_MS = 20
};

struct fb_server {
    struct fb_shop shop;
    struct MHD_Daemon *daemon;
    int port, listener;
};

static void on_log(void *cls, const char *format, va_list args)
{
    char line[256];
    (void)cls;
    vsnprintf(line, sizeof line, format, args);
    fb_log(FB_LOG_DEBUG, "http", "text", line, NULL);
}

static unsigned threads_of(const struct fb_config *config)
{
    long long n = fb_config_number(config, FB_OPT_INGEST_THREADS, 0, THREADS_MAX);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return n != 0 ? (unsigned)n : cores > 0 && cores <= THREADS_MAX ? (unsigned)cores : 1;
}

static struct MHD_Daemon *start(struct fb_server *server, unsigned threads,
                                unsigned connections)
{
    struct MHD_OptionItem pool[] = {
  // A pool of one is refused by the library: the daemon's own thread is that.
        {threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)threads, NULL},
        {MHD_OPTION_END,                                             0,                 NULL}
    };
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL,
        NULL, fb_request_handle, &server->shop, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, server->listener, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_SECONDS, MHD_OPTION_CONNECTION_LIMIT, connections,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_NOTIFY_COMPLETED, fb_request_completed, &server->shop, MHD_OPTION_ARRAY,
        pool, MHD_OPTION_END);
}

struct fb_err fb_server_open(const struct fb_config *config, struct fb_producer *producer,
                             struct fb_keys *keys, struct fb_probes probes,
                             struct fb_server **out)
{
    long long report = fb_config_number(config, FB_OPT_INGEST_MAX_REPORT, 1, REPORT_MAX);
    long long connections =
        fb_config_number(config, FB_OPT_INGEST_CONNECTIONS, 1, CONNECTIONS_MAX);
    unsigned threads = threads_of(config);
    struct fb_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return FB_FAIL(UNAVAILABLE, "no memory for the server", 0);
    server->shop.producer = producer;
    server->shop.keys = keys;
    server->shop.probes = probes;
    server->shop.max_report = (uint64_t)report;
    server->shop.spill_dir = fb_config_text(config, FB_OPT_INGEST_SPILL);
    pthread_mutex_init(&server->shop.mutex, NULL);
    struct fb_err err = fb_listen(fb_config_text(config, FB_OPT_INGEST_LISTEN),
                                  &server->listener, &server->port);
    if (!fb_failed(err))
        server->daemon = start(server, threads, (unsigned)connections);
    if (server->daemon != NULL) {
        *out = server;
        return FB_NO_ERR;
    }
    if (!fb_failed(err))
        close(server->listener);
    free(server);
    return FB_FAIL(USAGE, "the server cannot be started", 0);
}

int fb_server_port(const struct fb_server *server) { return server->port; }

static bool wait_zero(atomic_int *n, int ms)
{
    static const struct timespec tick = {.tv_nsec = TICK_MS * 1000000L};
    for (int waited = 0; atomic_load(n) != 0 && waited < ms; waited += TICK_MS)
        nanosleep(&tick, NULL);
    return atomic_load(n) == 0;
}

bool fb_server_quiesce(struct fb_server *server, int seconds)
{
    enum { MS = 1000 };
    atomic_store(&server->shop.stopping, true);
    MHD_quiesce_daemon(server->daemon);
    close(server->listener); // new connections are refused, not kept waiting
    server->listener = -1;
    return wait_zero(&server->shop.active, seconds * MS);
}

void fb_server_detach(struct fb_server *server)
{
    enum { AT_MOST_MS = 10000 }; // fb_produce never blocks
    atomic_store(&server->shop.detached, true);
    wait_zero(&server->shop.producing, AT_MOST_MS);
}

void fb_server_close(struct fb_server *server)
{
    enum { LAST_ANSWERS_MS = 1000 };
    wait_zero(&server->shop.active, LAST_ANSWERS_MS);
    MHD_stop_daemon(server->daemon);
    for (size_t i = 0; i < server->shop.compressors_n; i++)
        ZSTD_freeCCtx(server->shop.compressors[i]);
    pthread_mutex_destroy(&server->shop.mutex);
    if (server->listener >= 0)
        close(server->listener);
    free(server);
}
