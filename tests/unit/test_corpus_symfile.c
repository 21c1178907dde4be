/*
 * tests/unit/test_corpus_symfile.c -- every symbol file of the corpus against what the
 * reference answers for sampled addresses.
 *
 * Where we differ on purpose there is a row in `differences`; each must still be met, so that
 * none outlives its reason.
 */
#include "support/check.h"
#include "support/whole.h"
#include "symbols/symfile.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 256 * 1024 * 1024, LINE_MAX_ = 1 << 20, FIELDS = 7 };

#define NESTING "a deeper call that reaches beyond its caller: we go by depth, not by size"

static struct {
    const char *file; // of expected/symbols; NULL: any
    const char *address;
    const char *reason;
    int met;
} differences[] = {
    {NULL,                                                  "0x7fffffff", "a public symbol more than 1 MiB below names nothing",   0},
    {"no-module-record-linux.tsv",                          NULL,         "a file without MODULE belongs to no module",            0},
    {"solaris-x86-regtest.tsv",                             NULL,
     "an object file, every function at 0: we take the shortest that covers the address",                                          0},
    {"quadratic-inlinee.tsv",                               NULL,         "made to be hard: 201 levels, each of which covers all", 0},
    {"mac-x64-inlines.tsv",                                 "0x27c1",     NESTING,                                                 0},
    {"mac-x64-inlines.tsv",                                 "0x27c6",     NESTING,                                                 0},
    {"mac-x64-inlines.tsv",                                 "0x27d3",     NESTING,                                                 0},
    {"crash-client__509C0610949836F7B70BD88BCF03E5400.tsv", "0xa86bb",    NESTING,                                                 0},
    {"crash-client__509C0610949836F7B70BD88BCF03E5400.tsv", "0xa86c5",    NESTING,                                                 0},
};

static bool is_different(const char *file, const char *address)
{
    for (size_t i = 0; i < COUNT(differences); i++) {
        if ((differences[i].file == NULL || strcmp(differences[i].file, file) == 0) &&
            (differences[i].address == NULL ||
             (address != NULL && strcmp(differences[i].address, address) == 0))) {
            differences[i].met++;
            return true;
        }
    }
    return false;
}

static size_t split(char *line, char *field[FIELDS])
{
    size_t n = 0;
    for (char *p = strtok(line, "\t\n"); p != NULL && n < FIELDS; p = strtok(NULL, "\t\n"))
        field[n++] = p;
    return n;
}

/* The reference keeps a blank before a name, and names longer than any that we keep. */
static bool same(const char *ours, const char *theirs)
{
    if (ours == NULL)
        return strcmp(theirs, "-") == 0;
    size_t n = strlen(ours);
    theirs += strspn(theirs, " ");
    if (n > 4000 && strcmp(ours + n - 3, "...") == 0)
        return strncmp(ours, theirs, n - 3) == 0;
    return strcmp(ours, theirs) == 0;
}

static bool same_symbol(const struct fb_symbol *s, char *const field[FIELDS])
{
    return same(s->function, field[2]) && s->function_rva == strtoull(field[3], NULL, 16) &&
           same(s->file, field[4]) && s->line == strtoul(field[5], NULL, 10) &&
           s->n_inlines == strtoul(field[6], NULL, 10);
}

static void compare_rows(const char *name, FILE *expected, const struct fb_symfile *sym,
                         struct fb_arena *arena)
{
    char *line = malloc(LINE_MAX_), *field[FIELDS] = {0};
    struct fb_symbol s = {0};
    size_t depth = 0;
    while (fgets(line, LINE_MAX_, expected) != NULL) {
        size_t n = split(line, field);
        char row[256];
        if (n < 5)
            continue;
        snprintf(row, sizeof row, "%s %s", name, field[1]);
        if (n == 7 && strcmp(field[0], "addr") == 0) {
            s = (struct fb_symbol){0};
            depth = 0;
            fb_symfile_lookup(sym, strtoull(field[1], NULL, 16), arena, &s);
            if (!same_symbol(&s, field) && is_different(name, field[1]))
                s.n_inlines = 0; // nor compare these
            else if (!CHECK(row, same_symbol(&s, field)))
                fprintf(stderr, "  got %s %llx %s:%u %zu, reference %s %s %s:%s %s\n",
                        s.function, (unsigned long long)s.function_rva, s.file, s.line,
                        s.n_inlines, field[2], field[3], field[4], field[5], field[6]);
        } else if (strcmp(field[0], "inline") == 0 && depth < s.n_inlines) {
            const struct fb_inline *i = &s.inlines[depth++];
            CHECK(row, same(i->function, field[2]) && same(i->file, field[3]) &&
                           i->line == strtoul(field[4], NULL, 10));
        }
    }
    free(line);
}

static void compare_file(const char *corpus, const char *name, uint8_t *room)
{
    char path[4096], line[4096];
    char symbols[2048] = "";
    bool corrupt = false;
    snprintf(path, sizeof path, "%s/expected/symbols/%s", corpus, name);
    FILE *expected = fopen(path, "r");
    for (int i = 0; i < 4 && expected != NULL && fgets(line, sizeof line, expected); i++) {
        sscanf(line, "file %2047[^\n]", symbols);
        corrupt |= strcmp(line, "load\tok\tcorrupt\n") == 0;
    }
    snprintf(path, sizeof path, "%s/%s", corpus, symbols);
    struct fb_span text = whole_file(path);
    struct fb_arena arena = {.base = room, .cap = ROOM};
    struct fb_symfile *sym = NULL;
    struct fb_err err = fb_symfile_read(text, &arena, &sym);
    if (!fb_failed(err)) {
        CHECK(name, fb_symfile_corrupt(sym) == corrupt);
        CHECK(name, arena.used < 4 * text.n + 4096); // in proportion
        compare_rows(name, expected, sym, &arena);
    } else if (!is_different(name, NULL)) {
        CHECK(name, err.code == FB_OK);
    }
    fb_arena_reset(&arena);
    if (expected != NULL)
        fclose(expected);
    whole_free(text);
}

int main(void)
{
    const char *corpus = getenv("FAULTBUCKET_CORPUS");
    char path[4096];
    snprintf(path, sizeof path, "%s/expected/symbols",
             corpus != NULL ? corpus : "../shared/corpus");
    DIR *dir = opendir(path);
    if (dir == NULL)
        return check_skip("no corpus; set FAULTBUCKET_CORPUS to its folder");
    path[strlen(path) - strlen("/expected/symbols")] = 0;
    uint8_t *room = malloc(ROOM);
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        if (e->d_name[0] != '.')
            compare_file(path, e->d_name, room);
    closedir(dir);
    free(room);
    for (size_t i = 0; i < COUNT(differences); i++)
        printf("%d rows: %s\n", differences[i].met, differences[i].reason);
    for (size_t i = 0; i < COUNT(differences); i++)
        CHECK(differences[i].reason, differences[i].met > 0);
    return check_done();
}
