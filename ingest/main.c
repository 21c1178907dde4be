/*
 * ingest/main.c -- faultbucket-ingest: takes crash reports over HTTP and keeps them in Kafka.
 *
 * The main thread waits for signals, and until Kafka has spoken once, asks it. TLS is left to
 * a reverse proxy.
 */
#include "http/server.h"

#include "log.h"
#include "metrics.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { FINISH_SECONDS = 25, FLUSH_MS = 8000, ASK_MS = 500, EXIT_USAGE = 2 };

struct program {
    const struct fb_config *config;
    struct fb_producer *producer;
    struct fb_keys *keys;
    struct fb_server *server;
    atomic_bool kafka_seen, stopping;
};

static const char *is_ready(void *arg)
{
    struct program *p = arg;
    if (atomic_load(&p->stopping))
        return "stopping";
    if (!atomic_load(&p->kafka_seen))
        return "Kafka has not told us about the topic yet";
    return fb_keys_missing(p->keys);
}

static const char *is_alive(void *arg)
{
    (void)arg;
    return NULL;
}

static void show_build(void)
{
    char labels[96];
    snprintf(labels, sizeof labels, "%s,%s,-", FB_VERSION, rd_kafka_version_str());
    fb_metric_set(FB_METRIC_BUILD_INFO, labels, 1);
}

/* All threads inherit the mask, so that only the main thread's sigtimedwait sees them. */
static sigset_t block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return set;
}

static void wait_for_signal(struct program *p, const sigset_t *set)
{
    for (;;) {
        bool seen = atomic_load(&p->kafka_seen);
        struct timespec wait = {.tv_sec = seen ? 3600 : 0, .tv_nsec = ASK_MS * 1000000L};
        if (sigtimedwait(set, NULL, &wait) > 0)
            return;
        if (!seen && !fb_failed(fb_producer_ready(p->producer, ASK_MS))) {
            atomic_store(&p->kafka_seen, true);
            fb_log(FB_LOG_INFO, "kafka_ready", NULL);
        }
    }
}

static struct fb_err start(struct program *p)
{
    struct fb_probes probes = {is_ready, is_alive, p};
    struct fb_err err = fb_producer_open(
        p->config, fb_config_text(p->config, FB_OPT_KAFKA_TOPIC), &p->producer);
    if (fb_failed(err))
        return err;
    err = fb_keys_open(p->config, &p->keys);
    if (fb_failed(err))
        goto close_producer;
    err = fb_server_open(p->config, p->producer, p->keys, probes, &p->server);
    if (!fb_failed(err))
        return err;
    fb_keys_close(p->keys);
close_producer:
    fb_producer_close(p->producer, 0);
    return err;
}

/* A second signal is handled as if we had never heard of signals: it ends us at once. Nothing
 * is lost by that: who has no answer yet was promised nothing. */
static void stop(struct program *p, const sigset_t *set)
{
    atomic_store(&p->stopping, true);
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, set, NULL);
    fb_log(FB_LOG_INFO, "stopping", NULL);
    bool all = fb_server_quiesce(p->server, FINISH_SECONDS);
    fb_server_detach(p->server);
    fb_producer_close(p->producer, all ? 0 : FLUSH_MS);
    fb_server_close(p->server);
    fb_keys_close(p->keys);
    fb_log(FB_LOG_INFO, "stopped", "finished", all ? "all" : "some", NULL);
}

int main(int argc, char **argv)
{
    static const char about[] = "Take crash reports over HTTP and keep them in Kafka.";
    struct program p = {.config = fb_config_load('I', about, &argc, argv)};
    sigset_t set = block_signals();
    fb_log_open("faultbucket-ingest", fb_config_text(p.config, FB_OPT_LOG_LEVEL));
    show_build();
    if (fb_failed(start(&p)))
        return EXIT_USAGE;
    fb_log(FB_LOG_INFO, "listening", "port", fb_log_number(fb_server_port(p.server)), NULL);
    wait_for_signal(&p, &set);
    stop(&p, &set);
    return EXIT_SUCCESS;
}
