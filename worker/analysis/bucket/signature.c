/*
 * worker/analysis/bucket/signature.c -- which parts make the signature, and the key over them.
 *
 *   kind | up to four frames | ~ first frame of the program
 *
 * Key: the first 16 bytes of SHA-256 over "fb1" NUL product NUL parts, joined by NUL. Neither
 * addresses, access, lines nor the system's version are in it; without symbols there is nothing
 * else, so then pages and builds are, and the bucket is marked.
 */
#include "bucket/signature.h"

#include "base/hash.h"
#include "bucket/name_parts.h"

enum { FRAMES_MAX = 40, FRAME_PARTS_MAX = 4, PARTS_MAX = 16, PART_MAX = 120, TEXT_MAX = 255 };
enum { PAGE_SHIFT = 12 };

struct part {
    const char *text;
    bool hidden; // in the key, not in the text
};
struct parts {
    struct part v[PARTS_MAX];
    size_t n;
    bool full; // of the arena
    struct fb_arena *arena;
    const struct fb_analysis *a;
};

static void add_part(struct parts *parts, const char *text, bool hidden)
{
    parts->full |= text == NULL;
    if (text != NULL && parts->n < PARTS_MAX)
        parts->v[parts->n++] = (struct part){text, hidden};
}

/* A part of `text`, cut to size. */
static void add_text(struct parts *parts, struct fb_text *text, bool hidden)
{
    fb_text_shorten(text, PART_MAX);
    add_part(parts, fb_arena_text(parts->arena, text->p, text->n), hidden);
}

static void put_module(const struct parts *parts, struct fb_text *out, const char *name)
{
    if (parts->a->dump.system.os == FB_WINDOWS)
        fb_text_lower(out, name, strlen(name));
    else
        fb_text_str(out, name);
}

/* A function moves into an anonymous namespace, or out of it, without becoming another one; and
 * not every symbol file says so. */
static void put_symbol(struct fb_text *out, const char *name)
{
    static const char anonymous[] = "(anonymous namespace)::";
    const char *next;
    for (; (next = strstr(name, anonymous)) != NULL; name = next + sizeof anonymous - 1)
        fb_text_put(out, name, (size_t)(next - name));
    fb_text_str(out, name);
}

static void add_frame(struct parts *parts, const char *before, const struct fb_key_frame *f,
                      bool owner)
{
    char buffer[2 * PART_MAX];
    struct fb_text text = fb_text_over(buffer, sizeof buffer);
    fb_text_str(&text, before);
    if (owner && f->symbol && f->frame->module->name != NULL) {
        put_module(parts, &text, f->frame->module->name);
        fb_text_char(&text, '!');
    }
    if (f->symbol)
        put_symbol(&text, f->name);
    else
        put_module(parts, &text, f->name);
    add_text(parts, &text, false);
}

/* --- the walk ----------------------------------------------------------------------- */

struct choice {
    const struct fb_key_frame *v[FRAMES_MAX];
    size_t n;
    size_t next;   // index behind the last one looked at
    bool relevant; // the last one ended the walk
    bool poor;     // nothing but an irrelevant one was there
};

static bool usable(const struct fb_key_frame *f)
{
    return f->class != FB_FRAME_LOW && f->name != NULL;
}

static size_t first_sentinel(const struct fb_key_frame *v, size_t n, enum fb_kind kind)
{
    for (size_t i = 0; i < n; i++) {
        bool spoken = kind == FB_KIND_ABORT && v[i].symbol && strcmp(v[i].name, "abort") == 0;
        if (usable(&v[i]) && (v[i].class == FB_FRAME_SENTINEL || spoken))
            return i;
    }
    return 0;
}

static bool is_irrelevant(const struct fb_key_frame *f)
{
    return f->row != NULL && f->row->class == FB_FRAME_IRRELEVANT;
}

static bool goes_on(const struct fb_key_frame *f)
{
    return f->row != NULL ? f->row->class == FB_FRAME_PREFIX
                          : !f->symbol && fb_is_library_name(f->name);
}

static bool repeats_last(const struct choice *chosen, const struct fb_key_frame *f)
{
    return !f->symbol && chosen->n != 0 && strcmp(chosen->v[chosen->n - 1]->name, f->name) == 0;
}

static void choose(const struct fb_key_frame *v, size_t n, enum fb_kind kind,
                   struct choice *chosen)
{
    size_t i = first_sentinel(v, n, kind);
    for (; i < n && !chosen->relevant; i++) {
        if (!usable(&v[i]) || is_irrelevant(&v[i]) || repeats_last(chosen, &v[i]))
            continue;
        chosen->v[chosen->n++] = &v[i];
        chosen->relevant = !goes_on(&v[i]);
    }
    chosen->next = i;
    for (i = 0; chosen->n == 0 && i < n; i++) // nothing relevant: better this than nothing
        if (usable(&v[i])) {
            chosen->v[chosen->n++] = &v[i];
            chosen->next = n;
            chosen->poor = true;
        }
}

