/*
 * tests/unit/test_dwarf_expression.c -- every operation of DWARF expressions that we do, those
 * that we refuse, and expressions that only an attacker writes.
 *
 * rbx is 0x1000 and rsp 0x7000; at 0x7000 stand the bytes 80 81 82 ... The image was moved up
 * by 0x100000.
 */
#include "support/check.h"
#include "unwind/dwarf.h"

enum { STACK = 0x7000, SIZE = 64, MOVED = 0x100000 };

// clang-format off
static const struct {
    const char *name;
    uint8_t n, bytes[24];
    uint64_t want, on_x86; // on_x86 is looked at when it is another
    bool fails;
} rows[] = {
    {"lit0", 1, {0x30}, 0, 0, false},
    {"lit31", 1, {0x4F}, 31, 31, false},
    {"addr 64", 9, {0x03, 0, 0x20}, 0x102000, 1, false},
    {"const1u", 2, {0x08, 0xFF}, 255, 255, false},
    {"const1s", 2, {0x09, 0xFF}, UINT64_MAX, UINT32_MAX, false},
    {"const2u", 3, {0x0A, 0xFE, 0xFF}, 0xFFFE, 0xFFFE, false},
    {"const2s", 3, {0x0B, 0xFE, 0xFF}, 0 - UINT64_C(2), 0xFFFFFFFE, false},
    {"const4u", 5, {0x0C, 0xFE, 0xFF, 0xFF, 0xFF}, 0xFFFFFFFE, 0xFFFFFFFE, false},
    {"const4s", 5, {0x0D, 0xFE, 0xFF, 0xFF, 0xFF}, 0 - UINT64_C(2), 0xFFFFFFFE, false},
    {"const8u", 9, {0x0E, 1, 0, 0, 0, 2}, 0x200000001, 1, false},
    {"const8s", 9, {0x0F, 1, 0, 0, 0, 0, 0, 0, 0x80}, UINT64_C(1) << 63 | 1, 1, false},
    {"constu", 3, {0x10, 0x80, 1}, 128, 128, false},
    {"consts", 2, {0x11, 0x7F}, UINT64_MAX, UINT32_MAX, false},
    {"dup", 3, {0x35, 0x12, 0x22}, 10, 10, false},
    {"drop", 3, {0x31, 0x32, 0x13}, 1, 1, false},
    {"over", 4, {0x37, 0x32, 0x14, 0x1C}, 0 - UINT64_C(5), 0xFFFFFFFB, false},
    {"pick", 5, {0x31, 0x32, 0x33, 0x15, 2}, 1, 1, false},
    {"swap", 4, {0x31, 0x33, 0x16, 0x1C}, 2, 2, false},
    {"rot, last", 4, {0x31, 0x32, 0x33, 0x17}, 2, 2, false},
    {"rot, second", 5, {0x31, 0x32, 0x33, 0x17, 0x13}, 1, 1, false},
    {"rot, third", 6, {0x31, 0x32, 0x33, 0x17, 0x13, 0x13}, 3, 3, false},
    {"abs", 3, {0x11, 0x7B, 0x19}, 5, 5, false},
    {"abs of more", 2, {0x35, 0x19}, 5, 5, false},
    {"and", 3, {0x36, 0x33, 0x1A}, 2, 2, false},
    {"div", 4, {0x11, 0x79, 0x32, 0x1B}, 0 - UINT64_C(3), 0xFFFFFFFD, false},
    {"div by -1", 13, {0x0F, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x11, 0x7F, 0x1B, 0x96},
     UINT64_C(1) << 63, 0, false},
    {"div by 0", 3, {0x31, 0x30, 0x1B}, 0, 0, true},
    {"minus", 3, {0x35, 0x32, 0x1C}, 3, 3, false},
    {"mod", 3, {0x37, 0x34, 0x1D}, 3, 3, false},
    {"mod by 0", 3, {0x37, 0x30, 0x1D}, 3, 3, true},
    {"mul", 3, {0x37, 0x36, 0x1E}, 42, 42, false},
    {"neg", 2, {0x31, 0x1F}, UINT64_MAX, UINT32_MAX, false},
    {"not", 2, {0x31, 0x20}, UINT64_MAX - 1, UINT32_MAX - 1, false},
    {"or", 3, {0x34, 0x31, 0x21}, 5, 5, false},
    {"plus", 3, {0x34, 0x31, 0x22}, 5, 5, false},
    {"plus_uconst", 4, {0x34, 0x23, 0x80, 1}, 132, 132, false},
    {"shl", 3, {0x31, 0x34, 0x24}, 16, 16, false},
    {"shl out", 4, {0x31, 0x08, 64, 0x24}, 0, 0, false},
    {"shr", 5, {0x11, 0x7F, 0x08, 28, 0x25}, UINT64_MAX >> 28, 15, false},
    {"shr out", 4, {0x31, 0x08, 200, 0x25}, 0, 0, false},
    {"shra", 4, {0x11, 0x70, 0x32, 0x26}, 0 - UINT64_C(4), 0xFFFFFFFC, false},
    {"shra out", 5, {0x11, 0x70, 0x08, 99, 0x26}, UINT64_MAX, UINT32_MAX, false},
    {"xor", 3, {0x36, 0x33, 0x27}, 5, 5, false},
    {"bra, taken", 7, {0x31, 0x31, 0x28, 1, 0, 0x4F, 0x32}, 2, 2, false},
    {"bra, not taken", 6, {0x31, 0x30, 0x28, 1, 0, 0x4F}, 31, 31, false},
    {"skip", 6, {0x31, 0x2F, 1, 0, 0x4F, 0x96}, 1, 1, false},
    {"skip to the end", 5, {0x31, 0x2F, 1, 0, 0x4F}, 1, 1, false},
    {"skip beyond", 5, {0x31, 0x2F, 2, 0, 0x4F}, 1, 1, true},
    {"skip before", 4, {0x31, 0x2F, 0xFB, 0xFF}, 1, 1, true},
    {"eq", 3, {0x31, 0x31, 0x29}, 1, 1, false},
    {"ge", 4, {0x31, 0x11, 0x7F, 0x2A}, 1, 1, false},
    {"gt", 3, {0x31, 0x31, 0x2B}, 0, 0, false},
    {"le", 3, {0x31, 0x31, 0x2C}, 1, 1, false},
    {"lt", 4, {0x11, 0x7F, 0x31, 0x2D}, 1, 1, false},
    {"ne", 3, {0x31, 0x31, 0x2E}, 0, 0, false},
    {"breg3", 2, {0x73, 0x7F}, 0xFFF, 0xFFF, false},
    {"bregx", 3, {0x92, 3, 1}, 0x1001, 0x1001, false},
    {"breg, unknown value", 2, {0x71, 0}, 0, 0, true},
    {"bregx, no such register", 4, {0x92, 0xFF, 0x7F, 0}, 0, 0, true},
    {"deref", 4, {0x0A, 0, 0x70, 0x06}, 0x8786858483828180, 0x83828180, false},
    {"deref_size", 5, {0x0A, 1, 0x70, 0x94, 2}, 0x8281, 0x8281, false},
    {"deref_size 0", 5, {0x0A, 1, 0x70, 0x94, 0}, 0, 0, true},
    {"deref_size 9", 5, {0x0A, 1, 0x70, 0x94, 9}, 0, 0, true},
    {"deref of nothing", 2, {0x31, 0x06}, 0, 0, true},
    {"nop", 2, {0x31, 0x96}, 1, 1, false},
    {"empty", 0, {0}, 0, 0, true},
    {"stack empty", 1, {0x22}, 0, 0, true},
    {"pick too deep", 3, {0x31, 0x15, 1}, 0, 0, true},
    {"operand cut", 3, {0x31, 0x0C, 1}, 0, 0, true},
    {"reg0", 1, {0x50}, 0, 0, true},
    {"fbreg", 2, {0x91, 0}, 0, 0, true},
    {"piece", 3, {0x31, 0x93, 4}, 0, 0, true},
    {"xderef", 3, {0x31, 0x31, 0x18}, 0, 0, true},
    {"call_frame_cfa", 1, {0x9C}, 0, 0, true},
    {"loops for ever", 3, {0x2F, 0xFD, 0xFF}, 0, 0, true},
    {"pushes for ever", 4, {0x31, 0x2F, 0xFC, 0xFF}, 0, 0, true},
    {"pops and pushes for ever", 5, {0x31, 0x13, 0x2F, 0xFB, 0xFF}, 0, 0, true},
};
// clang-format on

