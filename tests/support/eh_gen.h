/*
 * tests/support/eh_gen.h -- an image made of one section .eh_frame, written entry by entry.
 *
 * The section is mapped at EH_AT. What is asked to be put is put, however wrong.
 */
#pragma once
#include "symbols/eh_frame.h"

#include <stdlib.h>
#include <string.h>

enum { EH_ROOM = 1 << 16, EH_AT = 0x1000, EH_BASE = 0x400000, EH_IMAGE_SIZE = 0x100000 };
struct eh_gen {
    uint8_t bytes[EH_ROOM];
    size_t n;
    struct fb_image_section section;
    struct fb_image image;
    uint8_t *exact; // a copy of exact size
};

static inline void eh_put(struct eh_gen *g, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n && g->n < EH_ROOM; i++)
        g->bytes[g->n++] = (uint8_t)(v >> (8 * i));
}

static inline void eh_bytes(struct eh_gen *g, const void *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        eh_put(g, ((const uint8_t *)p)[i], 1);
}

static inline void eh_uleb(struct eh_gen *g, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        eh_put(g, v | 0x80, 1);
    eh_put(g, v, 1);
}

static inline uint64_t eh_here(const struct eh_gen *g) { return EH_AT + g->n; }

/** Begin an entry. @return where its length is to be patched */
static inline size_t eh_begin(struct eh_gen *g)
{
    eh_put(g, 0, 4);
    return g->n;
}

static inline void eh_end(struct eh_gen *g, size_t from)
{
    size_t end = g->n, n = end - from;
    g->n = from - 4;
    eh_put(g, n, 4);
    g->n = end;
}

/** A CIE up to the register of its return address. `letters` with its NUL. */
static inline size_t eh_cie_begin(struct eh_gen *g, uint8_t version, const char *letters,
                                  uint8_t ra)
{
    size_t from = eh_begin(g);
    size_t word = fb_eh_word(&g->image);
    eh_put(g, 0, 4);
    eh_put(g, version, 1);
    eh_bytes(g, letters, strlen(letters) + 1);
    if (version == 4)
        eh_put(g, word, 2);
    if (strcmp(letters, "eh") == 0)
        eh_put(g, 0, word);
    eh_uleb(g, 1);
    eh_put(g, (uint64_t)(-(int64_t)word) & 0x7F, 1);
    eh_put(g, ra, 1);
    return from;
}

/** A whole one of "zR" or "zRS", addresses as sdata4 from where they stand. @return its RVA */
static inline uint64_t eh_cie(struct eh_gen *g, const char *letters, uint8_t ra,
                              const void *program, size_t n)
{
    uint64_t rva = eh_here(g);
    size_t from = eh_cie_begin(g, 1, letters, ra);
    eh_uleb(g, 1);
    eh_put(g, FB_EH_PCREL | FB_EH_SDATA4, 1);
    eh_bytes(g, program, n);
    eh_end(g, from);
    return rva;
}

/** An FDE of that kind. @return its RVA */
static inline uint64_t eh_fde(struct eh_gen *g, uint64_t cie, uint64_t begin, uint64_t size,
                              const void *program, size_t n)
{
    uint64_t rva = eh_here(g);
    size_t from = eh_begin(g);
    eh_put(g, eh_here(g) - cie, 4);
    eh_put(g, begin - eh_here(g), 4);
    eh_put(g, size, 4);
    eh_uleb(g, 0);
    eh_bytes(g, program, n);
    eh_end(g, from);
    return rva;
}

/** Begin with an empty section. */
static inline void eh_open(struct eh_gen *g, enum fb_arch arch)
{
    memset(g, 0, sizeof *g);
    g->section = (struct fb_image_section){.name = ".eh_frame", .rva = EH_AT};
    g->image = (struct fb_image){.kind = FB_IMAGE_ELF,
                                 .arch = arch,
                                 .preferred_base = EH_BASE,
                                 .size = EH_IMAGE_SIZE,
                                 .sections = &g->section,
                                 .n_sections = 1};
}

/** The image of what was put so far: in a block of its own, where one byte behind is seen. */
static inline const struct fb_image *eh_image(struct eh_gen *g)
{
    free(g->exact);
    g->exact = malloc(g->n != 0 ? g->n : 1);
    if (g->n != 0)
        memcpy(g->exact, g->bytes, g->n);
    g->image.file = (struct fb_span){g->exact, g->n, 0};
    g->section.size = g->section.bytes_in_file = g->n;
    g->image.eh_frame = (struct fb_image_part){EH_AT, g->n};
    return &g->image;
}

static inline void eh_close(struct eh_gen *g) { free(g->exact); }
