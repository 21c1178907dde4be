/*
 * dumper.c -- a debugger with one task: run a program until it dies, and write its dump
 * at that moment.
 *
 *     dumper own|dbghelp OUT.dmp PROGRAM FAULT
 *     dumper report OUT.dmp PID TID POINTERS
 *
 * The second form is no debugger: a program that is dying calls it, and waits (stage.c).
 *
 * Beside the dump goes OUT.txt: what the debug event said, and the trail that the program left
 * (stage.h). It comes from the event and from the process, never from the dump, so that truth
 * and dump can be held against each other.
 */
#include "stage.h"
#include "writer.h"
#include <dbghelp.h>
#include <psapi.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN64
#define INSTRUCTION_POINTER(c) ((c)->Rip)
#define STACK_POINTER(c)       ((c)->Rsp)
#else
#define INSTRUCTION_POINTER(c) ((c)->Eip)
#define STACK_POINTER(c)       ((c)->Esp)
#endif

enum { PATIENCE_MS = 30000, LOADED_MAX = 128, STACK_WORDS = 512 };

struct debugger {
    struct lab_process process;
    HANDLE crashed; // the thread's
    uint64_t image;
    bool own_writer, seen_breakpoint;
    const char *out, *fault;
    struct lab_unloaded loaded[LOADED_MAX], unloaded[LAB_UNLOADED_MAX];
    uint32_t n_loaded;
};

/* --- modules that come and go ------------------------------------------------------- */

/* Folklore: Wine maps its system DLLs from the host's file system, as drive Z; programs know
 * them by the place where Windows has them. */
static void set_path(struct lab_unloaded *m, const WCHAR *path)
{
    const WCHAR *name = wcsrchr(path, L'\\');
    if (wcsncmp(path, L"Z:", 2) != 0 || name == NULL)
        wcsncpy(m->path, path, LAB_PATH_MAX - 1);
    else
        swprintf(m->path, LAB_PATH_MAX, L"C:\\windows\\system32%ls", name);
}

static void on_load(struct debugger *d, const LOAD_DLL_DEBUG_INFO *load)
{
    struct lab_unloaded m = {.base = (uintptr_t)load->lpBaseOfDll};
    WCHAR path[LAB_PATH_MAX + 8] = L"";
    if (load->hFile != NULL) {
        GetFinalPathNameByHandleW(load->hFile, path, LAB_PATH_MAX, 0);
        CloseHandle(load->hFile);
    }
    set_path(&m, wcsncmp(path, L"\\\\?\\", 4) == 0 ? path + 4 : path);
    lab_image_ids(d->process.handle, m.base, &m.size, &m.checksum, &m.stamp);
    if (d->n_loaded < LOADED_MAX)
        d->loaded[d->n_loaded++] = m;
}

static void on_unload(struct debugger *d, uint64_t base)
{
    for (uint32_t i = 0; i < d->n_loaded; i++)
        if (d->loaded[i].base == base && d->process.n_unloaded < LAB_UNLOADED_MAX) {
            d->unloaded[d->process.n_unloaded++] = d->loaded[i];
            d->loaded[i].base = 0;
        }
}

/* --- the moment --------------------------------------------------------------------- */

