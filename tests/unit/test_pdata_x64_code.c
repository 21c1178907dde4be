/*
 * tests/unit/test_pdata_x64_code.c -- the caller at every instruction of every function of real
 * x64 images: the one that the code itself leads back to.
 *
 * Each function of the table is entered with a return address and with registers that are all
 * different, and followed instruction by instruction, both ways at a condition, into all of its
 * parts. Wherever a thread may stand there, unwinding must give back what it was entered with:
 * in the prolog, in the body, in the epilogs, and as the caller of what it calls.
 *
 * Functions: those of the corpus' images and of the golden ones; pdata_functions.c as clang and
 * gcc compile it; and pdata_x64_functions.S, which has every code and every kind of epilog.
 */
#include "disasm/insn.h"
#include "support/check.h"
#include "support/one_image.h"
#include "support/whole.h"
#include "unwind/pdata_x64.h"

#include <ftw.h>
#include <string.h>

enum {
    FILES_MAX = 256,
    ENTRY_SIZE = 12,
    INSN_MAX = 15,
    STACK = 0x10000000,
    STACK_SIZE = 4 * 1024 * 1024,
    ENTERED_AT = STACK + STACK_SIZE - 4096, // rsp
    DYNAMIC = 0x40,                         // what alloca() is asked for
    WORDS_MAX = 256,                        // that a path has stored
    PATHS_MAX = 512,
    HEADERS = 0x1000
};
#define JUNK     UINT64_C(0xBADBADBAD000)
#define VALUE(r) (UINT64_C(0x11110000) + (uint64_t)(r)*8)

struct path {
    fb_addr ip;
    struct fb_regs regs;
    uint64_t eax; // the last constant that was put there: how much a frame takes
    struct word {
        fb_addr at;
        uint64_t was;
    } words[WORDS_MAX];
    uint64_t now[WORDS_MAX];
    size_t n;
};
struct tour { // of one function
    const struct one_image *one;
    const char *path;
    uint64_t kept; // registers that a call does not destroy
    fb_addr entry, return_to;
    bool interrupted; // the processor pushes a machine frame in front of it
    size_t n_waiting;
    struct path waiting[PATHS_MAX];
};

/* Functions whose unwind data is wrong at some of their instructions. */
static const struct {
    const char *image;
    uint64_t rva;
    size_t n;
    const char *why;
} wrong_data[] = {
    {"_greenlet.amd64.pyd",    0x1000, 28,
     "changes stacks in hand-written assembler: its epilog pops, and then moves rsp for long"},
    {"rules-gcc-O2/app.exe",   0x20e0, 3,  "argument_read: inline assembler moves rsp"       },
    {"rules-gcc-O2/app.exe",   0x27f0, 2,  "single_step: inline assembler pushes the flags"  },
    {"rules-clang-O0/app.exe", 0x2440, 3,  "argument_read: inline assembler moves rsp"       },
};
static size_t met[COUNT(wrong_data)];

static const int saved[] = {FB_RBX, FB_RBP, FB_RSI, FB_RDI, FB_R12, FB_R13, FB_R14, FB_R15};
static uint8_t *stack;
static uint32_t *seen, generation;
static size_t handle, n_instructions, n_wrong, n_functions, n_lost, n_images, n_calls;
static bool verbose;
static char *files[FILES_MAX];
static size_t n_files;

/* --- words of the stack ------------------------------------------------------------- */

static uint8_t *slot(fb_addr at)
{
    return at >= STACK && at <= STACK + STACK_SIZE - 8 ? stack + (at - STACK) : NULL;
}

static uint64_t load(fb_addr at)
{
    uint64_t v = JUNK;
    if (slot(at) != NULL)
        memcpy(&v, slot(at), sizeof v);
    return v;
}

static void store(struct path *p, fb_addr at, uint64_t v)
{
    if (slot(at) == NULL || p->n == WORDS_MAX)
        return;
    p->words[p->n] = (struct word){at, load(at)};
    p->now[p->n++] = v;
    memcpy(slot(at), &v, sizeof v);
}

/* What a path has stored is put there when it goes on, and taken back when it ends. */
static void resume(const struct path *p)
{
    for (size_t i = 0; i < p->n; i++)
        memcpy(slot(p->words[i].at), &p->now[i], sizeof p->now[i]);
}

