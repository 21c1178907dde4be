/*
 * common/base/sort.c -- heap sort, after a look whether there is anything to do; and a merge of
 * a few sorted runs, which writers of dumps leave when they go from module to module.
 */
#include "base/sort.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef int order_fn(const void *, const void *);

/* By words as long as they last: elements are structs of some 32 bytes. */
static void swap(uint8_t *a, uint8_t *b, size_t size)
{
    size_t i = 0;
    for (uint64_t x, y; i + sizeof x <= size; i += sizeof x) {
        memcpy(&x, a + i, sizeof x);
        memcpy(&y, b + i, sizeof y);
        memcpy(a + i, &y, sizeof y);
        memcpy(b + i, &x, sizeof x);
    }
    for (; i < size; i++) {
        uint8_t t = a[i];
        a[i] = b[i];
        b[i] = t;
    }
}

static void sift_down(uint8_t *v, size_t at, size_t n, size_t size, order_fn *order)
{
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && order(v + child * size, v + (child + 1) * size) < 0)
            child++;
        if (order(v + at * size, v + child * size) >= 0)
            return;
        swap(v + at * size, v + child * size, size);
    }
}

void fb_sort(void *data, size_t n, size_t size, order_fn *order)
{
    uint8_t *v = data;
    size_t sorted = 1;
    while (sorted < n && order(v + (sorted - 1) * size, v + sorted * size) <= 0)
        sorted++;
    if (sorted >= n)
        return;
    for (size_t i = n / 2; i-- > 0;)
        sift_down(v, i, n, size, order);
    for (size_t end = n - 1; end > 0; end--) {
        swap(v, v + end * size, size);
        sift_down(v, 0, end, size, order);
    }
}

/* --- a few sorted runs -------------------------------------------------------------- */

enum { RUNS_MAX = 64 };
struct run {
    const uint8_t *at, *end;
};
struct runs { // in the order of their first elements
    struct run v[RUNS_MAX];
    size_t n;
};

/* The first run goes where its first element belongs now. */
static void sink(struct runs *runs, order_fn *order)
{
    struct run moved = runs->v[0];
    size_t i = 0;
    for (; i + 1 < runs->n && order(runs->v[i + 1].at, moved.at) < 0; i++)
        runs->v[i] = runs->v[i + 1];
    runs->v[i] = moved;
}

/* @return false: there are more than can be merged */
static bool find_runs(const uint8_t *v, size_t n, size_t size, order_fn *order,
                      struct runs *out)
{
    const uint8_t *end = v + n * size, *from = v;
    for (const uint8_t *p = v + size; p <= end; p += size) {
        if (p < end && order(p - size, p) <= 0)
            continue;
        if (out->n == RUNS_MAX)
            return false;
        memmove(out->v + 1, out->v, out->n++ * sizeof *out->v);
        out->v[0] = (struct run){from, p};
        sink(out, order);
        from = p;
    }
    return true;
}

/* What of the first run comes before all others. */
static size_t ahead(const struct runs *runs, size_t size, order_fn *order)
{
    const struct run *first = runs->v;
    const uint8_t *p = first->at + size;
    while (p < first->end && order(p, runs->v[1].at) <= 0)
        p += size;
    return (size_t)(p - first->at);
}

void *fb_sort_runs(void *v, size_t n, size_t size, order_fn *order, void *room)
{
    struct runs runs = {.n = 0};
    if (n == 0 || !find_runs(v, n, size, order, &runs)) {
        fb_sort(v, n, size, order);
        return v;
    }
    if (runs.n == 1)
        return v;
    uint8_t *out = room;
    while (runs.n > 1) {
        size_t taken = ahead(&runs, size, order);
        memcpy(out, runs.v[0].at, taken);
        out += taken;
        runs.v[0].at += taken;
        if (runs.v[0].at == runs.v[0].end)
            memmove(runs.v, runs.v + 1, --runs.n * sizeof *runs.v);
        else
            sink(&runs, order);
    }
    memcpy(out, runs.v[0].at, (size_t)(runs.v[0].end - runs.v[0].at));
    return room;
}
