/*
 * worker/analysis/minidump/completeness.c -- who wrote the dump, and how much of what such a
 * dump should hold could be read.
 *
 * The score is the weighted mean of the table below, over those rows that this kind of dump
 * can be asked for: a dump on demand needs no exception, and not every writer records
 * protections. What weighs most is what a verdict stands on: the crashing thread's
 * registers and stack.
 */
#include "minidump/parts.h"

static const struct {
    enum fb_md_type type;
    const char *writer;
} writers[] = {
  // the first stream that is there tells
    {FB_MD_CRASHPAD_INFO,      "crashpad"},
    {FB_MD_BREAKPAD_INFO,      "breakpad"},
    {FB_MD_LINUX_CPUINFO,      "breakpad"},
    {FB_MD_LINUX_STATUS,       "breakpad"},
    {FB_MD_LINUX_MAPS,         "breakpad"},
    {FB_MD_WINE,               "wine"    },
    {FB_MD_SYSTEM_MEMORY_INFO, "dbghelp" },
    {FB_MD_VM_COUNTERS,        "dbghelp" },
    {FB_MD_THREAD_INFO_LIST,   "dbghelp" },
    {FB_MD_HANDLE_DATA,        "dbghelp" },
    {FB_MD_TOKEN,              "dbghelp" },
};

/* Folklore: only dbghelp puts the version of its library into the high half of the version. */
static bool has_library_version(const struct fb_md *m)
{
    struct fb_reader r = fb_md_reader(m, m->file);
    fb_read_skip(&r, 4);
    return fb_read_u32(&r) >> 16 != 0;
}

const char *fb_md_writer(const struct fb_md *m)
{
    for (size_t i = 0; i < sizeof writers / sizeof *writers; i++)
        if (fb_md_has(m, writers[i].type))
            return writers[i].writer;
    return m->dump->system.os == FB_WINDOWS && has_library_version(m) ? "dbghelp" : "unknown";
}

/* --- the score: each row says how much there is, 0 to 1, or -1: not asked for ------- */

enum { NOT_ASKED = -1, FULL_MEMORY_INFO = 0x800, NOTES_OF_RUIN = 8 };

static double share(size_t part, size_t whole)
{
    return whole == 0 ? 0.0 : (double)part / (double)whole;
}
static double whole_file(const struct fb_md *m)
{
    uint64_t claimed = 0, held = 0;
    for (size_t i = 0; i < m->dump->n_streams; i++) {
        const struct fb_stream_row *row = &m->dump->streams[i];
        claimed += row->type != 0 ? row->size : 0;
        held += row->type != 0 ? fb_span_clip(m->file, row->at, row->size).n : 0;
    }
    return claimed == 0 ? 0.0 : (double)held / (double)claimed;
}
static double machine(const struct fb_md *m)
{
    const struct fb_system *sys = &m->dump->system;
    return (sys->arch != FB_ARCH_UNKNOWN ? 0.5 : 0.0) + (sys->os != FB_OS_UNKNOWN ? 0.5 : 0.0);
}
static double modules(const struct fb_md *m) { return m->dump->modules.n != 0; }
static double module_ids(const struct fb_md *m)
{
    size_t known = 0;
    for (size_t i = 0; i < m->dump->modules.n; i++)
        known += m->dump->modules.v[i].build.id.n != 0 ||
                 m->dump->modules.v[i].code_id != FB_CODE_ID_NONE;
    return share(known, m->dump->modules.n);
}
static double threads(const struct fb_md *m)
{
    size_t good = 0;
    for (size_t i = 0; i < m->dump->threads.n; i++)
        good += m->dump->threads.v[i].regs.valid != 0 && m->dump->threads.v[i].stack.n != 0;
    return share(good, m->dump->threads.n);
}
static double exception(const struct fb_md *m)
{
    return fb_md_has(m, FB_MD_EXCEPTION) ? m->dump->exception.present : NOT_ASKED;
}
static const struct fb_thread *crashing(const struct fb_md *m)
{
    size_t i = m->dump->crashing;
    return i < m->dump->threads.n ? &m->dump->threads.v[i] : NULL;
}
static double registers(const struct fb_md *m)
{
    const struct fb_thread *thread = crashing(m);
    if (thread == NULL && !fb_md_has(m, FB_MD_EXCEPTION))
        return NOT_ASKED;
    return thread != NULL && thread->regs.valid != 0;
}
static double stack(const struct fb_md *m)
{
    if (registers(m) < 1)
        return registers(m);
    return fb_memory_at(&m->dump->memory, fb_reg_sp(&crashing(m)->regs), 1).n != 0;
}
static double code(const struct fb_md *m)
{
    if (registers(m) < 1)
        return registers(m);
    return fb_memory_at(&m->dump->memory, fb_reg_ip(&crashing(m)->regs), 1).n != 0;
}
/* dbghelp says in the flags what it was asked for; Crashpad on Linux and all on
 * macOS have none. */
static double protections(const struct fb_md *m)
{
    bool promised = (m->dump->flags & FULL_MEMORY_INFO) != 0 ||
                    fb_md_has(m, FB_MD_MEMORY_INFO_LIST) || fb_md_has(m, FB_MD_LINUX_MAPS) ||
                    fb_md_has(m, FB_MD_LINUX_CPUINFO);
    return promised ? m->dump->pages.n != 0 : NOT_ASKED;
}

/* Notes of something that was lost, or is not what it should be; what is missing altogether
 * the other rows count. A dump where all is odd has none of these points. */
static double soundness(const struct fb_md *m)
{
    static const bool lossy[FB_NOTE_COUNT] = {
        [FB_NOTE_TRUNCATED] = true,      [FB_NOTE_BAD_STREAM] = true,
        [FB_NOTE_BAD_ITEM] = true,       [FB_NOTE_CUT_LIST] = true,
        [FB_NOTE_BAD_TEXT] = true,       [FB_NOTE_BAD_RANGE] = true,
        [FB_NOTE_BAD_CONTEXT] = true,    [FB_NOTE_LIMIT] = true,
        [FB_NOTE_UNREAD] = true,         [FB_NOTE_DUPLICATE_STREAM] = true,
        [FB_NOTE_DUPLICATE_ITEM] = true,
    };
    size_t n = m->notes->dropped;
    for (size_t i = 0; i < m->notes->n; i++)
        n += lossy[m->notes->v[i].code];
    return n < NOTES_OF_RUIN ? 1.0 - (double)n / NOTES_OF_RUIN : 0.0;
}

static const struct {
    double weight;
    double (*held)(const struct fb_md *m);
} parts[] = {
    {10, whole_file }, // streams that lie within the file, by bytes
    {10, machine    }, // CPU and system
    {10, modules    }, // any at all
    {10, module_ids }, // the share that symbols can be found for
    {10, threads    }, // the share that can be walked
    {10, exception  },
    {15, registers  }, // of the crashing thread
    {15, stack      },
    {5,  code       }, // bytes of the crashing instruction
    {5,  protections},
    {5,  soundness  }, // few notes of something lost
};

double fb_md_completeness(const struct fb_md *m)
{
    double sum = 0, asked = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        double held = parts[i].held(m);
        if (held < 0)
            continue;
        sum += parts[i].weight * held;
        asked += parts[i].weight;
    }
    return sum / asked;
}
