#!/usr/bin/python3
"""From an upload to a ranked bucket, through the real programs, a real Kafka and a real PostgreSQL."""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from system import MISSING, System, get, golden_dumps, run, until, variant  # noqa: E402

VERSIONS = ["1.0", "1.1", "2.0"]
MACHINES = 7
SHARE_SECONDS = 20  # within which a worker takes its share
SHARE_DUMPS = 24    # enough that every partition gets some


def submit_all(system, dumps, first=0):
    """Every dump once, from several versions and machines; the ids that the server gave."""
    return [system.submit(variant(dump, first + n), prod="Editor", ver=VERSIONS[n % len(VERSIONS)],
                          guid=f"machine-{n % MACHINES}")
            for n, dump in enumerate(dumps)]


def check_ids(system, ids):
    stored = {row[0] for row in system.sql("SELECT encode(substr(uuid_send(report_id), 9), 'hex') FROM report")}
    assert len(set(ids)) == len(ids), "the server gave an id twice"
    assert set(ids) == stored, "the ids that clients were told are not those that are stored"


def check_views(system, number):
    """What a dashboard sees, asked for as its role, which a superuser may take on."""
    rows = system.sql("SET ROLE faultbucket_dashboards;"
                      " SELECT vendor, product, sum(hits) FROM dash.buckets GROUP BY 1, 2", user="postgres")
    assert rows == [["Acme", "Editor", str(number)]], rows
    versions = system.sql("SELECT version, sum(hits) FROM dash.bucket_trend GROUP BY 1 ORDER BY 1")
    expected = [[version, str(len(range(n, number, len(VERSIONS))))] for n, version in enumerate(VERSIONS)]
    assert versions == expected, f"hits by version: {versions}, not {expected}"
    machines = int(system.sql("SELECT max(machines) FROM dash.buckets")[0][0])
    assert 1 <= machines <= MACHINES, machines
    classes = {row[0] for row in system.sql("SELECT class FROM dash.exploitability")}
    assert "EXPLOITABLE" in classes and len(classes) > 1, classes
    unanalysed = system.sql("SELECT unanalysed, count(*) FROM report WHERE unanalysed IS NOT NULL GROUP BY 1")
    assert unanalysed == [], unanalysed


def check_cli(system):
    listed = system.cli("buckets", "--limit", "500", "--json")
    signature, worst = system.sql("SELECT signature, bucket_id FROM dash.buckets ORDER BY class_rank DESC, hits DESC, 2")[0]
    documents = [json.loads(line) for line in listed.splitlines()] if not listed.lstrip().startswith("[") \
        else json.loads(listed)
    assert len(documents) == int(system.sql("SELECT count(*) FROM dash.buckets")[0][0])
    shown = system.cli("bucket", worst)
    assert signature.split(" | ")[0] in shown and "EXPLOITABLE" in shown, shown


def check_duplicate(system, dump, number):
    """Sent twice at once and once more later, a dump counts once; for another product it is another."""
    same = variant(dump, 900000)
    for _ in range(3):
        system.submit(same, prod="Editor", ver="1.0", guid="machine-1")
    until("duplicates are noticed", lambda: system.sql("SELECT coalesce(sum(duplicates), 0) FROM dash.ingest_health") == [["2"]])
    system.assert_counted(number + 1)
    system.submit(same, prod="Viewer", ver="1.0", guid="machine-1")
    system.wait_counted(number + 2)


def check_poison(system, dump, number):
    """A message that is no envelope is set aside with its reason, and what comes after it is counted."""
    poison = b"\xff\xfe this is no envelope"
    for partition in range(system.partitions):
        system.kcat("-P", "-t", "fb.reports", "-p", str(partition), "-D", "\x01", data=poison)
    for n in range(system.partitions):
        system.submit(variant(dump, 910000 + n), prod="Editor", ver="1.0", guid="machine-1")
    system.wait_counted(number + system.partitions)
    rows = system.sql("SELECT reason, message_size, count(*) FROM dead_letter GROUP BY 1, 2")
    assert len(rows) == 1 and rows[0][0] and rows[0][1:] == [str(len(poison)), str(system.partitions)], rows

    def in_dead_topic():
        return system.kcat("-C", "-t", "fb.reports.dead", "-e", "-q", "-D", "\x01").split(b"\x01")[:-1]
    until("the dead topic holds them", lambda: in_dead_topic() == [poison] * system.partitions)


