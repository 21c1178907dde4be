/*
 * worker/analysis/json.c -- the analysis as one document: docs/analysis-json.md, in its order.
 *
 * The first half is the public schema of minidump-stackwalk, so that its readers read ours; the
 * second half, in json_ours.c, is ours. The same analysis gives the same bytes.
 */
#include "analyze.h"
#include "bugchecks.h"
#include "json_parts.h"

#include <inttypes.h>

static enum fb_symbol_state symbols_of(const struct fb_json_document *d,
                                       const struct fb_module *module)
{
    return d->symbols != NULL ? d->symbols->state(d->symbols->self, module)
                              : FB_SYMBOLS_MISSING;
}

/* --- what crashed ------------------------------------------------------------------- */

static void put_adjusted(const struct fb_json_document *d, const struct fb_crash *crash)
{
    if (!crash->non_canonical && !crash->null_pointer) {
        fb_json_null(d->t, "adjusted_address");
        return;
    }
    fb_json_open(d->t, "adjusted_address", '{');
    fb_json_string(d->t, "kind", crash->non_canonical ? "non-canonical" : "null-pointer");
    fb_json_address(d, crash->non_canonical ? "address" : "offset", crash->adjusted, true);
    fb_json_close(d->t, '}');
}

static void put_accesses(const struct fb_json_document *d, const struct fb_crash *crash)
{
    fb_json_open(d->t, "memory_accesses", '[');
    for (size_t i = 0; i < crash->n_accesses; i++) {
        const struct fb_memory_access *m = &crash->accesses[i];
        fb_json_open(d->t, NULL, '{');
        fb_json_address(d, "address", m->address, true);
        fb_json_number(d->t, "size", m->size);
        fb_json_string(d->t, "access_type",
                       m->read_write ? "readwrite" : fb_access_name(m->access));
        fb_json_bool(d->t, "is_likely_guard_page", m->guard);
        fb_json_close(d->t, '}');
    }
    fb_json_close(d->t, ']');
}

static void put_parameters(const struct fb_json_document *d, const uint64_t *v, size_t n)
{
    fb_json_open(d->t, "parameters", '[');
    for (size_t i = 0; i < n; i++)
        fb_json_address(d, NULL, v[i], true);
    fb_json_close(d->t, ']');
}

/* Those that were being handled; left out when there are none. */
static void put_outer_exceptions(const struct fb_json_document *d)
{
    const struct fb_exception *e = &d->a->dump.exception;
    if (e->n_outer == 0)
        return;
    fb_json_open(d->t, "outer_exceptions", '[');
    for (size_t i = 0; i < e->n_outer; i++) {
        fb_json_open(d->t, NULL, '{');
        fb_json_hex(d->t, "code", e->outer[i].code, 8, true);
        fb_json_hex(d->t, "flags", e->outer[i].flags, 8, true);
        fb_json_address(d, "address", e->outer[i].address, true);
        put_parameters(d, e->outer[i].parameters, e->outer[i].n_parameters);
        fb_json_close(d->t, '}');
    }
    fb_json_close(d->t, ']');
}

/* Why a kernel stopped; only kernel dumps have it. */
static void put_bugcheck(const struct fb_json_document *d)
{
    const struct fb_bugcheck *b = &d->a->dump.bugcheck;
    const struct fb_bugcheck_row *row = fb_bugcheck_find(b);
    if (!b->present)
        return;
    fb_json_open(d->t, "bugcheck", '{');
    fb_json_hex(d->t, "code", b->code, 8, true);
    fb_json_string(d->t, "name", row != NULL ? row->name : NULL);
    fb_json_open(d->t, "parameters", '[');
    for (size_t i = 0; i < FB_BUGCHECK_PARAMETERS; i++) {
        fb_json_open(d->t, NULL, '{');
        fb_json_address(d, "value", b->parameters[i], true);
        fb_json_string(d->t, "meaning", row != NULL ? row->parameters[i].words : NULL);
        fb_json_close(d->t, '}');
    }
    fb_json_close(d->t, ']');
    fb_json_close(d->t, '}');
}

static void put_crash(const struct fb_json_document *d)
{
    const struct fb_crash *crash = &d->a->crash;
    const struct fb_dump *dump = &d->a->dump;
    const struct fb_exception *e = &dump->exception;
    fb_json_open(d->t, "crash_info", '{');
    fb_json_string(d->t, "type", crash->type);
    fb_json_address(d, "address", crash->address, crash->crashed);
    put_adjusted(d, crash);
    fb_json_string(d->t, "instruction", crash->instruction);
    put_accesses(d, crash);
    fb_json_known_number(d->t, "crashing_thread", dump->crashing,
                         dump->crashing < dump->threads.n);
    fb_json_string(d->t, "assertion", dump->assertion);
    fb_json_hex(d->t, "code", e->code, 8, e->present);
    fb_json_hex(d->t, "flags", e->flags, 8, e->present);
    put_parameters(d, e->parameters, e->n_parameters);
    fb_json_string(d->t, "access", fb_access_name(crash->access));
    fb_json_address(d, "ip", crash->ip, crash->crashed);
    put_outer_exceptions(d);
    put_bugcheck(d);
    fb_json_close(d->t, '}');
}

