"""Golden analyses: every golden dump gives, byte for byte, the analysis that was reviewed.

    tests/golden/test_golden.py                 compare
    tests/golden/test_golden.py --bless [NAME]  rewrite; the diff is reviewed like code

Each document is also validated against docs/analysis-json.schema.json, and read by a reader that knows only the
fields of minidump-stackwalk.
"""
import json
import os
import pathlib
import subprocess
import sys

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
DUMPS = ROOT / "tests/golden/dumps"
ANALYSES = ROOT / "tests/golden/analyses"
PROGRAM = pathlib.Path(os.environ.get("FAULTBUCKET_BUILD", ROOT / "build/dev")) / "bin/faultbucket"


def analyse(dump):
    """The document that is printed for a dump, one field per line so that a diff can be read."""
    run = subprocess.run([PROGRAM, "analyze", "--json", dump.name], cwd=DUMPS, capture_output=True, check=True)
    document = json.loads(run.stdout)
    return document, json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def read_like_stackwalk(document):
    """What a script written for minidump-stackwalk does: the crash and the stack of the crashing thread."""
    crash = document["crash_info"]
    lines = [f"{crash['type']} {crash['address']} thread {crash['crashing_thread']}"]
    thread = document["threads"][crash["crashing_thread"]]
    assert thread["frame_count"] == len(thread["frames"]) > 0
    assert document["crashing_thread"]["threads_index"] == crash["crashing_thread"]
    assert document["crashing_thread"]["frames"][0]["registers"]
    for frame in thread["frames"]:
        where = frame["function"] or frame["module_offset"] or frame["offset"]
        lines.append(f"{frame['frame']} {frame['module']} {where} {frame['trust']}")
    modules = {module["filename"] for module in document["modules"]}
    assert document["modules"][document["main_module"]]["filename"] in modules
    return lines


def check(dump, validator, bless):
    document, text = analyse(dump)
    problems = [f"schema: {error.json_path}: {error.message[:200]}" for error in validator.iter_errors(document)]
    if document["crash_info"]["crashing_thread"] is not None and not read_like_stackwalk(document):
        problems.append("a reader of minidump-stackwalk's JSON sees no stack")
    golden = ANALYSES / (dump.stem + ".json")
    if bless:
        golden.write_text(text)
    elif not golden.exists():
        problems.append(f"no golden analysis; look at it and run {__file__} --bless {dump.stem}")
    elif golden.read_text() != text:
        problems.append(f"differs from {golden.relative_to(ROOT)}; if it is better, --bless {dump.stem}")
    return problems


def main():
    bless = "--bless" in sys.argv
    names = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    validator = jsonschema.Draft202012Validator(json.loads((ROOT / "docs/analysis-json.schema.json").read_text()))
    dumps = sorted(DUMPS.glob("*.dmp"))
    failed = 0
    for dump in dumps:
        problems = check(dump, validator, bless and (not names or dump.stem in names))
        failed += bool(problems)
        for problem in problems:
            print(f"{dump.stem}: {problem}")
    stale = {path.stem for path in ANALYSES.glob("*.json")} - {dump.stem for dump in dumps}
    for name in sorted(stale):
        print(f"{name}: a golden analysis without its dump; remove it")
    print(f"{len(dumps)} golden dumps, {failed} not as reviewed")
    return 1 if failed or stale or not dumps else 0


if __name__ == "__main__":
    sys.exit(main())
