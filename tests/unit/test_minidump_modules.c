/* tests/unit/test_minidump_modules.c -- what a module is called, which build it is, and which
 * addresses are its own. */
#include "support/check.h"
#include "support/reading.h"

static struct reading got;

static void read_modules(struct dumpgen *d, uint32_t platform, uint16_t arch,
                         const struct dumpgen_module *v, size_t n)
{
    dumpgen_begin(d, false);
    dumpgen_system(d, &(struct dumpgen_system){.arch = arch, .platform = platform});
    dumpgen_modules(d, v, n);
    reading_of(&got, dumpgen_end(d));
}

enum { WINDOWS = 2, MAC = 0x8101, LINUX = 0x8201 };
#define GUID                                                                                   \
    {                                                                                          \
        0x78, 0x56, 0x34, 0x12, 0xBC, 0x9A, 0xF0, 0xDE, 1, 2, 3, 4, 5, 6, 7, 8                 \
    }

static void identities(void)
{
    static const uint8_t zeros[20], id20[20] = GUID, id4[4] = {0xAA, 0xBB, 0xCC, 0xDD};
    static const struct {
        const char *name;
        uint32_t platform;
        struct dumpgen_module module;
        const char *file, *debug_file, *debug_id, *code_id, *version;
    } rows[] = {
        {"Windows",
         WINDOWS, {.name = "C:\\a\\b.exe",
          .pdb = "D:\\x/y.pdb",
          .guid = GUID,
          .age = 26,
          .timestamp = 0xABC,
          .version = {0x10002, 0x30004}},
         "b.exe",   "y.pdb",
         "123456789ABCDEF001020304050607081a", "00000abc1000",
         "1.2.3.4" },
        {"Windows without a record",
         WINDOWS, {.name = "b.dll", .timestamp = 0xFEDCBA98},
         "b.dll",   NULL,
         NULL,                                 "fedcba981000",
         NULL      },
        {"GUID of zeros",
         WINDOWS, {.name = "b.dll", .pdb = "b.pdb", .age = 1},
         "b.dll",   "b.pdb",
         NULL,                                 "000000001000",
         NULL      },
        {"no name",
         WINDOWS, {.pdb = "b.pdb", .guid = GUID, .age = 1},
         "",        "b.pdb",
         "123456789ABCDEF001020304050607081",  "000000001000",
         NULL      },
        {"Linux, build id",
         LINUX,   {.name = "/usr/lib/libc.so", .build_id = id20, .n_build_id = 20, .version = {2, 31}},
         "libc.so", "libc.so",
         "123456789ABCDEF001020304050607080",  "78563412bc9af0de010203040506070800000000",
         "2.31.0.0"},
        {"short build id",
         LINUX,   {.name = "a", .build_id = id4, .n_build_id = 4},
         "a",       "a",
         "DDCCBBAA0000000000000000000000000",  "aabbccdd",
         NULL      },
        {"build id of zeros",
         LINUX,   {.name = "a", .build_id = zeros, .n_build_id = 20},
         "a",       "a",
         NULL,                                 NULL,
         NULL      },
        {"Linux, old Breakpad",
         LINUX,   {.name = "/a", .pdb = "a", .guid = GUID},
         "a",       "a",
         "123456789ABCDEF001020304050607080",  NULL,
         NULL      },
        {"macOS",
         MAC,     {.name = "/a/b", .pdb = "b", .guid = GUID},
         "b",       "b",
         "123456789ABCDEF001020304050607080",  "123456789abcdef00102030405060708",
         NULL      },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen d;
        struct dumpgen_module module = rows[i].module;
        module.base = 0x10000;
        module.size = 0x1000;
        read_modules(&d, rows[i].platform, 9, &module, 1);
        const struct fb_module *m = &got.dump.modules.v[0];
        CHECK(rows[i].name, got.dump.modules.n == 1 && got.dump.modules.main == 0);
        CHECK(rows[i].name, reading_same(m->name, rows[i].file));
        CHECK(rows[i].name, reading_same(m->debug_file, rows[i].debug_file));
        char debug_id[FB_DEBUG_ID_ROOM], code_id[FB_CODE_ID_ROOM], version[FB_VERSION_ROOM];
        CHECK(rows[i].name, reading_same(fb_module_debug_id(m, debug_id), rows[i].debug_id));
        CHECK(rows[i].name, reading_same(fb_module_code_id(m, code_id), rows[i].code_id));
        CHECK(rows[i].name, reading_same(fb_module_version(m, version), rows[i].version));
        dumpgen_free(&d);
    }
}

