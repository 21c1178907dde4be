/*
 * snapshot.c -- reads a stopped process: threads, modules, the memory that a dump shall have.
 *
 * Memory is a list of ranges: the used stacks, what lies round instruction pointers, registers
 * and parameters of the exception, and the TEBs; cut to what can be read, sorted, and merged,
 * so that no byte is written twice and every reader finds an address in exactly one range.
 */
#include "snapshot.h"
#include <psapi.h>
#include <stdlib.h>
#include <string.h>
#include <tlhelp32.h>
#include <winternl.h>

enum {
    STACK_MAX = 40 * 1024, // of one thread: keeps an endless recursion small
    AROUND_IP = 256,       // each side
    BEFORE_REGISTER = 128,
    AROUND_REGISTER = 512,
};
#ifdef _WIN64
enum { TEB_STACK_TOP = 0x08, TEB_SIZE = 0x1838 };
#else
enum { TEB_STACK_TOP = 0x04, TEB_SIZE = 0xff8 };
#endif

bool lab_peek(HANDLE process, uint64_t at, void *into, size_t n)
{
    SIZE_T got = 0;
    return ReadProcessMemory(process, (const void *)(uintptr_t)at, into, n, &got) && got == n;
}

static bool readable(const MEMORY_BASIC_INFORMATION *info)
{
    return info->State == MEM_COMMIT && (info->Protect & (PAGE_GUARD | PAGE_NOACCESS)) == 0 &&
           info->Protect != 0;
}

/* Note the readable parts of [start, start + size). */
static void want(struct snapshot *s, uint64_t start, uint64_t size)
{
    uint64_t last = start + size < start ? UINT64_MAX : start + size;
    MEMORY_BASIC_INFORMATION info;
    while (start < last &&
           VirtualQueryEx(s->of->handle, (void *)(uintptr_t)start, &info, sizeof info)) {
        uint64_t region_end = (uintptr_t)info.BaseAddress + (uint64_t)info.RegionSize;
        uint64_t stop = region_end < last ? region_end : last;
        if (stop <= start) // an address that the query had to cut
            return;
        if (readable(&info) && s->n_ranges < RANGES_MAX)
            s->ranges[s->n_ranges++] = (struct range){start, stop - start, 0};
        start = stop;
    }
}

static void want_around(struct snapshot *s, uint64_t address, uint64_t before, uint64_t size)
{
    want(s, address > before ? address - before : 0, size);
}

static int by_start(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    return (x->start > y->start) - (x->start < y->start);
}

static void merge_ranges(struct snapshot *s)
{
    qsort(s->ranges, s->n_ranges, sizeof *s->ranges, by_start);
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_ranges; i++) {
        struct range *last = n > 0 ? &s->ranges[n - 1] : NULL;
        struct range next = s->ranges[i];
        if (last == NULL || next.start > last->start + last->size)
            s->ranges[n++] = next;
        else if (next.start + next.size > last->start + last->size)
            last->size = next.start + next.size - last->start;
    }
    s->n_ranges = n;
}

const struct range *lab_range_of(const struct snapshot *s, uint64_t address)
{
    for (uint32_t i = 0; i < s->n_ranges; i++)
        if (address >= s->ranges[i].start && address - s->ranges[i].start < s->ranges[i].size)
            return &s->ranges[i];
    return NULL;
}

static void read_name(HANDLE thread, WCHAR *name, size_t room)
{
    typedef HRESULT WINAPI describe_fn(HANDLE, WCHAR **);
    HMODULE base = GetModuleHandleA("kernelbase.dll");
    describe_fn *describe =
        (describe_fn *)(uintptr_t)GetProcAddress(base, "GetThreadDescription");
    WCHAR *text = NULL;
    if (describe == NULL || describe(thread, &text) < 0 || text == NULL)
        return;
    wcsncpy(name, text, room - 1);
    LocalFree(text);
}

static void read_thread(struct snapshot *s, DWORD id)
{
    struct thread *t = &s->threads[s->n_threads];
    HANDLE thread = OpenThread(THREAD_ALL_ACCESS, FALSE, id);
    struct {
        LONG status;
        PVOID teb;
        ULONG_PTR ids[2], affinity;
        LONG priority[2];
    } basic = {0};
    uintptr_t top = 0;
    if (thread == NULL || s->n_threads == THREADS_MAX)
        return;
    *t = (struct thread){.id = id, .context.ContextFlags = CONTEXT_ALL};
    t->suspended = SuspendThread(thread);
    GetThreadContext(thread, &t->context);
    ResumeThread(thread);
    NtQueryInformationThread(thread, ThreadBasicInformation, &basic, sizeof basic, NULL);
    t->teb = (uintptr_t)basic.teb;
    if (lab_peek(s->of->handle, t->teb + TEB_STACK_TOP, &top, sizeof top))
        t->stack_top = top;
    read_name(thread, t->name, sizeof t->name / sizeof *t->name);
    if (id == s->of->crashed_thread && !s->of->waiting)
        t->context = *s->of->context;
    CloseHandle(thread);
    s->n_threads++;
}

