/* worker/analysis/disasm/insn_arm.c -- operands of 32-bit ARM and Thumb instructions. */
#include "disasm/optable.h"

int fb_insn_arm_reg(unsigned reg)
{
    if (reg >= ARM_REG_R0 && reg <= ARM_REG_R12)
        return (int)(reg - ARM_REG_R0) + FB_R0;
    switch (reg) {
    case ARM_REG_SP:
        return FB_SP32;
    case ARM_REG_LR:
        return FB_LR32;
    case ARM_REG_PC:
        return FB_PC32;
    case ARM_REG_CPSR:
        return FB_CPSR32;
    default:
        return -1;
    }
}

static bool list_of_registers(unsigned id)
{
    switch (id) {
    case ARM_INS_LDM:
    case ARM_INS_LDMDA:
    case ARM_INS_LDMDB:
    case ARM_INS_LDMIB:
    case ARM_INS_STM:
    case ARM_INS_STMDA:
    case ARM_INS_STMDB:
    case ARM_INS_STMIB:
        return true;
    default:
        return false;
    }
}

static uint32_t access_size(const cs_insn *cs)
{
    const char *name = cs->mnemonic;
    if (strncmp(name, "ldrb", 4) == 0 || strncmp(name, "strb", 4) == 0 ||
        strncmp(name, "ldrsb", 5) == 0)
        return 1;
    if (strncmp(name, "ldrh", 4) == 0 || strncmp(name, "strh", 4) == 0 ||
        strncmp(name, "ldrsh", 5) == 0)
        return 2;
    return strncmp(name, "ldrd", 4) == 0 || strncmp(name, "strd", 4) == 0 ? 8 : 4;
}

static void place(const cs_arm_op *operand, const struct fb_regs *regs,
                  struct fb_memory_operand *out)
{
    uint64_t address = (uint64_t)(int64_t)operand->mem.disp;
    out->base = fb_insn_arm_reg((unsigned)operand->mem.base);
    out->known = fb_reg_known(regs, out->base);
    if (out->known)
        address += regs->v[out->base];
    if (operand->mem.index != ARM_REG_INVALID) {
        out->index = fb_insn_arm_reg((unsigned)operand->mem.index);
        out->known =
            out->known && fb_reg_known(regs, out->index) &&
            (operand->shift.type == ARM_SFT_INVALID || operand->shift.type == ARM_SFT_LSL);
        if (out->known) {
            uint64_t v = regs->v[out->index] << (operand->shift.value & 31);
            address += operand->subtracted ? 0 - v : v;
        }
    }
    out->address = (uint32_t)address;
}

/* LDM, STM: from the base register on, one word per register. Where it begins depends on the
 * form; the fault is somewhere within the list. */
static void touch_list(const cs_insn *cs, const struct fb_op *op, const struct fb_regs *regs,
                       struct fb_insn *out)
{
    const cs_arm *arm = &cs->detail->arm;
    if (arm->op_count < 2)
        return;
    struct fb_memory_operand *mem = fb_insn_touch(out);
    if (mem == NULL)
        return;
    uint32_t size = 4 * (uint32_t)(arm->op_count - 1);
    bool down = cs->id == ARM_INS_LDMDB || cs->id == ARM_INS_STMDB || cs->id == ARM_INS_LDMDA ||
                cs->id == ARM_INS_STMDA;
    bool off = cs->id == ARM_INS_LDMIB || cs->id == ARM_INS_STMIB || cs->id == ARM_INS_LDMDA ||
               cs->id == ARM_INS_STMDA;
    mem->read = op->memory == FB_OP_LOAD;
    mem->write = op->memory == FB_OP_STORE;
    mem->size = size;
    mem->base = fb_insn_arm_reg((unsigned)arm->operands[0].reg);
    mem->known = fb_reg_known(regs, mem->base);
    if (mem->known)
        mem->address = (uint32_t)(regs->v[mem->base] - (down ? size : 0) + (off ? 4 : 0));
}

