/*
 * worker/analysis/disasm/dataflow_arm.c -- data flow of 32-bit ARM and Thumb instructions, as
 * far as their form tells it.
 *
 * The first operand is written and the others are read, but for loads and stores, lists of
 * registers and comparisons. An instruction on a condition may also leave what was there.
 */
#include "disasm/dataflow_parts.h"

static bool vector_of(unsigned reg, int *out)
{
    if (reg >= ARM_REG_Q0 && reg <= ARM_REG_Q15)
        *out = (int)(reg - ARM_REG_Q0) * 2;
    else if (reg >= ARM_REG_D0 && reg <= ARM_REG_D31)
        *out = (int)(reg - ARM_REG_D0);
    else if (reg >= ARM_REG_S0 && reg <= ARM_REG_S31)
        *out = (int)(reg - ARM_REG_S0) / 2;
    else
        return false;
    return true;
}

static void add_register(unsigned reg, bool read, bool write, struct fb_dataflow *out)
{
    int vector, general = fb_insn_arm_reg(reg);
    if (vector_of(reg, &vector))
        fb_data_vector(out, vector, read, write)->named = true;
    else if (general >= 0 && general != FB_PC32)
        fb_data_register(out, general, read ? FB_UNITS_64 : 0, write ? FB_UNITS_64 : 0)->named =
            true;
}

static void add_memory(const struct fb_memory_operand *mem, int64_t displacement,
                       struct fb_dataflow *out)
{
    fb_data_add(out, (struct fb_data){.kind = FB_DATA_MEMORY,
                                      .named = true,
                                      .read = mem->read,
                                      .write = mem->write,
                                      .base = (int8_t)(mem->base == FB_PC32 ? -1 : mem->base),
                                      .index = (int8_t)mem->index,
                                      .plain = true,
                                      .size = mem->size,
                                      .displacement = displacement});
}

static int64_t displacement_of(const cs_arm *arm)
{
    for (int i = 0; i < arm->op_count; i++)
        if (arm->operands[i].type == ARM_OP_MEM)
            return arm->operands[i].mem.disp;
    return 0;
}

/* PUSH stores its list with the last register first. */
static void add_list(const cs_arm *arm, bool push, struct fb_dataflow *out)
{
    out->effect = push ? FB_EFFECT_PUSH : FB_EFFECT_POP;
    for (int i = 0; i < arm->op_count; i++) {
        const cs_arm_op *operand = &arm->operands[push ? arm->op_count - 1 - i : i];
        if (operand->type == ARM_OP_REG)
            fb_data_register(out,
                             fb_insn_arm_reg((unsigned)operand->reg) < 0
                                 ? FB_PC32
                                 : fb_insn_arm_reg((unsigned)operand->reg),
                             push ? FB_UNITS_64 : 0, push ? 0 : FB_UNITS_64);
    }
}

static void add_operands(const cs_insn *cs, const struct fb_op *op, const struct fb_insn *insn,
                         struct fb_dataflow *out)
{
    const cs_arm *arm = &cs->detail->arm;
    bool tests = (op->flags & FB_OP_TESTS) != 0 || insn->flow != FB_FLOW_NONE;
    bool conditional = arm->cc != ARM_CC_INVALID && arm->cc != ARM_CC_AL;
    bool list = insn->n_mem > 0 && displacement_of(arm) == 0 && insn->mem[0].size > 4;
    for (int i = 0; i < arm->op_count; i++) {
        bool first = i == 0 || (list && op->memory == FB_OP_LOAD && i > 0);
        bool write = first && !tests && op->memory != FB_OP_STORE;
        bool base = list && i == 0 &&
                    insn->mem[0].base == fb_insn_arm_reg((unsigned)arm->operands[0].reg);
        if (arm->operands[i].type == ARM_OP_REG && !base)
            add_register((unsigned)arm->operands[i].reg, !write || conditional, write, out);
    }
}

void fb_dataflow_arm(const cs_insn *cs, const struct fb_insn *insn, struct fb_dataflow *out)
{
    const cs_arm *arm = &cs->detail->arm;
    const struct fb_op *op = fb_op_arm(cs->id);
    if (cs->id == ARM_INS_PUSH || cs->id == ARM_INS_POP) {
        add_list(arm, cs->id == ARM_INS_PUSH, out);
        return;
    }
    add_operands(cs, op, insn, out);
    for (size_t i = 0; i < insn->n_mem; i++)
        add_memory(&insn->mem[i], displacement_of(arm), out);
    bool by_flags = insn->flow == FB_FLOW_CONDITIONAL && !(op->flags & FB_OP_TESTS);
    if (by_flags)
        fb_data_flags(out, true, false);
    else if (arm->update_flags || (op->flags & FB_OP_TESTS && insn->flow == FB_FLOW_NONE))
        fb_data_flags(out, false, true);
    if (cs->id == ARM_INS_EOR && arm->op_count == 3 && arm->operands[1].type == ARM_OP_REG &&
        arm->operands[2].type == ARM_OP_REG && arm->operands[1].reg == arm->operands[2].reg &&
        arm->operands[2].shift.type == ARM_SFT_INVALID)
        fb_data_forget_reads(out);
}
