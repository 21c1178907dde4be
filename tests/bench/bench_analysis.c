/*
 * tests/bench/bench_analysis.c -- what the analysis of a dump costs, beside what it costs to
 * decompress the same dump.
 *
 *     bench_analysis [--symbols DIR]... [--reference CMD [--passes N]]... [--process CMD]
 * DUMP...
 *
 * All dumps are read and compressed (zstd, level 3, as ingest does) before anything is
 * measured. Then both are done in one process, alternating and each time in the other order,
 * until a round is long enough to be measured; CPU time, not the clock on the wall, so that
 * neighbours on the machine matter less. The ratio of each round is printed, and median and
 * spread at the end. Symbols are warm: they are loaded before the first round.
 *
 * What part of an analysis is the judgement is printed behind that.
 *
 * A reference is any command that takes the dumps as arguments and goes N times through them;
 * its CPU time, start-up included, is compared with ours round by round. --process measures a
 * command that is started once per dump: what one at a desk waits for.
 */
#include "analyze.h"
#include "base/hash.h"
#include "exploitability/exploitability.h"
#include "files.h"
#include "symbol_dirs.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

enum { ROUNDS = 7, LEVEL = 3, ARENA = 64 << 20, ARENA_PER_BYTE = 4, OPTIONS_MAX = 16 };
extern char **environ;
static const double round_seconds = 0.5; // of either, at least

struct dump {
    char *path;
    struct fb_file file;
    uint8_t sha256[FB_SHA256_SIZE]; // a worker has it from ingest
    void *packed;
    size_t packed_n;
};

