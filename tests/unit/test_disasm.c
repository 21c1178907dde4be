/*
 * tests/unit/test_disasm.c -- what instructions do, by our table and the Capstone
 * that is linked.
 *
 * The first table holds the instructions that some version of Capstone describes wrongly: an
 * upgrade that changes a flag is noticed here, and only here.
 */
#include "disasm/insn.h"
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

static size_t handles[FB_ARCH_OTHER];
static uint8_t room[4096];

static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t n = 0;
    for (; hex[2 * n] != '\0'; n++) {
        const char digits[] = {hex[2 * n], hex[2 * n + 1], '\0'};
        out[n] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return n;
}

static bool decode(enum fb_arch arch, const char *hex, const struct fb_regs *regs,
                   struct fb_insn *out)
{
    uint8_t bytes[16];
    size_t n = from_hex(hex, bytes);
    struct fb_arena arena = {.base = room, .cap = sizeof room};
    fb_arena_reset(&arena);
    struct fb_span code = {bytes, n, 0};
    struct fb_insn line = {0};
    bool listed = fb_disasm_line(handles[arch], arch, code, 0x401000, regs, &arena, &line);
    bool decoded = fb_disasm(handles[arch], arch, code, 0x401000, regs, &arena, out);
    CHECK(hex, listed == decoded);
    CHECK(hex, !decoded || (strcmp(line.text, out->text) == 0 && line.flow == out->flow &&
                            line.length == out->length));
    return decoded;
}

static int register_of(enum fb_arch arch, const char *name, size_t n)
{
    const struct fb_reg_names *names = fb_reg_names(arch);
    for (int i = 0; i < (int)names->n; i++)
        if (strlen(names->name[i]) == n && strncmp(names->name[i], name, n) == 0)
            return i;
    return -1;
}

/* Is `mask` as the words of `want` say: "eax" in it, "!eax" not in it? */
static bool holds(enum fb_arch arch, uint64_t mask, const char *want)
{
    for (const char *at = want; at != NULL && *at != '\0'; at += strspn(at, " ")) {
        bool out = *at == '!';
        at += out;
        size_t n = strcspn(at, " ");
        int reg = register_of(arch, at, n);
        if (reg < 0 || (mask >> reg & 1) == out)
            return false;
        at += n;
    }
    return true;
}

