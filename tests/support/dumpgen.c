/* tests/support/dumpgen.c -- the streams of a minidump, as minidumpapiset.h and the writers'
 * sources lay them out. */
#include "support/dumpgen.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER_SIZE = 32, ENTRY_SIZE = 12 };

static void reserve(struct dumpgen *d, size_t n)
{
    if (n <= d->room - d->n)
        return;
    d->room = 2 * (d->room + n);
    d->p = realloc(d->p, d->room);
    if (d->p == NULL)
        abort();
}

void dumpgen_poke(const struct dumpgen *d, size_t at, uint64_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        d->p[at + (d->big ? bytes - 1 - i : i)] = (uint8_t)(v >> (8 * i));
}

uint32_t dumpgen_bytes(struct dumpgen *d, const void *p, size_t n)
{
    reserve(d, n);
    if (n != 0 && p != NULL)
        memcpy(d->p + d->n, p, n);
    else if (n != 0)
        memset(d->p + d->n, 0, n);
    d->n += n;
    return (uint32_t)(d->n - n);
}

uint32_t dumpgen_number(struct dumpgen *d, uint64_t v, size_t bytes)
{
    uint32_t at = dumpgen_bytes(d, NULL, bytes);
    dumpgen_poke(d, at, v, bytes);
    return at;
}

static void u16(struct dumpgen *d, uint64_t v) { dumpgen_number(d, v, 2); }
static void u32(struct dumpgen *d, uint64_t v) { dumpgen_number(d, v, 4); }
static void u64(struct dumpgen *d, uint64_t v) { dumpgen_number(d, v, 8); }

uint32_t dumpgen_string16(struct dumpgen *d, const char *ascii)
{
    if (ascii == NULL)
        return 0;
    uint32_t at = dumpgen_number(d, 2 * strlen(ascii), 4);
    for (const char *p = ascii; *p != 0; p++)
        u16(d, (uint8_t)*p);
    u16(d, 0);
    return at;
}

uint32_t dumpgen_string8(struct dumpgen *d, const char *text)
{
    if (text == NULL)
        return 0;
    uint32_t at = dumpgen_number(d, strlen(text), 4);
    dumpgen_bytes(d, text, strlen(text) + 1);
    return at;
}

void dumpgen_begin(struct dumpgen *d, bool big)
{
    *d = (struct dumpgen){.big = big, .version = 0xA793, .time = 1700000000};
    dumpgen_bytes(d, NULL, HEADER_SIZE + DUMPGEN_STREAMS_MAX * ENTRY_SIZE);
}

struct fb_span dumpgen_end(struct dumpgen *d)
{
    dumpgen_poke(d, 0, 0x504D444D, 4);
    dumpgen_poke(d, 4, d->version, 4);
    dumpgen_poke(d, 8, d->n_streams, 4);
    dumpgen_poke(d, 12, HEADER_SIZE, 4);
    dumpgen_poke(d, 20, d->time, 4);
    dumpgen_poke(d, 24, d->flags, 8);
    for (size_t i = 0; i < d->n_streams; i++) {
        size_t at = HEADER_SIZE + i * ENTRY_SIZE;
        dumpgen_poke(d, at, d->streams[i].type, 4);
        dumpgen_poke(d, at + 4, d->streams[i].size, 4);
        dumpgen_poke(d, at + 8, d->streams[i].rva, 4);
    }
    uint8_t *exact = realloc(d->p, d->n);
    if (exact == NULL)
        abort();
    d->p = exact;
    d->room = d->n;
    return (struct fb_span){d->p, d->n, 0};
}

void dumpgen_free(struct dumpgen *d)
{
    free(d->p);
    *d = (struct dumpgen){0};
}

void dumpgen_stream(struct dumpgen *d, uint32_t type)
{
    if (d->n_streams == DUMPGEN_STREAMS_MAX)
        abort();
    d->streams[d->n_streams].type = type;
    d->streams[d->n_streams].rva = (uint32_t)d->n;
}

void dumpgen_stream_end(struct dumpgen *d)
{
    d->streams[d->n_streams].size = (uint32_t)d->n - d->streams[d->n_streams].rva;
    d->n_streams++;
}

void dumpgen_raw(struct dumpgen *d, uint32_t type, const void *p, size_t n)
{
    dumpgen_stream(d, type);
    dumpgen_bytes(d, p, n);
    dumpgen_stream_end(d);
}

