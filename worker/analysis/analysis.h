/*
 * worker/analysis/analysis.h -- the record of one analysis: what crashed, the walked stacks,
 * the verdicts with their evidence, and the keys. json.c prints it, worker/ stores it; the
 * fields are those of docs/analysis-json.md. Everything lives in the arena of the report.
 */
#pragma once
#include "dump.h"

struct fb_image; // symbols/image.h

/* --- stacks ------------------------------------------------------------------------- */

/* Worst to best; the words are those of minidump-stackwalk's JSON. */
#define FB_TRUSTS(X)                                                                           \
    X(NONE, "none")                                                                            \
    X(SCAN, "scan")                                                                            \
    X(CFI_SCAN, "cfi_scan")                                                                    \
    X(FRAME_POINTER, "frame_pointer")                                                          \
    X(LEAF, "leaf")                                                                            \
    X(CFI, "cfi")                                                                              \
    X(PREWALKED, "prewalked")                                                                  \
    X(SHADOW_STACK, "shadow_stack")                                                            \
    X(CONTEXT, "context")
#define X(trust, name) FB_TRUST_##trust,
enum fb_trust { FB_TRUSTS(X) FB_TRUST_COUNT };
#undef X
const char *fb_trust_name(enum fb_trust trust);

enum fb_frame_class {
    FB_FRAME_RELEVANT,
    FB_FRAME_SENTINEL,
    FB_FRAME_IRRELEVANT,
    FB_FRAME_PREFIX,
    FB_FRAME_LOW
};
const char *fb_frame_class_name(enum fb_frame_class c);

struct fb_inline {
    const char *function, *file;
    uint32_t line;
}; // innermost first
struct fb_frame {
    fb_addr resume; // where the thread goes on: frame 0's ip, a caller's return address
    fb_addr lookup; // inside the call: what is looked up and reported as `offset`
    fb_addr sp;
    enum fb_trust trust;
    const char *method; // literal: "context", "frame_pointer", "scan", "leaf" ...
    bool exact;         // `resume` is where the thread stood, not where a call returns to
    // x86, where a return may take arguments off the stack: how many bytes it has, so that sp
    // is above them; or that nobody has looked at it, so that sp may be below some.
    unsigned popped;
    bool unpopped;
    const struct fb_module *module;            // NULL when in none
    const struct fb_unloaded *const *unloaded; // all that match, when module is NULL
    size_t n_unloaded;
    const char *function; // as the symbols say, demangled; NULL without symbols
    const char *mangled;  // as they say it, when that is another text; NULL
    fb_addr function_at;  // address of its first byte
    bool shared;          // the name is one of several: their code is the same
    bool nearest;         // a guess: the nearest function below that the image itself names
    const char *file;
    uint32_t line;
    const struct fb_inline *inlines;
    size_t n_inlines;
    bool in_app;
    enum fb_frame_class class;
    const char *normal; // normalised function name (bucket/), NULL without function
    struct fb_regs regs;
};
struct fb_cycle {              // of calls that come again and again
    size_t at, length, rounds; // first frame, frames in a round, full rounds; 0: none
};
struct fb_stack {
    struct fb_frame *v; // those of the crashing thread are classified in place by bucket/
    size_t n;
    const char *stop; // literal: why the walk ended
    bool cut;         // frame limit
    // The first frame whose return address was overwritten, as the shadow stack tells.
    const struct fb_frame *corrupted; // NULL: none
    struct fb_cycle cycle;            // the one that covers most frames
};

/* --- what crashed ------------------------------------------------------------------- */

enum fb_access {
    FB_ACCESS_UNKNOWN,
    FB_ACCESS_NONE,
    FB_ACCESS_READ,
    FB_ACCESS_WRITE,
    FB_ACCESS_EXECUTE
};
const char *fb_access_name(enum fb_access access); // "read" ...; NULL for UNKNOWN and NONE
/** What the first parameter of an access violation or in-page error says. */
enum fb_access fb_windows_access(uint64_t parameter);

struct fb_memory_access {
    fb_addr address;
    uint32_t size;
    enum fb_access access;
    bool read_write;
    bool guard;
};

