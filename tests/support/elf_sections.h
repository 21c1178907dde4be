/*
 * tests/support/elf_sections.h -- the sections of a little-endian ELF file that is mapped as it
 * is linked: enough of an image to ask it for .eh_frame.
 */
#pragma once
#include "symbols/image.h"

#include <string.h>

enum { ELF_SECTIONS_MAX = 128 };
struct elf_sections {
    struct fb_image image;
    struct fb_image_section v[ELF_SECTIONS_MAX];
};

static inline enum fb_arch elf_arch(uint16_t machine)
{
    switch (machine) {
    case 3:
        return FB_X86;
    case 40:
        return FB_ARM;
    case 62:
        return FB_AMD64;
    case 183:
        return FB_ARM64;
    default:
        return FB_ARCH_OTHER;
    }
}

static inline struct fb_image_section elf_section(struct fb_span file, struct fb_reader *r,
                                                  size_t word, uint64_t names)
{
    struct fb_image_section s = {0};
    uint64_t name = names + fb_read_u32(r);
    fb_read_skip(r, 4 + word); // type, flags
    s.rva = fb_read_le(r, word);
    s.at = fb_read_le(r, word);
    s.size = s.bytes_in_file = fb_read_le(r, word);
    fb_read_skip(r, 8 + 2 * word);
    if (name < file.n && memchr(file.p + name, 0, file.n - name) != NULL)
        s.name = (const char *)file.p + name;
    return s;
}

/** @return false: not such a file. `file` must stay where it is. */
static inline bool elf_sections_read(struct fb_span file, struct elf_sections *out)
{
    struct fb_reader r = {.in = file};
    *out = (struct elf_sections){0};
    if (file.n < 64 || memcmp(file.p, "\x7F\x45LF", 4) != 0)
        return false;
    size_t word = file.p[4] == 2 ? 8 : 4;
    fb_read_skip(&r, 18);
    enum fb_arch arch = elf_arch(fb_read_u16(&r));
    fb_read_skip(&r, 4 + 2 * word);
    uint64_t at = fb_read_le(&r, word);
    fb_read_skip(&r, 12);
    size_t n = fb_read_u16(&r), names = fb_read_u16(&r), size = 16 + 6 * word;
    struct fb_reader name = {.in = file, .at = (size_t)(at + names * size + 8 + 2 * word)};
    uint64_t texts = fb_read_le(&name, word);
    r.at = (size_t)at;
    out->image = (struct fb_image){.kind = FB_IMAGE_ELF, .arch = arch, .file = file};
    for (size_t i = 0; i < n && i < ELF_SECTIONS_MAX; i++) {
        struct fb_image_section s = elf_section(file, &r, word, texts);
        if (s.name == NULL || s.rva == 0)
            continue;
        out->v[out->image.n_sections++] = s;
        struct fb_image_part part = {s.rva, s.size};
        if (strcmp(s.name, ".eh_frame") == 0)
            out->image.eh_frame = part;
        if (strcmp(s.name, ".eh_frame_hdr") == 0)
            out->image.eh_frame_hdr = part;
        out->image.size = s.rva + s.size > out->image.size ? s.rva + s.size : out->image.size;
    }
    out->image.sections = out->v;
    return !fb_failed(r.err) && arch != FB_ARCH_OTHER;
}
