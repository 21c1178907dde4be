/*
 * rules/crashes.c -- the faults of the second program: one function each, for the rules that
 * those of ../crashes.c do not reach, and for the bugs that reach the same rules otherwise.
 *
 * As there, addresses come from volatile variables, and where the verdict hangs on the
 * instruction, it is written out in assembly. What a dump must say is in rules/faults.def.
 */
#include "stage.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#ifdef _WIN64
#define WILD       0x123456789ab0u // canonical, and far from anything mapped
#define PATTERN(x) ((uintptr_t)(x) << 32 | (uintptr_t)(x))
#else
#define WILD       0x5ead5ea0u
#define PATTERN(x) ((uintptr_t)(x))
#endif
#define AT(type, address) (*(volatile type *)(address))

enum { PAGE = 0x1000, WORDS = 8 };
typedef void code_fn(void);

static volatile uintptr_t zero;
static volatile uintptr_t wild = WILD;
static volatile int sink;

/* --- null, in all the ways ---------------------------------------------------------- */

NOINLINE void null_member_write(void)
{
    MARK();
    AT(int, zero + 0x2c) = 7;
}

NOINLINE void null_increment(void)
{
    MARK();
    uintptr_t object = zero;
    __asm__ volatile("incl 8(%0)" : : "a"(object) : "memory");
    sink = 1;
}

NOINLINE void null_compare(void)
{
    MARK();
    uintptr_t object = zero;
    __asm__ volatile("cmpl $3, (%0)\n\tjne 1f\n\tnop\n1:" : : "a"(object) : "memory");
    sink = 1;
}

NOINLINE void null_minus_read(void)
{
    MARK();
    sink = AT(int, zero - 8);
}

NOINLINE void null_index_write(void)
{
    MARK();
    uintptr_t array = zero, index = wild;
    __asm__ volatile("movl $7, (%0,%1)" : : "a"(array), "d"(index) : "memory");
    sink = 1;
}

NOINLINE void null_string_copy(void)
{
    MARK();
    static char into[64];
    void *from = (void *)zero, *to = into;
    size_t n = sizeof into;
    __asm__ volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(n) : : "memory");
    sink = into[0];
}

NOINLINE void null_member_call(void)
{
    MARK();
    ((code_fn *)(zero + 0x18))();
    sink = 1;
}

/* A copy that trusts its length. */
NOINLINE static void fill_unchecked(volatile uintptr_t *to, size_t n, uintptr_t fill)
{
    for (size_t i = 0; i < n; i++)
        to[i] = fill;
}

/* Without the check that would see it. */
__attribute__((no_stack_protector)) NOINLINE void null_return(void)
{
    MARK();
    volatile uintptr_t local[2];
    fill_unchecked(local, 16, 0);
}

/* --- wild --------------------------------------------------------------------------- */

NOINLINE void wild_call(void)
{
    MARK();
    ((code_fn *)wild)();
    sink = 1;
}

#ifdef _WIN64
NOINLINE void call_noncanonical(void)
{
    MARK();
    uintptr_t to = PATTERN(0x41414141u);
    __asm__ volatile("call *%0" : : "a"(to) : "memory");
    sink = 1;
}

static volatile uintptr_t upper_half = 0xffffe00012345678u;

NOINLINE void kernel_write(void)
{
    MARK();
    AT(int, upper_half) = 7;
}
#endif

NOINLINE void branch_read(void)
{
    MARK();
    uintptr_t object = wild;
    __asm__ volatile("cmpl $3, (%0)\n\tjne 1f\n\tnop\n1:" : : "a"(object) : "memory");
    sink = 1;
}

/* The first argument goes by register on x64, over the stack on x86. */
void take(int value);
NOINLINE void take(int value) { sink = value; }

NOINLINE void argument_read(void)
{
    MARK();
    uintptr_t object = wild;
#ifdef _WIN64
    __asm__ volatile("mov (%0), %%ecx\n\tsub $32, %%rsp\n\tcall take\n\tadd $32, %%rsp"
                     : "+a"(object)
                     :
                     : "rcx", "rdx", "r8", "r9", "r10", "r11", "memory");
#else
    __asm__ volatile("mov (%0), %0\n\tpush %0\n\tcall _take\n\tadd $4, %%esp"
                     : "+a"(object)
                     :
                     : "ecx", "edx", "memory");
#endif
    sink = (int)object;
}

