/*
 * tests/unit/test_dwarf_binutils.c -- every row of every FDE of images, read by us and by
 * binutils: both must see the same rules.
 *
 * Images are compiled here, by as many compilers as there are, and what the system's own
 * libraries and those of the compilers hold is read too. A row is looked at where it begins and
 * at its last byte.
 */
#include "support/check.h"
#include "support/whole.h"
#include "unwind/dwarf.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ROOM = 16 * 1024 * 1024,
    LINE = 1024,
    COLUMNS_MAX = 64,
    TEXT = 24,
    CIES_MAX = 512,
    REPORTED_MAX = 20
};

static const char source[] =
    "void sink(void *p, ...) { __asm__ volatile(\"\" : : \"r\"(p) : \"memory\"); }\n"
    "int leaf(int a) { return a * 3; }\n"
    "int many(int a, int b, int c, int d, int e, int f, int g, int h)\n"
    "{\n"
    "    volatile char big[300];\n"
    "    big[a] = 1;\n"
    "    sink((void *)big, a, b, c, d, e, f, g, h);\n"
    "    if (a)\n"
    "        sink(0);\n"
    "    return a + b + c + d + e + f + g + h + big[b];\n"
    "}\n"
    "int grow(int n)\n"
    "{\n"
    "    char *p = __builtin_alloca(n);\n"
    "    sink(p, n);\n"
    "    return p[n - 1];\n"
    "}\n"
    "int aligned(int n)\n"
    "{\n"
    "    _Alignas(64) char v[64];\n"
    "    sink(v, n);\n"
    "    return v[n] + grow(n);\n"
    "}\n"
    "_Noreturn void never(int n)\n"
    "{\n"
    "    for (;;)\n"
    "        sink(&n, n);\n"
    "}\n"
    "int main(void) { return many(1, 2, 3, 4, 5, 6, 7, 8) + aligned(3) + leaf(2); }\n";

#define FREE  "-ffreestanding -nostdlib -shared -fPIC -fasynchronous-unwind-tables -fuse-ld=lld"
#define MINGW "-fasynchronous-unwind-tables -Wl,--disable-stdcall-fixup"
static const struct {
    const char *tool, *flags;
} compilers[] = {
    {"gcc",                   "-O2"                                                },
    {"gcc",                   "-O0 -mavx2"                                         },
    {"gcc",                   "-Os -fomit-frame-pointer -maccumulate-outgoing-args"},
    {"gcc",                   "-O2 -static -no-pie"                                },
    {"i686-w64-mingw32-gcc",  MINGW " -O2"                                         },
    {"i686-w64-mingw32-gcc",  MINGW " -O0"                                         },
    {"clang",                 "-O2 " FREE                                          },
    {"clang",                 "--target=i386-linux-gnu -O2 " FREE                  },
    {"clang",                 "--target=i386-linux-gnu -O0 " FREE                  },
    {"clang",                 "--target=aarch64-linux-gnu -O2 " FREE               },
    {"clang",                 "--target=aarch64-linux-gnu -O1"
              " -mbranch-protection=pac-ret+b-key " FREE              },
    {"aarch64-linux-gnu-gcc", "-O2 -mbranch-protection=standard"                   },
};

/* Images that are there anyway. */
static const char *const found[] = {
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/lib/x86_64-linux-gnu/libm.so.6",
    "/lib64/ld-linux-x86-64.so.2",
    "/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
    "/usr/lib/gcc/i686-w64-mingw32/*-posix/*.dll",
    "/usr/aarch64-linux-gnu/lib/libc.so.6",
};

struct table {           // of binutils, in the making
    uint64_t begin, end; // of the FDE, as linked; equal: of a CIE
    size_t n;            // columns
    char name[COLUMNS_MAX][TEXT];
    bool waiting; // for the end of the last row
    uint64_t at;
    char text[COLUMNS_MAX][TEXT]; // of the last row
};
struct cie { // what its FDEs have that say nothing
    uint64_t offset;
    struct table table;
};

static struct {
    struct fb_arena arena;
    const struct fb_image *image;
    struct fb_eh_index index;
    struct cie *cies;
    size_t n_cies, n_rows, n_fdes, n_wrong;
    const char *path;
} now;
static size_t n_images, n_rows, n_fdes;

