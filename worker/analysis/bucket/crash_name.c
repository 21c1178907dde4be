/*
 * worker/analysis/bucket/crash_name.c -- what the exception record says about the crash:
 * its name, where it happened, and what was accessed. What only the instruction can tell is
 * left to exploitability/.
 */
#include "base/text.h"
#include "bucket/codes.h"
#include "bucket/keys.h"
#include "bugchecks.h"

static const struct {
    uint32_t code;
    bool names_access;  // ... in the name of the crash
    bool moves_address; // parameter 1, not the instruction, is the crash address
} with_access[] = {
    {FB_WIN_ACCESS_VIOLATION, true,  true },
    {FB_WIN_IN_PAGE_ERROR,    true,  true },
    {FB_WIN_GUARD_PAGE,       false, false},
    {FB_WIN_STACK_OVERFLOW,   false, false},
};

static const char *access_suffix(enum fb_access access)
{
    switch (access) {
    case FB_ACCESS_READ:
        return "_READ";
    case FB_ACCESS_WRITE:
        return "_WRITE";
    case FB_ACCESS_EXECUTE:
        return "_EXEC";
    default:
        return "";
    }
}

static void put_number(struct fb_text *text, uint32_t v)
{
    fb_text_str(text, "0x");
    fb_text_hex(text, v, 8);
}

static void put_name(struct fb_text *text, const char *name, uint32_t code)
{
    if (name != NULL)
        fb_text_str(text, name);
    else
        put_number(text, code);
}

/* A code without a name keeps its flags, as Breakpad prints it. */
static void put_main(struct fb_text *text, struct fb_codes codes, const struct fb_exception *e)
{
    const char *name = fb_code_find(codes, e->code);
    put_name(text, name, e->code);
    if (name == NULL) {
        fb_text_str(text, " / ");
        put_number(text, e->flags);
    }
}

static bool has_suffix(const struct fb_exception *e)
{
    for (size_t i = 0; i < sizeof with_access / sizeof *with_access; i++)
        if (with_access[i].code == e->code)
            return with_access[i].names_access && e->n_parameters > 0;
    return false;
}

static void name_windows(struct fb_text *text, const struct fb_exception *e)
{
    put_main(text, fb_windows_codes(), e);
    if (has_suffix(e))
        fb_text_str(text, access_suffix(fb_windows_access(e->parameters[0])));
    if (e->code == FB_WIN_IN_PAGE_ERROR && e->n_parameters > 2) {
        uint32_t status = (uint32_t)e->parameters[2];
        fb_text_str(text, " / ");
        put_name(text, fb_code_find(fb_windows_codes(), status), status);
    }
    if (e->code == FB_WIN_FAST_FAIL && e->n_parameters > 0) {
        uint32_t reason = (uint32_t)e->parameters[0];
        const char *name = fb_code_find(fb_fast_fail_codes(), reason);
        fb_text_str(text, name != NULL ? " / FAST_FAIL_" : " / ");
        put_name(text, name, reason);
    }
}

/* What stopped the kernel, and the exception that it tells of. */
static void name_kernel(struct fb_text *text, const struct fb_dump *dump)
{
    const struct fb_bugcheck_row *row = fb_bugcheck_find(&dump->bugcheck);
    if (row != NULL)
        fb_text_str(text, row->name);
    else
        fb_text_format(text, "BUGCHECK_0x%X", (unsigned)fb_bugcheck_code(&dump->bugcheck));
    if (!dump->kernel.explained)
        return;
    fb_text_str(text, " / ");
    name_windows(text, &dump->exception);
}

static void name_linux(struct fb_text *text, const struct fb_exception *e)
{
    put_main(text, fb_linux_signals(), e);
    bool known = fb_code_find(fb_linux_signals(), e->code) != NULL;
    if (known && e->flags != 0 && e->code != FB_LINUX_DUMP_REQUESTED) {
        fb_text_str(text, " / ");
        put_name(text, fb_linux_si_name(e->code, e->flags), e->flags);
    }
}

static void name_mac(struct fb_text *text, const struct fb_exception *e, enum fb_arch arch)
{
    put_main(text, fb_mac_exceptions(), e);
    if (e->code >= FB_EXC_BAD_ACCESS && e->code <= FB_EXC_GUARD) {
        fb_text_str(text, " / ");
        put_name(text, fb_mac_code_name(e->code, arch, e->flags), e->flags);
    }
}

static void name(struct fb_text *text, const struct fb_dump *dump)
{
    if (dump->bugcheck.present) {
        name_kernel(text, dump);
        return;
    }
    switch (dump->system.os) {
    case FB_WINDOWS:
        name_windows(text, &dump->exception);
        break;
    case FB_MACOS:
    case FB_IOS:
        name_mac(text, &dump->exception, dump->system.arch);
        break;
    case FB_LINUX:
    case FB_ANDROID:
        name_linux(text, &dump->exception);
        break;
    default:
        put_number(text, dump->exception.code);
        fb_text_str(text, " / ");
        put_number(text, dump->exception.flags);
        break;
    }
}

/* Both mean: the program wanted a dump, and went on. */
static bool is_request(const struct fb_dump *dump)
{
    static const uint32_t requests[] = {[FB_WINDOWS] = FB_WIN_SIMULATED,
                                        [FB_LINUX] = FB_LINUX_DUMP_REQUESTED,
                                        [FB_ANDROID] = FB_LINUX_DUMP_REQUESTED,
                                        [FB_MACOS] = FB_EXC_SIMULATED,
                                        [FB_IOS] = FB_EXC_SIMULATED,
                                        [FB_OS_OTHER] = 0};
    uint32_t request = requests[dump->system.os];
    return dump->requested || (request != 0 && dump->exception.code == request);
}

static uint64_t address_mask(enum fb_arch arch)
{
    bool narrow = arch == FB_X86 || arch == FB_ARM;
    return narrow ? UINT32_MAX : UINT64_MAX; // some writers sign-extend 32-bit addresses
}

static void locate(struct fb_crash *crash, const struct fb_dump *dump)
{
    const struct fb_exception *e = &dump->exception;
    crash->address = e->address;
    crash->ip = e->regs.valid != 0 ? fb_reg_ip(&e->regs) : 0;
    if (dump->system.os == FB_WINDOWS) {
        if (crash->ip == 0 && e->regs.valid == 0)
            crash->ip = e->address;
        for (size_t i = 0; i < sizeof with_access / sizeof *with_access; i++) {
            if (with_access[i].code != e->code || e->n_parameters == 0)
                continue;
            crash->access = fb_windows_access(e->parameters[0]);
            if (with_access[i].moves_address && e->n_parameters > 1)
                crash->address = e->parameters[1];
        }
    }
    crash->address &= address_mask(dump->system.arch);
    crash->ip &= address_mask(dump->system.arch);
}

struct fb_err fb_name_crash(struct fb_analysis *a, struct fb_arena *arena)
{
    if (!a->dump.exception.present && !a->dump.bugcheck.present)
        return FB_NO_ERR;
    struct fb_text text = fb_text_open(arena);
    name(&text, &a->dump);
    const char *type = fb_text_close(&text, arena);
    if (type == NULL)
        return FB_FAIL(LIMIT, "no room for the name of the crash", 0);
    a->crash.type = type;
    a->crash.crashed = !is_request(&a->dump);
    locate(&a->crash, &a->dump);
    return FB_NO_ERR;
}