NOINLINE void move_source_read(void)
{
    MARK();
    static char into[64];
    uintptr_t from = wild;
    void *to = into;
    size_t n = sizeof into;
    __asm__ volatile("mov (%0), %0\n\trep movsb" : "+S"(from), "+D"(to), "+c"(n) : : "memory");
    sink = into[0];
}

NOINLINE void dropped_read(void)
{
    MARK();
    uintptr_t object = wild;
    __asm__ volatile("mov (%0), %0\n\tmov $5, %0" : "+a"(object) : : "memory");
    sink = (int)object;
}

/* --- freed, and not initialised ----------------------------------------------------- */

/* The heap of many programs: blocks of one size, the free ones in a list. It trusts its
 * callers, so a block freed twice is in the list twice. */
static struct block {
    struct block *next;
    uintptr_t rest[WORDS - 1];
} blocks[4];
static struct block *first_free;

NOINLINE static void give_back(void *block)
{
    struct block *b = block;
    b->next = first_free;
    first_free = b;
}

NOINLINE static void *take_block(void)
{
    struct block *b = first_free != NULL ? first_free : &blocks[1];
    first_free = b->next;
    return b;
}

NOINLINE static void fill(void *block, int byte) { memset(block, byte, sizeof(struct block)); }

NOINLINE static void call_virtual(void *object)
{
    MARK();
    uintptr_t at = (uintptr_t)object;
    __asm__ volatile("mov (%0), %0\n\tcall *16(%0)" : "+a"(at) : : "memory");
    sink = (int)at;
}

NOINLINE void reused_object_call(void)
{
    MARK();
    void *object = take_block();
    give_back(object);
    fill(take_block(), 'A'); // the block's next owner
    call_virtual(object);
    sink = 1;
}

NOINLINE void double_free_call(void)
{
    MARK();
    void *other = &blocks[2];
    give_back(other);
    give_back(other);
    void *object = take_block();
    fill(take_block(), 'a');
    uintptr_t at = (uintptr_t)object;
    __asm__ volatile("mov (%0), %0\n\tcall *8(%0)" : "+a"(at) : : "memory");
    sink = (int)at;
}

NOINLINE void freed_write(void)
{
    MARK();
    uintptr_t *volatile object = take_block();
    fill(object, 0xdd);
    AT(int, object[2] + 12) = 7;
}

NOINLINE void uninitialised_read(void)
{
    MARK();
    uintptr_t *volatile locals = take_block();
    fill(locals, 0xcc);
    sink = AT(int, locals[1] + 4);
}

NOINLINE void uninitialised_write(void)
{
    MARK();
    uintptr_t *volatile object = take_block();
    fill(object, 0xcd);
    AT(int, object[1] + 8) = 7;
}

NOINLINE void type_confusion_call(void)
{
    MARK();
    static volatile double number = 3.14;
    call_virtual((void *)(uintptr_t)&number);
    sink = 1;
}

NOINLINE void type_confusion_read(void)
{
    MARK();
    static volatile uintptr_t number = 0x2d;
    sink = AT(int, number + 4);
}

/* --- one too many ------------------------------------------------------------------- */

/* A block at the end of its page, with a page behind it that is there to be hit. */
NOINLINE static char *guarded_block(size_t size, DWORD protection)
{
    char *pages = VirtualAlloc(NULL, 2 * PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    DWORD before;
    if (pages == NULL || !VirtualProtect(pages + PAGE, PAGE, protection, &before))
        abort();
    memset(pages, 'x', PAGE);
    return pages + PAGE - size;
}

NOINLINE static void terminate_text(char *text, size_t length)
{
    MARK();
    AT(char, (uintptr_t)text + length) = 0;
}

NOINLINE void off_by_one_write(void)
{
    MARK();
    terminate_text(guarded_block(24, PAGE_NOACCESS), 24);
    sink = 1;
}

NOINLINE void off_by_one_read(void)
{
    MARK();
    uintptr_t at = (uintptr_t)guarded_block(24, PAGE_NOACCESS);
    __asm__ volatile("1: cmpb $0, (%0)\n\tje 2f\n\tinc %0\n\tjmp 1b\n2:"
                     : "+a"(at)
                     :
                     : "memory");
    sink = (int)at;
}

NOINLINE void off_by_one_guard(void)
{
    MARK();
    terminate_text(guarded_block(24, PAGE_READWRITE | PAGE_GUARD), 24);
    sink = 1;
}

NOINLINE void fill_beyond(void)
{
    MARK();
    void *to = guarded_block(24, PAGE_NOACCESS);
    size_t n = 32;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(0) : "memory");
    sink = 1;
}

