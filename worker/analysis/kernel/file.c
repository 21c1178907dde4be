/*
 * worker/analysis/kernel/file.c -- the order in which a kernel dump is read: header, machine,
 * and of a triage dump drivers, memory and process; last the exception, which needs them all.
 */
#include "kernel/parts.h"

#include "minidump/minidump.h"

#define UNIX_EPOCH UINT64_C(116444736000000000) // as a FILETIME
enum { TICKS = 10000000, CONTEXT_MAX = 3000 };

void *fb_kd_alloc(struct fb_kd *k, size_t n, size_t size, size_t align)
{
    void *p = k->full ? NULL : fb_arena_new(k->arena, n, size, align);
    k->full |= p == NULL;
    return p;
}

/* --- text --------------------------------------------------------------------------- */

static const char *keep(struct fb_kd *k, struct fb_span bytes, bool wide)
{
    char buffer[FB_KERNEL_NAME_MAX * 3 + 1]; // as much as it can become
    struct fb_text text = fb_text_over(buffer, sizeof buffer);
    if (bytes.n > FB_KERNEL_NAME_MAX)
        fb_note(k->notes, FB_NOTE_BAD_TEXT, "a text is too long and was cut", bytes.off);
    bytes = fb_span_clip(bytes, 0, FB_KERNEL_NAME_MAX);
    if (wide)
        fb_text_utf16(&text, bytes);
    else
        fb_text_utf8(&text, bytes);
    if (strstr(text.p, "\xEF\xBF\xBD") != NULL)
        fb_note(k->notes, FB_NOTE_BAD_TEXT, "a text is not valid Unicode", bytes.off);
    char *copy = k->full ? NULL : fb_arena_text(k->arena, text.p, text.n);
    k->full |= copy == NULL;
    return copy;
}

const char *fb_kd_text16(struct fb_kd *k, struct fb_span bytes)
{
    size_t n = 0;
    while (n + 2 <= bytes.n && (bytes.p[n] | bytes.p[n + 1]) != 0)
        n += 2;
    return keep(k, fb_span_clip(bytes, 0, n), true);
}

const char *fb_kd_text8(struct fb_kd *k, struct fb_span bytes)
{
    size_t n = 0;
    while (n < bytes.n && bytes.p[n] != 0)
        n++;
    return keep(k, fb_span_clip(bytes, 0, n), false);
}

/* --- the machine -------------------------------------------------------------------- */

static const struct {
    uint32_t machine;
    enum fb_arch arch;
    bool wide;
} machines[] = {
    {0x014C, FB_X86,   false},
    {0x01C4, FB_ARM,   false},
    {0x8664, FB_AMD64, true },
    {0xAA64, FB_ARM64, true },
};

/* The header has the build alone; from each of these on the version is that one. */
static const struct {
    uint32_t build, major, minor;
} versions[] = {
    {10240, 10, 0},
    {9600,  6,  3},
    {9200,  6,  2},
    {7600,  6,  1},
    {6000,  6,  0},
    {3790,  5,  2},
    {2600,  5,  1},
    {2195,  5,  0},
};
enum { PLATFORM_NT = 2 };

static void read_system(struct fb_kd *k)
{
    const struct fb_kernel_header *h = &k->header;
    struct fb_system *s = &k->dump->system;
    *s = (struct fb_system){.arch = FB_ARCH_OTHER,
                            .os = FB_WINDOWS,
                            .arch_id = (uint16_t)h->machine,
                            .platform_id = PLATFORM_NT,
                            .build = h->build,
                            .cpu_count = h->processors};
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
        if (machines[i].machine == h->machine && machines[i].wide == h->wide)
            s->arch = machines[i].arch;
    if (s->arch == FB_ARCH_OTHER)
        fb_note(k->notes, FB_NOTE_BAD_ITEM, "the CPU is none that we read", 0);
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
        if (h->build >= versions[i].build) {
            s->major = versions[i].major;
            s->minor = versions[i].minor;
            break;
        }
}

