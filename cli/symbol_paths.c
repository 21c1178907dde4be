/*
 * cli/symbol_paths.c -- the places where stores keep a file, tried in turn.
 *
 *   ROOT/app.pdb/DEBUGID/app.sym            Breakpad, Tecken
 *   ROOT/app.exe/CODEID/app.exe.sym         the same by code id
 *   ROOT/app.exe/CODEID/app.exe             symstore; ROOT/ap/app.exe/... with an index2.txt
 *   ROOT/app.so/elf-buildid-CODEID/app.so   SSQP
 *
 * Names of files and ids are spelled in whatever case their writer liked: as the dump says
 * first, then lower, then upper. A store that lacks the folder of the file costs one look for
 * each spelling. Compressed files (app.ex_) and references to elsewhere (file.ptr) are noted,
 * not read.
 */
#include "symbol_store.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

enum { NAME_MAX_ = 255, PATH_ROOM = 4096 };

enum part { NAME, CODE_ID, DEBUG_FILE, DEBUG_ID };
static const struct layout {
    enum fb_store_kind kind;
    enum part folder;
    const char *prefix; // of the id
    enum part id;
    const char *dropped; // ending of the file's name that the symbols' name lacks
    const char *added;
} layouts[] = {
    {FB_STORE_SYMBOLS, DEBUG_FILE, "",             DEBUG_ID, ".pdb", ".sym"},
    {FB_STORE_SYMBOLS, NAME,       "",             CODE_ID,  ".dll", ".sym"},
    {FB_STORE_IMAGE,   NAME,       "",             CODE_ID,  NULL,   ""    },
    {FB_STORE_IMAGE,   NAME,       "elf-buildid-", CODE_ID,  NULL,   ""    },
};

static const char *part_of(const struct fb_store_wanted *w, enum part part)
{
    const char *const parts[] = {w->name, w->code_id, w->debug_file, w->debug_id};
    return parts[part];
}

static bool fit_for_a_path(const char *name)
{
    size_t n = name != NULL ? strlen(name) : 0;
    for (size_t i = 0; i < n; i++)
        if ((uint8_t)name[i] < 0x20 || name[i] == '/' || name[i] == '\\')
            return false;
    return n > 0 && n <= NAME_MAX_ && name[0] != '.';
}

/* --- spellings ---------------------------------------------------------------------- */

enum { TIMESTAMP_DIGITS = 8 };
enum spelling { AS_SAID, LOWER, UPPER, TIMESTAMP_UPPER, SPELLINGS };

static bool is_upper(enum spelling how, size_t i)
{
    return how == UPPER || (how == TIMESTAMP_UPPER && i < TIMESTAMP_DIGITS);
}

static void spell(const char *name, enum spelling how, char out[NAME_MAX_ + 1])
{
    size_t n = strlen(name);
    for (size_t i = 0; i <= n; i++) {
        int c = (uint8_t)name[i];
        out[i] = (char)(how == AS_SAID ? c : is_upper(how, i) ? toupper(c) : tolower(c));
    }
}

/* False for a spelling that an earlier one has given already. */
static bool spell_anew(const char *name, enum spelling how, char out[NAME_MAX_ + 1])
{
    char before[NAME_MAX_ + 1];
    spell(name, how, out);
    for (int i = 0; i < (int)how; i++) {
        spell(name, (enum spelling)i, before);
        if (strcmp(before, out) == 0)
            return false;
    }
    return true;
}

/* --- one layout --------------------------------------------------------------------- */

static void print_file(const struct layout *l, const char *folder, char *out, size_t room)
{
    size_t n = strlen(folder), ending = l->dropped != NULL ? strlen(l->dropped) : 0;
    if (ending != 0 && n > ending && strcasecmp(folder + n - ending, l->dropped) == 0)
        n -= ending;
    snprintf(out, room, "%.*s%s", (int)n, folder, l->added);
}

static void look_for_others(const char *folder, const char *file,
                            const struct fb_store_taker *taker)
{
    char path[PATH_ROOM + (2 * NAME_MAX_)];
    snprintf(path, sizeof path, "%s/file.ptr", folder);
    if (access(path, F_OK) == 0)
        taker->note(taker->self, path, "points to another place and is not followed");
    int n = snprintf(path, sizeof path, "%s/%s", folder, file);
    path[n - 1] = '_';
    if (access(path, F_OK) == 0)
        taker->note(taker->self, path, "is compressed and not read: expand it beside itself");
}

static bool try_id(const struct layout *l, const char *folder, const char *name, const char *id,
                   const struct fb_store_taker *taker)
{
    char within[PATH_ROOM], file[NAME_MAX_ + 8], path[PATH_ROOM + (2 * NAME_MAX_)];
    int n = snprintf(within, sizeof within, "%s/%s%s", folder, l->prefix, id);
    if (n < 0 || (size_t)n >= sizeof within || access(within, X_OK) != 0)
        return false;
    print_file(l, name, file, sizeof file);
    snprintf(path, sizeof path, "%s/%s", within, file);
    if (access(path, F_OK) == 0)
        return taker->take(taker->self, path);
    look_for_others(within, file, taker);
    return false;
}

static bool try_folder(const struct layout *l, const char *root, const char *name,
                       const char *id, const struct fb_store_taker *taker)
{
    char folder[PATH_ROOM], spelled[NAME_MAX_ + 1];
    int n = snprintf(folder, sizeof folder, "%s/%s", root, name);
    if (n < 0 || (size_t)n >= sizeof folder || access(folder, X_OK) != 0)
        return false;
    for (int i = 0; i < SPELLINGS; i++)
        if (spell_anew(id, (enum spelling)i, spelled) &&
            try_id(l, folder, name, spelled, taker))
            return true;
    return false;
}

/* Two-tier: the first two letters of the file's name are a folder of their own. */
static bool try_tier(const struct layout *l, const char *root, const char *name, const char *id,
                     const struct fb_store_taker *taker)
{
    char tier[PATH_ROOM];
    int n = snprintf(tier, sizeof tier, "%s/%.2s", root, name);
    return n > 0 && (size_t)n < sizeof tier && try_folder(l, tier, name, id, taker);
}

static bool try_layout(const struct layout *l, const char *root, bool two_tier,
                       const struct fb_store_wanted *wanted, const struct fb_store_taker *taker)
{
    const char *name = part_of(wanted, l->folder), *id = part_of(wanted, l->id);
    char spelled[NAME_MAX_ + 1];
    if (!fit_for_a_path(name) || !fit_for_a_path(id))
        return false;
    for (int i = 0; i <= UPPER; i++)
        if (spell_anew(name, (enum spelling)i, spelled) &&
            ((two_tier && try_tier(l, root, spelled, id, taker)) ||
             try_folder(l, root, spelled, id, taker)))
            return true;
    return false;
}

bool fb_store_paths(const char *root, enum fb_store_kind kind,
                    const struct fb_store_wanted *wanted, const struct fb_store_taker *taker)
{
    char path[PATH_ROOM];
    snprintf(path, sizeof path, "%s/index2.txt", root);
    bool two_tier = access(path, F_OK) == 0;
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        if (layouts[i].kind == kind && try_layout(&layouts[i], root, two_tier, wanted, taker))
            return true;
    return false;
}
