/*
 * cli/cli.h -- the subcommands of `faultbucket`: one file and one row each.
 *
 * A command gets the configuration and its own arguments (argv[0] is its name), and returns
 * the exit code of the process: 0 done, 1 it could not be done (said on standard error), 2 it
 * was called wrongly.
 */
#pragma once
#include "config.h"

enum { FB_EXIT_OK = 0, FB_EXIT_FAILED = 1, FB_EXIT_USAGE = 2 };

/* X(name, arguments, summary). Those of the desk need no server and none of its libraries,
 * whose start would cost more than the work; `faultbucket` hands the others over to the program
 * `faultbucket-admin` beside it. */
#define FB_DESK_COMMANDS(X)                                                                    \
    X(analyze, "[--json|--sarif] [--peers] [--symbols DIR]... FILE...",                        \
      "say what crashed in a dump, and how bad it is")                                         \
    X(rules, "list | explain NAME... | test DUMP... | check FILE.tsv...",                      \
      "the rules of exploitability: what they ask, and what they say of a dump or a table")
#define FB_ADMIN_COMMANDS(X)                                                                   \
    X(submit, "FILE... [--field NAME=VALUE]...", "send dumps to an ingest node")               \
    X(migrate, "", "bring the database and the topics up to date")                             \
    X(vendor, "add NAME | list", "the vendors that send reports")                              \
    X(key, "create VENDOR [NOTE] | list | revoke ID", "upload keys, each naming a vendor")     \
    X(buckets, "[--vendor NAME] [--limit N] [--json]", "the ranked buckets")                   \
    X(bucket, "ID", "one bucket: its verdict, evidence, stack and versions")                   \
    X(doctor, "", "check Kafka, PostgreSQL, versions and settings")

#define X(name, arguments, summary)                                                            \
    int fb_cmd_##name(const struct fb_config *config, int argc, char **argv);
FB_DESK_COMMANDS(X)
FB_ADMIN_COMMANDS(X)
#undef X

/** Print "faultbucket NAME: MESSAGE" to standard error. @return FB_EXIT_USAGE,
 * or FB_EXIT_FAILED */
int fb_cli_usage(const char *command, const char *message);
int fb_cli_failed(const char *command, const char *thing, const char *reason,
                  const char *next_step);

/** `text` from outside, safe to print: control characters, bidi overrides and invalid
 * UTF-8 escaped; in one of a few buffers of 1 KiB, good for the same printf only. NULL
 * prints as "-". */
const char *fb_cli_safe(const char *text);
