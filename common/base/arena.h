/*
 * common/base/arena.h -- memory of one report: one block, handed in, forgotten in one step.
 *
 * The block's size is the limit on what a report may cost. Under AddressSanitizer each piece
 * has a poisoned border on both sides, so that pooling hides no overrun.
 */
#pragma once
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

struct fb_arena {
    uint8_t *base; // the caller's block; aligned by the arena as each piece needs
    size_t cap;
    size_t used;
};

/** `n` elements of `size` bytes, zeroed; never NULL for n = 0. @fails NULL when the
 * block is full. */
void *fb_arena_new(struct fb_arena *arena, size_t n, size_t size, size_t align);
/** The same, not zeroed: for large pieces that are filled at once. */
void *fb_arena_raw(struct fb_arena *arena, size_t n, size_t size, size_t align);
#define FB_RAW(arena, type, n) ((type *)fb_arena_raw((arena), (n), sizeof(type), alignof(type)))
#define FB_NEW(arena, type, n) ((type *)fb_arena_new((arena), (n), sizeof(type), alignof(type)))

/** A copy of `n` bytes with a NUL behind them. @fails NULL when the block is full. */
char *fb_arena_text(struct fb_arena *arena, const char *p, size_t n);

/** How many bytes are left for fb_arena_take: call it before each. */
size_t fb_arena_left(struct fb_arena *arena);
/** All `n` bytes behind the last piece, not zeroed, and the way to give the last `n` of
 * them back: for a text whose length is known only when it is written. `n` must be within
 * what is left. */
char *fb_arena_take(struct fb_arena *arena, size_t n);
void fb_arena_give_back(struct fb_arena *arena, size_t n);

/** Forget every piece, and of an arena that is not yet used those of an earlier one over the
 * same block. The block stays the caller's. */
void fb_arena_reset(struct fb_arena *arena);