/* Seconds; 0 for times that no such dump can have. */
static uint32_t unix_time(uint64_t filetime)
{
    uint64_t t = filetime > UNIX_EPOCH ? (filetime - UNIX_EPOCH) / TICKS : 0;
    return t <= UINT32_MAX ? (uint32_t)t : 0;
}

static void read_times(struct fb_kd *k)
{
    k->dump->time = unix_time(k->header.time);
    if (k->header.uptime != 0 && k->header.uptime < k->header.time)
        k->dump->process_start = unix_time(k->header.time - k->header.uptime);
}

/* --- the thread that stopped it ----------------------------------------------------- */

static void read_thread(struct fb_kd *k)
{
    const struct fb_kernel_triage *t = &k->triage;
    struct fb_thread *thread = FB_KD_NEW(k, struct fb_thread, 1);
    if (thread == NULL)
        return;
    thread->last_error = UINT64_MAX;
    thread->stack_start = t->stack_top;
    thread->stack = fb_span_clip(k->file, t->stack_at, t->stack_size);
    if (t->stack_at == 0 || t->stack_size > UINT64_MAX - t->stack_top)
        thread->stack = (struct fb_span){0};
    if (thread->stack.n < t->stack_size)
        fb_note(k->notes, FB_NOTE_TRUNCATED, "the stack reaches beyond the file", t->stack_at);
    thread->context = t->context_at != 0 ? fb_span_clip(k->file, t->context_at, CONTEXT_MAX)
                                         : k->header.context;
    thread->regs = fb_minidump_context(k->dump->system.arch, thread->context, false);
    if (thread->regs.valid == 0)
        fb_note(k->notes, FB_NOTE_BAD_CONTEXT, "the registers cannot be read",
                thread->context.off);
    k->dump->threads = (struct fb_threads){thread, 1};
    k->dump->crashing = 0;
}

/* --- the whole ---------------------------------------------------------------------- */

static void read_triage(struct fb_kd *k)
{
    if (k->header.type != FB_KERNEL_TRIAGE) {
        fb_note(k->notes, FB_NOTE_UNREAD, "of this kind of kernel dump only the header is read",
                FB_NOWHERE);
        return;
    }
    struct fb_err err = fb_kernel_triage(k->file, k->header.wide, &k->triage);
    if (fb_failed(err))
        fb_note(k->notes, FB_NOTE_TRUNCATED, err.what, err.at);
    else if (k->triage.size > k->file.n)
        fb_note(k->notes, FB_NOTE_TRUNCATED, "the file is shorter than it says it is",
                k->file.n);
}

static void read_kernel(struct fb_kd *k)
{
    k->dump->kernel.type = fb_kernel_type_name(k->header.type);
    if (k->header.comment.n != 0)
        k->dump->kernel.comment = fb_kd_text8(k, k->header.comment);
    k->dump->bugcheck = k->header.bugcheck;
    const struct fb_bugcheck_row *row = fb_bugcheck_find(&k->dump->bugcheck);
    k->dump->requested = row != NULL && row->nature == FB_BUGCHECK_MANUAL;
}

struct fb_err fb_kernel_read(struct fb_span file, struct fb_arena *arena,
                             struct fb_notes *notes, struct fb_dump *out)
{
    *out = (struct fb_dump){
        .file = file, .writer = "windows", .modules.main = SIZE_MAX, .crashing = SIZE_MAX};
    struct fb_kd k = {.file = file, .arena = arena, .notes = notes, .dump = out};
    struct fb_err err = fb_kernel_header(file, &k.header);
    if (fb_failed(err))
        return err;
    read_kernel(&k);
    read_system(&k);
    read_times(&k);
    read_triage(&k);
    static void (*const parts[])(struct fb_kd *) = {fb_kd_drivers, fb_kd_unloaded,
                                                    read_thread,   fb_kd_memory,
                                                    fb_kd_process, fb_kd_exception};
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !k.full; i++)
        parts[i](&k);
    if (k.full)
        return FB_FAIL(LIMIT, "the dump needs more memory than a report may cost", 0);
    out->completeness = fb_kd_completeness(&k);
    return FB_NO_ERR;
}
