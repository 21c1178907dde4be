/* tests/support/dumpgen_unix.c -- the streams that only writers on Linux and macOS have, as
 * Breakpad's and Mozilla's sources lay them out. */
#include "support/dumpgen.h"

#include <stdlib.h>
#include <string.h>

static void u32(struct dumpgen *d, uint64_t v) { dumpgen_number(d, v, 4); }
static void u64(struct dumpgen *d, uint64_t v) { dumpgen_number(d, v, 8); }

void dumpgen_auxv(struct dumpgen *d, const uint64_t *v, size_t n, size_t word)
{
    dumpgen_stream(d, 0x47670008);
    for (size_t i = 0; i < 2 * n; i++)
        dumpgen_number(d, v[i], word);
    dumpgen_stream_end(d);
}

void dumpgen_loader(struct dumpgen *d, const struct dumpgen_linked *v, size_t n, size_t word,
                    bool padded)
{
    uint32_t name[64];
    if (n > 64)
        abort();
    for (size_t i = 0; i < n; i++)
        name[i] = dumpgen_string16(d, v[i].name);
    uint32_t entries = (uint32_t)d->n;
    for (size_t i = 0; i < n; i++) {
        dumpgen_number(d, v[i].address, word);
        u32(d, name[i]);
        dumpgen_bytes(d, "junk", padded ? 4 : 0);
        dumpgen_number(d, v[i].address + 0x100, word);
    }
    dumpgen_stream(d, 0x4767000A);
    u32(d, 1);
    u32(d, entries);
    u32(d, n);
    dumpgen_bytes(d, NULL, padded ? 4 : 0);
    dumpgen_number(d, 0x7f001234, word);
    dumpgen_number(d, 0x7f000000, word);
    dumpgen_number(d, 0x400e00, word);
    dumpgen_bytes(d, NULL, 32); // the dynamic section itself
    dumpgen_stream_end(d);
}

enum { STRINGS_AT = 48 };

void dumpgen_mac_records(struct dumpgen *d, const struct dumpgen_mac_record *v, size_t n)
{
    uint32_t at[20], size[20];
    if (n > 20)
        abort();
    for (size_t i = 0; i < n; i++) {
        size_t start = d->n;
        const uint64_t numbers[] = {0x4D7A0001, v[i].version, 0x1003, 5, 9, 0};
        for (size_t k = 0; k < STRINGS_AT / 8; k++)
            u64(d, numbers[k]);
        for (size_t k = 0; k < 5; k++)
            dumpgen_bytes(d, v[i].strings[k] != NULL ? v[i].strings[k] : "",
                          v[i].strings[k] != NULL ? strlen(v[i].strings[k]) + 1 : 1);
        at[i] = (uint32_t)start;
        size[i] = (uint32_t)(d->n - start) - v[i].cut;
    }
    dumpgen_stream(d, 0x4D7A0001);
    u32(d, 0x4D7A0001);
    u32(d, n);
    u32(d, STRINGS_AT);
    for (size_t i = 0; i < 20; i++) {
        u32(d, i < n ? size[i] : 0);
        u32(d, i < n ? at[i] : 0);
    }
    dumpgen_stream_end(d);
}

void dumpgen_boot_args(struct dumpgen *d, const char *args)
{
    uint32_t at = dumpgen_string16(d, args);
    dumpgen_stream(d, 0x4D7A0002);
    u32(d, 0x4D7A0002);
    u64(d, at);
    dumpgen_stream_end(d);
}
