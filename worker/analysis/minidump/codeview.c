/*
 * worker/analysis/minidump/codeview.c -- which build a module is, as its CodeView record says.
 */
#include "minidump/parts.h"

enum { MISC_EXE_NAME = 1 };

/* A Mach-O image has no id but its UUID, so its code id is made of it as well. */
static enum fb_code_id code_id_of(const struct fb_md *m, const struct fb_build *build)
{
    enum fb_os os = m->dump->system.os;
    if (build->id.n != 0 && build->kind == FB_CODEVIEW_ELF)
        return FB_CODE_ID_BUILD;
    if (build->id.n != 0 && build->kind == FB_CODEVIEW_PDB70 &&
        (os == FB_MACOS || os == FB_IOS))
        return FB_CODE_ID_UUID;
    return FB_CODE_ID_NONE;
}

static void take_record(struct fb_md *m, const struct fb_codeview *record,
                        struct fb_module *module)
{
    if (record->build.kind == FB_CODEVIEW_OTHER)
        return;
    module->build = record->build;
    module->code_id = code_id_of(m, &record->build);
    if (record->build.kind == FB_CODEVIEW_ELF)
        module->debug_file = module->name; // an ELF image is its own debug file
    else
        module->debug_file = fb_last_component(fb_md_text8(m, record->name, FB_MD_RECORD_MAX));
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
    module->debug_file = fb_last_component(wide ? fb_md_text16(m, name)
                                                : fb_md_text8(m, name, FB_MD_RECORD_MAX));
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

void fb_md_identify(struct fb_md *m, struct fb_md_location codeview, struct fb_md_location misc,
                    struct fb_module *module)
{
    read_codeview(m, record_at(m, codeview), module);
    if (module->debug_file == NULL || *module->debug_file == 0)
        read_misc(m, record_at(m, misc), module);
    if (module->debug_file != NULL && *module->debug_file == 0)
        module->debug_file = NULL;
    if (m->dump->system.os == FB_WINDOWS)
        module->code_id = FB_CODE_ID_PE;
}