static void ranges(void)
{
    static const struct {
        const char *name;
        uint16_t arch;
        struct dumpgen_module v[3];
        uint64_t at;
        const char *owner; // the file that holds `at`
    } rows[] = {
        {"in order",
         9,                               {{.base = 0x1000, .size = 0x1000, .name = "a"},
          {.base = 0x2000, .size = 0x1000, .name = "b"}},
         0x2000,                                                                                               "b" },
        {"not in order",
         9,                               {{.base = 0x2000, .size = 0x1000, .name = "b"},
          {.base = 0x1000, .size = 0x1000, .name = "a"}},
         0x1fff,                                                                                               "a" },
        {"past the end",               9, {{.base = 0x1000, .size = 0x1000, .name = "a"}},             0x2000, NULL},
        {"reaches into the next",
         9,                               {{.base = 0x1000, .size = 0x2000, .name = "a"},
          {.base = 0x2000, .size = 0x1000, .name = "b"}},
         0x2800,                                                                                               "b" },
        {"up to the next",
         9,                               {{.base = 0x1000, .size = 0x2000, .name = "a"},
          {.base = 0x2000, .size = 0x1000, .name = "b"}},
         0x1fff,                                                                                               "a" },
        {"one base, the first counts",
         9,                               {{.base = 0x1000, .size = 0x1000, .name = "a"},
          {.base = 0x1000, .size = 0x1000, .name = "b"}},
         0x1800,                                                                                               "a" },
        {"empty",                      9, {{.base = 0x1000, .size = 0, .name = "a"}},                  0x1000, NULL},
        {"empty one behind",
         9,                               {{.base = 0x1000, .size = 0x1000, .name = "a"},
          {.base = 0x1800, .size = 0, .name = "b"}},
         0x1700,                                                                                               "a" },
        {"wraps",
         9,                               {{.base = UINT64_MAX - 0xFF, .size = 0x1000, .name = "a"}},
         UINT64_MAX - 1,
         NULL                                                                                                      },
        {"sign extended",
         0,                               {{.base = 0xFFFFFFFF80001000, .size = 0x1000, .name = "a"}},
         0x80001000,                                                                                           "a" },
        {"64-bit in a 32-bit process",
         0,                               {{.base = 0x7FFE00001000, .size = 0x1000, .name = "a"}},
         0x7FFE00001000,                                                                                       "a" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen d;
        size_t n = 0;
        while (n < 3 && rows[i].v[n].name != NULL)
            n++;
        read_modules(&d, WINDOWS, rows[i].arch, rows[i].v, n);
        const struct fb_module *m = fb_module_at(&got.dump.modules, rows[i].at);
        CHECK(rows[i].name, got.dump.modules.n == n);
        for (size_t k = 1; k < n; k++)
            CHECK(rows[i].name,
                  got.dump.modules.v[k - 1].base == got.dump.modules.v[k].base ||
                      got.dump.modules.v[k - 1].end <= got.dump.modules.v[k].base);
        CHECK(rows[i].name, reading_same(m != NULL ? m->name : NULL, rows[i].owner));
        CHECK(rows[i].name,
              reading_same(got.dump.modules.v[got.dump.modules.main].name, rows[i].v[0].name));
        dumpgen_free(&d);
    }
}

static void unloaded(void)
{
    static const struct dumpgen_module v[] = {
        {.base = 0x5000, .size = 0x2000, .timestamp = 0x11, .name = "C:\\w\\old.dll"},
        {.base = 0x5000, .size = 0x1000, .timestamp = 0x12, .name = "older.dll"     },
    };
    struct dumpgen d;
    dumpgen_begin(&d, false);
    dumpgen_unloaded(&d, v, 2);
    reading_of(&got, dumpgen_end(&d));
    CHECK("unloaded", got.dump.n_unloaded == 2 && got.dump.unloaded[1].base == 0x5000);
    CHECK("unloaded", reading_same(got.dump.unloaded[0].name, "old.dll"));
    CHECK("unloaded", reading_same(got.dump.unloaded[0].code_id, "000000112000"));
    CHECK("unloaded", got.dump.system.os == FB_WINDOWS); // only its writers have that stream
    dumpgen_free(&d);
}

/* Names that are no names cost the name. */
static void bad_names(void)
{
    static const struct {
        const char *name;
        uint32_t length; // as the string claims
        const uint8_t bytes[8];
        uint32_t n;
        const char *want;
    } rows[] = {
        {"good",              4,          {'a', 0, 'b', 0},     4, "ab"},
        {"odd length",        3,          {'a', 0, 'b', 0},     4, "a" },
        {"empty",             0,          {0},                  2, ""  },
        {"counts its NUL",    4,          {'a', 0, 0, 0},       4, "a" },
        {"lone surrogate",
         4,                               {0x00, 0xD8, 'b', 0},
         4,                                                        "\xEF\xBF\xBD"
         "b"                                                },
        {"beyond the file",   400,        {'a', 0},             2, ""  },
        {"length 4294967295", UINT32_MAX, {'a', 0},             2, ""  },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dumpgen d;
        dumpgen_begin(&d, false);
        dumpgen_stream(&d, 4);
        dumpgen_number(&d, 1, 4);
        dumpgen_number(&d, 0x1000, 8);
        dumpgen_bytes(&d, NULL, 12);
        dumpgen_number(&d, d.n + 4 + 84, 4); // the name stands behind the list
        dumpgen_bytes(&d, NULL, 84);
        dumpgen_stream_end(&d);
        dumpgen_number(&d, rows[i].length, 4);
        dumpgen_bytes(&d, rows[i].bytes, rows[i].n);
        reading_of(&got, dumpgen_end(&d));
        CHECK(rows[i].name, got.dump.modules.n == 1);
        CHECK(rows[i].name, reading_same(got.dump.modules.v[0].name, rows[i].want));
        dumpgen_free(&d);
    }
}

static void last_components(void)
{
    static const struct {
        const char *path, *want;
    } rows[] = {
        {"/usr/lib/libc.so",       "libc.so"  },
        {"C:\\Windows\\ntdll.dll", "ntdll.dll"},
        {"C:\\mixed/one\\two.dll", "two.dll"  },
        {"\\mixed\\one/two.dll",   "two.dll"  },
        {"plain",                  "plain"    },
        {"folder/",                "folder/"  },
        {"/a/folder/",             "folder/"  },
        {"/a/folder\\",            "folder\\" },
        {"/a//",                   "/"        },
        {"/",                      "/"        },
        {"/a",                     "a"        },
        {"",                       ""         },
        {NULL,                     NULL       },
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK(rows[i].path, reading_same(fb_last_component(rows[i].path), rows[i].want));
}

/* Each row differs from the others in what tells builds apart. */
static void same_ids(void)
{
    static const uint8_t id[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17};
    static const struct {
        const char *name;
        uint32_t timestamp, size;
        enum fb_code_id code_id;
        enum fb_codeview_kind kind;
        uint32_t age, id_at, id_size;
    } rows[] = {
        {"a build",           1, 2, FB_CODE_ID_PE,    FB_CODEVIEW_PDB70, 1, 0, 16},
        {"another timestamp", 3, 2, FB_CODE_ID_PE,    FB_CODEVIEW_PDB70, 1, 0, 16},
        {"another size",      1, 3, FB_CODE_ID_PE,    FB_CODEVIEW_PDB70, 1, 0, 16},
        {"another code id",   1, 2, FB_CODE_ID_UUID,  FB_CODEVIEW_PDB70, 1, 0, 16},
        {"another age",       1, 2, FB_CODE_ID_PE,    FB_CODEVIEW_PDB70, 2, 0, 16},
        {"another GUID",      1, 2, FB_CODE_ID_PE,    FB_CODEVIEW_PDB70, 1, 1, 16},
        {"another kind",      1, 2, FB_CODE_ID_PE,    FB_CODEVIEW_ELF,   1, 0, 16},
        {"another length",    1, 2, FB_CODE_ID_PE,    FB_CODEVIEW_ELF,   1, 0, 15},
        {"none",              1, 2, FB_CODE_ID_PE,    FB_CODEVIEW_OTHER, 0, 0, 0 },
        {"a build id",        0, 0, FB_CODE_ID_BUILD, FB_CODEVIEW_ELF,   0, 0, 17},
    };
    uint8_t copies[COUNT(rows)][sizeof id];
    struct fb_module modules[2][COUNT(rows)] = {0};
    for (size_t i = 0; i < COUNT(rows); i++) {
        memcpy(copies[i], id, sizeof id);
        for (size_t k = 0; k < 2; k++) {
            const uint8_t *from = (k == 0 ? id : copies[i]) + rows[i].id_at;
            struct fb_module *m = &modules[k][i];
            m->timestamp = rows[i].timestamp;
            m->size = rows[i].size;
            m->code_id = rows[i].code_id;
            m->build.kind = rows[i].kind;
            m->build.age = rows[i].age;
            m->build.id = (struct fb_span){from, rows[i].id_size, 0};
        }
    }
    for (size_t i = 0; i < COUNT(rows) * COUNT(rows); i++) {
        size_t a = i / COUNT(rows), b = i % COUNT(rows);
        CHECK(rows[a].name, fb_module_same_ids(&modules[0][a], &modules[1][b]) == (a == b));
    }
    modules[0][COUNT(rows) - 1].timestamp = 7;
    CHECK("only of PE images",
          fb_module_same_ids(&modules[0][COUNT(rows) - 1], &modules[1][COUNT(rows) - 1]));
}

int main(void)
{
    last_components();
    same_ids();
    identities();
    ranges();
    unloaded();
    bad_names();
    return check_done();
}
