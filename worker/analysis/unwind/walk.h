/*
 * worker/analysis/unwind/walk.h -- from registers and memory to the stack of a thread.
 *
 * Each architecture has a ladder: a table of methods, best first. The first one that yields a
 * caller which passes the checks of walk.c wins. The walk is bounded, and says why it ended.
 */
#pragma once
#include "analysis.h"
#include "symbols/symbols.h"
#include "unwind/places.h"
#include "unwind/work.h"

struct fb_images;   // images.c
struct fb_steps;    // steps.h
struct fb_returns;  // returns.h
struct fb_named;    // names.h
struct fb_cfi_rows; // cfi_rows.h

enum { FB_FRAMES_MAX = 1024, FB_SCANNED_MAX = 256 };

struct fb_walk_env {
    const struct fb_dump *dump;
    const struct fb_symbols *symbols; // NULL: none
    size_t capstone;                  // handle (csh) for the dump's architecture, 0: none
    struct fb_work *work; // that all walks together may do; NULL: each has limits of its own
    struct fb_images *images;   // of the dump's modules, found when first needed; NULL: none
    struct fb_notes *notes;     // of what is odd in them; NULL: nobody listens
    struct fb_places *places;   // that all walks together have looked up; NULL: each for itself
    struct fb_steps *steps;     // that they have decoded; NULL: nothing is remembered
    struct fb_returns *returns; // that they have judged; likewise
    struct fb_named *named;     // frames that they have named; likewise
    struct fb_cfi_rows *rows;   // STACK CFI rules that they have read; likewise
};

/** Room for what is found of the images of the dump's modules; part of it is borrowed from the
 * end of the arena, until fb_images_close, after which nobody may walk. NULL: arena full */
struct fb_images *fb_images_new(const struct fb_dump *dump, struct fb_arena *arena);
void fb_images_close(struct fb_images *images, struct fb_arena *arena);

/**
 * Walk one thread from `regs`.
 * @owner  frames live in `arena`
 * @fails  LIMIT: the arena is full; `*out` holds what was found so far
 */
struct fb_err fb_walk(const struct fb_walk_env *env, const struct fb_thread *thread,
                      const struct fb_regs *regs, struct fb_arena *arena, struct fb_stack *out);

/** The recursion that covers most of a stack: one to eight frames, four rounds at least. */
struct fb_cycle fb_stack_cycle(const struct fb_stack *stack); // cycle.c
