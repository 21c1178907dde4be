/*
 * tests/support/whole.h -- a file of the corpus in a block of exactly its length, so that a
 * sanitizer sees who reads behind it.
 */
#pragma once
#include "base/reader.h"

#include <stdio.h>
#include <stdlib.h>

/** Empty when it cannot be read. @owner the caller, until whole_free */
static inline struct fb_span whole_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return (struct fb_span){0};
    long n = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    rewind(file);
    uint8_t *p = n > 0 ? malloc((size_t)n) : NULL;
    size_t got = p != NULL ? fread(p, 1, (size_t)n, file) : 0;
    fclose(file);
    return (struct fb_span){p, got, 0};
}

static inline void whole_free(struct fb_span file) { free((void *)(uintptr_t)file.p); }
