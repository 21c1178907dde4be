/* tests/unit/test_failure.c -- failure ids and their hashes, against pairs the
 * debugger printed. */
#include "bucket/codes.h"
#include "bucket/ids.h"
#include "bucket/keys.h"
#include "support/check.h"
#include "support/crashed.h"
#include "support/tsv.h"

static void check_hash(const char *id, const char *want)
{
    static uint8_t room[8192];
    struct fb_arena arena = {.base = room, .cap = sizeof room},
                    little = {.base = room, .cap = 8};
    char got[37];
    CHECK(id, !fb_failed(fb_failure_hash(id, &arena, got)));
    if (!CHECK(id, strcmp(got, want) == 0))
        fprintf(stderr, "    got %s\n", got);
    CHECK(id, fb_failure_hash(id, &little, got).code == FB_LIMIT);
}

static size_t test_vectors(void)
{
    struct tsv t;
    size_t n = 0;
    if (!tsv_open(&t, "wer/vectors/failure_id_hash.tsv"))
        return 0;
    for (tsv_next(&t); tsv_next(&t); n++)
        check_hash(t.field[0], t.field[1]);
    return n;
}

/* Plain letters are widened eight at a time, the others one by one. */
static void test_letters(void)
{
    check_hash("um:ABCDEFGH", "6d625fdc-602f-8938-68e5-da0e8ad208be");
    check_hash("um:Eight plain, then \303\211\360\237\230\200 and Eight more",
               "82d9949a-628a-5b39-228f-4783586890d5");
    check_hash("um:seven\303\251seven", "5ecd0727-b7af-b0a9-c803-842cb104ef80");
}

static const struct {
    const char *name;
    uint32_t code, n;
    uint64_t p0, p1;
    const char *frame, *id;
} rows[] = {
    {"null read",         FB_WIN_ACCESS_VIOLATION,    2, 0,          0xFFFF,     "AccessV.exe!main",
     "NULL_POINTER_READ_c0000005_AccessV.exe!main"                                                                                                          },
    {"null write",        FB_WIN_ACCESS_VIOLATION,    2, 1,          0,          "AccessV.exe!main",
     "NULL_POINTER_WRITE_c0000005_AccessV.exe!main"                                                                                                         },
    {"null call",         FB_WIN_ACCESS_VIOLATION,    2, 8,          0,          "AccessV.exe!main",
     "NULL_POINTER_EXECUTE_c0000005_AccessV.exe!main"                                                                                                       },
    {"read",              FB_WIN_ACCESS_VIOLATION,    2, 0,          0x10000,    "AccessV.exe!main",
     "INVALID_POINTER_READ_c0000005_AccessV.exe!main"                                                                                                       },
    {"write",             FB_WIN_ACCESS_VIOLATION,    2, 1,          0x41414141, "OpenConsole.exe!WriteCharsLegacy",
     "INVALID_POINTER_WRITE_c0000005_OpenConsole.exe!WriteCharsLegacy"                                                                                      },
    {"execute",           FB_WIN_ACCESS_VIOLATION,    2, 8,          0x41414141, "Gw.exe+1000",
     "INVALID_POINTER_EXECUTE_c0000005_Gw.exe!Unknown"                                                                                                      },
    {"no module",         FB_WIN_ACCESS_VIOLATION,    2, 8,          0x41414141, "?",
     "INVALID_POINTER_EXECUTE_c0000005_AccessV.exe!unknown_error_in_process"                                                                                },
    {"stack overflow",    FB_WIN_STACK_OVERFLOW,      0, 0,          0,          "a.dll!f",
     "STACK_OVERFLOW_c00000fd_a.dll!f"                                                                                                                      },
    {"cookie",            FB_WIN_FAST_FAIL,           1, 2,          0,          "a.dll!f",                          "STACK_BUFFER_OVERRUN_c0000409_a.dll!f"},
    {"abort",             FB_WIN_FAST_FAIL,           1, 7,          0,          "a.dll!f",
     "FAIL_FAST_FATAL_APP_EXIT_c0000409_a.dll!f"                                                                                                            },
    {"unknown fast fail", FB_WIN_FAST_FAIL,           1, 999,        0,          "a.dll!f",
     "FAIL_FAST_999_c0000409_a.dll!f"                                                                                                                       },
    {"heap",              FB_WIN_HEAP_CORRUPTION,     1, 0,          0,          "a.dll!f",                          "HEAP_CORRUPTION_c0000374_a.dll!f"     },
    {"in-page",           FB_WIN_IN_PAGE_ERROR,       3, 0,          0,          "a.dll!f",
     "IN_PAGE_ERROR_c0000006_hardware_disk!Unknown"                                                                                                         },
    {"breakpoint",        FB_WIN_BREAKPOINT,          1, 0,          0,          "fastrtps-2.6.dll+10",
     "BREAKPOINT_80000003_fastrtps-2.6.dll!Unknown"                                                                                                         },
    {"CLR",               FB_WIN_CLR_EXCEPTION,       1, 0x80131509, 0,          "a.dll!f",
     "CLR_EXCEPTION_80131509_a.dll!f"                                                                                                                       },
    {"C++",               FB_WIN_CPP_EXCEPTION,       0, 0,          0,          "a.dll!f",                          "CPP_EXCEPTION_e06d7363_a.dll!f"       },
    {"illegal",           FB_WIN_ILLEGAL_INSTRUCTION, 0, 0,          0,          "a.dll!f",
     "ILLEGAL_INSTRUCTION_c000001d_a.dll!f"                                                                                                                 },
    {"divide",            FB_WIN_INT_DIVIDE_BY_ZERO,  0, 0,          0,          "a.dll!f",
     "INTEGER_DIVIDE_BY_ZERO_c0000094_a.dll!f"                                                                                                              },
    {"anything else",     0xC0000602,                 0, 0,          0,          "a.dll!f",                          "APPLICATION_FAULT_c0000602_a.dll!f"   },
    {"a template",        FB_WIN_ACCESS_VIOLATION,    2, 0,          0x41414141, "a.dll!ns::Ptr<X, 1>::Swap(int)",
     "INVALID_POINTER_READ_c0000005_a.dll!ns::Ptr_T_::Swap"                                                                                                 },
};

