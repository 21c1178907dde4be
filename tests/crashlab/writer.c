/*
 * writer.c -- a minidump, written field by field from the format's description.
 *
 * A dump is one growing buffer. First go the things that others point to (names,
 * contexts, memory), each noting where it landed; then the streams; last the header,
 * whose place was kept free:
 *
 *     | header | directory | names, contexts, records | memory | streams ... |
 */
#include "snapshot.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum stream {
    THREAD_LIST = 3,
    MODULE_LIST = 4,
    MEMORY_LIST = 5,
    EXCEPTION_STREAM = 6,
    SYSTEM = 7,
    UNLOADED_LIST = 14,
    MISC_INFO = 15,
    MEMORY_INFO_LIST = 16,
    THREAD_NAMES = 24,
};
enum { STREAMS_MAX = 16, HEADER_SIZE = 32, ENTRY_SIZE = 12 };

#ifdef _WIN64
enum { CPU = 9 };
#else
enum { CPU = 0 };
#endif

struct dump {
    struct snapshot s;
    uint8_t *p;
    size_t n, room;
    struct {
        uint32_t type, size, rva;
    } directory[STREAMS_MAX];
    uint32_t n_streams;
    uint32_t unloaded_rva[LAB_UNLOADED_MAX];
};

/* --- bytes -------------------------------------------------------------------------- */

static uint32_t put(struct dump *d, const void *from, size_t n)
{
    if (d->room - d->n < n) {
        d->room = (d->room + n) * 2;
        d->p = realloc(d->p, d->room);
        if (d->p == NULL)
            abort();
    }
    memcpy(d->p + d->n, from, n);
    d->n += n;
    return (uint32_t)(d->n - n);
}
static void put_u16(struct dump *d, uint16_t v) { put(d, &v, sizeof v); }
static void put_u32(struct dump *d, uint32_t v) { put(d, &v, sizeof v); }
static void put_u64(struct dump *d, uint64_t v) { put(d, &v, sizeof v); }

static void put_zeros(struct dump *d, size_t n)
{
    static const uint8_t zeros[64];
    for (; n > sizeof zeros; n -= sizeof zeros)
        put(d, zeros, sizeof zeros);
    put(d, zeros, n);
}

static void align(struct dump *d, size_t to) { put_zeros(d, (to - d->n % to) % to); }

static uint32_t put_string(struct dump *d, const WCHAR *text)
{
    align(d, 4);
    uint32_t bytes = (uint32_t)(wcslen(text) * sizeof *text);
    uint32_t rva = (uint32_t)d->n;
    put_u32(d, bytes);
    put(d, text, bytes + sizeof *text);
    return rva;
}

static void begin(struct dump *d, enum stream type)
{
    align(d, 8);
    d->directory[d->n_streams].type = type;
    d->directory[d->n_streams].rva = (uint32_t)d->n;
}

static void end(struct dump *d)
{
    d->directory[d->n_streams].size = (uint32_t)d->n - d->directory[d->n_streams].rva;
    d->n_streams++;
}

/* --- what others point to ----------------------------------------------------------- */

/* The RSDS record, copied from the image's debug directory as it is. */
static void put_codeview(struct dump *d, struct module *m)
{
    IMAGE_NT_HEADERS nt;
    if (lab_headers(d->s.of->handle, m->base, &nt) == 0)
        return;
    IMAGE_DATA_DIRECTORY dir = nt.OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_DEBUG];
    for (uint32_t at = 0; at + sizeof(IMAGE_DEBUG_DIRECTORY) <= dir.Size;
         at += (uint32_t)sizeof(IMAGE_DEBUG_DIRECTORY)) {
        IMAGE_DEBUG_DIRECTORY entry;
        uint8_t record[512];
        if (!lab_peek(d->s.of->handle, m->base + dir.VirtualAddress + at, &entry,
                      sizeof entry) ||
            entry.Type != IMAGE_DEBUG_TYPE_CODEVIEW || entry.SizeOfData > sizeof record ||
            !lab_peek(d->s.of->handle, m->base + entry.AddressOfRawData, record,
                      entry.SizeOfData))
            continue;
        align(d, 4);
        m->record_rva = put(d, record, entry.SizeOfData);
        m->record_size = entry.SizeOfData;
        return;
    }
}

