/*
 * worker/analysis/minidump/misc.c -- MiscInfo: id, times and rights of the process, clock and
 * build of the system; and the comments that a writer was asked to add.
 *
 * Five versions, told apart by size; what of it is filled in, by flags.
 *
 *     0  size | flags | pid | start | user seconds | kernel seconds
 *    24  MHz: max, current, limit | idle state: max, current
 *    44  integrity | execute flags | protected | time zone id | TIME_ZONE_INFORMATION (172)
 *   232  build, UTF-16 (520) | build of the writer (80)
 *   832  XSTATE configuration (528) | cookie
 */
#include "minidump/parts.h"

enum { XSTATE_TABLE_AT = 832 + 16, XSTATE_TABLE_SIZE = 64 * 8 }; // since version 5
enum { ZONE_NAME_SIZE = 64, ZONE_REST = 172 - 4 - ZONE_NAME_SIZE, BUILD_SIZE = 520 };
enum { DEBUG_BUILD_SIZE = 80, XSTATE_SIZE = 528, IDLE_STATES = 8 };

static const char *text_or_null(struct fb_md *m, struct fb_span bytes)
{
    const char *text = bytes.n != 0 ? fb_md_text16(m, bytes) : NULL;
    return text != NULL && *text != 0 ? text : NULL;
}

/* Since version 3. */
static void read_rights(struct fb_md *m, struct fb_reader *r, struct fb_misc *misc)
{
    misc->integrity = fb_read_u32(r);
    misc->execute_flags = fb_read_u32(r);
    misc->protected_process = fb_read_u32(r);
    misc->time_zone_id = fb_read_u32(r);
    misc->bias = (int32_t)fb_read_u32(r);
    struct fb_span zone = fb_read_bytes(r, ZONE_NAME_SIZE);
    fb_read_skip(r, ZONE_REST);
    if (misc->flags & FB_MISC_TIME_ZONE)
        misc->time_zone = text_or_null(m, zone);
}

/* A field behind the end of a shorter version is not there, whatever the flags say. */
static uint32_t flags_by_size(uint32_t flags, size_t n)
{
    static const struct {
        size_t end;
        uint32_t flags;
    } versions[] = {
        {24,   FB_MISC_PID | FB_MISC_TIMES                                                },
        {44,   FB_MISC_POWER                                                              },
        {232,
         FB_MISC_INTEGRITY | FB_MISC_EXECUTE_FLAGS | FB_MISC_TIME_ZONE | FB_MISC_PROTECTED},
        {832,  FB_MISC_BUILD                                                              },
        {1364, FB_MISC_COOKIE                                                             },
    };
    uint32_t there = 0;
    for (size_t i = 0; i < sizeof versions / sizeof *versions && versions[i].end <= n; i++)
        there |= versions[i].flags;
    return flags & there;
}

static void read_all(struct fb_md *m, struct fb_reader *r, struct fb_misc *misc)
{
    misc->user_seconds = fb_read_u32(r);
    misc->kernel_seconds = fb_read_u32(r);
    misc->mhz_max = fb_read_u32(r);
    misc->mhz_now = fb_read_u32(r);
    misc->mhz_limit = fb_read_u32(r);
    fb_read_skip(r, IDLE_STATES);
    read_rights(m, r, misc);
    struct fb_span build = fb_read_bytes(r, BUILD_SIZE);
    struct fb_span debug_build = fb_read_bytes(r, DEBUG_BUILD_SIZE);
    if (misc->flags & FB_MISC_BUILD) {
        misc->build = text_or_null(m, build);
        misc->debug_build = text_or_null(m, debug_build);
    }
    fb_read_skip(r, XSTATE_SIZE);
    misc->cookie = fb_read_u32(r);
}

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
    if (flags & FB_MISC_PID)
        m->dump->pid = pid;
    if (flags & FB_MISC_TIMES)
        m->dump->process_start = start;
    if (m->dump->process_start > m->dump->time)
        fb_note(m->notes, FB_NOTE_BAD_ITEM, "the process began after its dump was made",
                s.bytes.off);
    m->dump->misc.flags = flags_by_size(flags, s.bytes.n);
    read_all(m, &r, &m->dump->misc);
    m->xstate_table = fb_span_sub(s.bytes, XSTATE_TABLE_AT, XSTATE_TABLE_SIZE);
    return FB_NO_ERR;
}

/* --- comments: raw text, up to its NUL or the end of the stream --------------------- */

struct fb_err fb_md_comment(struct fb_md *m, struct fb_md_stream s)
{
    m->dump->comment = fb_md_text8(m, s.bytes, FB_MD_STRING_MAX);
    return FB_NO_ERR;
}

struct fb_err fb_md_comment_wide(struct fb_md *m, struct fb_md_stream s)
{
    m->dump->comment_wide = fb_md_text16(m, s.bytes);
    return FB_NO_ERR;
}
