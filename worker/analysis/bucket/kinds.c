/*
 * worker/analysis/bucket/kinds.c -- an ordered table: what kind of crash was it, where the kind
 * says more than the frames?
 *
 * Read from the top, the first that holds gives the first part of the signature. A request
 * comes before all, since nothing crashed; broken hardware and exhausted memory before what
 * they look like; a kernel's own word, its bugcheck, before that of any exception; what the
 * program itself said before what the processor said.
 */
#include "bucket/codes.h"
#include "bucket/signature.h"
#include "bugchecks.h"

#include <string.h>

enum { OOM_SMALL = 256 * 1024 };  // larger requests are worth their stack
enum { STACK_GUARD = 64 * 1024 }; // how far from SP a stack overflow may touch
enum { ERROR_NOT_ENOUGH_MEMORY = 8, ERROR_COMMITMENT_LIMIT = 1455 };
enum { MESSAGE_MAX = 60 };

struct kind_input {
    const struct fb_analysis *a;
    const struct fb_key_frames *frames;
    struct fb_text *words;
    bool alone;
};

static const char *annotation(const struct fb_dump *dump, const char *const *names, size_t n)
{
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; i < dump->n_annotations; i++) {
            const struct fb_pair *pair = &dump->annotations[i];
            if (pair->name != NULL && pair->value != NULL && pair->value[0] != 0 &&
                strcmp(pair->name, names[k]) == 0)
                return pair->value;
        }
    return NULL;
}
#define ANNOTATION(dump, names) annotation((dump), names, sizeof names / sizeof *names)

static bool is_os(const struct kind_input *in, enum fb_os os)
{
    return in->a->dump.system.os == os;
}
static bool is_unix(const struct kind_input *in)
{
    return is_os(in, FB_LINUX) || is_os(in, FB_ANDROID);
}
static bool windows_code(const struct kind_input *in, uint32_t code)
{
    return is_os(in, FB_WINDOWS) && in->a->dump.exception.present &&
           in->a->dump.exception.code == code;
}

/* --- a dump on request -------------------------------------------------------------- */

static bool report(struct kind_input *in)
{
    const struct fb_dump *dump = &in->a->dump;
    if (in->a->crash.crashed || (!dump->requested && !dump->exception.present))
        return false;
    fb_text_str(in->words, "report");
    return true;
}

/* --- hardware ----------------------------------------------------------------------- */

/* Which part of the machine a bugcheck complains of. */
static const char *broken_part(const struct fb_dump *dump)
{
    enum { STACK_READ_IN = 0x77, DATA_READ_IN = 0x7A, BAD_PAGE = 0x12B };
    const struct fb_bugcheck_row *row = fb_bugcheck_find(&dump->bugcheck);
    if (row == NULL || row->nature != FB_BUGCHECK_HARDWARE)
        return NULL;
    return row->code == STACK_READ_IN || row->code == DATA_READ_IN ? "disk"
           : row->code == BAD_PAGE                                 ? "memory"
                                                                   : "machine check";
}

static bool hardware(struct kind_input *in)
{
    const struct fb_exception *e = &in->a->dump.exception;
    const char *what = broken_part(&in->a->dump);
    uint64_t status = e->n_parameters > 2 ? e->parameters[2] : 0;
    if (windows_code(in, FB_WIN_IN_PAGE_ERROR) &&
        (status == FB_WIN_DEVICE_DATA_ERROR || status == FB_WIN_IO_DEVICE_ERROR))
        what = "disk";
    if (is_unix(in) && e->present && e->code == FB_SIGBUS &&
        (e->flags == FB_BUS_MCEERR_AR || e->flags == FB_BUS_MCEERR_AO))
        what = "memory";
    if (what == NULL)
        return false;
    fb_text_put(in->words, "hardware", sizeof "hardware");
    fb_text_str(in->words, what);
    in->alone = true;
    return true;
}