/* The compiler's own check of its own cookie; what it calls, and what MinGW's newer runtimes
 * do there. */
uintptr_t __stack_chk_guard = (uintptr_t)0x00c0ffee5eedf00du;
void __attribute__((noreturn)) __stack_chk_fail(void);
NOINLINE void __stack_chk_fail(void)
{
    __asm__ volatile("int $0x29" : : "c"(2));
    __builtin_unreachable();
}

/* The cookie alone goes: the first word behind the text that holds it. Folklore: clang mixes
 * the stack pointer into it on Windows, gcc does not. */
NOINLINE static void overrun_text(volatile uintptr_t *text)
{
    uintptr_t here = (uintptr_t)text;
    for (;; text++) {
        uintptr_t mixed = *text ^ __stack_chk_guard;
        if (mixed == 0 || mixed - (here - PAGE / 2) < PAGE)
            break;
    }
    *text = PATTERN(0x41414141u);
}

NOINLINE void stack_cookie(void)
{
    MARK();
    char text[64];
    memset(text, 'A', sizeof text);
    overrun_text((volatile uintptr_t *)(void *)text);
    sink = text[0];
}

#ifndef _WIN64
/* A record of the handler chain as compilers make it, on the stack, behind an array. */
NOINLINE void stack_handler(void)
{
    MARK();
    volatile struct {
        uintptr_t array[4], next, handler;
    } local;
    volatile uintptr_t *record = &local.next;
    __asm__ volatile("mov %%fs:0, %%ecx\n\tmov %%ecx, (%0)\n\tmov %0, %%fs:0"
                     :
                     : "a"(record)
                     : "ecx", "memory");
    fill_unchecked(local.array, 6, 0x41414141u);
    sink = AT(int, wild);
}
#else
NOINLINE void stack_alloca(void)
{
    MARK();
    static volatile size_t length = 64u << 20;
    volatile char *room = __builtin_alloca(length);
    room[0] = 1;
    sink = room[0];
}
#endif

/* --- code that is none -------------------------------------------------------------- */

static const unsigned char just_return[] = {0x90, 0xc3}; // nop; ret
static const unsigned char reads_null[] = {0x31, 0xc0, 0x8b, 0x08,
                                           0xc3}; // eax = 0; ecx = [eax]
#ifndef _WIN64
static const unsigned char writes_null[] = {0x31, 0xc0, 0x89, 0x08,
                                            0xc3}; // eax = 0; [eax] = ecx
#endif

NOINLINE static void *page_of_code(const unsigned char *code, size_t n)
{
    void *page = VirtualAlloc(NULL, PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_EXECUTE_READWRITE);
    if (page == NULL)
        abort();
    memcpy(page, code, n);
    return page;
}

NOINLINE void exec_freed_page(void)
{
    MARK();
    void *page = page_of_code(just_return, sizeof just_return);
    VirtualFree(page, 0, MEM_RELEASE);
    ((code_fn *)(uintptr_t)page)();
    sink = 1;
}

NOINLINE void jit_null_read(void)
{
    MARK();
    void *page = page_of_code(reads_null, sizeof reads_null);
    ((code_fn *)(uintptr_t)page)();
    sink = 1;
}

#ifndef _WIN64
NOINLINE void heap_code_write(void)
{
    MARK();
    void *block = HeapAlloc(GetProcessHeap(), 0, 64);
    if (block == NULL)
        abort();
    memcpy(block, writes_null, sizeof writes_null);
    ((code_fn *)(uintptr_t)block)();
    sink = 1;
}

