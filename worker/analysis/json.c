/*
 * worker/analysis/json.c -- the analysis as one document: docs/analysis-json.md, in its order.
 *
 * The first half is the public schema of minidump-stackwalk, so that its readers read ours; the
 * second half is ours. The same analysis gives the same bytes.
 */
#include "analyze.h"
#include "base/hash.h"
#include "json_writer.h"

#include <inttypes.h>
#include <stdio.h>

struct document {
    struct fb_text *t;
    const struct fb_analysis *a;
    const struct fb_symbols *symbols;
    const bool *owns_frame; // per module: only those were asked for symbols
    int width;              // hex digits of an address
};

static void address(const struct document *d, const char *key, uint64_t value, bool known)
{
    fb_json_hex(d->t, key, value, d->width, known);
}

static enum fb_symbol_state symbols_of(const struct document *d, const struct fb_module *module)
{
    return d->symbols != NULL ? d->symbols->state(d->symbols->self, module)
                              : FB_SYMBOLS_MISSING;
}

/* --- what crashed ------------------------------------------------------------------- */

static void put_adjusted(const struct document *d, const struct fb_crash *crash)
{
    if (!crash->non_canonical && !crash->null_pointer) {
        fb_json_null(d->t, "adjusted_address");
        return;
    }
    fb_json_open(d->t, "adjusted_address", '{');
    fb_json_string(d->t, "kind", crash->non_canonical ? "non-canonical" : "null-pointer");
    address(d, crash->non_canonical ? "address" : "offset", crash->adjusted, true);
    fb_json_close(d->t, '}');
}

static void put_accesses(const struct document *d, const struct fb_crash *crash)
{
    fb_json_open(d->t, "memory_accesses", '[');
    for (size_t i = 0; i < crash->n_accesses; i++) {
        const struct fb_memory_access *m = &crash->accesses[i];
        fb_json_open(d->t, NULL, '{');
        address(d, "address", m->address, true);
        fb_json_number(d->t, "size", m->size);
        fb_json_string(d->t, "access_type",
                       m->read_write ? "readwrite" : fb_access_name(m->access));
        fb_json_bool(d->t, "is_likely_guard_page", m->guard);
        fb_json_close(d->t, '}');
    }
    fb_json_close(d->t, ']');
}

static void put_crash(const struct document *d)
{
    const struct fb_crash *crash = &d->a->crash;
    const struct fb_dump *dump = &d->a->dump;
    const struct fb_exception *e = &dump->exception;
    fb_json_open(d->t, "crash_info", '{');
    fb_json_string(d->t, "type", crash->type);
    address(d, "address", crash->address, crash->crashed);
    put_adjusted(d, crash);
    fb_json_string(d->t, "instruction", crash->instruction);
    put_accesses(d, crash);
    if (dump->crashing < dump->threads.n)
        fb_json_number(d->t, "crashing_thread", dump->crashing);
    else
        fb_json_null(d->t, "crashing_thread");
    fb_json_string(d->t, "assertion", dump->assertion);
    fb_json_hex(d->t, "code", e->code, 8, e->present);
    fb_json_hex(d->t, "flags", e->flags, 8, e->present);
    fb_json_open(d->t, "parameters", '[');
    for (size_t i = 0; i < e->n_parameters; i++)
        address(d, NULL, e->parameters[i], true);
    fb_json_close(d->t, ']');
    fb_json_string(d->t, "access", fb_access_name(crash->access));
    address(d, "ip", crash->ip, crash->crashed);
    fb_json_close(d->t, '}');
}

/* --- the machine -------------------------------------------------------------------- */

static void put_os_version(const struct document *d)
{
    const struct fb_system *s = &d->a->dump.system;
    char room[512];
    struct fb_text version = fb_text_over(room, sizeof room);
    fb_text_format(&version, "%" PRIu32 ".%" PRIu32 ".%" PRIu32, s->major, s->minor, s->build);
    if (s->csd != NULL && s->csd[0] != 0) {
        fb_text_char(&version, ' ');
        fb_text_utf8(&version, (struct fb_span){(const uint8_t *)s->csd, strlen(s->csd), 0});
    }
    fb_json_string(d->t, "os_ver", room);
}

