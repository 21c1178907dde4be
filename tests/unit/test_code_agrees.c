/*
 * tests/unit/test_code_agrees.c -- callers found by following code (code.c), held against what
 * is true and against unwind data: at the instructions of the functions of real images, and of
 * programs that gcc and clang make here.
 *
 * A function is followed from its entry once. At each instruction that this comes to, the stack
 * and the registers are as they would be there; all other words of the stack look like return
 * addresses, though only before the true one there is a call to be seen. Both methods then have
 * to find the one that has called. By default functions are sampled; FAULTBUCKET_FULL=1 asks at
 * all of them. `-v` shows who is wrong where.
 */
#include "support/check.h"
#include "support/whole.h"
#include "unwind/emulate.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ROOM = 4 * 1024 * 1024,
    STACK_SIZE = 64 * 1024,
    ABOVE = 4096, // bytes of the stack that the caller has used
    CALLER_SIZE = 0x100000,
    FUNCTIONS_MAX = 65536,
    SAMPLED = 80, // functions per image, unless all are
    FILES_MAX = 512,
    SHOWN_MAX = 12
};

/* --- the process -------------------------------------------------------------------- */

struct process {
    struct fb_arena arena;
    struct fb_image *image;
    struct fb_module modules[2]; // the image, and who calls into it
    struct fb_region call;       // before where it is returned to
    struct fb_dump dump;
    struct fb_symbols symbols;
    struct fb_walk_env env;
    struct fb_unwinder w;
    struct fb_places places;
    enum fb_arch arch;
    size_t instructions, word;
    fb_addr stack, entry_sp, ra;
    uint8_t bytes[STACK_SIZE];
};
static const uint8_t call_x86[8] = {[6] = 0xFF, 0xD0}, call_arm64[8] = {[5] = 1, 0x3F, 0xD6};
static uint8_t *room;
static size_t handles[FB_ARCH_OTHER];

static enum fb_symbol_state no_symbols(void *self, const struct fb_module *module)
{
    (void)self, (void)module;
    return FB_SYMBOLS_MISSING;
}
static const struct fb_image *image_of(void *self, const struct fb_module *module)
{
    struct process *p = self;
    return module == &p->modules[0] ? p->image : NULL;
}

static uint64_t held(const struct process *p, int reg)
{
    return (p->word == 4 ? UINT64_C(0x5E000000) : UINT64_C(0x5E00000000)) + (unsigned)reg;
}
static void put_word(struct process *p, fb_addr at, uint64_t v)
{
    for (size_t i = 0; i < p->word; i++)
        if (at - p->stack + i < STACK_SIZE)
            p->bytes[at - p->stack + i] = (uint8_t)(v >> (8 * i));
}
/* What the stack holds where nobody has written: something like a return address. */
static uint64_t stale(const struct process *p, fb_addr at)
{
    return p->modules[1].base + 0x20000 + (at - p->stack) / 4 * 4 + 4;
}
static void clear_word(struct process *p, fb_addr at)
{
    put_word(p, at, at == p->entry_sp && p->arch != FB_ARM64 ? p->ra : stale(p, at));
}

static void open_unwinder(struct process *p)
{
    fb_places_open(&p->dump, &p->places);
    p->w = (struct fb_unwinder){
        .env = &p->env,
        .arena = &p->arena,
        .names = fb_reg_names(p->arch),
        .stack = {p->bytes, STACK_SIZE, 0},
        .stack_start = p->stack,
        .places = &p->places,
        .instructions = &p->instructions
    };
    if (p->arch == FB_ARM64)
        p->w.not_address = ~((UINT64_C(1) << 47) - 1);
}