#define X FB_X86
#define Q FB_AMD64
#define A FB_ARM64
enum quality { PLAIN, PRIVILEGED, PUSHES, BLOCK_MOVE, DIVIDES };
static const struct row {
    const char *hex;
    enum fb_arch arch;
    const char *text;
    const char *memory; // of the first operand in memory: "r", "w", "rw", "" none
    const char *reads, *writes;
    enum fb_flow flow;
    enum quality quality;
} rows[] = {
    {"660f7f07",     X,      "movdqa",       "w",  "edi",             NULL,               FB_FLOW_NONE,        PLAIN     },
    {"0f1100",       Q,      "movups",       "w",  "rax",             NULL,               FB_FLOW_NONE,        PLAIN     },
    {"c5fc1100",     Q,      "vmovups",      "w",  "rax",             NULL,               FB_FLOW_NONE,        PLAIN     },
    {"c5fe7f00",     Q,      "vmovdqu",      "w",  "rax",             NULL,               FB_FLOW_NONE,        PLAIN     },
    {"62f1fe487f00", Q,      "vmovdqu64",    "w",  "rax",             NULL,               FB_FLOW_NONE,        PLAIN     },
    {"d918",         X,      "fstp",         "w",  "eax",             NULL,               FB_FLOW_NONE,        PLAIN     },
    {"0fc308",       Q,      "movnti",       "w",  "rax rcx",         NULL,               FB_FLOW_NONE,        PLAIN     },
    {"0fb108",       X,      "cmpxchg",      "rw", "eax ecx",         "eax eflags",       FB_FLOW_NONE,        PLAIN     },
    {"f00fb023",     X,      "lock cmpxchg", "rw", "eax ebx",         "eax eflags",       FB_FLOW_NONE,        PLAIN     },
    {"0fc708",       X,      "cmpxchg8b",    "rw", "eax edx ebx ecx", "eax edx eflags",   FB_FLOW_NONE,        PLAIN     },
    {"480fc708",     Q,      "cmpxchg16b",   "rw", "rax rdx rbx rcx", "rax rdx rflags",   FB_FLOW_NONE,
     PLAIN                                                                                                               },
    {"8503",         X,      "test",         "r",  "eax ebx",         "eflags !eax !ebx", FB_FLOW_NONE,        PLAIN     },
    {"0f44c1",       X,      "cmove",        "",   "eax ecx eflags",  "eax",              FB_FLOW_NONE,        PLAIN     },
    {"0fae38",       Q,      "clflush",      "",   "rax",             "!rax",             FB_FLOW_NONE,        PLAIN     },
    {"c8000000",     X,      "enter",        "w",  "esp ebp",         "esp ebp",          FB_FLOW_NONE,        PLAIN     },
    {"0f0b",         Q,      "ud2",          "",   NULL,              NULL,               FB_FLOW_TRAP,        PLAIN     },
    {"0f05",         Q,      "syscall",      "",   NULL,              NULL,               FB_FLOW_TRAP,        PLAIN     },
    {"0f34",         X,      "sysenter",     "",   NULL,              NULL,               FB_FLOW_TRAP,        PLAIN     },
    {"cd29",         Q,      "int",          "",   NULL,              NULL,               FB_FLOW_TRAP,        PLAIN     },
    {"cc",           X,      "int3",         "",   NULL,              NULL,               FB_FLOW_TRAP,        PLAIN     },
    {"e2fe",         X,      "loop",         "",   "ecx",             NULL,               FB_FLOW_CONDITIONAL, PLAIN     },
    {"ff12",         X,      "call",         "r",  "edx esp",         "esp",              FB_FLOW_CALL,        PLAIN     },
    {"cf",           X,      "iretd",        "r",  "esp",             "esp",              FB_FLOW_RETURN,      PLAIN     },
    {"1f",           X,      "pop",          "r",  "esp",             "esp",              FB_FLOW_NONE,        PLAIN     },
    {"c3",           X,      "ret",          "r",  "esp",             "esp",              FB_FLOW_RETURN,      PLAIN     },
    {"f3a4",         X,      "rep movsb",    "w",  "esi edi ecx",     "esi edi ecx",      FB_FLOW_NONE,        BLOCK_MOVE},
    {"f348a5",       Q,      "rep movsq",    "w",  "rsi rdi rcx",     "rsi rdi rcx",      FB_FLOW_NONE,        BLOCK_MOVE},
    {"a4",           X,      "movsb",        "w",  "esi edi",         "esi edi",          FB_FLOW_NONE,        PLAIN     },
    {"f3a6",         X,      "repe cmpsb",   "r",  "esi edi",         NULL,               FB_FLOW_NONE,        PLAIN     },
    {"f3ab",         X,      "rep stosd",    "w",  "edi eax",         "edi",              FB_FLOW_NONE,        PLAIN     },
    {"f20f1100",     Q,      "movsd",        "w",  "rax",             NULL,               FB_FLOW_NONE,        PLAIN     },
    {"0f1f00",       Q,      "nop",          "",   NULL,              NULL,               FB_FLOW_NONE,        PLAIN     },
    {"8d4008",       X,      "lea",          "",   "eax",             "eax",              FB_FLOW_NONE,        PLAIN     },
    {"0118",         X,      "add",          "rw", "eax ebx",         "eflags",           FB_FLOW_NONE,        PLAIN     },
    {"8700",         Q,      "xchg",         "rw", "rax",             "rax",              FB_FLOW_NONE,        PLAIN     },
    {"53",           X,      "push",         "w",  "ebx esp",         "esp",              FB_FLOW_NONE,        PUSHES    },
    {"c9",           X,      "leave",        "r",  "ebp",             "esp ebp",          FB_FLOW_NONE,        PLAIN     },
    {"f4",           X,      "hlt",          "",   NULL,              NULL,               FB_FLOW_TRAP,        PRIVILEGED},
    {"0f22c0",       X,      "mov",          "",   NULL,              NULL,               FB_FLOW_NONE,        PRIVILEGED},
    {"f7f1",         X,      "div",          "",   "eax edx ecx",     "eax edx",          FB_FLOW_NONE,        DIVIDES   },
    {"f20f5ec1",     Q,      "divsd",        "",   NULL,              NULL,               FB_FLOW_NONE,        DIVIDES   },
    {"660f3a160001", Q,      "pextrd",       "w",  "rax",             NULL,               FB_FLOW_NONE,        PLAIN     },
    {"7402",         X,      "je",           "",   "eflags",          NULL,               FB_FLOW_CONDITIONAL, PLAIN     },
    {"ffe0",         Q,      "jmp",          "",   "rax",             NULL,               FB_FLOW_JUMP,        PLAIN     },

    {"1f0001eb",     A,      "cmp",          "",   "x0 x1",           "!x0 cpsr",         FB_FLOW_NONE,        PLAIN     },
    {"207c02c8",     A,      "stxr",         "w",  "x1",              NULL,               FB_FLOW_NONE,        PLAIN     },
    {"20fc9fc8",     A,      "stlr",         "w",  "x1",              NULL,               FB_FLOW_NONE,        PLAIN     },
    {"200000f9",     A,      "str",          "w",  "x0 x1",           NULL,               FB_FLOW_NONE,        PLAIN     },
    {"200040f9",     A,      "ldr",          "r",  "x1",              "x0",               FB_FLOW_NONE,        PLAIN     },
    {"000080f9",     A,      "prfm",         "",   NULL,              NULL,               FB_FLOW_NONE,        PLAIN     },
    {"00013fd6",     A,      "blr",          "",   "x8",              "lr",               FB_FLOW_CALL,        PLAIN     },
    {"00000094",     A,      "bl",           "",   NULL,              "lr",               FB_FLOW_CALL,        PLAIN     },
    {"c0035fd6",     A,      "ret",          "",   "lr",              NULL,               FB_FLOW_RETURN,      PLAIN     },
    {"000080d2",     A,      "movz",         "",   "!x0",             "x0",               FB_FLOW_NONE,        PLAIN     },
    {"010000d4",     A,      "svc",          "",   NULL,              "!lr",              FB_FLOW_TRAP,        PLAIN     },
    {"41fce0c8",     A,      "cas",          "rw", "x0 x1 x2",        "x0 !x1",           FB_FLOW_NONE,        PLAIN     },
    {"200020f8",     A,      "ldadd",        "rw", "x0 x1",           "x0",               FB_FLOW_NONE,        PLAIN     },
    {"418020f8",     A,      "swp",          "rw", "x0 x2",           "x1",               FB_FLOW_NONE,        PLAIN     },
    {"ff0b5fd6",     A,      "retaa",        "",   "lr sp",           NULL,               FB_FLOW_RETURN,      PLAIN     },
    {"01081fd7",     A,      "br",           "",   "x0 x1",           NULL,               FB_FLOW_JUMP,        PLAIN     },
    {"01093fd7",     A,      "blr",          "",   "x8 x1",           "lr",               FB_FLOW_CALL,        PLAIN     },
    {"00000000",     A,      "udf",          "",   NULL,              NULL,               FB_FLOW_TRAP,        PLAIN     },
    {"40000054",     A,      "b.eq",         "",   "cpsr",            NULL,               FB_FLOW_CONDITIONAL, PLAIN     },
    {"880000b4",     A,      "cbz",          "",   "x8",              "!x8",              FB_FLOW_CONDITIONAL, PLAIN     },
    {"200020d4",     A,      "brk",          "",   NULL,              NULL,               FB_FLOW_TRAP,        PLAIN     },

    {"000091e5",     FB_ARM, "ldr",          "r",  "r1",              "r0",               FB_FLOW_NONE,        PLAIN     },
    {"000081e5",     FB_ARM, "str",          "w",  "r0 r1",           NULL,               FB_FLOW_NONE,        PLAIN     },
    {"1eff2fe1",     FB_ARM, "bx",           "",   "lr",              NULL,               FB_FLOW_RETURN,      PLAIN     },
    {"0080bde8",     FB_ARM, "ldm",          "r",  "sp",              "pc",               FB_FLOW_JUMP,        PLAIN     },
};

