/*
 * worker/analysis/json_parts.h -- what the files that write the document share.
 */
#pragma once
#include "analysis.h"
#include "json_writer.h"
#include "symbols/symbols.h"

struct fb_json_document {
    struct fb_text *t;
    const struct fb_analysis *a;
    const struct fb_symbols *symbols;
    const bool *owns_frame; // per module: only those were asked for symbols
    int width;              // hex digits of an address
};

static inline void fb_json_address(const struct fb_json_document *d, const char *key,
                                   uint64_t value, bool known)
{
    fb_json_hex(d->t, key, value, d->width, known);
}

/** The keys that minidump-stackwalk does not have: dump, judgement, keys, annotations. */
void fb_json_ours(const struct fb_json_document *d);

/* --- json_process.c: what was said of the process beside its stacks ------------------ */

/** Fields of a thread that only Windows has; nothing when there are none. */
void fb_json_thread_info(const struct fb_json_document *d, const struct fb_thread *thread);
void fb_json_handles(const struct fb_json_document *d);
void fb_json_mac(const struct fb_json_document *d);
/** Times, rights, memory and the rest, as one object. */
void fb_json_process(const struct fb_json_document *d);
