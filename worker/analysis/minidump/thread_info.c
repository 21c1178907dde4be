/*
 * worker/analysis/minidump/thread_info.c -- what only Windows knows of a thread: its times and
 * where it began, as dbghelp lists them, and its last errors and the ends of its stack, which
 * stand in its environment block (TEB) if that page was captured.
 */
#include "minidump/parts.h"

enum { INFO_SIZE = 64 };

static void read_info(struct fb_md *m, struct fb_reader *r, struct fb_thread_info *info)
{
    *info = (struct fb_thread_info){.present = true, .flags = fb_read_u32(r)};
    info->error = fb_read_u32(r);
    info->exit_status = fb_read_u32(r);
    info->created = fb_read_u64(r);
    info->exited = fb_read_u64(r);
    info->kernel_time = fb_read_u64(r);
    info->user_time = fb_read_u64(r);
    info->start = fb_md_address(m, fb_read_u64(r));
    info->affinity = fb_read_u64(r);
}

static void distrust(struct fb_md *m, struct fb_thread *thread, uint64_t at)
{
    if (thread->info.flags & FB_THREAD_INVALID_CONTEXT) {
        thread->regs.valid = 0;
        thread->shadow_stack = 0;
        fb_note(m->notes, FB_NOTE_BAD_CONTEXT, "the writer could not read a thread's context",
                at);
    }
    if (thread->info.flags & FB_THREAD_INVALID_TEB)
        thread->teb = 0;
    if (thread->info.flags & FB_THREAD_ERROR)
        fb_note(m->notes, FB_NOTE_BAD_ITEM, "the writer could not read all of a thread", at);
}

struct fb_err fb_md_thread_info(struct fb_md *m, struct fb_md_stream s)
{
    struct fb_md_list list;
    struct fb_err err = fb_md_sized_list(m, s, 4, INFO_SIZE, FB_MD_THREADS_MAX, &list);
    if (fb_failed(err))
        return err;
    for (size_t i = 0; i < list.n; i++) {
        struct fb_reader r = fb_md_entry(m, &list, i);
        size_t index = fb_md_thread_by_id(m, fb_read_u32(&r));
        if (index == SIZE_MAX)
            continue; // one that had ended
        struct fb_thread *thread = &m->dump->threads.v[index];
        if (thread->info.present) {
            fb_note(m->notes, FB_NOTE_DUPLICATE_ITEM, "a thread is described twice", r.in.off);
            continue;
        }
        read_info(m, &r, &thread->info);
        if (thread->info.flags & FB_THREAD_WROTE_DUMP)
            m->dump->writing_thread = thread->id;
        distrust(m, thread, r.in.off);
    }
    return FB_NO_ERR;
}

/* --- the TEB ------------------------------------------------------------------------ */

struct teb { // where things stand in it
    uint16_t last_error, last_status, stack_base, stack_limit;
    uint8_t word;
};
static const struct teb teb32 = {0x34, 0xBF4, 0x04, 0x08, 4};
static const struct teb teb64 = {0x68, 0x1250, 0x08, 0x10, 8};

static uint64_t field(const struct fb_md *m, struct fb_span teb, size_t at, size_t n,
                      uint64_t unknown)
{
    struct fb_reader r = fb_md_reader(m, teb);
    fb_read_skip(&r, at);
    uint64_t v = fb_read_le(&r, n);
    return fb_failed(r.err) ? unknown : v;
}

static void read_teb(const struct fb_md *m, const struct teb *t, fb_addr at,
                     struct fb_thread *thread)
{
    struct fb_span teb = fb_memory_at(&m->dump->memory, at, (size_t)t->last_status + 4);
    fb_addr base = field(m, teb, t->stack_base, t->word, 0);
    fb_addr limit = field(m, teb, t->stack_limit, t->word, 0);
    thread->last_error = field(m, teb, t->last_error, 4, UINT64_MAX);
    thread->last_status = field(m, teb, t->last_status, 4, UINT64_MAX);
    if (limit < base) { // the page may hold anything
        thread->stack_base = base;
        thread->stack_limit = limit;
    }
    uint64_t error; // of a block of which only pieces were captured
    if (teb.n == 0 && fb_memory_read(&m->dump->memory, at + t->last_error, 4, &error))
        thread->last_error = error;
}

/* The block of a 32-bit thread, which the first field of the 64-bit one leads to. */
static fb_addr teb_of(const struct fb_md *m, const struct fb_thread *thread)
{
    uint64_t teb;
    if (!m->wow64)
        return thread->teb;
    return fb_memory_read(&m->dump->memory, thread->teb, 8, &teb) ? teb : 0;
}

void fb_md_tebs(struct fb_md *m)
{
    if (m->dump->system.os != FB_WINDOWS)
        return;
    const struct teb *t = fb_md_is_32bit(m) ? &teb32 : &teb64;
    for (size_t i = 0; i < m->dump->threads.n; i++) {
        fb_addr teb = teb_of(m, &m->dump->threads.v[i]);
        if (teb != 0)
            read_teb(m, t, teb, &m->dump->threads.v[i]);
    }
}
