"""The real programs on a real Kafka and a real PostgreSQL, for a system test or a measurement.

    with System() as system:
        system.start_ingest()
        worker = system.start_worker()
        client_id = system.submit(dump_bytes, prod="Editor", ver="1.0", guid="machine-1")
        system.wait_counted(1)

Everything lies in one temporary folder; every process is ended by its id at the end. When the body
fails, the folder stays and its name is printed. Standard library only.
"""
import http.client
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support/services"))
from services import Services  # noqa: E402

DUMPS = ROOT / "tests/golden/dumps"
VENDOR = "Acme"
MISSING = 77  # exit code of a test that could not run

# Every number that must agree, however it was come by.
COUNTS = """
    SELECT (SELECT count(*) FROM report),
           (SELECT count(DISTINCT report_id) FROM report),
           (SELECT coalesce(sum(hits), 0) FROM dash.buckets),
           (SELECT coalesce(sum(hits), 0) FROM dash.bucket_trend),
           (SELECT coalesce(sum(hits), 0) FROM trend_day_now),
           (SELECT coalesce(sum(hits), 0) FROM version_now),
           (SELECT coalesce(sum(reports), 0) FROM dash.ingest_health)"""


def golden_dumps():
    """The crash-lab dumps, by name. Ends the test where there are none: they are part of the tree."""
    dumps = {path.name: path.read_bytes() for path in sorted(DUMPS.glob("*.dmp"))}
    assert dumps, f"there are no dumps in {DUMPS}"
    return dumps


def variant(dump, number):
    """The same crash as another dump: its header's checksum is `number`, its time moves within an hour."""
    (when,) = struct.unpack_from("<I", dump, 20)
    return dump[:16] + struct.pack("<II", number, (when + number % 3600) & 0xFFFFFFFF) + dump[24:]


def multipart(dump, fields):
    """The body as Crashpad would send it, and its content type."""
    boundary = f"---MultipartBoundary-{uuid.uuid4().hex}---"
    body = b"".join(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
                    for name, value in sorted(fields.items()))
    body += (f'--{boundary}\r\nContent-Disposition: form-data; name="upload_file_minidump"; filename="a.dmp"\r\n'
             f"Content-Type: application/octet-stream\r\n\r\n").encode() + dump + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


