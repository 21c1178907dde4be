/*
 * tests/unit/test_pdata_arm64_steps.c -- the unwinder is asked at every instruction: from the
 * entry of each function, code is stepped through both ways of every branch, and wherever it
 * stands, the caller has to be the one that has called.
 *
 * Only what moves sp or registers that a function has to restore is stepped; a register is
 * spoilt as soon as it has been saved, so that one which is not restored is seen. Functions:
 * those of the corpus' images, and pdata_functions.c as clang compiles it.
 */
#include "support/arm64_image.h"
#include "support/check.h"

#include <string.h>
#include <unistd.h>

enum {
    STACK_SIZE = 1 << 20,
    ABOVE = 4096, // bytes of the stack that the caller has used
    WAYS_MAX = 4096,
    STORES_MAX = 64,
    FIRST_KEPT = 19,
    SP = FB_SP64,
    LR = FB_LR64,
    FP = FB_FP64,
    SHOWN = 12,
    STRAIGHT_MAX = 32,
    ALLOCA = 64
};
#define STACK  UINT64_C(0x1000000000)
#define ENTRY  (STACK + STACK_SIZE - ABOVE)
#define RETURN (ARM64_CALLER + 0x5000)
#define SIGN   UINT64_C(0x002B000000000000)
#define SPOILT UINT64_C(0xBAD0000000)

/* --- the machine -------------------------------------------------------------------- */

struct machine {
    uint64_t pc, r[FB_REGS_MAX - 1];
    uint32_t known; // of x0 ... x18: those above are known at all times
    struct {
        uint64_t at, value;
    } store[STORES_MAX];
    size_t n_stores;
};

static uint64_t original(int reg)
{
    return reg == SP ? ENTRY : reg == LR ? RETURN : UINT64_C(0x1111111100) * (unsigned)reg;
}

static struct machine at_entry(uint64_t pc)
{
    struct machine m = {.pc = pc};
    for (int i = FIRST_KEPT; i <= SP; i++)
        m.r[i] = original(i);
    return m;
}

static uint32_t bits(uint32_t w, unsigned from, unsigned n)
{
    return w >> from & ((UINT32_C(1) << n) - 1);
}
static int64_t signed_bits(uint32_t w, unsigned from, unsigned n)
{
    int64_t v = bits(w, from, n);
    return v >> (n - 1) != 0 ? v - (INT64_C(1) << n) : v;
}

/* Register 31 is sp here: where it is zero, it is not asked for. */
static bool known(const struct machine *m, uint32_t reg)
{
    return reg >= FIRST_KEPT || (m->known >> reg & 1) != 0;
}
static void set(struct machine *m, uint32_t reg, uint64_t v)
{
    m->r[reg] = v;
    if (reg < FIRST_KEPT)
        m->known |= UINT32_C(1) << reg;
}
static void forget(struct machine *m, uint32_t reg)
{
    if (reg < FIRST_KEPT)
        m->known &= ~(UINT32_C(1) << reg);
    else if (reg < FP && m->r[reg] != original((int)reg))
        m->r[reg] = SPOILT + reg;
}

static void store(struct machine *m, uint64_t at, uint32_t reg)
{
    if (reg == 31 || !known(m, reg))
        return;
    size_t i = 0;
    while (i < m->n_stores && m->store[i].at != at)
        i++;
    if (i == STORES_MAX)
        return;
    m->store[i].at = at;
    m->store[i].value = m->r[reg];
    m->n_stores += i == m->n_stores;
    uint64_t unsigned_lr = m->r[reg] & ~SIGN;
    if (reg >= FIRST_KEPT && (reg == LR ? unsigned_lr : m->r[reg]) == original((int)reg))
        m->r[reg] = SPOILT + reg;
}

static void load(struct machine *m, uint64_t at, uint32_t reg)
{
    if (reg == 31)
        return;
    forget(m, reg);
    for (size_t i = 0; i < m->n_stores; i++)
        if (m->store[i].at == at)
            set(m, reg, m->store[i].value);
}

