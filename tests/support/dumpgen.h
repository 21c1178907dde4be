/*
 * tests/support/dumpgen.h -- builds minidumps, byte by byte, from the format's description.
 *
 * It shares no code and no table with the reader, so that an error in one is not hidden by the
 * other. Use: begin, one call per stream, end. Every call writes at once; strings, stacks and
 * contexts are put before the stream that points to them. It aborts for want of memory.
 *
 *     struct dumpgen d;
 *     dumpgen_begin(&d, false);
 *     dumpgen_system(&d, &(struct dumpgen_system){.arch = 9, .platform = 2});
 *     dumpgen_threads(&d, threads, COUNT(threads));
 *     struct fb_span file = dumpgen_end(&d);      // exactly as long as the file, on the heap
 *     ...
 *     dumpgen_free(&d);
 */
#pragma once
#include "dump.h"

enum { DUMPGEN_STREAMS_MAX = 32 };

struct dumpgen {
    uint8_t *p;
    size_t n, room;
    bool big; // every number most significant byte first
    struct {
        uint32_t type, size, rva;
    } streams[DUMPGEN_STREAMS_MAX];
    size_t n_streams;
    uint32_t version; // all 32 bits; preset
    uint32_t time;
    uint64_t flags;
};

struct dumpgen_system {
    uint16_t arch; // as in the file: 0 x86, 5 ARM, 9 AMD64, 12 ARM64
    uint16_t level, revision;
    uint8_t cpus;
    uint32_t major, minor, build;
    uint32_t platform; // 2 Windows, 0x8101 macOS, 0x8201 Linux, 0x8203 Android
    const char *csd;
    const char *vendor; // 12 letters
};
struct dumpgen_module {
    uint64_t base;
    uint32_t size, timestamp, checksum;
    const char *name;
    uint32_t version[2]; // both words of VS_FIXEDFILEINFO; it is left out when both are 0
    const char *pdb;     // an RSDS record with this file name
    uint8_t guid[16];
    uint32_t age;
    const void *build_id; // an ELF build id instead
    uint32_t n_build_id;
};
struct dumpgen_xstate { // of an AMD64 context, behind its 1232 bytes
    uint64_t present, layout;
    uint32_t header; // its offset from the three pairs; preset to 24 by 0
    uint32_t cet;    // offset of CET's two words from the header
    uint64_t shadow_stack;
    uint32_t size; // of everything behind the 1232 bytes; preset to 256 by 0
};
struct dumpgen_thread {
    uint32_t id;
    uint64_t teb;
    uint64_t stack_start;
    const void *stack; // NULL: the descriptor holds n_stack, but no place in the file
    uint32_t n_stack;
    struct fb_regs regs; // what is not known is not flagged; arch 0: no context
    const char *name;    // for dumpgen_names
    const struct dumpgen_xstate *xstate;
};
struct dumpgen_memory {
    uint64_t start;
    const void *bytes;
    uint32_t n;
};
struct dumpgen_page { // MINIDUMP_MEMORY_INFO
    uint64_t base, size;
    uint32_t state, protection, type;
};
struct dumpgen_table { // of functions
    uint64_t start, end, base;
    uint32_t n;         // entries of 12 bytes: begin, end and unwind data 16, 20, 24 bytes on
    uint32_t n_claimed; // 0: as many
};
struct dumpgen_thread_info {
    uint32_t thread, flags;
    uint64_t start;
};
struct dumpgen_handle {
    uint64_t handle;
    const char *type, *name;
    uint32_t info;    // type of a piece of information with the owner 70, 71; 0: none
    bool ring;        // the piece is followed by itself
    uint32_t no_info; // the piece lies here instead
};
struct dumpgen_operation {
    uint64_t handle;
    uint32_t pid, tid, operation, depth;
};
struct dumpgen_token {
    uint32_t id;
    const uint32_t *user; // authority, then the numbers, 0 ends them
    uint32_t integrity;
    uint32_t administrator; // attributes of the group; 0: not in it
    uint32_t size;          // instead of the true one; 0: the true one
};
struct dumpgen_mac_record {
    uint32_t version;
    const char *strings[5]; // module, message, signature, backtrace, message 2
    uint32_t cut;           // leave out that many bytes at the end
};
struct dumpgen_linked {
    uint64_t address;
    const char *name;
};
struct dumpgen_exception {
    uint32_t thread, code, flags;
    uint64_t nested, address;
    uint32_t n_parameters;
    uint64_t parameters[15];
    struct fb_regs regs;
    const struct dumpgen_xstate *xstate;
};
struct dumpgen_annotation {
    const char *name, *value;
};

void dumpgen_begin(struct dumpgen *d, bool big);
struct fb_span dumpgen_end(struct dumpgen *d);
void dumpgen_free(struct dumpgen *d);

