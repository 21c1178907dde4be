/*
 * worker/analysis/dump.h -- what was read from one dump: the common ground of reader,
 * walker and judge.
 *
 * minidump/ or kernel/ fills it, everything else only reads it. All pointers lead into the
 * arena of the report or are views into the file. Text is valid UTF-8, NUL-terminated, not yet
 * escaped for any medium; NULL is absent.
 */
#pragma once
#include "base/arena.h"
#include "base/reader.h"
#include "build_ids.h"
#include "process.h"

typedef uint64_t fb_addr; // an address in the process that crashed: compared, never followed

/* --- what was odd ------------------------------------------------------------------- */

/* Codes of notes: stable names, listed in docs/analysis-json.md. One row to add. */
#define FB_NOTE_CODES(X)                                                                       \
    X(TRUNCATED, "truncated", "the file ends before something it claims to hold")              \
    X(BAD_STREAM, "bad_stream", "a stream could not be read at all")                           \
    X(DUPLICATE_STREAM, "duplicate_stream",                                                    \
      "a stream stands twice; the first one that can be read counts")                          \
    X(MISSING_STREAM, "missing_stream", "a stream that every dump should have is not there")   \
    X(BAD_ITEM, "bad_item", "one item of a list could not be read")                            \
    X(CUT_LIST, "cut_list", "a list claims more items than its bytes can hold")                \
    X(DUPLICATE_ITEM, "duplicate_item", "two items claim the same identity; the first counts") \
    X(BAD_TEXT, "bad_text", "a text was not valid UTF-8 or UTF-16, or too long")               \
    X(BAD_RANGE, "bad_range", "an address range is empty, wraps, or overlaps another")         \
    X(BAD_CONTEXT, "bad_context", "a CPU context has the wrong size or flags")                 \
    X(BYTE_ORDER, "byte_order", "the dump was written in the other byte order")                \
    X(GUESSED, "guessed", "a value was missing and was inferred")                              \
    X(WALK, "walk", "a stack walk ended early")                                                \
    X(LIMIT, "limit", "a named limit was reached")                                             \
    X(UNREAD, "unread", "a part of the dump is of a kind that is not read")
#define X(code, name, meaning) FB_NOTE_##code,
enum fb_note_code { FB_NOTE_CODES(X) FB_NOTE_COUNT };
#undef X

enum { FB_NOTES_MAX = 256 };
struct fb_note {
    enum fb_note_code code;
    const char *what; // a literal
    uint64_t at;      // byte offset in the file; UINT64_MAX when there is none
};
struct fb_notes {
    struct fb_note v[FB_NOTES_MAX];
    size_t n;
    size_t dropped; // beyond FB_NOTES_MAX
};
#define FB_NOWHERE UINT64_MAX
/** Note something odd. `what` is a literal. */
void fb_note(struct fb_notes *notes, enum fb_note_code code, const char *what, uint64_t at);

/* --- the machine -------------------------------------------------------------------- */

enum fb_arch { FB_ARCH_UNKNOWN, FB_X86, FB_AMD64, FB_ARM, FB_ARM64, FB_ARCH_OTHER };
enum fb_os { FB_OS_UNKNOWN, FB_WINDOWS, FB_MACOS, FB_IOS, FB_LINUX, FB_ANDROID, FB_OS_OTHER };

struct fb_system {
    enum fb_arch arch;
    enum fb_os os;
    const char *arch_name; // literal, of a CPU that is not walked; NULL: any other
    uint16_t arch_id;      // as recorded
    uint32_t platform_id;  // as recorded
    uint32_t major, minor, build;
    uint32_t cpu_count;
    const char *csd;      // service pack, build or uname text
    const char *cpu_info; // for people: "AuthenticAMD family 25 model 17 stepping 1"
};

/* Registers by architecture, in the order of the tables in registers.c (names, and which is
 * ip, sp, fp). */