struct process {
    uint8_t bytes[SIZE];
    struct fb_region region;
    struct fb_dump dump;
    struct fb_walk_env env;
    struct fb_unwinder w;
    struct fb_regs regs;
    size_t steps;
    struct fb_dwarf_frame frame;
};

static void make(enum fb_arch arch, struct process *p)
{
    bool wide = arch == FB_AMD64;
    *p = (struct process){.steps = 10000, .regs = {.arch = arch}};
    for (size_t i = 0; i < SIZE; i++)
        p->bytes[i] = (uint8_t)(0x80 + i);
    p->region = (struct fb_region){
        STACK, {p->bytes, SIZE, 0}
    };
    p->dump.system = (struct fb_system){.arch = arch, .os = FB_LINUX};
    p->dump.memory = (struct fb_memory){&p->region, 1, SIZE, false};
    p->env.dump = &p->dump;
    p->w = (struct fb_unwinder){.env = &p->env, .names = fb_reg_names(arch)};
    fb_reg_set(&p->regs, wide ? FB_RBX : FB_EBX, 0x1000);
    fb_reg_set(&p->regs, wide ? FB_RSP : FB_ESP, STACK);
    p->frame = (struct fb_dwarf_frame){&p->w, &p->regs, MOVED, &p->steps};
}

static void test_rows(enum fb_arch arch)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct process p;
        uint64_t got = 0, want = arch == FB_X86 ? rows[i].on_x86 : rows[i].want;
        make(arch, &p);
        if (arch == FB_X86 && rows[i].bytes[0] == 0x03)
            continue;
        struct fb_span program = {rows[i].bytes, rows[i].n, 0};
        bool has = fb_dwarf_evaluate(&p.frame, program, NULL, &got);
        CHECK(rows[i].name, has != rows[i].fails);
        CHECK(rows[i].name, !has || got == want);
        CHECK(rows[i].name, p.steps >= 10000 - FB_DWARF_STEPS_MAX);
    }
}

int main(void)
{
    struct process p;
    uint64_t cfa = 0x55, got = 0;
    test_rows(FB_AMD64);
    test_rows(FB_X86);
    make(FB_AMD64, &p);
    CHECK("begins with the CFA",
          fb_dwarf_evaluate(&p.frame, fb_span_of("\x23\x01"), &cfa, &got));
    CHECK("begins with the CFA", got == 0x56);
    p.steps = 3;
    CHECK("spent",
          !fb_dwarf_evaluate(&p.frame, fb_span_of("1111"), NULL, &got) && p.steps == 0);
    return check_done();
}
