/*
 * worker/analysis/minidump/system.c -- SystemInfo: which CPU and which system, and what can be
 * guessed when the stream is missing or says "unknown".
 */
#include "minidump/parts.h"

static const struct {
    uint16_t id;
    enum fb_arch arch;
} arches[] = {
    {0,      FB_X86  },
    {10,     FB_X86  }, // IA32 on Win64
    {14,     FB_X86  }, // IA32 on ARM64
    {9,      FB_AMD64},
    {5,      FB_ARM  },
    {13,     FB_ARM  }, // ARM32 on Win64
    {12,     FB_ARM64},
    {0x8003, FB_ARM64}, // Breakpad, before Microsoft had a number
};
static const struct {
    uint32_t id;
    enum fb_os os;
} systems[] = {
    {1,      FB_WINDOWS},
    {2,      FB_WINDOWS},
    {3,      FB_WINDOWS},
    {0x8101, FB_MACOS  },
    {0x8102, FB_IOS    },
    {0x8201, FB_LINUX  },
    {0x8203, FB_ANDROID},
};
enum { ARCH_UNKNOWN = 0xFFFF, VENDOR_SIZE = 12 };

static enum fb_arch arch_of(uint16_t id)
{
    for (size_t i = 0; i < sizeof arches / sizeof *arches; i++)
        if (arches[i].id == id)
            return arches[i].arch;
    return id == ARCH_UNKNOWN ? FB_ARCH_UNKNOWN : FB_ARCH_OTHER;
}

/* CPUs whose contexts are not walked: a report that says so is of more use than "unknown". */
static const struct {
    uint16_t id;
    uint16_t size;     // of a context, where it is known
    uint32_t cpu_flag; // in its flags; 0: none
    const char *name;
} rare[] = {
    {1,      600, 0x00040000, "mips"   },
    {2,      0,   0,          "alpha"  },
    {3,      0,   0x20000000, "ppc"    },
    {4,      0,   0,          "sh"     },
    {6,      0,   0,          "ia64"   },
    {7,      0,   0,          "alpha64"},
    {0x8001, 0,   0x10000000, "sparc"  },
    {0x8002, 0,   0x01000000, "ppc64"  },
    {0x8004, 600, 0x00080000, "mips64" },
    {0x8005, 0,   0,          "riscv32"},
    {0x8006, 0,   0x08000000, "riscv64"},
};

static const char *rare_name(uint16_t id)
{
    for (size_t i = 0; i < sizeof rare / sizeof *rare; i++)
        if (rare[i].id == id)
            return rare[i].name;
    return NULL;
}

static enum fb_os os_of(uint32_t id)
{
    for (size_t i = 0; i < sizeof systems / sizeof *systems; i++)
        if (systems[i].id == id)
            return systems[i].os;
    return FB_OS_OTHER;
}

/* dbghelp puts feature words where others put the vendor of an AMD64 CPU. */
static bool is_vendor(struct fb_span bytes)
{
    for (size_t i = 0; i < bytes.n; i++)
        if (bytes.p[i] < 'A' || bytes.p[i] > 'z')
            return false;
    return bytes.n == VENDOR_SIZE;
}

static void describe_cpu(struct fb_md *m, uint16_t level, uint16_t revision,
                         struct fb_span vendor)
{
    char buffer[80];
    struct fb_text text = fb_text_over(buffer, sizeof buffer);
    enum fb_arch arch = m->dump->system.arch;
    if (arch == FB_ARM)
        fb_text_format(&text, "ARMv%u", level);
    if (arch != FB_X86 && arch != FB_AMD64)
        goto keep;
    if (is_vendor(vendor)) {
        fb_text_utf8(&text, vendor);
        fb_text_char(&text, ' ');
    }
    fb_text_str(&text, "family ");
    fb_text_dec(&text, level);
    fb_text_str(&text, " model ");
    fb_text_dec(&text, revision >> 8);
    fb_text_str(&text, " stepping ");
    fb_text_dec(&text, revision & 0xFF);
keep:
    if (text.n != 0)
        m->dump->system.cpu_info = fb_md_keep(m, &text);
}

static bool number(const char **p, uint32_t *out)
{
    if (**p < '0' || **p > '9')
        return false;
    for (*out = 0; **p >= '0' && **p <= '9'; ++*p)
        *out = *out * 10 + (uint32_t)(**p - '0');
    return true;
}

/* Folklore: Breakpad on Linux and Android leaves the version 0.0.0 and puts uname's words into
 * the service pack: "Linux 4.9.46-moby #1 SMP ... x86_64". */
