/*
 * worker/analysis/minidump/codeview.c -- which build a module is, as its CodeView record says.
 */
#include "minidump/parts.h"

#include "build_ids.h"

enum { MACHO_ID = 32, MISC_EXE_NAME = 1 };

static const char *keep(struct fb_md *m, const char *id)
{
    const char *copy = *id != 0 ? fb_arena_text(m->arena, id, strlen(id)) : NULL;
    m->full |= copy == NULL && *id != 0;
    return copy;
}

/* A Mach-O image has no id but its UUID, so its code id is the debug id without the age. */
static void uuid_as_code_id(struct fb_md *m, struct fb_module *module)
{
    char id[MACHO_ID + 1] = {0};
    for (size_t i = 0; i < MACHO_ID; i++) {
        char c = module->debug_id[i];
        id[i] = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
    }
    module->code_id = keep(m, id);
}

static void take_build_id(struct fb_md *m, const struct fb_codeview *record,
                          struct fb_module *module)
{
    module->debug_file = module->name; // an ELF image is its own debug file
    char id[FB_CODE_ID_ROOM];
    fb_elf_code_id(record->build_id, id);
    if (module->debug_id != NULL)
        module->code_id = keep(m, id);
}

static void take_record(struct fb_md *m, const struct fb_codeview *record,
                        struct fb_module *module)
{
    enum fb_os os = m->dump->system.os;
    if (record->kind == FB_CODEVIEW_OTHER)
        return;
    module->debug_id = keep(m, record->debug_id);
    if (record->kind == FB_CODEVIEW_ELF)
        take_build_id(m, record, module);
    else
        module->debug_file = fb_md_text8(m, record->name, FB_MD_RECORD_MAX);
    if (record->kind == FB_CODEVIEW_PDB70 && (os == FB_MACOS || os == FB_IOS) &&
        module->debug_id != NULL)
        uuid_as_code_id(m, module);
}

static void read_codeview(struct fb_md *m, struct fb_span bytes, struct fb_module *module)
{
    struct fb_codeview record;
    if (bytes.n < 4)
        return;
    if (!fb_failed(fb_codeview_read(bytes, m->big, &record)))
        take_record(m, &record, module);
    else if (!m->full)
        fb_note(m->notes, FB_NOTE_BAD_ITEM, "a CodeView record cannot be read", bytes.off);
}

/* Only for the name of the debug file, when nothing else tells it. */
static void read_misc(struct fb_md *m, struct fb_span record, struct fb_module *module)
{
    struct fb_reader r = fb_md_reader(m, record);
    uint32_t type = fb_read_u32(&r);
    fb_read_skip(&r, 4); // length of the record
    bool wide = fb_read_u8(&r) != 0;
    fb_read_skip(&r, 3);
    if (fb_failed(r.err) || type != MISC_EXE_NAME)
        return;
    struct fb_span name = fb_read_bytes(&r, r.in.n - r.at);
    module->debug_file = wide ? fb_md_text16(m, name) : fb_md_text8(m, name, FB_MD_RECORD_MAX);
}

static struct fb_span record_at(struct fb_md *m, struct fb_md_location at)
{
    struct fb_span record = fb_span_clip(m->file, at.rva, at.size);
    if (at.rva == 0 || at.size == 0)
        return (struct fb_span){0};
    if (record.n < at.size || at.size > FB_MD_RECORD_MAX)
        fb_note(m->notes, FB_NOTE_BAD_ITEM, "a debug record is cut, or too long", at.rva);
    return fb_span_clip(record, 0, FB_MD_RECORD_MAX);
}

const char *fb_md_pe_code_id(struct fb_md *m, uint32_t timestamp, uint64_t size)
{
    char id[FB_CODE_ID_ROOM];
    fb_pe_code_id(timestamp, size, id);
    return keep(m, id);
}

void fb_md_identify(struct fb_md *m, struct fb_md_location codeview, struct fb_md_location misc,
                    struct fb_module *module)
{
    read_codeview(m, record_at(m, codeview), module);
    if (module->debug_file == NULL || *module->debug_file == 0)
        read_misc(m, record_at(m, misc), module);
    module->debug_file = fb_last_component(module->debug_file);
    if (module->debug_file != NULL && *module->debug_file == 0)
        module->debug_file = NULL;
    if (m->dump->system.os == FB_WINDOWS)
        module->code_id = fb_md_pe_code_id(m, module->timestamp, module->size);
}
