/*
 * tests/unit/test_taint.c -- how taint moves, one row per instruction or effect: the first
 * instruction is the read that fails, then which places are tainted and what was found.
 *
 * Then blocks that nobody would compile: endless, of pushes, of stores, of nothing.
 */
#include "disasm/dataflow.h"
#include "exploitability/taint.h"
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

static size_t handles[FB_ARCH_OTHER];
static uint8_t room[1 << 20];

#define X FB_X86
#define Q FB_AMD64
#define A FB_ARM64
// clang-format off
static const struct row {
    const char *name, *text;
    enum fb_arch arch;
    const char *hex;
    const char *places; // tainted behind the block; with a ! not tainted
    const char *found;
} rows[] = {
    {"a load taints its destination and the address stays tainted", "mov ecx,[eax]",
     X, "8b08", "ecx eax !edx !flags", ""},
    {"moves carry it on", "mov ecx,[eax]; mov edx,ecx; mov ebx,edx",
     X, "8b0889ca89d3", "edx ebx", ""},
    {"a constant clears", "mov ecx,[eax]; mov ecx,5; mov eax,0",
     X, "8b08b905000000b800000000", "!ecx !eax", ""},
    {"movzx", "movzx ecx,byte ptr [eax]; movzx edx,cl",
     X, "0fb6080fb6d1", "ecx edx", ""},
    {"movsx", "movsx ecx,byte ptr [eax]; movsx edx,cx",
     X, "0fbe080fbfd1", "ecx edx", ""},
    {"movsxd", "mov ecx,[rax]; movsxd rdx,ecx",
     Q, "8b084863d1", "rcx rdx", ""},
    {"bswap", "mov ecx,[eax]; bswap ecx",
     X, "8b080fc9", "ecx", ""},
    {"lea takes the address registers", "mov ecx,[eax]; lea edx,[ecx*4+8]",
     X, "8b088d148d08000000", "edx !flags", ""},
    {"lea of a constant place clears", "mov rcx,[rax]; lea rcx,[rip+16]",
     Q, "488b08488d0d10000000", "!rcx", ""},
    {"a load by a tainted index", "mov ecx,[eax]; mov edx,[ebx+ecx*4]",
     X, "8b088b148b", "edx", ""},
    {"a load from a clean address is clean", "mov ecx,[eax]; mov ecx,[ebx]",
     X, "8b088b0b", "!ecx", ""},
    {"8 bits leave the rest", "mov ecx,[eax]; mov cl,dl",
     X, "8b0888d1", "ecx", ""},
    {"16 bits leave the rest", "mov ecx,[eax]; mov cx,dx",
     X, "8b086689d1", "ecx", ""},
    {"AH and AL together clear AX", "movzx ecx,byte ptr [eax]; mov edx,0; mov dl,cl; mov dl,bl",
     X, "0fb608ba0000000088ca88da", "!edx", ""},
    {"AH is not AL", "mov ecx,[eax]; mov edx,0; mov dh,cl; mov dl,bl; movzx esi,dl; movzx edi,dh",
     X, "8b08ba0000000088ce88da0fb6f20fb6fe", "edx !esi edi", ""},
    {"32 bits cover 64 on x64", "mov rcx,[rax]; mov ecx,edx",
     Q, "488b0889d1", "!rcx", ""},
    {"16 bits do not", "mov rcx,[rax]; mov cx,dx",
     Q, "488b086689d1", "rcx", ""},
    {"xchg of bytes", "mov ecx,[eax]; mov edx,0; xchg dl,cl",
     X, "8b08ba0000000086d1", "edx ecx", ""},
    {"low byte of a new register, SIL", "mov rsi,[rax]; mov ecx,0; mov cl,sil",
     Q, "488b30b9000000004088f1", "rcx", ""},
    {"add keeps what was there", "mov ecx,[eax]; add ecx,edx",
     X, "8b0801d1", "ecx flags", ""},
    {"add brings it in", "mov ecx,[eax]; add edx,ecx",
     X, "8b0801ca", "edx flags", ""},
    {"add of clean registers clears the flags", "mov ecx,[eax]; test ecx,ecx; add edx,ebx",
     X, "8b0885c901da", "!edx !flags", ""},
    {"add from memory", "mov ecx,[eax]; add edx,[ecx]",
     X, "8b080311", "edx flags", ""},
    {"shift by cl", "mov ecx,[eax]; shl edx,cl",
     X, "8b08d3e2", "edx flags", ""},
    {"shift in place", "mov ecx,[eax]; shr ecx,3",
     X, "8b08c1e903", "ecx flags", ""},
    {"imul of three", "mov ecx,[eax]; imul edx,ecx,12",
     X, "8b086bd10c", "edx flags", ""},
    {"imul by zero", "mov ecx,[eax]; imul edx,ecx,0",
     X, "8b086bd100", "!edx !flags", ""},
    {"imul of three clears the old destination", "mov ecx,[eax]; imul ecx,edx,12",
     X, "8b086bca0c", "!ecx", ""},
    {"mul writes both halves", "mov ecx,[eax]; mov eax,2; mul ecx",
     X, "8b08b802000000f7e1", "eax edx flags", ""},
    {"mul of bytes writes AX alone", "mov ecx,[eax]; mov eax,2; mul cl",
     X, "8b08b802000000f6e1", "eax !edx", ""},
    {"div", "mov ecx,[eax]; mov eax,2; div ecx",
     X, "8b08b802000000f7f1", "eax edx", ""},
    {"cdq", "mov eax,[eax]; cdq",
     X, "8b0099", "eax edx", ""},
    {"cdqe", "mov eax,[rax]; cdqe",
     Q, "8b004898", "rax", ""},
    {"not and neg", "mov ecx,[eax]; not ecx; neg ecx",
     X, "8b08f7d1f7d9", "ecx flags", ""},
    {"popcnt", "mov ecx,[eax]; popcnt edx,ecx",
     X, "8b08f30fb8d1", "edx flags", ""},
    {"sbb", "mov ecx,[eax]; sbb edx,ecx",
     X, "8b0819ca", "edx", ""},
    {"inc", "mov ecx,[eax]; inc ecx",
     X, "8b0841", "ecx flags", ""},
    {"xor r,r", "mov ecx,[eax]; xor ecx,ecx",
     X, "8b0831c9", "!ecx !flags", ""},
    {"sub r,r", "mov ecx,[eax]; test ecx,ecx; sub ecx,ecx",
     X, "8b0885c929c9", "!ecx !flags", ""},
    {"xor of two", "mov ecx,[eax]; xor edx,ecx",
     X, "8b0831ca", "edx", ""},
    {"and r,0", "mov ecx,[eax]; and ecx,0",
     X, "8b0883e100", "!ecx", ""},
    {"and r,1", "mov ecx,[eax]; and ecx,1",
     X, "8b0883e101", "ecx", ""},
    {"pxor", "movd xmm0,[eax]; pxor xmm0,xmm0; movd ecx,xmm0",
     X, "660f6e00660fefc0660f7ec1", "!ecx", ""},
    {"vpxor of three", "vmovdqu ymm1,[rax]; vpxor ymm1,ymm2,ymm2; vmovd ecx,xmm1",
     Q, "c5fe6f08c5edefcac5f97ec9", "!rcx", ""},
    {"vxorps of two", "vmovups xmm1,[rax]; vxorps xmm3,xmm1,xmm2; vmovd ecx,xmm3",
     Q, "c5f81008c5f057dac5f97ed9", "rcx", ""},
    {"cmp", "mov ecx,[eax]; cmp ecx,5",
     X, "8b0883f905", "flags ecx", ""},
    {"cmp of clean ones", "mov ecx,[eax]; cmp ecx,5; cmp esi,edx",
     X, "8b0883f90539d6", "!flags", ""},
    {"test", "mov ecx,[eax]; test edx,ecx",
     X, "8b0885ca", "flags !edx", ""},
    {"cmp with memory", "mov ecx,[eax]; cmp dword ptr [ecx],5",
     X, "8b08833905", "flags", ""},
    {"bt", "mov ecx,[eax]; bt edx,ecx",
     X, "8b080fa3ca", "flags", ""},
    {"flags do not flow into setcc", "mov ecx,[eax]; cmp ecx,5; mov edx,0; sete dl",
     X, "8b0883f905ba000000000f94c2", "!edx", ""},
    {"setcc clears a byte", "mov ecx,[eax]; sete cl",
     X, "8b080f94c1", "ecx", ""},
    {"nor into cmovcc", "mov ecx,[eax]; cmp ecx,5; cmove edx,ebx",
     X, "8b0883f9050f44d3", "!edx", ""},
    {"cmovcc merges", "mov ecx,[eax]; cmove edx,ecx; cmove ecx,ebx",
     X, "8b080f44d10f44cb", "edx ecx", ""},
    {"lahf and sahf", "mov ecx,[eax]; mov eax,ecx; sahf",
     X, "8b0889c89e", "flags", ""},
    {"xchg", "mov ecx,[eax]; xchg edx,ecx",
     X, "8b0887d1", "edx !ecx", ""},
    {"xadd", "mov ecx,[eax]; mov eax,0; xadd edx,ecx",
     X, "8b08b8000000000fc1ca", "edx !ecx flags", ""},
    {"xadd, the other way", "mov ecx,[eax]; mov eax,0; xadd ecx,edx",
     X, "8b08b8000000000fc1d1", "edx ecx", ""},
    {"cmpxchg compares with the accumulator", "mov ecx,[eax]; mov eax,0; cmpxchg ecx,edx",
     X, "8b08b8000000000fb1d1", "eax ecx flags !edx", ""},
    {"cmpxchg, what is put there", "mov ecx,[eax]; mov eax,0; cmpxchg edx,ecx",
     X, "8b08b8000000000fb1ca", "edx !eax !flags", ""},
    {"push and pop", "mov ecx,[eax]; push ecx; pop edx",
     X, "8b08515a", "edx", ""},
    {"pop of another word", "mov ecx,[eax]; push ecx; push ebx; pop edx; pop esi",
     X, "8b0851535a5e", "!edx esi", ""},
    {"pop of what was not pushed", "mov ecx,[eax]; pop edx",
     X, "8b085a", "!edx", ""},
    {"push of a constant", "mov ecx,[eax]; push ecx; push 5; pop edx",
     X, "8b08516a055a", "!edx", ""},
    {"push of memory", "mov ecx,[eax]; push dword ptr [ecx]; pop edx",
     X, "8b08ff315a", "edx", ""},
    {"a pushed word is a slot", "mov ecx,[eax]; push ecx; mov edx,[esp]",
     X, "8b08518b1424", "edx", ""},
    {"pushal and popal", "mov ecx,[eax]; pushal; mov ecx,0; popal",
     X, "8b0860b90000000061", "ecx eax !edx !ebx", ""},
    {"pushfd", "mov ecx,[eax]; test ecx,ecx; pushfd; pop edx",
     X, "8b0885c99c5a", "edx", ""},
    {"popfd", "mov ecx,[eax]; push ecx; popfd",
     X, "8b08519d", "flags", ""},
    {"add esp drops pushed words", "mov ecx,[eax]; push ecx; add esp,4; pop edx",
     X, "8b085183c4045a", "!edx", ""},
    {"sub esp and a slot", "mov ecx,[eax]; sub esp,8; mov [esp+4],ecx; add esp,4; pop edx",
     X, "8b0883ec08894c240483c4045a", "edx", ""},
    {"lea esp", "mov ecx,[eax]; push ecx; lea esp,[esp-8]; mov edx,[esp+8]",
     X, "8b08518d6424f88b542408", "edx", ""},
    {"leave forgets", "mov ecx,[eax]; push ecx; leave; pop edx",
     X, "8b0851c95a", "!edx !ebp", ""},
    {"a local variable", "mov ecx,[eax]; mov [ebp-8],ecx; mov edx,[ebp-8]",
     X, "8b08894df88b55f8", "edx", ""},
    {"another one", "mov ecx,[eax]; mov [ebp-8],ecx; mov edx,[ebp-12]",
     X, "8b08894df88b55f4", "!edx", ""},
    {"overwritten", "mov ecx,[eax]; mov [ebp-8],ecx; mov [ebp-8],ebx; mov edx,[ebp-8]",
     X, "8b08894df8895df88b55f8", "!edx", ""},
    {"half overwritten", "mov ecx,[eax]; mov [ebp-8],ecx; mov [ebp-8],bx; mov edx,[ebp-8]",
     X, "8b08894df866895df88b55f8", "edx", ""},
    {"a part of it", "mov ecx,[eax]; mov [ebp-8],ecx; movzx edx,byte ptr [ebp-6]",
     X, "8b08894df80fb655fa", "edx", ""},
    {"the base changes", "mov ecx,[eax]; mov [ebp-8],ecx; mov ebp,ebx; mov edx,[ebp-8]",
     X, "8b08894df889dd8b55f8", "!edx", ""},
    {"esp by a constant", "mov ecx,[eax]; mov [esp+8],ecx; sub esp,4; mov edx,[esp+12]; mov esi,[esp+8]",
     X, "8b08894c240883ec048b54240c8b742408", "edx !esi", ""},
    {"esp unknown", "mov ecx,[eax]; mov [esp+8],ecx; mov esp,ebx; mov edx,[esp+8]",
     X, "8b08894c240889dc8b542408", "!edx", ""},
    {"add to a slot", "mov ecx,[eax]; add [ebp-8],ecx; mov edx,[ebp-8]",
     X, "8b08014df88b55f8", "edx", ""},
    {"memory elsewhere is not followed", "mov ecx,[eax]; mov [ebx],ecx; mov edx,[ebx]",
     X, "8b08890b8b13", "!edx", ""},
    {"thread-local memory is no slot", "mov ecx,[eax]; mov fs:[ebp-8],ecx; mov edx,[ebp-8]",
     X, "8b0864894df88b55f8", "!edx", ""},
    {"through a vector register", "movd xmm0,[eax]; movdqa xmm1,xmm0; movd ecx,xmm1",
     X, "660f6e00660f6fc8660f7ec9", "ecx", ""},
    {"x, y and z are one", "vmovups zmm1,[rax]; vmovd ecx,xmm1",
     Q, "62f17c481008c5f97ec9", "rcx", ""},
    {"addps", "movups xmm0,[eax]; addps xmm1,xmm0; movd ecx,xmm1",
     X, "0f10000f58c8660f7ec9", "ecx", ""},
    {"a scalar load sets the whole", "movups xmm0,[eax]; movss xmm0,[ebx]; movd ecx,xmm0",
     X, "0f1000f30f1003660f7ec1", "!ecx", ""},
    {"a scalar move does not", "movups xmm0,[eax]; movss xmm0,xmm2; movd ecx,xmm0",
     X, "0f1000f30f10c2660f7ec1", "ecx", ""},
    {"cvtsi2sd", "mov ecx,[eax]; cvtsi2sd xmm1,ecx; cvttsd2si edx,xmm1",
     X, "8b08f20f2ac9f20f2cd1", "edx", ""},
    {"ucomisd", "movsd xmm1,[eax]; ucomisd xmm2,xmm1",
     X, "f20f1008660f2ed1", "flags", ""},
    {"an unlisted instruction: all to all", "movups xmm0,[eax]; aesenc xmm1,xmm0; movd ecx,xmm1",
     X, "0f1000660f38dcc8660f7ec9", "ecx", ""},
    {"vfmadd", "vmovups ymm1,[rax]; vfmadd231ps ymm2,ymm1,ymm3; vmovd ecx,xmm2",
     Q, "c5fc1008c4e275b8d3c5f97ed1", "rcx", ""},
    {"x87 to a local variable", "fld qword ptr [eax]; fstp qword ptr [ebp-8]; mov edx,[ebp-4]",
     X, "dd00dd5df88b55fc", "edx", ""},
    {"x87 compared", "fld qword ptr [eax]; fnstsw ax; sahf",
     X, "dd00dfe09e", "flags", ""},
    {"lodsd", "mov esi,[eax]; lodsd",
     X, "8b30ad", "eax", ""},
    {"stosd to a slot is none", "mov ecx,[eax]; stosd",
     X, "8b08ab", "!edx", ""},
    {"scasb", "mov edi,[eax]; scasb",
     X, "8b38ae", "flags", ""},
    {"xlatb", "mov ebx,[eax]; mov eax,0; xlatb",
     X, "8b18b800000000d7", "eax", ""},
    {"cpuid", "mov ecx,[eax]; mov eax,0; cpuid",
     X, "8b08b8000000000fa2", "!eax !ebx !ecx !edx", ""},
    {"rdtsc", "mov edx,[eax]; rdtsc",
     X, "8b100f31", "!eax !edx", ""},
    {"nop and prefetch read nothing", "mov ecx,[eax]; nop dword ptr [ecx]; prefetcht0 [ecx]",
     X, "8b080f1f010f1809", "ecx !flags", ""},
    {"a register that the read uses", "add ebx,[eax]",
     X, "0318", "eax ebx flags", ""},
    {"a frame pointer in the stack is none", "mov ecx,[ebp+8]",
     X, "8b4d08", "ecx !ebp", ""},
    {"the stack pointer is none", "mov ecx,[esp+8]",
     X, "8b4c2408", "ecx !esp", ""},
    {"pop that faults", "pop ecx",
     X, "59", "ecx !esp", ""},
    {"jump to a register", "mov ecx,[eax]; jmp ecx",
     X, "8b08ffe1", "", "target"},
    {"call through memory", "mov ecx,[eax]; call dword ptr [ecx+8]",
     X, "8b08ff5108", "", "target argument"},
    {"call through a slot", "mov edx,[eax]; mov [ebp-8],edx; mov edx,0; mov eax,0; call dword ptr [ebp-8]",
     X, "8b108955f8ba00000000b800000000ff55f8", "", "target"},
    {"a conditional branch is none of these", "mov ecx,[eax]; test ecx,ecx; je $",
     X, "8b0885c974fe", "", "branch"},
    {"loop", "mov ecx,[eax]; loop $",
     X, "8b08e2fe", "", "branch"},
    {"jecxz", "mov ecx,[eax]; jecxz $",
     X, "8b08e3fe", "", "branch"},
    {"loop by a clean counter", "mov edx,[eax]; loop $",
     X, "8b10e2fe", "", ""},
    {"store through it", "mov ecx,[eax]; mov [ecx],edx",
     X, "8b088911", "", "write"},
    {"store at an index", "mov ecx,[eax]; mov [ebx+ecx*4],edx",
     X, "8b0889148b", "", "write"},
    {"store beside what faulted", "mov ecx,[eax]; mov [eax+8],edx",
     X, "8b08895008", "", "write"},
    {"store of it is none", "mov ecx,[eax]; mov [ebx],ecx",
     X, "8b08890b", "", ""},
    {"add to memory", "mov ecx,[eax]; add [ecx],edx",
     X, "8b080111", "", "write"},
    {"xchg with memory", "mov ecx,[eax]; xchg [ecx],edx",
     X, "8b088711", "", "write"},
    {"setcc to memory", "mov ecx,[eax]; sete byte ptr [ecx]",
     X, "8b080f9401", "", "write"},
    {"movups to memory", "mov ecx,[eax]; movups [ecx],xmm0",
     X, "8b080f1101", "", "write"},
    {"fstp to memory", "mov ecx,[eax]; fstp dword ptr [ecx]",
     X, "8b08d919", "", "write"},
    {"pop to memory", "mov ecx,[eax]; pop dword ptr [ecx]",
     X, "8b088f01", "", "write"},
    {"rep stosb", "mov edi,[eax]; rep stosb",
     X, "8b38f3aa", "", "write"},
    {"movsb, by its destination", "mov edi,[eax]; movsb",
     X, "8b38a4", "", "write"},
    {"rep movsd, by its source", "mov esi,[eax]; rep movsd",
     X, "8b30f3a5", "", "move"},
    {"rep movsd, by its destination", "mov edi,[eax]; rep movsd",
     X, "8b38f3a5", "", "write"},
    {"movsb is no block move", "mov esi,[eax]; movsb",
     X, "8b30a4", "", ""},
    {"lea is no store", "mov ecx,[eax]; lea edx,[ecx]",
     X, "8b088d11", "", ""},
    {"push is no store", "mov ecx,[eax]; push ecx",
     X, "8b0851", "", ""},
    {"cmp is no store", "mov ecx,[eax]; cmp [ecx],edx",
     X, "8b083911", "", ""},
    {"the read itself changes memory", "add [eax],ebx",
     X, "0118", "", "write"},
    {"pushed argument", "mov ebx,[eax]; push ebx; call $",
     X, "8b1853e8fbffffff", "", "argument"},
    {"popped again", "mov ebx,[eax]; push ebx; pop ebx; call $",
     X, "8b18535be8fbffffff", "", ""},
    {"argument in ecx", "mov ecx,[eax]; call $",
     X, "8b08e8fbffffff", "", "argument"},
    {"edi is no argument", "mov edi,[eax]; call $",
     X, "8b38e8fbffffff", "", ""},
    {"returned", "mov eax,[eax]; ret",
     X, "8b00c3", "", "returned"},
    {"returned in edx", "mov edx,[eax]; mov eax,0; ret",
     X, "8b10b800000000c3", "", "returned"},
    {"not returned", "mov ecx,[eax]; mov eax,0; ret",
     X, "8b08b800000000c3", "", ""},
    {"x64: r8", "mov r8,[rbx]; call $",
     Q, "4c8b03e8fbffffff", "", "argument"},
    {"x64: rdi is none on Windows", "mov rdi,[rbx]; call $",
     Q, "488b3be8fbffffff", "", ""},
    {"x64: rdx is not returned", "mov rdx,[rbx]; ret",
     Q, "488b13c3", "", ""},
    {"x64: tainted rbx calls", "mov rax,[rbx]; call qword ptr [rax+0x20]",
     Q, "488b03ff5020", "", "target"},
    {"arm64: load", "ldr x1,[x0]",
     A, "010040f9", "x1 x0 !flags", ""},
    {"arm64: W writes clear the upper half", "ldr x1,[x0]; mov w1,w2",
     A, "010040f9e103022a", "!x1", ""},
    {"arm64: W reads the lower half", "ldr x1,[x0]; mov w2,w1",
     A, "010040f9e203012a", "x2", ""},
    {"arm64: movk keeps", "ldr x1,[x0]; movk x1,#5",
     A, "010040f9a10080f2", "x1", ""},
    {"arm64: movz clears", "ldr x1,[x0]; movz x1,#5",
     A, "010040f9a10080d2", "!x1", ""},
    {"arm64: add, flags untouched", "ldr x1,[x0]; add x2,x1,x3",
     A, "010040f92200038b", "x2 !flags", ""},
    {"arm64: adds", "ldr x1,[x0]; adds x2,x1,x3",
     A, "010040f9220003ab", "x2 flags", ""},
    {"arm64: three operands replace", "ldr x1,[x0]; add x1,x2,x3",
     A, "010040f94100038b", "!x1", ""},
    {"arm64: eor x,y,y", "ldr x1,[x0]; eor x1,x2,x2",
     A, "010040f9410002ca", "!x1", ""},
    {"arm64: eor of the tainted one with itself", "ldr x1,[x0]; eor x1,x1,x1",
     A, "010040f9210001ca", "!x1", ""},
    {"arm64: eor of two", "ldr x1,[x0]; eor x2,x1,x3",
     A, "010040f9220003ca", "x2", ""},
    {"arm64: xzr vanishes", "ldr x1,[x0]; mov x1,xzr",
     A, "010040f9e1031faa", "!x1", ""},
    {"arm64: cmp reads both", "ldr x1,[x0]; cmp x2,x1",
     A, "010040f95f0001eb", "flags !x2", ""},
    {"arm64: tst", "ldr x1,[x0]; tst x1,#1",
     A, "010040f93f0040f2", "flags", ""},
    {"arm64: ccmp merges", "ldr x1,[x0]; cmp x1,#0; ccmp x2,x3,#0,eq",
     A, "010040f93f0000f1400043fa", "flags", ""},
    {"arm64: csel takes both", "ldr x1,[x0]; csel x2,x3,x1,eq",
     A, "010040f96200819a", "x2", ""},
    {"arm64: flags do not flow into cset", "ldr x1,[x0]; cmp x1,#0; cset x1,eq",
     A, "010040f93f0000f1e1179f9a", "!x1", ""},
    {"arm64: madd", "ldr x1,[x0]; madd x2,x3,x4,x1",
     A, "010040f96204049b", "x2", ""},
    {"arm64: bfi keeps", "ldr x1,[x0]; bfi x1,x2,#3,#4",
     A, "010040f9410c7db3", "x1", ""},
    {"arm64: ubfx", "ldr x1,[x0]; ubfx x2,x1,#3,#4",
     A, "010040f9221843d3", "x2", ""},
    {"arm64: pair", "ldp x1,x2,[x0]",
     A, "010840a9", "x1 x2", ""},
    {"arm64: slot", "ldr x1,[x0]; str x1,[sp,#8]; ldr x2,[sp,#8]",
     A, "010040f9e10700f9e20740f9", "x2", ""},
    {"arm64: slot by the frame pointer", "ldr x1,[x0]; stur x1,[x29,#-8]; ldur x2,[x29,#-8]",
     A, "010040f9a1831ff8a2835ff8", "x2", ""},
    {"arm64: pushed pair", "ldr x1,[x0]; stp x1,x3,[sp,#-16]!; ldr x2,[sp]; mov x1,#0; ldp x4,x5,[sp],#16",
     A, "010040f9e10fbfa9e20340f9010080d2e417c1a8", "x2 x4", ""},
    {"arm64: sp by a constant", "ldr x1,[x0]; str x1,[sp]; sub sp,sp,#32; ldr x2,[sp,#32]; ldr x3,[sp]",
     A, "010040f9e10300f9ff8300d1e21340f9e30340f9", "x2 !x3", ""},
    {"arm64: literal", "ldr x1,[x0]; ldr x1,.+8",
     A, "010040f941000058", "!x1", ""},
    {"arm64: vectors", "ldr q0,[x0]; add v1.4s,v0.4s,v2.4s; fmov x2,d1",
     A, "0000c03d0184a24e2200669e", "x2", ""},
    {"arm64: one element", "ldr q0,[x0]; mov v0.s[1],w3; umov w2,v0.s[0]",
     A, "0000c03d601c0c4e023c040e", "x2", ""},
    {"arm64: swp", "ldr x1,[x0]; swp x1,x2,[sp]; ldr x3,[sp]",
     A, "010040f9e28321f8e30340f9", "!x2 x3", ""},
    {"arm64: ldadd gives what was there", "ldr x1,[x0]; ldadd x1,x2,[x3]",
     A, "010040f9620021f8", "!x2", ""},
    {"arm64: ldadd that faults", "ldadd x1,x2,[x0]",
     A, "020021f8", "x2 x0", "write"},
    {"arm64: cas", "ldr x1,[x0]; cas x2,x1,[sp]; ldr x3,[sp]",
     A, "010040f9e17fa2c8e30340f9", "!x2 x3", ""},
    {"arm64: cas by a tainted address", "ldr x1,[x0]; cas x2,x3,[x1]",
     A, "010040f9237ca2c8", "x2 !x3", "write"},
    {"arm64: stxr", "ldr x1,[x0]; stxr w3,x2,[x1]",
     A, "010040f9227c03c8", "!x3", "write"},
    {"arm64: prfm reads nothing", "ldr x1,[x0]; prfm pldl1keep,[x1]",
     A, "010040f9200080f9", "x1", ""},
    {"arm64: store", "ldr x1,[x0]; str x2,[x1,x3]",
     A, "010040f9226823f8", "", "write"},
    {"arm64: store pair", "ldr x1,[x0]; stp x2,x3,[x1]",
     A, "010040f9220c00a9", "", "write"},
    {"arm64: store of it is none", "ldr x1,[x0]; str x1,[x2]",
     A, "010040f9410000f9", "", ""},
    {"arm64: call", "ldr x8,[x0]; ldr x8,[x8,#16]; blr x8",
     A, "080040f9080940f900013fd6", "", "target argument"},
    {"arm64: br", "ldr x8,[x19]; br x8",
     A, "680240f900011fd6", "", "target"},
    {"arm64: authenticated", "ldr x8,[x19]; braaz x8",
     A, "680240f91f091fd6", "", "target"},
    {"arm64: return to it", "ldr x30,[x19]; ret",
     A, "7e0240f9c0035fd6", "", "target"},
    {"arm64: returned", "ldr x1,[x19]; ret",
     A, "610240f9c0035fd6", "", "returned"},
    {"arm64: not returned", "ldr x2,[x19]; ret",
     A, "620240f9c0035fd6", "", ""},
    {"arm64: cbz", "ldr x8,[x19]; cbz x8,.",
     A, "680240f9080000b4", "", "branch"},
    {"arm64: tbz", "ldr x8,[x19]; tbz x8,#3,.",
     A, "680240f908001836", "", "branch"},
    {"arm64: b.eq", "ldr x8,[x19]; cmp x8,#0; b.eq $",
     A, "680240f91f0100f100000054", "", "branch"},
    {"arm64: x7", "ldr x7,[x19]; bl $",
     A, "670240f900000094", "", "argument"},
    {"arm64: x8 is no argument", "ldr x8,[x19]; bl $",
     A, "680240f900000094", "", ""},
    {"arm: load and call", "ldr r3,[r4]; blx r3",
     FB_ARM, "003094e533ff2fe1", "", "target argument"},
    {"arm: store", "ldr r3,[r4]; str r5,[r3,#4]",
     FB_ARM, "003094e5045083e5", "", "write"},
    {"arm: returned", "ldr r0,[r4]; pop {r4,pc}",
     FB_ARM, "000094e51080bde8", "", "returned"},
    {"arm: push and pop", "ldr r3,[r4]; push {r3,r5}; pop {r6,r7}",
     FB_ARM, "003094e528002de9c000bde8", "r6 !r7", ""},
    {"arm: eor", "ldr r3,[r4]; eor r3,r5,r5",
     FB_ARM, "003094e5053025e0", "!r3", ""},
    {"arm: conditional move keeps", "ldr r3,[r4]; moveq r3,r5",
     FB_ARM, "003094e50530a001", "r3", ""},
    {"arm: cmp and branch", "ldr r3,[r4]; cmp r3,#0; beq $",
     FB_ARM, "003094e5000053e3feffff0a", "", "branch"},
};
// clang-format on

