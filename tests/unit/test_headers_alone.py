#!/usr/bin/python3
"""Every header compiles alone: whoever includes one need not know what to include before it."""
import concurrent.futures
import os
import pathlib
import subprocess
import sys

# where a header lies, and what its own library may see (CMakeLists.txt)
ROOTS = {
    "common": ["common"],
    "worker": ["common", "worker", "worker/analysis"],
    "ingest": ["common", "ingest"],
    "cli": ["common", "cli", "worker/analysis"],
    "tests": ["common", "worker", "worker/analysis", "tests"],
}
PACKAGES = ["capstone", "libprotobuf-c", "rdkafka", "libpq", "libmicrohttpd", "libzstd"]


def flags():
    found = subprocess.run(["pkg-config", "--cflags", *PACKAGES], check=True, text=True, capture_output=True)
    return ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", *found.stdout.split(),
            "-isystem", os.environ["FAULTBUCKET_BUILD"] + "/generated"]


def compile_alone(header, options):
    """What gcc complains about; empty when all is well."""
    # -include, since a header named as the main file earns a warning for its #pragma once.
    folders = [f"-I{folder}" for folder in ROOTS[header.parts[0]]]
    done = subprocess.run(["gcc", "-fsyntax-only", *folders, *options, "-include", f"./{header}", "-x", "c", "/dev/null"],
                          check=False, text=True, capture_output=True)
    return done.stderr


def main():
    headers = sorted(header for root in ROOTS for header in pathlib.Path(root).rglob("*.h")
                     if "crashlab" not in header.parts)  # those are for Windows
    if not headers:
        print("no header was found, so nothing was tested")
        return 1
    options = flags()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        complaints = list(pool.map(lambda header: compile_alone(header, options), headers))
    print("".join(complaints), end="")
    print(f"{sum(map(bool, complaints))} of {len(headers)} headers do not compile alone")
    return 1 if any(complaints) else 0


if __name__ == "__main__":
    sys.exit(main())