/* @return false: no image, or of a machine whose code nobody follows */
static bool open_process(struct process *p, struct fb_span file)
{
    p->arena = (struct fb_arena){.base = room, .cap = ROOM};
    if (fb_failed(fb_image_read(file, &p->arena, &p->image)) || p->image->kind != FB_IMAGE_PE ||
        (p->image->arch != FB_X86 && p->image->arch != FB_AMD64 && p->image->arch != FB_ARM64))
        return false;
    bool narrow = p->image->arch == FB_X86;
    fb_addr base = p->image->preferred_base;
    fb_addr caller = narrow ? 0x60000000 : UINT64_C(0x7FF700000000);
    p->arch = p->image->arch;
    p->word = narrow ? 4 : 8;
    p->stack = narrow ? 0x70000000 : UINT64_C(0x1000000000);
    p->entry_sp = p->stack + STACK_SIZE - ABOVE - (p->arch == FB_ARM64 ? 0 : p->word);
    p->ra = caller + 0x8004;
    p->modules[0] = (struct fb_module){
        .base = base, .size = p->image->size, .end = base + p->image->size, .name = "image"};
    p->modules[1] = (struct fb_module){
        .base = caller, .size = CALLER_SIZE, .end = caller + CALLER_SIZE, .name = "caller"};
    p->dump.system = (struct fb_system){.arch = p->arch, .os = FB_WINDOWS};
    p->dump.modules = (struct fb_modules){p->modules, 2, 0};
    p->call = (struct fb_region){
        p->ra - sizeof call_x86,
        {p->arch == FB_ARM64 ? call_arm64 : call_x86, sizeof call_x86, 0}
    };
    p->dump.memory = (struct fb_memory){.v = &p->call, .n = 1, .longest = sizeof call_x86};
    p->symbols = (struct fb_symbols){.self = p, .state = no_symbols, .image = image_of};
    if (handles[p->arch] == 0)
        handles[p->arch] = fb_disasm_open(p->arch);
    p->env = (struct fb_walk_env){
        .dump = &p->dump, .symbols = &p->symbols, .capstone = handles[p->arch]};
    p->env.images = fb_images_new(&p->dump, &p->arena);
    open_unwinder(p);
    for (size_t at = 0; at < STACK_SIZE; at += p->word)
        clear_word(p, p->stack + at);
    return true;
}

/* --- functions ---------------------------------------------------------------------- */

static fb_addr functions[FUNCTIONS_MAX];
static size_t n_functions;

static void add_function(fb_addr a)
{
    if (n_functions < FUNCTIONS_MAX)
        functions[n_functions++] = a;
}

static int by_address(const void *a, const void *b)
{
    fb_addr x = *(const fb_addr *)a, y = *(const fb_addr *)b;
    return x < y ? -1 : x > y;
}

/* Those of the function table that are entered there. */
static void functions_of_table(const struct process *p)
{
    size_t size = p->arch == FB_AMD64 ? 12 : 8;
    const struct fb_image_part *table = &p->image->exceptions;
    for (uint64_t at = 0; at + size <= table->size; at += size) {
        struct fb_reader r = {.in = fb_image_at(p->image, table->rva + at, 4)};
        fb_addr a = p->modules[0].base + fb_read_u32(&r), begin, end, primary = a;
        if (p->arch == FB_AMD64 &&
            (!fb_pdata_x64_function(&p->w, a, &begin, &end, &primary) || primary != a))
            continue;
        add_function(a);
    }
}

/* What the code of an image calls. */
static void functions_called(const struct process *p, const struct fb_image_section *s)
{
    for (uint64_t rva = s->rva; rva < s->rva + s->size;) {
        struct fb_span code = fb_image_at(p->image, rva, 16);
        struct fb_step step;
        if (code.n == 0)
            break;
        if (!fb_disasm_step(handles[p->arch], p->arch, code, p->modules[0].base + rva, &step)) {
            rva++;
            continue;
        }
        uint64_t to = step.target - p->modules[0].base;
        if (step.kind == FB_STEP_CALL && step.target_known && to >= s->rva &&
            to - s->rva < s->size && to != rva + step.length)
            add_function(step.target);
        rva += step.length;
    }
}