static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t n = 0;
    for (; hex[2 * n] != '\0'; n++) {
        const char digits[] = {hex[2 * n], hex[2 * n + 1], '\0'};
        out[n] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return n;
}

enum { STACK = 0x120000, STACK_TOP = 0x130000, SP = 0x128000, FP = 0x128100 };

static struct fb_facts facts_of(enum fb_arch arch)
{
    const struct fb_reg_names *names = fb_reg_names(arch);
    struct fb_facts f = {.arch = arch,
                         .os = FB_WINDOWS,
                         .code = FB_X_ACCESS_VIOLATION,
                         .access = FB_ACCESS_READ,
                         .decoded = true,
                         .sp = SP,
                         .stack_source = FB_RANGE_TEB,
                         .stack_limit = STACK,
                         .stack_base = STACK_TOP};
    f.regs.arch = arch;
    fb_reg_set(&f.regs, names->sp, SP);
    fb_reg_set(&f.regs, names->fp, FP);
    return f;
}

/* Follow the instructions of `code`. @return how many there are */
static size_t follow(enum fb_arch arch, struct fb_span code, struct fb_facts *f,
                     struct fb_arena *arena, struct fb_taint *t)
{
    size_t lines = 0;
    fb_taint_open(t, f, arena);
    while (lines < FB_BLOCK_INSTRUCTIONS && code.n > 0) {
        struct fb_insn insn;
        struct fb_dataflow data;
        if (!fb_disasm_data(handles[arch], arch, code, 0x401000, &f->regs, arena, &insn, &data))
            break;
        if (lines == 0)
            f->operand = insn.n_mem > 0 ? 0 : -1;
        if (fb_failed(fb_taint_follow(t, &insn, &data)))
            break;
        lines++;
        code = fb_span_clip(code, insn.length, code.n);
    }
    return lines;
}