static void add_chosen(struct parts *parts, const struct choice *chosen)
{
    for (size_t i = 0; i < chosen->n; i++) {
        bool dropped = i >= FRAME_PARTS_MAX - 1 && i + 1 < chosen->n;
        const struct fb_key_frame *f = chosen->v[i];
        bool owner = i == 0 && !f->inlined && f->frame->module != NULL &&
                     fb_is_foreign_module(&parts->a->dump, f->frame->module);
        if (!dropped)
            add_frame(parts, "", f, owner);
    }
}

static void add_module(struct parts *parts, const char *before, const struct fb_module *m)
{
    char buffer[2 * PART_MAX];
    struct fb_text text = fb_text_over(buffer, sizeof buffer);
    fb_text_str(&text, before);
    put_module(parts, &text, m->name);
    add_text(parts, &text, false);
}

/* The walk ended in somebody else's code: say where the program's own begins. When all that we
 * trust is irrelevant, a module found by scanning is better than one bucket for all aborts. */
static void add_own(struct parts *parts, const struct choice *chosen,
                    const struct fb_key_frame *v, size_t n)
{
    if (chosen->relevant && chosen->v[chosen->n - 1]->frame->in_app)
        return;
    for (size_t i = chosen->next; i < n; i++) {
        bool own = usable(&v[i]) && v[i].frame->in_app && v[i].class == FB_FRAME_RELEVANT;
        if (own) {
            add_frame(parts, "~ ", &v[i], false);
            return;
        }
    }
    for (size_t i = 0; chosen->poor && i < n; i++) {
        const struct fb_module *m = v[i].frame->module;
        if (v[i].frame->in_app && m->name != NULL) {
            add_module(parts, "~ ", m);
            return;
        }
    }
}

/* --- recursion ---------------------------------------------------------------------- */

/* One round, from its smallest name on: the frame that touched the guard page is chance. */
static bool add_cycle(struct parts *parts, const struct fb_key_frames *frames)
{
    const struct fb_key_frame *round[FB_CYCLE_MAX];
    size_t n = 0, first = 0;
    for (size_t i = 0; i < frames->cycle_n; i++) {
        const struct fb_key_frame *f = &frames->v[frames->cycle_at + i];
        if (usable(f) && f->symbol && !is_irrelevant(f))
            round[n++] = f;
    }
    for (size_t i = 1; i < n; i++)
        if (strcmp(round[i]->name, round[first]->name) < 0)
            first = i;
    for (size_t i = 0; i < n && i < FRAME_PARTS_MAX; i++)
        add_frame(parts, "", round[(first + i) % n], false);
    return n != 0;
}

/* --- without symbols ---------------------------------------------------------------- */

static void add_page(struct parts *parts, const char *before, const struct fb_frame *f)
{
    char buffer[2 * PART_MAX];
    struct fb_text text = fb_text_over(buffer, sizeof buffer);
    const struct fb_module *m = f->module;
    fb_text_str(&text, before);
    put_module(parts, &text, m->name);
    fb_text_str(&text, "!@0x");
    fb_text_hex(&text, (f->lookup - m->base) >> PAGE_SHIFT, 1);
    add_text(parts, &text, false);
    char room[FB_CODE_ID_ROOM];
    const char *code_id = fb_module_code_id(m, room);
    code_id = code_id != NULL ? fb_arena_text(parts->arena, code_id, strlen(code_id)) : "";
    add_part(parts, code_id, true);
}

/* Pages of the first two modules, and which builds they are of; of the program's own as well,
 * when both are the system's. */
static bool add_pages(struct parts *parts, const struct fb_key_frame *v, size_t n)
{
    enum { MODULES = 2 };
    const struct fb_module *seen = NULL;
    size_t count = 0;
    bool own = false;
    for (size_t i = 0; i < n && !(count >= MODULES && own); i++) {
        const struct fb_frame *f = v[i].frame;
        if (!usable(&v[i]) || f->module->name == NULL || f->module == seen)
            continue;
        if (count >= MODULES && !f->in_app)
            continue;
        add_page(parts, count >= MODULES ? "~ " : "", f);
        seen = f->module;
        own |= f->in_app;
        count++;
    }
    return count != 0;
}

/* Nothing but frames that we do not trust: their modules, not their pages. */
static bool add_low(struct parts *parts, const struct fb_key_frame *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct fb_module *m = v[i].frame->module;
        if (m == NULL || m->name == NULL)
            continue;
        add_module(parts, "", m);
        return true;
    }
    return false;
}

/* A kernel stops in routines of its own, the same for all; without symbols they have no names,
 * so that a driver takes their place: one that we trust, else the first that was found. */
static bool add_driver(struct parts *parts, const struct fb_key_frame *v, size_t n)
{
    if (!parts->a->dump.bugcheck.present)
        return false;
    for (int trusted = 1; trusted >= 0; trusted--)
        for (size_t i = 0; i < n; i++) {
            if (!v[i].frame->in_app || usable(&v[i]) != (trusted != 0))
                continue;
            if (trusted)
                add_page(parts, "", v[i].frame);
            else
                add_module(parts, "~ ", v[i].frame->module);
            return true;
        }
    return false;
}

