/*
 * worker/analysis/minidump/xstate.c -- the shadow-stack pointer of a thread (CET), from the
 * extended state behind an AMD64 context.
 *
 *   1232  three pairs { offset, size }: all, legacy, xstate; offsets count from here
 *   ...   XSAVE header: features that are there (8) | layout (8) | 48 unused
 *   ...   data of the features; where, says the table in MiscInfo, or, in the compacted
 *         layout, the sizes of those before
 *
 * Intel's manual, volume 1, chapter 13; ours are the user's state of CET: a control word and
 * the pointer.
 */
#include "minidump/parts.h"

enum {
    FLAGS_AT = 48,
    FLAGS_XSTATE = 0x100040,
    EX_AT = 1232,
    PAIR_SIZE = 8,
    HEADER_SIZE = 64,
    LEGACY_SIZE = 512, // the table counts from the legacy area before the header
    FIRST_EXTENDED = 2,
    CET_USER = 11,
    CONTROL_SIZE = 8,
};

static const uint64_t COMPACTED = UINT64_C(1) << 63;

static struct fb_md_location row(const struct fb_md *m, int feature)
{
    struct fb_reader r = fb_md_reader(m, m->xstate_table);
    fb_read_skip(&r, (size_t)feature * PAIR_SIZE);
    uint32_t offset = fb_read_u32(&r);
    return (struct fb_md_location){.size = fb_read_u32(&r), .rva = offset};
}

/* Where CET's data begin, from the header on; 0 when that cannot be told. */
static uint64_t cet_offset(const struct fb_md *m, uint64_t layout)
{
    if ((layout & COMPACTED) == 0) {
        uint32_t offset = row(m, CET_USER).rva;
        return offset >= LEGACY_SIZE + HEADER_SIZE ? offset - LEGACY_SIZE : 0;
    }
    uint64_t at = HEADER_SIZE;
    for (int i = FIRST_EXTENDED; i < CET_USER; i++) {
        uint32_t size = (layout >> i & 1) != 0 ? row(m, i).size : 0;
        if ((layout >> i & 1) != 0 && size == 0)
            return 0;
        at += size;
    }
    return at;
}

/* The XSAVE area, from its header on; empty when the context has none. */
static struct fb_span xsave_of(const struct fb_md *m, struct fb_span context)
{
    struct fb_reader r = fb_md_reader(m, context);
    fb_read_skip(&r, FLAGS_AT);
    uint32_t flags = fb_read_u32(&r);
    fb_read_skip(&r, EX_AT - FLAGS_AT - 4 + 2 * PAIR_SIZE);
    uint32_t offset = fb_read_u32(&r); // signed, but never before the context's end
    if (fb_failed(r.err) || (flags & FLAGS_XSTATE) != FLAGS_XSTATE || offset > FB_MD_XSAVE_MAX)
        return (struct fb_span){0};
    return fb_span_clip(context, EX_AT + (uint64_t)offset, FB_MD_XSAVE_MAX);
}

fb_addr fb_md_shadow_stack(struct fb_md *m, struct fb_span context)
{
    if (m->dump->system.arch != FB_AMD64 || context.n <= EX_AT)
        return 0;
    struct fb_reader r = fb_md_reader(m, xsave_of(m, context));
    uint64_t present = fb_read_u64(&r);
    uint64_t layout = fb_read_u64(&r);
    if (fb_failed(r.err) || (present >> CET_USER & 1) == 0)
        return 0;
    uint64_t at = cet_offset(m, layout);
    r.at = 0;
    fb_read_skip(&r, at + CONTROL_SIZE);
    uint64_t pointer = fb_read_u64(&r);
    if (at == 0 || fb_failed(r.err)) {
        fb_note(m->notes, FB_NOTE_BAD_CONTEXT, "a shadow-stack pointer cannot be found",
                context.off);
        return 0;
    }
    return pointer;
}
