/*
 * worker/analysis/minidump/threads.c -- the threads: ids, stacks, registers and names. What
 * only Windows knows of them is in thread_info.c.
 *
 * The list is read before the memory, since its stacks are part of it; what threads need the
 * memory for is done afterwards.
 */
#include "minidump/parts.h"

#include "base/sort.h"

enum { ENTRY_SIZE = 48, ENTRY_EX_SIZE = 64, NAME_SIZE = 12 };

static struct fb_span context_at(struct fb_md *m, struct fb_md_location at)
{
    struct fb_span context = fb_span_sub(m->file, at.rva, at.size);
    if (at.size > FB_MD_CONTEXT_MAX || (at.size != 0 && context.n == 0))
        fb_note(m->notes, FB_NOTE_BAD_CONTEXT, "a context is too long or outside the file",
                at.rva);
    return fb_span_clip(context, 0, FB_MD_CONTEXT_MAX);
}

static void read_thread(struct fb_md *m, struct fb_reader r, struct fb_thread *thread)
{
    thread->id = fb_read_u32(&r);
    fb_read_skip(&r, 4 + 4 + 4); // suspend count, priority class, priority
    thread->teb = fb_md_address(m, fb_read_u64(&r));
    thread->stack_start = fb_md_address(m, fb_read_u64(&r));
    struct fb_md_location stack = fb_md_location(&r);
    thread->context = context_at(m, fb_md_location(&r));
    thread->last_error = thread->last_status = UINT64_MAX;
    if (stack.rva == 0 || stack.size == 0)
        return; // perhaps in a memory list
    thread->stack = fb_span_clip(m->file, stack.rva, stack.size);
    if (thread->stack.n < stack.size)
        fb_note(m->notes, FB_NOTE_TRUNCATED, "a stack reaches beyond the file", stack.rva);
    if (stack.size - 1 > UINT64_MAX - thread->stack_start) {
        fb_note(m->notes, FB_NOTE_BAD_RANGE, "a stack wraps", stack.rva);
        thread->stack = (struct fb_span){0};
    }
}

static int by_id(const void *pa, const void *pb)
{
    const struct fb_md_by_id *a = pa, *b = pb;
    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

static void index_ids(struct fb_md *m)
{
    const struct fb_threads *threads = &m->dump->threads;
    for (size_t i = 0; i < threads->n; i++)
        m->by_id[i] = (struct fb_md_by_id){threads->v[i].id, (uint32_t)i};
    fb_sort(m->by_id, threads->n, sizeof *m->by_id, by_id);
    for (size_t i = 1; i < threads->n; i++)
        if (m->by_id[i].id == m->by_id[i - 1].id)
            fb_note(m->notes, FB_NOTE_DUPLICATE_ITEM, "two threads have one id", FB_NOWHERE);
}

size_t fb_md_thread_by_id(const struct fb_md *m, uint32_t id)
{
    size_t low = 0, high = m->dump->threads.n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (m->by_id[mid].id < id)
            low = mid + 1;
        else
            high = mid;
    }
    bool found = low < m->dump->threads.n && m->by_id[low].id == id;
    return found ? m->by_id[low].index : SIZE_MAX;
}

static struct fb_err read_list(struct fb_md *m, struct fb_md_stream s, size_t entry)
{
    struct fb_md_list list;
    struct fb_err err = fb_md_list(m, s, entry, FB_MD_THREADS_MAX, &list);
    if (fb_failed(err))
        return err;
    struct fb_threads *threads = &m->dump->threads;
    threads->v = FB_MD_NEW(m, struct fb_thread, list.n);
    m->by_id = FB_MD_NEW(m, struct fb_md_by_id, list.n);
    if (m->full)
        return FB_NO_ERR;
    for (size_t i = 0; i < list.n; i++)
        read_thread(m, fb_md_entry(m, &list, i), &threads->v[i]);
    threads->n = list.n;
    index_ids(m);
    return FB_NO_ERR;
}

struct fb_err fb_md_threads(struct fb_md *m, struct fb_md_stream s)
{
    return read_list(m, s, ENTRY_SIZE);
}

/* Itanium's, where each thread has a second stack; its place stands behind the rest. */
struct fb_err fb_md_threads_ex(struct fb_md *m, struct fb_md_stream s)
{
    return read_list(m, s, ENTRY_EX_SIZE);
}

/* --- with the memory at hand -------------------------------------------------------- */

