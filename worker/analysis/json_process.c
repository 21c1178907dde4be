/*
 * worker/analysis/json_process.c -- what the dump says of the process beside its stacks: the
 * fields of process.h. What is not known is left out rather than null, since most dumps have
 * few of them.
 */
#include "json_parts.h"

static void put_time(const struct fb_json_document *d, const char *key, uint64_t filetime)
{
    static const uint64_t ticks = 10000000, epoch = UINT64_C(11644473600); // 1601 to 1970
    uint64_t seconds = filetime / ticks;
    fb_json_known_number(d->t, key, seconds - epoch, seconds >= epoch);
}

void fb_json_thread_info(const struct fb_json_document *d, const struct fb_thread *thread)
{
    const struct fb_thread_info *info = &thread->info;
    if (thread->last_error != UINT64_MAX && thread->last_status != UINT64_MAX)
        fb_json_hex(d->t, "last_status_value", thread->last_status, 8, true);
    if (!info->present)
        return;
    fb_json_open(d->t, "thread_info", '{');
    fb_json_hex(d->t, "flags", info->flags, 8, true);
    fb_json_address(d, "start_address", info->start, true);
    put_time(d, "created", info->created);
    put_time(d, "exited", info->exited);
    fb_json_number(d->t, "kernel_time_ms", info->kernel_time / 10000);
    fb_json_number(d->t, "user_time_ms", info->user_time / 10000);
    fb_json_hex(d->t, "affinity", info->affinity, 1, true);
    fb_json_close(d->t, '}');
}

/* The field is minidump-stackwalk's, there a number. */
void fb_json_handles(const struct fb_json_document *d)
{
    const struct fb_dump *dump = &d->a->dump;
    if (dump->n_handles == 0)
        return;
    fb_json_open(d->t, "handles", '[');
    for (size_t i = 0; i < dump->n_handles; i++) {
        const struct fb_handle *h = &dump->handles[i];
        fb_json_open(d->t, NULL, '{');
        fb_json_number(d->t, "handle", h->handle);
        fb_json_string(d->t, "type_name", h->type);
        fb_json_string(d->t, "object_name", h->name);
        fb_json_hex(d->t, "granted_access", h->access, 8, true);
        if (h->owner_pid != 0)
            fb_json_number(d->t, "owner_process", h->owner_pid);
        if (h->owner_tid != 0)
            fb_json_number(d->t, "owner_thread", h->owner_tid);
        fb_json_close(d->t, '}');
    }
    fb_json_close(d->t, ']');
}

/* --- Windows ------------------------------------------------------------------------ */

static void put_text(const struct fb_json_document *d, const char *key, const char *text)
{
    if (text != NULL)
        fb_json_string(d->t, key, text);
}

static const char *integrity_name(uint32_t rid)
{
    static const struct {
        uint32_t from;
        const char *name;
    } levels[] = {
        {0x5000, "protected"},
        {0x4000, "system"   },
        {0x3000, "high"     },
        {0x2000, "medium"   },
        {0x1000, "low"      },
        {0,      "untrusted"},
    };
    size_t i = 0;
    while (rid < levels[i].from)
        i++;
    return levels[i].name;
}

static void put_misc(const struct fb_json_document *d)
{
    const struct fb_misc *misc = &d->a->dump.misc;
    if (misc->flags & FB_MISC_TIMES) {
        fb_json_number(d->t, "user_seconds", misc->user_seconds);
        fb_json_number(d->t, "kernel_seconds", misc->kernel_seconds);
    }
    if (misc->flags & FB_MISC_POWER) {
        fb_json_number(d->t, "cpu_mhz", misc->mhz_now);
        fb_json_number(d->t, "cpu_mhz_max", misc->mhz_max);
    }
    if (misc->flags & FB_MISC_INTEGRITY)
        fb_json_string(d->t, "integrity", integrity_name(misc->integrity));
    if (misc->flags & FB_MISC_EXECUTE_FLAGS)
        fb_json_hex(d->t, "execute_flags", misc->execute_flags, 8, true);
    if (misc->flags & FB_MISC_PROTECTED)
        fb_json_bool(d->t, "protected", misc->protected_process != 0);
    if (misc->flags & FB_MISC_TIME_ZONE) // minutes east of UTC, as clocks are written
        fb_json_signed(d->t, "utc_offset_minutes", -(int64_t)misc->bias);
    put_text(d, "time_zone", misc->time_zone);
    put_text(d, "system_build", misc->build);
    put_text(d, "writer_build", misc->debug_build);
}

static void put_tokens(const struct fb_json_document *d)
{
    const struct fb_dump *dump = &d->a->dump;
    if (dump->n_tokens == 0)
        return;
    fb_json_open(d->t, "tokens", '[');
    for (size_t i = 0; i < dump->n_tokens; i++) {
        const struct fb_token *token = &dump->tokens[i];
        fb_json_open(d->t, NULL, '{');
        fb_json_number(d->t, "id", token->id);
        fb_json_string(d->t, "user", token->user);
        fb_json_string(d->t, "integrity",
                       token->integrity != UINT32_MAX ? integrity_name(token->integrity)
                                                      : NULL);
        fb_json_bool(d->t, "administrator", token->administrator);
        fb_json_bool(d->t, "impersonation", token->impersonation);
        fb_json_number(d->t, "groups", token->n_groups);
        fb_json_number(d->t, "privileges", token->n_privileges);
        fb_json_close(d->t, '}');
    }
    fb_json_close(d->t, ']');
}

