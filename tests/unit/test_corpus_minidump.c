/*
 * tests/unit/test_corpus_minidump.c -- what two widely used readers say about real dumps, and
 * what we say.
 *
 * Each side becomes a list of facts, key and value. Where both references agree we have to
 * agree, too; where they do not, we have to side with one. Who is right in the cases where we
 * differ from both is written in the table `known`, and nowhere else.
 */
#include "minidump/minidump.h"
#include "support/check.h"
#include "support/whole.h"

#include <ctype.h>
#include <glob.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_SIZE = 64 << 20, KEY_MAX = 64, VALUE_MAX = 512, FIELDS_MAX = 24 };

static const struct {
    const char *dump, *key; // key: a prefix; dump: NULL for every one
    const char *why;
} known[] = {
    {NULL,                          "assertion",   "Electron writes the stream without text; one prints its type instead"},
    {"ios-sim-crashpad-annotation", "main",
     "the program is the module of type application; entry 0 is the simulator's dyld"                                    },
    {"win-wow64-full",              "cpu",
     "a 32-bit process, dumped by a 64-bit writer: we name its own CPU"                                                  },
    {"win-wow64-full",              "reg ",
     "the thread ran 32-bit code (CS 0x23): we give the registers of x86"                                                },
    {"win-minidump1",               "parameter 1",
     "an address of a 32-bit process, recorded with its sign extended: we give 32 bits"                                  },
};

/* --- facts -------------------------------------------------------------------------- */

struct fact {
    char key[KEY_MAX];
    char *value;
    size_t order;
};
struct facts {
    struct fact *v;
    size_t n, room;
};

__attribute__((format(printf, 3, 4))) static void fact(struct facts *f, const char *value,
                                                       const char *format, ...)
{
    if (f->n == f->room) {
        f->room = 2 * f->room + 64;
        f->v = realloc(f->v, f->room * sizeof *f->v);
        if (f->v == NULL)
            abort();
    }
    struct fact *add = &f->v[f->n];
    va_list args;
    va_start(args, format);
    vsnprintf(add->key, sizeof add->key, format, args);
    va_end(args);
    add->value = strdup(value != NULL && strcmp(value, "-") != 0 ? value : "");
    add->order = f->n++;
    for (char *p = add->value; *p != 0; p++)
        *p = (char)tolower((unsigned char)*p);
}

static int by_key(const void *pa, const void *pb)
{
    const struct fact *a = pa, *b = pb;
    int order = strcmp(a->key, b->key);
    return order != 0 ? order : a->order < b->order ? -1 : a->order > b->order;
}

static int key_is(const void *key, const void *fact)
{
    return strcmp(key, ((const struct fact *)fact)->key);
}

/* Of several facts of one key, the first. */
static const char *value_of(const struct facts *f, const char *key)
{
    const struct fact *found =
        f->n != 0 ? bsearch(key, f->v, f->n, sizeof *f->v, key_is) : NULL;
    while (found != NULL && found > f->v && strcmp(found[-1].key, key) == 0)
        found--;
    return found != NULL ? found->value : NULL;
}

static void forget(struct facts *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->v[i].value);
    free(f->v);
    *f = (struct facts){0};
}

static const char *last_component(const char *path)
{
    const char *last = path;
    for (const char *p = path; *p != 0; p++)
        if ((*p == '/' || *p == '\\') && p[1] != 0)
            last = p + 1;
    return last;
}

/* --- what the references say -------------------------------------------------------- */

static char *named(char **field, size_t n, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 1; i < n; i++)
        if (strncmp(field[i], name, length) == 0 && field[i][length] == '=')
            return field[i] + length + 1;
    return NULL;
}

static void named_fact(struct facts *f, char **field, size_t n, const char *name,
                       const char *key)
{
    char *value = named(field, n, name);
    if (value != NULL && strcmp(value, "-") != 0)
        fact(f, value, "%s", key);
}

/* "6.1.7601 Service Pack 1": the numbers and the rest are facts of their own. Numbers that were
 * not there read 0.0.0. */
static void version_facts(struct facts *f, const char *text, bool words)
{
    size_t end = text != NULL ? strspn(text, "0123456789.") : 0;
    char numbers[48] = "";
    for (size_t i = 0, dots = 0; i < end && i + 1 < sizeof numbers; i++) {
        dots += text[i] == '.';
        if (dots == 3)
            break;
        numbers[i] = text[i];
    }
    if (numbers[0] != 0 && strcmp(numbers, "0.0.0") != 0)
        fact(f, numbers, "os_version");
    if (words && end != 0)
        fact(f, text + end + (text[end] == ' '), "csd");
}