static bool place_tainted(const struct fb_taint *t, const char *name, size_t n)
{
    const struct fb_reg_names *names = fb_reg_names(t->f->arch);
    if (n == 5 && strncmp(name, "flags", n) == 0)
        return t->flags != 0;
    for (int i = 0; i < (int)names->n; i++)
        if (strlen(names->name[i]) == n && strncmp(names->name[i], name, n) == 0)
            return fb_taint_register(t, i).n > 0;
    const bool exists = false;
    CHECK(name, exists);
    return false;
}

static void check_places(const struct row *row, const struct fb_taint *t)
{
    for (const char *at = row->places; *at != '\0'; at += strspn(at, " ")) {
        bool clean = *at == '!';
        at += clean;
        size_t n = strcspn(at, " ");
        if (!CHECK(row->name, place_tainted(t, at, n) != clean))
            fprintf(stderr, "    %s: %.*s\n", row->text, (int)n, at);
        at += n;
    }
}

static void check_found(const struct row *row, const struct fb_taint *t)
{
    static const char *const names[FB_TAINT_FINDINGS] = {"target",   "write",    "branch",
                                                         "returned", "argument", "move"};
    for (size_t kind = 0; kind < FB_TAINT_FINDINGS; kind++) {
        bool want = strstr(row->found, names[kind]) != NULL;
        if (!CHECK(row->name, (t->found[kind] != 0) == want))
            fprintf(stderr, "    %s: %s\n", row->text, names[kind]);
        CHECK(row->name, fb_taint_found(t->f, (enum fb_taint_kind)kind) == want);
    }
}

