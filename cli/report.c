/* cli/report.c -- the lines of a report, most wanted first. */
#include "report.h"

#include "base/hash.h"
#include "bugchecks.h"
#include "cli.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

enum { FRAMES_SHOWN = 40, NOTES_SHOWN = 8, TEXT_WIDTH = 36 };

struct style {
    const char *bold, *dim, *red, *yellow, *green, *end;
};
static const struct style colours = {"\x1b[1m",  "\x1b[2m",  "\x1b[1;31m",
                                     "\x1b[33m", "\x1b[32m", "\x1b[0m"};
static const struct style plain = {"", "", "", "", "", ""};

static int width_of(const struct fb_analysis *a)
{
    return (int)fb_reg_names(a->dump.system.arch)->word * 2;
}

static const char *colour_of(const struct style *s, enum fb_class class)
{
    return class == FB_CLASS_EXPLOITABLE            ? s->red
           : class == FB_CLASS_PROBABLY_EXPLOITABLE ? s->red
           : class == FB_CLASS_UNKNOWN              ? s->yellow
                                                    : s->green;
}

static void print_place(const struct fb_analysis *a, const struct fb_frame *f)
{
    if (f->module == NULL) {
        printf("0x%0*" PRIx64, width_of(a), f->lookup);
        if (f->n_unloaded > 0)
            printf(" (unloaded %s)", fb_cli_safe(f->unloaded[0]->name));
    } else if (f->function != NULL) {
        printf("%s!%s+0x%" PRIx64 "%s", fb_cli_safe(f->module->name), fb_cli_safe(f->function),
               f->lookup - f->function_at,
               f->nearest  ? " (nearest name)"
               : f->shared ? " (or another with the same code)"
                           : "");
    } else {
        printf("%s+0x%" PRIx64, fb_cli_safe(f->module->name), f->lookup - f->module->base);
    }
}

static void print_bugcheck(const struct fb_analysis *a)
{
    const struct fb_bugcheck *b = &a->dump.bugcheck;
    const struct fb_bugcheck_row *row = fb_bugcheck_find(b);
    if (!b->present)
        return;
    printf("  bugcheck   0x%" PRIx32, b->code);
    if (a->dump.kernel.type != NULL)
        printf(", %s dump", a->dump.kernel.type);
    if (a->dump.kernel.process != NULL)
        printf(", in process %s", fb_cli_safe(a->dump.kernel.process));
    if (a->dump.kernel.comment != NULL)
        printf(", \"%s\"", fb_cli_safe(a->dump.kernel.comment));
    putchar('\n');
    for (size_t i = 0; i < FB_BUGCHECK_PARAMETERS; i++) {
        const char *words = row != NULL ? row->parameters[i].words : NULL;
        if (row != NULL && words == NULL)
            continue; // reserved
        printf("             0x%0*" PRIx64 "  %s\n", width_of(a), b->parameters[i],
               words != NULL ? words : "");
    }
}

static void print_crash(const struct fb_analysis *a, const struct style *s)
{
    const struct fb_stack *stack = fb_crashing_stack(a);
    printf("  crash      %s%s%s", s->bold, fb_cli_safe(a->crash.type), s->end);
    if (a->crash.crashed)
        printf(" at 0x%0*" PRIx64, width_of(a), a->crash.address);
    if (a->crash.non_canonical)
        printf(", really 0x%0*" PRIx64, width_of(a), a->crash.adjusted);
    if (stack->n > 0) {
        printf(" in ");
        print_place(a, &stack->v[0]);
    }
    putchar('\n');
    print_bugcheck(a);
    if (a->crash.instruction != NULL)
        printf("  code       %s\n", fb_cli_safe(a->crash.instruction));
    if (a->dump.assertion != NULL)
        printf("  assertion  %s\n", fb_cli_safe(a->dump.assertion));
}

static void print_verdict(const struct fb_analysis *a, const struct style *s)
{
    const struct fb_judgement *j = &a->exploitability.fb1, *m = &a->exploitability.msec16;
    printf("  verdict    %s%s%s, %s (%s), confidence %d\n", colour_of(s, j->class),
           fb_class_name(j->class), s->end, fb_cli_safe(j->short_name), fb_cli_safe(j->rule),
           j->confidence);
    printf("             %s\n", fb_cli_safe(j->explanation));
    printf("             %s!exploitable 1.6 would say %s, %s%s\n", s->dim,
           fb_class_name(m->class), fb_cli_safe(m->short_name), s->end);
}

