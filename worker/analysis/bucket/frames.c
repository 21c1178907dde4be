/*
 * worker/analysis/bucket/frames.c -- name and classify the frames of the crashing thread.
 *
 * A frame is `low` when we do not trust it: found by scanning, in no module, or far behind the
 * only symbol that is near. What the lists say of its function counts only after that.
 */
#include "bucket/frames.h"

#include "bucket/keys.h"
#include "bucket/name_parts.h"

enum { EXPORT_REACH = 4096 }; // farther from a symbol without lines, it is some other function

/* --- modules ------------------------------------------------------------------------ */

static const struct fb_module *main_module(const struct fb_dump *dump)
{
    return dump->modules.main < dump->modules.n ? &dump->modules.v[dump->modules.main] : NULL;
}

static size_t folder_length(const char *path)
{
    size_t n = 0;
    for (size_t i = 0; path[i] != 0; i++)
        if (path[i] == '/' || path[i] == '\\')
            n = i + 1;
    return n;
}

/* A path without folder tells nothing; such writers strip all of them. */
static bool in_folder_of(const struct fb_module *program, const struct fb_module *module)
{
    size_t n = folder_length(program->path);
    size_t i = 0;
    while (i < n && fb_lower(program->path[i]) == fb_lower(module->path[i]))
        i++;
    return i == n;
}

bool fb_is_foreign_module(const struct fb_dump *dump, const struct fb_module *module)
{
    if (dump->bugcheck.present)
        return !fb_is_kernel_module(module);
    const struct fb_module *program = main_module(dump);
    if (module == program || fb_is_system_module(module, dump->system.os))
        return false;
    return program != NULL && program->path != NULL && module->path != NULL &&
           !in_folder_of(program, module);
}

/* Every driver counts as one's own: all lie in the system's folder, and all are guests of the
 * kernel. */
static bool in_app(const struct fb_dump *dump, const struct fb_module *module)
{
    if (dump->bugcheck.present)
        return module != NULL && !fb_is_kernel_module(module);
    return module != NULL &&
           (module == main_module(dump) || !fb_is_system_module(module, dump->system.os));
}

/* --- classes ------------------------------------------------------------------------ */

static bool is_low(const struct fb_frame *f)
{
    bool far = f->function != NULL && f->file == NULL && f->function_at != 0 &&
               f->lookup > f->function_at && f->lookup - f->function_at > EXPORT_REACH;
    return f->trust <= FB_TRUST_SCAN || f->module == NULL || far;
}

static enum fb_frame_class class_of(const struct fb_list_row *row)
{
    if (row == NULL)
        return FB_FRAME_RELEVANT;
    return row->sentinel ? FB_FRAME_SENTINEL : row->class;
}

