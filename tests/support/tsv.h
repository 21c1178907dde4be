/* tests/support/tsv.h -- the corpus' tables, line by line, field by field. */
#pragma once
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TSV_FIELDS = 32, TSV_LINE = 1 << 16 };
struct tsv {
    FILE *file;
    char line[TSV_LINE];
    char *field[TSV_FIELDS];
    int n;
};

/* @return false when there is no such file in the corpus */
static inline bool tsv_open(struct tsv *t, const char *path)
{
    const char *corpus = getenv("FAULTBUCKET_CORPUS");
    char whole[4096];
    snprintf(whole, sizeof whole, "%s/%s", corpus != NULL ? corpus : "../shared/corpus", path);
    t->file = fopen(whole, "r");
    return t->file != NULL;
}

static inline bool tsv_next(struct tsv *t)
{
    if (fgets(t->line, sizeof t->line, t->file) == NULL) {
        fclose(t->file);
        return false;
    }
    t->line[strcspn(t->line, "\r\n")] = 0;
    t->n = 0;
    for (char *p = t->line; p != NULL && t->n < TSV_FIELDS; t->n++) {
        t->field[t->n] = p;
        p = strchr(p, '\t');
        if (p != NULL)
            *p++ = 0;
    }
    return true;
}

/* The value of the field "key=value"; NULL when there is none. */
static inline const char *tsv_value(const struct tsv *t, const char *key)
{
    size_t n = strlen(key);
    for (int i = 1; i < t->n; i++)
        if (strncmp(t->field[i], key, n) == 0 && t->field[i][n] == '=')
            return t->field[i] + n + 1;
    return NULL;
}
