"""Breakpad's own test dumps: its rating beside ours, for docs/calibration.md.

The dumps that the corpus has are analysed; of the others the vector file of the specification has the registers and
instructions, so that a row of it stands for the dump. What Breakpad says is from its tests.
"""
import fnmatch
import json
import pathlib
import re
import subprocess

from calibration import CLASSES, CORPUS, PROGRAM, distance, harm_of, read_table, table

VECTORS = CORPUS / "../spec/exploitability-vectors.tsv"
# Its words as classes of ours.
MEANS = {"HIGH": "EXPLOITABLE", "MEDIUM": "PROBABLY_EXPLOITABLE", "LOW": "UNKNOWN", "INTERESTING": "UNKNOWN",
         "NONE": "PROBABLY_NOT_EXPLOITABLE"}


def breakpad_name(name):
    """The dump's name at Breakpad: the corpus writes win-X and linux-X for X and linux_X."""
    return re.sub("^linux-", "linux_", name.removeprefix("win-"))


def rated_dumps():
    """Name in the corpus -> rating, of the dumps that Breakpad tests its ratings with. Symbols count where they help."""
    rows = read_table(CORPUS / "minidumps/MANIFEST.tsv")
    return {pathlib.Path(row["file"]).stem: best_rating(row) for row in rows if "exploitability test dump" in row["notes"]}


def best_rating(row):
    with_symbols = row["reference_exploitability_with_symbols"]
    return (row["reference_exploitability"] if with_symbols == "-" else with_symbols).upper()


def rated_vectors():
    """Name at Breakpad -> rating, our class and short name. A row that passes asks for what our verdict is."""
    run = subprocess.run([PROGRAM, "rules", "check", "--json", VECTORS], capture_output=True, check=False)
    passed = {row["id"] for row in map(json.loads, run.stdout.splitlines()) if row["passed"]}
    rated = {}
    for row in read_table(VECTORS):
        if row["tool"] == "breakpad" and row["id"] in passed:
            name = re.search(r"(\w+)\.dmp", row["source"])[1]
            rated[name] = (re.search(r"rating (\w+)", row["notes"])[1], row["fb_class"], row["fb_short"])
    return rated


def compared(cases, harms):
    """name, how we judged it, rating, class, short name, harm: dumps first, then what only the vectors have."""
    ratings, vectors = rated_dumps(), rated_vectors()
    for one in sorted(cases, key=lambda one: one.fault):
        yield one.fault, "dump", ratings[one.name], one.verdict["fb1"], one.short["fb1"], one.harm
    for name in sorted(set(vectors) - {one.fault for one in cases}):
        yield name, "vector", *vectors[name], harm_of("breakpad", name, harms)


def result_of(rating, verdict, harm):
    """Ours is better when it is nearer to what is right for the harm. When it is farther away it must at least be the
    more alarmed of the two: then it is cautious, and otherwise worse."""
    theirs, ours = distance(harm, MEANS[rating]), distance(harm, verdict)
    if ours <= theirs:
        return "equal" if ours == theirs else "better"
    return "cautious" if CLASSES.index(verdict) > CLASSES.index(MEANS[rating]) else "worse"


def reason_for(name, short, reasons):
    return next((row for row in reasons if row["rules"] == "breakpad" and fnmatch.fnmatchcase(name, row["fault"])
                 and fnmatch.fnmatchcase(short, row["short"])), None)


def comparison(cases, harms, reasons, problems):
    """The table. Where the classes differ there must be a reason; worse than Breakpad fails with or without."""
    rows, counts = [], dict.fromkeys(("better", "equal", "cautious", "worse"), 0)
    for name, by, rating, verdict, short, harm in compared(cases, harms):
        result, why = result_of(rating, verdict, harm), ""
        if verdict != MEANS[rating]:
            row = reason_for(name, short, reasons)
            if row is None:
                problems.append(f"{name}: Breakpad {rating}, we {verdict} ({short}), and OFF.tsv says not why")
            else:
                row["needed"], why = True, row["reason"]
        if result == "worse":
            problems.append(f"{name}: {harm}; Breakpad says {rating}, and our {verdict} ({short}) is worse")
        counts[result] += 1
        rows.append([name, by, harm, rating, f"{verdict} {short}", result, why])
    summary = ", ".join(f"{n} {word}" for word, n in counts.items())
    head = ["Breakpad's dump", "by", "truth", "Breakpad", "fb1", "ours is", "why they differ"]
    return f"In all: {summary}.\n\n{table(head, rows)}"
