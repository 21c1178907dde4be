/*
 * worker/analysis/unwind/dwarf_expression.c -- DWARF expressions: a calculator with a stack.
 *
 * It may jump, so that only the count of its steps ends it. What makes no sense where a
 * register is to be found (pieces, types, calls of other expressions) is refused.
 */
#include "unwind/dwarf.h"

#include "symbols/leb128.h"

enum op { // DW_OP_...
    OP_ADDR = 0x03,
    OP_DEREF = 0x06,
    OP_CONST1U = 0x08,
    OP_CONST8S = 0x0F,
    OP_CONSTU = 0x10,
    OP_CONSTS = 0x11,
    OP_DUP = 0x12,
    OP_DROP = 0x13,
    OP_OVER = 0x14,
    OP_PICK = 0x15,
    OP_SWAP = 0x16,
    OP_ROT = 0x17,
    OP_ABS = 0x19,
    OP_AND = 0x1A,
    OP_DIV = 0x1B,
    OP_MINUS = 0x1C,
    OP_MOD = 0x1D,
    OP_MUL = 0x1E,
    OP_NEG = 0x1F,
    OP_NOT = 0x20,
    OP_OR = 0x21,
    OP_PLUS = 0x22,
    OP_PLUS_UCONST = 0x23,
    OP_SHL = 0x24,
    OP_SHR = 0x25,
    OP_SHRA = 0x26,
    OP_XOR = 0x27,
    OP_BRA = 0x28,
    OP_EQ = 0x29,
    OP_GE = 0x2A,
    OP_GT = 0x2B,
    OP_LE = 0x2C,
    OP_LT = 0x2D,
    OP_NE = 0x2E,
    OP_SKIP = 0x2F,
    OP_LIT0 = 0x30,
    OP_LIT31 = 0x4F,
    OP_BREG0 = 0x70,
    OP_BREG31 = 0x8F,
    OP_BREGX = 0x92,
    OP_DEREF_SIZE = 0x94,
    OP_NOP = 0x96
};

struct evaluation {
    const struct fb_dwarf_frame *f;
    size_t word;
    struct fb_reader r;
    uint64_t stack[FB_DWARF_STACK_MAX];
    size_t n;
    bool bad;
};

/* --- the stack ---------------------------------------------------------------------- */

static void push(struct evaluation *e, uint64_t v)
{
    if (e->n == FB_DWARF_STACK_MAX)
        e->bad = true;
    else
        e->stack[e->n++] = e->word == sizeof(uint32_t) ? (uint32_t)v : v;
}

static uint64_t pop(struct evaluation *e)
{
    if (e->n == 0) {
        e->bad = true;
        return 0;
    }
    return e->stack[--e->n];
}

static void push_again(struct evaluation *e, size_t below)
{
    if (below >= e->n)
        e->bad = true;
    else
        push(e, e->stack[e->n - 1 - below]);
}

static int64_t as_signed(const struct evaluation *e, uint64_t v)
{
    return e->word == sizeof(uint32_t) ? (int32_t)v : (int64_t)v;
}

static void load(struct evaluation *e, size_t n)
{
    uint64_t v = 0;
    fb_addr a = pop(e);
    if (n == 0 || n > e->word || !fb_process_read(e->f->w, a, n, &v))
        e->bad = true;
    push(e, v);
}

static void push_register(struct evaluation *e, uint64_t number)
{
    int i = fb_dwarf_register(&e->f->w->env->dump->system, number);
    int64_t offset = fb_read_sleb(&e->r);
    if (!fb_reg_known(e->f->regs, i)) {
        e->bad = true;
        return;
    }
    push(e, e->f->regs->v[i] + (uint64_t)offset);
}

/* --- operations --------------------------------------------------------------------- */

static void push_constant(struct evaluation *e, unsigned op)
{
    unsigned kind = op - OP_CONST1U; // 1u, 1s, 2u, 2s, 4u ...
    size_t n = (size_t)1 << kind / 2;
    uint64_t v = fb_read_le(&e->r, n), sign = UINT64_C(1) << ((8 * n - 1) & 63);
    push(e, kind % 2 != 0 ? (v ^ sign) - sign : v);
}

static void jump(struct evaluation *e, bool really)
{
    int64_t by = (int16_t)fb_read_u16(&e->r);
    uint64_t to = e->r.at + (uint64_t)by;
    if (!really)
        return;
    if (to > e->r.in.n)
        e->bad = true;
    else
        e->r.at = (size_t)to;
}

static void swap(struct evaluation *e)
{
    uint64_t first = pop(e), second = pop(e);
    push(e, first);
    push(e, second);
}

static void rotate(struct evaluation *e)
{
    uint64_t first = pop(e), second = pop(e), third = pop(e);
    push(e, first);
    push(e, third);
    push(e, second);
}

/* Signed, as DWARF has it, where it matters; mod is unsigned. */
static uint64_t divide(struct evaluation *e, unsigned op, uint64_t a, uint64_t b)
{
    if (b == 0) {
        e->bad = true;
        return 0;
    }
    if (op == OP_MOD)
        return a % b;
    if (as_signed(e, b) == -1) // the lowest number divided by it would trap
        return 0 - a;
    return (uint64_t)(as_signed(e, a) / as_signed(e, b));
}

