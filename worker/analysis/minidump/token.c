/*
 * worker/analysis/minidump/token.c -- the rights that the process, or a thread, ran with.
 *
 * The header is documented, what an element holds is not. Folklore: in what dbghelp writes, the
 * element's header names seven parts, each { offset from the element, size }, and a SID is
 * meant by its offset from its own part:
 *
 *   list     size | elements | size of this header (16) | size of an element's header (72)
 *   element  size | id | handle (8) | type | user | groups | primary group | privileges |
 *            statistics | ?
 *   user     offset of SID | attributes
 *   groups   n | { offset of SID, attributes } ...
 *   SID      revision 1 | n | authority (6, most significant first) | n numbers
 *
 * A report must not name a person. Of the user's SID only what is the same on every machine is
 * kept; the part that identifies a machine or domain, and a person in it, is left out.
 */
#include "minidump/parts.h"

enum {
    LIST_HEADER = 16,
    ELEMENT_HEADER = 16,
    PARTS_HEADER = ELEMENT_HEADER + 7 * 8,
    GROUPS_MAX = 4096,
    SID_NUMBERS_MAX = 15,
};
enum { AUTHORITY_NT = 5, AUTHORITY_LABEL = 16 };
enum { OF_A_DOMAIN = 21, FIRST_OF_PEOPLE = 1000 };
enum { BUILTIN = 32, ADMINISTRATORS = 544, GROUP_ENABLED = 4, GROUP_DENY_ONLY = 0x10 };
enum { TOKEN_IMPERSONATION = 2 };

struct sid {
    uint64_t authority;
    uint32_t n, v[SID_NUMBERS_MAX];
};

static bool read_sid(const struct fb_md *m, struct fb_span part, uint32_t offset,
                     struct sid *out)
{
    struct fb_reader r = fb_md_reader(m, fb_span_clip(part, offset, UINT64_MAX));
    uint8_t revision = fb_read_u8(&r);
    *out = (struct sid){.n = fb_read_u8(&r)};
    for (int i = 0; i < 6; i++)
        out->authority = out->authority << 8 | fb_read_u8(&r);
    if (revision != 1 || out->n == 0 || out->n > SID_NUMBERS_MAX)
        return false;
    for (uint32_t i = 0; i < out->n; i++)
        out->v[i] = fb_read_u32(&r);
    return !fb_failed(r.err);
}

static const char *sid_text(struct fb_md *m, const struct sid *sid)
{
    char room[256];
    struct fb_text text = fb_text_over(room, sizeof room);
    bool personal = sid->authority != AUTHORITY_NT || sid->v[0] == OF_A_DOMAIN;
    fb_text_format(&text, "S-1-%llu-%u", (unsigned long long)sid->authority, sid->v[0]);
    uint32_t last = sid->v[sid->n - 1];
    if (personal && sid->n > 1)
        fb_text_str(&text, "-*");
    for (uint32_t i = 1; i < sid->n && !personal; i++)
        fb_text_format(&text, "-%u", sid->v[i]);
    if (personal && sid->n > 1 && last < FIRST_OF_PEOPLE) // 500 is the administrator everywhere
        fb_text_format(&text, "-%u", last);
    return fb_md_keep(m, &text);
}

static void read_user(struct fb_md *m, struct fb_span part, struct fb_token *token)
{
    struct fb_reader r = fb_md_reader(m, part);
    struct sid sid;
    if (read_sid(m, part, fb_read_u32(&r), &sid))
        token->user = sid_text(m, &sid);
    else
        fb_note(m->notes, FB_NOTE_BAD_ITEM, "the user of a token cannot be read", part.off);
}

