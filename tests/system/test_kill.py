#!/usr/bin/python3
"""What was acknowledged is counted exactly once, whatever is killed and whenever.

Always SIGKILL, at random moments, compared with what was acknowledged. The seed of the moments is
printed; FAULTBUCKET_SEED repeats one, as far as the machine's own timing lets it.
"""
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from system import System, descendants, run, until  # noqa: E402

UPLOADS = 1000
RATE, SLOW_RATE = 40, 12  # uploads per second, so that the killing has time
PATIENCE = 240  # seconds for a group that has lost members without a word
SEED = int(os.environ.get("FAULTBUCKET_SEED", random.SystemRandom().randrange(1 << 30)))


def start_load(system, number, rate, *options):
    """Start sending `number` distinct dumps in the background."""
    return subprocess.Popen(system.load_command(f"--count={number}", f"--rate={rate}", *options), text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def acknowledged(load):
    """How many it was told were accepted, once it has ended."""
    words = load.communicate(timeout=PATIENCE)[0].split()
    result = dict(zip(words[::2], words[1::2]))
    print(f"load: {result}")
    return int(result["acknowledged"])


def runs(pid):
    """Whether a process runs: a dead one that nobody has collected yet does not."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def kill_worker(worker):
    """SIGKILL, and see that its analysers do not outlive it."""
    children = descendants(worker.pid)
    worker.kill()
    until(f"the children {children} of a killed worker end",
          lambda: not any(runs(pid) for pid in children), 10)


def workers_die():
    """1,000 uploads while workers are killed and one is added give exactly 1,000."""
    chance = random.Random(SEED)
    with System() as system:
        system.start_ingest()
        workers = [system.start_worker(), system.start_worker()]
        load = start_load(system, UPLOADS, RATE)
        killed = 0
        while load.poll() is None:
            time.sleep(chance.uniform(0.3, 4))
            victim = workers.pop(chance.randrange(len(workers)))
            kill_worker(victim)
            killed += 1
            workers.append(system.start_worker(wait=False))
            if killed == 3:
                workers.append(system.start_worker())  # the one that is added in the middle
        number = acknowledged(load)
        assert number == UPLOADS, f"only {number} of {UPLOADS} were acknowledged, though ingest was never disturbed"
        assert killed >= 3, f"only {killed} workers were killed: the load was too quick"
        system.wait_counted(number, PATIENCE)
        system.sql("SELECT fb_rollup()")
        system.assert_counted(number)
        print(f"{killed} workers killed, one added, {number} counted")


def kill_some_analysers(system, worker, chance, seconds):
    """Kill children of the worker now and then; how many."""
    killed, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(chance.uniform(0.5, 1.5))
        leaves = [pid for pid in descendants(worker.pid) if not descendants(pid)]
        if leaves:
            os.kill(chance.choice(leaves), signal.SIGKILL)
            killed += 1
    assert worker.process.poll() is None, "the worker ended with its analyser"
    return killed


def neighbours_die():
    """The same when analysers die, and PostgreSQL and Kafka once each."""
    chance = random.Random(SEED + 1)
    with System(fast=False) as system:
        system.start_ingest()
        worker = system.start_worker()
        load = start_load(system, UPLOADS // 2, SLOW_RATE, "--retry")
        killed = kill_some_analysers(system, worker, chance, 4)
        system.services.kill("postgres")
        time.sleep(chance.uniform(0.5, 2))
        system.services.restart("postgres")
        time.sleep(chance.uniform(0.5, 2))
        assert load.poll() is None, "the load had ended before Kafka was killed"
        system.services.kill("kafka")
        time.sleep(chance.uniform(0.5, 2))
        system.services.restart("kafka")
        assert load.poll() is None, "the load had ended before Kafka was back"
        number = acknowledged(load)
        assert number == UPLOADS // 2, f"{number} were acknowledged, though every upload was tried again"
        system.wait_counted(number, PATIENCE)
        assert worker.process.poll() is None, "the worker did not outlive its neighbours"
        assert worker.stop() == 0
        system.sql("SELECT fb_rollup()")
        system.assert_counted(number)
        assert killed > 0
        print(f"{killed} analysers, PostgreSQL and Kafka killed, {number} counted")


if __name__ == "__main__":
    print(f"FAULTBUCKET_SEED={SEED}")
    run(workers_die, neighbours_die)
