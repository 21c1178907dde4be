/*
 * worker/analysis/kernel/completeness.c -- how much of what a triage dump should hold could be
 * read: the weighted mean of the table below. A dump of which only the header is read can have
 * little of it, and that is the truth about its analysis.
 */
#include "kernel/parts.h"

static double share(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0.0 : part < whole ? (double)part / (double)whole : 1.0;
}
static const struct fb_thread *thread(const struct fb_kd *k) { return &k->dump->threads.v[0]; }
static double whole_file(const struct fb_kd *k) { return share(k->file.n, k->triage.size); }
static double machine(const struct fb_kd *k)
{
    return (k->dump->system.arch != FB_ARCH_OTHER ? 0.5 : 0.0) +
           (k->dump->system.build != 0 ? 0.5 : 0.0);
}
static double drivers(const struct fb_kd *k)
{
    return share(k->dump->modules.n, k->triage.n_drivers);
}
static double driver_names(const struct fb_kd *k)
{
    size_t named = 0;
    for (size_t i = 0; i < k->dump->modules.n; i++)
        named += k->dump->modules.v[i].name[0] != 0;
    return share(named, k->dump->modules.n);
}
static double bugcheck(const struct fb_kd *k)
{
    return fb_bugcheck_find(&k->dump->bugcheck) != NULL;
}
static double registers(const struct fb_kd *k) { return thread(k)->regs.valid != 0; }
static double stack(const struct fb_kd *k)
{
    return fb_memory_at(&k->dump->memory, fb_reg_sp(&thread(k)->regs), 1).n != 0;
}
static double code(const struct fb_kd *k)
{
    return fb_memory_at(&k->dump->memory, fb_reg_ip(&thread(k)->regs), 1).n != 0;
}

static const struct {
    double weight;
    double (*held)(const struct fb_kd *k);
} parts[] = {
    {15, whole_file  }, // of the length that it says it has
    {10, machine     }, // CPU and build
    {10, drivers     }, // of those that it counts
    {10, driver_names},
    {10, bugcheck    }, // one that we know
    {20, registers   },
    {20, stack       }, // where they point
    {5,  code        }, // bytes of the instruction
};

double fb_kd_completeness(const struct fb_kd *k)
{
    double sum = 0, asked = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        sum += parts[i].weight * parts[i].held(k);
        asked += parts[i].weight;
    }
    return sum / asked;
}