/* --- nothing at all ----------------------------------------------------------------- */

/* The name of the crash without what was accessed, and without details. */
static void put_reason(struct fb_text *out, const struct fb_analysis *a)
{
    static const char *const suffixes[] = {"_READ", "_WRITE", "_EXEC"};
    const char *type = a->crash.type;
    if (type == NULL) {
        fb_text_str(out, "no exception");
        return;
    }
    const char *detail = strstr(type, " / ");
    fb_text_put(out, type, detail != NULL ? (size_t)(detail - type) : strlen(type));
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t m = strlen(suffixes[i]);
        if (out->n > m && strcmp(out->p + out->n - m, suffixes[i]) == 0) {
            out->n -= m;
            out->p[out->n] = 0;
        }
    }
}

static void add_empty(struct parts *parts)
{
    const struct fb_analysis *a = parts->a;
    const struct fb_stack *stack = fb_crashing_stack(a);
    bool thread = a->dump.crashing < a->dump.threads.n;
    char buffer[2 * PART_MAX];
    struct fb_text text = fb_text_over(buffer, sizeof buffer);
    put_reason(&text, a);
    add_part(parts, "EMPTY", false);
    add_text(parts, &text, false);
    add_part(parts,
             !thread               ? "no crashing thread"
             : stack->stop != NULL ? stack->stop
                                   : "no frames",
             false);
}

/* --- the whole ---------------------------------------------------------------------- */

static void add_words(struct parts *parts, struct fb_text *words)
{
    for (size_t at = 0; at < words->n;) {
        struct fb_text word = {
            .p = words->p + at, .n = strlen(words->p + at), .cap = words->cap - at};
        at += word.n + 1;
        add_text(parts, &word, false);
    }
}

static bool has_symbol(const struct choice *chosen)
{
    for (size_t i = 0; i < chosen->n; i++)
        if (chosen->v[i]->symbol)
            return true;
    return false;
}

static void add_frames(struct parts *parts, const struct fb_key_frames *frames,
                       enum fb_kind kind, bool *unsymbolicated)
{
    size_t kept[FRAMES_MAX];
    struct fb_key_frame v[FRAMES_MAX];
    size_t n = fb_collapse(frames->id, frames->n, FRAMES_MAX, kept);
    for (size_t i = 0; i < n; i++)
        v[i] = frames->v[kept[i]];
    if (kind == FB_KIND_STACK_OVERFLOW && add_cycle(parts, frames))
        return;
    struct choice chosen = {0};
    choose(v, n, kind, &chosen);
    if (has_symbol(&chosen)) {
        add_chosen(parts, &chosen);
        add_own(parts, &chosen, v, n);
        return;
    }
    *unsymbolicated = add_driver(parts, v, n) || add_pages(parts, v, n) || add_low(parts, v, n);
    if (!*unsymbolicated)
        add_empty(parts);
}

static void make_key(const struct parts *parts, const char *product, uint8_t out[16])
{
    static const char version[] = "fb1"; // its NUL goes in, too
    struct fb_hash hash;
    fb_sha256_start(&hash);
    fb_sha256_add(&hash, version, sizeof version);
    fb_sha256_add(&hash, product, strlen(product));
    for (size_t i = 0; i < parts->n; i++) {
        fb_sha256_add(&hash, "", 1);
        fb_sha256_add(&hash, parts->v[i].text, strlen(parts->v[i].text));
    }
    uint8_t digest[FB_SHA256_SIZE];
    fb_sha256_end(&hash, digest);
    memcpy(out, digest, 16);
}

static const char *make_text(const struct parts *parts)
{
    char buffer[PARTS_MAX * (PART_MAX + 3) + 1];
    struct fb_text text = fb_text_over(buffer, sizeof buffer);
    for (size_t i = 0; i < parts->n; i++) {
        if (parts->v[i].hidden)
            continue;
        if (text.n != 0)
            fb_text_str(&text, " | ");
        size_t start = text.n;
        fb_text_str(&text, parts->v[i].text);
        for (char *p = text.p + start; *p != 0; p++)
            *p = *p >= ' ' && *p <= '~' ? *p : '?';
    }
    fb_text_shorten(&text, TEXT_MAX);
    return fb_arena_text(parts->arena, text.p, text.n);
}

struct fb_err fb_make_signature(struct fb_analysis *a, const struct fb_key_frames *frames,
                                struct fb_arena *arena)
{
    char buffer[4 * PART_MAX];
    struct fb_text words = fb_text_over(buffer, sizeof buffer);
    struct parts parts = {.arena = arena, .a = a};
    struct fb_kind_found found = fb_kind_find(a, frames, &words);
    add_words(&parts, &words);
    a->keys.unsymbolicated = false;
    if (!found.alone)
        add_frames(&parts, frames, found.kind, &a->keys.unsymbolicated);
    a->keys.signature = make_text(&parts);
    if (parts.full || a->keys.signature == NULL)
        return FB_FAIL(LIMIT, "no room for the signature", 0);
    make_key(&parts, a->keys.product, a->keys.bucket);
    return FB_NO_ERR;
}
