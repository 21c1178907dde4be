/* cli/vendor.c -- `faultbucket vendor`: who may send reports. */
#include "table.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>

static int add(const struct fb_config *config, const char *name)
{
    const char *args[] = {name};
    if (name[0] == 0 || strlen(name) > 256)
        return fb_cli_failed("vendor", name, "a name has 1 to 256 bytes", "choose another");
    PGresult *rows = fb_cli_query(config,
                                  "INSERT INTO vendor (name) VALUES ($1)"
                                  " ON CONFLICT DO NOTHING RETURNING vendor_id",
                                  1, args);
    if (rows == NULL)
        return FB_EXIT_FAILED;
    bool made = PQntuples(rows) == 1;
    if (made)
        printf("vendor %s is number %s; `faultbucket key create` makes its upload key\n",
               fb_cli_safe(name), PQgetvalue(rows, 0, 0));
    PQclear(rows);
    return made ? FB_EXIT_OK
                : fb_cli_failed("vendor", name, "it exists already",
                                "`faultbucket vendor list` shows it");
}

static int list(const struct fb_config *config)
{
    static const struct fb_cli_column columns[] = {
        {"ID",       0,  true },
        {"VENDOR",   60, false},
        {"KEYS",     0,  true },
        {"PRODUCTS", 0,  true },
        {"SINCE",    0,  false}
    };
    PGresult *rows = fb_cli_query(
        config,
        "SELECT vendor_id, name, (SELECT count(*) FROM upload_key k WHERE k.vendor_id ="
        " v.vendor_id AND revoked_at IS NULL), (SELECT count(*) FROM product p WHERE"
        " p.vendor_id = v.vendor_id), created_at::date FROM vendor v ORDER BY name",
        0, NULL);
    if (rows == NULL)
        return FB_EXIT_FAILED;
    fb_cli_table(rows, columns, sizeof columns / sizeof *columns);
    PQclear(rows);
    return FB_EXIT_OK;
}

int fb_cmd_vendor(const struct fb_config *config, int argc, char **argv)
{
    static const struct argp argp = {.args_doc = "add NAME\nlist",
                                     .doc = "The vendors that send reports."};
    static char name[] = "faultbucket vendor";
    argv[0] = name;
    int at;
    argp_parse(&argp, argc, argv, ARGP_NO_ARGS, &at, NULL);
    if (argc - at == 2 && strcmp(argv[at], "add") == 0)
        return add(config, argv[at + 1]);
    if (argc - at == 1 && strcmp(argv[at], "list") == 0)
        return list(config);
    return fb_cli_usage("vendor", "it takes `add NAME` or `list`");
}
