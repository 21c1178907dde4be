/*
 * tests/unit/test_eh_frame.c -- .eh_frame: every encoding of an address, every shape of an
 * entry, both tables, and what a hostile section may claim.
 */
#include "support/check.h"
#include "support/eh_gen.h"

static uint8_t room[1 << 16];
#define R3(v) v, v, v
#define R4(v) v, v, v, v

/* --- addresses ---------------------------------------------------------------------- */

/* The value stands at EH_AT + 3; what counts from data, counts from 0x5000. */
// clang-format off
static const struct {
    const char *name;
    enum fb_arch arch;
    uint8_t encoding, n, bytes[20];
    uint64_t want;
    enum fb_code fails;
} addresses[] = {
    {"absptr 64", FB_AMD64, 0x00, 8, {0, 0x20, 0x40}, 0x2000, FB_OK},
    {"absptr 32", FB_X86, 0x00, 4, {0, 0x20, 0x40}, 0x2000, FB_OK},
    {"absptr below", FB_X86, 0x00, 4, {0, 0, 0x3F}, 0xFFFF0000, FB_OK},
    {"uleb128", FB_AMD64, 0x01, 4, {0x80, 0xC0, 0x80, 0x02}, 0x2000, FB_OK},
    {"uleb128 padded", FB_AMD64, 0x01, 7,
     {0x80, 0xC0, 0x80, 0x82, 0x80, 0x80, 0}, 0x2000, FB_OK},
    {"uleb128 too long", FB_AMD64, 0x01, 20,
     {R4(0x80), R4(0x80), R4(0x80), R4(0x80), 1}, 0, FB_MALFORMED},
    {"udata2, pcrel", FB_AMD64, 0x12, 2, {0xFD, 0x0F}, 0x2000, FB_OK},
    {"udata4", FB_AMD64, 0x03, 4, {0, 0x20, 0x40}, 0x2000, FB_OK},
    {"udata4, pcrel", FB_AMD64, 0x13, 4, {0xFD, 0x0F}, 0x2000, FB_OK},
    {"udata8", FB_X86, 0x04, 8, {0, 0x20, 0x40}, 0x2000, FB_OK},
    {"signed 64", FB_AMD64, 0x18, 8, {0xFD, 0x0F}, 0x2000, FB_OK},
    {"signed 32", FB_X86, 0x18, 4, {0xFD, R3(0xFF)}, 0x1000, FB_OK},
    {"sleb128", FB_AMD64, 0x19, 1, {0x7D}, 0x1000, FB_OK},
    {"sleb128 of 64", FB_AMD64, 0x19, 10, {0xFD, R4(0xFF), R4(0xFF), 0x7F}, 0x1000, FB_OK},
    {"sdata2, back", FB_AMD64, 0x1A, 2, {0xFD, 0xFF}, 0x1000, FB_OK},
    {"sdata4, back", FB_AMD64, 0x1B, 4, {0xFD, R3(0xFF)}, 0x1000, FB_OK},
    {"sdata4, wraps", FB_X86, 0x1B, 4, {0xFC, 0xEF, 0xFF, 0xFF}, 0xFFFFFFFF, FB_OK},
    {"sdata8, back", FB_AMD64, 0x1C, 8, {0xFD, R3(0xFF), R4(0xFF)}, 0x1000, FB_OK},
    {"datarel", FB_AMD64, 0x3B, 4, {0, 1}, 0x5100, FB_OK},
    {"textrel", FB_AMD64, 0x2B, 4, {0, 1}, 0, FB_MALFORMED},
    {"funcrel", FB_AMD64, 0x4B, 4, {0, 1}, 0, FB_MALFORMED},
    {"aligned 64", FB_AMD64, 0x50, 13, {R4(9), 9, 0, 0x20, 0x40}, 0x2000, FB_OK},
    {"aligned 32", FB_X86, 0x50, 5, {9, 0, 0x20, 0x40}, 0x2000, FB_OK},
    {"indirect", FB_X86, 0x9B, 8, {4, 0, 0, 0, 0, 0x20, 0x40, 0}, 0x2000, FB_OK},
    {"indirect to far", FB_X86, 0x9B, 4, {0, 0, 1}, 0, FB_MALFORMED},
    {"indirect null", FB_X86, 0x9B, 4, {0}, 0x1003, FB_OK},
    {"unknown format", FB_AMD64, 0x15, 8, {0}, 0, FB_MALFORMED},
    {"unknown place", FB_AMD64, 0x7B, 8, {0}, 0, FB_MALFORMED},
    {"omitted", FB_AMD64, 0xFF, 8, {0}, 0, FB_MALFORMED},
    {"cut", FB_AMD64, 0x1B, 2, {0xFD, 0xFF}, 0, FB_TRUNCATED},
};
// clang-format on

