/*
 * common/files.h -- whole files, and blocks of memory for arenas.
 */
#pragma once
#include "base/arena.h"
#include "base/reader.h"

struct fb_file {
    struct fb_span bytes;
    void *memory;  // what fb_file_free frees
    size_t mapped; // not 0: `memory` is a mapping of that many bytes
};
enum { FB_FILE_MAX_GIB = 4 };

/**
 * Read a whole file; "-" is standard input. It is copied, since a mapped file may be cut short
 * under our feet.
 * @owner  the caller, until fb_file_free
 * @fails  UNAVAILABLE: cannot be opened or read, see errno; LIMIT: larger than FB_FILE_MAX_GIB,
 * or no memory
 */
struct fb_err fb_file_read(const char *path, struct fb_file *out);
/**
 * Map a regular file instead: for large ones of which little is looked at. Who cuts it short
 * meanwhile ends the process, so this is for files that the user keeps, never for uploads.
 * @owner, @fails  as above; MALFORMED: no regular file, or an empty one
 */
struct fb_err fb_file_map(const char *path, struct fb_file *out);
void fb_file_free(struct fb_file *file);

/** An arena over `size` bytes that cost nothing until they are used. base is NULL when there
 * is no room. */
struct fb_arena fb_arena_map(size_t size);
void fb_arena_unmap(struct fb_arena *arena);
