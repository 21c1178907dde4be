/*
 * tests/unit/test_walk_code.c -- callers found by following code: one row per piece of code,
 * its assembler beside it, `>` where the thread stands.
 *
 * The code is at 0x401000 in app. Before PROVED stands a call, before REFUTED none; the bytes
 * before LIKELY are not at hand. The stack begins at 0x10000 with sp.
 */
#include "disasm/insn.h"
#include "support/check.h"
#include "unwind/walk.h"

#include <stdlib.h>
#include <string.h>

enum {
    ROOM = 1024 * 1024,
    CODE = 0x401000,
    CODE_MAX = 1024,
    LIKELY = 0x402010,
    PROVED = 0x403007,
    REFUTED = 0x404008,
    CALLER = 0x405005, // behind a call of the code's first instruction
    STACK = 0x10000,
    STACK_SIZE = 4096,
    WORDS = 10,
    AX = 0xA0A0, // of the callee
    BX = 0xB0B0, // likewise
    LOST = 1     // the caller's is not known
};
#define AT32(i) (STACK + (i)*UINT64_C(4))
#define AT64(i) (STACK + (i)*UINT64_C(8))

struct put {
    unsigned at; // index of the word
    uint64_t value;
};
struct row {
    const char *name;
    enum fb_arch arch;
    const char *code; // in hex
    unsigned at;      // where in it the thread stands
    uint64_t bp;      // 0: not known
    struct put stack[WORDS];
    uint64_t sp;        // of the caller that the code leads to, 0: it leads to none
    uint64_t caller_bx; // 0: does not matter
    uint64_t caller_bp; // likewise
    uint64_t all;       // what all other words are
};

