/* worker/analysis/disasm/flowtable_x86.h -- the form of the rows of flowtable_x86.c. */
#pragma once
#include "disasm/dataflow_parts.h"

/* What is done with the operands that are registers. */
enum fb_flow_form {
    FB_FORM_UNSAID,  // as Capstone says
    FB_FORM_ASSIGN,  // first := the others
    FB_FORM_COMBINE, // first := all
    FB_FORM_BOTH,    // both are read and written
    FB_FORM_COMPARE, // all are read
    FB_FORM_DISCARD, // first := nothing that is data
    FB_FORM_NOTHING
};
enum fb_flow_zero { FB_ZERO_NEVER, FB_ZERO_OF_SAME, FB_ZERO_BY_ZERO };
enum fb_flow_x87 { FB_X87_NONE, FB_X87_READS, FB_X87_CHANGES };
enum fb_flow_refine { FB_REFINE_NOT, FB_REFINE_SCALAR_MOVE, FB_REFINE_MULTIPLY };

enum { FB_BY_SIZE = 0 }; // units: as many as the first operand has
enum {
    FB_IMPLIED_A = 1 << FB_EAX,
    FB_IMPLIED_B = 1 << FB_EBX,
    FB_IMPLIED_C = 1 << FB_ECX,
    FB_IMPLIED_D = 1 << FB_EDX,
    FB_IMPLIED_BP = 1 << FB_EBP,
    FB_IMPLIED_SP = 1 << FB_ESP
};

struct fb_flow_row {
    enum fb_flow_form form;
    enum fb_effect effect;
    bool flags;       // are written
    bool reads_flags; // as data: PUSHF
    enum fb_flow_zero zero;
    enum fb_flow_x87 x87;
    enum fb_flow_refine refine;
    uint8_t reads, writes; // registers that are not named: FB_IMPLIED_...
    uint8_t read_units, write_units;
};

/** The row of an instruction; one of zeros when the table has none. */
const struct fb_flow_row *fb_flow_x86(unsigned id);