static void find_functions(const struct process *p)
{
    n_functions = 0;
    if (p->arch != FB_X86)
        functions_of_table(p);
    for (size_t i = 0; p->arch == FB_X86 && i < p->image->n_sections; i++)
        if (p->image->sections[i].executable)
            functions_called(p, &p->image->sections[i]);
    qsort(functions, n_functions, sizeof *functions, by_address);
    size_t n = 0;
    for (size_t i = 0; i < n_functions; i++)
        if (i == 0 || functions[i] != functions[i - 1])
            functions[n++] = functions[i];
    n_functions = n;
}

/* --- one function, from its entry --------------------------------------------------- */

static struct {
    struct fb_path at[FB_SEEN_MAX]; // as it was first come to
    size_t n, function;
    bool returns;
    uint64_t popped;
} seen;

static bool remember(struct fb_emulation *e, struct fb_path *path)
{
    for (size_t i = 0; i < seen.n; i++)
        if (seen.at[i].ip == path->ip)
            return true;
    if (seen.n < FB_SEEN_MAX && fb_reg_known(&path->regs, e->sp) && !path->loose)
        seen.at[seen.n++] = *path;
    return true;
}
/* Behind a call that does not return, another function may begin: what is come to there, nobody
 * has entered. */
static bool within(const struct process *p, size_t i, fb_addr ip)
{
    fb_addr begin = 0, end = 0, primary = 0;
    if (p->arch == FB_AMD64)
        return fb_pdata_x64_function(&p->w, ip, &begin, &end, &primary) &&
               primary == functions[i];
    if (p->arch == FB_ARM64)
        return fb_pdata_arm64_function(&p->w, ip, &begin, &end) && begin == functions[i];
    return ip >= functions[i] && (i + 1 == n_functions || ip < functions[i + 1]);
}

static void returned(struct fb_emulation *e, struct fb_path *path, const struct fb_step *s)
{
    (void)e;
    if (seen.returns || !within(e->self, seen.function, path->ip - 1))
        return;
    seen.returns = true;
    seen.popped = (uint64_t)s->constant;
}

static void follow(struct process *p, size_t function)
{
    size_t before = p->arena.used;
    struct fb_emulation *e = fb_emulate_open(&p->w);
    struct fb_regs regs = {.arch = p->arch};
    for (int i = 0; i < FB_REGS_MAX; i++)
        if ((e->callee_saved >> i & 1) != 0)
            fb_reg_set(&regs, i, held(p, i));
    fb_reg_set(&regs, e->sp, p->entry_sp);
    if (e->lr >= 0)
        fb_reg_set(&regs, e->lr, p->ra);
    seen.n = 0;
    seen.function = function;
    e->self = p;
    seen.returns = false;
    seen.popped = 0;
    e->at = remember;
    e->returns = returned;
    p->instructions = SIZE_MAX;
    fb_emulate_begin(e, functions[function], &regs);
    fb_emulate(e);
    fb_arena_give_back(&p->arena, p->arena.used - before);
}

/* --- one instruction ---------------------------------------------------------------- */

enum verdict { SILENT, RIGHT, WRONG, WRONG_REGISTER, VERDICTS };
static const char *const verdicts[VERDICTS] = {"silent", "right", "WRONG", "WRONG REGISTER"};

static enum verdict judge(const struct process *p, bool found, const struct fb_regs *caller)
{
    const struct fb_ladder *ladder = fb_ladder_for(p->arch, FB_WINDOWS);
    fb_addr sp = p->entry_sp + (p->arch == FB_ARM64 ? 0 : p->word) + seen.popped;
    if (!found)
        return SILENT;
    if (fb_reg_ip(caller) != p->ra || (fb_reg_sp(caller) != sp && seen.returns))
        return WRONG;
    for (int i = 0; i < FB_REGS_MAX; i++)
        if ((ladder->callee_saved >> i & 1) != 0 && fb_reg_known(caller, i) &&
            caller->v[i] != held(p, i))
            return WRONG_REGISTER;
    return RIGHT;
}

struct tally {
    size_t asked, code[VERDICTS], data[VERDICTS], both_wrong;
};
static bool verbose;

