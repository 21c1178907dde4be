"""How many stacks of the crash lab are right, three ways: counted, written down, and never fewer.

    tests/golden/test_stacks.py              compare with docs/stacks.md
    tests/golden/test_stacks.py --bless      rewrite docs/stacks.md; refused where a count fell
    tests/golden/test_stacks.py --bless --fewer   rewrite it all the same

The ways: nothing but the dump; `--symbols` with the images of the crash lab's programs, as a symbol server keeps them;
and with their .sym files too. Right means: the top five frames of the crashing thread are those of TRUTH.tsv, by module
and offset; and by name, where all that have one in the truth have it in the analysis. Every stack that is not right must
have its reason in MISSES.tsv, and every reason there must still be needed.
"""
import collections
import csv
import fnmatch
import json
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

from test_truth import FRAMES, GOLDEN, PROGRAM, ROOT, place, stem

DOC = ROOT / "docs/stacks.md"
WAYS = {"alone": "dump alone", "images": "with images", "symbols": "with images and symbols", "names": "by name"}
INTRO = """# How many stacks are right

Written by `tests/golden/test_stacks.py --bless`, which is also the test that it is true. The dumps are those of
[the crash lab](../tests/crashlab/README.md), whose true stacks are known. A stack counts when its top five frames are
the true ones: module and offset of each. *Dump alone* is an analysis without any symbols, *with images* has the stripped
programs (`--symbols`), *with images and symbols* their Breakpad files as well, and *by name* counts, of these, the stacks
in which every function that has a name is called by it. Wine's own DLLs and Debian's C library
are never at hand. `linux` is amd64, dumped by Crashpad's handler.

`gcc-O1-coff` has its COFF symbols, all others are stripped; `-fp` builds have frame pointers, those of `-O0` too.
"""


def read_table(path):
    with open(path, newline="") as table:
        return list(csv.DictReader((line for line in table if not line.startswith("#")), delimiter="\t"))


# -- the three ways -------------------------------------------------------------------------


def code_id(image):
    """Time stamp and size of a PE file, as symbol stores write them."""
    data = image.read_bytes()
    pe, = struct.unpack_from("<I", data, 0x3C)
    return f"{struct.unpack_from('<I', data, pe + 8)[0]:08X}{struct.unpack_from('<I', data, pe + 80)[0]:x}"


def keep_images(store):
    """The images as a symbol store has them: FILE/CODE_ID/FILE."""
    for image in (GOLDEN / "images").glob("*/*/*"):
        if image.suffix in (".exe", ".dll"):
            folder = store / image.name / code_id(image)
            folder.mkdir(parents=True)
            shutil.copy(image, folder)
    shutil.copytree(GOLDEN / "images/linux", store / "linux")  # these are found by their build ids, wherever they are


def keep_symbols(store):
    """The .sym files by debug id, as they are kept; and by code id, where the ending .dll is left out of their name."""
    for sym in (GOLDEN / "symbols").glob("*/*/*.sym"):
        code, file = re.search(r"^INFO CODE_ID (\S+) (\S+)$", sym.read_text(), re.M).groups()
        for place_of in (sym.relative_to(GOLDEN / "symbols"), f"{file}/{code}/{file.removesuffix('.dll')}.sym"):
            kept = store / place_of
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(sym, kept)


def analyse(folders):
    """file -> frames of the crashing thread."""
    options = [f"--symbols={folder}" for folder in folders]
    run = subprocess.run([PROGRAM, "analyze", "--json", *options, GOLDEN / "dumps"], capture_output=True, check=True)
    documents = map(json.loads, run.stdout.splitlines())
    return {pathlib.Path(one["file"]).name: one["crashing_thread"]["frames"] for one in documents}


def three_ways():
    with tempfile.TemporaryDirectory() as temporary:
        images, symbols = pathlib.Path(temporary, "images"), pathlib.Path(temporary, "symbols")
        keep_images(images)
        keep_symbols(symbols)
        return {"alone": analyse([]), "images": analyse([images]), "symbols": analyse([images, symbols])}


# -- what is right --------------------------------------------------------------------------


def first_wrong(row, frames):
    """The first of the true top frames that is not ours; None when all are."""
    truth = row["stack_rva"].split(" < ")[:FRAMES]
    ours = [place(frame, i == 0) for i, frame in enumerate(frames)]
    return next((i for i, want in enumerate(truth) if i >= len(ours) or ours[i] != want), None)


def first_unnamed(row, frames):
    """The first of the true top frames in our own programs that is not called by its function's name."""
    truth = [name.partition("!") for name in row["stack_functions"].split(" < ")[:FRAMES]]
    return next((i for i, (module, _, name) in enumerate(truth) if module in ("app", "plugin") and name != "?"
                 and (i >= len(frames) or frames[i]["function"] != name)), None)