static void suspend(const struct path *p)
{
    for (size_t i = p->n; i-- > 0;)
        memcpy(slot(p->words[i].at), &p->words[i].was, sizeof p->words[i].was);
}

/* --- instructions ------------------------------------------------------------------- */

static void forget(struct path *p, uint64_t which)
{
    for (int i = 0; i < FB_RIP; i++)
        if ((which >> i & 1) != 0)
            p->regs.v[i] = JUNK + (unsigned)i;
}

static void push(struct path *p, int from, uint64_t words)
{
    p->regs.v[FB_RSP] -= 8 * words;
    store(p, p->regs.v[FB_RSP], from >= 0 ? p->regs.v[from] : JUNK);
}

static void pop(struct path *p, int to, uint64_t words)
{
    uint64_t v = load(p->regs.v[FB_RSP]);
    p->regs.v[FB_RSP] += 8 * words;
    if (to >= 0)
        p->regs.v[to] = v;
}

static void put(struct path *p, int to, uint64_t v)
{
    if (to >= 0)
        p->regs.v[to] = v;
}

/* mov eax, n; ... sub rsp, rax. @return whether it was one of the two */
static bool allocate(struct path *p, struct fb_span code)
{
    struct fb_reader r = {.in = code, .at = 1};
    if (code.p[0] == 0xB8 && code.n >= 5) {
        p->eax = fb_read_u32(&r);
        return false;
    }
    bool sub = code.n >= 3 && code.p[0] >= 0x48 && code.p[0] <= 0x4D &&
               ((code.p[1] == 0x2B && (code.p[2] & 0xF8) == 0xE0) ||
                (code.p[1] == 0x29 && (code.p[2] & 0xC7) == 0xC4)) &&
               (code.p[1] == 0x2B ? (code.p[0] & 4) == 0 : (code.p[0] & 1) == 0);
    if (!sub)
        return false;
    p->regs.v[FB_RSP] -= p->eax != 0 ? p->eax : DYNAMIC;
    p->eax = 0;
    return true;
}

static void apply(struct path *p, const struct fb_step *s)
{
    uint64_t from = s->from >= 0 ? p->regs.v[s->from] : JUNK, n = (uint64_t)s->constant;
    switch (s->kind) {
    case FB_STEP_SET:
        put(p, s->to, from + n);
        break;
    case FB_STEP_MASK:
        put(p, s->to, from & n);
        break;
    case FB_STEP_LOAD:
        put(p, s->to, s->from >= 0 ? load(from + n) : JUNK);
        break;
    case FB_STEP_STORE:
        if (s->to >= 0)
            store(p, p->regs.v[s->to] + n, from);
        break;
    case FB_STEP_PUSH:
        push(p, s->from, n);
        break;
    case FB_STEP_POP:
        forget(p, s->writes & ~(UINT64_C(1) << FB_RSP));
        pop(p, s->to, n);
        break;
    case FB_STEP_LEAVE:
        p->regs.v[FB_RSP] = p->regs.v[FB_RBP];
        pop(p, FB_RBP, 1);
        break;
    default:
        forget(p, s->writes);
        break;
    }
}

/* --- the caller at one place -------------------------------------------------------- */

static bool right(const struct tour *t, const struct fb_caller *caller)
{
    bool same = fb_reg_ip(&caller->regs) == t->return_to &&
                fb_reg_sp(&caller->regs) == ENTERED_AT + 8 && caller->exact == t->interrupted;
    for (size_t i = 0; i < COUNT(saved); i++)
        same &= fb_reg_known(&caller->regs, saved[i]) &&
                caller->regs.v[saved[i]] == VALUE(saved[i]);
    return same;
}

static bool is_expected(const struct tour *t)
{
    for (size_t i = 0; i < COUNT(wrong_data); i++)
        if (strstr(t->path, wrong_data[i].image) != NULL &&
            t->entry - t->one->module.base == wrong_data[i].rva)
            return ++met[i] <= wrong_data[i].n;
    return false;
}

