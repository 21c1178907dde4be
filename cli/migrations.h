/*
 * cli/migrations.h -- the files of migrations/: where they lie, and what they hold.
 *
 * NNNN_name.sql change the schema, each once and in order; views/NN_name.sql are run again
 * every time.
 */
#pragma once
#include "base/hash.h"
#include "config.h"

enum { FB_MIGRATIONS_MAX = 1000 };

struct fb_migration {
    int number;
    char *name; // of the file, without its folder
    char *sql;
    char sha256[2 * FB_SHA256_SIZE + 1];
    bool no_transaction; // its first line says so; such a file is one statement
};
struct fb_migrations {
    struct fb_migration *v;
    size_t n;
};

/** The folder: migrate.dir, else beside the installed program, else of the build tree. NULL
 * when none exists. @owner static */
const char *fb_migrations_folder(const struct fb_config *config);
/** Read the files `folder`/`sub`, sorted by number. @owner the caller, fb_migrations_free.
 * @fails USAGE: a fault in the files, printed with what to do */
struct fb_err fb_migrations_read(const char *folder, const char *sub,
                                 struct fb_migrations *out);
void fb_migrations_free(struct fb_migrations *migrations);