/* --- contexts ----------------------------------------------------------------------- */

static void poke_reg(const struct dumpgen *d, uint32_t context, const struct fb_regs *regs,
                     int reg, size_t at, size_t bytes)
{
    dumpgen_poke(d, context + at, fb_reg_known(regs, reg) ? regs->v[reg] : 0, bytes);
}

static uint32_t groups(const struct fb_regs *regs, int ip, int other)
{
    return (fb_reg_known(regs, ip) ? 1U : 0U) | (fb_reg_known(regs, other) ? 2U : 0U);
}

static void put_x86(const struct dumpgen *d, uint32_t at, const struct fb_regs *regs)
{
    static const int order[] = {FB_EDI, FB_ESI, FB_EBX, FB_EDX, FB_ECX, FB_EAX, FB_EBP, FB_EIP};
    for (size_t i = 0; i < 8; i++)
        poke_reg(d, at, regs, order[i], 156 + 4 * i, 4);
    poke_reg(d, at, regs, FB_EFLAGS, 192, 4);
    poke_reg(d, at, regs, FB_ESP, 196, 4);
    dumpgen_poke(d, at, 0x10000 | groups(regs, FB_EIP, FB_EAX), 4);
}

static void put_amd64(const struct dumpgen *d, uint32_t at, const struct fb_regs *regs)
{
    static const int order[] = {FB_RAX, FB_RCX, FB_RDX, FB_RBX, FB_RSP, FB_RBP,
                                FB_RSI, FB_RDI, FB_R8,  FB_R9,  FB_R10, FB_R11,
                                FB_R12, FB_R13, FB_R14, FB_R15, FB_RIP};
    for (size_t i = 0; i < 17; i++)
        poke_reg(d, at, regs, order[i], 120 + 8 * i, 8);
    poke_reg(d, at, regs, FB_RFLAGS, 68, 4);
    dumpgen_poke(d, at + 56, 0x33, 2); // cs: 64-bit mode
    dumpgen_poke(d, at + 48, 0x100000 | groups(regs, FB_RIP, FB_RAX), 4);
}

static void put_arm(const struct dumpgen *d, uint32_t at, const struct fb_regs *regs)
{
    for (int i = 0; i <= FB_CPSR32; i++)
        poke_reg(d, at, regs, i, 4 + 4 * (size_t)i, 4);
    dumpgen_poke(d, at, 0x40000002, 4);
}

static void put_arm64(const struct dumpgen *d, uint32_t at, const struct fb_regs *regs)
{
    for (int i = 0; i <= FB_PC64; i++)
        poke_reg(d, at, regs, i, 8 + 8 * (size_t)i, 8);
    poke_reg(d, at, regs, FB_CPSR64, 4, 4);
    dumpgen_poke(d, at, 0x400000 | groups(regs, FB_PC64, FB_X0), 4);
}

uint32_t dumpgen_context(struct dumpgen *d, const struct fb_regs *regs, uint32_t *size)
{
    static const struct {
        uint32_t size;
        void (*put)(const struct dumpgen *d, uint32_t at, const struct fb_regs *regs);
    } kinds[FB_ARCH_OTHER] = {
        [FB_X86] = {716,  put_x86  },
        [FB_AMD64] = {1232, put_amd64},
        [FB_ARM] = {368,  put_arm  },
        [FB_ARM64] = {912,  put_arm64},
    };
    *size = regs->arch < FB_ARCH_OTHER ? kinds[regs->arch].size : 0;
    if (*size == 0)
        return 0;
    uint32_t at = dumpgen_bytes(d, NULL, *size);
    kinds[regs->arch].put(d, at, regs);
    return at;
}

