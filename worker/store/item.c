/* worker/store/item.c -- from envelope and analysis to one report's facts and keys. */
#include "store/item.h"

#include "base/hash.h"
#include "base/text.h"

#include <string.h>
#include <zstd.h>

static const int64_t us_per_day = 86400LL * 1000000;
static const int64_t last_us = 253402300799LL * 1000000; // the end of the year 9999
enum {
    PACKED_MAX = 16384, // bytes of frames before compression
    MODULES_MAX = FB_FRAMES_MAX,
    ZSTD_FASTEST = 1, // zstd's fastest: frames are short
};

static bool has_text(const char *text) { return text != NULL && text[0] != 0; }

static const char *first_text(const char *a, const char *b)
{
    return has_text(a) ? a : has_text(b) ? b : "";
}

static void hash_text(struct fb_hash *h, const char *text)
{
    fb_sha256_add(h, text, strlen(text) + 1); // the NUL keeps neighbours apart
}

static void hash_number(struct fb_hash *h, int64_t v) { fb_sha256_add(h, &v, sizeof v); }

static void end_key(struct fb_hash *h, uint8_t out[FB_CACHE_KEY])
{
    uint8_t digest[FB_SHA256_SIZE];
    fb_sha256_end(h, digest);
    memcpy(out, digest, FB_CACHE_KEY);
}

static void copy_text(char *to, size_t cap, const char *text)
{
    struct fb_text out = fb_text_over(to, cap);
    fb_text_utf8(&out, (struct fb_span){(const uint8_t *)text, strnlen(text, cap + 3), 0});
}

/* A machine may be known to several vendors: the vendor is part of its hash. */
static int64_t machine_of(const struct fb_item *item)
{
    const char *machine =
        first_text(item->e->machine, item->a != NULL ? item->a->machine : NULL);
    if (machine[0] == 0)
        return 0;
    struct fb_hash h;
    uint8_t key[FB_CACHE_KEY];
    char vendor[16];
    struct fb_text text = fb_text_over(vendor, sizeof vendor);
    fb_text_format(&text, "%d", item->e->vendor_id);
    fb_sha256_start(&h);
    hash_text(&h, vendor);
    fb_sha256_add(&h, machine, strlen(machine));
    end_key(&h, key);
    uint64_t v = 0;
    for (size_t i = 0; i < sizeof v; i++)
        v = v << 8 | key[i];
    return v != 0 ? (int64_t)v : 1;
}

static struct fb_err check_envelope(const Faultbucket__Envelope *e)
{
    if (e->report_id.len != 16)
        return FB_FAIL(MALFORMED, "the envelope has no report id", 0);
    if (e->dedup_key.len != 16)
        return FB_FAIL(MALFORMED, "the envelope has no dedup key", 0);
    if (e->received_at_us < 0 || e->received_at_us > last_us)
        return FB_FAIL(MALFORMED, "the envelope's date is out of range", 0);
    if (e->dump_size > INT64_MAX || (e->dump_sha256.len != 0 && e->dump_sha256.len != 32))
        return FB_FAIL(MALFORMED, "the envelope's dump is described wrongly", 0);
    return FB_NO_ERR;
}

/* Why a row has no analysis; NULL when it has one. */
static const char *reason_of(const struct fb_store_row *row)
{
    if (row->analysis != NULL && has_text(row->analysis->error))
        return row->analysis->error;
    if (row->analysis != NULL && !row->unanalysed)
        return row->analysis->bucket_key.len == FB_CACHE_KEY ? NULL : "analysis without a key";
    return row->dead != NULL ? row->dead : "not analysed";
}

