/*
 * tests/unit/test_patterns.c -- how names are compared with patterns, and which of them are
 * those of libraries.
 */
#include "bucket/lists.h"
#include "bucket/name_parts.h"
#include "support/check.h"

static const struct {
    const char *pattern, *name;
    bool as_is, any_case;
} globs[] = {
    {"",          "",                   true,  true },
    {"",          "a",                  false, false},
    {"*",         "",                   true,  true },
    {"**",        "abc",                true,  true },
    {"abc",       "abc",                true,  true },
    {"abc",       "ABC",                false, true },
    {"ABC",       "abc",                false, true },
    {"abc",       "abcd",               false, false},
    {"abc*",      "abc",                true,  true },
    {"abc*",      "abcdef",             true,  true },
    {"*abc",      "xxabc",              true,  true },
    {"*abc",      "xxABC",              false, true },
    {"*abc",      "ababc",              true,  true },
    {"*abc",      "abcab",              false, false},
    {"*?bc",      "xbbc",               true,  true },
    {"*?",        "",                   false, false},
    {"a?c",       "abc",                true,  true },
    {"a?c",       "ac",                 false, false},
    {"a*b*c",     "aXbXbXc",            true,  true },
    {"a*b*c",     "aXbXbX",             false, false},
    {"rtl*heap*", "rtlpFreeheap",       true,  true },
    {"*a*b",      "aaaaaaaaaaaaaaaaac", false, false},
};

static void test_globs(void)
{
    for (size_t i = 0; i < COUNT(globs); i++) {
        const char *pattern = globs[i].pattern, *name = globs[i].name;
        CHECK(pattern, fb_glob(pattern, name, false) == globs[i].as_is);
        CHECK(pattern, fb_glob(pattern, name, true) == globs[i].any_case);
        CHECK(pattern, fb_glob_any(&pattern, 1, name) == globs[i].any_case);
    }
    static const char *const several[] = {"abc", "B*", "*d"};
    CHECK("one of several", fb_glob_any(several, COUNT(several), "bx"));
    CHECK("none of several", !fb_glob_any(several, COUNT(several), "ab"));
    CHECK("of none", !fb_glob_any(several, 0, "abc"));
}

static const struct {
    const char *name;
    bool library;
} names[] = {
    {"ntdll.dll",     true },
    {"NTDLL.DLL",     true },
    {".dll",          true },
    {"app.dll.exe",   false},
    {"libc.so",       true },
    {"libc.SO",       false},
    {"libc.so.6",     true },
    {"libfoo.1.so.2", true },
    {"libc-2.31.so",  true },
    {"a.sox.1",       false},
    {"libA.dylib",    true },
    {"app.exe",       false},
    {"app",           false},
    {"",              false},
};

static void test_names(void)
{
    for (size_t i = 0; i < COUNT(names); i++)
        CHECK(names[i].name, fb_is_library_name(names[i].name) == names[i].library);
    CHECK("no name", !fb_is_library_name(NULL));
}

/* Names of one letter are found by bisection. */
static void test_order(void)
{
    static const enum fb_os systems[] = {FB_WINDOWS, FB_LINUX, FB_ANDROID, FB_MACOS, FB_IOS};
    for (size_t k = 0; k < COUNT(systems); k++) {
        size_t n;
        const char *const *v = fb_system_names(systems[k], &n);
        CHECK("a list", n > 0);
        for (size_t i = 0; i < n; i++) {
            const struct fb_module module = {.name = v[i]};
            CHECK(v[i], i == 0 || v[i - 1][0] <= v[i][0]);
            CHECK(v[i], fb_lower(v[i][0]) == v[i][0] && strchr("*?", v[i][0]) == NULL);
            CHECK(v[i], fb_is_system_module(&module, systems[k]));
        }
    }
    const struct fb_module other = {.name = "zlib1.dll"}, nameless = {.name = ""};
    CHECK("another", !fb_is_system_module(&other, FB_WINDOWS));
    CHECK("no name", !fb_is_system_module(&nameless, FB_WINDOWS));
}

static void test_kernel(void)
{
    static const char *const kernels[] = {"HAL.dll", "kdcom.dll", "NtKrnlMP.exe",
                                          "ntkrpamp.exe", "ntoskrnl.exe"};
    for (size_t i = 0; i < COUNT(kernels); i++) {
        const struct fb_module module = {.name = kernels[i]};
        CHECK(kernels[i], fb_is_kernel_module(&module));
    }
    const struct fb_module driver = {.name = "ntfs.sys"}, nameless = {.name = NULL};
    CHECK("a driver", !fb_is_kernel_module(&driver));
    CHECK("no name", !fb_is_kernel_module(&nameless));
}

static void test_case(void)
{
    char room[8], wide[] = "@AZ[`az{\xC1\xDA@AZ[ABCDEFGHIJK";
    struct fb_text text = fb_text_over(room, sizeof room);
    fb_text_str(&text, "A");
    fb_text_lower(&text, "BcD", 2);
    CHECK("behind what is there", strcmp(text.p, "Abc") == 0 && text.n == 3);
    fb_text_lower(&text, "XYZ[@", 5);
    CHECK("cut", strcmp(text.p, "Abcxyz[") == 0 && text.cut);
    fb_lower_all(wide, sizeof wide - 2);
    CHECK("eight at a time", strcmp(wide, "@az[`az{\xC1\xDA@az[abcdefghijK") == 0);
    CHECK("same", fb_same_lower("EXE", "exe") && fb_same_lower("", ""));
    CHECK("longer", !fb_same_lower("exes", "exe") && !fb_same_lower("ex", "exe"));
}

int main(void)
{
    test_globs();
    test_names();
    test_order();
    test_kernel();
    test_case();
    return check_done();
}
