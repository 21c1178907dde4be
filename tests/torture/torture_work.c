/*
 * tests/torture/torture_work.c -- dumps that are made to cost time: small files whose parts
 * share bytes, so that lists, names and frames are many. Each must be read within seconds.
 *
 * All are of AMD64 on Linux. A thread's stack is a chain of frame pointers, or words to be
 * scanned; modules lie BESIDE bytes apart, and have the bytes of one image.
 */
#include "analyze.h"
#include "support/check.h"
#include "support/dumpgen.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    THREADS = 512,
    MODULES = 16384,
    STACK_WORDS = 2 * 1024 + 2,
    SHORT_REGIONS = 63, // that lie over the beginning of a module
    TEXT = 0x1000,      // RVA of the code in an image
    RETURNS = 0x1100,   // and where callers go on
};
static const uint64_t stack_at = 0x7FFF00000000, base = 0x10000000, beside = 8 << 20;
static const size_t arena_size = (size_t)128 << 20;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const double seconds_max = 40;
#else
static const double seconds_max = 4;
#endif

/* --- pieces of a dump ----------------------------------------------------------------- */

static void number(struct dumpgen *d, uint64_t v, size_t bytes) { dumpgen_number(d, v, bytes); }

static void system_info(struct dumpgen *d)
{
    dumpgen_system(d, &(struct dumpgen_system){.arch = 9, .cpus = 1, .platform = 0x8201});
}

/* `n` modules of `size` bytes, `apart` from each other; the last has a page. */
static void modules(struct dumpgen *d, size_t n, uint64_t size, uint64_t apart)
{
    uint32_t name = dumpgen_string16(d, "/app");
    dumpgen_stream(d, 4);
    number(d, n, 4);
    for (size_t i = 0; i < n; i++) {
        number(d, base + i * apart, 8);
        number(d, i + 1 < n ? size : (size != 0 ? size : 0x10000), 4);
        number(d, 0, 8);
        number(d, name, 4);
        dumpgen_bytes(d, NULL, 52 + 8 + 8 + 16);
    }
    dumpgen_stream_end(d);
}

/* `n` times the same bytes, and over the beginning of each a few short ones. */
static void memory(struct dumpgen *d, size_t n, struct fb_span image)
{
    uint32_t at = dumpgen_bytes(d, image.p, image.n);
    dumpgen_stream(d, 5);
    number(d, n * (1 + SHORT_REGIONS), 4);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k <= SHORT_REGIONS; k++) {
            number(d, base + i * beside + k, 8);
            number(d, k == 0 ? image.n : 1, 4);
            number(d, at + k, 4);
        }
    dumpgen_stream_end(d);
}

/* `n` threads, each with all of a stack of `words`, or with its share of them. */
static void threads(struct dumpgen *d, size_t n, const uint64_t *words, size_t n_words,
                    bool shared)
{
    uint32_t size, at = dumpgen_bytes(d, words, 8 * n_words);
    size_t share = 8 * (shared ? n_words : n_words / n);
    uint32_t context[THREADS];
    for (size_t i = 0; i < n; i++) {
        struct fb_regs regs = {.arch = FB_AMD64};
        uint64_t start = stack_at + (shared ? 0 : i * share);
        fb_reg_set(&regs, FB_RSP, start);
        fb_reg_set(&regs, FB_RBP, start);
        fb_reg_set(&regs, FB_RIP, base + RETURNS);
        context[i] = shared && i > 0 ? context[0] : dumpgen_context(d, &regs, &size);
    }
    dumpgen_stream(d, 3);
    number(d, n, 4);
    for (size_t i = 0; i < n; i++) {
        uint64_t start = shared ? 0 : i * share;
        number(d, i + 1, 4);
        dumpgen_bytes(d, NULL, 12 + 8);
        number(d, stack_at + start, 8);
        number(d, share, 4);
        number(d, at + start, 4);
        number(d, size, 4);
        number(d, context[i], 4);
    }
    dumpgen_stream_end(d);
}

/* Records of a caller's frame pointer and a return address. */
static void chain(uint64_t *words, size_t n, size_t first_module, bool one)
{
    uint64_t start = stack_at + 8 * first_module * 2;
    for (size_t i = 0; i < n; i++) {
        words[2 * i] = start + 16 * (i + 1);
        words[2 * i + 1] = base + RETURNS + (one ? 0 : (first_module + i) * beside);
    }
}

static void poke_text(uint8_t *p, const char *text)
{
    while (*text != '\0')
        *p++ = (uint8_t)*text++;
}

/* --- images --------------------------------------------------------------------------- */

static void poke(uint8_t *p, size_t at, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[at + i] = (uint8_t)(v >> 8 * i);
}