/* --- our rows, as binutils writes them ---------------------------------------------- */

static const char *name_of(uint64_t number)
{
    static const struct {
        enum fb_arch arch;
        int reg;
        const char *name;
    } others[] = {
        {FB_ARM64, FB_FP64, "x29"},
        {FB_ARM64, FB_LR64, "x30"},
        {FB_ARM,   FB_FP32, "r11"},
        {FB_ARM,   FB_LR32, "r14"},
    };
    struct fb_system system = {.arch = now.image->arch, .os = FB_LINUX};
    int i = fb_dwarf_register(&system, number);
    for (size_t k = 0; k < COUNT(others); k++)
        if (others[k].arch == system.arch && others[k].reg == i)
            return others[k].name;
    return i < 0 ? "?" : fb_reg_names(system.arch)->name[i];
}

static void write_rule(const struct fb_cfa_rule *rule, bool cfa, char *out)
{
    long long n = rule->offset;
    switch (rule->how) {
    case FB_CFA_SAME:
        snprintf(out, TEXT, "%s", "s");
        break;
    case FB_CFA_OFFSET:
        snprintf(out, TEXT, "c%+lld", n);
        break;
    case FB_CFA_VAL_OFFSET:
        snprintf(out, TEXT, "v%+lld", n);
        break;
    case FB_CFA_REGISTER:
        if (cfa)
            snprintf(out, TEXT, "%s%+lld", name_of(rule->reg), n);
        else
            snprintf(out, TEXT, "%s", name_of(rule->reg));
        break;
    case FB_CFA_EXPRESSION:
        snprintf(out, TEXT, "%s", "exp");
        break;
    case FB_CFA_VAL_EXPRESSION:
        snprintf(out, TEXT, "%s", cfa ? "exp" : "vexp");
        break;
    default:
        snprintf(out, TEXT, "%s", "u");
        break;
    }
}

/* The rule of a column by its name; NULL: of a register that we have no rules for. */
static const struct fb_cfa_rule *rule_of(const struct fb_cfa_row *row, uint64_t ra,
                                         const char *name)
{
    if (strcmp(name, "CFA") == 0)
        return &row->cfa;
    if (strcmp(name, "ra") == 0)
        return ra < FB_CFA_COLUMNS ? &row->v[ra] : NULL;
    for (uint64_t i = 0; i < FB_CFA_COLUMNS; i++)
        if (strcmp(name_of(i), name) == 0)
            return &row->v[i];
    return NULL;
}

/* --- comparing ---------------------------------------------------------------------- */

static void wrong(uint64_t at, const char *what, const char *theirs, const char *ours)
{
    if (now.n_wrong++ < REPORTED_MAX)
        fprintf(stderr, "%s: %llx: %s is %s there, %s here\n", now.path, (unsigned long long)at,
                what, theirs, ours);
}

static bool row_at(const struct table *t, uint64_t at, struct fb_eh_fde *fde,
                   struct fb_cfa_row *row)
{
    size_t steps = FB_CFA_STEPS_MAX;
    uint64_t rva = at - now.image->preferred_base;
    struct fb_err err = fb_eh_find(now.image, &now.index, rva, fde);
    if (!fb_failed(err))
        err = fb_cfa_row(now.image, fde, rva, &steps, row);
    if (fb_failed(err))
        wrong(at, "the row", "there", err.what);
    else if (fde->begin != t->begin - now.image->preferred_base ||
             fde->size != t->end - t->begin)
        wrong(at, "the FDE", "another", "another");
    return !fb_failed(err);
}

static void compare_at(const struct table *t, uint64_t at)
{
    struct fb_eh_fde fde;
    struct fb_cfa_row row;
    if (!row_at(t, at, &fde, &row))
        return;
    now.n_rows++;
    for (size_t i = 0; i < t->n; i++) {
        char ours[TEXT];
        const struct fb_cfa_rule *rule = rule_of(&row, fde.cie.return_column, t->name[i]);
        if (rule == NULL)
            continue;
        write_rule(rule, i == 0, ours);
        if (strcmp(ours, t->text[i]) != 0)
            wrong(at, t->name[i], t->text[i], ours);
    }
}