struct fb_err fb_item_make(const struct fb_store_row *row, size_t index, struct fb_item *out)
{
    struct fb_err err = check_envelope(row->envelope);
    if (fb_failed(err))
        return err;
    const char *reason = reason_of(row);
    *out = (struct fb_item){
        .e = row->envelope,
        .a = reason == NULL ? row->analysis : NULL,
        .reason = reason,
        .row = index,
    };
    const Faultbucket__Analysis *a = row->analysis;
    copy_text(out->product, sizeof out->product,
              first_text(a != NULL ? a->product : NULL, out->e->product));
    if (out->product[0] == 0)
        strcpy(out->product, "(unknown)");
    out->version = first_text(a != NULL ? a->version : NULL, out->e->version);
    out->platform = first_text(a != NULL ? a->platform : NULL, out->e->platform);
    out->machine = machine_of(out);
    struct fb_hash h;
    fb_sha256_start(&h);
    hash_number(&h, out->e->vendor_id);
    hash_text(&h, out->product);
    end_key(&h, out->product_key);
    return FB_NO_ERR;
}

static void unanalysed_key(struct fb_item *item)
{
    struct fb_text text = fb_text_over(item->signature, sizeof item->signature);
    struct fb_hash h;
    fb_text_str(&text, "unanalysed | ");
    fb_text_utf8(&text, (struct fb_span){(const uint8_t *)item->reason,
                                         strnlen(item->reason, FB_NAME_MAX), 0});
    fb_sha256_start(&h);
    hash_text(&h, item->signature);
    end_key(&h, item->bucket_key);
    item->algorithm = "unanalysed";
}

void fb_item_key(struct fb_item *item)
{
    if (item->a == NULL) {
        unanalysed_key(item);
    } else {
        item->algorithm = has_text(item->a->rules) ? item->a->rules : "fb1";
        copy_text(item->signature, sizeof item->signature, item->a->signature);
        memcpy(item->bucket_key, item->a->bucket_key.data, sizeof item->bucket_key);
    }
    struct fb_hash h;
    fb_sha256_start(&h);
    hash_number(&h, item->e->vendor_id);
    hash_number(&h, item->product_id);
    hash_text(&h, item->algorithm);
    fb_sha256_add(&h, item->bucket_key, sizeof item->bucket_key);
    end_key(&h, item->cache_key);
}

int64_t fb_item_day(const struct fb_item *item) { return item->e->received_at_us / us_per_day; }

int fb_item_class(const struct fb_item *item)
{
    int class = item->a != NULL && item->a->fb1 != NULL ? item->a->fb1->class_ : 0;
    return class >= 0 && class <= 4 ? class : 0;
}

/* The module as index into the new list, which holds only modules of frames that are kept. */
static int32_t keep_module(Faultbucket__Analysis *to, const Faultbucket__Analysis *from,
                           int32_t module)
{
    if (module < 0 || (size_t)module >= from->n_modules)
        return -1;
    for (size_t i = 0; i < to->n_modules; i++)
        if (to->modules[i] == from->modules[module])
            return (int32_t)i;
    to->modules[to->n_modules] = from->modules[module]; // at most one per frame
    return (int32_t)to->n_modules++;
}

size_t fb_item_frames(const struct fb_item *item, uint8_t *room, size_t cap)
{
    if (item->a == NULL || item->a->n_frames == 0)
        return 0;
    Faultbucket__Analysis out;
    Faultbucket__Module *modules[MODULES_MAX] = {NULL};
    Faultbucket__Frame *frames[FB_FRAMES_MAX], copies[FB_FRAMES_MAX];
    faultbucket__analysis__init(&out);
    out.modules = modules;
    out.frames = frames;
    for (size_t i = 0; i < item->a->n_frames && i < FB_FRAMES_MAX; i++) {
        size_t n_modules = out.n_modules;
        copies[i] = *item->a->frames[i];
        copies[i].module = keep_module(&out, item->a, copies[i].module);
        frames[out.n_frames++] = &copies[i];
        if (faultbucket__analysis__get_packed_size(&out) > PACKED_MAX) {
            out.n_frames--;
            out.n_modules = n_modules;
            break;
        }
    }
    uint8_t packed[PACKED_MAX];
    size_t n = faultbucket__analysis__pack(&out, packed);
    size_t got = ZSTD_compress(room, cap, packed, n, ZSTD_FASTEST);
    return ZSTD_isError(got) ? 0 : got;
}
