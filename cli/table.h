/*
 * cli/table.h -- what the commands that ask the database share: a connection, and rows printed
 * as columns.
 */
#pragma once
#include "cli.h"
#include "pg.h"

/** Connect, run one statement, close. NULL: it failed and the reason was logged. @owner the
 * caller, PQclear */
PGresult *fb_cli_query(const struct fb_config *config, const char *sql, int n,
                       const char *const *parameters);

struct fb_cli_column {
    const char *title;
    int most; // columns of the terminal that a value may take, 0: as many as it needs
    bool right;
};
/** Print `rows`, made safe for a terminal, as `n` columns with titles. */
void fb_cli_table(const PGresult *rows, const struct fb_cli_column *columns, int n);
/** How many columns of a terminal a valid UTF-8 text takes, near enough: one per code point. */
int fb_cli_width(const char *text);
/** `values` = "{1,2,3}" as one block per value when standard output speaks UTF-8, else as
 * digits 0 ... 7; in one of a few buffers. */
const char *fb_cli_sparkline(const char *values);
