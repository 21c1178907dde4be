/*
 * crashes.c -- the faults: one function each, which commits exactly the error it is named for.
 *
 * A compiler may drop or reshape whatever it can prove undefined, so addresses come from
 * volatile variables, and where the verdict hangs on the instruction itself, that instruction
 * is written out in assembly. What each fault must look like in a dump is said in faults.def.
 */
#include "stage.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#ifdef _WIN64
#define REG(name)  "%%r" name
#define WILD       0x123456789ab0u // canonical, and far from anything mapped
#define PATTERN(x) ((uintptr_t)(x) << 32 | (uintptr_t)(x))
#else
#define REG(name)  "%%e" name
#define WILD       0x5ead5ea0u
#define PATTERN(x) ((uintptr_t)(x))
#endif
#define AT(type, address) (*(volatile type *)(address))

enum { PAGE = 0x1000 };
typedef void code_fn(void);

static volatile uintptr_t zero;
static volatile uintptr_t wild = WILD;
static volatile int sink;
static volatile unsigned char data_code[64] = {0x90, 0x90, 0x90, 0xc3}; // nop nop nop ret

/* --- near null ---------------------------------------------------------------------- */

NOINLINE void null_read(void)
{
    MARK();
    sink = AT(int, zero);
}

NOINLINE void null_member_read(void)
{
    MARK();
    sink = AT(int, zero + 0x48);
}

NOINLINE void null_write(void)
{
    MARK();
    AT(int, zero) = 7;
}

NOINLINE void null_call(void)
{
    MARK();
    ((code_fn *)zero)();
    sink = 1;
}

NOINLINE void null_vtable_load(void)
{
    MARK();
    uintptr_t object = zero;
    __asm__ volatile("mov (%0), %0\n\tcall *0x10(%0)" : "+a"(object) : : "memory");
    sink = (int)object;
}

NOINLINE void null_vtable_call(void)
{
    MARK();
    uintptr_t vtable = zero;
    __asm__ volatile("call *0x10(%0)" : "+a"(vtable) : : "memory");
    sink = (int)vtable;
}

NOINLINE void thread_null_write(void)
{
    MARK();
    AT(int, zero) = 9;
}

/* --- far from null ------------------------------------------------------------------ */

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

NOINLINE void thread_wild_write(void)
{
    MARK();
    AT(int, wild) = 9;
}

NOINLINE void write_readonly(void)
{
    MARK();
    void *page = VirtualAlloc(NULL, PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READONLY);
    AT(int, (uintptr_t)page) = 7;
}

NOINLINE void tainted_call(void)
{
    MARK();
    uintptr_t table = wild;
    __asm__ volatile("mov (%0), %0\n\tcall *%0" : "+a"(table) : : "memory");
    sink = (int)table;
}

NOINLINE void tainted_write(void)
{
    MARK();
    uintptr_t node = wild;
    __asm__ volatile("mov (%0), %0\n\tmovl $1, 8(%0)" : "+a"(node) : : "memory");
    sink = (int)node;
}

#ifdef _WIN64
static volatile uintptr_t noncanonical = 0x4141414141414140u;

NOINLINE void noncanonical_read(void)
{
    MARK();
    sink = AT(int, noncanonical);
}

NOINLINE void noncanonical_write(void)
{
    MARK();
    AT(int, noncanonical) = 7;
}
#endif

NOINLINE void block_move_read(void)
{
    MARK();
    static char into[2 * PAGE];
    void *from = VirtualAlloc(NULL, PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    void *to = into;
    size_t n = sizeof into;
    __asm__ volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(n) : : "memory");
    sink = into[0];
}

NOINLINE void block_move_write(void)
{
    MARK();
    static char source[2 * PAGE];
    void *from = source;
    void *to = VirtualAlloc(NULL, PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    size_t n = sizeof source;
    __asm__ volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(n) : : "memory");
    sink = source[0];
}

/* --- control leaves the code -------------------------------------------------------- */

NOINLINE void exec_heap(void)
{
    MARK();
    void *block = HeapAlloc(GetProcessHeap(), 0, 64);
    if (block == NULL)
        abort();
    memcpy(block, (const void *)(uintptr_t)data_code, sizeof data_code);
    ((code_fn *)(uintptr_t)block)();
    sink = 1;
}

