/* tests/unit/test_minidump_memory.c -- full dumps: many regions, views and no copies, reads
 * across regions that touch or overlap. */
#include "support/check.h"
#include "support/reading.h"

#include <stdlib.h>

static struct reading got;

/* More regions than old readers bear, each a view into the file. */
static void many_regions(void)
{
    enum { REGIONS = 4630, SIZE = 8 };
    struct dumpgen d;
    dumpgen_begin(&d, false);
    dumpgen_stream(&d, 9);
    dumpgen_number(&d, REGIONS, 8);
    size_t rva = dumpgen_number(&d, 0, 8);
    for (uint64_t i = 0; i < REGIONS; i++) {
        dumpgen_number(&d, 0x100000 + SIZE * (REGIONS - 1 - i), 8); // from the top down
        dumpgen_number(&d, SIZE, 8);
    }
    dumpgen_stream_end(&d);
    dumpgen_poke(&d, rva, d.n, 8);
    for (uint64_t i = 0; i < REGIONS; i++)
        dumpgen_number(&d, REGIONS - 1 - i, SIZE);
    struct fb_span file = dumpgen_end(&d);
    reading_of(&got, file);
    const struct fb_memory *memory = &got.dump.memory;
    CHECK("all are there", memory->n == REGIONS && !reading_noted(&got, FB_NOTE_LIMIT));
    for (size_t i = 0; i < memory->n; i++) {
        const uint8_t *p = memory->v[i].bytes.p;
        CHECK("a view", p >= file.p && p + SIZE <= file.p + file.n);
        uint64_t v = 0;
        CHECK("its bytes", fb_memory_read(memory, 0x100000 + SIZE * i, 8, &v) && v == i);
    }
    uint64_t v = 0; // half of one, half of the next
    CHECK("across", fb_memory_read(memory, 0x100000 + SIZE * 5 + 4, 8, &v) && v == UINT64_C(6)
                                                                                       << 32);
    dumpgen_free(&d);
}

static void overlaps(void)
{
    static const uint8_t a[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    static const struct {
        const char *name;
        uint64_t start; // of a second region of 16 bytes; the first is at 0x1000
        uint32_t n;
        uint64_t at;
        size_t size;
        bool can;
        uint8_t first; // byte read
    } rows[] = {
        {"inside the first",     0x1004, 4,  0x1005, 1, true,  1 },
        {"beyond the inner one", 0x1004, 4,  0x1006, 4, true,  6 },
        {"by one byte",          0x100F, 16, 0x100C, 8, true,  12},
        {"touching",             0x1010, 16, 0x100C, 8, true,  12},
        {"with a hole",          0x1011, 16, 0x100C, 8, false, 0 },
        {"before the first",     0x0FF8, 16, 0x0FFC, 8, true,  4 },
        {"past the end of all",  0x1010, 16, 0x101C, 8, false, 0 },
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int full = 0; full < 2; full++) {
            const struct dumpgen_memory v[] = {
                {0x1000,        a, sizeof a },
                {rows[i].start, a, rows[i].n},
            };
            struct dumpgen d;
            dumpgen_begin(&d, false);
            dumpgen_system(&d, &(struct dumpgen_system){.arch = 9, .platform = 2});
            (full ? dumpgen_memory64 : dumpgen_memory)(&d, v, 2);
            reading_of(&got, dumpgen_end(&d));
            uint64_t word = 0;
            CHECK(rows[i].name, fb_memory_read(&got.dump.memory, rows[i].at, rows[i].size,
                                               &word) == rows[i].can);
            CHECK(rows[i].name, !rows[i].can || (word & 0xFF) == rows[i].first);
            dumpgen_free(&d);
        }
}

int main(void)
{
    many_regions();
    overlaps();
    return check_done();
}
