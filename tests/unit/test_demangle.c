/*
 * tests/unit/test_demangle.c -- names of C++ and Rust against a table and against c++filt, on
 * names that only an attacker writes, and on all names of the corpus' symbol files.
 */
#include "bucket/keys.h"
#include "support/check.h"
#include "support/whole.h"
#include "symbols/demangle.h"
#include "unwind/walk.h"

#include <ftw.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 1 << 20, LINE = 3 * FB_DEMANGLED_MAX, FILES_MAX = 256 };
static uint8_t room[ROOM];
static struct fb_arena arena = {.base = room, .cap = ROOM};

// clang-format off
/* NULL: it stays as it is. */
static const struct {
    const char *mangled, *plain;
} rows[] = {
    {"_ZN3Foo3barEi", "Foo::bar(int)"},
    {"__ZN3Foo3barEi", "Foo::bar(int)"},
    {"_ZNK3FoocvbEv", "Foo::operator bool() const"},
    {"_ZN12_GLOBAL__N_13FooC1Ev", "(anonymous namespace)::Foo::Foo()"},
    {"_ZSt4sortIPiEvT_S1_", "void std::sort<int*>(int*, int*)"},
    {"_Z3fooSs", "foo(std::string)"},
    {"_ZN3Foo3barEi.cold", "Foo::bar(int) [clone .cold]"},
    {"_ZN3Foo3barEi.constprop.0", "Foo::bar(int) [clone .constprop.0]"},
    {"_ZNSt6vectorIiSaIiEE9push_backERKi@@GLIBCXX_3.4",
     "std::vector<int, std::allocator<int> >::push_back(int const&)@@GLIBCXX_3.4"},
    {"_ZTV3Foo", "vtable for Foo"},
    {"_ZN4core3ptr13drop_in_place17h0123456789abcdefE", "core::ptr::drop_in_place"},
    {"_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$"
     "GT$$GT$3bar17h930b740aa94f1d3aE",
     "<Test + 'static as foo::Bar<Test>>::bar"},
    {"_RNvCs15kBYyAo9fc_7mycrate7example", "mycrate::example"},
    {"_RNvMs_Cs4Cv8Wi1oAIB_7mycrateNtB4_7Example3foo", "<mycrate::Example>::foo"},
    {"_RNvC6_123foo3bar", "123foo::bar"},
    {"__RNvC7mycrate3foo", "mycrate::foo"},
    {"_RNqCs4fqI2P2rA04_11utf8_identsu30____7hkackfecea1cbdathfdh9hlq6y",
     "utf8_idents::საჭმელად_გემრიელი_სადილი"},
    {"", NULL},
    {"_", NULL},
    {"__", NULL},
    {"_Z", NULL},
    {"_R", NULL},
    {"_ZN", NULL},
    {"_Zebra", NULL},
    {"_ReleaseMenu(MenuData*)", NULL},
    {"_RequestWindowSelection", NULL},
    {"Foo::bar(int)", NULL},
    {"?bar@Foo@@QAEXH@Z", NULL},
    {"main", NULL},
    {"_foo@12", NULL},
    {"@", NULL},
    {"_Z@@V", NULL},
    {"___ZN3Foo3barEi_block_invoke", NULL},
};
// clang-format on

static void test_rows(void)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        arena.used = 0;
        const char *got = fb_demangle(rows[i].mangled, &arena);
        const char *want = rows[i].plain != NULL ? rows[i].plain : rows[i].mangled;
        if (!CHECK(rows[i].mangled, strcmp(got, want) == 0))
            fprintf(stderr, "    %s\n", got);
        CHECK(rows[i].mangled, rows[i].plain != NULL || got == rows[i].mangled);
        arena.used = 0;
        struct fb_arena none = {.base = room, .cap = 8};
        got = fb_demangle(rows[i].mangled, &none);
        CHECK(rows[i].mangled, got == rows[i].mangled);
    }
}