static void print_peers(const struct fb_analysis *a, const struct style *s)
{
    const struct fb_exploitability *e = &a->exploitability;
    for (size_t i = 0; i < e->n_peers; i++) {
        const struct fb_peer *p = &e->peers[i];
        printf("             %s%s would say %s%s%s%s\n", s->dim, p->title,
               p->class != NULL ? p->class : "nothing", p->short_name != NULL ? ", " : "",
               p->short_name != NULL ? p->short_name : "", s->end);
    }
}

static void print_keys(const struct fb_analysis *a, const struct style *s)
{
    char bucket[33];
    fb_hex(a->keys.bucket, sizeof a->keys.bucket, bucket);
    printf("  signature  %s%s%s\n", s->bold, fb_cli_safe(a->keys.signature), s->end);
    printf("  bucket     %s%s\n", bucket, a->keys.unsymbolicated ? " (no symbols)" : "");
}

static void print_system(const struct fb_analysis *a)
{
    static const char *const os[] = {"unknown system", "Windows", "macOS", "iOS",
                                     "Linux",          "Android", "other"};
    static const char *const arch[] = {"unknown CPU", "x86",   "x64",
                                       "ARM",         "ARM64", "other CPU"};
    const struct fb_dump *d = &a->dump;
    printf("  system     %s %" PRIu32 ".%" PRIu32 ".%" PRIu32 ", %s, %" PRIu32 " cores",
           os[d->system.os], d->system.major, d->system.minor, d->system.build,
           arch[d->system.arch], d->system.cpu_count);
    if (d->pid != 0)
        printf("; pid %" PRIu32, d->pid);
    if (d->process_start != 0 && d->time >= d->process_start)
        printf(", up %" PRIu32 " s", d->time - d->process_start);
    char when[32] = "unknown time";
    time_t t = (time_t)d->time;
    struct tm utc;
    if (gmtime_r(&t, &utc) != NULL)
        strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S UTC", &utc);
    printf("; %s, by %s\n", when, d->writer);
}

static void print_inlines(const struct fb_frame *f, size_t index)
{
    for (size_t i = 0; i < f->n_inlines; i++)
        printf("  %3zu   %s!%s [%s:%" PRIu32 "]  inlined\n", index,
               fb_cli_safe(f->module != NULL ? f->module->name : NULL),
               fb_cli_safe(f->inlines[i].function), fb_cli_safe(f->inlines[i].file),
               f->inlines[i].line);
}

static void print_frame(const struct fb_analysis *a, size_t i, const struct fb_frame *f,
                        const struct fb_stack *stack, const struct style *s)
{
    print_inlines(f, i);
    printf("  %s%3zu%s %c ", i == a->keys.blame ? s->bold : "", i, s->end,
           i == a->keys.blame ? '>' : ' ');
    print_place(a, f);
    if (f->file != NULL)
        printf(" [%s:%" PRIu32 "]", fb_cli_safe(f->file), f->line);
    printf("  %s%s%s%s\n", s->dim, fb_trust_name(f->trust),
           f == stack->corrupted ? ", its return address was overwritten" : "", s->end);
}

/* Of a recursion the first round and the last two are shown. */
static void print_frames(const struct fb_analysis *a, const struct fb_stack *stack,
                         const struct style *s)
{
    const struct fb_cycle *c = &stack->cycle;
    size_t shown = 0, left_out = c->rounds > 0 ? c->rounds - 3 : 0, i = 0;
    for (; i < stack->n && shown < FRAMES_SHOWN; shown++) {
        print_frame(a, i, &stack->v[i], stack, s);
        if (++i != c->at + c->length || left_out == 0)
            continue;
        printf("      ... %zu more rounds of the last %zu\n", left_out, c->length);
        i += left_out * c->length;
    }
    if (i < stack->n)
        printf("      ... %zu more\n", stack->n - i);
}

