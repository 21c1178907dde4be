/*
 * worker/analysis/minidump/file.c -- the skeleton of a minidump: header, directory, and the
 * order in which the streams are read, so that none needs a later one.
 *
 *      0  MDMP | version | streams | rva of directory | checksum | time | flags (8)
 *     32  directory: { type, size, rva } ...          wherever its rva says
 *
 * Of two streams of one type the first that can be read counts. A stream that runs out of the
 * file is read as far as it goes: cut uploads are common, and most lists bear it.
 */
#include "minidump/parts.h"

enum {
    ENTRY_SIZE = 12,
    VERSION_LOW = 0xA793,
    SIGNATURE = 0x504D444D,
    SIGNATURE_SWAPPED = 0x4D444D50,
};

void *fb_md_alloc(struct fb_md *m, size_t n, size_t size, size_t align)
{
    void *p = m->full ? NULL : fb_arena_new(m->arena, n, size, align);
    m->full |= p == NULL;
    return p;
}

/* --- the directory ------------------------------------------------------------------ */

/* Most types are not there, and the rows of one are found without a look at the others. */
static size_t slot_of(uint32_t type) { return type * 0x9E3779B1 >> 26; }

static void index_types(struct fb_md *m)
{
    const struct fb_stream_row *rows = m->dump->streams;
    m->next = FB_RAW(m->arena, uint16_t, m->dump->n_streams);
    m->full |= m->next == NULL;
    for (size_t i = m->full ? 0 : m->dump->n_streams; i > 0; i--) {
        uint16_t *first = &m->first[slot_of(rows[i - 1].type)];
        m->next[i - 1] = *first;
        *first = (uint16_t)i;
    }
}

bool fb_md_has(const struct fb_md *m, enum fb_md_type type)
{
    for (size_t i = m->first[slot_of(type)]; i != 0; i = m->next[i - 1])
        if (m->dump->streams[i - 1].type == (uint32_t)type)
            return true;
    return false;
}

static struct fb_err read_directory(struct fb_md *m, uint32_t claimed, uint32_t rva)
{
    struct fb_reader r = fb_md_reader(m, fb_span_clip(m->file, rva, UINT64_MAX));
    if (fb_read_room(&r, claimed, ENTRY_SIZE) == 0)
        return FB_FAIL(TRUNCATED, "not one entry of the stream directory can be read", rva);
    size_t n = fb_md_room(m, &r, claimed, ENTRY_SIZE, FB_MD_STREAMS_MAX);
    struct fb_stream_row *v = FB_MD_NEW(m, struct fb_stream_row, n);
    for (size_t i = 0; v != NULL && i < n; i++) {
        v[i].type = fb_read_u32(&r);
        v[i].size = fb_read_u32(&r);
        v[i].at = fb_read_u32(&r);
        if (v[i].type != 0 && v[i].size != 0 && fb_span_sub(m->file, v[i].at, v[i].size).n == 0)
            fb_note(m->notes, FB_NOTE_TRUNCATED, "a stream reaches beyond the file", v[i].at);
    }
    m->dump->streams = v;
    m->dump->n_streams = v != NULL ? n : 0;
    index_types(m);
    return FB_NO_ERR;
}

static struct fb_err read_header(struct fb_md *m)
{
    struct fb_reader r = fb_md_reader(m, m->file);
    uint32_t signature = fb_read_u32(&r);
    if (signature == SIGNATURE_SWAPPED) {
        r.big = m->big = m->dump->swapped = m->dump->memory.big = true;
        fb_note(m->notes, FB_NOTE_BYTE_ORDER, "every number is swapped", 0);
    } else if (signature != SIGNATURE) {
        return fb_md_not_a_minidump(m->file);
    }
    uint32_t version = fb_read_u32(&r);
    uint32_t streams = fb_read_u32(&r);
    uint32_t directory = fb_read_u32(&r);
    fb_read_skip(&r, 4); // checksum: nobody fills it in
    m->dump->time = fb_read_u32(&r);
    m->dump->flags = fb_read_u64(&r);
    if (fb_failed(r.err))
        return fb_md_not_a_minidump(m->file);
    if ((version & 0xFFFF) != VERSION_LOW)
        return FB_FAIL(MALFORMED, "a minidump of a version that nobody writes", 4);
    return read_directory(m, streams, directory);
}

