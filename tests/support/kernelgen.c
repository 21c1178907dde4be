/* tests/support/kernelgen.c -- kernel dumps, as wdbgexts.h and dumps of Windows lay them out.
 */
#include "support/kernelgen.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER64 = 0x2000, HEADER32 = 0x1000, PROCESS = 0x600 };

static void put_page(struct dumpgen *d, size_t n)
{
    uint32_t at = dumpgen_bytes(d, NULL, n);
    for (size_t i = 0; i < n; i++)
        d->p[at + i] = (uint8_t) "PAGE"[i % 4];
}

static void put_context(struct dumpgen *d, size_t at, const struct fb_regs *regs)
{
    struct dumpgen other = {0};
    uint32_t size;
    uint32_t from = dumpgen_context(&other, regs, &size);
    if (size != 0)
        memcpy(d->p + at, other.p + from, size);
    dumpgen_free(&other);
}

static void put_text(struct dumpgen *d, size_t at, const char *text)
{
    memcpy(d->p + at, text, strlen(text) + 1);
}

/* --- the header --------------------------------------------------------------------- */

static void header64(struct dumpgen *d, const struct kernelgen *g)
{
    put_page(d, HEADER64);
    memcpy(d->p, "PAGEDU64", 8);
    dumpgen_poke(d, 0x08, 15, 4);
    dumpgen_poke(d, 0x0C, g->build, 4);
    dumpgen_poke(d, 0x10, 0x1AD000, 8);
    dumpgen_poke(d, 0x20, KERNELGEN_NT + 0x2000, 8);
    dumpgen_poke(d, 0x30, g->machine, 4);
    dumpgen_poke(d, 0x34, 8, 4);
    dumpgen_poke(d, 0x38, g->code, 4);
    for (size_t i = 0; i < 4; i++)
        dumpgen_poke(d, 0x40 + 8 * i, g->parameters[i], 8);
    dumpgen_poke(d, 0x80, KERNELGEN_NT + 0x1000, 8);
    put_context(d, 0x348, &g->regs);
    dumpgen_poke(d, 0xF00, g->exception, 4);
    dumpgen_poke(d, 0xF04, 1, 4);
    dumpgen_poke(d, 0xF08, 0, 8);
    dumpgen_poke(d, 0xF10, g->exception_at, 8);
    dumpgen_poke(d, 0xF18, 0, 4);
    dumpgen_poke(d, 0xF98, g->type, 4);
    dumpgen_poke(d, 0xFA8, g->time, 8);
    if (g->comment != NULL)
        put_text(d, 0xFB0, g->comment);
    dumpgen_poke(d, 0x1030, g->uptime, 8);
}

static void header32(struct dumpgen *d, const struct kernelgen *g)
{
    put_page(d, HEADER32);
    memcpy(d->p, "PAGEDUMP", 8);
    dumpgen_poke(d, 8, 15, 4);
    dumpgen_poke(d, 12, g->build, 4);
    dumpgen_poke(d, 16, 0x185000, 4);
    dumpgen_poke(d, 24, 0x80002000, 4);
    dumpgen_poke(d, 32, g->machine, 4);
    dumpgen_poke(d, 36, 2, 4);
    dumpgen_poke(d, 40, g->code, 4);
    for (size_t i = 0; i < 4; i++)
        dumpgen_poke(d, 44 + 4 * i, g->parameters[i], 4);
    put_context(d, 800, &g->regs);
    dumpgen_poke(d, 2000, g->exception, 4);
    dumpgen_poke(d, 2004, 1, 4);
    dumpgen_poke(d, 2008, 0, 4);
    dumpgen_poke(d, 2012, g->exception_at, 4);
    dumpgen_poke(d, 2016, 0, 4);
    if (g->comment != NULL)
        put_text(d, 2080, g->comment);
    dumpgen_poke(d, 3976, g->type, 4);
    dumpgen_poke(d, 4024, g->uptime, 8);
    dumpgen_poke(d, 4032, g->time, 8);
}

/* --- the parts ---------------------------------------------------------------------- */

static void put_drivers(struct dumpgen *d, const struct kernelgen *g,
                        struct kernelgen_places *at)
{
    uint32_t stride = g->stride != 0 ? g->stride : g->narrow ? 0x4C : 0x90;
    at->drivers = dumpgen_bytes(d, NULL, (size_t)stride * g->n_drivers);
    dumpgen_bytes(d, NULL, g->gap);
    at->names = (uint32_t)d->n;
    for (uint32_t i = 0; i < g->n_drivers; i++) {
        const struct kernelgen_driver *driver = &g->drivers[i];
        uint32_t entry = at->drivers + i * stride;
        uint32_t name = dumpgen_string16(d, driver->name);
        dumpgen_poke(d, name, strlen(driver->name), 4); // units, not bytes
        dumpgen_poke(d, entry, name, 4);
        dumpgen_poke(d, entry + (g->narrow ? 0x1C : 0x38), driver->base, g->narrow ? 4 : 8);
        dumpgen_poke(d, entry + (g->narrow ? 0x24 : 0x48), driver->size, 4);
        dumpgen_poke(d, entry + (g->narrow ? 0x44 : 0x80), driver->checksum, 4);
        dumpgen_poke(d, entry + (g->narrow ? 0x48 : 0x88), driver->timestamp, 4);
    }
}

