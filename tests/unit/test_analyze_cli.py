"""`faultbucket analyze` as a person or a script meets it: exit codes, streams, colour, hostile names.

Everything but the symbols comes from the golden dumps and the seeds of fuzz_kernel, which are part of the tree.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("FAULTBUCKET_BUILD", ROOT / "build/dev")) / "bin/faultbucket"
CORPUS = pathlib.Path(os.environ.get("FAULTBUCKET_CORPUS", ROOT / "../shared/corpus"))
DUMPS = ROOT / "tests/golden/dumps"
GOOD = DUMPS / "null_read.amd64.gcc-O0.own.dmp"
OTHER = DUMPS / "wild_write.x86.gcc-O0.own.dmp"
KERNEL_DUMPS = ROOT / "tests/fuzz/corpus/fuzz_kernel"
SCHEMA = jsonschema.Draft202012Validator(json.loads((ROOT / "docs/analysis-json.schema.json").read_text()))
ESCAPE = b"\x1b"
# Clears the screen, turns the text round, hides it: none may reach a terminal as it is.
HOSTILE = "\x1b[2J\u202e\x9b1m"
RAW = [ESCAPE, "\u202e".encode(), "\x9b".encode(), b"\x07"]


def analyze(*arguments, **more):
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    return subprocess.run([PROGRAM, "analyze", *map(str, arguments)], capture_output=True, check=False,
                          env=environment, timeout=120, **more)


def hostile(dump):
    """`dump` with control characters at the front of every module's name that has room for them."""
    data, name = bytearray(dump), "app.exe".encode("utf-16le")
    at = data.find(name)
    assert at >= 0, "the dump does not name app.exe"
    while at >= 0:
        bad = HOSTILE[:len(name) // 2].encode("utf-16le")
        data[at:at + len(bad)] = bad
        at = data.find(name, at + len(name))
    return bytes(data)


class Analyze(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def file(self, name, data):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def test_exit_codes(self):
        rows = [
            ([GOOD], 0),
            ([GOOD, OTHER], 0),
            ([self.file("text", b"no dump at all" * 10)], 1),
            ([self.file("empty", b"")], 1),
            ([self.folder / "absent"], 1),
            ([GOOD, self.folder / "absent"], 1),
            ([], 2),
            (["--no-such-flag", GOOD], 2),
            (["--color=purple", GOOD], 2),
        ]
        for arguments, want in rows:
            with self.subTest(arguments=arguments):
                run = analyze(*arguments)
                self.assertEqual(run.returncode, want, run.stderr)
                self.assertEqual(run.stderr == b"", want == 0)

    def test_one_bad_file_costs_one_line(self):
        bad = self.file("text", b"this is no dump, but it is long enough for a header")
        run = analyze("--json", GOOD, bad, OTHER)
        self.assertEqual(run.returncode, 1)
        lines = run.stderr.decode().splitlines()
        self.assertEqual(len(lines), 1, lines)
        self.assertIn(str(bad), lines[0])
        self.assertIn("not a minidump", lines[0])
        self.assertEqual(len(run.stdout.splitlines()), 2, "the others were not analysed")

    def test_kinds_of_strangers_are_named(self):
        for magic, word in [(b"PAGEDU64"[:7], "not a minidump"), (b"\x1f\x8b\x08", "gzip"), (b"MSCF", "CAB"), (b"\x7fELF", "ELF")]:
            with self.subTest(word=word):
                run = analyze(self.file(word, magic + bytes(100)))
                self.assertIn(word, run.stderr.decode())

    def test_kernel_dumps(self):
        run = analyze(self.file("short", b"PAGEDU64" + bytes(20)))
        self.assertEqual(run.returncode, 1)
        self.assertIn("kernel dump that ends before its bugcheck", run.stderr.decode())
        for seed in sorted(KERNEL_DUMPS.glob("*.dmp")):
            with self.subTest(seed=seed.name):
                run = analyze("--json", seed)
                self.assertEqual((run.returncode, run.stderr), (0, b""))
                document = json.loads(run.stdout)
                SCHEMA.validate(document)
                self.assertEqual(document["dump"]["kind"], "kernel")
                text = analyze(seed).stdout.decode()
                self.assertIn(f"  bugcheck   0x{int(document['crash_info']['bugcheck']['code'], 16):x},", text)

    def test_standard_input(self):
        run = analyze("--json", "-", input=GOOD.read_bytes())
        self.assertEqual(run.returncode, 0, run.stderr)
        there, here = json.loads(run.stdout), json.loads(analyze("--json", GOOD).stdout)
        self.assertEqual(there["crash_info"], here["crash_info"])

    def test_folder(self):
        self.file("a/one.dmp", GOOD.read_bytes())
        self.file("b/c/two.bin", OTHER.read_bytes())
        self.file("b/kernel", next(KERNEL_DUMPS.glob("*.dmp")).read_bytes())
        self.file("b/notes.txt", b"no minidump, and nobody said it was")
        run = analyze("--json", self.folder)
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        self.assertEqual(len(run.stdout.splitlines()), 3)

    def test_json_has_a_line_per_file(self):
        dumps = sorted(DUMPS.glob("*.dmp"))[:5]
        lines = analyze("--json", *dumps).stdout.splitlines()
        self.assertEqual(len(lines), len(dumps))
        for line in lines:
            self.assertIn("crash_info", json.loads(line))

    def test_pretty_is_the_same(self):
        pretty, plain = analyze("--pretty", GOOD).stdout, analyze("--json", GOOD).stdout
        self.assertGreater(len(pretty.splitlines()), 100)
        self.assertEqual(json.loads(pretty), json.loads(plain))

    def test_colour_only_where_it_is_wanted(self):
        for arguments, coloured in [([], False), (["--color=auto"], False), (["--color=never"], False),
                                    (["--color=always"], True)]:
            with self.subTest(arguments=arguments):
                self.assertEqual(ESCAPE in analyze(*arguments, GOOD).stdout, coloured)

    def test_hostile_names(self):
        path = self.file("bad\x1b[31m\u202e.dmp", hostile(GOOD.read_bytes()))
        for arguments in [], ["--json"], ["--pretty"]:
            with self.subTest(arguments=arguments):
                run = analyze(*arguments, path)
                self.assertEqual(run.returncode, 0, run.stderr)
                self.assertTrue(b"\\u001b[2J" in run.stdout, "the name is not in the output at all")
                for raw in RAW:
                    self.assertNotIn(raw, run.stdout)

    def test_hostile_file_name_in_a_message(self):
        run = analyze(self.folder / "\x1b[2J\u202eabsent")
        self.assertEqual(run.returncode, 1)
        for raw in RAW:
            self.assertNotIn(raw, run.stderr)

    def test_the_answer_comes_first(self):
        for dump in sorted(DUMPS.glob("*.dmp"))[::7]:
            with self.subTest(dump=dump.name):
                top = analyze(dump).stdout.decode().splitlines()[:10]
                for word in "crash", "verdict", "signature":
                    self.assertTrue(any(line.strip().startswith(word) for line in top), (word, top))

    def test_symbols(self):
        dump, symbols = CORPUS / "minidumps/linux-abort.dmp", CORPUS / "symbols"
        if not dump.exists() or not symbols.exists():
            self.skipTest(f"the corpus is not in {CORPUS}")
        self.assertNotIn(b"!main+", analyze(dump).stdout)
        self.assertIn(b"!main+", analyze("--symbols", symbols, dump).stdout)


def main():
    if not PROGRAM.exists():
        print(f"{PROGRAM} is not built")
        return 77
    result = unittest.TextTestRunner(stream=sys.stdout).run(unittest.defaultTestLoader.loadTestsFromTestCase(Analyze))
    if not result.wasSuccessful() or result.testsRun == 0:
        return 1
    for _, reason in result.skipped:
        print(f"SKIPPED in part: {reason}")
    return 77 if result.skipped else 0


if __name__ == "__main__":
    sys.exit(main())
