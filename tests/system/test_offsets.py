#!/usr/bin/python3
"""Wherever PostgreSQL and the log disagree, and whatever lies in the log, a partition goes on."""
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support/services"))
from kafka_wire import Answer, receive, text  # noqa: E402
from system import System, descendants, run, until  # noqa: E402

TOPIC = "fb.reports"
DELETE_RECORDS, VERSION = 21, 1


def send(system, number):
    """Distinct dumps 0 to `number`, of which an earlier call may have sent some."""
    subprocess.run(system.load_command(f"--count={number}"), check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def forget_log(system, partition):
    """What retention does: all records of the partition are gone."""
    body = struct.pack(">i", 1) + text(TOPIC) + struct.pack(">iiqi", 1, partition, -1, 10000)
    request = struct.pack(">hhi", DELETE_RECORDS, VERSION, 1) + text("faultbucket-tests") + body
    host, port = system.services.brokers.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=15) as link:
        link.sendall(struct.pack(">i", len(request)) + request)
        (size,) = struct.unpack(">i", receive(link, 4))
        answer = Answer(receive(link, size))
    for form in "iii":  # correlation, throttle, topics
        answer.number(form)
    answer.text()
    assert [answer.number(form) for form in "iiqh"][3] == 0, "the broker deletes no records"


def offsets(system):
    return [int(row[0]) for row in system.sql("SELECT next_offset FROM kafka_offset ORDER BY partition")]


def goes_on():
    """An offset behind the log's end, then one before its beginning; foreign messages on the way."""
    with System(partitions=2) as system:
        system.start_ingest()
        system.kcat("-P", "-t", TOPIC, "-p", "0", "-K", "\t", data=b"k" * 5000 + b"\tno envelope\n")
        system.kcat("-P", "-t", TOPIC, "-p", "0", "-K", "\t", "-Z", data=b"k\t\n")
        worker = system.start_worker()
        send(system, 40)
        system.wait_counted(40)
        until("both are dead letters", lambda: system.sql("SELECT count(*) FROM dead_letter") == [["2"]])
        assert worker.stop() == 0

        system.sql("UPDATE kafka_offset SET next_offset = next_offset + 1000", user="postgres")
        worker = system.start_worker()
        send(system, 60)  # 20 of them new
        system.wait_counted(60)
        until("the offsets are the log's", lambda: max(offsets(system)) < 1000)
        assert worker.stop() == 0

        send(system, 80)
        for partition in (0, 1):
            forget_log(system, partition)
        worker = system.start_worker()
        send(system, 100)  # of 60 to 80 the first copy is lost, so 40 are new
        system.wait_counted(100)
        gaps = system.sql("SELECT sum(to_offset - from_offset) FROM offset_gap")
        assert int(gaps[0][0]) >= 20, f"the gaps that were written down: {gaps}"
        assert worker.metric("faultbucket_worker_offset_gap_messages_total") == int(gaps[0][0])

        os.kill(descendants(worker.pid)[0], signal.SIGKILL)  # its zygote: it ends, and says so
        assert worker.process.wait(20) == 1
        worker.wait_log("event=zygote_gone")


if __name__ == "__main__":
    run(goes_on)
