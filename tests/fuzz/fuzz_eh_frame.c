/*
 * tests/fuzz/fuzz_eh_frame.c -- any bytes as the unwind data of an image, and walks from the
 * functions that it says there are.
 *
 *   | processor | where .eh_frame begins (2) | how long .eh_frame_hdr is (2) | both |
 *
 * .eh_frame_hdr comes first. The stack of the walks is the input itself. It goes into a block
 * of its exact size: reading one byte too many is seen.
 */
#include "unwind/dwarf.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 1024 * 1024, HEAD = 5, AT = 0x1000, FDES = 6, STACK = 0x10000 };
#define BASE UINT64_C(0x400000)

struct process {
    struct fb_image_section section;
    struct fb_image image;
    struct fb_module module;
    struct fb_region region;
    struct fb_dump dump;
    struct fb_symbols symbols;
    struct fb_thread thread;
    struct fb_notes notes;
};

static enum fb_symbol_state no_symbols(void *self, const struct fb_module *module)
{
    (void)self, (void)module;
    return FB_SYMBOLS_MISSING;
}

static const struct fb_image *image_of(void *self, const struct fb_module *module)
{
    struct process *p = self;
    return module == &p->module ? &p->image : NULL;
}

static void make_image(struct fb_span in, struct process *p)
{
    static const enum fb_arch archs[] = {FB_AMD64, FB_X86, FB_ARM64, FB_ARM};
    struct fb_reader r = {.in = in};
    enum fb_arch arch = archs[fb_read_u8(&r) % 4];
    uint64_t frames = fb_read_u16(&r), header = fb_read_u16(&r);
    struct fb_span bytes = fb_span_clip(in, HEAD, SIZE_MAX);
    p->section = (struct fb_image_section){
        .name = "", .rva = AT, .size = bytes.n, .bytes_in_file = bytes.n};
    p->image = (struct fb_image){
        .kind = FB_IMAGE_ELF,
        .arch = arch,
        .file = bytes,
        .preferred_base = BASE,
        .size = UINT32_MAX,
        .sections = &p->section,
        .n_sections = 1,
        .eh_frame_hdr = {AT,          header                                 },
        .eh_frame = {AT + frames, bytes.n > frames ? bytes.n - frames : 0},
    };
}

static void make(struct fb_span in, struct process *p)
{
    make_image(in, p);
    p->module = (struct fb_module){.base = 2 * BASE,
                                   .size = UINT32_MAX,
                                   .end = 2 * BASE + UINT64_C(0xFFFFFFFF),
                                   .name = ""};
    p->region = (struct fb_region){STACK, in};
    p->dump.system = (struct fb_system){.arch = p->image.arch, .os = FB_LINUX};
    p->dump.modules = (struct fb_modules){&p->module, 1, 0};
    p->dump.memory = (struct fb_memory){&p->region, 1, in.n, false};
    p->symbols = (struct fb_symbols){.self = p, .state = no_symbols, .image = image_of};
    p->thread = (struct fb_thread){.stack_start = STACK, .stack = in};
}

static void walk(struct process *p, uint64_t rva, struct fb_arena *arena)
{
    const struct fb_reg_names *names = fb_reg_names(p->image.arch);
    struct fb_walk_env env = {.dump = &p->dump, .symbols = &p->symbols, .notes = &p->notes};
    struct fb_regs regs = {.arch = p->image.arch};
    struct fb_stack stack;
    env.images = fb_images_new(&p->dump, arena);
    for (size_t i = 0; i < names->n; i++)
        fb_reg_set(&regs, (int)i, STACK + 16 * i);
    fb_reg_set(&regs, names->ip, p->module.base + rva);
    fb_reg_set(&regs, names->sp, STACK);
    (void)fb_walk(&env, &p->thread, &regs, arena, &stack);
    fb_images_close(env.images, arena);
}

static void walk_all(struct process *p, uint8_t *room)
{
    struct fb_arena arena = {.base = room, .cap = ROOM};
    struct fb_eh_index index = {0};
    uint64_t begins[2 * FDES];
    size_t entries = 4096, n = 0;
    struct fb_image plain = p->image;
    plain.eh_frame_hdr.size = 0; // the walks look into it
    (void)fb_eh_index(&plain, &entries, &arena, &index);
    for (size_t i = 0; index.rows != NULL && i < index.n && i < FDES; i++) {
        struct fb_eh_fde fde;
        begins[n++] = index.rows[i].begin;
        if (!fb_failed(fb_eh_read_fde(&p->image, index.rows[i].fde, &fde)))
            begins[n++] = fde.begin + fde.size - 1;
    }
    begins[0] = n != 0 ? begins[0] : 0x1130;
    fb_arena_reset(&arena);
    for (size_t i = 0; i == 0 || i < n; i++) {
        walk(p, begins[i], &arena);
        fb_arena_reset(&arena);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct process p;
    uint8_t *exact = malloc(size + 1), *room = malloc(ROOM);
    uint8_t *bytes = exact + 1; // an empty input, too, ends at the end of its block
    if (size != 0)
        memcpy(bytes, data, size);
    p.notes.n = 0;
    make((struct fb_span){bytes, size, 0}, &p);
    walk_all(&p, room);
    free(room);
    free(exact);
    return 0;
}
