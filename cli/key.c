/*
 * cli/key.c -- `faultbucket key`: upload keys, each naming a vendor.
 *
 * A key is `fbk_` and 32 random hex digits. It is shown once; the database holds its SHA-256,
 * which is enough against guessing since a key has 128 random bits.
 */
#include "base/hash.h"
#include "table.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { RANDOM_BYTES = 16 };
static const char prefix[] = "fbk_";

static int create(const struct fb_config *config, const char *vendor, const char *note)
{
    uint8_t random[RANDOM_BYTES], digest[FB_SHA256_SIZE];
    char key[sizeof prefix + sizeof random * 2], hash[2 * FB_SHA256_SIZE + 1];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return fb_cli_failed("key", "the kernel", "it gave no random bytes", "try again");
    memcpy(key, prefix, sizeof prefix);
    fb_hex(random, sizeof random, key + sizeof prefix - 1);
    fb_sha256(key, strlen(key), digest);
    fb_hex(digest, sizeof digest, hash);
    const char *args[] = {vendor, hash, note};
    PGresult *rows = fb_cli_query(config,
                                  "INSERT INTO upload_key (vendor_id, key_hash, note)"
                                  " SELECT vendor_id, decode($2, 'hex'), $3 FROM vendor"
                                  " WHERE name = $1 RETURNING key_id",
                                  3, args);
    if (rows == NULL)
        return FB_EXIT_FAILED;
    bool made = PQntuples(rows) == 1;
    if (made) {
        printf("%s\n", key);
        fprintf(stderr, "key %s of vendor %s; it is shown only now\n", PQgetvalue(rows, 0, 0),
                fb_cli_safe(vendor));
    }
    PQclear(rows);
    return made ? FB_EXIT_OK
                : fb_cli_failed("key", vendor, "there is no such vendor",
                                "`faultbucket vendor add` makes it");
}

static int list(const struct fb_config *config)
{
    static const struct fb_cli_column columns[] = {
        {"ID",      0,  true },
        {"VENDOR",  40, false},
        {"CREATED", 0,  false},
        {"STATE",   0,  false},
        {"NOTE",    60, false}
    };
    PGresult *rows = fb_cli_query(config,
                                  "SELECT key_id, name, k.created_at::date,"
                                  " coalesce('revoked ' || revoked_at::date, 'valid'), note"
                                  " FROM upload_key k JOIN vendor USING (vendor_id)"
                                  " ORDER BY key_id",
                                  0, NULL);
    if (rows == NULL)
        return FB_EXIT_FAILED;
    fb_cli_table(rows, columns, sizeof columns / sizeof *columns);
    PQclear(rows);
    return FB_EXIT_OK;
}

static int revoke(const struct fb_config *config, const char *id)
{
    const char *args[] = {id};
    if (id[0] == 0 || strlen(id) > 9 || strspn(id, "0123456789") != strlen(id))
        return fb_cli_usage("key", "revoke takes the number that `key list` shows");
    PGresult *rows = fb_cli_query(config,
                                  "UPDATE upload_key SET revoked_at = coalesce(revoked_at,"
                                  " now()) WHERE key_id = $1::integer RETURNING key_id",
                                  1, args);
    if (rows == NULL)
        return FB_EXIT_FAILED;
    bool found = PQntuples(rows) == 1;
    PQclear(rows);
    if (!found)
        return fb_cli_failed("key", id, "there is no such key",
                             "`faultbucket key list` shows their numbers");
    printf("key %s is revoked; ingest notices when it next loads its keys\n", id);
    return FB_EXIT_OK;
}

int fb_cmd_key(const struct fb_config *config, int argc, char **argv)
{
    static const struct argp argp = {.args_doc = "create VENDOR [NOTE]\nlist\nrevoke ID",
                                     .doc = "Upload keys, each naming a vendor."};
    static char name[] = "faultbucket key";
    argv[0] = name;
    int at;
    argp_parse(&argp, argc, argv, ARGP_NO_ARGS, &at, NULL);
    int n = argc - at;
    if ((n == 2 || n == 3) && strcmp(argv[at], "create") == 0)
        return create(config, argv[at + 1], n == 3 ? argv[at + 2] : "");
    if (n == 1 && strcmp(argv[at], "list") == 0)
        return list(config);
    if (n == 2 && strcmp(argv[at], "revoke") == 0)
        return revoke(config, argv[at + 1]);
    return fb_cli_usage("key", "it takes `create VENDOR [NOTE]`, `list` or `revoke ID`");
}
