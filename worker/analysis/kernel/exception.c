/*
 * worker/analysis/kernel/exception.c -- from a bugcheck to the exception behind it, and to the
 * registers that it happened with.
 *
 * The registers in the header are those of the routine that stopped the kernel, and its record
 * is that routine's breakpoint. What happened before is told by the parameters: some lead to
 * a record, a context or a trap frame on the stack, others are its code or its address. A row
 * of the table of bugchecks says which. Best evidence first; what only the stack shows, a trap
 * frame with the right instruction pointer, is noted as found by search.
 */
#include "kernel/parts.h"

#include "minidump/minidump.h"

#define ACCESS_VIOLATION UINT32_C(0xC0000005)
#define IN_PAGE_ERROR    UINT32_C(0xC0000006)
#define ILLEGAL          UINT32_C(0xC000001D)
#define BOUNDS           UINT32_C(0xC000008C)
#define DIVIDE           UINT32_C(0xC0000094)
#define OVERFLOW         UINT32_C(0xC0000095)
#define EXHAUSTED        UINT32_C(0xC00000FD)
#define FAST_FAIL        UINT32_C(0xC0000409)
enum { READ = 0, WRITE = 1, EXECUTE = 8, COOKIE = 2 };
enum { BUILD_OF_ERROR_CODE = 10240 };

/* --- parameters --------------------------------------------------------------------- */

/* The parameter of that role. @return false: this bugcheck has none */
static bool parameter(const struct fb_kd *k, enum fb_bugcheck_role role, uint64_t *out)
{
    int i = fb_bugcheck_parameter(fb_bugcheck_find(&k->dump->bugcheck), role);
    if (i < 0)
        return false;
    *out = k->dump->bugcheck.parameters[i];
    return true;
}

static uint64_t access_of(uint64_t bits, uint64_t write, uint64_t execute)
{
    return (bits & execute) != 0 ? EXECUTE : (bits & write) != 0 ? WRITE : READ;
}

/* Folklore: 0x50 has handed out the processor's own error code since Windows 10: bit 1 writes,
 * bit 4 executes. Before, and on ARM, bits 0 and 3 do. */
static bool recorded_access(const struct fb_kd *k, uint64_t *out)
{
    uint64_t bits;
    if (parameter(k, FB_PARAMETER_ACCESS, &bits)) {
        *out = access_of(bits, 1, 8);
        return true;
    }
    if (!parameter(k, FB_PARAMETER_PAGE_FAULT, &bits))
        return false;
    const struct fb_system *s = &k->dump->system;
    bool x86 = s->arch == FB_AMD64 || s->arch == FB_X86;
    if (x86 && s->build >= BUILD_OF_ERROR_CODE)
        *out = access_of(bits, 2, 0x10);
    else
        *out = access_of(bits, x86 ? 1 : 3, 8);
    return true;
}

/* Codes whose name says how memory was touched. */
static const struct {
    uint32_t code;
    uint64_t access;
} by_name[] = {
    {0xBE, WRITE  },
    {0xFC, EXECUTE},
};

/* What the processor's traps are as exceptions. Source: the processors' manuals. */
static const struct {
    uint32_t trap, status;
} traps[] = {
    {0,  DIVIDE          },
    {4,  OVERFLOW        },
    {5,  BOUNDS          },
    {6,  ILLEGAL         },
    {8,  EXHAUSTED       }, // a double fault: there was no stack to handle the first
  // on
    {13, ACCESS_VIOLATION}, // general protection, whose address nobody knows
};

static uint32_t status_of(const struct fb_kd *k, const struct fb_bugcheck_row *row)
{
    uint64_t v;
    if (parameter(k, FB_PARAMETER_STATUS, &v))
        return (uint32_t)v; // 64-bit kernels extend its sign
    if (!parameter(k, FB_PARAMETER_TRAP, &v))
        return row->status;
    for (size_t i = 0; i < sizeof traps / sizeof *traps; i++)
        if (traps[i].trap == v)
            return traps[i].status;
    return 0;
}

