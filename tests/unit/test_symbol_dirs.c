/*
 * tests/unit/test_symbol_dirs.c -- symbols and images are found in every
 * layout, and used only when the id inside is the module's.
 */
#include "support/check.h"
#include "support/imagegen.h"
#include "symbol_dirs.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GUID "0403020106050807090A0B0C0D0E0F10"

static char root[] = "/tmp/fb-symbols-XXXXXX";
static uint8_t pe[IMAGEGEN_SIZE], elf[IMAGEGEN_SIZE];

enum content { NOTHING, SYM, OTHER_SYM, WINDOWS, LINUX };
static const char *const texts[] = {
    [SYM] = "MODULE windows x86_64 " GUID "2 app.pdb\nINFO CODE_ID 5A0B1C2D4000 App.dll\n"
            "FUNC 1000 20 0 wanted\n",
    [OTHER_SYM] = "MODULE windows x86_64 " GUID "3 app.pdb\nFUNC 1000 20 0 another age\n",
};

static const uint8_t guid_bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
static const uint8_t build_bytes[] = {1, 2, 3, 4, 5, 6, 7, 0x08, 0x09, 0x10, 0x11, 0x12, 0x13};
#define PE_ID(more) .code_id = FB_CODE_ID_PE, .timestamp = 0x5a0b1c2d, .size = 0x4000 + (more)
static const struct fb_module by_pdb = {
    .name = "App.dll",
    PE_ID(0),
    .debug_file = "app.pdb",
    .build = {FB_CODEVIEW_PDB70, .age = 2, .id = {guid_bytes, sizeof guid_bytes, 0}}
};
static const struct fb_module by_code = {.name = "App.dll", PE_ID(0)};
static const struct fb_module by_build_id = {
    .name = "libx.so",
    .code_id = FB_CODE_ID_BUILD,
    .debug_file = "libx.so",
    .build = {FB_CODEVIEW_ELF, .id = {build_bytes, sizeof build_bytes, 0}}
};
static const struct fb_module rebuilt = {.name = "App.dll", PE_ID(1)};
static const struct fb_module evil = {
    .name = "..",
    PE_ID(1),
    .debug_file = "../app.pdb",
    .build = {FB_CODEVIEW_PDB70, .age = 4, .id = {guid_bytes, sizeof guid_bytes, 0}}
};

enum { FINDS_SYMBOLS = 1, FINDS_IMAGE = 2, SAYS_WHY = 4 };
// clang-format off
static const struct {
    const char *name;
    const struct fb_module *module;
    int want;
    struct {
        const char *path;
        enum content content;
    } files[3];
} rows[] = {
    {"an empty folder", &by_pdb, 0, {{"readme.txt", NOTHING}}},
    {"Breakpad's layout", &by_pdb, FINDS_SYMBOLS, {{"app.pdb/" GUID "2/app.sym", SYM}}},
    {"its name in capitals", &by_pdb, FINDS_SYMBOLS, {{"APP.PDB/" GUID "2/APP.sym", SYM}}},
    {"another build where it should stand", &by_pdb, 0,
     {{"app.pdb/" GUID "2/app.sym", OTHER_SYM}}},
    {"symbols by code id", &by_code, FINDS_SYMBOLS, {{"App.dll/5a0b1c2d4000/App.sym", SYM}}},
    {"symstore", &by_pdb, FINDS_IMAGE, {{"app.dll/5A0B1C2D4000/app.dll", WINDOWS}}},
    {"two-tier", &by_pdb, FINDS_IMAGE,
     {{"index2.txt", NOTHING}, {"ap/app.dll/5A0B1C2D4000/app.dll", WINDOWS}}},
    {"SSQP", &by_build_id, FINDS_IMAGE,
     {{"libx.so/elf-buildid-01020304050607080910111213/libx.so", LINUX}}},
    {"a reference", &by_pdb, SAYS_WHY, {{"App.dll/5a0b1c2d4000/file.ptr", NOTHING}}},
    {"compressed", &by_pdb, SAYS_WHY, {{"App.dll/5a0b1c2d4000/App.dl_", NOTHING}}},
    {"lying about", &by_pdb, FINDS_SYMBOLS | FINDS_IMAGE,
     {{"a/b/x", SYM}, {"a/y", WINDOWS}}},
    {"lying about, other builds too", &by_pdb, FINDS_SYMBOLS,
     {{"a/a.sym", OTHER_SYM}, {"a/b.sym", SYM}, {"c.so", LINUX}}},
    {"an ELF image under any name", &by_build_id, FINDS_IMAGE, {{"core/thing", LINUX}}},
    {"no debug id but the image's", &by_code, FINDS_SYMBOLS | FINDS_IMAGE,
     {{"z/y", WINDOWS}, {"z/x", SYM}}},
    {"an image of another build", &rebuilt, 0, {{"App.dll/5a0b1c2d4001/App.dll", WINDOWS}}},
    {"names that lead out", &evil, 0, {{"app.pdb/" GUID "4/app.sym", SYM}}},
};
// clang-format on

