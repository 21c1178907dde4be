/*
 * worker/analysis/symbols/symread.h -- what the readers of a .sym file's records share. Nobody
 * else includes it.
 *
 * Every record is read twice: the first time only counted.
 */
#pragma once
#include "symbols/fields.h"
#include "symbols/symtable.h"

struct fb_sym_reading {
    struct fb_symfile *sym;
    struct fb_arena *arena;
    struct fb_sym_func *func;  // that lines and inlines belong to
    struct fb_sym_func orphan; // takes those of a function that is not kept
    bool counting;
};

static inline struct fb_sym_name fb_sym_name_of(struct fb_span s)
{
    return (struct fb_sym_name){s.p, s.n};
}
/** How two keys are to be sorted, smaller first; and two names, by their place in the text. */
static inline int fb_sym_order(uint64_t a, uint64_t b) { return (a > b) - (a < b); }
static inline int fb_sym_order_place(struct fb_sym_name a, struct fb_sym_name b)
{
    return fb_sym_order((uintptr_t)a.p, (uintptr_t)b.p);
}

/** STACK WIN and STACK CFI, behind the first word. @return false: the line makes no sense */
bool fb_sym_read_stack(struct fb_sym_reading *r, struct fb_fields *f);
/** Make their tables ready to be searched. */
void fb_sym_sort_stack(struct fb_symfile *sym);
