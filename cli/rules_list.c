/* cli/rules_list.c -- `faultbucket rules list` and `explain`: the tables in words. */
#include "cli.h"
#include "exploitability/rule_texts.h"
#include "json_writer.h"
#include "rules.h"

#include <string.h>
#include <strings.h>

static const struct fb_rule_text *words_of(const struct fb_rule *rule)
{
    static const struct fb_rule_text none = {"", "", "not described", "not described", NULL};
    const struct fb_rule_text *words = fb_rule_text(rule);
    return words != NULL ? words : &none;
}

static const char *class_of(const struct fb_rule *rule)
{
    return rule->finding != NULL ? "by its table" : fb_class_name(rule->class);
}

static void print_json(const struct fb_rule_set *set, size_t i)
{
    const struct fb_rule *rule = &set->rules->v[i];
    const struct fb_rule_text *words = words_of(rule);
    char room[4096];
    struct fb_text t = fb_text_over(room, sizeof room);
    fb_json_open(&t, NULL, '{');
    fb_json_string(&t, "ruleset", set->name);
    fb_json_number(&t, "order", i + 1);
    fb_json_string(&t, "rule", rule->id);
    fb_json_string(&t, "short", rule->short_name);
    fb_json_string(&t, "class", rule->finding != NULL ? NULL : fb_class_name(rule->class));
    fb_json_string(&t, "description", rule->text);
    fb_json_bool(&t, "final", !rule->goes_on);
    fb_json_string(&t, "asks", words->asks);
    fb_json_string(&t, "rests_on", words->rests_on);
    fb_json_close(&t, '}');
    puts(t.p);
}

static void print_line(const struct fb_rule_set *set, size_t i)
{
    const struct fb_rule *rule = &set->rules->v[i];
    printf("%-6s  %-5s  %-24s  %-33s  %s\n", set->name, rule->id, class_of(rule),
           rule->short_name, rule->text);
}

int fb_rules_list(const struct fb_rules_options *options, int n, char **arguments)
{
    (void)n;
    (void)arguments;
    if (!options->json)
        printf("%-6s  %-5s  %-24s  %-33s  %s\n", "SET", "RULE", "CLASS", "SHORT NAME",
               "DESCRIPTION");
    for (size_t s = 0; s < 2; s++)
        for (size_t i = 0;
             fb_rules_wants(options, &fb_rule_sets[s]) && i < fb_rule_sets[s].rules->n; i++)
            (options->json ? print_json : print_line)(&fb_rule_sets[s], i);
    return FB_EXIT_OK;
}

/* --- one rule ----------------------------------------------------------------------- */

/* A name that the rule's own table gives: one word of the list, or with a star how it begins.
 */
static bool gives_name(const struct fb_rule *rule, const char *name)
{
    const char *at = words_of(rule)->also;
    while (at != NULL && *at != '\0') {
        size_t n = strcspn(at, " ");
        bool star = at[n - 1] == '*';
        if (strncasecmp(at, name, star ? n - 1 : n) == 0 && (star || strlen(name) == n))
            return true;
        at += n + (at[n] == ' ');
    }
    return false;
}

static bool is_named(const struct fb_rule *rule, const char *name)
{
    return strcasecmp(rule->id, name) == 0 || strcasecmp(rule->short_name, name) == 0 ||
           gives_name(rule, name);
}

static void print_order(const struct fb_rule_set *set, size_t i)
{
    const struct fb_rule *v = set->rules->v;
    printf("  order        %zu of %zu", i + 1, set->rules->n);
    if (i > 0)
        printf(", after %s %s", v[i - 1].id, v[i - 1].short_name);
    if (i + 1 < set->rules->n)
        printf(", before %s %s", v[i + 1].id, v[i + 1].short_name);
    puts(v[i].goes_on ? "; a later rule that holds replaces it"
                      : "; when it holds, no later rule is tried");
}

static void explain(const struct fb_rule_set *set, size_t i)
{
    const struct fb_rule *rule = &set->rules->v[i];
    const struct fb_rule_text *words = words_of(rule);
    printf("%s %s (%s)\n", rule->id, rule->short_name, set->name);
    printf("  class        %s\n", class_of(rule));
    printf("  description  %s\n", rule->text);
    if (words->also != NULL)
        printf("  names        %s\n", words->also);
    printf("  asks         %s\n", words->asks);
    print_order(set, i);
    printf("  rests on     %s\n\n", words->rests_on);
}

static size_t explain_name(const struct fb_rules_options *options, const char *name)
{
    size_t found = 0;
    for (size_t s = 0; s < 2; s++)
        for (size_t i = 0;
             fb_rules_wants(options, &fb_rule_sets[s]) && i < fb_rule_sets[s].rules->n; i++)
            if (is_named(&fb_rule_sets[s].rules->v[i], name)) {
                found++;
                (options->json ? print_json : explain)(&fb_rule_sets[s], i);
            }
    return found;
}

int fb_rules_explain(const struct fb_rules_options *options, int n, char **arguments)
{
    int code = FB_EXIT_OK;
    for (int i = 0; i < n; i++)
        if (explain_name(options, arguments[i]) == 0)
            code = fb_cli_failed("rules", arguments[i], "there is no such rule",
                                 "`faultbucket rules list` names them");
    return code;
}