uint32_t dumpgen_context_ex(struct dumpgen *d, const struct fb_regs *regs,
                            const struct dumpgen_xstate *xstate, uint32_t *size)
{
    uint32_t at = dumpgen_context(d, regs, size);
    if (xstate == NULL || *size == 0)
        return at;
    uint32_t extended = xstate->size != 0 ? xstate->size : 256;
    uint32_t header = xstate->header != 0 ? xstate->header : 24;
    uint32_t ex = dumpgen_bytes(d, NULL, extended);
    dumpgen_poke(d, at + 48, 0x100043 | 0x18, 4);
    const uint32_t pairs[] = {(uint32_t)-1232, 1232 + extended,  (uint32_t)-1232, 1232,
                              header,          extended - header};
    for (size_t i = 0; i < 6; i++)
        dumpgen_poke(d, ex + 4 * i, pairs[i], 4);
    if (header < extended && extended - header >= 16) {
        dumpgen_poke(d, ex + header, xstate->present, 8);
        dumpgen_poke(d, ex + header + 8, xstate->layout, 8);
    }
    if (xstate->cet != 0 && header + xstate->cet + 16 <= extended) {
        dumpgen_poke(d, ex + header + xstate->cet, 1, 8); // control: enabled
        dumpgen_poke(d, ex + header + xstate->cet + 8, xstate->shadow_stack, 8);
    }
    *size += extended;
    return at;
}

/* --- streams ------------------------------------------------------------------------ */

void dumpgen_system(struct dumpgen *d, const struct dumpgen_system *s)
{
    uint32_t csd = dumpgen_string16(d, s->csd);
    dumpgen_stream(d, 7);
    u16(d, s->arch);
    u16(d, s->level);
    u16(d, s->revision);
    dumpgen_number(d, s->cpus, 1);
    dumpgen_number(d, 1, 1); // workstation
    u32(d, s->major);
    u32(d, s->minor);
    u32(d, s->build);
    u32(d, s->platform);
    u32(d, csd);
    u32(d, 0); // suites
    char vendor[24] = "";
    if (s->vendor != NULL)
        memcpy(vendor, s->vendor, strnlen(s->vendor, 12));
    dumpgen_bytes(d, vendor, sizeof vendor);
    dumpgen_stream_end(d);
}

void dumpgen_misc(struct dumpgen *d, uint32_t pid, uint32_t start)
{
    dumpgen_stream(d, 15);
    u32(d, 24);
    u32(d, 3); // both are valid
    u32(d, pid);
    u32(d, start);
    u64(d, 0);
    dumpgen_stream_end(d);
}

static uint32_t put_codeview(struct dumpgen *d, const struct dumpgen_module *m, uint32_t *size)
{
    size_t start = d->n;
    if (m->build_id != NULL) {
        u32(d, 0x4270454C);
        dumpgen_bytes(d, m->build_id, m->n_build_id);
    } else if (m->pdb != NULL) {
        u32(d, 0x53445352);
        dumpgen_bytes(d, m->guid, sizeof m->guid);
        u32(d, m->age);
        dumpgen_bytes(d, m->pdb, strlen(m->pdb) + 1);
    }
    *size = (uint32_t)(d->n - start);
    return *size != 0 ? (uint32_t)start : 0;
}

static void put_module(struct dumpgen *d, const struct dumpgen_module *m, uint32_t name,
                       uint32_t codeview, uint32_t codeview_size)
{
    u64(d, m->base);
    u32(d, m->size);
    u32(d, m->checksum);
    u32(d, m->timestamp);
    u32(d, name);
    bool has_version = (m->version[0] | m->version[1]) != 0;
    u32(d, has_version ? 0xFEEF04BD : 0);
    u32(d, 0x10000);
    u32(d, m->version[0]);
    u32(d, m->version[1]);
    dumpgen_bytes(d, NULL, 36);
    u32(d, codeview_size);
    u32(d, codeview);
    dumpgen_bytes(d, NULL, 8 + 16); // no MISC record; reserved
}

void dumpgen_modules(struct dumpgen *d, const struct dumpgen_module *v, size_t n)
{
    uint32_t name[64], codeview[64], size[64];
    if (n > 64)
        abort();
    for (size_t i = 0; i < n; i++) {
        name[i] = dumpgen_string16(d, v[i].name);
        codeview[i] = put_codeview(d, &v[i], &size[i]);
    }
    dumpgen_stream(d, 4);
    u32(d, n);
    for (size_t i = 0; i < n; i++)
        put_module(d, &v[i], name[i], codeview[i], size[i]);
    dumpgen_stream_end(d);
}

void dumpgen_unloaded(struct dumpgen *d, const struct dumpgen_module *v, size_t n)
{
    uint32_t name[64];
    if (n > 64)
        abort();
    for (size_t i = 0; i < n; i++)
        name[i] = dumpgen_string16(d, v[i].name);
    dumpgen_stream(d, 14);
    u32(d, 12);
    u32(d, 24);
    u32(d, n);
    for (size_t i = 0; i < n; i++) {
        u64(d, v[i].base);
        u32(d, v[i].size);
        u32(d, v[i].checksum);
        u32(d, v[i].timestamp);
        u32(d, name[i]);
    }
    dumpgen_stream_end(d);
}

