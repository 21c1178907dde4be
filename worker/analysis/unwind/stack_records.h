/*
 * worker/analysis/unwind/stack_records.h -- what the two kinds of STACK records share: the
 * module's symbol file, the names of registers, and memory.
 */
#pragma once
#include "base/reader.h"
#include "unwind/ladder.h"

/** The symbol file of the module that holds `a`; NULL: none. `*rva`: where in the module */
const struct fb_symfile *fb_record_symfile(const struct fb_unwinder *w, fb_addr a,
                                           uint64_t *rva);
/** The register that a record calls so, with or without `$`. @return -1: none */
int fb_record_register(const struct fb_unwinder *w, struct fb_span name);
/** The bits of a word. */
uint64_t fb_record_mask(const struct fb_unwinder *w);
