/*
 * tests/unit/test_walk.c -- stacks made word by word, one row per way that a walk can go.
 *
 * The process: app at 0x400000 and lib at 0x500000, 512 KiB each; once there was old at
 * 0x600000. The stack begins at 0x10000. Whether a call stands before an address is told by its
 * last byte, so that rows can say it: 0xCC yes, 0x00 no, else its bytes are not at hand.
 */
#include "disasm/insn.h"
#include "support/check.h"
#include "unwind/ladder.h"

#include <stdlib.h>
#include <string.h>

enum {
    ROOM = 4 * 1024 * 1024,
    STACK = 0x10000,
    STACK_WORDS = 4096,
    WORDS = 14,
    STARVED = 64 * 1024
};

struct fb_call fb_call_before(const struct fb_unwinder *w, fb_addr address)
{
    uint8_t last = address & 0xFE;
    enum fb_call_kind kind = last == 0xCC ? FB_CALL_ANYWHERE
                             : last == 0  ? FB_CALL_NONE
                                          : FB_CALL_UNKNOWN;
    return (struct fb_call){w != NULL ? kind : FB_CALL_UNKNOWN, 0};
}

/* --- symbols of app only: functions of 0x800 bytes at every 0x1000 ------------------ */

static enum fb_symbol_state state(void *self, const struct fb_module *module)
{
    (void)self;
    return strcmp(module->name, "app") == 0 ? FB_SYMBOLS_LOADED : FB_SYMBOLS_MISSING;
}

static bool lookup(void *self, const struct fb_module *module, uint64_t rva,
                   struct fb_arena *arena, struct fb_symbol *out)
{
    if (state(self, module) != FB_SYMBOLS_LOADED || rva % 0x1000 >= 0x800)
        return false;
    char name[32];
    int n = snprintf(name, sizeof name, "f%llx", (unsigned long long)rva / 0x1000);
    *out = (struct fb_symbol){.function = fb_arena_text(arena, name, (size_t)n),
                              .function_rva = rva / 0x1000 * 0x1000,
                              .file = "a.c",
                              .line = 7};
    return out->function != NULL;
}
static const struct fb_symbols symbols = {.state = state, .lookup = lookup};

/* --- the rows ----------------------------------------------------------------------- */

struct put {
    unsigned at; // index of the word
    uint64_t value;
};
struct row {
    const char *name;
    enum fb_arch arch;
    enum fb_os os;
    uint64_t ip, sp, fp, lr; // 0: not known, except for ip
    struct put stack[WORDS];
    const char *want; // "ip method, ip method ... : why it ended"; addresses in hex
    bool with_symbols, no_stack, with_pages;
    uint64_t mask;
};

#define END     "end of the stack"
#define NONE    "no method finds a caller"
#define AT32(i) (STACK + (i)*UINT64_C(4))
#define AT64(i) (STACK + (i)*UINT64_C(8))