static void put_system(const struct document *d)
{
    static const char *const os[] = {NULL,    "Windows NT", "Mac OS X", "iOS",
                                     "Linux", "Android",    "unknown"};
    static const char *const arch[] = {NULL, "x86", "amd64", "arm", "arm64", "unknown"};
    const struct fb_system *s = &d->a->dump.system;
    fb_json_open(d->t, "system_info", '{');
    fb_json_string(d->t, "os", os[s->os]);
    put_os_version(d);
    fb_json_string(d->t, "cpu_arch", arch[s->arch]);
    fb_json_string(d->t, "cpu_info", s->cpu_info);
    fb_json_number(d->t, "cpu_count", s->cpu_count);
    fb_json_null(d->t, "cpu_microcode_version");
    fb_json_close(d->t, '}');
}

static void put_linux(const struct document *d)
{
    const struct fb_dump *dump = &d->a->dump;
    if (dump->n_maps != 0)
        fb_json_number(d->t, "linux_memory_map_count", dump->n_maps);
    else
        fb_json_null(d->t, "linux_memory_map_count");
    if (!dump->has_lsb) {
        fb_json_null(d->t, "lsb_release");
        return;
    }
    fb_json_open(d->t, "lsb_release", '{');
    fb_json_string(d->t, "id", dump->lsb.id);
    fb_json_string(d->t, "release", dump->lsb.release);
    fb_json_string(d->t, "codename", dump->lsb.codename);
    fb_json_string(d->t, "description", dump->lsb.description);
    fb_json_close(d->t, '}');
}

/* --- stacks ------------------------------------------------------------------------- */

static void put_registers(const struct document *d, const struct fb_regs *regs)
{
    const struct fb_reg_names *names = fb_reg_names(regs->arch);
    fb_json_open(d->t, "registers", '{');
    for (size_t i = 0; i < names->n; i++)
        if (fb_reg_known(regs, (int)i))
            address(d, names->name[i], regs->v[i], true);
    fb_json_close(d->t, '}');
}

static void put_unloaded_of_frame(const struct document *d, const struct fb_frame *f)
{
    fb_json_open(d->t, "unloaded_modules", '[');
    for (size_t i = 0; i < f->n_unloaded; i++) {
        fb_json_open(d->t, NULL, '{');
        fb_json_string(d->t, "module", f->unloaded[i]->name);
        fb_json_open(d->t, "offsets", '[');
        address(d, NULL, f->lookup - f->unloaded[i]->base, true);
        fb_json_close(d->t, ']');
        fb_json_close(d->t, '}');
    }
    fb_json_close(d->t, ']');
}

static void put_inlines(const struct document *d, const struct fb_frame *f)
{
    if (f->n_inlines == 0) {
        fb_json_null(d->t, "inlines");
        return;
    }
    fb_json_open(d->t, "inlines", '[');
    for (size_t i = 0; i < f->n_inlines; i++) {
        fb_json_open(d->t, NULL, '{');
        fb_json_string(d->t, "function", f->inlines[i].function);
        fb_json_string(d->t, "file", f->inlines[i].file);
        fb_json_number(d->t, "line", f->inlines[i].line);
        fb_json_close(d->t, '}');
    }
    fb_json_close(d->t, ']');
}

static void put_source(const struct document *d, const struct fb_frame *f)
{
    fb_json_string(d->t, "function", f->function);
    address(d, "function_offset", f->lookup - f->function_at, f->function != NULL);
    fb_json_string(d->t, "file", f->file);
    if (f->line != 0)
        fb_json_number(d->t, "line", f->line);
    else
        fb_json_null(d->t, "line");
}

static void put_frame(const struct document *d, size_t index, const struct fb_frame *f,
                      bool with_registers)
{
    fb_json_open(d->t, NULL, '{');
    fb_json_number(d->t, "frame", index);
    fb_json_string(d->t, "trust", fb_trust_name(f->trust));
    if (with_registers)
        put_registers(d, &f->regs);
    address(d, "offset", f->lookup, true);
    fb_json_string(d->t, "module", f->module != NULL ? f->module->name : NULL);
    address(d, "module_offset", f->module != NULL ? f->lookup - f->module->base : 0,
            f->module != NULL);
    put_unloaded_of_frame(d, f);
    put_inlines(d, f);
    put_source(d, f);
    fb_json_bool(d->t, "missing_symbols",
                 f->module != NULL && symbols_of(d, f->module) == FB_SYMBOLS_MISSING);
    fb_json_string(d->t, "method", f->method);
    fb_json_bool(d->t, "in_app", f->in_app);
    fb_json_string(d->t, "class", fb_frame_class_name(f->class));
    fb_json_close(d->t, '}');
}