def check_topic(system, messages):
    """kcat reads the topic: all that was sent, each with the id in its headers."""
    lines = system.kcat("-C", "-t", "fb.reports", "-e", "-q", "-f", "%p %o %S %h\n").decode().splitlines()
    assert len(lines) == messages, f"{len(lines)} messages in the topic, not {messages}"
    named = [line for line in lines if "fb-id=" in line]
    assert len(named) == messages - system.partitions, "a report has no fb-id header, or the poison has one"


def check_share(system, dumps, number, first):
    """A worker that joins takes partitions and counts; one that leaves gives them up at once."""
    second = system.start_worker()
    began = time.monotonic()
    submit_all(system, dumps, 100000)
    system.wait_counted(number + len(dumps))
    until("the new worker has counted", lambda: second.metric("faultbucket_worker_reports_total") > 0, SHARE_SECONDS)
    assert first.metric("faultbucket_worker_reports_total") > 0
    print(f"two workers: the second took its share, all counted after {time.monotonic() - began:.1f} s")
    assert first.stop() == 0, "the first worker did not stop in order"
    began = time.monotonic()
    submit_all(system, dumps, 200000)
    system.wait_counted(number + 2 * len(dumps))
    print(f"one stopped: the other counted all after {time.monotonic() - began:.1f} s")
    return second


def check_refusals(system, dump):
    """What is no report is refused in one line, and changes nothing."""
    before = system.counts()
    rows = [
        ("no key", dump, {"Content-Type": "application/octet-stream"}, 403),
        ("a wrong key", dump, {"Content-Type": "application/octet-stream", "X-Faultbucket-Key": "fbk_no"}, 403),
        ("no dump", b"hello", {"Content-Type": "application/octet-stream", "X-Faultbucket-Key": system.key}, 400),
    ]
    for name, body, headers, wanted in rows:
        status, text = system.post(body, headers)
        assert status == wanted and text.strip(), f"{name}: the answer was {status} {text!r}"
    assert system.counts() == before


def check_curl(system, dump, number):
    """curl -F, as the README says it."""
    path = system.dir / "crash.dmp"
    path.write_bytes(variant(dump, 920000))
    done = subprocess.run(["curl", "-sS", "-F", "prod=Editor", "-F", "ver=1.0", "-F", f"upload_file_minidump=@{path}",
                           "-H", f"X-Faultbucket-Key: {system.key}", f"http://127.0.0.1:{system.ingest.port}/submit"],
                          check=True, text=True, capture_output=True)
    assert re.fullmatch("[0-9a-f]{16}", done.stdout), done.stdout
    system.wait_counted(number + 1)
    assert system.sql("SELECT dialect FROM report WHERE encode(substr(uuid_send(report_id), 9), 'hex') = "
                      f"'{done.stdout}'") == [["curl"]]


def check_unreadable(system, number):
    """A dump that nobody can read was accepted, so it is counted; and it is set aside with the reason."""
    client_id = system.submit(b"MDMP" + bytes(60), prod="Editor", ver="1.0", guid="machine-1")
    system.wait_counted(number + 1)
    reason = "a minidump of a version that nobody writes"
    assert system.sql("SELECT unanalysed FROM report WHERE encode(substr(uuid_send(report_id), 9), 'hex') = "
                      f"'{client_id}'") == [[reason]]
    assert system.sql("SELECT reason FROM dead_letter WHERE report_id IS NOT NULL") == [[reason]]


def end_to_end():
    dumps = list(golden_dumps().values())
    with System() as system:
        system.start_ingest()
        worker = system.start_worker()
        assert get(worker.port, "/readyz")[0] == 200
        ids = submit_all(system, dumps)
        system.wait_counted(len(dumps))
        check_ids(system, ids)
        check_views(system, len(dumps))
        check_cli(system)
        check_refusals(system, dumps[0])
        check_duplicate(system, dumps[0], len(dumps))
        check_curl(system, dumps[1], len(dumps) + 2)
        number = len(dumps) + 3
        check_poison(system, dumps[0], number)
        number += system.partitions
        check_unreadable(system, number)
        number += 1
        second = check_share(system, dumps[:SHARE_DUMPS], number, worker)
        number += 2 * SHARE_DUMPS
        # beside the counted ones: two duplicates, and the poison
        check_topic(system, number + 2 + system.partitions)
        system.cli("doctor")
        assert system.ingest.stop() == 0, "ingest did not stop in order"
        assert second.stop() == 0, "the worker did not stop in order"
        system.sql("SELECT fb_rollup()")
        system.assert_counted(number)


if __name__ == "__main__":
    if shutil.which("kcat") is None:
        print("kcat is missing; run docker/setup/install check")
        sys.exit(MISSING)
    run(end_to_end)
