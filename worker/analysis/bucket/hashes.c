/*
 * worker/analysis/bucket/hashes.c -- our stable hash, fbh1: which frames count, how they are
 * named, and what runs into the major and the minor half.
 *
 *   major   "fbh1-major" NUL, then name LF for the first 5 kept frames
 *   minor   "fbh1-minor" NUL, then name "+0x" offset LF for up to 64 of them
 *
 * A recursion counts once in the major half. When every frame is excluded, none is.
 */
#include "bucket/ids.h"
#include "bucket/name_parts.h"

enum { MAJOR_FRAMES = 5, MINOR_FRAMES = 64 };

/* --- names -------------------------------------------------------------------------- */

static bool is_program_extension(const char *s)
{
    static const char *const extensions[] = {"exe", "dll", "sys", "ocx", "cpl",
                                             "drv", "ax",  "acm", "node"};
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++)
        if (fb_same_lower(s, extensions[i]))
            return true;
    return false;
}

/* foo.dll -> foo, libfoo-2.31.so.1 -> libfoo */
static size_t stem_length(const char *name)
{
    const char *dot = strrchr(name, '.');
    if (dot != NULL && dot != name && is_program_extension(dot + 1))
        return (size_t)(dot - name);
    size_t n = strlen(name);
    const char *so = strstr(name, ".so");
    if (so == NULL || so == name || (so[3] != 0 && so[3] != '.'))
        return n;
    n = (size_t)(so - name);
    size_t digits = n;
    while (digits > 0 &&
           ((name[digits - 1] >= '0' && name[digits - 1] <= '9') || name[digits - 1] == '.'))
        digits--;
    return digits < n && digits > 1 && name[digits - 1] == '-' ? digits - 1 : n;
}

/* A module calls itself, mostly: then the frame before has its name already. */
static void put_module(struct fb_text *out, const struct fb_module *m,
                       const struct fb_kept_frame *before)
{
    if (before != NULL && before->frame->frame->module == m)
        fb_text_put(out, before->name, before->module);
    else
        fb_text_lower(out, m->name, stem_length(m->name));
}

static void put_symbol(struct fb_text *out, const char *normal)
{
    static const struct {
        const char *from, *to;
    } replaced[] = {
        {"<T>",                   "<>"  },
        {"(anonymous namespace)", "anon"}
    };
    static const char import[] = "__imp_";
    if (fb_starts(normal, import))
        normal += sizeof import - 1;
    while (*normal != 0) {
        size_t k = 0, n = sizeof replaced / sizeof *replaced;
        while (k < n && !fb_starts(normal, replaced[k].from))
            k++;
        size_t plain = k == n ? 1 + strcspn(normal + 1, "<(") : 0;
        fb_text_lower(out, normal, plain);
        fb_text_str(out, k < n ? replaced[k].to : "");
        normal += k < n ? strlen(replaced[k].from) : plain;
    }
}

static void put_function(struct fb_text *out, const struct fb_key_frame *f, uint64_t rva,
                         uint64_t function_rva)
{
    fb_text_char(out, '!');
    if (f->symbol) {
        put_symbol(out, f->name);
    } else if (function_rva != 0) {
        fb_text_str(out, "sub_");
        fb_text_hex(out, function_rva, 1);
    } else {
        fb_text_char(out, '+');
        fb_text_hex(out, rva, 1);
    }
}

static bool is_jit(const struct fb_analysis *a, const struct fb_frame *f)
{
    const struct fb_page *page = fb_page_at(&a->dump.pages, f->lookup);
    return page != NULL && (page->access & FB_PAGE_EXECUTE) != 0;
}

/* The name goes into `text`, of which all frames have a part. `before`: the frame before, NULL:
 * this is the first. @return false when there is no room */
static bool name_frame(const struct fb_analysis *a, const struct fb_key_frame *f,
                       const struct fb_kept_frame *before, struct fb_text *text,
                       struct fb_kept_frame *out)
{
    const struct fb_module *m = f->frame->module;
    *out = (struct fb_kept_frame){.frame = f};
    if (m == NULL || m->name == NULL) {
        out->name = is_jit(a, f->frame) ? "jit" : NULL;
        return true;
    }
    uint64_t rva = f->frame->lookup - m->base;
    fb_addr start = f->frame->function_at;
    uint64_t function_rva = start > m->base && start <= f->frame->lookup ? start - m->base : 0;
    out->name = text->p;
    put_module(text, m, before);
    out->module = text->n;
    put_function(text, f, rva, function_rva);
    if (!fb_text_next(text))
        return false;
    if (!f->symbol && function_rva == 0)
        out->digits = out->name + out->module + strlen("!+");
    if (!f->symbol)
        out->offset = rva;
    else if (!f->inlined)
        out->offset = f->frame->resume - start;
    const char *symbol = strchr(out->name, '!');
    out->excluded = fb_hash_excludes(out->name, f->symbol ? symbol + 1 : NULL);
    return true;
}