static void flags(void)
{
    static const struct fb_regs none;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct row *row = &rows[i];
        struct fb_insn insn;
        if (!CHECK(row->hex, decode(row->arch, row->hex, &none, &insn)))
            continue;
        bool named = strncmp(insn.text, row->text, strlen(row->text)) == 0 ||
                     (strcmp(row->text, "movz") == 0 && strncmp(insn.text, "mov", 3) == 0) ||
                     (strcmp(row->text, "ldm") == 0 && strncmp(insn.text, "pop", 3) == 0);
        CHECK(row->hex, named);
        const char *memory = insn.n_mem == 0      ? ""
                             : !insn.mem[0].write ? "r"
                             : insn.mem[0].read   ? "rw"
                                                  : "w";
        CHECK(row->hex, strcmp(memory, row->memory) == 0);
        CHECK(row->hex, holds(row->arch, insn.reads, row->reads));
        CHECK(row->hex, holds(row->arch, insn.writes, row->writes));
        CHECK(row->hex, insn.flow == row->flow);
        CHECK(row->hex, insn.privileged == (row->quality == PRIVILEGED));
        CHECK(row->hex, insn.push == (row->quality == PUSHES));
        CHECK(row->hex, insn.block_move == (row->quality == BLOCK_MOVE));
        CHECK(row->hex, insn.divides == (row->quality == DIVIDES));
    }
}