/* Every step comes from earlier ones, and is told. */
static void check_steps(const struct row *row, const struct fb_taint *t)
{
    const struct fb_taint_line *v = NULL;
    size_t n = 0;
    CHECK(row->name, !fb_failed(fb_taint_steps(t, &v, &n)));
    CHECK(row->name, (n > 0) == (row->found[0] != '\0'));
    for (size_t i = 0; i < n; i++)
        CHECK(row->name, v[i].from != NULL && v[i].from[0] != '\0' && v[i].to != NULL &&
                             v[i].to[0] != '\0' && v[i].instruction != NULL);
    for (size_t i = 0; i < t->n_steps; i++)
        for (uint8_t k = 0; k < t->steps[i].from_labels.n; k++)
            CHECK(row->name, t->steps[i].from_labels.v[k] <= i);
}

static void propagation(void)
{
    static struct fb_taint t;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct row *row = &rows[i];
        uint8_t bytes[64];
        size_t n = from_hex(row->hex, bytes), lines = 1;
        struct fb_arena arena = {.base = room, .cap = sizeof room};
        struct fb_facts f = facts_of(row->arch);
        fb_arena_reset(&arena);
        for (const char *at = row->text; *at != '\0'; at++)
            lines += *at == ';';
        size_t got = follow(row->arch, (struct fb_span){bytes, n, 0}, &f, &arena, &t);
        if (!CHECK(row->name, got == lines))
            continue;
        check_places(row, &t);
        check_found(row, &t);
        check_steps(row, &t);
    }
}

