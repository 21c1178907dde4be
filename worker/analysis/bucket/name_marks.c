/*
 * worker/analysis/bucket/name_marks.c -- what compilers and linkers add to a name: Rust's
 * legacy mangling, and the marks of variants and versions on either end.
 */
#include "bucket/name_parts.h"

#include <string.h>

/* --- Rust's legacy mangling: _ZN, lengths and names, the last one a hash, then E ---- */

static const struct {
    const char *code, *text;
} rust_escapes[] = {
    {"$LT$",  "<" },
    {"$GT$",  ">" },
    {"$RF$",  "&" },
    {"$BP$",  "*" },
    {"$C$",   "," },
    {"$LP$",  "(" },
    {"$RP$",  ")" },
    {"$SP$",  "@" },
    {"$u20$", " " },
    {"$u27$", "'" },
    {"$u5b$", "[" },
    {"$u5d$", "]" },
    {"$u7b$", "{" },
    {"$u7d$", "}" },
    {"$u7e$", "~" },
    {"$u3b$", ";" },
    {"$u2b$", "+" },
    {"$u22$", "\""},
    {"..",    "::"},
};

static void put_rust_word(struct fb_text *out, const char *p, size_t n)
{
    size_t i = n > 1 && p[0] == '_' && p[1] == '$' ? 1 : 0;
    while (i < n) {
        size_t e = 0, count = sizeof rust_escapes / sizeof *rust_escapes;
        while (e < count && !(strlen(rust_escapes[e].code) <= n - i &&
                              fb_starts(p + i, rust_escapes[e].code)))
            e++;
        fb_text_put(out, e < count ? rust_escapes[e].text : p + i,
                    e < count ? strlen(rust_escapes[e].text) : 1);
        i += e < count ? strlen(rust_escapes[e].code) : 1;
    }
}

static bool is_rust_hash(const char *p, size_t n)
{
    enum { HASH_DIGITS = 16 };
    bool is = n == 1 + HASH_DIGITS && p[0] == 'h';
    for (size_t i = 1; is && i < n; i++)
        is = fb_is_hex(p[i]);
    return is;
}

bool fb_demangle_rust(const char *p, struct fb_text *out)
{
    bool hashed = false;
    if (!fb_starts(p, "_ZN"))
        return false;
    const char *end = p + strlen(p);
    p += 3;
    while (fb_is_digit(*p)) {
        size_t n = 0;
        for (; fb_is_digit(*p) && n < FB_FUNCTION_MAX; p++)
            n = n * 10 + (size_t)(*p - '0');
        if (n > (size_t)(end - p) || n == 0)
            return false;
        hashed = is_rust_hash(p, n);
        if (!hashed) {
            if (out->n != 0)
                fb_text_str(out, "::");
            put_rust_word(out, p, n);
        }
        p += n;
    }
    return hashed && *p == 'E' && (p[1] == 0 || p[1] == '.') && out->n != 0;
}

/* --- what compilers and linkers hang on the ends ------------------------------------ */

/* Each may be followed by digits and dots, except those marked. */
static const struct {
    const char *mark;
    bool to_the_end;
} variants[] = {
    {".cold",      false},
    {".part",      false},
    {".constprop", false},
    {".isra",      false},
    {".llvm",      false},
    {".lto_priv",  false},
    {"$VARIANT$",  true },
    {"$fin$",      false},
    {"$catch$",    false},
    {"$filt$",     false},
};

static size_t without_number(const char *p, size_t n)
{
    while (n > 0 && (fb_is_digit(p[n - 1]) || p[n - 1] == '.'))
        n--;
    return n;
}

static size_t last_of(const char *p, size_t n, char c)
{
    while (n > 0 && p[n - 1] != c)
        n--;
    return n == 0 ? SIZE_MAX : n - 1;
}

