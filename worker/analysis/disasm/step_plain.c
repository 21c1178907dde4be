/*
 * worker/analysis/disasm/step_plain.c -- the instructions that compilers' code is made of,
 * decoded by hand: what fb_disasm_step answers without asking Capstone.
 *
 * The emulation of code (unwind/code.c) takes thousands of steps per dump, and nine of ten are
 * one of some forty forms: moves, arithmetic, pushes, calls and jumps with at most a REX
 * prefix. Whatever else there is, is left to Capstone; a test holds both against each other
 * over all the code that it finds.
 * @source Intel's manual, volume 2, appendix A
 */
#include "disasm/step_plain.h"

enum {
    MODRM = 1, // a ModRM byte follows
    IMM8 = 2,  // an immediate of so many bits
    IMM16 = 4,
    IMM32 = 8,
    TO_RM = 16,  // writes what its r/m names,
    TO_REG = 32, // or its register,
    FLAGS = 64,  // and the flags,
    SP = 128,    // and the stack pointer
};
enum form {
    NOT_PLAIN,
    OTHER,
    NOP, // but with a REX prefix it exchanges registers
    MOVSXD,
    STORE,
    LOAD,
    LEA,
    PUSH,
    POP,
    PUSH_IMM,
    GROUP_1, // add, or, adc, sbb, and, sub, xor, cmp: the register field tells
    GROUP_1_BYTE,
    GROUP_2,        // rotations and shifts, likewise
    GROUP_3,        // test, test, not, neg, mul, imul, div, idiv: likewise
    GROUP_5,        // inc, dec, call, far call, jmp, far jmp, push: likewise
    FIRST_OF_GROUP, // the register field is 0
    TO_MEMORY,      // of a byte; where it goes to a register, that may be half of one
    BY_OFFSET,      // mov between eax and a word whose address stands in the code
    COUNT_X86,      // inc, dec: a REX prefix on x64
    SET_IMM,        // B8 and on
    CALL,
    JUMP,
    BRANCH,
    RETURN,
    LEAVE,
    STOP,
};
struct row {
    uint8_t form, flags;
};

#define TIMES_4(at, ...)                                                                       \
    [at] = __VA_ARGS__, [(at) + 1] = __VA_ARGS__, [(at) + 2] = __VA_ARGS__,                    \
    [(at) + 3] = __VA_ARGS__
#define TIMES_8(at, ...)  TIMES_4(at, __VA_ARGS__), TIMES_4((at) + 4, __VA_ARGS__)
#define TIMES_16(at, ...) TIMES_8(at, __VA_ARGS__), TIMES_8((at) + 8, __VA_ARGS__)