/* XLATB reads at rBX + AL: without AL there is nothing to say about memory. */
static void xlatb(void)
{
    struct fb_regs regs = {.arch = FB_AMD64};
    struct fb_insn insn;
    fb_reg_set(&regs, FB_RAX, 0x1234);
    fb_reg_set(&regs, FB_RBX, 0x500000);
    CHECK("xlatb", decode(FB_AMD64, "d7", &regs, &insn));
    CHECK("xlatb", insn.n_mem == 1 && insn.mem[0].read && insn.mem[0].address == 0x500034);
    CHECK("xlatb", holds(FB_AMD64, insn.reads, "rax rbx"));
    CHECK("xlatb", holds(FB_AMD64, insn.writes, "rax"));
}

static const struct {
    const char *name, *hex;
    enum fb_arch arch;
    int operand;
    fb_addr address;
    uint32_t size;
    bool known;
} addresses[] = {
    {"base",                        "8b01",         X,      0, 0x41414141,         4,  true },
    {"wraps at 32 bits",            "df3c11",       X,      0, 0x0,                8,  true },
    {"base and displacement",       "488b4208",     Q,      0, 0x424242424242424a, 8,  true },
    {"negative displacement",       "488b41f8",     Q,      0, 0x4141414141414139, 8,  true },
    {"scaled index",                "4c8b1cd9",     Q,      0, 0x4141414141414159, 8,  true },
    {"next instruction",            "8b05f0000000", Q,      0, 0x4010f6,           4,  true },
    {"32-bit addresses on x64",     "678b01",       Q,      0, 0x41414141,         4,  true },
    {"FS: not known",               "64a100000000", X,      0, 0,                  4,  false},
    {"register not known",          "8b07",         Q,      0, 0,                  4,  false},
    {"push",                        "50",           Q,      0, 0x7fff0ff8,         8,  true },
    {"pushal",                      "60",           X,      0, 0x7fff0fe0,         32, true },
    {"return",                      "c3",           Q,      0, 0x7fff1000,         8,  true },
    {"call through memory: target", "ff5110",       Q,      0, 0x4141414141414151, 8,  true },
    {"call through memory: push",   "ff5110",       Q,      1, 0x7fff0ff8,         8,  true },
    {"arm64 base",                  "010c01f8",     A,      0, 0x600010,           8,  true },
    {"arm64 after the access",      "018440f8",     A,      0, 0x600000,           8,  true },
    {"arm64 scaled",                "017862f8",     A,      0, 0x600018,           8,  true },
    {"arm64 extended by sign",      "01c863b8",     A,      0, 0x5fffff,           4,  true },
    {"arm64 literal",               "00000058",     A,      0, 0x401000,           8,  true },
    {"arm64 pair",                  "020c40a9",     A,      0, 0x600000,           16, true },
    {"arm64 byte",                  "01004039",     A,      0, 0x600000,           1,  true },
    {"arm64 atomic",                "010020f8",     A,      0, 0x600000,           8,  true },
    {"arm base and index",          "010090e7",     FB_ARM, 0, 0x600004,           4,  true },
    {"arm list upwards",            "0e0090e8",     FB_ARM, 0, 0x600000,           12, true },
    {"arm list downwards",          "0e0010e9",     FB_ARM, 0, 0x5ffff4,           12, true },
};