static void print_stack(const struct fb_analysis *a, const struct style *s)
{
    const struct fb_stack *stack = fb_crashing_stack(a);
    if (a->dump.crashing >= a->dump.threads.n) {
        puts("  stack      none: the dump names no crashing thread");
        return;
    }
    const struct fb_thread *thread = &a->dump.threads.v[a->dump.crashing];
    printf("  stack      of thread %zu of %zu, id 0x%" PRIx32, a->dump.crashing,
           a->dump.threads.n, thread->id);
    if (thread->name != NULL)
        printf(" \"%s\"", fb_cli_safe(thread->name));
    putchar('\n');
    print_frames(a, stack, s);
    printf("      %s%s%s\n", s->dim, stack->stop != NULL ? stack->stop : "", s->end);
}

/* An instruction, and beside it in short what makes it worth looking at. */
static void print_line(const struct fb_analysis *a, size_t i, const struct style *s)
{
    const struct fb_block_line *line = &a->exploitability.block[i];
    printf("  %s %0*" PRIx64 "  %-*s", i == 0 ? "block     " : "          ", width_of(a),
           line->address, line->n_marks > 0 ? TEXT_WIDTH : 0, fb_cli_safe(line->text));
    for (size_t k = 0; k < line->n_marks; k++)
        printf("%s%s%s", k == 0 ? s->dim : "", k == 0 ? "  ; " : ", ",
               fb_cli_safe(line->marks[k]));
    printf("%s\n", line->n_marks > 0 ? s->end : "");
}

static void print_evidence(const struct fb_analysis *a, const struct style *s)
{
    const struct fb_exploitability *e = &a->exploitability;
    for (size_t i = 0; i < e->n_block; i++)
        print_line(a, i, s);
    for (size_t i = 0; i < e->n_facts; i++)
        printf("  %s %s = %s %s(%s)%s\n", i == 0 ? "facts     " : "          ",
               fb_cli_safe(e->facts[i].name), fb_cli_safe(e->facts[i].value), s->dim,
               fb_cli_safe(e->facts[i].source), s->end);
    for (size_t i = 0; i < e->n_signals; i++)
        printf("%s%s", i == 0 ? "  signals    " : ", ", fb_cli_safe(e->signals[i]));
    if (e->n_signals > 0)
        putchar('\n');
}

static void print_other_keys(const struct fb_analysis *a)
{
    const struct fb_keys *k = &a->keys;
    printf("  label      %s  ", k->label.id);
    for (size_t i = 0; i < k->label.n; i++)
        printf("%s%s", i == 0 ? "" : "/", fb_cli_safe(k->label.parameters[i]));
    printf(" (%s)\n  failure    %s  %s\n", fb_cli_safe(k->label.event_type), k->failure_hash,
           fb_cli_safe(k->failure_id));
    printf("  hashes     fbh1 %s.%s, msec16 0x%08" PRIx32, k->fbh1_major, k->fbh1_minor,
           k->msec_major);
    if (k->has_msec_minor)
        printf(".0x%08" PRIx32, k->msec_minor);
    if (k->blame < fb_crashing_stack(a)->n) {
        printf("\n  blame      ");
        print_place(a, &fb_crashing_stack(a)->v[k->blame]);
        printf(": %s", fb_cli_safe(k->blame_why));
    }
    putchar('\n');
}

static void print_notes(const struct fb_analysis *a)
{
    const struct fb_notes *n = &a->notes;
    printf("  dump       %" PRIu64 " bytes, %.0f %% complete", a->size,
           a->dump.completeness * 100);
    for (size_t i = 0; i < n->n && i < NOTES_SHOWN; i++)
        printf("\n             note: %s", n->v[i].what);
    if (n->n > NOTES_SHOWN)
        printf("\n             and %zu notes more, see --json",
               n->n + n->dropped - NOTES_SHOWN);
    puts("\n");
}

void fb_report_print(const struct fb_analysis *a, bool colour)
{
    const struct style *s = colour ? &colours : &plain;
    printf("%s%s%s\n", s->bold, fb_cli_safe(a->file), s->end);
    print_crash(a, s);
    print_verdict(a, s);
    print_peers(a, s);
    print_keys(a, s);
    print_system(a);
    print_stack(a, s);
    print_evidence(a, s);
    print_other_keys(a);
    print_notes(a);
}
