/*
 * worker/analysis/json_ours.c -- the half of the document that is ours: the file, what was odd
 * in it, the judgement, the keys, and what the client and the process said.
 */
#include "json_parts.h"
#include "minidump/minidump.h"

#include <inttypes.h>
#include <stdio.h>

/* --- the dump ----------------------------------------------------------------------- */

/* Those nobody reads are listed, too: what a writer took the trouble to add may be wanted. */
static void put_streams(const struct fb_json_document *d)
{
    const struct fb_dump *dump = &d->a->dump;
    fb_json_open(d->t, "streams", '[');
    for (size_t i = 0; i < dump->n_streams; i++) {
        const struct fb_stream_row *row = &dump->streams[i];
        if (row->type == 0)
            continue; // filler
        fb_json_open(d->t, NULL, '{');
        fb_json_number(d->t, "type", row->type);
        fb_json_string(d->t, "name", fb_minidump_stream_name(row->type));
        fb_json_number(d->t, "size", row->size);
        fb_json_close(d->t, '}');
    }
    fb_json_close(d->t, ']');
}

/* Kernel dumps only. */
static void put_kernel(const struct fb_json_document *d)
{
    const struct fb_kernel *kernel = &d->a->dump.kernel;
    if (!d->a->dump.bugcheck.present)
        return;
    fb_json_open(d->t, "kernel", '{');
    fb_json_string(d->t, "type", kernel->type);
    fb_json_string(d->t, "process", kernel->process);
    fb_json_string(d->t, "comment", kernel->comment);
    fb_json_close(d->t, '}');
}

static void put_dump(const struct fb_json_document *d)
{
    const struct fb_analysis *a = d->a;
    fb_json_string(d->t, "schema", "faultbucket-1");
    if (a->file != NULL)
        fb_json_string(d->t, "file", a->file);
    fb_json_open(d->t, "dump", '{');
    fb_json_number(d->t, "size", a->size);
    fb_json_string(d->t, "sha256", a->sha256);
    fb_json_string(d->t, "kind", a->dump.bugcheck.present ? "kernel" : "minidump");
    fb_json_string(d->t, "writer", a->dump.writer);
    fb_json_number(d->t, "time", a->dump.time);
    put_kernel(d);
    if (a->dump.writing_thread != 0)
        fb_json_number(d->t, "writing_thread", a->dump.writing_thread);
    put_streams(d);
    fb_json_close(d->t, '}');
    fb_json_decimal(d->t, "completeness", a->dump.completeness);
}

static void put_notes(const struct fb_json_document *d)
{
#define X(code, name, meaning) name,
    static const char *const names[] = {FB_NOTE_CODES(X)};
#undef X
    const struct fb_notes *notes = &d->a->notes;
    static const struct fb_note more = {FB_NOTE_LIMIT, "more was odd than is listed here",
                                        FB_NOWHERE};
    fb_json_open(d->t, "notes", '[');
    for (size_t i = 0; i < notes->n + (notes->dropped != 0); i++) {
        const struct fb_note *note = i < notes->n ? &notes->v[i] : &more;
        fb_json_open(d->t, NULL, '{');
        fb_json_string(d->t, "code", names[note->code]);
        fb_json_string(d->t, "what", note->what);
        fb_json_known_number(d->t, "at", note->at, note->at != FB_NOWHERE);
        fb_json_close(d->t, '}');
    }
    fb_json_close(d->t, ']');
}

/* --- judgement ---------------------------------------------------------------------- */