static void system_facts(struct facts *f, char **field, size_t n)
{
    char *os = named(field, n, "os");
    bool windows = os != NULL && strncasecmp(os, "windows", 7) == 0;
    bool mac = os != NULL && strncasecmp(os, "mac", 3) == 0;
    fact(f, windows ? "windows" : mac ? "mac" : os, "os");
    named_fact(f, field, n, "cpu", "cpu");
    named_fact(f, field, n, "cpu_count", "cpu_count");
    version_facts(f, named(field, n, "os_version"), windows || mac);
}

/* A build id of zeros is none, nor is a timestamp of 0 with the size behind it, to which the
 * second reference falls back. */
static const char *id(char *text)
{
    size_t zeros = strspn(text, "0");
    bool none = text[zeros] == 0 || (zeros >= 8 && strlen(text) <= 16);
    return none ? "" : text;
}

static void module_facts(struct facts *f, char **field, size_t n)
{
    if (n < 9)
        return;
    const char *base = field[2];
    fact(f, field[3], "module %s size", base);
    fact(f, last_component(field[4]), "module %s file", base);
    if (strcmp(field[5], "id") != 0)
        fact(f, id(field[5]), "module %s code id", base);
    fact(f, last_component(field[6]), "module %s debug file", base);
    fact(f, id(field[7]), "module %s debug id", base);
    fact(f, strcmp(field[8], "0.0.0.0") == 0 ? "" : field[8], "module %s version", base);
    for (size_t i = 9; i < n; i++)
        if (strcmp(field[i], "main") == 0)
            fact(f, base, "main");
}

static void thread_facts(struct facts *f, char **field, size_t n)
{
    fact(f, n > 4 ? field[4] : "", "thread %s name", field[2]);
    if (n > 5 && strcmp(field[5], "requesting") == 0)
        fact(f, field[2], "requesting");
}

static void exception_facts(struct facts *f, char **field, size_t n)
{
    named_fact(f, field, n, "code", "exception code");
    named_fact(f, field, n, "flags", "exception flags");
    for (int i = 0; i < FB_EXCEPTION_PARAMETERS_MAX; i++) {
        char name[16], key[32];
        snprintf(name, sizeof name, "param%d", i);
        snprintf(key, sizeof key, "parameter %d", i);
        named_fact(f, field, n, name, key);
    }
}

static void dump_facts(struct facts *f, char **field, size_t n)
{
    named_fact(f, field, n, "threads", "threads");
    named_fact(f, field, n, "modules", "modules");
    named_fact(f, field, n, "exception_thread", "exception thread");
    named_fact(f, field, n, "exception_code", "exception code");
    named_fact(f, field, n, "exception_address", "exception address");
}

static void line_facts(struct facts *f, char **field, size_t n)
{
    const char *record = field[0];
    if (strcmp(record, "dump") == 0)
        dump_facts(f, field, n);
    else if (strcmp(record, "system") == 0)
        system_facts(f, field, n);
    else if (strcmp(record, "exception") == 0)
        exception_facts(f, field, n);
    else if (strcmp(record, "module") == 0)
        module_facts(f, field, n);
    else if (strcmp(record, "thread") == 0 && n > 2)
        thread_facts(f, field, n);
    else if (strcmp(record, "crash") == 0)
        named_fact(f, field, n, "assertion", "assertion");
    else if (strcmp(record, "pid") == 0 && n > 1)
        fact(f, field[1], "pid");
    else if (strcmp(record, "reg") == 0 && n > 2)
        fact(f, field[2], "reg %s", field[1]);
    else if (strcmp(record, "unloaded_module") == 0 && n > 4)
        fact(f, field[3], "unloaded %s %s", field[2], last_component(field[4]));
}

static void unescape(char *text)
{
    char *out = text;
    for (char *p = text; *p != 0; p++) {
        if (*p != '\\') {
            *out++ = *p;
            continue;
        }
        p++;
        char byte = *p == 't' ? '\t' : *p == 'n' ? '\n' : *p == 'r' ? '\r' : *p;
        if (*p == 'x' && p[1] != 0 && p[2] != 0) {
            char digits[] = {p[1], p[2], 0};
            byte = (char)strtoul(digits, NULL, 16);
            p += 2;
        }
        *out++ = byte;
    }
    *out = 0;
}

