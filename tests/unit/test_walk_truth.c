/*
 * tests/unit/test_walk_truth.c -- how many stacks of dumps whose stack is known we find: with
 * nothing but the dump, and with the images of the programs.
 *
 * The floors only ever rise; a change that loses a stack has to say so here. `-v` shows those
 * that differ, `-a` the others too.
 */
#include "disasm/insn.h"
#include "minidump/minidump.h"
#include "support/check.h"
#include "support/image_folder.h"
#include "unwind/walk.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ROOM = 128 * 1024 * 1024, TOP = 5, SHOWN = 10, FIELDS = 16 };

typedef bool match_fn(const struct fb_stack *stack, char **field);
static match_fn named, placed;

/* Per table of truths: where it is, in which fields the stack stands, and how. */
static struct {
    const char *name, *folder, *table, *dumps;
    size_t stack, arch; // fields; arch 0: no matter
    const char *of_arch;
    match_fn *match;
    int floor, floor_with_images, least; // of how many there must be
} truths[] = {
    {"winfault",     NULL,           "minidumps/TRUTH.tsv", "minidumps", 3,  0, NULL,    named,  18,  18,  0  },
    {"traced x64",   NULL,           "traced/TRUTH.tsv",    "traced",    3,  1, "x64",   placed, 3,   18,  0  },
    {"traced x86",   NULL,           "traced/TRUTH.tsv",    "traced",    3,  1, "x86",   placed, 28,  43,  0  },
    {"golden amd64", "tests/golden", "TRUTH.tsv",           "dumps",     11, 1, "amd64", placed, 126, 127,
     127                                                                                                      },
    {"golden x86",   "tests/golden", "TRUTH.tsv",           "dumps",     11, 1, "x86",   placed, 61,  107, 107},
    {"golden linux", "tests/golden", "TRUTH.tsv",           "dumps",     11, 1, "linux", placed, 31,  31,  32 },
};

static const char *corpus;
static bool verbose, all;
static uint8_t *room;
static struct image_folder images;
static size_t handles[FB_ARCH_OTHER]; // Capstone's, opened when needed

static size_t handle_for(enum fb_arch arch)
{
    if (arch >= FB_ARCH_OTHER)
        return 0;
    if (handles[arch] == 0)
        handles[arch] = fb_disasm_open(arch);
    return handles[arch];
}

static size_t split(char *line, const char *by, char **field, size_t max)
{
    size_t n = 0;
    line[strcspn(line, "\r\n")] = 0;
    for (char *p = line; p != NULL && n < max; n++) {
        field[n] = p;
        p = strstr(p, by);
        if (p != NULL) {
            *p = 0;
            p += strlen(by);
        }
    }
    return n;
}

/* --- "f <- g <- h", and "f@0x10 g@0x20" for the offsets in the program -------------- */

static bool is_function(const struct fb_frame *f, const char *want, const char *offsets)
{
    char at[64];
    if (strcmp(want, "(no code)") == 0)
        return f->module == NULL || f->trust == FB_TRUST_CONTEXT;
    if (strchr(want, '!') != NULL)
        return f->module != NULL && strncasecmp(f->module->name, want, strcspn(want, "!")) == 0;
    if (f->module == NULL || strcmp(f->module->name, "winfault.exe") != 0)
        return false;
    snprintf(at, sizeof at, "%s@0x%llx", want,
             (unsigned long long)(f->lookup - f->module->base));
    const char *hit = strstr(offsets, at);
    return hit != NULL && (hit[strlen(at)] == ' ' || hit[strlen(at)] == 0);
}

static bool named(const struct fb_stack *stack, char **field)
{
    char truth[1024], *want[TOP];
    snprintf(truth, sizeof truth, "%s", field[3]);
    size_t n = split(truth, " <- ", want, TOP);
    for (size_t i = 0; i < n && strcmp(want[i], "...") != 0; i++)
        if (i >= stack->n || !is_function(&stack->v[i], want[i], field[4]))
            return false;
    return true;
}

/* --- "module+0x10 < module+0x20", the first exact, the rest returned to ------------- */

/* The part of a file's name before its last dot. */
static size_t stem(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot != NULL ? (size_t)(dot - name) : strlen(name);
}

/* The module's name may stand without what follows the last dot. */
static bool is_place(const struct fb_frame *f, const char *want)
{
    const char *name = f->module != NULL    ? f->module->name
                       : f->n_unloaded != 0 ? f->unloaded[0]->name
                                            : "";
    fb_addr base = f->module != NULL    ? f->module->base
                   : f->n_unloaded != 0 ? f->unloaded[0]->base
                                        : 0;
    const char *plus = strrchr(want, '+');
    size_t n = plus != NULL ? (size_t)(plus - want) : 0;
    return (n == strlen(name) || n == stem(name)) && strncasecmp(name, want, n) == 0 &&
           f->resume - base == strtoull(plus != NULL ? plus + 1 : want, NULL, 16);
}