/* A row ends where the next one begins; one that begins where it does, replaces it. */
static void end_row(struct table *t, uint64_t next)
{
    if (t->waiting && t->begin != t->end && t->at < next) {
        compare_at(t, t->at);
        compare_at(t, next - 1);
    }
    t->waiting = false;
}

/* --- reading what binutils writes --------------------------------------------------- */

static struct cie *cie_at(uint64_t offset)
{
    for (size_t i = now.n_cies; i-- > 0;)
        if (now.cies[i].offset == offset)
            return &now.cies[i];
    return NULL;
}

static void end_table(struct table *t)
{
    end_row(t, t->end);
    memset(t, 0, sizeof *t);
}

static void begin_fde(struct table *t, const char *line)
{
    unsigned long long cie, begin, end;
    const char *p = strstr(line, "cie=");
    // NOLINTNEXTLINE(cert-err34-c): what a program prints is no input from outside
    if (p == NULL || sscanf(p, "cie=%llx pc=%llx..%llx", &cie, &begin, &end) != 3)
        return;
    const struct cie *its = cie_at(cie);
    if (its != NULL)
        *t = its->table;
    t->begin = begin;
    t->end = end;
    t->at = begin;
    t->waiting = its != NULL;
    now.n_fdes++;
}

static void begin_cie(const char *line)
{
    if (now.n_cies < CIES_MAX)
        now.cies[now.n_cies++] = (struct cie){.offset = strtoull(line, NULL, 16)};
}

/* The words of a line. "r1 (rdx)" is one: rdx. */
static size_t split(const char *line, char (*out)[TEXT])
{
    size_t n = 0;
    int used;
    char word[TEXT], inner[TEXT];
    for (; n < COLUMNS_MAX && sscanf(line, "%23s%n", word, &used) == 1; line += used)
        if (n > 0 && sscanf(word, "(%22[^)])", inner) == 1)
            memcpy(out[n - 1], inner, TEXT);
        else
            memcpy(out[n++], word, TEXT);
    return n;
}

static void read_row(struct table *t, const char *line)
{
    char words[COLUMNS_MAX][TEXT];
    size_t n = split(line, words);
    if (n == 0)
        return;
    if (strcmp(words[0], "LOC") == 0) {
        t->n = n - 1;
        memcpy(t->name, words + 1, (n - 1) * sizeof *words);
        t->waiting = false;
        return;
    }
    if (t->n == 0 || n != t->n + 1 || strcmp(words[1], "ZERO") == 0) // "ZERO terminator"
        return;
    uint64_t at = strtoull(words[0], NULL, 16);
    end_row(t, at);
    memcpy(t->text, words + 1, (n - 1) * sizeof *words);
    t->at = at;
    t->waiting = true;
}

static void read_lines(FILE *theirs)
{
    static struct table table;
    char line[LINE];
    bool here = false, in_cie = false;
    memset(&table, 0, sizeof table);
    while (fgets(line, sizeof line, theirs) != NULL) {
        if (strncmp(line, "Contents of", 11) == 0)
            here = strstr(line, " .eh_fram") != NULL;
        bool fde = strstr(line, " FDE ") != NULL, cie = strstr(line, " CIE ") != NULL;
        if (!here)
            continue;
        if (in_cie && (fde || cie))
            now.cies[now.n_cies - 1].table = table;
        if (fde || cie) {
            end_table(&table);
            in_cie = cie;
        }
        if (fde)
            begin_fde(&table, line);
        else if (cie)
            begin_cie(line);
        else
            read_row(&table, line);
    }
    end_table(&table);
}

/* --- images ------------------------------------------------------------------------- */

static bool open_image(struct fb_span file)
{
    struct fb_image *image = NULL;
    size_t entries = 1 << 20;
    now.arena.used = 0;
    if (fb_failed(fb_image_read(file, &now.arena, &image)))
        return false;
    now.image = image;
    return !fb_failed(fb_eh_index(now.image, &entries, &now.arena, &now.index));
}