static const struct row rows[] = {
  /* the chain of frame pointers */
    {.name = "x86 chain",
     .arch = FB_X86,
     .os = FB_WINDOWS,
     .ip = 0x400010,
     .sp = AT32(0),
     .fp = AT32(2),
     .stack = {{2, AT32(6)}, {3, 0x401010}, {6, 0}, {7, 0x501020}},
     .want = "400010 context, 401010 frame_pointer, 501020 frame_pointer: " END},
    {.name = "x64 chain",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT64(0),
     .fp = AT64(2),
     .stack = {{2, AT64(6)}, {3, 0x401010}, {6, 0}, {7, 0x501020}},
     .want = "400010 context, 401010 frame_pointer, 501020 frame_pointer: " END},
    {.name = "arm64 chain",
     .arch = FB_ARM64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT64(0),
     .fp = AT64(2),
     .stack = {{2, AT64(6)}, {3, 0x401010}, {6, 0}, {7, 0x501020}},
     .want = "400010 context, 401010 frame_pointer, 501020 frame_pointer: " END},
    {.name = "arm chain by r7",
     .arch = FB_ARM,
     .os = FB_IOS,
     .ip = 0x400010,
     .sp = AT32(0),
     .fp = AT32(2),
     .stack = {{2, AT32(6)}, {3, 0x401011}, {6, 0}, {7, 0x501021}},
     .want = "400010 context, 401010 frame_pointer, 501020 frame_pointer: " END},
    {.name = "arm chain by r11",
     .arch = FB_ARM,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT32(0),
     .fp = AT32(2),
     .stack = {{2, AT32(6)}, {3, 0x401011}, {6, 0}, {7, 0x501021}},
     .want = "400010 context, 401010 frame_pointer, 501020 frame_pointer: " END},
    {.name = "arm chain as gcc has it",
     .arch = FB_ARM,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT32(0),
     .fp = AT32(3),
     .stack = {{2, AT32(7)}, {3, 0x401011}, {6, 0}, {7, 0x501021}},
     .want = "400010 context, 401010 frame_pointer, 501020 frame_pointer: " END},
    {.name = "chain ends with return address 0",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT64(0),
     .fp = AT64(2),
     .stack = {{2, AT64(6)}, {3, 0x401010}, {6, AT64(9)}, {7, 0}, {8, 0x501020}},
     .want = "400010 context, 401010 frame_pointer: " END},
    {.name = "x86 fp points at itself",
     .arch = FB_X86,
     .os = FB_WINDOWS,
     .ip = 0x400010,
     .sp = AT32(0),
     .fp = AT32(2),
     .stack = {{2, AT32(2)}, {3, 0x401010}},
     .want = "400010 context, 401010 scan: " NONE},
    {.name = "x64 fp points at itself",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT64(0),
     .fp = AT64(2),
     .stack = {{2, AT64(2)}, {3, 0x401010}},
     .want = "400010 context, 401010 frame_pointer: " NONE},
    {.name = "x64 chain that turns back",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT64(0),
     .fp = AT64(4),
     .stack = {{2, AT64(4)}, {3, 0x501010}, {4, AT64(2)}, {5, 0x401010}},
     .want = "400010 context, 401010 frame_pointer: " NONE},
    {.name = "fp below sp",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT64(4),
     .fp = AT64(2),
     .stack = {{2, AT64(6)}, {3, 0x401010}},
     .want = "400010 context: " NONE},
    {.name = "fp not aligned",
     .arch = FB_X86,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT32(0),
     .fp = AT32(2) + 2,
     .stack = {{3, 0x10100000}, {4, 0x40}},
     .want = "400010 context: " NONE},
    {.name = "fp outside the stack",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT64(0),
     .fp = 0x900000,
     .want = "400010 context: " NONE},
    {.name = "fp in the last word",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT64(0),
     .fp = AT64(STACK_WORDS - 1),
     .want = "400010 context: " NONE},
    {.name = "sp leaves by one frame",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT64(0),
     .fp = AT64(STACK_WORDS - 2),
     .stack = {{STACK_WORDS - 1, 0x401010}},
     .want = "400010 context, 401010 frame_pointer: " END},
    {.name = "return address not canonical",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT64(0),
     .fp = AT64(2),
     .stack = {{2, AT64(6)}, {3, 0x4141414141414141}},
     .want = "400010 context: " NONE},
    {.name = "chain through code of no module",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT64(0),
     .fp = AT64(2),
     .stack = {{2, AT64(6)}, {3, 0x7f0000001010}, {6, 0}, {7, 0x501020}},
     .want = "400010 context, 7f0000001010 frame_pointer, 501020 frame_pointer: " END},
    {.name = "x64 Windows: not so",
     .arch = FB_AMD64,
     .os = FB_WINDOWS,
     .ip = 0x400010,
     .sp = AT64(0),
     .fp = AT64(2),
     .stack = {{2, AT64(6)}, {3, 0x7f0000001010}, {6, 0}, {7, 0x501020}},
     .want = "400010 context, 501020 scan: " NONE},
    {.name = "x64 Windows: rbp 0 ends nothing",
     .arch = FB_AMD64,
     .os = FB_WINDOWS,
     .ip = 0x400010,
     .sp = AT64(0),
     .fp = AT64(2),
     .stack = {{3, 0x401010}, {9, 0x501010}},
     .want = "400010 context, 401010 frame_pointer, 501010 scan: " NONE},

 /* leaves and calls to where no code is */
    {.name = "x64 Windows leaf",
     .arch = FB_AMD64,
     .os = FB_WINDOWS,
     .ip = 0x400010,
     .sp = AT64(1),
     .fp = AT64(2),
     .stack = {{1, 0x501010}, {2, AT64(6)}, {3, 0x401010}},
     .want = "400010 context, 501010 leaf, 401010 frame_pointer: " NONE},
    {.name = "not behind a call",
     .arch = FB_AMD64,
     .os = FB_WINDOWS,
     .ip = 0x400010,
     .sp = AT64(1),
     .fp = AT64(2),
     .stack = {{1, 0x501000}, {2, AT64(6)}, {3, 0x401010}},
     .want = "400010 context, 401010 frame_pointer: " NONE},
    {.name = "x86 leaf",
     .arch = FB_X86,
     .os = FB_WINDOWS,
     .ip = 0x400010,
     .sp = AT32(1),
     .fp = AT32(2),
     .stack = {{1, 0x501010}, {2, AT32(6)}, {3, 0x401010}},
     .want = "400010 context, 501010 leaf, 401010 frame_pointer: " END},
    {.name = "Windows header is no code",
     .arch = FB_AMD64,
     .os = FB_WINDOWS,
     .ip = 0x401010,
     .sp = AT64(0),
     .stack = {{0, 0x500010}, {3, 0x500fff}, {4, 0x501010}},
     .want = "401010 context, 501010 scan: " NONE},
    {.name = "x86 call to null",
     .arch = FB_X86,
     .os = FB_LINUX,
     .ip = 0,
     .sp = AT32(0),
     .fp = AT32(2),
     .stack = {{0, 0x401010}, {3, 0x501010}},
     .want = "0 context, 401010 bad_call, 501010 frame_pointer: " END},
    {.name = "x64 call to null",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0,
     .sp = AT64(0),
     .fp = AT64(2),
     .stack = {{0, 0x401010}, {3, 0x501010}},
     .want = "0 context, 401010 bad_call, 501010 frame_pointer: " END},
    {.name = "arm64 call to null",
     .arch = FB_ARM64,
     .os = FB_LINUX,
     .ip = 0,
     .sp = AT64(0),
     .fp = AT64(2),
     .lr = 0x401010,
     .stack = {{3, 0x501010}},
     .want = "0 context, 401010 bad_call, 501010 frame_pointer: " END},
    {.name = "jump to null",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0,
     .sp = AT64(0),
     .fp = AT64(2),
     .stack = {{0, 5}, {3, 0x501010}},
     .want = "0 context, 501010 frame_pointer: " END},
    {.name = "call into data",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0x470010,
     .sp = AT64(0),
     .stack = {{0, 0x401010}},
     .with_pages = true,
     .want = "470010 context, 401010 bad_call: " NONE},
    {.name = "arm64 leaf of another function",
     .arch = FB_ARM64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT64(0),
     .fp = AT64(2),
     .lr = 0x501010,
     .stack = {{3, 0x401010}},
     .want = "400010 context, 501010 leaf, 401010 frame_pointer: " END},
    {.name = "arm64 lr is stale",
     .arch = FB_ARM64,
     .os = FB_LINUX,
     .ip = 0x400110,
     .sp = AT64(0),
     .fp = AT64(2),
     .lr = 0x400090,
     .stack = {{3, 0x501010}},
     .want = "400110 context, 501010 frame_pointer: " END},
    {.name = "arm64 lr is in the record",
     .arch = FB_ARM64,
     .os = FB_LINUX,
     .ip = 0x400110,
     .sp = AT64(0),
     .fp = AT64(2),
     .lr = 0x501010,
     .stack = {{3, 0x501010}},
     .want = "400110 context, 501010 frame_pointer: " END},
    {.name = "arm64 near, but symbols say another",
     .arch = FB_ARM64,
     .os = FB_LINUX,
     .ip = 0x402010,
     .sp = AT64(0),
     .fp = AT64(2),
     .lr = 0x401010,
     .stack = {{3, 0x501010}},
     .with_symbols = true,
     .want = "402010 context, 401010 leaf, 501010 frame_pointer: " END},
    {.name = "arm64 without a stack",
     .arch = FB_ARM64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT64(0),
     .lr = 0x501010,
     .no_stack = true,
     .want = "400010 context, 501010 leaf: the stack was not captured"},
    {.name = "x64 without a stack",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT64(0),
     .no_stack = true,
     .want = "400010 context: the stack was not captured"},

 /* pointer authentication */
    {.name = "signed, mask of the system",
     .arch = FB_ARM64,
     .os = FB_MACOS,
     .ip = 0x400010,
     .sp = AT64(0),
     .fp = AT64(2),
     .stack = {{2, 0}, {3, 0x1230000000501010}},
     .want = "400010 context, 501010 frame_pointer: " END},
    {.name = "signed, mask of Crashpad",
     .arch = FB_ARM64,
     .os = FB_MACOS,
     .ip = 0x400010,
     .sp = AT64(0),
     .fp = AT64(2),
     .stack = {{2, 0}, {3, 0x7f000000501010}},
     .mask = 0xffffff8000000000,
     .want = "400010 context, 501010 frame_pointer: " END},
    {.name = "signed, but into nothing",
     .arch = FB_ARM64,
     .os = FB_MACOS,
     .ip = 0x400010,
     .sp = AT64(0),
     .fp = AT64(2),
     .stack = {{2, 0}, {3, 0x1230000000901010}},
     .want = "400010 context: " NONE},

 /* scan */
    {.name = "last word of the context's window",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT64(0),
     .stack = {{159, 0x401010}},
     .want = "400010 context, 401010 scan: " NONE},
    {.name = "one word too far",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT64(0),
     .stack = {{160, 0x401010}},
     .want = "400010 context: " NONE},
    {.name = "last word of a caller's window",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT64(0),
     .stack = {{0, 0x401010}, {40, 0x501010}},
     .want = "400010 context, 401010 scan, 501010 scan: " NONE},
    {.name = "a caller's, one word too far",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT64(0),
     .stack = {{0, 0x401010}, {41, 0x501010}},
     .want = "400010 context, 401010 scan: " NONE},
    {.name = "not behind a call",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT64(0),
     .stack = {{0, 0x401000}, {1, 0x501010}},
     .want = "400010 context, 501010 scan: " NONE},
    {.name = "proved is better than likely",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT64(0),
     .stack = {{0, 0x401010}, {4, 0x5010CC}},
     .want = "400010 context, 5010cc scan: " NONE},
    {.name = "unless it comes much later",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT64(0),
     .stack = {{1, 0x401010}, {7, 0x5010CC}},
     .want = "400010 context, 401010 scan, 5010cc scan: " NONE},
    {.name = "one where a call puts it is better",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT64(0),
     .stack = {{2, 0x401010}, {5, 0x501010}},
     .want = "400010 context, 501010 scan: " NONE},
    {.name = "home of arguments holds none",
     .arch = FB_AMD64,
     .os = FB_WINDOWS,
     .ip = 0,
     .sp = AT64(0),
     .stack = {{0, 0x401010}, {3, 0x501010}, {7, 0x501020}},
     .want = "0 context, 401010 bad_call, 501020 scan: " NONE},
    {.name = "saved fp below the return address",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT64(0),
     .stack = {{2, AT64(6)}, {3, 0x401010}, {4, 0x501090}, {7, 0x501010}},
     .want = "400010 context, 401010 scan, 501010 frame_pointer: " END},
    {.name = "data is no code",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT64(0),
     .stack = {{0, 0x470010}, {1, 0x401010}},
     .with_pages = true,
     .want = "400010 context, 401010 scan: " NONE},
    {.name = "four guesses behind a frame",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT64(0),
     .fp = AT64(0),
     .stack = {{0, AT64(1)},
               {1, 0x401010},
               {3, 0x401020},
               {5, 0x401030},
               {7, 0x401040},
               {9, 0x401050},
               {11, 0x401060}},
     .want = "400010 context, 401010 frame_pointer, 401020 scan, 401030 scan, 401040 scan, "
             "401050 scan: only guesses are left"},
    {.name = "guesses alone go on",
     .arch = FB_X86,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT32(0),
     .stack = {{1, 0x401010}, {2, 0x401020}, {3, 0x401030}, {4, 0x401040}, {5, 0x401050}},
     .want = "400010 context, 401010 scan, 401020 scan, 401030 scan, 401040 scan, 401050 "
             "scan: " NONE},
    {.name = "proofs are no guesses",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0,
     .sp = AT64(0),
     .stack = {{0, 0x401010},
               {1, 0x4010CC},
               {3, 0x4011CC},
               {5, 0x4012CC},
               {7, 0x4013CC},
               {9, 0x4014CC}},
     .want = "0 context, 401010 bad_call, 4010cc scan, 4011cc scan, 4012cc scan, 4013cc scan, "
             "4014cc scan: " NONE},
    {.name = "symbols: a pointer to a function",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0x501010,
     .sp = AT64(0),
     .stack = {{0, 0x401001 - 1 + 0x1000}, {1, 0x402800}, {2, 0x402900}, {3, 0x402010}},
     .with_symbols = true,
     .want = "501010 context, 402010 scan: " NONE},

 /* the stack pointer */
    {.name = "sp not aligned",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = AT64(0) + 4,
     .stack = {{1, 0x401010}},
     .want = "400010 context, 401010 scan: " NONE},
    {.name = "sp a little below what was captured",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = STACK - 64,
     .stack = {{1, 0x401010}},
     .want = "400010 context, 401010 scan: " NONE},
    {.name = "sp far away",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .sp = 0x900000,
     .stack = {{1, 0x401010}},
     .want = "400010 context: the stack pointer left the captured stack"},
    {.name = "sp not known",
     .arch = FB_AMD64,
     .os = FB_LINUX,
     .ip = 0x400010,
     .stack = {{1, 0x401010}},
     .want = "400010 context, 401010 scan: " NONE},
    {.name = "no ladder",
     .arch = FB_ARCH_OTHER,
     .os = FB_LINUX,
     .ip = 0x400010,
     .want = ": no method for this processor"                                                                                          },
};

