/*
 * tests/unit/test_multipart.c -- multipart bodies, one row per way that they can be put.
 *
 * Each row is parsed whole, and then cut in two at every byte, and fed byte by byte: what comes
 * out is written down as text, and must always be the same text.
 */
#include "dialects/meaning.h"
#include "dialects/multipart.h"
#include "dialects/params.h"
#include "dialects/upload.h"
#include "support/check.h"

#include <stdlib.h>

enum { ROOM = 4096 };

#define CD   "Content-Disposition: form-data; name="
#define OPEN "--b\r\n"
#define END  "--b--\r\n"
#define FILE_PART(name, file, data)                                                            \
    OPEN CD "\"" name "\"; filename=\"" file "\"\r\n"                                          \
            "Content-Type: text/plain\r\n\r\n" data "\r\n"
#define FIELD(name, data) OPEN CD "\"" name "\"\r\n\r\n" data "\r\n"

/* What is wanted is written as name=value; for fields, name:file=data; for files, * before the
 * dump, ~ behind a value that was cut. */
#define ROWS(X)                                                                                \
    X("nothing", "", TRUNCATED, "")                                                            \
    X("no part", END, OK, "")                                                                  \
    X("one field", FIELD("a", "1") END, OK, "a=1;")                                            \
    X("two fields", FIELD("a", "1") FIELD("b", "2") END, OK, "a=1;b=2;")                       \
    X("preamble and epilogue", "hello\r\n" FIELD("a", "1") END "bye\r\n--b\r\n", OK, "a=1;")   \
    X("empty line first", "\r\n" FIELD("a", "1") END, OK, "a=1;")                              \
    X("no line end behind the last delimiter", FIELD("a", "1") "--b--", OK, "a=1;")            \
    X("empty value", FIELD("a", "") END, OK, "a=;")                                            \
    X("lines in a value", FIELD("a", "1\r\n2\n3\r") END, OK, "a=1\r\n2\n3\r;")                 \
    X("almost a delimiter", FIELD("a", "\r\n--c\r\n-\r\n\r\r\n--") END, OK,                    \
      "a=\r\n--c\r\n-\r\n\r\r\n--;")                                                           \
    X("delimiter without a line before it", FIELD("a", "--b--") END, OK, "a=--b--;")           \
    X("padding behind a delimiter", "--b \t\r\n" CD "a\r\n\r\n1\r\n--b-- ", OK, "a=1;")        \
    X("text behind a delimiter", FIELD("a", "1") "--bc\r\n", MALFORMED, "a=1;")                \
    X("half an end", FIELD("a", "1") "--b-\r\n", MALFORMED, "a=1;")                            \
    X("no closing delimiter", FIELD("a", "1"), TRUNCATED, "")                                  \
    X("ends within a header", OPEN "Content-Disp", TRUNCATED, "")                              \
    X("ends within a delimiter", FIELD("a", "1") "--", TRUNCATED, "")                          \
    X("part without a header", OPEN "\r\n1\r\n" END, OK, "=1;")                                \
    X("lines end without CR", "--b\r\n" CD "\"a\"\n\n1\r\n" END, OK, "a=1;")                   \
    X("names without case",                                                                    \
      OPEN "content-disposition: FORM-DATA; NAME=\"a\"\r\n\r\n1\r\n" END, OK, "a=1;")          \
    X("the four escapes and no others", FIELD("%22%0d%0a%2522%0D%41%", "1") END, OK,           \
      "\"\r\n%22%0D%41%=1;")                                                                   \
    X("backslashes", FIELD("a\\\"b\\\\c\\d", "1") END, OK, "a\"b\\c\\d=1;")                    \
    X("marks within quotes", FIELD("a=b; filename=c", "1") END, OK, "a=b; filename=c=1;")      \
    X("a word without value", OPEN CD "a; x; y = z\r\n\r\n1\r\n" END, OK, "a=1;")              \
    X("no closing quote", OPEN CD "\"a\r\n\r\n1\r\n" END, OK, "a=1;")                          \
    X("a dump", FILE_PART("f", "x.dmp", "MDMP123") END, OK, "*f:x.dmp=MDMP123;")               \
    X("a dump of four bytes", FILE_PART("f", "x", "MDMP") END, OK, "*f:x=MDMP;")               \
    X("a big-endian dump", FILE_PART("f", "x", "PMDM..") END, OK, "*f:x=PMDM..;")              \
    X("a kernel's dump", FILE_PART("f", "x", "PAGEDU64..") END, OK, "*f:x=PAGEDU64..;")        \
    X("a kernel's dump, 32-bit", FILE_PART("f", "x", "PAGEDUMP") END, OK, "*f:x=PAGEDUMP;")    \
    X("a page is no dump", FILE_PART("f", "x", "PAGEDU6") END, OK, "f:x=PAGEDU6;")             \
    X("three bytes are no dump", FILE_PART("f", "x", "MDM") END, OK, "f:x=MDM;")               \
    X("the name does not make a dump",                                                         \
      FILE_PART("upload_file_minidump", "a.dmp", "hello") END, OK,                             \
      "upload_file_minidump:a.dmp=hello;")                                                     \
    X("a text does not make a dump", FIELD("a", "MDMP") END, OK, "a=MDMP;")                    \
    X("the first dump wins",                                                                   \
      FILE_PART("a", "a", "MDM") FILE_PART("b", "b", "MDMP1") FILE_PART("c", "c", "MDMP2")     \
          END,                                                                                 \
      OK, "a:a=MDM;*b:b=MDMP1;c:c=MDMP2;")                                                     \
    X("what follows the dump",                                                                 \
      FILE_PART("a", "a", "MDMP") FIELD("z", "1") FILE_PART("y", "y", "2") END, OK,            \
      "z=1;*a:a=MDMP;y:y=2;")                                                                  \
    X("an empty file is none", FILE_PART("a", "", "") END, OK, "")                             \
    X("pieces are joined by number",                                                           \
      FIELD("k__2", "b") FIELD("x", "1") FIELD("k__10", "c") FIELD("k__1", "a") END, OK,       \
      "k=abc;x=1;")                                                                            \
    X("what only looks like pieces",                                                           \
      FIELD("k__0", "a") FIELD("k_1", "b") FIELD("__1", "c")                                   \
          FIELD("sentry___initialScope", "d") FIELD("k__12345", "e") END,                      \
      OK, "k__0=a;k_1=b;__1=c;sentry___initialScope=d;k__12345=e;")                            \
    X("one number twice", FIELD("k__1", "a") FIELD("k__1", "b") END, OK, "k=a;")

