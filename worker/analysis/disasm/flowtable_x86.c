/*
 * worker/analysis/disasm/flowtable_x86.c -- what x86 and x64 instructions do with data, by id.
 *
 * Flags do not flow into data (SETcc, CMOVcc, SBB), except where a program reads them as such:
 * PUSHF, and the condition codes of x87, which reach a branch only by FNSTSW and SAHF.
 */
#include "disasm/flowtable_x86.h"

#define A  FB_IMPLIED_A
#define B  FB_IMPLIED_B
#define C  FB_IMPLIED_C
#define D  FB_IMPLIED_D
#define BP FB_IMPLIED_BP
#define SP FB_IMPLIED_SP

/* clang-format off */
#define ASSIGNS(X) \
    X(MOV) X(MOVABS) X(MOVZX) X(MOVSX) X(MOVSXD) X(MOVBE) X(LEA) X(MOVNTI) X(MOVD) X(MOVQ) X(MOVAPS) X(MOVAPD) \
    X(MOVUPS) X(MOVUPD) X(MOVDQA) X(MOVDQU) X(MOVNTDQ) X(MOVNTDQA) X(MOVNTPS) X(MOVNTPD) X(MOVNTQ) X(LDDQU) \
    X(MOVDQ2Q) X(MOVQ2DQ) X(MOVDDUP) X(MOVSHDUP) X(MOVSLDUP) X(MOVMSKPS) X(MOVMSKPD) X(PMOVMSKB) X(PSHUFD) \
    X(PSHUFHW) X(PSHUFLW) X(PSHUFW) X(PEXTRB) X(PEXTRW) X(PEXTRD) X(PEXTRQ) X(EXTRACTPS) X(CVTSI2SD) X(CVTSI2SS) \
    X(CVTSD2SI) X(CVTSS2SI) X(CVTTSD2SI) X(CVTTSS2SI) X(CVTSS2SD) X(CVTSD2SS) X(CVTDQ2PD) X(CVTDQ2PS) X(CVTPD2DQ) \
    X(CVTPD2PS) X(CVTPS2DQ) X(CVTPS2PD) X(CVTTPD2DQ) X(CVTTPS2DQ) X(PMOVSXBD) X(PMOVSXBQ) X(PMOVSXBW) X(PMOVSXDQ) \
    X(PMOVSXWD) X(PMOVSXWQ) X(PMOVZXBD) X(PMOVZXBQ) X(PMOVZXBW) X(PMOVZXDQ) X(PMOVZXWD) X(PMOVZXWQ) \
    X(RORX) X(SARX) X(SHLX) X(SHRX) X(PDEP) X(PEXT) X(LODSB) X(LODSW) X(LODSD) X(LODSQ) X(STOSB) X(STOSW) X(STOSD) \
    X(STOSQ) X(MOVSB) X(MOVSW) X(MOVSQ)
#define ASSIGNS_WITH_FLAGS(X) \
    X(POPCNT) X(LZCNT) X(TZCNT) X(ANDN) X(BEXTR) X(BLSI) X(BLSMSK) X(BLSR) X(BZHI)
#define SCALAR_MOVES(X) \
    X(MOVSS) X(MOVSD) X(MOVLPS) X(MOVLPD) X(MOVHPS) X(MOVHPD) X(VMOVSS) X(VMOVSD)
#define COMBINES(X) \
    X(NOT) X(BSWAP) X(MOVHLPS) X(MOVLHPS) X(PINSRB) X(PINSRW) X(PINSRD) X(PINSRQ) X(CRC32) \
    X(CMOVA) X(CMOVAE) X(CMOVB) X(CMOVBE) X(CMOVE) X(CMOVG) X(CMOVGE) X(CMOVL) X(CMOVLE) X(CMOVNE) X(CMOVNO) \
    X(CMOVNP) X(CMOVNS) X(CMOVO) X(CMOVP) X(CMOVS)
#define COMBINES_WITH_FLAGS(X) \
    X(ADD) X(ADC) X(SBB) X(OR) X(SHL) X(SAL) X(SHR) X(SAR) X(ROL) X(ROR) X(RCL) X(RCR) X(SHLD) X(SHRD) X(INC) X(DEC) \
    X(NEG) X(BTS) X(BTR) X(BTC) X(BSF) X(BSR) X(ADCX) X(ADOX)
