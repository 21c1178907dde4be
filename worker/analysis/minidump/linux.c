/*
 * worker/analysis/minidump/linux.c -- texts that Breakpad copies out of /proc and /etc: of the
 * process, of the CPU, and of the distribution. The memory map is in pages.c.
 */
#include "minidump/parts.h"

enum { VALUE_MAX = 512 };

static const char *text_of(struct fb_md *m, struct fb_span text, const char *const *names,
                           char separator)
{
    for (; *names != NULL; names++) {
        struct fb_span value = fb_md_value_of(text, *names, separator);
        if (value.n != 0)
            return fb_md_text8(m, value, VALUE_MAX);
    }
    return NULL;
}

static void read_microcode(struct fb_md *m, struct fb_span cpuinfo)
{
    struct fb_span text = fb_md_value_of(cpuinfo, "microcode", ':');
    struct fb_linux *proc = &m->dump->proc;
    if (text.n < 3 || text.p[0] != '0' || text.p[1] != 'x')
        return;
    for (size_t i = 2; i < text.n && i < 18; i++) {
        const char *digit = strchr("0123456789abcdef", text.p[i]);
        if (digit == NULL || *digit == 0)
            return;
        proc->microcode =
            proc->microcode << 4 | (uint64_t)(*digit <= '9' ? *digit - '0' : *digit - 'a' + 10);
    }
    proc->has_microcode = true;
}

struct fb_err fb_md_cpuinfo(struct fb_md *m, struct fb_md_stream s)
{
    static const char *const names[] = {"model name", "Hardware", "Processor", NULL};
    read_microcode(m, s.bytes);
    const char *model = text_of(m, s.bytes, names, ':');
    struct fb_system *sys = &m->dump->system;
    if (model == NULL)
        return FB_NO_ERR;
    char buffer[VALUE_MAX + 128];
    struct fb_text text = fb_text_over(buffer, sizeof buffer);
    if (sys->cpu_info != NULL)
        fb_text_format(&text, "%s, ", sys->cpu_info);
    fb_text_str(&text, model);
    sys->cpu_info = fb_md_keep(m, &text);
    return FB_NO_ERR;
}

static uint64_t status_bytes(struct fb_span text, const char *name)
{
    uint64_t kilobytes = fb_md_decimal(fb_md_value_of(text, name, ':'));
    return kilobytes <= UINT64_MAX / 1024 ? kilobytes * 1024 : 0;
}
static uint32_t status_id(struct fb_span text, const char *name)
{
    uint64_t v = fb_md_decimal(fb_md_value_of(text, name, ':'));
    return v <= UINT32_MAX ? (uint32_t)v : 0;
}

struct fb_err fb_md_status(struct fb_md *m, struct fb_md_stream s)
{
    struct fb_linux *proc = &m->dump->proc;
    proc->vm_peak = status_bytes(s.bytes, "VmPeak");
    proc->vm_size = status_bytes(s.bytes, "VmSize");
    proc->vm_rss_peak = status_bytes(s.bytes, "VmHWM");
    proc->vm_rss = status_bytes(s.bytes, "VmRSS");
    proc->vm_swap = status_bytes(s.bytes, "VmSwap");
    static const char *const state[] = {"State", NULL};
    proc->state = text_of(m, s.bytes, state, ':');
    proc->parent = status_id(s.bytes, "PPid");
    proc->tracer = status_id(s.bytes, "TracerPid");
    proc->threads = status_id(s.bytes, "Threads");
    proc->seccomp = status_id(s.bytes, "Seccomp");
    if (m->dump->pid == 0)
        m->dump->pid = status_id(s.bytes, "Pid");
    return FB_NO_ERR;
}

struct fb_err fb_md_lsb(struct fb_md *m, struct fb_md_stream s)
{
    /* Folklore: where there is no lsb-release, Breakpad copies os-release. */
    static const char *const id[] = {"DISTRIB_ID", "ID", NULL};
    static const char *const release[] = {"DISTRIB_RELEASE", "VERSION_ID", NULL};
    static const char *const codename[] = {"DISTRIB_CODENAME", "VERSION_CODENAME", NULL};
    static const char *const description[] = {"DISTRIB_DESCRIPTION", "PRETTY_NAME", NULL};
    m->dump->lsb = (struct fb_lsb){
        .id = text_of(m, s.bytes, id, '='),
        .release = text_of(m, s.bytes, release, '='),
        .codename = text_of(m, s.bytes, codename, '='),
        .description = text_of(m, s.bytes, description, '='),
    };
    m->dump->has_lsb = m->dump->lsb.id != NULL || m->dump->lsb.description != NULL;
    return FB_NO_ERR;
}
