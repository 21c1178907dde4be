/* worker/analysis/disasm/insn_arm64.c -- operands of ARM64 instructions, and the words that
 * Capstone 4 does not know. */
#include "disasm/optable.h"

int fb_insn_arm64_reg(unsigned reg)
{
    if (reg >= ARM64_REG_X0 && reg <= ARM64_REG_X28)
        return (int)(reg - ARM64_REG_X0) + FB_X0;
    if (reg >= ARM64_REG_W0 && reg <= ARM64_REG_W30)
        return (int)(reg - ARM64_REG_W0) + FB_X0;
    switch (reg) {
    case ARM64_REG_X29:
        return FB_FP64;
    case ARM64_REG_X30:
        return FB_LR64;
    case ARM64_REG_SP:
    case ARM64_REG_WSP:
        return FB_SP64;
    case ARM64_REG_NZCV:
        return FB_CPSR64;
    default:
        return -1; // the zero register among them: it holds nothing
    }
}

static uint32_t register_size(unsigned reg)
{
    if (reg >= ARM64_REG_W0 && reg <= ARM64_REG_W30)
        return 4;
    if (reg == ARM64_REG_WZR || (reg >= ARM64_REG_S0 && reg <= ARM64_REG_S31))
        return 4;
    if (reg >= ARM64_REG_Q0 && reg <= ARM64_REG_Q31)
        return 16;
    if (reg >= ARM64_REG_V0 && reg <= ARM64_REG_V31)
        return 16;
    if (reg >= ARM64_REG_H0 && reg <= ARM64_REG_H31)
        return 2;
    if (reg >= ARM64_REG_B0 && reg <= ARM64_REG_B31)
        return 1;
    return 8;
}

/* How many bytes it moves: by the end of its name, else by its registers. */
static uint32_t access_size(const cs_insn *cs)
{
    static const struct {
        const char *ending;
        uint32_t size;
    } rows[] = {
        {"rb", 1},
        {"sb", 1},
        {"rh", 2},
        {"sh", 2},
        {"sw", 4}
    };
    size_t n = strlen(cs->mnemonic);
    for (size_t i = 0; n > 2 && i < sizeof rows / sizeof *rows; i++)
        if (strcmp(cs->mnemonic + n - 2, rows[i].ending) == 0)
            return rows[i].size;
    const cs_arm64 *arm64 = &cs->detail->arm64;
    uint32_t sum = 0;
    bool status_first = cs->id == ARM64_INS_STXR || cs->id == ARM64_INS_STLXR ||
                        cs->id == ARM64_INS_STXP || cs->id == ARM64_INS_STLXP;
    for (int i = status_first; i < arm64->op_count; i++)
        if (arm64->operands[i].type == ARM64_OP_REG)
            sum += register_size((unsigned)arm64->operands[i].reg);
    return sum;
}

static uint64_t extended(const cs_arm64_op *operand, uint64_t v)
{
    switch (operand->ext) {
    case ARM64_EXT_UXTW:
        v = (uint32_t)v;
        break;
    case ARM64_EXT_SXTW:
        v = (uint64_t)(int64_t)(int32_t)(uint32_t)v;
        break;
    default:
        break;
    }
    return operand->shift.type == ARM64_SFT_LSL && operand->shift.value < 64
               ? v << operand->shift.value
               : v;
}

static void place(const cs_arm64_op *operand, const struct fb_regs *regs,
                  struct fb_memory_operand *out)
{
    out->base = fb_insn_arm64_reg((unsigned)operand->mem.base);
    out->known = fb_reg_known(regs, out->base);
    if (out->known)
        out->address = regs->v[out->base] + (uint64_t)(int64_t)operand->mem.disp;
    if (operand->mem.index == ARM64_REG_INVALID || operand->mem.index == ARM64_REG_XZR)
        return;
    out->index = fb_insn_arm64_reg((unsigned)operand->mem.index);
    if (fb_reg_known(regs, out->index))
        out->address += extended(operand, regs->v[out->index]);
    else
        out->known = false;
}