/* --- making it so ------------------------------------------------------------------- */

static struct fb_module modules[] = {
    {.base = 0x400000, .size = 0x80000, .end = 0x480000, .name = "app"},
    {.base = 0x500000, .size = 0x80000, .end = 0x580000, .name = "lib"},
};
static const struct fb_unloaded unloaded[] = {
    {.base = 0x600000, .size = 0x10000, .name = "old"  },
    {.base = 0x608000, .size = 0x10000, .name = "older"}
};
static struct fb_page pages[] = {
    {.start = 0x400000, .size = 0x70000, .access = FB_PAGE_READ | FB_PAGE_EXECUTE},
    {.start = 0x470000, .size = 0x10000, .access = FB_PAGE_READ | FB_PAGE_WRITE  },
    {.start = 0x500000, .size = 0x80000, .access = FB_PAGE_READ | FB_PAGE_EXECUTE},
};
static uint8_t bytes[STACK_WORDS * 8];

static void put_word(enum fb_arch arch, size_t at, uint64_t value)
{
    size_t word = fb_reg_names(arch)->word;
    for (size_t i = 0; i < word; i++)
        bytes[at * word + i] = (uint8_t)(value >> (8 * i));
}

static struct fb_dump dump_of(const struct row *row)
{
    struct fb_dump dump = {
        .system = {.arch = row->arch, .os = row->os},
        .modules = { modules,   COUNT(modules),             0},
        .unloaded = unloaded,
        .n_unloaded = COUNT(unloaded),
        .address_mask = row->mask
    };
    if (row->with_pages)
        dump.pages = (struct fb_pages){pages, COUNT(pages), FB_PAGES_MEMORY_INFO};
    return dump;
}