/* --- instructions ------------------------------------------------------------------- */

static void access_word(struct machine *m, uint32_t w, uint64_t at, uint32_t reg, bool loads,
                        bool whole)
{
    (void)w;
    if (whole && loads)
        load(m, at, reg);
    else if (whole)
        store(m, at, reg);
    else if (loads)
        forget(m, reg);
}

/* ldp, stp: opc 101 v 0 mode l imm7 rt2 rn rt */
static void pair(struct machine *m, uint32_t w)
{
    uint32_t opc = bits(w, 30, 2), mode = bits(w, 23, 2), rn = bits(w, 5, 5);
    bool floats = bits(w, 26, 1) != 0, loads = bits(w, 22, 1) != 0;
    int64_t offset = signed_bits(w, 15, 7) * (floats ? 4 << opc : opc == 2 ? 8 : 4);
    if (!known(m, rn))
        return;
    uint64_t base = m->r[rn], moved = base + (uint64_t)offset;
    uint64_t at = mode == 1 ? base : moved;
    if (!floats) {
        access_word(m, w, at, bits(w, 0, 5), loads, opc == 2);
        access_word(m, w, at + 8, bits(w, 10, 5), loads, opc == 2);
    }
    if (mode == 1 || mode == 3)
        m->r[rn] = moved;
}

/* ldr, str: size 111 v 01 opc imm12 rn rt, or size 111 v 00 opc 0 imm9 mode rn rt */
static void single(struct machine *m, uint32_t w)
{
    uint32_t size = bits(w, 30, 2), opc = bits(w, 22, 2), rn = bits(w, 5, 5);
    bool scaled = bits(w, 24, 1) != 0, floats = bits(w, 26, 1) != 0;
    uint32_t mode = scaled ? 0 : bits(w, 10, 2);
    bool by_register = !scaled && bits(w, 21, 1) != 0;
    bool loads = (opc & 1) != 0 || opc == 2;
    unsigned scale = floats && (opc & 2) != 0 ? 4 : size;
    int64_t offset = scaled ? (int64_t)bits(w, 10, 12) << scale : signed_bits(w, 12, 9);
    if (by_register || !known(m, rn)) {
        if (!floats && loads)
            forget(m, bits(w, 0, 5));
        return;
    }
    uint64_t base = m->r[rn], moved = base + (uint64_t)offset;
    if (!floats)
        access_word(m, w, mode == 1 ? base : moved, bits(w, 0, 5), loads, size == 3);
    if (mode == 1 || mode == 3)
        m->r[rn] = moved;
}

/* A value that nobody knows becomes the stack pointer: alloca. */
static void set_or_forget(struct machine *m, uint32_t rd, bool is_known, uint64_t v)
{
    if (is_known)
        set(m, rd, v);
    else if (rd == SP)
        m->r[SP] -= ALLOCA;
    else
        forget(m, rd);
}

/* add, sub: 1 op s 100010 shift imm12 rn rd */
static void add_immediate(struct machine *m, uint32_t w)
{
    uint32_t rn = bits(w, 5, 5), rd = bits(w, 0, 5);
    uint64_t v = (uint64_t)bits(w, 10, 12) << (bits(w, 22, 1) != 0 ? 12 : 0);
    set_or_forget(m, rd, known(m, rn), bits(w, 30, 1) != 0 ? m->r[rn] - v : m->r[rn] + v);
}

/* add, sub: 1 op s 01011001 rm option imm3 rn rd, with uxtx */
static void add_extended(struct machine *m, uint32_t w)
{
    uint32_t rn = bits(w, 5, 5), rd = bits(w, 0, 5), rm = bits(w, 16, 5);
    uint64_t v = m->r[rm] << bits(w, 10, 3);
    set_or_forget(m, rd, known(m, rn) && known(m, rm),
                  bits(w, 30, 1) != 0 ? m->r[rn] - v : m->r[rn] + v);
}