/* --- a kernel that stopped ----------------------------------------------------------- */

static void put_fast_fail(struct fb_text *words, const struct fb_exception *e)
{
    uint32_t code = e->n_parameters > 0 ? (uint32_t)e->parameters[0] : 0;
    const char *name = fb_code_find(fb_fast_fail_codes(), code);
    if (name != NULL)
        fb_text_str(words, name);
    else
        fb_text_dec(words, code);
}

static bool kernel(struct kind_input *in)
{
    const struct fb_dump *dump = &in->a->dump;
    if (!dump->bugcheck.present)
        return false;
    fb_text_str(in->words, "bugcheck 0x");
    fb_text_hex(in->words, fb_bugcheck_code(&dump->bugcheck), 1);
    if (windows_code(in, FB_WIN_FAST_FAIL)) {
        fb_text_char(in->words, ' ');
        put_fast_fail(in->words, &dump->exception);
    }
    return true;
}

/* --- out of memory ------------------------------------------------------------------ */

static const char *const size_names[] = {"OOMAllocationSize", "oom_allocation_size"};
static const char *const oom_functions[] = {
    "NS_ABORT_OOM",
    "mozalloc_handle_oom",
    "mozilla::CrashOnOOM",
    "js::AutoEnterOOMUnsafeRegion::crash",
    "handle_alloc_error",
    "alloc::alloc::handle_alloc_error",
    "rust_oom",
    "base::TerminateBecauseOutOfMemory",
    "base::internal::OnNoMemoryInternal",
    "std::__throw_bad_alloc",
};

/* @return false when no size is known */
static bool oom_size(const struct kind_input *in, uint64_t *size)
{
    const struct fb_exception *e = &in->a->dump.exception;
    const char *text = ANNOTATION(&in->a->dump, size_names);
    *size = 0;
    if (text != NULL && *text >= '0' && *text <= '9') {
        for (; *text >= '0' && *text <= '9' && *size < UINT32_MAX; text++)
            *size = *size * 10 + (uint64_t)(*text - '0');
        return true;
    }
    if (windows_code(in, FB_WIN_OUT_OF_MEMORY) && e->n_parameters > 0) {
        *size = e->parameters[0];
        return true;
    }
    return false;
}

static bool oom_function(const struct kind_input *in)
{
    enum { FRAMES_LOOKED_AT = 40 };
    for (size_t i = 0; i < in->frames->n && i < FRAMES_LOOKED_AT; i++) {
        const struct fb_key_frame *f = &in->frames->v[i];
        for (size_t k = 0; f->symbol && k < sizeof oom_functions / sizeof *oom_functions; k++)
            if (f->class != FB_FRAME_LOW && strcmp(f->name, oom_functions[k]) == 0)
                return true;
    }
    return false;
}

static bool oom_last_error(const struct kind_input *in)
{
    const struct fb_dump *dump = &in->a->dump;
    if (!is_os(in, FB_WINDOWS) || dump->crashing >= dump->threads.n)
        return false;
    uint64_t last = dump->threads.v[dump->crashing].last_error;
    return last == ERROR_NOT_ENOUGH_MEMORY || last == ERROR_COMMITMENT_LIMIT;
}

static bool oom(struct kind_input *in)
{
    uint64_t size;
    bool sized = oom_size(in, &size);
    if (!sized && !windows_code(in, FB_WIN_NO_MEMORY) &&
        !windows_code(in, FB_WIN_FATAL_MEMORY_EXHAUSTION) &&
        !windows_code(in, FB_WIN_OUT_OF_MEMORY) && !oom_function(in) && !oom_last_error(in))
        return false;
    in->alone = sized && size <= OOM_SMALL; // where the last bytes run out is chance
    fb_text_put(in->words, "OOM", sizeof "OOM");
    fb_text_str(in->words, !sized ? "unknown" : in->alone ? "small" : "large");
    return true;
}

