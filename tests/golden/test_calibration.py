"""How good our verdicts are, counted over every dump whose cause is known; and never fewer right ones.

    tests/golden/test_calibration.py                    compare with docs/calibration.md
    tests/golden/test_calibration.py --bless            rewrite it; refused where a count fell
    tests/golden/test_calibration.py --bless --fewer    rewrite it all the same

Two rules of fb1 hold without exception: nothing harmless ranks EXPLOITABLE, no hijack of control flow ranks below
PROBABLY_EXPLOITABLE. HARM.tsv has the truth, OFF.tsv a reason for each verdict that is not what the truth asks for; both
may have no row that nothing needs. Without the corpus its part of the page is left unread, and this test says so.
"""
import pathlib
import sys

import breakpad_ratings
from calibration import (CLASSES, CORPUS, GOLDEN, PEERS, RIGHT, ROOT, SETS, Case, analyse, broken_rules, counts_of, matrix,
                         off_rows, peer_matrix, read_table, table)

DOC = ROOT / "docs/calibration.md"
SKIPPED = 77
LAB, LINUX = "## The crash lab", "## The crash lab on Linux"
PUBLIC, RATED = "## The public corpus", "## Breakpad's test dumps"
INTRO = """# How good the verdicts are

Written by `tests/golden/test_calibration.py --bless`, which is also the test that it is true. It counts dumps whose
cause is known from the program that crashed, by what that fault really is (`tests/golden/HARM.tsv`, with reasons):

| truth | means | right is |
| --- | --- | --- |
| harmless | nothing was changed that an attacker could use | PROBABLY_NOT_EXPLOITABLE |
| bug | memory unsafe; what comes of it is open | UNKNOWN |
| corruption | memory that is not its own is written or used, or will be | PROBABLY_EXPLOITABLE, EXPLOITABLE |
| hijack | control goes where it never should | PROBABLY_EXPLOITABLE, EXPLOITABLE |

The test fails when something harmless ranks EXPLOITABLE or a hijack below PROBABLY_EXPLOITABLE in `fb1`, when fewer are
right than this page says, and when a verdict that is not right has no reason (`tests/golden/OFF.tsv`). `msec16` repeats
what !exploitable 1.6 would say, its mistakes included. The peers' words are those of `analyze --peers`: by table from
our rule, without running those tools.
"""


LAB_TEXT = """The Windows dumps of [the crash lab](../tests/crashlab/README.md), alone, without images or symbols."""
LINUX_TEXT = """What Crashpad's handler writes on Linux, with the stripped programs: it keeps no code, so that alone such a dump
says little. `tests/golden/test_truth.py` has what is lost then."""
PUBLIC_TEXT = """Public dumps of known cause, which the tests find outside this repository: `winfault-*`, `traced/` and those
that Breakpad tests its ratings with."""
SENSIBLE_TEXT = "`winfault-*` come with a verdict that their makers call sensible; where `fb1` says another one:\n\n"
RATED_TEXT = """What Breakpad's tests expect beside `fb1`: HIGH is EXPLOITABLE, MEDIUM PROBABLY_EXPLOITABLE, LOW and INTERESTING
UNKNOWN, NONE PROBABLY_NOT_EXPLOITABLE. Ours is better where it is nearer to what the truth asks for, cautious where it is
farther, but the more alarmed of the two. By `vector`: the dump is not at hand, its registers and code are, as a row of a
[table of cases](rules.md)."""


def lab_cases(harms, linux):
    truth = {pathlib.Path(row["file"]).stem: row for row in read_table(GOLDEN / "TRUTH.tsv")}
    documents = sorted(analyse(GOLDEN / "dumps", options=["--symbols", GOLDEN / "images"] if linux else []).items())
    return [Case("lab", truth[name]["bug"], name, document, harms) for name, document in documents
            if (truth[name]["arch"] == "linux") == linux]


def corpus_cases(harms):
    """The winfault and traced dumps, and Breakpad's; these with symbols, which one of its ratings rests on."""
    cases = []
    faults = [pathlib.Path(row["file"]).stem for row in read_table(CORPUS / "minidumps/TRUTH.tsv")]
    rated = list(breakpad_ratings.rated_dumps())
    documents = analyse(*(CORPUS / "minidumps" / (name + ".dmp") for name in faults + rated),
                        options=["--symbols", CORPUS / "symbols"])
    cases += [Case("winfault", name.removeprefix("winfault-"), name, documents[name], harms) for name in faults]
    cases += [Case("traced", "traced", name, document, harms) for name, document in sorted(analyse(CORPUS / "traced").items())]
    cases += [Case("breakpad", breakpad_ratings.breakpad_name(name), name, documents[name], harms) for name in rated]
    return cases


