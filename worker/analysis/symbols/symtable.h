/*
 * worker/analysis/symbols/symtable.h -- the tables of one symbol file: symread.c fills them,
 * symfile.c searches them. Nobody else looks inside.
 *
 * Functions, files, origins and publics are sorted; the lines and inlined ranges of a function
 * stand together and are sorted within it. Their addresses are offsets from the function's
 * first byte, which halves the largest tables. A name's place in the text is also its place in
 * the file, so that the sort needs no further key to tell the first record from the last.
 */
#pragma once
#include "symbols/symstack.h"

#define FB_SYM_NONE UINT32_MAX

struct fb_sym_numbered { // FILE and INLINE_ORIGIN; where two share a number, the last one
                         // counts
    uint32_t number;
    uint32_t file; // an old origin says where it is defined; FB_SYM_NONE otherwise
    struct fb_sym_name name;
};
struct fb_sym_line {
    uint32_t at, size, line, file;
};
struct fb_sym_site {             // one INLINE record: who was inlined, and where the call stood
    uint32_t line, file, origin; // file: FB_SYM_NONE in the old form
};
struct fb_sym_range { // one range of such a record
    uint32_t depth, at, size, site;
};
struct fb_sym_func {
    uint64_t at, size;
    struct fb_sym_name name;
    uint32_t first_line, n_lines, first_range, n_ranges;
    uint32_t outer;  // nearest function before this one that reaches further
    uint32_t params; // bytes on the stack
    bool shared;     // by functions whose code is the same: the name is one of several
};
struct fb_sym_public {
    uint64_t at;
    struct fb_sym_name name;
    uint32_t params;
    bool shared;
};
struct fb_sym_init { // STACK CFI INIT
    uint64_t at, size;
    struct fb_sym_name rules;
};
struct fb_sym_win { // STACK WIN
    uint64_t at, size;
    uint32_t params, saved, locals;
    bool uses_bp;               // FPO: it keeps something else than a frame in ebp
    struct fb_sym_name program; // frame data
    const uint8_t *place;       // in the text
};

/* How many elements of a sorted table lie at or below `key`. Each table has its own notion of
 * a key, so the search is written once. */
#define FB_SYM_COUNT_UP_TO(v, n, key_of, key, count)                                           \
    do {                                                                                       \
        size_t low_ = 0, high_ = (n);                                                          \
        while (low_ < high_) {                                                                 \
            size_t mid_ = low_ + (high_ - low_) / 2;                                           \
            if ((v)[mid_].key_of <= (key))                                                     \
                low_ = mid_ + 1;                                                               \
            else                                                                               \
                high_ = mid_;                                                                  \
        }                                                                                      \
        *(count) = low_;                                                                       \
    } while (0)

/* One row per table: member, type of its elements. Counted in the first pass, filled
 * in the second. */
#define FB_SYM_TABLES(X)                                                                       \
    X(files, struct fb_sym_numbered)                                                           \
    X(origins, struct fb_sym_numbered)                                                         \
    X(funcs, struct fb_sym_func)                                                               \
    X(lines, struct fb_sym_line)                                                               \
    X(sites, struct fb_sym_site)                                                               \
    X(ranges, struct fb_sym_range)                                                             \
    X(publics, struct fb_sym_public)                                                           \
    X(inits, struct fb_sym_init)                                                               \
    X(deltas, struct fb_sym_delta)                                                             \
    X(frames, struct fb_sym_win)                                                               \
    X(fpos, struct fb_sym_win)

struct fb_symfile {
#define X(table, type)                                                                         \
    type *table;                                                                               \
    size_t n_##table;
    FB_SYM_TABLES(X)
#undef X
    const char *debug_id, *debug_file;
    bool corrupt;
};
