/*
 * writer.h -- a minidump of a stopped process, as complete as Windows would make it and as
 * small as a crash reporter would. Wine's own writer leaves out what half of an analysis rests
 * on: memory protections, debug ids, TEBs, thread names, unloaded modules.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <windows.h>

enum { LAB_UNLOADED_MAX = 16, LAB_PATH_MAX = 260 };

/* A module that came and went; the debugger saw both. */
struct lab_unloaded {
    uint64_t base;
    uint32_t size, checksum, stamp;
    WCHAR path[LAB_PATH_MAX];
};

/* The stopped process. The handles and `event` are the caller's. */
struct lab_process {
    HANDLE handle;
    DWORD id, crashed_thread;
    const EXCEPTION_RECORD *event;
    const CONTEXT *context; // of the crashed thread, at the event
    const struct lab_unloaded *unloaded;
    uint32_t n_unloaded;
    bool waiting; // the crashed thread has gone on since, to wait for its reporter
};

/**
 * Write `path`, replacing it.
 * @fails  false, after a line on stderr: the file is then absent or useless
 */
bool lab_write_dump(const struct lab_process *process, const char *path);

/** The fields of a PE header that identify an image; false when `base` is not one. */
bool lab_image_ids(HANDLE process, uint64_t base, uint32_t *size, uint32_t *checksum,
                   uint32_t *stamp);
