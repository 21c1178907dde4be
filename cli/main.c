/*
 * cli/main.c -- `faultbucket`: find the command, give it the configuration and
 * its own arguments.
 */
#include "cli.h"
#include "log.h"

#include <argp.h>
#include <locale.h>
#include <string.h>

static const struct {
    const char *name, *arguments, *summary;
    int (*run)(const struct fb_config *config, int argc, char **argv);
} commands[] = {
#define X(name, arguments, summary) {#name, arguments, summary, fb_cmd_##name},
    FB_COMMANDS(X)
#undef X
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static void print_help(void)
{
    puts("Usage: faultbucket COMMAND [ARGUMENTS] [SETTINGS]\n\nCommands:");
    for (size_t i = 0; i < COMMANDS; i++)
        printf("  %s %s\n      %s\n", commands[i].name, commands[i].arguments,
               commands[i].summary);
    puts("\n`faultbucket COMMAND --help` says what a command takes. Exit codes: 0 done, 1 it "
         "could\n"
         "not be done (the reason is on standard error), 2 called wrongly.\n");
    fb_config_help('C', stdout);
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "");
    argp_err_exit_status = FB_EXIT_USAGE;
    const struct fb_config *config = fb_config_load('C', NULL, &argc, argv);
    fb_log_open("faultbucket", fb_config_text(config, FB_OPT_LOG_LEVEL));
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_help();
        return argc < 2 ? FB_EXIT_USAGE : FB_EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("faultbucket " FB_VERSION);
        return FB_EXIT_OK;
    }
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(config, argc - 1, argv + 1);
    fprintf(stderr, "faultbucket: there is no command `%s`; `faultbucket --help` lists them\n",
            fb_cli_safe(argv[1]));
    return FB_EXIT_USAGE;
}
