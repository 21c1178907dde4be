/*
 * tests/unit/test_image_names.c -- functions that images name themselves: one row per table and
 * address; the exports of the corpus' images as llvm-readobj lists them.
 */
#include "support/check.h"
#include "support/imagegen.h"
#include "support/one_image.h"
#include "support/tsv.h"
#include "support/whole.h"
#include "symbols/image_names.h"

#include <unistd.h>

enum { ROOM = 16 * 1024 * 1024 };
#define LOADED UINT64_C(0x7F0000000000)

static const struct imagegen_names exports = {
    {
     {"at_start", IMAGEGEN_TEXT, false, false},
     {"elsewhere", IMAGEGEN_FORWARDED, false, false},
     {"later", IMAGEGEN_TEXT + 0x800, false, false},
     {"table", IMAGEGEN_RDATA + 0x600, true, false},
     }
};
static const struct imagegen_names coff = {
    {
     {"_short", IMAGEGEN_TEXT + 0x100, false, false},
     {"_longer_than_the_field", IMAGEGEN_TEXT + 0x200, false, false},
     {"_data", IMAGEGEN_TEXT + 0x300, true, false},
     }
};
static const struct imagegen_names dynamic = {
    {
     {"first", IMAGEGEN_TEXT + 0x10, false, false},
     {"absent", 0, false, true},
     {"unknown", IMAGEGEN_TEXT + 0x80, true, false},
     }
};
static const struct imagegen_names symbols = {
    {
     {"local", IMAGEGEN_TEXT + 0x40, false, false},
     {"alias", IMAGEGEN_TEXT + 0x10, false, false},
     }
};

enum from { EXPORTS, COFF_32, BOTH, DYNAMIC, SYMTAB, ELF_BOTH, FROM_COUNT };
static const struct imagegen_pe pe[] = {
    [EXPORTS] = {.exports = &exports},
    [COFF_32] = { .pe32 = true,   .symbols = &coff},
    [BOTH] = { .exports = &exports,   .symbols = &coff},
};
static const struct imagegen_elf elf[] = {
    [DYNAMIC] = {.dynamic = &dynamic, .unsectioned = true},
    [SYMTAB] = {.symbols = &symbols, .is32 = true,        .big = true},
    [ELF_BOTH] = {.dynamic = &dynamic,                   .symbols = &symbols                   },
};

static const struct {
    const char *name;
    enum from from;
    bool mapped;
    uint32_t rva;
    const char *function; // NULL: none
    uint32_t at;
    bool nearest;
} rows[] = {
    {"export, first byte",           EXPORTS,  false, 0x1000, "at_start",              0x1000, true },
    {"export, mapped",               EXPORTS,  true,  0x1123, "at_start",              0x1000, true },
    {"export, last one below",       EXPORTS,  false, 0x1FFF, "later",                 0x1800, true },
    {"before the section",           EXPORTS,  false, 0x0FFF, NULL,                    0,      false},
    {"in another section",           EXPORTS,  false, 0x2100, NULL,                    0,      false},
    {"data is no function",          EXPORTS,  false, 0x2600, NULL,                    0,      false},
    {"COFF, without its underscore", COFF_32,  false, 0x1104, "short",                 0x1100, true },
    {"COFF, a long name",            COFF_32,  false, 0x1204, "longer_than_the_field", 0x1200, true },
    {"COFF, data is passed over",    COFF_32,  false, 0x1304, "longer_than_the_field", 0x1200,
     true                                                                                           },
    {"both, the nearer one",         BOTH,     false, 0x1110, "_short",                0x1100, true },
    {"dynamic, covers",              DYNAMIC,  false, 0x101F, "first",                 0x1010, false},
    {"dynamic, mapped",              DYNAMIC,  true,  0x1010, "first",                 0x1010, false},
    {"dynamic, behind its end",      DYNAMIC,  false, 0x1020, NULL,                    0,      false},
    {"dynamic, data",                DYNAMIC,  false, 0x1081, NULL,                    0,      false},
    {"symtab",                       SYMTAB,   false, 0x1041, "local",                 0x1040, false},
    {"symtab before dynamic",        ELF_BOTH, false, 0x1011, "alias",                 0x1010, false},
};

static void check_row(size_t i, const struct fb_image *image, struct fb_arena *arena)
{
    struct fb_symbol got = {0};
    size_t left = SIZE_MAX;
    struct fb_image_functions *functions = fb_image_functions(image, &left, arena);
    if (!CHECK(rows[i].name, functions != NULL))
        return;
    bool found = fb_image_function(functions, rows[i].rva, arena, &got);
    if (!CHECK(rows[i].name, found == (rows[i].function != NULL)) || !found)
        return;
    CHECK(rows[i].name, strcmp(got.function, rows[i].function) == 0);
    CHECK(rows[i].name, got.function_rva == rows[i].at && got.nearest == rows[i].nearest);
}