static struct fb_regs regs_of(const struct row *row)
{
    struct fb_regs regs = {.arch = row->arch};
    const struct fb_reg_names *names = fb_reg_names(row->arch);
    if (names->n == 0) {
        regs.valid = 1;
        return regs;
    }
    fb_reg_set(&regs, names->ip, row->ip);
    if (row->sp != 0)
        fb_reg_set(&regs, names->sp, row->sp);
    if (row->fp != 0)
        fb_reg_set(&regs, row->os == FB_IOS ? FB_R7_32 : names->fp, row->fp);
    if (row->lr != 0)
        fb_reg_set(&regs, row->arch == FB_ARM64 ? FB_LR64 : FB_LR32, row->lr);
    return regs;
}

static struct fb_thread thread_of(const struct row *row)
{
    size_t word = fb_reg_names(row->arch)->word;
    struct fb_thread thread = {.stack_start = STACK};
    if (!row->no_stack)
        thread.stack = (struct fb_span){bytes, STACK_WORDS * word, 0};
    return thread;
}

static struct fb_err walk_row(const struct row *row, struct fb_arena *arena,
                              struct fb_stack *out)
{
    struct fb_dump dump = dump_of(row);
    struct fb_walk_env env = {.dump = &dump, .symbols = row->with_symbols ? &symbols : NULL};
    struct fb_thread thread = thread_of(row);
    struct fb_regs regs = regs_of(row);
    memset(bytes, 0, sizeof bytes);
    for (size_t i = 0; i < WORDS; i++)
        if (row->stack[i].value != 0)
            put_word(row->arch, row->stack[i].at, row->stack[i].value);
    return fb_walk(&env, &thread, &regs, arena, out);
}

