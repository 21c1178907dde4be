/*
 * worker/analysis/disasm/step_x86.c -- what one instruction of x86 or x64 does to the registers
 * that lead to the caller.
 *
 * Only whole words count: whatever writes a register in another way loses its value.
 */
#include "disasm/optable.h"
#include "disasm/step_plain.h"

#include <string.h>

enum { OPERAND_SIZE_PREFIX = 2, INT_NT = 0x2E, INT_LINUX = 0x80 };

struct form { // an instruction with its operands, as often asked for
    const cs_insn *cs;
    const cs_x86_op *op;
    size_t n, word;
    enum fb_arch arch;
};

/* The register that operand `i` is, when it is a whole one; else -1. */
static int whole(const struct form *f, size_t i)
{
    if (i >= f->n || f->op[i].type != X86_OP_REG || f->op[i].size != f->word)
        return -1;
    return fb_insn_x86_reg(f->arch, (unsigned)f->op[i].reg);
}

/* Base and offset of operand `i`, when it is memory addressed by one register alone. */
static bool based(const struct form *f, size_t i, int *base, int64_t *offset)
{
    if (i >= f->n || f->op[i].type != X86_OP_MEM)
        return false;
    const x86_op_mem *mem = &f->op[i].mem;
    bool no_index =
        mem->index == X86_REG_INVALID || mem->index == X86_REG_RIZ || mem->index == X86_REG_EIZ;
    bool flat = mem->segment != X86_REG_FS && mem->segment != X86_REG_GS;
    *base = fb_insn_x86_reg(f->arch, (unsigned)mem->base);
    *offset = mem->disp;
    return flat && no_index && *base >= 0 && *base < (f->arch == FB_X86 ? FB_EIP : FB_RIP) &&
           f->cs->detail->x86.addr_size == f->word;
}

static bool immediate(const struct form *f, size_t i, int64_t *out)
{
    if (i >= f->n || f->op[i].type != X86_OP_IMM)
        return false;
    *out = f->op[i].imm;
    return true;
}

static void move(const struct form *f, struct fb_step *out)
{
    int base, to = whole(f, 0), from = whole(f, 1);
    int64_t offset;
    if (to >= 0 && from >= 0)
        fb_step_set(out, FB_STEP_SET, to, from, 0);
    else if (to >= 0 && based(f, 1, &base, &offset))
        fb_step_set(out, FB_STEP_LOAD, to, base, offset);
    else if (from >= 0 && based(f, 0, &base, &offset))
        fb_step_set(out, FB_STEP_STORE, base, from, offset);
}

static void reckon(const struct form *f, struct fb_step *out)
{
    int base, to = whole(f, 0);
    int64_t n;
    if (to < 0)
        return;
    if (f->cs->id == X86_INS_LEA && based(f, 1, &base, &n))
        fb_step_set(out, FB_STEP_SET, to, base, n);
    else if (f->cs->id == X86_INS_ADD && immediate(f, 1, &n))
        fb_step_set(out, FB_STEP_SET, to, to, n);
    else if (f->cs->id == X86_INS_SUB && immediate(f, 1, &n))
        fb_step_set(out, FB_STEP_SET, to, to, (int64_t)(0 - (uint64_t)n));
    else if (f->cs->id == X86_INS_AND && immediate(f, 1, &n))
        fb_step_set(out, FB_STEP_MASK, to, to, n);
}

/* Folklore: a word can be pushed as 16 bits; no compiler does, and then sp is lost. */
static void push_or_pop(const struct form *f, const struct fb_op *op, struct fb_step *out)
{
    bool pops = (op->flags & FB_OP_POPS) != 0;
    bool odd = f->cs->detail->x86.prefix[OPERAND_SIZE_PREFIX] == X86_PREFIX_OPSIZE ||
               f->cs->id == X86_INS_PUSHAW || f->cs->id == X86_INS_POPAW;
    if (odd)
        return;
    int64_t words = op->words != 0 ? op->words : 1;
    fb_step_set(out, pops ? FB_STEP_POP : FB_STEP_PUSH, pops ? whole(f, 0) : -1,
                pops ? -1 : whole(f, 0), words);
}

