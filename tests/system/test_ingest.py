#!/usr/bin/python3
"""faultbucket-ingest against a real Kafka and a real PostgreSQL.

The captures of real clients are replayed byte for byte over a raw socket, and what lies in the
topic afterwards is taken apart and compared with what is known about them. The rest goes through
the ways in which a request can be put, and through the ways in which a neighbour can fail.
"""
import gzip
import hashlib
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support" / "services"))
import services  # noqa: E402

BUILD = pathlib.Path(os.environ.get("FAULTBUCKET_BUILD", HERE.parent.parent / "build" / "dev")).resolve()
CORPUS = pathlib.Path(os.environ.get("FAULTBUCKET_CORPUS", HERE.parent.parent.parent / "shared" / "corpus"))
UPLOADS = CORPUS / "uploads"
PROGRAM = BUILD / "bin" / "faultbucket-ingest"
KEY = "k-acme-one"
MAX_REPORT = 4 << 20
TOPIC = "fb.reports"
DUMP = b"MDMP\x93\xa7\0\0" + bytes(range(256)) * 16

SCHEMA = """
CREATE TABLE IF NOT EXISTS vendor (vendor_id int PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS upload_key (key_hash bytea NOT NULL UNIQUE, vendor_id int NOT NULL REFERENCES vendor,
    revoked_at timestamptz);
INSERT INTO vendor VALUES (1, 'nobody'), (2, 'acme');
"""


def parse(message):
    """A protobuf message as {field number: [values]}: ints of varints, bytes of the rest."""
    out, at = {}, 0

    def varint():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(message):
        tag = varint()
        if tag & 7 == 0:
            out.setdefault(tag >> 3, []).append(varint())
            continue
        assert tag & 7 == 2, f"wire type {tag & 7}"
        size = varint()
        assert at + size <= len(message), "a length beyond the message"
        out.setdefault(tag >> 3, []).append(message[at:at + size])
        at += size
    return out


def unzstd(data):
    return subprocess.run(["zstd", "-dcq"], input=data, capture_output=True, check=True).stdout


class Envelope:
    NAMES = {"report_id": 2, "vendor": 5, "product": 6, "version": 7, "platform": 8, "machine": 9,
             "dialect": 10, "dedup": 11, "sha256": 12}

    def __init__(self, record):
        self.key, self.headers, self.raw = record["key"], record["headers"], record["payload"]
        fields = parse(self.raw)
        for name, number in self.NAMES.items():
            setattr(self, name, fields.get(number, [b""])[0])
        self.vendor_id, self.size = fields[4][0], fields[13][0]
        self.dump = unzstd(fields[14][0])
        self.fields = [(f[1][0].decode(), f.get(2, [b""])[0].decode()) for f in map(parse, fields.get(15, []))]
        self.cut = [bool(f.get(3)) for f in map(parse, fields.get(15, []))]
        self.attachments = [{"name": a[1][0].decode(), "filename": a[2][0].decode(), "size": a[4][0],
                             "data": unzstd(a[3][0])} for a in map(parse, fields.get(16, []))]


class Topic:
    """Reads what is new in the topic, with kcat."""

    def __init__(self, brokers):
        self.brokers, self.seen = brokers, {}

    def new(self):
        # Lengths first, so that binary payloads need no separators.
        out = subprocess.run(["kcat", "-C", "-q", "-e", "-b", self.brokers, "-t", TOPIC, "-o", "beginning",
                              "-X", "fetch.message.max.bytes=40000000", "-f", "%p %o %K %S\n%h\n%k%s"],
                             capture_output=True, check=True, timeout=60).stdout
        records = []
        while out:
            head, out = out.split(b"\n", 1)
            headers, out = out.split(b"\n", 1)
            partition, offset, k, s = map(int, head.split())
            key, payload, out = out[:k], out[k:k + s], out[k + s:]
            if offset >= self.seen.get(partition, 0):
                self.seen[partition] = offset + 1
                records.append({"key": key, "payload": payload,
                                "headers": dict(h.split("=", 1) for h in headers.decode().split(",") if h)})
        return [Envelope(record) for record in records]


