/*
 * worker/analysis/unwind/pdata_x64.c -- the caller as a 64-bit Windows system finds it: by the
 * function table of an image, or by one that the process has registered for code it made.
 *
 * Functions without an entry are leaves: they have not moved rsp. Tables should be sorted; in
 * one that is not, functions are missed and no more.
 */
#include "unwind/pdata_x64.h"

enum {
    ENTRY_SIZE = 12,
    CHAIN_MAX = 32, // of informations
    INDIRECT = 1    // the information is that of another entry
};

/* --- tables ------------------------------------------------------------------------- */

struct table {
    fb_addr base;
    fb_addr at;             // of the entries, in the process,
    struct fb_span entries; // unless they are here
    size_t n;
};

static bool read_entry(struct fb_reader r, fb_addr base, struct fb_x64_entry *out)
{
    struct fb_x64_entry entry = {
        .base = base,
        .begin = fb_read_u32(&r),
        .end = fb_read_u32(&r),
        .info = fb_read_u32(&r),
    };
    if (!fb_failed(r.err))
        *out = entry;
    return !fb_failed(r.err);
}

static bool entry_at(const struct fb_unwinder *w, const struct table *t, size_t i,
                     struct fb_x64_entry *out)
{
    uint64_t at = (uint64_t)i * ENTRY_SIZE;
    struct fb_reader r = {.in = t->entries.n != 0 ? fb_span_sub(t->entries, at, ENTRY_SIZE)
                                                  : fb_code_bytes(w, t->at + at, ENTRY_SIZE)};
    return read_entry(r, t->base, out);
}

static bool of_module(const struct fb_unwinder *w, const struct fb_module *module,
                      struct table *out)
{
    const struct fb_image *image = fb_code_image(w, module);
    if (image == NULL || image->kind != FB_IMAGE_PE || image->arch != FB_AMD64)
        return false;
    *out = (struct table){.base = module->base,
                          .at = module->base + image->exceptions.rva,
                          .n = image->exceptions.size / ENTRY_SIZE};
    return out->n != 0;
}

static bool of_process(const struct fb_unwinder *w, fb_addr a, struct table *out)
{
    const struct fb_dump *dump = w->env->dump;
    size_t low = 0, high = dump->n_function_tables;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (dump->function_tables[middle].start <= a)
            low = middle + 1;
        else
            high = middle;
    }
    const struct fb_function_table *t = low != 0 ? &dump->function_tables[low - 1] : NULL;
    if (t == NULL || a >= t->end || t->entry_size != ENTRY_SIZE || t->entries.n < ENTRY_SIZE)
        return false;
    *out =
        (struct table){.base = t->base, .entries = t->entries, .n = t->entries.n / ENTRY_SIZE};
    return true;
}

/* The last entry that begins at `rva` or before it. */
static enum fb_x64_found search(const struct fb_unwinder *w, const struct table *t,
                                uint64_t rva, struct fb_x64_entry *out)
{
    struct fb_x64_entry entry, found = {0};
    size_t low = 0, high = t->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (!entry_at(w, t, middle, &entry))
            return FB_X64_UNKNOWN;
        if (entry.begin <= rva) {
            found = entry;
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0 || rva >= found.end)
        return FB_X64_NO_ENTRY;
    *out = found;
    return FB_X64_ENTRY;
}

/* Another entry may stand in for this one: it is followed once. */
static enum fb_x64_found resolve(const struct fb_unwinder *w, struct fb_x64_entry *entry)
{
    if ((entry->info & INDIRECT) == 0)
        return FB_X64_ENTRY;
    fb_addr at = entry->base + (entry->info & ~(uint32_t)INDIRECT);
    struct fb_reader r = {.in = fb_code_bytes(w, at, ENTRY_SIZE)};
    bool read = read_entry(r, entry->base, entry);
    return read && (entry->info & INDIRECT) == 0 ? FB_X64_ENTRY : FB_X64_UNKNOWN;
}