/* --- the frames that count ---------------------------------------------------------- */

static bool keep_frames(const struct fb_analysis *a, const struct fb_key_frames *frames,
                        struct fb_arena *arena, struct fb_kept_frames *out)
{
    struct fb_kept_frame *v = FB_RAW(arena, struct fb_kept_frame, frames->n);
    size_t n = 0;
    if (v == NULL)
        return false;
    struct fb_text text = fb_text_open(arena);
    for (size_t i = 0; i < frames->n; i++) {
        if (!name_frame(a, &frames->v[i], i > 0 ? &v[i - 1] : NULL, &text, &v[i]))
            return false;
        n += !v[i].excluded;
    }
    if (fb_text_close(&text, arena) == NULL)
        return false;
    size_t kept = 0;
    for (size_t i = 0; i < frames->n; i++)
        if (n == 0 || !v[i].excluded)
            v[kept++] = v[i];
    *out = (struct fb_kept_frames){v, kept};
    return true;
}

static void finish(struct fb_hash *hash, char out[17])
{
    uint8_t digest[FB_SHA256_SIZE];
    fb_sha256_end(hash, digest);
    fb_hex(digest, 8, out);
}

static void add(struct fb_hash *hash, const char *s) { fb_sha256_add(hash, s, strlen(s)); }

static void hash_major(struct fb_kept_frames frames, char out[17])
{
    static const char tag[] = "fbh1-major"; // its NUL goes in, too
    const char *names[FB_KEY_FRAMES_MAX];
    uint32_t ids[FB_KEY_FRAMES_MAX];
    size_t kept[MAJOR_FRAMES], n = 0;
    for (size_t i = 0; i < frames.n; i++)
        if (frames.v[i].name != NULL)
            names[n++] = frames.v[i].name;
    fb_name_ids(names, n, ids);
    n = fb_collapse(ids, n, MAJOR_FRAMES, kept);
    struct fb_hash hash;
    fb_sha256_start(&hash);
    fb_sha256_add(&hash, tag, sizeof tag);
    for (size_t i = 0; i < n; i++) {
        add(&hash, names[kept[i]]);
        fb_sha256_add(&hash, "\n", 1);
    }
    finish(&hash, out);
}

static void add_offset(struct fb_hash *hash, const struct fb_kept_frame *f)
{
    char buffer[17];
    struct fb_text digits = fb_text_over(buffer, sizeof buffer);
    if (f->digits == NULL)
        fb_text_hex(&digits, f->offset, 1);
    fb_sha256_add(hash, "+0x", 3);
    add(hash, f->digits != NULL ? f->digits : digits.p);
}

static void hash_minor(struct fb_kept_frames frames, char out[17])
{
    static const char tag[] = "fbh1-minor";
    struct fb_hash hash;
    fb_sha256_start(&hash);
    fb_sha256_add(&hash, tag, sizeof tag);
    for (size_t i = 0; i < frames.n && i < MINOR_FRAMES; i++) {
        const struct fb_kept_frame *f = &frames.v[i];
        add(&hash, f->name != NULL ? f->name : "?");
        if (f->frame->frame->module != NULL)
            add_offset(&hash, f);
        fb_sha256_add(&hash, "\n", 1);
    }
    finish(&hash, out);
}

struct fb_err fb_make_hashes(struct fb_analysis *a, const struct fb_key_frames *frames,
                             struct fb_arena *arena)
{
    struct fb_kept_frames kept;
    if (!keep_frames(a, frames, arena, &kept))
        return FB_FAIL(LIMIT, "no room for the hashes", 0);
    hash_major(kept, a->keys.fbh1_major);
    hash_minor(kept, a->keys.fbh1_minor);
    struct fb_err err = fb_make_blame(a, frames, kept, arena);
    return fb_failed(err) ? err : fb_make_msec(a, arena);
}