/* Pieces: each returns where it was put. */
uint32_t dumpgen_bytes(struct dumpgen *d, const void *p, size_t n);
uint32_t dumpgen_number(struct dumpgen *d, uint64_t v, size_t bytes);
uint32_t dumpgen_string16(struct dumpgen *d, const char *ascii);
uint32_t dumpgen_string8(struct dumpgen *d, const char *text);
/** A context of regs.arch; 0 when there is none. `*size` is its length. */
uint32_t dumpgen_context(struct dumpgen *d, const struct fb_regs *regs, uint32_t *size);
/** The same with extended state behind it; `xstate` may be NULL. */
uint32_t dumpgen_context_ex(struct dumpgen *d, const struct fb_regs *regs,
                            const struct dumpgen_xstate *xstate, uint32_t *size);
/** Overwrite `bytes` bytes at `at`. */
void dumpgen_poke(const struct dumpgen *d, size_t at, uint64_t v, size_t bytes);
/** Whatever is written between the two is the stream. */
void dumpgen_stream(struct dumpgen *d, uint32_t type);
void dumpgen_stream_end(struct dumpgen *d);
void dumpgen_raw(struct dumpgen *d, uint32_t type, const void *p, size_t n);

/* Whole streams. */
void dumpgen_system(struct dumpgen *d, const struct dumpgen_system *s);
void dumpgen_misc(struct dumpgen *d, uint32_t pid, uint32_t start);
void dumpgen_modules(struct dumpgen *d, const struct dumpgen_module *v, size_t n);
void dumpgen_unloaded(struct dumpgen *d, const struct dumpgen_module *v, size_t n);
void dumpgen_threads(struct dumpgen *d, const struct dumpgen_thread *v, size_t n);
void dumpgen_names(struct dumpgen *d, const struct dumpgen_thread *v, size_t n);
void dumpgen_memory(struct dumpgen *d, const struct dumpgen_memory *v, size_t n);
void dumpgen_memory64(struct dumpgen *d, const struct dumpgen_memory *v, size_t n);
void dumpgen_pages(struct dumpgen *d, const struct dumpgen_page *v, size_t n);
void dumpgen_tables(struct dumpgen *d, const struct dumpgen_table *v, size_t n);
/** MiscInfo cut to `size` bytes, everything filled in and flagged. */
void dumpgen_misc_full(struct dumpgen *d, uint32_t size, uint32_t flags);
void dumpgen_thread_infos(struct dumpgen *d, const struct dumpgen_thread_info *v, size_t n);
void dumpgen_handles(struct dumpgen *d, const struct dumpgen_handle *v, size_t n);
void dumpgen_operations(struct dumpgen *d, const struct dumpgen_operation *v, size_t n);
void dumpgen_tokens(struct dumpgen *d, const struct dumpgen_token *v, size_t n);
/** Counters whose fields are 1000, 2000, ... in their order, of revision 1 or 2. */
void dumpgen_counters(struct dumpgen *d, uint16_t revision, uint16_t flags);
void dumpgen_system_memory(struct dumpgen *d);
/** Pairs of words of 4 or 8 bytes. */
void dumpgen_auxv(struct dumpgen *d, const uint64_t *v, size_t n, size_t word);
/** The loader's list; `padded` as 64-bit Breakpad lays it out. */
void dumpgen_loader(struct dumpgen *d, const struct dumpgen_linked *v, size_t n, size_t word,
                    bool padded);
void dumpgen_mac_records(struct dumpgen *d, const struct dumpgen_mac_record *v, size_t n);
void dumpgen_boot_args(struct dumpgen *d, const char *args);
void dumpgen_text16(struct dumpgen *d, const char *ascii, size_t units);
void dumpgen_exception(struct dumpgen *d, const struct dumpgen_exception *e);
void dumpgen_breakpad(struct dumpgen *d, uint32_t validity, uint32_t requesting);
/** Simple annotations of the process, and string objects of module 0. */
void dumpgen_crashpad(struct dumpgen *d, const struct dumpgen_annotation *simple,
                      size_t n_simple, const struct dumpgen_annotation *objects,
                      size_t n_objects, uint64_t address_mask);

/** A dump of a 32-bit process as a 64-bit writer makes it: one thread is in 32-bit code, one in
 * the system, and one exception is nested. */
struct fb_span dumpgen_wow64(struct dumpgen *d);
/** A small dump with every stream that the reader knows; `arch` one of x86, AMD64, ARM64, ARM.
 * Breakpad's streams on Linux, else Windows' and Crashpad's. */
struct fb_span dumpgen_sample(struct dumpgen *d, enum fb_arch arch, bool linux_os, bool big);
