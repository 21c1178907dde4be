/*
 * tests/unit/test_walk_eh_frame.c -- callers by the rules of .eh_frame, one row per processor
 * and shape of frame.
 *
 * One module at 0x60000000 with one function at 0x20000, in which the context stands. Its stack
 * at 0x10000 holds the words that the row gives; another one is at 0x80000.
 */
#include "support/check.h"
#include "support/eh_gen.h"
#include "unwind/dwarf.h"

enum {
    ROOM = 4 * 1024 * 1024,
    BASE = 0x60000000,
    FUNCTION = 0x20000,
    HERE = BASE + FUNCTION + 8,
    CALLER = BASE + 0x30123,
    STACK = 0x10000,
    OTHER = 0x80000,
    SIZE = 1024,
    WORDS = 4,
    LOST = -1 // of a register: not known
};
#define SIGNED (UINT64_C(0x0025) << 48 | CALLER)

struct row {
    const char *name;
    enum fb_arch arch;
    enum fb_os os;
    const char *letters;
    uint8_t ra, n_first, first[8], n, program[24]; // of the CIE and of the FDE
    uint64_t words[WORDS];
    uint64_t link; // what the link register holds
    // What is wanted of the caller; sp above where it was
    uint64_t ip, sp;
    int reg;
    int64_t value;
    bool exact;
};

