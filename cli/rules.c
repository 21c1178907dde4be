/*
 * cli/rules.c -- `faultbucket rules`: which part of it is meant, and with which options.
 */
#include "rules.h"

#include "cli.h"

#include <argp.h>
#include <errno.h>
#include <string.h>

const struct fb_rule_set fb_rule_sets[2] = {
    {"fb1",    &fb_rules_fb1   },
    {"msec16", &fb_rules_msec16}
};

bool fb_rules_wants(const struct fb_rules_options *options, const struct fb_rule_set *set)
{
    return options->set == NULL || strcmp(options->set, set->name) == 0;
}

static const struct {
    const char *name;
    bool takes_names;
    int (*run)(const struct fb_rules_options *options, int n, char **arguments);
} parts[] = {
    {"list",    false, fb_rules_list   },
    {"explain", true,  fb_rules_explain},
    {"test",    true,  fb_rules_test   },
    {"check",   true,  fb_rules_check  },
};

struct call {
    struct fb_rules_options options;
    char **arguments;
    int n;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct call *call = state->input;
    struct fb_rules_options *o = &call->options;
    switch (key) {
    case 'j':
        o->json = true;
        return 0;
    case 'r':
        if (strcmp(arg, fb_rule_sets[0].name) != 0 && strcmp(arg, fb_rule_sets[1].name) != 0)
            argp_error(state, "there is no rule set `%s`; there are fb1 and msec16", arg);
        o->set = arg;
        return 0;
    case 's':
        fb_desk_add_symbols(&o->symbols, arg, state);
        return 0;
    case ARGP_KEY_ARGS:
        call->arguments = state->argv + state->next;
        call->n = state->argc - state->next;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

// clang-format off
static const struct argp_option flags[] = {
    {"json",    'j', NULL,  0, "One JSON document per line: a rule, a dump or a row", 0},
    {"set",     'r', "SET", 0, "Only fb1, ours, or msec16, what !exploitable 1.6 would say", 0},
    {"symbols", 's', "DIR", 0, "test: folder of symbols (.sym) and images; may be given again", 0},
    {0},
};
// clang-format on
static const struct argp argp = {
    flags,
    parse,
    "list\nexplain NAME...\ntest DUMP...\ncheck FILE.tsv...",
    "The rules of exploitability.\v"
    "list: every rule in its order. explain: one by its id or short name. test: every rule "
    "that "
    "holds for a dump, and the one that decided. check: the rows of a table of cases "
    "(docs/rules.md), each failing one with what differs. "
    "Exit codes: 0 all is well, 1 a row fails, or a name, dump or file does not do, 2 called "
    "wrongly.",
    NULL,
    NULL,
    NULL};

int fb_cmd_rules(const struct fb_config *config, int argc, char **argv)
{
    (void)config;
    struct call call = {.n = 0};
    char name[] = "faultbucket rules";
    argv[0] = name;
    argp_parse(&argp, argc, argv, 0, NULL, &call);
    for (size_t i = 0; call.n > 0 && i < sizeof parts / sizeof *parts; i++) {
        if (strcmp(call.arguments[0], parts[i].name) != 0 ||
            parts[i].takes_names != (call.n > 1))
            continue;
        int code = parts[i].run(&call.options, call.n - 1, call.arguments + 1);
        return fflush(stdout) == 0 ? code
                                   : fb_cli_failed("rules", "standard output", strerror(errno),
                                                   "make room where it goes");
    }
    return fb_cli_usage("rules",
                        "it takes `list`, `explain NAME`, `test DUMP` or `check FILE`");
}
