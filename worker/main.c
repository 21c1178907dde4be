/*
 * worker/main.c -- `faultbucket-worker`: fork the analysers first, then everything
 * that has threads.
 */
#include "analyser.h"
#include "log.h"
#include "run.h"

static const char about[] =
    "faultbucket-worker: takes crash reports from Kafka, analyses them in child processes, "
    "and\n"
    "stores buckets, trends and samples in PostgreSQL. Run as many as Kafka has partitions.\n"
    "Exit codes: 0 stopped by a signal, 1 it could not go on (see the log), 2 called wrongly.";

int main(int argc, char **argv)
{
    const struct fb_config *config = fb_config_load('W', about, &argc, argv);
    fb_log_open("worker", fb_config_text(config, FB_OPT_LOG_LEVEL));
    struct fb_pool *pool;
    struct fb_err err = fb_pool_open(config, &fb_analyser_work, &pool);
    if (fb_failed(err)) {
        fb_log(FB_LOG_ERROR, "not_started", "reason", err.what, "next", "free some memory",
               NULL);
        return 1;
    }
    int code = fb_worker_run(config, pool);
    fb_pool_close(pool);
    return code;
}