#define X(name, body, code, want) {name, body, FB_##code, want},
static const struct {
    const char *name, *body;
    enum fb_code code;
    const char *want;
} rows[] = {ROWS(X)};
#undef X

struct store {
    char bytes[ROOM];
    size_t n, dump_n;
};

static struct fb_err keep(void *arg, struct fb_span bytes, bool dump)
{
    struct store *store = arg;
    memcpy(store->bytes + store->n, bytes.p, bytes.n);
    store->n += bytes.n;
    store->dump_n += dump ? bytes.n : 0;
    return FB_NO_ERR;
}

static void write_down(const struct fb_upload *u, const struct store *store,
                       struct fb_text *out)
{
    for (size_t i = 0; i < u->fields_n; i++) {
        const struct fb_field *f = &u->fields[i];
        fb_text_put(out, f->name, f->name_n);
        fb_text_char(out, '=');
        fb_text_put(out, f->value, f->value_n);
        fb_text_str(out, f->cut ? "~;" : ";");
    }
    for (size_t i = 0; i < u->files_n; i++) {
        const struct fb_file *f = &u->files[i];
        fb_text_format(out, "%s%s:%s=", u->dump == (int)i ? "*" : "", f->name, f->file_name);
        fb_text_put(out, store->bytes + f->off, (size_t)f->size);
        fb_text_char(out, ';');
    }
}

/* A copy of exactly the size, so that the sanitizer sees a read beyond it. */
static struct fb_err push(struct fb_multipart *m, const char *p, size_t n)
{
    uint8_t *copy = malloc(n + (n == 0));
    memcpy(copy, p, n);
    struct fb_err err = fb_multipart_push(m, (struct fb_span){copy, n, 0});
    free(copy);
    return err;
}

