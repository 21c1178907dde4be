/*
 * tests/unit/test_corpus_kernel.c -- real kernel dumps: each number that another small reader
 * of the format has found in header and triage block, and what must come of the whole.
 */
#include "kernel/kernel.h"
#include "support/check.h"
#include "support/tsv.h"
#include "support/whole.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 64 << 20 };

struct reading {
    struct fb_kernel_header header;
    struct fb_kernel_triage triage;
    struct fb_dump dump;
};

#define FIELD(name, member)                                                                    \
    {                                                                                          \
        name, offsetof(struct fb_kernel_triage, member)                                        \
    }
static const struct {
    const char *name;
    size_t at;
} fields[] = {
    FIELD("ServicePackBuild", service_pack),
    FIELD("SizeOfDump", size),
    FIELD("ValidOffset", valid_at),
    FIELD("ContextOffset", context_at),
    FIELD("ExceptionOffset", exception_at),
    FIELD("MmOffset", mm_at),
    FIELD("UnloadedDriversOffset", unloaded_at),
    FIELD("PrcbOffset", prcb_at),
    FIELD("ProcessOffset", process_at),
    FIELD("ThreadOffset", thread_at),
    FIELD("CallStackOffset", stack_at),
    FIELD("SizeOfCallStack", stack_size),
    FIELD("DriverListOffset", drivers_at),
    FIELD("DriverCount", n_drivers),
    FIELD("StringPoolOffset", strings_at),
    FIELD("StringPoolSize", strings_size),
    FIELD("BrokenDriverOffset", broken_driver_at),
    FIELD("TriageOptions", options),
};

static uint64_t number(const char *text) { return strtoull(text, NULL, 0); }

static bool triage_is(const struct fb_kernel_triage *t, const char *name, uint64_t want)
{
    for (size_t i = 0; i < COUNT(fields); i++) {
        uint32_t got;
        memcpy(&got, (const uint8_t *)t + fields[i].at, sizeof got);
        if (strcmp(fields[i].name, name) == 0)
            return got == want;
    }
    return false;
}

static bool arch_is(const struct reading *r, const char *name)
{
    return r->dump.system.arch == (strcmp(name, "arm64") == 0   ? FB_ARM64
                                   : strcmp(name, "amd64") == 0 ? FB_AMD64
                                                                : FB_X86);
}

static bool build_is(const struct reading *r, const char *text)
{
    char got[32];
    snprintf(got, sizeof got, "%u.%u", (unsigned)r->header.major, (unsigned)r->header.build);
    return strcmp(got, text) == 0;
}

/* Whether the line holds; what it speaks of must be something that we know. */
static bool holds(const struct tsv *t, const struct reading *r)
{
    const char *key = t->field[0], *value = t->n > 1 ? t->field[1] : "";
    const struct fb_kernel_header *h = &r->header;
    if (strcmp(key, "os_build") == 0)
        return build_is(r, value);
    if (strcmp(key, "arch") == 0)
        return arch_is(r, value);
    if (strcmp(key, "processors") == 0)
        return h->processors == number(value);
    if (strcmp(key, "dump_type") == 0)
        return h->type == number(value);
    if (strcmp(key, "bugcheck") == 0)
        return r->dump.bugcheck.code == number(value);
    if (strcmp(key, "bugcheck_param") == 0)
        return r->dump.bugcheck.parameters[number(value) % 4] == number(t->field[2]);
    if (strcmp(key, "exception") == 0)
        return h->exception.code == number(tsv_value(t, "code")) &&
               h->exception.flags == number(tsv_value(t, "flags")) &&
               h->exception.address == number(tsv_value(t, "address"));
    if (strcmp(key, "system_time") == 0)
        return h->time == number(value);
    if (strcmp(key, "directory_table_base") == 0)
        return h->directory_table == number(value);
    if (strcmp(key, "top_of_stack") == 0)
        return r->triage.stack_top == number(value);
    if (strcmp(key, "triage") == 0)
        return triage_is(&r->triage, value, number(t->field[2]));
    if (strcmp(key, "driver_count") == 0)
        return r->dump.modules.n == number(value);
    return strcmp(key, "format") == 0 || strcmp(key, "file") == 0 ||
           strcmp(key, "sha256") == 0 || strcmp(key, "size") == 0 || strcmp(key, "magic") == 0;
}

/* What no line says: names, ids and the place of the crash lead somewhere. */
static void sense(const char *dump, const struct reading *r)
{
    const struct fb_modules *m = &r->dump.modules;
    size_t named = 0;
    for (size_t i = 0; i < m->n; i++)
        named += m->v[i].name[0] != 0 && m->v[i].code_id != FB_CODE_ID_NONE &&
                 m->v[i].end > m->v[i].base;
    CHECK(dump, named == m->n);
    const struct fb_module *nt = fb_module_at(m, r->header.loaded_modules);
    CHECK(dump, nt != NULL && strcmp(nt->name, "ntoskrnl.exe") == 0);
    CHECK(dump, fb_module_at(m, r->dump.exception.address) != NULL);
    CHECK(dump, fb_module_at(m, fb_reg_ip(&r->dump.threads.v[0].regs)) != NULL);
    uint64_t word;
    CHECK(dump,
          fb_memory_read(&r->dump.memory, fb_reg_sp(&r->dump.threads.v[0].regs), 8, &word));
    CHECK(dump,
          r->dump.kernel.process != NULL && strcmp(r->dump.kernel.process, "System") == 0);
    CHECK(dump, r->dump.n_unloaded > 0 && r->dump.completeness > 0.99);
}

static void compare(const char *path, uint8_t *room)
{
    char name[256], expected[512];
    const char *slash = strrchr(path, '/');
    snprintf(name, sizeof name, "%s", slash != NULL ? slash + 1 : path);
    name[strcspn(name, ".")] = 0;
    struct fb_arena arena = {.base = room, .cap = ROOM};
    static struct fb_notes notes;
    struct reading r = {0};
    struct tsv t;
    struct fb_span file = whole_file(path);
    fb_arena_reset(&arena);
    notes = (struct fb_notes){0};
    snprintf(expected, sizeof expected, "expected/%s.tsv", name);
    if (CHECK(name, !fb_failed(fb_kernel_header(file, &r.header))) &&
        CHECK(name, !fb_failed(fb_kernel_triage(file, r.header.wide, &r.triage))) &&
        CHECK(name, !fb_failed(fb_kernel_read(file, &arena, &notes, &r.dump))) &&
        CHECK(name, tsv_open(&t, expected))) {
        while (tsv_next(&t))
            if (!CHECK(name, holds(&t, &r)))
                fprintf(stderr, "    %s %s\n", t.field[0], t.n > 1 ? t.field[1] : "");
        CHECK(name, notes.n == 0);
        sense(name, &r);
    }
    whole_free(file);
}

int main(void)
{
    const char *corpus = getenv("FAULTBUCKET_CORPUS");
    corpus = corpus != NULL ? corpus : "../shared/corpus";
    char pattern[4096];
    snprintf(pattern, sizeof pattern, "%s/kernel/*.dmp", corpus);
    glob_t found = {0};
    if (glob(pattern, 0, NULL, &found) != 0)
        return check_skip("no kernel dumps: set FAULTBUCKET_CORPUS");
    uint8_t *room = malloc(ROOM);
    if (room == NULL)
        return check_skip("no memory for the arena");
    for (size_t i = 0; i < found.gl_pathc; i++)
        compare(found.gl_pathv[i], room);
    printf("%zu kernel dumps of the corpus\n", found.gl_pathc);
    globfree(&found);
    free(room);
    return check_done();
}