void dumpgen_threads(struct dumpgen *d, const struct dumpgen_thread *v, size_t n)
{
    uint32_t stack[64], context[64], size[64];
    if (n > 64)
        abort();
    for (size_t i = 0; i < n; i++) {
        stack[i] = v[i].stack != NULL ? dumpgen_bytes(d, v[i].stack, v[i].n_stack) : 0;
        context[i] = dumpgen_context_ex(d, &v[i].regs, v[i].xstate, &size[i]);
    }
    dumpgen_stream(d, 3);
    u32(d, n);
    for (size_t i = 0; i < n; i++) {
        u32(d, v[i].id);
        dumpgen_bytes(d, NULL, 12); // suspend count and priorities
        u64(d, v[i].teb);
        u64(d, v[i].stack_start);
        u32(d, v[i].n_stack);
        u32(d, stack[i]);
        u32(d, size[i]);
        u32(d, context[i]);
    }
    dumpgen_stream_end(d);
}

void dumpgen_names(struct dumpgen *d, const struct dumpgen_thread *v, size_t n)
{
    uint32_t name[64];
    if (n > 64)
        abort();
    for (size_t i = 0; i < n; i++)
        name[i] = dumpgen_string16(d, v[i].name);
    dumpgen_stream(d, 24);
    u32(d, n);
    for (size_t i = 0; i < n; i++) {
        u32(d, v[i].id);
        u64(d, name[i]);
    }
    dumpgen_stream_end(d);
}

void dumpgen_memory(struct dumpgen *d, const struct dumpgen_memory *v, size_t n)
{
    uint32_t at[64];
    if (n > 64)
        abort();
    for (size_t i = 0; i < n; i++)
        at[i] = dumpgen_bytes(d, v[i].bytes, v[i].n);
    dumpgen_stream(d, 5);
    u32(d, n);
    for (size_t i = 0; i < n; i++) {
        u64(d, v[i].start);
        u32(d, v[i].n);
        u32(d, at[i]);
    }
    dumpgen_stream_end(d);
}

void dumpgen_memory64(struct dumpgen *d, const struct dumpgen_memory *v, size_t n)
{
    uint32_t data = (uint32_t)d->n;
    for (size_t i = 0; i < n; i++)
        dumpgen_bytes(d, v[i].bytes, v[i].n);
    dumpgen_stream(d, 9);
    u64(d, n);
    u64(d, data);
    for (size_t i = 0; i < n; i++) {
        u64(d, v[i].start);
        u64(d, v[i].n);
    }
    dumpgen_stream_end(d);
}

void dumpgen_pages(struct dumpgen *d, const struct dumpgen_page *v, size_t n)
{
    dumpgen_stream(d, 16);
    u32(d, 16);
    u32(d, 48);
    u64(d, n);
    for (size_t i = 0; i < n; i++) {
        u64(d, v[i].base);
        u64(d, v[i].base); // of the allocation
        u64(d, v[i].protection);
        u64(d, v[i].size);
        u32(d, v[i].state);
        u32(d, v[i].protection);
        u64(d, v[i].type); // and padding
    }
    dumpgen_stream_end(d);
}

void dumpgen_exception(struct dumpgen *d, const struct dumpgen_exception *e)
{
    uint32_t size;
    uint32_t context = dumpgen_context_ex(d, &e->regs, e->xstate, &size);
    dumpgen_stream(d, 6);
    u64(d, e->thread);
    u32(d, e->code);
    u32(d, e->flags);
    u64(d, e->nested);
    u64(d, e->address);
    u64(d, e->n_parameters);
    for (size_t i = 0; i < 15; i++)
        u64(d, e->parameters[i]);
    u32(d, size);
    u32(d, context);
    dumpgen_stream_end(d);
}

void dumpgen_breakpad(struct dumpgen *d, uint32_t validity, uint32_t requesting)
{
    dumpgen_stream(d, 0x47670001);
    u32(d, validity);
    u32(d, 0);
    u32(d, requesting);
    dumpgen_stream_end(d);
}