static void put_thread(const struct document *d, const char *key, size_t index,
                       bool crashing_copy)
{
    const struct fb_thread *thread = &d->a->dump.threads.v[index];
    const struct fb_stack *stack = &d->a->stacks[index];
    fb_json_open(d->t, key, '{');
    if (crashing_copy)
        fb_json_number(d->t, "threads_index", index);
    fb_json_string(d->t, "thread_name", thread->name);
    fb_json_number(d->t, "thread_id", thread->id);
    fb_json_hex(d->t, "last_error_value", thread->last_error, 8,
                thread->last_error != UINT64_MAX);
    fb_json_number(d->t, "frame_count", stack->n);
    fb_json_open(d->t, "frames", '[');
    for (size_t i = 0; i < stack->n; i++)
        put_frame(d, i, &stack->v[i], crashing_copy && i == 0);
    fb_json_close(d->t, ']');
    fb_json_string(d->t, "stop", stack->stop);
    fb_json_close(d->t, '}');
}

static void put_threads(const struct document *d)
{
    const struct fb_dump *dump = &d->a->dump;
    fb_json_number(d->t, "thread_count", dump->threads.n);
    fb_json_open(d->t, "threads", '[');
    for (size_t i = 0; i < dump->threads.n; i++)
        put_thread(d, NULL, i, false);
    fb_json_close(d->t, ']');
    if (dump->crashing < dump->threads.n)
        put_thread(d, "crashing_thread", dump->crashing, true);
    else
        fb_json_null(d->t, "crashing_thread");
}

/* --- modules ------------------------------------------------------------------------ */

static void put_module(const struct document *d, const struct fb_module *m, bool asked)
{
    enum fb_symbol_state state = asked ? symbols_of(d, m) : FB_SYMBOLS_MISSING;
    fb_json_open(d->t, NULL, '{');
    address(d, "base_addr", m->base, true);
    address(d, "end_addr", m->base + m->size, true);
    fb_json_string(d->t, "debug_file", m->debug_file);
    fb_json_string(d->t, "debug_id", m->debug_id);
    fb_json_string(d->t, "filename", m->name);
    fb_json_string(d->t, "code_id", m->code_id);
    fb_json_string(d->t, "version", m->version);
    fb_json_bool(d->t, "missing_symbols", asked && state == FB_SYMBOLS_MISSING);
    fb_json_bool(d->t, "loaded_symbols", asked && state != FB_SYMBOLS_MISSING);
    fb_json_bool(d->t, "corrupt_symbols", asked && state == FB_SYMBOLS_CORRUPT);
    fb_json_null(d->t, "symbol_url");
    fb_json_close(d->t, '}');
}

static void put_modules(const struct document *d)
{
    const struct fb_dump *dump = &d->a->dump;
    if (dump->modules.main < dump->modules.n)
        fb_json_number(d->t, "main_module", dump->modules.main);
    else
        fb_json_null(d->t, "main_module");
    fb_json_open(d->t, "modules", '[');
    for (size_t i = 0; i < dump->modules.n; i++)
        put_module(d, &dump->modules.v[i], d->owns_frame[i]);
    fb_json_close(d->t, ']');
    fb_json_open(d->t, "unloaded_modules", '[');
    for (size_t i = 0; i < dump->n_unloaded; i++) {
        fb_json_open(d->t, NULL, '{');
        address(d, "base_addr", dump->unloaded[i].base, true);
        address(d, "end_addr", dump->unloaded[i].base + dump->unloaded[i].size, true);
        fb_json_string(d->t, "code_id", dump->unloaded[i].code_id);
        fb_json_string(d->t, "filename", dump->unloaded[i].name);
        fb_json_close(d->t, '}');
    }
    fb_json_close(d->t, ']');
}

/* --- ours --------------------------------------------------------------------------- */

static void put_dump(const struct document *d)
{
    const struct fb_analysis *a = d->a;
    fb_json_string(d->t, "schema", "faultbucket-1");
    if (a->file != NULL)
        fb_json_string(d->t, "file", a->file);
    fb_json_open(d->t, "dump", '{');
    fb_json_number(d->t, "size", a->size);
    fb_json_string(d->t, "sha256", a->sha256);
    fb_json_string(d->t, "kind", "minidump");
    fb_json_string(d->t, "writer", a->dump.writer);
    fb_json_number(d->t, "time", a->dump.time);
    fb_json_close(d->t, '}');
    fb_json_decimal(d->t, "completeness", a->dump.completeness);
}

