/*
 * worker/analysis/build_ids.c -- ids of builds: read from CodeView records, compared, and
 * spelled.
 */
#include "build_ids.h"

#include "base/hash.h"

#include <strings.h>

enum { RSDS = 0x53445352, NB10 = 0x3031424E, LEPB = 0x4270454C, GUID_SIZE = 16 };

/* --- spelling ----------------------------------------------------------------------- */

static void put_upper(struct fb_text *text, uint32_t v, int digits)
{
    while (digits-- > 0)
        fb_text_char(text, "0123456789ABCDEF"[v >> (4 * digits) & 15]);
}

static void print_guid(const uint8_t guid[GUID_SIZE], bool big, uint32_t age,
                       char out[FB_DEBUG_ID_ROOM])
{
    struct fb_reader r = {
        .in = {guid, GUID_SIZE, 0},
          .big = big
    };
    struct fb_text text = fb_text_over(out, FB_DEBUG_ID_ROOM);
    put_upper(&text, fb_read_u32(&r), 8);
    put_upper(&text, fb_read_u16(&r), 4);
    put_upper(&text, fb_read_u16(&r), 4);
    for (size_t i = r.at; i < GUID_SIZE; i++)
        put_upper(&text, guid[i], 2);
    fb_text_hex(&text, age, 1);
}

static void print_timestamp(const struct fb_build *build, char out[FB_DEBUG_ID_ROOM])
{
    struct fb_reader r = {.in = build->id, .big = build->big};
    struct fb_text text = fb_text_over(out, FB_DEBUG_ID_ROOM);
    put_upper(&text, fb_read_u32(&r), 8);
    fb_text_hex(&text, build->age, 1);
}

static bool all_zero(struct fb_span bytes)
{
    for (size_t i = 0; i < bytes.n; i++)
        if (bytes.p[i] != 0)
            return false;
    return true;
}

void fb_elf_debug_id(struct fb_span build_id, char out[FB_DEBUG_ID_ROOM])
{
    uint8_t guid[GUID_SIZE] = {0};
    if (build_id.n != 0)
        memcpy(guid, build_id.p, build_id.n < GUID_SIZE ? build_id.n : GUID_SIZE);
    out[0] = 0;
    if (!all_zero(build_id))
        print_guid(guid, false, 0, out);
}

void fb_build_debug_id(const struct fb_build *build, char out[FB_DEBUG_ID_ROOM])
{
    out[0] = 0;
    if (build->id.n == 0)
        return;
    if (build->kind == FB_CODEVIEW_PDB70)
        print_guid(build->id.p, build->big, build->age, out);
    else if (build->kind == FB_CODEVIEW_PDB20)
        print_timestamp(build, out);
    else
        fb_elf_debug_id(build->id, out);
}

bool fb_same_build(const struct fb_build *a, const struct fb_build *b)
{
    return a->kind == b->kind && a->big == b->big && a->age == b->age && a->id.n == b->id.n &&
           (a->id.n == 0 || memcmp(a->id.p, b->id.p, a->id.n) == 0);
}

void fb_elf_code_id(struct fb_span build_id, char out[FB_CODE_ID_ROOM])
{
    fb_hex(build_id.p, build_id.n < FB_BUILD_ID_MAX ? build_id.n : FB_BUILD_ID_MAX, out);
}

void fb_pe_code_id(uint32_t timestamp, uint64_t size, char out[FB_CODE_ID_ROOM])
{
    struct fb_text text = fb_text_over(out, FB_CODE_ID_ROOM);
    fb_text_hex(&text, timestamp, 8);
    fb_text_hex(&text, size, 1);
}

static const char *age_of(const char *debug_id)
{
    size_t n = strlen(debug_id);
    const char *age = debug_id + (n < (size_t)2 * GUID_SIZE ? n : (size_t)2 * GUID_SIZE);
    while (age[0] == '0' && age[1] != 0)
        age++;
    return age;
}

bool fb_same_debug_id(const char *a, const char *b)
{
    return strncasecmp(a, b, (size_t)2 * GUID_SIZE) == 0 &&
           strcasecmp(age_of(a), age_of(b)) == 0;
}

/* --- CodeView records --------------------------------------------------------------- */

static void read_rsds(struct fb_reader *r, struct fb_codeview *out)
{
    struct fb_span guid = fb_read_bytes(r, GUID_SIZE);
    out->build.age = fb_read_u32(r);
    out->build.id = all_zero(guid) ? (struct fb_span){0} : guid;
}

static void read_nb10(struct fb_reader *r, struct fb_codeview *out)
{
    fb_read_skip(r, 4); // offset of the debug data: 0 when it is a file
    out->build.id = fb_read_bytes(r, 4);
    out->build.age = fb_read_u32(r);
}

static void read_lepb(struct fb_reader *r, struct fb_codeview *out)
{
    struct fb_span id = fb_read_bytes(r, r->in.n - r->at);
    if (id.n == 0 || id.n > FB_BUILD_ID_MAX)
        r->err = FB_FAIL(MALFORMED, "a build id of impossible length", r->in.off);
    out->build.id = all_zero(id) ? (struct fb_span){0} : id;
}

/* Behind the signature. */
static void read_record(struct fb_reader *r, uint32_t signature, struct fb_codeview *out)
{
    switch (signature) {
    case RSDS:
        out->build.kind = FB_CODEVIEW_PDB70;
        read_rsds(r, out);
        break;
    case NB10:
        out->build.kind = FB_CODEVIEW_PDB20;
        read_nb10(r, out);
        break;
    case LEPB:
        out->build.kind = FB_CODEVIEW_ELF;
        read_lepb(r, out);
        break;
    default:
        break;
    }
}

struct fb_err fb_codeview_read(struct fb_span record, bool big, struct fb_codeview *out)
{
    struct fb_reader r = {.in = record, .big = big};
    struct fb_codeview got = {.build.big = big};
    read_record(&r, fb_read_u32(&r), &got);
    if (fb_failed(r.err))
        return r.err;
    got.name = fb_span_clip(record, r.at, UINT64_MAX);
    *out = got;
    return FB_NO_ERR;
}