/* clang-format off */
static const struct row rows[] = {
    // > ret
    {"leaf", FB_AMD64,
     .code = "c3",
     .stack = {{0, LIKELY}}, .sp = AT64(1)},
    // > ret
    {"leaf", FB_X86,
     .code = "c3",
     .stack = {{0, LIKELY}}, .sp = AT32(1)},
    // > push rbx; sub rsp,0x20; call q; add rsp,0x20; pop rbx; ret; q: ret
    {"at the entry", FB_AMD64,
     .code = "53 48 83 ec 20 e8 06 00 00 00 48 83 c4 20 5b c3 c3",
     .stack = {{0, LIKELY}}, .sp = AT64(1), .caller_bx = BX},
    // > push ebx; sub esp,8; call q; add esp,8; pop ebx; ret; q: ret
    {"at the entry", FB_X86,
     .code = "53 83 ec 08 e8 05 00 00 00 83 c4 08 5b c3 c3",
     .stack = {{0, LIKELY}}, .sp = AT32(1), .caller_bx = BX},
    // push rbx; > sub rsp,0x20; add rsp,0x20; pop rbx; ret
    {"behind the first push", FB_AMD64,
     .code = "53 48 83 ec 20 48 83 c4 20 5b c3",
     .at = 1, .stack = {{0, 0x77}, {1, LIKELY}}, .sp = AT64(2), .caller_bx = 0x77},
    // push rbp; push rbx; sub rsp,0x18; > nop; add rsp,0x18; pop rbx; pop rbp; ret
    {"in the body", FB_AMD64,
     .code = "55 53 48 83 ec 18 90 48 83 c4 18 5b 5d c3",
     .at = 6, .stack = {{3, 0x77}, {4, AT64(9)}, {5, LIKELY}}, .sp = AT64(6), .caller_bx = 0x77, .caller_bp = AT64(9)},
    // push ebp; push ebx; sub esp,0xc; > nop; add esp,0xc; pop ebx; pop ebp; ret
    {"in the body", FB_X86,
     .code = "55 53 83 ec 0c 90 83 c4 0c 5b 5d c3",
     .at = 5, .stack = {{3, 0x77}, {4, AT32(9)}, {5, LIKELY}}, .sp = AT32(6), .caller_bx = 0x77, .caller_bp = AT32(9)},
    // pop rbx; > pop rbp; ret
    {"between the pops", FB_AMD64,
     .code = "5b 5d c3",
     .at = 1, .stack = {{0, AT64(9)}, {1, LIKELY}}, .sp = AT64(2), .caller_bx = BX, .caller_bp = AT64(9)},
    // push rbp; mov rbp,rsp; sub rsp,0x20; > nop; leave; ret
    {"leave", FB_AMD64,
     .code = "55 48 89 e5 48 83 ec 20 90 c9 c3",
     .at = 8, .bp = AT64(4), .stack = {{4, AT64(9)}, {5, LIKELY}}, .sp = AT64(6), .caller_bp = AT64(9)},
    // push ebp; mov ebp,esp; sub esp,0x10; > nop; leave; ret
    {"leave", FB_X86,
     .code = "55 89 e5 83 ec 10 90 c9 c3",
     .at = 6, .bp = AT32(4), .stack = {{4, AT32(9)}, {5, LIKELY}}, .sp = AT32(6), .caller_bp = AT32(9)},
    // > push ebp; mov ebp,esp; and esp,-16; sub esp,0x20; mov esp,ebp; pop ebp; ret
    {"the frame is made on the way", FB_X86,
     .code = "55 89 e5 83 e4 f0 83 ec 20 89 ec 5d c3",
     .bp = AT32(9), .stack = {{0, LIKELY}}, .sp = AT32(1), .caller_bp = AT32(9)},
    // > enter 0x20,0; leave; ret
    {"enter and leave", FB_X86,
     .code = "c8 20 00 00 c9 c3",
     .bp = AT32(9), .stack = {{0, LIKELY}}, .sp = AT32(1), .caller_bp = AT32(9)},
    // > lea esp,[ebp-4]; pop ebx; pop ebp; ret
    {"lea to sp from bp", FB_X86,
     .code = "8d 65 fc 5b 5d c3",
     .bp = AT32(4), .stack = {{3, 0x77}, {4, AT32(9)}, {5, LIKELY}}, .sp = AT32(6), .caller_bx = 0x77, .caller_bp = AT32(9)},
    // > lea rsp,[rsp+0x10]; ret
    {"lea moves sp", FB_AMD64,
     .code = "48 8d 64 24 10 c3",
     .stack = {{2, LIKELY}}, .sp = AT64(3)},
    // > mov ebx,ebx; and esp,-16; add esp,4; ret
    {"sp is masked", FB_X86,
     .code = "89 db 83 e4 f0 83 c4 04 c3",
     .stack = {{1, LIKELY}}, .sp = AT32(2)},
    // > mov [rsp+8],rbx; mov ebx,ecx; mov rbx,[rsp+8]; ret
    {"saved to the home of an argument", FB_AMD64,
     .code = "48 89 5c 24 08 89 cb 48 8b 5c 24 08 c3",
     .stack = {{0, LIKELY}, {1, 0x99}}, .sp = AT64(1), .caller_bx = BX},
    // > mov rbx,[rsp+0x10]; add rsp,8; ret
    {"restored by a load", FB_AMD64,
     .code = "48 8b 5c 24 10 48 83 c4 08 c3",
     .stack = {{1, LIKELY}, {2, 0x77}}, .sp = AT64(2), .caller_bx = 0x77},
    // > mov ebx,eax; ret
    {"half a register is none", FB_AMD64,
     .code = "89 c3 c3",
     .stack = {{0, LIKELY}}, .sp = AT64(1), .caller_bx = LOST},
    // > call q; mov rbx,rax; ret; q: ret
    {"what a call may destroy", FB_AMD64,
     .code = "e8 04 00 00 00 48 89 c3 c3 c3",
     .stack = {{0, LIKELY}}, .sp = AT64(1), .caller_bx = LOST},
    // > jmp 2f; ud2; 2: add rsp,8; ret
    {"a jump", FB_AMD64,
     .code = "eb 02 0f 0b 48 83 c4 08 c3",
     .stack = {{1, LIKELY}}, .sp = AT64(2)},
    // 1: add rsp,8; ret; > nop; jmp 1b
    {"a jump back", FB_AMD64,
     .code = "48 83 c4 08 c3 90 eb f8",
     .at = 5, .stack = {{1, LIKELY}}, .sp = AT64(2)},
    // > je 2f; add rsp,8; ret; 2: pop rbx; ret
    {"both ways", FB_AMD64,
     .code = "74 05 48 83 c4 08 c3 5b c3",
     .stack = {{0, 0x77}, {1, LIKELY}}, .sp = AT64(2), .caller_bx = LOST},
    // > je 2f; add rsp,8; ret; 2: ud2
    {"the other way does not return", FB_AMD64,
     .code = "74 05 48 83 c4 08 c3 0f 0b",
     .stack = {{1, LIKELY}}, .sp = AT64(2)},
    // > je 2f; add rsp,8; ret; 2: ret
    {"the other way leads to no return address", FB_AMD64,
     .code = "74 05 48 83 c4 08 c3 c3",
     .stack = {{0, 5}, {1, LIKELY}}, .sp = AT64(2)},
    // > nop; 1: dec ecx; jne 1b; add rsp,8; ret
    {"a loop", FB_AMD64,
     .code = "90 ff c9 75 fc 48 83 c4 08 c3",
     .stack = {{1, LIKELY}}, .sp = AT64(2)},
    // > 1: jmp 1b; ret
    {"a loop without end", FB_AMD64,
     .code = "eb fe c3",
     .stack = {{0, LIKELY}}},
    // > je 2f; add rsp,8; ret; 2: ret
    {"two answers", FB_AMD64,
     .code = "74 05 48 83 c4 08 c3 c3",
     .stack = {{0, LIKELY}, {1, 0x402020}}},
    // > je 2f; add rsp,8; ret; 2: ret
    {"two answers, one proved", FB_AMD64,
     .code = "74 05 48 83 c4 08 c3 c3",
     .stack = {{0, LIKELY}, {1, PROVED}}, .sp = AT64(2)},
    // > je 2f; add rsp,8; ret; 2: ret
    {"two answers, both proved", FB_AMD64,
     .code = "74 05 48 83 c4 08 c3 c3",
     .stack = {{0, PROVED}, {1, PROVED}}},
    // > ret
    {"not behind a call", FB_AMD64,
     .code = "c3",
     .stack = {{0, REFUTED}}},
    // > pop ebx; ret 8
    {"ret n", FB_X86,
     .code = "5b c2 08 00",
     .stack = {{0, 0x77}, {1, LIKELY}}, .sp = AT32(4), .caller_bx = 0x77},
    // > je 2f; ret; 2: ret 8
    {"ret n, one way without", FB_X86,
     .code = "74 01 c3 c2 08 00",
     .stack = {{0, LIKELY}}},
    // sub rsp,8; > call q; int3; q: jmp q
    {"a callee that does not return", FB_AMD64,
     .code = "48 83 ec 08 e8 01 00 00 00 cc eb fe",
     .at = 4, .stack = {{1, LIKELY}}},
    // > nop; int 0x29; ret
    {"int 29h", FB_X86,
     .code = "90 cd 29 c3",
     .stack = {{0, LIKELY}}},
    // > syscall; ret
    {"a call of the system comes back", FB_AMD64,
     .code = "0f 05 c3",
     .stack = {{0, LIKELY}}, .sp = AT64(1)},
    // > jmp rax; ret
    {"an indirect jump", FB_AMD64,
     .code = "ff e0 c3",
     .stack = {{0, LIKELY}}},
    // > jmp [rip+0x100]; ret
    {"a jump through memory", FB_AMD64,
     .code = "ff 25 00 01 00 00 c3",
     .stack = {{0, LIKELY}}},
    // > sub rsp,rax; add rsp,8; ret
    {"sp is lost", FB_AMD64,
     .code = "48 29 c4 48 83 c4 08 c3",
     .stack = {{1, LIKELY}}},
    // > sub rsp,rax; mov rsp,rbp; pop rbp; ret
    {"sp is lost and found", FB_AMD64,
     .code = "48 29 c4 48 89 ec 5d c3",
     .bp = AT64(4), .stack = {{4, AT64(9)}, {5, LIKELY}}, .sp = AT64(6), .caller_bp = AT64(9)},
    // > pushw 5; add rsp,8; ret
    {"16 bits are pushed", FB_AMD64,
     .code = "66 6a 05 48 83 c4 08 c3",
     .stack = {{0, LIKELY}}},
    // > popa; ret
    {"all registers are popped", FB_X86,
     .code = "61 c3",
     .stack = {{8, LIKELY}}, .sp = AT32(9), .caller_bx = LOST},
    // > pushfq; popfq; ret
    {"flags", FB_AMD64,
     .code = "9c 9d c3",
     .stack = {{0, LIKELY}}, .sp = AT64(1)},
    // > call 1f; 1: pop ebx; ret
    {"where am I", FB_X86,
     .code = "e8 00 00 00 00 5b c3",
     .stack = {{0, LIKELY}}, .sp = AT32(1), .caller_bx = LOST},
    // > add rsp,8; nop
    {"bytes are missing", FB_AMD64,
     .code = "48 83 c4 08 90",
     .stack = {{1, LIKELY}}},
    // > add rsp,8; .byte 0x48,0x83
    {"half an instruction", FB_AMD64,
     .code = "48 83 c4 08 48 83",
     .stack = {{1, LIKELY}}},
    // > nop; .byte 0x0f,0x04; ret
    {"no instruction", FB_X86,
     .code = "90 0f 04 c3",
     .stack = {{0, LIKELY}}},
    // > push 1; call q; ret; q: ret 4
    {"a callee pops", FB_X86,
     .code = "6a 01 e8 01 00 00 00 c3 c2 04 00",
     .stack = {{0, LIKELY}}, .sp = AT32(1)},
    // > push 1; call q; ret; q: jmp r; nop; r: ret 4
    {"a callee pops, behind a jump", FB_X86,
     .code = "6a 01 e8 01 00 00 00 c3 eb 01 90 c2 04 00",
     .stack = {{0, LIKELY}}, .sp = AT32(1)},
    // > push 1; call q; add esp,4; ret; q: ret
    {"a callee pops nothing", FB_X86,
     .code = "6a 01 e8 04 00 00 00 83 c4 04 c3 c3",
     .stack = {{0, LIKELY}}, .sp = AT32(1)},
    // > nop; ud2; ret
    {"ud2", FB_X86,
     .code = "90 0f 0b c3",
     .stack = {{0, LIKELY}}},
    // > nop; .byte 0x0f,0xff; ret
    {"ud0", FB_X86,
     .code = "90 0f ff c3",
     .stack = {{0, LIKELY}}},
    // sub esp,8; > call eax; sub esp,8; add esp,8; ret
    {"gcc takes back what was popped", FB_X86,
     .code = "83 ec 08 ff d0 83 ec 08 83 c4 08 c3",
     .at = 3, .stack = {{0, 5}, {1, 6}, {2, LIKELY}}, .sp = AT32(3)},
    // > push 1; push 2; call eax; ret
    {"nobody says what was popped", FB_X86,
     .code = "6a 01 6a 02 ff d0 c3",
     .stack = {{0, PROVED}}, .sp = AT32(1), .caller_bx = LOST},
    // > push 1; push 2; call eax; ret
    {"nobody says, and nothing is proved", FB_X86,
     .code = "6a 01 6a 02 ff d0 c3",
     .stack = {{0, LIKELY}}},
    // push rbx; sub rsp,0x20; call q; > int3; q: jmp q
    {"from the entry, by who has called it", FB_AMD64,
     .code = "53 48 83 ec 20 e8 01 00 00 00 cc eb fe",
     .at = 10, .stack = {{4, 0x77}, {5, CALLER}}, .sp = AT64(6), .caller_bx = BX},
    // push rbx; sub rsp,0x20; xor ebx,ebx; call q; > int3; q: jmp q
    {"a stale call of it", FB_AMD64,
     .code = "53 48 83 ec 20 31 db e8 01 00 00 00 cc eb fe",
     .at = 12, .stack = {{1, CALLER}, {4, 0x77}, {5, CALLER}, {9, CALLER}}, .sp = AT64(6), .caller_bx = 0x77},
    // push ebp; mov ebp,esp; push ebx; sub esp,0x10; call q; > int3; q: jmp q
    {"from the entry, by who has called it", FB_X86,
     .code = "55 89 e5 53 83 ec 10 e8 01 00 00 00 cc eb fe",
     .at = 12, .stack = {{4, 0x77}, {5, AT32(9)}, {6, CALLER}}, .sp = AT32(7), .caller_bx = BX, .caller_bp = AT32(9)},
    // push rbx; sub rsp,rax; call q; > int3; q: jmp q
    {"sp is lost on the way from the entry", FB_AMD64,
     .code = "53 48 29 c4 e8 01 00 00 00 cc eb fe",
     .at = 9, .stack = {{4, 0x77}, {5, CALLER}}},
    // jmp 1f; push rbx; > nop; 1: ret
    {"the entry does not lead there", FB_AMD64,
     .code = "eb 02 53 90 c3",
     .at = 3, .stack = {{1, CALLER}}},
};
/* clang-format on */

