/*
 * worker/analysis/disasm/dataflow_arm64.c -- data flow of ARM64 instructions.
 *
 * Without a row the first operand is written and the others are read, which is the form of
 * nearly all of them; Capstone's flags are wrong for comparisons, stores and atomics.
 * Directions of memory operands are those of insn_arm64.c.
 */
#include "disasm/dataflow_parts.h"

enum form {
    FORM_ASSIGN,       // first := the others
    FORM_COMBINE,      // first := all
    FORM_COMPARE,      // all are read
    FORM_LOAD,         // registers are written
    FORM_STORE,        // registers are read
    FORM_STORE_STATUS, // the first register is written, and no data
    FORM_NOTHING
};
struct row {
    enum form form;
    bool flags, merges_flags;
    bool zero_of_same;
};

/* clang-format off */
#define COMBINES(X) \
    X(MOVK) X(BFI) X(BFM) X(BFXIL) X(INS) X(FMLA) X(FMLS) X(MLA) X(MLS) X(SMLAL) X(SMLAL2) X(SMLSL) X(SMLSL2) X(UMLAL) \
    X(UMLAL2) X(UMLSL) X(UMLSL2) X(SABA) X(UABA) X(SABAL) X(UABAL) X(SRI) X(SLI) X(SSRA) X(USRA) X(SRSRA) X(URSRA) \
    X(BIF) X(BIT) X(BSL) X(TBX) X(XTN2) X(ADDHN2) X(SQXTN2) X(UQXTN2) X(SHRN2) X(AESD) X(AESE) X(SADALP) X(UADALP)
#define COMPARES(X) X(CMP) X(CMN) X(TST) X(FCMP) X(FCMPE)
#define CONDITIONAL_COMPARES(X) X(CCMP) X(CCMN) X(FCCMP) X(FCCMPE)
#define NOTHINGS(X) \
    X(NOP) X(HINT) X(YIELD) X(WFE) X(WFI) X(SEV) X(SEVL) X(DMB) X(DSB) X(ISB) X(CLREX) X(PRFM) X(PRFUM) X(MSR) X(SYS) \
    X(DC) X(IC) X(TLBI) X(AT)
#define LOADS(X) \
    X(LD1) X(LD1R) X(LD2) X(LD2R) X(LD3) X(LD3R) X(LD4) X(LD4R) X(LDAR) X(LDARB) X(LDARH) X(LDAXP) X(LDAXR) X(LDAXRB) \
    X(LDAXRH) X(LDNP) X(LDP) X(LDPSW) X(LDR) X(LDRB) X(LDRH) X(LDRSB) X(LDRSH) X(LDRSW) X(LDTR) X(LDTRB) X(LDTRH) \
    X(LDTRSB) X(LDTRSH) X(LDTRSW) X(LDUR) X(LDURB) X(LDURH) X(LDURSB) X(LDURSH) X(LDURSW) X(LDXP) X(LDXR) X(LDXRB) \
    X(LDXRH)
#define STORES(X) \
    X(ST1) X(ST2) X(ST3) X(ST4) X(STLR) X(STLRB) X(STLRH) X(STNP) X(STP) X(STR) X(STRB) X(STRH) X(STTR) X(STTRB) \
    X(STTRH) X(STUR) X(STURB) X(STURH)
#define EXCLUSIVES(X) X(STLXP) X(STLXR) X(STLXRB) X(STLXRH) X(STXP) X(STXR) X(STXRB) X(STXRH)

static const struct row rows[ARM64_INS_ENDING] = {
#define X(name) [ARM64_INS_##name] = {.form = FORM_COMBINE},
    COMBINES(X)
#undef X
#define X(name) [ARM64_INS_##name] = {.form = FORM_COMPARE, .flags = true},
    COMPARES(X)
#undef X
#define X(name) [ARM64_INS_##name] = {.form = FORM_COMPARE, .flags = true, .merges_flags = true},
    CONDITIONAL_COMPARES(X)
#undef X
#define X(name) [ARM64_INS_##name] = {.form = FORM_NOTHING},
    NOTHINGS(X)
#undef X
#define X(name) [ARM64_INS_##name] = {.form = FORM_LOAD},
    LOADS(X)
#undef X
#define X(name) [ARM64_INS_##name] = {.form = FORM_STORE},
    STORES(X)
#undef X
#define X(name) [ARM64_INS_##name] = {.form = FORM_STORE_STATUS},
    EXCLUSIVES(X)
#undef X
#define X(name) [ARM64_INS_##name] = {.form = FORM_ASSIGN, .zero_of_same = true},
    X(EOR) X(SUB) X(BIC)
#undef X
#define X(name) [ARM64_INS_##name] = {.form = FORM_COMPARE},
    X(BR) X(BLR) X(RET) X(CBZ) X(CBNZ) X(TBZ) X(TBNZ)
#undef X
};
/* clang-format on */