static void touch_stack(const cs_insn *cs, const struct fb_op *op, const struct fb_regs *regs,
                        struct fb_insn *out)
{
    if (!(op->flags & (FB_OP_PUSHES | FB_OP_POPS)))
        return;
    struct fb_memory_operand *mem = fb_insn_touch(out);
    if (mem == NULL)
        return;
    bool vector = cs->id == ARM_INS_VPUSH || cs->id == ARM_INS_VPOP;
    mem->stack = true;
    mem->write = (op->flags & FB_OP_PUSHES) != 0;
    mem->read = !mem->write;
    mem->size = (vector ? 8 : 4) * (uint32_t)cs->detail->arm.op_count;
    mem->base = FB_SP32;
    mem->known = fb_reg_known(regs, FB_SP32);
    if (mem->known)
        mem->address = (uint32_t)(regs->v[FB_SP32] - (mem->write ? mem->size : 0));
}

static void touch(const struct fb_op *op, const cs_insn *cs, const struct fb_regs *regs,
                  struct fb_insn *out)
{
    const cs_arm *arm = &cs->detail->arm;
    touch_stack(cs, op, regs, out);
    if (op->memory == FB_OP_UNSAID || op->memory == FB_OP_NO_ACCESS)
        return;
    if (list_of_registers(cs->id)) {
        touch_list(cs, op, regs, out);
        return;
    }
    for (int i = 0; i < arm->op_count; i++) {
        struct fb_memory_operand *mem =
            arm->operands[i].type == ARM_OP_MEM ? fb_insn_touch(out) : NULL;
        if (mem == NULL)
            continue;
        mem->read = op->memory != FB_OP_STORE;
        mem->write = op->memory != FB_OP_LOAD;
        mem->size = access_size(cs);
        place(&arm->operands[i], regs, mem);
    }
}

/* PC among what is written makes a branch of any instruction; BX LR and POP {.., PC} return. */
static void flow(const struct fb_op *op, const cs_insn *cs, struct fb_insn *out)
{
    const cs_arm *arm = &cs->detail->arm;
    out->flow = op->flow;
    bool conditional = arm->cc != ARM_CC_INVALID && arm->cc != ARM_CC_AL;
    if (op->flow == FB_FLOW_NONE && out->writes & FB_REG(FB_PC32)) {
        out->flow = FB_FLOW_JUMP;
        out->target_memory = out->n_mem > 0;
    }
    if (op->flow == FB_FLOW_JUMP && conditional)
        out->flow = FB_FLOW_CONDITIONAL;
    if (op->flow == FB_FLOW_NONE || op->flow == FB_FLOW_TRAP || arm->op_count == 0)
        return;
    const cs_arm_op *last = &arm->operands[arm->op_count - 1];
    if (last->type == ARM_OP_IMM) {
        out->target_known = true;
        out->target = (uint32_t)last->imm;
    } else if (last->type == ARM_OP_REG) {
        out->target_reg = fb_insn_arm_reg((unsigned)last->reg);
        out->reads |= fb_insn_mask(out->target_reg);
        if (cs->id == ARM_INS_BX && out->target_reg == FB_LR32)
            out->flow = FB_FLOW_RETURN;
    }
}

void fb_insn_arm(csh handle, const cs_insn *cs, const struct fb_regs *regs, struct fb_insn *out)
{
    const struct fb_op *op = fb_op_arm(cs->id);
    cs_regs read, written;
    uint8_t n_read = 0, n_written = 0;
    if (cs_regs_access(handle, cs, read, &n_read, written, &n_written) == CS_ERR_OK) {
        for (uint8_t i = 0; i < n_read; i++)
            out->reads |= fb_insn_mask(fb_insn_arm_reg(read[i]));
        for (uint8_t i = 0; i < n_written; i++)
            out->writes |= fb_insn_mask(fb_insn_arm_reg(written[i]));
    }
    const cs_arm *arm = &cs->detail->arm;
    for (int i = 0; op->flags & FB_OP_TESTS && i < arm->op_count; i++) {
        if (arm->operands[i].type == ARM_OP_REG) {
            out->reads |= fb_insn_mask(fb_insn_arm_reg((unsigned)arm->operands[i].reg));
            out->writes &= ~fb_insn_mask(fb_insn_arm_reg((unsigned)arm->operands[i].reg));
        }
    }
    out->reads |= op->reads;
    out->writes |= op->writes;
    out->push = (op->flags & FB_OP_PUSH) != 0;
    out->divides = (op->flags & FB_OP_DIVIDES) != 0;
    touch(op, cs, regs, out);
    flow(op, cs, out);
}