static void complain(const struct tour *t, fb_addr at, bool exact, bool found,
                     const struct fb_caller *caller)
{
    fb_addr base = t->one->module.base;
    if (++n_wrong > 20 && !verbose)
        return;
    fprintf(stderr, "  %s: function %llx, at %llx%s: %s ip %llx sp %+lld", t->path,
            (unsigned long long)(t->entry - base), (unsigned long long)(at - base),
            exact ? "" : " behind a call", found ? "found" : "nothing",
            (unsigned long long)fb_reg_ip(&caller->regs),
            (long long)(fb_reg_sp(&caller->regs) - ENTERED_AT));
    for (size_t i = 0; i < COUNT(saved); i++)
        if (caller->regs.v[saved[i]] != VALUE(saved[i]))
            fprintf(stderr, " %s", fb_reg_names(FB_AMD64)->name[saved[i]]);
    fprintf(stderr, "\n");
}

static void check(const struct tour *t, const struct path *p, fb_addr at, bool exact)
{
    struct fb_frame callee = {.resume = at,
                              .lookup = exact ? at : at - 1,
                              .sp = p->regs.v[FB_RSP],
                              .exact = exact,
                              .regs = p->regs};
    struct fb_caller caller = {.regs.arch = FB_AMD64};
    struct fb_unwinder w = t->one->w;
    uint64_t low = callee.sp - STACK;
    w.stack_start = callee.sp;
    w.stack = fb_span_clip((struct fb_span){stack, STACK_SIZE, 0}, low, STACK_SIZE);
    fb_reg_set(&callee.regs, FB_RIP, at);
    bool found = fb_unwind_pdata_x64(&w, &callee, &caller);
    n_instructions += exact;
    n_calls += !exact;
    if ((!found || !right(t, &caller)) && !is_expected(t))
        complain(t, at, exact, found, &caller);
}

/* --- all paths of a function -------------------------------------------------------- */

static bool ours(const struct tour *t, fb_addr a)
{
    fb_addr begin, end, primary;
    return fb_pdata_x64_function(&t->one->w, a, &begin, &end, &primary) &&
           primary == t->entry && a != t->entry;
}

static void put_off(struct tour *t, const struct path *p, fb_addr at)
{
    if (t->n_waiting == PATHS_MAX || !ours(t, at))
        return;
    t->waiting[t->n_waiting] = *p;
    t->waiting[t->n_waiting++].ip = at;
}

/* @return whether the path goes on */
static bool one_step(struct tour *t, struct path *p)
{
    struct fb_span code = fb_code_bytes(&t->one->w, p->ip, INSN_MAX);
    uint64_t rva = p->ip - t->one->module.base;
    struct fb_step s;
    if (rva >= t->one->image->size || seen[rva] == generation ||
        (p->ip != t->entry && !ours(t, p->ip)) ||
        !fb_disasm_step(handle, FB_AMD64, code, p->ip, &s))
        return false;
    seen[rva] = generation;
    if (slot(p->regs.v[FB_RSP]) == NULL) {
        n_lost++;
        if (verbose)
            fprintf(stderr, "  %s: function %llx, at %llx: rsp is lost\n", t->path,
                    (unsigned long long)(t->entry - t->one->module.base),
                    (unsigned long long)rva);
        return false;
    }
    check(t, p, p->ip, true);
    fb_addr next = p->ip + s.length;
    p->ip = next;
    switch (s.kind) {
    case FB_STEP_CALL:
        if (ours(t, next - 1))
            check(t, p, next, false);
        forget(p, ~t->kept);
        return true;
    case FB_STEP_BRANCH:
        if (s.target_known)
            put_off(t, p, s.target);
        return true;
    case FB_STEP_JUMP:
        p->ip = s.target;
        return s.target_known;
    case FB_STEP_RETURN:
    case FB_STEP_END:
        return false;
    default:
        if ((s.writes >> FB_RAX & 1) != 0)
            p->eax = 0;
        if (!allocate(p, code))
            apply(p, &s);
        return true;
    }
}

/* What the caller has left: a return address, or a machine frame, with or without an error
 * code. */
static void enter(struct tour *t, const struct fb_x64_info *info)
{
    enum { RIP, CS, FLAGS, RSP, SS, WORDS };
    struct fb_x64_ops ops = {.in = info};
    struct fb_x64_op op;
    uint64_t frame[WORDS] = {t->return_to, JUNK, JUNK, ENTERED_AT + 8, JUNK}, code = 0;
    t->interrupted = false;
    while (fb_x64_next(&ops, &op))
        if (op.kind == FB_X64_MACHINE_FRAME) {
            t->interrupted = true;
            code = op.n;
        }
    memcpy(slot(ENTERED_AT + 8 * code), frame, t->interrupted ? sizeof frame : 8);
}

