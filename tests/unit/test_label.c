/*
 * tests/unit/test_label.c -- labels: their ids against what Microsoft's service has returned,
 * and the parameters that we put together from a dump.
 */
#include "bucket/codes.h"
#include "bucket/ids.h"
#include "bucket/keys.h"
#include "support/check.h"
#include "support/crashed.h"
#include "support/tsv.h"

static void check_ids(const char *row, const char *type, const char *joined, const char *id,
                      const char *legacy)
{
    static uint8_t room[8192];
    struct fb_arena arena = {.base = room, .cap = sizeof room};
    char copy[2048], got[33];
    const char *parameters[FB_LABEL_PARAMETERS_MAX];
    size_t n = 0;
    snprintf(copy, sizeof copy, "%s", joined);
    for (char *p = copy; p != NULL && n < FB_LABEL_PARAMETERS_MAX;) {
        parameters[n++] = p;
        p = strchr(p, '|');
        if (p != NULL)
            *p++ = 0;
    }
    uint64_t number = 0;
    struct fb_err err = fb_label_ids(type, parameters, n, &arena, got, &number);
    CHECK(row, !fb_failed(err));
    CHECK(row, id[0] == '-' || strcmp(got, id) == 0);
    CHECK(row, legacy[0] == '-' || number == strtoull(legacy, NULL, 10));
    struct fb_arena little = {.base = room, .cap = 16};
    CHECK(row, fb_label_ids(type, parameters, n, &little, got, &number).code == FB_LIMIT);
}

/* From the documentation of the rule. */
static void test_known(void)
{
    check_ids("w3wp", "BEX64",
              "w3wp.exe|10.0.14393.0|57899b8a|ucrtbase.dll|10.0.14393.2879|5c89e9e2|"
              "000000000006d4c8|c0000409|0000000000000005",
              "14dcba96117898c96cf93f6cddc9dcf5", "2087769639072947445");
}

static size_t test_generic(void)
{
    struct tsv t;
    size_t n = 0;
    if (!tsv_open(&t, "wer/vectors/hashed_bucket_generic.tsv"))
        return 0;
    for (tsv_next(&t); tsv_next(&t); n++) {
        check_ids(t.field[1], t.field[0], t.field[1], t.field[2], t.field[3]);
        check_ids(t.field[1], t.field[0], t.field[1], t.field[4], "-");
    }
    return n;
}

/* Of APPCRASH only the way from the long id to the legacy one is known. */
static size_t test_appcrash(void)
{
    struct tsv t;
    size_t n = 0, agree = 0;
    if (!tsv_open(&t, "wer/vectors/hashed_bucket_appcrash.tsv"))
        return 0;
    for (tsv_next(&t); tsv_next(&t); n++) {
        if (strlen(t.field[2]) != 32 || t.field[3][0] == '-')
            continue;
        uint64_t last = strtoull(t.field[2] + 16, NULL, 16);
        uint64_t legacy = UINT64_C(1) << 60 | (last & UINT64_C(0x0FFFFFFFFFFFFFFF));
        agree += legacy == strtoull(t.field[3], NULL, 10);
    }
    CHECK("appcrash", agree + 1 >= n); // one is an older, sequential id
    return n;
}

/* Text of a Report.wer: UTF-16 loses each second byte, which is enough for its ASCII lines. */
static size_t read_wer(const char *path, char *out, size_t cap)
{
    const char *corpus = getenv("FAULTBUCKET_CORPUS");
    char whole[4096];
    snprintf(whole, sizeof whole, "%s/wer/%s", corpus != NULL ? corpus : "../shared/corpus",
             path);
    FILE *f = fopen(whole, "rb");
    size_t n = 0;
    for (int c; f != NULL && (c = fgetc(f)) != EOF && n + 1 < cap;)
        if (c != 0 && c != 0xFF && c != 0xFE)
            out[n++] = (char)c;
    out[n] = 0;
    if (f != NULL)
        fclose(f);
    return n;
}

