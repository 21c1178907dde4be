/*
 * tests/torture/torture_minidump.c -- every prefix and every flipped byte of dumps, and every
 * smaller arena: the reader must end, say so in a value, and touch nothing that is not its own.
 *
 * Dumps are those of the builder and the golden ones. Each case works on a block of exactly the
 * right size, so that the sanitizers see one byte too many. They are gone through in strides,
 * so that the whole ends in seconds; with FAULTBUCKET_TORTURE=full no byte is left out.
 */
#include "minidump/minidump.h"
#include "support/check.h"
#include "support/dumpgen.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_SIZE = 1 << 20, CASES_PER_DUMP = 100, GOLDEN_STRIDE = 8, FILE_MAX = 4 << 20 };

static uint8_t *block;
static struct fb_notes notes;
static struct fb_dump dump;

static struct fb_err read_in(struct fb_span file, size_t cap, size_t *used)
{
    struct fb_arena arena = {.base = block, .cap = cap};
    notes = (struct fb_notes){0};
    struct fb_err err = fb_minidump_read(file, &arena, &notes, &dump);
    *used = arena.used;
    fb_arena_reset(&arena);
    return err;
}

/* Read a copy of the first `n` bytes, byte `at` of it changed by `flip`. */
static struct fb_err read_copy(struct fb_span file, size_t n, size_t at, uint8_t flip)
{
    uint8_t *copy = malloc(n != 0 ? n : 1);
    if (copy == NULL)
        abort();
    memcpy(copy, file.p, n);
    if (at < n)
        copy[at] ^= flip;
    size_t used;
    struct fb_err err = read_in((struct fb_span){copy, n, 0}, ARENA_SIZE, &used);
    free(copy);
    return err;
}

static bool clean(struct fb_err err)
{
    return err.code == FB_OK || err.code == FB_TRUNCATED || err.code == FB_MALFORMED;
}

static bool full;
static size_t stride(size_t n) { return full ? 1 : 1 + n / CASES_PER_DUMP; }

static void prefixes(const char *name, struct fb_span file)
{
    for (size_t n = 0; n < file.n; n += stride(file.n))
        CHECK(name, clean(read_copy(file, n, SIZE_MAX, 0)));
}

static void flips(const char *name, struct fb_span file)
{
    static const uint8_t how[] = {0xFF, 0x01, 0x80};
    for (size_t at = 0; at < file.n; at += stride(file.n))
        for (size_t i = 0; i < COUNT(how); i++)
            CHECK(name, clean(read_copy(file, file.n, at, how[i])));
}

static void arenas(const char *name, struct fb_span file)
{
    size_t needed, used;
    CHECK(name, !fb_failed(read_in(file, ARENA_SIZE, &needed)));
    for (size_t cap = 0; cap < needed; cap += stride(4 * needed)) {
        struct fb_err err = read_in(file, cap, &used);
        CHECK(name, err.code == FB_LIMIT && used <= cap);
    }
}

static void torture(const char *name, struct fb_span file)
{
    prefixes(name, file);
    flips(name, file);
    arenas(name, file);
}

/* Keep a dump as an input of the fuzz target, named for its number. */
static void keep(const char *folder, int number, struct fb_span file)
{
    char path[512];
    snprintf(path, sizeof path, "%s/sample-%02d.dmp", folder, number);
    FILE *f = fopen(path, "wb");
    CHECK(path, f != NULL && fwrite(file.p, 1, file.n, f) == file.n && fclose(f) == 0);
}

static void use(const char *folder, int number, struct fb_span file)
{
    if (folder != NULL)
        keep(folder, number, file);
    else
        torture("built", file);
}

/* Every type of stream stands in one of them. */
static void built(const char *folder)
{
    enum { KINDS = 4 }; // Windows' and Linux' streams, each in both byte orders
    struct dumpgen d;
    for (enum fb_arch arch = FB_X86; arch < FB_ARCH_OTHER; arch++)
        for (int kind = 0; kind < KINDS; kind++) {
            use(folder, KINDS * (int)arch + kind,
                dumpgen_sample(&d, arch, kind % 2 == 1, kind >= 2));
            dumpgen_free(&d);
        }
    use(folder, 0, dumpgen_wow64(&d));
    dumpgen_free(&d);
}

static void golden(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *p = malloc(FILE_MAX);
    size_t n = f != NULL && p != NULL ? fread(p, 1, FILE_MAX, f) : 0;
    CHECK(path, n > 0);
    if (n > 0)
        torture(path, (struct fb_span){p, n, 0});
    if (f != NULL)
        fclose(f);
    free(p);
}

int main(int argc, char **argv)
{
    if (argc > 1) { // a folder: write what we build, the seeds of fuzz_minidump
        built(argv[1]);
        return check_done();
    }
    full = getenv("FAULTBUCKET_TORTURE") != NULL;
    block = malloc(ARENA_SIZE);
    if (block == NULL)
        return check_skip("no memory for the arena");
    built(NULL);
    glob_t found = {0};
    if (glob("tests/golden/dumps/*.dmp", 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i += full ? 1 : GOLDEN_STRIDE)
            golden(found.gl_pathv[i]);
    globfree(&found);
    free(block);
    return check_done();
}
