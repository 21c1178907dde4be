/*
 * worker/analysis/disasm/insn.c -- one instruction by Capstone, corrected by our tables.
 *
 * The library takes memory only when it is opened; what it decodes goes into structures
 * on our stack.
 */
#include "disasm/dataflow_parts.h"

#include "base/text.h"

#if CS_API_MAJOR < 4 || CS_API_MAJOR > 5
#error "the tables of disasm/ were compared with Capstone 4 and 5 only"
#endif

enum { X86_INSN_MAX = 15, ARM_WORD = 4, THUMB_BIT = 1 << 5 };

static const struct {
    cs_arch arch;
    cs_mode mode;
} machines[FB_ARCH_OTHER] = {
    [FB_X86] = {CS_ARCH_X86,   CS_MODE_32 },
    [FB_AMD64] = {CS_ARCH_X86,   CS_MODE_64 },
    [FB_ARM] = {CS_ARCH_ARM,   CS_MODE_ARM},
    [FB_ARM64] = {CS_ARCH_ARM64, CS_MODE_ARM},
};

static bool supported(enum fb_arch arch)
{
    return arch == FB_X86 || arch == FB_AMD64 || arch == FB_ARM || arch == FB_ARM64;
}

size_t fb_disasm_open(enum fb_arch arch)
{
    csh handle = 0;
    int major = (int)(cs_version(NULL, NULL) >> 8);
    if (!supported(arch) || major != CS_API_MAJOR)
        return 0;
    if (cs_open(machines[arch].arch, machines[arch].mode, &handle) != CS_ERR_OK)
        return 0;
    if (cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON) != CS_ERR_OK)
        cs_close(&handle); // sets it to 0
    return handle;
}

void fb_disasm_close(size_t handle)
{
    csh open = handle;
    if (open != 0)
        cs_close(&open);
}

/* Without the flags register the low bit of the address tells ARM and Thumb apart. */
static bool is_thumb(const struct fb_regs *regs, fb_addr address)
{
    return fb_reg_known(regs, FB_CPSR32) ? (regs->v[FB_CPSR32] & THUMB_BIT) != 0
                                         : (address & 1) != 0;
}

static bool decode(csh handle, enum fb_arch arch, struct fb_span code, fb_addr address,
                   const struct fb_regs *regs, cs_insn *insn)
{
    if (arch == FB_ARM) {
        bool thumb = is_thumb(regs, address);
        cs_option(handle, CS_OPT_MODE, thumb ? CS_MODE_THUMB : CS_MODE_ARM);
        address &= ~(fb_addr)1;
    }
    const uint8_t *p = code.p;
    size_t n = code.n;
    return n > 0 && cs_disasm_iter(handle, &p, &n, &address, insn);
}

static uint32_t word_of(struct fb_span code)
{
    struct fb_reader r = {.in = code};
    return fb_read_u32(&r);
}

static bool keep_text(const char *name, const char *operands, struct fb_arena *arena,
                      struct fb_insn *out)
{
    struct fb_text text = fb_text_open(arena);
    fb_text_str(&text, name);
    if (operands[0] != '\0') {
        fb_text_char(&text, ' ');
        fb_text_str(&text, operands);
    }
    out->text = fb_text_close(&text, arena);
    return out->text != NULL;
}

/* The architectures' halves; `data` NULL: not wanted. */
static void describe(csh handle, enum fb_arch arch, const cs_insn *cs,
                     const struct fb_regs *regs, struct fb_insn *insn, struct fb_dataflow *data)
{
    switch (arch) {
    case FB_ARM64:
        fb_insn_arm64(handle, cs, regs, insn);
        if (data != NULL)
            fb_dataflow_arm64(cs, insn, data);
        break;
    case FB_ARM:
        fb_insn_arm(handle, cs, regs, insn);
        if (data != NULL)
            fb_dataflow_arm(cs, insn, data);
        break;
    default:
        fb_insn_x86(handle, arch, cs, regs, insn);
        if (data != NULL)
            fb_dataflow_x86(arch, cs, insn, data);
        break;
    }
}

