/*
 * worker/analysis/analyze.h -- the analysis as one pure function: bytes and symbols in,
 * one record out.
 */
#pragma once
#include "analysis.h"
#include "symbols/symbols.h"

struct fb_analyze_input {
    struct fb_span file;
    struct fb_span sha256;        // of the file, when somebody has reckoned it already
    const char *file_name;        // for the document; NULL: none
    const char *product;          // what the client said; NULL or "": taken from the dump
    const struct fb_pair *fields; // what the client said beside the dump
    size_t n_fields;
    const struct fb_symbols *symbols; // NULL: none
    size_t capstone[FB_ARCH_OTHER];   // Capstone handles by enum fb_arch; 0: none
};

/** Open and close the Capstone handles of an input. */
void fb_analyze_open(struct fb_analyze_input *in);
void fb_analyze_close(struct fb_analyze_input *in);

/**
 * Analyse a dump. Never fails for what is in the dump, except when it is neither a minidump nor
 * a kernel dump.
 * @owner   `*out` lives in `arena` and views `in->file`
 * @fails   MALFORMED, TRUNCATED: not a dump, `what` says so; LIMIT: the arena is full
 */
struct fb_err fb_analyze(const struct fb_analyze_input *in, struct fb_arena *arena,
                         struct fb_analysis **out);

/** The document of docs/analysis-json.md, one line without a newline. In `arena`.
 * NULL: arena full. */
const char *fb_analysis_json(const struct fb_analysis *a, const struct fb_symbols *symbols,
                             struct fb_arena *arena);
