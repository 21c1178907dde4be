/*
 * worker/analysis/minidump/parts.h -- what the parts of the reader share: the dump under way,
 * how lists and strings are read, and the limits. Nobody outside minidump/ includes it.
 *
 * A part never fails for want of memory itself: fb_md_new returns NULL and remembers it, the
 * part gives up, and file.c reports LIMIT. What a part returns says only whether its stream
 * could be read; if not, the next stream of the same type gets its chance.
 */
#pragma once
#include "base/text.h"
#include "minidump/minidump.h"

/* Far beyond honest dumps, and within the time box. */
enum {
    FB_MD_HEADER_SIZE = 32,
    FB_MD_STREAMS_MAX = 1024,
    FB_MD_THREADS_MAX = 8192,
    FB_MD_MODULES_MAX = 16384,
    FB_MD_UNLOADED_MAX = 4096,
    FB_MD_REGIONS_MAX = 1048576, // per list
    FB_MD_PAGES_MAX = 1048576,
    FB_MD_FUNCTION_TABLES_MAX = 65536,
    FB_MD_STRING_MAX = 32768, // bytes of the file, per text
    FB_MD_VALUE_MAX = 65536,  // the same, of an annotation
    FB_MD_RECORD_MAX = 4096,  // CodeView and IMAGE_DEBUG_MISC
    FB_MD_XSAVE_MAX = 16384,
    FB_MD_AMD64_SIZE = 1232, // of a context
    FB_MD_X86_SIZE = 716,
    FB_MD_CONTEXT_MAX = FB_MD_AMD64_SIZE + FB_MD_XSAVE_MAX,
    FB_MD_ANNOTATIONS_MAX = 4096,
    FB_MD_HANDLES_MAX = 65536, // and operations on them
    FB_MD_TOKENS_MAX = 4096,
    FB_MD_WORDS_MAX = 4096,  // of a command line, an environment, limits
    FB_MD_ENTRY_MAX = 65536, // declared entry size of the newer lists
    FB_MD_TEXT_FREE = 65536, // texts may always take this much; see text_left
};

#define FB_MD_STREAMS(X)                                                                       \
    X(THREAD_LIST, 3)                                                                          \
    X(MODULE_LIST, 4)                                                                          \
    X(MEMORY_LIST, 5)                                                                          \
    X(EXCEPTION, 6)                                                                            \
    X(SYSTEM_INFO, 7)                                                                          \
    X(THREAD_EX_LIST, 8)                                                                       \
    X(MEMORY64_LIST, 9)                                                                        \
    X(COMMENT_A, 10)                                                                           \
    X(COMMENT_W, 11)                                                                           \
    X(HANDLE_DATA, 12)                                                                         \
    X(FUNCTION_TABLE, 13)                                                                      \
    X(UNLOADED_MODULE_LIST, 14)                                                                \
    X(MISC_INFO, 15)                                                                           \
    X(MEMORY_INFO_LIST, 16)                                                                    \
    X(THREAD_INFO_LIST, 17)                                                                    \
    X(HANDLE_OPERATION_LIST, 18)                                                               \
    X(TOKEN, 19)                                                                               \
    X(JAVASCRIPT_DATA, 20)                                                                     \
    X(SYSTEM_MEMORY_INFO, 21)                                                                  \
    X(VM_COUNTERS, 22)                                                                         \
    X(IPT_TRACE, 23)                                                                           \
    X(THREAD_NAMES, 24)                                                                        \
    X(WINE, 0xFFF0)                                                                            \
    X(CRASHPAD_INFO, 0x43500001)                                                               \
    X(BREAKPAD_INFO, 0x47670001)                                                               \
    X(ASSERTION, 0x47670002)                                                                   \
    X(LINUX_CPUINFO, 0x47670003)                                                               \
    X(LINUX_STATUS, 0x47670004)                                                                \
    X(LINUX_LSB, 0x47670005)                                                                   \
    X(LINUX_COMMAND_LINE, 0x47670006)                                                          \
    X(LINUX_ENVIRONMENT, 0x47670007)                                                           \
    X(LINUX_AUXV, 0x47670008)                                                                  \
    X(LINUX_MAPS, 0x47670009)                                                                  \
    X(LINUX_DSO_DEBUG, 0x4767000A)                                                             \
    X(MAC_CRASH_INFO, 0x4D7A0001)                                                              \
    X(MAC_BOOT_ARGS, 0x4D7A0002)                                                               \
    X(LINUX_LIMITS, 0x4D7A0003)                                                                \
    X(SOFT_ERRORS, 0x4D7A0004)
#define X(name, number) FB_MD_##name = (number),
enum fb_md_type { FB_MD_STREAMS(X) };
#undef X

