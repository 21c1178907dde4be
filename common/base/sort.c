/*
 * common/base/sort.c -- heap sort, after a look whether there is anything to do; and where
 * there is room, merges: of a few sorted runs, which writers of dumps leave when they go from
 * module to module, all at once, else of two and two.
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

/* --- merging elements that begin with a number ---------------------------------------- */

/* Nearly always the numbers decide, without a call. */
static bool in_order(const uint8_t *a, const uint8_t *b, order_fn *order)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x != y ? x < y : order(a, b) <= 0;
}

enum { RUNS_MAX = 32 };
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
    for (; i + 1 < runs->n && !in_order(moved.at, runs->v[i + 1].at, order); i++)
        runs->v[i] = runs->v[i + 1];
    runs->v[i] = moved;
}

/* @return false: there are too many to merge them all at once */
static bool find_runs(const uint8_t *v, size_t n, size_t size, order_fn *order,
                      struct runs *out)
{
    const uint8_t *end = v + n * size, *from = v;
    for (const uint8_t *p = v + size; p <= end; p += size) {
        if (p < end && in_order(p - size, p, order))
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
    while (p < first->end && in_order(p, runs->v[1].at, order))
        p += size;
    return (size_t)(p - first->at);
}

static void merge_runs(struct runs *runs, size_t size, order_fn *order, uint8_t *out)
{
    while (runs->n > 1) {
        size_t taken = ahead(runs, size, order);
        memcpy(out, runs->v[0].at, taken);
        out += taken;
        runs->v[0].at += taken;
        if (runs->v[0].at == runs->v[0].end)
            memmove(runs->v, runs->v + 1, --runs->n * sizeof *runs->v);
        else
            sink(runs, order);
    }
    memcpy(out, runs->v[0].at, (size_t)(runs->v[0].end - runs->v[0].at));
}

static void merge_two(struct run a, struct run b, size_t size, order_fn *order, uint8_t *out)
{
    for (; a.at < a.end && b.at < b.end; out += size) {
        struct run *first = in_order(a.at, b.at, order) ? &a : &b;
        memcpy(out, first->at, size);
        first->at += size;
    }
    memcpy(out, a.at, (size_t)(a.end - a.at));
    memcpy(out + (a.end - a.at), b.at, (size_t)(b.end - b.at));
}

/* @return where the elements are in the end */
static uint8_t *merge_pairs(uint8_t *v, size_t bytes, size_t size, order_fn *order,
                            uint8_t *room)
{
    for (size_t width = size; width < bytes; width *= 2) {
        for (size_t i = 0; i < bytes; i += 2 * width) {
            size_t mid = i + width < bytes ? i + width : bytes;
            size_t end = mid + width < bytes ? mid + width : bytes;
            merge_two((struct run){v + i, v + mid}, (struct run){v + mid, v + end}, size, order,
                      room + i);
        }
        uint8_t *sorted = room;
        room = v;
        v = sorted;
    }
    return v;
}

void *fb_sort_numbered(void *v, size_t n, size_t size, order_fn *order, void *room)
{
    struct runs runs;
    runs.n = 0;
    if (n == 0)
        return v;
    if (!find_runs(v, n, size, order, &runs))
        return merge_pairs(v, n * size, size, order, room);
    if (runs.n <= 1)
        return v;
    merge_runs(&runs, size, order, room);
    return room;
}