static bool cut_variant(struct fb_text *name)
{
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        size_t m = strlen(variants[i].mark);
        size_t n = name->n;
        if (variants[i].to_the_end) { // $$VARIANT$avx2
            size_t dollar = last_of(name->p, n, '$');
            n = dollar == SIZE_MAX ? 0 : dollar + 1;
        } else {
            n = without_number(name->p, n);
        }
        if (n <= m || memcmp(name->p + n - m, variants[i].mark, m) != 0)
            continue;
        name->n = n - m;
        while (name->n > 1 && variants[i].to_the_end && name->p[name->n - 1] == '$')
            name->n--;
        name->p[name->n] = 0;
        return true;
    }
    return false;
}

/* name@@GLIBC_2.14, name@plt; x86 Windows: _stdcall@12, @fastcall@8, vectorcall@@16 */
static void cut_at_sign(struct fb_text *name)
{
    size_t at = name->n > 1 ? last_of(name->p, name->n, '@') : SIZE_MAX;
    if (at == SIZE_MAX || at == 0)
        return;
    const char *behind = name->p + at + 1;
    size_t digits = strspn(behind, "0123456789");
    bool decorated = digits != 0 && behind[digits] == 0;
    bool versioned =
        strspn(behind, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") > 1 || fb_starts(behind, "plt");
    if (!decorated && !versioned)
        return;
    name->n = at;
    if (name->p[at - 1] == '@' && at > 1)
        name->n = at - 1;
    bool fast = decorated && name->p[0] == '@';
    bool std = decorated && name->p[0] == '_' && name->n == at;
    if ((fast || std) && name->n > 1) {
        name->n--;
        memmove(name->p, name->p + 1, name->n);
    }
    name->p[name->n] = 0;
}

/* ::h0123456789abcdef; a file in Rust vouches for shorter ones */
static void cut_rust_hash(struct fb_text *name, const char *file)
{
    size_t n = file != NULL ? strlen(file) : 0;
    bool rust = n >= 3 && strcmp(file + n - 3, ".rs") == 0;
    size_t colon = last_of(name->p, name->n, ':');
    if (colon == SIZE_MAX || colon < 2 || name->p[colon - 1] != ':')
        return;
    const char *tail = name->p + colon + 1;
    size_t digits = tail[0] == 'h' ? strspn(tail + 1, "0123456789abcdef") : 0;
    bool whole = digits != 0 && tail[1 + digits] == 0;
    if (whole && (digits == 16 || (rust && digits >= 8))) {
        name->n = colon - 1;
        name->p[name->n] = 0;
    }
}

/* The same primitive, made for one kind of processor: __memmove_avx_unaligned_erms. */
static const char *const primitives[] = {
    "memcpy",  "memmove",   "memset",     "memcmp", "memchr",  "memrchr", "strlen",  "strnlen",
    "strcmp",  "strncmp",   "strcasecmp", "strcpy", "strncpy", "strcat",  "strchr",  "strrchr",
    "strstr",  "wcslen",    "wcsnlen",    "wcscmp", "wcscpy",  "wcschr",  "wmemset", "wmemcmp",
    "wmemcpy", "rawmemchr", "stpcpy",     "bcopy",  "bzero",
};
static const char *const processors[] = {
    "avx",  "sse",    "ssse",     "evex",    "erms", "unaligned", "neon", "sve",
    "mops", "falkor", "thunderx", "generic", "ia32", "i586",      "i686", "aligned"};

static void plain_primitive(struct fb_text *name)
{
    const char *p = name->p;
    p += fb_starts(p, "_platform_") ? strlen("_platform_") : strspn(p, "_");
    size_t m = strcspn(p, "_");
    bool variant = p[m] == 0 && fb_starts(name->p, "_platform_");
    for (size_t i = 0; p[m] == '_' && i < sizeof processors / sizeof *processors; i++)
        variant |= fb_starts(p + m + 1, processors[i]);
    for (size_t i = 0; variant && i < sizeof primitives / sizeof *primitives; i++) {
        if (strlen(primitives[i]) == m && memcmp(p, primitives[i], m) == 0) {
            name->n = 0;
            fb_text_str(name, primitives[i]);
            return;
        }
    }
}

void fb_cut_marks(struct fb_text *name, const char *file)
{
    cut_at_sign(name);
    while (cut_variant(name))
        continue;
    cut_rust_hash(name, file);
    plain_primitive(name);
}
