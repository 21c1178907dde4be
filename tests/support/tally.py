#!/usr/bin/python3
"""tally.py JUNIT... -- count what ctest wrote, over all files, and judge it.

The last line is `N passed, N failed, N skipped`. Skipped is only what skipped itself (exit 77):
ctest also calls a test "notrun" whose program is missing, and that one has failed. The exit code
is 0 when something ran and nothing failed.
"""
import pathlib
import sys
import xml.etree.ElementTree

SKIPPED_ITSELF = "SKIP_RETURN_CODE"


def verdict(case):
    """passed, failed or skipped, for one <testcase>."""
    if case.get("status") == "run":
        return "passed"
    said = case.find("skipped")
    if said is not None and said.get("message", "").startswith(SKIPPED_ITSELF):
        return "skipped"
    return "failed"


def last_line(case):
    lines = (case.findtext("system-out") or "").strip().splitlines()
    return lines[-1].strip() if lines else "it said nothing"


def main(paths):
    count = {"passed": 0, "failed": 0, "skipped": 0}
    for path in paths:
        suite = xml.etree.ElementTree.parse(path).getroot()
        for case in suite.iter("testcase"):
            outcome = verdict(case)
            count[outcome] += 1
            if outcome != "passed":
                print(f"{outcome}: {case.get('name')} ({pathlib.Path(path).stem}): {last_line(case)}")
    print(", ".join(f"{n} {outcome}" for outcome, n in count.items()))
    return 0 if count["failed"] == 0 and count["passed"] > 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