static void note_once(struct fb_md *m, bool *noted, enum fb_note_code code, const char *what,
                      uint64_t at)
{
    if (!*noted)
        fb_note(m->notes, code, what, at);
    *noted = true;
}

/* Why nothing can be made of a context. */
static void note_bad(struct fb_md *m, struct fb_span context)
{
    bool unflagged = false;
    if (m->dump->system.arch == FB_ARCH_OTHER) {
        note_once(m, &m->context_noted, FB_NOTE_UNREAD, "contexts of a CPU that is not walked",
                  context.off);
        return;
    }
    for (enum fb_arch arch = FB_X86; arch < FB_ARCH_OTHER; arch++)
        if (fb_md_context(arch, context, m->big, &unflagged).valid != 0 && !unflagged) {
            fb_note(m->notes, FB_NOTE_BAD_CONTEXT, "a context is of another CPU", context.off);
            return;
        }
    fb_note(m->notes, FB_NOTE_BAD_CONTEXT, "a context has the wrong size or flags",
            context.off);
}

static bool leads_somewhere(const struct fb_md *m, const struct fb_regs *regs)
{
    return fb_module_at(&m->dump->modules, fb_reg_ip(regs)) != NULL ||
           fb_memory_at(&m->dump->memory, fb_reg_sp(regs), 1).n != 0;
}

struct fb_regs fb_md_believed_context(struct fb_md *m, struct fb_span context)
{
    bool unflagged = false;
    if (m->dump->system.arch == FB_ARCH_UNKNOWN && context.n != 0)
        fb_md_guess_arch(m, context);
    enum fb_arch arch = m->dump->system.arch;
    if (m->wow64)
        arch = context.n >= FB_MD_AMD64_SIZE ? FB_AMD64 : FB_X86;
    struct fb_regs regs = fb_md_context(arch, context, m->big, &unflagged);
    if (context.n != 0 && regs.valid == 0)
        note_bad(m, context);
    else if (unflagged)
        note_once(m, &m->unflagged_noted, FB_NOTE_BAD_CONTEXT,
                  "contexts do not say which registers are valid", context.off);
    if (unflagged && !leads_somewhere(m, &regs))
        regs.valid = 0;
    if (m->wow64 && regs.arch != FB_X86)
        regs.valid = 0; // the thread was in the system; what its own code had is elsewhere
    return regs;
}

/* Folklore: in a dump with all memory the stack stands in the memory list alone, and the
 * thread says where it starts, but not where in the file. */
static void find_stack(struct fb_md *m, struct fb_thread *thread)
{
    const struct fb_memory *memory = &m->dump->memory;
    fb_addr sp = fb_reg_sp(&thread->regs);
    struct fb_span stack = fb_memory_at(memory, thread->stack_start, SIZE_MAX);
    if (thread->regs.valid != 0 && sp - thread->stack_start >= stack.n) {
        struct fb_span at_sp = fb_memory_at(memory, sp, SIZE_MAX);
        if (at_sp.n != 0) {
            thread->stack_start = sp;
            stack = at_sp;
        }
    }
    thread->stack = stack;
}

void fb_md_thread_contexts(struct fb_md *m)
{
    fb_md_wow64(m);
    for (size_t i = 0; i < m->dump->threads.n; i++) {
        struct fb_thread *thread = &m->dump->threads.v[i];
        thread->regs = fb_md_believed_context(m, thread->context);
        if (m->wow64 && thread->regs.valid == 0)
            thread->regs = fb_md_wow64_regs(m, thread);
        thread->shadow_stack = fb_md_shadow_stack(m, thread->context);
        if (thread->stack.n == 0 || m->wow64)
            find_stack(m, thread);
    }
}

struct fb_err fb_md_thread_names(struct fb_md *m, struct fb_md_stream s)
{
    struct fb_md_list list;
    struct fb_err err = fb_md_list(m, s, NAME_SIZE, FB_MD_THREADS_MAX, &list);
    if (fb_failed(err))
        return err;
    for (size_t i = 0; i < list.n; i++) {
        struct fb_reader r = fb_md_entry(m, &list, i);
        size_t thread = fb_md_thread_by_id(m, fb_read_u32(&r));
        const char *name = fb_md_string(m, fb_read_u64(&r));
        if (thread != SIZE_MAX && m->dump->threads.v[thread].name == NULL)
            m->dump->threads.v[thread].name = name;
    }
    return FB_NO_ERR;
}