/* Parse with cuts after `first` bytes and then every `step` bytes. */
static struct fb_err parse(const char *body, size_t first, size_t step, struct fb_text *out)
{
    static uint8_t room[2 * FB_UPLOAD_ROOM];
    static struct fb_upload u;
    static struct fb_multipart m;
    struct store store = {0};
    struct fb_arena arena = {.base = room, .cap = sizeof room};
    fb_upload_start(&u, &arena, (struct fb_file_store){keep, &store});
    fb_multipart_start(&m, (struct fb_span){(const uint8_t *)"b", 1, 0}, fb_upload_sink(&u));
    for (size_t at = 0, n = strlen(body); at < n;) {
        size_t piece = at == 0 ? first : step;
        if (piece == 0 || piece > n - at)
            piece = n - at;
        push(&m, body + at, piece);
        at += piece;
    }
    struct fb_err err = fb_multipart_end(&m);
    fb_upload_join(&u);
    write_down(&u, &store, out);
    CHECK(body, u.dump < 0 ? store.dump_n == 0 : store.dump_n == u.files[u.dump].size);
    fb_arena_reset(&arena);
    return err;
}

static void check_cut(size_t row, size_t first, size_t step)
{
    char got_room[ROOM];
    struct fb_text got = fb_text_over(got_room, sizeof got_room);
    struct fb_err err = parse(rows[row].body, first, step, &got);
    bool same = err.code == rows[row].code && strcmp(got.p, rows[row].want) == 0;
    if (!CHECK(rows[row].name, same))
        fprintf(stderr, "  cut %zu/%zu: %s, got %s\n", first, step, fb_code_name(err.code),
                got.p);
}

static void check_rows(void)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_cut(i, 0, 0);
        check_cut(i, 1, 1);
        for (size_t first = 1; first < strlen(rows[i].body); first++)
            check_cut(i, first, 0);
    }
}

static struct fb_text repeat(char c, size_t n)
{
    char *p = malloc(n + 1);
    memset(p, c, n);
    p[n] = 0;
    return (struct fb_text){.p = p, .n = n, .cap = n + 1};
}

/* One part with a header line of `header_n` bytes more, a name and a value of so many bytes. */
static struct fb_err parse_sized(size_t header_n, size_t name_n, size_t value_n,
                                 struct fb_text *out)
{
    struct fb_text header = repeat('h', header_n), name = repeat('n', name_n);
    struct fb_text value = repeat('v', value_n);
    size_t cap = header_n + name_n + value_n + ROOM;
    char *body = malloc(cap);
    snprintf(body, cap, OPEN "X: %s\r\n" CD "%s\r\n\r\n%s\r\n" END, header.p, name.p, value.p);
    struct fb_err err = parse(body, 1000, 333, out);
    free(body), free(header.p), free(name.p), free(value.p);
    return err;
}

static const struct {
    const char *name;
    size_t header, field, value;
    enum fb_code code;
    size_t want; // length of what is written down
} limits[] = {
    {"name of 256",             0,    256, 1,         FB_OK,    256 + 1 + 1 + 1},
    {"name of 257 is cut",      0,    257, 1,         FB_OK,    256 + 1 + 1 + 2},
    {"value of 64 KiB",         0,    1,   65536,     FB_OK,    65536 + 3      },
    {"longer value is cut",     0,    1,   65536 + 1, FB_OK,    65536 + 4      },
    {"header of 4 KiB at most", 4096, 1,   1,         FB_LIMIT, 0              },
    {"header just below",       4000, 1,   1,         FB_OK,    4              },
};

static void check_limits(void)
{
    static char room[128 * 1024];
    for (size_t i = 0; i < COUNT(limits); i++) {
        struct fb_text got = fb_text_over(room, sizeof room);
        struct fb_err err =
            parse_sized(limits[i].header, limits[i].field, limits[i].value, &got);
        CHECK(limits[i].name, err.code == limits[i].code && got.n == limits[i].want);
    }
}

/* `n` times the same part. @return how much was written down */
static size_t parse_many(const char *part, size_t n, enum fb_code want)
{
    static char room[128 * 1024];
    struct fb_text got = fb_text_over(room, sizeof room);
    size_t size = strlen(part);
    char *body = malloc(n * size + ROOM);
    for (size_t i = 0; i < n; i++)
        snprintf(body + i * size, size + 1, "%s", part);
    snprintf(body + n * size, ROOM, "%s", END);
    CHECK(part, parse(body, 0, 0, &got).code == want);
    free(body);
    return got.n;
}