#define ZEROES(X) \
    X(PXOR) X(XORPS) X(XORPD) X(PSUBB) X(PSUBW) X(PSUBD) X(PSUBQ) X(PANDN) X(ANDNPS) X(ANDNPD) X(PCMPGTB) X(PCMPGTW) \
    X(PCMPGTD) X(PCMPGTQ) X(PCMPEQB) X(PCMPEQW) X(PCMPEQD) X(PCMPEQQ)
#define ZEROES_OF_THREE(X) \
    X(VPXOR) X(VPXORD) X(VPXORQ) X(VXORPS) X(VXORPD) X(VPSUBB) X(VPSUBW) X(VPSUBD) X(VPSUBQ) X(VPANDN) X(VPCMPGTB) \
    X(VPCMPGTW) X(VPCMPGTD) X(VPCMPGTQ) X(VPCMPEQB) X(VPCMPEQW) X(VPCMPEQD) X(VPCMPEQQ) X(KXORB) X(KXORW) X(KXORD) \
    X(KXORQ)
#define COMPARES(X) \
    X(CMP) X(TEST) X(BT) X(COMISS) X(COMISD) X(UCOMISS) X(UCOMISD) X(VCOMISS) X(VCOMISD) X(VUCOMISS) X(VUCOMISD) \
    X(PTEST) X(VPTEST) X(VTESTPS) X(VTESTPD) X(KORTESTB) X(KORTESTW) X(KORTESTD) X(KORTESTQ) X(CMPSB) X(CMPSW) \
    X(CMPSQ) X(SCASB) X(SCASW) X(SCASD) X(SCASQ)
#define DISCARDS(X) \
    X(SETA) X(SETAE) X(SETB) X(SETBE) X(SETE) X(SETG) X(SETGE) X(SETL) X(SETLE) X(SETNE) X(SETNO) X(SETNP) X(SETNS) \
    X(SETO) X(SETP) X(SETS) X(RDFSBASE) X(RDGSBASE) X(STMXCSR) X(VSTMXCSR) X(FNSTCW) X(FNSTENV)
#define DISCARDS_WITH_FLAGS(X) X(RDRAND) X(RDSEED)
#define NOTHINGS(X) \
    X(NOP) X(PREFETCH) X(PREFETCHW) X(PREFETCHNTA) X(PREFETCHT0) X(PREFETCHT1) X(PREFETCHT2) X(CLFLUSH) X(CLFLUSHOPT) \
    X(CLWB) X(LFENCE) X(MFENCE) X(SFENCE) X(PAUSE) X(EMMS) X(VZEROUPPER) X(CLD) X(STD) X(CMC) X(FNOP) X(WAIT) X(FNCLEX) \
    X(FLDCW) X(LDMXCSR) X(VLDMXCSR) X(FFREE) X(FINCSTP) X(FDECSTP) X(ENDBR32) X(ENDBR64) X(RET) X(RETF) X(RETFQ) \
    X(IRET) X(IRETD) X(IRETQ)
#define X87_CHANGES(X) \
    X(FLD) X(FILD) X(FBLD) X(FADD) X(FADDP) X(FIADD) X(FSUB) X(FSUBP) X(FSUBR) X(FSUBRP) X(FISUB) X(FISUBR) X(FMUL) \
    X(FMULP) X(FIMUL) X(FDIV) X(FDIVP) X(FDIVR) X(FDIVRP) X(FIDIV) X(FIDIVR) X(FCOM) X(FCOMP) X(FCOMPP) X(FICOM) \
    X(FICOMP) X(FUCOM) X(FUCOMP) X(FUCOMPP) X(FTST) X(FXAM)
#define X87_STORES(X) X(FST) X(FSTP) X(FIST) X(FISTP) X(FISTTP) X(FBSTP) X(FNSTSW)
#define X87_FLAGS(X)  X(FCOMI) X(FCOMIP) X(FUCOMI) X(FUCOMIP)
#define X87_ALONE(X) \
    X(FLD1) X(FLDZ) X(FLDPI) X(FLDL2E) X(FLDL2T) X(FLDLG2) X(FLDLN2) X(FABS) X(FCHS) X(FSQRT) X(FXCH) X(FRNDINT) \
    X(FSCALE) X(FPREM) X(FPREM1) X(FSIN) X(FCOS) X(FSINCOS) X(FPTAN) X(FPATAN) X(F2XM1) X(FYL2X) X(FYL2XP1) X(FXTRACT)