static void put_memory(struct dump *d)
{
    static uint8_t copy[64 * 1024];
    uint32_t kept = 0;
    for (uint32_t i = 0; i < d->s.n_ranges; i++) {
        struct range r = d->s.ranges[i];
        r.size = r.size < sizeof copy ? r.size : sizeof copy;
        if (!lab_peek(d->s.of->handle, r.start, copy, (size_t)r.size))
            continue;
        align(d, 8);
        r.rva = put(d, copy, (size_t)r.size);
        d->s.ranges[kept++] = r;
    }
    d->s.n_ranges = kept;
}

/* --- streams ------------------------------------------------------------------------ */

static void put_descriptor(struct dump *d, uint64_t start, uint64_t size, uint32_t rva)
{
    put_u64(d, start);
    put_u32(d, (uint32_t)size);
    put_u32(d, rva);
}

/* Size and place are zero when nothing at the stack pointer could be read. */
static void put_stack(struct dump *d, const struct thread *t)
{
    uint64_t sp = SP(&t->context);
    const struct range *r = lab_range_of(&d->s, sp);
    uint64_t size = r != NULL ? r->start + r->size - sp : 0;
    if (sp < t->stack_top && size > t->stack_top - sp)
        size = t->stack_top - sp;
    put_descriptor(d, sp, size, r != NULL ? (uint32_t)(r->rva + (sp - r->start)) : 0);
}

static void put_thread_list(struct dump *d)
{
    begin(d, THREAD_LIST);
    put_u32(d, d->s.n_threads);
    for (uint32_t i = 0; i < d->s.n_threads; i++) {
        const struct thread *t = &d->s.threads[i];
        put_u32(d, t->id);
        put_u32(d, t->suspended);
        put_u32(d, NORMAL_PRIORITY_CLASS);
        put_u32(d, 0); // priority
        put_u64(d, t->teb);
        put_stack(d, t);
        put_u32(d, sizeof t->context);
        put_u32(d, t->context_rva);
    }
    end(d);
}

static void put_thread_names(struct dump *d)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < d->s.n_threads; i++)
        n += d->s.threads[i].name_rva != 0;
    begin(d, THREAD_NAMES);
    put_u32(d, n);
    for (uint32_t i = 0; i < d->s.n_threads; i++)
        if (d->s.threads[i].name_rva != 0) {
            put_u32(d, d->s.threads[i].id);
            put_u64(d, d->s.threads[i].name_rva);
        }
    end(d);
}

static void put_module_list(struct dump *d)
{
    begin(d, MODULE_LIST);
    put_u32(d, d->s.n_modules);
    for (uint32_t i = 0; i < d->s.n_modules; i++) {
        const struct module *m = &d->s.modules[i];
        put_u64(d, m->base);
        put_u32(d, m->size);
        put_u32(d, m->checksum);
        put_u32(d, m->stamp);
        put_u32(d, m->path_rva);
        put(d, &m->version, sizeof m->version);
        put_u32(d, m->record_size);
        put_u32(d, m->record_rva);
        put_zeros(d, 8 + 16); // misc record, reserved
    }
    end(d);
}

static void put_unloaded_list(struct dump *d)
{
    begin(d, UNLOADED_LIST);
    put_u32(d, 12); // this header
    put_u32(d, 24); // each entry
    put_u32(d, d->s.of->n_unloaded);
    for (uint32_t i = 0; i < d->s.of->n_unloaded; i++) {
        const struct lab_unloaded *m = &d->s.of->unloaded[i];
        put_u64(d, m->base);
        put_u32(d, m->size);
        put_u32(d, m->checksum);
        put_u32(d, m->stamp);
        put_u32(d, d->unloaded_rva[i]);
    }
    end(d);
}