static void print(const struct fb_stack *stack, char *out, size_t cap)
{
    size_t n = 0;
    out[0] = 0;
    for (size_t i = 0; i < stack->n && n < cap; i++)
        n += (size_t)snprintf(out + n, cap - n, "%s%llx %s", i == 0 ? "" : ", ",
                              (unsigned long long)stack->v[i].resume, stack->v[i].method);
    if (n < cap)
        snprintf(out + n, cap - n, ": %s", stack->stop);
}

static void walk_rows(uint8_t *room)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fb_arena arena = {.base = room, .cap = ROOM};
        struct fb_stack stack = {0};
        char got[1024];
        CHECK(rows[i].name, !fb_failed(walk_row(&rows[i], &arena, &stack)));
        print(&stack, got, sizeof got);
        if (!CHECK(rows[i].name, strcmp(got, rows[i].want) == 0))
            fprintf(stderr, "  want %s\n  got  %s\n", rows[i].want, got);
        for (size_t k = 1; k < stack.n; k++)
            CHECK(rows[i].name, stack.v[k].sp >= stack.v[k - 1].sp);
        fb_arena_reset(&arena);
    }
}

/* --- what a frame says besides its address ------------------------------------------ */

static void frames_are_named(uint8_t *room)
{
    struct row row = {
        .arch = FB_AMD64,
        .os = FB_LINUX,
        .ip = 0x608010,
        .sp = AT64(0),
        .fp = AT64(2),
        .stack = {{0, 0x401011}, {3, 0x402010}},
        .with_symbols = true
    };
    struct fb_arena arena = {.base = room, .cap = ROOM};
    struct fb_stack s = {0};
    CHECK("names", !fb_failed(walk_row(&row, &arena, &s)) && s.n == 3);
    CHECK("unloaded", s.v[0].module == NULL && s.v[0].n_unloaded == 2);
    CHECK("unloaded", strcmp(s.v[0].unloaded[0]->name, "old") == 0);
    CHECK("context", s.v[0].lookup == 0x608010 && s.v[0].trust == FB_TRUST_CONTEXT);
    CHECK("inside the call", s.v[1].resume == 0x401011 && s.v[1].lookup == 0x401010);
    CHECK("module", s.v[1].module == &modules[0] && s.v[1].n_unloaded == 0);
    CHECK("function", s.v[1].function_at == 0x401000 && strcmp(s.v[1].function, "f1") == 0);
    CHECK("line", strcmp(s.v[2].file, "a.c") == 0 && s.v[2].line == 7);
    fb_arena_reset(&arena);

    static const struct {
        enum fb_arch arch;
        uint64_t lookup;
    } steps[] = {
        {FB_X86,   0x50100f},
        {FB_AMD64, 0x50100f},
        {FB_ARM64, 0x50100c},
        {FB_ARM,   0x50100e}
    };
    for (size_t i = 0; i < COUNT(steps); i++) {
        row = (struct row){.arch = steps[i].arch,
                           .os = FB_LINUX,
                           .ip = 0x400010,
                           .sp = STACK,
                           .stack = {{5, 0x501010}}};
        CHECK("look-up address", !fb_failed(walk_row(&row, &arena, &s)) && s.n == 2 &&
                                     s.v[1].lookup == steps[i].lookup);
        fb_arena_reset(&arena);
    }
}

