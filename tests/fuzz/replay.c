/*
 * tests/fuzz/replay.c -- runs a fuzz target over its committed corpus in ordinary builds. An
 * empty or missing corpus is a failure: a test that tests nothing must not pass.
 */
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL || fseek(f, 0, SEEK_END) != 0) {
        perror(path);
        return 1;
    }
    long n = ftell(f);
    rewind(f);
    uint8_t *p = malloc(n > 0 ? (size_t)n : 1);
    size_t got = p != NULL && n > 0 ? fread(p, 1, (size_t)n, f) : 0;
    fclose(f);
    if (p == NULL || n < 0 || got != (size_t)n) {
        fprintf(stderr, "%s: cannot be read\n", path);
        free(p);
        return 1;
    }
    LLVMFuzzerTestOneInput(p, got);
    free(p);
    return 0;
}

int main(void)
{
    glob_t found = {0};
    if (glob(FUZZ_CORPUS "/*", 0, NULL, &found) != 0) {
        fprintf(stderr, FUZZ_CORPUS ": no inputs, nothing was tested\n");
        return 1;
    }
    int failures = 0;
    for (size_t i = 0; i < found.gl_pathc; i++)
        failures += replay(found.gl_pathv[i]);
    printf("%zu inputs replayed, %d failed\n", found.gl_pathc, failures);
    globfree(&found);
    return failures != 0;
}