/* A key must not depend on who has demangled Rust's names. */
static void test_keys(void)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (strstr(rows[i].mangled, "17h") == NULL)
            continue;
        arena.used = 0;
        const char *raw = fb_normalise(rows[i].mangled, NULL, &arena);
        const char *plain = fb_normalise(rows[i].plain, NULL, &arena);
        CHECK(rows[i].mangled, raw != NULL && plain != NULL && strcmp(raw, plain) == 0);
    }
}

/* --- what is hostile ---------------------------------------------------------------- */

static char name[2 * FB_MANGLED_MAX];

static void put(const char *text)
{
    size_t n = strlen(name);
    snprintf(name + n, sizeof name - n, "%s", text);
}

static void again(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put(text);
}

static void pointers(void)
{
    put("_Z1f");
    again("P", FB_MANGLED_MAX - 10);
    put("i");
}
static void nested(void)
{
    put("_Z1f");
    again("1AI", 1200);
    put("i");
    again("E", 1200);
}
/* Each argument is a pair of the one before: the text doubles each time. */
static void doubling(void)
{
    static const char seq[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    char pair[32];
    put("_Z1f1A1BIS_S_E");
    for (size_t i = 1; i + 1 < sizeof seq; i++) {
        snprintf(pair, sizeof pair, "S0_IS%c_S%c_E", seq[i], seq[i]);
        put(pair);
    }
}
/* Tuples of the tuple before, in Rust: B goes back to where it stands. */
static void doubling_rust(void)
{
    char pair[32];
    put("_RINvC1a1bTlllE");
    size_t at = 9; // of the first tuple, behind _R
    for (int i = 0; i < 40; i++) {
        static const char digits[] =
            "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        size_t here = strlen(name) - 2, n = at - 1;
        char back[8];
        if (n < 62)
            snprintf(back, sizeof back, "B%c_", digits[n]);
        else
            snprintf(back, sizeof back, "B%c%c_", digits[n / 62], digits[n % 62]);
        snprintf(pair, sizeof pair, "T%s%sE", back, back);
        put(pair);
        at = here;
    }
    put("E");
}
static void deep_rust(void)
{
    put("_RINvC1a1b");
    again("R", 3000);
    put("lE");
}
static void itself_rust(void) { put("_RINvC1a1bB8_E"); }
static void too_long(void)
{
    put("_ZN3Foo3barE");
    again("i", FB_MANGLED_MAX);
}
static void long_number(void) { put("_Z99999999999999999999999999999foo"); }
static void long_number_rust(void) { put("_RNvC99999999999999999999999999999a3foo"); }
static void half_a_letter(void)
{
    put("_ZN1\xC3"
        "1\xA9"
        "E");
}

static const struct {
    const char *name;
    void (*make)(void);
    bool stays;
} hostile[] = {
    {"pointers to pointers",      pointers,         true },
    {"nested arguments",          nested,           true },
    {"doubling",                  doubling,         true },
    {"doubling, Rust",            doubling_rust,    true },
    {"deep, Rust",                deep_rust,        true },
    {"leads to itself, Rust",     itself_rust,      true },
    {"too long",                  too_long,         true },
    {"a length beyond all",       long_number,      true },
    {"a length beyond all, Rust", long_number_rust, true },
    {"no UTF-8",                  half_a_letter,    false},
};

static void test_hostile(void)
{
    for (size_t i = 0; i < COUNT(hostile); i++) {
        name[0] = 0;
        hostile[i].make();
        arena.used = 0;
        clock_t before = clock();
        const char *got = fb_demangle(name, &arena);
        double seconds = (double)(clock() - before) / CLOCKS_PER_SEC;
        if (!CHECK(hostile[i].name, !hostile[i].stays || got == name))
            fprintf(stderr, "    %.200s\n", got);
        CHECK(hostile[i].name, strlen(got) <= 3 * (size_t)FB_DEMANGLED_MAX);
        if (!CHECK(hostile[i].name, seconds < 1))
            fprintf(stderr, "    %f seconds\n", seconds);
    }
}

/* --- c++filt ------------------------------------------------------------------------ */

static char *files[FILES_MAX];
static size_t n_files;

static int remember(const char *path, const struct stat *s, int kind, struct FTW *ftw)
{
    (void)s, (void)ftw;
    size_t n = strlen(path);
    if (kind == FTW_F && n > 4 && strcmp(path + n - 4, ".sym") == 0 && n_files < FILES_MAX)
        files[n_files++] = strdup(path);
    return 0;
}

/* The name of a FUNC, PUBLIC or INLINE_ORIGIN; NULL: of none. */
static char *name_in(char *line)
{
    static const struct {
        const char *word;
        int blanks;
    } records[] = {
        {"FUNC ",          4},
        {"PUBLIC ",        3},
        {"INLINE_ORIGIN ", 2}
    };
    line[strcspn(line, "\r\n")] = 0;
    for (size_t i = 0; i < COUNT(records); i++) {
        if (strncmp(line, records[i].word, strlen(records[i].word)) != 0)
            continue;
        int blanks = records[i].blanks;
        for (; *line != 0 && blanks > 0; line++)
            blanks -= *line == ' ';
        return line[0] == 'm' && line[1] == ' ' ? line + 2 : line;
    }
    return NULL;
}

struct names {
    FILE *in;
    size_t n, mangled;
};

/* Those that look mangled are asked of c++filt too; that all others stay, is checked at once.
 */
static void ask(struct names *names, char *text)
{
    arena.used = 0;
    const char *ours = fb_demangle(text, &arena);
    names->n++;
    if (text[0] != '_' || strchr(text, ' ') != NULL) {
        CHECK(text, ours == text || text[0] == '_');
        return;
    }
    fprintf(names->in, "%s\n", text);
    names->mangled += ours != text;
}

static void collect(struct names *names, const char *path)
{
    char *line = NULL;
    size_t room_for = 0;
    FILE *file = fopen(path, "r");
    while (file != NULL && getline(&line, &room_for, file) > 0) {
        char *text = name_in(line);
        if (text != NULL && strlen(text) < FB_MANGLED_MAX)
            ask(names, text);
    }
    if (file != NULL)
        fclose(file);
    free(line);
}

/* Both sides, line by line. Ours takes an underscore before it for macOS', theirs does not. */
static void compare(FILE *asked, FILE *theirs)
{
    char *text = NULL, *answer = NULL;
    size_t n_text = 0, n_answer = 0;
    while (getline(&text, &n_text, asked) > 0) {
        if (!CHECK("c++filt", getline(&answer, &n_answer, theirs) > 0))
            break;
        text[strcspn(text, "\n")] = answer[strcspn(answer, "\n")] = 0;
        arena.used = 0;
        const char *ours = fb_demangle(text, &arena);
        bool macos = text[1] == '_' && strcmp(answer, text) == 0;
        if (!CHECK(text, macos || strcmp(ours, answer) == 0))
            fprintf(stderr, "    ours   %s\n    theirs %s\n", ours, answer);
    }
    free(text);
    free(answer);
}

/* What the compilers' own libraries have: many names, of all shapes. */
static void ask_libraries(struct names *names)
{
    char *line = NULL;
    size_t room_for = 0;
    // NOLINTNEXTLINE(cert-env33-c): a test's own tools
    FILE *nm = popen("nm -D --without-symbol-versions "
                     "/usr/lib/x86_64-linux-gnu/libstdc++.so.6"
                     " 2>/dev/null | cut -c20-",
                     "r");
    while (nm != NULL && getline(&line, &room_for, nm) > 0) {
        line[strcspn(line, "\n")] = 0;
        if (strlen(line) < FB_MANGLED_MAX)
            ask(names, line);
    }
    if (nm != NULL)
        pclose(nm);
    free(line);
}

static void test_filt(void)
{
    const char *corpus = getenv("FAULTBUCKET_CORPUS");
    char path[] = "/tmp/faultbucket-names-XXXXXX", command[64];
    int fd = mkstemp(path);
    struct names names = {.in = fd >= 0 ? fdopen(fd, "w+") : NULL};
    if (!CHECK("a file", names.in != NULL))
        return;
    if (corpus == NULL || nftw(corpus, remember, 16, FTW_PHYS) != 0)
        fprintf(stderr, "NOT TRIED: the corpus is missing; set FAULTBUCKET_CORPUS\n");
    for (size_t i = 0; i < n_files; i++) {
        collect(&names, files[i]);
        free(files[i]);
    }
    ask_libraries(&names);
    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].mangled[0] == '_' && strchr(rows[i].mangled, ' ') == NULL)
            fprintf(names.in, "%s\n", rows[i].mangled);
    fflush(names.in);
    rewind(names.in);
    snprintf(command, sizeof command, "c++filt -i < %s", path);
    FILE *theirs = popen(command, "r"); // NOLINT(cert-env33-c): a test's own tools
    if (CHECK("c++filt", theirs != NULL)) {
        compare(names.in, theirs);
        CHECK("c++filt", pclose(theirs) == 0);
    }
    fclose(names.in);
    unlink(path);
    printf("%zu names, %zu of them mangled\n", names.n, names.mangled);
}