// clang-format off
static const struct row one_byte[256] = {
    [0x01] = {OTHER, MODRM | TO_RM | FLAGS}, [0x03] = {OTHER, MODRM | TO_REG | FLAGS}, // add
    [0x09] = {OTHER, MODRM | TO_RM | FLAGS}, [0x0B] = {OTHER, MODRM | TO_REG | FLAGS}, // or
    [0x21] = {OTHER, MODRM | TO_RM | FLAGS}, [0x23] = {OTHER, MODRM | TO_REG | FLAGS}, // and
    [0x29] = {OTHER, MODRM | TO_RM | FLAGS}, [0x2B] = {OTHER, MODRM | TO_REG | FLAGS}, // sub
    [0x31] = {OTHER, MODRM | TO_RM | FLAGS}, [0x33] = {OTHER, MODRM | TO_REG | FLAGS}, // xor
    [0x11] = {OTHER, MODRM | TO_RM | FLAGS}, [0x13] = {OTHER, MODRM | TO_REG | FLAGS}, // adc
    [0x19] = {OTHER, MODRM | TO_RM | FLAGS}, [0x1B] = {OTHER, MODRM | TO_REG | FLAGS}, // sbb
    TIMES_4(0x38, {OTHER, MODRM | FLAGS}),                                             // cmp
    [0x3C] = {OTHER, IMM8 | FLAGS}, [0x3D] = {OTHER, IMM32 | FLAGS},                   // cmp
    TIMES_16(0x40, {COUNT_X86, FLAGS}),
    TIMES_8(0x50, {PUSH, SP}),
    TIMES_8(0x58, {POP, SP}),
    [0x63] = {MOVSXD, MODRM | TO_REG},
    [0x68] = {PUSH_IMM, IMM32 | SP}, [0x6A] = {PUSH_IMM, IMM8 | SP},
    TIMES_16(0x70, {BRANCH, IMM8}),
    [0x80] = {GROUP_1_BYTE, MODRM | IMM8 | FLAGS},
    [0x81] = {GROUP_1, MODRM | IMM32}, [0x83] = {GROUP_1, MODRM | IMM8},
    [0x84] = {OTHER, MODRM | FLAGS}, [0x85] = {OTHER, MODRM | FLAGS},                  // test
    [0x88] = {TO_MEMORY, MODRM},
    [0x89] = {STORE, MODRM | TO_RM}, [0x8B] = {LOAD, MODRM | TO_REG},
    [0x8D] = {LEA, MODRM | TO_REG},
    [0x90] = {NOP, 0},                                                                 // nop
    [0xA1] = {BY_OFFSET, IMM32}, [0xA3] = {BY_OFFSET, IMM32},
    [0xA8] = {OTHER, IMM8 | FLAGS}, [0xA9] = {OTHER, IMM32 | FLAGS},                   // test
    TIMES_8(0xB8, {SET_IMM, IMM32}),
    [0xC1] = {GROUP_2, MODRM | IMM8 | TO_RM | FLAGS},
    [0xC2] = {RETURN, IMM16 | SP}, [0xC3] = {RETURN, SP},
    [0xC6] = {TO_MEMORY, MODRM | IMM8},
    [0xC7] = {FIRST_OF_GROUP, MODRM | IMM32 | TO_RM},                                  // mov
    [0xC9] = {LEAVE, SP}, [0xCC] = {STOP, 0},
    [0xD1] = {GROUP_2, MODRM | TO_RM | FLAGS},
    [0xE8] = {CALL, IMM32 | SP}, [0xE9] = {JUMP, IMM32}, [0xEB] = {JUMP, IMM8},
    [0xF6] = {FIRST_OF_GROUP, MODRM | IMM8 | FLAGS},                                   // test
    [0xF7] = {GROUP_3, MODRM | IMM32 | FLAGS},
    [0xFF] = {GROUP_5, MODRM},
};
static const struct row two_bytes[256] = { // behind 0F
    [0x1F] = {OTHER, MODRM},                                                           // nop
    TIMES_16(0x80, {BRANCH, IMM32}),
    [0xAF] = {OTHER, MODRM | TO_REG | FLAGS},                                          // imul
    [0xB6] = {OTHER, MODRM | TO_REG}, [0xB7] = {OTHER, MODRM | TO_REG},                // movzx
    [0xBE] = {OTHER, MODRM | TO_REG}, [0xBF] = {OTHER, MODRM | TO_REG},                // movsx
};
// clang-format on

/* --- decoding ----------------------------------------------------------------------- */

enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8, SIB_FOLLOWS = 4, NO_BASE = 5 };

struct plain {
    enum fb_arch arch;
    struct fb_span code;
    unsigned at;                  // read so far; whether the code has it all is asked last
    uint8_t opcode, rex, segment; // 0: no such prefix
    struct row row;
    unsigned reg, rm; // of the ModRM byte, without REX
    bool memory;
    int base; // of the address, our index; -1: none, or more than a base, or a segment
    int64_t offset, immediate;
    bool whole; // operands are whole words
};

/* The processor's number of a register to ours. */
static int ours(const struct plain *p, unsigned number, unsigned extension)
{
    static const int8_t legacy[8] = {FB_RAX, FB_RCX, FB_RDX, FB_RBX,
                                     FB_RSP, FB_RBP, FB_RSI, FB_RDI};
    return (p->rex & extension) != 0 ? FB_R8 + (int)number : legacy[number];
}
static int reg_of(const struct plain *p) { return ours(p, p->reg, REX_R); }
static int rm_of(const struct plain *p) { return ours(p, p->rm, REX_B); }

static int64_t signed_of(uint64_t v, unsigned bytes)
{
    uint64_t sign = UINT64_C(1) << (8 * bytes - 1);
    return (int64_t)((v ^ sign) - sign);
}

static uint8_t read_byte(struct plain *p)
{
    return (uint8_t)fb_field(p->code, p->at++, 1, false);
}

static int64_t read_signed(struct plain *p, unsigned bytes)
{
    uint64_t v = fb_field(p->code, p->at, bytes, false);
    p->at += bytes;
    return signed_of(v, bytes);
}

static void read_opcode(struct plain *p)
{
    enum { FS = 0x64, GS = 0x65 };
    p->opcode = read_byte(p);
    if (p->opcode == FS || p->opcode == GS) {
        p->segment = p->opcode;
        p->opcode = read_byte(p);
    }
    if (p->arch == FB_AMD64 && (p->opcode & 0xF0) == 0x40) {
        p->rex = p->opcode & 15;
        p->opcode = read_byte(p);
    }
    if (p->opcode == 0x0F) {
        p->opcode = read_byte(p);
        p->row = two_bytes[p->opcode];
    } else {
        p->row = one_byte[p->opcode];
    }
    p->whole = p->arch == FB_X86 || (p->rex & REX_W) != 0;
}

