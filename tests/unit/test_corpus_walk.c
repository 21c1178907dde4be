/*
 * tests/unit/test_corpus_walk.c -- how often we differ from two references where these agree,
 * and that all threads of all dumps can be walked.
 *
 * No symbols, no images: what the dump alone can give.
 */
#include "disasm/insn.h"
#include "minidump/minidump.h"
#include "support/check.h"
#include "support/whole.h"
#include "unwind/names.h"
#include "unwind/returns.h"
#include "unwind/steps.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 128 * 1024 * 1024, SHOWN = 10, FIELDS = 12 };

struct walked {
    struct fb_span file;
    struct fb_arena arena;
    struct fb_dump dump;
    struct fb_notes notes;
    struct fb_stack stack;
};

/* Where both references agree and we know better. */
static struct {
    const char *dump, *reason;
    int met;
} differences[] = {
    {"win-exec_av_on_stack.dmp",
     "code on the stack was called: the return address is on top of it, not up the ebp chain", 0},
    {"win-mini-x86.dmp",
     "main's ebp does not point at the saved one: `lea esp,[ebp+0xcc]; pop ebp; ret` leads to "
     "its "
     "caller, and "
     "from there to the first frame of the thread",                                            0},
    {"linux-raise_sigabrt.dmp",
     "raise() makes no frame: `syscall ... ret` stands at ip, and it was called",              0},
    {"linux-not-crashed-a.dmp",
     "libbreakpad makes no frames: the code at ip returns to its own caller first, which "
     "returns to what both have",                                                              0},
    {"win-stack_exhaustion.dmp",
     "_chkstk makes no frame: its `ret` stands behind ip, and who has called it comes first",  0},
};

static const char *corpus;
static uint8_t *room;
static bool verbose;
static size_t handles[FB_ARCH_OTHER]; // Capstone's, opened when needed

static size_t handle_for(enum fb_arch arch)
{
    if (arch >= FB_ARCH_OTHER)
        return 0;
    if (handles[arch] == 0)
        handles[arch] = fb_disasm_open(arch);
    return handles[arch];
}

/* The crashing thread of a dump; an empty stack when there is none. */
static void walk(struct walked *w, const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s/%s", corpus, folder, name);
    memset(w, 0, sizeof *w);
    w->file = whole_file(path);
    w->arena = (struct fb_arena){.base = room, .cap = ROOM};
    struct fb_err err = fb_minidump_read(w->file, &w->arena, &w->notes, &w->dump);
    if (fb_failed(err) || w->dump.crashing >= w->dump.threads.n)
        return;
    const struct fb_thread *thread = &w->dump.threads.v[w->dump.crashing];
    const struct fb_regs *regs =
        w->dump.exception.regs.valid != 0 ? &w->dump.exception.regs : &thread->regs;
    struct fb_walk_env env = {.dump = &w->dump, .capstone = handle_for(w->dump.system.arch)};
    CHECK(name, !fb_failed(fb_walk(&env, thread, regs, &w->arena, &w->stack)));
}

static void forget(struct walked *w)
{
    fb_arena_reset(&w->arena);
    whole_free(w->file);
}

static void print_stack(const char *name, const struct fb_stack *stack)
{
    if (!verbose)
        return;
    printf("%s\n", name);
    for (size_t i = 0; stack->v != NULL && i < stack->n && i < SHOWN; i++) {
        const struct fb_frame *f = &stack->v[i];
        printf("    %2zu %-13s %s+0x%llx\n", i, f->method,
               f->module != NULL ? f->module->name : "-",
               (unsigned long long)(f->resume - (f->module != NULL ? f->module->base : 0)));
    }
    printf("    %s\n", stack->stop != NULL ? stack->stop : "-");
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

/* --- the references ----------------------------------------------------------------- */

struct reference {
    fb_addr at[FB_FRAMES_MAX];
    bool scanned[FB_FRAMES_MAX];
    size_t n;
};

static bool read_reference(const char *dump, const char *suffix, struct reference *out)
{
    char path[4096], line[8192], *field[FIELDS];
    long thread = -1;
    snprintf(path, sizeof path, "%s/expected/%.*s%s", corpus, (int)strlen(dump) - 4, dump,
             suffix);
    FILE *f = fopen(path, "r");
    out->n = 0;
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        size_t n = split(line, "\t", field, FIELDS);
        if (n >= 5 && strcmp(field[0], "thread") == 0)
            thread =
                strstr(field[n - 1], "requesting") != NULL ? strtol(field[1], NULL, 10) : -1;
        if (n >= 5 && strcmp(field[0], "frame") == 0 && strcmp(field[3], "inline") != 0 &&
            strtol(field[1], NULL, 10) == thread && out->n < FB_FRAMES_MAX) {
            out->scanned[out->n] = strcmp(field[3], "scan") == 0;
            out->at[out->n++] = strtoull(field[4], NULL, 16);
        }
    }
    if (f != NULL)
        fclose(f);
    return out->n != 0;
}

static bool is_different(const char *dump)
{
    for (size_t i = 0; i < COUNT(differences); i++)
        if (strcmp(differences[i].dump, dump) == 0)
            return ++differences[i].met > 0;
    return false;
}