static void tour(struct tour *t, const struct fb_x64_info *info)
{
    struct path *first = &t->waiting[0];
    generation++;
    t->n_waiting = 1;
    first->ip = t->entry;
    first->regs = (struct fb_regs){.arch = FB_AMD64, .valid = (1U << (FB_RIP + 1)) - 1};
    for (int i = 0; i < FB_RIP; i++)
        first->regs.v[i] = VALUE(i);
    first->regs.v[FB_RSP] = ENTERED_AT;
    first->eax = first->n = 0;
    enter(t, info);
    while (t->n_waiting > 0) {
        static struct path p;
        p = t->waiting[--t->n_waiting];
        resume(&p);
        while (one_step(t, &p))
            continue;
        suspend(&p);
    }
    n_functions++;
}

/* --- all functions ------------------------------------------------------------------ */

/* Behind the first call of a function: as good a return address as any. */
static fb_addr some_return(const struct one_image *one, fb_addr a, fb_addr end)
{
    struct fb_step s;
    while (a < end &&
           fb_disasm_step(handle, FB_AMD64, fb_code_bytes(&one->w, a, INSN_MAX), a, &s)) {
        a += s.length;
        if (s.kind == FB_STEP_CALL)
            return a;
    }
    return 0;
}

/* A part that begins with its frame made is no function that can be entered. */
static bool entered(const struct fb_x64_entry *entry, const struct fb_x64_info *info)
{
    return !info->chained && (info->prolog != 0 || info->n == 0) && entry->begin >= HEADERS;
}

static void all_functions(const char *path, const struct one_image *one)
{
    static struct tour t;
    struct fb_x64_entry entry;
    struct fb_x64_info info;
    t.kept = UINT64_C(1) << FB_RSP;
    for (size_t i = 0; i < COUNT(saved); i++)
        t.kept |= UINT64_C(1) << saved[i];
    t.one = one;
    t.path = path;
    t.return_to = 0;
    for (uint64_t at = 0; at + ENTRY_SIZE <= one->image->exceptions.size; at += ENTRY_SIZE) {
        struct fb_reader r = {
            .in = fb_image_at(one->image, one->image->exceptions.rva + at, ENTRY_SIZE)};
        t.entry = one->module.base + fb_read_u32(&r);
        fb_addr end = one->module.base + fb_read_u32(&r);
        if (t.return_to == 0)
            t.return_to = some_return(one, t.entry, end);
        if (t.return_to != 0 && fb_x64_find(&one->w, t.entry, &entry) == FB_X64_ENTRY &&
            fb_x64_info(&one->w, &entry, &info) && entered(&entry, &info))
            tour(&t, &info);
    }
    n_images++;
}

static void try_file(const char *path)
{
    struct fb_span file = whole_file(path);
    struct one_image *one = calloc(1, sizeof *one);
    if (file.n > 1 && memcmp(file.p, "MZ", 2) == 0 && one_image_open(one, file) &&
        one->image->arch == FB_AMD64 && one->image->exceptions.size != 0) {
        size_t before = n_instructions;
        seen = calloc(one->image->size, sizeof *seen);
        if (seen != NULL)
            all_functions(path, one);
        free(seen);
        if (verbose)
            printf("%s: %zu\n", path, n_instructions - before);
    }
    one_image_close(one);
    free(one);
    whole_free(file);
}

/* --- images of our own -------------------------------------------------------------- */

#define CLANG(options) "clang-14 --target=x86_64-pc-windows-msvc " options " -w -c -o a.obj"
#define LLD            "lld-link-14 /nodefaultlib /entry:main_entry /subsystem:console /out:a.exe a.obj"
#define GCC(options)   "x86_64-w64-mingw32-gcc " options " -w -c -o a.obj"
#define LD             "x86_64-w64-mingw32-ld -e main_entry -o a.exe a.obj"

