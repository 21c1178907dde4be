/*
 * worker/analysis/kernel/process.c -- whose thread stopped the kernel: id and name of the
 * process, out of the copy of its EPROCESS.
 *
 * That record belongs to the kernel alone and changes from build to build, so its places are a
 * table; a name that is no plain text, or a build that is not listed, gives nothing.
 */
#include "kernel/parts.h"

/* From each build on. ARM64 was seen in one build only. */
static const struct {
    enum fb_arch arch;
    uint32_t build;
    uint16_t id, name;
} places[] = {
    {FB_AMD64, 26100, 0x1D0, 0x338},
    {FB_AMD64, 19041, 0x440, 0x5A8},
    {FB_AMD64, 18362, 0x2E8, 0x450},
    {FB_AMD64, 15063, 0x2E0, 0x450},
    {FB_AMD64, 10586, 0x2E8, 0x450},
    {FB_AMD64, 10240, 0x2E8, 0x448},
    {FB_AMD64, 9200,  0x2E0, 0x438},
    {FB_AMD64, 7600,  0x180, 0x2E0},
    {FB_ARM64, 17134, 0x290, 0x3F8},
};
enum { NAME_SIZE = 15, ID_STEP = 4 };

/* Letters up to a NUL, which the fifteenth may want. */
static bool is_name(struct fb_span name)
{
    size_t n = 0;
    while (n < name.n && name.p[n] > ' ' && name.p[n] <= '~')
        n++;
    return n > 0 && (n == name.n || name.p[n] == 0);
}

static void read_process(struct fb_kd *k, struct fb_span process, size_t id, size_t name)
{
    struct fb_reader r = {.in = fb_span_sub(process, id, fb_kd_word(k))};
    uint64_t pid = fb_read_le(&r, fb_kd_word(k));
    struct fb_span letters = fb_span_sub(process, name, NAME_SIZE);
    if (letters.n == 0 || !is_name(letters) || pid > UINT32_MAX || pid % ID_STEP != 0)
        return;
    k->dump->kernel.process = fb_kd_text8(k, letters);
    k->dump->pid = (uint32_t)pid;
}

void fb_kd_process(struct fb_kd *k)
{
    if (k->triage.process_at == 0)
        return;
    struct fb_span process = fb_span_clip(k->file, k->triage.process_at, UINT64_MAX);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (places[i].arch != k->dump->system.arch || k->header.build < places[i].build)
            continue;
        if (places[i].arch != FB_ARM64 || k->header.build == places[i].build)
            read_process(k, process, places[i].id, places[i].name);
        return;
    }
}