struct fb_md_stream {
    struct fb_span bytes; // what the file has of it
    uint64_t claimed;     // how long it says it is
};

struct fb_md_location { // in the file: {size, rva}
    uint32_t size, rva;
};

/* A dump under way. */
struct fb_md {
    struct fb_span file;
    bool big;
    struct fb_arena *arena;
    bool full; // the arena was too small: sticky
    struct fb_notes *notes;
    struct fb_dump *dump;
    /* Many names may point to one long string, so texts have a budget that an honest dump,
     * where each has bytes of its own, cannot spend. */
    uint64_t text_left;
    bool text_spent;
    struct fb_md_stream memory_list, memory64_list; // kept until the thread stacks are known
    uint32_t *module_order;                         // place in the list of module i of the file
    struct fb_md_by_id {
        uint32_t id, index;
    } * by_id;  // threads by id, then by place: the first one of an id counts
    bool wow64; // a 32-bit process, in a dump as of a 64-bit one
    bool context_noted, unflagged_noted; // once is enough of what holds for all contexts
    bool requesting_known;
    uint32_t requesting;         // thread id, Breakpad
    struct fb_span xstate_table; // MiscInfo's: {offset, size} of each XSAVE feature
    uint16_t first[64], *next; // rows of the directory, from 1 on, chained by type: see file.c
};

/** `n` zeroed elements; NULL, and `full` set, when the arena has no room. */
void *fb_md_alloc(struct fb_md *m, size_t n, size_t size, size_t align);
#define FB_MD_NEW(m, type, n) ((type *)fb_md_alloc((m), (n), sizeof(type), alignof(type)))

static inline struct fb_reader fb_md_reader(const struct fb_md *m, struct fb_span in)
{
    return (struct fb_reader){.in = in, .big = m->big};
}
static inline struct fb_md_location fb_md_location(struct fb_reader *r)
{
    uint32_t size = fb_read_u32(r);
    return (struct fb_md_location){size, fb_read_u32(r)};
}
static inline bool fb_md_is_32bit(const struct fb_md *m)
{
    return m->dump->system.arch == FB_X86 || m->dump->system.arch == FB_ARM;
}
/** An address as recorded. 32-bit writers may have extended its sign. */
static inline fb_addr fb_md_address(const struct fb_md *m, uint64_t a)
{
    return a >> 31 == 0x1FFFFFFFF && fb_md_is_32bit(m) ? a & 0xFFFFFFFF : a;
}
/** Whether the directory has a stream of that type, readable or not. */
bool fb_md_has(const struct fb_md *m, enum fb_md_type type);

/* --- strings.c: all texts are valid UTF-8 in the arena, and end before a NUL -------- */

/** A counted UTF-16 string. NULL for rva 0, and with a note for what cannot be read. */
const char *fb_md_string(struct fb_md *m, uint64_t rva);
/** A counted UTF-8 string, as Crashpad writes them. Likewise. */
const char *fb_md_string8(struct fb_md *m, uint64_t rva);
/** The text that `bytes` hold, at most `max` of them. NULL when the budget is spent. */
const char *fb_md_text16(struct fb_md *m, struct fb_span bytes);
const char *fb_md_text8(struct fb_md *m, struct fb_span bytes, size_t max);
/** A copy of a text of ours. */
const char *fb_md_keep(struct fb_md *m, const struct fb_text *text);

/* --- lines.c: texts of lines and of words ------------------------- */

struct fb_span fb_md_trim(struct fb_span s);
/** The values of lines "name = value" or "name: value", trimmed: per name that of its first
 * line, empty when it has none. All `n` names are looked for in one pass. */
void fb_md_values(struct fb_span text, char separator, const char *const *names,
                  struct fb_span *values, size_t n);
/** A decimal number at the start of `text`, 0 when there is none; UINT64_MAX: it is larger. */
uint64_t fb_md_decimal(struct fb_span text);
/** What stands before the first `end`, or all of it; `rest` goes on behind it. */
static inline struct fb_span fb_md_cut_at(struct fb_span *rest, int end)
{
    struct fb_span before = *rest;
    if (rest->n == 0)
        return before;
    const uint8_t *found = memchr(rest->p, end, rest->n);
    before.n = found != NULL ? (size_t)(found - rest->p) : rest->n;
    size_t past = before.n + (found != NULL);
    *rest = (struct fb_span){rest->p + past, rest->n - past, rest->off + past};
    return before;
}
static inline struct fb_span fb_md_next_line(struct fb_span *rest)
{
    return fb_md_cut_at(rest, '\n');
}

/* --- list.c ------------------------------------------------------------------------- */