static void version_from_uname(struct fb_system *sys)
{
    static const char sysname[] = "Linux ";
    bool linux_like = sys->os == FB_LINUX || sys->os == FB_ANDROID;
    if (!linux_like || (sys->major | sys->minor | sys->build) != 0 || sys->csd == NULL ||
        strncmp(sys->csd, sysname, sizeof sysname - 1) != 0)
        return;
    const char *p = sys->csd + sizeof sysname - 1;
    uint32_t *parts[] = {&sys->major, &sys->minor, &sys->build};
    for (size_t i = 0; i < 3 && number(&p, parts[i]) && *p == '.'; i++)
        p++;
}

struct fb_err fb_md_system(struct fb_md *m, struct fb_md_stream s)
{
    struct fb_reader r = fb_md_reader(m, s.bytes);
    struct fb_system sys = {.arch_id = fb_read_u16(&r)};
    uint16_t level = fb_read_u16(&r);
    uint16_t revision = fb_read_u16(&r);
    sys.cpu_count = fb_read_u8(&r);
    fb_read_skip(&r, 1); // workstation or server
    sys.major = fb_read_u32(&r);
    sys.minor = fb_read_u32(&r);
    sys.build = fb_read_u32(&r);
    sys.platform_id = fb_read_u32(&r);
    uint32_t csd = fb_read_u32(&r);
    if (fb_failed(r.err))
        return r.err;
    fb_read_skip(&r, 4); // suite mask
    struct fb_span vendor = fb_read_bytes(&r, VENDOR_SIZE);
    sys.arch = arch_of(sys.arch_id);
    sys.arch_name = rare_name(sys.arch_id);
    sys.os = os_of(sys.platform_id);
    sys.csd = fb_md_string(m, csd);
    version_from_uname(&sys);
    m->dump->system = sys;
    describe_cpu(m, level, revision, vendor);
    return FB_NO_ERR;
}

/* Streams that only one system's writers have. */
static const struct {
    enum fb_md_type type;
    enum fb_os os;
} telltales[] = {
    {FB_MD_LINUX_MAPS,           FB_LINUX  },
    {FB_MD_LINUX_CPUINFO,        FB_LINUX  },
    {FB_MD_LINUX_STATUS,         FB_LINUX  },
    {FB_MD_MAC_CRASH_INFO,       FB_MACOS  },
    {FB_MD_UNLOADED_MODULE_LIST, FB_WINDOWS},
    {FB_MD_MEMORY_INFO_LIST,     FB_WINDOWS},
    {FB_MD_SYSTEM_MEMORY_INFO,   FB_WINDOWS},
    {FB_MD_WINE,                 FB_WINDOWS},
};

void fb_md_guess_system(struct fb_md *m)
{
    for (size_t i = 0; i < sizeof telltales / sizeof *telltales; i++) {
        if (m->dump->system.os != FB_OS_UNKNOWN || !fb_md_has(m, telltales[i].type))
            continue;
        m->dump->system.os = telltales[i].os;
        fb_note(m->notes, FB_NOTE_GUESSED, "the system, from the streams of its writers",
                FB_NOWHERE);
    }
}

/* By size and flag alone, since those that walk nothing need no more. */
static void guess_rare(struct fb_md *m, struct fb_span context)
{
    struct fb_reader r = fb_md_reader(m, context);
    uint32_t flags = fb_read_u32(&r);
    for (size_t i = 0; i < sizeof rare / sizeof *rare; i++)
        if (rare[i].size != 0 && context.n == rare[i].size && (flags & rare[i].cpu_flag) != 0) {
            m->dump->system.arch = FB_ARCH_OTHER;
            m->dump->system.arch_name = rare[i].name;
            fb_note(m->notes, FB_NOTE_GUESSED, "the CPU, from a context", context.off);
            return;
        }
}

void fb_md_guess_arch(struct fb_md *m, struct fb_span context)
{
    static const enum fb_arch guesses[] = {FB_AMD64, FB_ARM64, FB_X86, FB_ARM};
    for (size_t i = 0; i < sizeof guesses / sizeof *guesses; i++) {
        bool unflagged = false;
        struct fb_regs regs = fb_md_context(guesses[i], context, m->big, &unflagged);
        if (regs.valid == 0 || unflagged || m->dump->system.arch != FB_ARCH_UNKNOWN)
            continue;
        m->dump->system.arch = guesses[i];
        fb_note(m->notes, FB_NOTE_GUESSED, "the CPU, from a context", context.off);
    }
    if (m->dump->system.arch == FB_ARCH_UNKNOWN)
        guess_rare(m, context);
}