static bool write_with_dbghelp(struct debugger *d)
{
    EXCEPTION_RECORD record = *d->process.event;
    CONTEXT context = *d->process.context;
    EXCEPTION_POINTERS both = {&record, &context};
    MINIDUMP_EXCEPTION_INFORMATION info = {d->process.crashed_thread, &both, FALSE};
    HANDLE file = CreateFileA(d->out, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return false;
    BOOL good = MiniDumpWriteDump(d->process.handle, d->process.id, file, MiniDumpNormal, &info,
                                  NULL, NULL);
    CloseHandle(file);
    return good;
}

/* The trail has a section of its own: no symbols are needed to find it. */
static bool read_trail(const struct debugger *d, struct trail *into)
{
    uint8_t page[4096];
    IMAGE_DOS_HEADER dos;
    IMAGE_NT_HEADERS nt;
    if (!ReadProcessMemory(d->process.handle, (void *)(uintptr_t)d->image, page, sizeof page,
                           NULL))
        return false;
    memcpy(&dos, page, sizeof dos);
    memcpy(&nt, page + dos.e_lfanew, sizeof nt);
    size_t at = (size_t)dos.e_lfanew + offsetof(IMAGE_NT_HEADERS, OptionalHeader) +
                nt.FileHeader.SizeOfOptionalHeader;
    for (int i = 0; i < nt.FileHeader.NumberOfSections;
         i++, at += sizeof(IMAGE_SECTION_HEADER)) {
        IMAGE_SECTION_HEADER section;
        memcpy(&section, page + at, sizeof section);
        if (memcmp(section.Name, ".trail", 7) == 0)
            return ReadProcessMemory(d->process.handle,
                                     (void *)(uintptr_t)(d->image + section.VirtualAddress),
                                     into, sizeof *into, NULL);
    }
    return false;
}

static void print_event(FILE *f, const struct lab_process *p)
{
    const EXCEPTION_RECORD *e = p->event;
    fprintf(f, "code %08lx\nthread %lu\naddress %llx\nparameters", e->ExceptionCode,
            p->crashed_thread, (unsigned long long)(uintptr_t)e->ExceptionAddress);
    for (DWORD i = 0; i < e->NumberParameters; i++)
        fprintf(f, " %llx", (unsigned long long)e->ExceptionInformation[i]);
    fprintf(f, "\nip %llx\nsp %llx\n", (unsigned long long)INSTRUCTION_POINTER(p->context),
            (unsigned long long)STACK_POINTER(p->context));
}

static void print_modules(FILE *f, const struct debugger *d)
{
    HMODULE bases[LOADED_MAX];
    DWORD bytes = 0;
    EnumProcessModules(d->process.handle, bases, sizeof bases, &bytes);
    for (DWORD i = 0; i < bytes / sizeof *bases && i < LOADED_MAX; i++) {
        MODULEINFO info = {0};
        char name[LAB_PATH_MAX] = "";
        GetModuleInformation(d->process.handle, bases[i], &info, sizeof info);
        GetModuleBaseNameA(d->process.handle, bases[i], name, sizeof name);
        fprintf(f, "module %llx %lx %s\n", (unsigned long long)(uintptr_t)bases[i],
                info.SizeOfImage, name);
    }
    for (uint32_t i = 0; i < d->process.n_unloaded; i++)
        fprintf(f, "unloaded %llx %x %ls\n", (unsigned long long)d->unloaded[i].base,
                d->unloaded[i].size, d->unloaded[i].path);
}

/* Where the stack pointer points: for the one return address that no function
 * could leave itself. */
static void print_stack(FILE *f, const struct debugger *d)
{
    uintptr_t sp = (uintptr_t)STACK_POINTER(d->process.context), word;
    fprintf(f, "stack");
    for (int i = 0; i < STACK_WORDS; i++, sp += sizeof word)
        if (ReadProcessMemory(d->process.handle, (void *)sp, &word, sizeof word, NULL))
            fprintf(f, " %llx", (unsigned long long)word);
    fprintf(f, "\n");
}

static bool write_side_file(const struct debugger *d)
{
    char path[LAB_PATH_MAX];
    struct trail left = {0};
    snprintf(path, sizeof path, "%.*s.txt", (int)strlen(d->out) - 4, d->out);
    FILE *f = fopen(path, "w");
    if (f == NULL || !read_trail(d, &left))
        return false;
    print_event(f, &d->process);
    fprintf(f, "trail"); // innermost first
    for (uint32_t i = 0; i < left.n && i < TRAIL_MAX; i++)
        fprintf(f, " %llx", (unsigned long long)left.pc[(left.n - 1 - i) % TRAIL_MAX]);
    fprintf(f, "\n");
    print_stack(f, d);
    print_modules(f, d);
    return fclose(f) == 0;
}

static bool dump(struct debugger *d, const DEBUG_EVENT *event)
{
    CONTEXT context = {.ContextFlags = CONTEXT_ALL};
    d->crashed = OpenThread(THREAD_ALL_ACCESS, FALSE, event->dwThreadId);
    GetThreadContext(d->crashed, &context);
    d->process.crashed_thread = event->dwThreadId;
    d->process.event = &event->u.Exception.ExceptionRecord;
    d->process.context = &context;
    d->process.unloaded = d->unloaded;
    bool good = d->own_writer ? lab_write_dump(&d->process, d->out) : write_with_dbghelp(d);
    return write_side_file(d) && good;
}

/* Folklore: Wine on x64 ends a process whose stack is unusable before its second chance, so
 * with the stack_ faults the first must do; so it ends one that fails in an exception handler;
 * and MinGW's runtime swallows an invalid handle. Elsewhere the first chance is the program's
 * own affair. */
static bool is_last_chance(const struct debugger *d, const EXCEPTION_DEBUG_INFO *e)
{
    DWORD code = e->ExceptionRecord.ExceptionCode;
    bool soon = strncmp(d->fault, "stack_", 6) == 0 || code == STATUS_INVALID_HANDLE ||
                (strncmp(d->fault, "handler_", 8) == 0 && code == STATUS_ACCESS_VIOLATION);
    return e->dwFirstChance == 0 || (soon && code != EXCEPTION_BREAKPOINT);
}

/* --- the loop ----------------------------------------------------------------------- */

static DWORD on_exception(struct debugger *d, const EXCEPTION_DEBUG_INFO *e)
{
    bool first_breakpoint =
        e->ExceptionRecord.ExceptionCode == EXCEPTION_BREAKPOINT && !d->seen_breakpoint;
    if (first_breakpoint)
        d->seen_breakpoint = true; // the loader's greeting to a debugger
    return first_breakpoint ? DBG_CONTINUE : DBG_EXCEPTION_NOT_HANDLED;
}

/* True when the program is over; `*dumped` when it left a dump. */
static bool on_event(struct debugger *d, const DEBUG_EVENT *event, DWORD *how, bool *dumped)
{
    *how = DBG_CONTINUE;
    switch (event->dwDebugEventCode) {
    case CREATE_PROCESS_DEBUG_EVENT:
        d->process.handle = event->u.CreateProcessInfo.hProcess;
        d->image = (uintptr_t)event->u.CreateProcessInfo.lpBaseOfImage;
        return false;
    case LOAD_DLL_DEBUG_EVENT:
        on_load(d, &event->u.LoadDll);
        return false;
    case UNLOAD_DLL_DEBUG_EVENT:
        on_unload(d, (uintptr_t)event->u.UnloadDll.lpBaseOfDll);
        return false;
    case EXIT_PROCESS_DEBUG_EVENT:
        return true;
    case EXCEPTION_DEBUG_EVENT:
        if (!is_last_chance(d, &event->u.Exception)) {
            *how = on_exception(d, &event->u.Exception);
            return false;
        }
        *dumped = dump(d, event);
        TerminateProcess(d->process.handle, 1);
        return true;
    default:
        return false;
    }
}

static bool debug(struct debugger *d)
{
    DEBUG_EVENT event;
    DWORD how;
    bool dumped = false;
    while (WaitForDebugEvent(&event, PATIENCE_MS)) {
        bool over = on_event(d, &event, &how, &dumped);
        ContinueDebugEvent(event.dwProcessId, event.dwThreadId, how);
        if (over)
            return dumped;
    }
    TerminateProcess(d->process.handle, 1);
    return false;
}

static int run_and_dump(struct debugger *d, const char *writer, const char *program)
{
    char command[LAB_PATH_MAX];
    STARTUPINFOA start = {.cb = sizeof start};
    PROCESS_INFORMATION child;
    d->own_writer = strcmp(writer, "own") == 0;
    snprintf(command, sizeof command, "%s %s", program, d->fault);
    if (!CreateProcessA(NULL, command, NULL, NULL, FALSE, DEBUG_ONLY_THIS_PROCESS, NULL, NULL,
                        &start, &child)) {
        fprintf(stderr, "cannot start %s\n", command);
        return 1;
    }
    d->process.id = child.dwProcessId;
    bool good = debug(d);
    fprintf(stderr, "%s %s\n", good ? "dumped" : "NO DUMP of", d->fault);
    return good ? 0 : 1;
}

static bool fetch(const struct debugger *d, uint64_t at, void *into, size_t n)
{
    return ReadProcessMemory(d->process.handle, (void *)(uintptr_t)at, into, n, NULL);
}

/* The records are where the dying process says, in its memory. */
static int report(struct debugger *d, DWORD pid, DWORD tid, uint64_t pointers)
{
    EXCEPTION_POINTERS at;
    EXCEPTION_RECORD record;
    CONTEXT context;
    HMODULE image;
    DWORD bytes;
    d->process.id = pid;
    d->process.handle = OpenProcess(PROCESS_ALL_ACCESS, FALSE, pid);
    if (!fetch(d, pointers, &at, sizeof at) ||
        !fetch(d, (uintptr_t)at.ExceptionRecord, &record, sizeof record) ||
        !fetch(d, (uintptr_t)at.ContextRecord, &context, sizeof context) ||
        !EnumProcessModules(d->process.handle, &image, sizeof image, &bytes))
        return 1;
    d->image = (uintptr_t)image;
    d->process.crashed_thread = tid;
    d->process.event = &record;
    d->process.context = &context;
    d->process.waiting = true;
    return lab_write_dump(&d->process, d->out) && write_side_file(d) ? 0 : 1;
}

int main(int argc, char **argv)
{
    static struct debugger d;
    if (argc == 6 && strcmp(argv[1], "report") == 0) {
        d.out = argv[2];
        return report(&d, (DWORD)strtoul(argv[3], NULL, 10), (DWORD)strtoul(argv[4], NULL, 10),
                      strtoull(argv[5], NULL, 16));
    }
    if (argc != 5) {
        fprintf(stderr, "usage: dumper own|dbghelp OUT.dmp PROGRAM FAULT\n");
        return 2;
    }
    d.out = argv[2];
    d.fault = argv[4];
    return run_and_dump(&d, argv[1], argv[3]);
}
