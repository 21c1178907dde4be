/*
 * cli/rules_check.c -- `faultbucket rules check`: tables of cases (docs/rules.md) held against
 * both rule sets. Each row that fails is printed with what differs, and the counts close it.
 */
#include "cli.h"
#include "disasm/insn.h"
#include "exploitability/exploitability.h"
#include "exploitability/vectors.h"
#include "files.h"
#include "json_writer.h"
#include "rules.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { ROW_ROOM = 64 << 20, JSON_ROOM = 16384 };

struct checker {
    const struct fb_rules_options *options;
    const char *path;
    size_t line;
    size_t handles[FB_ARCH_OTHER];
    struct fb_arena arena; // of one row
    size_t passed, failed, unreadable, left_out;
};

/* --- output ------------------------------------------------------------------------- */

static bool of_set(const struct checker *c, enum fb_vector_column column)
{
    bool msec16 = column == FB_VECTOR_MSEC_SHORT || column == FB_VECTOR_MSEC_CLASS;
    return fb_rules_wants(c->options, &fb_rule_sets[msec16]);
}

static void print_text(const struct checker *c, const struct fb_vector *v,
                       const struct fb_vector_difference *d, size_t n)
{
    printf("%s:%zu: %s:", fb_cli_safe(c->path), c->line, fb_cli_safe(v->text[FB_VECTOR_ID]));
    for (size_t i = 0; i < n; i++)
        printf("%s %s is %s, not %s", i == 0 ? "" : ";", fb_vector_column_name(d[i].column),
               fb_cli_safe(d[i].got), fb_cli_safe(d[i].want));
    putchar('\n');
}

/* Texts of a file are what they are: through a door that lets valid UTF-8 alone pass. */
static void put_text(struct fb_text *t, const char *key, const char *text)
{
    char room[1024];
    struct fb_text valid = fb_text_over(room, sizeof room);
    fb_text_utf8(&valid, (struct fb_span){(const uint8_t *)text, strlen(text), 0});
    fb_json_string(t, key, room);
}

static void print_json(const struct checker *c, const struct fb_vector *v,
                       const struct fb_vector_difference *d, size_t n)
{
    static char room[JSON_ROOM];
    struct fb_text t = fb_text_over(room, sizeof room);
    fb_json_open(&t, NULL, '{');
    put_text(&t, "file", c->path);
    fb_json_number(&t, "line", c->line);
    put_text(&t, "id", v->text[FB_VECTOR_ID]);
    fb_json_bool(&t, "passed", n == 0);
    fb_json_open(&t, "differences", '[');
    for (size_t i = 0; i < n; i++) {
        fb_json_open(&t, NULL, '{');
        fb_json_string(&t, "column", fb_vector_column_name(d[i].column));
        put_text(&t, "got", d[i].got);
        put_text(&t, "want", d[i].want);
        fb_json_close(&t, '}');
    }
    fb_json_close(&t, ']');
    fb_json_close(&t, '}');
    puts(room);
}

static void complain(struct checker *c, struct fb_err err)
{
    fprintf(stderr, "faultbucket rules: %s:%zu: %s; docs/rules.md says what a row can be\n",
            fb_cli_safe(c->path), c->line, err.what);
    c->unreadable++;
}

/* --- rows --------------------------------------------------------------------------- */

static void compare(struct checker *c, const struct fb_vector *v, const struct fb_analysis *a)
{
    struct fb_vector_difference all[FB_VECTOR_DIFFERENCES], ours[FB_VECTOR_DIFFERENCES];
    size_t n = 0, k = fb_vector_compare(v, a, &c->arena, all);
    for (size_t i = 0; i < k; i++)
        if (of_set(c, all[i].column))
            ours[n++] = all[i];
    if (n == 0)
        c->passed++;
    else
        c->failed++;
    if (c->options->json)
        print_json(c, v, ours, n);
    else if (n > 0)
        print_text(c, v, ours, n);
}

static void check_row(struct checker *c, const struct fb_vector_header *header,
                      struct fb_span line)
{
    struct fb_vector v;
    struct fb_analysis *a = NULL;
    bool msec16;
    struct fb_err err = fb_vector_row(header, line, &c->arena, &v);
    if (!fb_failed(err) && !fb_vector_checked(&v, &msec16)) {
        c->left_out++;
        return;
    }
    if (!fb_failed(err))
        err = fb_vector_process(&v, &c->arena, &a);
    if (!fb_failed(err))
        err = fb_judge(a, c->handles[a->dump.system.arch], &c->arena);
    if (fb_failed(err))
        complain(c, err);
    else
        compare(c, &v, a);
}

/* The next line, without its end. */
static struct fb_span cut_line(struct fb_span *rest)
{
    const uint8_t *end = memchr(rest->p, '\n', rest->n);
    size_t n = end != NULL ? (size_t)(end - rest->p) : rest->n;
    struct fb_span line = {rest->p, n, rest->off};
    size_t gone = n + (end != NULL);
    *rest = (struct fb_span){rest->p + gone, rest->n - gone, rest->off + gone};
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

static void check_table(struct checker *c, struct fb_span rest)
{
    struct fb_vector_header header = {.n = 0};
    for (c->line = 1; rest.n > 0; c->line++) {
        struct fb_span line = cut_line(&rest);
        if (line.n == 0 || line.p[0] == '#')
            continue;
        if (header.n > 0) {
            check_row(c, &header, line);
            fb_arena_reset(&c->arena);
            continue;
        }
        struct fb_err err = fb_vector_header(line, &header);
        if (fb_failed(err)) { // nothing below could be understood
            complain(c, err);
            return;
        }
    }
    if (header.n == 0)
        complain(c, FB_FAIL(MALFORMED, "there is no line with the columns' names", 0));
}

static void check_file(struct checker *c, const char *path)
{
    struct fb_file file;
    struct fb_err err = fb_file_read(path, &file);
    c->path = path;
    if (fb_failed(err)) {
        fb_cli_failed("rules", path, errno != 0 ? strerror(errno) : err.what,
                      "name a file that can be read");
        c->unreadable++;
        return;
    }
    check_table(c, file.bytes);
    fb_file_free(&file);
}

int fb_rules_check(const struct fb_rules_options *options, int n, char **arguments)
{
    struct checker c = {.options = options, .arena = fb_arena_map(ROW_ROOM)};
    if (c.arena.base == NULL)
        return fb_cli_failed("rules", "check", "there is no memory for a row",
                             "free some memory");
    for (enum fb_arch arch = FB_ARCH_UNKNOWN; arch < FB_ARCH_OTHER; arch++)
        c.handles[arch] = fb_disasm_open(arch);
    for (int i = 0; i < n; i++)
        check_file(&c, arguments[i]);
    for (enum fb_arch arch = FB_ARCH_UNKNOWN; arch < FB_ARCH_OTHER; arch++)
        fb_disasm_close(c.handles[arch]);
    fb_arena_unmap(&c.arena);
    fprintf(options->json ? stderr : stdout,
            "%zu rows: %zu pass, %zu fail, %zu could not be read, %zu not to be checked\n",
            c.passed + c.failed + c.unreadable + c.left_out, c.passed, c.failed, c.unreadable,
            c.left_out);
    return c.failed + c.unreadable == 0 ? FB_EXIT_OK : FB_EXIT_FAILED;
}