/* A leaf hands all callee-saved registers on; a scan knows none but those that it found. */
static void registers_are_kept(uint8_t *room)
{
    static const struct {
        const char *name;
        enum fb_os os;
        unsigned slot;
        bool rbx, rsi, rcx;
    } kept[] = {
        {"leaf on Windows",       FB_WINDOWS, 0, true,  true,  false},
        {"scan on Windows",       FB_WINDOWS, 3, false, false, false},
        {"call to null on Linux", FB_LINUX,   0, true,  false, false},
    };
    for (size_t i = 0; i < COUNT(kept); i++) {
        struct row row = {.arch = FB_AMD64,
                          .os = kept[i].os,
                          .sp = AT64(0),
                          .ip = kept[i].os == FB_LINUX ? 0 : 0x501010};
        struct fb_arena arena = {.base = room, .cap = ROOM};
        struct fb_stack s = {0};
        struct fb_dump dump = dump_of(&row);
        struct fb_walk_env env = {.dump = &dump};
        struct fb_thread thread = thread_of(&row);
        struct fb_regs regs = regs_of(&row);
        fb_reg_set(&regs, FB_RBX, 1);
        fb_reg_set(&regs, FB_RSI, 2);
        fb_reg_set(&regs, FB_RCX, 3);
        memset(bytes, 0, sizeof bytes);
        put_word(FB_AMD64, kept[i].slot, 0x401010);
        CHECK(kept[i].name, !fb_failed(fb_walk(&env, &thread, &regs, &arena, &s)) && s.n == 2);
        const struct fb_regs *r = &s.v[s.n - 1].regs;
        CHECK(kept[i].name, fb_reg_known(r, FB_RBX) == kept[i].rbx);
        CHECK(kept[i].name, fb_reg_known(r, FB_RSI) == kept[i].rsi);
        CHECK(kept[i].name, fb_reg_known(r, FB_RCX) == kept[i].rcx);
        CHECK(kept[i].name, fb_reg_sp(r) == AT64((uint64_t)kept[i].slot + 1));
        fb_arena_reset(&arena);
    }
}

