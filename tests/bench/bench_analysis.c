/*
 * tests/bench/bench_analysis.c -- what the analysis of a dump costs, beside what it costs to
 * decompress the same dump.
 *
 *     bench_analysis DUMP...
 *
 * All dumps are read and compressed (zstd, level 3, as ingest does) before anything is
 * measured. Then both are done in one process, alternating and each time in the other order,
 * until a round is long enough to be measured; CPU time, not the clock on the wall, so that
 * neighbours on the machine matter less. The ratio of each round is printed, and median and
 * spread at the end.
 */
#include "analyze.h"
#include "base/hash.h"
#include "files.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zstd.h>

enum { ROUNDS = 7, LEVEL = 3, ARENA = 64 << 20, ARENA_PER_BYTE = 4 };
static const double round_seconds = 0.5; // of either, at least

struct dump {
    struct fb_file file;
    uint8_t sha256[FB_SHA256_SIZE]; // a worker has it from ingest
    void *packed;
    size_t packed_n;
};

struct bench {
    struct dump *dumps;
    size_t n;
    uint64_t bytes, packed_bytes;
    struct fb_arena arena;
    struct fb_analyze_input input;
    ZSTD_DCtx *unpacker;
    void *room;
    size_t room_n, refused;
};

static void give_up(const char *thing, const char *reason)
{
    fprintf(stderr, "bench_analysis: %s: %s; usage: bench_analysis DUMP...\n", thing, reason);
    exit(2);
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void add_dump(struct bench *b, const char *path)
{
    struct dump *dump = &b->dumps[b->n++];
    if (fb_failed(fb_file_read(path, &dump->file)) || dump->file.bytes.n == 0)
        give_up(path, "it cannot be read");
    size_t n = dump->file.bytes.n, bound = ZSTD_compressBound(n);
    dump->packed = malloc(bound);
    dump->packed_n = dump->packed != NULL
                         ? ZSTD_compress(dump->packed, bound, dump->file.bytes.p, n, LEVEL)
                         : (size_t)-1;
    if (ZSTD_isError(dump->packed_n))
        give_up(path, "it cannot be compressed");
    fb_sha256(dump->file.bytes.p, n, dump->sha256);
    b->bytes += n;
    b->packed_bytes += dump->packed_n;
    if (n > b->room_n)
        b->room_n = n;
}

/* What is being compared: each takes the dump through once. */
static void analyse(struct bench *b, const struct dump *dump)
{
    struct fb_analysis *analysis;
    b->input.file = dump->file.bytes;
    b->input.sha256 = (struct fb_span){dump->sha256, sizeof dump->sha256, 0};
    fb_arena_reset(&b->arena);
    b->refused += fb_failed(fb_analyze(&b->input, &b->arena, &analysis));
}

static void decompress(struct bench *b, const struct dump *dump)
{
    size_t n =
        ZSTD_decompressDCtx(b->unpacker, b->room, b->room_n, dump->packed, dump->packed_n);
    if (n != dump->file.bytes.n)
        give_up("zstd", "it gives back other bytes");
}

/* CPU seconds of `work` for all dumps, `times` times. */
static double measure(struct bench *b, void (*work)(struct bench *, const struct dump *),
                      unsigned times)
{
    double began = cpu_seconds();
    for (unsigned t = 0; t < times; t++)
        for (size_t i = 0; i < b->n; i++)
            work(b, &b->dumps[i]);
    return cpu_seconds() - began;
}

static unsigned times_needed(struct bench *b, void (*work)(struct bench *, const struct dump *))
{
    double once = measure(b, work, 1); // and a warm-up
    return once > round_seconds ? 1 : (unsigned)(round_seconds / (once + 1e-6)) + 1;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void compare(struct bench *b)
{
    unsigned n_analyses = times_needed(b, analyse), n_unpacks = times_needed(b, decompress);
    double ratios[ROUNDS], rates[ROUNDS];
    b->refused = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double unpack = 0, analysis;
        if (round % 2 == 0)
            unpack = measure(b, decompress, n_unpacks);
        analysis = measure(b, analyse, n_analyses);
        if (round % 2 != 0)
            unpack = measure(b, decompress, n_unpacks);
        double per_analysis = analysis / n_analyses, per_unpack = unpack / n_unpacks;
        ratios[round] = per_analysis / per_unpack;
        rates[round] = (double)b->n / per_analysis;
        printf("round %d: %.0f analyses per CPU second, zstd unpacks %.0f; analysis / zstd = "
               "%.2f\n",
               round + 1, rates[round], (double)b->n / per_unpack, ratios[round]);
    }
    qsort(ratios, ROUNDS, sizeof *ratios, by_size);
    qsort(rates, ROUNDS, sizeof *rates, by_size);
    printf("analysis / zstd: median %.2f, from %.2f to %.2f; analyses per CPU second: median "
           "%.0f\n",
           ratios[ROUNDS / 2], ratios[0], ratios[ROUNDS - 1], rates[ROUNDS / 2]);
}

int main(int argc, char **argv)
{
    struct bench b = {.dumps = calloc((size_t)argc, sizeof *b.dumps)};
    if (argc < 2 || b.dumps == NULL)
        give_up("DUMP", "it is missing");
    for (int i = 1; i < argc; i++)
        add_dump(&b, argv[i]);
    b.arena = fb_arena_map(ARENA + ARENA_PER_BYTE * b.room_n);
    b.room = malloc(b.room_n);
    b.unpacker = ZSTD_createDCtx();
    if (b.arena.base == NULL || b.room == NULL || b.unpacker == NULL)
        give_up("memory", "there is none left");
    fb_analyze_open(&b.input);
    printf("%zu dumps, %.1f MB, %.1f MB compressed\n", b.n, (double)b.bytes / 1e6,
           (double)b.packed_bytes / 1e6);
    compare(&b);
    printf("refused as no minidump: %zu\n", b.refused);
    fb_analyze_close(&b.input);
    ZSTD_freeDCtx(b.unpacker);
    free(b.room);
    fb_arena_unmap(&b.arena);
    for (size_t i = 0; i < b.n; i++) {
        free(b.dumps[i].packed);
        fb_file_free(&b.dumps[i].file);
    }
    free(b.dumps);
    return b.refused == 0 ? 0 : 1;
}
