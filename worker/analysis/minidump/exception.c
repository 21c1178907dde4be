/*
 * worker/analysis/minidump/exception.c -- the exception, and with it the choice of the thread
 * that the report is about.
 *
 * Whoever asked for the dump is not who crashed: the exception's thread comes first, then the
 * one that Breakpad says requested the dump, and in a dump on demand there is none.
 */
#include "minidump/parts.h"

/* Codes that say: nothing crashed, somebody wanted a dump. */
static const struct {
    enum fb_os os;
    uint32_t code;
} on_demand[] = {
    {FB_LINUX,   0xFFFFFFFF},
    {FB_ANDROID, 0xFFFFFFFF},
    {FB_WINDOWS, 0x0517A7ED}, // Crashpad
    {FB_MACOS,   0x43507378}, // Crashpad, "CPsx"
    {FB_IOS,     0x43507378},
};

static void read_parameters(struct fb_md *m, struct fb_reader *r, struct fb_exception *e)
{
    if (e->n_parameters > FB_EXCEPTION_PARAMETERS_MAX) {
        fb_note(m->notes, FB_NOTE_CUT_LIST, "the exception claims more than 15 parameters",
                r->in.off + r->at);
        e->n_parameters = FB_EXCEPTION_PARAMETERS_MAX;
    }
    for (uint32_t i = 0; i < FB_EXCEPTION_PARAMETERS_MAX; i++) {
        uint64_t v = fb_md_address(m, fb_read_u64(r));
        e->parameters[i] = i < e->n_parameters ? v : 0;
    }
}

/* --- exceptions that were being handled when this one came: EXCEPTION_RECORDs in memory - */

enum { NESTED_MAX = 8 };

/* The record at `at`, and where the next one is. False when it was not captured. */
static bool read_nested(const struct fb_md *m, fb_addr at, struct fb_nested_exception *out,
                        fb_addr *next)
{
    size_t word = fb_md_is_32bit(m) ? 4 : 8;
    size_t n_at = 8 + 2 * word, first = n_at + word; // the count takes a word, too
    struct fb_reader r = fb_md_reader(
        m, fb_memory_at(&m->dump->memory, at, first + FB_EXCEPTION_PARAMETERS_MAX * word));
    *out = (struct fb_nested_exception){.code = fb_read_u32(&r)};
    out->flags = fb_read_u32(&r);
    *next = fb_read_le(&r, word);
    out->address = fb_read_le(&r, word);
    out->n_parameters = fb_read_u32(&r);
    fb_read_skip(&r, word - 4);
    if (fb_failed(r.err) || out->n_parameters > FB_EXCEPTION_PARAMETERS_MAX)
        return false;
    for (uint32_t i = 0; i < out->n_parameters; i++)
        out->parameters[i] = fb_read_le(&r, word);
    return !fb_failed(r.err);
}

/* A chain that is longer, or a ring, is a lie. */
static void follow_nested(struct fb_md *m, struct fb_exception *e)
{
    struct fb_nested_exception found[NESTED_MAX];
    fb_addr at = m->dump->system.os == FB_WINDOWS ? e->nested : 0;
    size_t n = 0;
    while (at != 0 && n < NESTED_MAX && read_nested(m, at, &found[n], &at))
        n++;
    if (at != 0 && n == NESTED_MAX)
        fb_note(m->notes, FB_NOTE_LIMIT, "more exceptions were being handled than we follow",
                FB_NOWHERE);
    struct fb_nested_exception *v = n != 0 ? FB_MD_NEW(m, struct fb_nested_exception, n) : NULL;
    if (v != NULL)
        memcpy(v, found, n * sizeof *v);
    e->outer = v;
    e->n_outer = v != NULL ? n : 0;
}

struct fb_err fb_md_exception(struct fb_md *m, struct fb_md_stream s)
{
    struct fb_reader r = fb_md_reader(m, s.bytes);
    struct fb_exception e = {.present = true, .thread_id = fb_read_u32(&r)};
    fb_read_skip(&r, 4);
    e.code = fb_read_u32(&r);
    e.flags = fb_read_u32(&r);
    e.nested = fb_md_address(m, fb_read_u64(&r));
    e.address = fb_md_address(m, fb_read_u64(&r));
    e.n_parameters = fb_read_u32(&r);
    fb_read_skip(&r, 4);
    if (fb_failed(r.err))
        return r.err;
    read_parameters(m, &r, &e);
    struct fb_md_location at = fb_md_location(&r);
    if (fb_failed(r.err)) // enough to say what happened
        fb_note(m->notes, FB_NOTE_TRUNCATED, "the exception record is cut", s.bytes.off);
    e.context = fb_span_sub(m->file, at.rva, at.size);
    if (e.context.n == 0 && at.size != 0)
        fb_note(m->notes, FB_NOTE_BAD_CONTEXT, "the exception's context is outside the file",
                at.rva);
    e.context = fb_span_clip(e.context, 0, FB_MD_CONTEXT_MAX);
    e.regs = fb_md_believed_context(m, e.context);
    follow_nested(m, &e);
    m->dump->exception = e;
    return FB_NO_ERR;
}

static bool is_on_demand(const struct fb_dump *dump)
{
    for (size_t i = 0; i < sizeof on_demand / sizeof *on_demand; i++)
        if (dump->system.os == on_demand[i].os && dump->exception.code == on_demand[i].code)
            return true;
    return false;
}

/* The thread on whose stack the exception happened, when its id leads nowhere. */
static size_t by_stack(struct fb_md *m)
{
    const struct fb_threads *threads = &m->dump->threads;
    fb_addr sp = fb_reg_sp(&m->dump->exception.regs);
    for (size_t i = 0; i < threads->n && m->dump->exception.regs.valid != 0; i++) {
        if (sp - threads->v[i].stack_start >= threads->v[i].stack.n)
            continue;
        fb_note(m->notes, FB_NOTE_GUESSED, "the crashing thread, by its stack", FB_NOWHERE);
        return i;
    }
    return SIZE_MAX;
}

void fb_md_crashing(struct fb_md *m)
{
    struct fb_dump *dump = m->dump;
    const struct fb_exception *e = &dump->exception;
    if (e->present)
        dump->crashing = fb_md_thread_by_id(m, e->thread_id);
    if (e->present && dump->crashing == SIZE_MAX) {
        fb_note(m->notes, FB_NOTE_BAD_ITEM, "the exception's thread is not in the list",
                FB_NOWHERE);
        dump->crashing = by_stack(m);
    }
    if (dump->crashing == SIZE_MAX && m->requesting_known)
        dump->crashing = fb_md_thread_by_id(m, m->requesting);
    dump->requested = dump->crashing != SIZE_MAX && (!e->present || is_on_demand(dump));

    if (dump->crashing == SIZE_MAX || e->regs.valid == 0)
        return;

    /* The thread's own context often points into the code that wrote the dump. Folklore: under
     * Crashpad it alone holds a shadow-stack pointer, and the exception's has 0. */
    struct fb_thread *thread = &dump->threads.v[dump->crashing];
    thread->regs = e->regs;
    fb_addr shadow_stack = fb_md_shadow_stack(m, e->context);
    if (shadow_stack != 0)
        thread->shadow_stack = shadow_stack;
}
