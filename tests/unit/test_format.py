#!/usr/bin/python3
"""Every C file of the tree is laid out as .clang-format says."""
import pathlib
import shutil
import subprocess
import sys

ROOTS = ["common", "worker", "ingest", "cli", "tests"]


def main():
    if shutil.which("clang-format") is None:
        print("clang-format is missing; run docker/setup/install check")
        return 77
    files = sorted(path for root in ROOTS for path in pathlib.Path(root).rglob("*.[ch]"))
    if not files:
        print("no C file was found, so nothing was tested")
        return 1
    return subprocess.run(["clang-format", "--dry-run", "-Werror", *files], check=False,
                          stderr=subprocess.STDOUT).returncode


if __name__ == "__main__":
    sys.exit(main())