static struct fb_regs registers_of(enum fb_arch arch)
{
    struct fb_regs regs = {.arch = arch};
    if (arch == FB_X86 || arch == FB_AMD64) {
        bool wide = arch == FB_AMD64;
        fb_reg_set(&regs, FB_RCX, wide ? 0x4141414141414141 : 0x41414141);
        fb_reg_set(&regs, FB_RDX, wide ? 0x4242424242424242 : 0xbebebebf);
        fb_reg_set(&regs, FB_RBX, 3);
        fb_reg_set(&regs, FB_RAX, 1);
        fb_reg_set(&regs, FB_RSP, 0x7fff1000);
        return regs;
    }
    fb_reg_set(&regs, 0, 0x600000);
    fb_reg_set(&regs, 1, 4);
    fb_reg_set(&regs, 2, 3);
    fb_reg_set(&regs, 3, 0xffffffff);
    return regs;
}

static void operands(void)
{
    for (size_t i = 0; i < COUNT(addresses); i++) {
        struct fb_regs regs = registers_of(addresses[i].arch);
        struct fb_insn insn;
        const char *name = addresses[i].name;
        if (!CHECK(name, decode(addresses[i].arch, addresses[i].hex, &regs, &insn)) ||
            !CHECK(name, (int)insn.n_mem > addresses[i].operand))
            continue;
        const struct fb_memory_operand *mem = &insn.mem[addresses[i].operand];
        CHECK(name, mem->known == addresses[i].known);
        CHECK(name, mem->size == addresses[i].size);
        if (!CHECK(name, !mem->known || mem->address == addresses[i].address))
            fprintf(stderr, "    %s: %#llx\n", insn.text, (unsigned long long)mem->address);
    }
}