/* --- the streams, in their order ---------------------------------------------------- */

static void missing(struct fb_md *m, const char *what)
{
    fb_note(m->notes, FB_NOTE_MISSING_STREAM, what, FB_NOWHERE);
}

/* Read the first stream of `type` that can be read. */
static bool read_type(struct fb_md *m, enum fb_md_type type, fb_md_part *part)
{
    bool done = false;
    for (size_t i = m->first[slot_of(type)]; i != 0 && !m->full; i = m->next[i - 1]) {
        const struct fb_stream_row *row = &m->dump->streams[i - 1];
        if (row->type != (uint32_t)type)
            continue;
        if (done) {
            fb_note(m->notes, FB_NOTE_DUPLICATE_STREAM, "a stream stands twice", row->at);
            continue;
        }
        struct fb_md_stream s = {fb_span_clip(m->file, row->at, row->size), row->size};
        done = !fb_failed(part(m, s));
        if (!done && !m->full)
            fb_note(m->notes, FB_NOTE_BAD_STREAM, "a stream cannot be read", row->at);
    }
    return done;
}

// clang-format off
static const struct {
    enum fb_md_type type;
    fb_md_part *read;
    void (*then)(struct fb_md *m); // what can be done only now
    const char *missing;           // the note when there is none; NULL: not every dump has it
} order[] = {
    {FB_MD_SYSTEM_INFO,          fb_md_system,         fb_md_guess_system,    "no SystemInfo: the machine is guessed"},
    {FB_MD_MISC_INFO,            fb_md_misc,           NULL,                  NULL},
    {FB_MD_BREAKPAD_INFO,        fb_md_breakpad,       NULL,                  NULL},
    {FB_MD_MODULE_LIST,          fb_md_modules,        NULL,                  "no ModuleList: no address can be named"},
    {FB_MD_UNLOADED_MODULE_LIST, fb_md_unloaded,       NULL,                  NULL},
    {FB_MD_CRASHPAD_INFO,        fb_md_crashpad,       NULL,                  NULL},
    {FB_MD_THREAD_EX_LIST,       fb_md_threads_ex,     NULL,                  NULL},
    {FB_MD_THREAD_LIST,          fb_md_threads,        NULL,                  NULL},
    {FB_MD_MEMORY_LIST,          fb_md_memory_list,    NULL,                  NULL},
    {FB_MD_MEMORY64_LIST,        fb_md_memory64_list,  fb_md_memory,          NULL},
    {FB_MD_MEMORY_INFO_LIST,     fb_md_memory_info,    NULL,                  NULL},
    {FB_MD_LINUX_AUXV,           fb_md_auxv,           NULL,                  NULL},
    {FB_MD_LINUX_MAPS,           fb_md_maps,           fb_md_thread_contexts, NULL},
    {FB_MD_FUNCTION_TABLE,       fb_md_function_tables, NULL,                 NULL},
    {FB_MD_THREAD_INFO_LIST,     fb_md_thread_info,    NULL,                  NULL},
    {FB_MD_THREAD_NAMES,         fb_md_thread_names,   NULL,                  NULL},
    {FB_MD_EXCEPTION,            fb_md_exception,      fb_md_crashing,        NULL},
    {FB_MD_COMMENT_A,            fb_md_comment,        NULL,                  NULL},
    {FB_MD_COMMENT_W,            fb_md_comment_wide,   NULL,                  NULL},
    {FB_MD_HANDLE_DATA,          fb_md_handles,        NULL,                  NULL},
    {FB_MD_HANDLE_OPERATION_LIST, fb_md_handle_operations, NULL,              NULL},
    {FB_MD_TOKEN,                fb_md_tokens,         NULL,                  NULL},
    {FB_MD_SYSTEM_MEMORY_INFO,   fb_md_system_memory,  NULL,                  NULL},
    {FB_MD_VM_COUNTERS,          fb_md_vm_counters,    NULL,                  NULL},
    {FB_MD_ASSERTION,            fb_md_assertion,      NULL,                  NULL},
    {FB_MD_MAC_CRASH_INFO,       fb_md_mac_crash_info, NULL,                  NULL},
    {FB_MD_LINUX_CPUINFO,        fb_md_cpuinfo,        NULL,                  NULL},
    {FB_MD_LINUX_STATUS,         fb_md_status,         NULL,                  NULL},
    {FB_MD_LINUX_LSB,            fb_md_lsb,            NULL,                  NULL},
    {FB_MD_LINUX_COMMAND_LINE,   fb_md_command_line,   NULL,                  NULL},
    {FB_MD_LINUX_ENVIRONMENT,    fb_md_environment,    NULL,                  NULL},
    {FB_MD_LINUX_DSO_DEBUG,      fb_md_dso_debug,      NULL,                  NULL},
    {FB_MD_LINUX_LIMITS,         fb_md_limits,         NULL,                  NULL},
    {FB_MD_MAC_BOOT_ARGS,        fb_md_boot_args,      NULL,                  NULL},
    {FB_MD_SOFT_ERRORS,          fb_md_soft_errors,    fb_md_tebs,            NULL},
};
// clang-format on