/* sp is aligned downwards; no more than to half a page */
static void and_immediate(struct machine *m, uint32_t w)
{
    uint32_t rd = bits(w, 0, 5), rn = bits(w, 5, 5);
    if (rd == SP)
        set_or_forget(m, rd, known(m, rn), m->r[rn] & ~UINT64_C(0x7FF));
    else
        forget(m, rd);
}

static void move_register(struct machine *m, uint32_t w)
{
    uint32_t rm = bits(w, 16, 5), rd = bits(w, 0, 5);
    if (rd != 31)
        set_or_forget(m, rd, rm != 31 && known(m, rm), m->r[rm]);
}

/* movn, movz, movk: sf opc 100101 hw imm16 rd */
static void move_wide(struct machine *m, uint32_t w)
{
    uint32_t opc = bits(w, 29, 2), rd = bits(w, 0, 5), shift = bits(w, 21, 2) * 16;
    uint64_t v = (uint64_t)bits(w, 5, 16) << shift;
    if (rd >= FIRST_KEPT)
        return;
    if (opc == 3 && known(m, rd))
        v |= m->r[rd] & ~(UINT64_C(0xFFFF) << shift);
    if (opc == 3 && !known(m, rd))
        return;
    set(m, rd, opc == 0 ? ~v : v);
}

static void sign(struct machine *m, uint32_t w) { m->r[LR] |= SIGN, (void)w; }
static void check_sign(struct machine *m, uint32_t w) { m->r[LR] &= ~SIGN, (void)w; }
static void anything(struct machine *m, uint32_t w) { forget(m, bits(w, 0, 5)); }
static void no_operation(struct machine *m, uint32_t w) { (void)m, (void)w; }

/* The first row that fits. */
static const struct {
    uint32_t mask, value;
    void (*step)(struct machine *m, uint32_t w);
} instructions[] = {
    {0xFFFFFFBF, 0xD503233F, sign         }, // paciasp, pacibsp
    {0xFFFFFFBF, 0xD50323BF, check_sign   }, // autiasp, autibsp
    {0x3A000000, 0x28000000, pair         },
    {0x3B000000, 0x39000000, single       },
    {0x3B000000, 0x38000000, single       },
    {0xBF800000, 0x91000000, add_immediate},
    {0xBFE0E000, 0x8B206000, add_extended },
    {0xFF800000, 0x92000000, and_immediate},
    {0xFFE0FFE0, 0xAA0003E0, move_register},
    {0x7F800000, 0x12800000, move_wide    },
    {0x7F800000, 0x52800000, move_wide    },
    {0x7F800000, 0x72800000, move_wide    },
    {0xFF000000, 0xD5000000, no_operation }, // hints, barriers
    {0x00000000, 0x00000000, anything     },
};

/* Where an instruction leads besides the next one; the first row that fits. */
enum flow { NEXT, JUMP, BRANCH, CALL, CALL_ANY, END };
static const struct flow_row {
    uint32_t mask, value;
    enum flow flow;
    unsigned from, bits; // of the target
} flows[] = {
    {0xFC000000, 0x14000000, JUMP,     0, 26}, // b
    {0xFC000000, 0x94000000, CALL,     0, 26}, // bl
    {0xFF000000, 0x54000000, BRANCH,   5, 19}, // b.cond
    {0x7E000000, 0x34000000, BRANCH,   5, 19}, // cbz, cbnz
    {0x7E000000, 0x36000000, BRANCH,   5, 14}, // tbz, tbnz
    {0xFFFFFC1F, 0xD63F0000, CALL_ANY, 0, 0 }, // blr
    {0xFFFFF800, 0xD63F0800, CALL_ANY, 0, 0 }, // blraaz, blrabz
    {0xFFFFF800, 0xD73F0800, CALL_ANY, 0, 0 }, // blraa, blrab
    {0xFE000000, 0xD6000000, END,      0, 0 }, // br, ret and the like
    {0xFFE0001F, 0xD4200000, END,      0, 0 }, // brk
    {0xFFFF0000, 0x00000000, END,      0, 0 }, // udf
    {0x00000000, 0x00000000, NEXT,     0, 0 },
};

