/*
 * ingest/dialects/upload.h -- what one upload holds: fields in the order sent, and files.
 *
 * The bytes of files go to a store as they come; only where they lie is noted. The dump is the
 * first file that starts like a minidump or a kernel dump, whatever its name and type say.
 */
#pragma once
#include "base/text.h"
#include "dialects/multipart.h"

struct fb_field {
    const char *name, *value; // raw bytes, NUL-terminated
    size_t name_n, value_n;
    bool cut;
};

struct fb_file {
    const char *name, *file_name; // raw
    uint64_t off, size;           // within the bytes given to the store
};

/** Takes the bytes of files. `dump`: they belong to the dump. */
struct fb_file_store {
    struct fb_err (*put)(void *arg, struct fb_span bytes, bool dump);
    void *arg;
};

enum { FB_MAGIC = 8 }; // as many as tell a dump

struct fb_upload {
    struct fb_arena *arena;
    struct fb_file_store store;
    struct fb_field fields[FB_FIELDS_MAX];
    struct fb_file files[FB_FILES_MAX];
    size_t fields_n, files_n;
    int dump;        // index of the file that is the dump, -1: none yet
    size_t dropped;  // fields and files beyond the limits
    uint64_t stored; // bytes given to the store
    // the part at hand
    enum { FB_PART_NONE, FB_PART_FIELD, FB_PART_FILE, FB_PART_DROPPED } part;
    struct fb_text value;
    uint8_t magic[FB_MAGIC]; // a file's first bytes, until there are enough to tell
    size_t magic_n;
};

void fb_upload_start(struct fb_upload *u, struct fb_arena *arena, struct fb_file_store store);

/** A field that came another way (the query). */
void fb_upload_field(struct fb_upload *u, struct fb_span name, struct fb_span value);

/** The sink for a multipart body. @fails what the store says */
struct fb_part_sink fb_upload_sink(struct fb_upload *u);

/** A body that is one file: begin, data, end. @fails what the store says */
struct fb_err fb_upload_file_begin(struct fb_upload *u, const char *name,
                                   const char *file_name);
struct fb_err fb_upload_data(struct fb_upload *u, struct fb_span bytes);
struct fb_err fb_upload_end(struct fb_upload *u);

/** Join `key__1`, `key__2`, ... to one field `key` at the place of the first of them, in the
 * order of their numbers; gaps are allowed. */
void fb_upload_join(struct fb_upload *u);

/** The field of that name, NULL without one. */
const struct fb_field *fb_upload_find(const struct fb_upload *u, const char *name);
