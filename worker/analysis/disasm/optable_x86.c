/*
 * worker/analysis/disasm/optable_x86.c -- the table for x86 and x64.
 *
 * A store needs no row when its name begins with mov, vmov, fst, fist or set: insn_x86.c knows
 * that rule, to which no exception has been found. Everything else stands here.
 */
#include "disasm/optable.h"

#define AX FB_REG(FB_EAX)
#define BX FB_REG(FB_EBX)
#define CX FB_REG(FB_ECX)
#define DX FB_REG(FB_EDX)
#define SI FB_REG(FB_ESI)
#define DI FB_REG(FB_EDI)
#define BP FB_REG(FB_EBP)
#define SP FB_REG(FB_ESP)

/* clang-format off */
#define CONDITIONAL_JUMPS(X) \
    X(JAE) X(JA) X(JBE) X(JB) X(JE) X(JGE) X(JG) X(JLE) X(JL) X(JNE) X(JNO) X(JNP) X(JNS) X(JO) X(JP) X(JS)
#define LOOPS(X) X(LOOP) X(LOOPE) X(LOOPNE) X(JCXZ) X(JECXZ) X(JRCXZ)
#define CONDITIONAL_MOVES(X) \
    X(CMOVA) X(CMOVAE) X(CMOVB) X(CMOVBE) X(CMOVE) X(CMOVG) X(CMOVGE) X(CMOVL) X(CMOVLE) X(CMOVNE) X(CMOVNO) \
    X(CMOVNP) X(CMOVNS) X(CMOVO) X(CMOVP) X(CMOVS)
#define TRAPS(X) X(INT) X(INT1) X(INT3) X(INTO) X(SYSCALL) X(SYSENTER) X(UD0) X(UD2) X(UD2B)
#define PRIVILEGED(X) \
    X(IN) X(OUT) X(OUTSB) X(OUTSD) X(OUTSW) X(LGDT) X(LIDT) X(LLDT) X(LTR) X(LMSW) \
    X(WRMSR) X(RDMSR) X(CLI) X(STI) X(INVD) X(WBINVD) X(CLTS) X(SWAPGS) X(RDPMC)
#define STORES(X) \
    X(EXTRACTPS) X(PEXTRB) X(PEXTRW) X(PEXTRD) X(PEXTRQ) X(VEXTRACTPS) X(VPEXTRB) X(VPEXTRW) X(VPEXTRD) X(VPEXTRQ) \
    X(VEXTRACTF128) X(VEXTRACTF32X4) X(VEXTRACTF64X4) X(VEXTRACTI128) X(VEXTRACTI32X4) X(VEXTRACTI64X4) \
    X(VMASKMOVPD) X(VMASKMOVPS) X(VPMASKMOVD) X(VPMASKMOVQ) X(VCOMPRESSPD) X(VCOMPRESSPS) X(VPCOMPRESSD) \
    X(VPCOMPRESSQ) X(VCVTPS2PH) X(VPMOVDB) X(VPMOVDW) X(VPMOVQB) X(VPMOVQD) X(VPMOVQW) X(VPMOVSDB) X(VPMOVSDW) \
    X(VPMOVSQB) X(VPMOVSQD) X(VPMOVSQW) X(VPMOVUSDB) X(VPMOVUSDW) X(VPMOVUSQB) X(VPMOVUSQD) X(VPMOVUSQW) \
    X(VPSCATTERDD) X(VPSCATTERDQ) X(VPSCATTERQD) X(VPSCATTERQQ) X(VSCATTERDPD) X(VSCATTERDPS) X(VSCATTERQPD) \
    X(VSCATTERQPS) X(VSTMXCSR) X(STMXCSR) X(FNSTCW) X(FNSTSW) X(FNSTENV) X(FNSAVE) X(FXSAVE) X(FXSAVE64) X(FBSTP) \
    X(FISTTP) X(KMOVB) X(KMOVD) X(KMOVQ) X(KMOVW) X(SGDT) X(SIDT) X(SLDT) X(STR) X(SMSW) \
    X(XSAVE) X(XSAVE64) X(XSAVEC) X(XSAVEC64) X(XSAVEOPT) X(XSAVEOPT64) X(XSAVES) X(XSAVES64)
#define ALIGNED_STORES(X) \
    X(MOVAPS) X(MOVAPD) X(MOVDQA) X(MOVNTPS) X(MOVNTPD) X(MOVNTDQ) X(VMOVAPS) X(VMOVAPD) X(VMOVDQA) X(VMOVDQA32) \
    X(VMOVDQA64) X(VMOVNTPS) X(VMOVNTPD) X(VMOVNTDQ)
#define ALIGNED_LOADS(X) X(MOVNTDQA) X(VMOVNTDQA)
#define UPDATES(X) \
    X(ADD) X(ADC) X(SUB) X(SBB) X(AND) X(OR) X(XOR) X(INC) X(DEC) X(NEG) X(NOT) X(SHL) X(SAL) X(SHR) X(SAR) \
    X(ROL) X(ROR) X(RCL) X(RCR) X(SHLD) X(SHRD) X(BTS) X(BTR) X(BTC)
