"""The stacks of the public corpus beside those of two other processors, as a table.

    tests/golden/test_frames.py            check; the table in docs/frames.md must be what this run gives
    tests/golden/test_frames.py --write    write the table anew

Both references guess once they scan, so that only frames before the first guess of either count as said by both. Where we
differ from what both say, or where they differ from each other, tests/golden/FRAMES.tsv says who is right and why; a row
that is not needed any more is a failure, as is a difference without one.
"""
import csv
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = pathlib.Path(os.environ.get("FAULTBUCKET_CORPUS", ROOT / "../shared/corpus"))
PROGRAM = pathlib.Path(os.environ.get("FAULTBUCKET_BUILD", ROOT / "build/dev")) / "bin/faultbucket"
TABLE = ROOT / "docs/frames.md"
REASONS = ROOT / "tests/golden/FRAMES.tsv"
VERDICTS = ("better", "first", "second", "worse")
LIMIT = 200  # frames that the first reference's list has at most

HEAD = """# Frames beside two other processors

Written by `tests/golden/test_frames.py --write`; a test holds it against every build. For each dump of the public corpus
and the thread that crashed (or asked for the dump): how many frames the first reference (Breakpad's processor), the second
(rust-minidump) and we find, how many from the innermost on both agree about before either begins to guess, and how many of
those we have, too. `verdict` is `equal` when that is all of them and the two do not part there. Where they part, it names
the one we agree with because it is right; `better` means that we know better than both, `worse` that we do not. The
reasons stand in `tests/golden/FRAMES.tsv`.
"""


def reference(path):
    """Frames (address, trust) of the requesting thread."""
    if not path.exists():
        return []
    rows = [line.rstrip("\n").split("\t") for line in path.open(encoding="utf-8", errors="replace")]
    wanted = "0"
    for row in rows:
        if row[0] == "thread" and "requesting" in row:
            wanted = row[1]
        if row[0] == "crash":
            wanted = next((f.partition("=")[2] for f in row if f.startswith("requesting_thread=")), wanted)
    return [(int(r[4], 16), r[3]) for r in rows if r[0] == "frame" and r[1] == wanted and r[3] != "inline"]


def ours(names, symbols):
    """The same of our analysis, by name of the dump; inlined calls are no frames of their own."""
    options = ["--symbols", CORPUS / "symbols"] if symbols else []
    paths = [CORPUS / "minidumps" / (name + ".dmp") for name in names]
    run = subprocess.run([PROGRAM, "analyze", "--json", *options, *paths], capture_output=True, check=False)
    found = {}
    for line in run.stdout.splitlines():
        document = json.loads(line)
        thread = document["crashing_thread"]
        frames = [(int(f["offset"], 16), f["trust"]) for f in thread["frames"]] if thread else []
        found[pathlib.Path(document["file"]).stem] = frames
    return found


def agreed(first, second):
    """How many frames both have before one of them guesses."""
    n = 0
    for a, b in zip(first, second):
        if a[0] != b[0] or "scan" in (a[1], b[1]):
            break
        n += 1
    return n


def same(frames, others, n):
    k = 0
    while k < n and k < len(frames) and frames[k][0] == others[k][0]:
        k += 1
    return k


def compare(first, second, frames):
    """(agreed, of these ours, verdict): the verdict None when somebody must say who is right."""
    n = agreed(first, second)
    k = same(frames, first, n)
    if k < n:
        return n, k, None
    at_first, at_second = first[n:n + 1], second[n:n + 1]
    both_sure = at_first and at_second and "scan" not in (at_first[0][1], at_second[0][1])
    return n, k, None if both_sure else "equal"


def rows():
    reasons = {}
    with REASONS.open(encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            reasons[(row["dump"], row["symbols"])] = (row["verdict"], row["why"])
    for symbols in ("none", "corpus"):
        middle = ".sym" if symbols == "corpus" else ""
        suffix = f".second{middle}.tsv"
        names = sorted(p.name.removesuffix(suffix) for p in (CORPUS / "expected").glob("*" + suffix)
                       if not (middle == "" and p.name.endswith(".second.sym.tsv")))
        stacks = ours(names, symbols == "corpus")
        for name in names:
            first = reference(CORPUS / f"expected/{name}{middle}.tsv")
            second = reference(CORPUS / f"expected/{name}{suffix}")
            frames = stacks.get(name, [])
            n, k, verdict = compare(first, second, frames[:LIMIT])
            reason = reasons.pop((name, symbols), None)
            yield name, symbols, len(first), len(second), len(frames), n, k, verdict, reason
    for name, symbols in reasons:
        yield name, symbols, 0, 0, 0, 0, 0, "gone", None


def table():
    """The document, and what is wrong."""
    lines, complaints, counts = [], [], {}
    for name, symbols, first, second, frames, n, k, verdict, reason in rows():
        if verdict == "gone":
            complaints.append(f"{name} ({symbols}): FRAMES.tsv speaks of a dump that is not compared")
            continue
        if verdict == "equal" and reason:
            complaints.append(f"{name} ({symbols}): equal to both; delete its row in FRAMES.tsv")
        if verdict is None and reason is None:
            complaints.append(f"{name} ({symbols}): of {n} frames that both have ours has {k}, or they part at {n}; "
                              "say who is right in FRAMES.tsv")
        if reason and reason[0] not in VERDICTS:
            complaints.append(f"{name} ({symbols}): the verdict is one of {', '.join(VERDICTS)}")
        verdict, why = reason if reason else (verdict or "?", "")
        counts[verdict] = counts.get(verdict, 0) + 1
        lines.append(f"| {name} | {symbols} | {first} | {second} | {frames} | {n} | {k} | {verdict} | {why} |")
    total = ", ".join(f"{counts[v]} {v}" for v in sorted(counts))
    return "\n".join([HEAD, f"In all: {total}.\n",
                      "| dump | symbols | first | second | ours | both | of these ours | verdict | why |",
                      "|---|---|---:|---:|---:|---:|---:|---|---|", *lines]) + "\n", complaints, total


def main():
    if not (CORPUS / "expected").is_dir():
        print(f"SKIPPED: there is no corpus at {CORPUS}; set FAULTBUCKET_CORPUS", file=sys.stderr)
        return 77
    text, complaints, total = table()
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    if sys.argv[1:] == ["--write"]:
        TABLE.write_text(text, encoding="utf-8")
    elif not TABLE.exists() or TABLE.read_text(encoding="utf-8") != text:
        print("docs/frames.md is not what this build gives; look at the difference and run with --write", file=sys.stderr)
        complaints.append("table")
    print(f"{total}; {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