static void add_violation(const struct fb_kd *k, const struct fb_bugcheck_row *row,
                          struct fb_exception *e)
{
    uint64_t access, address;
    if (!parameter(k, FB_PARAMETER_ADDRESS, &address))
        return;
    bool known = recorded_access(k, &access);
    for (size_t i = 0; i < sizeof by_name / sizeof *by_name; i++)
        if (by_name[i].code == row->code) {
            access = by_name[i].access;
            known = true;
        }
    if (!known)
        return;
    e->n_parameters = 2;
    e->parameters[0] = access;
    e->parameters[1] = address;
    if (access == EXECUTE && e->address == 0)
        e->address = address;
}

static void add_parameters(const struct fb_kd *k, const struct fb_bugcheck_row *row,
                           struct fb_exception *e)
{
    uint64_t v;
    if (e->code == ACCESS_VIOLATION || e->code == IN_PAGE_ERROR)
        add_violation(k, row, e);
    if (e->n_parameters == 0 && parameter(k, FB_PARAMETER_DETAIL_0, &v)) {
        e->parameters[0] = v;
        (void)parameter(k, FB_PARAMETER_DETAIL_1, &e->parameters[1]);
        e->n_parameters = 2;
    }
    if (e->code == FAST_FAIL) {
        e->parameters[0] = parameter(k, FB_PARAMETER_FAST_FAIL, &v) ? v : COOKIE;
        e->n_parameters = 1;
    }
}

/* The exception that the parameters spell out. @return false: they do not */
static bool from_parameters(const struct fb_kd *k, struct fb_exception *out)
{
    const struct fb_bugcheck_row *row = fb_bugcheck_find(&k->dump->bugcheck);
    if (row == NULL)
        return false;
    struct fb_exception e = {.present = true, .code = status_of(k, row)};
    if (e.code == 0)
        return false;
    (void)parameter(k, FB_PARAMETER_IP, &e.address);
    add_parameters(k, row, &e);
    *out = e;
    return true;
}

/* The record that a parameter leads to, when the dump holds it. It has to agree with the code
 * that another parameter gives. */
static bool from_record(const struct fb_kd *k, struct fb_exception *e)
{
    enum { RECORD_MAX = 152 };
    uint64_t at;
    if (!parameter(k, FB_PARAMETER_RECORD, &at) || at == 0)
        return false;
    struct fb_exception found;
    struct fb_span bytes = fb_memory_at(&k->dump->memory, at, RECORD_MAX);
    if (!fb_kernel_exception(bytes, k->header.wide, &found) ||
        (e->present && found.code != e->code))
        return false;
    *e = found;
    return true;
}

/* --- registers ---------------------------------------------------------------------- */

/* KTRAP_FRAME: what the processor and the first instructions of a trap handler save. On x64
 * RBX, RSI, RDI and R12 to R15 are not among it. Source: the kernel's public symbols. */
struct place {
    uint8_t reg;
    uint16_t at;
};
static const struct place amd64[] = {
    {FB_RAX,    0x30 },
    {FB_RCX,    0x38 },
    {FB_RDX,    0x40 },
    {FB_R8,     0x48 },
    {FB_R9,     0x50 },
    {FB_R10,    0x58 },
    {FB_R11,    0x60 },
    {FB_RBP,    0x158},
    {FB_RIP,    0x168},
    {FB_RFLAGS, 0x178},
    {FB_RSP,    0x180},
};
static const struct place x86[] = {
    {FB_EDX,    0x3C},
    {FB_ECX,    0x40},
    {FB_EAX,    0x44},
    {FB_EDI,    0x54},
    {FB_ESI,    0x58},
    {FB_EBX,    0x5C},
    {FB_EBP,    0x60},
    {FB_EIP,    0x68},
    {FB_EFLAGS, 0x70},
};
enum { AMD64_IP = 0x168, AMD64_CS = 0x170, AMD64_SP = 0x180, AMD64_SS = 0x188 };
enum { AMD64_SIZE = 0x190, X86_SIZE = 0x74, KERNEL_CS = 0x10, KERNEL_SS = 0x18 };