static bool read_reference(const char *path, struct facts *f)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, file) > 0) {
        char *field[FIELDS_MAX];
        size_t n = 0;
        line[strcspn(line, "\n")] = 0;
        for (char *rest = line; rest != NULL && n < FIELDS_MAX; n++)
            field[n] = strsep(&rest, "\t");
        for (size_t i = 0; i < n; i++)
            unescape(field[i]);
        line_facts(f, field, n);
    }
    free(line);
    fclose(file);
    if (f->n != 0)
        qsort(f->v, f->n, sizeof *f->v, by_key);
    return true;
}

/* --- what we say -------------------------------------------------------------------- */

static const char *hex(uint64_t v)
{
    static char text[4][24];
    static unsigned turn;
    char *out = text[turn++ % 4];
    snprintf(out, sizeof *text, "0x%llx", (unsigned long long)v);
    return out;
}

static const char *dec(uint64_t v)
{
    static char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)v);
    return text;
}

static void our_system(struct facts *f, const struct fb_dump *d)
{
    static const char *const arch[] = {"", "x86", "amd64", "arm", "arm64", "other"};
    static const char *const os[] = {"", "windows", "mac", "ios", "linux", "android", "other"};
    char version[48];
    snprintf(version, sizeof version, "%u.%u.%u", d->system.major, d->system.minor,
             d->system.build);
    fact(f, arch[d->system.arch], "cpu");
    fact(f, os[d->system.os], "os");
    fact(f, dec(d->system.cpu_count), "cpu_count");
    fact(f, version, "os_version");
    fact(f, d->system.csd, "csd");
    fact(f, d->pid != 0 ? dec(d->pid) : "", "pid");
    fact(f, d->assertion, "assertion");
}

static void our_crash(struct facts *f, const struct fb_dump *d)
{
    const struct fb_exception *e = &d->exception;
    if (e->present) {
        fact(f, hex(e->thread_id), "exception thread");
        fact(f, hex(e->code), "exception code");
        fact(f, hex(e->flags), "exception flags");
        fact(f, hex(e->address), "exception address");
    }
    for (uint32_t i = 0; i < e->n_parameters; i++)
        fact(f, hex(e->parameters[i]), "parameter %u", i);
    if (d->crashing >= d->threads.n)
        return;
    const struct fb_thread *thread = &d->threads.v[d->crashing];
    const struct fb_reg_names *names = fb_reg_names(thread->regs.arch);
    fact(f, hex(thread->id), "requesting");
    for (size_t i = 0; i < names->n; i++)
        if (fb_reg_known(&thread->regs, (int)i))
            fact(f, hex(thread->regs.v[i]), "reg %s",
                 thread->regs.arch == FB_ARM && i == FB_FP32 ? "r11" : names->name[i]);
}

static void our_lists(struct facts *f, const struct fb_dump *d)
{
    fact(f, dec(d->threads.n), "threads");
    fact(f, dec(d->modules.n), "modules");
    for (size_t i = 0; i < d->threads.n; i++)
        fact(f, d->threads.v[i].name, "thread %s name", hex(d->threads.v[i].id));
    for (size_t i = 0; i < d->modules.n; i++) {
        const struct fb_module *module = &d->modules.v[i];
        const char *base = hex(module->base);
        char debug_id[FB_DEBUG_ID_ROOM], code_id[FB_CODE_ID_ROOM], version[FB_VERSION_ROOM];
        fact(f, hex(module->size), "module %s size", base);
        fact(f, module->name, "module %s file", base);
        fact(f, fb_module_code_id(module, code_id), "module %s code id", base);
        fact(f, module->debug_file, "module %s debug file", base);
        fact(f, fb_module_debug_id(module, debug_id), "module %s debug id", base);
        fact(f, fb_module_version(module, version), "module %s version", base);
    }
    if (d->modules.main < d->modules.n)
        fact(f, hex(d->modules.v[d->modules.main].base), "main");
    for (size_t i = 0; i < d->n_unloaded; i++)
        fact(f, hex(d->unloaded[i].size), "unloaded %s %s", hex(d->unloaded[i].base),
             d->unloaded[i].name);
}

/* --- the comparison ----------------------------------------------------------------- */

static bool is_known(const char *dump, const char *key)
{
    for (size_t i = 0; i < COUNT(known); i++)
        if ((known[i].dump == NULL || strcmp(known[i].dump, dump) == 0) &&
            strncmp(known[i].key, key, strlen(known[i].key)) == 0)
            return true;
    return false;
}