def until(what, condition, seconds=60.0):
    """Wait until `condition()` gives something true, and return it."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.1)


class Program:
    """One running program: its process and its log."""

    def __init__(self, name, command, environment, log):
        self.name, self.log = name, log
        with open(log, "ab") as sink:
            self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL,
                                            stdout=sink, stderr=sink, start_new_session=True)
        self.pid = self.process.pid

    def text(self):
        return self.log.read_text(errors="replace")

    def wait_log(self, pattern, seconds=60.0):
        """The first match of `pattern` in its log."""
        def look():
            found = re.search(pattern, self.text())
            assert found or self.process.poll() is None, \
                f"{self.name} ended with {self.process.returncode}: {self.text()[-500:]}"
            return found
        return until(f"{self.name} logs {pattern}", look, seconds)

    @property
    def port(self):
        return int(self.wait_log(r"event=listening .*?port=(\d+)").group(1))

    def metric(self, name):
        """The sum of a metric over all its labels."""
        status, body = get(self.port, "/metrics")
        assert status == 200, f"{self.name} answers /metrics with {status}"
        found = re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", body, re.MULTILINE)
        return sum(map(float, found))

    def stop(self, signal_number=signal.SIGTERM, seconds=60):
        """End it and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.name} did not end within {seconds} s of signal {signal_number}") from None

    def kill(self):
        return self.stop(signal.SIGKILL)


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def parent_of(pid):
    """The parent of a process; 0 when it is gone."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(stat.rpartition(")")[2].split()[1])


def descendants(pid):
    """The processes below `pid`, parents before children."""
    parents = {int(name): parent_of(name) for name in os.listdir("/proc") if name.isdigit()}
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


class System:
    def __init__(self, fast=True, partitions=8, settings=None):
        build = os.environ.get("FAULTBUCKET_BUILD")
        assert build, "FAULTBUCKET_BUILD must name the folder of a build, for example build/dev"
        self.bin = pathlib.Path(build).resolve() / "bin"
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="faultbucket-test."))
        self.services = Services(self.dir / "services", fast=fast)
        self.partitions, self.settings = partitions, settings or {}
        self.programs, self.ingest, self.key = [], None, None

    def __enter__(self):
        try:
            self.services.start()
            self.environment = {**self.services.environment, "FAULTBUCKET_KAFKA_PARTITIONS": str(self.partitions),
                                "FAULTBUCKET_WORKER_ANALYSERS": "1", "FAULTBUCKET_INGEST_SPILL_DIR": str(self.dir),
                                **self.settings}
            self.cli("migrate")
            self.cli("vendor", "add", VENDOR)
            self.key = re.search(r"fbk_[\w-]+", self.cli("key", "create", VENDOR)).group()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind, *_):
        self._end()
        if kind is None:
            shutil.rmtree(self.dir, ignore_errors=True)
        else:
            print(f"the logs are left in {self.dir}")
            for program in self.programs:
                print(f"--- {program.name}:", *program.text().splitlines()[-15:], sep="\n")

    def _end(self):
        for program in self.programs:
            if program.process.poll() is None:
                program.kill()
        self.services.stop()

    def cli(self, *arguments, code=0):
        """Run `faultbucket` and return its output; it must end with `code`."""
        done = subprocess.run([self.bin / "faultbucket", *arguments], env=self.environment, text=True,
                              capture_output=True, check=False)
        assert done.returncode == code, \
            f"faultbucket {' '.join(arguments)} ended with {done.returncode}: {done.stderr or done.stdout}"
        return done.stdout

    def _start(self, name, program, **settings):
        count = sum(one.name.startswith(name) for one in self.programs) + 1
        started = Program(f"{name}-{count}", [self.bin / program], {**self.environment, **settings},
                          self.dir / f"{name}-{count}.log")
        self.programs.append(started)
        return started

    def start_ingest(self):
        self.ingest = self._start("ingest", "faultbucket-ingest", FAULTBUCKET_INGEST_LISTEN="127.0.0.1:0")
        until("ingest is ready", lambda: get(self.ingest.port, "/readyz")[0] == 200)
        return self.ingest

    def start_worker(self, wait=True, **settings):
        """Start a worker; with `wait` until it has partitions."""
        worker = self._start("worker", "faultbucket-worker", **settings)
        if wait:
            worker.wait_log(r"event=assigned partitions=[1-9]")
        return worker

    def post(self, body, headers, path="/submit"):
        """POST as it is: status and text of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ingest.port, timeout=60)
        try:
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def submit(self, dump, **fields):
        """Send one dump; the id that the server gave."""
        body, kind = multipart(dump, fields)
        status, text = self.post(body, {"Content-Type": kind, "X-Faultbucket-Key": self.key})
        assert status == 200 and re.fullmatch(r"[0-9a-f]{16}", text), f"the answer was {status} {text!r}"
        return text

    def load_command(self, *options, dumps=None):
        """The command that sends the golden dumps; the tests start it by themselves."""
        files = dumps or sorted(DUMPS.glob("*.dmp"))
        return [self.bin / "load", f"--key={self.key}", *options, f"127.0.0.1:{self.ingest.port}", *files]

    def sql(self, text, **how):
        return self.services.psql(text, **how)

    def counts(self):
        return [int(float(number)) for number in self.sql(COUNTS)[0]]

    def wait_counted(self, number, seconds=120.0):
        """Wait until `number` reports are stored; then every count must say so, now and after a rollup."""
        until(f"{number} reports are counted", lambda: self.counts()[0] >= number, seconds)
        self.assert_counted(number)

    def assert_counted(self, number):
        assert self.counts() == [number] * 7, f"{number} were acknowledged; counted, by every way: {self.counts()}"

    def kcat(self, *arguments, data=None):
        done = subprocess.run(["kcat", "-b", self.services.brokers, *arguments], input=data, check=False,
                              capture_output=True, timeout=60)
        assert done.returncode == 0, f"kcat {' '.join(arguments)}: {done.stderr.decode()}"
        return done.stdout


def run(*tests):
    """Run test functions one after the other; the first failure ends the process."""
    if not (ROOT / "tests/golden/dumps").is_dir():
        print(f"{DUMPS} is missing")
        sys.exit(1)
    for test in tests:
        began = time.monotonic()
        test()
        print(f"{test.__name__}: passed in {time.monotonic() - began:.1f} s", flush=True)
