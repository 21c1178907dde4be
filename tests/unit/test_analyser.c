/*
 * tests/unit/test_analyser.c -- what a child makes of an envelope: an answer for the best, and
 * one for the worst.
 */
#include "analyser.h"
#include "base/hash.h"
#include "envelope_reader.h"
#include "files.h"
#include "support/check.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

static const char golden[] = "tests/golden/dumps/null_write.amd64.gcc-O0.own.dmp";

struct job {
    uint8_t *bytes;
    size_t n;
};

/* An envelope around `dump`, packed; `claim` is the size that it says. */
static struct job envelope(struct fb_span dump, uint64_t claim, bool damage)
{
    static uint8_t id[16], key[16];
    static char machine[] = "m-1", product[] = "Editor", ver_name[] = "ver", ver[] = "4.2";
    size_t room = ZSTD_compressBound(dump.n);
    uint8_t *packed = calloc(1, room);
    size_t n = dump.n != 0 ? ZSTD_compress(packed, room, dump.p, dump.n, 1) : 0;
    if (damage)
        packed[n / 2] ^= 0x55;
    Faultbucket__Field field, *fields[] = {&field};
    faultbucket__field__init(&field);
    field.name = ver_name;
    field.value = ver;
    Faultbucket__Envelope e;
    faultbucket__envelope__init(&e);
    e.schema = 1;
    e.report_id = (ProtobufCBinaryData){sizeof id, id};
    e.dedup_key = (ProtobufCBinaryData){sizeof key, key};
    e.machine = machine;
    e.product = product;
    e.dump_size = claim;
    e.dump_zstd = (ProtobufCBinaryData){n, packed};
    e.n_fields = 1;
    e.fields = fields;
    struct job job = {malloc(faultbucket__envelope__get_packed_size(&e)), 0};
    job.n = faultbucket__envelope__pack(&e, job.bytes);
    free(packed);
    return job;
}

static Faultbucket__Analysis *answer_to(void *child, struct job job)
{
    uint8_t *room = malloc(FB_ANSWER_MAX);
    size_t n = fb_analyser_work.work(child, (struct fb_span){job.bytes, job.n, 0}, room,
                                     FB_ANSWER_MAX);
    Faultbucket__Analysis *a = fb_analysis_unpack((struct fb_span){room, n, 0});
    free(room);
    free(job.bytes);
    return a;
}

static void a_good_one(void *child, struct fb_span dump)
{
    Faultbucket__Analysis *a = answer_to(child, envelope(dump, dump.n, false));
    if (!CHECK("good", a != NULL && a->error[0] == 0))
        return;
    CHECK("good", strcmp(a->product, "Editor") == 0 && strcmp(a->machine, "m-1") == 0);
    CHECK("good",
          strcmp(a->platform, "windows x64") == 0 && strcmp(a->program, "app.exe") == 0);
    CHECK("good", a->code == 0xc0000005 && strcmp(a->access, "write") == 0);
    CHECK("good", strcmp(a->fb1->rule, "FB-20") == 0 &&
                      strcmp(a->msec16->short_name, "WriteAVNearNull") == 0);
    CHECK("good", a->n_frames >= 5 && a->n_modules >= 1 && a->frames[0]->module == 0);
    CHECK("good", strcmp(a->modules[0]->name, "app.exe") == 0 &&
                      a->frames[0]->offset == a->crash_offset);
    CHECK("good",
          a->json.len > 1000 && a->json.data[0] == '{' && a->json.data[a->json.len - 1] == '}');
    CHECK("good", a->bucket_key.len == 16 && strlen(a->failure_hash) == 36 &&
                      strlen(a->label_id) == 32);
    fb_analysis_free(a);
}

static void the_same_twice(void *child, struct fb_span dump)
{
    Faultbucket__Analysis *a = answer_to(child, envelope(dump, dump.n, false));
    Faultbucket__Analysis *b = answer_to(child, envelope(dump, dump.n, false));
    CHECK("same bytes", a != NULL && b != NULL && a->json.len == b->json.len &&
                            memcmp(a->json.data, b->json.data, a->json.len) == 0);
    fb_analysis_free(a);
    fb_analysis_free(b);
}

static void bad_ones(void *child, struct fb_span dump)
{
    static const uint8_t text[] =
        "this is no minidump, though it is long enough for the header of one";
    struct fb_span no_dump = {text, sizeof text, 0};
    // clang-format off
    const struct {
        const char *name;
        struct job job;
        const char *error;
    } rows[] = {
        {"no dump",              envelope((struct fb_span){0}, 0, false),     "the envelope holds no dump"},
        {"damaged",              envelope(dump, dump.n, true),                NULL},
        {"longer than it says",  envelope(dump, dump.n - 1, false),           "the dump cannot be decompressed"},
        {"shorter than it says", envelope(dump, dump.n + 1, false),           "the dump is shorter than the envelope says"},
        {"claims 2^60 bytes",    envelope(dump, UINT64_C(1) << 60, false),    "the dump is larger than an analyser takes"},
        {"not a minidump",       envelope(no_dump, no_dump.n, false),         "not a minidump: it does not begin with MDMP"},
        {"no envelope",          {calloc(1, 100), 100},                       "not an envelope of ours"},
        {"nothing",              {malloc(1), 0},                              "not an envelope of ours"},
    };
    // clang-format on
    for (size_t i = 0; i < COUNT(rows); i++) {
        Faultbucket__Analysis *a = answer_to(child, rows[i].job);
        if (!CHECK(rows[i].name, a != NULL))
            continue;
        CHECK(rows[i].name, a->error[0] != 0 || rows[i].error == NULL);
        if (rows[i].error != NULL && !CHECK(rows[i].name, strcmp(a->error, rows[i].error) == 0))
            fprintf(stderr, "    but: %s\n", a->error);
        fb_analysis_free(a);
    }
}

int main(void)
{
    char name[] = "test";
    char *argv[] = {name, NULL};
    int argc = 1;
    struct fb_file file;
    if (!CHECK("golden dump", !fb_failed(fb_file_read(golden, &file))))
        return check_done();
    static void *child; // lives as long as its process
    child = fb_analyser_work.start(fb_config_load('W', "", &argc, argv));
    a_good_one(child, file.bytes);
    the_same_twice(child, file.bytes);
    bad_ones(child, file.bytes);
    a_good_one(child, file.bytes); // still
    fb_file_free(&file);
    return check_done();
}
