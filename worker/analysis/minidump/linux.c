/*
 * worker/analysis/minidump/linux.c -- texts that Breakpad copies out of /proc and /etc: of the
 * process, of the CPU, and of the distribution. The memory map is in pages.c.
 */
#include "minidump/parts.h"

enum { VALUE_MAX = 512 };

static bool is_blank(uint8_t c) { return c == ' ' || c == '\t' || c == '"' || c == '\r'; }

static struct fb_span trim(struct fb_span s)
{
    while (s.n != 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    while (s.n != 0 && is_blank(s.p[0]))
        s = fb_span_sub(s, 1, s.n - 1);
    return s;
}

/* The value of the first line "name = value" or "name: value". */
static struct fb_span value_of(struct fb_span text, const char *name, char separator)
{
    while (text.n != 0) {
        const uint8_t *nl = memchr(text.p, '\n', text.n);
        size_t n = nl != NULL ? (size_t)(nl - text.p) : text.n;
        const uint8_t *sep = n != 0 ? memchr(text.p, separator, n) : NULL;
        size_t k = sep != NULL ? (size_t)(sep - text.p) : 0;
        struct fb_span key = trim(fb_span_sub(text, 0, k));
        if (key.n != 0 && key.n == strlen(name) && memcmp(key.p, name, key.n) == 0)
            return trim(fb_span_sub(text, k + 1, n - k - 1));
        text = fb_span_sub(text, n + 1, text.n - n - (nl != NULL));
    }
    return text;
}

static const char *text_of(struct fb_md *m, struct fb_span text, const char *const *names,
                           char separator)
{
    for (; *names != NULL; names++) {
        struct fb_span value = value_of(text, *names, separator);
        if (value.n != 0)
            return fb_md_text8(m, value, VALUE_MAX);
    }
    return NULL;
}

struct fb_err fb_md_cpuinfo(struct fb_md *m, struct fb_md_stream s)
{
    static const char *const names[] = {"model name", "Hardware", "Processor", NULL};
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

struct fb_err fb_md_status(struct fb_md *m, struct fb_md_stream s)
{
    struct fb_span text = value_of(s.bytes, "Pid", ':');
    uint64_t pid = 0;
    for (size_t i = 0; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++)
        pid = pid * 10 + (uint64_t)(text.p[i] - '0');
    if (m->dump->pid == 0 && text.n <= 10 && pid <= UINT32_MAX)
        m->dump->pid = (uint32_t)pid;
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