static void enter(const struct form *f, struct fb_step *out)
{
    int64_t size, nesting;
    if (immediate(f, 0, &size) && immediate(f, 1, &nesting) && nesting == 0)
        fb_step_set(out, FB_STEP_ENTER, -1, -1, size);
}

/* Calls of the system come back; other traps do not. */
static bool returns(const struct form *f)
{
    int64_t vector;
    return f->cs->id == X86_INS_SYSCALL ||
           (f->cs->id == X86_INS_INT && immediate(f, 0, &vector) &&
            ((vector & 0xFF) == INT_NT || (vector & 0xFF) == INT_LINUX));
}

static void flow(const struct form *f, const struct fb_insn *insn, struct fb_step *out)
{
    int64_t n = 0;
    out->target_known = insn->target_known;
    out->target = insn->target;
    switch (insn->flow) {
    case FB_FLOW_CALL:
        out->kind = FB_STEP_CALL;
        break;
    case FB_FLOW_JUMP:
        out->kind = insn->target_known ? FB_STEP_JUMP : FB_STEP_END;
        break;
    case FB_FLOW_CONDITIONAL:
        out->kind = FB_STEP_BRANCH;
        break;
    case FB_FLOW_RETURN:
        (void)immediate(f, 0, &n);
        fb_step_set(out, f->cs->id == X86_INS_RET ? FB_STEP_RETURN : FB_STEP_END, -1, -1,
                    n & 0xFFFF);
        break;
    case FB_FLOW_TRAP:
        out->kind = returns(f) ? FB_STEP_OTHER : FB_STEP_END;
        break;
    case FB_FLOW_NONE:
        break;
    }
}

static void classify(const struct form *f, const struct fb_insn *insn, struct fb_step *out)
{
    const struct fb_op *op = fb_op_x86(f->cs->id);
    if (insn->flow != FB_FLOW_NONE)
        flow(f, insn, out);
    else if (f->cs->id == X86_INS_MOV)
        move(f, out);
    else if (f->cs->id == X86_INS_LEAVE)
        out->kind = FB_STEP_LEAVE;
    else if (f->cs->id == X86_INS_ENTER)
        enter(f, out);
    else if (op->flags & (FB_OP_PUSHES | FB_OP_POPS))
        push_or_pop(f, op, out);
    else
        reckon(f, out);
}

bool fb_disasm_step(size_t handle, enum fb_arch arch, struct fb_span code, fb_addr address,
                    struct fb_step *out)
{
    bool ours = arch == FB_X86 || arch == FB_AMD64;
    if (arch == FB_ARM64)
        return fb_step_arm64(code, address, out);
    return ours && (fb_step_plain(arch, code, address, out) ||
                    fb_step_capstone(handle, arch, code, address, out));
}

bool fb_step_capstone(size_t handle, enum fb_arch arch, struct fb_span code, fb_addr address,
                      struct fb_step *out)
{
    static const struct fb_regs none;
    const uint8_t *p = code.p;
    size_t n = code.n;
    cs_detail detail;
    cs_insn cs = {.detail = &detail};
    uint64_t at = address;
    memset(&detail, 0, sizeof detail);
    if (handle == 0 || n == 0 || !cs_disasm_iter(handle, &p, &n, &at, &cs))
        return false;
    struct fb_insn insn = {.address = address, .target_reg = -1};
    struct form f = {&cs, detail.x86.operands, detail.x86.op_count,
                     arch == FB_X86 ? sizeof(uint32_t) : sizeof(uint64_t), arch};
    fb_insn_x86(handle, arch, &cs, &none, &insn);
    *out = (struct fb_step){
        .length = (uint8_t)cs.size, .to = -1, .from = -1, .second = -1, .writes = insn.writes};
    classify(&f, &insn, out);
    return true;
}
