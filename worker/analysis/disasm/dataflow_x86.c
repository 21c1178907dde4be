/*
 * worker/analysis/disasm/dataflow_x86.c -- data flow of x86 and x64 instructions.
 *
 * A row of flowtable_x86.c says what an instruction does with its operands and which registers
 * it uses without naming them. Without a row Capstone's word counts: what it calls written
 * receives what it calls read. Directions of memory operands are those of insn_x86.c.
 */
#include "disasm/flowtable_x86.h"

#include "base/text.h"

/* Capstone's register to the units of ours; the rows of general[] in insn_x86.c. */
static const uint8_t units[X86_REG_ENDING] = {
#define WIDTHS(b, w, d, q)                                                                     \
    [X86_REG_##b] = FB_UNIT_LOW, [X86_REG_##w] = FB_UNITS_16, [X86_REG_##d] = FB_UNITS_32,     \
    [X86_REG_##q] = FB_UNITS_64
    WIDTHS(AL, AX, EAX, RAX),      WIDTHS(BL, BX, EBX, RBX),      WIDTHS(CL, CX, ECX, RCX),
    WIDTHS(DL, DX, EDX, RDX),      WIDTHS(SIL, SI, ESI, RSI),     WIDTHS(DIL, DI, EDI, RDI),
    WIDTHS(BPL, BP, EBP, RBP),     WIDTHS(SPL, SP, ESP, RSP),     WIDTHS(R8B, R8W, R8D, R8),
    WIDTHS(R9B, R9W, R9D, R9),     WIDTHS(R10B, R10W, R10D, R10), WIDTHS(R11B, R11W, R11D, R11),
    WIDTHS(R12B, R12W, R12D, R12), WIDTHS(R13B, R13W, R13D, R13), WIDTHS(R14B, R14W, R14D, R14),
    WIDTHS(R15B, R15W, R15D, R15),
#undef WIDTHS
    [X86_REG_AH] = FB_UNIT_HIGH,   [X86_REG_BH] = FB_UNIT_HIGH,   [X86_REG_CH] = FB_UNIT_HIGH,
    [X86_REG_DH] = FB_UNIT_HIGH,
};

static uint8_t units_of_size(unsigned size)
{
    return size == 1   ? FB_UNIT_LOW
           : size == 2 ? FB_UNITS_16
           : size == 4 ? FB_UNITS_32
                       : FB_UNITS_64;
}

/* On x64 a write of 32 bits clears the other 32; on x86 there are no others. */
static uint8_t covered_by_write(uint8_t of) { return of == FB_UNITS_32 ? FB_UNITS_64 : of; }

static int vector_of(unsigned reg)
{
    static const struct {
        unsigned first, last;
        int ours;
    } banks[] = {
        {X86_REG_XMM0, X86_REG_XMM31, 0             },
        {X86_REG_YMM0, X86_REG_YMM31, 0             },
        {X86_REG_ZMM0, X86_REG_ZMM31, 0             },
        {X86_REG_MM0,  X86_REG_MM7,   FB_VECTOR_MMX },
        {X86_REG_K0,   X86_REG_K7,    FB_VECTOR_MASK},
    };
    if (reg >= X86_REG_ST0 && reg <= X86_REG_ST7)
        return FB_VECTOR_X87;
    for (size_t i = 0; i < sizeof banks / sizeof *banks; i++)
        if (reg >= banks[i].first && reg <= banks[i].last)
            return banks[i].ours + (int)(reg - banks[i].first);
    return -1;
}

struct work {
    enum fb_arch arch;
    const cs_insn *cs;
    const cs_x86 *x86;
    const struct fb_insn *insn;
    const struct fb_flow_row *row;
    struct fb_dataflow *out;
    size_t memories; // of insn->mem seen
};

static void add_register(const struct work *w, int reg, uint8_t read, uint8_t written,
                         bool named)
{
    if (reg >= 0)
        fb_data_register(w->out, reg, read, covered_by_write(written))->named = named;
}

static void add_memory(struct work *w, int i)
{
    const x86_op_mem *mem = &w->x86->operands[i].mem;
    struct fb_data place = {.kind = FB_DATA_MEMORY, .named = true};
    place.base = (int8_t)(mem->base != X86_REG_INVALID && mem->base != X86_REG_RIP &&
                                  mem->base != X86_REG_EIP
                              ? fb_insn_x86_reg(w->arch, mem->base)
                              : -1);
    place.index =
        (int8_t)(mem->index != X86_REG_INVALID ? fb_insn_x86_reg(w->arch, mem->index) : -1);
    place.plain = mem->segment != X86_REG_FS && mem->segment != X86_REG_GS;
    place.displacement = mem->disp;
    place.size = w->x86->operands[i].size;
    place.only_address = fb_op_x86(w->cs->id)->memory == FB_OP_NO_ACCESS;
    place.read = place.only_address;
    if (!place.only_address && w->memories < w->insn->n_mem) {
        place.read = w->insn->mem[w->memories].read;
        place.write = w->insn->mem[w->memories].write;
        w->memories++;
    }
    fb_data_add(w->out, place);
}

/* What the instruction does with operand `i`, a register. */
static void direction(const struct work *w, int i, bool *read, bool *write)
{
    uint8_t access = w->x86->operands[i].access;
    *read = i > 0;
    *write = i == 0;
    switch (w->row->form) {
    case FB_FORM_COMBINE:
        *read = true;
        break;
    case FB_FORM_BOTH:
        *read = *write = true;
        break;
    case FB_FORM_COMPARE:
        *read = true;
        *write = false;
        break;
    case FB_FORM_DISCARD:
        *read = false;
        break;
    case FB_FORM_UNSAID:
        if (access != 0) {
            *read = (access & CS_AC_READ) != 0;
            *write = (access & CS_AC_WRITE) != 0;
        }
        break;
    default:
        break;
    }
}

static void add_operand_register(const struct work *w, int i)
{
    unsigned reg = (unsigned)w->x86->operands[i].reg;
    bool read, write;
    int vector = vector_of(reg);
    direction(w, i, &read, &write);
    if (vector >= 0)
        fb_data_vector(w->out, vector, read, write)->named = true;
    else if (reg < X86_REG_ENDING && units[reg] != 0)
        add_register(w, fb_insn_x86_reg(w->arch, reg), read ? units[reg] : 0,
                     write ? units[reg] : 0, true);
    else if (w->row->effect == FB_EFFECT_PUSH)
        add_register(w, FB_EAX, 0, 0, false); // a segment register: a word without data
}

static void add_operands(struct work *w)
{
    for (int i = 0; i < w->x86->op_count; i++) {
        if (w->x86->operands[i].type == X86_OP_MEM)
            add_memory(w, i);
        else if (w->x86->operands[i].type == X86_OP_REG)
            add_operand_register(w, i);
        else if (w->row->effect == FB_EFFECT_PUSH)
            add_register(w, FB_EAX, 0, 0, false); // a constant
    }
}

/* --- what is not named -------------------------------------------------------------- */

/* How much of rAX a multiplication or division uses: with 8 bits AX stands in for DX:AX. */
static uint8_t implied_units(uint8_t said, uint8_t registers, unsigned size)
{
    if (said != FB_BY_SIZE)
        return said;
    return size == 1 && registers & FB_IMPLIED_D ? FB_UNITS_16 : units_of_size(size);
}

static void add_implied(const struct work *w)
{
    const struct fb_flow_row *row = w->row;
    unsigned size = w->x86->op_count > 0 ? w->x86->operands[0].size : 0;
    uint8_t read = implied_units(row->read_units, row->reads, size);
    uint8_t written = implied_units(row->write_units, row->writes, size);
    bool without_d = size == 1 && row->write_units == FB_BY_SIZE;
    for (int reg = FB_EAX; (row->reads | row->writes) != 0 && reg <= FB_ESP; reg++) {
        bool reads = row->reads >> reg & 1, writes = row->writes >> reg & 1;
        if ((reads || writes) && !(without_d && reg == FB_EDX))
            add_register(w, reg, reads ? read : 0, writes ? written : 0, false);
    }
}

static bool names(const struct fb_dataflow *data, int reg)
{
    for (size_t i = 0; i < data->n; i++)
        if (data->v[i].kind == FB_DATA_REGISTER && data->v[i].reg == reg)
            return true;
    return false;
}

/* Without a row: what Capstone says is used beside the operands. The addresses are none of it,
 * they were seen. */
static void add_unsaid(const struct work *w)
{
    int flags = w->arch == FB_X86 ? FB_EFLAGS : FB_RFLAGS;
    uint64_t used = w->insn->reads | w->insn->writes, addresses = 0;
    for (size_t i = 0; i < w->insn->n_mem; i++)
        addresses |= fb_insn_mask(w->insn->mem[i].base) | fb_insn_mask(w->insn->mem[i].index);
    for (int reg = 0; reg < flags - 1; reg++) {
        bool read = (w->insn->reads & ~addresses) >> reg & 1;
        bool written = w->insn->writes >> reg & 1;
        if (used >> reg & 1 && (read || written) && !names(w->out, reg))
            add_register(w, reg, read ? FB_UNITS_64 : 0, written ? FB_UNITS_64 : 0, false);
    }
    if (w->insn->writes >> flags & 1)
        fb_data_flags(w->out, false, true);
}

/* The stack pointer plus a constant is a stack pointer that is still known. */
static void stack_change(const struct work *w)
{
    const cs_x86 *x86 = w->x86;
    if (x86->op_count != 2 || x86->operands[0].type != X86_OP_REG ||
        fb_insn_x86_reg(w->arch, (unsigned)x86->operands[0].reg) != FB_ESP)
        return;
    const cs_x86_op *by = &x86->operands[1];
    bool constant = by->type == X86_OP_IMM;
    bool offset = by->type == X86_OP_MEM && by->mem.index == X86_REG_INVALID &&
                  fb_insn_x86_reg(w->arch, by->mem.base) == FB_ESP;
    w->out->stack_moves =
        (constant && (w->cs->id == X86_INS_ADD || w->cs->id == X86_INS_SUB)) ||
        (offset && w->cs->id == X86_INS_LEA);
    w->out->stack_by = !w->out->stack_moves       ? 0
                       : offset                   ? by->mem.disp
                       : w->cs->id == X86_INS_ADD ? by->imm
                                                  : (int64_t)(0 - (uint64_t)by->imm);
}

static bool same_register(const cs_x86 *x86, int a, int b)
{
    return b < x86->op_count && x86->operands[a].type == X86_OP_REG &&
           x86->operands[b].type == X86_OP_REG && x86->operands[a].reg == x86->operands[b].reg;
}

/* x ^ x, x - x, x & 0, x * 0: whatever x was. */
static bool makes_zero(const struct work *w)
{
    const cs_x86 *x86 = w->x86;
    if (x86->op_count < 2)
        return false;
    const cs_x86_op *last = &x86->operands[x86->op_count - 1];
    if (w->row->zero == FB_ZERO_OF_SAME)
        return x86->op_count == 2 ? same_register(x86, 0, 1) : same_register(x86, 1, 2);
    return w->row->zero == FB_ZERO_BY_ZERO && last->type == X86_OP_IMM && last->imm == 0;
}

/* --- by hand ------------------------------------------------------------------------ */

static void push_all(const struct work *w, uint8_t of, bool pop)
{
    static const int order[] = {FB_EAX, FB_ECX, FB_EDX, FB_EBX, FB_ESP, FB_EBP, FB_ESI, FB_EDI};
    for (int i = 0; i < 8; i++) {
        int reg = order[pop ? 7 - i : i];
        uint8_t used = pop && reg == FB_ESP ? 0 : of; // its value is thrown away
        add_register(w, reg, pop ? 0 : used, pop ? used : 0, false);
    }
}

static void by_hand(struct work *w)
{
    switch (w->cs->id) {
    case X86_INS_PUSHAL:
    case X86_INS_PUSHAW:
        push_all(w, w->cs->id == X86_INS_PUSHAL ? FB_UNITS_32 : FB_UNITS_16, false);
        break;
    case X86_INS_POPAL:
    case X86_INS_POPAW:
        push_all(w, w->cs->id == X86_INS_POPAL ? FB_UNITS_32 : FB_UNITS_16, true);
        break;
    case X86_INS_XLATB:
        fb_data_add(w->out, (struct fb_data){.kind = FB_DATA_MEMORY,
                                             .read = true,
                                             .base = FB_EBX,
                                             .index = FB_EAX,
                                             .plain = true,
                                             .size = 1});
        break;
    case X86_INS_MASKMOVDQU:
    case X86_INS_VMASKMOVDQU:
    case X86_INS_MASKMOVQ:
        fb_data_add(w->out, (struct fb_data){.kind = FB_DATA_MEMORY,
                                             .write = true,
                                             .base = FB_EDI,
                                             .index = -1,
                                             .plain = true});
        break;
    default:
        break;
    }
}

static void add_conditions(const struct work *w)
{
    switch (w->cs->id) {
    case X86_INS_LOOPE:
    case X86_INS_LOOPNE:
        fb_data_flags(w->out, true, false);
        add_register(w, FB_ECX, FB_UNITS_64, 0, false);
        break;
    case X86_INS_LOOP:
    case X86_INS_JRCXZ:
        add_register(w, FB_ECX, FB_UNITS_64, 0, false);
        break;
    case X86_INS_JECXZ:
        add_register(w, FB_ECX, FB_UNITS_32, 0, false);
        break;
    case X86_INS_JCXZ:
        add_register(w, FB_ECX, FB_UNITS_16, 0, false);
        break;
    default:
        fb_data_flags(w->out, true, false);
        break;
    }
}

/* Instructions with three operands in VEX form write the first and read the others; some
 * merge. Capstone's flags for them come and go with its versions. */
static const struct fb_flow_row *row_of(const cs_insn *cs)
{
    static const struct fb_flow_row assigns = {.form = FB_FORM_ASSIGN},
                                    merges = {.form = FB_FORM_COMBINE};
    static const char *const merging[] = {"vfm",     "vfn",     "vpermi2",
                                          "vpermt2", "vgather", "vpgather"};
    const struct fb_flow_row *row = fb_flow_x86(cs->id);
    if (row->form != FB_FORM_UNSAID || cs->mnemonic[0] != 'v' || fb_starts(cs->mnemonic, "ver"))
        return row;
    for (size_t i = 0; i < sizeof merging / sizeof *merging; i++)
        if (fb_starts(cs->mnemonic, merging[i]))
            return &merges;
    return &assigns;
}

/* MOVSD, MOVLPS and their like: a load sets the whole register, a register a part of it;
 * Capstone has one id for the string move and the SSE move of the same name. */
static const struct fb_flow_row *refined(const struct fb_flow_row *row, const cs_x86 *x86)
{
    static const struct fb_flow_row merges = {.form = FB_FORM_COMBINE},
                                    multiplies = {.form = FB_FORM_COMBINE,
                                                  .flags = true,
                                                  .zero = FB_ZERO_BY_ZERO},
                                    multiplies_into = {.form = FB_FORM_ASSIGN,
                                                       .flags = true,
                                                       .zero = FB_ZERO_BY_ZERO};
    bool registers = x86->op_count == 2 && x86->operands[0].type == X86_OP_REG &&
                     x86->operands[1].type == X86_OP_REG;
    if (row->refine == FB_REFINE_SCALAR_MOVE && registers)
        return &merges;
    if (row->refine == FB_REFINE_MULTIPLY && x86->op_count > 1)
        return x86->op_count == 2 ? &multiplies : &multiplies_into;
    return row;
}

void fb_dataflow_x86(enum fb_arch arch, const cs_insn *cs, const struct fb_insn *insn,
                     struct fb_dataflow *out)
{
    const cs_x86 *x86 = &cs->detail->x86;
    struct work w = {arch, cs, x86, insn, refined(row_of(cs), x86), out, 0};
    out->effect = w.row->effect;
    if (insn->block_move)
        out->effect = FB_EFFECT_BLOCK_MOVE;
    if (w.row->form == FB_FORM_NOTHING)
        return;
    add_operands(&w);
    if (insn->flow == FB_FLOW_CONDITIONAL) {
        add_conditions(&w);
        return;
    }
    if (w.row->x87)
        fb_data_vector(out, FB_VECTOR_X87, true, w.row->x87 == FB_X87_CHANGES);
    by_hand(&w);
    add_implied(&w);
    if (w.row->form == FB_FORM_UNSAID)
        add_unsaid(&w);
    else if (w.row->flags || w.row->reads_flags)
        fb_data_flags(out, w.row->reads_flags, w.row->flags);
    if (insn->writes & FB_REG(FB_ESP))
        stack_change(&w);
    if (makes_zero(&w))
        fb_data_forget_reads(out);
}