// clang-format off
static const struct {
    const char *name, *hex; // bytes that end at the return address
    enum fb_arch arch;
    bool odd; // Thumb bit of the address
    enum fb_call_kind want;
    fb_addr target;
} calls[] = {
    {"call rel32",                     "0000e811223344",   X,      false, FB_CALL_DIRECT, 0x44733211},
    {"call rel32, back",               "e8fbffffff",       Q,      false, FB_CALL_DIRECT, 0x400ffb},
    {"call rel32, wraps",              "e800f0bfff",       X,      false, FB_CALL_DIRECT, 0},
    {"call rel32 or call eax",         "00e8112233ffd0",   X,      false, FB_CALL_ANYWHERE, 0},
    {"call [d]",                       "00ff1511223344",   X,      false, FB_CALL_THROUGH, 0x44332211},
    {"call eax",                       "0000000000ffd0",   X,      false, FB_CALL_ANYWHERE, 0},
    {"call r8, REX",                   "0000000041ffd0",   Q,      false, FB_CALL_ANYWHERE, 0},
    {"call [edx]",                     "0000000000ff12",   X,      false, FB_CALL_ANYWHERE, 0},
    {"call [eax+8]",                   "00000000ff5008",   X,      false, FB_CALL_ANYWHERE, 0},
    {"call [eax+eax+8]",               "000000ff540008",   X,      false, FB_CALL_ANYWHERE, 0},
    {"call [rip+d]",                   "00ff15f0000000",   Q,      false, FB_CALL_THROUGH, 0x4010f0},
    {"call [eax+d]",                   "00ff9011223344",   X,      false, FB_CALL_ANYWHERE, 0},
    {"call [esp+d]",                   "ff942411223344",   X,      false, FB_CALL_ANYWHERE, 0},
    {"call [eax*4+d], no base",        "ff148511223344",   X,      false, FB_CALL_ANYWHERE, 0},
    {"call fs:[d]",                    "64ff1510000000",   X,      false, FB_CALL_ANYWHERE, 0},
    {"jmp eax is none",                "0000000000ffe0",   X,      false, FB_CALL_NONE, 0},
    {"push [eax] is none",             "0000000000ff30",   X,      false, FB_CALL_NONE, 0},
    {"ModRM wants more bytes",         "0000000000ff50",   X,      false, FB_CALL_NONE, 0},
    {"ModRM wants fewer bytes",        "0000000000ffd010", X,      false, FB_CALL_NONE, 0},
    {"too few bytes to say no",        "9090",             X,      false, FB_CALL_UNKNOWN, 0},
    {"two bytes are enough for yes",   "ffd0",             X,      false, FB_CALL_ANYWHERE, 0},
    {"nothing at hand",                "",                 X,      false, FB_CALL_UNKNOWN, 0},
    {"bl",                             "00000094",         A,      false, FB_CALL_DIRECT, 0x400ffc},
    {"bl, back",                       "ffffff97",         A,      false, FB_CALL_DIRECT, 0x400ff8},
    {"blr x8",                         "00013fd6",         A,      false, FB_CALL_ANYWHERE, 0},
    {"blraa",                          "01093fd7",         A,      false, FB_CALL_ANYWHERE, 0},
    {"blraaz",                         "1f093fd6",         A,      false, FB_CALL_ANYWHERE, 0},
    {"br x8 is none",                  "00011fd6",         A,      false, FB_CALL_NONE, 0},
    {"ret is none",                    "c0035fd6",         A,      false, FB_CALL_NONE, 0},
    {"arm bl",                         "000000eb",         FB_ARM, false, FB_CALL_ANYWHERE, 0},
    {"arm blx r3",                     "33ff2fe1",         FB_ARM, false, FB_CALL_ANYWHERE, 0},
    {"arm blx label",                  "000000fa",         FB_ARM, false, FB_CALL_ANYWHERE, 0},
    {"arm mov is none",                "0100a0e1",         FB_ARM, false, FB_CALL_NONE, 0},
    {"thumb bl",                       "00f000f8",         FB_ARM, true,  FB_CALL_ANYWHERE, 0},
    {"thumb blx label",                "00f000e8",         FB_ARM, true,  FB_CALL_ANYWHERE, 0},
    {"thumb blx r3",                   "00bf9847",         FB_ARM, true,  FB_CALL_ANYWHERE, 0},
    {"thumb blx r3, bit cleared",      "00bf9847",         FB_ARM, false, FB_CALL_ANYWHERE, 0},
    {"thumb nop is none",              "00bf00bf",         FB_ARM, true,  FB_CALL_NONE, 0},
    // clang-format on
};
// clang-format on

static void before(void)
{
    for (size_t i = 0; i < COUNT(calls); i++) {
        uint8_t bytes[16];
        size_t n = from_hex(calls[i].hex, bytes);
        struct fb_call call = fb_disasm_call_before(
            calls[i].arch, (struct fb_span){bytes, n, 0}, 0x401000 + calls[i].odd);
        CHECK(calls[i].name, call.kind == calls[i].want);
        CHECK(calls[i].name, call.target == calls[i].target);
    }
}

static void refutation(void)
{
    static const struct {
        const char *name, *hex;
        enum fb_arch arch;
        bool want;
    } bytes[] = {
        {"FF /7 does not exist",     "ffff",     X, true },
        {"a prefix may go on",       "66",       X, false},
        {"an opcode may go on",      "8b",       Q, false},
        {"06 is none on x64",        "06",       Q, true },
        {"ARM64: Capstone 4 is old", "ffffffff", A, false},
        {"no bytes",                 "",         Q, false},
    };
    for (size_t i = 0; i < COUNT(bytes); i++) {
        uint8_t code[16];
        size_t n = from_hex(bytes[i].hex, code);
        CHECK(bytes[i].name, fb_disasm_refutes(handles[bytes[i].arch], bytes[i].arch,
                                               (struct fb_span){code, n, 0}) == bytes[i].want);
    }
}

int main(void)
{
    for (enum fb_arch arch = FB_ARCH_UNKNOWN; arch < FB_ARCH_OTHER; arch++)
        handles[arch] = fb_disasm_open(arch);
    CHECK("no handle for what we do not read", handles[FB_ARCH_UNKNOWN] == 0);
    flags();
    xlatb();
    operands();
    before();
    refutation();
    for (enum fb_arch arch = FB_ARCH_UNKNOWN; arch < FB_ARCH_OTHER; arch++)
        fb_disasm_close(handles[arch]);
    return check_done();
}
