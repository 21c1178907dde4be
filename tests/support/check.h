/*
 * tests/support/check.h -- the one assertion of our unit tests: say which row failed,
 * and go on.
 *
 * A test is a program: it returns check_done(), which prints the counts. A test that cannot run
 * returns check_skip(reason), which ctest counts as skipped, never as passed.
 */
#pragma once
#include <stdbool.h>
#include <stdio.h>

#define COUNT(v) (sizeof(v) / sizeof *(v))

static int check_failures, check_count;

#define CHECK(row, condition) check_that((row), (condition), #condition, __FILE__, __LINE__)

static inline bool check_that(const char *row, bool holds, const char *text, const char *file,
                              int line)
{
    check_count++;
    if (!holds) {
        check_failures++;
        fprintf(stderr, "%s:%d: [%s] not so: %s\n", file, line, row, text);
    }
    return holds;
}

static inline int check_done(void)
{
    printf("%d checks, %d failed\n", check_count, check_failures);
    return check_failures != 0 || check_count == 0;
}

static inline int check_skip(const char *reason)
{
    fprintf(stderr, "SKIPPED: %s\n", reason);
    return 77;
}