/* --- stack overflow ----------------------------------------------------------------- */

static uint64_t distance(uint64_t a, uint64_t b) { return a > b ? a - b : b - a; }

/* Elsewhere than on Windows: an access just beyond the end of the stack that SP is in. */
static bool below_stack(const struct kind_input *in)
{
    const struct fb_exception *e = &in->a->dump.exception;
    uint64_t sp = fb_reg_sp(&e->regs), at = in->a->crash.address;
    bool memory_fault = is_unix(in) ? e->code == FB_SIGSEGV || e->code == FB_SIGBUS
                                    : e->code == FB_EXC_BAD_ACCESS && !is_os(in, FB_WINDOWS);
    if (!e->present || !memory_fault || sp == 0 || at == 0 || distance(sp, at) > STACK_GUARD)
        return false;
    const struct fb_pages *pages = &in->a->dump.pages;
    const struct fb_page *there = fb_page_at(pages, at);
    if (there != NULL)
        return (there->access & FB_PAGE_GUARD) != 0 || there->access == 0;
    const struct fb_page *above = fb_page_at(pages, at + STACK_GUARD);
    return above != NULL && above->kind == FB_PAGE_STACK;
}

static bool stack_overflow(struct kind_input *in)
{
    if (!windows_code(in, FB_WIN_STACK_OVERFLOW) && !below_stack(in))
        return false;
    fb_text_str(in->words, "stackoverflow");
    return true;
}

/* --- uncaught exceptions ------------------------------------------------------------ */

static bool uncaught(struct kind_input *in)
{
    const struct fb_exception *e = &in->a->dump.exception;
    bool apple = is_os(in, FB_MACOS) || is_os(in, FB_IOS);
    size_t before = in->words->n;
    fb_text_str(in->words, "uncaught ");
    if (windows_code(in, FB_WIN_CPP_EXCEPTION) && fb_thrown_type(&in->a->dump, in->words))
        return true;
    if (windows_code(in, FB_WIN_CLR_EXCEPTION) && e->n_parameters > 0) {
        fb_text_format(in->words, "CLR %08x", (unsigned)(uint32_t)e->parameters[0]);
        return true;
    }
    if (apple && e->present &&
        (e->code == FB_EXC_NSEXCEPTION ||
         (e->code == FB_EXC_SOFTWARE && e->flags == FB_MAC_SOFT_NSEXCEPTION))) {
        fb_text_str(in->words, "NSException");
        return true;
    }
    in->words->n = before;
    in->words->p[before] = 0;
    return false;
}

/* --- abort messages ----------------------------------------------------------------- */

static const char *const message_names[] = {"AbortMessage", "abort_message", "abort-message",
                                            "MozCrashReason", "assertion"};

static const char *abort_message(const struct fb_dump *dump)
{
    return dump->assertion != NULL && dump->assertion[0] != 0 ? dump->assertion
                                                              : ANNOTATION(dump, message_names);
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Length of the folders that a path at `p` begins with; 0 when it is no path. */
static size_t folders(const char *p, bool word_starts)
{
    size_t n = 0;
    bool drive = (p[0] >= 'A' && p[0] <= 'Z') || (p[0] >= 'a' && p[0] <= 'z');
    bool rooted =
        p[0] == '/' || p[0] == '\\' || (drive && p[1] == ':' && (p[2] == '/' || p[2] == '\\'));
    for (size_t i = 0; word_starts && rooted && p[i] > ' ' && p[i] <= '~' && p[i] != '"' &&
                       p[i] != '\'' && p[i] != ')' && p[i] != ',';
         i++)
        if (p[i] == '/' || p[i] == '\\')
            n = i + 1;
    return n;
}

/* Numbers, addresses and folders differ from machine to machine. */
static void put_message(struct fb_text *out, const char *p)
{
    size_t start = out->n;
    bool word_starts = true;
    while (*p != 0 && out->n - start < MESSAGE_MAX) {
        p += folders(p, word_starts);
        word_starts = *p == ' ' || *p == '"' || *p == '\'' || *p == '(';
        if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X') && is_hex(p[2])) {
            fb_text_str(out, "0x#");
            for (p += 2; is_hex(*p); p++)
                continue;
        } else if (is_digit(*p)) {
            fb_text_char(out, '#');
            while (is_digit(*p))
                p++;
        } else if (*p != 0) {
            bool shown = *p >= ' ' && *p <= '~' && *p != '|';
            fb_text_char(out, shown ? *p : ' ');
            p++;
        }
    }
    while (out->n > start && out->p[out->n - 1] == ' ')
        out->p[--out->n] = 0;
}