static void put_unloaded(struct dumpgen *d, const struct kernelgen *g,
                         struct kernelgen_places *at)
{
    size_t word = g->narrow ? 4 : 8;
    at->unloaded = dumpgen_number(d, g->n_unloaded, word);
    for (uint32_t i = 0; i < g->n_unloaded; i++) {
        const struct kernelgen_driver *driver = &g->unloaded[i];
        size_t n = strlen(driver->name);
        dumpgen_number(d, 2 * n, 2);
        dumpgen_number(d, 2 * n, 2);
        dumpgen_bytes(d, NULL, word - 4 + word); // padding, pointer
        for (size_t k = 0; k < 12; k++)
            dumpgen_number(d, k < n ? (uint8_t)driver->name[k] : 0, 2);
        dumpgen_number(d, driver->base, word);
        dumpgen_number(d, driver->base + driver->size, word);
    }
}

static void put_process(struct dumpgen *d, const struct kernelgen *g,
                        struct kernelgen_places *at)
{
    if (g->process == NULL)
        return;
    at->process = dumpgen_bytes(d, NULL, PROCESS);
    dumpgen_poke(d, at->process + g->pid_at, g->pid, 8);
    put_text(d, at->process + g->process_name_at, g->process);
}

static void put_blocks(struct dumpgen *d, const struct kernelgen *g,
                       struct kernelgen_places *at)
{
    at->blocks = dumpgen_bytes(d, NULL, (size_t)16 * g->n_blocks);
    for (uint32_t i = 0; i < g->n_blocks; i++) {
        uint32_t bytes = dumpgen_bytes(d, g->blocks[i].bytes, g->blocks[i].n);
        dumpgen_poke(d, at->blocks + 16 * i, g->blocks[i].start, 8);
        dumpgen_poke(d, at->blocks + 16 * i + 8, bytes, 4);
        dumpgen_poke(d, at->blocks + 16 * i + 12, g->blocks[i].n, 4);
    }
}

static void put_triage(struct dumpgen *d, const struct kernelgen *g,
                       const struct kernelgen_places *at)
{
    uint32_t end = dumpgen_number(d, 0x44475254, 4);
    const uint32_t fields[] = {0, // service pack
                               end + 4,
                               end,
                               g->narrow ? 800 : 0x348,
                               g->narrow ? 2000 : 0xF00,
                               0, // memory manager
                               at->unloaded,
                               0, // processor
                               at->process,
                               0, // thread
                               at->stack,
                               g->n_stack,
                               at->drivers,
                               g->n_drivers,
                               at->names,
                               end - at->names,
                               0, // broken driver
                               0xFFFFFFFF};
    for (size_t i = 0; i < 18; i++)
        dumpgen_poke(d, at->triage + 4 * i, fields[i], 4);
    dumpgen_poke(d, at->triage + 0x48, g->stack_start, g->narrow ? 4 : 8);
    uint32_t blocks = at->triage + (g->narrow ? 0x60 : 0x78);
    dumpgen_poke(d, blocks, at->blocks, 4);
    dumpgen_poke(d, blocks + 4, g->n_blocks, 4);
}

struct fb_span kernelgen_make(const struct kernelgen *g, struct kernelgen_places *places)
{
    struct dumpgen d = {0};
    struct kernelgen_places at = {0};
    if (g->narrow)
        header32(&d, g);
    else
        header64(&d, g);
    at.triage = dumpgen_bytes(&d, NULL, 0x80);
    if (g->type == 4) {
        at.stack = dumpgen_bytes(&d, g->stack, g->n_stack);
        put_drivers(&d, g, &at);
        put_unloaded(&d, g, &at);
        put_process(&d, g, &at);
        put_blocks(&d, g, &at);
        put_triage(&d, g, &at);
    }
    if (places != NULL)
        *places = at;
    uint8_t *exact = realloc(d.p, d.n);
    if (exact == NULL)
        abort();
    return (struct fb_span){exact, d.n, 0};
}

void kernelgen_free(struct fb_span file) { free((void *)(uintptr_t)file.p); }

void kernelgen_poke(struct fb_span file, size_t at, uint64_t v, size_t bytes)
{
    uint8_t *p = (uint8_t *)(uintptr_t)file.p;
    for (size_t i = 0; i < bytes && at + i < file.n; i++)
        p[at + i] = (uint8_t)(v >> 8 * i);
}