static void put_counters(const struct fb_json_document *d)
{
    const struct fb_vm_counters *c = &d->a->dump.counters;
    if (!c->present)
        return;
    fb_json_open(d->t, "memory", '{');
    fb_json_number(d->t, "page_faults", c->page_faults);
    fb_json_number(d->t, "working_set", c->working_set);
    fb_json_number(d->t, "peak_working_set", c->peak_working_set);
    fb_json_number(d->t, "pagefile", c->pagefile);
    fb_json_number(d->t, "peak_pagefile", c->peak_pagefile);
    fb_json_number(d->t, "private", c->private_usage);
    fb_json_known_number(d->t, "virtual", c->virtual_size, c->virtual_size != 0);
    fb_json_known_number(d->t, "peak_virtual", c->peak_virtual, c->peak_virtual != 0);
    if (c->has_job) {
        fb_json_number(d->t, "job_private_commit", c->job_private_commit);
        fb_json_number(d->t, "job_private_limit", c->job_private_limit);
        fb_json_number(d->t, "job_total_limit", c->job_total_limit);
    }
    fb_json_close(d->t, '}');
}

/* Pages become bytes here: one unit for all. */
static void put_system_memory(const struct fb_json_document *d)
{
    const struct fb_system_memory *v = &d->a->dump.system_memory;
    if (!v->present)
        return;
    fb_json_open(d->t, "system_memory", '{');
    fb_json_number(d->t, "page_size", v->page_size);
    fb_json_number(d->t, "physical", v->physical * v->page_size);
    fb_json_number(d->t, "available", v->available * v->page_size);
    fb_json_number(d->t, "committed", v->committed * v->page_size);
    fb_json_number(d->t, "commit_limit", v->commit_limit * v->page_size);
    fb_json_number(d->t, "commit_peak", v->commit_peak * v->page_size);
    fb_json_close(d->t, '}');
}

static void put_operations(const struct fb_json_document *d)
{
    static const char *const names[] = {NULL, "open", "close", "bad_reference"};
    const struct fb_dump *dump = &d->a->dump;
    if (dump->n_handle_operations == 0)
        return;
    fb_json_open(d->t, "handle_operations", '[');
    for (size_t i = 0; i < dump->n_handle_operations; i++) {
        const struct fb_handle_operation *op = &dump->handle_operations[i];
        fb_json_open(d->t, NULL, '{');
        fb_json_number(d->t, "handle", op->handle);
        fb_json_string(d->t, "operation",
                       op->operation < sizeof names / sizeof *names ? names[op->operation]
                                                                    : NULL);
        fb_json_number(d->t, "process_id", op->pid);
        fb_json_number(d->t, "thread_id", op->tid);
        fb_json_open(d->t, "back_trace", '[');
        for (size_t k = 0; k < op->depth; k++)
            fb_json_address(d, NULL, op->back_trace[k], true);
        fb_json_close(d->t, ']');
        fb_json_close(d->t, '}');
    }
    fb_json_close(d->t, ']');
}

/* --- Linux -------------------------------------------------------------------------- */

static void put_number(const struct fb_json_document *d, const char *key, uint64_t value)
{
    if (value != 0)
        fb_json_number(d->t, key, value);
}

static void put_words(const struct fb_json_document *d, const char *key, const char *const *v,
                      size_t n)
{
    if (n == 0)
        return;
    fb_json_open(d->t, key, '[');
    for (size_t i = 0; i < n; i++)
        fb_json_string(d->t, NULL, v[i]);
    fb_json_close(d->t, ']');
}

static void put_environment(const struct fb_json_document *d)
{
    enum { NAMES_MAX = 4096 };
    struct fb_span rest = d->a->dump.environment;
    if (rest.n == 0)
        return;
    fb_json_open(d->t, "environment", '[');
    struct fb_span name = fb_environment_name(&rest);
    for (int i = 0; name.n != 0 && i < NAMES_MAX; i++) {
        char room[260];
        struct fb_text text = fb_text_over(room, sizeof room);
        fb_text_put(&text, (const char *)name.p, name.n);
        fb_json_string(d->t, NULL, room);
        name = fb_environment_name(&rest);
    }
    fb_json_close(d->t, ']');
}

static void put_auxv(const struct fb_json_document *d)
{
    static const struct {
        uint64_t tag;
        const char *name;
    } names[] = {
        {3,  "phdr"        },
        {5,  "phnum"       },
        {6,  "page_size"   },
        {7,  "base"        },
        {9,  "entry"       },
        {16, "hwcap"       },
        {23, "secure"      },
        {26, "hwcap2"      },
        {33, "sysinfo_ehdr"},
    };
    const struct fb_linux *proc = &d->a->dump.proc;
    if (proc->n_auxv == 0)
        return;
    fb_json_open(d->t, "auxv", '{');
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (size_t k = 0; k < proc->n_auxv; k++)
            if (proc->auxv[k].tag == names[i].tag) {
                fb_json_address(d, names[i].name, proc->auxv[k].value, true);
                break;
            }
    fb_json_close(d->t, '}');
}

