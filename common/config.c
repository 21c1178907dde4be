/*
 * common/config.c -- the walk over the three places that a value can come from, the
 * later one winning.
 *
 * Values are checked where they are used (fb_config_number), so that a bad one is named
 * together with the place where it was set.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char default_file[] = "/etc/faultbucket.conf";

static const struct {
    const char *name, *value, *argument, *help, *programs;
} table[] = {
#define X(id, name, value, arg, help, programs) {name, value, arg, help, programs},
    FB_OPTIONS(X)
#undef X
};

struct pass_through { // a key of [kafka.producer] or [kafka.consumer]
    const char *section, *key, *value;
};
enum { PASS_THROUGH_MAX = 64 };

struct fb_config {
    const char *value[FB_OPTION_COUNT];
    const char *source[FB_OPTION_COUNT];
    char *copy[FB_OPTION_COUNT]; // of values from the file
    struct pass_through pass[PASS_THROUGH_MAX];
    size_t n_pass;
    const char *file;
};

__attribute__((noreturn, format(printf, 1, 2))) static void give_up(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("faultbucket: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(2);
}

static char *copy_of(const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL)
        give_up("no memory for the configuration");
    return copy;
}

/* Do `a` and `b` name the same option? Upper and lower case, '.', '-' and '_' are spellings
 * of one name. */
static bool same_name(const char *a, const char *b, size_t n_b)
{
    size_t i = 0;
    for (; a[i] != 0 && i < n_b; i++) {
        bool mark_a = strchr("._-", a[i]) != NULL, mark_b = strchr("._-", b[i]) != NULL;
        if (mark_a != mark_b || (!mark_a && tolower((uint8_t)a[i]) != tolower((uint8_t)b[i])))
            return false;
    }
    return a[i] == 0 && i == n_b;
}

static enum fb_option find(const char *name, size_t n)
{
    enum fb_option option = 0;
    while (option < FB_OPTION_COUNT && !same_name(table[option].name, name, n))
        option++;
    return option;
}

/* `value` lives as long as the process, or is a copy that a later place frees again. */
static void set(struct fb_config *config, enum fb_option option, char *copy, const char *value,
                const char *source)
{
    free(config->copy[option]);
    config->copy[option] = copy;
    config->value[option] = copy != NULL ? copy : value;
    config->source[option] = source;
}

/* --- the file ----------------------------------------------------------------------- */

static int on_key(void *user, const char *section, const char *key, const char *value)
{
    struct fb_config *config = user;
    if (strcmp(section, "kafka.producer") == 0 || strcmp(section, "kafka.consumer") == 0) {
        if (config->n_pass == PASS_THROUGH_MAX)
            give_up("%s: more than %d keys for librdkafka; remove some", config->file,
                    PASS_THROUGH_MAX);
        config->pass[config->n_pass++] =
            (struct pass_through){copy_of(section), copy_of(key), copy_of(value)};
        return 1;
    }
    char name[128];
    int n = snprintf(name, sizeof name, "%s.%s", section, key);
    enum fb_option option =
        n > 0 && (size_t)n < sizeof name ? find(name, (size_t)n) : FB_OPTION_COUNT;
    if (option == FB_OPTION_COUNT)
        give_up("%s: there is no option `%s` in section [%s]; --help lists them", config->file,
                key, section);
    set(config, option, copy_of(value), NULL, "file");
    return 1;
}

static void read_file(struct fb_config *config, const char *path, bool must_be_there)
{
    config->file = path;
    int line = ini_parse(path, on_key, config);
    if (line == -1 && (must_be_there || errno != ENOENT))
        give_up("%s: %s; name a readable file with --config or FAULTBUCKET_CONFIG", path,
                strerror(errno));
    if (line > 0)
        give_up("%s:%d: not `key = value` and not `[section]`; mend that line", path, line);
}

/* --- environment and flags ---------------------------------------------------------- */

static void read_environment(struct fb_config *config)
{
    for (enum fb_option option = 0; option < FB_OPTION_COUNT; option++) {
        char name[128];
        snprintf(name, sizeof name, "FAULTBUCKET_%s", table[option].name);
        for (char *c = name; *c != 0; c++)
            *c = *c == '.' ? '_' : (char)toupper((uint8_t)*c);
        const char *value = getenv(name);
        if (value != NULL)
            set(config, option, NULL, value, "environment");
    }
}

