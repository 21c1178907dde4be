/* common/base/sort.c -- heap sort, after a look whether there is anything to do. */
#include "base/sort.h"

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