class Ingest:
    """The program under test: started, asked, ended."""

    def __init__(self, environment, folder, anonymous="nobody", **options):
        env = dict(environment, FAULTBUCKET_INGEST_LISTEN="127.0.0.1:0",
                   FAULTBUCKET_INGEST_ANONYMOUS_VENDOR=anonymous, FAULTBUCKET_KAFKA_TOPIC=TOPIC,
                   FAULTBUCKET_INGEST_SPILL_DIR=str(folder),
                   FAULTBUCKET_INGEST_MAX_REPORT_BYTES=str(MAX_REPORT), **options)
        self.log = pathlib.Path(folder) / f"ingest-{time.monotonic_ns()}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([PROGRAM], env=env, stderr=log, cwd=folder)
        self.port = int(self.wait_log(r"event=listening port=(\d+)"))

    def wait_log(self, pattern, seconds=15):
        for _ in range(int(seconds / 0.05)):
            found = re.search(pattern, self.log.read_text(errors="replace"))
            if found:
                return found[1] if found.groups() else found[0]
            assert self.process.poll() is None, self.log.read_text(errors="replace")
            time.sleep(0.05)
        raise AssertionError(f"no {pattern} in {self.log.read_text(errors='replace')}")

    def ready(self, wanted=200, seconds=30):
        for _ in range(int(seconds / 0.1)):
            status, why = self.get("/readyz")
            if status == wanted:
                return why
            time.sleep(0.1)
        raise AssertionError(f"/readyz still says {status} {why}")

    def get(self, path):
        status, _, body = self.send(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return status, body.decode()

    def metric(self, line):
        found = re.search("^" + re.escape(line) + r" (\S+)$", self.get("/metrics")[1], re.M)
        return float(found[1]) if found else 0.0

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=40)

    def send(self, raw):
        """Send the bytes of one connection; (status, headers, body) of the answer."""
        with self.connect() as s:
            try:
                s.sendall(raw)
            except ConnectionError:
                pass  # answered before it had all
            return self.receive(s)

    @staticmethod
    def receive(s):
        got = b""
        while b"\r\n\r\n" not in got:
            piece = s.recv(65536)
            if not piece:
                return 0, {}, got
            got += piece
        head, body = got.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        status = int(lines[0].split()[1])
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}
        if status == 100:
            return Ingest.receive(s) if not body else (status, headers, body)
        while len(body) < int(headers.get("content-length", 0)):
            piece = s.recv(65536)
            if not piece:
                break
            body += piece
        return status, headers, body

    def post(self, body, *headers, target="/submit", version="1.1", host=True, length=True):
        lines = [f"POST {target} HTTP/{version}"] + (["Host: x"] if host else []) + list(headers)
        if length:
            lines.append(f"Content-Length: {len(body)}")
        return self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def stop(self, how=signal.SIGTERM, seconds=40):
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(seconds)

    def rss_kib(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1])


