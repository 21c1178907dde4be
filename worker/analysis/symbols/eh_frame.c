/*
 * worker/analysis/symbols/eh_frame.c -- the entries of .eh_frame, and the values in them.
 */
#include "symbols/eh_frame.h"

#include "symbols/leb128.h"

enum { FORMAT = 0x0F, APPLICATION = 0x70 };

static void refuse(struct fb_eh_reader *r, const char *what)
{
    if (!fb_failed(r->r.err))
        r->r.err = FB_FAIL(MALFORMED, what, r->r.in.off + r->r.at);
}

static struct fb_eh_reader reader_at(const struct fb_image *image, uint64_t rva, size_t n)
{
    return (struct fb_eh_reader){
        .r = {.in = fb_image_at(image, rva, n), .big = image->big},
        .image = image,
        .rva = rva,
        .data = FB_NOWHERE
    };
}

/* --- values ------------------------------------------------------------------------- */

size_t fb_eh_word(const struct fb_image *image) { return fb_reg_names(image->arch)->word; }

static uint64_t in_word(const struct fb_image *image, uint64_t v)
{
    return fb_eh_word(image) == sizeof(uint32_t) ? (uint32_t)v : v;
}

/* An address as the linker has it, or as the loader has left it in the process. */
static uint64_t from_linked(const struct fb_image *image, uint64_t address)
{
    uint64_t rva = in_word(image, address - image->base);
    if (image->memory != NULL && rva < image->size)
        return rva;
    return in_word(image, address - image->preferred_base);
}

static uint64_t read_signed(struct fb_eh_reader *r, size_t n)
{
    uint64_t v = fb_read_le(&r->r, n), sign = UINT64_C(1) << ((8 * n - 1) & 63);
    return (v ^ sign) - sign;
}

/* What is written, whatever it counts from. */
static uint64_t read_value(struct fb_eh_reader *r, uint8_t encoding)
{
    switch (encoding & FORMAT) {
    case FB_EH_ABSPTR:
        return fb_read_le(&r->r, fb_eh_word(r->image));
    case FB_EH_ULEB128:
        return fb_read_uleb(&r->r);
    case FB_EH_UDATA2:
        return fb_read_u16(&r->r);
    case FB_EH_UDATA4:
        return fb_read_u32(&r->r);
    case FB_EH_UDATA8:
    case FB_EH_SDATA8:
        return fb_read_u64(&r->r);
    case FB_EH_SIGNED:
        return read_signed(r, fb_eh_word(r->image));
    case FB_EH_SLEB128:
        return (uint64_t)fb_read_sleb(&r->r);
    case FB_EH_SDATA2:
        return read_signed(r, 2);
    case FB_EH_SDATA4:
        return read_signed(r, 4);
    default:
        refuse(r, "an encoding of addresses in .eh_frame that we do not know");
        return 0;
    }
}

static void align(struct fb_eh_reader *r, uint8_t encoding)
{
    size_t word = fb_eh_word(r->image);
    if ((encoding & APPLICATION) == FB_EH_ALIGNED)
        fb_read_skip(&r->r, (size_t)(-(r->rva + r->r.at) & (word - 1)));
}

static uint64_t count_from(struct fb_eh_reader *r, uint8_t encoding, uint64_t at, uint64_t v)
{
    switch (encoding & APPLICATION) {
    case FB_EH_ABSPTR:
    case FB_EH_ALIGNED:
        return from_linked(r->image, v);
    case FB_EH_PCREL:
        return in_word(r->image, at + v);
    case FB_EH_DATAREL:
        if (r->data == FB_NOWHERE)
            refuse(r, "an address in .eh_frame that counts from a place that nobody names");
        return in_word(r->image, r->data + v);
    case FB_EH_TEXTREL:
        refuse(r, "an address in .eh_frame that counts from the text segment");
        return 0;
    default:
        refuse(r, "an address in .eh_frame that counts from what we do not know");
        return 0;
    }
}