NOINLINE void exec_stack(void)
{
    MARK();
    volatile unsigned char local[64];
    for (size_t i = 0; i < sizeof local; i++)
        local[i] = data_code[i];
    ((code_fn *)(uintptr_t)local)();
    sink = local[0];
}

/* The jump is a stub of its own, so that the stack pointer is at a return address
 * into the fault. */
__asm__(".text\n"
#ifdef _WIN64
        "jump_away:\n\tjmp *%rcx\n"
#else
        "_jump_away:\n\tjmp *4(%esp)\n"
#endif
);
void jump_away(uintptr_t to);

NOINLINE void jump_to_data(void)
{
    MARK();
    jump_away((uintptr_t)data_code);
    sink = 1;
}

/* A copy that trusts its length: sixteen words into room for two. The caller's return address
 * goes, and its callers' frames with it, as in real overflows. */
NOINLINE static void copy_unchecked(volatile uintptr_t *to, uintptr_t fill)
{
    for (int i = 0; i < 16; i++)
        to[i] = fill;
}

NOINLINE void stack_smash_jump(void)
{
    MARK();
    volatile uintptr_t local[2];
    copy_unchecked(local, 0x41414141u);
}

#ifdef _WIN64
NOINLINE void stack_smash_ascii(void)
{
    MARK();
    volatile uintptr_t local[2];
    copy_unchecked(local, 0x4141414141414141u);
}

NOINLINE void stack_pivot(void)
{
    MARK();
    static char elsewhere[16 * PAGE];
    uintptr_t top = (uintptr_t)elsewhere + sizeof elsewhere - 64;
    __asm__ volatile("mov %0, " REG("sp") "\n\txor %%ecx, %%ecx\n\tmov (%%rcx), %%eax"
                     :
                     : "d"(top)
                     : "rax", "rcx", "memory");
}
#endif

/* Folklore: debug heaps fill what is freed (the Windows heap with 0xfeeefeee, Microsoft's C
 * runtime with 0xdddddddd). Wine's heap does not, so the fill is done here, and the block is
 * not given back: Wine would thread its free list through it. */
NOINLINE static uintptr_t *freed_object(uintptr_t fill)
{
    uintptr_t *object = HeapAlloc(GetProcessHeap(), 0, 8 * sizeof fill);
    if (object == NULL)
        abort();
    for (int i = 0; i < 8; i++)
        object[i] = fill;
    return object;
}

NOINLINE void call_freed_vtable(void)
{
    MARK();
    uintptr_t object = (uintptr_t)freed_object(PATTERN(0xddddddddu));
    __asm__ volatile("mov (%0), %0\n\tcall *8(%0)" : "+a"(object) : : "memory");
    sink = (int)object;
}

NOINLINE void load_freed_vtable(void)
{
    MARK();
    uintptr_t object = (uintptr_t)freed_object(PATTERN(0xfeeefeeeu));
    __asm__ volatile("mov (%0), %0\n\tmov 8(%0), %0\n\tcall *%0" : "+a"(object) : : "memory");
    sink = (int)object;
}

NOINLINE void read_freed_member(void)
{
    MARK();
    volatile uintptr_t *object = freed_object(PATTERN(0xddddddddu));
    sink = AT(int, object[2] + 0x14);
}

NOINLINE void unloaded_module(void)
{
    MARK();
    HMODULE plugin = LoadLibraryA("C:\\lab\\plugin.dll");
    plugin_fn *volatile transform;
    transform = (plugin_fn *)(uintptr_t)GetProcAddress(plugin, "plugin_transform");
    FreeLibrary(plugin);
    sink = transform(&trail, 3);
}

NOINLINE void dll_null_read(void)
{
    MARK();
    HMODULE plugin = LoadLibraryA("C:\\lab\\plugin.dll");
    plugin_fn *volatile decode;
    decode = (plugin_fn *)(uintptr_t)GetProcAddress(plugin, "plugin_decode");
    sink = decode(&trail, 3);
}

/* --- the processor objects ---------------------------------------------------------- */

NOINLINE void divide_by_zero(void)
{
    MARK();
    volatile int nothing = 0;
    sink = 1000 / nothing;
}