static const struct row *row_of(unsigned id)
{
    return &rows[id < ARM64_INS_ENDING ? id : ARM64_INS_INVALID];
}

static int vector_of(unsigned reg)
{
    static const struct {
        unsigned first, last;
    } banks[] = {
        {ARM64_REG_B0, ARM64_REG_B31},
        {ARM64_REG_D0, ARM64_REG_D31},
        {ARM64_REG_H0, ARM64_REG_H31},
        {ARM64_REG_Q0, ARM64_REG_Q31},
        {ARM64_REG_S0, ARM64_REG_S31},
        {ARM64_REG_V0, ARM64_REG_V31},
    };
    for (size_t i = 0; i < sizeof banks / sizeof *banks; i++)
        if (reg >= banks[i].first && reg <= banks[i].last)
            return (int)(reg - banks[i].first);
    return -1;
}

/* A write of 32 bits clears the other 32. */
static void add_general(struct fb_dataflow *out, int reg, bool half, bool read, bool write)
{
    uint8_t seen = half ? FB_UNITS_32 : FB_UNITS_64;
    fb_data_register(out, reg, read ? seen : 0, write ? FB_UNITS_64 : 0)->named = true;
}

static void add_register(const cs_arm64_op *operand, bool read, bool write,
                         struct fb_dataflow *out)
{
    unsigned reg = (unsigned)operand->reg;
    int vector = vector_of(reg);
    int general = fb_insn_arm64_reg(reg);
    bool half = reg >= ARM64_REG_W0 && reg <= ARM64_REG_W30;
    if (vector >= 0) // one element of it: the others stay
        fb_data_vector(out, vector, read || (write && operand->vector_index >= 0), write)
            ->named = true;
    else if (general >= 0)
        add_general(out, general, half, read, write);
}

static void direction(enum form form, int i, bool *read, bool *write)
{
    *read = i > 0;
    *write = i == 0;
    if (form == FORM_COMBINE || form == FORM_COMPARE || form == FORM_STORE)
        *read = true;
    if (form == FORM_COMPARE || form == FORM_STORE)
        *write = false;
    if (form == FORM_LOAD) {
        *read = false;
        *write = true;
    }
}

static void add_memory(const cs_insn *cs, int i, const struct fb_insn *insn,
                       struct fb_dataflow *out)
{
    const cs_arm64 *arm64 = &cs->detail->arm64;
    const arm64_op_mem *mem = &arm64->operands[i].mem;
    bool after = i + 1 < arm64->op_count; // what follows is added after the access
    if (insn->n_mem == 0)
        return;
    fb_data_add(out, (struct fb_data){
                         .kind = FB_DATA_MEMORY,
                         .named = true,
                         .read = insn->mem[0].read,
                         .write = insn->mem[0].write,
                         .base = (int8_t)fb_insn_arm64_reg((unsigned)mem->base),
                         .index = (int8_t)(mem->index != ARM64_REG_INVALID
                                               ? fb_insn_arm64_reg((unsigned)mem->index)
                                               : -1),
                         .plain = true,
                         .size = insn->mem[0].size,
                         .displacement = after ? 0 : mem->disp,
                     });
}

/* A literal: memory, but nobody's. */
static void add_literal(const struct fb_insn *insn, struct fb_dataflow *out)
{
    fb_data_add(out, (struct fb_data){.kind = FB_DATA_MEMORY,
                                      .read = insn->mem[0].read,
                                      .write = insn->mem[0].write,
                                      .base = -1,
                                      .index = -1,
                                      .plain = true,
                                      .size = insn->mem[0].size});
}

static bool in_memory(enum form form)
{
    return form == FORM_LOAD || form == FORM_STORE || form == FORM_STORE_STATUS;
}

static void add_operands(const cs_insn *cs, const struct fb_insn *insn, enum form form,
                         struct fb_dataflow *out)
{
    const cs_arm64 *arm64 = &cs->detail->arm64;
    bool memory = false;
    for (int i = 0; i < arm64->op_count; i++) {
        const cs_arm64_op *operand = &arm64->operands[i];
        bool read, write;
        direction(form, i, &read, &write);
        if (operand->type == ARM64_OP_MEM)
            add_memory(cs, i, insn, out);
        else if (operand->type == ARM64_OP_REG && !(memory && in_memory(form)))
            add_register(operand, read, write, out);
        memory |= operand->type == ARM64_OP_MEM; // then a register is added to the base
    }
    if (in_memory(form) && !memory && insn->n_mem > 0)
        add_literal(insn, out);
}