static uint64_t shift(struct evaluation *e, unsigned op, uint64_t a, uint64_t by)
{
    bool out = by >= 8 * e->word;
    if (op == OP_SHRA)
        return (uint64_t)(as_signed(e, a) >> (out ? 63 : by));
    if (out)
        return 0;
    return op == OP_SHL ? a << by : a >> by;
}

static bool compare(struct evaluation *e, unsigned op, uint64_t left, uint64_t right)
{
    int64_t a = as_signed(e, left), b = as_signed(e, right);
    switch (op) {
    case OP_EQ:
        return a == b;
    case OP_GE:
        return a >= b;
    case OP_GT:
        return a > b;
    case OP_LE:
        return a <= b;
    case OP_LT:
        return a < b;
    default:
        return a != b;
    }
}

static uint64_t of_two(struct evaluation *e, unsigned op, uint64_t a, uint64_t b)
{
    switch (op) {
    case OP_AND:
        return a & b;
    case OP_OR:
        return a | b;
    case OP_XOR:
        return a ^ b;
    case OP_PLUS:
        return a + b;
    case OP_MINUS:
        return a - b;
    case OP_MUL:
        return a * b;
    case OP_DIV:
    case OP_MOD:
        return divide(e, op, a, b);
    case OP_SHL:
    case OP_SHR:
    case OP_SHRA:
        return shift(e, op, a, b);
    default:
        return compare(e, op, a, b);
    }
}

static uint64_t of_one(struct evaluation *e, unsigned op, uint64_t a)
{
    if (op == OP_PLUS_UCONST)
        return a + fb_read_uleb(&e->r);
    if (op == OP_NOT)
        return ~a;
    return op == OP_NEG || as_signed(e, a) < 0 ? 0 - a : a; // else OP_ABS
}

/* Those that move words. @return false: it is another one */
static bool moves(struct evaluation *e, unsigned op)
{
    switch (op) {
    case OP_DUP:
    case OP_OVER:
        push_again(e, op == OP_OVER);
        return true;
    case OP_PICK:
        push_again(e, fb_read_u8(&e->r));
        return true;
    case OP_DROP:
        (void)pop(e);
        return true;
    case OP_SWAP:
        swap(e);
        return true;
    case OP_ROT:
        rotate(e);
        return true;
    case OP_NOP:
        return true;
    default:
        return false;
    }
}

/* Those that ask the registers, the memory or the program. @return false: it is another one */
static bool asks(struct evaluation *e, unsigned op)
{
    switch (op) {
    case OP_ADDR:
        push(e, fb_read_le(&e->r, e->word) + e->f->moved);
        return true;
    case OP_CONSTU:
        push(e, fb_read_uleb(&e->r));
        return true;
    case OP_CONSTS:
        push(e, (uint64_t)fb_read_sleb(&e->r));
        return true;
    case OP_BREGX:
        push_register(e, fb_read_uleb(&e->r));
        return true;
    case OP_DEREF:
        load(e, e->word);
        return true;
    case OP_DEREF_SIZE:
        load(e, fb_read_u8(&e->r));
        return true;
    case OP_BRA:
    case OP_SKIP:
        jump(e, op == OP_SKIP || pop(e) != 0);
        return true;
    default:
        return false;
    }
}

static void compute(struct evaluation *e, unsigned op)
{
    bool one = op == OP_ABS || op == OP_NEG || op == OP_NOT || op == OP_PLUS_UCONST;
    if (op < OP_ABS || op > OP_NE) {
        e->bad = true;
        return;
    }
    uint64_t last = pop(e);
    push(e, one ? of_one(e, op, last) : of_two(e, op, pop(e), last));
}

static void operate(struct evaluation *e)
{
    unsigned op = fb_read_u8(&e->r);
    if (op >= OP_LIT0 && op <= OP_LIT31)
        push(e, op - OP_LIT0);
    else if (op >= OP_BREG0 && op <= OP_BREG31)
        push_register(e, op - OP_BREG0);
    else if (op >= OP_CONST1U && op <= OP_CONST8S)
        push_constant(e, op);
    else if (!moves(e, op) && !asks(e, op))
        compute(e, op);
}

bool fb_dwarf_evaluate(const struct fb_dwarf_frame *frame, struct fb_span expression,
                       const uint64_t *first, uint64_t *out)
{
    struct evaluation e;
    e.f = frame;
    e.word = frame->w->names->word;
    e.r = (struct fb_reader){.in = expression, .big = frame->w->env->dump->memory.big};
    e.n = 0;
    e.bad = false;
    if (first != NULL)
        push(&e, *first);
    for (size_t n = 0; e.r.at < e.r.in.n && !e.bad && !fb_failed(e.r.err); n++) {
        if (n == FB_DWARF_STEPS_MAX || *frame->steps == 0)
            return false;
        --*frame->steps;
        operate(&e);
    }
    uint64_t last = pop(&e);
    if (e.bad || fb_failed(e.r.err))
        return false;
    *out = last;
    return true;
}
