/*
 * cli/report.h -- an analysis for a person: the answer in the first ten lines, then the stack
 * and the keys.
 */
#pragma once
#include "analysis.h"

/** Print to standard output; `colour` with escape sequences. Text from the dump is made safe
 * for a terminal. */
void fb_report_print(const struct fb_analysis *a, bool colour);