static bool wer_value(const char *text, const char *key, char *out, size_t cap)
{
    const char *at = strstr(text, key);
    out[0] = 0;
    if (at == NULL || (at != text && at[-1] != '\n' && at[-1] != '\r'))
        return false;
    at += strlen(key);
    size_t n = strcspn(at, "\r\n");
    snprintf(out, cap, "%.*s", (int)n, at);
    return out[0] != 0;
}

/* The ids in real Report.wer files follow from their signatures. */
static bool check_wer(const char *path)
{
    static char text[1 << 17];
    char type[128], id[64], legacy[64], joined[2048] = "";
    if (read_wer(path, text, sizeof text) == 0 ||
        !wer_value(text, "EventType=", type, sizeof type) ||
        !wer_value(text, "Response.BucketId=", id, sizeof id) || strlen(id) != 32 ||
        strcmp(type, "APPCRASH") == 0)
        return false;
    if (!wer_value(text, "Response.LegacyBucketId=", legacy, sizeof legacy))
        strcpy(legacy, "-");
    for (int i = 0; i < FB_LABEL_PARAMETERS_MAX; i++) {
        char key[32], value[256];
        snprintf(key, sizeof key, "Sig[%d].Value=", i);
        if (!wer_value(text, key, value, sizeof value))
            break;
        size_t n = strlen(joined);
        snprintf(joined + n, sizeof joined - n, "%s%s", i != 0 ? "|" : "", value);
    }
    check_ids(path, type, joined, id, legacy);
    return true;
}

static size_t test_reports(void)
{
    struct tsv t;
    size_t n = 0;
    if (!tsv_open(&t, "wer/MANIFEST.tsv"))
        return 0;
    while (tsv_next(&t))
        if (strncmp(t.field[0], "report_wer/", 11) == 0)
            n += check_wer(t.field[0]);
    return n;
}