static void put_memory_list(struct dump *d)
{
    begin(d, MEMORY_LIST);
    put_u32(d, d->s.n_ranges);
    for (uint32_t i = 0; i < d->s.n_ranges; i++)
        put_descriptor(d, d->s.ranges[i].start, d->s.ranges[i].size, d->s.ranges[i].rva);
    end(d);
}

static void put_region(struct dump *d, const MEMORY_BASIC_INFORMATION *info)
{
    put_u64(d, (uintptr_t)info->BaseAddress);
    put_u64(d, (uintptr_t)info->AllocationBase);
    put_u32(d, info->AllocationProtect);
    put_u32(d, 0);
    put_u64(d, info->RegionSize);
    put_u32(d, info->State);
    put_u32(d, info->Protect);
    put_u32(d, info->Type);
    put_u32(d, 0);
}

static void put_memory_info(struct dump *d)
{
    MEMORY_BASIC_INFORMATION info;
    uint64_t at = 0, n = 0;
    begin(d, MEMORY_INFO_LIST);
    put_u32(d, 16); // this header
    put_u32(d, 48); // each entry
    size_t count_at = put(d, &n, sizeof n);
    while (VirtualQueryEx(d->s.of->handle, (void *)(uintptr_t)at, &info, sizeof info) ==
           sizeof info) {
        uint64_t next = (uintptr_t)info.BaseAddress + (uint64_t)info.RegionSize;
        if (next <= at)
            break;
        put_region(d, &info);
        n++;
        at = next;
        if (at > UINTPTR_MAX)
            break;
    }
    memcpy(d->p + count_at, &n, sizeof n);
    end(d);
}

static void put_exception(struct dump *d, uint32_t context_rva)
{
    const EXCEPTION_RECORD *e = d->s.of->event;
    begin(d, EXCEPTION_STREAM);
    put_u32(d, d->s.of->crashed_thread);
    put_u32(d, 0);
    put_u32(d, e->ExceptionCode);
    put_u32(d, e->ExceptionFlags);
    put_u64(d, (uintptr_t)e->ExceptionRecord);
    put_u64(d, (uintptr_t)e->ExceptionAddress);
    put_u32(d, e->NumberParameters);
    put_u32(d, 0);
    for (DWORD i = 0; i < EXCEPTION_MAXIMUM_PARAMETERS; i++)
        put_u64(d, i < e->NumberParameters ? e->ExceptionInformation[i] : 0);
    put_u32(d, sizeof *d->s.of->context);
    put_u32(d, context_rva);
    end(d);
}

static RTL_OSVERSIONINFOEXW windows_version(void)
{
    typedef LONG WINAPI version_fn(RTL_OSVERSIONINFOEXW *);
    RTL_OSVERSIONINFOEXW v = {.dwOSVersionInfoSize = sizeof v};
    version_fn *get =
        (version_fn *)(uintptr_t)GetProcAddress(GetModuleHandleA("ntdll.dll"), "RtlGetVersion");
    if (get != NULL)
        get(&v);
    return v;
}

/* The processor's features are left out: they would describe the machine that ran
 * the laboratory. */
static void put_system_info(struct dump *d, uint32_t csd_rva)
{
    RTL_OSVERSIONINFOEXW v = windows_version();
    begin(d, SYSTEM);
    put_u16(d, CPU);
    put_u16(d, 6);                      // family
    put_u16(d, 0x9e0d);                 // model, stepping
    put(d, (const uint8_t[]){4, 1}, 2); // processors; workstation
    put_u32(d, v.dwMajorVersion);
    put_u32(d, v.dwMinorVersion);
    put_u32(d, v.dwBuildNumber);
    put_u32(d, 2); // NT
    put_u32(d, csd_rva);
    put_u16(d, 0x100); // suite: single user
    put_u16(d, 0);
    put_zeros(d, 24);
    end(d);
}

static uint32_t unix_time(FILETIME t)
{
    uint64_t ticks = (uint64_t)t.dwHighDateTime << 32 | t.dwLowDateTime;
    return (uint32_t)(ticks / 10000000 - 11644473600);
}

/* Version 4 of the stream: ids, times, and the build string; power and time zone
 * say "not valid". */