static void show(const struct process *p, fb_addr entry, const struct fb_path *at,
                 enum verdict code, enum verdict data, const struct fb_regs *caller)
{
    static size_t shown;
    if (!verbose || code < WRONG || shown++ > 400)
        return;
    fb_addr base = p->modules[0].base;
    printf("    function 0x%llx, at 0x%llx: code %s, unwind data %s; sp 0x%llx of 0x%llx\n",
           (unsigned long long)(entry - base), (unsigned long long)(at->ip - base),
           verdicts[code], verdicts[data], (unsigned long long)fb_reg_sp(caller),
           (unsigned long long)p->entry_sp);
}

/* What a table lists may also be a part of a function, whose registers come from the rest. */
static bool is_entry(struct process *p, fb_addr a)
{
    struct fb_caller caller = {.regs.arch = p->arch};
    struct fb_frame frame = {.resume = a, .lookup = a, .sp = p->entry_sp, .exact = true};
    if (p->arch != FB_ARM64 || seen.n == 0)
        return true;
    frame.regs = seen.at[0].regs;
    fb_reg_set(&frame.regs, p->w.names->ip, a);
    return fb_unwind_pdata_arm64(&p->w, &frame, &caller) &&
           judge(p, true, &caller.regs) == RIGHT;
}

static void ask(struct process *p, fb_addr entry, const struct fb_path *at, struct tally *t)
{
    struct fb_frame frame = {
        .resume = at->ip, .lookup = at->ip, .sp = fb_reg_sp(&at->regs), .exact = true};
    struct fb_caller code = {.regs.arch = p->arch}, data = {.regs.arch = p->arch};
    frame.trust = FB_TRUST_CONTEXT;
    frame.regs = at->regs;
    fb_reg_set(&frame.regs, p->w.names->ip, at->ip);
    for (size_t i = 0; i < at->n; i++)
        if (at->saved[i].known)
            put_word(p, at->saved[i].at, at->saved[i].value);
    p->instructions = SIZE_MAX;
    enum verdict by_code = judge(p, fb_unwind_code(&p->w, &frame, &code), &code.regs);
    fb_unwind_fn *by_table = p->arch == FB_AMD64 ? fb_unwind_pdata_x64 : fb_unwind_pdata_arm64;
    enum verdict by_data =
        p->arch == FB_X86 ? SILENT : judge(p, by_table(&p->w, &frame, &data), &data.regs);
    for (size_t i = 0; i < at->n; i++)
        clear_word(p, at->saved[i].at);
    show(p, entry, at, by_code, by_data, &code.regs);
    t->asked++;
    t->code[by_code]++;
    t->data[by_data]++;
    t->both_wrong += by_code >= WRONG && by_data >= WRONG;
}

/* --- all images --------------------------------------------------------------------- */

static struct tally total[FB_ARCH_OTHER];

static void print_tally(const char *name, const struct tally *t)
{
    printf("%-60s %7zu asked; code: %zu right, %zu silent, %zu wrong, %zu registers wrong; "
           "unwind data: %zu right, %zu silent, %zu wrong, %zu registers wrong\n",
           name, t->asked, t->code[RIGHT], t->code[SILENT], t->code[WRONG],
           t->code[WRONG_REGISTER], t->data[RIGHT], t->data[SILENT], t->data[WRONG],
           t->data[WRONG_REGISTER]);
}

static void add_tally(struct tally *to, const struct tally *t)
{
    to->asked += t->asked;
    for (size_t i = 0; i < VERDICTS; i++) {
        to->code[i] += t->code[i];
        to->data[i] += t->data[i];
    }
}

static bool everything(void)
{
    const char *full = getenv("FAULTBUCKET_FULL");
    return full != NULL && strcmp(full, "0") != 0;
}

static void try_file(const char *path)
{
    struct fb_span file = whole_file(path);
    struct process *p = calloc(1, sizeof *p);
    struct tally t = {0};
    if (file.n > 1 && memcmp(file.p, "MZ", 2) == 0 && open_process(p, file)) {
        find_functions(p);
        size_t step = everything() || n_functions <= SAMPLED ? 1 : n_functions / SAMPLED;
        for (size_t i = 0; i < n_functions; i += step) {
            follow(p, i);
            for (size_t k = 0; k < seen.n && is_entry(p, functions[i]); k++)
                if (within(p, i, seen.at[k].ip))
                    ask(p, functions[i], &seen.at[k], &t);
        }
        const char *name = strlen(path) > 60 ? path + strlen(path) - 60 : path;
        print_tally(name, &t);
        add_tally(&total[p->arch], &t);
    }
    fb_arena_reset(&p->arena);
    free(p);
    whole_free(file);
}

