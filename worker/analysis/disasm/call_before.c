/*
 * worker/analysis/disasm/call_before.c -- does an address follow a call?
 *
 * The question of every stack scan, asked for thousands of words per dump: decoded by hand.
 */
#include "disasm/insn.h"

/* x86 and x64: E8 rel32, or FF /2 with 2 to 7 bytes. Prefixes (REX, segment, NOTRACK) stand
 * before these and change nothing. */
enum { CALL_NEAR = 0xE8, CALL_NEAR_SIZE = 5, GROUP_5 = 0xFF, GROUP_5_CALL = 2, CALL_MAX = 7 };

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

static int x86_call(const uint8_t *end, size_t n)
{
    if (n >= CALL_NEAR_SIZE && end[-CALL_NEAR_SIZE] == CALL_NEAR)
        return 1;
    for (size_t size = 2; size <= CALL_MAX && size <= n; size++) {
        const uint8_t *p = end - size;
        uint8_t sib = size > 2 ? p[2] : 0;
        if (p[0] == GROUP_5 && (p[1] >> 3 & 7) == GROUP_5_CALL &&
            size_by_modrm(p[1], sib) == size)
            return 1;
    }
    return n == CALL_MAX ? 0 : -1;
}

static uint32_t le(const uint8_t *p, size_t n)
{
    uint32_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint32_t)p[i] << (8 * i);
    return v;
}

static bool arm64_call(uint32_t word)
{
    return (word & 0xFC000000) == 0x94000000 || // BL
           (word & 0xFFFFFC1F) == 0xD63F0000 || // BLR
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

/* The up to `max` bytes that end at `address`, as many as are at hand. */
static struct fb_span bytes_before(const struct fb_memory *memory, fb_addr address, size_t max)
{
    for (size_t n = max; n >= 2; n--) {
        struct fb_span got =
            address >= n ? fb_memory_at(memory, address - n, n) : (struct fb_span){0};
        if (got.n == n)
            return got;
    }
    return (struct fb_span){0};
}

int fb_disasm_call_before(enum fb_arch arch, const struct fb_memory *memory, fb_addr address)
{
    bool x86 = arch == FB_X86 || arch == FB_AMD64;
    bool thumb = arch == FB_ARM && (address & 1) != 0;
    struct fb_span got =
        bytes_before(memory, thumb ? address - 1 : address, x86 ? CALL_MAX : sizeof(uint32_t));
    if (got.n == 0)
        return -1;
    const uint8_t *end = got.p + got.n;
    if (x86)
        return x86_call(end, got.n);
    bool called = false;
    if (arch == FB_ARM64 && got.n == 4)
        called = arm64_call(le(got.p, 4));
    if (arch == FB_ARM) // walkers may have cleared the Thumb bit
        called = (!thumb && got.n == 4 && arm_call(le(got.p, 4))) || thumb_call(end, got.n);
    return called ? 1 : got.n == 4 ? 0 : -1;
}
