/*
 * stage.c -- app.exe: a small program with a few honest threads and three chains of callers,
 * which runs one fault of faults.def by name at the end of the chain that its row asks for.
 */
#include "stage.h"
#include <stdio.h>
#include <string.h>
#include <windows.h>

__attribute__((section(".trail"))) volatile struct trail trail = {.n = 0};
static volatile int work_done;

/* Links of a chain. Each does a little after its call, and each something different, so that
 * neither a tail call nor the merging of equal functions can take a frame away. */
#define LINK(name, next, cost)                                                                 \
    void name(fault_fn *fault);                                                                \
    NOINLINE void name(fault_fn *fault)                                                        \
    {                                                                                          \
        MARK();                                                                                \
        next;                                                                                  \
        work_done = work_done + (cost);                                                        \
    }

LINK(draw_shape, fault(), 1)
LINK(load_page, draw_shape(fault), 2)
LINK(render, load_page(fault), 3)

LINK(apply_change, fault(), 4)
LINK(decode_body, apply_change(fault), 5)
LINK(network, decode_body(fault), 6)

LINK(write_block, fault(), 7)
LINK(flush_cache, write_block(fault), 8)
LINK(storage, flush_cache(fault), 9)

static const struct fault {
    const char *name;
    fault_fn *commit;
    void (*route)(fault_fn *);
    const char *thread;
} faults[] = {
#define ROW_1(name, route, thread) {#name, name, route, #thread},
#define ROW_0(name, route, thread)
#define ROW_IF(there, name, route, thread)   ROW_THEN(there, name, route, thread)
#define ROW_THEN(there, name, route, thread) ROW_##there(name, route, thread)
#ifdef _WIN64
#define HAS_both  1
#define HAS_amd64 1
#define HAS_x86   0
#else
#define HAS_both  1
#define HAS_amd64 0
#define HAS_x86   1
#endif
#define FAULT(name, route, thread, arch, code, access, address, frame0, insn, verdict, note)   \
    ROW_IF(HAS_##arch, name, route, thread)
#include "faults.def"
#undef FAULT
};

void worker(const struct fault *fault);
NOINLINE void worker(const struct fault *fault)
{
    MARK();
    fault->route(fault->commit);
    work_done = work_done + 10;
}

DWORD WINAPI thread_main(void *fault);
NOINLINE DWORD WINAPI thread_main(void *fault)
{
    trail.n = 0; // what main left there is on another stack
    MARK();
    worker(fault);
    work_done = work_done + 11;
    return 0;
}

static DWORD WINAPI log_writer(void *never)
{
    WaitForSingleObject(never, INFINITE);
    return 0;
}

/* Folklore: SetThreadDescription is missing from MinGW's import libraries, and from
 * Windows before 10. */
static void name_thread(HANDLE thread, const char *name)
{
    typedef HRESULT WINAPI describe_fn(HANDLE, const WCHAR *);
    HMODULE base = GetModuleHandleA("kernelbase.dll");
    describe_fn *describe =
        (describe_fn *)(uintptr_t)GetProcAddress(base, "SetThreadDescription");
    WCHAR wide[32];
    if (describe != NULL && MultiByteToWideChar(CP_UTF8, 0, name, -1, wide, 32) > 0)
        describe(thread, wide);
}

static HANDLE start_thread(LPTHREAD_START_ROUTINE run, void *arg, const char *name)
{
    HANDLE thread = CreateThread(NULL, 0, run, arg, CREATE_SUSPENDED, NULL);
    name_thread(thread, name);
    ResumeThread(thread);
    return thread;
}

/* The way of an error reporter: the dying process starts a healthy one, tells it where the
 * records of its exception are, and waits. So the thread's own registers are in this wait, as
 * in most dumps from the field. */
static const char *report_path;

static LONG WINAPI report(EXCEPTION_POINTERS *at)
{
    char command[300];
    STARTUPINFOA start = {.cb = sizeof start};
    PROCESS_INFORMATION reporter;
    snprintf(command, sizeof command, "C:\\lab\\dumper.exe report %s %lu %lu %llx", report_path,
             GetCurrentProcessId(), GetCurrentThreadId(), (unsigned long long)(uintptr_t)at);
    if (CreateProcessA(NULL, command, NULL, NULL, FALSE, 0, NULL, NULL, &start, &reporter))
        WaitForSingleObject(reporter.hProcess, INFINITE);
    TerminateProcess(GetCurrentProcess(), 1);
    return EXCEPTION_EXECUTE_HANDLER;
}

static const struct fault *find(const char *name)
{
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (strcmp(faults[i].name, name) == 0)
            return &faults[i];
    return NULL;
}

int main(int argc, char **argv)
{
    MARK();
    const struct fault *fault = argc > 1 ? find(argv[1]) : NULL;
    if (fault == NULL) {
        fprintf(stderr, "usage: app FAULT [DUMP] (a row of faults.def)\n");
        return 2;
    }
    if (argc > 2) {
        report_path = argv[2];
        SetUnhandledExceptionFilter(report);
    }
    name_thread(GetCurrentThread(), "main");
    start_thread(log_writer, CreateEventA(NULL, TRUE, FALSE, NULL), "log_writer");
    Sleep(30); // let it reach its wait
    if (strcmp(fault->thread, "main") == 0)
        worker(fault);
    else
        WaitForSingleObject(start_thread(thread_main, (void *)(uintptr_t)fault, fault->thread),
                            INFINITE);
    fprintf(stderr, "%s: still alive\n", fault->name);
    return work_done;
}
