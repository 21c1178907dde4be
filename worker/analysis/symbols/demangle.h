/*
 * worker/analysis/symbols/demangle.h -- names of C++ and Rust as people write them: what the
 * Itanium ABI and both manglings of Rust have made of them is undone.
 *
 * Binutils' libiberty does the work; this is the one place that knows it. Microsoft's names are
 * not among them.
 */
#pragma once
#include "base/arena.h"

enum {
    FB_MANGLED_MAX = 4096, // bytes of a name that is looked at
    FB_DEMANGLED_MAX =
        16384, // and of what may become of it: a short name can describe a huge one
};

/**
 * The name that was mangled; what follows an '@', a version, stays as it is.
 * @owner  `arena`; `name` itself is returned when it is not mangled, when it is too long or
 *         becomes too long, and when the arena is full. Never NULL.
 */
const char *fb_demangle(const char *name, struct fb_arena *arena);