static void read_threads(struct snapshot *s)
{
    HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
    THREADENTRY32 entry = {.dwSize = sizeof entry};
    for (BOOL more = Thread32First(all, &entry); more; more = Thread32Next(all, &entry))
        if (entry.th32OwnerProcessID == s->of->id)
            read_thread(s, entry.th32ThreadID);
    CloseHandle(all);
}

uint64_t lab_headers(HANDLE process, uint64_t base, IMAGE_NT_HEADERS *nt)
{
    IMAGE_DOS_HEADER dos;
    if (!lab_peek(process, base, &dos, sizeof dos) || dos.e_magic != IMAGE_DOS_SIGNATURE)
        return 0;
    uint64_t at = base + (uint64_t)dos.e_lfanew;
    return lab_peek(process, at, nt, sizeof *nt) && nt->Signature == IMAGE_NT_SIGNATURE ? at
                                                                                        : 0;
}

bool lab_image_ids(HANDLE process, uint64_t base, uint32_t *size, uint32_t *checksum,
                   uint32_t *stamp)
{
    IMAGE_NT_HEADERS nt;
    if (lab_headers(process, base, &nt) == 0)
        return false;
    *size = nt.OptionalHeader.SizeOfImage;
    *checksum = nt.OptionalHeader.CheckSum;
    *stamp = nt.FileHeader.TimeDateStamp;
    return true;
}

static void read_version(struct module *m)
{
    DWORD unused, size = GetFileVersionInfoSizeW(m->path, &unused);
    void *block = size > 0 ? malloc(size) : NULL;
    void *fixed = NULL;
    UINT n = 0;
    if (block != NULL && GetFileVersionInfoW(m->path, 0, size, block) &&
        VerQueryValueW(block, L"\\", &fixed, &n) && n >= sizeof m->version)
        memcpy(&m->version, fixed, sizeof m->version);
    free(block);
}

static void read_modules(struct snapshot *s)
{
    HMODULE bases[MODULES_MAX];
    DWORD bytes = 0;
    if (!EnumProcessModules(s->of->handle, bases, sizeof bases, &bytes))
        return;
    for (DWORD i = 0; i < bytes / sizeof *bases && i < MODULES_MAX; i++) {
        struct module *m = &s->modules[s->n_modules];
        m->base = (uintptr_t)bases[i];
        if (!lab_image_ids(s->of->handle, m->base, &m->size, &m->checksum, &m->stamp))
            continue;
        GetModuleFileNameExW(s->of->handle, bases[i], m->path, LAB_PATH_MAX);
        read_version(m);
        s->n_modules++;
    }
}

/* --- which memory ------------------------------------------------------------------- */

static void want_registers(struct snapshot *s, const CONTEXT *c)
{
#ifdef _WIN64
    const uint64_t values[] = {c->Rax, c->Rcx, c->Rdx, c->Rbx, c->Rbp, c->Rsi, c->Rdi, c->R8,
                               c->R9,  c->R10, c->R11, c->R12, c->R13, c->R14, c->R15};
#else
    const uint64_t values[] = {c->Eax, c->Ecx, c->Edx, c->Ebx, c->Ebp, c->Esi, c->Edi};
#endif
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        want_around(s, values[i], BEFORE_REGISTER, AROUND_REGISTER);
}

static void want_thread(struct snapshot *s, const struct thread *t)
{
    uint64_t sp = SP(&t->context);
    uint64_t used =
        sp < t->stack_top && t->stack_top - sp < STACK_MAX ? t->stack_top - sp : STACK_MAX;
    want(s, sp, used);
    want_around(s, IP(&t->context), AROUND_IP, 2 * AROUND_IP);
    want(s, t->teb, t->id == s->of->crashed_thread ? TEB_SIZE : 0x100);
}

static void want_all(struct snapshot *s)
{
    for (uint32_t i = 0; i < s->n_threads; i++)
        want_thread(s, &s->threads[i]);
    want_around(s, IP(s->of->context), AROUND_IP, 2 * AROUND_IP);
    want_registers(s, s->of->context);
    for (DWORD i = 0; i < s->of->event->NumberParameters; i++)
        want_around(s, s->of->event->ExceptionInformation[i], BEFORE_REGISTER, AROUND_REGISTER);
}

void lab_snapshot(const struct lab_process *process, struct snapshot *s)
{
    *s = (struct snapshot){.of = process};
    read_threads(s);
    read_modules(s);
    want_all(s);
    merge_ranges(s);
}