/* The linker's table and ours lead to the same FDEs. */
static void compare_tables(void)
{
    struct fb_eh_index ours;
    struct fb_image plain = *now.image;
    size_t entries = 1 << 20;
    plain.eh_frame_hdr.size = 0;
    if (!CHECK(now.path, !fb_failed(fb_eh_index(&plain, &entries, &now.arena, &ours))))
        return;
    CHECK(now.path, ours.n == now.index.n);
    for (size_t i = 0; i < ours.n; i++) {
        struct fb_eh_fde fde = {0};
        (void)fb_eh_find(now.image, &now.index, ours.rows[i].begin, &fde);
        if (fde.begin != ours.rows[i].begin)
            wrong(ours.rows[i].begin, "the table", "other", "other");
    }
}

static void try_image(const char *path)
{
    char command[LINE];
    struct fb_span file = whole_file(path);
    now.path = path;
    now.n_cies = now.n_rows = now.n_fdes = now.n_wrong = 0;
    if (!CHECK(path, open_image(file))) {
        whole_free(file);
        return;
    }
    snprintf(command, sizeof command, "%s '%s' 2>/dev/null",
             now.image->kind == FB_IMAGE_ELF
                 ? "readelf -W --debug-dump=frames-interp,no-follow-links"
                 : "objdump --dwarf=frames-interp",
             path);
    FILE *theirs = popen(command, "r"); // NOLINT(cert-env33-c): a test's own tools
    if (CHECK(path, theirs != NULL)) {
        read_lines(theirs);
        CHECK(path, pclose(theirs) == 0);
    }
    compare_tables();
    CHECK(path, now.index.odd == NULL && now.n_wrong == 0 && now.n_fdes > 0 && now.n_rows > 0);
    CHECK(path, now.index.n <= now.n_fdes);
    printf("%6zu FDEs %7zu rows  %s\n", now.n_fdes, now.n_rows, path);
    n_rows += now.n_rows;
    n_fdes += now.n_fdes;
    n_images++;
    fb_arena_reset(&now.arena);
    whole_free(file);
}

static bool is_there(const char *tool)
{
    char command[LINE];
    snprintf(command, sizeof command, "command -v %s >/dev/null", tool);
    return system(command) == 0; // NOLINT(cert-env33-c)
}

static void compile(const char *tool, const char *flags, const char *folder)
{
    char command[LINE], path[LINE / 2];
    if (!is_there(tool)) {
        fprintf(stderr, "NOT TRIED: %s is missing (%s)\n", tool, flags);
        return;
    }
    snprintf(path, sizeof path, "%s/image.bin", folder);
    snprintf(command, sizeof command, "%s %s -o %s %s/source.c 2>%s/errors", tool, flags, path,
             folder, folder);
    printf("%s %s\n", tool, flags);
    if (CHECK(flags, system(command) == 0)) // NOLINT(cert-env33-c)
        try_image(path);
}

static void try_compilers(void)
{
    char folder[] = "/tmp/faultbucket-dwarf-XXXXXX", path[LINE];
    if (!CHECK("a folder", mkdtemp(folder) != NULL))
        return;
    snprintf(path, sizeof path, "%s/source.c", folder);
    FILE *file = fopen(path, "w");
    if (CHECK("a source", file != NULL)) {
        fputs(source, file);
        fclose(file);
        for (size_t i = 0; i < COUNT(compilers); i++)
            compile(compilers[i].tool, compilers[i].flags, folder);
    }
    snprintf(path, sizeof path, "rm -rf '%s'", folder);
    CHECK("a folder", system(path) == 0); // NOLINT(cert-env33-c)
}

int main(void)
{
    if (!is_there("readelf") || !is_there("objdump"))
        return check_skip("binutils are missing");
    now.arena = (struct fb_arena){.base = malloc(ROOM), .cap = ROOM};
    now.cies = malloc(CIES_MAX * sizeof *now.cies);
    try_compilers();
    for (size_t i = 0; i < COUNT(found); i++) {
        glob_t paths = {0};
        if (glob(found[i], 0, NULL, &paths) != 0)
            fprintf(stderr, "NOT TRIED: there is no %s\n", found[i]);
        for (size_t k = 0; k < paths.gl_pathc; k++)
            try_image(paths.gl_pathv[k]);
        globfree(&paths);
    }
    printf("%zu rows of %zu FDEs of %zu images\n", n_rows, n_fdes, n_images);
    free(now.cies);
    free(now.arena.base);
    return check_done();
}