static void put_limits(const struct fb_json_document *d)
{
    const struct fb_linux *proc = &d->a->dump.proc;
    if (proc->n_limits == 0)
        return;
    fb_json_open(d->t, "limits", '[');
    for (size_t i = 0; i < proc->n_limits; i++) {
        fb_json_open(d->t, NULL, '{');
        fb_json_string(d->t, "name", proc->limits[i].name);
        fb_json_string(d->t, "soft", proc->limits[i].soft);
        fb_json_string(d->t, "hard", proc->limits[i].hard);
        fb_json_string(d->t, "unit", proc->limits[i].unit);
        fb_json_close(d->t, '}');
    }
    fb_json_close(d->t, ']');
}

static void put_loader(const struct fb_json_document *d)
{
    const struct fb_linux *proc = &d->a->dump.proc;
    if (!proc->has_loader)
        return;
    fb_json_open(d->t, "loader", '{');
    fb_json_address(d, "base", proc->loader_base, true);
    fb_json_address(d, "break", proc->loader_break, true);
    fb_json_address(d, "dynamic", proc->loader_dynamic, true);
    fb_json_open(d->t, "linked", '[');
    for (size_t i = 0; i < proc->n_linked; i++) {
        fb_json_open(d->t, NULL, '{');
        fb_json_address(d, "address", proc->linked[i].address, true);
        fb_json_string(d->t, "name", proc->linked[i].name);
        fb_json_close(d->t, '}');
    }
    fb_json_close(d->t, ']');
    fb_json_close(d->t, '}');
}

static void put_status(const struct fb_json_document *d)
{
    struct fb_proc_status status = fb_proc_status(d->a->dump.proc_status);
    put_text(d, "state", status.state[0] != 0 ? status.state : NULL);
    put_number(d, "parent_pid", status.parent);
    put_number(d, "tracer_pid", status.tracer);
    put_number(d, "threads", status.threads);
    put_number(d, "seccomp", status.seccomp);
    put_number(d, "vm_peak", status.vm_peak);
    put_number(d, "vm_size", status.vm_size);
    put_number(d, "rss_peak", status.vm_rss_peak);
    put_number(d, "rss", status.vm_rss);
    put_number(d, "swap", status.vm_swap);
}

static void put_proc(const struct fb_json_document *d)
{
    const struct fb_linux *proc = &d->a->dump.proc;
    put_status(d);
    put_words(d, "arguments", proc->arguments, proc->n_arguments);
    put_environment(d);
    put_auxv(d);
    put_limits(d);
    put_loader(d);
}

/* --- macOS -------------------------------------------------------------------------- */

static void put_mac_record(const struct fb_json_document *d, const struct fb_mac_record *r)
{
    fb_json_open(d->t, NULL, '{');
    fb_json_hex(d->t, "thread", r->thread, 1, r->has_thread);
    fb_json_hex(d->t, "dialog_mode", r->dialog_mode, 1, r->has_thread);
    fb_json_hex(d->t, "abort_cause", r->abort_cause, 1, r->has_abort_cause);
    fb_json_string(d->t, "module", r->module);
    fb_json_string(d->t, "message", r->message);
    fb_json_string(d->t, "signature_string", r->signature);
    fb_json_string(d->t, "backtrace", r->backtrace);
    fb_json_string(d->t, "message2", r->message2);
    fb_json_close(d->t, '}');
}

/* Fields of minidump-stackwalk: left out where the dump has none. */
void fb_json_mac(const struct fb_json_document *d)
{
    const struct fb_dump *dump = &d->a->dump;
    if (dump->n_mac_records != 0) {
        fb_json_open(d->t, "mac_crash_info", '{');
        fb_json_number(d->t, "num_records", dump->n_mac_records);
        fb_json_open(d->t, "records", '[');
        for (size_t i = 0; i < dump->n_mac_records; i++)
            put_mac_record(d, &dump->mac_records[i]);
        fb_json_close(d->t, ']');
        fb_json_close(d->t, '}');
    }
    put_text(d, "mac_boot_args", dump->mac_boot_args);
    put_words(d, "soft_errors", &dump->soft_errors, dump->soft_errors != NULL);
}

void fb_json_process(const struct fb_json_document *d)
{
    fb_json_open(d->t, "process", '{');
    put_misc(d);
    put_tokens(d);
    put_counters(d);
    put_system_memory(d);
    put_operations(d);
    put_proc(d);
    put_text(d, "report_id", d->a->dump.report_id);
    put_text(d, "client_id", d->a->dump.client_id);
    put_text(d, "comment", d->a->dump.comment);
    put_text(d, "comment_wide", d->a->dump.comment_wide);
    fb_json_close(d->t, '}');
}