/* A 64-bit writer's dump of a 32-bit process may say x86 and hold contexts of AMD64: the frame
 * is where these say, not where the registers of x86 would be. */
static void registers_are_their_own(uint8_t *room)
{
    struct row row = {.arch = FB_AMD64, .os = FB_WINDOWS, .sp = AT64(0), .ip = 0x401010};
    struct fb_arena arena = {.base = room, .cap = ROOM};
    struct fb_stack s = {0};
    struct fb_dump dump = dump_of(&row);
    dump.system.arch = FB_X86;
    struct fb_walk_env env = {.dump = &dump};
    struct fb_thread thread = thread_of(&row);
    struct fb_regs regs = regs_of(&row);
    fb_reg_set(&regs, FB_R8, 0x7777);  // where x86 has its eip,
    fb_reg_set(&regs, FB_RDI, 0x8888); // and its esp
    CHECK("AMD64 in x86", !fb_failed(fb_walk(&env, &thread, &regs, &arena, &s)) && s.n > 0);
    CHECK("AMD64 in x86", s.v[0].resume == row.ip && s.v[0].sp == row.sp);
    CHECK("AMD64 in x86", s.v[0].module != NULL && s.v[0].lookup == row.ip);
}

static void walk_bytes(const struct row *row, size_t cap, uint8_t *room, struct fb_stack *s,
                       struct fb_err *err)
{
    struct fb_arena arena = {.base = room, .cap = cap};
    struct fb_dump dump = dump_of(row);
    struct fb_walk_env env = {.dump = &dump, .symbols = row->with_symbols ? &symbols : NULL};
    struct fb_thread thread = thread_of(row);
    struct fb_regs regs = regs_of(row);
    *err = fb_walk(&env, &thread, &regs, &arena, s);
    if (!fb_failed(*err) && s->n > 1)
        CHECK("walk", s->v[1].resume != 0);
    fb_arena_reset(&arena);
}