static void test_addresses(void)
{
    for (size_t i = 0; i < COUNT(addresses); i++) {
        static struct eh_gen g;
        bool null;
        eh_open(&g, addresses[i].arch);
        eh_put(&g, 0, 3);
        eh_bytes(&g, addresses[i].bytes, addresses[i].n);
        const struct fb_image *image = eh_image(&g);
        struct fb_eh_reader r = {
            .r = {.in = fb_image_at(image, EH_AT, EH_ROOM), .at = 3},
            .image = image,
            .rva = EH_AT,
            .data = 0x5000
        };
        uint64_t got = fb_eh_address(&r, addresses[i].encoding, &null);
        CHECK(addresses[i].name, r.r.err.code == addresses[i].fails);
        CHECK(addresses[i].name, got == addresses[i].want);
        CHECK(addresses[i].name, fb_failed(r.r.err) || r.r.at <= 3u + addresses[i].n);
        r.r.at = 3;
        r.r.err = FB_NO_ERR;
        r.data = FB_NOWHERE;
        (void)fb_eh_address(&r, FB_EH_DATAREL | FB_EH_UDATA2, &null);
        CHECK("data without a place", fb_failed(r.r.err));
        eh_close(&g);
    }
}

/* --- entries ------------------------------------------------------------------------ */

// clang-format off
static const struct {
    const char *name, *letters;
    uint8_t version;
    uint8_t n, augmentation[12]; // with its size
    enum fb_code fails;
    bool signal, b_key;
} cies[] = {
    {"plain", "", 1, 0, {0}, FB_OK, false, false},
    {"version 3", "", 3, 0, {0}, FB_OK, false, false},
    {"version 4", "", 4, 0, {0}, FB_OK, false, false},
    {"version 2", "", 2, 0, {0}, FB_MALFORMED, false, false},
    {"version 5", "", 5, 0, {0}, FB_MALFORMED, false, false},
    {"old gcc", "eh", 1, 0, {0}, FB_OK, false, false},
    {"sized, empty", "z", 1, 1, {0}, FB_OK, false, false},
    {"addresses", "zR", 1, 2, {1, 0x00}, FB_OK, false, false},
    {"all letters", "zPLRS", 1, 8, {7, 0x1B, 1, 2, 3, 4, 0x1B}, FB_OK, true, false},
    {"personality aligned", "zPR", 1, 12, {11, 0x50, 0, 0, 0, 0}, FB_OK, false, false},
    {"personality from text", "zPR", 1, 7, {6, 0x2B, 1, 2, 3, 4, 0}, FB_OK, false, false},
    {"signed with the B key", "zRB", 1, 2, {1, 0x00}, FB_OK, false, true},
    {"tagged", "zRG", 1, 2, {1, 0x00}, FB_OK, false, false},
    {"a letter more", "zRX", 1, 2, {1, 0x00}, FB_MALFORMED, false, false},
    {"no size", "R", 1, 1, {0}, FB_MALFORMED, false, false},
    {"size runs out", "zR", 1, 2, {0x7F, 0}, FB_TRUNCATED, false, false},
    {"size 0, yet letters", "zR", 1, 1, {0}, FB_TRUNCATED, false, false},
    {"size of 2^63", "z", 1, 10, {R4(0x80), R4(0x80), 0x80, 1}, FB_TRUNCATED, false, false},
    {"letters without an end", "zSSSSSSSSSSSSSSSSSSSSSSS", 1, 1,
     {0}, FB_MALFORMED, false, false},
};
// clang-format on

