/* cli/migrations.c -- find and read the files of migrations/. */
#include "migrations.h"

#include "base/sort.h"
#include "cli.h"
#include "files.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

const char *fb_migrations_folder(const struct fb_config *config)
{
    static const char *const beside[] = {"../share/faultbucket/migrations",
                                         "../../../migrations"};
    static char found[PATH_MAX];
    const char *said = fb_config_text(config, FB_OPT_MIGRATIONS);
    if (said[0] != 0)
        return is_folder(said) ? said : NULL;
    char program[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n <= 0)
        return NULL;
    program[n] = 0;
    *strrchr(program, '/') = 0;
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
        int length = snprintf(found, sizeof found, "%s/%s", program, beside[i]);
        if (length > 0 && (size_t)length < sizeof found && is_folder(found))
            return found;
    }
    return NULL;
}

static struct fb_err fault(const char *path, const char *reason, const char *next_step)
{
    fb_cli_failed("migrate", path, reason, next_step);
    return FB_FAIL(USAGE, "the migrations cannot be used", 0);
}

static struct fb_err read_one(const char *path, struct fb_migration *m)
{
    static const char mark[] = "-- no-transaction";
    struct fb_file file;
    if (fb_failed(fb_file_read(path, &file)))
        return fault(path, "the file cannot be read", "check its permissions");
    uint8_t digest[FB_SHA256_SIZE];
    fb_sha256(file.bytes.p, file.bytes.n, digest);
    fb_hex(digest, sizeof digest, m->sha256);
    m->sql = strndup(file.bytes.n != 0 ? (const char *)file.bytes.p : "", file.bytes.n);
    fb_file_free(&file);
    if (m->sql == NULL)
        return fault(path, "there is no memory for it", "free some");
    m->no_transaction = strncmp(m->sql, mark, sizeof mark - 1) == 0;
    return FB_NO_ERR;
}

/* Ours end in .sql and begin with a number; what else lies there (README, editors' copies) is
 * not. */
static bool is_ours(const char *name)
{
    size_t n = strlen(name);
    return n > 4 && isdigit((unsigned char)name[0]) && strcmp(name + n - 4, ".sql") == 0;
}

static int by_number(const void *a, const void *b)
{
    const struct fb_migration *x = a, *y = b;
    return x->number != y->number ? (x->number > y->number) - (x->number < y->number)
                                  : strcmp(x->name, y->name);
}

static struct fb_err read_folder(DIR *dir, const char *path, struct fb_migrations *out)
{
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (!is_ours(entry->d_name))
            continue;
        if (out->n == FB_MIGRATIONS_MAX)
            return fault(path, "it holds more migrations than we have room for",
                         "check that migrate.dir is the right folder");
        struct fb_migration *m = &out->v[out->n++];
        m->number = (int)strtol(entry->d_name, NULL, 10);
        m->name = strdup(entry->d_name);
        char file[PATH_MAX];
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        struct fb_err err = m->name == NULL ? fault(file, "there is no memory", "free some")
                                            : read_one(file, m);
        if (fb_failed(err))
            return err;
    }
    return FB_NO_ERR;
}

struct fb_err fb_migrations_read(const char *folder, const char *sub, struct fb_migrations *out)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, sub);
    *out = (struct fb_migrations){calloc(FB_MIGRATIONS_MAX, sizeof *out->v), 0};
    DIR *dir = opendir(path);
    struct fb_err err;
    if (dir == NULL || out->v == NULL)
        err = fault(path, "the folder cannot be read", "name the right one with --migrate-dir");
    else
        err = read_folder(dir, path, out);
    if (dir != NULL)
        closedir(dir);
    if (!fb_failed(err) && out->n == 0)
        err = fault(path, "no migration lies there", "name the right one with --migrate-dir");
    if (fb_failed(err)) {
        fb_migrations_free(out);
        return err;
    }
    fb_sort(out->v, out->n, sizeof *out->v, by_number);
    return FB_NO_ERR;
}

void fb_migrations_free(struct fb_migrations *migrations)
{
    for (size_t i = 0; i < migrations->n; i++) {
        free(migrations->v[i].name);
        free(migrations->v[i].sql);
    }
    free(migrations->v);
    *migrations = (struct fb_migrations){0};
}