static void read_address(struct plain *p, unsigned mod)
{
    bool sib = p->rm == SIB_FOLLOWS, alone = true;
    unsigned base = p->rm;
    if (sib) {
        uint8_t byte = read_byte(p);
        base = byte & 7;
        alone = (byte >> 3 & 7) == SIB_FOLLOWS && (p->rex & REX_X) == 0;
    }
    bool based = mod != 0 || base != NO_BASE; // else an offset alone, or one from rip
    unsigned bytes = mod == 1 ? 1 : mod == 2 || !based ? 4 : 0;
    if (bytes != 0)
        p->offset = read_signed(p, bytes);
    p->base = based && alone && p->segment == 0 ? ours(p, base, REX_B) : -1;
}

static void read_operands(struct plain *p)
{
    p->base = -1;
    if ((p->row.flags & MODRM) != 0) {
        uint8_t modrm = read_byte(p);
        p->reg = modrm >> 3 & 7;
        p->rm = modrm & 7;
        p->memory = modrm >> 6 != 3;
        if (p->memory)
            read_address(p, modrm >> 6);
    }
    if (p->row.form == GROUP_3 && p->reg > 1)
        p->row.flags &= (uint8_t)~IMM32; // only test has one
    unsigned bytes = p->row.flags & IMM8    ? 1
                     : p->row.flags & IMM16 ? 2
                     : p->row.flags & IMM32 ? 4
                                            : 0;
    if (bytes != 0)
        p->immediate = read_signed(p, bytes);
}

/* --- what it does ------------------------------------------------------------------- */

static uint64_t bit(int reg) { return UINT64_C(1) << reg; }

static uint64_t flags_of(const struct plain *p)
{
    return bit(p->arch == FB_X86 ? FB_EFLAGS : FB_RFLAGS);
}

static uint64_t writes_of(const struct plain *p)
{
    uint64_t writes = 0;
    if ((p->row.flags & TO_REG) != 0)
        writes |= bit(reg_of(p));
    if ((p->row.flags & TO_RM) != 0 && !p->memory)
        writes |= bit(rm_of(p));
    if ((p->row.flags & FLAGS) != 0)
        writes |= flags_of(p);
    if ((p->row.flags & SP) != 0)
        writes |= bit(FB_RSP);
    return writes;
}

static void move(const struct plain *p, bool load, struct fb_step *out)
{
    int to = load ? reg_of(p) : rm_of(p), from = load ? rm_of(p) : reg_of(p);
    if (!p->whole)
        return;
    if (!p->memory)
        fb_step_set(out, FB_STEP_SET, to, from, 0);
    else if (p->base >= 0 && load)
        fb_step_set(out, FB_STEP_LOAD, to, p->base, p->offset);
    else if (p->base >= 0)
        fb_step_set(out, FB_STEP_STORE, p->base, from, p->offset);
}

enum { ADD, AND = 4, SUB, CMP = 7 }; // of group 1
enum { SHL = 4, SAL = 6 };           // of group 2; what else says SAL is not plain
enum { MOV_BYTE_IMM = 0xC6 };
static bool group_1(const struct plain *p, struct fb_step *out)
{
    out->writes |= flags_of(p);
    if (p->memory)
        return true;
    int rm = rm_of(p);
    if (p->reg != CMP)
        out->writes |= bit(rm);
    if (p->whole && p->reg == ADD)
        fb_step_set(out, FB_STEP_SET, rm, rm, p->immediate);
    else if (p->whole && p->reg == SUB)
        fb_step_set(out, FB_STEP_SET, rm, rm, -p->immediate);
    else if (p->whole && p->reg == AND)
        fb_step_set(out, FB_STEP_MASK, rm, rm, p->immediate);
    return true;
}

static bool group_3(const struct plain *p, struct fb_step *out)
{
    enum { TEST = 0, NEG = 3, MUL = 4 };
    if (p->reg == NEG && !p->memory)
        out->writes |= bit(rm_of(p));
    if (p->reg >= MUL) // into two registers, or out of them
        out->writes |= bit(FB_RAX) | bit(FB_RDX);
    return p->reg == TEST || p->reg >= NEG;
}

static bool by_offset(const struct plain *p, struct fb_step *out)
{
    enum { TO_EAX = 0xA1 };
    if (p->opcode == TO_EAX)
        out->writes |= bit(FB_EAX);
    return p->arch == FB_X86; // else its offset has eight bytes
}