static void limits(uint8_t *room)
{
    struct row row = {
        .arch = FB_AMD64, .os = FB_LINUX, .ip = 0x400010, .sp = STACK, .fp = STACK};
    struct fb_stack s = {0};
    struct fb_err err;
    for (size_t i = 0; i + 3 < STACK_WORDS; i += 2) {
        put_word(FB_AMD64, i, AT64(i + 2));
        put_word(FB_AMD64, i + 1, 0x401010);
    }
    walk_bytes(&row, ROOM, room, &s, &err);
    CHECK("frames", !fb_failed(err) && s.n == FB_FRAMES_MAX && s.cut);
    CHECK("frames", strcmp(s.stop, "limit of frames") == 0);
    for (size_t cap = 0; cap < STARVED; cap += 509) { // starve it
        s = (struct fb_stack){0};
        walk_bytes(&row, cap, room, &s, &err);
        CHECK("starve", err.code == FB_LIMIT && (s.n == 0 || s.cut));
    }
    row.fp = 0;
    for (size_t i = 0; i < STACK_WORDS; i++)
        put_word(FB_AMD64, i, 0x401010);
    walk_bytes(&row, ROOM, room, &s, &err);
    CHECK("scanned", !fb_failed(err) && s.n == FB_SCANNED_MAX + 1 && !s.cut);
    CHECK("scanned", strcmp(s.stop, "limit of scanned frames") == 0);
}

int main(void)
{
    uint8_t *room = malloc(ROOM);
    walk_rows(room);
    frames_are_named(room);
    registers_are_kept(room);
    registers_are_their_own(room);
    limits(room);
    free(room);
    return check_done();
}
