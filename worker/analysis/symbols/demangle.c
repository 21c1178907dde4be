/*
 * worker/analysis/symbols/demangle.c -- between our names and libiberty's demanglers.
 *
 * A mangled name may repeat parts of itself, and so describe a text that is exponentially
 * longer. Libiberty bounds its recursion, but not what it prints: it hands out the text piece
 * by piece, and we stop it. That of C++ has taken no memory by then, and is left by a jump.
 * That of Rust may have; but it still reads while it prints, so that a name which suddenly
 * makes no sense ends it.
 */
#include "symbols/demangle.h"

#include "base/text.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdbool.h>
#include <string.h>

struct printed {
    char name[FB_MANGLED_MAX + 1]; // mangled, without its version
    char text[FB_DEMANGLED_MAX];
    size_t n;
    bool too_long;
    jmp_buf out;
};

enum kind { NOT_MANGLED, ITANIUM, RUST };

/* macOS puts an underscore before every name. `*begin` is where the mangled one begins. */
static enum kind kind_of(const char *name, const char **begin)
{
    if (name[0] != '_')
        return NOT_MANGLED;
    if (name[1] == '_')
        name++;
    *begin = name;
    if (name[1] == 'Z')
        return ITANIUM;
    return name[1] == 'R' && name[2] >= 'A' && name[2] <= 'Z' ? RUST : NOT_MANGLED;
}

static void take(const char *text, size_t n, void *to)
{
    struct printed *p = to;
    p->too_long |= n > sizeof p->text - p->n;
    if (p->too_long)
        return;
    memcpy(p->text + p->n, text, n);
    p->n += n;
}

static void take_or_spoil(const char *text, size_t n, void *to)
{
    struct printed *p = to;
    take(text, n, p);
    if (p->too_long)
        memset(p->name, '!', strlen(p->name));
}

static void take_or_leave(const char *text, size_t n, void *to)
{
    struct printed *p = to;
    take(text, n, p);
    if (p->too_long)
        longjmp(p->out, 1); // NOLINT(cert-err52-cpp): there is no other way out
}

static bool print_rust(struct printed *p)
{
    p->n = 0;
    return rust_demangle_callback(p->name, DMGL_PARAMS, take_or_spoil, p) != 0 && !p->too_long;
}

static bool print_itanium(struct printed *p)
{
    p->n = 0;
    if (setjmp(p->out) != 0) // NOLINT(cert-err52-cpp)
        return false;
    return cplus_demangle_v3_callback(p->name, DMGL_PARAMS | DMGL_ANSI, take_or_leave, p) != 0;
}

/* Rust's older mangling looks like C++, and is told by its hash. */
static bool print(struct printed *p, enum kind kind)
{
    return print_rust(p) || (kind == ITANIUM && !p->too_long && print_itanium(p));
}

static const char *demangled(enum kind kind, const char *mangled, struct fb_arena *arena)
{
    struct printed p;
    size_t n = strcspn(mangled, "@");
    if (n > FB_MANGLED_MAX)
        return NULL;
    memcpy(p.name, mangled, n);
    p.name[n] = 0;
    p.too_long = false;
    if (!print(&p, kind) || p.n == 0)
        return NULL;
    struct fb_text text = fb_text_open(arena);
    fb_text_utf8(&text, (struct fb_span){(const uint8_t *)p.text, p.n, 0});
    fb_text_utf8(&text, fb_span_of(mangled + n));
    return fb_text_close(&text, arena);
}

const char *fb_demangle(const char *name, struct fb_arena *arena)
{
    const char *begin;
    enum kind kind = kind_of(name, &begin);
    const char *text = kind != NOT_MANGLED ? demangled(kind, begin, arena) : NULL;
    return text != NULL ? text : name;
}
