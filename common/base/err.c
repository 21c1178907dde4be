/* common/base/err.c -- the two columns of the table of codes. */
#include "base/err.h"

enum fb_verdict fb_verdict(enum fb_code code)
{
#define X(code, name, then) FB_##then,
    static const enum fb_verdict then[] = {FB_CODES(X)};
#undef X
    return code < FB_CODE_COUNT ? then[code] : FB_STOP;
}

const char *fb_code_name(enum fb_code code)
{
#define X(code, name, then) name,
    static const char *const names[] = {FB_CODES(X)};
#undef X
    return code < FB_CODE_COUNT ? names[code] : "bug";
}
