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

/** The same for a list made of a few sorted ones, which are merged into `room` for as many
 * elements. @return where the sorted list stands: `v` or `room` */
void *fb_sort_runs(void *v, size_t n, size_t size, int (*order)(const void *, const void *),
                   void *room);
