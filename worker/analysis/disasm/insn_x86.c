/* worker/analysis/disasm/insn_x86.c -- operands of x86 and x64 instructions,
 * implicit ones included. */
#include "disasm/optable.h"

#include "base/text.h"

/* Capstone's register to ours, plus one; both architectures count their registers alike, except
 * for flags and instruction pointer. */
static const int8_t general[X86_REG_ENDING] = {
#define WIDTHS(b, w, d, q, ours)                                                               \
    [X86_REG_##b] = (ours) + 1, [X86_REG_##w] = (ours) + 1, [X86_REG_##d] = (ours) + 1,        \
    [X86_REG_##q] = (ours) + 1
    WIDTHS(AL, AX, EAX, RAX, FB_RAX),
    WIDTHS(BL, BX, EBX, RBX, FB_RBX),
    WIDTHS(CL, CX, ECX, RCX, FB_RCX),
    WIDTHS(DL, DX, EDX, RDX, FB_RDX),
    WIDTHS(SIL, SI, ESI, RSI, FB_RSI),
    WIDTHS(DIL, DI, EDI, RDI, FB_RDI),
    WIDTHS(BPL, BP, EBP, RBP, FB_RBP),
    WIDTHS(SPL, SP, ESP, RSP, FB_RSP),
    WIDTHS(R8B, R8W, R8D, R8, FB_R8),
    WIDTHS(R9B, R9W, R9D, R9, FB_R9),
    WIDTHS(R10B, R10W, R10D, R10, FB_R10),
    WIDTHS(R11B, R11W, R11D, R11, FB_R11),
    WIDTHS(R12B, R12W, R12D, R12, FB_R12),
    WIDTHS(R13B, R13W, R13D, R13, FB_R13),
    WIDTHS(R14B, R14W, R14D, R14, FB_R14),
    WIDTHS(R15B, R15W, R15D, R15, FB_R15),
#undef WIDTHS
    [X86_REG_AH] = FB_RAX + 1,
    [X86_REG_BH] = FB_RBX + 1,
    [X86_REG_CH] = FB_RCX + 1,
    [X86_REG_DH] = FB_RDX + 1,
};

int fb_insn_x86_reg(enum fb_arch arch, unsigned reg)
{
    if (reg == X86_REG_EFLAGS)
        return arch == FB_X86 ? FB_EFLAGS : FB_RFLAGS;
    if (reg == X86_REG_RIP || reg == X86_REG_EIP)
        return arch == FB_X86 ? FB_EIP : FB_RIP;
    int index = reg < X86_REG_ENDING ? general[reg] - 1 : -1;
    return arch == FB_X86 && index > FB_ESP ? -1 : index;
}

static uint64_t word_size(enum fb_arch arch) { return arch == FB_X86 ? 4 : 8; }

static uint64_t truncated(uint64_t v, unsigned bytes)
{
    return bytes >= 8 ? v : v & ((UINT64_C(1) << (8 * bytes)) - 1);
}

/* Add a register's value to an address. */
static void add(const struct fb_regs *regs, int reg, uint64_t scale, fb_addr *sum, bool *known)
{
    if (fb_reg_known(regs, reg))
        *sum += regs->v[reg] * scale;
    else
        *known = false;
}

static void place(enum fb_arch arch, const cs_insn *cs, const x86_op_mem *mem,
                  const struct fb_regs *regs, struct fb_memory_operand *out)
{
    const cs_x86 *x86 = &cs->detail->x86;
    out->known = mem->segment != X86_REG_FS && mem->segment != X86_REG_GS;
    out->address = (uint64_t)mem->disp;
    if (mem->base == X86_REG_RIP || mem->base == X86_REG_EIP) {
        out->address += cs->address + cs->size;
    } else if (mem->base != X86_REG_INVALID) {
        out->base = fb_insn_x86_reg(arch, mem->base);
        add(regs, out->base, 1, &out->address, &out->known);
    }
    if (mem->index != X86_REG_INVALID && mem->index != X86_REG_RIZ &&
        mem->index != X86_REG_EIZ) {
        out->index = fb_insn_x86_reg(arch, mem->index);
        add(regs, out->index, (uint64_t)mem->scale, &out->address, &out->known);
    }
    out->address = truncated(out->address, x86->addr_size ? x86->addr_size : 8);
}

/* What the instruction does to operand `i`, which is in memory. */
static enum fb_op_memory direction(const struct fb_op *op, const cs_insn *cs, int i)
{
    static const char *const stores[] = {"mov", "vmov", "fst", "fist", "set"};
    if (op->memory == FB_OP_NO_ACCESS)
        return FB_OP_NO_ACCESS;
    if (i > 0 && !(op->flags & FB_OP_ANY_ORDER))
        return FB_OP_LOAD;
    if (op->memory != FB_OP_UNSAID)
        return op->memory;
    for (size_t k = 0; k < sizeof stores / sizeof *stores; k++)
        if (fb_starts(cs->mnemonic, stores[k]))
            return FB_OP_STORE;
    switch (cs->detail->x86.operands[i].access) {
    case CS_AC_WRITE:
        return FB_OP_STORE;
    case CS_AC_READ | CS_AC_WRITE:
        return FB_OP_UPDATE;
    default:
        return FB_OP_LOAD;
    }
}

static void touch_explicit(enum fb_arch arch, const struct fb_op *op, const cs_insn *cs,
                           const struct fb_regs *regs, struct fb_insn *out)
{
    const cs_x86 *x86 = &cs->detail->x86;
    for (int i = 0; i < x86->op_count; i++) {
        if (x86->operands[i].type != X86_OP_MEM)
            continue;
        enum fb_op_memory what = direction(op, cs, i);
        struct fb_memory_operand *mem = what == FB_OP_NO_ACCESS ? NULL : fb_insn_touch(out);
        if (mem == NULL)
            continue;
        mem->read = what != FB_OP_STORE;
        mem->write = what != FB_OP_LOAD;
        mem->size = x86->operands[i].size;
        mem->alignment = op->flags & FB_OP_ALIGNED ? mem->size : 0;
        place(arch, cs, &x86->operands[i].mem, regs, mem);
        out->target_memory =
            out->target_memory || op->flow == FB_FLOW_CALL || op->flow == FB_FLOW_JUMP;
    }
}

/* An access at [base + index] that no operand shows. */
static void touch_hidden(enum fb_arch arch, const struct fb_regs *regs, int base, int64_t off,
                         uint64_t size, bool write, struct fb_insn *out)
{
    struct fb_memory_operand *mem = fb_insn_touch(out);
    if (mem == NULL)
        return;
    *mem = (struct fb_memory_operand){.read = !write,
                                      .write = write,
                                      .known = fb_reg_known(regs, base),
                                      .size = (uint32_t)size,
                                      .base = base,
                                      .index = -1};
    if (mem->known)
        mem->address = truncated(regs->v[base] + (uint64_t)off, (unsigned)word_size(arch));
}

static void touch_implicit(enum fb_arch arch, const struct fb_op *op, const cs_insn *cs,
                           const struct fb_regs *regs, struct fb_insn *out)
{
    uint64_t word = word_size(arch);
    uint64_t size = word * (op->words ? op->words : 1);
    size_t before = out->n_mem;
    if (op->flags & FB_OP_PUSHES)
        touch_hidden(arch, regs, FB_RSP, -(int64_t)size, size, true, out);
    if (op->flags & FB_OP_POPS)
        touch_hidden(arch, regs, FB_RSP, 0, size, false, out);
    if (cs->id == X86_INS_LEAVE)
        touch_hidden(arch, regs, FB_RBP, 0, word, false, out);
    if (out->n_mem > before)
        out->mem[before].stack = true;

    if (cs->id == X86_INS_MASKMOVDQU || cs->id == X86_INS_VMASKMOVDQU)
        touch_hidden(arch, regs, FB_RDI, 0, 16, true, out);
    if (cs->id == X86_INS_MASKMOVQ)
        touch_hidden(arch, regs, FB_RDI, 0, 8, true, out);
    if (cs->id == X86_INS_XLATB && fb_reg_known(regs, FB_RAX))
        touch_hidden(arch, regs, FB_RBX, (int64_t)(regs->v[FB_RAX] & 0xFF), 1, false, out);
}

static void branch_target(enum fb_arch arch, const cs_insn *cs, struct fb_insn *out)
{
    const cs_x86 *x86 = &cs->detail->x86;
    bool branches = out->flow == FB_FLOW_CALL || out->flow == FB_FLOW_JUMP ||
                    out->flow == FB_FLOW_CONDITIONAL;
    if (!branches || x86->op_count == 0)
        return;
    if (x86->operands[0].type == X86_OP_REG)
        out->target_reg = fb_insn_x86_reg(arch, (unsigned)x86->operands[0].reg);
    if (x86->operands[0].type == X86_OP_IMM) {
        out->target_known = true;
        out->target = (uint64_t)x86->operands[0].imm;
    }
}

static uint64_t with_flags(enum fb_arch arch, uint64_t mask)
{
    if (!(mask & FB_OP_FLAGS))
        return mask;
    return (mask & ~FB_OP_FLAGS) | FB_REG(arch == FB_X86 ? FB_EFLAGS : FB_RFLAGS);
}

static void registers(csh handle, enum fb_arch arch, const struct fb_op *op, const cs_insn *cs,
                      struct fb_insn *out)
{
    cs_regs read, written;
    uint8_t n_read = 0, n_written = 0;
    const cs_x86 *x86 = &cs->detail->x86;
    if (cs_regs_access(handle, cs, read, &n_read, written, &n_written) == CS_ERR_OK) {
        for (uint8_t i = 0; i < n_read; i++)
            out->reads |= fb_insn_mask(fb_insn_x86_reg(arch, read[i]));
        for (uint8_t i = 0; i < n_written; i++)
            out->writes |= fb_insn_mask(fb_insn_x86_reg(arch, written[i]));
    }
    for (int i = 0; i < x86->op_count; i++) {
        uint64_t reg = x86->operands[i].type == X86_OP_REG
                           ? fb_insn_mask(fb_insn_x86_reg(arch, (unsigned)x86->operands[i].reg))
                           : 0;
        if (op->flags & FB_OP_TESTS || (op->flags & FB_OP_MERGES && i == 0))
            out->reads |= reg;
        if (op->flags & FB_OP_TESTS)
            out->writes &= ~reg;
    }
    out->reads |= with_flags(arch, op->reads);
    out->writes |= with_flags(arch, op->writes);
}

/* REP MOVS; Capstone has one id for the string move and the SSE move of the same name. */
static bool block_move(const cs_insn *cs)
{
    const cs_x86 *x86 = &cs->detail->x86;
    bool moves = cs->id == X86_INS_MOVSB || cs->id == X86_INS_MOVSW ||
                 cs->id == X86_INS_MOVSD || cs->id == X86_INS_MOVSQ;
    bool repeated = x86->prefix[0] == X86_PREFIX_REP || x86->prefix[0] == X86_PREFIX_REPNE;
    return moves && repeated && x86->op_count == 2 && x86->operands[0].type == X86_OP_MEM &&
           x86->operands[1].type == X86_OP_MEM;
}

/* MOV to or from a control or debug register. */
static bool moves_system_register(const cs_insn *cs)
{
    for (int i = 0; cs->id == X86_INS_MOV && i < cs->detail->x86.op_count; i++) {
        unsigned reg = cs->detail->x86.operands[i].type == X86_OP_REG
                           ? (unsigned)cs->detail->x86.operands[i].reg
                           : X86_REG_INVALID;
        if (reg >= X86_REG_CR0 && reg <= X86_REG_DR15)
            return true;
    }
    return false;
}

void fb_insn_x86(csh handle, enum fb_arch arch, const cs_insn *cs, const struct fb_regs *regs,
                 struct fb_insn *out)
{
    const struct fb_op *op = fb_op_x86(cs->id);
    out->flow = op->flow;
    out->push = (op->flags & FB_OP_PUSH) != 0;
    out->privileged = (op->flags & FB_OP_PRIVILEGED) != 0 || moves_system_register(cs);
    out->divides = (op->flags & FB_OP_DIVIDES) != 0;
    out->block_move = block_move(cs);
    touch_explicit(arch, op, cs, regs, out);
    touch_implicit(arch, op, cs, regs, out);
    branch_target(arch, cs, out);
    registers(handle, arch, op, cs, out);
}