enum { FB_EAX, FB_EBX, FB_ECX, FB_EDX, FB_ESI, FB_EDI, FB_EBP, FB_ESP, FB_EIP, FB_EFLAGS };
enum {
    FB_RAX,
    FB_RBX,
    FB_RCX,
    FB_RDX,
    FB_RSI,
    FB_RDI,
    FB_RBP,
    FB_RSP,
    FB_R8,
    FB_R9,
    FB_R10,
    FB_R11,
    FB_R12,
    FB_R13,
    FB_R14,
    FB_R15,
    FB_RIP,
    FB_RFLAGS,
};
enum { FB_X0 = 0, FB_FP64 = 29, FB_LR64 = 30, FB_SP64 = 31, FB_PC64 = 32, FB_CPSR64 = 33 };
enum {
    FB_R0 = 0,
    FB_R7_32 = 7,
    FB_FP32 = 11,
    FB_SP32 = 13,
    FB_LR32 = 14,
    FB_PC32 = 15,
    FB_CPSR32 = 16
};
enum { FB_REGS_MAX = 34 };

struct fb_regs {
    enum fb_arch arch;
    uint64_t valid; // bit i: v[i] is known
    uint64_t v[FB_REGS_MAX];
};
struct fb_reg_names {
    size_t n;
    const char *const *name;
    int ip, sp, fp; // indices
    int lr;         // of the link register; -1: calls put the return address on the stack
    size_t word;    // pointer size in bytes
};
/** Names and roles of an architecture's registers; n = 0 for those we do not read. */
const struct fb_reg_names *fb_reg_names(enum fb_arch arch);
static inline bool fb_reg_known(const struct fb_regs *r, int i)
{
    return i >= 0 && (r->valid >> i & 1) != 0;
}
static inline void fb_reg_set(struct fb_regs *r, int i, uint64_t v)
{
    r->v[i] = v;
    r->valid |= UINT64_C(1) << i;
}
/** One register; 0 when unknown. */
static inline uint64_t fb_reg_value(const struct fb_regs *r, int i)
{
    return fb_reg_known(r, i) ? r->v[i] : 0;
}
/** The same registers. Those behind the last known one are not touched: few machines have as
 * many as there is room for. */
static inline void fb_regs_copy(struct fb_regs *to, const struct fb_regs *from)
{
    int n = from->valid != 0 ? 64 - __builtin_clzll(from->valid) : 0;
    to->arch = from->arch;
    to->valid = from->valid;
    memcpy(to->v, from->v, (size_t)n * sizeof *to->v);
}
/** Instruction pointer, stack pointer and frame pointer; 0 when unknown. */
uint64_t fb_reg_ip(const struct fb_regs *r);
uint64_t fb_reg_sp(const struct fb_regs *r);
uint64_t fb_reg_fp(const struct fb_regs *r);

/* --- the process -------------------------------------------------------------------- */

enum fb_code_id {
    FB_CODE_ID_NONE,
    FB_CODE_ID_PE,    // timestamp and size
    FB_CODE_ID_BUILD, // the build id as it is
    FB_CODE_ID_UUID   // Mach-O: the debug id without the age
};
struct fb_module {
    fb_addr base;
    uint64_t size; // as recorded
    // For look-ups: the base of the next module where two overlap; == base when unusable.
    fb_addr end;
    uint32_t timestamp, checksum;
    const char *path;               // as recorded; empty, never NULL, when unreadable
    const char *name;               // last component, split at / and \ alike
    const char *debug_file;         // last component; NULL when there is none
    struct fb_build build;          // the debug id, and
    enum fb_code_id code_id;        // what the code id is made of: see fb_module_debug_id ...
    uint32_t version[4];            // all 0: there is none
    const char *const *annotations; // n_annotations pairs name, value (Crashpad, per module)
    size_t n_annotations;
};
enum { FB_VERSION_ROOM = 48 };
struct fb_modules {
    struct fb_module *v; // in address order
    size_t n;
    size_t main; // index of the program itself; SIZE_MAX when there is none
};
struct fb_unloaded {
    fb_addr base;
    uint64_t size;
    uint32_t timestamp, checksum;
    const char *name; // last component; likewise
    const char *code_id;
};

struct fb_region { // bytes of the process that the dump holds
    fb_addr start;
    struct fb_span bytes;
};
struct fb_memory {
    struct fb_region *v; // by start, then size; may overlap
    size_t n;
    uint64_t longest; // size of the longest region: how far back a look-up must go
    bool big;         // the process kept its words most significant byte first
};

