/* tests/support/dumpgen_windows.c -- the streams that only Windows' own writer has, as
 * minidumpapiset.h lays them out. */
#include "support/dumpgen.h"

#include <stdlib.h>
#include <string.h>

static void u16(struct dumpgen *d, uint64_t v) { dumpgen_number(d, v, 2); }
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

void dumpgen_text16(struct dumpgen *d, const char *ascii, size_t units)
{
    for (size_t i = 0, n = strlen(ascii); i < units; i++)
        u16(d, i < n ? (uint8_t)ascii[i] : 0);
}

void dumpgen_misc_full(struct dumpgen *d, uint32_t size, uint32_t flags)
{
    const uint32_t numbers[] = {size, flags, 77, 1699999990, 5,    6, 3000, 2000,
                                2500, 0,     0,  0x2000,     0x4D, 1, 2};
    dumpgen_stream(d, 15);
    size_t start = d->n;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        u32(d, numbers[i]);
    u32(d, (uint32_t)-60); // an hour east
    dumpgen_text16(d, "Middle Standard Time", 32);
    dumpgen_bytes(d, NULL, 16 + 4);
    dumpgen_text16(d, "Middle Daylight Time", 32);
    dumpgen_bytes(d, NULL, 16 + 4);
    dumpgen_text16(d, "19041.1.sample", 260);
    dumpgen_text16(d, "dbgsample.amd64,1.2.3.4", 40);
    dumpgen_bytes(d, NULL, 528);
    u32(d, 0xC00C1E);
    d->n = start + size < d->n ? start + size : d->n;
    dumpgen_stream_end(d);
}

void dumpgen_thread_infos(struct dumpgen *d, const struct dumpgen_thread_info *v, size_t n)
{
    dumpgen_stream(d, 17);
    u32(d, 12);
    u32(d, 64);
    u32(d, n);
    for (size_t i = 0; i < n; i++) {
        const uint32_t head[] = {v[i].thread, v[i].flags, 0, 259};
        for (size_t k = 0; k < 4; k++)
            u32(d, head[k]);
        u64(d, UINT64_C(133444736000000000)); // created, November 2023
        u64(d, 0);
        u64(d, 20000); // 2 ms in the kernel
        u64(d, 30000);
        u64(d, v[i].start);
        u64(d, 0xF);
    }
    dumpgen_stream_end(d);
}

static uint32_t put_info(struct dumpgen *d, const struct dumpgen_handle *v)
{
    if (v->info == 0)
        return v->no_info;
    uint32_t at = (uint32_t)d->n;
    u32(d, v->ring ? at + 20 : 0); // a ring of two
    u32(d, v->info);
    u32(d, 8);
    u32(d, 70);
    u32(d, 71);
    if (v->ring) {
        u32(d, at);
        u64(d, 0);
    }
    return at;
}

void dumpgen_handles(struct dumpgen *d, const struct dumpgen_handle *v, size_t n)
{
    uint32_t type[64], name[64], info[64];
    if (n > 64)
        abort();
    for (size_t i = 0; i < n; i++) {
        type[i] = dumpgen_string16(d, v[i].type);
        name[i] = dumpgen_string16(d, v[i].name);
        info[i] = put_info(d, &v[i]);
    }
    dumpgen_stream(d, 12);
    const uint32_t header[] = {16, 40, (uint32_t)n, 0};
    for (size_t i = 0; i < 4; i++)
        u32(d, header[i]);
    for (size_t i = 0; i < n; i++) {
        u64(d, v[i].handle);
        const uint32_t rest[] = {type[i], name[i], 2, 0x1F0003, 3, 4, info[i], 0};
        for (size_t k = 0; k < 8; k++)
            u32(d, rest[k]);
    }
    dumpgen_stream_end(d);
}

void dumpgen_operations(struct dumpgen *d, const struct dumpgen_operation *v, size_t n)
{
    dumpgen_stream(d, 18);
    const uint32_t header[] = {16, 288, (uint32_t)n, 0};
    for (size_t i = 0; i < 4; i++)
        u32(d, header[i]);
    for (size_t i = 0; i < n; i++) {
        u64(d, v[i].handle);
        const uint32_t rest[] = {v[i].pid, v[i].tid, v[i].operation, 0, v[i].depth, 9};
        for (size_t k = 0; k < 6; k++)
            u32(d, rest[k]);
        for (uint64_t k = 0; k < 32; k++)
            u64(d, 0x401000 + 16 * k);
    }
    dumpgen_stream_end(d);
}