static const char *bare_name(const struct fb_frame *f)
{
    if (f->module != NULL)
        return f->module->name;
    return NULL;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Recursion repeats functions: the last few names are at hand. */
static const char *known_normal(const struct fb_stack *stack, size_t i)
{
    const struct fb_frame *f = &stack->v[i];
    for (size_t back = 1; back <= FB_CYCLE_MAX && back <= i; back++) {
        const struct fb_frame *before = f - back;
        if (same_text(before->function, f->function) && same_text(before->file, f->file))
            return before->normal;
    }
    return NULL;
}

static struct fb_err classify(const struct fb_dump *dump, struct fb_stack *stack, size_t i,
                              struct fb_arena *arena, const struct fb_list_row **row)
{
    struct fb_frame *f = &stack->v[i];
    bool known = i != 0 && f[-1].module == f->module; // a module calls itself, mostly
    f->in_app = known ? f[-1].in_app : in_app(dump, f->module);
    f->normal = NULL;
    *row = NULL;
    if (f->function != NULL) {
        f->normal = known_normal(stack, i);
        if (f->normal == NULL)
            f->normal = fb_normalise(f->function, f->file, arena);
        if (f->normal == NULL)
            return FB_FAIL(LIMIT, "no room for the names of functions", 0);
        *row = fb_list_find(f->normal);
    }
    if (is_low(f))
        f->class = FB_FRAME_LOW;
    else if (f->normal != NULL)
        f->class = class_of(*row);
    else if (known && f[-1].normal == NULL && f[-1].class != FB_FRAME_LOW)
        f->class = f[-1].class; // by the module's name, too
    else
        f->class = fb_is_library_name(bare_name(f)) ? FB_FRAME_PREFIX : FB_FRAME_RELEVANT;
    return FB_NO_ERR;
}

/* --- the list ----------------------------------------------------------------------- */

static void add(struct fb_key_frames *out, struct fb_key_frame f)
{
    if (out->n < FB_KEY_FRAMES_MAX)
        out->v[out->n++] = f;
}

static struct fb_err add_inlines(const struct fb_frame *f, struct fb_arena *arena,
                                 struct fb_key_frames *out)
{
    size_t n = f->class != FB_FRAME_LOW && out->n < FB_KEY_FRAMES_MAX ? f->n_inlines : 0;
    for (size_t i = 0; i < n && i < FB_KEY_FRAMES_MAX; i++) {
        if (f->inlines[i].function == NULL)
            continue;
        const char *name = fb_normalise(f->inlines[i].function, f->inlines[i].file, arena);
        if (name == NULL)
            return FB_FAIL(LIMIT, "no room for the names of functions", 0);
        const struct fb_list_row *row = fb_list_find(name);
        if (row == NULL || row->sentinel)
            add(out, (struct fb_key_frame){.frame = f,
                                           .name = name,
                                           .row = row,
                                           .class = class_of(row),
                                           .symbol = true,
                                           .inlined = true});
    }
    return FB_NO_ERR;
}

static void add_frame(const struct fb_frame *f, const struct fb_list_row *row,
                      struct fb_key_frames *out)
{
    bool symbol = f->normal != NULL;
    add(out, (struct fb_key_frame){.frame = f,
                                   .name = symbol ? f->normal : bare_name(f),
                                   .row = row,
                                   .class = f->class,
                                   .symbol = symbol});
}

/* --- cycles ------------------------------------------------------------------------- */

/* FNV-1a, but of eight bytes at a time: it stays within this file. */
static uint64_t hash_of(const char *name)
{
    const uint64_t prime = UINT64_C(0x100000001B3);
    size_t n = strlen(name);
    uint64_t h = n, w = 0;
    for (; n >= sizeof w; n -= sizeof w, name += sizeof w) {
        memcpy(&w, name, sizeof w);
        h = (h ^ w) * prime;
        h ^= h >> 32; // for the bytes at the top to reach those at the bottom
    }
    w = 0;
    memcpy(&w, name, n);
    return (h ^ w) * prime;
}

void fb_name_ids(const char *const *names, size_t n, uint32_t *ids)
{
    uint64_t hashes[FB_KEY_FRAMES_MAX];
    for (size_t i = 0; i < n; i++) {
        ids[i] = (uint32_t)i;
        hashes[i] = names[i] != NULL ? hash_of(names[i]) : 0;
        if (names[i] == NULL)
            continue;
        for (size_t k = 0; k < i; k++)
            if (hashes[k] == hashes[i] && names[k] != NULL && strcmp(names[k], names[i]) == 0) {
                ids[i] = ids[k];
                break;
            }
    }
}

static bool same_run(const uint32_t *a, const uint32_t *b, size_t n)
{
    return *a == *b && memcmp(a, b, n * sizeof *a) == 0;
}

size_t fb_collapse(const uint32_t *ids, size_t n, size_t most, size_t *kept)
{
    uint32_t left[FB_KEY_FRAMES_MAX];
    size_t n_kept = 0;
    for (size_t i = 0; i < n && n_kept < most;) {
        left[n_kept] = ids[i];
        kept[n_kept++] = i++;
        for (size_t length = 1; length <= FB_CYCLE_MAX && length <= n_kept; length++)
            while (n - i >= length && same_run(&left[n_kept - length], &ids[i], length))
                i += length;
    }
    return n_kept;
}

static size_t covered_by(const uint32_t *ids, size_t n, size_t at, size_t length)
{
    size_t end = at + length;
    while (end + length <= n && same_run(&ids[at], &ids[end], length))
        end += length;
    return end - at;
}

/* The recursion that covers most frames: at least RECURSION_MIN rounds of it. */
static void find_cycle(struct fb_key_frames *frames)
{
    enum { RECURSION_MIN = 3 };
    size_t most = 0;
    for (size_t at = 0; at < frames->n && most <= frames->n / 2; at++) {
        size_t room = (frames->n - at) / RECURSION_MIN;
        for (size_t length = 1; length <= FB_CYCLE_MAX && length <= room; length++) {
            size_t covered = covered_by(frames->id, frames->n, at, length);
            if (covered >= RECURSION_MIN * length && covered > most) {
                most = covered;
                frames->cycle_at = at;
                frames->cycle_n = length;
            }
        }
    }
}

static void find_ids(struct fb_key_frames *frames)
{
    const char *names[FB_KEY_FRAMES_MAX];
    for (size_t i = 0; i < frames->n; i++)
        names[i] = frames->v[i].name;
    fb_name_ids(names, frames->n, frames->id);
}

struct fb_err fb_key_frames(struct fb_analysis *a, struct fb_arena *arena,
                            struct fb_key_frames *out)
{
    *out = (struct fb_key_frames){.v = FB_RAW(arena, struct fb_key_frame, FB_KEY_FRAMES_MAX),
                                  .id = FB_RAW(arena, uint32_t, FB_KEY_FRAMES_MAX)};
    if (out->v == NULL || out->id == NULL)
        return FB_FAIL(LIMIT, "no room for the frames of the keys", 0);
    if (a->stacks == NULL || a->dump.crashing >= a->dump.threads.n)
        return FB_NO_ERR;
    struct fb_stack *stack = &a->stacks[a->dump.crashing];
    for (size_t i = 0; i < stack->n; i++) {
        const struct fb_list_row *row;
        struct fb_err err = classify(&a->dump, stack, i, arena, &row);
        if (!fb_failed(err))
            err = add_inlines(&stack->v[i], arena, out);
        if (fb_failed(err))
            return err;
        add_frame(&stack->v[i], row, out);
    }
    find_ids(out);
    find_cycle(out);
    return FB_NO_ERR;
}