static uint8_t code[CODE_MAX], stack[STACK_SIZE];
static const uint8_t call[PROVED & 0xF] = {0x90, 0x90, 0xE8}, no_call[16],
                                   caller[] = {0xE8, 0xFB, 0xBF, 0xFF, 0xFF}; // -0x4005
static size_t handles[FB_ARCH_OTHER];
static struct fb_work *allowed; // in all walks together; NULL: whatever a walk may

static size_t bytes_of(const char *hex, uint8_t *out)
{
    size_t n = 0;
    for (char *end; *hex != 0 && n < CODE_MAX; hex = end)
        out[n++] = (uint8_t)strtoul(hex, &end, 16);
    return n;
}

static void put_word(uint8_t *to, size_t word, uint64_t value)
{
    for (size_t i = 0; i < word; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

static void walk_code(const struct row *row, size_t n, struct fb_arena *arena,
                      struct fb_stack *out)
{
    static struct fb_module app = {
        .base = 0x400000, .size = 0x80000, .end = 0x480000, .name = "app"};
    struct fb_region regions[] = {
        {CODE,          {code, n, 0}                },
        {PROVED & ~0xF, {call, sizeof call, 0}      },
        {REFUTED - 8,   {no_call, sizeof no_call, 0}},
        {CALLER - 5,    {caller, sizeof caller, 0}  },
    };
    struct fb_dump dump = {
        .system = {.arch = row->arch, .os = FB_LINUX},
        .modules = {       &app,                       1,                              0},
        .memory = { regions, COUNT(regions),                          CODE_MAX, false},
    };
    const struct fb_reg_names *names = fb_reg_names(row->arch);
    struct fb_thread thread = {
        .stack_start = STACK, .stack = {stack, sizeof stack, 0}
    };
    struct fb_regs regs = {.arch = row->arch};
    fb_reg_set(&regs, names->ip, CODE + row->at);
    fb_reg_set(&regs, names->sp, STACK);
    fb_reg_set(&regs, row->arch == FB_X86 ? FB_EAX : FB_RAX, AX);
    fb_reg_set(&regs, row->arch == FB_X86 ? FB_EBX : FB_RBX, BX);
    if (row->bp != 0)
        fb_reg_set(&regs, names->fp, row->bp);
    for (size_t i = 0; i < sizeof stack / names->word; i++)
        put_word(stack + i * names->word, names->word, row->all);
    for (size_t i = 0; i < WORDS; i++)
        if (row->stack[i].value != 0)
            put_word(stack + row->stack[i].at * names->word, names->word, row->stack[i].value);
    struct fb_walk_env env = {.dump = &dump, .capstone = handles[row->arch], .work = allowed};
    CHECK(row->name, !fb_failed(fb_walk(&env, &thread, &regs, arena, out)));
}

static void caller_is(const struct row *row, const struct fb_frame *f)
{
    int bx = row->arch == FB_X86 ? FB_EBX : FB_RBX;
    if (!CHECK(row->name, f->sp == row->sp))
        fprintf(stderr, "  sp 0x%llx\n", (unsigned long long)f->sp);
    CHECK(row->name, f->trust == FB_TRUST_CFI);
    if (row->caller_bx == LOST)
        CHECK(row->name, !fb_reg_known(&f->regs, bx));
    else if (row->caller_bx != 0)
        CHECK(row->name, fb_reg_known(&f->regs, bx) && f->regs.v[bx] == row->caller_bx);
    if (row->caller_bp != 0)
        CHECK(row->name, fb_reg_fp(&f->regs) == row->caller_bp);
}

static void follow_rows(uint8_t *room)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fb_arena arena = {.base = room, .cap = ROOM};
        struct fb_stack s = {0};
        walk_code(&rows[i], bytes_of(rows[i].code, code), &arena, &s);
        bool found = s.n > 1 && strcmp(s.v[1].method, "code") == 0;
        if (CHECK(rows[i].name, found == (rows[i].sp != 0)) && found)
            caller_is(&rows[i], &s.v[1]);
        fb_arena_reset(&arena);
    }
}

