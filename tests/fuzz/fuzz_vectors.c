/*
 * tests/fuzz/fuzz_vectors.c -- any bytes as a table of cases: each row can be read and is
 * judged, or is said not to be one.
 */
#include "disasm/insn.h"
#include "exploitability/exploitability.h"
#include "exploitability/vectors.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM = 2 << 20 };

static void row(const struct fb_vector_header *header, struct fb_span line,
                struct fb_arena *arena)
{
    static size_t handles[FB_ARCH_OTHER];
    struct fb_vector_difference found[FB_VECTOR_DIFFERENCES];
    struct fb_vector v;
    struct fb_analysis *a = NULL;
    struct fb_err err = fb_vector_row(header, line, arena, &v);
    if (!fb_failed(err))
        err = fb_vector_process(&v, arena, &a);
    if (!fb_failed(err)) {
        enum fb_arch arch = a->dump.system.arch;
        if (handles[arch] == 0)
            handles[arch] = fb_disasm_open(arch);
        err = fb_judge(a, handles[arch], arena);
    }
    if (fb_failed(err) &&
        (err.what == NULL || (err.code != FB_MALFORMED && err.code != FB_LIMIT)))
        abort();
    if (!fb_failed(err) && fb_vector_compare(&v, a, arena, found) > FB_VECTOR_DIFFERENCES)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *room = malloc(ROOM), *copy = malloc(size + 1);
    memcpy(copy + 1, data, size); // so that reading before the first byte is found out
    struct fb_vector_header header = {.n = 0};
    for (size_t at = 0; at < size;) {
        const uint8_t *end = memchr(copy + 1 + at, '\n', size - at);
        size_t n = end != NULL ? (size_t)(end - (copy + 1 + at)) : size - at;
        struct fb_span line = {copy + 1 + at, n, at};
        struct fb_arena arena = {.base = room, .cap = ROOM};
        if (header.n > 0)
            row(&header, line, &arena);
        else if (fb_failed(fb_vector_header(line, &header)))
            break;
        fb_arena_reset(&arena);
        at += n + 1;
    }
    free(copy);
    free(room);
    return 0;
}
