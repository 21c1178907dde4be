/* worker/outcome.c -- the columns of a report: each from what the client said, else
 * from the dump. */
#include "outcome.h"

#include "base/text.h"

#include <string.h>

enum { FRAMES_KEPT = 64, MODULES_KEPT = 64 };

/* protobuf-c's strings are not const, though it only reads them. */
static char *text(const char *s) { return (char *)(uintptr_t)(s != NULL ? s : ""); }

/* A copy; NULL when there is no room for it. */
static char *kept(const char *s, struct fb_arena *arena)
{
    return s != NULL ? fb_arena_text(arena, s, strlen(s)) : text("");
}

static char *first_said(const char *said, const struct fb_analysis *a, const char *const *names)
{
    if (said != NULL && said[0] != 0)
        return text(said);
    for (; *names != NULL; names++)
        for (size_t i = 0; i < a->dump.n_annotations; i++)
            if (strcmp(a->dump.annotations[i].name, *names) == 0)
                return text(a->dump.annotations[i].value);
    return text("");
}

static const struct fb_module *program_of(const struct fb_analysis *a)
{
    return a->dump.modules.main < a->dump.modules.n ? &a->dump.modules.v[a->dump.modules.main]
                                                    : NULL;
}

static char *version_of(const struct fb_analysis *a, const Faultbucket__Envelope *envelope,
                        struct fb_arena *arena)
{
    static const char *const names[] = {"_version", "ver", "Version", "version", NULL};
    char *version = first_said(envelope->version, a, names);
    const struct fb_module *program = program_of(a);
    if (version[0] != 0 || program == NULL)
        return version;
    char room[FB_VERSION_ROOM];
    return kept(fb_module_version(program, room), arena);
}

static char *platform_of(const struct fb_analysis *a, struct fb_arena *arena)
{
    static const char *const os[] = {"unknown", "windows", "macos", "ios",
                                     "linux",   "android", "other"};
    static const char *const arch[] = {"unknown", "x86", "x64", "arm", "arm64", "other"};
    char room[64];
    struct fb_text t = fb_text_over(room, sizeof room);
    fb_text_format(&t, "%s %s", os[a->dump.system.os], arch[a->dump.system.arch]);
    return fb_arena_text(arena, room, t.n);
}

static char *os_version_of(const struct fb_analysis *a, struct fb_arena *arena)
{
    const struct fb_system *s = &a->dump.system;
    char room[64];
    struct fb_text t = fb_text_over(room, sizeof room);
    fb_text_format(&t, "%u.%u.%u", s->major, s->minor, s->build);
    return fb_arena_text(arena, room, t.n);
}

static char *blame_of(const struct fb_analysis *a, struct fb_arena *arena)
{
    const struct fb_stack *stack = fb_crashing_stack(a);
    if (a->keys.blame >= stack->n || stack->v[a->keys.blame].module == NULL)
        return text("");
    const struct fb_frame *f = &stack->v[a->keys.blame];
    char room[512];
    struct fb_text t = fb_text_over(room, sizeof room);
    fb_text_utf8(&t, fb_span_of(f->module->name));
    if (f->function != NULL) {
        fb_text_char(&t, '!');
        fb_text_utf8(&t, fb_span_of(f->function));
    } else {
        fb_text_str(&t, "+0x");
        fb_text_hex(&t, f->lookup - f->module->base, 1);
    }
    return fb_arena_text(arena, room, t.n);
}

/* --- the stack ---------------------------------------------------------------------- */

struct stack_builder {
    struct fb_arena *arena;
    Faultbucket__Analysis *out;
    const struct fb_module *known[MODULES_KEPT];
};

static int32_t module_index(struct stack_builder *b, const struct fb_module *m)
{
    size_t n = b->out->n_modules;
    for (size_t i = 0; i < n; i++)
        if (b->known[i] == m)
            return (int32_t)i;
    Faultbucket__Module *row =
        m != NULL && n < MODULES_KEPT ? FB_NEW(b->arena, Faultbucket__Module, 1) : NULL;
    if (row == NULL)
        return -1;
    faultbucket__module__init(row);
    row->name = text(m->name);
    char version[FB_VERSION_ROOM], code_id[FB_CODE_ID_ROOM], debug_id[FB_DEBUG_ID_ROOM];
    row->version = kept(fb_module_version(m, version), b->arena);
    row->code_id = kept(fb_module_code_id(m, code_id), b->arena);
    row->debug_id = kept(fb_module_debug_id(m, debug_id), b->arena);
    if (row->version == NULL || row->code_id == NULL || row->debug_id == NULL)
        return -1;
    b->known[n] = m;
    b->out->modules[b->out->n_modules++] = row;
    return (int32_t)n;
}

