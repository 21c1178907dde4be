/*
 * worker/analysis/build_ids.h -- the ids that say which build an image is, in the one spelling
 * that dumps, images and symbol files are compared in.
 *
 *   RSDS  GUID (16) | age | name NUL              debug id: GUID, then the age
 *   NB10  offset | timestamp | age | name NUL     debug id: timestamp, then the age
 *   LEpB  build id, 1 to 64 bytes                 debug id: its first 16 bytes read as a GUID,
 *                                                 then 0
 */
#pragma once
#include "base/text.h"

enum { FB_BUILD_ID_MAX = 64, FB_DEBUG_ID_ROOM = 48, FB_CODE_ID_ROOM = 2 * FB_BUILD_ID_MAX + 1 };

enum fb_codeview_kind {
    FB_CODEVIEW_OTHER,
    FB_CODEVIEW_PDB70,
    FB_CODEVIEW_PDB20,
    FB_CODEVIEW_ELF
};
struct fb_build {                   // as recorded: most are never asked for, and so not spelled
    enum fb_codeview_kind kind : 8; // there is one of these per module of a dump
    bool big;                       // the numbers in `id` stand most significant byte first
    uint32_t age;
    struct fb_span id; // GUID, timestamp or build id, by kind; empty: a linker wrote none
};
struct fb_codeview {
    struct fb_build build;
    struct fb_span name; // of the debug file, not ended by a NUL; empty: none
};
/** Read a record; one of a kind that is not known is OTHER and no failure.
 * @fails TRUNCATED, MALFORMED */
struct fb_err fb_codeview_read(struct fb_span record, bool big, struct fb_codeview *out);

/** The debug id, upper case and then the age; "" when there is none. */
void fb_build_debug_id(const struct fb_build *build, char out[FB_DEBUG_ID_ROOM]);
/** Whether both were recorded alike. */
bool fb_same_build(const struct fb_build *a, const struct fb_build *b);
/** The debug id of an ELF image by its build id; "" when that is empty or all zero. */
void fb_elf_debug_id(struct fb_span build_id, char out[FB_DEBUG_ID_ROOM]);
/** The code id of an ELF image: at most FB_BUILD_ID_MAX bytes of its build id. */
void fb_elf_code_id(struct fb_span build_id, char out[FB_CODE_ID_ROOM]);
/** The code id of a PE image, lower case. */
void fb_pe_code_id(uint32_t timestamp, uint64_t size, char out[FB_CODE_ID_ROOM]);
/** Whether both name one build: case does not count, and the age is a number. */
bool fb_same_debug_id(const char *a, const char *b);