static void put_judgement(const struct fb_json_document *d, const char *key,
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

static void put_strings(const struct fb_json_document *d, const char *key, const char *const *v,
                        size_t n)
{
    fb_json_open(d->t, key, '[');
    for (size_t i = 0; i < n; i++)
        fb_json_string(d->t, NULL, v[i]);
    fb_json_close(d->t, ']');
}

static void put_block(const struct fb_json_document *d, const struct fb_exploitability *e)
{
    fb_json_open(d->t, "block", '[');
    for (size_t i = 0; i < e->n_block; i++) {
        fb_json_open(d->t, NULL, '{');
        fb_json_address(d, "address", e->block[i].address, true);
        fb_json_bytes(d->t, "bytes", e->block[i].bytes);
        fb_json_string(d->t, "text", e->block[i].text);
        put_strings(d, "marks", e->block[i].marks, e->block[i].n_marks);
        fb_json_close(d->t, '}');
    }
    fb_json_close(d->t, ']');
}

static void put_taint(const struct fb_json_document *d, const struct fb_exploitability *e)
{
    fb_json_open(d->t, "taint", '[');
    for (size_t i = 0; i < e->n_taint; i++) {
        fb_json_open(d->t, NULL, '{');
        fb_json_number(d->t, "step", i + 1);
        fb_json_string(d->t, "instruction", e->taint[i].instruction);
        fb_json_string(d->t, "from", e->taint[i].from);
        fb_json_string(d->t, "to", e->taint[i].to);
        fb_json_close(d->t, '}');
    }
    fb_json_close(d->t, ']');
}

static void put_peers(const struct fb_json_document *d, const struct fb_exploitability *e)
{
    if (e->n_peers == 0)
        return;
    fb_json_open(d->t, "peers", '{');
    for (size_t i = 0; i < e->n_peers; i++) {
        fb_json_open(d->t, e->peers[i].tool, '{');
        fb_json_string(d->t, "class", e->peers[i].class);
        fb_json_string(d->t, "short", e->peers[i].short_name);
        fb_json_close(d->t, '}');
    }
    fb_json_close(d->t, '}');
}

static void put_exploitability(const struct fb_json_document *d)
{
    const struct fb_exploitability *e = &d->a->exploitability;
    fb_json_open(d->t, "exploitability", '{');
    put_judgement(d, "fb1", &e->fb1);
    put_judgement(d, "msec16", &e->msec16);
    put_strings(d, "signals", e->signals, e->n_signals);
    put_block(d, e);
    put_taint(d, e);
    fb_json_open(d->t, "facts", '[');
    for (size_t i = 0; i < e->n_facts; i++) {
        fb_json_open(d->t, NULL, '{');
        fb_json_string(d->t, "name", e->facts[i].name);
        fb_json_string(d->t, "value", e->facts[i].value);
        fb_json_string(d->t, "source", e->facts[i].source);
        fb_json_close(d->t, '}');
    }
    fb_json_close(d->t, ']');
    put_peers(d, e);
    fb_json_close(d->t, '}');
}

/* --- keys --------------------------------------------------------------------------- */

static void put_label(const struct fb_json_document *d, const struct fb_keys *k)
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

static void put_blame(const struct fb_json_document *d, const struct fb_keys *k)
{
    const struct fb_stack *stack = fb_crashing_stack(d->a);
    if (k->blame >= stack->n) {
        fb_json_null(d->t, "blame");
        return;
    }
    const struct fb_frame *f = &stack->v[k->blame];
    fb_json_open(d->t, "blame", '{');
    fb_json_string(d->t, "module", f->module != NULL ? f->module->name : NULL);
    fb_json_address(d, "module_offset", f->module != NULL ? f->lookup - f->module->base : 0,
                    f->module != NULL);
    fb_json_string(d->t, "function", f->function);
    fb_json_number(d->t, "frame", k->blame);
    fb_json_string(d->t, "why", k->blame_why);
    fb_json_close(d->t, '}');
}

static void put_hashes(const struct fb_json_document *d, const struct fb_keys *k)
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

static void put_keys(const struct fb_json_document *d)
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

/* What the client sent stands above what it wrote into the dump; of two of one name
 * the first counts. */
static void put_annotations(const struct fb_json_document *d)
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
static void put_module_annotations(const struct fb_json_document *d)
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

void fb_json_ours(const struct fb_json_document *d)
{
    put_dump(d);
    put_notes(d);
    fb_json_process(d);
    put_exploitability(d);
    put_keys(d);
    put_annotations(d);
    put_module_annotations(d);
}
