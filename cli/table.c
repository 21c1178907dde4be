/* cli/table.c -- rows of the database as a table for people. */
#include "table.h"

#include "base/text.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 16, VALUES_MAX = 64 };

PGresult *fb_cli_query(const struct fb_config *config, const char *sql, int n,
                       const char *const *parameters)
{
    PGconn *db;
    PGresult *rows = NULL;
    if (fb_failed(
            fb_pg_connect(fb_config_text(config, FB_OPT_POSTGRES_URL), "faultbucket", &db)))
        return NULL;
    struct fb_err err = fb_pg_run(db, sql, n, parameters, &rows);
    PQfinish(db);
    if (err.code == FB_BUG)
        fputs("faultbucket: if a table or view is missing, run `faultbucket migrate`; if a "
              "permission is, `faultbucket doctor` says more\n",
              stderr);
    return fb_failed(err) ? NULL : rows;
}

int fb_cli_width(const char *text)
{
    int n = 0;
    for (; *text != 0; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

/* Print `text` within `most` columns, filled up to `width`. */
static void print_cell(const char *text, const struct fb_cli_column *column, int width)
{
    const char *end = text;
    int most = column->most != 0 ? column->most : INT32_MAX;
    bool cut = fb_cli_width(text) > most;
    for (int n = cut ? 3 : 0; *end != 0; end++) {
        if (((unsigned char)*end & 0xC0) != 0x80 && n++ == most)
            break;
    }
    int used = cut ? most : fb_cli_width(text);
    int fill = width > used ? width - used : 0;
    printf("%*s%.*s%s%*s", column->right ? fill : 0, "", (int)(end - text), text,
           cut ? "..." : "", column->right ? 0 : fill, "");
}

static int column_width(const PGresult *rows, const struct fb_cli_column *column, int at)
{
    int width = fb_cli_width(column->title);
    for (int row = 0; row < PQntuples(rows); row++) {
        int w = fb_cli_width(fb_cli_safe(PQgetvalue(rows, row, at)));
        width = w > width ? w : width;
    }
    return column->most != 0 && width > column->most ? column->most : width;
}

void fb_cli_table(const PGresult *rows, const struct fb_cli_column *columns, int n)
{
    int width[COLUMNS_MAX];
    for (int at = 0; at < n; at++)
        width[at] = column_width(rows, &columns[at], at);
    for (int row = -1; row < PQntuples(rows); row++) {
        for (int at = 0; at < n; at++) {
            const char *text =
                row < 0 ? columns[at].title : fb_cli_safe(PQgetvalue(rows, row, at));
            bool last = at == n - 1 && !columns[at].right; // no blanks at the end of a line
            print_cell(text, &columns[at], last ? 0 : width[at]);
            fputs(at == n - 1 ? "\n" : "  ", stdout);
        }
    }
}

const char *fb_cli_sparkline(const char *values)
{
    static const char *const blocks[] = {"\u2581", "\u2582", "\u2583", "\u2584",
                                         "\u2585", "\u2586", "\u2587", "\u2588"};
    static const char *const digits[] = {"0", "1", "2", "3", "4", "5", "6", "7"};
    enum { BUFFERS = 4, LEVELS = 8 };
    static char buffers[BUFFERS][4 * VALUES_MAX];
    static unsigned next;
    const char *const *marks = strcmp(nl_langinfo(CODESET), "UTF-8") == 0 ? blocks : digits;
    long long v[VALUES_MAX], most = 0;
    size_t n = 0;
    for (const char *at = values; *at != 0 && n < VALUES_MAX; n++) {
        at += strcspn(at, "0123456789");
        if (*at == 0)
            break;
        char *end;
        v[n] = strtoll(at, &end, 10);
        most = v[n] > most ? v[n] : most;
        at = end;
    }
    struct fb_text out = fb_text_over(buffers[next % BUFFERS], sizeof buffers[0]);
    next++;
    for (size_t i = 0; i < n; i++) // nothing is the lowest mark, anything more stands above it
        fb_text_str(&out, marks[v[i] <= 0 || most == 0 ? 0 : 1 + v[i] * (LEVELS - 2) / most]);
    return out.p;
}
