/* cli/rules.h -- the parts of `faultbucket rules`: a file each. */
#pragma once
#include "desk.h"
#include "exploitability/rules.h"

struct fb_rules_options {
    bool json;
    const char *set; // "fb1", "msec16"; NULL: both
    struct fb_desk_symbols symbols;
};

/* Both rule sets by name. */
struct fb_rule_set {
    const char *name;
    const struct fb_rules *rules;
};
extern const struct fb_rule_set fb_rule_sets[2];
bool fb_rules_wants(const struct fb_rules_options *options, const struct fb_rule_set *set);

/* Each takes the arguments behind its name. @return exit code */
int fb_rules_list(const struct fb_rules_options *options, int n, char **arguments);
int fb_rules_explain(const struct fb_rules_options *options, int n, char **arguments);
int fb_rules_test(const struct fb_rules_options *options, int n, char **arguments);
int fb_rules_check(const struct fb_rules_options *options, int n, char **arguments);