static void compare(const char *dump, size_t *same, size_t *of)
{
    static struct reference first, second;
    struct walked w;
    if (!read_reference(dump, ".tsv", &first) || !read_reference(dump, ".second.tsv", &second))
        return;
    walk(&w, "minidumps", dump);
    for (size_t i = 0; i < first.n && i < second.n; i++) {
        if (first.at[i] != second.at[i] || first.scanned[i] || second.scanned[i])
            break;
        ++*of;
        if (i < w.stack.n && w.stack.v[i].lookup == first.at[i]) {
            ++*same;
            continue;
        }
        if (!is_different(dump) &&
            !CHECK(dump, w.stack.n > i && w.stack.v[i].lookup == first.at[i]))
            fprintf(stderr, "  frame %zu: reference 0x%llx\n", i,
                    (unsigned long long)first.at[i]);
        print_stack(dump, &w.stack);
        break;
    }
    forget(&w);
}

static void compare_all(size_t *same, size_t *of)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/minidumps", corpus);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;)
        if (strstr(e->d_name, ".dmp") != NULL && strncmp(e->d_name, "winfault-", 9) != 0)
            compare(e->d_name, same, of);
    if (dir != NULL)
        closedir(dir);
}

/* --- every thread of every dump, sound or damaged: a stack that only rises ---------- */

static bool same_frame(const struct fb_frame *a, const struct fb_frame *b)
{
    bool same = a->resume == b->resume && a->lookup == b->lookup && a->sp == b->sp &&
                a->method == b->method && a->module == b->module &&
                a->function_at == b->function_at && a->regs.valid == b->regs.valid;
    for (int i = 0; i < FB_REGS_MAX; i++)
        same = same && (!fb_reg_known(&a->regs, i) || a->regs.v[i] == b->regs.v[i]);
    return same;
}

/* The same thread by what other walks have found out. */
static void walk_remembering(const char *name, const struct fb_walk_env *env,
                             const struct fb_thread *thread, const struct fb_stack *want,
                             struct fb_arena *arena)
{
    struct fb_stack s = {0};
    if (fb_failed(fb_walk(env, thread, &thread->regs, arena, &s)))
        return;
    CHECK(name, s.n == want->n && s.stop == want->stop);
    for (size_t i = 0; i < s.n && i < want->n; i++)
        CHECK(name, same_frame(&s.v[i], &want->v[i]));
}

static size_t walk_threads(const char *folder, const char *name)
{
    static struct fb_places places;
    static struct fb_steps steps;
    static struct fb_returns returns;
    static struct fb_named named;
    struct walked w;
    size_t frames = 0;
    walk(&w, folder, name);
    struct fb_walk_env env = {.dump = &w.dump,
                              .capstone = handle_for(w.dump.system.arch),
                              .images = fb_images_new(&w.dump, &w.arena)};
    struct fb_walk_env remembering = env;
    remembering.places = &places;
    remembering.steps = &steps;
    remembering.returns = &returns;
    remembering.named = &named;
    fb_places_open(&w.dump, &places);
    fb_steps_open(&steps);
    fb_returns_open(&returns);
    named = (struct fb_named){{0}};
    for (size_t t = 0; t < w.dump.threads.n; t++) {
        const struct fb_thread *thread = &w.dump.threads.v[t];
        struct fb_stack s = {0};
        if (fb_failed(fb_walk(&env, thread, &thread->regs, &w.arena, &s)))
            break;
        walk_remembering(name, &remembering, thread, &s, &w.arena);
        CHECK(name, s.stop != NULL && s.n <= FB_FRAMES_MAX);
        for (size_t i = 1; i < s.n; i++)
            CHECK(name, s.v[i].sp >= s.v[i - 1].sp && s.v[i].resume >= 4096);
        frames += s.n;
    }
    fb_images_close(env.images, &w.arena);
    forget(&w);
    return frames;
}

static void walk_everything(void)
{
    static const char *const folders[] = {"minidumps", "malformed", "traced"};
    size_t dumps = 0, frames = 0;
    for (size_t i = 0; i < COUNT(folders); i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", corpus, folders[i]);
        DIR *dir = opendir(path);
        for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;)
            if (strstr(e->d_name, ".tsv") == NULL && e->d_name[0] != '.') {
                frames += walk_threads(folders[i], e->d_name);
                dumps++;
            }
        if (dir != NULL)
            closedir(dir);
    }
    printf("%zu frames in all threads of %zu files\n", frames, dumps);
}

int main(int argc, char **argv)
{
    corpus = getenv("FAULTBUCKET_CORPUS");
    corpus = corpus != NULL ? corpus : "../shared/corpus";
    verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    size_t same = 0, of_same = 0;
    room = malloc(ROOM);
    compare_all(&same, &of_same);
    walk_everything();
    free(room);
    for (size_t i = 0; i < COUNT(handles); i++)
        fb_disasm_close(handles[i]);
    if (of_same == 0)
        return check_skip("no corpus; set FAULTBUCKET_CORPUS to its folder");
    printf("frames on which both references agree, up to a scanned one: %zu of %zu the same\n",
           same, of_same);
    for (size_t i = 0; i < COUNT(differences); i++) {
        printf("differs: %s: %s\n", differences[i].dump, differences[i].reason);
        CHECK(differences[i].dump, differences[i].met == 1);
    }
    return check_done();
}
