/*
 * worker/analysis/kernel/header.c -- the two fixed parts of a kernel dump: the header, and
 * behind it the block of a triage dump that says where everything lies.
 *
 * Both exist in two widths, whose fields have the same order: a table of places for each.
 * What the kernel did not fill in still holds the word PAGE, and counts as absent.
 */
#include "kernel/parts.h"

enum { FILLER = 0x45474150, EXCEPTION_MAX = 152, COMMENT_SIZE = 128 };

static const struct layout {
    const char *magic;
    uint16_t size, word;
    uint16_t directory_table, loaded_modules, machine, processors, bugcheck, parameters;
    uint16_t debugger_data, context, context_size, exception, type, comment, time, uptime;
} layouts[] = {
    {"PAGEDUMP", 0x1000, 4, 16,   24,   32,   36,   40,   44,   96,   800,   1200, 2000,  3976,  2080, 4032,
     4024                                                                                                           },
    {"PAGEDU64", 0x2000, 8, 0x10, 0x20, 0x30, 0x34, 0x38, 0x40, 0x80, 0x348, 3000, 0xF00, 0xF98,
     0xFB0,                                                                                            0xFA8, 0x1030},
};
enum { MAGIC_SIZE = 8, MAJOR_AT = 8, BUILD_AT = 12 };

static const struct layout *layout_of(struct fb_span file)
{
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        if (file.n >= MAGIC_SIZE && memcmp(file.p, layouts[i].magic, MAGIC_SIZE) == 0)
            return &layouts[i];
    return NULL;
}

bool fb_kernel_is(struct fb_span file) { return layout_of(file) != NULL; }

/* A number that may be missing, or never have been filled in. */
static uint64_t number_at(struct fb_span file, uint64_t at, size_t size)
{
    struct fb_reader r = {.in = fb_span_sub(file, at, size)};
    uint64_t v = fb_read_le(&r, size);
    bool filler = (uint32_t)v == FILLER && (size == 4 || v >> 32 == FILLER);
    return filler ? 0 : v;
}

/* EXCEPTION_RECORD of either width. */
static void read_exception(struct fb_span record, size_t word, struct fb_exception *out)
{
    struct fb_reader r = {.in = record};
    out->code = fb_read_u32(&r);
    out->flags = fb_read_u32(&r);
    out->nested = fb_read_le(&r, word);
    out->address = fb_read_le(&r, word);
    out->n_parameters = fb_read_u32(&r);
    fb_read_skip(&r, word - 4);
    out->present = !fb_failed(r.err) && out->code != 0 && out->code != FILLER;
    if (out->n_parameters > FB_EXCEPTION_PARAMETERS_MAX)
        out->n_parameters = 0;
    for (uint32_t i = 0; i < out->n_parameters; i++)
        out->parameters[i] = fb_read_le(&r, word);
    if (!out->present)
        *out = (struct fb_exception){0};
}

bool fb_kernel_exception(struct fb_span record, bool wide, struct fb_exception *out)
{
    struct fb_exception e = {0};
    read_exception(record, wide ? 8 : 4, &e);
    if (e.present)
        *out = e;
    return e.present;
}

static void read_bugcheck(struct fb_span file, const struct layout *l, struct fb_bugcheck *out)
{
    out->present = true;
    out->code = (uint32_t)number_at(file, l->bugcheck, 4);
    for (size_t i = 0; i < FB_BUGCHECK_PARAMETERS; i++)
        out->parameters[i] = number_at(file, l->parameters + i * l->word, l->word);
}

struct fb_err fb_kernel_header(struct fb_span file, struct fb_kernel_header *out)
{
    const struct layout *l = layout_of(file);
    if (l == NULL)
        return FB_FAIL(MALFORMED, "not a kernel dump: it does not begin with PAGE", 0);
    if (file.n < l->parameters + (size_t)FB_BUGCHECK_PARAMETERS * l->word)
        return FB_FAIL(TRUNCATED, "a kernel dump that ends before its bugcheck", file.n);
    struct fb_span head = fb_span_clip(file, 0, l->size);
    *out = (struct fb_kernel_header){
        .wide = l->word == 8,
        .major = (uint32_t)number_at(head, MAJOR_AT, 4),
        .build = (uint32_t)number_at(head, BUILD_AT, 4),
        .directory_table = number_at(head, l->directory_table, l->word),
        .loaded_modules = number_at(head, l->loaded_modules, l->word),
        .debugger_data = number_at(head, l->debugger_data, l->word),
        .machine = (uint32_t)number_at(head, l->machine, 4),
        .processors = (uint32_t)number_at(head, l->processors, 4),
        .context = fb_span_sub(head, l->context, l->context_size),
        .type = (uint32_t)number_at(head, l->type, 4),
        .time = number_at(head, l->time, 8),
        .uptime = number_at(head, l->uptime, 8),
        .comment = fb_span_sub(head, l->comment, COMMENT_SIZE),
    };
    read_bugcheck(head, l, &out->bugcheck);
    fb_kernel_exception(fb_span_clip(head, l->exception, EXCEPTION_MAX), out->wide,
                        &out->exception);
    if (number_at(head, l->comment, 4) == 0) // empty, or never written
        out->comment = (struct fb_span){0};
    return FB_NO_ERR;
}

/* --- the block of a triage dump ----------------------------------------------------- */

enum { SKIPPED = 16 }; // what the architecture keeps for itself, 64-bit only

struct fb_err fb_kernel_triage(struct fb_span file, bool wide, struct fb_kernel_triage *out)
{
    size_t word = wide ? 8 : 4;
    struct fb_kernel_triage t;
    uint32_t *const offsets[] = {
        &t.service_pack,     &t.size,      &t.valid_at,    &t.context_at,
        &t.exception_at,     &t.mm_at,     &t.unloaded_at, &t.prcb_at,
        &t.process_at,       &t.thread_at, &t.stack_at,    &t.stack_size,
        &t.drivers_at,       &t.n_drivers, &t.strings_at,  &t.strings_size,
        &t.broken_driver_at, &t.options};
    struct fb_reader r = {.in = file, .at = layouts[wide].size};
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++)
        *offsets[i] = fb_read_u32(&r);
    t.stack_top = fb_read_le(&r, word);
    fb_read_skip(&r, wide ? SKIPPED : 0);
    t.page = fb_read_le(&r, word);
    t.page_at = fb_read_u32(&r);
    t.page_size = fb_read_u32(&r);
    t.debugger_at = fb_read_u32(&r);
    t.debugger_size = fb_read_u32(&r);
    t.blocks_at = fb_read_u32(&r);
    t.n_blocks = fb_read_u32(&r);
    if (fb_failed(r.err))
        return FB_FAIL(TRUNCATED, "the block of the triage dump is cut", r.err.at);
    *out = t;
    return FB_NO_ERR;
}

const char *fb_kernel_type_name(uint32_t type)
{
    static const char *const names[] = {
        NULL,          "full",          "kernel summary", "header", "triage",
        "bitmap full", "bitmap kernel", "automatic",      "kernel", "kernel and user",
        "complete"};
    return type < sizeof names / sizeof *names ? names[type] : NULL;
}