/* An ARM64 word that Capstone need not be asked about. */
static bool by_hand(enum fb_arch arch, struct fb_span code, const struct fb_regs *regs,
                    struct fb_arena *arena, struct fb_insn *insn, struct fb_dataflow *data)
{
    if (arch != FB_ARM64 || code.n < ARM_WORD)
        return false;
    uint32_t word = word_of(code);
    const char *name = fb_insn_arm64_word(word, regs, insn);
    if (name == NULL)
        return false;
    insn->length = ARM_WORD;
    if (data != NULL)
        fb_dataflow_arm64_word(word, insn, data);
    return keep_text(name, "", arena, insn);
}

bool fb_disasm_data(size_t handle, enum fb_arch arch, struct fb_span code, fb_addr address,
                    const struct fb_regs *regs, struct fb_arena *arena, struct fb_insn *out,
                    struct fb_dataflow *data)
{
    if (handle == 0 || !supported(arch))
        return false;
    struct fb_insn insn = {.address = address, .target_reg = -1};
    if (data != NULL) {
        data->effect = FB_EFFECT_FLOW;
        data->stack_moves = false;
        data->n = 0;
    }
    if (by_hand(arch, code, regs, arena, &insn, data)) {
        *out = insn;
        return true;
    }
    cs_detail detail;
    cs_insn cs = {.detail = &detail};
    memset(&detail, 0, sizeof detail);
    if (!decode(handle, arch, code, address, regs, &cs) ||
        !keep_text(cs.mnemonic, cs.op_str, arena, &insn))
        return false;
    insn.length = (uint8_t)cs.size;
    insn.id = cs.id;
    describe(handle, arch, &cs, regs, &insn, data);
    *out = insn;
    return true;
}

bool fb_disasm(size_t handle, enum fb_arch arch, struct fb_span code, fb_addr address,
               const struct fb_regs *regs, struct fb_arena *arena, struct fb_insn *out)
{
    return fb_disasm_data(handle, arch, code, address, regs, arena, out, NULL);
}

/* What Capstone tells beside the text is a third of its work. */
bool fb_disasm_line(size_t handle, enum fb_arch arch, struct fb_span code, fb_addr address,
                    const struct fb_regs *regs, struct fb_arena *arena, struct fb_insn *out)
{
    if (handle == 0 || (arch != FB_X86 && arch != FB_AMD64))
        return fb_disasm(handle, arch, code, address, regs, arena, out);
    struct fb_insn insn = {.address = address, .target_reg = -1};
    cs_insn cs = {.detail = NULL};
    cs_option(handle, CS_OPT_DETAIL, CS_OPT_OFF);
    bool decoded = decode(handle, arch, code, address, regs, &cs);
    cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
    if (!decoded || !keep_text(cs.mnemonic, cs.op_str, arena, &insn))
        return false;
    insn.length = (uint8_t)cs.size;
    insn.id = cs.id;
    insn.flow = fb_op_x86(cs.id)->flow;
    *out = insn;
    return true;
}

static bool decodes_with(csh handle, enum fb_arch arch, struct fb_span code, uint8_t filler)
{
    static const struct fb_regs none;
    uint8_t padded[X86_INSN_MAX];
    memset(padded, filler, sizeof padded);
    memcpy(padded, code.p, code.n < sizeof padded ? code.n : sizeof padded);
    cs_detail detail;
    cs_insn cs = {.detail = &detail};
    memset(&detail, 0, sizeof detail);
    return decode(handle, arch, (struct fb_span){padded, sizeof padded, 0}, 0, &none, &cs);
}

bool fb_disasm_refutes(size_t handle, enum fb_arch arch, struct fb_span code)
{
    if (handle == 0 || code.n == 0)
        return false;
    if (arch == FB_ARM64)
        return CS_API_MAJOR >= 5 && code.n >= ARM_WORD;
    if (arch != FB_X86 && arch != FB_AMD64)
        return false;
    /* Cut short? Then some continuation must make an instruction of it. Two are tried; what
     * neither completes is excluded by the bytes that are there. */
    static const uint8_t fillers[] = {0x90, 0x00};
    for (size_t i = 0; i < sizeof fillers; i++)
        if (decodes_with(handle, arch, code, fillers[i]))
            return false;
    return true;
}