static char *files[FILES_MAX];
static size_t n_files;
static int remember_file(const char *path, const struct stat *s, int type, struct FTW *where)
{
    (void)where;
    if (type == FTW_F && s->st_size > 0 && n_files < FILES_MAX)
        files[n_files++] = strdup(path);
    return 0;
}

static void try_folder(const char *folder)
{
    n_files = 0;
    nftw(folder, remember_file, 16, FTW_PHYS);
    for (size_t i = 0; i < n_files; i++) {
        try_file(files[i]);
        free(files[i]);
    }
}

/* --- programs made here ------------------------------------------------------------- */

static const struct {
    const char *compiler, *linker;
} makers[] = {
    {"i686-w64-mingw32-gcc",              "i686-w64-mingw32-gcc"  },
    {"x86_64-w64-mingw32-gcc",            "x86_64-w64-mingw32-gcc"},
    {"clang --target=i686-w64-mingw32",   "i686-w64-mingw32-gcc"  },
    {"clang --target=x86_64-w64-mingw32", "x86_64-w64-mingw32-gcc"},
};
static const char *const options[] = {"-O0", "-O1", "-O2 -fno-omit-frame-pointer", "-O3",
                                      "-Os"};

static void make_programs(const char *folder)
{
    char command[1024];
    for (size_t i = 0; i < COUNT(makers); i++)
        for (size_t k = 0; k < COUNT(options); k++) {
            snprintf(command, sizeof command,
                     "(%s %s -w -c -o %s/it.o tests/unit/code_agrees_functions.c && "
                     "%s -o %s/%zu-%zu.exe %s/it.o) 2>/dev/null",
                     makers[i].compiler, options[k], folder, makers[i].linker, folder, i, k,
                     folder);
            // NOLINTNEXTLINE(cert-env33-c)
            if (system(command) != 0 && k == 0)
                fprintf(stderr, "missing: %s\n", makers[i].compiler);
        }
}

static void check(enum fb_arch arch, const char *name, double silent, double wrong)
{
    const struct tally *t = &total[arch];
    print_tally(name, t);
    if (t->asked == 0)
        return;
    CHECK(name, (double)t->code[SILENT] <= silent * (double)t->asked);
    CHECK(name, (double)(t->code[WRONG] + t->code[WRONG_REGISTER]) <= wrong * (double)t->asked);
}

int main(int argc, char **argv)
{
    char path[4096], made[] = "/tmp/code-agrees-XXXXXX";
    const char *corpus = getenv("FAULTBUCKET_CORPUS");
    verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    room = malloc(ROOM);
    snprintf(path, sizeof path, "%s/images", corpus != NULL ? corpus : "../shared/corpus");
    if (argc > 2) {
        try_file(argv[2]);
    } else {
        if (access(path, R_OK) != 0)
            fprintf(stderr, "no corpus; set FAULTBUCKET_CORPUS to its folder\n");
        try_folder(path);
        try_folder("tests/golden/images");
        if (CHECK("temporary folder", mkdtemp(made) != NULL)) {
            make_programs(made);
            try_folder(made);
            snprintf(path, sizeof path, "rm -r %s", made);
            // NOLINTNEXTLINE(cert-env33-c)
            CHECK("temporary folder", system(path) == 0);
        }
    }
    check(FB_X86, "all x86", 0.08, 0.001);
    check(FB_AMD64, "all x64", 0.06, 0.001);
    check(FB_ARM64, "all ARM64", 0.08, 0.002);
    free(room);
    for (size_t i = 0; i < COUNT(handles); i++)
        fb_disasm_close(handles[i]);
    return check_done();
}
