/*
 * worker/analysis/minidump/other_files.c -- what a collector is handed instead of a minidump:
 * said by name and with what to do, since "not a minidump" helps nobody.
 */
#include "minidump/parts.h"

enum { ELF_TYPE_AT = 16, ELF_DATA_AT = 5, ELF_BIG = 2, ELF_CORE = 4 };

#define UNPACK "unpack it and send the dump inside"

static const struct {
    const char *magic;
    size_t n;
    const char *what;
} others[] = {
    {"PAGEDU64",                8,  "a Windows kernel dump (64-bit), not a minidump"                          },
    {"PAGEDUMP",                8,  "a Windows kernel dump (32-bit), not a minidump"                          },
    {"USERDUMP",                8,  "a user dump of Windows before XP: write a minidump of it with a debugger"},
    {"MSCF",                    4,  "a CAB archive: " UNPACK                                                  },
    {"PK\3\4",                  4,  "a ZIP archive: " UNPACK                                                  },
    {"7z\xBC\xAF\x27\x1C",      6,  "a 7z archive: " UNPACK                                                   },
    {"\x1F\x8B",                2,  "gzip data: " UNPACK                                                      },
    {"\x28\xB5\x2F\xFD",        4,  "zstd data: " UNPACK                                                      },
    {"\xFD"
     "7zXZ",               5,  "xz data: " UNPACK                                                        },
    {"BZh",                     3,  "bzip2 data: " UNPACK                                                     },
    {"MZ",                      2,  "a Windows program, not a dump of one"                                    },
    {"\xCF\xFA\xED\xFE",        4,  "a Mach-O file (a core dump?): send the minidump of the crash"            },
    {"version https://git-lfs", 23, "a Git LFS pointer: send the file that it stands for"                     },
    {"prod:",                   5,  "an upload of Chrome OS with fields before its dump: send the dump alone" },
};

static struct fb_err elf(struct fb_span file)
{
    struct fb_reader r = {.in = file, .at = ELF_TYPE_AT};
    r.big = file.n > ELF_TYPE_AT && file.p[ELF_DATA_AT] == ELF_BIG;
    bool core = file.n > ELF_TYPE_AT && fb_read_u16(&r) == ELF_CORE;
    return FB_FAIL(MALFORMED,
                   core ? "a core dump (ELF), not a minidump: convert it with core2md"
                        : "an ELF program or library, not a dump of one",
                   0);
}

static bool begins(struct fb_span file, const char *magic, size_t n)
{
    return file.n >= n && memcmp(file.p, magic, n) == 0;
}

struct fb_err fb_md_not_a_minidump(struct fb_span file)
{
    if (begins(file,
               "\x7F"
               "ELF",
               4))
        return elf(file);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (begins(file, others[i].magic, others[i].n))
            return FB_FAIL(MALFORMED, others[i].what, 0);
    if (file.n < FB_MD_HEADER_SIZE)
        return FB_FAIL(TRUNCATED, "shorter than the header of a minidump", file.n);
    return FB_FAIL(MALFORMED, "not a minidump: it does not begin with MDMP", 0);
}