static uint64_t follow(struct fb_eh_reader *r, uint64_t rva)
{
    struct fb_eh_reader there = reader_at(r->image, rva, fb_eh_word(r->image));
    uint64_t address = fb_read_le(&there.r, fb_eh_word(r->image));
    if (fb_failed(there.r.err))
        refuse(r, "an address in .eh_frame whose place is not at hand");
    return from_linked(r->image, address);
}

uint64_t fb_eh_address(struct fb_eh_reader *r, uint8_t encoding, bool *null)
{
    align(r, encoding);
    uint64_t at = r->rva + r->r.at;
    uint64_t v = read_value(r, encoding);
    *null = v == 0;
    v = count_from(r, encoding, at, v);
    if ((encoding & FB_EH_INDIRECT) != 0 && !*null && !fb_failed(r->r.err))
        v = follow(r, v);
    return fb_failed(r->r.err) ? 0 : v;
}

/* --- entries ------------------------------------------------------------------------ */

struct fb_err fb_eh_read_entry(const struct fb_image *image, uint64_t rva,
                               struct fb_eh_entry *out)
{
    struct fb_eh_reader r = reader_at(image, rva, 4 + 8);
    uint64_t n = fb_read_u32(&r.r);
    if (n == UINT32_MAX)
        n = fb_read_u64(&r.r);
    if (fb_failed(r.r.err))
        return r.r.err;
    uint64_t begin = rva + r.r.at;
    if (n > UINT64_MAX - begin)
        return FB_FAIL(MALFORMED, "an entry of .eh_frame that wraps", r.r.in.off);
    *out = (struct fb_eh_entry){.next = begin + n, .ends = n == 0, .id_at = begin};
    if (n > FB_EH_ENTRY_MAX)
        return FB_FAIL(LIMIT, "an entry of .eh_frame that is too long", r.r.in.off);
    if (n == 0)
        return FB_NO_ERR;
    out->body = reader_at(image, begin, (size_t)n);
    out->id = fb_read_u32(&out->body.r);
    if (out->body.r.in.n < n)
        return FB_FAIL(TRUNCATED, "an entry of .eh_frame that is not all there", r.r.in.off);
    return out->body.r.err;
}

static struct fb_eh_program rest(const struct fb_eh_reader *r)
{
    return (struct fb_eh_program){fb_span_clip(r->r.in, r->r.at, SIZE_MAX), r->rva + r->r.at};
}

static void read_letter(struct fb_eh_reader *r, uint8_t letter, struct fb_eh_cie *cie)
{
    uint8_t personality;
    switch (letter) {
    case 'R':
        cie->addresses = fb_read_u8(&r->r);
        return;
    case 'P':
        personality = fb_read_u8(&r->r);
        align(r, personality);
        (void)read_value(r, personality);
        return;
    case 'L':
        fb_read_skip(&r->r, 1);
        return;
    case 'S':
        cie->signal = true;
        return;
    case 'B':
        cie->b_key = true;
        return;
    case 'G': // ARM64: the frame's memory is tagged
        return;
    default:
        refuse(r, "an augmentation of .eh_frame that we do not know");
    }
}

static void read_augmentation(struct fb_eh_reader *r, struct fb_span letters,
                              struct fb_eh_cie *cie)
{
    cie->sized = letters.n > 0 && letters.p[0] == 'z';
    if (!cie->sized)
        return;
    uint64_t n = fb_read_uleb(&r->r);
    struct fb_eh_reader in = *r;
    in.r.in = fb_span_clip(r->r.in, 0, n < r->r.in.n - r->r.at ? r->r.at + n : r->r.in.n);
    for (size_t i = 1; i < letters.n; i++)
        read_letter(&in, letters.p[i], cie);
    fb_read_skip(&r->r, n < SIZE_MAX ? (size_t)n : SIZE_MAX);
    if (!fb_failed(r->r.err))
        r->r.err = in.r.err;
}

