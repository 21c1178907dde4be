/*
 * linux/crashes.c -- the faults of the Linux program, as in ../crashes.c: addresses come from
 * volatile variables, and where the verdict hangs on the instruction, it is written out.
 */
#include "stage.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define AT(type, address) (*(volatile type *)(address))
#define ASCII             0x4141414141414141u

enum { PAGE = 0x1000 };
typedef void code_fn(void);

static volatile uintptr_t zero;
static volatile uintptr_t wild = 0x123456789ab0u;
static volatile uintptr_t noncanonical = ASCII - 1;
static volatile int sink;
static const unsigned char just_return[] = {0x90, 0xc3}; // nop; ret

/* --- addresses ---------------------------------------------------------------------- */

NOINLINE void null_read(void)
{
    MARK();
    sink = AT(int, zero);
}

NOINLINE void null_member_write(void)
{
    MARK();
    AT(int, zero + 0x48) = 7;
}

NOINLINE void null_call(void)
{
    MARK();
    ((code_fn *)zero)();
    sink = 1;
}

NOINLINE void null_vtable_call(void)
{
    MARK();
    uintptr_t table = zero;
    __asm__ volatile("call *0x10(%0)" : "+a"(table) : : "memory");
    sink = (int)table;
}

NOINLINE void wild_read(void)
{
    MARK();
    sink = AT(int, wild);
}

NOINLINE void wild_write(void)
{
    MARK();
    AT(int, wild) = 7;
}

NOINLINE void wild_call(void)
{
    MARK();
    ((code_fn *)wild)();
    sink = 2;
}

NOINLINE void write_readonly(void)
{
    MARK();
    static const char constant[] = "only to be read";
    static const char *volatile text = constant;
    AT(char, (uintptr_t)text) = 'O';
}

static char *pages(size_t n, int protection)
{
    char *got = mmap(NULL, n * PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (got == MAP_FAILED)
        _exit(4);
    return got;
}

NOINLINE static void terminate_text(char *text, size_t length)
{
    MARK();
    AT(char, (uintptr_t)text + length) = 0;
}

NOINLINE void off_by_one_write(void)
{
    MARK();
    char *block = pages(2, PROT_READ | PROT_WRITE);
    mprotect(block + PAGE, PAGE, PROT_NONE);
    terminate_text(block + PAGE - 24, 24);
    sink = 1;
}

NOINLINE void noncanonical_write(void)
{
    MARK();
    AT(int, noncanonical) = 7;
}

/* A heap of blocks of one size: the one freed last is the next to be handed out. */
static uintptr_t block[8];

NOINLINE static void *take_block(int filled_with)
{
    return memset(block, filled_with, sizeof block);
}

NOINLINE void reused_object_call(void)
{
    MARK();
    uintptr_t object = (uintptr_t)take_block(0);
    take_block('A'); // the block's next owner
    __asm__ volatile("mov (%0), %0\n\tcall *0x10(%0)" : "+a"(object) : : "memory");
    sink = (int)object;
}

NOINLINE void call_noncanonical(void)
{
    MARK();
    uintptr_t to = ASCII;
    __asm__ volatile("call *%0" : : "a"(to) : "memory");
    sink = 1;
}

/* A copy that trusts its length. */
NOINLINE static void fill_unchecked(volatile uintptr_t *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = ASCII;
}

__attribute__((no_stack_protector)) NOINLINE void stack_smash_ascii(void)
{
    MARK();
    volatile uintptr_t local[2];
    fill_unchecked(local, 16);
}

NOINLINE void exec_heap(void)
{
    MARK();
    void *code = memcpy(malloc(64), just_return, sizeof just_return);
    ((code_fn *)(uintptr_t)code)();
    sink = 1;
}

NOINLINE void exec_stack(void)
{
    MARK();
    volatile unsigned char local[64];
    for (size_t i = 0; i < sizeof just_return; i++)
        local[i] = just_return[i];
    ((code_fn *)(uintptr_t)local)();
    sink = local[0];
}

static volatile int deepest = 1 << 30;

NOINLINE static int recurse(int depth)
{
    MARK();
    volatile char room[4000];
    room[0] = (char)depth;
    return depth < deepest ? recurse(depth + 1) + room[0] : 0;
}

NOINLINE void stack_overflow(void)
{
    MARK();
    sink = recurse(1);
}

static char aligned[64] __attribute__((aligned(16)));

NOINLINE void misaligned_write(void)
{
    MARK();
    __asm__ volatile("movaps %%xmm0, (%0)" : : "a"(aligned + 8) : "memory");
    sink = aligned[8];
}

/* --- the system and the processor object -------------------------------------------- */

NOINLINE void privileged_hlt(void)
{
    MARK();
    __asm__ volatile("hlt");
    sink = 1;
}

NOINLINE void beyond_file(void)
{
    MARK();
    int file = memfd_create("table", 0);
    if (ftruncate(file, 2 * PAGE) != 0)
        _exit(4);
    char *table = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, file, 0);
    if (ftruncate(file, PAGE) != 0)
        _exit(4);
    sink = AT(int, (uintptr_t)table + PAGE + 16);
}