/* The stack pointer plus a constant, and the base register that an access moves. */
static void stack_change(const cs_insn *cs, struct fb_dataflow *out)
{
    const cs_arm64 *arm64 = &cs->detail->arm64;
    for (int i = 0; arm64->writeback && i < arm64->op_count; i++) {
        if (arm64->operands[i].type != ARM64_OP_MEM ||
            fb_insn_arm64_reg((unsigned)arm64->operands[i].mem.base) != FB_SP64)
            continue;
        bool after = i + 1 < arm64->op_count;
        out->stack_moves = !after || arm64->operands[i + 1].type == ARM64_OP_IMM;
        out->stack_by = after ? arm64->operands[i + 1].imm : arm64->operands[i].mem.disp;
    }
    bool adds = cs->id == ARM64_INS_ADD || cs->id == ARM64_INS_SUB;
    if (!adds || arm64->op_count != 3 || arm64->operands[2].type != ARM64_OP_IMM ||
        arm64->operands[0].type != ARM64_OP_REG || arm64->operands[1].type != ARM64_OP_REG ||
        fb_insn_arm64_reg((unsigned)arm64->operands[0].reg) != FB_SP64 ||
        fb_insn_arm64_reg((unsigned)arm64->operands[1].reg) != FB_SP64)
        return;
    const cs_arm64_op *by = &arm64->operands[2];
    uint64_t bytes = (uint64_t)by->imm
                     << (by->shift.type == ARM64_SFT_LSL ? by->shift.value & 63 : 0);
    out->stack_moves = true;
    out->stack_by = (int64_t)(cs->id == ARM64_INS_ADD ? bytes : 0 - bytes);
}

static bool same_registers(const cs_arm64 *arm64)
{
    return arm64->op_count == 3 && arm64->operands[1].type == ARM64_OP_REG &&
           arm64->operands[2].type == ARM64_OP_REG &&
           arm64->operands[1].reg == arm64->operands[2].reg &&
           arm64->operands[2].shift.type == ARM64_SFT_INVALID &&
           arm64->operands[2].ext == ARM64_EXT_INVALID;
}

void fb_dataflow_arm64(const cs_insn *cs, const struct fb_insn *insn, struct fb_dataflow *out)
{
    const cs_arm64 *arm64 = &cs->detail->arm64;
    const struct row *row = row_of(cs->id);
    if (row->form == FORM_NOTHING)
        return;
    add_operands(cs, insn, row->form, out);
    if (insn->flow == FB_FLOW_CONDITIONAL && cs->id == ARM64_INS_B)
        fb_data_flags(out, true, false);
    else if (row->flags || arm64->update_flags)
        fb_data_flags(out, row->merges_flags, true);
    if (insn->writes & FB_REG(FB_SP64) || arm64->writeback)
        stack_change(cs, out);
    if (row->zero_of_same && same_registers(arm64))
        fb_data_forget_reads(out);
}

/* --- words that Capstone 4 does not know -------------------------------------------- */

static bool matches(uint32_t word, uint32_t mask, uint32_t bits)
{
    return (word & mask) == bits;
}

/* Atomics: [base] is read and written; the field at bit 16 holds what goes there, the lowest
 * what it held. Compare-and-swap has them the other way round, and compares. */
void fb_dataflow_arm64_word(uint32_t word, const struct fb_insn *insn, struct fb_dataflow *out)
{
    enum { NO_REGISTER = 31 };
    bool pair = matches(word, 0xBFA07C00, 0x08207C00);
    bool compares = pair || matches(word, 0x3FA07C00, 0x08A07C00);
    bool loads = matches(word, 0x3F20FC00, 0x3820C000);
    bool half = pair ? word >> 30 == 0 : word >> 30 < 3;
    int low = (int)(word & 31), high = (int)(word >> 16 & 31);
    int in = compares ? low : high, old = compares ? high : low;
    if (insn->n_mem == 0)
        return;
    fb_data_add(out, (struct fb_data){.kind = FB_DATA_MEMORY,
                                      .read = true,
                                      .write = insn->mem[0].write,
                                      .base = (int8_t)insn->mem[0].base,
                                      .index = -1,
                                      .plain = true,
                                      .size = insn->mem[0].size});
    if (in != NO_REGISTER && !loads)
        add_general(out, in, half, true, false);
    else
        fb_data_register(out, FB_X0, 0, 0);
    if (old != NO_REGISTER)
        add_general(out, old, half, compares, true);
    if (pair) // two registers each, the second of which goes with the first
        add_general(out, (old + 1) % NO_REGISTER, half, true, true);
    out->effect = loads || pair ? FB_EFFECT_FLOW
                  : compares    ? FB_EFFECT_COMPARE_SWAP
                                : FB_EFFECT_FETCH;
}