struct options {
    const char *symbols[OPTIONS_MAX], *process;
    size_t n_symbols;
    struct reference {
        const char *command;
        unsigned passes;
    } references[OPTIONS_MAX];
    size_t n_references;
};
struct bench {
    struct options options;
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
    fprintf(stderr,
            "bench_analysis: %s: %s; usage: bench_analysis [--symbols DIR]... "
            "[--reference CMD [--passes N]]... [--process CMD] DUMP...\n",
            thing, reason);
    exit(2);
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void add_dump(struct bench *b, char *path)
{
    struct dump *dump = &b->dumps[b->n++];
    dump->path = path;
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

/* CPU seconds of one analysis and, within it, of the judgement; each the mean of some. */
static void dissect(struct bench *b, const struct dump *dump, double *whole, double *judged)
{
    enum { TIMES = 20 };
    struct fb_analysis *a = NULL;
    double began = cpu_seconds();
    b->input.file = dump->file.bytes;
    b->input.sha256 = (struct fb_span){dump->sha256, sizeof dump->sha256, 0};
    for (int i = 0; i < TIMES; i++) {
        fb_arena_reset(&b->arena);
        if (fb_failed(fb_analyze(&b->input, &b->arena, &a)))
            return;
    }
    double between = cpu_seconds();
    size_t used = b->arena.used;
    for (int i = 0; i < TIMES; i++) {
        b->arena.used = used;
        if (fb_failed(fb_judge(a, b->input.capstone[a->dump.system.arch], &b->arena)))
            return;
    }
    *whole += (between - began) / TIMES;
    *judged += (cpu_seconds() - between) / TIMES;
}

static void share_of_judgement(struct bench *b)
{
    double whole = 0, judged = 0;
    for (size_t i = 0; i < b->n; i++)
        dissect(b, &b->dumps[i], &whole, &judged);
    printf("judgement: %.1f us of %.1f us per dump, %.1f %%\n", 1e6 * judged / (double)b->n,
           1e6 * whole / (double)b->n, whole > 0 ? 100 * judged / whole : 0);
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

/* --- other programs ----------------------------------------------------------------- */

/* Run `command` with the dumps from `first` on, `n` of them, as its arguments.
 * @return its CPU seconds and those of its children */
static double run(struct bench *b, const char *command, size_t first, size_t n)
{
    char script[4096];
    char **argv = calloc(n + 5, sizeof *argv);
    char shell[] = "sh", flag[] = "-c";
    pid_t child;
    int status;
    struct rusage used;
    posix_spawn_file_actions_t to_nowhere;
    if (argv == NULL ||
        snprintf(script, sizeof script, "exec %s \"$@\"", command) >= (int)sizeof script)
        give_up(command, "it is too long");
    argv[0] = argv[3] = shell;
    argv[1] = flag;
    argv[2] = script;
    for (size_t i = 0; i < n; i++)
        argv[4 + i] = b->dumps[first + i].path;
    posix_spawn_file_actions_init(&to_nowhere);
    posix_spawn_file_actions_addopen(&to_nowhere, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&to_nowhere, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (posix_spawnp(&child, "sh", &to_nowhere, NULL, argv, environ) != 0 ||
        wait4(child, &status, 0, &used) != child || !WIFEXITED(status) ||
        WEXITSTATUS(status) > 1)
        give_up(command, "it does not run");
    posix_spawn_file_actions_destroy(&to_nowhere);
    free(argv);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void compare_with(struct bench *b, const struct reference *reference)
{
    unsigned times = times_needed(b, analyse);
    double ratios[ROUNDS], rates[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        double ours = round % 2 == 0 ? measure(b, analyse, times) : 0;
        double theirs = run(b, reference->command, 0, b->n);
        if (round % 2 != 0)
            ours = measure(b, analyse, times);
        rates[round] = (double)b->n * reference->passes / theirs;
        ratios[round] = (double)b->n * times / ours / rates[round];
    }
    qsort(ratios, ROUNDS, sizeof *ratios, by_size);
    qsort(rates, ROUNDS, sizeof *rates, by_size);
    printf("%s: median %.0f dumps per CPU second; ours does %.2f times as many, from %.2f to "
           "%.2f\n",
           reference->command, rates[ROUNDS / 2], ratios[ROUNDS / 2], ratios[0],
           ratios[ROUNDS - 1]);
}

/* The smallest dump, since start-up is what is looked at. */
static void time_process(struct bench *b)
{
    enum { RUNS = 200 };
    size_t smallest = 0;
    for (size_t i = 1; i < b->n; i++)
        if (b->dumps[i].file.bytes.n < b->dumps[smallest].file.bytes.n)
            smallest = i;
    struct timespec began, ended;
    double cpu = 0;
    clock_gettime(CLOCK_MONOTONIC, &began);
    for (int i = 0; i < RUNS; i++)
        cpu += run(b, b->options.process, smallest, 1);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    double wall =
        (double)(ended.tv_sec - began.tv_sec) + (double)(ended.tv_nsec - began.tv_nsec) / 1e9;
    printf("%s: %.2f ms CPU and %.2f ms in all for a dump of %zu bytes, mean of %d runs\n",
           b->options.process, 1e3 * cpu / RUNS, 1e3 * wall / RUNS,
           b->dumps[smallest].file.bytes.n, RUNS);
}

/* --- the whole ---------------------------------------------------------------------- */

static void option(struct options *o, const char *name, const char *value)
{
    if (value == NULL || o->n_symbols == OPTIONS_MAX || o->n_references == OPTIONS_MAX)
        give_up(name, "it needs a value, or there are too many");
    if (strcmp(name, "--symbols") == 0)
        o->symbols[o->n_symbols++] = value;
    else if (strcmp(name, "--reference") == 0)
        o->references[o->n_references++] = (struct reference){value, 1};
    else if (strcmp(name, "--passes") == 0 && o->n_references > 0 && atoi(value) > 0)
        o->references[o->n_references - 1].passes = (unsigned)atoi(value);
    else if (strcmp(name, "--process") == 0)
        o->process = value;
    else
        give_up(name, "it is no option");
}

static void read_arguments(struct bench *b, int argc, char **argv)
{
    b->dumps = calloc((size_t)argc, sizeof *b->dumps);
    for (int i = 1; i < argc && b->dumps != NULL; i++) {
        if (argv[i][0] != '-') {
            add_dump(b, argv[i]);
            continue;
        }
        option(&b->options, argv[i], argv[i + 1]);
        i++;
    }
    if (b->dumps == NULL || b->n == 0)
        give_up("DUMP", "it is missing");
}

static void close_all(struct bench *b, struct fb_symbol_dirs *symbols)
{
    fb_analyze_close(&b->input);
    fb_symbol_dirs_close(symbols);
    ZSTD_freeDCtx(b->unpacker);
    free(b->room);
    fb_arena_unmap(&b->arena);
    for (size_t i = 0; i < b->n; i++) {
        free(b->dumps[i].packed);
        fb_file_free(&b->dumps[i].file);
    }
    free(b->dumps);
}

int main(int argc, char **argv)
{
    struct bench b = {0};
    read_arguments(&b, argc, argv);
    b.arena = fb_arena_map(ARENA + ARENA_PER_BYTE * b.room_n);
    b.room = malloc(b.room_n);
    b.unpacker = ZSTD_createDCtx();
    if (b.arena.base == NULL || b.room == NULL || b.unpacker == NULL)
        give_up("memory", "there is none left");
    fb_analyze_open(&b.input);
    struct fb_symbol_dirs *symbols =
        b.options.n_symbols != 0 ? fb_symbol_dirs_open(b.options.symbols, b.options.n_symbols)
                                 : NULL;
    b.input.symbols = symbols != NULL ? fb_symbol_dirs_table(symbols) : NULL;
    printf("%zu dumps, %.1f MB, %.1f MB compressed\n", b.n, (double)b.bytes / 1e6,
           (double)b.packed_bytes / 1e6);
    compare(&b);
    share_of_judgement(&b);
    for (size_t i = 0; i < b.options.n_references; i++)
        compare_with(&b, &b.options.references[i]);
    if (b.options.process != NULL)
        time_process(&b);
    printf("refused as no minidump: %zu\n", b.refused);
    close_all(&b, symbols);
    return b.refused == 0 ? 0 : 1;
}
