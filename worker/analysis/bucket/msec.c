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

/* Into `out`, of SYMBOL_MAX + 1 bytes. */
static void put_name(const struct fb_frame *f, char *out)
{
    struct fb_text text = fb_text_over(out, SYMBOL_MAX + 1);
    if (f->module == NULL || f->module->name == NULL) {
        fb_text_str(&text, "Unknown");
        return;
    }
    fb_text_put(&text, f->module->name, stem_length(f->module->name));
    if (f->function != NULL) {
        fb_text_char(&text, '!');
        fb_text_put(&text, f->function, symbol_length(f->function));
    }
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

/* The major hash and, unless NULL, the minor one. */
static void hash(const struct fb_stack *stack, uint32_t *major, uint32_t *minor)
{
    size_t most = minor != NULL ? FRAMES_MAX : MAJOR_FRAMES;
    struct fb_hash names, frames;
    fb_sha256_start(&names);
    fb_sha256_start(&frames);
    for (size_t i = 0; i < stack->n && i < most; i++) {
        char name[SYMBOL_MAX + 1];
        put_name(&stack->v[i], name);
        if (fb_msec_excludes(name))
            continue;
        if (i < MAJOR_FRAMES)
            fb_sha256_add(&names, name, strlen(name));
        if (minor == NULL)
            continue;
        fb_sha256_add(&frames, name, strlen(name));
        add_displacement(&frames, &stack->v[i]);
    }
    *major = fb_msec_fold(&names);
    if (minor != NULL)
        *minor = fb_msec_fold(&frames);
}

static size_t blamed(const struct fb_stack *stack)
{
    char name[SYMBOL_MAX + 1];
    size_t i = 0;
    for (; i + 1 < stack->n && i + 1 < FRAMES_MAX; i++) {
        put_name(&stack->v[i], name);
        if (stack->v[i].module != NULL && !fb_msec_excludes(name))
            break;
    }
    return i;
}

static void put_place(struct fb_text *title, const struct fb_frame *f)
{
    char name[SYMBOL_MAX + 1];
    put_name(f, name);
    fb_text_str(title, name);
    fb_text_str(title, "+0x");
    fb_text_hex(title, displacement(f), 16);
}

static const char *make_title(const struct fb_analysis *a, const struct fb_stack *stack,
                              struct fb_arena *arena)
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
        size_t i = blamed(stack);
        fb_text_str(&title, " starting at ");
        put_place(&title, &stack->v[0]);
        if (i != 0) {
            fb_text_str(&title, " called from ");
            put_place(&title, &stack->v[i]);
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
    hash(stack, &a->keys.msec_major, a->keys.has_msec_minor ? &a->keys.msec_minor : NULL);
    a->keys.msec_title = make_title(a, stack, arena);
    return a->keys.msec_title != NULL ? FB_NO_ERR : FB_FAIL(LIMIT, "no room for the title", 0);
}
