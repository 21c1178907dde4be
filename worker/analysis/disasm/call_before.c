/*
 * worker/analysis/disasm/call_before.c -- does an address follow a call?
 *
 * The question of every stack scan, asked for thousands of words per dump: decoded by hand.
 */
#include "disasm/insn.h"

/* x86 and x64: E8 rel32, or FF /2 with 2 to 7 bytes. Prefixes (REX, segment, NOTRACK) stand
 * before these and change nothing. */
enum {
    CALL_NEAR = 0xE8,
    CALL_NEAR_SIZE = 5,
    GROUP_5 = 0xFF,
    GROUP_5_CALL = 2,
    CALL_ABSOLUTE = 0x15, // ModRM: through the word at disp32, on x64 from rip
    CALL_ABSOLUTE_SIZE = 6,
    FS = 0x64,
    GS = 0x65
};

/* Bytes of an instruction of one opcode byte from its ModRM byte and the byte behind it. */
static size_t size_by_modrm(uint8_t modrm, uint8_t sib)
{
    unsigned mod = modrm >> 6, rm = modrm & 7;
    size_t size = 2;
    if (mod == 3)
        return size;
    if (rm == 4)
        size++;
    if (mod == 1)
        return size + 1;
    bool wide = mod == 2 || rm == 5 || (rm == 4 && (sib & 7) == 5);
    return wide ? size + 4 : size;
}

static uint32_t le(const uint8_t *p, size_t n)
{
    uint32_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint32_t)p[i] << (8 * i);
    return v;
}

static uint64_t relative(enum fb_arch arch, fb_addr from, uint32_t displacement)
{
    uint64_t to = from + (uint64_t)(int32_t)displacement;
    return arch == FB_X86 ? (uint32_t)to : to;
}

/* The size of the call of group 5 that ends at `end`; 0: there is none. */
static size_t group_5_call(const uint8_t *end, size_t n)
{
    for (size_t size = 2; size <= FB_CALL_MAX && size <= n; size++) {
        const uint8_t *p = end - size;
        uint8_t sib = size > 2 ? p[2] : 0;
        if (p[0] == GROUP_5 && (p[1] >> 3 & 7) == GROUP_5_CALL &&
            size_by_modrm(p[1], sib) == size)
            return size;
    }
    return 0;
}

/* Bytes that can be read as two different calls are one, but nobody knows where to. */
static struct fb_call x86_call(enum fb_arch arch, const uint8_t *end, size_t n, fb_addr address)
{
    bool near = n >= CALL_NEAR_SIZE && end[-CALL_NEAR_SIZE] == CALL_NEAR;
    size_t size = group_5_call(end, n);
    if (!near && size == 0)
        return (struct fb_call){n >= FB_CALL_MAX ? FB_CALL_NONE : FB_CALL_UNKNOWN, 0};
    if (near && size == 0)
        return (struct fb_call){FB_CALL_DIRECT, relative(arch, address, le(end - 4, 4))};
    bool segment = n > size && (end[-1 - (int)size] == FS || end[-1 - (int)size] == GS);
    if (near || size != CALL_ABSOLUTE_SIZE || end[1 - CALL_ABSOLUTE_SIZE] != CALL_ABSOLUTE ||
        segment)
        return (struct fb_call){FB_CALL_ANYWHERE, 0};
    uint32_t d = le(end - 4, 4);
    return (struct fb_call){FB_CALL_THROUGH, arch == FB_X86 ? d : relative(arch, address, d)};
}

enum { BL = 0x25 }; // the six highest bits
static fb_addr branch_target(fb_addr from, uint32_t word)
{
    uint64_t sign = UINT64_C(1) << 27;
    return from + ((((uint64_t)word << 2 & (2 * sign - 1)) ^ sign) - sign);
}

/* Of ARM64, others than BL. */
static bool arm64_call(uint32_t word)
{
    return (word & 0xFFFFFC1F) == 0xD63F0000 || // BLR
           (word & 0xFEFFF800) == 0xD63F0800;   // BLRAA, BLRAB, BLRAAZ, BLRABZ
}

static bool arm_call(uint32_t word)
{
    bool unconditional_space = word >> 28 == 0xF;
    return (!unconditional_space && (word & 0x0F000000) == 0x0B000000) || // BL
           (word & 0xFE000000) == 0xFA000000 ||                           // BLX label
           (!unconditional_space && (word & 0x0FFFFFF0) == 0x012FFF30);   // BLX register
}

static bool thumb_call(const uint8_t *end, size_t n)
{
    if (n >= 2 && (le(end - 2, 2) & 0xFF87) == 0x4780) // BLX register
        return true;
    return n >= 4 && (le(end - 4, 2) & 0xF800) == 0xF000 &&
           (le(end - 2, 2) & 0xC000) == 0xC000; // BL, BLX label
}

static struct fb_call arm_call_or_none(bool called, size_t n)
{
    return (struct fb_call){called   ? FB_CALL_ANYWHERE
                            : n >= 4 ? FB_CALL_NONE
                                     : FB_CALL_UNKNOWN,
                            0};
}

struct fb_call fb_disasm_call_before(enum fb_arch arch, struct fb_span before, fb_addr address)
{
    bool thumb = arch == FB_ARM && (address & 1) != 0;
    size_t n = before.n;
    if (n == 0)
        return (struct fb_call){FB_CALL_UNKNOWN, 0};
    const uint8_t *end = before.p + n;
    if (arch == FB_X86 || arch == FB_AMD64)
        return x86_call(arch, end, n, address);
    bool called = false;
    if (arch == FB_ARM64 && n >= 4) {
        uint32_t word = le(end - 4, 4);
        if (word >> 26 == BL)
            return (struct fb_call){FB_CALL_DIRECT, branch_target(address - 4, word)};
        called = arm64_call(word);
    }
    if (arch == FB_ARM) // walkers may have cleared the Thumb bit
        called = (!thumb && n >= 4 && arm_call(le(end - 4, 4))) || thumb_call(end, n);
    return arm_call_or_none(called, n);
}