#define NO_ACCESS(X) \
    X(LEA) X(NOP) X(PREFETCH) X(PREFETCHW) X(PREFETCHNTA) X(PREFETCHT0) X(PREFETCHT1) X(PREFETCHT2) X(CLFLUSH) \
    X(CLFLUSHOPT) X(CLWB)

static const struct fb_op rows[X86_INS_ENDING] = {
#define X(name) [X86_INS_##name] = {.flow = FB_FLOW_CONDITIONAL, .reads = FB_OP_FLAGS},
    CONDITIONAL_JUMPS(X)
#undef X
#define X(name) [X86_INS_##name] = {.flow = FB_FLOW_CONDITIONAL, .reads = CX},
    LOOPS(X)
#undef X
#define X(name) [X86_INS_##name] = {.flags = FB_OP_MERGES, .reads = FB_OP_FLAGS},
    CONDITIONAL_MOVES(X)
#undef X
#define X(name) [X86_INS_##name] = {.flow = FB_FLOW_TRAP},
    TRAPS(X)
#undef X
#define X(name) [X86_INS_##name] = {.flags = FB_OP_PRIVILEGED},
    PRIVILEGED(X)
#undef X
#define X(name) [X86_INS_##name] = {.memory = FB_OP_STORE},
    STORES(X)
#undef X
#define X(name) [X86_INS_##name] = {.memory = FB_OP_STORE, .flags = FB_OP_ALIGNED},
    ALIGNED_STORES(X)
#undef X
#define X(name) [X86_INS_##name] = {.flags = FB_OP_ALIGNED},
    ALIGNED_LOADS(X)
#undef X
#define X(name) [X86_INS_##name] = {.memory = FB_OP_UPDATE},
    UPDATES(X)
#undef X
#define X(name) [X86_INS_##name] = {.memory = FB_OP_NO_ACCESS, .flags = FB_OP_ANY_ORDER},
    NO_ACCESS(X)
#undef X
#define X(name) [X86_INS_##name] = {.memory = FB_OP_STORE, .flags = FB_OP_PRIVILEGED, .reads = DI | DX, .writes = DI},
    X(INSB) X(INSW) X(INSD)
#undef X
    [X86_INS_INVLPG] = {.memory = FB_OP_NO_ACCESS, .flags = FB_OP_PRIVILEGED},
    [X86_INS_HLT] = {.flow = FB_FLOW_TRAP, .flags = FB_OP_PRIVILEGED},
    [X86_INS_SYSRET] = {.flow = FB_FLOW_TRAP, .flags = FB_OP_PRIVILEGED},
    [X86_INS_SYSEXIT] = {.flow = FB_FLOW_TRAP, .flags = FB_OP_PRIVILEGED},

    [X86_INS_CALL] = {.memory = FB_OP_LOAD, .flow = FB_FLOW_CALL, .flags = FB_OP_PUSHES, .reads = SP, .writes = SP},
    [X86_INS_LCALL] = {.memory = FB_OP_LOAD, .flow = FB_FLOW_CALL, .flags = FB_OP_PUSHES, .words = 2, .reads = SP, .writes = SP},
    [X86_INS_JMP] = {.memory = FB_OP_LOAD, .flow = FB_FLOW_JUMP},
    [X86_INS_LJMP] = {.memory = FB_OP_LOAD, .flow = FB_FLOW_JUMP},
    [X86_INS_RET] = {.flow = FB_FLOW_RETURN, .flags = FB_OP_POPS, .reads = SP, .writes = SP},
    [X86_INS_RETF] = {.flow = FB_FLOW_RETURN, .flags = FB_OP_POPS, .words = 2, .reads = SP, .writes = SP},
    [X86_INS_RETFQ] = {.flow = FB_FLOW_RETURN, .flags = FB_OP_POPS, .words = 2, .reads = SP, .writes = SP},
    [X86_INS_IRET] = {.flow = FB_FLOW_RETURN, .flags = FB_OP_POPS, .words = 3, .reads = SP, .writes = SP},
    [X86_INS_IRETD] = {.flow = FB_FLOW_RETURN, .flags = FB_OP_POPS, .words = 3, .reads = SP, .writes = SP},
    [X86_INS_IRETQ] = {.flow = FB_FLOW_RETURN, .flags = FB_OP_POPS, .words = 3, .reads = SP, .writes = SP},

    [X86_INS_PUSH] = {.memory = FB_OP_LOAD, .flags = FB_OP_PUSH | FB_OP_PUSHES, .reads = SP, .writes = SP},
    [X86_INS_PUSHAW] = {.flags = FB_OP_PUSH | FB_OP_PUSHES, .words = 4, .reads = SP, .writes = SP},
    [X86_INS_PUSHAL] = {.flags = FB_OP_PUSH | FB_OP_PUSHES, .words = 8, .reads = SP, .writes = SP},
    [X86_INS_PUSHF] = {.flags = FB_OP_PUSH | FB_OP_PUSHES, .reads = SP | FB_OP_FLAGS, .writes = SP},
    [X86_INS_PUSHFD] = {.flags = FB_OP_PUSH | FB_OP_PUSHES, .reads = SP | FB_OP_FLAGS, .writes = SP},
    [X86_INS_PUSHFQ] = {.flags = FB_OP_PUSH | FB_OP_PUSHES, .reads = SP | FB_OP_FLAGS, .writes = SP},
    [X86_INS_POP] = {.memory = FB_OP_STORE, .flags = FB_OP_POPS, .reads = SP, .writes = SP},
    [X86_INS_POPAW] = {.flags = FB_OP_POPS, .words = 4, .reads = SP, .writes = SP},
    [X86_INS_POPAL] = {.flags = FB_OP_POPS, .words = 8, .reads = SP, .writes = SP},
    [X86_INS_POPF] = {.flags = FB_OP_POPS, .reads = SP, .writes = SP | FB_OP_FLAGS},
    [X86_INS_POPFD] = {.flags = FB_OP_POPS, .reads = SP, .writes = SP | FB_OP_FLAGS},
    [X86_INS_POPFQ] = {.flags = FB_OP_POPS, .reads = SP, .writes = SP | FB_OP_FLAGS},
    [X86_INS_LEAVE] = {.reads = BP, .writes = SP | BP}, // reads at BP: see insn_x86.c
    [X86_INS_ENTER] = {.flags = FB_OP_PUSHES, .reads = SP | BP, .writes = SP | BP},

    [X86_INS_TEST] = {.memory = FB_OP_LOAD, .flags = FB_OP_TESTS, .writes = FB_OP_FLAGS},
    [X86_INS_CMP] = {.memory = FB_OP_LOAD, .flags = FB_OP_TESTS, .writes = FB_OP_FLAGS},
    [X86_INS_BT] = {.memory = FB_OP_LOAD, .flags = FB_OP_TESTS, .writes = FB_OP_FLAGS},
    [X86_INS_XCHG] = {.memory = FB_OP_UPDATE, .flags = FB_OP_ANY_ORDER},
    [X86_INS_XADD] = {.memory = FB_OP_UPDATE, .writes = FB_OP_FLAGS},
    [X86_INS_CMPXCHG] = {.memory = FB_OP_UPDATE, .reads = AX, .writes = AX | FB_OP_FLAGS},
    [X86_INS_CMPXCHG8B] = {.memory = FB_OP_UPDATE, .reads = AX | BX | CX | DX, .writes = AX | DX | FB_OP_FLAGS},
    [X86_INS_CMPXCHG16B] = {.memory = FB_OP_UPDATE, .reads = AX | BX | CX | DX, .writes = AX | DX | FB_OP_FLAGS,
                            .flags = FB_OP_ALIGNED},
    [X86_INS_MUL] = {.memory = FB_OP_LOAD, .reads = AX, .writes = AX | DX | FB_OP_FLAGS},
    [X86_INS_DIV] = {.memory = FB_OP_LOAD, .flags = FB_OP_DIVIDES, .reads = AX | DX, .writes = AX | DX},
    [X86_INS_IDIV] = {.memory = FB_OP_LOAD, .flags = FB_OP_DIVIDES, .reads = AX | DX, .writes = AX | DX},
    [X86_INS_AAM] = {.flags = FB_OP_DIVIDES, .reads = AX, .writes = AX},
#define X(name) [X86_INS_##name] = {.memory = FB_OP_LOAD, .flags = FB_OP_DIVIDES},
    X(FDIV) X(FDIVR) X(FDIVP) X(FDIVRP) X(FIDIV) X(FIDIVR) X(DIVPD) X(DIVPS) X(DIVSD) X(DIVSS)
    X(VDIVPD) X(VDIVPS) X(VDIVSD) X(VDIVSS)
#undef X
    [X86_INS_XLATB] = {.reads = AX | BX, .writes = AX}, // reads at BX + AL: see insn_x86.c
    [X86_INS_MASKMOVDQU] = {.reads = DI},
    [X86_INS_VMASKMOVDQU] = {.reads = DI},
    [X86_INS_MASKMOVQ] = {.reads = DI},
#define X(name) [X86_INS_##name] = {.memory = FB_OP_LOAD, .reads = SI | DI, .writes = SI | DI | FB_OP_FLAGS},
    X(CMPSB) X(CMPSW) X(CMPSQ)
#undef X
#define X(name) [X86_INS_##name] = {.memory = FB_OP_STORE, .reads = DI | AX, .writes = DI},
    X(STOSB) X(STOSW) X(STOSD) X(STOSQ)
#undef X
#define X(name) [X86_INS_##name] = {.memory = FB_OP_STORE, .reads = SI | DI, .writes = SI | DI},
    X(MOVSB) X(MOVSW) X(MOVSQ)
#undef X
    [X86_INS_CPUID] = {.reads = AX | CX, .writes = AX | BX | CX | DX},
};
/* clang-format on */

const struct fb_op *fb_op_x86(unsigned id)
{
    return &rows[id < X86_INS_ENDING ? id : X86_INS_INVALID];
}
