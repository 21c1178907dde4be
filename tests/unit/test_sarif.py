"""`faultbucket analyze --sarif` and `--peers`: the form that the standard asks for, and what stands in it."""
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
KERNEL_DUMPS = ROOT / "tests/fuzz/corpus/fuzz_kernel"
GOOD = DUMPS / "null_read.amd64.gcc-O0.own.dmp"
SARIF = jsonschema.Draft202012Validator(json.loads((ROOT / "tests/unit/sarif.schema.json").read_text()))
ANALYSIS = jsonschema.Draft202012Validator(json.loads((ROOT / "docs/analysis-json.schema.json").read_text()))
LEVELS = {"EXPLOITABLE": "error", "PROBABLY_EXPLOITABLE": "error", "UNKNOWN": "warning", "PROBABLY_NOT_EXPLOITABLE": "note"}


def analyze(*arguments):
    return subprocess.run([PROGRAM, "analyze", *map(str, arguments)], capture_output=True, check=False, timeout=300)


class Sarif(unittest.TestCase):
    def log(self, *arguments, code=0):
        run = analyze("--sarif", *arguments)
        self.assertEqual(run.returncode, code, run.stderr)
        log = json.loads(run.stdout)
        SARIF.validate(log)
        return log["runs"][0]

    def check_result(self, run, result, document):
        fb1, keys = document["exploitability"]["fb1"], document["keys"]
        rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
        self.assertEqual(rule["id"], result["ruleId"])
        self.assertEqual(rule["id"].split("/")[0], fb1["rule"])
        self.assertEqual(result["message"]["text"], fb1["explanation"])
        self.assertEqual(result["properties"]["class"], fb1["class"])
        if result["kind"] == "fail":
            self.assertEqual(result["level"], LEVELS[fb1["class"]])
        self.assertEqual(result["partialFingerprints"]["faultbucketBucket/v1"], keys["bucket"])
        self.assertEqual(result["partialFingerprints"]["faultbucketHash/v1"], keys["fbh1"]["major"] + "." + keys["fbh1"]["minor"])
        frames = document["crashing_thread"]["frames"] if document["crashing_thread"] else []
        self.assertEqual("locations" in result, len(frames) > 0)
        if frames:
            self.assertEqual(len(result["stacks"][0]["frames"]), min(len(frames), 256))
            blamed = frames[keys["blame"]["frame"] if keys["blame"] else 0]
            place = result["locations"][0]
            self.assertEqual("physicalLocation" in place, bool(blamed["file"] and blamed["line"]))
            if blamed["module"]:
                self.assertTrue(place["logicalLocations"][0]["fullyQualifiedName"].startswith(blamed["module"]))

    def test_every_result_says_what_the_analysis_says(self):
        dumps = sorted(DUMPS.glob("*.dmp"))[::3] + sorted(KERNEL_DUMPS.glob("*.dmp"))
        run = self.log(*dumps)
        documents = [json.loads(line) for line in analyze("--json", *dumps).stdout.splitlines()]
        self.assertEqual(len(run["results"]), len(dumps))
        for dump, result, document in zip(dumps, run["results"], documents, strict=True):
            with self.subTest(dump=dump.name):
                self.check_result(run, result, document)
        self.assertGreater(len({r["level"] for r in run["results"]}), 2, "the dumps show more than one level")

    def test_rules(self):
        rules = self.log(GOOD)["tool"]["driver"]["rules"]
        listed = subprocess.run([PROGRAM, "rules", "list", "--json", "--set", "fb1"], capture_output=True, check=True, timeout=60).stdout
        self.assertEqual([r["id"] for r in rules], [f"{r['rule']}/{r['short']}" for r in map(json.loads, listed.splitlines())])
        self.assertEqual(len({r["id"] for r in rules}), len(rules))

    def test_files_that_are_no_dumps(self):
        with tempfile.TemporaryDirectory() as folder:
            bad = pathlib.Path(folder) / "text"
            bad.write_bytes(b"no dump at all" * 10)
            for files, results in [([bad], 0), ([bad, GOOD], 1), ([GOOD, bad, GOOD], 2)]:
                with self.subTest(files=files):
                    run = self.log(*files, code=1)
                    self.assertEqual(len(run["results"]), results)
                    self.assertFalse(run["invocations"][0]["executionSuccessful"])
        self.assertTrue(self.log(GOOD)["invocations"][0]["executionSuccessful"])

    def test_hostile_file_name(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "a b\x1b[2J\u202e%.dmp"
            path.write_bytes(GOOD.read_bytes())
            result = self.log(path)["results"][0]
            self.assertTrue(result["analysisTarget"]["uri"].endswith("/a%20b%1B%5B2J%E2%80%AE%25.dmp"), result["analysisTarget"])

    def test_symbols_give_a_line_of_source(self):
        dump, symbols = CORPUS / "minidumps/linux-abort.dmp", CORPUS / "symbols"
        if not dump.exists() or not symbols.exists():
            self.skipTest(f"the corpus is not in {CORPUS}")
        result = self.log("--symbols", symbols, dump)["results"][0]
        places = [f["location"] for f in result["stacks"][0]["frames"] if "physicalLocation" in f["location"]]
        self.assertTrue(places, "no frame has a line")
        self.assertEqual(places[0]["logicalLocations"][0]["kind"], "function")

    def test_the_real_dumps(self):
        dumps = sorted((CORPUS / "minidumps").glob("*.dmp"))[::4] if CORPUS.exists() else []
        if not dumps:
            self.skipTest(f"the corpus is not in {CORPUS}")
        self.assertEqual(len(self.log(*dumps)["results"]), len(dumps))

    def test_forms_exclude_each_other(self):
        self.assertEqual(analyze("--sarif", "--json", GOOD).returncode, 2)

    def test_peers(self):
        plain, asked = (json.loads(analyze("--json", *more, GOOD).stdout) for more in ([], ["--peers"]))
        ANALYSIS.validate(asked)
        self.assertNotIn("peers", plain["exploitability"])
        peers = asked["exploitability"].pop("peers")
        self.assertEqual(plain, asked, "nothing else changed")
        self.assertEqual(peers, {"casr": {"class": "NOT_EXPLOITABLE", "short": None},
                                 "gdb_exploitable": {"class": "PROBABLY_NOT_EXPLOITABLE", "short": "SourceAvNearNull"},
                                 "breakpad": {"class": "NONE", "short": None}})
        self.assertIn(b"CASR would say NOT_EXPLOITABLE", analyze("--peers", GOOD).stdout)
        self.assertNotIn(b"CASR", analyze(GOOD).stdout)
        self.assertEqual(self.log("--peers", GOOD)["results"][0]["properties"]["peers"]["breakpad"], "NONE")


def main():
    if not PROGRAM.exists():
        print(f"{PROGRAM} is not built")
        return 77
    result = unittest.TextTestRunner(stream=sys.stdout).run(unittest.defaultTestLoader.loadTestsFromTestCase(Sarif))
    if not result.wasSuccessful() or result.testsRun == 0:
        return 1
    for _, reason in result.skipped:
        print(f"SKIPPED in part: {reason}")
    return 77 if result.skipped else 0


if __name__ == "__main__":
    sys.exit(main())