static bool is(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static size_t disputed;

static void compare(const char *dump, const struct facts *ours, const struct facts *reference,
                    const struct facts *other)
{
    for (size_t i = 0; i < reference->n; i++) {
        const struct fact *said = &reference->v[i];
        const char *mine = value_of(ours, said->key), *theirs = value_of(other, said->key);
        bool sided = is(mine, said->value) || (theirs != NULL && is(mine, theirs));
        disputed += theirs != NULL && !is(theirs, said->value);
        sided = sided || is_known(dump, said->key);
        if (CHECK(dump, sided))
            continue;
        fprintf(stderr, "%s: %s: ours %s, reference %s, other %s\n", dump, said->key,
                mine != NULL ? mine : "(none)", said->value,
                theirs != NULL ? theirs : "(silent)");
    }
}

static uint8_t *arena_block;

static void check_dump(const char *folder, const char *path)
{
    static struct fb_notes notes;
    struct fb_dump dump;
    struct facts ours = {0}, first = {0}, second = {0};
    char name[128], reference[1024];
    snprintf(name, sizeof name, "%s", last_component(path));
    name[strlen(name) - 4] = 0;
    struct fb_span file = whole_file(path);
    struct fb_arena arena = {.base = arena_block, .cap = ARENA_SIZE};
    notes = (struct fb_notes){0};
    struct fb_err err = fb_minidump_read(file, &arena, &notes, &dump);
    CHECK(name, !fb_failed(err));
    if (!fb_failed(err)) {
        our_system(&ours, &dump);
        our_crash(&ours, &dump);
        our_lists(&ours, &dump);
        qsort(ours.v, ours.n, sizeof *ours.v, by_key);
        snprintf(reference, sizeof reference, "%s/expected/%s.tsv", folder, name);
        CHECK(name, read_reference(reference, &first));
        snprintf(reference, sizeof reference, "%s/expected/%s.second.tsv", folder, name);
        CHECK(name, read_reference(reference, &second));
        compare(name, &ours, &first, &second);
        compare(name, &ours, &second, &first);
        CHECK(name, dump.completeness >= 0 && dump.completeness <= 1);
        printf("%-42s %-9s completeness %.2f, %zu notes, arena %zu KiB\n", name, dump.writer,
               dump.completeness, notes.n, arena.used / 1024);
    }
    forget(&ours);
    forget(&first);
    forget(&second);
    fb_arena_reset(&arena);
    whole_free(file);
}

/* A clean end, with a reason where there is no report. */
static void check_malformed(const char *path)
{
    static struct fb_notes notes;
    struct fb_dump dump;
    struct fb_span file = whole_file(path);
    struct fb_arena arena = {.base = arena_block, .cap = ARENA_SIZE};
    notes = (struct fb_notes){0};
    struct fb_err err = fb_minidump_read(file, &arena, &notes, &dump);
    CHECK(path, err.code == FB_OK || err.code == FB_MALFORMED || err.code == FB_TRUNCATED);
    CHECK(path, (err.code == FB_OK) == (err.what == NULL));
    CHECK(path, arena.used < (1 << 20) + 16 * file.n);
    printf("%-42s %s, %zu notes\n", last_component(path), fb_failed(err) ? err.what : "read",
           notes.n);
    fb_arena_reset(&arena);
    whole_free(file);
}

int main(void)
{
    const char *corpus = getenv("FAULTBUCKET_CORPUS");
    char pattern[1024];
    glob_t dumps = {0}, malformed = {0};
    if (corpus == NULL)
        corpus = "../shared/corpus";
    snprintf(pattern, sizeof pattern, "%s/minidumps/*.dmp", corpus);
    if (glob(pattern, 0, NULL, &dumps) != 0)
        return check_skip("no corpus: set FAULTBUCKET_CORPUS");
    arena_block = malloc(ARENA_SIZE);
    if (arena_block == NULL)
        return check_skip("no memory for the arena");
    for (size_t i = 0; i < dumps.gl_pathc; i++)
        check_dump(corpus, dumps.gl_pathv[i]);
    snprintf(pattern, sizeof pattern, "%s/malformed/*", corpus);
    CHECK("malformed", glob(pattern, 0, NULL, &malformed) == 0);
    for (size_t i = 0; i < malformed.gl_pathc; i++)
        check_malformed(malformed.gl_pathv[i]);
    printf("%zu facts disputed between the references\n", disputed);
    globfree(&dumps);
    globfree(&malformed);
    free(arena_block);
    return check_done();
}