// clang-format off
static const struct row rows[] = {
    {"x64, pushed", FB_AMD64, FB_LINUX, "zR", 16, 5, {0x0C, 7, 8, 0x90, 1},
     4, {0x0E, 16, 0x86, 2}, {0x77, CALLER}, 0, CALLER, 16, FB_RBP, 0x77, false},
    {"x64, nothing said of rbx", FB_AMD64, FB_LINUX, "zR", 16, 5, {0x0C, 7, 8, 0x90, 1},
     0, {0}, {CALLER}, 0, CALLER, 8, FB_RBX, 0xBB, false},
    {"x64, rax is the callee's", FB_AMD64, FB_LINUX, "zR", 16, 5, {0x0C, 7, 8, 0x90, 1},
     0, {0}, {CALLER}, 0, CALLER, 8, FB_RAX, LOST, false},
    {"x64, rbx is lost", FB_AMD64, FB_LINUX, "zR", 16, 5, {0x0C, 7, 8, 0x90, 1},
     2, {0x07, 3}, {CALLER}, 0, CALLER, 8, FB_RBX, LOST, false},
    {"x64, rbx is rbp's", FB_AMD64, FB_LINUX, "zR", 16, 5, {0x0C, 7, 8, 0x90, 1},
     3, {0x09, 3, 6}, {CALLER}, 0, CALLER, 8, FB_RBX, 0xFF, false},
    {"x64, rbx is a CFA", FB_AMD64, FB_LINUX, "zR", 16, 5, {0x0C, 7, 8, 0x90, 1},
     3, {0x14, 3, 1}, {CALLER}, 0, CALLER, 8, FB_RBX, STACK, false},
    {"x64, rbx by an expression", FB_AMD64, FB_LINUX, "zR", 16, 5, {0x0C, 7, 8, 0x90, 1},
     5, {0x10, 3, 2, 0x77, 8}, {CALLER, 0x99}, 0, CALLER, 8, FB_RBX, 0x99, false},
    {"x64, rbx of an expression", FB_AMD64, FB_LINUX, "zR", 16, 5, {0x0C, 7, 8, 0x90, 1},
     5, {0x16, 3, 2, 0x23, 1}, {CALLER}, 0, CALLER, 8, FB_RBX, STACK + 9, false},
    {"x64, rbx outside of all memory", FB_AMD64, FB_LINUX, "zR", 16, 5, {0x0C, 7, 8, 0x90, 1},
     5, {0x10, 3, 2, 0x08, 8}, {CALLER}, 0, CALLER, 8, FB_RBX, LOST, false},
    {"x64, a PLT's expression", FB_AMD64, FB_LINUX, "zR", 16, 5, {0x0C, 7, 8, 0x90, 1},
     13, {0x0F, 11, 0x77, 8, 0x80, 0, 0x3F, 0x1A, 0x38, 0x2A, 0x33, 0x24, 0x22},
     {0x55, CALLER}, 0, CALLER, 16, FB_RBX, 0xBB, false},
    {"x64, nobody calls it", FB_AMD64, FB_LINUX, "zR", 16, 5, {0x0C, 7, 8, 0x90, 1},
     2, {0x07, 16}, {CALLER}, 0, 0, 0, 0, 0, false},
    {"x86", FB_X86, FB_LINUX, "zR", 8, 5, {0x0C, 4, 4, 0x88, 1},
     4, {0x0E, 8, 0x85, 2}, {0x77, CALLER}, 0, CALLER, 8, FB_EBP, 0x77, false},
    {"x86, Windows", FB_X86, FB_WINDOWS, "zR", 8, 5, {0x0C, 4, 4, 0x88, 1},
     4, {0x0E, 8, 0x85, 2}, {0x77, CALLER}, 0, CALLER, 8, FB_EBP, 0x77, false},
    {"x86, by a realigned frame", FB_X86, FB_LINUX, "zR", 8, 5, {0x0C, 4, 4, 0x88, 1},
     5, {0x0F, 3, 0x74, 8, 0x06}, {0, CALLER, STACK + 8}, 0, CALLER, 8, FB_EBX, 0xBB, false},
    {"arm64", FB_ARM64, FB_LINUX, "zR", 30, 3, {0x0C, 31, 0},
     6, {0x0E, 16, 0x9D, 2, 0x9E, 1}, {0x77, CALLER}, 5, CALLER, 16, FB_FP64, 0x77, false},
    {"arm64, signed", FB_ARM64, FB_ANDROID, "zRB", 30, 3, {0x0C, 31, 0},
     7, {0x2D, 0x0E, 16, 0x9D, 2, 0x9E, 1}, {0x77, SIGNED}, 5, CALLER, 16, FB_FP64, 0x77,
     false},
    {"arm64, a leaf", FB_ARM64, FB_LINUX, "zR", 30, 3, {0x0C, 31, 0},
     0, {0}, {0}, CALLER, CALLER, 0, FB_X0 + 19, 0xBB, false},
    {"arm64, a leaf, signed", FB_ARM64, FB_LINUX, "zR", 30, 3, {0x0C, 31, 0},
     1, {0x2D}, {0}, SIGNED, CALLER, 0, FB_X0 + 19, 0xBB, false},
    {"arm", FB_ARM, FB_LINUX, "zR", 14, 3, {0x0C, 13, 0},
     6, {0x0E, 8, 0x8B, 2, 0x8E, 1}, {0x77, CALLER - 1}, 5, CALLER - 1, 8, FB_FP32, 0x77,
     false},
    {"a trampoline", FB_AMD64, FB_LINUX, "zRS", 16, 5, {0x0C, 7, 8, 0x90, 1},
     13, {0x10, 0, 2, 0x77, 8, 0x16, 7, 5, 0x0C, 0, 0, 8, 0}, {CALLER, 0x44}, 0,
     CALLER, OTHER - STACK, FB_RAX, 0x44, true},
    {"a trampoline, what it leaves out", FB_AMD64, FB_LINUX, "zRS", 16, 5,
     {0x0C, 7, 8, 0x90, 1}, 0, {0}, {CALLER, 0x44}, 0, CALLER, 8, FB_RDX, LOST, true},
};
// clang-format on

struct process {
    struct eh_gen g;
    uint8_t stack[SIZE], other[SIZE];
    struct fb_module module;
    struct fb_region regions[2];
    struct fb_dump dump;
    struct fb_symbols symbols;
    struct fb_thread thread;
    struct fb_regs regs;
    struct fb_notes notes;
};

