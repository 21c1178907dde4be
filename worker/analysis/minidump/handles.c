/*
 * worker/analysis/minidump/handles.c -- handles that the process had open, with the objects
 * behind them, and Application Verifier's log of what was done to handles.
 *
 *   handle     handle (8) | type name, object name: rva | attributes | access |
 *              handle count | pointer count                 32 bytes, version 1
 *              | object info: rva | 0                       40 bytes, version 2
 *   info       next: rva | type | size | data
 *   operation  handle (8) | pid | tid | operation | 0 | depth | index | return addresses
 */
#include "minidump/parts.h"

enum {
    HANDLE_SIZE = 32,
    HANDLE_SIZE_2 = 40,
    OPERATION_SIZE = 288,
    DEPTH_MAX = 32,
    LINKS_MAX = 32,
    INFO_HEADER = 12,
};
enum { INFO_THREAD = 1, INFO_MUTANT_2 = 3, INFO_PROCESS = 4, INFO_PROCESS_2 = 5 };

/* Who owns the object, as far as its information tells; the rest is the writer's own. */
static void read_info(struct fb_reader *r, uint32_t type, struct fb_handle *handle)
{
    switch (type) {
    case INFO_THREAD: // {pid, tid} of the thread
    case INFO_MUTANT_2:
        handle->owner_pid = fb_read_u32(r);
        handle->owner_tid = fb_read_u32(r);
        break;
    case INFO_PROCESS:
    case INFO_PROCESS_2:
        handle->owner_pid = fb_read_u32(r);
        break;
    default:
        break;
    }
}

/* Pieces of information hang on one another; a strange file may tie them to a ring. */
static void read_chain(struct fb_md *m, uint32_t rva, struct fb_handle *handle)
{
    for (int links = 0; rva != 0; links++) {
        struct fb_reader r = fb_md_reader(m, fb_span_clip(m->file, rva, UINT64_MAX));
        uint32_t next = fb_read_u32(&r);
        uint32_t type = fb_read_u32(&r);
        uint32_t size = fb_read_u32(&r);
        struct fb_reader data = fb_md_reader(m, fb_read_bytes(&r, size));
        if (fb_failed(r.err) || links == LINKS_MAX || next == rva) {
            fb_note(m->notes, FB_NOTE_BAD_ITEM, "the information on a handle leads nowhere",
                    rva);
            return;
        }
        read_info(&data, type, handle);
        rva = next;
    }
}

/* Handles have few types, and writers keep the name of each once. */
struct type_names {
    struct {
        uint32_t rva;
        const char *text;
    } v[16];
};

static const char *type_name(struct fb_md *m, struct type_names *names, uint32_t rva)
{
    size_t i = rva / 4 % (sizeof names->v / sizeof *names->v);
    if (names->v[i].rva != rva) {
        names->v[i].rva = rva;
        names->v[i].text = fb_md_string(m, rva);
    }
    return names->v[i].text;
}

static void read_handle(struct fb_md *m, struct fb_reader r, bool has_info,
                        struct type_names *names, struct fb_handle *handle)
{
    handle->handle = fb_read_u64(&r);
    handle->type = type_name(m, names, fb_read_u32(&r));
    handle->name = fb_md_string(m, fb_read_u32(&r));
    handle->attributes = fb_read_u32(&r);
    handle->access = fb_read_u32(&r);
    handle->handles = fb_read_u32(&r);
    handle->pointers = fb_read_u32(&r);
    if (has_info)
        read_chain(m, fb_read_u32(&r), handle);
}

struct fb_err fb_md_handles(struct fb_md *m, struct fb_md_stream s)
{
    struct fb_md_list list;
    struct fb_err err = fb_md_sized_list(m, s, 4, HANDLE_SIZE, FB_MD_HANDLES_MAX, &list);
    if (fb_failed(err))
        return err;
    struct fb_handle *v = FB_MD_NEW(m, struct fb_handle, list.n);
    struct type_names names = {0};
    for (size_t i = 0; i < list.n && !m->full; i++)
        read_handle(m, fb_md_entry(m, &list, i), list.entry >= HANDLE_SIZE_2, &names, &v[i]);
    m->dump->handles = v;
    m->dump->n_handles = m->full ? 0 : list.n;
    return FB_NO_ERR;
}

/* --- what was done to handles ------------------------------------------------------- */

static void read_operation(struct fb_md *m, struct fb_reader r, struct fb_handle_operation *op)
{
    op->handle = fb_read_u64(&r);
    op->pid = fb_read_u32(&r);
    op->tid = fb_read_u32(&r);
    op->operation = fb_read_u32(&r);
    fb_read_skip(&r, 4);
    uint32_t depth = fb_read_u32(&r);
    fb_read_skip(&r, 4); // index of the trace in the system's own table
    if (depth > DEPTH_MAX) {
        fb_note(m->notes, FB_NOTE_CUT_LIST, "a back trace claims more than 32 addresses",
                r.in.off);
        depth = DEPTH_MAX;
    }
    uint64_t *trace = FB_MD_NEW(m, uint64_t, depth);
    for (uint32_t i = 0; trace != NULL && i < depth; i++)
        trace[i] = fb_md_address(m, fb_read_u64(&r));
    op->back_trace = trace;
    op->depth = trace != NULL ? depth : 0;
}

struct fb_err fb_md_handle_operations(struct fb_md *m, struct fb_md_stream s)
{
    struct fb_md_list list;
    struct fb_err err = fb_md_sized_list(m, s, 4, OPERATION_SIZE, FB_MD_HANDLES_MAX, &list);
    if (fb_failed(err))
        return err;
    struct fb_handle_operation *v = FB_MD_NEW(m, struct fb_handle_operation, list.n);
    for (size_t i = 0; i < list.n && !m->full; i++)
        read_operation(m, fb_md_entry(m, &list, i), &v[i]);
    m->dump->handle_operations = v;
    m->dump->n_handle_operations = m->full ? 0 : list.n;
    return FB_NO_ERR;
}
