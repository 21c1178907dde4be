/*
 * worker/analysis/disasm/optable_arm.c -- the tables for ARM64 and ARM.
 *
 * Loads and stores have rows throughout: Capstone 4 calls PRFM a store, STXR and STLR loads,
 * and every store an update.
 */
#include "disasm/optable.h"

/* clang-format off */
#define LOADS64(X) \
    X(LD1) X(LD1R) X(LD2) X(LD2R) X(LD3) X(LD3R) X(LD4) X(LD4R) X(LDAR) X(LDARB) X(LDARH) X(LDAXP) X(LDAXR) X(LDAXRB) \
    X(LDAXRH) X(LDNP) X(LDP) X(LDPSW) X(LDR) X(LDRB) X(LDRH) X(LDRSB) X(LDRSH) X(LDRSW) X(LDTR) X(LDTRB) X(LDTRH) \
    X(LDTRSB) X(LDTRSH) X(LDTRSW) X(LDUR) X(LDURB) X(LDURH) X(LDURSB) X(LDURSH) X(LDURSW) X(LDXP) X(LDXR) X(LDXRB) \
    X(LDXRH)
#define STORES64(X) \
    X(ST1) X(ST2) X(ST3) X(ST4) X(STLR) X(STLRB) X(STLRH) X(STLXP) X(STLXR) X(STLXRB) X(STLXRH) X(STNP) X(STP) X(STR) \
    X(STRB) X(STRH) X(STTR) X(STTRB) X(STTRH) X(STUR) X(STURB) X(STURH) X(STXP) X(STXR) X(STXRB) X(STXRH)

static const struct fb_op rows64[ARM64_INS_ENDING] = {
#define X(name) [ARM64_INS_##name] = {.memory = FB_OP_LOAD},
    LOADS64(X)
#undef X
#define X(name) [ARM64_INS_##name] = {.memory = FB_OP_STORE},
    STORES64(X)
#undef X
#define X(name) [ARM64_INS_##name] = {.memory = FB_OP_NO_ACCESS},
    X(PRFM) X(PRFUM)
#undef X
    [ARM64_INS_B] = {.flow = FB_FLOW_JUMP}, // B.cond: see insn_arm64.c
    [ARM64_INS_BL] = {.flow = FB_FLOW_CALL, .writes = FB_REG(FB_LR64)},
    [ARM64_INS_BR] = {.flow = FB_FLOW_JUMP},
    [ARM64_INS_BLR] = {.flow = FB_FLOW_CALL, .writes = FB_REG(FB_LR64)},
    [ARM64_INS_RET] = {.flow = FB_FLOW_RETURN},
    [ARM64_INS_ERET] = {.flow = FB_FLOW_RETURN, .flags = FB_OP_PRIVILEGED},
#define X(name) [ARM64_INS_##name] = {.flow = FB_FLOW_CONDITIONAL, .flags = FB_OP_TESTS},
    X(CBZ) X(CBNZ) X(TBZ) X(TBNZ)
#undef X
#define X(name) [ARM64_INS_##name] = {.flow = FB_FLOW_TRAP, .not_written = FB_REG(FB_LR64)},
    X(BRK) X(SVC) X(HVC) X(SMC) X(HLT)
#undef X
#define X(name) [ARM64_INS_##name] = {.flags = FB_OP_TESTS, .writes = FB_REG(FB_CPSR64)},
    X(CMP) X(CMN) X(TST)
#undef X
};

#define LOADS32(X) \
    X(LDA) X(LDAB) X(LDAH) X(LDAEX) X(LDAEXB) X(LDAEXD) X(LDAEXH) X(LDM) X(LDMDA) X(LDMDB) X(LDMIB) X(LDR) X(LDRB) \
    X(LDRBT) X(LDRD) X(LDREX) X(LDREXB) X(LDREXD) X(LDREXH) X(LDRH) X(LDRHT) X(LDRSB) X(LDRSBT) X(LDRSH) X(LDRSHT) \
    X(LDRT) X(VLD1) X(VLD2) X(VLD3) X(VLD4) X(VLDMDB) X(VLDMIA) X(VLDR) X(TBB) X(TBH)
#define STORES32(X) \
    X(STL) X(STLB) X(STLH) X(STLEX) X(STLEXB) X(STLEXD) X(STLEXH) X(STM) X(STMDA) X(STMDB) X(STMIB) X(STR) X(STRB) \
    X(STRBT) X(STRD) X(STREX) X(STREXB) X(STREXD) X(STREXH) X(STRH) X(STRHT) X(STRT) X(VST1) X(VST2) X(VST3) X(VST4) \
    X(VSTMDB) X(VSTMIA) X(VSTR)

static const struct fb_op rows32[ARM_INS_ENDING] = {
#define X(name) [ARM_INS_##name] = {.memory = FB_OP_LOAD},
    LOADS32(X)
#undef X
#define X(name) [ARM_INS_##name] = {.memory = FB_OP_STORE},
    STORES32(X)
#undef X
#define X(name) [ARM_INS_##name] = {.memory = FB_OP_UPDATE},
    X(SWP) X(SWPB)
#undef X
#define X(name) [ARM_INS_##name] = {.memory = FB_OP_NO_ACCESS},
    X(PLD) X(PLDW)
#undef X
    [ARM_INS_PUSH] = {.flags = FB_OP_PUSH | FB_OP_PUSHES, .reads = FB_REG(FB_SP32), .writes = FB_REG(FB_SP32)},
    [ARM_INS_VPUSH] = {.flags = FB_OP_PUSH | FB_OP_PUSHES, .reads = FB_REG(FB_SP32), .writes = FB_REG(FB_SP32)},
    [ARM_INS_POP] = {.flags = FB_OP_POPS, .reads = FB_REG(FB_SP32), .writes = FB_REG(FB_SP32)},
    [ARM_INS_VPOP] = {.flags = FB_OP_POPS, .reads = FB_REG(FB_SP32), .writes = FB_REG(FB_SP32)},
    [ARM_INS_B] = {.flow = FB_FLOW_JUMP},
    [ARM_INS_BX] = {.flow = FB_FLOW_JUMP}, // bx lr is a return: see insn_arm.c
    [ARM_INS_BXJ] = {.flow = FB_FLOW_JUMP},
    [ARM_INS_BL] = {.flow = FB_FLOW_CALL, .writes = FB_REG(FB_LR32)},
    [ARM_INS_BLX] = {.flow = FB_FLOW_CALL, .writes = FB_REG(FB_LR32)},
#define X(name) [ARM_INS_##name] = {.flow = FB_FLOW_CONDITIONAL, .flags = FB_OP_TESTS},
    X(CBZ) X(CBNZ)
#undef X
#define X(name) [ARM_INS_##name] = {.flow = FB_FLOW_TRAP},
    X(BKPT) X(SVC) X(UDF)
#undef X
#define X(name) [ARM_INS_##name] = {.flags = FB_OP_TESTS, .writes = FB_REG(FB_CPSR32)},
    X(CMP) X(CMN) X(TST) X(TEQ)
#undef X
#define X(name) [ARM_INS_##name] = {.flags = FB_OP_DIVIDES},
    X(SDIV) X(UDIV)
#undef X
};
/* clang-format on */

const struct fb_op *fb_op_arm64(unsigned id)
{
    return &rows64[id < ARM64_INS_ENDING ? id : ARM64_INS_INVALID];
}

const struct fb_op *fb_op_arm(unsigned id)
{
    return &rows32[id < ARM_INS_ENDING ? id : ARM_INS_INVALID];
}
