/*
 * worker/analysis/bucket/system_modules.c -- which modules belong to the operating system or to
 * a compiler's runtime: their owner is seldom the one who should look at a crash.
 *
 * Runtimes travel in the folders of programs, so the name counts before the place.
 */
#include "bucket/lists.h"
#include "bucket/name_parts.h"

/* Patterns on the base name, without regard to case; by first letter, and none begins with a
 * wildcard: those of one letter are found by bisection. */
static const char *const windows_names[] = {
    "advapi32.dll", "api-ms-win-*",      "apphelp.dll",    "bcrypt*.dll",    "clr.dll",
    "clrjit.dll",   "combase.dll",       "comctl32.dll",   "comdlg32.dll",   "concrt1*.dll",
    "coreclr.dll",  "coremessaging.dll", "crypt32.dll",    "d2d1.dll",       "d3d*.dll",
    "dbghelp.dll",  "dwmapi.dll",        "dwrite.dll",     "dxgi.dll",       "ext-ms-*",
    "gdi32*.dll",   "imm32.dll",         "kernel32.dll",   "kernelbase.dll", "mfc1*.dll",
    "mscoree.dll",  "mscoreei.dll",      "mscorwks.dll",   "msctf.dll",      "msvcp*.dll",
    "msvcr*.dll",   "mswsock.dll",       "ntdll.dll",      "ole32.dll",      "oleaut32.dll",
    "propsys.dll",  "psapi.dll",         "rpcrt4.dll",     "sechost.dll",    "setupapi.dll",
    "shcore.dll",   "shell32.dll",       "shlwapi.dll",    "ucrtbase*.dll",  "user32.dll",
    "userenv.dll",  "uxtheme.dll",       "vcruntime*.dll", "verifier.dll",   "version.dll",
    "vfbasics.dll", "vrfcore.dll",       "win32u.dll",     "windows.*.dll",  "winhttp.dll",
    "wininet.dll",  "winmm.dll",         "wintrust.dll",   "wow64*.dll",     "ws2_32.dll",
    "xinput*.dll",
};
static const char *const kernel_names[] = {
    "hal.dll",   "halacpi.dll", "halmacpi.dll", "kd.dll",       "kd1394.dll",   "kdcom.dll",
    "kdnet.dll", "kdusb.dll",   "ntkrnl*.exe",  "ntkrpamp.exe", "ntoskrnl.exe",
};
static const char *const unix_names[] = {
    "[vdso]",         "app_process*",   "ld-*.so*",        "ld-linux*.so*", "libc++*.so*",
    "libc-*.so",      "libc.so*",       "libdl-*.so",      "libdl.so*",     "libgcc_s*.so*",
    "libm-*.so",      "libm.so*",       "libpthread*.so*", "librt-*.so",    "librt.so*",
    "libstdc++*.so*", "linux-gate.so*", "linux-vdso.so*",  "ld-musl-*",     "libart.so",
    "liblog.so",      "libutils.so",    "linker",          "linker64",
};
static const char *const mac_names[] = {
    "dyld*",          "libSystem*.dylib", "libsystem_*.dylib", "libc++*.dylib",
    "libobjc*.dylib", "libdyld.dylib",    "libdispatch.dylib",
};

/* Patterns on the whole path. */
static const char *const windows_paths[] = {"?:\\windows\\*", "\\systemroot\\*",
                                            "?:/windows/*"};
static const char *const unix_paths[] = {"/system/*", "/apex/*", "/vendor/*"};
static const char *const mac_paths[] = {"/usr/lib/*", "/System/*"};

#define LIST(v) v, sizeof(v) / sizeof *(v)
static const struct {
    enum fb_os os;
    const char *const *names;
    size_t n_names;
    const char *const *paths;
    size_t n_paths;
} systems[] = {
    {FB_WINDOWS, LIST(windows_names), LIST(windows_paths)},
    {FB_LINUX,   LIST(unix_names),    LIST(unix_paths)   },
    {FB_ANDROID, LIST(unix_names),    LIST(unix_paths)   },
    {FB_MACOS,   LIST(mac_names),     LIST(mac_paths)    },
    {FB_IOS,     LIST(mac_names),     LIST(mac_paths)    },
};

/* The first pattern that begins with `letter` or one behind it. */
static size_t first_from(const char *const *patterns, size_t n, char letter)
{
    size_t low = 0;
    while (low < n) {
        size_t middle = low + (n - low) / 2;
        if (*patterns[middle] < letter)
            low = middle + 1;
        else
            n = middle;
    }
    return low;
}

static bool any_name(const char *const *patterns, size_t n, const char *name)
{
    if (name == NULL)
        return false;
    char letter = fb_lower(*name);
    for (size_t i = first_from(patterns, n, letter); i < n && *patterns[i] == letter; i++)
        if (fb_glob(patterns[i], name, true))
            return true;
    return false;
}

bool fb_is_system_module(const struct fb_module *module, enum fb_os os)
{
    for (size_t i = 0; i < sizeof systems / sizeof *systems; i++)
        if (systems[i].os == os)
            return any_name(systems[i].names, systems[i].n_names, module->name) ||
                   (module->path != NULL &&
                    fb_glob_any(systems[i].paths, systems[i].n_paths, module->path));
    return false;
}

const char *const *fb_system_names(enum fb_os os, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < sizeof systems / sizeof *systems; i++)
        if (systems[i].os == os) {
            *n = systems[i].n_names;
            return systems[i].names;
        }
    return NULL;
}

bool fb_is_kernel_module(const struct fb_module *module)
{
    return any_name(kernel_names, sizeof kernel_names / sizeof *kernel_names, module->name);
}

bool fb_is_library_name(const char *name)
{
    const char *end = name != NULL ? strrchr(name, '.') : NULL;
    if (end == NULL)
        return false;
    bool versioned = strchr(name, '.') != end && strstr(name, ".so.") != NULL;
    return versioned || fb_same_lower(end, ".dll") || strcmp(end, ".so") == 0 ||
           strcmp(end, ".dylib") == 0;
}

static char folded(char c, bool ignore_case) { return ignore_case ? fb_lower(c) : c; }

static bool same(char pattern, char c, bool ignore_case)
{
    return pattern == '?' ? c != 0 : folded(pattern, ignore_case) == folded(c, ignore_case);
}

/* Most patterns begin with another letter, which is seen without a call. */
bool fb_glob_any(const char *const *patterns, size_t n, const char *name)
{
    char first = folded(*name, true);
    for (size_t i = 0; i < n; i++) {
        char c = *patterns[i];
        if ((c == '*' || c == '?' || folded(c, true) == first) &&
            fb_glob(patterns[i], name, true))
            return true;
    }
    return false;
}

bool fb_glob(const char *pattern, const char *name, bool ignore_case)
{
    const char *star = NULL, *from = NULL;
    while (*name != 0) {
        if (*pattern == '*') {
            star = ++pattern;
            from = name;
            if (*star == 0)
                return true;
        } else if (*pattern != 0 && same(*pattern, *name, ignore_case)) {
            pattern++;
            name++;
        } else if (star != NULL) { // the last star takes more; earlier ones need not
            pattern = star;
            do
                from++;
            while (*from != 0 && !same(*star, *from, ignore_case));
            name = from;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == 0;
}
