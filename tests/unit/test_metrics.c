/* tests/unit/test_metrics.c -- the page as Prometheus reads it, and slots that run out. */
#include "metrics.h"
#include "support/check.h"

#include <pthread.h>

static char room[1 << 20];

static bool page_has(const char *line)
{
    struct fb_text page = fb_text_over(room, sizeof room);
    fb_metrics_print(&page);
    const char *at = strstr(page.p, line);
    return !page.cut && at != NULL && (at == page.p || at[-1] == '\n');
}

static void check_nothing(void)
{
    struct fb_text page = fb_text_over(room, sizeof room);
    fb_metrics_print(&page);
    CHECK("no slot, no line", page.n == 0);
}

static void check_kinds(void)
{
    fb_metric_add(FB_METRIC_INGEST_REQUESTS, "curl,200", 2);
    fb_metric_add(FB_METRIC_INGEST_REQUESTS, "curl,200", 1);
    fb_metric_add(FB_METRIC_INGEST_REQUESTS, "curl,503", 0);
    fb_metric_set(FB_METRIC_LAG_SECONDS, "", 1.5);
    fb_metric_observe(FB_METRIC_BATCH_SECONDS, "", 0.005);
    fb_metric_observe(FB_METRIC_BATCH_SECONDS, "", 0.0051);
    fb_metric_observe(FB_METRIC_BATCH_SECONDS, "", 31);
    fb_metric_observe(FB_METRIC_INGEST_BYTES, "raw", 4097);
    static const char *const lines[] = {
        "# HELP faultbucket_ingest_requests_total requests answered\n"
        "# TYPE faultbucket_ingest_requests_total counter\n"
        "faultbucket_ingest_requests_total{dialect=\"curl\",status=\"200\"} 3\n"
        "faultbucket_ingest_requests_total{dialect=\"curl\",status=\"503\"} 0\n",
        "# TYPE faultbucket_worker_lag_seconds gauge\nfaultbucket_worker_lag_seconds 1.5\n",
        "# TYPE faultbucket_worker_batch_seconds histogram\n"
        "faultbucket_worker_batch_seconds_bucket{le=\"0.001\"} 0\n",
        "faultbucket_worker_batch_seconds_bucket{le=\"0.005\"} 1\n"
        "faultbucket_worker_batch_seconds_bucket{le=\"0.01\"} 2\n",
        "faultbucket_worker_batch_seconds_bucket{le=\"30\"} 2\n"
        "faultbucket_worker_batch_seconds_bucket{le=\"+Inf\"} 3\n"
        "faultbucket_worker_batch_seconds_sum 31.0101\n"
        "faultbucket_worker_batch_seconds_count 3\n",
        "faultbucket_ingest_request_bytes_bucket{dialect=\"raw\",le=\"4096\"} 0\n"
        "faultbucket_ingest_request_bytes_bucket{dialect=\"raw\",le=\"16384\"} 1\n",
        "faultbucket_ingest_request_bytes_sum{dialect=\"raw\"} 4097\n",
    };
    for (size_t i = 0; i < COUNT(lines); i++)
        CHECK(lines[i], page_has(lines[i]));
    CHECK("one slot", fb_metric_value(FB_METRIC_INGEST_REQUESTS, "curl,200") == 3);
    CHECK("all slots", fb_metric_value(FB_METRIC_INGEST_REQUESTS, NULL) == 3);
    CHECK("no slot", fb_metric_value(FB_METRIC_INGEST_REQUESTS, "curl,404") == 0);
}

static void check_escapes(void)
{
    fb_metric_add(FB_METRIC_PG_RETRIES, "a\"b\\c\nd,e", 1);
    CHECK("escaped, the last label takes the rest",
          page_has("faultbucket_pg_retries_total{sqlstate=\"a\\\"b\\\\c\\nd,e\"} 1\n"));
    fb_metric_set(FB_METRIC_BUILD_INFO, "1,2", 1);
    CHECK("a value that is missing is empty",
          page_has("faultbucket_build_info{version=\"1\",librdkafka=\"2\",capstone=\"\"} 1\n"));
}

static void check_overflow(void)
{
    char label[200];
    for (int i = 0; i < 200; i++) {
        snprintf(label, sizeof label, "r%d", i);
        fb_metric_add(FB_METRIC_INGEST_REJECTED, label, 1);
    }
    memset(label, 'x', sizeof label - 1);
    label[sizeof label - 1] = 0;
    fb_metric_add(FB_METRIC_INGEST_REJECTED, label, 1);
    fb_metric_add(FB_METRIC_PRODUCE_ERRORS, label, 1);
    CHECK("the 128th has its own", fb_metric_value(FB_METRIC_INGEST_REJECTED, "r127") == 1);
    CHECK("the others share one", fb_metric_value(FB_METRIC_INGEST_REJECTED, "other") == 73);
    CHECK("too long", fb_metric_value(FB_METRIC_PRODUCE_ERRORS, "other") == 1);
    CHECK("nothing is lost", fb_metric_value(FB_METRIC_INGEST_REJECTED, NULL) == 201);
}

enum { THREADS = 4, HALF = 10000, TIMES = 2 * HALF };

static void *count_much(void *arg)
{
    (void)arg;
    for (int i = 0; i < TIMES; i++) {
        fb_metric_add(FB_METRIC_WORKER_REPORTS, i % 2 != 0 ? "counted" : "dead", 1);
        fb_metric_observe(FB_METRIC_ROLLUP_SECONDS, "", 0.5);
    }
    return NULL;
}

static void check_threads(void)
{
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, count_much, NULL);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK("counted", fb_metric_value(FB_METRIC_WORKER_REPORTS, "counted") == THREADS * HALF);
    CHECK("all", fb_metric_value(FB_METRIC_WORKER_REPORTS, NULL) == THREADS * TIMES);
    CHECK("sum",
          fb_metric_value(FB_METRIC_ROLLUP_SECONDS, "") == (double)THREADS * TIMES * 0.5);
}

int main(void)
{
    check_nothing();
    check_kinds();
    check_escapes();
    check_overflow();
    check_threads();
    return check_done();
}
