/* ingest/spill.c -- memory first, then a file; read back in the order written. */
#include "spill.h"

#include "log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FIRST = 16 * 1024, WINDOW = 64 * 1024, OWNER_ONLY = 0600, PATH_ROOM = 4096 };

void fb_spill_start(struct fb_spill *spill, const char *dir)
{
    *spill = (struct fb_spill){.dir = dir, .fd = -1};
}

static struct fb_err no_disk(const struct fb_spill *spill, const char *what)
{
    fb_log(FB_LOG_ERROR, "spill", "dir", spill->dir, "step", what, "error",
           strerrordesc_np(errno), NULL);
    return FB_FAIL(UNAVAILABLE, "a large dump cannot be set aside", 0);
}

/* Not every file system knows O_TMPFILE: then a name that lives for a moment. */
static int open_nameless(const char *dir)
{
    char path[PATH_ROOM];
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, OWNER_ONLY);
    int n = snprintf(path, sizeof path, "%s/faultbucket-XXXXXX", dir);
    if (fd >= 0 || n < 0 || (size_t)n >= sizeof path)
        return fd;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

static struct fb_err put_file(struct fb_spill *spill, struct fb_span bytes)
{
    if (spill->fd < 0 && (spill->fd = open_nameless(spill->dir)) < 0)
        return no_disk(spill, "open");
    while (bytes.n != 0) {
        ssize_t n = pwrite(spill->fd, bytes.p, bytes.n, (off_t)spill->file_n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return no_disk(spill, "write");
        spill->file_n += (size_t)n;
        bytes = fb_span_clip(bytes, (size_t)n, bytes.n);
    }
    return FB_NO_ERR;
}

static bool grow(struct fb_spill *spill, size_t need)
{
    size_t cap = spill->memory_cap != 0 ? spill->memory_cap : FIRST;
    while (cap < need)
        cap *= 2;
    uint8_t *p = cap != spill->memory_cap ? realloc(spill->memory, cap) : spill->memory;
    if (p == NULL)
        return false;
    spill->memory = p;
    spill->memory_cap = cap;
    return true;
}

/* What memory still takes of `bytes`; once the file is begun, nothing more. */
static size_t put_memory(struct fb_spill *spill, struct fb_span bytes)
{
    size_t left = spill->fd < 0 ? FB_DUMP_IN_MEMORY - spill->memory_n : 0;
    size_t n = bytes.n < left ? bytes.n : left;
    if (n == 0 || !grow(spill, spill->memory_n + n))
        return 0;
    memcpy(spill->memory + spill->memory_n, bytes.p, n);
    spill->memory_n += n;
    return n;
}

static struct fb_err add_digest(struct fb_spill *spill, struct fb_span bytes)
{
    bool fine = true;
    if (spill->digest == NULL) {
        spill->digest = EVP_MD_CTX_new();
        fine = spill->digest != NULL && EVP_DigestInit_ex(spill->digest, EVP_sha256(), NULL);
    }
    if (!fine || !EVP_DigestUpdate(spill->digest, bytes.p, bytes.n))
        return FB_FAIL(UNAVAILABLE, "no digest", 0);
    return FB_NO_ERR;
}

static struct fb_err put(void *arg, struct fb_span bytes, bool dump)
{
    struct fb_spill *spill = arg;
    struct fb_err err = dump ? add_digest(spill, bytes) : FB_NO_ERR;
    if (fb_failed(err))
        return err;
    size_t n = put_memory(spill, bytes);
    return n < bytes.n ? put_file(spill, fb_span_clip(bytes, n, bytes.n)) : FB_NO_ERR;
}

struct fb_file_store fb_spill_store(struct fb_spill *spill)
{
    return (struct fb_file_store){put, spill};
}

static struct fb_err get(void *arg, uint64_t off, uint64_t n, struct fb_span *out)
{
    struct fb_spill *spill = arg;
    if (off < spill->memory_n) {
        struct fb_span all = {spill->memory, spill->memory_n, 0};
        *out = fb_span_clip(all, off, n);
        return FB_NO_ERR;
    }
    if (spill->window == NULL && (spill->window = malloc(WINDOW)) == NULL)
        return FB_FAIL(UNAVAILABLE, "no memory to read a dump back", 0);
    size_t want = n < WINDOW ? (size_t)n : WINDOW;
    ssize_t got = pread(spill->fd, spill->window, want, (off_t)(off - spill->memory_n));
    if (got <= 0)
        return no_disk(spill, "read");
    *out = (struct fb_span){spill->window, (size_t)got, off};
    return FB_NO_ERR;
}

struct fb_file_source fb_spill_source(struct fb_spill *spill)
{
    return (struct fb_file_source){get, spill};
}

struct fb_err fb_spill_digest(struct fb_spill *spill, uint8_t out[FB_SHA256_SIZE])
{
    if (spill->digest == NULL || !EVP_DigestFinal_ex(spill->digest, out, NULL))
        return FB_FAIL(UNAVAILABLE, "no digest", 0);
    return FB_NO_ERR;
}

void fb_spill_free(struct fb_spill *spill)
{
    if (spill->fd >= 0)
        close(spill->fd);
    free(spill->memory);
    free(spill->window);
    EVP_MD_CTX_free(spill->digest);
    *spill = (struct fb_spill){.fd = -1};
}
