/*
 * tests/fuzz/fuzz_judge.c -- any event, registers, pages, handler chain and code, judged.
 *
 * The input is read as the parts of an analysis in a fixed order, zeros where it ends; what is
 * left over is the code at the instruction pointer, in a block of its exact size.
 */
#include "disasm/insn.h"
#include "exploitability/exploitability.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 1024 * 1024, PAGES = 4, FRAMES = 8, TEB_SIZE = 32, CHAIN_SIZE = 32 };

struct world {
    struct fb_analysis a;
    struct fb_module module;
    struct fb_region regions[3];
    struct fb_page pages[PAGES];
    struct fb_thread thread;
    struct fb_stack stack;
    struct fb_frame frames[FRAMES];
};

static int by_start(const void *x, const void *y)
{
    const struct fb_region *a = x, *b = y;
    return a->start < b->start ? -1 : a->start > b->start;
}
static int by_page(const void *x, const void *y)
{
    const struct fb_page *a = x, *b = y;
    return a->start < b->start ? -1 : a->start > b->start;
}

static void read_event(struct fb_reader *in, struct fb_dump *dump)
{
    static const enum fb_arch archs[] = {FB_X86, FB_AMD64, FB_ARM, FB_ARM64};
    struct fb_exception *e = &dump->exception;
    dump->system.arch = archs[fb_read_u8(in) % 4];
    dump->system.os = (enum fb_os)(fb_read_u8(in) % (FB_OS_OTHER + 1));
    e->present = true;
    e->code = fb_read_u32(in);
    e->flags = fb_read_u32(in);
    e->address = fb_read_u64(in);
    e->n_parameters = fb_read_u8(in) % 4;
    for (size_t i = 0; i < 3; i++)
        e->parameters[i] = fb_read_u64(in);
    const struct fb_reg_names *names = fb_reg_names(dump->system.arch);
    e->regs.arch = dump->system.arch;
    for (int i = 0; i < (int)names->n; i++)
        fb_reg_set(&e->regs, i, names->word == 4 ? fb_read_u32(in) : fb_read_u64(in));
    e->regs.valid &= fb_read_u64(in) | UINT64_C(0xFF) << names->ip;
}

static void read_frames(struct fb_reader *in, struct world *w)
{
    static const char *const functions[] = {
        NULL,   "malloc_printerr",         "__chk_fail", "VerifierStopMessage", "a(b, c)", "",
        "_chk", "UnhandledExceptionFilter"};
    w->stack = (struct fb_stack){.v = w->frames, .n = fb_read_u8(in) % (FRAMES + 1)};
    for (size_t i = 0; i < w->stack.n; i++) {
        uint8_t what = fb_read_u8(in);
        w->frames[i].resume = fb_read_u32(in);
        w->frames[i].function = functions[what % 8];
        w->frames[i].module = what & 8 ? &w->module : NULL;
        w->frames[i].regs = w->a.dump.exception.regs;
    }
}

static void read_pages(struct fb_reader *in, struct world *w)
{
    struct fb_pages *pages = &w->a.dump.pages;
    pages->v = w->pages;
    pages->n = fb_read_u8(in) % (PAGES + 1);
    pages->source = FB_PAGES_MAPS;
    for (size_t i = 0; i < pages->n; i++)
        w->pages[i] = (struct fb_page){.start = fb_read_u64(in),
                                       .size = fb_read_u32(in),
                                       .access = fb_read_u8(in) % 16,
                                       .kind = (enum fb_page_kind)(fb_read_u8(in) % 7)};
    qsort(w->pages, pages->n, sizeof *w->pages, by_page);
}

static void read_memory(struct fb_reader *in, struct world *w, uint8_t *code, size_t n)
{
    struct fb_dump *dump = &w->a.dump;
    w->thread.teb = fb_read_u32(in);
    fb_addr chain = fb_read_u32(in);
    w->regions[0] = (struct fb_region){w->thread.teb, fb_read_bytes(in, TEB_SIZE)};
    w->regions[1] = (struct fb_region){chain, fb_read_bytes(in, CHAIN_SIZE)};
    w->regions[2] = (struct fb_region){
        fb_reg_ip(&dump->exception.regs), {code, n, 0}
    };
    if (dump->system.os == FB_WINDOWS)
        w->regions[2].start = dump->exception.address;
    qsort(w->regions, 3, sizeof *w->regions, by_start);
    dump->memory = (struct fb_memory){w->regions, 3, 0, false};
    for (size_t i = 0; i < 3; i++)
        if (w->regions[i].bytes.n > dump->memory.longest)
            dump->memory.longest = w->regions[i].bytes.n;
}

/* What a reader of the report relies on. */
static bool told(const struct fb_exploitability *x)
{
    bool whole = x->fb1.rule != NULL && x->fb1.explanation != NULL && x->msec16.rule != NULL;
    for (size_t i = 0; i < x->n_block; i++)
        for (size_t k = 0; k < x->block[i].n_marks; k++)
            whole = whole && x->block[i].marks[k][0] != '\0';
    for (size_t i = 0; i < x->n_taint; i++) {
        const struct fb_taint_line *step = &x->taint[i];
        whole = whole && step->line < x->n_block && step->instruction != NULL &&
                step->from[0] != '\0' && step->to[0] != '\0' &&
                (i == 0 || step->line >= x->taint[i - 1].line);
    }
    return whole;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static size_t handles[FB_ARCH_OTHER];
    struct world *w = calloc(1, sizeof *w);
    uint8_t *room = malloc(ROOM);
    struct fb_reader in = {
        .in = {data, size, 0}
    };
    read_event(&in, &w->a.dump);
    read_frames(&in, w);
    read_pages(&in, w);
    w->module = (struct fb_module){.base = fb_read_u32(&in), .size = 0x1000, .name = "m"};
    w->module.end = w->module.base + w->module.size;
    w->a.dump.modules = (struct fb_modules){&w->module, 1, 0};
    w->a.dump.threads = (struct fb_threads){&w->thread, 1};
    w->a.stacks = &w->stack;

    size_t header = 4 + 4 + TEB_SIZE + CHAIN_SIZE;
    size_t n = size > in.at + header && !fb_failed(in.err) ? size - in.at - header : 0;
    uint8_t *code = malloc(n + 1);
    if (n > 0)
        memcpy(code + 1, data + size - n, n);
    read_memory(&in, w, code + 1, n);

    enum fb_arch arch = w->a.dump.system.arch;
    if (handles[arch] == 0)
        handles[arch] = fb_disasm_open(arch);
    struct fb_arena arena = {.base = room, .cap = ROOM};
    struct fb_err err = fb_judge(&w->a, handles[arch], &arena);
    if (err.code != FB_LIMIT && (fb_failed(err) || !told(&w->a.exploitability)))
        abort();
    fb_arena_reset(&arena);
    free(code);
    free(room);
    free(w);
    return 0;
}