class Result:
    """One dump: per way the first wrong frame, and the method that found it."""

    def __init__(self, row, ways):
        self.file = row["file"]
        _, self.arch, self.build, _, _ = row["file"].split(".")
        self.compiler, self.flags = row["compiler"], row["flags"]
        self.wrong, self.method = {}, {}
        for way, found in ways.items():
            frames = found[self.file]
            wrong = self.wrong[way] = first_wrong(row, frames)
            self.method[way] = frames[wrong]["method"] if wrong is not None and wrong < len(frames) else "end"
        self.wrong["names"], self.method["names"] = self.wrong["symbols"], self.method["symbols"]
        if self.wrong["names"] is None:
            self.wrong["names"], self.method["names"] = first_unnamed(row, ways["symbols"][self.file]), "name"

    def missed(self):
        return [way for way in WAYS if self.wrong[way] is not None]


# -- the page -------------------------------------------------------------------------------


def count_rows(results):
    """One row per architecture and build, and one per architecture."""
    groups = collections.defaultdict(list)
    for one in results:
        groups[one.arch, one.compiler, one.build, one.flags].append(one)
        groups[one.arch, "all", "", ""].append(one)
    for (arch, compiler, build, flags), members in sorted(groups.items()):
        right = [sum(one.wrong[way] is None for one in members) for way in WAYS]
        yield [arch, compiler, build, flags, len(members), *right]


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)


def miss_rows(results, reasons):
    for one in results:
        if one.missed():
            cells = [f"{one.wrong[way]}: {one.method[way]}" if one.wrong[way] is not None else "right" for way in WAYS]
            yield [one.file.removesuffix(".dmp"), *cells, "; ".join(reasons[one.file])]


def page(results, reasons):
    head = ["arch", "compiler", "build", "flags", "dumps", *WAYS.values()]
    misses = list(miss_rows(results, reasons))
    return (INTRO + "\n" + table(head, count_rows(results)) + f"\n## The {len(misses)} that are not always right\n\n"
            "Per way: the first frame that differs, and the method that found it; `name` where only the name is wrong.\n\n"
            + table(["dump", *WAYS.values(), "reason"], misses))


def counts_of(text):
    """(arch, build) -> dumps and counts, from the page."""
    rows = [line.strip("| \n").split(" | ") for line in text.splitlines() if line.startswith(("| amd64", "| linux", "| x86"))]
    return {tuple(row[:3]): [int(cell) for cell in row[4:]] for row in rows}


# -- the reasons ----------------------------------------------------------------------------


def explain(results, misses):
    """(file -> reasons, what is wrong with the table). Each miss has the first row that fits: its way is in the list
    `ways`, and method and file are as the patterns say."""
    reasons, needed, problems = collections.defaultdict(list), set(), []
    for one in results:
        for way in one.missed():
            at = next((at for at, miss in enumerate(misses) if way in miss["ways"].split(",")
                       and fnmatch.fnmatchcase(one.method[way], miss["method"])
                       and fnmatch.fnmatchcase(one.file, miss["file"])), None)
            if at is None:
                problems.append(f"{one.file}: not right ({way}, {one.method[way]}), and MISSES.tsv says not why")
            elif misses[at]["reason"] not in reasons[one.file]:
                reasons[one.file].append(misses[at]["reason"])
            needed.add(at)
    problems += [f"MISSES.tsv: no stack needs the row {miss['ways']} {miss['method']} {miss['file']}"
                 for at, miss in enumerate(misses) if at not in needed]
    return reasons, problems


def main():
    rows, misses = read_table(GOLDEN / "TRUTH.tsv"), read_table(GOLDEN / "MISSES.tsv")
    ways = three_ways()
    results = [Result(row, ways) for row in rows]
    reasons, problems = explain(results, misses)
    written = page(results, reasons)
    before = DOC.read_text() if DOC.exists() else ""
    now, fell = counts_of(written), []
    for key, old in counts_of(before).items():
        if any(new < was for new, was in zip(now.get(key, [0] * 5), old)):
            fell.append(f"{' '.join(key)}: {old} became {now.get(key)}")
    if "--bless" in sys.argv and (not fell or "--fewer" in sys.argv):
        DOC.write_text(written)
        before, fell = written, []
    problems += fell
    if written != before:
        problems.append("docs/stacks.md is not what the analyses are now; if they are better, --bless")
    for row in count_rows(results):
        if row[1] == "all":
            print(f"{row[0]}: of {row[4]} stacks right: {row[5]} alone, {row[6]} with images, {row[7]} with symbols; "
                  f"{row[8]} by name")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