/* What is passed is told by the platform. */
static void conventions(void)
{
    static struct fb_taint t;
    static const struct {
        const char *name, *hex;
        enum fb_os os;
        bool argument;
    } calls[] = {
        {"rdi on Linux",   "488b3be8fbffffff", FB_LINUX,   true },
        {"rdi on macOS",   "488b3be8fbffffff", FB_MACOS,   true },
        {"rdi on Windows", "488b3be8fbffffff", FB_WINDOWS, false},
        {"r8 on Linux",    "4c8b03e8fbffffff", FB_LINUX,   true },
    };
    for (size_t i = 0; i < COUNT(calls); i++) {
        uint8_t bytes[16];
        size_t n = from_hex(calls[i].hex, bytes);
        struct fb_arena arena = {.base = room, .cap = sizeof room};
        struct fb_facts f = facts_of(FB_AMD64);
        fb_arena_reset(&arena);
        f.os = calls[i].os;
        follow(FB_AMD64, (struct fb_span){bytes, n, 0}, &f, &arena, &t);
        CHECK(calls[i].name, (t.found[FB_TAINT_ARGUMENT] != 0) == calls[i].argument);
    }
}

/* When is the frame pointer one? `mov ecx, [ebp + 8]`. */
static void frame_pointers(void)
{
    static struct fb_taint t;
    static const struct {
        const char *name;
        enum fb_range_source source;
        uint64_t fp;
        bool known, tainted;
    } pointers[] = {
        {"in the stack",              FB_RANGE_TEB,     FP,            true,  false},
        {"its first byte",            FB_RANGE_TEB,     STACK,         true,  false},
        {"behind it",                 FB_RANGE_TEB,     STACK_TOP,     true,  true },
        {"elsewhere",                 FB_RANGE_TEB,     0x500000,      true,  true },
        {"range unknown, near above", FB_RANGE_UNKNOWN, SP + 0xFFFFF,  true,  false},
        {"range unknown, far above",  FB_RANGE_UNKNOWN, SP + 0x100000, true,  true },
        {"range unknown, below",      FB_RANGE_UNKNOWN, SP - 4,        true,  true },
        {"not known",                 FB_RANGE_TEB,     0,             false, false},
    };
    for (size_t i = 0; i < COUNT(pointers); i++) {
        uint8_t bytes[16];
        size_t n = from_hex("8b4d08", bytes);
        struct fb_arena arena = {.base = room, .cap = sizeof room};
        struct fb_facts f = facts_of(FB_X86);
        fb_arena_reset(&arena);
        f.stack_source = pointers[i].source;
        fb_reg_set(&f.regs, FB_EBP, pointers[i].fp);
        if (!pointers[i].known)
            f.regs.valid &= ~(UINT64_C(1) << FB_EBP);
        follow(FB_X86, (struct fb_span){bytes, n, 0}, &f, &arena, &t);
        CHECK(pointers[i].name, (fb_taint_register(&t, FB_EBP).n > 0) == pointers[i].tainted);
        CHECK(pointers[i].name, fb_taint_register(&t, FB_ECX).n > 0);
    }
}