/* As many instructions as fit before the return: up to a limit it is found. */
static void limits(uint8_t *room)
{
    enum { INSTRUCTIONS = 512 };
    for (size_t nops = INSTRUCTIONS - 2; nops <= INSTRUCTIONS + 1; nops++) {
        struct row row = {.name = "limit", .arch = FB_AMD64, .stack = {{0, LIKELY}}};
        struct fb_arena arena = {.base = room, .cap = ROOM};
        struct fb_stack s = {0};
        memset(code, 0x90, nops);
        code[nops] = 0xC3;
        walk_code(&row, nops + 1, &arena, &s);
        bool found = s.n > 1 && strcmp(s.v[1].method, "code") == 0;
        CHECK("limit", found == (nops < INSTRUCTIONS));
        fb_arena_reset(&arena);
    }
}

/* Callees are asked what they pop: that counts as well. */
static void callees_count(uint8_t *room)
{
    enum { CALLS = 20, CALL_SIZE = 5, CALLEE = CALLS * CALL_SIZE + 1, NOPS = 60 };
    struct row row = {.name = "callees", .arch = FB_X86, .stack = {{0, LIKELY}}};
    for (size_t calls = 1; calls <= CALLS; calls += CALLS - 1) {
        struct fb_arena arena = {.base = room, .cap = ROOM};
        struct fb_stack s = {0};
        memset(code, 0x90, CODE_MAX);
        for (size_t i = 0; i < calls; i++) {
            code[i * CALL_SIZE] = 0xE8;
            put_word(&code[i * CALL_SIZE + 1], 4, CALLEE - (i + 1) * CALL_SIZE);
        }
        code[CALLEE - 1] = code[CALLEE + NOPS] = 0xC3;
        walk_code(&row, CALLEE + NOPS + 1, &arena, &s);
        bool found = s.n > 1 && strcmp(s.v[1].method, "code") == 0;
        CHECK("callees", found == (calls == 1));
        fb_arena_reset(&arena);
    }
}