static struct fb_span read_letters(struct fb_eh_reader *r)
{
    size_t from = r->r.at, n = 0;
    while (n <= FB_EH_LETTERS_MAX && fb_read_u8(&r->r) != 0)
        n++;
    if (n > FB_EH_LETTERS_MAX)
        refuse(r, "an augmentation of .eh_frame that is too long");
    return fb_span_clip(r->r.in, from, n);
}

/* Version 2 never was; 4 says how long an address is, and that there are no segments. */
static void read_version(struct fb_eh_reader *r, struct fb_eh_cie *cie, struct fb_span *letters)
{
    cie->version = fb_read_u8(&r->r);
    *letters = read_letters(r);
    if (cie->version != 1 && cie->version != 3 && cie->version != 4)
        refuse(r, "a version of .eh_frame that we do not know");
    if (cie->version == 4 && (fb_read_u8(&r->r) != fb_eh_word(r->image) || fb_read_u8(&r->r)))
        refuse(r, "addresses in .eh_frame that are no word long");
    bool old = letters->n == 2 && memcmp(letters->p, "eh", 2) == 0; // gcc 2
    if (old)
        fb_read_skip(&r->r, fb_eh_word(r->image));
    else if (letters->n != 0 && letters->p[0] != 'z')
        refuse(r, "an augmentation of .eh_frame that we do not know");
}

static struct fb_err read_cie(const struct fb_image *image, uint64_t rva, struct fb_eh_cie *out)
{
    struct fb_eh_entry e;
    struct fb_span letters;
    struct fb_err err = fb_eh_read_entry(image, rva, &e);
    if (fb_failed(err))
        return err;
    if (e.ends || e.id != 0)
        return FB_FAIL(MALFORMED, "an FDE whose CIE is none", e.body.r.in.off);
    struct fb_eh_cie cie = {.rva = rva};
    read_version(&e.body, &cie, &letters);
    cie.code_align = fb_read_uleb(&e.body.r);
    cie.data_align = fb_read_sleb(&e.body.r);
    cie.return_column = cie.version == 1 ? fb_read_u8(&e.body.r) : fb_read_uleb(&e.body.r);
    read_augmentation(&e.body, letters, &cie);
    cie.program = rest(&e.body);
    if (!fb_failed(e.body.r.err))
        *out = cie;
    return e.body.r.err;
}

struct fb_err fb_eh_read_body(const struct fb_image *image, struct fb_eh_entry *e,
                              const struct fb_eh_cie *known, struct fb_eh_fde *out)
{
    uint64_t at = e->id_at - e->id;
    struct fb_eh_fde fde = {0};
    struct fb_err err = FB_NO_ERR;
    if (known != NULL && known->rva == at)
        fde.cie = *known;
    else
        err = read_cie(image, at, &fde.cie);
    if (fb_failed(err))
        return err;
    struct fb_eh_reader *r = &e->body;
    fde.begin = fb_eh_address(r, fde.cie.addresses, &fde.discarded);
    fde.size = in_word(image, read_value(r, fde.cie.addresses));
    if (fde.cie.sized) {
        uint64_t n = fb_read_uleb(&r->r);
        fb_read_skip(&r->r, n < SIZE_MAX ? (size_t)n : SIZE_MAX);
    }
    fde.program = rest(r);
    if (!fb_failed(r->r.err))
        *out = fde;
    return r->r.err;
}

struct fb_err fb_eh_read_fde(const struct fb_image *image, uint64_t rva, struct fb_eh_fde *out)
{
    struct fb_eh_entry e;
    struct fb_err err = fb_eh_read_entry(image, rva, &e);
    if (fb_failed(err))
        return err;
    if (e.ends || e.id == 0)
        return FB_FAIL(MALFORMED, "no FDE where there should be one", e.body.r.in.off);
    return fb_eh_read_body(image, &e, NULL, out);
}
