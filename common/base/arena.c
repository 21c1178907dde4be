/* common/base/arena.c -- the bump allocator behind every report. */
#include "base/arena.h"

#include <stdbool.h>
#include <string.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
enum { BORDER = 16 };
#define POISON(p, n)   ASAN_POISON_MEMORY_REGION((p), (n))
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION((p), (n))
#else
enum { BORDER = 0 };
#define POISON(p, n)   ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

static size_t at_most(size_t n, size_t limit) { return n < limit ? n : limit; }

/* A border behind what is in use; the next piece takes it over as its own border. */
static void close_behind(const struct fb_arena *arena)
{
    POISON(arena->base + arena->used, at_most(BORDER, arena->cap - arena->used));
}

/* Before the first piece: a block on the stack may have been another arena's a moment ago.
 * Large blocks are reset by their owners, since all of one would cost more than what is
 * used of it. */
static void open_block(const struct fb_arena *arena)
{
    enum { SMALL = 1 << 20 };
    if (arena->used == 0)
        UNPOISON(arena->base, at_most(arena->cap, SMALL));
}

void *fb_arena_raw(struct fb_arena *arena, size_t n, size_t size, size_t align)
{
    open_block(arena);
    uintptr_t next = (uintptr_t)arena->base + arena->used;
    size_t pad = (size_t)(-next & (align - 1)) + BORDER, bytes, left = arena->cap - arena->used;
    pad += (size_t)(-(next + pad) & (align - 1));
    if (pad > left || __builtin_mul_overflow(n, size, &bytes) || bytes > left - pad)
        return NULL;
    uint8_t *piece = arena->base + arena->used + pad;
    POISON(arena->base + arena->used, pad);
    UNPOISON(piece, bytes);
    arena->used += pad + bytes;
    close_behind(arena);
    return piece;
}

void *fb_arena_new(struct fb_arena *arena, size_t n, size_t size, size_t align)
{
    void *piece = fb_arena_raw(arena, n, size, align);
    return piece != NULL ? memset(piece, 0, n * size) : NULL;
}

char *fb_arena_text(struct fb_arena *arena, const char *p, size_t n)
{
    char *copy = n < SIZE_MAX ? FB_RAW(arena, char, n + 1) : NULL;
    if (copy == NULL)
        return NULL;
    if (n != 0)
        memcpy(copy, p, n);
    copy[n] = 0;
    return copy;
}

size_t fb_arena_left(struct fb_arena *arena)
{
    if (BORDER != 0 && FB_RAW(arena, char, 0) == NULL)
        return 0;
    return arena->cap - arena->used;
}

char *fb_arena_take(struct fb_arena *arena, size_t n)
{
    open_block(arena);
    uint8_t *piece = arena->base + arena->used;
    UNPOISON(piece, at_most(BORDER, n));
    arena->used += n;
    close_behind(arena);
    return (char *)piece;
}

void fb_arena_give_back(struct fb_arena *arena, size_t n)
{
    UNPOISON(arena->base + arena->used - n, n + at_most(BORDER, arena->cap - arena->used));
    arena->used -= n;
    close_behind(arena);
}

void fb_arena_reset(struct fb_arena *arena)
{
    bool fresh = arena->used == 0; // its block may still have the borders of an earlier arena
    UNPOISON(arena->base,
             fresh ? arena->cap : arena->used + at_most(BORDER, arena->cap - arena->used));
    arena->used = 0;
}