static enum fb_symbol_state no_symbols(void *self, const struct fb_module *module)
{
    (void)self, (void)module;
    return FB_SYMBOLS_MISSING;
}

static const struct fb_image *image_of(void *self, const struct fb_module *module)
{
    (void)module;
    struct process *p = self;
    return &p->g.image;
}

static void put_image(const struct row *row, struct process *p)
{
    eh_open(&p->g, row->arch);
    uint64_t cie = eh_cie(&p->g, "zR", row->ra, row->first, row->n_first);
    if (strcmp(row->letters, "zR") != 0) {
        cie = eh_here(&p->g);
        size_t from = eh_cie_begin(&p->g, 1, row->letters, row->ra);
        eh_put(&p->g, (FB_EH_PCREL | FB_EH_SDATA4) << 8 | 1, 2);
        eh_bytes(&p->g, row->first, row->n_first);
        eh_end(&p->g, from);
    }
    eh_fde(&p->g, cie, FUNCTION, 0x100, row->program, row->n);
    (void)eh_image(&p->g);
}

/* Registers hold 0xA0 and their index; a few have better values. */
static void put_registers(const struct row *row, struct process *p)
{
    const struct fb_reg_names *names = fb_reg_names(row->arch);
    static const int rbx[] = {
        [FB_X86] = FB_EBX, [FB_AMD64] = FB_RBX, [FB_ARM] = 4, [FB_ARM64] = 19};
    p->regs = (struct fb_regs){.arch = row->arch};
    for (size_t i = 0; i < names->n; i++)
        fb_reg_set(&p->regs, (int)i, 0xA0 + i);
    fb_reg_set(&p->regs, names->fp, 0xFF);
    fb_reg_set(&p->regs, rbx[row->arch], 0xBB);
    fb_reg_set(&p->regs, names->ip, HERE);
    fb_reg_set(&p->regs, names->sp, STACK);
    if (row->link != 0)
        fb_reg_set(&p->regs, row->arch == FB_ARM ? FB_LR32 : FB_LR64, row->link);
}

static void make(const struct row *row, struct process *p)
{
    memset(p, 0, sizeof *p);
    size_t word = fb_reg_names(row->arch)->word;
    put_image(row, p);
    put_registers(row, p);
    for (size_t i = 0; i < WORDS; i++)
        memcpy(p->stack + i * word, &row->words[i], word);
    p->module = (struct fb_module){
        .base = BASE, .size = EH_IMAGE_SIZE, .end = BASE + EH_IMAGE_SIZE, .name = "app"};
    p->regions[0] = (struct fb_region){
        STACK, {p->stack, SIZE, 0}
    };
    p->regions[1] = (struct fb_region){
        OTHER, {p->other, SIZE, 0}
    };
    p->dump.system = (struct fb_system){.arch = row->arch, .os = row->os};
    p->dump.modules = (struct fb_modules){&p->module, 1, 0};
    p->dump.memory = (struct fb_memory){p->regions, 2, SIZE, false};
    p->symbols = (struct fb_symbols){.self = p, .state = no_symbols, .image = image_of};
    p->thread = (struct fb_thread){
        .stack_start = STACK, .stack = {p->stack, SIZE, 0}
    };
}

static void walk(const struct row *row, struct process *p, struct fb_arena *arena,
                 struct fb_stack *out)
{
    struct fb_walk_env env = {.dump = &p->dump, .symbols = &p->symbols, .notes = &p->notes};
    env.images = fb_images_new(&p->dump, arena);
    CHECK(row->name, !fb_failed(fb_walk(&env, &p->thread, &p->regs, arena, out)));
    size_t cap = arena->cap;
    fb_images_close(env.images, arena);
    CHECK("borrowed room comes back", cap < ROOM && arena->cap == ROOM);
}

