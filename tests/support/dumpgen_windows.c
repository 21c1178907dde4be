/* tests/support/dumpgen_windows.c -- the streams that only Windows' own writer has, as
 * minidumpapiset.h lays them out. */
#include "support/dumpgen.h"

static void u32(struct dumpgen *d, uint64_t v) { dumpgen_number(d, v, 4); }
static void u64(struct dumpgen *d, uint64_t v) { dumpgen_number(d, v, 8); }

enum { NATIVE = 112, ENTRY = 12 };

void dumpgen_tables(struct dumpgen *d, const struct dumpgen_table *v, size_t n)
{
    dumpgen_stream(d, 13);
    const uint32_t header[] = {24, 32, NATIVE, ENTRY, (uint32_t)n, 4};
    for (size_t i = 0; i < 6; i++)
        u32(d, header[i]);
    dumpgen_bytes(d, NULL, 4); // padding
    for (size_t i = 0; i < n; i++) {
        u64(d, v[i].start);
        u64(d, v[i].end);
        u64(d, v[i].base);
        uint32_t padding = v[i].n % 2 != 0 ? 4 : 0;
        u32(d, v[i].n_claimed != 0 ? v[i].n_claimed : v[i].n);
        u32(d, padding);
        dumpgen_bytes(d, NULL, NATIVE);
        for (uint32_t k = 0; k < v[i].n; k++)
            for (uint32_t part = 0; part < 3; part++)
                u32(d, 16 * (k + 1) + 4 * part);
        dumpgen_bytes(d, NULL, padding);
    }
    dumpgen_stream_end(d);
}
