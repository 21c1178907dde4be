/*
 * tests/unit/test_hashes.c -- the hashes of !exploitable against reports that it printed, ours
 * against its definition, and the lists of excluded frames.
 */
#include "bucket/codes.h"
#include "bucket/ids.h"
#include "bucket/keys.h"
#include "support/check.h"
#include "support/crashed.h"

enum { FRAMES = 8 };

static const struct {
    const char *name;
    const char *frames[FRAMES];
    uint32_t major;
} msec[] = {
    {"one module",                    {"qmng4.exe+2103b"},                                       0x8c7435c8},
    {"twice",                         {"qmng4.exe+2103b", "qmng4.exe+1"},                        0xebb32a1e},
    {"editor, mixed",
     {"Editor.exe+1", "Editor.exe+2", "Editor.exe!TMethodImplementationIntercept",
      "Editor.exe!TMethodImplementationIntercept", "Editor.exe!TMethodImplementationIntercept"},
     0x9287d33d                                                                                            },
    {"editor, one without",
     {"Editor.exe+1", "Editor.exe!TMethodImplementationIntercept",
      "Editor.exe!TMethodImplementationIntercept", "Editor.exe!TMethodImplementationIntercept",
      "Editor.exe!TMethodImplementationIntercept"},
     0xcbf27291                                                                                            },
    {"editor, five",
     {"Editor.exe!TMethodImplementationIntercept", "Editor.exe!TMethodImplementationIntercept",
      "Editor.exe!TMethodImplementationIntercept", "Editor.exe!TMethodImplementationIntercept",
      "Editor.exe!TMethodImplementationIntercept", "Editor.exe!sixth"},
     0x439ec9fa                                                                                            },
    {"excluded frames use positions",
     {"ntdll.dll!RtlpCoalesceFreeBlocks", "ntdll.dll!RtlFreeHeap", "kernel32.dll!HeapFree",
      "KERNELBASE.dll!GlobalFree", "Editor.exe!TMethodImplementationIntercept", "Editor.exe!x"},
     0xfc3f1cdb                                                                                            },
    {"unknown",                       {"JPGCodec.dll+1", "JPGCodec.dll!DllInstall", "?"},        0x858b7aa7},
};

static struct crashed *make(enum fb_arch arch, const char *const *frames, size_t n)
{
    struct crashed *c = crashed_new(FB_WINDOWS, arch, NULL);
    for (size_t i = 0; i < n && frames[i] != NULL; i++)
        crashed_frame(c, frames[i]);
    crashed_exception(c, FB_WIN_ACCESS_VIOLATION, 2, 0, 0x41414141);
    CHECK(frames[0], !fb_failed(fb_name_crash(&c->a, &c->arena)));
    CHECK(frames[0], !fb_failed(fb_make_keys(&c->a, NULL, &c->arena)));
    return c;
}

static void test_msec(void)
{
    for (size_t i = 0; i < COUNT(msec); i++) {
        struct crashed *c = make(FB_AMD64, msec[i].frames, FRAMES);
        CHECK(msec[i].name, c->a.keys.msec_major == msec[i].major);
        CHECK(msec[i].name, !c->a.keys.has_msec_minor);
        free(c);
    }
    static const char minor[] = "qmng4+0x\0"
                                "2103b";
    struct fb_hash hash;
    fb_sha256_start(&hash);
    fb_sha256_add(&hash, minor, sizeof minor - 1);
    CHECK("minor", fb_msec_fold(&hash) == 0xf37f4977);
    struct crashed *c = make(FB_X86, msec[0].frames, 1);
    CHECK("minor", c->a.keys.has_msec_minor && c->a.keys.msec_minor == 0xf37f4977);
    CHECK("title", strcmp(c->a.keys.msec_title, "Unknown starting at qmng4+0x000000000002103b "
                                                "(Hash=0x8c7435c8.0xf37f4977)") == 0);
    free(c);
}