enum { N_EXPORTS = 65536, EXPORTS = 0x2000, FUNCTIONS = 0x3000, NAMES = 0x50000 };

/* A PE image with `names` exports whose functions lie at `rva`. Its code is calls, and what no
 * processor knows. */
static struct fb_span pe(size_t names, uint32_t rva, const char *name)
{
    enum { PE = 0x80, OPTIONAL = 240, SECTIONS = PE + 24 + OPTIONAL };
    static const uint8_t code[] = {0xFF, 0xD0, 0x06, 0x06};
    size_t n = NAMES + 6 * names + 8192;
    uint8_t *p = calloc(n, 1);
    if (p == NULL)
        abort();
    poke_text(p, "MZ");
    poke(p, 60, PE, 4);
    poke_text(p + PE, "PE");
    poke(p, PE + 4, 0x8664, 2);
    poke(p, PE + 6, 1, 2); // section
    poke(p, PE + 20, OPTIONAL, 2);
    poke(p, PE + 24, 0x20B, 2);
    poke(p, PE + 24 + 56, n, 4);
    poke(p, PE + 24 + 108, 16, 4);
    poke(p, PE + 24 + 112, EXPORTS, 4);
    poke(p, PE + 24 + 116, 40, 4);
    poke_text(p + SECTIONS, ".text");
    poke(p, SECTIONS + 8, 0x1000, 4);
    poke(p, SECTIONS + 12, TEXT, 4);
    poke(p, SECTIONS + 36, 0x60000020, 4);
    for (size_t i = 0; i < 0x1000; i++)
        p[TEXT + i] = code[i % sizeof code];
    p[RETURNS - 2] = 0xFF;
    p[RETURNS - 1] = 0xD0;
    p[RETURNS] = 0x06;
    poke(p, EXPORTS + 20, N_EXPORTS, 4);
    poke(p, EXPORTS + 24, names, 4);
    poke(p, EXPORTS + 28, FUNCTIONS, 4);
    poke(p, EXPORTS + 32, NAMES, 4);
    poke(p, EXPORTS + 36, NAMES + 4 * names, 4);
    for (size_t i = 0; i < N_EXPORTS; i++)
        poke(p, FUNCTIONS + 4 * i, rva, 4);
    for (size_t i = 0; i < names; i++)
        poke(p, NAMES + 4 * i, NAMES + 6 * names, 4);
    snprintf((char *)p + NAMES + 6 * names, 8192, "%s", name);
    return (struct fb_span){p, n, 0};
}

/* An ELF image of whose `segments` one is loaded. */
static struct fb_span elf(size_t segments)
{
    enum { HEADER = 64, SEGMENT = 56 };
    size_t n = HEADER + SEGMENT * segments + TEXT;
    uint8_t *p = calloc(n, 1);
    if (p == NULL)
        abort();
    poke_text(p, "\x7F"
                 "ELF\2\1\1");
    poke(p, 18, 62, 2);
    poke(p, 32, HEADER, 8);
    poke(p, 54, SEGMENT, 2);
    poke(p, 56, segments, 2);
    poke(p, HEADER, 1, 4);
    poke(p, HEADER + 4, 5, 4);
    poke(p, HEADER + 40, n, 8);
    return (struct fb_span){p, n, 0};
}

static void put_image(struct dumpgen *d, size_t n, struct fb_span image)
{
    memory(d, n, image);
    free((void *)(uintptr_t)image.p);
}

/* --- the dumps ------------------------------------------------------------------------ */

static uint64_t words[2 * MODULES + 2 * THREADS];

/* Many handles whose name is one text without an end. */
static void endless_name(struct dumpgen *d)
{
    enum { HANDLES = 65536, LENGTH = 8 << 20 };
    uint32_t name = dumpgen_number(d, LENGTH, 4);
    uint32_t text = dumpgen_bytes(d, NULL, LENGTH);
    memset(d->p + text, 'a', LENGTH);
    dumpgen_stream(d, 12);
    number(d, 16, 4);
    number(d, 32, 4);
    number(d, HANDLES, 4);
    number(d, 0, 4);
    for (size_t i = 0; i < HANDLES; i++) {
        number(d, i, 8);
        number(d, 0, 4);
        number(d, name, 4);
        dumpgen_bytes(d, NULL, 16);
    }
    dumpgen_stream_end(d);
}

/* Words that lie behind many modules, none of which holds anything. */
static void empty_modules(struct dumpgen *d)
{
    uint64_t last = base + (MODULES - 1) * UINT64_C(16);
    modules(d, MODULES, 0, 16);
    for (size_t i = 0; i < STACK_WORDS; i++)
        words[i] = i % 40 == 39 ? last + RETURNS : last - 1;
    threads(d, THREADS, words, STACK_WORDS, true);
}