static void put_sid(struct dumpgen *d, const uint32_t *authority_and_numbers)
{
    uint32_t n = 0;
    while (authority_and_numbers[n + 1] != 0)
        n++;
    const uint8_t head[] = {1, (uint8_t)n, 0, 0, 0, 0, 0, (uint8_t)authority_and_numbers[0]};
    dumpgen_bytes(d, head, sizeof head);
    for (uint32_t i = 1; i <= n; i++)
        u32(d, authority_and_numbers[i]);
}

/* Parts in the order of their places in the header; `at` counts from the element. */
static void put_token(struct dumpgen *d, const struct dumpgen_token *v)
{
    enum { PARTS_AT = 16, PARTS = 7, HEADER = 16 + 8 * PARTS };
    const uint32_t label[] = {16, v->integrity, 0}, administrators[] = {5, 32, 544, 0};
    size_t start = d->n, at[PARTS + 1];
    dumpgen_bytes(d, NULL, HEADER);
    dumpgen_poke(d, start + 4, v->id, 4);
    dumpgen_poke(d, start + 8, 0x75C, 8);
    at[0] = d->n;
    u32(d, 1); // a primary token
    at[1] = d->n;
    u32(d, 8); // the SID follows
    u32(d, 0); // attributes
    put_sid(d, v->user);
    at[2] = d->n;
    u32(d, v->administrator != 0 ? 2 : 1);
    u32(d, v->administrator != 0 ? 20 : 12);
    u32(d, 0x60);
    if (v->administrator != 0) {
        u32(d, 20 + 12);
        u32(d, v->administrator);
    }
    put_sid(d, label);
    if (v->administrator != 0)
        put_sid(d, administrators);
    at[3] = d->n;
    u32(d, 4);
    put_sid(d, administrators);
    at[4] = d->n;
    u32(d, 0); // no privileges
    at[5] = d->n;
    dumpgen_bytes(d, NULL, 56);
    at[6] = d->n;
    u32(d, 0);
    at[7] = d->n;
    for (size_t i = 0; i < PARTS; i++) {
        dumpgen_poke(d, start + PARTS_AT + 8 * i, at[i] - start, 4);
        dumpgen_poke(d, start + PARTS_AT + 8 * i + 4, at[i + 1] - at[i], 4);
    }
    dumpgen_poke(d, start, v->size != 0 ? v->size : d->n - start, 4);
}

void dumpgen_tokens(struct dumpgen *d, const struct dumpgen_token *v, size_t n)
{
    dumpgen_stream(d, 19);
    size_t start = d->n;
    const uint32_t header[] = {0, (uint32_t)n, 16, 72};
    for (size_t i = 0; i < 4; i++)
        u32(d, header[i]);
    for (size_t i = 0; i < n; i++)
        put_token(d, &v[i]);
    dumpgen_poke(d, start, d->n - start, 4);
    dumpgen_stream_end(d);
}

void dumpgen_counters(struct dumpgen *d, uint16_t revision, uint16_t flags)
{
    dumpgen_stream(d, 22);
    u16(d, revision);
    u16(d, flags);
    u32(d, 500); // page faults
    for (uint64_t i = 1; i <= (revision == 1 ? 9U : 18U); i++)
        u64(d, 1000 * i);
    dumpgen_stream_end(d);
}

void dumpgen_system_memory(struct dumpgen *d)
{
    dumpgen_stream(d, 21);
    size_t start = d->n;
    dumpgen_bytes(d, NULL, 492);
    dumpgen_poke(d, start, 1, 2);
    dumpgen_poke(d, start + 8, 4096, 4);
    dumpgen_poke(d, start + 12, 1000, 4); // physical pages
    for (size_t i = 0; i < 4; i++)        // available, committed, limit, peak
        dumpgen_poke(d, start + 116 + 8 * i, 10 * (i + 1), 8);
    dumpgen_stream_end(d);
}
