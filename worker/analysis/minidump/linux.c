/*
 * worker/analysis/minidump/linux.c -- texts that Breakpad copies out of /proc and /etc: of the
 * process, of the CPU, and of the distribution. The memory map is in pages.c.
 */
#include "minidump/parts.h"

enum { VALUE_MAX = 512, FIRST_BLOCK = 512 };

static const char *text_of(struct fb_md *m, struct fb_span value)
{
    return value.n != 0 ? fb_md_text8(m, value, VALUE_MAX) : NULL;
}

static void read_microcode(struct fb_md *m, struct fb_span text)
{
    static const char digits[] = "0123456789abcdef";
    struct fb_linux *proc = &m->dump->proc;
    uint64_t v = 0;
    if (text.n < 3 || text.n > 18 || text.p[0] != '0' || text.p[1] != 'x')
        return;
    for (size_t i = 2; i < text.n; i++) {
        const char *digit = memchr(digits, text.p[i], sizeof digits - 1);
        if (digit == NULL)
            return;
        v = v << 4 | (uint64_t)(*digit <= '9' ? *digit - '0' : *digit - 'a' + 10);
    }
    proc->has_microcode = true;
    proc->microcode = v;
}

/* On ARM the last block is of the whole machine. */
static struct fb_span model_of(struct fb_span cpuinfo, struct fb_span model)
{
    static const char *const others[] = {"Hardware", "Processor"};
    struct fb_span values[2];
    if (model.n != 0)
        return model;
    fb_md_values(cpuinfo, ':', others, values, 2);
    return values[0].n != 0 ? values[0] : values[1];
}

struct fb_err fb_md_cpuinfo(struct fb_md *m, struct fb_md_stream s)
{
    /* Both stand among the first lines of the first processor. */
    static const char *const names[] = {"model name", "microcode"};
    struct fb_span values[2];
    fb_md_values(fb_span_clip(s.bytes, 0, FIRST_BLOCK), ':', names, values, 2);
    read_microcode(m, values[1]);
    const char *model = text_of(m, model_of(s.bytes, values[0]));
    struct fb_system *sys = &m->dump->system;
    if (model == NULL)
        return FB_NO_ERR;
    char buffer[VALUE_MAX + 128];
    struct fb_text text = fb_text_over(buffer, sizeof buffer);
    if (sys->cpu_info != NULL) {
        fb_text_str(&text, sys->cpu_info);
        fb_text_str(&text, ", ");
    }
    fb_text_str(&text, model);
    sys->cpu_info = fb_md_keep(m, &text);
    return FB_NO_ERR;
}

static uint64_t bytes_of(struct fb_span text)
{
    uint64_t kilobytes = fb_md_decimal(text);
    return kilobytes <= UINT64_MAX / 1024 ? kilobytes * 1024 : 0;
}
static uint32_t id_of(struct fb_span text)
{
    uint64_t v = fb_md_decimal(text);
    return v <= UINT32_MAX ? (uint32_t)v : 0;
}

struct fb_proc_status fb_proc_status(struct fb_span raw)
{
    enum { STATE, PID, PARENT, TRACER, THREADS, SECCOMP, PEAK, SIZE, RSS_PEAK, RSS, SWAP, ALL };
    static const char *const names[ALL] = {"State",   "Pid",     "PPid",   "TracerPid",
                                           "Threads", "Seccomp", "VmPeak", "VmSize",
                                           "VmHWM",   "VmRSS",   "VmSwap"};
    struct fb_span v[ALL];
    fb_md_values(raw, ':', names, v, ALL);
    struct fb_proc_status out = {
        .pid = id_of(v[PID]),
        .parent = id_of(v[PARENT]),
        .tracer = id_of(v[TRACER]),
        .threads = id_of(v[THREADS]),
        .seccomp = id_of(v[SECCOMP]),
        .vm_peak = bytes_of(v[PEAK]),
        .vm_size = bytes_of(v[SIZE]),
        .vm_rss_peak = bytes_of(v[RSS_PEAK]),
        .vm_rss = bytes_of(v[RSS]),
        .vm_swap = bytes_of(v[SWAP]),
    };
    struct fb_text state = fb_text_over(out.state, sizeof out.state);
    fb_text_utf8(&state, v[STATE]);
    return out;
}

static uint32_t pid_of(struct fb_span raw)
{
    static const char *const name = "Pid";
    struct fb_span pid;
    fb_md_values(raw, ':', &name, &pid, 1); // one of the first lines
    return id_of(pid);
}

struct fb_err fb_md_status(struct fb_md *m, struct fb_md_stream s)
{
    m->dump->proc_status = s.bytes;
    if (m->dump->pid == 0)
        m->dump->pid = pid_of(s.bytes);
    return FB_NO_ERR;
}

struct fb_err fb_md_lsb(struct fb_md *m, struct fb_md_stream s)
{
    enum { ID, RELEASE, CODENAME, DESCRIPTION, FIELDS };
    /* Folklore: where there is no lsb-release, Breakpad copies os-release: the second half. */
    static const char *const names[2 * FIELDS] = {
        "DISTRIB_ID", "DISTRIB_RELEASE", "DISTRIB_CODENAME", "DISTRIB_DESCRIPTION",
        "ID",         "VERSION_ID",      "VERSION_CODENAME", "PRETTY_NAME"};
    struct fb_span v[2 * FIELDS];
    fb_md_values(s.bytes, '=', names, v, sizeof v / sizeof *v);
    for (size_t i = 0; i < FIELDS; i++)
        v[i] = v[i].n != 0 ? v[i] : v[FIELDS + i];
    m->dump->lsb = (struct fb_lsb){.id = text_of(m, v[ID]),
                                   .release = text_of(m, v[RELEASE]),
                                   .codename = text_of(m, v[CODENAME]),
                                   .description = text_of(m, v[DESCRIPTION])};
    m->dump->has_lsb = m->dump->lsb.id != NULL || m->dump->lsb.description != NULL;
    return FB_NO_ERR;
}
