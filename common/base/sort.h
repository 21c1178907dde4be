/*
 * common/base/sort.h -- sort without memory of its own and without recursion.
 *
 * The C library's qsort takes memory from the heap and may be driven to quadratic time; lists
 * in dumps are mostly sorted already, so that is looked at first.
 */
#pragma once
#include <stddef.h>

/** Sort `n` elements of `size` bytes so that `order(a, b) <= 0` for neighbours; not stable. */
void fb_sort(void *v, size_t n, size_t size, int (*order)(const void *, const void *));

/** The same, faster, of elements that begin with a uint64_t by which they are to stand: `order`
 * is asked only of equal ones. `room` is for as many elements.
 * @return where the sorted list stands: `v` or `room` */
void *fb_sort_numbered(void *v, size_t n, size_t size, int (*order)(const void *, const void *),
                       void *room);
