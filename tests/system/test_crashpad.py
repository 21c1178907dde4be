#!/usr/bin/python3
"""Crashpad's own handler sends a real crash, and records the very id under which it is stored."""
import os
import pathlib
import signal
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from system import MISSING, ROOT, System, run  # noqa: E402

HANDLER = pathlib.Path("/usr/lib/chromium/chrome_crashpad_handler")
SETTINGS_MAGIC, SETTINGS_VERSION, UPLOADS_ENABLED = 0x43506473, 1, 1
META = "<iiqqB7x"  # version, attempts, last attempt, creation, attributes; then the id as the server gave it
UPLOADED = 1

# way to crash, the signal that ends the client, what the analysis must say of type and address. The
# kernel has no address for a jump to one that is not canonical: that is no null dereference.
CRASHES = [
    ("write", signal.SIGSEGV, "SIGSEGV / SEGV_MAPERR", 0x18),
    ("abort", signal.SIGABRT, "SIGABRT / SI_TKILL", None),
    ("exec", signal.SIGSEGV, "SIGSEGV / SI_KERNEL", None),
]


def build_client(folder):
    client = folder / "crashpad_client"
    catcher = ROOT / "tests/crashlab/linux"
    subprocess.run(["gcc", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-Wl,--build-id", "-o", client,
                    "-I", catcher, catcher / "crashpad.c", ROOT / "tests/system/crashpad_client.c"], check=True)
    return client


def make_database(folder):
    """Crashpad's database with uploads on: nothing but its settings; the handler makes the rest."""
    folder.mkdir()
    (folder / "settings.dat").write_bytes(
        struct.pack("<IIIIq", SETTINGS_MAGIC, SETTINGS_VERSION, UPLOADS_ENABLED, 0, 0) + os.urandom(16))
    return folder


def crash(system, client, way, options):
    """Let the client crash; what the handler recorded of the upload: the server's id."""
    database = make_database(system.dir / f"database-{way}-{len(options)}")
    done = subprocess.run(
        [client, way, HANDLER, f"--database={database}", "--no-rate-limit",
         f"--url=http://127.0.0.1:{system.ingest.port}/submit?key={system.key}",
         "--annotation=prod=AcmeEditor", "--annotation=ver=4.2.1", *options],
        env={"HOME": str(system.dir), "PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False,
        timeout=120)
    records = list((database / "completed").glob("*.meta"))
    assert len(records) == 1, f"{way}: the handler left {len(records)} records; it said: {done.stderr}"
    raw = records[0].read_bytes()
    attributes = struct.unpack_from(META, raw)[4]
    assert attributes & UPLOADED, f"{way}: the handler does not believe that it was accepted; it said: {done.stderr}"
    return -done.returncode, raw[struct.calcsize(META):].decode()


def check_stored(system, client_id, crash_type, address):
    rows = system.sql("SELECT dialect, version, unanalysed, crash_type, address, fb1_name FROM report "
                      f"WHERE encode(substr(uuid_send(report_id), 9), 'hex') = '{client_id}'")
    assert len(rows) == 1, f"the id {client_id} that the client recorded leads to {len(rows)} reports"
    assert rows[0][:4] == ["crashpad", "4.2.1", None, crash_type], rows[0]
    assert address is None or int(rows[0][4]) == address, rows[0]
    assert address is not None or "Null" not in rows[0][5], rows[0]


def crashpad():
    with System() as system:
        client = build_client(system.dir)
        system.start_ingest()
        system.start_worker()
        stored = []
        for way, ending, crash_type, address in CRASHES:
            for options in ([], ["--no-upload-gzip"]):
                ended_by, client_id = crash(system, client, way, options)
                assert ended_by == ending, f"{way}: the client ended by signal {ended_by}"
                assert len(client_id) == 16, f"{way}: the recorded id is {client_id!r}"
                stored.append((client_id, crash_type, address))
                system.wait_counted(len(stored))
        for row in stored:
            check_stored(system, *row)
        print(system.cli("buckets"))


if __name__ == "__main__":
    if not HANDLER.exists():
        print(f"{HANDLER} is missing; run docker/setup/install check")
        sys.exit(MISSING)
    run(crashpad)
