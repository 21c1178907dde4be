/*
 * cli/rules_test.c -- `faultbucket rules test`: every rule that holds for a dump, and which of
 * them decided.
 */
#include "cli.h"
#include "desk.h"
#include "json_writer.h"
#include "rules.h"

#include <string.h>

struct trial {
    const struct fb_rules_options *options;
    const struct fb_analysis *a;
    const struct fb_facts *facts;
    const struct fb_rule_set *set;
    struct fb_ruling ruling;
    const struct fb_judgement *judgement;
};

/* A rule as it would have spoken alone. */
static struct fb_ruling alone(const struct fb_rule *rule, const struct fb_facts *f)
{
    if (rule->finding == NULL)
        return (struct fb_ruling){rule, rule->class, rule->short_name, rule->text};
    const struct fb_finding *found = rule->finding(f);
    return (struct fb_ruling){rule, found->class, found->short_name, found->text};
}

static void print_text(const struct trial *t)
{
    printf("  %s: %s, %s (%s)\n    %s\n", t->set->name, fb_class_name(t->judgement->class),
           fb_cli_safe(t->judgement->short_name), t->judgement->rule,
           fb_cli_safe(t->judgement->explanation));
    for (size_t i = 0; i < t->set->rules->n; i++) {
        const struct fb_rule *rule = &t->set->rules->v[i];
        if (!rule->holds(t->facts))
            continue;
        struct fb_ruling r = alone(rule, t->facts);
        printf("    %s %-5s  %-24s  %-33s  %s\n", rule == t->ruling.rule ? "*" : " ", rule->id,
               fb_class_name(r.class), fb_cli_safe(r.short_name), fb_cli_safe(r.text));
    }
    if (t->ruling.rule == NULL)
        puts("    * none: no rule speaks, the name is that of the exception");
}

static void put_rule(struct fb_text *out, const struct trial *t, const struct fb_rule *rule)
{
    struct fb_ruling r = alone(rule, t->facts);
    fb_json_open(out, NULL, '{');
    fb_json_string(out, "rule", rule->id);
    fb_json_string(out, "short", r.short_name);
    fb_json_string(out, "class", fb_class_name(r.class));
    fb_json_bool(out, "decides", rule == t->ruling.rule);
    fb_json_close(out, '}');
}

static void put_trial(struct fb_text *out, const struct trial *t)
{
    fb_json_open(out, t->set->name, '{');
    fb_json_string(out, "rule", t->judgement->rule);
    fb_json_string(out, "short", t->judgement->short_name);
    fb_json_string(out, "class", fb_class_name(t->judgement->class));
    fb_json_string(out, "explanation", t->judgement->explanation);
    fb_json_open(out, "holds", '[');
    for (size_t i = 0; i < t->set->rules->n; i++)
        if (t->set->rules->v[i].holds(t->facts))
            put_rule(out, t, &t->set->rules->v[i]);
    fb_json_close(out, ']');
    fb_json_close(out, '}');
}

static bool print_json(const struct trial *trials, size_t n, struct fb_arena *arena)
{
    struct fb_text out = fb_text_open(arena);
    fb_json_open(&out, NULL, '{');
    fb_json_string(&out, "file", trials[0].a->file);
    for (size_t i = 0; i < n; i++)
        if (fb_rules_wants(trials[i].options, trials[i].set))
            put_trial(&out, &trials[i]);
    fb_json_close(&out, '}');
    if (fb_text_close(&out, arena) == NULL)
        return false;
    puts(out.p);
    return true;
}

static bool test(struct fb_desk *desk, struct fb_analysis *a, struct fb_arena *arena)
{
    const struct fb_rules_options *options = desk->owner;
    const struct fb_judgement *judgements[] = {&a->exploitability.fb1,
                                               &a->exploitability.msec16};
    struct fb_facts facts;
    char name[FB_FALLBACK_NAME];
    enum fb_arch arch = a->dump.system.arch;
    size_t capstone = arch < FB_ARCH_OTHER ? desk->input.capstone[arch] : 0;
    if (fb_failed(fb_judge_facts(a, capstone, arena, &facts)))
        return false;
    const struct fb_ruling rulings[] = {fb_rule_fb1(&facts), fb_rule_msec16(&facts, name)};
    struct trial trials[2];
    for (size_t i = 0; i < 2; i++)
        trials[i] =
            (struct trial){options, a, &facts, &fb_rule_sets[i], rulings[i], judgements[i]};
    if (options->json)
        return print_json(trials, 2, arena);
    puts(fb_cli_safe(a->file));
    for (size_t i = 0; i < 2; i++)
        if (fb_rules_wants(options, &fb_rule_sets[i]))
            print_text(&trials[i]);
    putchar('\n');
    return true;
}

int fb_rules_test(const struct fb_rules_options *options, int n, char **arguments)
{
    struct fb_rules_options own = *options;
    struct fb_desk desk = {
        .command = "rules", .each = test, .owner = &own, .symbols = own.symbols};
    fb_desk_run(&desk, arguments, n);
    return fb_desk_close(&desk);
}