static const struct fb_flow_row rows[X86_INS_ENDING] = {
#define X(name) [X86_INS_##name] = {.form = FB_FORM_ASSIGN},
    ASSIGNS(X)
#undef X
#define X(name) [X86_INS_##name] = {.form = FB_FORM_ASSIGN, .flags = true},
    ASSIGNS_WITH_FLAGS(X)
#undef X
#define X(name) [X86_INS_##name] = {.form = FB_FORM_ASSIGN, .refine = FB_REFINE_SCALAR_MOVE},
    SCALAR_MOVES(X)
#undef X
#define X(name) [X86_INS_##name] = {.form = FB_FORM_COMBINE},
    COMBINES(X)
#undef X
#define X(name) [X86_INS_##name] = {.form = FB_FORM_COMBINE, .flags = true},
    COMBINES_WITH_FLAGS(X)
#undef X
#define X(name) [X86_INS_##name] = {.form = FB_FORM_COMBINE, .flags = true, .zero = FB_ZERO_OF_SAME},
    X(XOR) X(SUB)
#undef X
    [X86_INS_AND] = {.form = FB_FORM_COMBINE, .flags = true, .zero = FB_ZERO_BY_ZERO},
#define X(name) [X86_INS_##name] = {.form = FB_FORM_COMBINE, .zero = FB_ZERO_OF_SAME},
    ZEROES(X)
#undef X
#define X(name) [X86_INS_##name] = {.form = FB_FORM_ASSIGN, .zero = FB_ZERO_OF_SAME},
    ZEROES_OF_THREE(X)
#undef X
#define X(name) [X86_INS_##name] = {.form = FB_FORM_COMPARE, .flags = true},
    COMPARES(X)
#undef X
#define X(name) [X86_INS_##name] = {.form = FB_FORM_DISCARD},
    DISCARDS(X)
#undef X
#define X(name) [X86_INS_##name] = {.form = FB_FORM_DISCARD, .flags = true},
    DISCARDS_WITH_FLAGS(X)
#undef X
#define X(name) [X86_INS_##name] = {.form = FB_FORM_NOTHING},
    NOTHINGS(X)
#undef X
#define X(name) [X86_INS_##name] = {.form = FB_FORM_COMPARE, .x87 = FB_X87_CHANGES},
    X87_CHANGES(X)
#undef X
#define X(name) [X86_INS_##name] = {.form = FB_FORM_ASSIGN, .x87 = FB_X87_READS},
    X87_STORES(X)
#undef X
#define X(name) [X86_INS_##name] = {.form = FB_FORM_COMPARE, .flags = true, .x87 = FB_X87_READS},
    X87_FLAGS(X)
#undef X
#define X(name) [X86_INS_##name] = {.form = FB_FORM_COMPARE, .x87 = FB_X87_CHANGES},
    X87_ALONE(X)
#undef X
#define X(name) [X86_INS_##name] = {.form = FB_FORM_DISCARD, .flags = true},
    X(CLC) X(STC)
#undef X

    [X86_INS_PUSH] = {.form = FB_FORM_COMPARE, .effect = FB_EFFECT_PUSH},
    [X86_INS_PUSHAL] = {.form = FB_FORM_COMPARE, .effect = FB_EFFECT_PUSH},
    [X86_INS_PUSHAW] = {.form = FB_FORM_COMPARE, .effect = FB_EFFECT_PUSH},
#define X(name) [X86_INS_##name] = {.form = FB_FORM_COMPARE, .effect = FB_EFFECT_PUSH, .reads_flags = true},
    X(PUSHF) X(PUSHFD) X(PUSHFQ)
#undef X
    [X86_INS_POP] = {.form = FB_FORM_DISCARD, .effect = FB_EFFECT_POP},
    [X86_INS_POPAL] = {.form = FB_FORM_DISCARD, .effect = FB_EFFECT_POP},
    [X86_INS_POPAW] = {.form = FB_FORM_DISCARD, .effect = FB_EFFECT_POP},
#define X(name) [X86_INS_##name] = {.form = FB_FORM_DISCARD, .effect = FB_EFFECT_POP, .flags = true},
    X(POPF) X(POPFD) X(POPFQ)
#undef X
    // The stack pointer takes the place of the frame pointer, and that comes from the stack.
    [X86_INS_LEAVE] = {.form = FB_FORM_COMPARE, .reads = BP, .read_units = FB_UNITS_64, .writes = SP | BP, .write_units = FB_UNITS_64},
    [X86_INS_ENTER] = {.form = FB_FORM_DISCARD, .writes = SP | BP, .write_units = FB_UNITS_64},

    [X86_INS_XCHG] = {.form = FB_FORM_BOTH, .effect = FB_EFFECT_SWAP},
    [X86_INS_XADD] = {.form = FB_FORM_BOTH, .effect = FB_EFFECT_SWAP_ADD, .flags = true},
    [X86_INS_CMPXCHG] = {.form = FB_FORM_COMBINE, .effect = FB_EFFECT_COMPARE_SWAP, .flags = true, .reads = A, .writes = A},
#define X(name) [X86_INS_##name] = {.form = FB_FORM_COMPARE, .flags = true, .reads = A | B | C | D, .writes = A | D, \
                                    .read_units = FB_UNITS_64, .write_units = FB_UNITS_64},
    X(CMPXCHG8B) X(CMPXCHG16B)
