/* worker/analysis/minidump/misc.c -- MiscInfo: the process id and when it was started. */
#include "minidump/parts.h"

enum { PID_VALID = 1, TIMES_VALID = 2 };
enum { XSTATE_TABLE_AT = 832 + 16, XSTATE_TABLE_SIZE = 64 * 8 }; // since version 5

struct fb_err fb_md_misc(struct fb_md *m, struct fb_md_stream s)
{
    struct fb_reader r = fb_md_reader(m, s.bytes);
    fb_read_skip(&r, 4); // its own size; that of the stream is what counts
    uint32_t flags = fb_read_u32(&r);
    uint32_t pid = fb_read_u32(&r);
    uint32_t start = fb_read_u32(&r);
    if (fb_failed(r.err))
        return r.err;
    m->dump->has_misc = true;
    if (flags & PID_VALID)
        m->dump->pid = pid;
    if (flags & TIMES_VALID)
        m->dump->process_start = start;
    m->xstate_table = fb_span_sub(s.bytes, XSTATE_TABLE_AT, XSTATE_TABLE_SIZE);
    return FB_NO_ERR;
}