static void test_cies(void)
{
    static const uint8_t nops[16];
    for (size_t i = 0; i < COUNT(cies); i++) {
        static struct eh_gen g;
        struct fb_eh_fde fde = {0};
        eh_open(&g, FB_X86);
        size_t from = eh_cie_begin(&g, cies[i].version, cies[i].letters, 8);
        eh_bytes(&g, cies[i].augmentation, cies[i].n);
        eh_bytes(&g, nops, 3);
        eh_end(&g, from);
        uint64_t at = eh_here(&g);
        from = eh_begin(&g);
        eh_put(&g, eh_here(&g) - EH_AT, 4);
        eh_put(&g, EH_BASE + 0x2000, 4);
        eh_put(&g, 0x100, 4);
        eh_bytes(&g, nops, 5);
        eh_end(&g, from);
        struct fb_err err = fb_eh_read_fde(eh_image(&g), at, &fde);
        CHECK(cies[i].name, err.code == cies[i].fails);
        CHECK(cies[i].name, fde.cie.signal == cies[i].signal && fde.cie.b_key == cies[i].b_key);
        if (!fb_failed(err)) {
            CHECK(cies[i].name, fde.cie.version == cies[i].version);
            CHECK(cies[i].name, fde.cie.code_align == 1 && fde.cie.data_align == -4);
            CHECK(cies[i].name, fde.cie.return_column == 8);
            CHECK(cies[i].name, fde.size == 0x100 && fde.cie.program.bytes.n == 3);
            CHECK(cies[i].name, fde.program.bytes.n == 5u - fde.cie.sized);
            CHECK(cies[i].name, fde.program.rva == eh_here(&g) - fde.program.bytes.n);
        }
        eh_close(&g);
    }
}

/* --- look-up ------------------------------------------------------------------------ */

/* Functions of 0x40 bytes, one every 0x100, written last first. */
enum { FUNCTIONS = 40 };

static void put_functions(struct eh_gen *g, bool header)
{
    uint64_t at[FUNCTIONS], cie = eh_cie(g, "zR", 16, "", 1);
    for (size_t i = FUNCTIONS; i-- > 0;)
        at[i] = eh_fde(g, cie, 0x20000 + 0x100 * i, 0x40, "", 1);
    eh_put(g, 0, 4);
    uint64_t hdr = eh_here(g);
    if (!header)
        return;
    eh_put(g, 0x3B031B01, 4);
    eh_put(g, EH_AT - eh_here(g), 4);
    eh_put(g, FUNCTIONS, 4);
    for (size_t i = 0; i < FUNCTIONS; i++) {
        eh_put(g, 0x20000 + 0x100 * i - hdr, 4);
        eh_put(g, at[i] - hdr, 4);
    }
    g->image.eh_frame_hdr = (struct fb_image_part){hdr, eh_here(g) - hdr};
}

static struct fb_err index_of(const struct fb_image *image, struct fb_eh_index *out)
{
    struct fb_arena arena = {.base = room, .cap = sizeof room};
    size_t entries = 1000;
    return fb_eh_index(image, &entries, &arena, out);
}