static void touch(const struct fb_op *op, const cs_insn *cs, const struct fb_regs *regs,
                  struct fb_insn *out)
{
    if (op->memory == FB_OP_UNSAID || op->memory == FB_OP_NO_ACCESS)
        return;
    const cs_arm64 *arm64 = &cs->detail->arm64;
    for (int i = 0; i < arm64->op_count; i++) {
        const cs_arm64_op *operand = &arm64->operands[i];
        bool literal = operand->type == ARM64_OP_IMM && i == arm64->op_count - 1 &&
                       out->n_mem == 0; // LDR x0, label: the label is where it reads
        if (operand->type != ARM64_OP_MEM && !literal)
            continue;
        struct fb_memory_operand *mem = fb_insn_touch(out);
        if (mem == NULL)
            return;
        mem->read = op->memory != FB_OP_STORE;
        mem->write = op->memory != FB_OP_LOAD;
        mem->size = access_size(cs);
        if (literal) {
            mem->known = true;
            mem->address = (uint64_t)operand->imm;
        } else {
            place(operand, regs, mem);
        }
    }
}

static void branch_target(const cs_insn *cs, struct fb_insn *out)
{
    const cs_arm64 *arm64 = &cs->detail->arm64;
    if (cs->id == ARM64_INS_B && arm64->cc != ARM64_CC_INVALID && arm64->cc != ARM64_CC_AL) {
        out->flow = FB_FLOW_CONDITIONAL;
        out->reads |= FB_REG(FB_CPSR64);
    }
    if (out->flow == FB_FLOW_RETURN) {
        bool named = arm64->op_count > 0 && arm64->operands[0].type == ARM64_OP_REG;
        out->target_reg = named ? fb_insn_arm64_reg((unsigned)arm64->operands[0].reg) : FB_LR64;
        out->reads |= fb_insn_mask(out->target_reg);
    }
    bool branches = out->flow == FB_FLOW_CALL || out->flow == FB_FLOW_JUMP ||
                    out->flow == FB_FLOW_CONDITIONAL;
    if (!branches || arm64->op_count == 0)
        return;
    const cs_arm64_op *last = &arm64->operands[arm64->op_count - 1];
    if (last->type == ARM64_OP_IMM) {
        out->target_known = true;
        out->target = (uint64_t)last->imm;
    } else if (last->type == ARM64_OP_REG && out->flow != FB_FLOW_CONDITIONAL) {
        out->target_reg = fb_insn_arm64_reg((unsigned)last->reg);
    }
}

static void registers(csh handle, const struct fb_op *op, const cs_insn *cs,
                      struct fb_insn *out)
{
    cs_regs read, written;
    uint8_t n_read = 0, n_written = 0;
    const cs_arm64 *arm64 = &cs->detail->arm64;
    if (cs_regs_access(handle, cs, read, &n_read, written, &n_written) == CS_ERR_OK) {
        for (uint8_t i = 0; i < n_read; i++)
            out->reads |= fb_insn_mask(fb_insn_arm64_reg(read[i]));
        for (uint8_t i = 0; i < n_written; i++)
            out->writes |= fb_insn_mask(fb_insn_arm64_reg(written[i]));
    }
    bool moves = cs->id == ARM64_INS_MOVZ || cs->id == ARM64_INS_MOVN ||
                 (cs->id == ARM64_INS_MOV && arm64->op_count == 2 &&
                  arm64->operands[1].type == ARM64_OP_IMM);
    for (int i = 0; i < arm64->op_count; i++) {
        if (arm64->operands[i].type != ARM64_OP_REG)
            continue;
        uint64_t reg = fb_insn_mask(fb_insn_arm64_reg((unsigned)arm64->operands[i].reg));
        if (op->flags & FB_OP_TESTS) {
            out->reads |= reg;
            out->writes &= ~reg;
        }
        if (moves && i == 0)
            out->reads &= ~reg; // nothing of the old value is left
    }
    out->reads |= op->reads;
    out->writes = (out->writes | op->writes) & ~op->not_written;
}

void fb_insn_arm64(csh handle, const cs_insn *cs, const struct fb_regs *regs,
                   struct fb_insn *out)
{
    const struct fb_op *op = fb_op_arm64(cs->id);
    out->flow = op->flow;
    out->privileged = (op->flags & FB_OP_PRIVILEGED) != 0;
    touch(op, cs, regs, out);
    registers(handle, op, cs, out);
    branch_target(cs, out);
}

/* --- words that Capstone 4 does not know -------------------------------------------- */