def section(title, text, cases, reasons, problems):
    tables = [matrix(cases, rules) for rules in SETS] + [peer_matrix(cases, tool) for tool in PEERS]
    rows = list(off_rows(cases, reasons, problems))
    off = " and ".join(f"{sum(not one.right(rules) for one in cases)} by `{rules}`" for rules in SETS)
    tables.append(f"Off the diagonal, {off}:\n")
    tables.append(table(["rules", "truth", "verdict", "fault", "dumps", "reason"], rows))
    problems.extend(broken_rules(cases))
    report(title, cases)
    return f"{title}\n\n{text}\n\n" + "\n".join(tables)


def sensible_rows(cases):
    """The verdict that the corpus itself calls sensible, beside ours; only where they differ."""
    words = dict(zip(("not", "unknown", "probably", "exploitable"), CLASSES))
    truth = {pathlib.Path(row["file"]).stem: row for row in read_table(CORPUS / "minidumps/TRUTH.tsv")}
    for one in sorted((one for one in cases if one.corpus == "winfault"), key=lambda one: one.name):
        row = truth[one.name]
        if words.get(row["verdict"], one.verdict["fb1"]) != one.verdict["fb1"]:
            ours = [f"{one.verdict[rules]} {one.short[rules]}" for rules in SETS]
            yield [one.name, row["cause"], one.harm, row["verdict"], *ours]


def report(title, cases):
    for harm in RIGHT:
        of = [one for one in cases if one.harm == harm]
        print(f"{title.lstrip('# ')}: {harm}: right {sum(one.right('fb1') for one in of)} of {len(of)} by fb1, "
              f"{sum(one.right('msec16') for one in of)} by msec16")


def lab_part(harms, reasons, problems):
    windows = section(LAB, LAB_TEXT, lab_cases(harms, False), reasons, problems)
    return windows + "\n" + section(LINUX, LINUX_TEXT, lab_cases(harms, True), reasons, problems)


def corpus_part(harms, reasons, problems):
    cases = corpus_cases(harms)
    public = section(PUBLIC, PUBLIC_TEXT, cases, reasons, problems)
    sensible = SENSIBLE_TEXT + table(["dump", "cause", "truth", "sensible", *SETS], sensible_rows(cases))
    rated = [one for one in cases if one.corpus == "breakpad"]
    ratings = breakpad_ratings.comparison(rated, harms, reasons, problems)
    return f"{public}\n{sensible}\n{RATED}\n\n{RATED_TEXT}\n\n{ratings}"


def not_needed(harms, reasons, corpus):
    """Rows that nothing asked for. Without the corpus only those of the lab can be told."""
    for row in harms:
        if "needed" not in row and (row["corpus"] == "lab" or (corpus and row["corpus"] != "breakpad")):
            yield f"HARM.tsv: no dump needs the row {row['corpus']} {row['fault']}"
    for row in reasons:
        if "needed" not in row and corpus:
            yield f"OFF.tsv: no verdict needs the row {row['rules']} {row['short']} {row['fault']}"


def main():
    harms, reasons, problems = read_table(GOLDEN / "HARM.tsv"), read_table(GOLDEN / "OFF.tsv"), []
    before = DOC.read_text() if DOC.exists() else ""
    corpus = breakpad_ratings.VECTORS.exists()
    written = INTRO + "\n" + lab_part(harms, reasons, problems) + "\n"
    if corpus:
        written += corpus_part(harms, reasons, problems)
    else:
        print(f"NO CORPUS: {CORPUS} is absent, so that only the crash lab's part of docs/calibration.md is checked")
        written += before[before.find(PUBLIC):] if PUBLIC in before else ""
    problems += not_needed(harms, reasons, corpus)
    now = counts_of(written)
    fell = [f"{' '.join(key)}: {old} right became {now.get(key)}" for key, old in counts_of(before).items()
            if now.get(key, 0) < old]
    if "--bless" in sys.argv and (not fell or "--fewer" in sys.argv):
        DOC.write_text(written)
        before, fell = written, []
    if written != before:
        problems.append("docs/calibration.md is not what the analyses are now; if they are better, --bless")
    for problem in problems + fell:
        print(problem)
    return 1 if problems or fell else 0 if corpus else SKIPPED


if __name__ == "__main__":
    sys.exit(main())
