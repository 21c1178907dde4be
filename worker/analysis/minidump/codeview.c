/*
 * worker/analysis/minidump/codeview.c -- the records that say which build a module is.
 *
 *   RSDS  GUID (16) | age | name NUL          debug id: GUID, then the age
 *   NB10  0 | timestamp | age | name NUL      debug id: timestamp, then the age
 *   LEpB  build id, 1 to 64 bytes             debug id: its first 16 bytes read as a GUID, then
 * 0
 */
#include "minidump/parts.h"

#include "base/hash.h"

enum {
    RSDS = 0x53445352,
    NB10 = 0x3031424E,
    LEPB = 0x4270454C,
    GUID_SIZE = 16,
    BUILD_ID_MAX = 64,
    MISC_EXE_NAME = 1,
};

static void put_upper(struct fb_text *text, uint32_t v, int digits)
{
    while (digits-- > 0)
        fb_text_char(text, "0123456789ABCDEF"[v >> (4 * digits) & 15]);
}

static const char *print_guid(struct fb_md *m, const uint8_t guid[GUID_SIZE], bool big,
                              uint32_t age)
{
    struct fb_reader r = {
        .in = {guid, GUID_SIZE, 0},
          .big = big
    };
    uint32_t data1 = fb_read_u32(&r);
    uint32_t data2 = fb_read_u16(&r);
    uint32_t data3 = fb_read_u16(&r);
    char buffer[48];
    struct fb_text text = fb_text_over(buffer, sizeof buffer);
    put_upper(&text, data1, 8);
    put_upper(&text, data2, 4);
    put_upper(&text, data3, 4);
    for (size_t i = r.at; i < GUID_SIZE; i++)
        put_upper(&text, guid[i], 2);
    fb_text_hex(&text, age, 1);
    return fb_md_keep(m, &text);
}

static bool all_zero(struct fb_span bytes)
{
    for (size_t i = 0; i < bytes.n; i++)
        if (bytes.p[i] != 0)
            return false;
    return true;
}

/* A Mach-O image has no id but its UUID, so its code id is the debug id without the age. */
static void uuid_as_code_id(struct fb_md *m, struct fb_module *module)
{
    char id[2 * GUID_SIZE];
    for (size_t i = 0; i < sizeof id; i++) {
        char c = module->debug_id[i];
        id[i] = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
    }
    module->code_id = fb_arena_text(m->arena, id, sizeof id);
    m->full |= module->code_id == NULL;
}

static struct fb_err rsds(struct fb_md *m, struct fb_reader *r, struct fb_module *module)
{
    struct fb_span guid = fb_read_bytes(r, GUID_SIZE);
    uint32_t age = fb_read_u32(r);
    if (fb_failed(r->err))
        return r->err;
    module->debug_file = fb_md_text8(m, fb_read_bytes(r, r->in.n - r->at), FB_MD_RECORD_MAX);
    if (all_zero(guid))
        return FB_NO_ERR; // a linker that was told to write none
    module->debug_id = print_guid(m, guid.p, m->big, age);
    enum fb_os os = m->dump->system.os;
    if ((os == FB_MACOS || os == FB_IOS) && module->debug_id != NULL)
        uuid_as_code_id(m, module);
    return FB_NO_ERR;
}

static struct fb_err nb10(struct fb_md *m, struct fb_reader *r, struct fb_module *module)
{
    fb_read_skip(r, 4); // offset of the debug data: 0 when it is a file
    uint32_t timestamp = fb_read_u32(r);
    uint32_t age = fb_read_u32(r);
    if (fb_failed(r->err))
        return r->err;
    module->debug_file = fb_md_text8(m, fb_read_bytes(r, r->in.n - r->at), FB_MD_RECORD_MAX);
    char buffer[24];
    struct fb_text text = fb_text_over(buffer, sizeof buffer);
    put_upper(&text, timestamp, 8);
    fb_text_hex(&text, age, 1);
    module->debug_id = fb_md_keep(m, &text);
    return FB_NO_ERR;
}

static struct fb_err lepb(struct fb_md *m, struct fb_reader *r, struct fb_module *module)
{
    struct fb_span id = fb_read_bytes(r, r->in.n - r->at);
    if (id.n == 0 || id.n > BUILD_ID_MAX)
        return FB_FAIL(MALFORMED, "a build id of impossible length", r->in.off);
    module->debug_file = module->name; // an ELF image is its own debug file
    if (all_zero(id))
        return FB_NO_ERR;
    uint8_t guid[GUID_SIZE] = {0};
    memcpy(guid, id.p, id.n < GUID_SIZE ? id.n : GUID_SIZE);
    module->debug_id = print_guid(m, guid, false, 0);
    char hex[2 * BUILD_ID_MAX + 1];
    fb_hex(id.p, id.n, hex);
    module->code_id = fb_arena_text(m->arena, hex, 2 * id.n);
    m->full |= module->code_id == NULL;
    return FB_NO_ERR;
}

static const struct {
    uint32_t signature;
    struct fb_err (*read)(struct fb_md *m, struct fb_reader *r, struct fb_module *module);
} records[] = {
    {RSDS, rsds},
    {NB10, nb10},
    {LEPB, lepb},
};

static void read_codeview(struct fb_md *m, struct fb_span record, struct fb_module *module)
{
    struct fb_reader r = fb_md_reader(m, record);
    uint32_t signature = fb_read_u32(&r);
    for (size_t i = 0; i < sizeof records / sizeof *records; i++)
        if (signature == records[i].signature && fb_failed(records[i].read(m, &r, module)) &&
            !m->full)
            fb_note(m->notes, FB_NOTE_BAD_ITEM, "a CodeView record cannot be read", record.off);
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
    char buffer[32];
    struct fb_text text = fb_text_over(buffer, sizeof buffer);
    fb_text_hex(&text, timestamp, 8);
    fb_text_hex(&text, size, 1);
    return fb_md_keep(m, &text);
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