static const struct flow_row *flow_of(uint32_t w)
{
    const struct flow_row *row = flows;
    while ((w & row->mask) != row->value)
        row++;
    return row;
}

static void step(struct machine *m, uint32_t w)
{
    size_t i = 0;
    while ((w & instructions[i].mask) != instructions[i].value)
        i++;
    instructions[i].step(m, w);
}

/* --- what is asked at each -------------------------------------------------------- */

struct way { // a branch that is still to be taken
    struct machine m;
};
struct run {
    struct arm64_image *a;
    const char *name;
    uint8_t *stack, *seen; // one byte per instruction of the image
    struct way *way;
    size_t n_ways;
    size_t functions, asked, agreed, of_all; // instructions
    size_t shown;
};

static uint32_t word_at(const struct run *run, uint64_t pc)
{
    struct fb_reader r = {.in = fb_image_at(run->a->image, pc - ARM64_IMAGE_BASE, 4)};
    return fb_read_u32(&r);
}

static void fill_stack(struct run *run, const struct machine *m)
{
    for (size_t i = 0; i < m->n_stores; i++) {
        uint64_t at = m->store[i].at - STACK;
        if (at <= STACK_SIZE - 8)
            memcpy(run->stack + at, &m->store[i].value, 8);
    }
}
static void empty_stack(struct run *run, const struct machine *m)
{
    for (size_t i = 0; i < m->n_stores; i++) {
        uint64_t at = m->store[i].at - STACK;
        if (at <= STACK_SIZE - 8)
            memset(run->stack + at, 0xEE, 8);
    }
}

static struct fb_frame frame_of(const struct machine *m, bool exact)
{
    struct fb_frame f = {.resume = exact ? m->pc : m->pc + 4,
                         .lookup = m->pc,
                         .sp = m->r[SP],
                         .exact = exact,
                         .regs.arch = FB_ARM64};
    for (int i = FIRST_KEPT; i <= SP; i++)
        if (exact || i != LR)
            fb_reg_set(&f.regs, i, m->r[i]);
    fb_reg_set(&f.regs, FB_PC64, f.resume);
    return f;
}

/* @return the first register that is wrong, 0 when all are right, -1 without an answer */
static int wrong(const struct run *run, const struct machine *m, bool exact)
{
    struct fb_frame callee = frame_of(m, exact);
    struct fb_caller caller = {0};
    struct fb_unwinder w = run->a->w;
    w.stack = (struct fb_span){run->stack, STACK_SIZE, 0};
    w.stack_start = STACK;
    if (!fb_unwind_pdata_arm64(&w, &callee, &caller))
        return -1;
    for (int i = FIRST_KEPT; i <= FB_PC64; i++) {
        uint64_t want = i == FB_PC64 ? RETURN : original(i);
        if (i != LR && (!fb_reg_known(&caller.regs, i) || caller.regs.v[i] != want))
            return i;
    }
    return fb_reg_known(&caller.regs, LR) ? LR : 0;
}

static void ask(struct run *run, const struct machine *m, bool exact)
{
    fill_stack(run, m);
    int bad = wrong(run, m, exact);
    empty_stack(run, m);
    run->asked++;
    run->agreed += bad == 0;
    if (bad != 0 && run->shown++ < SHOWN)
        fprintf(stderr, "  %s rva %llx%s: %s %d, sp %lld\n", run->name,
                (unsigned long long)(m->pc - ARM64_IMAGE_BASE), exact ? "" : " (call)",
                bad < 0 ? "no answer" : "wrong register", bad, (long long)(m->r[SP] - ENTRY));
}