enum word_kind {
    RETURN_AUTHENTICATED,
    JUMP_AUTHENTICATED,
    CALL_AUTHENTICATED,
    ATOMIC,
    COMPARE_SWAP,
    LOAD_ACQUIRE,
    SWAP_PAIR,
    UNDEFINED
};
static const struct {
    uint32_t mask, word;
    enum word_kind kind;
    const char *text;
} words[] = {
    {0xFFFFFFFF, 0xD65F0BFF, RETURN_AUTHENTICATED, "retaa"              },
    {0xFFFFFFFF, 0xD65F0FFF, RETURN_AUTHENTICATED, "retab"              },
    {0xFEFFF800, 0xD61F0800, JUMP_AUTHENTICATED,   "br (authenticated)" },
    {0xFEFFF800, 0xD63F0800, CALL_AUTHENTICATED,   "blr (authenticated)"},
    {0x3FA07C00, 0x08A07C00, COMPARE_SWAP,         "cas"                },
    {0xBFA07C00, 0x08207C00, SWAP_PAIR,            "casp"               },
    {0x3F20FC00, 0x38208000, ATOMIC,               "swp"                },
    {0x3F20FC00, 0x3820C000, LOAD_ACQUIRE,         "ldapr"              },
    {0x3F20FC00, 0x38200000, ATOMIC,               "ldadd"              },
    {0x3F20FC00, 0x38201000, ATOMIC,               "ldclr"              },
    {0x3F20FC00, 0x38202000, ATOMIC,               "ldeor"              },
    {0x3F20FC00, 0x38203000, ATOMIC,               "ldset"              },
    {0x3F20FC00, 0x38204000, ATOMIC,               "ldsmax"             },
    {0x3F20FC00, 0x38205000, ATOMIC,               "ldsmin"             },
    {0x3F20FC00, 0x38206000, ATOMIC,               "ldumax"             },
    {0x3F20FC00, 0x38207000, ATOMIC,               "ldumin"             },
    {0xFFFF0000, 0x00000000, UNDEFINED,            "udf"                },
};

/* General registers in the fields of a word; 31 is SP as a base, and nothing otherwise. */
static int base_field(uint32_t word) { return (int)(word >> 5 & 31); }
static int target_field(uint32_t word) { return (word & 31) == 31 ? -1 : (int)(word & 31); }
static int source_field(uint32_t word)
{
    return (word >> 16 & 31) == 31 ? -1 : (int)(word >> 16 & 31);
}

static void touch_base(uint32_t word, const struct fb_regs *regs, uint32_t size, bool write,
                       struct fb_insn *out)
{
    struct fb_memory_operand *mem = fb_insn_touch(out);
    if (mem == NULL)
        return;
    mem->read = true;
    mem->write = write;
    mem->size = size;
    mem->base = base_field(word);
    mem->known = fb_reg_known(regs, mem->base);
    mem->address = mem->known ? regs->v[mem->base] : 0;
    out->reads |= fb_insn_mask(mem->base);
}

const char *fb_insn_arm64_word(uint32_t word, const struct fb_regs *regs, struct fb_insn *out)
{
    size_t i = 0, n = sizeof words / sizeof *words;
    while (i < n && (word & words[i].mask) != words[i].word)
        i++;
    if (i == n)
        return NULL;
    uint32_t size = UINT32_C(1) << (word >> 30);
    switch (words[i].kind) {
    case RETURN_AUTHENTICATED:
        out->flow = FB_FLOW_RETURN;
        out->target_reg = FB_LR64;
        out->reads |= FB_REG(FB_LR64) | FB_REG(FB_SP64);
        break;
    case JUMP_AUTHENTICATED:
    case CALL_AUTHENTICATED:
        out->flow = words[i].kind == CALL_AUTHENTICATED ? FB_FLOW_CALL : FB_FLOW_JUMP;
        out->target_reg = base_field(word) == 31 ? -1 : base_field(word);
        out->reads |= fb_insn_mask(out->target_reg) | fb_insn_mask(target_field(word));
        out->writes |= words[i].kind == CALL_AUTHENTICATED ? FB_REG(FB_LR64) : 0;
        break;
    case ATOMIC:
        touch_base(word, regs, size, true, out);
        out->reads |= fb_insn_mask(source_field(word)) | fb_insn_mask(target_field(word));
        out->writes |= fb_insn_mask(target_field(word));
        break;
    case COMPARE_SWAP: // what was there takes the place of what was compared
    case SWAP_PAIR:
        if (words[i].kind == SWAP_PAIR)
            size = word >> 30 & 1 ? 16 : 8;
        touch_base(word, regs, size, true, out);
        out->reads |= fb_insn_mask(source_field(word)) | fb_insn_mask(target_field(word));
        out->writes |= fb_insn_mask(source_field(word));
        break;
    case LOAD_ACQUIRE:
        touch_base(word, regs, size, false, out);
        out->writes |= fb_insn_mask(target_field(word));
        break;
    case UNDEFINED:
        out->flow = FB_FLOW_TRAP;
        break;
    }
    return words[i].text;
}