static bool is_for(enum fb_option option, char program)
{
    return option < FB_OPTION_COUNT && strchr(table[option].programs, program) != NULL;
}

/* A flag of ours at argv[at]? Takes it and its value out of argv and hands both out. */
static bool take_flag(char program, int *argc, char **argv, int at, const char **name,
                      size_t *n_name, const char **value)
{
    const char *flag = argv[at];
    if (strncmp(flag, "--", 2) != 0 || flag[2] == 0)
        return false;
    *name = flag + 2;
    *n_name = strcspn(*name, "=");
    bool config = same_name("config", *name, *n_name);
    if (!config && !is_for(find(*name, *n_name), program))
        return false;
    int used = (*name)[*n_name] == '=' ? 1 : 2;
    if (at + used > *argc)
        give_up("%s wants a value: %s=VALUE", flag, flag);
    *value = used == 1 ? *name + *n_name + 1 : argv[at + 1];
    memmove(argv + at, argv + at + used, (size_t)(*argc - at - used + 1) * sizeof *argv);
    *argc -= used;
    return true;
}

enum { FLAGS_MAX = 64 };
struct flag {
    enum fb_option option;
    const char *value;
};

static void nothing_more(char program, const char *about, int argc, char **argv)
{
    if (argc < 2 || strchr("IW", program) == NULL)
        return;
    if (strcmp(argv[1], "--version") == 0) {
        puts("faultbucket " FB_VERSION);
        exit(0);
    }
    if (strcmp(argv[1], "--help") != 0)
        give_up("there is no flag `%s`; --help lists them", argv[1]);
    printf("%s\n\n", about);
    fb_config_help(program, stdout);
    exit(0);
}

const struct fb_config *fb_config_load(char program, const char *about, int *argc, char **argv)
{
    static struct fb_config config;
    struct flag flags[FLAGS_MAX];
    size_t n_flags = 0;
    const char *path = getenv("FAULTBUCKET_CONFIG");
    for (int at = 1; at < *argc && strcmp(argv[at], "--") != 0;) {
        const char *name, *value;
        size_t n_name;
        if (!take_flag(program, argc, argv, at, &name, &n_name, &value))
            at++;
        else if (same_name("config", name, n_name))
            path = value;
        else if (n_flags < FLAGS_MAX)
            flags[n_flags++] = (struct flag){find(name, n_name), value};
    }
    nothing_more(program, about, *argc, argv);

    for (enum fb_option option = 0; option < FB_OPTION_COUNT; option++)
        set(&config, option, NULL, table[option].value, "default");
    read_file(&config, path != NULL ? path : default_file, path != NULL);
    read_environment(&config);
    for (size_t i = 0; i < n_flags; i++)
        set(&config, flags[i].option, NULL, flags[i].value, "flag");
    return &config;
}

void fb_config_help(char program, FILE *to)
{
    fprintf(to,
            "Settings, from a file (--config=FILE, $FAULTBUCKET_CONFIG, %s), from the\n"
            "environment (kafka.brokers is $FAULTBUCKET_KAFKA_BROKERS) and from flags\n"
            "(--kafka-brokers=VALUE); the later place wins:\n\n",
            default_file);
    for (enum fb_option option = 0; option < FB_OPTION_COUNT; option++) {
        if (!is_for(option, program))
            continue;
        fprintf(to, "  %s = %s\n      %s [%s]\n", table[option].name, table[option].argument,
                table[option].help, table[option].value);
    }
}

/* --- reading it --------------------------------------------------------------------- */

const char *fb_config_text(const struct fb_config *config, enum fb_option option)
{
    return config->value[option];
}

long long fb_config_number(const struct fb_config *config, enum fb_option option, long long low,
                           long long high)
{
    const char *text = config->value[option];
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != 0 || n < low || n > high)
        give_up("%s (%s) is `%s`, which is no whole number from %lld to %lld; set it to one",
                table[option].name, config->source[option], text, low, high);
    return n;
}

const char *fb_config_source(const struct fb_config *config, enum fb_option option)
{
    return config->source[option];
}

const char *fb_config_name(enum fb_option option) { return table[option].name; }

void fb_config_section(const struct fb_config *config, const char *section,
                       void (*each)(void *arg, const char *key, const char *value), void *arg)
{
    for (size_t i = 0; i < config->n_pass; i++)
        if (strcmp(config->pass[i].section, section) == 0)
            each(arg, config->pass[i].key, config->pass[i].value);
}
