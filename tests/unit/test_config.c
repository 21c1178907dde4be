/* tests/unit/test_config.c -- file, environment, flags: the later place wins, however
 * it is spelled. */
#include "config.h"
#include "log.h"
#include "support/check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name, *file, *environment;
    const char *argv[6];
    enum fb_option option;
    const char *want, *source;
    int left; // arguments that are not ours
} rows[] = {
    {"default",                      "",                     NULL, {"x"}, FB_OPT_KAFKA_TOPIC, "fb.reports", "default", 1},
    {"file",                         "[kafka]\ntopic = a\n", NULL, {"x"}, FB_OPT_KAFKA_TOPIC, "a",          "file",    1},
    {"environment over file",
     "[kafka]\ntopic = a\n",                                 "b",
     {"x"},
     FB_OPT_KAFKA_TOPIC,                                                                      "b",
     "environment",                                                                                                    1},
    {"flag over environment",
     "[kafka]\ntopic = a\n",                                 "b",
     {"x", "--kafka-topic=c"},
     FB_OPT_KAFKA_TOPIC,                                                                      "c",
     "flag",                                                                                                           1},
    {"flag with a dot, value apart",
     "",                                                     NULL,
     {"x", "--kafka.topic", "c", "file"},
     FB_OPT_KAFKA_TOPIC,                                                                      "c",
     "flag",                                                                                                           2},
    {"an underscore in the name",
     "[ingest]\nanonymous_vendor=v\n",                       NULL,
     {"x"},
     FB_OPT_INGEST_ANONYMOUS,                                                                 "v",
     "file",                                                                                                           1},
    {"flags after the command",
     "",                                                     NULL,
     {"x", "buckets", "--json", "--kafka-topic=d", "7"},
     FB_OPT_KAFKA_TOPIC,                                                                      "d",
     "flag",                                                                                                           4},
    {"behind -- nothing is ours",
     "",                                                     NULL,
     {"x", "--", "--kafka-topic=d"},
     FB_OPT_KAFKA_TOPIC,                                                                      "fb.reports",
     "default",                                                                                                        3},
};

static void count_keys(void *arg, const char *key, const char *value)
{
    CHECK("pass through", strcmp(key, "linger.ms") == 0 && strcmp(value, "7") == 0);
    ++*(int *)arg;
}

int main(void)
{
    char path[] = "/tmp/fb_config_XXXXXX";
    int fd = mkstemp(path);
    setenv("FAULTBUCKET_CONFIG", path, 1);
    for (size_t i = 0; i < COUNT(rows); i++) {
        FILE *file = fopen(path, "w");
        fputs(rows[i].file, file);
        if (i == 0)
            fputs("[kafka.producer]\nlinger.ms = 7\n", file);
        fclose(file);
        if (rows[i].environment != NULL)
            setenv("FAULTBUCKET_KAFKA_TOPIC", rows[i].environment, 1);
        else
            unsetenv("FAULTBUCKET_KAFKA_TOPIC");
        char *argv[7] = {0};
        int argc = 0;
        while (argc < 6 && rows[i].argv[argc] != NULL) {
            argv[argc] = (char *)(uintptr_t)rows[i].argv[argc]; // only the order is changed
            argc++;
        }
        const struct fb_config *config = fb_config_load('C', "", &argc, argv);
        CHECK(rows[i].name, strcmp(fb_config_text(config, rows[i].option), rows[i].want) == 0);
        CHECK(rows[i].name,
              strcmp(fb_config_source(config, rows[i].option), rows[i].source) == 0);
        CHECK(rows[i].name, argc == rows[i].left && argv[argc] == NULL);
        int n = 0;
        fb_config_section(config, "kafka.producer", count_keys, &n);
        CHECK(rows[i].name, n == 1);
        CHECK(rows[i].name, fb_config_number(config, FB_OPT_WORKER_BATCH, 1, 10000) == 500);
    }
    close(fd);
    unlink(path);
    fb_log_open("test", "info");
    fb_log(FB_LOG_INFO, "hostile", "value", "a\nb \x1b[31m \"q\" \xE2\x80\xAE", "n",
           fb_log_number(-5), "none", NULL, NULL);
    return check_done();
}
