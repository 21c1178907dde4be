/*
 * worker/analysis/bucket/msec.c -- the hashes of !exploitable 1.6.0, for comparison
 * with its reports.
 *
 * Major: the names of the frames at positions 0 to 4, less the excluded ones. Minor: all names
 * up to 64 with their displacements; behind each "+0x" the original copies as many bytes as a
 * pointer has: a NUL on 32-bit machines, and bytes of whatever lay behind it on 64-bit ones,
 * where the minor hash can therefore not be computed by anybody.
 */
#include "base/text.h"
#include "bucket/ids.h"

enum { FRAMES_MAX = 64, MAJOR_FRAMES = 5, SYMBOL_MAX = 126 };

uint32_t fb_msec_fold(struct fb_hash *hash)
{
    uint8_t digest[FB_SHA256_SIZE];
    fb_sha256_end(hash, digest);
    uint32_t folded = 0;
    for (size_t i = 0; i < sizeof digest; i++)
        folded ^= (uint32_t)digest[i] << (8 * (i % 4));
    return folded;
}

/* The symbol as the debugger prints it: without the arguments that demanglers add. */
static size_t symbol_length(const char *s)
{
    size_t depth = 0, i = 0;
    for (; s[i] != 0; i++) {
        bool arguments = s[i] == '(' && depth == 0 && i != 0 &&
                         strncmp(s + i, "(anonymous", 10) != 0 &&
                         (i < 8 || strncmp(s + i - 8, "operator", 8) != 0);
        if (arguments)
            break;
        if (s[i] == '<')
            depth++;
        else if (s[i] == '>' && depth > 0)
            depth--;
    }
    return i;
}

static size_t stem_length(const char *module)
{
    const char *dot = strrchr(module, '.');
    return dot != NULL && dot != module ? (size_t)(dot - module) : strlen(module);
}

/* Into `out`, of SYMBOL_MAX + 1 bytes. @return its length */
static size_t put_name(const struct fb_frame *f, char *out)
{
    struct fb_text text = fb_text_over(out, SYMBOL_MAX + 1);
    if (f->module == NULL || f->module->name == NULL) {
        fb_text_str(&text, "Unknown");
        return text.n;
    }
    fb_text_put(&text, f->module->name, stem_length(f->module->name));
    if (f->function != NULL) {
        fb_text_char(&text, '!');
        fb_text_put(&text, f->function, symbol_length(f->function));
    }
    return text.n;
}

/* Without symbols a module is all that there is to name. */
static bool same_name(const struct fb_frame *a, const struct fb_frame *b)
{
    return a->module == b->module && a->function == b->function;
}

static uint64_t displacement(const struct fb_frame *f)
{
    if (f->module == NULL)
        return 0;
    return f->resume - (f->function != NULL ? f->function_at : f->module->base);
}

static void add_displacement(struct fb_hash *hash, const struct fb_frame *f)
{
    char buffer[24];
    struct fb_text text = fb_text_over(buffer, sizeof buffer);
    uint64_t d = displacement(f);
    if (d == 0)
        return;
    fb_text_put(&text, "+0x", sizeof "+0x");
    fb_text_hex(&text, d, 1);
    fb_sha256_add(hash, text.p, text.n);
}

/* The major hash and, when it is wanted, the minor one. @return the frame to blame: the first
 * in a module that is not excluded, else the last one looked at */
static size_t hash(const struct fb_stack *stack, struct fb_keys *keys)
{
    size_t n = stack->n < FRAMES_MAX ? stack->n : FRAMES_MAX, blamed = SIZE_MAX;
    bool minor = keys->has_msec_minor;
    struct fb_hash names, frames;
    fb_sha256_start(&names);
    fb_sha256_start(&frames);
    char name[SYMBOL_MAX + 1];
    size_t length = 0;
    bool excluded = false;
    for (size_t i = 0; i < n && (i < MAJOR_FRAMES || minor || blamed == SIZE_MAX); i++) {
        const struct fb_frame *f = &stack->v[i];
        if (i == 0 || !same_name(f, f - 1)) {
            length = put_name(f, name);
            excluded = fb_msec_excludes(name);
        }
        if (excluded)
            continue;
        if (blamed == SIZE_MAX && f->module != NULL)
            blamed = i;
        if (i < MAJOR_FRAMES)
            fb_sha256_add(&names, name, length);
        if (minor) {
            fb_sha256_add(&frames, name, length);
            add_displacement(&frames, f);
        }
    }
    keys->msec_major = fb_msec_fold(&names);
    if (minor)
        keys->msec_minor = fb_msec_fold(&frames);
    return blamed != SIZE_MAX ? blamed : n - 1;
}

static void put_place(struct fb_text *title, const struct fb_frame *f)
{
    char name[SYMBOL_MAX + 1];
    fb_text_put(title, name, put_name(f, name));
    fb_text_str(title, "+0x");
    fb_text_hex(title, displacement(f), 16);
}

static const char *make_title(const struct fb_analysis *a, const struct fb_stack *stack,
                              size_t blamed, struct fb_arena *arena)
{
    static const char *const prefixes[] = {[FB_CLASS_PROBABLY_EXPLOITABLE] =
                                               "Probably Exploitable - ",
                                           [FB_CLASS_EXPLOITABLE] = "Exploitable - "};
    const struct fb_judgement *verdict = &a->exploitability.msec16;
    struct fb_text title = fb_text_open(arena);
    if (verdict->class <= FB_CLASS_EXPLOITABLE && prefixes[verdict->class] != NULL)
        fb_text_str(&title, prefixes[verdict->class]);
    fb_text_str(&title, verdict->description != NULL ? verdict->description : "Unknown");
    if (stack->n != 0) {
        fb_text_str(&title, " starting at ");
        put_place(&title, &stack->v[0]);
        if (blamed != 0) {
            fb_text_str(&title, " called from ");
            put_place(&title, &stack->v[blamed]);
        }
    }
    fb_text_str(&title, " (Hash=0x");
    fb_text_hex(&title, a->keys.msec_major, 8);
    if (a->keys.has_msec_minor) {
        fb_text_str(&title, ".0x");
        fb_text_hex(&title, a->keys.msec_minor, 8);
    }
    fb_text_char(&title, ')');
    return fb_text_close(&title, arena);
}

struct fb_err fb_make_msec(struct fb_analysis *a, struct fb_arena *arena)
{
    const struct fb_stack *stack = fb_crashing_stack(a);
    a->keys.has_msec_minor = a->dump.system.arch == FB_X86;
    size_t blamed = hash(stack, &a->keys);
    a->keys.msec_title = make_title(a, stack, blamed, arena);
    return a->keys.msec_title != NULL ? FB_NO_ERR : FB_FAIL(LIMIT, "no room for the title", 0);
}
