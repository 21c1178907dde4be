#!/usr/bin/python3
"""Every header compiles alone: whoever includes one need not know what to include before it."""
import concurrent.futures
import os
import pathlib
import subprocess
import sys

FOLDERS = ["common", "worker/analysis", "worker", "ingest", "cli", "tests"]
PACKAGES = ["capstone", "libprotobuf-c", "rdkafka", "libpq", "libmicrohttpd", "libzstd"]
ROOTS = ["common", "worker", "ingest", "cli", "tests"]


def flags():
    found = subprocess.run(["pkg-config", "--cflags", *PACKAGES], check=True, text=True, capture_output=True)
    own = [f"-I{folder}" for folder in FOLDERS] + ["-isystem", os.environ["FAULTBUCKET_BUILD"] + "/generated"]
    return ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", *own, *found.stdout.split()]


def compile_alone(header, options):
    """What gcc complains about; empty when all is well."""
    # -include, since a header named as the main file earns a warning for its #pragma once.
    done = subprocess.run(["gcc", "-fsyntax-only", *options, "-include", str(header), "-x", "c", "/dev/null"],
                          check=False, text=True, capture_output=True)
    return done.stderr


def main():
    headers = sorted(header for root in ROOTS for header in pathlib.Path(root).rglob("*.h"))
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