static void put_misc_info(struct dump *d)
{
    static const WCHAR build[260] = L"19041.1 (faultbucket crash lab)",
                       writer[40] = L"crashlab";
    FILETIME created = {0}, exited, kernel, user;
    GetProcessTimes(d->s.of->handle, &created, &exited, &kernel, &user);
    begin(d, MISC_INFO);
    put_u32(d, 832);
    put_u32(d, 0x1 | 0x2 | 0x100); // pid, times, build string
    put_u32(d, d->s.of->id);
    put_u32(d, unix_time(created));
    put_zeros(d, 4 + 4);               // user, kernel seconds
    put_zeros(d, 5 * 4 + 4 * 4 + 172); // power, integrity .. time zone
    put(d, build, sizeof build);
    put(d, writer, sizeof writer);
    end(d);
}

/* --- the file ----------------------------------------------------------------------- */

/* Returns where the context of the exception is: the crashed thread's own, unless that
 * has gone on. */
static uint32_t put_contexts(struct dump *d)
{
    uint32_t crashed =
        d->s.of->waiting ? put(d, d->s.of->context, sizeof *d->s.of->context) : 0;
    for (uint32_t i = 0; i < d->s.n_threads; i++) {
        struct thread *t = &d->s.threads[i];
        align(d, 16);
        t->context_rva = put(d, &t->context, sizeof t->context);
        if (t->name[0] != 0)
            t->name_rva = put_string(d, t->name);
        if (t->id == d->s.of->crashed_thread && !d->s.of->waiting)
            crashed = t->context_rva;
    }
    return crashed;
}

static void put_module_names(struct dump *d)
{
    for (uint32_t i = 0; i < d->s.n_modules; i++) {
        d->s.modules[i].path_rva = put_string(d, d->s.modules[i].path);
        put_codeview(d, &d->s.modules[i]);
    }
    for (uint32_t i = 0; i < d->s.of->n_unloaded; i++)
        d->unloaded_rva[i] = put_string(d, d->s.of->unloaded[i].path);
}

static void put_streams(struct dump *d, uint32_t context_rva, uint32_t csd_rva)
{
    put_system_info(d, csd_rva);
    put_misc_info(d);
    put_thread_list(d);
    put_thread_names(d);
    put_module_list(d);
    put_unloaded_list(d);
    put_exception(d, context_rva);
    put_memory_list(d);
    put_memory_info(d);
}

/* Into the room kept free at the start. */
static void set_header(struct dump *d)
{
    size_t size = d->n;
    d->n = 0;
    put(d, "MDMP", 4);
    put_u32(d, 0xa793);
    put_u32(d, d->n_streams);
    put_u32(d, HEADER_SIZE);
    put_u32(d, 0); // checksum
    put_u32(d, (uint32_t)time(NULL));
    put_u64(d, 0x20 | 0x40 | 0x100 | 0x800); // unloaded, indirect, thread data, memory info
    for (uint32_t i = 0; i < d->n_streams; i++) {
        put_u32(d, d->directory[i].type);
        put_u32(d, d->directory[i].size);
        put_u32(d, d->directory[i].rva);
    }
    d->n = size;
}

static bool save(const struct dump *d, const char *path)
{
    FILE *f = fopen(path, "wb");
    bool good = f != NULL && fwrite(d->p, 1, d->n, f) == d->n;
    if (f != NULL && fclose(f) != 0)
        good = false;
    if (!good)
        fprintf(stderr, "cannot write %s\n", path);
    return good;
}

bool lab_write_dump(const struct lab_process *process, const char *path)
{
    static struct dump d;
    d = (struct dump){.n = 0};
    lab_snapshot(process, &d.s);
    put_zeros(&d, HEADER_SIZE + STREAMS_MAX * ENTRY_SIZE);
    uint32_t context_rva = put_contexts(&d);
    uint32_t csd_rva = put_string(&d, L"");
    put_module_names(&d);
    put_memory(&d);
    put_streams(&d, context_rva, csd_rva);
    set_header(&d);
    bool good = save(&d, path);
    free(d.p);
    return good;
}
