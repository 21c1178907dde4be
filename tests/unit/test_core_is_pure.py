#!/usr/bin/python3
"""The pure core asks nothing of the world: `nm -u` of its libraries against a short list.

The same bytes must give the same report on a worker, in a test and in a fuzzer, so fb_base and
fb_core may know no file, socket, clock, thread, environment, log or allocator. Who needs a symbol
that is not here has work that belongs outside the core.
"""
import os
import pathlib
import re
import subprocess
import sys

LIBRARIES = ["libfb_base.a", "libfb_core.a"]

ALLOWED = re.compile("|".join([
    "cs_[a-z0-9_]+",                                            # Capstone, whose handle comes in
    "(rust_demangle|cplus_demangle_v3)_callback",               # libiberty, which prints where we say,
    "_?setjmp|longjmp|__longjmp_chk",                           # and the way out of it
    "mem(cpy|move|set|cmp|chr|rchr|mem)|bcmp",                   # clang asks bcmp where order does not matter
    "str(len|nlen|cmp|ncmp|chr|rchr|str|spn|cspn|pbrk|casecmp|ncasecmp)",
    "v?snprintf",
    "__v?snprintf_chk", "__(memcpy|memmove|memset)_chk", "__stack_chk_fail", "__cpu_(model|features2)",  # the hardened build
    "__(asan|ubsan|tsan|sanitizer|lsan)_[a-z0-9_]+",            # the sanitized builds
    "_GLOBAL_OFFSET_TABLE_",
]))
FORBIDDEN_EXAMPLES = ["malloc", "free", "fopen", "read", "time", "clock_gettime", "getenv", "errno",
                      "__errno_location", "printf", "abort", "pthread_mutex_lock", "fb_log", "xmemcpy"]


def symbols(library, *which):
    done = subprocess.run(["nm", "--format=posix", *which, library], check=True, text=True,
                          capture_output=True)
    return {line.split()[0] for line in done.stdout.splitlines() if line and not line.endswith(":")}


def main():
    libraries = [pathlib.Path(os.environ["FAULTBUCKET_BUILD"]) / name for name in LIBRARIES]
    failures = [f"the list itself lets {name} in" for name in FORBIDDEN_EXAMPLES if ALLOWED.fullmatch(name)]
    inside = set().union(*(symbols(library, "--defined-only", "--extern-only") for library in libraries))
    for library in libraries:
        wanted = symbols(library, "--undefined-only")
        if not wanted:
            failures.append(f"{library.name}: nm finds no symbol, so nothing was tested")
        for name in sorted(wanted - inside):
            if not ALLOWED.fullmatch(name):
                failures.append(f"{library.name} needs {name}, which is outside the pure core")
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
