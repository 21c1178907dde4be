/* common/files.c -- read a file of unknown length; map memory that is paid for when used. */
#include "files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const size_t file_max = (size_t)FB_FILE_MAX_GIB << 30;

/* Make room for more than `used` bytes. The first guess is the size that the
 * file system tells. */
static uint8_t *grow(uint8_t *memory, size_t used, size_t *cap, size_t guess)
{
    if (used < *cap)
        return memory;
    size_t more = *cap == 0 ? guess + 1 : *cap * 2;
    uint8_t *larger = more <= file_max + 1 ? realloc(memory, more) : NULL;
    if (larger != NULL)
        *cap = more;
    return larger;
}

static struct fb_err read_all(int fd, struct fb_file *out)
{
    struct stat about;
    size_t guess = fstat(fd, &about) == 0 && about.st_size > 0 ? (size_t)about.st_size : 65536;
    uint8_t *memory = NULL;
    for (size_t n = 0, cap = 0;;) {
        uint8_t *room = grow(memory, n, &cap, guess);
        if (room == NULL) {
            free(memory);
            return FB_FAIL(LIMIT, "the file is larger than there is room for", n);
        }
        memory = room;
        ssize_t got = read(fd, memory + n, cap - n);
        if (got < 0) {
            free(memory);
            return FB_FAIL(UNAVAILABLE, "the file cannot be read", n);
        }
        if (got == 0) {
            *out = (struct fb_file){
                {memory, n, 0},
                memory, 0
            };
            return FB_NO_ERR;
        }
        n += (size_t)got;
    }
}

struct fb_err fb_file_read(const char *path, struct fb_file *out)
{
    if (strcmp(path, "-") == 0)
        return read_all(STDIN_FILENO, out);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return FB_FAIL(UNAVAILABLE, "the file cannot be opened", 0);
    struct fb_err err = read_all(fd, out);
    close(fd);
    return err;
}

static struct fb_err map_all(int fd, struct fb_file *out)
{
    struct stat about;
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode) || about.st_size <= 0)
        return FB_FAIL(MALFORMED, "not a file with bytes in it", 0);
    size_t n = (size_t)about.st_size;
    void *memory = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
    if (memory == MAP_FAILED)
        return FB_FAIL(LIMIT, "the file is larger than there is room for", 0);
    *out = (struct fb_file){
        {memory, n, 0},
        memory, n
    };
    return FB_NO_ERR;
}

struct fb_err fb_file_map(const char *path, struct fb_file *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a pipe must not make us wait
    if (fd < 0)
        return FB_FAIL(UNAVAILABLE, "the file cannot be opened", 0);
    struct fb_err err = map_all(fd, out);
    close(fd);
    return err;
}

void fb_file_free(struct fb_file *file)
{
    if (file->mapped != 0)
        munmap(file->memory, file->mapped);
    else
        free(file->memory);
    *file = (struct fb_file){0};
}

struct fb_arena fb_arena_map(size_t size)
{
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return base != MAP_FAILED ? (struct fb_arena){.base = base, .cap = size}
                              : (struct fb_arena){0};
}

void fb_arena_unmap(struct fb_arena *arena)
{
    if (arena->base == NULL)
        return;
    fb_arena_reset(arena);
    munmap(arena->base, arena->cap);
    *arena = (struct fb_arena){0};
}
