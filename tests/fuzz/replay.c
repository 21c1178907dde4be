/*
 * tests/fuzz/replay.c -- main of a fuzz target that is built without libFuzzer: it feeds every
 * file of its committed corpus, and fails when there is none.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int feed(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (f == NULL || fseek(f, 0, SEEK_END) != 0) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return 0;
    }
    long size = ftell(f);
    rewind(f);
    uint8_t *p = malloc(size > 0 ? (size_t)size : 1);
    size_t n = fread(p, 1, size > 0 ? (size_t)size : 0, f);
    fclose(f);
    LLVMFuzzerTestOneInput(p, n);
    free(p);
    return 1;
}

int main(void)
{
    int n = 0;
    DIR *dir = opendir(FUZZ_CORPUS);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;)
        if (e->d_name[0] != '.')
            n += feed(FUZZ_CORPUS, e->d_name);
    if (dir != NULL)
        closedir(dir);
    printf("%d inputs of %s\n", n, FUZZ_CORPUS);
    return n == 0;
}