/* A stack that costs all that one frame may cost, frame by frame. */
static void walk_is_bounded(uint8_t *room)
{
    enum { INSTRUCTIONS = 512, OF_WALK = 16384, OF_ALL = 1100 };
    static const size_t found[] = {OF_WALK / INSTRUCTIONS, OF_ALL / INSTRUCTIONS, 0};
    struct row row = {.name = "bound", .arch = FB_AMD64, .all = CODE};
    struct fb_work of_all = fb_work_for_a_dump();
    of_all.left[FB_WORK_INSTRUCTIONS] = OF_ALL;
    memset(code, 0x90, INSTRUCTIONS);
    code[INSTRUCTIONS - 1] = 0xC3;
    for (size_t k = 0; k < COUNT(found); k++) {
        struct fb_arena arena = {.base = room, .cap = ROOM};
        struct fb_stack s = {0};
        size_t n = 0;
        allowed = k == 0 ? NULL : &of_all;
        walk_code(&row, INSTRUCTIONS, &arena, &s);
        for (size_t i = 1; i < s.n; i++)
            n += strcmp(s.v[i].method, "code") == 0;
        CHECK("bound", n == found[k]);
        CHECK("bound", k == 0 || of_all.left[FB_WORK_INSTRUCTIONS] == 0);
        fb_arena_reset(&arena);
    }
    allowed = NULL;
}