#undef X

    [X86_INS_IMUL] = {.form = FB_FORM_COMPARE, .flags = true, .refine = FB_REFINE_MULTIPLY, .reads = A, .writes = A | D},
    [X86_INS_MUL] = {.form = FB_FORM_COMPARE, .flags = true, .reads = A, .writes = A | D},
    [X86_INS_DIV] = {.form = FB_FORM_COMPARE, .flags = true, .reads = A | D, .writes = A | D},
    [X86_INS_IDIV] = {.form = FB_FORM_COMPARE, .flags = true, .reads = A | D, .writes = A | D},
    [X86_INS_CBW] = {.form = FB_FORM_COMPARE, .reads = A, .read_units = FB_UNIT_LOW, .writes = A, .write_units = FB_UNITS_16},
    [X86_INS_CWDE] = {.form = FB_FORM_COMPARE, .reads = A, .read_units = FB_UNITS_16, .writes = A, .write_units = FB_UNITS_32},
    [X86_INS_CDQE] = {.form = FB_FORM_COMPARE, .reads = A, .read_units = FB_UNITS_32, .writes = A, .write_units = FB_UNITS_64},
    [X86_INS_CWD] = {.form = FB_FORM_COMPARE, .reads = A, .read_units = FB_UNITS_16, .writes = D, .write_units = FB_UNITS_16},
    [X86_INS_CDQ] = {.form = FB_FORM_COMPARE, .reads = A, .read_units = FB_UNITS_32, .writes = D, .write_units = FB_UNITS_32},
    [X86_INS_CQO] = {.form = FB_FORM_COMPARE, .reads = A, .read_units = FB_UNITS_64, .writes = D, .write_units = FB_UNITS_64},
    [X86_INS_XLATB] = {.form = FB_FORM_COMPARE, .writes = A, .write_units = FB_UNIT_LOW},
    [X86_INS_LAHF] = {.form = FB_FORM_DISCARD, .writes = A, .write_units = FB_UNIT_HIGH},
    [X86_INS_SAHF] = {.form = FB_FORM_COMPARE, .flags = true, .reads = A, .read_units = FB_UNIT_HIGH},
    [X86_INS_CPUID] = {.form = FB_FORM_DISCARD, .writes = A | B | C | D, .write_units = FB_UNITS_64},
#define X(name) [X86_INS_##name] = {.form = FB_FORM_DISCARD, .writes = A | D, .write_units = FB_UNITS_64},
    X(RDTSC) X(RDPMC) X(XGETBV) X(RDMSR)
#undef X
    [X86_INS_RDTSCP] = {.form = FB_FORM_DISCARD, .writes = A | C | D, .write_units = FB_UNITS_64},
#define X(name) [X86_INS_##name] = {.form = FB_FORM_COMPARE},
    X(CALL) X(LCALL) X(JMP) X(LJMP) X(MASKMOVDQU) X(VMASKMOVDQU) X(MASKMOVQ)
#undef X
};
/* clang-format on */

const struct fb_flow_row *fb_flow_x86(unsigned id)
{
    return &rows[id < X86_INS_ENDING ? id : X86_INS_INVALID];
}
