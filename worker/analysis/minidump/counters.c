/*
 * worker/analysis/minidump/counters.c -- how much memory the process used and the machine had:
 * what says "out of memory" beside the failed allocation itself.
 */
#include "minidump/parts.h"

enum { COUNTERS_2 = 2, HAS_EX = 4, HAS_JOB = 0x10 };
enum { BASIC_INFO_AT = 4, PERFORMANCE_AT = 4 + 52 + 60, QUOTAS = 4 * 8 };

/* Since the second revision; what the flags do not name is not filled in. */
static void read_extended(struct fb_reader *r, uint16_t flags, struct fb_vm_counters *c)
{
    c->has_ex = (flags & HAS_EX) != 0;
    c->has_job = (flags & HAS_JOB) != 0;
    c->peak_virtual = fb_read_u64(r);
    c->virtual_size = fb_read_u64(r);
    c->private_usage = fb_read_u64(r);
    c->private_working_set = fb_read_u64(r);
    c->shared_commit = fb_read_u64(r);
    fb_read_skip(r, 8); // shared commit of the job
    c->job_private_commit = fb_read_u64(r);
    fb_read_skip(r, 8); // its peak
    c->job_private_limit = fb_read_u64(r);
    c->job_total_limit = fb_read_u64(r);
}

struct fb_err fb_md_vm_counters(struct fb_md *m, struct fb_md_stream s)
{
    struct fb_reader r = fb_md_reader(m, s.bytes);
    uint16_t revision = fb_read_u16(&r);
    uint16_t flags = fb_read_u16(&r);
    struct fb_vm_counters c = {.present = true, .page_faults = fb_read_u32(&r)};
    c.peak_working_set = fb_read_u64(&r);
    c.working_set = fb_read_u64(&r);
    fb_read_skip(&r, QUOTAS);
    c.pagefile = fb_read_u64(&r);
    c.peak_pagefile = fb_read_u64(&r);
    if (revision < COUNTERS_2)
        c.private_usage = fb_read_u64(&r);
    if (fb_failed(r.err))
        return r.err;
    if (revision >= COUNTERS_2)
        read_extended(&r, flags, &c);
    if (fb_failed(r.err))
        fb_note(m->notes, FB_NOTE_TRUNCATED, "the memory counters are cut", s.bytes.off);
    m->dump->counters = c;
    return FB_NO_ERR;
}

struct fb_err fb_md_system_memory(struct fb_md *m, struct fb_md_stream s)
{
    struct fb_reader r = fb_md_reader(m, s.bytes);
    fb_read_skip(&r, BASIC_INFO_AT + 4); // revision, flags; resolution of the timer
    struct fb_system_memory v = {.present = true, .page_size = fb_read_u32(&r)};
    v.physical = fb_read_u32(&r);
    if (fb_failed(r.err))
        return r.err;
    r.at = 0;
    fb_read_skip(&r, PERFORMANCE_AT);
    v.available = fb_read_u64(&r);
    v.committed = fb_read_u64(&r);
    v.commit_limit = fb_read_u64(&r);
    v.commit_peak = fb_read_u64(&r);
    if (fb_failed(r.err))
        fb_note(m->notes, FB_NOTE_TRUNCATED, "the memory of the system is cut", s.bytes.off);
    m->dump->system_memory = v;
    return FB_NO_ERR;
}