/* --- from a dump -------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum fb_os os;
    enum fb_arch arch;
    uint32_t code, n;
    uint64_t p0;
    const char *frame, *type, *joined; // "*" in a parameter: any text
} made[] = {
    {"access violation",      FB_WINDOWS, FB_AMD64, FB_WIN_ACCESS_VIOLATION, 2, 0, "app.exe!foo",
     "APPCRASH",                                                                                                     "app.exe|0.0.0.0|5f000000|app.exe|0.0.0.0|5f000000|c0000005|0000000000001000" },
    {"32 bits",               FB_WINDOWS, FB_X86,   FB_WIN_ACCESS_VIOLATION, 2, 1, "b.dll!foo",          "APPCRASH",
     "app.exe|0.0.0.0|5f000000|b.dll|0.0.0.0|5f000000|c0000005|00001000"                                                                                                                           },
    {"execution prevented",   FB_WINDOWS, FB_X86,   FB_WIN_ACCESS_VIOLATION, 2, 8, "app.exe!foo",
     "BEX",                                                                                                          "app.exe|0.0.0.0|5f000000|app.exe|0.0.0.0|5f000000|00001000|c0000005|00000008"},
    {"fast fail",             FB_WINDOWS, FB_AMD64, FB_WIN_FAST_FAIL,        1, 7, "ucrtbase.dll!abort", "BEX64",
     "app.exe|0.0.0.0|5f000000|ucrtbase.dll|0.0.0.0|5f000000|0000000000001000|c0000409|"
     "0000000000000007"                                                                                                                                                                            },
    {"outside of everything", FB_WINDOWS, FB_AMD64, FB_WIN_ACCESS_VIOLATION, 2, 8, "?",                  "BEX64",
     "app.exe|0.0.0.0|5f000000|StackHash_0000|0.0.0.0|00000000|0000000000000000|c0000005|"
     "0000000000000008"                                                                                                                                                                            },
    {"a signal",              FB_LINUX,   FB_AMD64, FB_SIGSEGV,              0, 0, "app!foo",            "APPCRASH",
     "app|0.0.0.0|5f000000|app|0.0.0.0|5f000000|0000000b|0000000000001000"                                                                                                                         },
};

static void test_made(void)
{
    for (size_t i = 0; i < COUNT(made); i++) {
        bool windows = made[i].os == FB_WINDOWS;
        struct crashed *c = crashed_new(made[i].os, made[i].arch, windows ? "app.exe" : "app");
        crashed_frame(c, made[i].frame);
        crashed_exception(c, made[i].code, made[i].n, made[i].p0, 0);
        c->a.dump.exception.regs.arch = made[i].arch;
        fb_reg_set(&c->a.dump.exception.regs, fb_reg_names(made[i].arch)->ip,
                   c->frames[0].resume);
        CHECK(made[i].name, !fb_failed(fb_name_crash(&c->a, &c->arena)));
        CHECK(made[i].name, !fb_failed(fb_make_keys(&c->a, NULL, &c->arena)));
        CHECK(made[i].name, strcmp(c->a.keys.label.event_type, made[i].type) == 0);
        char joined[1024] = "";
        for (size_t k = 0; k < c->a.keys.label.n; k++) {
            size_t n = strlen(joined);
            snprintf(joined + n, sizeof joined - n, "%s%s", k != 0 ? "|" : "",
                     c->a.keys.label.parameters[k]);
        }
        if (!CHECK(made[i].name, strcmp(joined, made[i].joined) == 0))
            fprintf(stderr, "    got %s\n", joined);
        char legacy[32];
        snprintf(legacy, sizeof legacy, "%llu", (unsigned long long)c->a.keys.label.legacy_id);
        check_ids(made[i].name, made[i].type, joined, c->a.keys.label.id, legacy);
        free(c);
    }
}

/* A wild jump is told from another one by the stack below it. */
static void test_stack_hash(void)
{
    char names[3][32];
    static const char *const callers[] = {"app.exe!one", "app.exe!two", "app.exe!one"};
    for (size_t i = 0; i < COUNT(callers); i++) {
        struct crashed *c = crashed_new(FB_WINDOWS, FB_AMD64, "app.exe");
        crashed_frame(c, "?");
        crashed_frame(c, callers[i]);
        crashed_exception(c, FB_WIN_ACCESS_VIOLATION, 2, 8, 0);
        CHECK("stack hash", !fb_failed(fb_name_crash(&c->a, &c->arena)));
        CHECK("stack hash", !fb_failed(fb_make_keys(&c->a, NULL, &c->arena)));
        snprintf(names[i], sizeof names[i], "%s", c->a.keys.label.parameters[3]);
        free(c);
    }
    CHECK("stack hash", strlen(names[0]) == strlen("StackHash_0000"));
    CHECK("stack hash", strcmp(names[0], names[1]) != 0);
    CHECK("stack hash", strcmp(names[0], names[2]) == 0);
}

static void test_unloaded(void)
{
    static const struct fb_unloaded gone = {
        .base = 0x600000000 - 0x500, .size = 0x1000, .timestamp = 0x1234, .name = "gone.dll"};
    struct crashed *c = crashed_new(FB_WINDOWS, FB_AMD64, "app.exe");
    crashed_frame(c, "?");
    crashed_exception(c, FB_WIN_ACCESS_VIOLATION, 2, 8, 0);
    c->a.dump.unloaded = &gone;
    c->a.dump.n_unloaded = 1;
    CHECK("unloaded", !fb_failed(fb_name_crash(&c->a, &c->arena)));
    CHECK("unloaded", !fb_failed(fb_make_keys(&c->a, NULL, &c->arena)));
    CHECK("unloaded", strcmp(c->a.keys.label.parameters[3], "gone.dll_unloaded") == 0);
    CHECK("unloaded", strcmp(c->a.keys.label.parameters[5], "00001234") == 0);
    CHECK("unloaded", strcmp(c->a.keys.label.parameters[6], "0000000000000500") == 0);
    free(c);
}

int main(void)
{
    test_known();
    test_made();
    test_stack_hash();
    test_unloaded();
    size_t generic = test_generic(), appcrash = test_appcrash(), reports = test_reports();
    printf("%zu generic, %zu APPCRASH vectors, %zu Report.wer with an id\n", generic, appcrash,
           reports);
    int failed = check_done();
    return failed != 0 || generic != 0 ? failed : check_skip("no corpus at FAULTBUCKET_CORPUS");
}