static void check_counts(void)
{
    CHECK("512 fields", parse_many(FIELD("a", "1"), 600, FB_OK) == 512 * strlen("a=1;"));
    CHECK("31 files", parse_many(FILE_PART("a", "b", "1"), 50, FB_OK) == 31 * strlen("a:b=1;"));
    CHECK("1024 parts", parse_many(FILE_PART("a", "", ""), 1024, FB_OK) == 0);
    parse_many(FILE_PART("a", "", ""), 1025, FB_LIMIT);
}

static const struct {
    const char *type;
    bool multipart;
    const char *boundary;
} types[] = {
    {"multipart/form-data; boundary=abc",                  true,  "abc"  },
    {"Multipart/Mixed;charset=x;  BOUNDARY=\"a b;c\" ; q", true,  "a b;c"},
    {"multipart/form-data; xboundary=1; boundary = abc ",  true,  "abc"  },
    {"multipart/form-data",                                true,  ""     },
    {"application/octet-stream; boundary=abc",             false, "abc"  },
    {"multipart/form-data; boundary=",                     true,  ""     },
    {"",                                                   false, ""     },
};

static void check_types(void)
{
    for (size_t i = 0; i < COUNT(types); i++) {
        char room[128];
        struct fb_text got = fb_text_over(room, sizeof room);
        struct fb_span type = {(const uint8_t *)types[i].type, strlen(types[i].type), 0};
        fb_params_get(type, "boundary", &got);
        CHECK(types[i].type, strcmp(got.p, types[i].boundary) == 0);
        CHECK(types[i].type, fb_params_multipart(type) == types[i].multipart);
    }
}

static void check_boundaries(void)
{
    static struct fb_multipart m;
    static const uint8_t text[FB_BOUNDARY_MAX + 1] = {'x', '\r'};
    static const struct {
        size_t from, n;
        enum fb_code code;
    } lengths[] = {
        {2, 0, FB_MALFORMED},
        {2, 1, FB_OK       },
        {0, 1, FB_OK       },
        {0, 2, FB_MALFORMED}
    };
    for (size_t i = 0; i < COUNT(lengths); i++) {
        struct fb_span boundary = {text + lengths[i].from, lengths[i].n, 0};
        CHECK("boundary", fb_multipart_start(&m, boundary, (struct fb_part_sink){0}).code ==
                              lengths[i].code);
    }
    struct fb_text longest = repeat('x', FB_BOUNDARY_MAX + 1);
    struct fb_span boundary = {(const uint8_t *)longest.p, FB_BOUNDARY_MAX, 0};
    CHECK("70", fb_multipart_start(&m, boundary, (struct fb_part_sink){0}).code == FB_OK);
    boundary.n++;
    CHECK("71",
          fb_multipart_start(&m, boundary, (struct fb_part_sink){0}).code == FB_MALFORMED);
    free(longest.p);
}

static const struct {
    const char *boundary, *agent, *dialect;
} dialects[] = {
    {"",                                               "curl/7.88.1",           "raw"     },
    {"---MultipartBoundary-0123---",                   "",                      "crashpad"},
    {"------------------------ad59f8fc80ac8692",       "Breakpad/1.0 (Linux)",  "breakpad"},
    {"------------------------ad59f8fc80ac8692",       "curl/7.88.1",           "curl"    },
    {"------------------------ad59f8fc80ac8692",       "",                      "curl"    },
    {"--------------------------ad59f8fc80ac8692ad59", "Wget/1.21",             "breakpad"},
    {"----geckoformboundary8954dad000d665fea999050e",  "crashreporter/153.7.0", "unknown" },
    {"b",                                              "",                      "unknown" },
};

static void check_dialects(void)
{
    for (size_t i = 0; i < COUNT(dialects); i++) {
        struct fb_span boundary = {(const uint8_t *)dialects[i].boundary,
                                   strlen(dialects[i].boundary), 0};
        const char *got = fb_dialect(boundary, dialects[i].agent);
        CHECK(dialects[i].boundary, strcmp(got, dialects[i].dialect) == 0);
    }
}

int main(void)
{
    check_rows();
    check_limits();
    check_counts();
    check_types();
    check_boundaries();
    check_dialects();
    return check_done();
}