static void put_notes(const struct document *d)
{
#define X(code, name, meaning) name,
    static const char *const names[] = {FB_NOTE_CODES(X)};
#undef X
    const struct fb_notes *notes = &d->a->notes;
    fb_json_open(d->t, "notes", '[');
    for (size_t i = 0; i < notes->n; i++) {
        fb_json_open(d->t, NULL, '{');
        fb_json_string(d->t, "code", names[notes->v[i].code]);
        fb_json_string(d->t, "what", notes->v[i].what);
        if (notes->v[i].at != FB_NOWHERE)
            fb_json_number(d->t, "at", notes->v[i].at);
        else
            fb_json_null(d->t, "at");
        fb_json_close(d->t, '}');
    }
    fb_json_close(d->t, ']');
}

static void put_judgement(const struct document *d, const char *key,
                          const struct fb_judgement *j)
{
    fb_json_open(d->t, key, '{');
    fb_json_string(d->t, "class", fb_class_name(j->class));
    fb_json_string(d->t, "rule", j->rule);
    fb_json_string(d->t, "short", j->short_name);
    fb_json_string(d->t, "description", j->description);
    fb_json_string(d->t, "explanation", j->explanation);
    fb_json_number(d->t, "confidence", (uint64_t)j->confidence);
    fb_json_close(d->t, '}');
}

static void put_strings(const struct document *d, const char *key, const char *const *v,
                        size_t n)
{
    fb_json_open(d->t, key, '[');
    for (size_t i = 0; i < n; i++)
        fb_json_string(d->t, NULL, v[i]);
    fb_json_close(d->t, ']');
}

static void put_block(const struct document *d, const struct fb_exploitability *e)
{
    fb_json_open(d->t, "block", '[');
    for (size_t i = 0; i < e->n_block; i++) {
        fb_json_open(d->t, NULL, '{');
        address(d, "address", e->block[i].address, true);
        fb_json_bytes(d->t, "bytes", e->block[i].bytes);
        fb_json_string(d->t, "text", e->block[i].text);
        bool marked = e->block[i].marks != NULL && e->block[i].marks[0] != 0;
        put_strings(d, "marks", &e->block[i].marks, marked);
        fb_json_close(d->t, '}');
    }
    fb_json_close(d->t, ']');
}

static void put_exploitability(const struct document *d)
{
    const struct fb_exploitability *e = &d->a->exploitability;
    fb_json_open(d->t, "exploitability", '{');
    put_judgement(d, "fb1", &e->fb1);
    put_judgement(d, "msec16", &e->msec16);
    put_strings(d, "signals", e->signals, e->n_signals);
    put_block(d, e);
    put_strings(d, "taint", NULL, 0);
    fb_json_open(d->t, "facts", '[');
    for (size_t i = 0; i < e->n_facts; i++) {
        fb_json_open(d->t, NULL, '{');
        fb_json_string(d->t, "name", e->facts[i].name);
        fb_json_string(d->t, "value", e->facts[i].value);
        fb_json_string(d->t, "source", e->facts[i].source);
        fb_json_close(d->t, '}');
    }
    fb_json_close(d->t, ']');
    fb_json_close(d->t, '}');
}

static void put_label(const struct document *d, const struct fb_keys *k)
{
    char legacy[24];
    snprintf(legacy, sizeof legacy, "%" PRIu64, k->label.legacy_id);
    fb_json_open(d->t, "label", '{');
    fb_json_string(d->t, "event_type", k->label.event_type);
    put_strings(d, "parameters", k->label.parameters, k->label.n);
    fb_json_string(d->t, "id", k->label.id);
    fb_json_string(d->t, "legacy_id", legacy);
    fb_json_close(d->t, '}');
}

static void put_blame(const struct document *d, const struct fb_keys *k)
{
    const struct fb_stack *stack = fb_crashing_stack(d->a);
    if (k->blame >= stack->n) {
        fb_json_null(d->t, "blame");
        return;
    }
    const struct fb_frame *f = &stack->v[k->blame];
    fb_json_open(d->t, "blame", '{');
    fb_json_string(d->t, "module", f->module != NULL ? f->module->name : NULL);
    address(d, "module_offset", f->module != NULL ? f->lookup - f->module->base : 0,
            f->module != NULL);
    fb_json_string(d->t, "function", f->function);
    fb_json_number(d->t, "frame", k->blame);
    fb_json_string(d->t, "why", k->blame_why);
    fb_json_close(d->t, '}');
}

static void put_hashes(const struct document *d, const struct fb_keys *k)
{
    fb_json_open(d->t, "msec16", '{');
    fb_json_hex(d->t, "major", k->msec_major, 8, true);
    fb_json_hex(d->t, "minor", k->msec_minor, 8, k->has_msec_minor);
    fb_json_string(d->t, "title", k->msec_title);
    fb_json_close(d->t, '}');
    fb_json_open(d->t, "fbh1", '{');
    fb_json_string(d->t, "major", k->fbh1_major);
    fb_json_string(d->t, "minor", k->fbh1_minor);
    fb_json_close(d->t, '}');
}

