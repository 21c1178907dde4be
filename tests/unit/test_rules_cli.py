"""`faultbucket rules` as a person or a script meets it: what it lists, explains, tries and checks."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("FAULTBUCKET_BUILD", ROOT / "build/dev")) / "bin/faultbucket"
DUMPS = ROOT / "tests/golden/dumps"
GOOD = DUMPS / "null_read.amd64.gcc-O0.own.dmp"
OTHER = DUMPS / "wild_write.x86.gcc-O0.own.dmp"
RAW = [b"\x1b", "\u202e".encode(), b"\x07"]
COLUMNS = "id os arch exc_code access fault_addr ip bytes regs context fb_rule fb_short fb_class msec_short msec_class check".split()
WRITE = {"id": "T1", "os": "windows", "arch": "amd64", "exc_code": "0xc0000005", "access": "write",
         "fault_addr": "0x41414141", "ip": "0x401000", "bytes": "8908", "regs": "rax=41414141",
         "fb_rule": "FB-19", "fb_short": "WriteAV", "fb_class": "EXPLOITABLE",
         "msec_short": "WriteAV", "msec_class": "EXPLOITABLE", "check": "both"}


def rules(*arguments, **more):
    return subprocess.run([PROGRAM, "rules", *map(str, arguments)], capture_output=True, check=False, timeout=120, **more)


def table(*rows, columns=COLUMNS):
    lines = ["\t".join(columns)] + ["\t".join({**WRITE, **row}.get(name, "-") for name in columns) for row in rows]
    return ("\n".join(lines) + "\n").encode()


class Rules(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def file(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        return path

    def test_exit_codes(self):
        good, bad = self.file("good.tsv", table({})), self.file("bad.tsv", table({"fb_rule": "FB-20"}))
        unreadable = self.file("unreadable.tsv", table({"exc_code": "many"}))
        rows = [
            (["list"], 0), (["list", "--set", "msec16", "--json"], 0), (["explain", "FB-19", "WriteAV"], 0),
            (["test", GOOD, OTHER], 0), (["check", good], 0), (["check", good, good], 0),
            (["explain", "NoSuchRule"], 1), (["explain", "WriteAV", "NoSuchRule"], 1), (["test", self.folder / "absent"], 1),
            (["test", good], 1), (["check", bad], 1), (["check", unreadable], 1), (["check", good, bad], 1),
            (["check", self.folder / "absent"], 1), (["check", self.file("empty", b"")], 1), (["check", GOOD], 1),
            ([], 2), (["lists"], 2), (["list", "FB-19"], 2), (["explain"], 2), (["test"], 2), (["check"], 2),
            (["list", "--set", "fb9"], 2), (["list", "--no-such-flag"], 2),
        ]
        for arguments, want in rows:
            with self.subTest(arguments=arguments):
                run = rules(*arguments)
                self.assertEqual(run.returncode, want, run.stderr)
                self.assertEqual(run.stderr == b"", want == 0 or b"bad.tsv" in run.stdout)

    def test_list(self):
        ours = [json.loads(line) for line in rules("list", "--json", "--set", "fb1").stdout.splitlines()]
        both = [json.loads(line) for line in rules("list", "--json").stdout.splitlines()]
        self.assertEqual(both[:len(ours)], ours)
        self.assertEqual({r["ruleset"] for r in both}, {"fb1", "msec16"})
        self.assertEqual([r["order"] for r in ours], list(range(1, len(ours) + 1)))
        self.assertEqual(ours[-1]["rule"], "FB-99", "the one that always holds stands last")
        for rule in both:
            for key in "asks", "rests_on", "description", "short":
                self.assertTrue(rule[key], (rule["rule"], key))
                self.assertNotIn("not described", rule[key], rule["rule"])
        self.assertEqual(len(rules("list").stdout.splitlines()), len(both) + 1)

    def test_explain(self):
        rows = [(["FB-19"], "FB-19 WriteAV (fb1)"), (["writeav"], "17 WriteAV (msec16)"), (["FastFail_7"], "FB-03 FastFail"),
                (["GSViolation"], "FB-05 Reporter"), (["13"], "ExceptionHandlerCorrupted"), (["fb-22"], "before FB-")]
        for names, text in rows:
            with self.subTest(names=names):
                self.assertIn(text, rules("explain", *names).stdout.decode())
        self.assertNotIn(b"msec16", rules("explain", "--set", "fb1", "WriteAV").stdout)

    def test_dumps(self):
        documents = [json.loads(line) for line in rules("test", "--json", GOOD, OTHER).stdout.splitlines()]
        for document, rule in zip(documents, ["FB-22", "FB-19"]):
            with self.subTest(file=document["file"]):
                holds = document["fb1"]["holds"]
                self.assertEqual([r["rule"] for r in holds if r["decides"]], [rule])
                self.assertEqual(holds[0]["rule"], rule, "the first one that holds decides")
                self.assertEqual(holds[-1]["rule"], "FB-99")
        self.assertIn(b"  * FB-19  EXPLOITABLE", rules("test", OTHER).stdout.replace(b"    *", b"  *"))

    def test_every_golden_dump_is_judged_the_same_again(self):
        dumps = sorted(DUMPS.glob("*.dmp"))[::5]
        analyses = subprocess.run([PROGRAM, "analyze", "--json", *dumps], capture_output=True, check=True, timeout=300).stdout
        trials = rules("test", "--json", *dumps).stdout
        for analysis, trial in zip(map(json.loads, analyses.splitlines()), map(json.loads, trials.splitlines()), strict=True):
            with self.subTest(dump=trial["file"]):
                verdict = analysis["exploitability"]
                decided = [(r["rule"], r["short"], r["class"]) for r in trial["fb1"]["holds"] if r["decides"]]
                self.assertEqual(decided, [tuple(verdict["fb1"][k] for k in ("rule", "short", "class"))])
                decided = [r["rule"] for r in trial["msec16"]["holds"] if r["decides"]] or ["fallback"]
                self.assertEqual(decided, [verdict["msec16"]["rule"]])

    def test_check_says_what_differs(self):
        path = self.file("t.tsv", table({}, {"id": "T2", "fb_rule": "FB-20", "fb_class": "UNKNOWN"}, {"id": "T3", "check": "none"},
                                        {"id": "T4", "ip": "here"}, {"id": "T5", "msec_class": "UNKNOWN", "check": "fb"}))
        run = rules("check", path)
        lines = run.stdout.decode().splitlines()
        self.assertEqual(lines[0], f"{path}:3: T2: fb_rule is FB-19, not FB-20; fb_class is EXPLOITABLE, not UNKNOWN")
        self.assertEqual(lines[1], "5 rows: 2 pass, 1 fail, 1 could not be read, 1 not to be checked")
        self.assertIn(f"{path}:5: ip is no number", run.stderr.decode())
        only = rules("check", "--set", "msec16", path).stdout.decode().splitlines()
        self.assertEqual(only, ["5 rows: 3 pass, 0 fail, 1 could not be read, 1 not to be checked"])
        rows = [json.loads(line) for line in rules("check", "--json", path).stdout.splitlines()]
        self.assertEqual([(r["id"], r["passed"]) for r in rows], [("T1", True), ("T2", False), ("T5", True)])
        self.assertEqual(rows[1]["differences"][0], {"column": "fb_rule", "got": "FB-19", "want": "FB-20"})

    def test_tables_as_people_write_them(self):
        few = self.file("few.tsv", table({}, columns=["fb_class", "regs", "bytes", "id", "ip", "fault_addr", "access", "exc_code", "arch", "os"]))
        dos = self.file("dos.tsv", b"# our cases\r\n\r\n" + table({}).replace(b"\n", b"\r\n") + b"\r\n# the end")
        for path in few, dos:
            with self.subTest(path=path):
                run = rules("check", path)
                self.assertEqual(run.stdout, b"1 rows: 1 pass, 0 fail, 0 could not be read, 0 not to be checked\n", run.stderr)
        self.assertEqual(rules("check", "-", input=table({})).returncode, 0)

    def test_the_example_of_the_docs(self):
        text = (ROOT / "docs/rules.md").read_text()
        example = self.file("docs.tsv", text.split("```\n")[1].encode())
        run = rules("check", example)
        self.assertEqual((run.returncode, run.stdout[:14]), (0, b"1 rows: 1 pass"), run.stderr)
        header = (ROOT / "worker/analysis/exploitability/vectors.h").read_text()
        columns = [line.split('"')[1] for line in header.splitlines() if line.startswith("    X(")]
        self.assertEqual(len(columns), 24)
        for name in columns:
            self.assertIn(f"`{name}`", text)

    def test_hostile_tables(self):
        names = "id\tos\tarch\n".encode()
        rows = [(names + b"a\x00b\twindows\tx86\n", "NUL"), (names + b"T\twindows\n", "fewer fields"), (names + b"T\t1\t2\t3\n", "more fields"),
                (b"os\n", "no column id"), (b"id\tid\n", "twice"), (b"id\n" + b"T" * (1 << 21) + b"\n", "longer than is read"),
                (b"\t".join([b"id"] * 5000), "twice"), (b"\xff\xfe\n", "not known"), (b"# nothing\n", "columns' names")]
        for data, text in rows:
            with self.subTest(text=text):
                run = rules("check", self.file("hostile.tsv", data))
                self.assertEqual(run.returncode, 1)
                self.assertIn(text, run.stderr.decode())
        path = self.file("bad\x1b[31m\u202e.tsv", table({"id": "\x1b[2J\u202e\x07", "fb_class": "UNKNOWN"}))
        for arguments in [], ["--json"]:
            run = rules("check", *arguments, path)
            for raw in RAW:
                self.assertNotIn(raw, run.stdout + run.stderr)


def main():
    if not PROGRAM.exists():
        print(f"{PROGRAM} is not built")
        return 77
    result = unittest.TextTestRunner(stream=sys.stdout).run(unittest.defaultTestLoader.loadTestsFromTestCase(Rules))
    return 1 if not result.wasSuccessful() or result.testsRun == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