def chunked(body, size=700):
    pieces = [body[i:i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x;ext=1\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\nTrailer: x\r\n\r\n"


def multipart(*parts, boundary="xyz"):
    """Parts are (disposition, bytes)."""
    out = b"".join(b"--%s\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" %
                   (boundary.encode(), how.encode(), data) for how, data in parts)
    return out + b"--%s--\r\n" % boundary.encode()


FORM = "Content-Type: multipart/form-data; boundary=xyz"
DUMP_PART = 'name="upload_file_minidump"; filename="a.dmp"'


class IngestTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="faultbucket-ingest-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.services = services.Services(cls.folder / "services", fast=True)
        cls.services.start()
        cls.addClassCleanup(cls.services.stop)
        cls.services.create_topic(TOPIC, 4, **{"max.message.bytes": 33554432})
        cls.services.psql(SCHEMA)
        cls.add_key(KEY)
        cls.ingest = Ingest(cls.services.environment, cls.folder)
        cls.addClassCleanup(cls.ingest.stop)
        cls.ingest.ready()
        cls.topic = Topic(cls.services.brokers)

    @classmethod
    def add_key(cls, key):
        digest = hashlib.sha256(key.encode()).hexdigest()
        cls.services.psql(f"INSERT INTO upload_key (key_hash, vendor_id) VALUES (decode('{digest}', 'hex'), 2)")

    def accepted(self, answer, topic=True):
        """The answer is what every client takes for success; its one envelope."""
        status, headers, body = answer
        self.assertEqual(status, 200, answer)
        self.assertRegex(body, rb"^[0-9a-f]{16}$")
        self.assertEqual(headers["content-type"], "text/plain")
        if not topic:
            return None
        new = self.topic.new()
        self.assertEqual(len(new), 1)
        envelope = new[0]
        self.assertEqual(envelope.report_id[8:].hex().encode(), body)
        self.assertEqual(envelope.headers["fb-id"].replace("-", ""), envelope.report_id.hex())
        self.assertEqual(envelope.headers["fb-schema"], "1")
        self.assertEqual(envelope.key, envelope.dedup.hex().encode())
        self.assertEqual(envelope.sha256, hashlib.sha256(envelope.dump).digest())
        self.assertEqual(envelope.size, len(envelope.dump))
        wanted = b"%d\0%s\0%s" % (envelope.vendor_id, envelope.product, envelope.sha256)
        self.assertEqual(envelope.dedup, hashlib.sha256(wanted).digest()[:16])
        return envelope

    def refused(self, answer, status, reason):
        self.assertEqual(answer[0], status, answer)
        self.assertRegex(answer[2], rb"^[^\n]+\n$")  # one line for people
        self.assertGreater(self.ingest.metric(f'faultbucket_ingest_rejected_total{{reason="{reason}"}}'), 0)
        return answer

    # --- real clients ---

    def replay(self, name):
        known = next(c for c in json.loads((UPLOADS / "manifest.json").read_text()) if c["file"] == name)
        envelope = self.accepted(self.ingest.send((UPLOADS / name).read_bytes()))
        fields = [tuple(f) for f in known["fields"]]
        self.assertEqual(envelope.fields[len(envelope.fields) - len(fields):], fields)
        dump = known["files"][0]
        self.assertEqual((envelope.size, envelope.sha256.hex()), (dump["size"], dump["sha256"]))
        self.assertEqual((envelope.vendor_id, envelope.vendor), (1, b"nobody"))
        return envelope

    @unittest.skipUnless(UPLOADS.exists(), "no corpus")
    def test_replay_crashpad(self):
        e = self.replay("crashpad-acme-write.http")
        self.assertEqual((e.dialect, e.product, e.version, e.platform, e.machine),
                         (b"crashpad", b"AcmeEditor", b"4.2.1", b"Linux", b"540c7b2a-d311-8f4d-8671-c06709035021"))
        self.assertEqual(e.fields[0], ("product", "AcmeEditor"))  # the query comes first

    @unittest.skipUnless(UPLOADS.exists(), "no corpus")
    def test_replay_chromium(self):
        e = self.replay("crashpad-chromium-renderer.http")
        self.assertEqual((e.dialect, e.product), (b"crashpad", b"Chrome_Linux"))

    @unittest.skipUnless(UPLOADS.exists(), "no corpus")
    def test_replay_breakpad(self):
        e = self.replay("breakpad-minidump-upload.http")
        self.assertEqual((e.dialect, e.product, e.version), (b"breakpad", b"AcmeEditor", b"4.2.1"))

    @unittest.skipUnless(UPLOADS.exists(), "no corpus")
    def test_replay_firefox_is_a_dump_with_an_attachment(self):
        raw = (UPLOADS / "firefox-esr-segv.http").read_bytes()
        e = self.accepted(self.ingest.send(raw))
        known = next(c for c in json.loads((UPLOADS / "manifest.json").read_text())
                     if c["file"] == "firefox-esr-segv.http")
        self.assertIn((e.size, e.sha256.hex()), [(f["size"], f["sha256"]) for f in known["files"]])
        self.assertEqual([a["name"] for a in e.attachments], ["extra"])
        self.assertEqual(json.loads(e.attachments[0]["data"])["ProductName"], "Firefox")

    @unittest.skipUnless(UPLOADS.exists(), "no corpus")
    def test_replay_in_one_byte_pieces(self):
        raw = (UPLOADS / "crashpad-acme-write.http").read_bytes()
        with self.ingest.connect() as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for i in range(len(raw)):
                s.send(raw[i:i + 1])
            e = self.accepted(Ingest.receive(s))
        self.assertEqual(e.product, b"AcmeEditor")

    def curl(self, *arguments):
        done = subprocess.run(["curl", "-sS", "-w", "\n%{http_code}", *arguments,
                               f"http://127.0.0.1:{self.ingest.port}/submit"],
                              capture_output=True, check=True, timeout=60)
        body, status = done.stdout.rsplit(b"\n", 1)
        return int(status), {"content-type": "text/plain"}, body

    def test_curl_form(self):
        (self.folder / "x.dmp").write_bytes(DUMP)
        form = ["-F", "prod=A", "-F", "ver=1", "-F", f"upload_file_minidump=@{self.folder}/x.dmp"]
        for extra in [], ["-H", "Expect:"], ["-H", "Expect: 100-continue"], ["--http1.0"]:
            e = self.accepted(self.curl(*form, *extra))
            self.assertEqual((e.dialect, e.product, e.version, e.dump), (b"curl", b"A", b"1", DUMP))
            self.assertEqual(e.fields, [("prod", "A"), ("ver", "1")])

    def test_curl_expects_100_on_a_large_file(self):
        dump = b"MDMP" + os.urandom(2 << 20)  # beyond what is held in memory as well
        (self.folder / "large.dmp").write_bytes(dump)
        started = time.monotonic()
        e = self.accepted(self.curl("-F", f"f=@{self.folder}/large.dmp"))
        self.assertEqual(e.dump, dump)
        self.assertLess(time.monotonic() - started, 30)

    def test_curl_raw(self):
        (self.folder / "x.dmp").write_bytes(DUMP)
        e = self.accepted(self.curl("--data-binary", f"@{self.folder}/x.dmp"))
        self.assertEqual((e.dialect, e.dump), (b"raw", DUMP))

    # --- ways to put a request ---

    def test_raw_with_a_query(self):
        e = self.accepted(self.ingest.post(DUMP, target="/submit?product=P%C3%A9&version=2&comment=a+b&machine=m1"))
        self.assertEqual((e.product.decode(), e.version, e.machine), ("Pé", b"2", b"m1"))
        self.assertIn(("comment", "a b"), e.fields)

    def test_framings(self):
        form = multipart(('name="prod"', b"A"), (DUMP_PART, DUMP))
        z, te = gzip.compress(form), "Transfer-Encoding: chunked"
        gz = "Content-Encoding: gzip"
        rows = {
            "identity, length": (form, [FORM], {}),
            "identity, chunked": (chunked(form), [FORM, te], {"length": False}),
            "gzip, length": (z, [FORM, gz], {}),
            "gzip, chunked in small pieces": (chunked(z, 3), [FORM, te, gz], {"length": False}),
            "gzip in two members": (gzip.compress(form[:99]) + gzip.compress(form[99:]), [FORM, gz], {}),
            "HTTP/1.0 with a length": (form, [FORM], {"version": "1.0", "host": False}),
            "HTTP/1.0, chunked, without Host": (chunked(form), [FORM, te],
                                               {"version": "1.0", "host": False, "length": False}),
            "quoted boundary": (form, ['content-type: Multipart/Form-Data; charset=x; Boundary="xyz"'], {}),
            "path /": (form, [FORM], {"target": "/"}),
        }
        for name, (body, headers, how) in rows.items():
            with self.subTest(name):
                e = self.accepted(self.ingest.post(body, *headers, **how))
                self.assertEqual((e.product, e.dump), (b"A", DUMP))

    def test_expect_continue_is_answered(self):
        with self.ingest.connect() as s:
            s.sendall(b"POST /submit HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(DUMP))
            self.assertTrue(s.recv(100).startswith(b"HTTP/1.1 100 "))
            s.sendall(DUMP)
            self.accepted(Ingest.receive(s))

    def test_keep_alive(self):
        request = b"POST /submit HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(DUMP), DUMP)
        with self.ingest.connect() as s:
            for _ in range(3):
                s.sendall(request)
                self.accepted(Ingest.receive(s))

    def test_bad_framings(self):
        rows = {
            "two lengths": ["Content-Length: 3", "Content-Length: 4"],
            "two equal lengths": ["Content-Length: 3", "Content-Length: 3"],
            "length and chunked": ["Content-Length: 3", "Transfer-Encoding: chunked"],
            "unknown coding": ["Transfer-Encoding: gzip"],
            "two codings": ["Transfer-Encoding: gzip, chunked"],
            "signed length": ["Content-Length: +3"],
            "length is no number": ["Content-Length: 3x"],
            "blank before the colon": ["Content-Length : 3"],
            "blank in a name": ["Content-Length: 3", "X Y: 1"],
        }
        for name, headers in rows.items():
            with self.subTest(name), self.ingest.connect() as s:
                s.sendall("\r\n".join(["POST /submit HTTP/1.1", "Host: x", *headers]).encode() + b"\r\n\r\n3\r\nabc\r\n")
                self.assertEqual(Ingest.receive(s)[0], 400)
                self.assertEqual(s.recv(1), b"")  # and closed

    def test_refusals(self):
        form = multipart(('name="prod"', b"A"))
        z = gzip.compress(multipart((DUMP_PART, DUMP)))
        rows = [
            ("no dump in the form", form, [FORM], 400, "no_dump"),
            ("no dump in the body", b"hello", [], 400, "no_dump"),
            ("no body", b"", [], 400, "no_dump"),
            ("a dump that is not there", multipart((DUMP_PART, b"MDM")), [FORM], 400, "no_dump"),
            ("no boundary", form, ["Content-Type: multipart/form-data"], 400, "malformed"),
            ("71 characters of boundary", form, [FORM + "x" * 68], 400, "malformed"),
            ("no closing delimiter", multipart((DUMP_PART, DUMP))[:-4], [FORM], 400, "malformed"),
            ("damaged gzip", b"\x1f\x8b\x08" + b"x" * 50, ["Content-Encoding: gzip"], 400, "malformed"),
            ("gzip cut off", z[:-9], [FORM, "Content-Encoding: gzip"], 400, "malformed"),
            ("unknown encoding", DUMP, ["Content-Encoding: br"], 415, "encoding"),
            ("gzip bomb", gzip.compress(b"MDMP" + b"\0" * (3 << 20)), ["Content-Encoding: gzip"], 413, "too_large"),
            ("too large once inflated", gzip.compress(b"MDMP" + os.urandom(1 << 20) * 6),
             ["Content-Encoding: gzip"], 413, "too_large"),
            ("too large", b"MDMP" + bytes(MAX_REPORT), [], 413, "too_large"),
            ("headers", DUMP, ["X: " + "a" * 17000], 431, "headers"),
        ]
        for name, body, headers, status, reason in rows:
            with self.subTest(name):
                self.refused(self.ingest.post(body, *headers), status, reason)
        big = b"MDMP" + bytes(MAX_REPORT)
        self.refused(self.ingest.post(chunked(big, 60000), "Transfer-Encoding: chunked", length=False), 413, "too_large")
        self.assertEqual(self.ingest.post(DUMP, target="/nowhere")[0], 404)
        self.assertEqual(self.ingest.get("/submit")[0], 405)
        self.assertEqual(self.topic.new(), [])

    def test_expecting_client_is_spared_the_body(self):
        with self.ingest.connect() as s:
            s.sendall(b"POST /submit HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % (MAX_REPORT + 1))
            self.assertEqual(Ingest.receive(s)[0], 413)

    def test_limits_cut_and_drop(self):
        parts = [(f'name="f{i}"', b"v") for i in range(600)] + [('name="late"', b"x")]
        parts = [('name="long"', b"a" * 70000), ('name="%22%0d%0a%25%41"', b"esc")] + parts
        parts += [(DUMP_PART, DUMP)] + [(f'name="a{i}"; filename="a{i}.txt"', b"%d" % i) for i in range(40)]
        e = self.accepted(self.ingest.post(multipart(*parts), FORM))
        self.assertEqual((len(e.fields), len(e.attachments)), (512, 30))
        self.assertEqual((len(e.fields[0][1]), e.cut[0], e.cut[1]), (65536, True, False))
        self.assertEqual(e.fields[1], ('"\r\n%%41', "esc"))
        self.assertEqual((e.attachments[2]["data"], e.attachments[2]["filename"]), (b"2", "a2.txt"))

    def test_dump_is_known_by_its_first_bytes(self):
        second = b"MDMP" + b"2" * 50
        parts = [('name="upload_file_minidump"; filename="not.dmp"', b"hello"), ('name="text"', b"MDMP is a magic"),
                 ('name="log"; filename="log.txt"', DUMP), (DUMP_PART, second), ('name="z"; filename=""', b"")]
        e = self.accepted(self.ingest.post(multipart(*parts), FORM))
        self.assertEqual(e.dump, DUMP)
        self.assertEqual([a["data"] for a in e.attachments], [b"hello", second])
        self.assertEqual(e.fields, [("text", "MDMP is a magic")])

    def test_electron(self):
        parts = [('name="prod"', b"Electron"), ('name="ver"', b"30.1"), ('name="_productName"', b"Shop"),
                 ('name="_version"', b"1.2"), ('name="guid"', b"00000000-0000-0000-0000-000000000000"),
                 ('name="k__2"', b"bar"), ('name="platform"', b"linux"), ('name="k__1"', b"foo"),
                 ('name="switch-1"', b"s"), (DUMP_PART, DUMP), ('name="k__10"', b"!"), ('name="bad"', b"\xff\0")]
        e = self.accepted(self.ingest.post(multipart(*parts), FORM))
        self.assertEqual((e.product, e.version, e.platform, e.machine), (b"Shop", b"1.2", b"linux", b""))
        self.assertEqual(e.fields[5:], [("k", "foobar!"), ("platform", "linux"), ("switch-1", "s"),
                                        ("bad", "\ufffd\ufffd")])

    # --- keys ---

    def test_keys(self):
        form = [('name="key"', KEY.encode()), (DUMP_PART, DUMP)]
        rows = {
            "query": self.ingest.post(DUMP, target=f"/submit?key={KEY}&product=A"),
            "header": self.ingest.post(DUMP, f"X-Faultbucket-Key: {KEY}"),
            "field": self.ingest.post(multipart(*form), FORM),
        }
        for name, answer in rows.items():
            with self.subTest(name):
                self.accepted(answer, topic=False)
        new = self.topic.new()
        self.assertEqual([(e.vendor_id, e.vendor) for e in new], [(2, b"acme")] * 3)
        for e in new:
            self.assertNotIn("key", dict(e.fields))
            self.assertNotIn(KEY.encode(), e.raw)
        for answer in (self.ingest.post(DUMP, target="/submit?key=wrong"),
                       self.ingest.post(multipart(('name="key"', b"wrong"), (DUMP_PART, DUMP)), FORM)):
            self.refused(answer, 403, "bad_key")

    def test_key_comes_and_goes(self):
        target = "/submit?key=fresh"
        self.assertEqual(self.ingest.post(DUMP, target=target)[0], 403)
        self.add_key("fresh")
        self.wait_status(target, 200)
        digest = hashlib.sha256(b"fresh").hexdigest()
        self.services.psql(f"UPDATE upload_key SET revoked_at = now() WHERE key_hash = decode('{digest}', 'hex')")
        self.wait_status(target, 403)
        self.topic.new()

    def wait_status(self, target, status, seconds=12):
        for _ in range(seconds * 4):
            answer = self.ingest.post(DUMP, target=target)
            if answer[0] == status:
                return
            time.sleep(0.25)
        self.fail(f"still {answer} after {seconds} s")

    def test_without_anonymous_vendor_a_key_is_needed(self):
        other = Ingest(self.services.environment, self.folder, anonymous="")
        self.addCleanup(other.stop)
        other.ready()
        self.assertEqual(other.post(DUMP)[0], 403)
        self.accepted(other.post(DUMP, target=f"/?key={KEY}"), topic=False)
        self.topic.new()

    def test_not_ready(self):
        env = dict(self.services.environment, FAULTBUCKET_POSTGRES_URL="host=127.0.0.1 port=1 connect_timeout=1")
        other = Ingest(env, self.folder)
        self.addCleanup(other.stop)
        self.assertIn("upload keys", self.until(lambda: other.get("/readyz")[1], "upload keys"))
        self.assertEqual(other.get("/readyz")[0], 503)
        self.assertEqual(other.get("/healthz")[0], 200)
        status, headers, _ = other.post(DUMP)
        self.assertEqual((status, "retry-after" in headers), (503, True))
        env = dict(self.services.environment, FAULTBUCKET_KAFKA_BROKERS="127.0.0.1:1")
        other = Ingest(env, self.folder)
        self.addCleanup(other.stop)
        self.assertIn("Kafka", other.get("/readyz")[1])

    def until(self, ask, part, seconds=10):
        for _ in range(seconds * 10):
            got = ask()
            if part in got:
                return got
            time.sleep(0.1)
        return got

    # --- neighbours ---

    def test_broker_dies_and_comes_back(self):
        self.accepted(self.ingest.post(DUMP))
        self.services.kill("kafka")
        started = time.monotonic()
        status, headers, _ = self.refused(self.ingest.post(DUMP), 503, "not_kept")
        self.assertIn("retry-after", headers)
        self.assertLess(time.monotonic() - started, 10)
        self.assertEqual(self.ingest.get("/readyz")[0], 200)  # it stays ready while only Kafka is down
        self.services.restart("kafka")
        self.until(lambda: str(self.ingest.post(DUMP)[0]), "200", 20)
        self.topic.new()
        self.accepted(self.ingest.post(DUMP))

    def test_postgres_dies_and_uploads_go_on(self):
        self.services.kill("postgres")
        time.sleep(6)  # at least one refresh has failed
        self.accepted(self.ingest.post(DUMP, target=f"/submit?key={KEY}"))
        self.services.restart("postgres")

    # --- the end ---

    def test_sigterm_lets_a_slow_body_finish(self):
        other = Ingest(self.services.environment, self.folder)
        self.addCleanup(other.stop)
        other.ready()
        with other.connect() as s:
            s.sendall(b"POST /submit HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(DUMP) + DUMP[:100])
            time.sleep(0.3)
            other.process.send_signal(signal.SIGTERM)
            time.sleep(0.7)
            with self.assertRaises(ConnectionRefusedError):
                other.connect()
            for i in range(100, len(DUMP), 1000):
                s.sendall(DUMP[i:i + 1000])
                time.sleep(0.1)
            answer = Ingest.receive(s)
            self.assertEqual(answer[1]["connection"].lower(), "close")
            self.accepted(answer)
        self.assertEqual(other.process.wait(10), 0)

    def test_second_signal_ends_at_once(self):
        other = Ingest(self.services.environment, self.folder)
        other.ready()
        with other.connect() as s:
            s.sendall(b"POST /submit HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nMD")
            time.sleep(0.2)
            other.process.send_signal(signal.SIGTERM)
            other.wait_log("event=stopping")
            started = time.monotonic()
            other.process.send_signal(signal.SIGTERM)
            self.assertEqual(other.process.wait(5), -signal.SIGTERM)
            self.assertLess(time.monotonic() - started, 2)

    def test_client_that_goes_leaves_nothing(self):
        before = self.ingest.metric('faultbucket_ingest_rejected_total{reason="client_gone"}')
        with self.ingest.connect() as s:
            s.sendall(b"POST /submit HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nMDMP")
            time.sleep(0.2)
        time.sleep(0.3)
        self.assertEqual(self.ingest.metric('faultbucket_ingest_rejected_total{reason="client_gone"}'), before + 1)
        self.assertEqual(self.topic.new(), [])

    def test_memory_of_idle_and_busy_connections(self):
        other = Ingest(self.services.environment, self.folder)
        self.addCleanup(other.stop)
        other.ready()
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, max(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
        start = other.rss_kib()
        idle = [other.connect() for _ in range(1000)]
        self.until(lambda: other.get("/healthz")[1], "ok")
        quiet = other.rss_kib()
        piece = b"MDMP" + os.urandom(64 << 10)
        sizes = []
        for times, head in (12, b"POST /submit HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n"), (36, b""):
            for s in idle[:100]:
                s.sendall(head + piece * times)
            time.sleep(2)
            sizes.append(other.rss_kib())
        for s in idle:
            s.close()
        print(f"\nRSS KiB: start {start}, 1000 idle {quiet}, 100 of them with 768 KiB of body {sizes[0]}, "
              f"with 3 MiB {sizes[1]}", file=sys.stderr)
        self.assertLess(sizes[1] - sizes[0], 100 * 100)  # what a body says more costs disk

    def test_metrics(self):
        self.accepted(self.ingest.post(DUMP))
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ingest.port}/metrics") as page:
            text = page.read().decode()
            self.assertIn("text/plain; version=0.0.4", page.headers["content-type"])
        for wanted in ('faultbucket_ingest_requests_total{dialect="raw",status="200"} ',
                       'faultbucket_ingest_request_seconds_bucket{dialect="raw",le="+Inf"} ',
                       'faultbucket_ingest_request_bytes_sum{dialect="raw"} ',
                       'faultbucket_ingest_kafka_ack_seconds_count ',
                       'faultbucket_kafka_queue_bytes{direction="produce"} 0',
                       'faultbucket_build_info{version="'):
            self.assertIn(wanted, text)


if __name__ == "__main__":
    for program in "kcat", "zstd", "curl":
        if shutil.which(program) is None:
            print(f"SKIPPED: {program} is not installed", file=sys.stderr)
            sys.exit(77)
    if not PROGRAM.exists():
        print(f"SKIPPED: {PROGRAM} is not built", file=sys.stderr)
        sys.exit(77)
    unittest.main(verbosity=2)
