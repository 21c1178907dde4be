/*
 * worker/analysis/bucket/thrown_type.c -- the class of an uncaught C++ exception, read from the
 * tables that Microsoft's compiler keeps for each throw.
 *
 *   ThrowInfo +12 -> array of catchable types: count, then [0] -> catchable type +4 -> type
 *   descriptor, whose name ".?AVruntime_error@std@@" stands behind two pointers.
 *
 * An arrow is an address on x86 and an offset in the image elsewhere. Small dumps seldom hold
 * the image's bytes; then there is no type.
 */
#include "bucket/codes.h"
#include "bucket/signature.h"

enum { THROW_INFO = 2, IMAGE_BASE = 3 }; // parameters
enum { TYPES_IN_THROW_INFO = 12, FIRST_IN_ARRAY = 4, DESCRIPTOR_IN_TYPE = 4, TYPE_MAX = 120 };

struct reader {
    const struct fb_memory *memory;
    uint64_t base; // of the image; 0 where arrows are addresses
    bool ok;
};

static uint64_t follow(struct reader *r, uint64_t at)
{
    uint64_t to = 0;
    r->ok = r->ok && fb_memory_read(r->memory, at, 4, &to) && to != 0;
    return r->base + to;
}

static size_t read_name(const struct reader *r, uint64_t at, char *out)
{
    size_t n = 0;
    uint64_t c = 0;
    while (n < TYPE_MAX && fb_memory_read(r->memory, at + n, 1, &c) && c > ' ' && c <= '~')
        out[n++] = (char)c;
    out[n] = 0;
    return n;
}

/* ".?AVruntime_error@std@@": scopes from the inside out. Templates stay decorated. */
static bool put_undecorated(const char *name, size_t n, struct fb_text *out)
{
    if (n < 7 || name[0] != '.' || name[1] != '?' || name[2] != 'A' || name[n - 1] != '@' ||
        name[n - 2] != '@')
        return false;
    if (name[4] == '?') {
        fb_text_put(out, name + 4, n - 6);
        return true;
    }
    size_t end = n - 2;
    for (size_t i = end; i-- > 4;) {
        if (name[i] == '@' || i == 4) {
            size_t from = name[i] == '@' ? i + 1 : i;
            fb_text_put(out, name + from, end - from);
            if (i != 4)
                fb_text_str(out, "::");
            end = i;
        }
    }
    return true;
}

bool fb_thrown_type(const struct fb_dump *dump, struct fb_text *out)
{
    const struct fb_exception *e = &dump->exception;
    bool narrow = dump->system.arch == FB_X86;
    if (e->code != FB_WIN_CPP_EXCEPTION ||
        e->n_parameters <= (narrow ? THROW_INFO : IMAGE_BASE))
        return false;
    struct reader r = {&dump->memory, narrow ? 0 : e->parameters[IMAGE_BASE], true};
    uint64_t array = follow(&r, e->parameters[THROW_INFO] + TYPES_IN_THROW_INFO);
    uint64_t type = follow(&r, array + FIRST_IN_ARRAY);
    uint64_t descriptor = follow(&r, type + DESCRIPTOR_IN_TYPE);
    char name[TYPE_MAX + 1];
    size_t n = r.ok ? read_name(&r, descriptor + (narrow ? 8 : 16), name) : 0;
    return put_undecorated(name, n, out);
}
