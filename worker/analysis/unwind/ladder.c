/*
 * worker/analysis/unwind/ladder.c -- the methods per machine, best first.
 *
 * A context that stands where no code can be is asked first: only a call or a jump leads there,
 * and then the return address is where the call has put it. On Windows, a return address on top
 * of the stack is more often a leaf's or a prolog's than stale: of the traced dumps it mends
 * five on x86 and breaks one. Elsewhere nobody has measured, and frame pointers come first.
 * Before either, the code is asked, where its bytes are at hand: of 98 dumps of the crash lab
 * it brings 25 nearer to the truth, and none further from it. Before all that is reckoned comes
 * what was written down: by the image itself (.pdata, .eh_frame), then by its symbol file,
 * which was made from it; only STACK WIN has nothing of the kind to be made from.
 */
#include "unwind/ladder.h"

#define BIT(r)         (UINT64_C(1) << (r))
#define BITS(from, to) (BIT((to) + 1) - BIT(from))

// clang-format off
#define BAD_CALL    {"bad_call", FB_TRUST_LEAF, fb_unwind_bad_call, FB_NEED_EXACT}
#define PDATA(find) {"pdata", FB_TRUST_CFI, find, FB_NEED_IMAGE}
#define PDATA_LEAF  {"leaf", FB_TRUST_LEAF, fb_unwind_leaf_x64, FB_NEED_IMAGE}
#define LEAF(find)  {"leaf", FB_TRUST_LEAF, find, FB_NEED_EXACT}
#define SIGNAL      {"signal", FB_TRUST_CFI, fb_unwind_signal, 0}
#define SIGTRAMP    {"signal", FB_TRUST_CFI, fb_unwind_sigtramp, FB_NEED_SYMBOLS}
#define EH_FRAME    {"eh_frame", FB_TRUST_CFI, fb_unwind_eh_frame, FB_NEED_IMAGE}
#define WIN         {"stack_win", FB_TRUST_CFI, fb_unwind_stack_win, FB_NEED_SYMBOLS}
#define WIN_NEAR    {"stack_win", FB_TRUST_CFI_SCAN, fb_unwind_stack_win_near, FB_NEED_SYMBOLS}
#define CFI         {"stack_cfi", FB_TRUST_CFI, fb_unwind_stack_cfi, FB_NEED_SYMBOLS}
#define CODE        {"code", FB_TRUST_CFI, fb_unwind_code, 0}
#define ENTRY       {"code", FB_TRUST_CFI, fb_unwind_entry, 0}
#define FRAME(find) {"frame_pointer", FB_TRUST_FRAME_POINTER, find, 0}
#define SCAN        {"scan", FB_TRUST_SCAN, fb_unwind_scan, 0}
#define AGAIN       {"recursion", FB_TRUST_SCAN, fb_unwind_again, 0}
#define NO_MORE     {0}

static const struct fb_rung x86_windows[] = {
    BAD_CALL,
    WIN,
    EH_FRAME,
    CFI,
    WIN_NEAR,
    CODE,
    ENTRY,
    LEAF(fb_unwind_leaf),
    FRAME(fb_unwind_fp),
    SCAN, AGAIN, NO_MORE};
static const struct fb_rung amd64_windows[] = {
    BAD_CALL,
    PDATA(fb_unwind_pdata_x64),
    CFI,
    PDATA_LEAF,
    CODE,
    ENTRY,
    LEAF(fb_unwind_leaf),
    FRAME(fb_unwind_fp),
    SCAN, AGAIN, NO_MORE};
static const struct fb_rung arm64_windows[] = {
    BAD_CALL,
    PDATA(fb_unwind_pdata_arm64),
    CFI,
    CODE,
    ENTRY,
    LEAF(fb_unwind_lr),
    FRAME(fb_unwind_fp),
    SCAN, AGAIN, NO_MORE};
static const struct fb_rung intel[] = {
    BAD_CALL,
    SIGNAL,
    EH_FRAME,
    CFI,
    CODE,
    ENTRY,
    FRAME(fb_unwind_fp),
    SCAN, AGAIN, NO_MORE};
static const struct fb_rung amd64_macos[] = {
    BAD_CALL,
    SIGTRAMP,
    CFI,
    CODE,
    ENTRY,
    FRAME(fb_unwind_fp),
    SCAN, AGAIN, NO_MORE};
static const struct fb_rung arm64[] = {
    BAD_CALL,
    SIGNAL,
    EH_FRAME,
    CFI,
    CODE,
    ENTRY,
    LEAF(fb_unwind_lr),
    FRAME(fb_unwind_fp),
    SCAN, AGAIN, NO_MORE};
static const struct fb_rung arm[] = {
    BAD_CALL,
    SIGNAL,
    EH_FRAME,
    CFI,
    FRAME(fb_unwind_fp_arm),
    FRAME(fb_unwind_fp_thumb),
    SCAN, AGAIN, NO_MORE};
static const struct fb_rung arm_ios[] = {
    BAD_CALL,
    CFI,
    FRAME(fb_unwind_fp_thumb),
    SCAN, AGAIN, NO_MORE};
// clang-format on

/* Callee-saved registers as the platforms' ABIs have them. */
enum { CALL_X86 = 1, CALL_THUMB = 2, CALL_ARM64 = 4 };
#define SAVED_X86   (BIT(FB_EBX) | BIT(FB_ESI) | BIT(FB_EDI) | BIT(FB_EBP))
#define SAVED_SYSV  (BIT(FB_RBX) | BIT(FB_RBP) | BITS(FB_R12, FB_R15))
#define SAVED_WIN64 (SAVED_SYSV | BIT(FB_RDI) | BIT(FB_RSI))
#define SAVED_ARM64 BITS(19, FB_FP64)
#define SAVED_ARM   BITS(4, FB_FP32)

/* The first row that fits. */
static const struct fb_ladder ladders[] = {
    {FB_X86,   FB_WINDOWS,    CALL_X86,   SAVED_X86,   x86_windows  },
    {FB_X86,   FB_OS_UNKNOWN, CALL_X86,   SAVED_X86,   intel        },
    {FB_AMD64, FB_WINDOWS,    CALL_X86,   SAVED_WIN64, amd64_windows},
    {FB_AMD64, FB_MACOS,      CALL_X86,   SAVED_SYSV,  amd64_macos  },
    {FB_AMD64, FB_OS_UNKNOWN, CALL_X86,   SAVED_SYSV,  intel        },
    {FB_ARM64, FB_WINDOWS,    CALL_ARM64, SAVED_ARM64, arm64_windows},
    {FB_ARM64, FB_OS_UNKNOWN, CALL_ARM64, SAVED_ARM64, arm64        },
    {FB_ARM,   FB_IOS,        CALL_THUMB, SAVED_ARM,   arm_ios      },
    {FB_ARM,   FB_OS_UNKNOWN, CALL_THUMB, SAVED_ARM,   arm          },
};

const struct fb_ladder *fb_ladder_for(enum fb_arch arch, enum fb_os os)
{
    for (size_t i = 0; i < sizeof ladders / sizeof *ladders; i++)
        if (ladders[i].arch == arch && (ladders[i].os == os || ladders[i].os == FB_OS_UNKNOWN))
            return &ladders[i];
    return NULL;
}