struct fb_crash {
    bool crashed;     // an exception, not a dump on request
    const char *type; // "EXCEPTION_ACCESS_VIOLATION_READ", "SIGSEGV / SEGV_MAPERR", "0x..."
    fb_addr address;  // as recorded
    enum fb_access access; // as recorded or recovered
    fb_addr ip;
    const char *instruction; // text, NULL when its bytes are not at hand
    struct fb_memory_access accesses[4];
    size_t n_accesses;
    bool non_canonical; // `adjusted` holds what the instruction really touched
    bool null_pointer;  // `adjusted` holds the offset from null
    fb_addr adjusted;
};

/* --- judgement ---------------------------------------------------------------------- */

enum fb_class {
    FB_CLASS_PROBABLY_NOT_EXPLOITABLE = 1,
    FB_CLASS_UNKNOWN,
    FB_CLASS_PROBABLY_EXPLOITABLE,
    FB_CLASS_EXPLOITABLE
};
const char *fb_class_name(enum fb_class c);

struct fb_judgement { // of one rule set
    enum fb_class class;
    const char *rule;        // "FB-19"; "17" or "fallback" for msec16
    const char *short_name;  // "WriteAV"
    const char *description; // "User mode write AV"
    const char *explanation; // one sentence from rule text and facts
    int confidence;          // 0 ... 100
};
struct fb_block_line {
    fb_addr address;
    struct fb_span bytes;
    const char *text;
    const char *const *marks; // what is worth knowing about it, for people
    size_t n_marks;
};
/* One step from the read that failed to what it would have led to. */
struct fb_taint_line {
    uint16_t line; // index into the block
    const char *instruction, *from, *to;
};
struct fb_fact {
    const char *name, *value, *source;
};
struct fb_peer {              // another tool's words for such a crash
    const char *tool, *title; // as a key, and for people
    const char *class;        // NULL: it has none
    const char *short_name;   // NULL: none is known
};
struct fb_exploitability {
    struct fb_judgement fb1, msec16;
    const char *const *signals;
    size_t n_signals;
    const struct fb_block_line *block;
    size_t n_block;
    const struct fb_taint_line *taint; // the last one is the finding
    size_t n_taint;
    const struct fb_fact *facts;
    size_t n_facts;
    const struct fb_peer *peers; // exploitability/peers.h: only where somebody asked
    size_t n_peers;
};

/* --- keys --------------------------------------------------------------------------- */

enum { FB_LABEL_PARAMETERS_MAX = 10 };
struct fb_keys {
    const char *product;   // the product that the bucket key was made for
    const char *signature; // for people
    uint8_t bucket[16];
    bool unsymbolicated;
    struct {
        const char *event_type;
        const char *parameters[FB_LABEL_PARAMETERS_MAX];
        size_t n;
        char id[33];
        uint64_t legacy_id;
    } label;
    const char *failure_id;
    char failure_hash[37];
    const char *const *problem_classes;
    size_t n_problem_classes;
    uint32_t msec_major, msec_minor;
    bool has_msec_minor; // 64-bit: cannot be reproduced
    const char *msec_title;
    char fbh1_major[17], fbh1_minor[17];
    size_t blame; // index into the crashing stack; SIZE_MAX: nobody
    const char *blame_why;
};

/* --- the whole ---------------------------------------------------------------------- */

struct fb_analysis {
    const char *status; // "OK", or what made an analysis impossible
    const char *file;   // the name given on the command line, NULL in the store
    char sha256[65];
    uint64_t size;
    const struct fb_pair *fields; // what the client said beside the dump
    size_t n_fields;
    struct fb_dump dump;
    struct fb_crash crash;
    const struct fb_image *ip_image; // the file of the module at crash.ip; NULL: not at hand
    struct fb_stack *stacks;         // one per thread of dump.threads; n = 0: it was not walked
    struct fb_exploitability exploitability;
    struct fb_keys keys;
    struct fb_notes notes; // the last: they are large, and not zeroed
};
/** The stack of the crashing thread; an empty one when there is no such thread. */
const struct fb_stack *fb_crashing_stack(const struct fb_analysis *a);