/* A frame in each of many modules, all of which name a million functions. */
static void many_names(struct dumpgen *d)
{
    enum { EACH = 16 };
    modules(d, MODULES, beside, beside);
    put_image(d, MODULES, pe(1 << 20, TEXT, "name"));
    chain(words, MODULES, 0, false);
    threads(d, EACH, words, (size_t)2 * MODULES, false);
}

/* Frames for which the functions that are exported are searched, one by one. */
static void many_exports(struct dumpgen *d)
{
    modules(d, 1, beside, beside);
    put_image(d, 1, pe(0, UINT32_MAX, ""));
    chain(words, STACK_WORDS / 2, 0, true);
    threads(d, THREADS, words, STACK_WORDS, true);
}

/* Headers that name thousands of segments. */
static void many_segments(struct dumpgen *d)
{
    modules(d, MODULES, beside, beside);
    put_image(d, MODULES, elf(4096));
}

/* Stacks full of words that might be return addresses, and hardly any is. */
static void many_words(struct dumpgen *d)
{
    modules(d, 1, beside, beside);
    put_image(d, 1, pe(0, 0, ""));
    for (size_t i = 0; i < STACK_WORDS; i++)
        words[i] = base + (i % 40 == 39 ? RETURNS : TEXT + 0x203);
    threads(d, THREADS, words, STACK_WORDS, true);
}

/* As many frames as can be, each with a long name of C++. */
static void long_names(struct dumpgen *d)
{
    static char name[4096] = "_ZN";
    for (size_t i = 3; i + 4 < sizeof name; i += 2) {
        name[i] = '1';
        name[i + 1] = 'a';
    }
    name[sizeof name - 5] = 'E';
    name[sizeof name - 4] = 'v';
    name[sizeof name - 3] = '\0';
    modules(d, 1, beside, beside);
    put_image(d, 1, pe(1, TEXT, name));
    chain(words, STACK_WORDS / 2, 0, true);
    threads(d, THREADS, words, STACK_WORDS, true);
}

static const struct {
    const char *name;
    void (*build)(struct dumpgen *d);
    bool limited; // and it says so
} rows[] = {
    {"names without an end",      endless_name,  true },
    {"modules that hold nothing", empty_modules, false},
    {"names in many modules",     many_names,    true },
    {"exports, one by one",       many_exports,  true },
    {"segments of many modules",  many_segments, false},
    {"words of many stacks",      many_words,    true },
    {"frames with long names",    long_names,    true },
};

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void keep(const char *folder, size_t i, struct fb_span file)
{
    char path[512];
    snprintf(path, sizeof path, "%s/work-%zu.dmp", folder, i);
    FILE *f = fopen(path, "wb");
    CHECK(path, f != NULL && fwrite(file.p, 1, file.n, f) == file.n && fclose(f) == 0);
}

static bool says_limit(const struct fb_notes *notes)
{
    for (size_t i = 0; i < notes->n; i++)
        if (notes->v[i].code == FB_NOTE_LIMIT)
            return true;
    return notes->dropped != 0;
}

static void check_row(size_t i, void *room, const char *folder)
{
    struct dumpgen d;
    struct fb_analyze_input in = {0};
    struct fb_analysis *a = NULL;
    struct fb_arena arena = {.base = room, .cap = arena_size};
    dumpgen_begin(&d, false);
    system_info(&d);
    rows[i].build(&d);
    in.file = dumpgen_end(&d);
    if (folder != NULL)
        keep(folder, i, in.file);
    fb_analyze_open(&in);
    double began = cpu_seconds();
    struct fb_err err = fb_analyze(&in, &arena, &a);
    double took = cpu_seconds() - began;
    printf("%s: %zu KiB, %.2f s, %s\n", rows[i].name, in.file.n >> 10, took,
           fb_failed(err) ? err.what : "analysed");
    CHECK(rows[i].name, took < seconds_max);
    CHECK(rows[i].name, !fb_failed(err));
    CHECK(rows[i].name, fb_failed(err) || !rows[i].limited || says_limit(&a->notes));
    fb_analyze_close(&in);
    fb_arena_reset(&arena);
    dumpgen_free(&d);
}

/* With a folder as argument the dumps are kept in it, for a profiler. */
int main(int argc, char **argv)
{
    void *room = malloc(arena_size);
    if (room == NULL)
        abort();
    for (size_t i = 0; i < COUNT(rows); i++)
        check_row(i, room, argc > 1 ? argv[1] : NULL);
    free(room);
    return check_done();
}