static void read_groups(struct fb_md *m, struct fb_span part, struct fb_token *token)
{
    struct fb_reader r = fb_md_reader(m, part);
    uint32_t claimed = fb_read_u32(&r);
    size_t n = fb_md_room(m, &r, claimed, 8, GROUPS_MAX);
    token->n_groups = claimed;
    for (size_t i = 0; i < n; i++) {
        uint32_t offset = fb_read_u32(&r);
        uint32_t attributes = fb_read_u32(&r);
        struct sid sid;
        if (!read_sid(m, part, offset, &sid))
            continue;
        if (sid.authority == AUTHORITY_LABEL && sid.n == 1)
            token->integrity = sid.v[0];
        if (sid.authority == AUTHORITY_NT && sid.n == 2 && sid.v[0] == BUILTIN &&
            sid.v[1] == ADMINISTRATORS)
            token->administrator =
                (attributes & GROUP_ENABLED) != 0 && (attributes & GROUP_DENY_ONLY) == 0;
    }
}

static uint32_t first_number(const struct fb_md *m, struct fb_span part)
{
    struct fb_reader r = fb_md_reader(m, part);
    return fb_read_u32(&r);
}

static void read_parts(struct fb_md *m, struct fb_span element, struct fb_token *token)
{
    enum { TYPE, USER, GROUPS, PRIMARY_GROUP, PRIVILEGES, PARTS };
    struct fb_reader r = fb_md_reader(m, element);
    fb_read_skip(&r, ELEMENT_HEADER);
    struct fb_span part[PARTS];
    for (size_t i = 0; i < PARTS; i++) {
        uint32_t offset = fb_read_u32(&r);
        part[i] = fb_span_sub(element, offset, fb_read_u32(&r));
    }
    token->impersonation = first_number(m, part[TYPE]) == TOKEN_IMPERSONATION;
    token->n_privileges = first_number(m, part[PRIVILEGES]);
    if (part[USER].n != 0)
        read_user(m, part[USER], token);
    if (part[GROUPS].n != 0)
        read_groups(m, part[GROUPS], token);
}

/* One element. False when its size is impossible: then none can be found behind it. */
static bool read_token(struct fb_md *m, struct fb_reader *r, uint32_t header,
                       struct fb_token *token)
{
    struct fb_reader head = {.in = fb_span_clip(r->in, r->at, UINT64_MAX), .big = r->big};
    uint32_t size = fb_read_u32(&head);
    *token = (struct fb_token){.id = fb_read_u32(&head), .integrity = UINT32_MAX};
    token->handle = fb_read_u64(&head);
    struct fb_span element =
        size >= ELEMENT_HEADER ? fb_read_bytes(r, size) : (struct fb_span){0};
    if (element.n == 0 || fb_failed(head.err))
        return false;
    if (header >= PARTS_HEADER)
        read_parts(m, element, token);
    return true;
}

struct fb_err fb_md_tokens(struct fb_md *m, struct fb_md_stream s)
{
    struct fb_reader r = fb_md_reader(m, s.bytes);
    fb_read_skip(&r, 4); // size of the list
    uint32_t claimed = fb_read_u32(&r);
    uint32_t list_header = fb_read_u32(&r);
    uint32_t header = fb_read_u32(&r);
    if (fb_failed(r.err))
        return r.err;
    if (list_header < LIST_HEADER || list_header > s.bytes.n || header < ELEMENT_HEADER)
        return FB_FAIL(MALFORMED, "tokens whose headers have impossible sizes", s.bytes.off);
    r.at = list_header;
    size_t n = fb_md_room(m, &r, claimed, ELEMENT_HEADER, FB_MD_TOKENS_MAX);
    struct fb_token *v = FB_MD_NEW(m, struct fb_token, n);
    size_t kept = 0;
    while (kept < n && !m->full && read_token(m, &r, header, &v[kept]))
        kept++;
    if (kept < n && !m->full)
        fb_note(m->notes, FB_NOTE_BAD_ITEM, "a token cannot be read", r.in.off + r.at);
    m->dump->tokens = v;
    m->dump->n_tokens = m->full ? 0 : kept;
    return FB_NO_ERR;
}
