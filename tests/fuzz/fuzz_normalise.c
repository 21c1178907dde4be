/*
 * tests/fuzz/fuzz_normalise.c -- any function name gives a short, printable name, and giving
 * that back changes nothing that would make it longer.
 */
#include "bucket/keys.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t room[1 << 16];
    struct fb_arena arena = {.base = room, .cap = sizeof room};
    char *name = (char *)malloc(size + 1); // of exact size, so that each overrun is seen
    if (name == NULL)
        return 0;
    if (size != 0)
        memcpy(name, data, size);
    name[size] = 0;
    const char *got = fb_normalise(name, size % 2 != 0 ? "a.rs" : NULL, &arena);
    if (got == NULL || strlen(got) > 1024)
        abort();
    for (const char *p = got; *p != 0; p++)
        if (*p < ' ' || *p > '~')
            abort();
    free(name);
    return 0;
}
