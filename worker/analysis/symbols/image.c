/*
 * worker/analysis/symbols/image.c -- which kind of image it is, and its bytes by RVA.
 */
#include "symbols/image.h"

#include "base/text.h"
#include "symbols/image_kinds.h"

static const struct {
    enum fb_image_kind kind;
    uint16_t machine;
    enum fb_arch arch;
} machines[] = {
    {FB_IMAGE_PE,  0x014C, FB_X86  },
    {FB_IMAGE_PE,  0x8664, FB_AMD64},
    {FB_IMAGE_PE,  0xAA64, FB_ARM64},
    {FB_IMAGE_PE,  0x01C4, FB_ARM  },
    {FB_IMAGE_ELF, 3,      FB_X86  },
    {FB_IMAGE_ELF, 62,     FB_AMD64},
    {FB_IMAGE_ELF, 183,    FB_ARM64},
    {FB_IMAGE_ELF, 40,     FB_ARM  },
};

enum fb_arch fb_image_arch(enum fb_image_kind kind, uint16_t machine)
{
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
        if (machines[i].kind == kind && machines[i].machine == machine)
            return machines[i].arch;
    return FB_ARCH_OTHER;
}

const char *fb_image_text(struct fb_span bytes, struct fb_arena *arena)
{
    size_t n = 0;
    while (n < bytes.n && bytes.p[n] != 0)
        n++;
    struct fb_text text = fb_text_open(arena);
    fb_text_utf8(&text, fb_span_sub(bytes, 0, n));
    return fb_text_close(&text, arena);
}

static struct fb_err by_magic(struct fb_image *image, struct fb_arena *arena)
{
    struct fb_span magic = fb_image_raw(image, 0, 4);
    if (magic.n >= 2 && memcmp(magic.p, "MZ", 2) == 0)
        return fb_image_pe(image, arena);
    if (magic.n == 4 && memcmp(magic.p,
                               "\x7F"
                               "ELF",
                               4) == 0)
        return fb_image_elf(image, arena);
    return FB_FAIL(MALFORMED, "neither a PE nor an ELF image", 0);
}

static struct fb_err read(struct fb_image image, struct fb_arena *arena, struct fb_image **out)
{
    struct fb_image *made = FB_NEW(arena, struct fb_image, 1);
    if (made == NULL)
        return FB_FAIL(LIMIT, "no room for an image", 0);
    *made = image;
    struct fb_err err = by_magic(made, arena);
    if (!fb_failed(err))
        *out = made;
    return err;
}

struct fb_err fb_image_read(struct fb_span file, struct fb_arena *arena, struct fb_image **out)
{
    return read((struct fb_image){.file = file}, arena, out);
}

struct fb_err fb_image_map(const struct fb_memory *memory, fb_addr base, struct fb_arena *arena,
                           struct fb_image **out)
{
    return read((struct fb_image){.memory = memory, .base = base}, arena, out);
}

struct fb_span fb_image_raw(const struct fb_image *image, uint64_t at, size_t max)
{
    if (image->memory == NULL)
        return fb_span_clip(image->file, at, max);
    if (at > UINT64_MAX - image->base)
        return (struct fb_span){0};
    return fb_memory_at(image->memory, image->base + at, max);
}

static const struct fb_image_section *holding(const struct fb_image_section *v, size_t n,
                                              uint64_t rva)
{
    for (size_t i = 0; i < n; i++)
        if (rva >= v[i].rva && rva - v[i].rva < v[i].size)
            return &v[i];
    return NULL;
}

const struct fb_image_section *fb_image_section(const struct fb_image *image, uint64_t rva)
{
    return holding(image->sections, image->n_sections, rva);
}

struct fb_span fb_image_at(const struct fb_image *image, uint64_t rva, size_t max)
{
    if (image->memory != NULL)
        return fb_image_raw(image, rva, max);
    const struct fb_image_section *s = image->n_loads != 0
                                           ? holding(image->loads, image->n_loads, rva)
                                           : fb_image_section(image, rva);
    if (s == NULL && rva < image->headers)
        return fb_span_clip(fb_span_clip(image->file, 0, image->headers), rva, max);
    if (s == NULL)
        return (struct fb_span){0};
    uint64_t size = s->size < s->bytes_in_file ? s->size : s->bytes_in_file;
    return fb_span_clip(fb_span_clip(image->file, s->at, size), rva - s->rva, max);
}