/* --- hostile blocks ------------------------------------------------------------------ */

static void endless(void)
{
    static struct fb_taint t;
    static const struct {
        const char *name, *first, *again;
        enum fb_arch arch;
    } blocks[] = {
        {"moves",                  "8b08",     "89c9",           X},
        {"pushes",                 "8b08",     "51",             X},
        {"pushes of everything",   "8b08",     "60",             X},
        {"pops of everything",     "8b08",     "61",             X},
        {"stack pointer wraps",    "8b08",     "81ec00000080",   X},
        {"and back",               "488b08",   "4881c4ffffff7f", Q},
        {"swaps",                  "8b08",     "87ca",           X},
        {"one slot again",         "8b08",     "894df8",         X},
        {"no memory at all",       "90",       "90",             X},
        {"arm64 pushed pairs",     "010040f9", "e10fbfa9",       A},
        {"arm64 stack steps away", "010040f9", "ff8301d1",       A},
    };
    for (size_t i = 0; i < COUNT(blocks); i++) {
        static uint8_t code[2048];
        size_t n = from_hex(blocks[i].first, code), again = from_hex(blocks[i].again, code + n);
        struct fb_arena arena = {.base = room, .cap = sizeof room};
        struct fb_facts f = facts_of(blocks[i].arch);
        fb_arena_reset(&arena);
        for (size_t at = n + again; at + again <= sizeof code; at += again)
            memcpy(code + at, code + n, again);
        size_t lines =
            follow(blocks[i].arch, (struct fb_span){code, sizeof code, 0}, &f, &arena, &t);
        CHECK(blocks[i].name, lines == FB_BLOCK_INSTRUCTIONS);
        CHECK(blocks[i].name,
              t.n_steps <= FB_TAINT_STEPS_MAX && t.n_slots <= FB_TAINT_SLOTS_MAX && !t.full);
    }
}