static void all_are_found(const char *name, const struct fb_image *image,
                          const struct fb_eh_index *index)
{
    struct fb_eh_fde fde;
    for (uint64_t i = 0; i < FUNCTIONS; i++)
        for (uint64_t k = 0; k < 0x100; k += 0x3F) {
            struct fb_err err = fb_eh_find(image, index, 0x20000 + 0x100 * i + k, &fde);
            CHECK(name, err.code == (k < 0x40 ? FB_OK : FB_UNAVAILABLE));
            CHECK(name, fb_failed(err) || fde.begin == 0x20000 + 0x100 * i);
        }
    CHECK(name, fb_eh_find(image, index, 0x1FFFF, &fde).code == FB_UNAVAILABLE);
    CHECK(name, fb_eh_find(image, index, UINT64_MAX, &fde).code == FB_UNAVAILABLE);
}

static void test_tables(void)
{
    static struct eh_gen g;
    struct fb_eh_index index = {0};
    eh_open(&g, FB_AMD64);
    put_functions(&g, false);
    const struct fb_image *image = eh_image(&g);
    CHECK("ours", !fb_failed(index_of(image, &index)) && index.n == FUNCTIONS);
    CHECK("ours", index.rows != NULL && index.odd == NULL);
    all_are_found("ours", image, &index);
    eh_close(&g);

    eh_open(&g, FB_AMD64);
    put_functions(&g, true);
    image = eh_image(&g);
    CHECK("the linker's", !fb_failed(index_of(image, &index)) && index.n == FUNCTIONS);
    CHECK("the linker's", index.rows == NULL);
    all_are_found("the linker's", image, &index);
    g.image.eh_frame.size = 0; // as of an image whose sections nobody names
    g.exact[g.image.eh_frame_hdr.rva - EH_AT + 2] = FB_EH_OMIT;
    CHECK("no count", !fb_failed(index_of(image, &index)) && index.n == FUNCTIONS);
    CHECK("no count", index.rows != NULL && index.odd == NULL);
    all_are_found("no count", image, &index);
    g.exact[g.image.eh_frame_hdr.rva - EH_AT] = 2;
    CHECK("unknown version", index_of(image, &index).code == FB_MALFORMED);
    eh_close(&g);
}

/* The process may have moved the image: what is absolute, the loader has changed. */
static void test_mapped(void)
{
    static struct eh_gen g;
    struct fb_eh_index index = {0};
    struct fb_eh_fde fde;
    eh_open(&g, FB_X86);
    size_t from = eh_cie_begin(&g, 1, "", 8);
    eh_end(&g, from);
    for (uint64_t moved = 0; moved < 2; moved++) {
        from = eh_begin(&g);
        eh_put(&g, eh_here(&g) - EH_AT, 4);
        eh_put(&g, (moved != 0 ? 0x6AB04000U : EH_BASE + 0x3000U), 4);
        eh_put(&g, 0x20, 4);
        eh_end(&g, from);
    }
    const struct fb_image *image = eh_image(&g);
    struct fb_region region = {
        0x6AB00000 + EH_AT, {g.exact, g.n, 0}
    };
    struct fb_memory memory = {&region, 1, g.n, false};
    g.image.memory = &memory;
    g.image.base = 0x6AB00000;
    CHECK("mapped", !fb_failed(index_of(image, &index)) && index.n == 2);
    CHECK("as linked", !fb_failed(fb_eh_find(image, &index, 0x301F, &fde)));
    CHECK("as moved", !fb_failed(fb_eh_find(image, &index, 0x401F, &fde)));
    g.image.memory = NULL;
    eh_close(&g);
}

/* --- what is hostile ---------------------------------------------------------------- */