/* Who is called, is searched for while a path is followed: both take of the same. */
static void searches_count(uint8_t *room)
{
    enum { AT = 64, ALLOWED = 30, CALL_SIZE = 5 };
    // call CODE; > call (to where no code is at hand); ret: words above may be return addresses
    static const uint8_t end[] = {0xE8, 0xC0, 0xFF, 0xFF, 0xFF, 0xE8,
                                  0x00, 0x40, 0x00, 0x00, 0xC3};
    struct row row = {.name = "searches", .arch = FB_X86, .at = AT, .all = CODE + AT};
    struct fb_work few = fb_work_for_a_dump();
    struct fb_arena arena = {.base = room, .cap = ROOM};
    struct fb_stack s = {0};
    few.left[FB_WORK_INSTRUCTIONS] = ALLOWED;
    memset(code, 0x90, AT);
    memcpy(code + AT - CALL_SIZE, end, sizeof end);
    allowed = &few;
    walk_code(&row, AT - CALL_SIZE + sizeof end, &arena, &s);
    allowed = NULL;
    size_t n = 0;
    for (size_t i = 1; i < s.n; i++)
        n += strcmp(s.v[i].method, "code") == 0;
    CHECK("searches", n == 1 && few.left[FB_WORK_INSTRUCTIONS] == 0);
    fb_arena_reset(&arena);
}

