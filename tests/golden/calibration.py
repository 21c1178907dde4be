"""What crashes with a known cause really are, beside what we call them: the figures of docs/calibration.md.

A case is one dump, the harm that its fault can do (HARM.tsv) and our analysis of it. Each harm has classes that are right
for it; a case outside them is off the diagonal, and OFF.tsv says why.
"""
import collections
import csv
import fnmatch
import json
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden"
CORPUS = pathlib.Path(os.environ.get("FAULTBUCKET_CORPUS", ROOT / "../shared/corpus"))
PROGRAM = pathlib.Path(os.environ.get("FAULTBUCKET_BUILD", ROOT / "build/dev")) / "bin/faultbucket"

# From least to most alarmed, and what is right for which harm.
CLASSES = ["PROBABLY_NOT_EXPLOITABLE", "UNKNOWN", "PROBABLY_EXPLOITABLE", "EXPLOITABLE"]
RIGHT = {
    "harmless": {"PROBABLY_NOT_EXPLOITABLE"},
    "bug": {"UNKNOWN"},
    "corruption": {"PROBABLY_EXPLOITABLE", "EXPLOITABLE"},
    "hijack": {"PROBABLY_EXPLOITABLE", "EXPLOITABLE"},
}
SETS = ["fb1", "msec16"]
PEERS = {
    "casr": ["EXPLOITABLE", "PROBABLY_EXPLOITABLE", "UNDEFINED", "NOT_EXPLOITABLE"],
    "gdb_exploitable": ["EXPLOITABLE", "PROBABLY_EXPLOITABLE", "UNKNOWN", "PROBABLY_NOT_EXPLOITABLE"],
    "breakpad": ["HIGH", "MEDIUM", "LOW", "INTERESTING", "NONE"],
}


def read_table(path):
    with open(path, newline="") as table:
        return list(csv.DictReader((line for line in table if not line.startswith("#")), delimiter="\t"))


def analyse(*paths, options=()):
    """name of the dump -> its analysis."""
    run = subprocess.run([PROGRAM, "analyze", "--json", "--peers", *options, *paths], capture_output=True, check=True)
    documents = map(json.loads, run.stdout.splitlines())
    return {pathlib.Path(one["file"]).stem: one for one in documents}


def distance(harm, verdict):
    """How many classes a verdict is away from what is right for that harm."""
    return min(abs(CLASSES.index(verdict) - CLASSES.index(one)) for one in RIGHT[harm])


class Case:
    """One dump: the corpus it is from, its fault, and what each set of rules says."""

    def __init__(self, corpus, fault, name, document, harms):
        self.corpus, self.fault, self.name = corpus, fault, name
        self.harm = harm_of(corpus, fault, harms)
        judged = document["exploitability"]
        self.arch = document["system_info"]["cpu_arch"]
        self.verdict = {one: judged[one]["class"] for one in SETS}
        self.short = {one: judged[one]["short"] for one in SETS}
        self.peers = {one: judged["peers"][one]["class"] for one in PEERS}

    def right(self, rules):
        return self.verdict[rules] in RIGHT[self.harm]


def harm_of(corpus, fault, harms):
    for row in harms:
        if row["corpus"] == corpus and fnmatch.fnmatchcase(fault, row["fault"]):
            row["needed"] = True
            return row["harm"]
    raise SystemExit(f"HARM.tsv does not say what {corpus} {fault} is: judge it from its code, and add a row")


# -- the two rules that no reason excuses ---------------------------------------------------


def broken_rules(cases):
    for one in cases:
        verdict = one.verdict["fb1"]
        if one.harm == "harmless" and verdict == "EXPLOITABLE":
            yield f"{one.name}: harmless, and ranks EXPLOITABLE ({one.short['fb1']})"
        if one.harm == "hijack" and CLASSES.index(verdict) < CLASSES.index("PROBABLY_EXPLOITABLE"):
            yield f"{one.name}: a hijack of control flow, and ranks {verdict} ({one.short['fb1']})"


# -- off the diagonal -----------------------------------------------------------------------


def off_rows(cases, reasons, problems):
    """One row per fault and verdict that is not right for it: which dumps, and why. The first row of OFF.tsv that fits
    is the reason."""
    groups = collections.defaultdict(list)
    for rules in SETS:
        for one in cases:
            if not one.right(rules):
                groups[rules, one.corpus, one.fault, one.harm, one.verdict[rules], one.short[rules]].append(one.name)
    for (rules, corpus, fault, harm, verdict, short), names in sorted(groups.items()):
        why = next((row for row in reasons if row["rules"] == rules and fnmatch.fnmatchcase(short, row["short"])
                    and fnmatch.fnmatchcase(fault, row["fault"])), None)
        if why is None:
            problems.append(f"{corpus} {fault}: {harm}, {rules} says {verdict} ({short}), and OFF.tsv says not why")
            continue
        why["needed"] = True
        yield [rules, harm, f"{verdict} {short}", fault, dumps_of(corpus, fault, names), why["reason"]]


def dumps_of(corpus, fault, names):
    """The dumps' names, without the fault's; the traced ones are too many, and all alike."""
    if corpus == "traced":
        return f"all {len(names)} of `traced/`"
    if corpus == "lab":
        return ", ".join(sorted(name.removeprefix(fault + ".") for name in names))
    return ", ".join(sorted(names))


# -- tables ---------------------------------------------------------------------------------


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)


def matrix(cases, rules):
    """Harm against class, for each architecture."""
    rows = []
    for arch in sorted({one.arch for one in cases}):
        for harm in RIGHT:
            of = [one for one in cases if one.arch == arch and one.harm == harm]
            counts = [sum(one.verdict[rules] == cls for one in of) for cls in reversed(CLASSES)]
            if of:
                rows.append([arch, harm, len(of), *counts, sum(one.right(rules) for one in of)])
    return table([rules, "truth", "dumps", *reversed(CLASSES), "right"], rows)


def peer_matrix(cases, tool):
    rows = []
    for harm in RIGHT:
        words = [one.peers[tool] for one in cases if one.harm == harm]
        if words:
            rows.append([harm, len(words), *(words.count(word) for word in PEERS[tool])])
    return table([tool, "dumps", *PEERS[tool]], rows)


def counts_of(text):
    """(section, set, arch, harm) -> how many are right, from the page."""
    counts, section, rules = {}, None, None
    for line in text.splitlines():
        cells = line.strip("| ").split(" | ")
        if line.startswith("## "):
            section = line
        elif cells[0] in SETS:
            rules = cells[0] if cells[1] == "truth" else None
        elif not line.startswith("|"):
            rules = None
        elif rules is not None and len(cells) == 8 and cells[-1].isdigit():
            counts[section, rules, cells[0], cells[1]] = int(cells[-1])
    return counts
