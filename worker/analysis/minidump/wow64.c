/*
 * worker/analysis/minidump/wow64.c -- a 32-bit process on 64-bit Windows, dumped by a 64-bit
 * writer: everything looks like AMD64, but the code that crashed is x86.
 *
 * A thread that was in 32-bit code has a code segment of 0x23, and its AMD64 context holds the
 * registers of x86. One that was in the system left those of its 32-bit code behind, where a
 * slot of its environment block leads:
 *
 *   TEB + 0x1488  ->  flags (2) | machine (2): 0x14C | x86 context (716)
 *
 * The stacks that the product's developers know are the 32-bit ones: those are given.
 */
#include "minidump/parts.h"

enum {
    CPU_SLOT = 0x1488,
    MACHINE_X86 = 0x14C,
    CONTEXT_AT = 4,
    FLAGS_AT_AMD64 = 48,
    CS_AT_AMD64 = 56,
    FLAG_X86 = 0x10000,
    FLAG_AMD64 = 0x100000,
    CS_OF_32_BIT = 0x23,
    IA32_ON_WIN64 = 10,
    LOOKED_AT = 4, // threads: every one of such a process leaves its registers behind
};

static uint32_t u32_at(const struct fb_md *m, struct fb_span bytes, size_t at)
{
    struct fb_reader r = fb_md_reader(m, bytes);
    fb_read_skip(&r, at);
    return fb_read_u32(&r);
}

/* The context that a thread left behind; empty when there is none, or it was not captured. */
static struct fb_span left_behind(const struct fb_md *m, const struct fb_thread *thread)
{
    uint64_t at, machine;
    const struct fb_memory *memory = &m->dump->memory;
    if (thread->teb == 0 || !fb_memory_read(memory, thread->teb + CPU_SLOT, 8, &at) ||
        !fb_memory_read(memory, at + 2, 2, &machine) || machine != MACHINE_X86)
        return (struct fb_span){0};
    struct fb_span context = fb_memory_at(memory, at + CONTEXT_AT, FB_MD_X86_SIZE);
    return u32_at(m, context, 0) & FLAG_X86 ? context : (struct fb_span){0};
}

static bool is_32bit(const struct fb_md *m, const struct fb_thread *thread)
{
    struct fb_span context = thread->context;
    if (context.n >= FB_MD_X86_SIZE && context.n < FB_MD_AMD64_SIZE)
        return (u32_at(m, context, 0) & FLAG_X86) != 0;
    if ((u32_at(m, context, FLAGS_AT_AMD64) & FLAG_AMD64) == 0)
        return false;
    return m->dump->system.arch_id == IA32_ON_WIN64 ||
           (u32_at(m, context, CS_AT_AMD64) & 0xFFFF) == CS_OF_32_BIT;
}

void fb_md_wow64(struct fb_md *m)
{
    struct fb_system *sys = &m->dump->system;
    const struct fb_threads *threads = &m->dump->threads;
    bool possible =
        sys->os == FB_WINDOWS && (sys->arch == FB_AMD64 || sys->arch_id == IA32_ON_WIN64);
    for (size_t i = 0; i < threads->n && possible && !m->wow64; i++)
        m->wow64 = is_32bit(m, &threads->v[i]) || (i < LOOKED_AT && sys->arch == FB_AMD64 &&
                                                   left_behind(m, &threads->v[i]).n != 0);
    if (!m->wow64)
        return;
    sys->arch = FB_X86;
    fb_note(m->notes, FB_NOTE_GUESSED, "a 32-bit process in a dump as of a 64-bit one",
            FB_NOWHERE);
}

struct fb_regs fb_md_wow64_regs(struct fb_md *m, const struct fb_thread *thread)
{
    bool unflagged = false;
    return fb_md_context(FB_X86, left_behind(m, thread), m->big, &unflagged);
}
