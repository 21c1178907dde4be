/*
 * cli/main.c -- `faultbucket`: find the command, give it the configuration and its own
 * arguments, or hand all of them over to the program that speaks with the servers.
 */
#include "cli.h"
#include "log.h"

#include <argp.h>
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name, *arguments, *summary;
    int (*run)(const struct fb_config *config, int argc, char **argv); // NULL: handed over
} commands[] = {
#define X(name, arguments, summary) {#name, arguments, summary, fb_cmd_##name},
    FB_DESK_COMMANDS(X)
#undef X
#define X(name, arguments, summary) {#name, arguments, summary, NULL},
        FB_ADMIN_COMMANDS(X)
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

/* Become faultbucket-admin, which lies in the same folder. */
static int hand_over(const char *command, char **argv)
{
    static const char name[] = "faultbucket-admin";
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - sizeof name);
    char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;
    if (slash == NULL)
        slash = path;
    else
        slash++;
    memcpy(slash, name, sizeof name);
    if (argv != NULL)
        execv(path, argv);
    return fb_cli_failed(command, path, strerror(errno),
                         "install faultbucket-admin beside faultbucket");
}

/* `given` are the arguments as they came, settings and all. */
static int run(const struct fb_config *config, int argc, char **argv, char **given)
{
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
            return commands[i].run != NULL ? commands[i].run(config, argc - 1, argv + 1)
                                           : hand_over(argv[1], given);
    fprintf(stderr, "faultbucket: there is no command `%s`; `faultbucket --help` lists them\n",
            fb_cli_safe(argv[1]));
    return FB_EXIT_USAGE;
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "");
    argp_err_exit_status = FB_EXIT_USAGE;
    char **given = calloc((size_t)argc + 1, sizeof *given);
    if (given != NULL)
        memcpy(given, argv, (size_t)argc * sizeof *given);
    const struct fb_config *config = fb_config_load('C', NULL, &argc, argv);
    fb_log_open("faultbucket", fb_config_text(config, FB_OPT_LOG_LEVEL));
    int code = run(config, argc, argv, given);
    free(given);
    return code;
}