static bool aborted(struct kind_input *in)
{
    const char *message = abort_message(&in->a->dump);
    if (message == NULL)
        return false;
    fb_text_str(in->words, "abort: ");
    put_message(in->words, message);
    return true;
}

/* --- fast fail ---------------------------------------------------------------------- */

static bool fast_fail(struct kind_input *in)
{
    const struct fb_exception *e = &in->a->dump.exception;
    if (!windows_code(in, FB_WIN_FAST_FAIL))
        return false;
    uint32_t code = e->n_parameters > 0 ? (uint32_t)e->parameters[0] : 0;
    if (code == FB_FAST_FAIL_APP_EXIT) // plain abort(): the frames say who
        return false;
    fb_text_str(in->words, "fastfail ");
    put_fast_fail(in->words, e);
    return true;
}

/* --- execution where no code is ----------------------------------------------------- */

static const struct fb_frame *frame(const struct kind_input *in, size_t i)
{
    const struct fb_stack *stack = fb_crashing_stack(in->a);
    return i < stack->n ? &stack->v[i] : NULL;
}

static bool unloaded(struct kind_input *in)
{
    for (size_t i = 0; i < 2; i++) { // the instruction, or where it would return to
        const struct fb_frame *f = frame(in, i);
        if (f == NULL || f->module != NULL || f->n_unloaded == 0 || f->trust <= FB_TRUST_SCAN)
            continue;
        fb_text_str(in->words, "unloaded ");
        fb_text_str(in->words, f->unloaded[0]->name != NULL ? f->unloaded[0]->name : "module");
        return true;
    }
    return false;
}

static bool wild_jump(struct kind_input *in)
{
    const struct fb_frame *f = frame(in, 0);
    if (f == NULL || f->module != NULL || !in->a->crash.crashed)
        return false;
    const struct fb_page *page = fb_page_at(&in->a->dump.pages, f->lookup);
    if (page != NULL && (page->access & FB_PAGE_EXECUTE) != 0) // made at run time, by a JIT
        return false;
    fb_text_str(in->words, "wild jump");
    return true;
}

static const struct {
    enum fb_kind kind;
    bool (*holds)(struct kind_input *in);
} kinds[] = {
    {FB_KIND_REPORT,         report        },
    {FB_KIND_HARDWARE,       hardware      },
    {FB_KIND_KERNEL,         kernel        },
    {FB_KIND_OOM,            oom           },
    {FB_KIND_STACK_OVERFLOW, stack_overflow},
    {FB_KIND_UNCAUGHT,       uncaught      },
    {FB_KIND_ABORT,          aborted       },
    {FB_KIND_FAST_FAIL,      fast_fail     },
    {FB_KIND_UNLOADED,       unloaded      },
    {FB_KIND_WILD_JUMP,      wild_jump     },
};

struct fb_kind_found fb_kind_find(const struct fb_analysis *a,
                                  const struct fb_key_frames *frames, struct fb_text *words)
{
    struct kind_input in = {a, frames, words, false};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].holds(&in))
            return (struct fb_kind_found){kinds[i].kind, in.alone};
    return (struct fb_kind_found){FB_KIND_NONE, false};
}