static void length_beyond(struct eh_gen *g) { eh_put(g, 0x7FFFFFF0, 4); }
static void length_wraps(struct eh_gen *g)
{
    eh_put(g, UINT32_MAX, 4);
    eh_put(g, UINT64_MAX - 4, 8);
}
static void length_back(struct eh_gen *g)
{
    eh_put(g, UINT32_MAX, 4);
    eh_put(g, 0 - eh_here(g) - 8 + EH_AT, 8);
}
static void its_own_cie(struct eh_gen *g)
{
    eh_put(g, 12, 4);
    eh_put(g, 4, 4);
    eh_put(g, 0x4000, 8);
}
static void cie_far_away(struct eh_gen *g)
{
    eh_put(g, 12, 4);
    eh_put(g, 0x7FFFFFFF, 4);
    eh_put(g, 0x4000, 8);
}
static void half_a_length(struct eh_gen *g) { eh_put(g, 1, 2); }
static void too_short(struct eh_gen *g) { eh_put(g, 0x00000100000002, 7); }
static void many_marks(struct eh_gen *g)
{
    while (g->n < 8192)
        eh_put(g, 0, 4);
}

static const struct {
    const char *name;
    void (*put)(struct eh_gen *g);
} hostile[] = {
    {"a length far beyond the section", length_beyond},
    {"a length that wraps",             length_wraps },
    {"a length that leads back",        length_back  },
    {"an FDE that is its own CIE",      its_own_cie  },
    {"a CIE outside of everything",     cie_far_away },
    {"half a length",                   half_a_length},
    {"shorter than its id",             too_short    },
    {"more marks than we look at",      many_marks   },
};

static void test_hostile(void)
{
    for (size_t i = 0; i < COUNT(hostile); i++) {
        static struct eh_gen g;
        struct fb_eh_index index = {0};
        struct fb_eh_fde fde;
        eh_open(&g, FB_AMD64);
        uint64_t cie = eh_cie(&g, "zR", 16, "", 1);
        eh_fde(&g, cie, 0x20000, 0x40, "", 1);
        hostile[i].put(&g);
        const struct fb_image *image = eh_image(&g);
        CHECK(hostile[i].name, !fb_failed(index_of(image, &index)));
        CHECK(hostile[i].name, index.n == 1 && index.odd != NULL);
        CHECK(hostile[i].name, !fb_failed(fb_eh_find(image, &index, 0x20001, &fde)));
        eh_close(&g);
    }
}

/* Every prefix and every byte wrong: nothing may be read that is not there. */
static void test_torn(void)
{
    static struct eh_gen g;
    struct fb_eh_index index;
    struct fb_eh_fde fde;
    eh_open(&g, FB_AMD64);
    put_functions(&g, true);
    size_t whole = g.n;
    for (g.n = 0; g.n < whole; g.n += 3)
        if (!fb_failed(index_of(eh_image(&g), &index)))
            (void)fb_eh_find(&g.image, &index, 0x20801, &fde);
    for (size_t i = 0; i < whole; i++) {
        g.bytes[i] ^= 0xFF;
        if (!fb_failed(index_of(eh_image(&g), &index)))
            (void)fb_eh_find(&g.image, &index, 0x20801, &fde);
        g.bytes[i] ^= 0xFF;
    }
    eh_close(&g);
    CHECK("torn", true);
}

static void test_no_room(void)
{
    static struct eh_gen g;
    struct fb_eh_index index = {0};
    size_t entries = 1000;
    eh_open(&g, FB_AMD64);
    put_functions(&g, false);
    const struct fb_image *image = eh_image(&g);
    struct fb_arena none = {.base = room, .cap = 64}, little = {.base = room, .cap = 256};
    CHECK("no room", fb_eh_index(image, &entries, &none, &index).code == FB_LIMIT);
    CHECK("little room", !fb_failed(fb_eh_index(image, &entries, &little, &index)));
    CHECK("little room", index.n > 0 && index.n < FUNCTIONS && index.odd != NULL);
    entries = 5;
    struct fb_arena enough = {.base = room, .cap = sizeof room};
    CHECK("few entries", !fb_failed(fb_eh_index(image, &entries, &enough, &index)));
    CHECK("few entries", index.n == 4 && index.odd != NULL && entries == 0);
    eh_close(&g);
}

int main(void)
{
    test_addresses();
    test_cies();
    test_tables();
    test_mapped();
    test_hostile();
    test_torn();
    test_no_room();
    return check_done();
}