static void caller_is(const struct row *row, const struct process *p, const struct fb_stack *s)
{
    CHECK(row->name, p->notes.n == 0);
    if (row->ip == 0) {
        CHECK(row->name, s->n == 1 && strcmp(s->stop, "end of the stack") == 0);
        return;
    }
    if (!CHECK(row->name, s->n >= 2))
        return;
    const struct fb_frame *f = &s->v[1];
    CHECK(row->name, strcmp(f->method, "eh_frame") == 0 && f->trust == FB_TRUST_CFI);
    CHECK(row->name, f->resume == row->ip && f->sp == STACK + row->sp);
    CHECK(row->name, f->exact == row->exact && (f->lookup == row->ip) == row->exact);
    if (row->value == LOST)
        CHECK(row->name, !fb_reg_known(&f->regs, row->reg));
    else
        CHECK(row->name,
              fb_reg_known(&f->regs, row->reg) && f->regs.v[row->reg] == (uint64_t)row->value);
}

/* What cannot be read is noted once, and other methods are asked. */
static void test_odd(uint8_t *room)
{
    static const struct row odd = {
        "odd", FB_AMD64, FB_LINUX, "zR", 16, 5,    {0x0C, 7, 8, 0x90, 1},
                 1, {0x3F  },
                 {0  },
        0,     0,        0,        0,    0,  false
    };
    static struct process p;
    struct fb_arena arena = {.base = room, .cap = ROOM};
    struct fb_stack s = {0};
    make(&odd, &p);
    walk(&odd, &p, &arena, &s);
    CHECK("odd", p.notes.n == 1 && p.notes.v[0].code == FB_NOTE_BAD_ITEM);
    CHECK("odd", s.n < 2 || strcmp(s.v[1].method, "cfi") != 0);
    fb_arena_reset(&arena);
    eh_close(&p.g);
}

/* A callee that has popped its arguments leaves sp above them; the rules speak of the call. */
static void test_popped(uint8_t *room)
{
    static const struct row row = {
        .name = "popped",
        .arch = FB_X86,
        .os = FB_WINDOWS,
        .letters = "zR",
        .ra = 8,
        .n_first = 5,
        .first = {0x0C,  4, 4, 0x88, 1},
        .n = 2,
        .program = {0x0E, 16}
    };
    static struct process p;
    struct fb_arena arena = {.base = room, .cap = ROOM};
    make(&row, &p);
    memcpy(p.stack + 12, &(uint32_t){CALLER}, 4);
    struct fb_walk_env env = {.dump = &p.dump, .symbols = &p.symbols};
    env.images = fb_images_new(&p.dump, &arena);
    struct fb_places places;
    fb_places_open(&p.dump, &places);
    struct fb_unwinder w = {
        .env = &env,
        .arena = &arena,
        .names = fb_reg_names(FB_X86),
        .stack = {p.stack, SIZE, 0},
        .stack_start = STACK,
        .places = &places
    };
    for (unsigned popped = 0; popped <= 8; popped += 8) {
        struct fb_frame callee = {.lookup = HERE, .regs = p.regs, .popped = popped};
        struct fb_caller caller = {.regs.arch = FB_X86};
        fb_reg_set(&callee.regs, FB_ESP, STACK + popped);
        CHECK("popped", fb_unwind_eh_frame(&w, &callee, &caller));
        CHECK("popped", fb_reg_ip(&caller.regs) == CALLER && caller.unpopped);
        CHECK("popped", fb_reg_sp(&caller.regs) == STACK + 16);
    }
    fb_images_close(env.images, &arena);
    fb_arena_reset(&arena);
    eh_close(&p.g);
}

int main(void)
{
    static struct process p;
    uint8_t *room = malloc(ROOM);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fb_arena arena = {.base = room, .cap = ROOM};
        struct fb_stack s = {0};
        make(&rows[i], &p);
        walk(&rows[i], &p, &arena, &s);
        caller_is(&rows[i], &p, &s);
        fb_arena_reset(&arena);
        eh_close(&p.g);
    }
    test_odd(room);
    test_popped(room);
    free(room);
    return check_done();
}
