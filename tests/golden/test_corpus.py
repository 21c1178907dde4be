"""Every dump of the corpus through `faultbucket analyze --json`, each in a process of its own.

Sound dumps, of processes and of kernels: exit code 0 and a document that docs/analysis-json.schema.json allows.
Malformed ones: exit code 0, or 1 and one line on standard error. Each within SECONDS, and, where memory is not the
sanitizer's, within BYTES.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FAULTBUCKET_BUILD", ROOT / "build/dev"))
PROGRAM = BUILD / "bin/faultbucket"
CORPUS = pathlib.Path(os.environ.get("FAULTBUCKET_CORPUS", ROOT / "../shared/corpus"))
SECONDS = 10
BYTES = 600 << 20
PATIENCE = 60  # after which a process is ended, late as it is


def has_sanitizer():
    """Whether the program's memory and time are partly a sanitizer's own."""
    return b"__asan_init" in PROGRAM.read_bytes() or b"__tsan_init" in PROGRAM.read_bytes()


def run(dump):
    """Exit code, both outputs, processor seconds and peak memory of one analysis."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen([PROGRAM, "analyze", "--json", dump], stdout=out, stderr=errors)
        end = time.monotonic() + PATIENCE
        pid = 0
        while pid == 0:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid == 0 and time.monotonic() > end:
                process.kill()
                pid, status, usage = os.wait4(process.pid, 0)
            elif pid == 0:
                time.sleep(0.005)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        return (process.returncode, out.read(), errors.read().decode(errors="replace"),
                usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def problems_of(dump, sound, validator, limit):
    """What is wrong with the analysis of one dump."""
    code, out, errors, seconds, size = run(dump)
    lines = errors.splitlines()
    if seconds > SECONDS:
        yield f"took {seconds:.1f} s"
    if limit and size > limit:
        yield f"took {size >> 20} MiB"
    if code not in ((0,) if sound else (0, 1)):
        yield f"exit code {code}: {errors[:300]}"
    elif code == 0 and lines:
        yield f"done, but standard error says {errors[:300]}"
    elif code == 1 and (len(lines) != 1 or dump.name not in lines[0] or out):
        yield f"refused, but not in one line that names it: {errors[:300]}"
    elif code == 0:
        documents = out.splitlines()
        if len(documents) != 1:
            yield f"{len(documents)} documents"
        for document in documents:
            for error in validator.iter_errors(json.loads(document)):
                yield f"schema: {error.json_path}: {error.message[:200]}"


def main():
    if not (CORPUS / "minidumps").is_dir():
        print(f"SKIPPED: the corpus is not in {CORPUS}; set FAULTBUCKET_CORPUS")
        return 77
    validator = jsonschema.Draft202012Validator(json.loads((ROOT / "docs/analysis-json.schema.json").read_text()))
    limit = 0 if has_sanitizer() else BYTES
    count = failed = 0
    for folder, sound in ("minidumps", True), ("malformed", False), ("kernel", True):
        dumps = sorted((CORPUS / folder).glob("*.dmp"))
        if not dumps:
            print(f"{CORPUS / folder} holds no dump")
            failed += 1
        for dump in dumps:
            problems = list(problems_of(dump, sound, validator, limit))
            for problem in problems:
                print(f"{folder}/{dump.name}: {problem}")
            count += 1
            failed += bool(problems)
    print(f"{count} dumps, {failed} failed" + ("" if limit else "; memory was not measured: a sanitizer's build"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