static const struct {
    const char *compile, *source, *link;
} compiled[] = {
    {CLANG(""),                            "pdata_x64_functions.S", LLD},
    {CLANG("-O0"),                         "pdata_functions.c",     LLD},
    {CLANG("-O1"),                         "pdata_functions.c",     LLD},
    {CLANG("-O2"),                         "pdata_functions.c",     LLD},
    {CLANG("-O2 -fno-omit-frame-pointer"), "pdata_functions.c",     LLD},
    {CLANG("-Os"),                         "pdata_functions.c",     LLD},
    {GCC("-O0"),                           "pdata_functions.c",     LD },
    {GCC("-O1"),                           "pdata_functions.c",     LD },
    {GCC("-O2"),                           "pdata_functions.c",     LD },
    {GCC("-O2 -fno-omit-frame-pointer"),   "pdata_functions.c",     LD },
    {GCC("-O3"),                           "pdata_functions.c",     LD },
    {GCC("-Os"),                           "pdata_functions.c",     LD },
};

static bool present(const char *command)
{
    char all[256];
    size_t word = strcspn(command, " ");
    snprintf(all, sizeof all, "%.*s --version >/dev/null 2>&1", (int)word, command);
    // NOLINTNEXTLINE(cert-env33-c)
    if (system(all) == 0)
        return true;
    fprintf(stderr, "%.*s is absent: nothing is compiled with it\n", (int)word, command);
    return false;
}

static void compile_and_try(const char *folder, size_t i)
{
    char command[1024], path[128];
    snprintf(command, sizeof command, "cd %s && %s \"$OLDPWD\"/tests/unit/%s && %s", folder,
             compiled[i].compile, compiled[i].source, compiled[i].link);
    snprintf(path, sizeof path, "%s/a.exe", folder);
    size_t before = n_images;
    // NOLINTNEXTLINE(cert-env33-c)
    if (CHECK(command, system(command) == 0))
        try_file(path);
    CHECK(command, n_images == before + 1);
}

static void compiled_images(void)
{
    char folder[] = "/tmp/faultbucket-x64-XXXXXX", command[128];
    bool clang = present("clang-14") && present("lld-link-14");
    bool gcc = present("x86_64-w64-mingw32-gcc");
    if (!CHECK("temporary folder", mkdtemp(folder) != NULL))
        return;
    for (size_t i = 0; i < COUNT(compiled); i++)
        if (compiled[i].compile[0] == 'c' ? clang : gcc)
            compile_and_try(folder, i);
    snprintf(command, sizeof command, "rm -r %s", folder);
    // NOLINTNEXTLINE(cert-env33-c)
    CHECK("temporary folder", system(command) == 0);
}

static int remember(const char *path, const struct stat *s, int type, struct FTW *where)
{
    (void)where;
    if (type == FTW_F && s->st_size > 0 && n_files < FILES_MAX)
        files[n_files++] = strdup(path);
    return 0;
}

int main(int argc, char **argv)
{
    char images[4096];
    const char *corpus = getenv("FAULTBUCKET_CORPUS");
    snprintf(images, sizeof images, "%s/images", corpus != NULL ? corpus : "../shared/corpus");
    verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    if (nftw(images, remember, 16, FTW_PHYS) != 0)
        fprintf(stderr, "no images of the corpus; set FAULTBUCKET_CORPUS to its folder\n");
    nftw("tests/golden/images", remember, 16, FTW_PHYS);
    handle = fb_disasm_open(FB_AMD64);
    stack = calloc(1, STACK_SIZE);
    for (size_t i = 0; i < n_files; i++) {
        try_file(files[i]);
        free(files[i]);
    }
    compiled_images();
    free(stack);
    fb_disasm_close(handle);
    printf(
        "%zu instructions and %zu calls of %zu functions in %zu images: %zu wrong, %zu lost\n",
        n_instructions, n_calls, n_functions, n_images, n_wrong, n_lost);
    CHECK("instructions", n_instructions > 10000);
    CHECK("wrong", n_wrong == 0);
    for (size_t i = 0; i < COUNT(wrong_data); i++)
        if (met[i] != 0)
            printf("%s, %llx, %zu instructions: %s\n", wrong_data[i].image,
                   (unsigned long long)wrong_data[i].rva, met[i], wrong_data[i].why);
    return check_done();
}