static void test_title(void)
{
    struct crashed *c = crashed_new(FB_WINDOWS, FB_AMD64, NULL);
    crashed_frame(c, "ntdll.dll!RtlFreeHeap");
    crashed_frame(c, "app.exe!ns::foo<int>(char)");
    c->a.exploitability.msec16 = (struct fb_judgement){FB_CLASS_EXPLOITABLE, "1", "WriteAV",
                                                       "User Mode Write AV", "",  0};
    CHECK("title", !fb_failed(fb_make_keys(&c->a, NULL, &c->arena)));
    static const char want[] = "Exploitable - User Mode Write AV starting at "
                               "ntdll!RtlFreeHeap+0x0000000000000010 called from "
                               "app!ns::foo<int>+0x0000000000000010 (Hash=0x";
    CHECK("title", strncmp(c->a.keys.msec_title, want, sizeof want - 1) == 0);
    free(c);
}

/* --- ours --------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum fb_os os;
    const char *frames[FRAMES];
    const char *major; // NULL: that of the row before
} ours[] = {
    {"heap",
     FB_WINDOWS,                       {"ntdll.dll!RtlpCoalesceFreeBlocks", "KERNELBASE.dll!GlobalFree",
      "Editor.exe!TMethodImplementationIntercept"},
     "274f31134f7361ae"                                                                                            },
    {"three",              FB_WINDOWS, {"app.exe!foo", "app.exe!bar", "app.exe!main"},           "597453492889f9b4"},
    {"arguments",          FB_WINDOWS, {"app.exe!int foo(int)", "app.exe!Bar", "APP.exe!main"},  NULL              },
    {"excluded",
     FB_WINDOWS,                       {"ucrtbase.dll!abort", "app.exe!foo", "vcruntime140.dll!memcpy", "app.exe!bar",
      "app.exe!main"},
     NULL                                                                                                          },
    {"recursion",
     FB_WINDOWS,                       {"app.exe!foo", "app.exe!bar", "app.exe!foo", "app.exe!bar", "app.exe!foo", "app.exe!bar",
      "app.exe!main"},
     NULL                                                                                                          },
    {"no module",          FB_WINDOWS, {"?", "app.exe!foo", "?", "app.exe!bar", "app.exe!main"}, NULL              },
    {"a library of Linux",
     FB_LINUX,                         {"libapp-1.2.so.3!foo", "libapp-1.2.so.3!main"},
     "a0bdf4f828537d67"                                                                                            },
    {"another version",    FB_LINUX,   {"libapp-1.10.so.4!foo", "libapp-1.10.so.4!main"},        NULL              },
    {"no frames",          FB_WINDOWS, {NULL},                                                   "02c43573d98034d2"},
};

static void test_ours(void)
{
    const char *last = "";
    for (size_t i = 0; i < COUNT(ours); i++) {
        struct crashed *c = crashed_new(ours[i].os, FB_AMD64, NULL);
        for (size_t k = 0; k < FRAMES && ours[i].frames[k] != NULL; k++)
            crashed_frame(c, ours[i].frames[k]);
        CHECK(ours[i].name, !fb_failed(fb_make_keys(&c->a, NULL, &c->arena)));
        const char *want = ours[i].major != NULL ? ours[i].major : last;
        if (!CHECK(ours[i].name, strcmp(c->a.keys.fbh1_major, want) == 0))
            fprintf(stderr, "    got %s\n", c->a.keys.fbh1_major);
        last = want;
        free(c);
    }
}

static void test_minor(void)
{
    static const struct {
        const char *frame;
        uint64_t offset;
    } v[] = {
        {"app.exe!foo",  0x1c},
        {"app.exe!bar",  9   },
        {"app.exe!main", 0x44}
    };
    struct crashed *c = crashed_new(FB_WINDOWS, FB_AMD64, NULL);
    for (size_t i = 0; i < COUNT(v); i++) {
        crashed_frame(c, v[i].frame);
        c->frames[i].function_at = c->frames[i].resume - v[i].offset;
    }
    CHECK("minor", !fb_failed(fb_make_keys(&c->a, NULL, &c->arena)));
    CHECK("minor", strcmp(c->a.keys.fbh1_minor, "6c34b5f9b809b896") == 0);
    free(c);
}

static const struct {
    const char *name, *symbol;
    bool msec, ours;
} excluded[] = {
    {"ntdll!RtlFreeHeap",               "RtlFreeHeap",                true,  true },
    {"ntdll!RtlpCoalesceFreeBlocks",    "RtlpCoalesceFreeBlocks",     false, false},
    {"ntdll!KiUserExceptionDispatcher", "KiUserExceptionDispatcher",  true,  true },
    {"kernel32!RaiseException",         "RaiseException",             true,  true },
    {"KERNELBASE!RaiseException",       "RaiseException",             false, true },
    {"verifier",                        NULL,                         true,  true },
    {"verifier!Anything",               "Anything",                   true,  true },
    {"vfbasics!Anything",               "Anything",                   false, false},
    {"clrstubs",                        NULL,                         true,  true },
    {"vrfcore",                         NULL,                         false, false},
    {"vrfcore!Anything",                "Anything",                   true,  true },
    {"apvrf2",                          NULL,                         false, false},
    {"ntdll_x86!RtlFreeHeap",           "RtlFreeHeap",                true,  true },
    {"ntdll_x86!NtClose",               "NtClose",                    false, false},
    {"ntdll!NtClose",                   "NtClose",                    false, true },
    {"ntdll!",                          "",                           false, false},
    {"kernel32x!HeapFree",              "HeapFree",                   false, false},
    {"kernel!HeapFree",                 "HeapFree",                   false, false},
    {"vcruntime140!__CxxFrameHandler3", "__CxxFrameHandler3",         false, true },
    {"app!memcpy_s",                    "memcpy_s",                   false, true },
    {"app!my_memcpy",                   "my_memcpy",                  false, false},
    {"app!__report_gsfailure",          "__report_gsfailure",         false, true },
    {"msvcrt!calloc",                   "calloc",                     true,  true },
    {"ucrtbase!free_base",              "free_base",                  false, true },
    {"libc!__strlen_avx2",              "__strlen_avx2",              false, true },
    {"libc!raise",                      "raise",                      false, true },
    {"app!raise_money",                 "raise_money",                false, false},
    {"app!core::panicking::panic_fmt",  "core::panicking::panic_fmt", false, true },
    {"raise",                           NULL,                         false, false},
};

static void test_excluded(void)
{
    for (size_t i = 0; i < COUNT(excluded); i++) {
        CHECK(excluded[i].name, fb_msec_excludes(excluded[i].name) == excluded[i].msec);
        CHECK(excluded[i].name,
              fb_hash_excludes(excluded[i].name, excluded[i].symbol) == excluded[i].ours);
    }
}

static void test_cycles(void)
{
    static const char *const names[] = {"function_a", "function_b", "function_a", "function_b",
                                        NULL,         "function_c", "function_c", "function_"};
    static const uint32_t want[] = {0, 1, 0, 1, 4, 5, 5, 7};
    static const size_t stay[] = {0, 1, 4, 5, 7};
    uint32_t ids[COUNT(names)];
    size_t kept[COUNT(names)];
    fb_name_ids(names, COUNT(names), ids);
    CHECK("ids", memcmp(ids, want, sizeof want) == 0);
    for (size_t most = 0; most <= COUNT(names); most++) {
        size_t n = fb_collapse(ids, COUNT(names), most, kept);
        CHECK("as many", n == (most < COUNT(stay) ? most : COUNT(stay)));
        CHECK("the first", memcmp(kept, stay, n * sizeof *kept) == 0);
    }
}

int main(void)
{
    test_cycles();
    test_msec();
    test_title();
    test_ours();
    test_minor();
    test_excluded();
    return check_done();
}