/* --- the machine -------------------------------------------------------------------- */

static void put_os_version(const struct fb_json_document *d)
{
    const struct fb_system *s = &d->a->dump.system;
    char room[512];
    struct fb_text version = fb_text_over(room, sizeof room);
    fb_text_format(&version, "%" PRIu32 ".%" PRIu32 ".%" PRIu32, s->major, s->minor, s->build);
    if (s->csd != NULL && s->csd[0] != 0) {
        fb_text_char(&version, ' ');
        fb_text_utf8(&version, fb_span_of(s->csd));
    }
    fb_json_string(d->t, "os_ver", room);
}

static void put_system(const struct fb_json_document *d)
{
    static const char *const os[] = {NULL,    "Windows NT", "Mac OS X", "iOS",
                                     "Linux", "Android",    "unknown"};
    static const char *const arch[] = {NULL, "x86", "amd64", "arm", "arm64", "unknown"};
    const struct fb_system *s = &d->a->dump.system;
    fb_json_open(d->t, "system_info", '{');
    fb_json_string(d->t, "os", os[s->os]);
    put_os_version(d);
    fb_json_string(d->t, "cpu_arch", s->arch_name != NULL ? s->arch_name : arch[s->arch]);
    fb_json_string(d->t, "cpu_info", s->cpu_info);
    fb_json_number(d->t, "cpu_count", s->cpu_count);
    fb_json_hex(d->t, "cpu_microcode_version", d->a->dump.proc.microcode, 1,
                d->a->dump.proc.has_microcode);
    fb_json_close(d->t, '}');
}