static struct fb_err add_frames(const struct fb_stack *stack, struct stack_builder *b)
{
    size_t n = stack->n < FRAMES_KEPT ? stack->n : FRAMES_KEPT;
    Faultbucket__Frame *rows = FB_NEW(b->arena, Faultbucket__Frame, n);
    b->out->frames = FB_NEW(b->arena, Faultbucket__Frame *, n);
    b->out->modules = FB_NEW(b->arena, Faultbucket__Module *, MODULES_KEPT);
    if (rows == NULL || b->out->frames == NULL || b->out->modules == NULL)
        return FB_FAIL(LIMIT, "no room for the frames", 0);
    for (size_t i = 0; i < n; i++) {
        const struct fb_frame *f = &stack->v[i];
        faultbucket__frame__init(&rows[i]);
        rows[i].module = module_index(b, f->module);
        rows[i].offset = f->lookup - (rows[i].module >= 0 ? f->module->base : 0);
        rows[i].trust = text(fb_trust_name(f->trust));
        rows[i].function = text(f->function);
        rows[i].function_offset = f->function != NULL ? f->lookup - f->function_at : 0;
        b->out->frames[b->out->n_frames++] = &rows[i];
    }
    return FB_NO_ERR;
}

/* --- the rest ----------------------------------------------------------------------- */

static Faultbucket__Judgement *judgement(const struct fb_judgement *j, struct fb_arena *arena)
{
    Faultbucket__Judgement *out = FB_NEW(arena, Faultbucket__Judgement, 1);
    if (out == NULL)
        return NULL;
    faultbucket__judgement__init(out);
    out->class_ = (int32_t)j->class;
    out->rule = text(j->rule);
    out->short_name = text(j->short_name);
    out->explanation = text(j->explanation);
    return out;
}

static void add_crash(const struct fb_analysis *a, Faultbucket__Analysis *out)
{
    const struct fb_stack *stack = fb_crashing_stack(a);
    const struct fb_module *module = stack->n > 0 ? stack->v[0].module : NULL;
    const struct fb_module *program = program_of(a);
    const struct fb_dump *dump = &a->dump;
    bool has_uptime = dump->process_start != 0 && dump->time >= dump->process_start;
    out->crash_type = text(a->crash.type);
    out->code = dump->exception.code;
    out->address = a->crash.address;
    out->access = text(fb_access_name(a->crash.access));
    out->crash_module = text(module != NULL ? module->name : NULL);
    out->crash_offset = module != NULL ? stack->v[0].lookup - module->base : 0;
    out->program = text(program != NULL ? program->name : NULL);
    out->crash_time = dump->time;
    out->uptime = has_uptime ? dump->time - dump->process_start : 0;
    out->completeness = dump->completeness;
}

static void add_keys(const struct fb_analysis *a, char **label_parameters,
                     Faultbucket__Analysis *out)
{
    const struct fb_keys *k = &a->keys;
    for (size_t i = 0; i < k->label.n; i++)
        label_parameters[i] = text(k->label.parameters[i]);
    out->product = text(k->product);
    out->signature = text(k->signature);
    out->bucket_key = (ProtobufCBinaryData){sizeof k->bucket, (uint8_t *)(uintptr_t)k->bucket};
    out->unsymbolicated = k->unsymbolicated;
    out->event_type = text(k->label.event_type);
    out->label_parameters = label_parameters;
    out->n_label_parameters = k->label.n;
    out->label_id = text(k->label.id);
    out->failure_id = text(k->failure_id);
    out->failure_hash = text(k->failure_hash);
    out->msec_major = k->msec_major;
    out->msec_minor = k->msec_minor;
    out->has_msec_minor = k->has_msec_minor;
    out->fbh1_major = text(k->fbh1_major);
    out->fbh1_minor = text(k->fbh1_minor);
}

static void add_signals(const struct fb_exploitability *e, char **signals,
                        Faultbucket__Analysis *out)
{
    for (size_t i = 0; signals != NULL && i < e->n_signals; i++)
        signals[i] = text(e->signals[i]);
    out->signals = signals;
    out->n_signals = signals != NULL ? e->n_signals : 0;
}

struct fb_err fb_outcome(const struct fb_analysis *a, const Faultbucket__Envelope *envelope,
                         const char *json, struct fb_arena *arena, Faultbucket__Analysis *out)
{
    static const char *const machine_names[] = {"guid", "client_id", NULL};
    faultbucket__analysis__init(out);
    char **label_parameters = FB_NEW(arena, char *, FB_LABEL_PARAMETERS_MAX);
    char **signals = FB_NEW(arena, char *, a->exploitability.n_signals);
    out->schema = 1;
    out->rules = text("fb1");
    out->version = version_of(a, envelope, arena);
    out->machine = first_said(envelope->machine, a, machine_names);
    out->platform = platform_of(a, arena);
    out->os_version = os_version_of(a, arena);
    out->blame = blame_of(a, arena);
    out->fb1 = judgement(&a->exploitability.fb1, arena);
    out->msec16 = judgement(&a->exploitability.msec16, arena);
    add_signals(&a->exploitability, signals, out);
    out->json = (ProtobufCBinaryData){strlen(json), (uint8_t *)(uintptr_t)json};
    if (label_parameters == NULL || signals == NULL || out->version == NULL ||
        out->platform == NULL || out->os_version == NULL || out->blame == NULL ||
        out->fb1 == NULL || out->msec16 == NULL)
        return FB_FAIL(LIMIT, "no room for the outcome", 0);
    add_crash(a, out);
    add_keys(a, label_parameters, out);
    struct stack_builder builder = {.arena = arena, .out = out};
    return add_frames(fb_crashing_stack(a), &builder);
}