/* Conditions upon conditions, and stores upon stores: more than there is room for. */
static void many(uint8_t *room)
{
    static const uint8_t branch[] = {0x74, 0x00, 0x74, 0x01},
                         save[] = {0x48, 0x89, 0x1C, 0x24, 0x53};
    static const struct {
        const uint8_t *p;
        size_t n;
    } pieces[] = {
        {branch, sizeof branch},
        {save,   sizeof save  }
    };
    for (size_t i = 0; i < COUNT(pieces); i++) {
        struct row row = {.name = "many", .arch = FB_AMD64, .stack = {{0, LIKELY}}};
        struct fb_arena arena = {.base = room, .cap = ROOM};
        struct fb_stack s = {0};
        for (size_t n = 0; n + pieces[i].n <= CODE_MAX; n += pieces[i].n)
            memcpy(code + n, pieces[i].p, pieces[i].n);
        walk_code(&row, CODE_MAX, &arena, &s);
        CHECK("many", s.n >= 1);
        fb_arena_reset(&arena);
    }
}

int main(void)
{
    uint8_t *room = malloc(ROOM);
    handles[FB_X86] = fb_disasm_open(FB_X86);
    handles[FB_AMD64] = fb_disasm_open(FB_AMD64);
    follow_rows(room);
    limits(room);
    callees_count(room);
    walk_is_bounded(room);
    searches_count(room);
    many(room);
    fb_disasm_close(handles[FB_X86]);
    fb_disasm_close(handles[FB_AMD64]);
    free(room);
    return check_done();
}