static bool placed(const struct fb_stack *stack, char **field)
{
    char truth[1024], *want[TOP];
    snprintf(truth, sizeof truth, "%s", field[0]);
    size_t n = split(truth, " < ", want, TOP);
    for (size_t i = 0; i < n; i++)
        if (i >= stack->n || !is_place(&stack->v[i], want[i]))
            return false;
    return true;
}

/* --- all rows ----------------------------------------------------------------------- */

static void print_stack(const char *name, bool same, const struct fb_stack *stack,
                        const char *truth)
{
    if (same ? !all : !verbose)
        return;
    printf("%s: %s, true %s\n", name, same ? "same" : "differs", truth);
    for (size_t i = 0; stack->v != NULL && i < stack->n && i < SHOWN; i++) {
        const struct fb_frame *f = &stack->v[i];
        printf("    %2zu %-13s %s+0x%llx  sp %llx\n", i, f->method,
               f->module != NULL ? f->module->name : "-",
               (unsigned long long)(f->resume - (f->module != NULL ? f->module->base : 0)),
               (unsigned long long)f->sp);
    }
    printf("    %s\n", stack->stop != NULL ? stack->stop : "-");
}

/* Whether the crashing thread's stack is the true one. */
static bool found(const char *path, const struct fb_symbols *symbols, match_fn *match,
                  char **field, size_t stack_field)
{
    static struct fb_notes notes;
    struct fb_dump dump = {0};
    struct fb_stack stack = {0};
    struct fb_span file = whole_file(path);
    struct fb_arena arena = {.base = room, .cap = ROOM};
    bool same = false;
    if (!fb_failed(fb_minidump_read(file, &arena, &notes, &dump)) &&
        dump.crashing < dump.threads.n) {
        const struct fb_thread *thread = &dump.threads.v[dump.crashing];
        const struct fb_regs *regs =
            dump.exception.regs.valid != 0 ? &dump.exception.regs : &thread->regs;
        struct fb_walk_env env = {.dump = &dump,
                                  .symbols = symbols,
                                  .capstone = handle_for(dump.system.arch),
                                  .images = fb_images_new(&dump, &arena)};
        CHECK(path, !fb_failed(fb_walk(&env, thread, regs, &arena, &stack)));
        same = match(&stack, match == named ? field : &field[stack_field]);
        print_stack(field[0], same, &stack, field[stack_field]);
        fb_images_close(env.images, &arena);
    }
    fb_arena_reset(&arena);
    whole_free(file);
    return same;
}

static int count_true(size_t t, const struct fb_symbols *symbols, int *of)
{
    char path[4096], line[4096], *field[FIELDS];
    const char *folder = truths[t].folder != NULL ? truths[t].folder : corpus;
    int n = 0;
    *of = 0;
    snprintf(path, sizeof path, "%s/%s", folder, truths[t].table);
    FILE *f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        size_t fields = split(line, "\t", field, FIELDS), at = truths[t].stack;
        if (fields <= at || strcmp(field[0], "file") == 0 || strcmp(field[at], "-") == 0 ||
            (truths[t].of_arch != NULL &&
             strcmp(field[truths[t].arch], truths[t].of_arch) != 0))
            continue;
        snprintf(path, sizeof path, "%s/%s/%s", folder, truths[t].dumps, field[0]);
        ++*of;
        n += found(path, symbols, truths[t].match, field, at);
    }
    if (f != NULL)
        fclose(f);
    return n;
}

static void find_images(void)
{
    static const char *const of_corpus[] = {"images/*/*", "images/*/*/*"};
    char path[4096];
    for (size_t i = 0; i < COUNT(of_corpus); i++) {
        snprintf(path, sizeof path, "%s/%s", corpus, of_corpus[i]);
        image_folder_add(&images, path);
    }
    CHECK("images", image_folder_add(&images, "tests/golden/images/*/*/*") != 0);
}

int main(int argc, char **argv)
{
    corpus = getenv("FAULTBUCKET_CORPUS");
    corpus = corpus != NULL ? corpus : "../shared/corpus";
    all = argc > 1 && strcmp(argv[1], "-a") == 0;
    verbose = all || (argc > 1 && strcmp(argv[1], "-v") == 0);
    room = malloc(ROOM);
    find_images();
    struct fb_symbols table = image_folder_table(&images);
    for (size_t t = 0; t < COUNT(truths); t++) {
        int of, alone = count_true(t, NULL, &of);
        if (verbose)
            printf("--- with images\n");
        int with = count_true(t, &table, &of);
        printf("%s: %d true top-%d stacks, with images %d, of %d\n", truths[t].name, alone, TOP,
               with, of);
        if (of == 0)
            fprintf(stderr, "no corpus for %s; set FAULTBUCKET_CORPUS to its folder\n",
                    truths[t].name);
        CHECK(truths[t].name, of >= truths[t].least);
        CHECK(truths[t].name, of == 0 || alone >= truths[t].floor);
        CHECK(truths[t].name, of == 0 || with >= truths[t].floor_with_images);
    }
    image_folder_free(&images);
    free(room);
    for (size_t i = 0; i < COUNT(handles); i++)
        fb_disasm_close(handles[i]);
    return check_done();
}