/* What the flags say the writer was asked for: without it the dump was cut while written. An
 * empty list of unloaded modules is left out by writers, and says nothing. */
static const struct {
    uint64_t flag;
    enum fb_md_type type;
    const char *missing;
} promises[] = {
    {0x2,    FB_MD_MEMORY64_LIST,    "the flags promise all memory"        },
    {0x4,    FB_MD_HANDLE_DATA,      "the flags promise handles"           },
    {0x800,  FB_MD_MEMORY_INFO_LIST, "the flags promise memory information"},
    {0x1000, FB_MD_THREAD_INFO_LIST, "the flags promise thread information"},
};

static void check_promises(struct fb_md *m)
{
    for (size_t i = 0; i < sizeof promises / sizeof *promises; i++)
        if ((m->dump->flags & promises[i].flag) != 0 && !fb_md_has(m, promises[i].type))
            missing(m, promises[i].missing);
}

static void read_streams(struct fb_md *m)
{
    for (size_t i = 0; i < sizeof order / sizeof *order && !m->full; i++) {
        if (!read_type(m, order[i].type, order[i].read) && order[i].missing != NULL)
            missing(m, order[i].missing);
        if (order[i].then != NULL && !m->full)
            order[i].then(m);
    }
    if (m->dump->threads.v == NULL)
        missing(m, "no ThreadList: nothing to walk");
    if (m->dump->memory.n == 0)
        missing(m, "no memory: stacks cannot be walked");
    check_promises(m);
}

struct fb_err fb_minidump_read(struct fb_span file, struct fb_arena *arena,
                               struct fb_notes *notes, struct fb_dump *out)
{
    *out = (struct fb_dump){
        .file = file, .writer = "unknown", .modules.main = SIZE_MAX, .crashing = SIZE_MAX};
    struct fb_md m = {.file = file,
                      .arena = arena,
                      .notes = notes,
                      .dump = out,
                      .text_left = FB_MD_TEXT_FREE + 3 * (uint64_t)file.n};
    struct fb_err err = read_header(&m);
    if (fb_failed(err))
        return err;
    read_streams(&m);
    if (m.full)
        return FB_FAIL(LIMIT, "the dump needs more memory than a report may cost", 0);
    out->writer = fb_md_writer(&m);
    out->completeness = fb_md_completeness(&m);
    return FB_NO_ERR;
}