/* --- the ways through a function ---------------------------------------------------- */

/* Whether code at `pc` belongs to the function that is stepped: it does, or it is a part of one
 * that was cut off, which has no prolog. */
static bool stays(const struct run *run, uint64_t pc, fb_addr begin, fb_addr end)
{
    fb_addr other, other_end;
    if (pc >= begin && pc < end)
        return true;
    return fb_pdata_arm64_function(&run->a->w, pc, &other, &other_end) && other != pc;
}

static void take(struct run *run, const struct machine *m, uint64_t pc)
{
    uint64_t i = (pc - ARM64_IMAGE_BASE) / 4;
    if (pc < ARM64_IMAGE_BASE || i >= run->a->image->size / 4 || run->seen[i] != 0 ||
        run->n_ways == WAYS_MAX)
        return;
    run->seen[i] = 1;
    run->way[run->n_ways].m = *m;
    run->way[run->n_ways++].m.pc = pc;
}

/* How far the function at `pc` moves its caller's stack pointer: MSVC pushes and pops its
 * cookie by a call. */
static int64_t moves(const struct run *run, uint64_t pc)
{
    struct machine m = at_entry(pc);
    for (size_t i = 0; i < STRAIGHT_MAX; i++, m.pc += 4) {
        uint32_t w = word_at(run, m.pc);
        enum flow flow = flow_of(w)->flow;
        if ((w & 0xFFFFFC1F) == 0xD65F0000)
            return (int64_t)(m.r[SP] - ENTRY);
        if (flow != NEXT && flow != BRANCH)
            return 0;
        step(&m, w);
    }
    return 0;
}

/* __chkstk keeps x15, which says how much is needed. */
static void call(const struct run *run, struct machine *m, uint64_t target)
{
    m->known &= UINT32_C(1) << 15;
    m->r[LR] = m->pc + 4;
    m->r[SP] += (uint64_t)moves(run, target);
}

static void follow(struct run *run, struct machine m, fb_addr begin, fb_addr end)
{
    uint32_t w = word_at(run, m.pc);
    const struct flow_row *row = flow_of(w);
    uint64_t target =
        m.pc + (uint64_t)(row->bits ? signed_bits(w, row->from, row->bits) * 4 : 0);
    ask(run, &m, true);
    if (row->flow == CALL || row->flow == CALL_ANY) {
        ask(run, &m, false);
        call(run, &m, row->flow == CALL ? target : 0);
    } else if (row->flow == NEXT) {
        step(&m, w);
    }
    if ((row->flow == JUMP || row->flow == BRANCH) && stays(run, target, begin, end))
        take(run, &m, target);
    if (row->flow != JUMP && row->flow != END && stays(run, m.pc + 4, begin, end))
        take(run, &m, m.pc + 4);
}

/* A part without a prolog of its own begins where another one leads, not here. */
static bool begins(const struct fb_arm64_function *f)
{
    struct fb_span codes = fb_arm64_codes(f);
    enum { END_C = 0xE5 };
    struct fb_arm64_undo undo;
    for (size_t at = 0; fb_arm64_code(codes, at, &undo); at += undo.length)
        if (codes.p[at] == END_C)
            return false;
        else if (undo.effect == FB_UNDO_END)
            break;
    return true;
}

static void all_functions(struct run *run)
{
    size_t n = arm64_image_entries(run->a);
    for (size_t i = 0; i < n; i++) {
        uint32_t rva, unwind;
        struct fb_arm64_function f;
        if (!arm64_image_entry(run->a, i, &rva, &unwind, &f))
            continue;
        run->of_all += f.length;
        fb_addr begin = ARM64_IMAGE_BASE + rva;
        if (!begins(&f) || moves(run, begin) != 0)
            continue;
        struct machine m = at_entry(begin);
        run->functions++;
        take(run, &m, begin);
        while (run->n_ways > 0) {
            m = run->way[--run->n_ways].m;
            follow(run, m, begin, begin + f.length * UINT64_C(4));
        }
    }
}