static void put_linux(const struct fb_json_document *d)
{
    const struct fb_dump *dump = &d->a->dump;
    fb_json_known_number(d->t, "linux_memory_map_count", dump->n_maps, dump->n_maps != 0);
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

static void put_registers(const struct fb_json_document *d, const struct fb_regs *regs)
{
    const struct fb_reg_names *names = fb_reg_names(regs->arch);
    fb_json_open(d->t, "registers", '{');
    for (size_t i = 0; i < names->n; i++)
        if (fb_reg_known(regs, (int)i))
            fb_json_address(d, names->name[i], regs->v[i], true);
    fb_json_close(d->t, '}');
}

static void put_unloaded_of_frame(const struct fb_json_document *d, const struct fb_frame *f)
{
    fb_json_open(d->t, "unloaded_modules", '[');
    for (size_t i = 0; i < f->n_unloaded; i++) {
        fb_json_open(d->t, NULL, '{');
        fb_json_string(d->t, "module", f->unloaded[i]->name);
        fb_json_open(d->t, "offsets", '[');
        fb_json_address(d, NULL, f->lookup - f->unloaded[i]->base, true);
        fb_json_close(d->t, ']');
        fb_json_close(d->t, '}');
    }
    fb_json_close(d->t, ']');
}

static void put_inlines(const struct fb_json_document *d, const struct fb_frame *f)
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

static void put_source(const struct fb_json_document *d, const struct fb_frame *f)
{
    fb_json_string(d->t, "function", f->function);
    fb_json_address(d, "function_offset", f->lookup - f->function_at, f->function != NULL);
    if (f->function != NULL)
        fb_json_string(d->t, "function_trust",
                       f->nearest  ? "nearest"
                       : f->shared ? "shared"
                                   : "symbols");
    fb_json_string(d->t, "file", f->file);
    fb_json_known_number(d->t, "line", f->line, f->line != 0);
}

static void put_frame(const struct fb_json_document *d, size_t index, const struct fb_frame *f,
                      bool with_registers)
{
    fb_json_open(d->t, NULL, '{');
    fb_json_number(d->t, "frame", index);
    fb_json_string(d->t, "trust", fb_trust_name(f->trust));
    if (with_registers)
        put_registers(d, &f->regs);
    fb_json_address(d, "offset", f->lookup, true);
    fb_json_string(d->t, "module", f->module != NULL ? f->module->name : NULL);
    fb_json_address(d, "module_offset", f->module != NULL ? f->lookup - f->module->base : 0,
                    f->module != NULL);
    put_unloaded_of_frame(d, f);
    put_inlines(d, f);
    put_source(d, f);
    fb_json_bool(d->t, "missing_symbols",
                 f->module != NULL && symbols_of(d, f->module) == FB_SYMBOLS_MISSING);
    if (f->mangled != NULL)
        fb_json_string(d->t, "mangled", f->mangled);
    fb_json_string(d->t, "method", f->method);
    fb_json_bool(d->t, "in_app", f->in_app);
    fb_json_string(d->t, "class", fb_frame_class_name(f->class));
    fb_json_close(d->t, '}');
}

/* What few stacks have; absent in the others. */
static void put_oddities(const struct fb_json_document *d, const struct fb_stack *stack)
{
    if (stack->corrupted != NULL)
        fb_json_number(d->t, "corrupted_frame", (size_t)(stack->corrupted - stack->v));
    if (stack->cycle.rounds == 0)
        return;
    fb_json_open(d->t, "recursion", '{');
    fb_json_number(d->t, "frame", stack->cycle.at);
    fb_json_number(d->t, "length", stack->cycle.length);
    fb_json_number(d->t, "rounds", stack->cycle.rounds);
    fb_json_close(d->t, '}');
}

static void put_thread(const struct fb_json_document *d, const char *key, size_t index,
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
    put_oddities(d, stack);
    fb_json_thread_info(d, thread);
    fb_json_close(d->t, '}');
}

static void put_threads(const struct fb_json_document *d)
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

static void put_module(const struct fb_json_document *d, const struct fb_module *m, bool asked)
{
    enum fb_symbol_state state = asked ? symbols_of(d, m) : FB_SYMBOLS_MISSING;
    char debug_id[FB_DEBUG_ID_ROOM], code_id[FB_CODE_ID_ROOM], version[FB_VERSION_ROOM];
    fb_json_open(d->t, NULL, '{');
    fb_json_address(d, "base_addr", m->base, true);
    fb_json_address(d, "end_addr", m->base + m->size, true);
    fb_json_string(d->t, "debug_file", m->debug_file);
    fb_json_string(d->t, "debug_id", fb_module_debug_id(m, debug_id));
    fb_json_string(d->t, "filename", m->name);
    fb_json_string(d->t, "code_id", fb_module_code_id(m, code_id));
    fb_json_string(d->t, "version", fb_module_version(m, version));
    fb_json_bool(d->t, "missing_symbols", asked && state == FB_SYMBOLS_MISSING);
    fb_json_bool(d->t, "loaded_symbols", asked && state != FB_SYMBOLS_MISSING);
    fb_json_bool(d->t, "corrupt_symbols", asked && state == FB_SYMBOLS_CORRUPT);
    fb_json_null(d->t, "symbol_url");
    fb_json_close(d->t, '}');
}

static void put_modules(const struct fb_json_document *d)
{
    const struct fb_dump *dump = &d->a->dump;
    fb_json_known_number(d->t, "main_module", dump->modules.main,
                         dump->modules.main < dump->modules.n);
    fb_json_open(d->t, "modules", '[');
    for (size_t i = 0; i < dump->modules.n; i++)
        put_module(d, &dump->modules.v[i], d->owns_frame[i]);
    fb_json_close(d->t, ']');
    fb_json_open(d->t, "unloaded_modules", '[');
    for (size_t i = 0; i < dump->n_unloaded; i++) {
        fb_json_open(d->t, NULL, '{');
        fb_json_address(d, "base_addr", dump->unloaded[i].base, true);
        fb_json_address(d, "end_addr", dump->unloaded[i].base + dump->unloaded[i].size, true);
        fb_json_string(d->t, "code_id", dump->unloaded[i].code_id);
        fb_json_string(d->t, "filename", dump->unloaded[i].name);
        fb_json_close(d->t, '}');
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

static void put_process(const struct fb_json_document *d)
{
    const struct fb_dump *dump = &d->a->dump;
    fb_json_string(d->t, "status", d->a->status);
    fb_json_known_number(d->t, "pid", dump->pid, dump->pid != 0);
    fb_json_known_number(d->t, "process_uptime", dump->time - dump->process_start,
                         dump->process_start != 0 && dump->time >= dump->process_start);
}

const char *fb_analysis_json(const struct fb_analysis *a, const struct fb_symbols *symbols,
                             struct fb_arena *arena)
{
    const bool *owns = modules_with_frames(a, arena);
    if (owns == NULL)
        return NULL;
    int width = (int)fb_reg_names(a->dump.system.arch)->word * 2;
    struct fb_text text = fb_text_open(arena);
    struct fb_json_document d = {&text, a, symbols, owns, width};
    fb_json_open(&text, NULL, '{');
    put_process(&d);
    put_crash(&d);
    put_system(&d);
    put_linux(&d);
    put_threads(&d);
    put_modules(&d);
    fb_json_handles(&d);
    fb_json_mac(&d);
    fb_json_ours(&d);
    fb_json_close(&text, '}');
    return fb_text_close(&text, arena);
}
