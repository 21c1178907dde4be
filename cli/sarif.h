/*
 * cli/sarif.h -- analyses as a SARIF 2.1.0 log: one run, whose rules are those of fb1, and one
 * result per dump, so that a verdict lands where findings are collected.
 * @source  OASIS, Static Analysis Results Interchange Format (SARIF) 2.1.0
 */
#pragma once
#include "analysis.h"

/** Begin the log on standard output. */
void fb_sarif_begin(void);
/** One result. `first`: none was printed before. @return false: arena full, nothing was printed
 */
bool fb_sarif_result(const struct fb_analysis *a, bool first, struct fb_arena *arena);
/** End the log, and say whether every dump could be analysed. */
void fb_sarif_end(bool successful);

/** `path`, of any system, as a URI or relative reference; `out` is empty when it has no room.
 */
void fb_sarif_uri(const char *path, char *out, size_t room);