static void step_through(struct arm64_image *a, const char *name)
{
    struct run run = {.a = a,
                      .name = name,
                      .stack = malloc(STACK_SIZE),
                      .seen = calloc(a->image->size / 4 + 1, 1),
                      .way = malloc(WAYS_MAX * sizeof(struct way))};
    memset(run.stack, 0xEE, STACK_SIZE);
    all_functions(&run);
    size_t seen = 0;
    for (size_t i = 0; i < a->image->size / 4; i++)
        seen += run.seen[i];
    printf("%s: %zu functions, %zu of %zu instructions, %zu questions, %zu right answers\n",
           name, run.functions, seen, run.of_all, run.asked, run.agreed);
    CHECK(name, run.asked != 0 && run.agreed == run.asked);
    free(run.way);
    free(run.seen);
    free(run.stack);
}

/* --- images ------------------------------------------------------------------------- */

static size_t corpus_images(void)
{
    const char *corpus = getenv("FAULTBUCKET_CORPUS");
    size_t n = 0;
    for (size_t i = 0; i < COUNT(arm64_images); i++) {
        struct arm64_image a;
        char path[4096];
        snprintf(path, sizeof path, "%s/images/%s",
                 corpus != NULL ? corpus : "../shared/corpus", arm64_images[i]);
        if (!arm64_image_open(&a, path))
            continue;
        n++;
        step_through(&a, arm64_images[i]);
        arm64_image_close(&a);
    }
    if (n == 0)
        fprintf(stderr, "the corpus is absent: its images are not stepped through\n");
    return n;
}

/* Not -mbranch-protection: clang 14 signs lr on Windows, and does not say so. */
static const char *const options[] = {"-O0",
                                      "-O1",
                                      "-O2",
                                      "-O3",
                                      "-Os",
                                      "-O2 -fno-omit-frame-pointer",
                                      "-Os -fomit-frame-pointer"};

static size_t compiled_images(void)
{
    static char folder[] = "/tmp/faultbucket-arm64-XXXXXX";
    size_t n = 0;
    // NOLINTNEXTLINE(cert-env33-c)
    if (system("clang-14 --version >/dev/null 2>&1 && lld-link-14 --version >/dev/null 2>&1") !=
            0 ||
        mkdtemp(folder) == NULL) {
        fprintf(stderr, "clang-14 or lld-link-14 is absent: nothing is compiled\n");
        return 0;
    }
    char command[1024], path[64];
    snprintf(path, sizeof path, "%s/a.exe", folder);
    for (size_t i = 0; i < COUNT(options); i++) {
        struct arm64_image a;
        snprintf(command, sizeof command,
                 "cd %s && clang-14 --target=aarch64-pc-windows-msvc %s -w -c -o a.obj "
                 "\"$OLDPWD\"/tests/unit/pdata_functions.c && lld-link-14 /nodefaultlib "
                 "/entry:main_entry /subsystem:console /out:a.exe a.obj",
                 folder, options[i]);
        // NOLINTNEXTLINE(cert-env33-c)
        if (!CHECK(options[i], system(command) == 0) ||
            !CHECK(options[i], arm64_image_open(&a, path)))
            continue;
        n++;
        step_through(&a, options[i]);
        arm64_image_close(&a);
    }
    snprintf(command, sizeof command, "rm -r %s", folder);
    // NOLINTNEXTLINE(cert-env33-c)
    CHECK("temporary folder", system(command) == 0);
    return n;
}

int main(void)
{
    size_t n = compiled_images();
    n += corpus_images();
    if (n == 0)
        return check_skip("no image to step through");
    return check_done();
}