static void test_made(void)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct crashed *c = crashed_new(FB_WINDOWS, FB_AMD64, "AccessV.exe");
        crashed_frame(c, rows[i].frame);
        crashed_exception(c, rows[i].code, rows[i].n, rows[i].p0, rows[i].p1);
        CHECK(rows[i].name, !fb_failed(fb_name_crash(&c->a, &c->arena)));
        CHECK(rows[i].name, !fb_failed(fb_make_keys(&c->a, NULL, &c->arena)));
        if (!CHECK(rows[i].name, strcmp(c->a.keys.failure_id, rows[i].id) == 0))
            fprintf(stderr, "    got %s\n", c->a.keys.failure_id);
        char whole[512];
        snprintf(whole, sizeof whole, "um:%s", rows[i].id);
        check_hash(whole, c->a.keys.failure_hash);
        free(c);
    }
}

/* What the judge adds: a member of NULL, data that was executed, and the verdict itself. */
static void test_judged(void)
{
    static struct fb_page page = {
        .start = 0x41410000, .size = 0x10000, .access = FB_PAGE_READ, .kind = FB_PAGE_PRIVATE};
    struct crashed *c = crashed_new(FB_WINDOWS, FB_AMD64, "a.exe");
    crashed_frame(c, "a.exe!f");
    crashed_exception(c, FB_WIN_ACCESS_VIOLATION, 2, 0, 8);
    CHECK("member", !fb_failed(fb_name_crash(&c->a, &c->arena)));
    c->a.crash.null_pointer = true;
    c->a.crash.adjusted = 8;
    c->a.exploitability.fb1.class = FB_CLASS_EXPLOITABLE;
    CHECK("member", !fb_failed(fb_make_keys(&c->a, NULL, &c->arena)));
    CHECK("member", strcmp(c->a.keys.failure_id, "NULL_CLASS_PTR_READ_c0000005_a.exe!f") == 0);
    CHECK("verdict", c->a.keys.n_problem_classes == 2);
    CHECK("verdict", strcmp(c->a.keys.problem_classes[1], "EXPLOITABLE") == 0);
    free(c);

    c = crashed_new(FB_WINDOWS, FB_AMD64, "a.exe");
    crashed_frame(c, "?");
    crashed_frame(c, "a.exe!f");
    crashed_exception(c, FB_WIN_ACCESS_VIOLATION, 2, 8, 0x41414141);
    c->a.dump.pages = (struct fb_pages){&page, 1, FB_PAGES_MEMORY_INFO};
    CHECK("data", !fb_failed(fb_name_crash(&c->a, &c->arena)));
    CHECK("data", !fb_failed(fb_make_keys(&c->a, NULL, &c->arena)));
    CHECK("data", strcmp(c->a.keys.failure_id, "SOFTWARE_NX_FAULT_c0000005_a.exe!f") == 0);
    CHECK("data", strcmp(c->a.keys.problem_classes[1], "BAD_INSTRUCTION_PTR") == 0);
    free(c);
}

int main(void)
{
    check_hash("km:X64_0x7E_man+1ce7", "ceed7a1b-a47b-c452-63c1-012e444d5204");
    test_made();
    test_judged();
    test_letters();
    size_t n = test_vectors();
    printf("%zu pairs of the corpus\n", n);
    int failed = check_done();
    return failed != 0 || n != 0 ? failed : check_skip("no corpus at FAULTBUCKET_CORPUS");
}