enum fb_x64_found fb_x64_find(const struct fb_unwinder *w, fb_addr a, struct fb_x64_entry *out)
{
    const struct fb_module *module = fb_code_module(w, a);
    struct table table;
    if (module != NULL ? !of_module(w, module, &table) : !of_process(w, a, &table))
        return FB_X64_UNKNOWN;
    struct fb_x64_entry entry = {0};
    enum fb_x64_found found = search(w, &table, a - table.base, &entry);
    if (found == FB_X64_ENTRY)
        found = resolve(w, &entry);
    if (found == FB_X64_ENTRY)
        *out = entry;
    return found;
}

bool fb_pdata_x64_function(const struct fb_unwinder *w, fb_addr a, fb_addr *begin, fb_addr *end,
                           fb_addr *primary)
{
    struct fb_x64_entry entry, first;
    struct fb_x64_info info;
    if (w->env->dump->system.arch != FB_AMD64 || fb_x64_find(w, a, &entry) != FB_X64_ENTRY)
        return false;
    first = entry;
    for (size_t i = 0; i < CHAIN_MAX && fb_x64_info(w, &entry, &info) && info.chained; i++)
        entry = info.parent;
    *begin = first.base + first.begin;
    *end = first.base + first.end;
    *primary = entry.base + entry.begin;
    return true;
}

/* --- callers ------------------------------------------------------------------------ */

/* Where parts of a function are chained, all that its other parts have done is undone. */
static bool undo_chain(struct fb_x64_undo *u, struct fb_x64_entry entry,
                       struct fb_x64_info *info, uint64_t offset)
{
    for (size_t i = 0; i < CHAIN_MAX; i++) {
        if (!fb_x64_undo(u, info, offset))
            return false;
        if (u->interrupted || !info->chained)
            return true;
        entry = info->parent;
        offset = (uint64_t)FB_X64_ALL;
        if (!fb_x64_info(u->w, &entry, info))
            return false;
    }
    return false;
}

static bool return_address(struct fb_x64_undo *u)
{
    uint64_t word, sp = u->regs.v[FB_RSP];
    if (!fb_stack_word(u->w, sp, &word) || !fb_x64_release(u, sizeof word + u->popped))
        return false;
    fb_reg_set(&u->regs, FB_RIP, word);
    return true;
}

/* Registers that a call may destroy are those of the handler, unless it has saved them. */
static void interrupted(const struct fb_unwinder *w, const struct fb_frame *callee,
                        const struct fb_x64_undo *u, struct fb_caller *caller)
{
    const struct fb_system *system = &w->env->dump->system;
    uint64_t saved = fb_ladder_for(system->arch, system->os)->callee_saved;
    fb_addr sp = fb_reg_sp(&u->regs);
    caller->regs.valid &= saved | u->restored | UINT64_C(1) << FB_RIP | UINT64_C(1) << FB_RSP;
    caller->exact = true;
    caller->other_stack = sp <= callee->sp || !fb_in_stack(w, sp);
}

bool fb_unwind_pdata_x64(const struct fb_unwinder *w, const struct fb_frame *callee,
                         struct fb_caller *caller)
{
    struct fb_x64_entry entry;
    struct fb_x64_info info;
    if (fb_x64_find(w, callee->lookup, &entry) != FB_X64_ENTRY ||
        !fb_x64_info(w, &entry, &info))
        return false;
    struct fb_x64_undo u = {.w = w, .regs = callee->regs};
    uint64_t offset = callee->lookup - (entry.base + entry.begin);
    /* Folklore: where Microsoft's compiler saves registers late, it counts an early return
     * among the prolog: an epilog is looked for anywhere. */
    bool epilog = callee->exact && fb_x64_epilog(&u, &entry, &info, callee->lookup);
    if (!epilog && !undo_chain(&u, entry, &info, offset))
        return false;
    if (!u.interrupted && !return_address(&u))
        return false;
    fb_regs_copy(&caller->regs, &u.regs);
    if (u.interrupted)
        interrupted(w, callee, &u, caller);
    return true;
}