struct fb_md_list {
    struct fb_span bytes; // of the entries
    size_t n, entry;
};
/** How many of the `claimed` entries of `entry` bytes the rest of `r` holds, at most `max`;
 * notes when that is fewer than are claimed. */
size_t fb_md_room(struct fb_md *m, const struct fb_reader *r, uint64_t claimed, size_t entry,
                  size_t max);
/** A count of 4 bytes and then entries of `entry` bytes, perhaps padded. */
struct fb_err fb_md_list(struct fb_md *m, struct fb_md_stream s, size_t entry, size_t max,
                         struct fb_md_list *out);
/** A list that says how long its header and entries are; the count has `count` bytes. */
struct fb_err fb_md_sized_list(struct fb_md *m, struct fb_md_stream s, size_t count,
                               size_t entry_min, size_t max, struct fb_md_list *out);
/** The bytes of entry `i`, and a reader over them. */
static inline struct fb_span fb_md_record(const struct fb_md_list *list, size_t i)
{
    return fb_span_sub(list->bytes, i * list->entry, list->entry);
}
struct fb_reader fb_md_entry(const struct fb_md *m, const struct fb_md_list *list, size_t i);

/* --- the parts: one reader per type of stream. @fails TRUNCATED, MALFORMED ---------- */

typedef struct fb_err fb_md_part(struct fb_md *m, struct fb_md_stream s);
fb_md_part fb_md_system, fb_md_misc, fb_md_modules, fb_md_unloaded, fb_md_threads,
    fb_md_threads_ex, fb_md_thread_info, fb_md_thread_names, fb_md_memory_list,
    fb_md_memory64_list, fb_md_memory_info, fb_md_function_tables, fb_md_exception,
    fb_md_crashpad, fb_md_breakpad, fb_md_comment, fb_md_comment_wide, fb_md_handles,
    fb_md_handle_operations, fb_md_tokens, fb_md_system_memory, fb_md_vm_counters,
    fb_md_assertion, fb_md_cpuinfo, fb_md_status, fb_md_lsb, fb_md_maps, fb_md_mac_crash_info,
    fb_md_command_line, fb_md_environment, fb_md_auxv, fb_md_dso_debug, fb_md_limits,
    fb_md_boot_args, fb_md_soft_errors;

/** Why a file is not read as a minidump: what it is instead, and what to do with it. */
struct fb_err fb_md_not_a_minidump(struct fb_span file);
/** Architecture and system, when SystemInfo is missing or silent: from the other streams. */
void fb_md_guess_system(struct fb_md *m);
void fb_md_guess_arch(struct fb_md *m, struct fb_span context);
/** Put `n` more modules, in address order and on no other's addresses, among the others. */
void fb_md_add_modules(struct fb_md *m, const struct fb_module *more, size_t n);
/** CodeView and MISC records: debug file and ids of `module`. */
void fb_md_identify(struct fb_md *m, struct fb_md_location codeview, struct fb_md_location misc,
                    struct fb_module *module);
/** One more range of pages, for which there is room; and all of them in order. */
void fb_md_add_page(struct fb_md *m, const struct fb_page *page, uint64_t at);
void fb_md_sort_pages(struct fb_md *m);
/** Put all regions in order: both lists and the thread stacks. */
void fb_md_memory(struct fb_md *m);
/** What threads need memory for: registers, stacks of which only the address is
 * known, and what Windows keeps in a thread's own block. */
void fb_md_thread_contexts(struct fb_md *m);
void fb_md_tebs(struct fb_md *m);
/** Index of the thread with that id; SIZE_MAX when there is none. */
size_t fb_md_thread_by_id(const struct fb_md *m, uint32_t id);
/** Choose the crashing thread and give it the registers of the exception. */
void fb_md_crashing(struct fb_md *m);
/** Registers of a context, and whether its flags say nothing about what is valid. */
struct fb_regs fb_md_context(enum fb_arch arch, struct fb_span context, bool big,
                             bool *unflagged);
/** The same, believed only if ip or sp lead somewhere; notes what is odd. */
struct fb_regs fb_md_believed_context(struct fb_md *m, struct fb_span context);
/** Find out whether the process ran 32-bit code on 64-bit Windows; if so, its CPU is x86. */
void fb_md_wow64(struct fb_md *m);
/** The registers that the 32-bit code of a thread had when it entered the system. */
struct fb_regs fb_md_wow64_regs(struct fb_md *m, const struct fb_thread *thread);
/** The shadow-stack pointer that the extended state of an AMD64 context holds; 0: none. */
fb_addr fb_md_shadow_stack(struct fb_md *m, struct fb_span context);
/** The last look at the whole: who wrote it, and how much of it there is. */
const char *fb_md_writer(const struct fb_md *m);
double fb_md_completeness(const struct fb_md *m);