enum fb_page_source { FB_PAGES_NONE, FB_PAGES_MEMORY_INFO, FB_PAGES_MAPS };
enum { FB_PAGE_READ = 1, FB_PAGE_WRITE = 2, FB_PAGE_EXECUTE = 4, FB_PAGE_GUARD = 8 };
enum fb_page_kind {
    FB_PAGE_FREE,
    FB_PAGE_RESERVED,
    FB_PAGE_PRIVATE,
    FB_PAGE_MAPPED,
    FB_PAGE_IMAGE,
    FB_PAGE_STACK,
    FB_PAGE_HEAP
};
struct fb_page { // a range of pages with one protection, whether its bytes are in the dump or
                 // not
    fb_addr start;
    uint64_t size;
    unsigned access; // FB_PAGE_READ ...
    enum fb_page_kind kind;
    const char *name; // of the mapping, on Linux; NULL elsewhere
};
struct fb_pages {
    struct fb_page *v; // by start
    size_t n;
    enum fb_page_source source;
};

/* Unwind data that the process has registered for code it made itself (RtlAddFunctionTable):
 * entries as in .pdata, whose addresses count from `base`. */
struct fb_function_table {
    fb_addr start, end, base;
    struct fb_span entries;
    size_t entry_size; // bytes
};

struct fb_thread {
    uint32_t id;
    fb_addr teb;
    fb_addr stack_start;    // as recorded
    struct fb_span stack;   // empty when the dump does not hold it
    struct fb_span context; // raw, may be empty
    struct fb_regs regs;    // valid == 0 when there is no usable context
    const char *name;
    uint64_t last_error;  // Windows; UINT64_MAX when the TEB was not captured
    uint64_t last_status; // NTSTATUS, likewise
    fb_addr stack_base;   // Windows: the stack's high end, and how low its pages
    fb_addr stack_limit;  // reach; 0 when the TEB was not captured
    struct fb_thread_info info;
    fb_addr shadow_stack; // CET's shadow-stack pointer; 0: unknown
};
struct fb_threads {
    struct fb_thread *v;
    size_t n;
};

enum { FB_EXCEPTION_PARAMETERS_MAX = 15 };
struct fb_nested_exception { // one that was being handled, read from the process' memory
    uint32_t code, flags;
    fb_addr address;
    uint32_t n_parameters;
    uint64_t parameters[FB_EXCEPTION_PARAMETERS_MAX];
};
struct fb_exception {
    bool present;
    uint32_t thread_id;
    uint32_t code, flags;
    fb_addr address;
    fb_addr nested;                          // address of the next record
    const struct fb_nested_exception *outer; // as far as they were captured, nearest first
    size_t n_outer;
    uint32_t n_parameters;
    uint64_t parameters[FB_EXCEPTION_PARAMETERS_MAX];
    struct fb_span context;
    struct fb_regs regs; // valid == 0 when absent
};

enum { FB_BUGCHECK_PARAMETERS = 4 };
struct fb_bugcheck { // why a Windows kernel stopped
    bool present;
    uint32_t code; // as recorded
    uint64_t parameters[FB_BUGCHECK_PARAMETERS];
};
struct fb_kernel {       // what a kernel dump alone tells
    const char *type;    // literal: "triage" ...; NULL when unknown
    const char *process; // whose thread stopped the kernel
    const char *comment;
    bool explained; // the bugcheck tells of an exception; else `exception` is its breakpoint
};

struct fb_pair { // an annotation: a name and what was said
    const char *name, *value;
};
struct fb_stream_row {
    uint32_t type, size;
    uint64_t at;
};
struct fb_lsb {
    const char *id, *release, *codename, *description;
};

struct fb_dump {
    struct fb_span file;
    bool swapped;  // written in the other byte order
    uint32_t time; // of the dump, unix seconds
    uint64_t flags;
    const struct fb_stream_row *streams;
    size_t n_streams;
    const char *writer; // literal: "dbghelp", "crashpad", "breakpad", "wine", "unknown"