static void put_keys(const struct document *d)
{
    const struct fb_keys *k = &d->a->keys;
    fb_json_open(d->t, "keys", '{');
    fb_json_string(d->t, "product", k->product);
    fb_json_string(d->t, "signature", k->signature);
    fb_json_bytes(d->t, "bucket", (struct fb_span){k->bucket, sizeof k->bucket, 0});
    fb_json_bool(d->t, "unsymbolicated", k->unsymbolicated);
    put_label(d, k);
    fb_json_string(d->t, "failure_id", k->failure_id);
    fb_json_string(d->t, "failure_hash", k->failure_hash);
    put_strings(d, "problem_classes", k->problem_classes, k->n_problem_classes);
    put_hashes(d, k);
    put_blame(d, k);
    fb_json_close(d->t, '}');
}

/* --- annotations -------------------------------------------------------------------- */

static bool said_before(const struct fb_pair *v, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i].name, name) == 0)
            return true;
    return false;
}

/* What the client sent stands above what it wrote into the dump; of two of one name the first
 * counts. */
static void put_annotations(const struct document *d)
{
    const struct fb_analysis *a = d->a;
    fb_json_open(d->t, "annotations", '{');
    for (size_t i = 0; i < a->n_fields; i++)
        if (!said_before(a->fields, i, a->fields[i].name))
            fb_json_string(d->t, a->fields[i].name, a->fields[i].value);
    const struct fb_pair *own = a->dump.annotations;
    for (size_t i = 0; i < a->dump.n_annotations; i++)
        if (!said_before(a->fields, a->n_fields, own[i].name) &&
            !said_before(own, i, own[i].name))
            fb_json_string(d->t, own[i].name, own[i].value);
    fb_json_close(d->t, '}');
}

/* A list, since two modules may share a name, and a module may say a thing twice. */
static void put_module_annotations(const struct document *d)
{
    const struct fb_modules *modules = &d->a->dump.modules;
    fb_json_open(d->t, "module_annotations", '[');
    for (size_t i = 0; i < modules->n; i++) {
        const struct fb_module *m = &modules->v[i];
        for (size_t k = 0; k < m->n_annotations; k++) {
            fb_json_open(d->t, NULL, '{');
            fb_json_string(d->t, "module", m->name);
            fb_json_string(d->t, "name", m->annotations[2 * k]);
            fb_json_string(d->t, "value", m->annotations[2 * k + 1]);
            fb_json_close(d->t, '}');
        }
    }
    fb_json_close(d->t, ']');
}

/* --- the whole ---------------------------------------------------------------------- */

static const bool *modules_with_frames(const struct fb_analysis *a, struct fb_arena *arena)
{
    bool *owns = FB_NEW(arena, bool, a->dump.modules.n);
    for (size_t i = 0; owns != NULL && i < a->dump.threads.n; i++)
        for (size_t k = 0; k < a->stacks[i].n; k++)
            if (a->stacks[i].v[k].module != NULL)
                owns[a->stacks[i].v[k].module - a->dump.modules.v] = true;
    return owns;
}

static void put_process(const struct document *d)
{
    const struct fb_dump *dump = &d->a->dump;
    fb_json_string(d->t, "status", d->a->status);
    if (dump->pid != 0)
        fb_json_number(d->t, "pid", dump->pid);
    else
        fb_json_null(d->t, "pid");
    if (dump->process_start != 0 && dump->time >= dump->process_start)
        fb_json_number(d->t, "process_uptime", dump->time - dump->process_start);
    else
        fb_json_null(d->t, "process_uptime");
}

const char *fb_analysis_json(const struct fb_analysis *a, const struct fb_symbols *symbols,
                             struct fb_arena *arena)
{
    const bool *owns = modules_with_frames(a, arena);
    if (owns == NULL)
        return NULL;
    int width = (int)fb_reg_names(a->dump.system.arch)->word * 2;
    struct fb_text text = fb_text_open(arena);
    struct document d = {&text, a, symbols, owns, width};
    fb_json_open(&text, NULL, '{');
    put_process(&d);
    put_crash(&d);
    put_system(&d);
    put_linux(&d);
    put_threads(&d);
    put_modules(&d);
    put_dump(&d);
    put_notes(&d);
    put_exploitability(&d);
    put_keys(&d);
    put_annotations(&d);
    put_module_annotations(&d);
    fb_json_close(&text, '}');
    return fb_text_close(&text, arena);
}
