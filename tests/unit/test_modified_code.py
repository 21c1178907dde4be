"""What the module's file adds to a verdict: code that the dump does not hold; and where memory has other code than the
file, a signal, a fact and some doubt."""
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("FAULTBUCKET_BUILD", ROOT / "build/dev")) / "bin/faultbucket"
DUMPS = ROOT / "tests/golden/dumps"
IMAGES = ROOT / "tests/golden/images"
CASES = {"amd64": "null_read.amd64.gcc-O0.own.dmp", "x86": "null_read.x86.gcc-O0.own.dmp"}


def analysis(dump, symbols):
    run = subprocess.run([PROGRAM, "analyze", "--json", "--symbols", symbols, DUMPS / dump], capture_output=True,
                         check=True, timeout=120)
    return json.loads(run.stdout)["exploitability"], json.loads(run.stdout)["crashing_thread"]["frames"][0]


def offset_in_file(image, rva):
    """Where the byte that is mapped at `rva` stands in a PE file."""
    pe = struct.unpack_from("<I", image, 60)[0]
    sections, optional = struct.unpack_from("<H", image, pe + 6)[0], struct.unpack_from("<H", image, pe + 20)[0]
    for i in range(sections):
        size, at, _, raw = struct.unpack_from("<IIII", image, pe + 24 + optional + 40 * i + 8)
        if at <= rva < at + size:
            return raw + rva - at
    raise AssertionError(f"no section holds {rva:#x}")


class ModifiedCode(unittest.TestCase):
    def test_as_it_was_shipped(self):
        for arch, dump in CASES.items():
            found, _ = analysis(dump, IMAGES / arch / "gcc-O0")
            self.assertNotIn("code_modified", found["signals"], dump)

    def test_one_byte_differs(self):
        for arch, dump in CASES.items():
            sound, frame = analysis(dump, IMAGES / arch / "gcc-O0")
            image = bytearray((IMAGES / arch / "gcc-O0/app.exe").read_bytes())
            at = offset_in_file(image, int(frame["module_offset"], 16))
            image[at] ^= 0xFF
            with tempfile.TemporaryDirectory() as folder:
                (pathlib.Path(folder) / "app.exe").write_bytes(image)
                found, _ = analysis(dump, folder)
            facts = {fact["name"]: fact["value"] for fact in found["facts"]}
            self.assertIn("code_modified", found["signals"], dump)
            self.assertIn(f"where the image has 0x{image[at]:02x}", facts["code in memory"])
            self.assertIn(f"0x{image[at] ^ 0xFF:02x} at {int(frame['offset'], 16):#x}", facts["code in memory"])
            self.assertLess(found["fb1"]["confidence"], sound["fb1"]["confidence"])


class CodeOfTheFile(unittest.TestCase):
    """Crashpad keeps no code on Linux."""

    DUMP = "wild_write.linux.clang-O2.crashpad.dmp"

    def test_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            found, _ = analysis(self.DUMP, folder)
        self.assertEqual(found["fb1"]["rule"], "FB-31")
        self.assertEqual(found["block"], [])

    def test_with_the_image(self):
        found, _ = analysis(self.DUMP, IMAGES)
        sources = {fact["name"]: fact["source"] for fact in found["facts"]}
        self.assertEqual(found["fb1"]["rule"], "FB-19")
        self.assertEqual(sources["instruction"], "the module's file")
        self.assertNotEqual(found["block"], [])


if __name__ == "__main__":
    sys.exit(0 if unittest.main(exit=False).result.wasSuccessful() else 1)