    struct fb_system system;
    bool has_misc;
    uint32_t pid;           // 0 when unknown
    uint32_t process_start; // unix seconds, 0 when unknown
    struct fb_modules modules;
    struct fb_misc misc;
    const struct fb_unloaded *unloaded;
    size_t n_unloaded;
    const char *comment, *comment_wide; // that the writer was asked to add, ANSI and UTF-16
    const struct fb_handle *handles;
    size_t n_handles;
    const struct fb_handle_operation *handle_operations;
    size_t n_handle_operations;
    const struct fb_token *tokens;
    size_t n_tokens;
    struct fb_vm_counters counters;
    struct fb_system_memory system_memory;
    struct fb_linux proc;                    // what Linux tells of it
    struct fb_span proc_status, environment; // raw: see the functions that read them
    const struct fb_mac_record *mac_records;
    size_t n_mac_records;
    const char *mac_boot_args;
    const char *soft_errors;           // JSON of the writer, on what it could not do
    const char *report_id, *client_id; // Crashpad's, as GUIDs
    struct fb_memory memory;
    struct fb_pages pages;
    struct fb_threads threads;
    size_t crashing; // index of the crashing, else the requesting thread; SIZE_MAX: none
    bool requested;  // `crashing` only requested the dump: nothing crashed
    uint32_t writing_thread; // id of the thread that wrote the dump; 0: unknown
    struct fb_exception exception;
    struct fb_bugcheck bugcheck; // present: a kernel dump, not a minidump
    struct fb_kernel kernel;
    const struct fb_function_table *function_tables; // in address order
    size_t n_function_tables;
    const struct fb_pair *annotations; // Crashpad simple and string annotations of the process
    size_t n_annotations;
    const char *assertion; // Breakpad's, macOS': text of a failed check; NULL: there is none
    uint64_t address_mask; // Crashpad: bits that are not part of a code address
    bool has_lsb;
    struct fb_lsb lsb;
    size_t n_maps;       // lines of the Linux memory map, 0 when there is none
    double completeness; // 0 ... 1
};

/* --- for those who fill it ---------------------------------------------------------- */

/** A view of what follows the last slash or backslash. NULL for NULL. */
const char *fb_last_component(const char *path);
/** Order for fb_sort: regions by start, then size, then place. */
int fb_region_order(const void *a, const void *b);

/* --- for those who read it ---------------------------------------------------------- */

/** What the raw status says. Neither it nor the environment is read before somebody asks: they
 * are long, name persons, and no walk needs them. */
struct fb_proc_status fb_proc_status(struct fb_span raw);
/** The next name of an environment, "" at its end; `rest` goes on behind it. What is not a
 * variable is skipped: environments are cut, and overwritten by the titles of programs.
 * @return a view, without a NUL */
struct fb_span fb_environment_name(struct fb_span *rest);
/** The ids and the version of a module, spelled: debug ids upper case with the age, code ids
 * lower case. @return `out`; NULL when there is none */
const char *fb_module_debug_id(const struct fb_module *module, char out[FB_DEBUG_ID_ROOM]);
const char *fb_module_code_id(const struct fb_module *module, char out[FB_CODE_ID_ROOM]);
const char *fb_module_version(const struct fb_module *module, char out[FB_VERSION_ROOM]);
/** Whether both have the same ids. */
bool fb_module_same_ids(const struct fb_module *a, const struct fb_module *b);
/** The module that holds `a`; NULL when none does. */
const struct fb_module *fb_module_at(const struct fb_modules *modules, fb_addr a);
/** The pages that hold `a`; NULL when unknown. */
const struct fb_page *fb_page_at(const struct fb_pages *pages, fb_addr a);
struct fb_bounds { // addresses, both included
    fb_addr first, last;
};
#define FB_EVERYWHERE ((struct fb_bounds){0, UINT64_MAX})
/** The same; `bounds` is narrowed to addresses around `a` of which the same is true. */
const struct fb_module *fb_module_around(const struct fb_modules *modules, fb_addr a,
                                         struct fb_bounds *bounds);
const struct fb_page *fb_page_around(const struct fb_pages *pages, fb_addr a,
                                     struct fb_bounds *bounds);
/** The one region that holds `a`; NULL: none does, or `*several`, or nobody has counted them.
 */
const struct fb_region *fb_memory_around(const struct fb_memory *memory, fb_addr a,
                                         struct fb_bounds *bounds, bool *several);
/** The bytes from `a` on, as many as one region holds of `max`; empty when none holds `a`. */
struct fb_span fb_memory_at(const struct fb_memory *memory, fb_addr a, size_t max);
/** Read `n` <= 8 bytes as a number in the dump's byte order, across adjacent regions.
 * @return false: not all are there */
bool fb_memory_read(const struct fb_memory *memory, fb_addr a, size_t n, uint64_t *out);