static bool count(const struct plain *p, struct fb_step *out)
{
    out->writes |= bit(ours(p, p->opcode & 7, 0));
    return p->arch == FB_X86;
}

static bool group_5(const struct plain *p, struct fb_step *out)
{
    enum { DEC = 1, CALL_RM = 2, JUMP_RM = 4, PUSH_RM = 6 };
    if (p->reg <= DEC) {
        out->writes |= flags_of(p) | (p->memory ? 0 : bit(rm_of(p)));
        return true;
    }
    if (p->reg == CALL_RM)
        out->kind = FB_STEP_CALL;
    else if (p->reg == JUMP_RM)
        out->kind = FB_STEP_END;
    else if (p->reg == PUSH_RM)
        fb_step_set(out, FB_STEP_PUSH, -1, p->memory ? -1 : rm_of(p), 1);
    if (p->reg != JUMP_RM)
        out->writes |= bit(FB_RSP);
    return p->reg == CALL_RM || p->reg == JUMP_RM || p->reg == PUSH_RM;
}

static void go(const struct plain *p, fb_addr address, enum fb_step_kind kind,
               struct fb_step *out)
{
    uint64_t target = address + p->at + (uint64_t)p->immediate;
    out->kind = kind;
    out->target_known = true;
    out->target = p->arch == FB_X86 ? (uint32_t)target : target;
}

/* @return false: this one is not plain after all */
static bool apply(const struct plain *p, fb_addr address, struct fb_step *out)
{
    switch ((enum form)p->row.form) {
    case OTHER:
        return true;
    case NOP:
        return p->rex == 0;
    case MOVSXD:
        return p->arch == FB_AMD64;
    case LOAD:
    case STORE:
        move(p, p->row.form == LOAD, out);
        return true;
    case LEA:
        if (p->whole && p->base >= 0)
            fb_step_set(out, FB_STEP_SET, reg_of(p), p->base, p->offset);
        return p->memory;
    case PUSH:
        fb_step_set(out, FB_STEP_PUSH, -1, ours(p, p->opcode & 7, REX_B), 1);
        return true;
    case POP:
        fb_step_set(out, FB_STEP_POP, ours(p, p->opcode & 7, REX_B), -1, 1);
        out->writes |= bit(out->to);
        return true;
    case PUSH_IMM:
        fb_step_set(out, FB_STEP_PUSH, -1, -1, 1);
        return true;
    case GROUP_1:
        return group_1(p, out);
    case GROUP_5:
        return group_5(p, out);
    case GROUP_1_BYTE:
        return p->memory || p->reg == CMP;
    case GROUP_2:
        return p->reg >= SHL && p->reg != SAL;
    case GROUP_3:
        return group_3(p, out);
    case FIRST_OF_GROUP:
        return p->reg == 0;
    case TO_MEMORY:
        return p->memory && (p->opcode != MOV_BYTE_IMM || p->reg == 0);
    case BY_OFFSET:
        return by_offset(p, out);
    case COUNT_X86:
        return count(p, out);
    case SET_IMM:
        out->writes = bit(ours(p, p->opcode & 7, REX_B));
        return p->arch == FB_X86 || !p->whole; // else its immediate has eight bytes
    case CALL:
        go(p, address, FB_STEP_CALL, out);
        return true;
    case JUMP:
        go(p, address, FB_STEP_JUMP, out);
        return true;
    case BRANCH:
        go(p, address, FB_STEP_BRANCH, out);
        return true;
    case RETURN:
        fb_step_set(out, FB_STEP_RETURN, -1, -1, p->immediate & 0xFFFF);
        return true;
    case LEAVE:
        out->kind = FB_STEP_LEAVE;
        out->writes |= bit(FB_RBP);
        return true;
    case STOP:
        out->kind = FB_STEP_END;
        return true;
    case NOT_PLAIN:
        break;
    }
    return false;
}

/* A segment changes what memory is meant, and nothing else; with other instructions, nobody
 * writes one. */
static bool odd_segment(const struct plain *p)
{
    return p->segment != 0 && !p->memory && p->row.form != BY_OFFSET;
}

bool fb_step_plain(enum fb_arch arch, struct fb_span code, fb_addr address, struct fb_step *out)
{
    struct plain p = {.arch = arch, .code = code};
    read_opcode(&p);
    if (p.row.form == NOT_PLAIN)
        return false;
    read_operands(&p);
    if (p.at > code.n || odd_segment(&p))
        return false;
    *out = (struct fb_step){
        .length = (uint8_t)p.at, .to = -1, .from = -1, .second = -1, .writes = writes_of(&p)};
    return apply(&p, address, out);
}