/* More slots than are kept: the oldest is forgotten, the newest is there. */
static void many_slots(void)
{
    static struct fb_taint t;
    static uint8_t code[8 + 100 * 6 + 6];
    size_t n = from_hex("8b08", code);
    for (uint32_t i = 0; i < 100; i++) { // mov [ebp + 4 * i], ecx
        const uint8_t insn[] = {0x89, 0x8D, (uint8_t)(4 * i), (uint8_t)(4 * i >> 8), 0, 0};
        memcpy(code + n, insn, sizeof insn);
        n += sizeof insn;
    }
    struct fb_arena arena = {.base = room, .cap = sizeof room};
    struct fb_facts f = facts_of(FB_X86);
    fb_arena_reset(&arena);
    CHECK("slots", follow(FB_X86, (struct fb_span){code, n, 0}, &f, &arena, &t) == 101);
    CHECK("slots", t.n_slots == FB_TAINT_SLOTS_MAX);
    CHECK("slots", t.slots[0].at == INT64_C(144) && t.slots[t.n_slots - 1].at == INT64_C(396));
}

/* In any smaller block it must say LIMIT, and nothing else. */
static void starved(void)
{
    static struct fb_taint t;
    static const uint8_t code[] = {0x8B, 0x08, 0x8B, 0x11, 0x51, 0xFF, 0x52, 0x08};
    struct fb_span span = {code, sizeof code, 0};
    for (size_t cap = 0; cap < 600; cap++) {
        struct fb_arena arena = {.base = room, .cap = cap};
        struct fb_facts f = facts_of(FB_X86);
        const struct fb_taint_line *v;
        size_t n = 0;
        fb_arena_reset(&arena);
        size_t lines = follow(FB_X86, span, &f, &arena, &t);
        struct fb_err err = fb_taint_steps(&t, &v, &n);
        CHECK("starved", lines < 4 || t.full || fb_failed(err) || n > 0);
    }
}

int main(void)
{
    for (enum fb_arch arch = FB_ARCH_UNKNOWN; arch < FB_ARCH_OTHER; arch++)
        handles[arch] = fb_disasm_open(arch);
    propagation();
    conventions();
    frame_pointers();
    endless();
    many_slots();
    starved();
    for (enum fb_arch arch = FB_ARCH_UNKNOWN; arch < FB_ARCH_OTHER; arch++)
        fb_disasm_close(handles[arch]);
    return check_done();
}
