/*
 * worker/analysis/analyze.c -- the order of the work: read, name, walk, judge, make keys.
 *
 * The crashing thread is walked first, so that it has all the room; the others share
 * what is left.
 */
#include "analyze.h"

#include "base/hash.h"
#include "bucket/keys.h"
#include "disasm/insn.h"
#include "exploitability/exploitability.h"
#include "kernel/kernel.h"
#include "minidump/minidump.h"
#include "unwind/cfi_rows.h"
#include "unwind/names.h"
#include "unwind/returns.h"
#include "unwind/steps.h"
#include "unwind/walk.h"

enum { THREADS_WALKED_MAX = 512 };

void fb_analyze_open(struct fb_analyze_input *in)
{
    for (enum fb_arch arch = FB_X86; arch < FB_ARCH_OTHER; arch++)
        in->capstone[arch] = fb_disasm_open(arch);
}

void fb_analyze_close(struct fb_analyze_input *in)
{
    for (enum fb_arch arch = FB_X86; arch < FB_ARCH_OTHER; arch++)
        fb_disasm_close(in->capstone[arch]);
}

/* The exception's registers are those of the crash; a thread's own may already be in the
 * dump writer's code. */
static const struct fb_regs *start_of_walk(const struct fb_dump *dump, size_t thread)
{
    bool crashed_here =
        thread == dump->crashing && dump->exception.present && dump->exception.regs.valid != 0;
    return crashed_here ? &dump->exception.regs : &dump->threads.v[thread].regs;
}

static struct fb_err walk_one(const struct fb_walk_env *env, size_t thread,
                              struct fb_arena *arena, struct fb_analysis *a)
{
    const struct fb_regs *regs = start_of_walk(&a->dump, thread);
    if (regs->valid == 0) {
        a->stacks[thread].stop = "no registers";
        return FB_NO_ERR;
    }
    return fb_walk(env, &a->dump.threads.v[thread], regs, arena, &a->stacks[thread]);
}

struct remembered { // by all walks of one dump
    struct fb_places places;
    struct fb_steps steps;
    struct fb_returns returns;
    struct fb_named named;
    struct fb_cfi_rows rows;
};

static void remember(struct remembered *r, struct fb_walk_env *env)
{
    fb_places_open(env->dump, &r->places);
    r->places.no_images = !fb_code_has_images(env);
    fb_steps_open(&r->steps);
    fb_returns_open(&r->returns);
    r->named = (struct fb_named){{0}};
    env->places = &r->places;
    env->steps = &r->steps;
    env->returns = &r->returns;
    env->named = &r->named;
    if (env->symbols != NULL) {
        fb_cfi_rows_open(&r->rows);
        env->rows = &r->rows;
    }
}

static struct fb_err walk_all(const struct fb_walk_env *env, struct fb_arena *arena,
                              struct fb_analysis *a)
{
    size_t n = a->dump.threads.n;
    a->stacks = FB_NEW(arena, struct fb_stack, n);
    if (a->stacks == NULL)
        return FB_FAIL(LIMIT, "no room for the stacks", 0);
    if (a->dump.crashing < n) {
        struct fb_err err = walk_one(env, a->dump.crashing, arena, a);
        if (fb_failed(err))
            return err;
    }
    for (size_t i = 0; i < n && i < THREADS_WALKED_MAX && env->work->left[FB_WORK_FRAMES] > 0;
         i++) {
        if (i == a->dump.crashing)
            continue;
        if (fb_failed(walk_one(env, i, arena, a))) {
            fb_note(&a->notes, FB_NOTE_LIMIT, "no room left to walk every thread", FB_NOWHERE);
            break;
        }
    }
    if (n > THREADS_WALKED_MAX)
        fb_note(&a->notes, FB_NOTE_LIMIT, "more threads than we walk", FB_NOWHERE);
    return FB_NO_ERR;
}

static void name_file(const struct fb_analyze_input *in, char *out)
{
    uint8_t digest[FB_SHA256_SIZE];
    if (in->sha256.n == sizeof digest)
        memcpy(digest, in->sha256.p, sizeof digest);
    else
        fb_sha256(in->file.p, in->file.n, digest);
    fb_hex(digest, sizeof digest, out);
}

static struct fb_err read_dump(const struct fb_analyze_input *in, struct fb_arena *arena,
                               struct fb_analysis *a)
{
    if (fb_kernel_is(in->file))
        return fb_kernel_read(in->file, arena, &a->notes, &a->dump);
    return fb_minidump_read(in->file, arena, &a->notes, &a->dump);
}

static const struct fb_image *image_at(const struct fb_symbols *symbols,
                                       const struct fb_dump *dump, fb_addr ip)
{
    const struct fb_module *module = fb_module_at(&dump->modules, ip);
    return symbols != NULL && symbols->image != NULL && module != NULL
               ? symbols->image(symbols->self, module)
               : NULL;
}

struct fb_err fb_analyze(const struct fb_analyze_input *in, struct fb_arena *arena,
                         struct fb_analysis **out)
{
    struct fb_analysis *a = FB_RAW(arena, struct fb_analysis, 1);
    if (a == NULL)
        return FB_FAIL(LIMIT, "no room for an analysis", 0);
    memset(a, 0, offsetof(struct fb_analysis, notes)); // which hold nothing beyond their count
    a->notes.n = a->notes.dropped = 0;
    name_file(in, a->sha256);
    a->size = in->file.n;
    a->status = "OK";
    a->file = in->file_name;
    a->fields = in->fields;
    a->n_fields = in->n_fields;

    struct fb_err err = read_dump(in, arena, a);
    if (!fb_failed(err))
        err = fb_name_crash(a, arena);
    if (fb_failed(err))
        return err;
    enum fb_arch arch = a->dump.system.arch;
    struct fb_work work = fb_work_for_a_dump();
    struct remembered remembered;
    struct fb_walk_env env = {.dump = &a->dump,
                              .symbols = in->symbols,
                              .capstone = arch < FB_ARCH_OTHER ? in->capstone[arch] : 0,
                              .work = &work,
                              .images = fb_images_new(&a->dump, arena),
                              .notes = &a->notes};
    remember(&remembered, &env);
    a->ip_image = image_at(in->symbols, &a->dump, a->crash.ip);
    err = walk_all(&env, arena, a);
    fb_work_note(&work, &a->notes);
    fb_images_close(env.images, arena);
    if (!fb_failed(err))
        err = fb_judge(a, env.capstone, arena);
    if (!fb_failed(err))
        err = fb_make_keys(a, in->product, arena);
    if (!fb_failed(err))
        *out = a;
    return err;
}