static void run(size_t i, uint8_t *room)
{
    uint8_t *bytes = malloc(IMAGEGEN_SIZE), *pages = calloc(1, IMAGEGEN_SIZE);
    bool is_pe = rows[i].from <= BOTH;
    struct fb_span file =
        is_pe ? imagegen_pe(&pe[rows[i].from], bytes) : imagegen_elf(&elf[rows[i].from], bytes);
    struct fb_region region = {
        LOADED, {pages, IMAGEGEN_SIZE, 0}
    };
    struct fb_memory memory = {&region, 1, IMAGEGEN_SIZE, false};
    imagegen_map(file, is_pe, pages);
    struct fb_arena arena = {.base = room, .cap = ROOM};
    struct fb_image *image = NULL;
    struct fb_err err = rows[i].mapped ? fb_image_map(&memory, LOADED, &arena, &image)
                                       : fb_image_read(file, &arena, &image);
    if (CHECK(rows[i].name, !fb_failed(err)))
        check_row(i, image, &arena);
    fb_arena_reset(&arena);
    free(bytes);
    free(pages);
}

/* --- against llvm-readobj ----------------------------------------------------------- */

static struct fb_span corpus_image(const char *name, char *path, size_t n)
{
    const char *corpus = getenv("FAULTBUCKET_CORPUS");
    snprintf(path, n, "%s/images/%s", corpus != NULL ? corpus : "../shared/corpus", name);
    return whole_file(path);
}

static size_t count_told(const char *path, const struct fb_image *image,
                         struct fb_image_functions *functions, struct fb_arena *arena)
{
    char command[1024], line[4096], name[4096] = "";
    size_t n = 0;
    snprintf(command, sizeof command, "llvm-readobj-14 --coff-exports '%s' 2>/dev/null", path);
    FILE *tool = popen(command, "r"); // NOLINT(cert-env33-c): a tool of the developer's machine
    while (tool != NULL && fgets(line, sizeof line, tool) != NULL) {
        const char *said = strstr(line, "  Name: "), *rva = strstr(line, "  RVA: ");
        struct fb_symbol got = {0};
        if (said != NULL)
            snprintf(name, sizeof name, "%.*s", (int)strcspn(said + 8, "\n"), said + 8);
        unsigned long long at = rva != NULL ? strtoull(rva + 7, NULL, 16) : 0;
        const struct fb_image_section *s = fb_image_section(image, at);
        if (at == 0 || s == NULL || !s->executable)
            continue;
        n++;
        CHECK(name, functions != NULL && fb_image_function(functions, at, arena, &got) &&
                        got.function_rva == at);
        CHECK(name, got.function != NULL && name[0] != 0);
    }
    if (tool != NULL)
        pclose(tool);
    return n;
}

static size_t compare(const char *name, uint8_t *room)
{
    char path[1024];
    struct fb_span file = corpus_image(name, path, sizeof path);
    struct fb_arena arena = {.base = room, .cap = ROOM};
    struct fb_image *image = NULL;
    size_t n = 0, left = SIZE_MAX;
    if (!fb_failed(fb_image_read(file, &arena, &image)))
        n = count_told(path, image, fb_image_functions(image, &left, &arena), &arena);
    fb_arena_reset(&arena);
    whole_free(file);
    return n;
}

/* With unwind data every name is certain, or no name at all, but in a function without an
 * entry.
 */
static void with_unwind_data(const char *name, uint8_t *room)
{
    char path[1024];
    struct fb_span file = corpus_image(name, path, sizeof path);
    struct one_image one;
    size_t n[3] = {0}; // none, nearest, certain
    if (file.n == 0 || !CHECK(name, one_image_open(&one, file)))
        return;
    const struct fb_image_section *text = &one.image->sections[0];
    for (uint64_t rva = text->rva; rva < text->rva + text->size; rva += 16) {
        struct fb_arena arena = {.base = room, .cap = ROOM};
        struct fb_symbol s = {0};
        fb_addr begin = 0, end = 0, primary = 0, a = one.module.base + rva;
        bool known = fb_pdata_x64_function(&one.w, a, &begin, &end, &primary);
        bool found = fb_code_own_name(&one.w, &one.module, rva, &arena, &s);
        bool right = primary == one.module.base + s.function_rva;
        CHECK(name, !found || !known || right != s.nearest);
        n[found ? 1 + (known && right) : 0]++;
        fb_arena_reset(&arena);
    }
    printf("%s: %zu addresses with a name, %zu nearest, %zu without\n", name, n[2], n[1], n[0]);
    CHECK(name, n[0] > 0 && n[1] < n[0] && n[2] > 0);
    one_image_close(&one);
    whole_free(file);
}

int main(void)
{
    uint8_t *room = malloc(ROOM);
    struct tsv manifest;
    size_t n = 0;
    for (size_t i = 0; i < COUNT(rows); i++)
        run(i, room);
    if (access("/usr/bin/llvm-readobj-14", X_OK) != 0) {
        fprintf(stderr, "NOT COMPARED with llvm-readobj-14: it is not installed\n");
    } else if (!tsv_open(&manifest, "images/MANIFEST.tsv")) {
        fprintf(stderr, "NOT COMPARED: no corpus of images, set FAULTBUCKET_CORPUS\n");
    } else {
        while (tsv_next(&manifest))
            n += compare(manifest.field[0], room);
        printf("%zu exports\n", n);
        CHECK("exports of the corpus", n > 20);
    }
    with_unwind_data("node-pty/x64/winpty.dll", room);
    free(room);
    return check_done();
}
