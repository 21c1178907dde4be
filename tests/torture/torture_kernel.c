/*
 * tests/torture/torture_kernel.c -- every prefix and every flipped byte of kernel dumps, and
 * every smaller arena: reader and analysis must end, say so in a value, and touch nothing that
 * is not their own.
 *
 * The dumps are the builder's. Each case works on a block of exactly the right size. They are
 * gone through in strides; with FAULTBUCKET_TORTURE=full no byte is left out.
 */
#include "analyze.h"
#include "kernel/kernel.h"
#include "support/check.h"
#include "support/kernelgen.h"

#include <stdlib.h>
#include <string.h>

enum { ARENA_SIZE = 4 << 20, CASES_PER_DUMP = 4000, ANALYSES_PER_DUMP = 60 };

static uint8_t *block;
static struct fb_notes notes;
static struct fb_dump dump;
static bool full;
static size_t stride(size_t n, size_t cases) { return full ? 1 : 1 + n / cases; }

typedef struct fb_err work(struct fb_span file, struct fb_arena *arena);

static struct fb_err reading(struct fb_span file, struct fb_arena *arena)
{
    notes = (struct fb_notes){0};
    return fb_kernel_read(file, arena, &notes, &dump);
}

static struct fb_err analysing(struct fb_span file, struct fb_arena *arena)
{
    struct fb_analyze_input in = {.file = file};
    struct fb_analysis *a;
    return fb_analyze(&in, arena, &a);
}

static struct fb_err within(work *does, struct fb_span file, size_t cap, size_t *used)
{
    struct fb_arena arena = {.base = block, .cap = cap};
    struct fb_err err = does(file, &arena);
    *used = arena.used;
    fb_arena_reset(&arena);
    return err;
}

/* The first `n` bytes in a block of their own, byte `at` of it changed by `flip`. */
static bool ends_well(work *does, struct fb_span file, size_t n, size_t at, uint8_t flip)
{
    uint8_t *copy = malloc(n != 0 ? n : 1);
    if (copy == NULL)
        abort();
    memcpy(copy, file.p, n);
    if (at < n)
        copy[at] ^= flip;
    size_t used;
    struct fb_err err = within(does, (struct fb_span){copy, n, 0}, ARENA_SIZE, &used);
    free(copy);
    return err.code == FB_OK || err.code == FB_TRUNCATED || err.code == FB_MALFORMED;
}

static void damage(const char *name, work *does, struct fb_span file, size_t cases)
{
    for (size_t n = 0; n < file.n; n += stride(file.n, cases))
        CHECK(name, ends_well(does, file, n, SIZE_MAX, 0));
    static const uint8_t flips[] = {0xFF, 0x01, 0x80};
    for (size_t at = 0; at < file.n; at += stride(file.n, cases))
        for (size_t i = 0; i < sizeof flips; i++)
            CHECK(name, ends_well(does, file, file.n, at, flips[i]));
}

/* Every byte of the block that says where all is, whatever the stride: all is in there. */
static void triage(const char *name, struct fb_span file, uint32_t at)
{
    for (size_t i = 0; i < 0x80 && at + i < file.n; i++)
        for (int bit = 0; bit < 8; bit++)
            CHECK(name, ends_well(reading, file, file.n, at + i, (uint8_t)(1 << bit)));
}

static void arenas(const char *name, work *does, struct fb_span file, size_t cases)
{
    size_t needed, used;
    CHECK(name, !fb_failed(within(does, file, ARENA_SIZE, &needed)));
    for (size_t cap = 0; cap < needed; cap += stride(needed, cases)) {
        struct fb_err err = within(does, file, cap, &used);
        CHECK(name, err.code == FB_LIMIT && used <= cap);
    }
}

/* Keep a dump as an input of the fuzz target, named for its number. */
static void keep(const char *folder, int number, struct fb_span file)
{
    char path[512];
    snprintf(path, sizeof path, "%s/sample-%02d.dmp", folder, number);
    FILE *f = fopen(path, "wb");
    CHECK(path, f != NULL && fwrite(file.p, 1, file.n, f) == file.n && fclose(f) == 0);
}

int main(int argc, char **argv)
{
    static const char *const names[KERNELGEN_SAMPLES] = {"7e", "d1", "8e", "139", "e2", "full"};
    full = getenv("FAULTBUCKET_TORTURE") != NULL;
    block = malloc(ARENA_SIZE);
    if (block == NULL)
        return check_skip("no memory for the arena");
    for (int i = 0; i < KERNELGEN_SAMPLES; i++) {
        struct kernelgen g = kernelgen_sample((enum kernelgen_sample)i);
        struct kernelgen_places at;
        struct fb_span file = kernelgen_make(&g, &at);
        if (argc > 1) { // a folder: write what we build, the seeds of fuzz_kernel
            keep(argv[1], i, file);
        } else {
            damage(names[i], reading, file, CASES_PER_DUMP);
            damage(names[i], analysing, file, ANALYSES_PER_DUMP);
            triage(names[i], file, at.triage);
            arenas(names[i], reading, file, CASES_PER_DUMP);
            arenas(names[i], analysing, file, ANALYSES_PER_DUMP);
        }
        kernelgen_free(file);
    }
    free(block);
    return check_done();
}