/* --- files
 * -------------------------------------------------------------------------- */

static void make_folders(const char *path)
{
    char part[512];
    for (const char *slash = strchr(path + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        mkdir(part, 0700);
    }
}

static void write_file(const char *relative, enum content content)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", root, relative);
    make_folders(path);
    FILE *file = fopen(path, "w");
    if (!CHECK(path, file != NULL))
        return;
    if (content == WINDOWS || content == LINUX)
        fwrite(content == WINDOWS ? pe : elf, 1, IMAGEGEN_SIZE, file);
    else if (content != NOTHING)
        fputs(texts[content], file);
    fclose(file);
}

static int drop(const char *path, const struct stat *about, int type, struct FTW *where)
{
    (void)about, (void)type;
    return where->level > 0 ? remove(path) : 0;
}

static void run(size_t i)
{
    uint8_t room[4096];
    struct fb_arena arena = {.base = room, .cap = sizeof room};
    for (size_t k = 0; k < COUNT(rows[i].files) && rows[i].files[k].path != NULL; k++)
        write_file(rows[i].files[k].path, rows[i].files[k].content);
    const char *dirs[] = {"/nowhere", root};
    struct fb_symbol_dirs *opened = fb_symbol_dirs_open(dirs, COUNT(dirs));
    const struct fb_symbols *ask = fb_symbol_dirs_table(opened);
    struct fb_symbol symbol = {0};
    for (int again = 0; again < 2; again++) {
        bool found = ask->lookup(ask->self, rows[i].module, 0x1010, &arena, &symbol);
        CHECK(rows[i].name, found == ((rows[i].want & FINDS_SYMBOLS) != 0));
        CHECK(rows[i].name, !found || strcmp(symbol.function, "wanted") == 0);
        CHECK(rows[i].name, (ask->symfile(ask->self, rows[i].module) != NULL) == found);
        CHECK(rows[i].name, (ask->image(ask->self, rows[i].module) != NULL) ==
                                ((rows[i].want & FINDS_IMAGE) != 0));
    }
    CHECK(rows[i].name,
          (fb_symbol_dirs_note(opened, 0) != NULL) == ((rows[i].want & SAYS_WHY) != 0));
    fb_symbol_dirs_close(opened);
    fb_arena_reset(&arena);
    nftw(root, drop, 8, FTW_DEPTH | FTW_PHYS);
}

/* A link back to where it stands ends the walk of that branch, not the search.
 */
static void links(void)
{
    char loop[512];
    snprintf(loop, sizeof loop, "%s/a/loop", root);
    write_file("a/z/app", WINDOWS);
    if (!CHECK("a loop of links", symlink("..", loop) == 0))
        return;
    const char *dirs[] = {root};
    struct fb_symbol_dirs *opened = fb_symbol_dirs_open(dirs, 1);
    const struct fb_symbols *ask = fb_symbol_dirs_table(opened);
    CHECK("a loop of links", ask->image(ask->self, &by_pdb) != NULL);
    fb_symbol_dirs_close(opened);
    nftw(root, drop, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    static const uint8_t build_id[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 0x10, 0x11, 0x12, 0x13};
    if (mkdtemp(root) == NULL)
        return check_skip("no temporary folder");
    imagegen_pe(
        &(struct imagegen_pe){
            .timestamp = 0x5A0B1C2D,
            .pdb = "d:\\app.pdb",
            .guid = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
            .age = 2
    },
        pe);
    imagegen_elf(&(struct imagegen_elf){.build_id = build_id, .n_build_id = sizeof build_id},
                 elf);
    for (size_t i = 0; i < COUNT(rows); i++)
        run(i);
    links();
    rmdir(root);
    return check_done();
}
