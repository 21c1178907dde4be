/* worker/analysis/names.c -- the names of our own enumerations, and the list of
 * what was odd. */
#include "analysis.h"

const char *fb_trust_name(enum fb_trust trust)
{
#define X(trust, name) name,
    static const char *const names[] = {FB_TRUSTS(X)};
#undef X
    return names[trust];
}

const char *fb_frame_class_name(enum fb_frame_class c)
{
    static const char *const names[] = {"relevant", "sentinel", "irrelevant", "prefix", "low"};
    return names[c];
}

const char *fb_access_name(enum fb_access access)
{
    static const char *const names[] = {NULL, NULL, "read", "write", "execute"};
    return names[access];
}

enum fb_access fb_windows_access(uint64_t parameter)
{
    static const enum fb_access by_parameter[] = {
        [0] = FB_ACCESS_READ, [1] = FB_ACCESS_WRITE, [8] = FB_ACCESS_EXECUTE};
    return parameter < sizeof by_parameter / sizeof *by_parameter ? by_parameter[parameter]
                                                                  : FB_ACCESS_UNKNOWN;
}

const char *fb_class_name(enum fb_class c)
{
    static const char *const names[] = {"UNKNOWN", "PROBABLY_NOT_EXPLOITABLE", "UNKNOWN",
                                        "PROBABLY_EXPLOITABLE", "EXPLOITABLE"};
    return names[c];
}

void fb_note(struct fb_notes *notes, enum fb_note_code code, const char *what, uint64_t at)
{
    if (notes->n < FB_NOTES_MAX)
        notes->v[notes->n++] = (struct fb_note){code, what, at};
    else
        notes->dropped++;
}

const struct fb_stack *fb_crashing_stack(const struct fb_analysis *a)
{
    static const struct fb_stack none;
    return a->stacks != NULL && a->dump.crashing < a->dump.threads.n
               ? &a->stacks[a->dump.crashing]
               : &none;
}
