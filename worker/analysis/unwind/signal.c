/*
 * worker/analysis/unwind/signal.c -- out of a signal handler, into what it has interrupted.
 *
 * The kernel calls a handler as if a little function, the trampoline, had done so, and leaves
 * the registers of the interrupted code on the stack. The handler's return address is the
 * trampoline, so that a frame there tells where they lie:
 *
 *      sp ->  | what else the kernel passes |
 *             | registers                   |
 *
 * All registers are true then, and ip is where the code stood. A handler may have run on a
 * stack of its own, so that sp may go anywhere.
 */
#include "unwind/ladder.h"

enum { RUNS_MAX = 10, CODE_MAX = 12 };

struct run { // registers that stand one after the other
    uint8_t first, n;
    uint16_t at; // bytes above sp
};
struct trampoline { // known by its code
    enum fb_arch arch;
    uint8_t code[CODE_MAX];
    size_t n;
    struct run runs[RUNS_MAX];
};

#define CONTEXT_X64                                                                            \
    {                                                                                          \
        {FB_R8, 8, 40}, {FB_RDI, 1, 104}, {FB_RSI, 1, 112}, {FB_RBP, 1, 120},                  \
            {FB_RBX, 1, 128}, {FB_RDX, 1, 136}, {FB_RAX, 1, 144}, {FB_RCX, 1, 152},            \
            {FB_RSP, 1, 160},                                                                  \
        {                                                                                      \
            FB_RIP, 2, 168                                                                     \
        }                                                                                      \
    }
#define CONTEXT_X86(at)                                                                        \
    {                                                                                          \
        {FB_EDI, 1, (at)}, {FB_ESI, 1, (at) + 4}, {FB_EBP, 1, (at) + 8},                       \
            {FB_ESP, 1, (at) + 12}, {FB_EBX, 1, (at) + 16}, {FB_EDX, 1, (at) + 20},            \
            {FB_ECX, 1, (at) + 24}, {FB_EAX, 1, (at) + 28}, {FB_EIP, 1, (at) + 40},            \
        {                                                                                      \
            FB_EFLAGS, 1, (at) + 48                                                            \
        }                                                                                      \
    }

/* Linux. On x86 the return address is popped when the trampoline runs.
 * Source: arch/.../signal.c and asm/sigcontext.h of the kernel. */
// clang-format off
static const struct trampoline trampolines[] = {
    /* mov rax, 15; syscall */
    {FB_AMD64, {0x48, 0xC7, 0xC0, 0x0F, 0, 0, 0, 0x0F, 0x05}, 9, CONTEXT_X64},
    /* mov eax, 173; int 0x80: number, two pointers, siginfo, ucontext */
    {FB_X86, {0xB8, 0xAD, 0, 0, 0, 0xCD, 0x80}, 7, CONTEXT_X86(176)},
    /* pop eax; mov eax, 119; int 0x80: number, registers */
    {FB_X86, {0x58, 0xB8, 0x77, 0, 0, 0, 0xCD, 0x80}, 8, CONTEXT_X86(20)},
    /* mov x8, 139; svc 0: siginfo, ucontext; all registers up to pstate */
    {FB_ARM64, {0x68, 0x11, 0x80, 0xD2, 0x01, 0, 0, 0xD4}, 8, {{FB_X0, 34, 312}}},
    /* mov r7, 173; svc 0, in ARM and Thumb code: siginfo, ucontext */
    {FB_ARM, {0xAD, 0x70, 0xA0, 0xE3, 0, 0, 0, 0xEF}, 8, {{FB_R0, 17, 160}}},
    {FB_ARM, {0xAD, 0x27, 0, 0xDF}, 4, {{FB_R0, 17, 160}}},
};
// clang-format on

static const struct trampoline *trampoline_at(const struct fb_unwinder *w, fb_addr a)
{
    struct fb_span code = fb_code_bytes(w, a, CODE_MAX);
    for (size_t i = 0; i < sizeof trampolines / sizeof *trampolines; i++) {
        const struct trampoline *t = &trampolines[i];
        if (t->arch == w->env->dump->system.arch && code.n >= t->n &&
            memcmp(code.p, t->code, t->n) == 0)
            return t;
    }
    return NULL;
}

/* The registers that stand above `from`. @return whether ip and sp are among them */
static bool restore(const struct fb_unwinder *w, const struct run *runs, fb_addr from,
                    struct fb_caller *caller)
{
    size_t word = w->names->word;
    uint64_t value;
    for (const struct run *run = runs; run < runs + RUNS_MAX && run->n != 0; run++)
        for (size_t i = 0; i < run->n; i++)
            if (fb_memory_read(&w->env->dump->memory, from + run->at + i * word, word, &value))
                fb_reg_set(&caller->regs, (int)(run->first + i), value);
    return fb_reg_known(&caller->regs, w->names->ip) &&
           fb_reg_known(&caller->regs, w->names->sp);
}

static bool leave_handler(const struct fb_unwinder *w, const struct fb_frame *callee,
                          struct fb_caller *caller)
{
    fb_addr sp = fb_reg_sp(&caller->regs);
    caller->exact = true;
    caller->other_stack = sp <= callee->sp || !fb_in_stack(w, sp);
    return true;
}

bool fb_unwind_signal(const struct fb_unwinder *w, const struct fb_frame *callee,
                      struct fb_caller *caller)
{
    const struct trampoline *t = trampoline_at(w, callee->resume);
    return t != NULL && restore(w, t->runs, callee->sp, caller) &&
           leave_handler(w, callee, caller);
}

/* --- macOS, x64 --------------------------------------------------------------------- */

static bool is_sigtramp(const struct fb_unwinder *w, fb_addr a)
{
    const struct fb_symbols *symbols = w->env->symbols;
    const struct fb_module *module = fb_code_module(w, a);
    struct fb_symbol found = {0};
    if (symbols == NULL || module == NULL || module->name == NULL ||
        strcmp(module->name, "libsystem_platform.dylib") != 0)
        return false;
    size_t before = w->arena->used;
    bool hit = symbols->lookup(symbols->self, module, a - module->base, w->arena, &found) &&
               strcmp(found.function, "_sigtramp") == 0;
    fb_arena_give_back(w->arena, w->arena->used - before);
    return hit;
}

/* The trampoline keeps its ucontext in rbx, whose word at 48 points to the registers. */
bool fb_unwind_sigtramp(const struct fb_unwinder *w, const struct fb_frame *callee,
                        struct fb_caller *caller)
{
    enum { MACHINE_CONTEXT = 48 };
    static const struct run runs[RUNS_MAX] = {
        {FB_RAX, 1, 16 },
        {FB_RBX, 1, 24 },
        {FB_RCX, 1, 32 },
        {FB_RDX, 1, 40 },
        {FB_RDI, 1, 48 },
        {FB_RSI, 1, 56 },
        {FB_RBP, 1, 64 },
        {FB_RSP, 1, 72 },
        {FB_R8,  8, 80 },
        {FB_RIP, 2, 144},
    };
    uint64_t context;
    return is_sigtramp(w, callee->lookup) && fb_reg_known(&callee->regs, FB_RBX) &&
           fb_memory_read(&w->env->dump->memory, callee->regs.v[FB_RBX] + MACHINE_CONTEXT,
                          w->names->word, &context) &&
           restore(w, runs, context, caller) && leave_handler(w, callee, caller);
}
