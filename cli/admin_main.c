/*
 * cli/admin_main.c -- `faultbucket-admin`: the commands that speak with ingest nodes, Kafka and
 * PostgreSQL. People call them as `faultbucket COMMAND`, which hands over to this program.
 */
#include "cli.h"
#include "log.h"

#include <argp.h>
#include <locale.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(const struct fb_config *config, int argc, char **argv);
} commands[] = {
#define X(name, arguments, summary) {#name, fb_cmd_##name},
    FB_ADMIN_COMMANDS(X)
#undef X
};

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "");
    argp_err_exit_status = FB_EXIT_USAGE;
    const struct fb_config *config = fb_config_load('C', NULL, &argc, argv);
    fb_log_open("faultbucket", fb_config_text(config, FB_OPT_LOG_LEVEL));
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(config, argc - 1, argv + 1);
    fputs("faultbucket-admin: call `faultbucket COMMAND`; `faultbucket --help` lists them\n",
          stderr);
    return FB_EXIT_USAGE;
}
