"""The crash lab's truth against our analysis: what crashed, the verdict, and the stack.

The exception and the address must be right in every dump. Verdicts that differ stand in a table with the reason. Of
the stacks, without symbols and unwind tables, a floor must be reached: it is raised when the walker gets better.
"""
import csv
import fnmatch
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden"
PROGRAM = pathlib.Path(os.environ.get("FAULTBUCKET_BUILD", ROOT / "build/dev")) / "bin/faultbucket"
FRAMES = 5

# Stacks whose top five frames are all right, by architecture: never fewer.
FLOOR = {"amd64": 126, "x86": 61, "linux": 31}

# Verdicts that differ from the truth: of which dumps (the first row that fits), what we say, and why.
DIFFERENT = [
    ("stack_cookie.linux.*", "PROBABLY_NOT_EXPLOITABLE", "the reporter's name is in the image, not in the dump"),
    ("double_free.linux.*", "PROBABLY_NOT_EXPLOITABLE", "the reporter's name is in the C library's symbols alone"),
    ("illegal_trap.linux.*", "EXPLOITABLE", "Crashpad keeps no code on Linux, so the compiler's trap is not seen"),
    ("stack_overflow.linux.*", "UNKNOWN", "Crashpad keeps neither stack nor map when the stack pointer has left the stack"),
    ("*.linux.*", "UNKNOWN", "Crashpad keeps no code on Linux, so the access is not known"),
]


def analyses():
    run = subprocess.run([PROGRAM, "analyze", "--json", GOLDEN / "dumps"], capture_output=True, check=True)
    for line in run.stdout.splitlines():
        document = json.loads(line)
        yield pathlib.Path(document["file"]).name, document


def crash_differs(row, document):
    """The truth has what the exception record says; our access may be the recovered one, our address is not."""
    crash = document["crash_info"]
    if crash["code"] != row["code"]:
        return f"code {crash['code']}, truth {row['code']}"
    recorded = {0: "read", 1: "write", 8: "execute"}.get(int(crash["parameters"][0], 16)) if crash["parameters"] else None
    if row["access"] != "-" and recorded != row["access"]:
        return f"access {recorded}, truth {row['access']}"
    address = crash["parameters"][1] if row["access"] != "-" else crash["address"]
    if row["address"] != "-" and int(address, 16) != int(row["address"], 16):
        return f"address {address}, truth {row['address']}"
    return None


def verdict_differs(row, document, needed):
    """What is wrong with the verdict; rows of DIFFERENT that excuse one join `needed`."""
    verdict = document["exploitability"]["fb1"]
    if verdict["class"] == row["verdict"]:
        return None
    known = next((one for one in DIFFERENT if fnmatch.fnmatchcase(row["file"], one[0])), None)
    if known is not None and known[1] == verdict["class"]:
        needed.add(known)
        return None
    return f"{verdict['class']} ({verdict['rule']}), truth {row['verdict']}"


def place(frame, first):
    """`module+0xRVA` as the truth has it: callers by their return address."""
    step = 0 if first else 1
    if frame["module"] is not None:
        return f"{stem(frame['module'])}+{int(frame['module_offset'], 16) + step:#x}"
    for unloaded in frame["unloaded_modules"]:
        return f"{stem(unloaded['module'])}+{int(unloaded['offsets'][0], 16) + step:#x}"
    return f"{int(frame['offset'], 16):#x}"


def stem(module):
    return module.rsplit(".", 1)[0].lower()


def stack_right(row, document):
    truth = row["stack_rva"].split(" < ")[:FRAMES]
    frames = document["crashing_thread"]["frames"]
    ours = [place(frame, i == 0) for i, frame in enumerate(frames)][: len(truth)]
    return ours == truth, ours, truth


def main():
    with open(GOLDEN / "TRUTH.tsv", newline="") as table:
        truth = {row["file"]: row for row in csv.DictReader(table, delimiter="\t")}
    seen, needed, failed, right, count = set(), set(), 0, dict.fromkeys(FLOOR, 0), dict.fromkeys(FLOOR, 0)
    for name, document in analyses():
        row = truth[name]
        seen.add(name)
        for problem in filter(None, (crash_differs(row, document), verdict_differs(row, document, needed))):
            print(f"{name}: {problem}")
            failed += 1
        good, ours, wanted = stack_right(row, document)
        right[row["arch"]] += good
        count[row["arch"]] += 1
        if not good and "-v" in sys.argv:
            print(f"{name}: stack {ours}, truth {wanted}")
    for arch, floor in FLOOR.items():
        print(f"{arch}: {right[arch]} of {count[arch]} stacks have their true top five frames")
        failed += right[arch] < floor or count[arch] == 0
    for pattern, _, reason in set(DIFFERENT) - needed:
        print(f"{pattern}: no verdict differs because {reason}")
        failed += 1
    for name in sorted(set(truth) - seen):
        print(f"{name}: not analysed")
        failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