/* --- frames ------------------------------------------------------------------------- */

static enum fb_symbol_state loaded(void *self, const struct fb_module *module)
{
    (void)self, (void)module;
    return FB_SYMBOLS_LOADED;
}

static bool lookup(void *self, const struct fb_module *module, uint64_t rva,
                   struct fb_arena *to, struct fb_symbol *out)
{
    static const struct fb_inline inlines[] = {
        {"plain",       NULL, 1},
        {"_Z7inlinedv", NULL, 2}
    };
    (void)self, (void)module, (void)rva, (void)to;
    *out = (struct fb_symbol){.function = "_ZN3Foo3barEi", .inlines = inlines, .n_inlines = 2};
    return true;
}

/* What is shown is demangled; what the symbols have, is kept. */
static void test_frames(void)
{
    struct fb_module module = {.base = 0x400000, .end = 0x410000, .path = "", .name = "app"};
    struct fb_dump dump = {
        .system = {.arch = FB_AMD64, .os = FB_LINUX},
          .modules = { &module,               1,              0}
    };
    struct fb_symbols symbols = {.state = loaded, .lookup = lookup};
    struct fb_walk_env env = {.dump = &dump, .symbols = &symbols};
    struct fb_thread thread = {0};
    struct fb_regs regs = {.arch = FB_AMD64};
    struct fb_stack stack = {0};
    fb_reg_set(&regs, FB_RIP, 0x401000);
    arena.used = 0;
    if (!CHECK("a frame", !fb_failed(fb_walk(&env, &thread, &regs, &arena, &stack))))
        return;
    const struct fb_frame *f = &stack.v[0];
    CHECK("a frame", strcmp(f->function, "Foo::bar(int)") == 0);
    CHECK("a frame", strcmp(f->mangled, "_ZN3Foo3barEi") == 0);
    CHECK("inlined", f->n_inlines == 2 && strcmp(f->inlines[0].function, "plain") == 0);
    CHECK("inlined", strcmp(f->inlines[1].function, "inlined()") == 0);
}

/* A name that is not mangled costs what looking at its first bytes costs. */
static void test_speed(void)
{
    enum { TIMES = 1000000 };
    clock_t before = clock();
    for (int i = 0; i < TIMES; i++)
        CHECK("plain", fb_demangle("mozilla::dom::Element::SetAttribute", &arena) != NULL);
    double each = (double)(clock() - before) / CLOCKS_PER_SEC / TIMES * 1e9;
    printf("%.0f ns for a plain name\n", each);
    CHECK("speed", each < 1000);
}

int main(void)
{
    test_rows();
    test_keys();
    test_hostile();
    test_filt();
    test_frames();
    test_speed();
    return check_done();
}