NOINLINE void alignment_check(void)
{
    MARK();
    uintptr_t odd = (uintptr_t)aligned + 1;
    __asm__ volatile("pushfq\n\torl $0x40000, (%%rsp)\n\tpopfq\n\tmovl $7, (%0)\n\t"
                     "pushfq\n\tandl $~0x40000, (%%rsp)\n\tpopfq"
                     :
                     : "a"(odd)
                     : "cc", "memory");
    sink = 1;
}

NOINLINE void divide_by_zero(void)
{
    MARK();
    volatile int nothing = 0;
    sink = 1000 / nothing;
}

NOINLINE static void divide(double a, double b, unsigned masked)
{
    MARK();
    __asm__ volatile("ldmxcsr %2\n\tdivsd %1, %0" : "+x"(a) : "x"(b), "m"(masked));
    sink = (int)a;
}

NOINLINE void float_divide(void)
{
    MARK();
    divide(1, 0, 0x1d80); // all masked but zero divide
    sink = 1;
}

NOINLINE void float_invalid(void)
{
    MARK();
    divide(0, 0, 0x1f00); // all masked but invalid operation
    sink = 1;
}

NOINLINE void illegal_trap(void)
{
    MARK();
    if (zero == 0)
        __builtin_trap();
    sink = 1;
}

NOINLINE void illegal_opcode(void)
{
    MARK();
    __asm__ volatile(".byte 0x0f, 0x0a");
    sink = 1;
}

NOINLINE void breakpoint(void)
{
    MARK();
    __asm__ volatile("int3");
    sink = 1;
}

/* --- the program gives up ----------------------------------------------------------- */

/* Without the C library between, whose frames leave no trail; so these must leave no frame. */
#define INLINE static inline __attribute__((always_inline))

INLINE void system_call(long number, long a, long b, long c)
{
    __asm__ volatile("syscall"
                     :
                     : "a"(number), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
}

INLINE void send_self(int number)
{
    system_call(SYS_tgkill, getpid(), (long)syscall(SYS_gettid), number);
}

NOINLINE void gives_up(void)
{
    MARK();
    send_self(SIGABRT);
    sink = 1;
}

NOINLINE void sent_segv(void)
{
    MARK();
    send_self(SIGSEGV);
    sink = 2;
}

NOINLINE void bad_system_call(void)
{
    MARK();
    struct sock_filter refuse[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sysinfo, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof refuse / sizeof *refuse, refuse};
    prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL);
    prctl(PR_SET_SECCOMP, (unsigned long)SECCOMP_MODE_FILTER, &program, 0UL, 0UL);
    system_call(SYS_sysinfo, (long)(uintptr_t)aligned, 0, 0);
    sink = 1;
}

/* The compiler's check of the stack's cookie calls this one instead of the C library's. */
void __attribute__((noreturn)) __stack_chk_fail(void);
NOINLINE void __stack_chk_fail(void)
{
    MARK();
    send_self(SIGABRT);
    _exit(5);
}

/* The cookie alone goes: the word behind the text that is the thread's. */
NOINLINE static void overrun_text(volatile uintptr_t *text)
{
    uintptr_t cookie;
    __asm__("mov %%fs:0x28, %0" : "=r"(cookie));
    while (*text != cookie)
        text++;
    *text = ASCII;
}

NOINLINE void stack_cookie(void)
{
    MARK();
    char text[64];
    memset(text, 'A', sizeof text);
    overrun_text((volatile uintptr_t *)(void *)text);
    sink = text[0];
}

NOINLINE void double_free(void)
{
    MARK();
    char *volatile text = malloc(24);
    char *volatile other = text;
    free(text);
    free(other);
    sink = 1;
}