NOINLINE void fetch_wild(void)
{
    MARK();
    ((code_fn *)wild)();
    sink = 2;
}

NOINLINE void fetch_null(void)
{
    MARK();
    ((code_fn *)zero)();
    sink = 3;
}
#else
static char aligned[64] __attribute__((aligned(16)));

NOINLINE void misaligned_read(void)
{
    MARK();
    __asm__ volatile("movaps (%0), %%xmm0" : : "a"(aligned + 8) : "xmm0", "memory");
    sink = 1;
}

NOINLINE void misaligned_write(void)
{
    MARK();
    __asm__ volatile("movaps %%xmm0, (%0)" : : "a"(aligned + 8) : "memory");
    sink = aligned[8];
}
#endif

/* --- the processor objects ---------------------------------------------------------- */

NOINLINE void privileged_in(void)
{
    MARK();
    __asm__ volatile("in %%dx, %%al" : : "d"(0x60) : "eax");
    sink = 1;
}

NOINLINE void divide_overflow(void)
{
    MARK();
    static volatile int least = INT_MIN, by = -1;
    sink = least / by;
}

#ifndef _WIN64
NOINLINE void overflow_trap(void)
{
    MARK();
    static volatile int most = INT_MAX;
    __asm__ volatile("inc %0\n\tinto" : : "a"(most));
    sink = 1;
}

NOINLINE void array_bounds(void)
{
    MARK();
    static const int bounds[] = {0, 9};
    __asm__ volatile("bound %0, %1" : : "a"(12), "m"(bounds));
    sink = 1;
}
#endif

NOINLINE void float_invalid(void)
{
    MARK();
    static volatile unsigned short control = 0x037e; // all masked but invalid operation
    __asm__ volatile("fnclex\n\tfldcw %0\n\tfldz\n\tfldz\n\tfdivrp\n\tfwait" : : "m"(control));
    sink = 1;
}

NOINLINE void single_step(void)
{
    MARK();
#ifdef _WIN64
    __asm__ volatile("pushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\tnop\n\tnop"
                     :
                     :
                     : "cc", "memory");
#else
    __asm__ volatile("pushfl\n\torl $0x100, (%%esp)\n\tpopfl\n\tnop\n\tnop"
                     :
                     :
                     : "cc", "memory");
#endif
    sink = 1;
}

/* --- the program gives up ----------------------------------------------------------- */

#define FASTFAIL(code)                                                                         \
    __asm__ volatile("int $0x29" : : "c"(code));                                               \
    sink = 1

NOINLINE void fastfail_icall(void)
{
    MARK();
    FASTFAIL(10);
}

#define RAISES(name, code, n, ...)                                                             \
    NOINLINE void name(void)                                                                   \
    {                                                                                          \
        MARK();                                                                                \
        const ULONG_PTR parameters[] = {__VA_ARGS__};                                          \
        RaiseException(code, EXCEPTION_NONCONTINUABLE, n, parameters);                         \
        sink = 1;                                                                              \
    }

RAISES(clr_exception, 0xe0434352, 5, 0x80004003, 0, 0, 0, 0x70000000)
#ifndef _WIN64
RAISES(delphi_exception, 0x0eedfade, 7, (ULONG_PTR)&sink, (ULONG_PTR)&wild, 0, 0, 0, 0, 0)
#endif
RAISES(out_of_memory, 0xe0000008, 1, 1u << 30)
RAISES(verifier_stop, 0xc0000421, 1, 0x13)
RAISES(raised_violation, 0xc0000005, 0, 0)
RAISES(simulated, 0x0517a7ed, 0, 0)
RAISES(own_exception, 0xe0001234, 1, 42)

/* --- in a system DLL ---------------------------------------------------------------- */

NOINLINE void string_length(void)
{
    MARK();
    size_t (*volatile length)(const char *) = strlen;
    sink = (int)length((const char *)wild);
}

NOINLINE void memory_copy(void)
{
    MARK();
    static char from[64];
    void *(*volatile copy)(void *, const void *, size_t) = memcpy;
    sink = copy((void *)wild, from, sizeof from) != NULL;
}
