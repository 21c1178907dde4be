/*
 * worker/analysis/bugchecks.h -- why a Windows kernel stops: the codes, their names, and what
 * each of the four parameters is.
 *
 * A role says what the analysis may do with a parameter: follow it to a record, believe it as
 * the address that was missed, and so on. The words are for people.
 */
#pragma once
#include "dump.h"

enum fb_bugcheck_role {
    FB_PARAMETER_OTHER,      // for people only
    FB_PARAMETER_ADDRESS,    // that was touched
    FB_PARAMETER_ACCESS,     // how: bit 0 write, bit 3 execution
    FB_PARAMETER_PAGE_FAULT, // how: the processor's error code, or as above; see fb_dump.system
    FB_PARAMETER_IP,         // the instruction that did it
    FB_PARAMETER_STATUS,     // code of an exception
    FB_PARAMETER_DETAIL_0,   // parameters of that exception
    FB_PARAMETER_DETAIL_1,
    FB_PARAMETER_RECORD,     // address of an exception record
    FB_PARAMETER_CONTEXT,    // ... of a context
    FB_PARAMETER_TRAP_FRAME, // ... of a trap frame
    FB_PARAMETER_FAST_FAIL,  // code of a fast fail
    FB_PARAMETER_TRAP,       // number of a processor's trap
};

enum fb_bugcheck_nature {
    FB_BUGCHECK_BUG,
    FB_BUGCHECK_HARDWARE, // the machine, not the code
    FB_BUGCHECK_MANUAL,   // somebody wanted it
};

struct fb_bugcheck_row {
    uint32_t code;
    const char *name;
    enum fb_bugcheck_nature nature;
    uint32_t status; // the exception that it amounts to when no parameter tells; 0: none
    struct {
        enum fb_bugcheck_role role;
        const char *words; // NULL: reserved
    } parameters[FB_BUGCHECK_PARAMETERS];
};

/** The code without the bit that says "written as a small dump". */
uint32_t fb_bugcheck_code(const struct fb_bugcheck *bugcheck);
/** The row of a code, with or without that bit; NULL: unknown, or no bugcheck. */
const struct fb_bugcheck_row *fb_bugcheck_find(const struct fb_bugcheck *bugcheck);
/** The rows themselves, by rising code: a test walks them. */
const struct fb_bugcheck_row *fb_bugcheck_rows(size_t *n);
/** Index of the first parameter of that role; -1: there is none. */
int fb_bugcheck_parameter(const struct fb_bugcheck_row *row, enum fb_bugcheck_role role);
