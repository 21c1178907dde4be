/*
 * worker/analysis/unwind/pdata_x64.h -- what the files that read the unwind data of 64-bit
 * Windows promise each other.
 *
 * An entry of the function table says where a function's unwind information lies; that is a
 * list of operations of its prolog, the last one first, so that it can be undone straight down
 * the list. All of it is found by offset from a base, which for an image is its first byte.
 *
 * Source: Microsoft's "x64 exception handling". Version 2 is not published, version 3 is a
 * preview of 2026.
 */
#pragma once
#include "unwind/ladder.h"

struct fb_x64_entry { // RUNTIME_FUNCTION
    fb_addr base;
    uint32_t begin, end, info; // offsets
};
enum fb_x64_found { FB_X64_UNKNOWN, FB_X64_NO_ENTRY, FB_X64_ENTRY };
/** The entry of the code at `a`. UNKNOWN: there is no table, or it is not at hand; NO_ENTRY:
 * there is one, and `a` is not in it. */
enum fb_x64_found fb_x64_find(const struct fb_unwinder *w, fb_addr a, struct fb_x64_entry *out);

/* --- the information, pdata_x64_info.c ---------------------------------------------- */

enum { FB_X64_ALL = -1 };
struct fb_x64_info { // UNWIND_INFO
    unsigned version;
    uint32_t prolog;      // bytes
    int frame;            // number of the frame register; -1: none, or an operation says it
    uint32_t frame_at;    // bytes from rsp to where it points
    struct fb_span bytes; // of the operations
    size_t n; // operations, at most: some take several of the slots that are counted
    bool chained;
    struct fb_x64_entry parent; // of a chained one
};
/** @return false: not at hand, or of a version that we do not know */
bool fb_x64_info(const struct fb_unwinder *w, const struct fb_x64_entry *entry,
                 struct fb_x64_info *out);

enum fb_x64_kind {
    FB_X64_PUSH,
    FB_X64_PUSH_PAIR, // of two registers, whose order nobody says
    FB_X64_ALLOC,
    FB_X64_SET_FRAME,
    FB_X64_SAVE,
    FB_X64_SAVE_XMM,
    FB_X64_MACHINE_FRAME,
    FB_X64_EPILOG
};
struct fb_x64_op {
    enum fb_x64_kind kind;
    unsigned at;  // offset in the prolog behind its instruction; 0 in version 3
    unsigned reg; // its number; as it stands there for EPILOG
    unsigned second;
    uint64_t n; // bytes; MACHINE_FRAME: 1 when there is an error code
};
struct fb_x64_ops { // a walk over the operations; begins with `in` alone
    const struct fb_x64_info *in;
    size_t at, done;
    bool bad; // an operation that we do not know, or half of one
};
bool fb_x64_next(struct fb_x64_ops *ops, struct fb_x64_op *out);

/* --- undoing, pdata_x64_undo.c ------------------------------------------------------ */

struct fb_x64_undo {
    const struct fb_unwinder *w;
    struct fb_regs regs;
    uint64_t restored; // registers by bit
    bool interrupted;  // a machine frame has given ip and sp
    uint64_t popped;   // bytes behind the return address that the return takes off too
};
/** Undo what had been done at `offset` bytes from the entry; FB_X64_ALL: all.
 * @return false: it cannot be undone */
bool fb_x64_undo(struct fb_x64_undo *u, const struct fb_x64_info *info, uint64_t offset);
bool fb_x64_pop(struct fb_x64_undo *u, unsigned reg);
bool fb_x64_release(struct fb_x64_undo *u, uint64_t n);
/** The registers' indices by the number that instructions and operations have for them; -1 when
 * we do not read it. */
int fb_x64_register(unsigned number);

/** When `ip` is in an epilog, do what is left of it, up to the return. pdata_x64_epilog.c
 * @return false: it is not in one; `*u` is as before */
bool fb_x64_epilog(struct fb_x64_undo *u, const struct fb_x64_entry *entry,
                   const struct fb_x64_info *info, fb_addr ip);