NOINLINE void float_divide(void)
{
    MARK();
    static volatile unsigned short control = 0x037b; // all masked but zero divide
    __asm__ volatile("fnclex\n\tfldcw %0\n\tfld1\n\tfldz\n\tfdivrp\n\tfwait" : : "m"(control));
    sink = 1;
}

NOINLINE void illegal_trap(void)
{
    MARK();
    __asm__ volatile("ud2");
    sink = 1;
}

NOINLINE void illegal_opcode(void)
{
    MARK();
    __asm__ volatile(".byte 0x0f, 0x0a");
    sink = 1;
}

NOINLINE void privileged_hlt(void)
{
    MARK();
    __asm__ volatile("hlt");
    sink = 1;
}

NOINLINE void privileged_cli(void)
{
    MARK();
    __asm__ volatile("cli");
    sink = 1;
}

NOINLINE void breakpoint(void)
{
    MARK();
    __asm__ volatile("int3");
    sink = 1;
}

#ifdef _WIN64
NOINLINE void assertion(void)
{
    MARK();
    __asm__ volatile("int $0x2c");
    sink = 1;
}
#endif

NOINLINE void guard_page(void)
{
    MARK();
    void *page =
        VirtualAlloc(NULL, PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE | PAGE_GUARD);
    sink = AT(int, (uintptr_t)page);
}

/* Takes room, so that the end comes soon; uses it after the call, so that there is
 * no tail call. */
static volatile int deepest = INT_MAX;

NOINLINE static int recurse(int depth)
{
    MARK();
    volatile char room[256];
    room[0] = (char)depth;
    return depth < deepest ? recurse(depth + 1) + room[0] : 0;
}

NOINLINE void stack_overflow(void)
{
    MARK();
    sink = recurse(1);
}

/* --- the program gives up ----------------------------------------------------------- */

#define FASTFAIL(code)                                                                         \
    __asm__ volatile("int $0x29" : : "c"(code));                                               \
    sink = 1

NOINLINE void fastfail_gs(void)
{
    MARK();
    FASTFAIL(2);
}

NOINLINE void fastfail_list(void)
{
    MARK();
    FASTFAIL(3);
}

NOINLINE void fastfail_abort(void)
{
    MARK();
    FASTFAIL(7);
}

NOINLINE void fastfail_range(void)
{
    MARK();
    FASTFAIL(8);
}

NOINLINE void heap_corruption(void)
{
    MARK();
    ULONG_PTR block = (ULONG_PTR)freed_object(PATTERN(0xababababu));
    RaiseException(0xc0000374, EXCEPTION_NONCONTINUABLE, 1, &block);
    sink = 1;
}

NOINLINE void invalid_handle(void)
{
    MARK();
    sink = CloseHandle((HANDLE)(uintptr_t)0xdeadbee0u);
}

/* What Microsoft's compiler lays down for `throw out_of_paper()`: 32-bit fields hold image
 * offsets on x64 and addresses on x86. One block, so that a dump which has its start has
 * all of it. */
static struct {
    struct {
        uint32_t attributes, unwind, compat, types;
    } info;
    struct {
        uint32_t n, first;
    } types;
    struct {
        uint32_t properties, type, thisDisplacement[3], size, copy;
    } type;
    struct {
        uintptr_t vtable, spare;
        char name[24];
    } descriptor;
} thrown = {
    .types = {1, 0},
      .type = { .size = 4},
      .descriptor = { 0, 0,  ".?AVout_of_paper@@"}
};

NOINLINE void cpp_exception(void)
{
    MARK();
    static volatile int object = 42;
    uintptr_t image = sizeof image == 8 ? (uintptr_t)GetModuleHandleA(NULL) : 0;
    thrown.info.types = (uint32_t)((uintptr_t)&thrown.types - image);
    thrown.types.first = (uint32_t)((uintptr_t)&thrown.type - image);
    thrown.type.type = (uint32_t)((uintptr_t)&thrown.descriptor - image);
    ULONG_PTR args[] = {0x19930520, (uintptr_t)&object, (uintptr_t)&thrown, image};
    RaiseException(0xe06d7363, EXCEPTION_NONCONTINUABLE, image != 0 ? 4 : 3, args);
    sink = 1;
}