static struct fb_regs from_frame(enum fb_arch arch, struct fb_span frame, fb_addr at)
{
    struct fb_regs regs = {.arch = arch};
    if (arch == FB_AMD64 && frame.n >= AMD64_SIZE)
        for (size_t i = 0; i < sizeof amd64 / sizeof *amd64; i++)
            fb_reg_set(&regs, amd64[i].reg,
                       fb_field(frame, amd64[i].at, amd64[i].reg == FB_RFLAGS ? 4 : 8, false));
    if (arch == FB_X86 && frame.n >= X86_SIZE) {
        for (size_t i = 0; i < sizeof x86 / sizeof *x86; i++)
            fb_reg_set(&regs, x86[i].reg, fb_field(frame, x86[i].at, 4, false));
        fb_reg_set(&regs, FB_ESP, at + X86_SIZE); // no stack was switched: it went on behind it
    }
    return regs;
}

/* Registers are believed when they stand where the exception was, or on the captured stack. */
static bool is_believed(const struct fb_kd *k, const struct fb_exception *e,
                        const struct fb_regs *regs)
{
    fb_addr ip = fb_reg_ip(regs), sp = fb_reg_sp(regs);
    if (regs->valid == 0 || ip == 0)
        return false;
    return (e->address != 0 && ip == e->address) ||
           fb_memory_at(&k->dump->memory, sp, 1).n != 0;
}

static bool from_pointer(const struct fb_kd *k, enum fb_bugcheck_role role,
                         const struct fb_exception *e, struct fb_regs *out)
{
    enum { CONTEXT_MAX = 1232 };
    uint64_t at;
    if (!parameter(k, role, &at) || at == 0)
        return false;
    enum fb_arch arch = k->dump->system.arch;
    struct fb_span bytes = fb_memory_at(&k->dump->memory, at, CONTEXT_MAX);
    struct fb_regs regs = role == FB_PARAMETER_CONTEXT ? fb_minidump_context(arch, bytes, false)
                                                       : from_frame(arch, bytes, at);
    if (!is_believed(k, e, &regs))
        return false;
    *out = regs;
    return true;
}

/* No parameter leads to the trap frame of a bad access, but it lies on the stack, and few other
 * words there are the very instruction, before the kernel's selectors. */
static bool by_search(const struct fb_kd *k, const struct fb_exception *e, struct fb_regs *out)
{
    const struct fb_thread *thread = &k->dump->threads.v[0];
    struct fb_span stack = thread->stack;
    if (k->dump->system.arch != FB_AMD64 || e->address == 0)
        return false;
    for (size_t at = 0; at + AMD64_SIZE <= stack.n; at += 8) {
        struct fb_span frame = fb_span_sub(stack, at, AMD64_SIZE);
        fb_addr sp = fb_field(frame, AMD64_SP, 8, false);
        if (fb_field(frame, AMD64_IP, 8, false) != e->address ||
            fb_field(frame, AMD64_CS, 2, false) != KERNEL_CS ||
            fb_field(frame, AMD64_SS, 2, false) != KERNEL_SS ||
            sp - thread->stack_start > stack.n)
            continue;
        *out = from_frame(FB_AMD64, frame, thread->stack_start + at);
        fb_note(k->notes, FB_NOTE_GUESSED, "the registers, from a trap frame on the stack",
                frame.off);
        return true;
    }
    return false;
}

static bool find_registers(const struct fb_kd *k, const struct fb_exception *e,
                           struct fb_regs *out)
{
    return from_pointer(k, FB_PARAMETER_CONTEXT, e, out) ||
           from_pointer(k, FB_PARAMETER_TRAP_FRAME, e, out) || by_search(k, e, out);
}

/* --- the whole ---------------------------------------------------------------------- */

/* What the parameters do not know, the header's record has; its registers are in the
 * thread. */
void fb_kd_exception(struct fb_kd *k)
{
    struct fb_exception e = {0};
    bool spelt = from_parameters(k, &e);
    if (!from_record(k, &e) && !spelt) {
        k->dump->exception = k->header.exception;
        k->dump->exception.regs = k->dump->threads.v[0].regs;
        k->dump->exception.context = k->dump->threads.v[0].context;
        return;
    }
    k->dump->kernel.explained = true;
    if (find_registers(k, &e, &e.regs)) {
        if (e.address == 0)
            e.address = fb_reg_ip(&e.regs);
        k->dump->threads.v[0].regs = e.regs;
    }
    k->dump->exception = e;
}
