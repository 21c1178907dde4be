#!/usr/bin/python3
"""The two Kafka requests that starting and testing a broker need, without any Kafka client.

    kafka_wire.py ready HOST:PORT CLUSTER SECONDS   wait until that cluster's broker serves metadata
    kafka_wire.py create-topic HOST:PORT NAME PARTITIONS [key=value...]

Ready means more than a connection: the broker is registered, has a controller, and belongs to the
cluster we started, not to somebody else's who took the port first. Formats: Kafka protocol guide,
Metadata v4 and CreateTopics v4, both far from the end of their life.
"""
import socket
import struct
import sys
import time

METADATA, CREATE_TOPICS = 3, 19
TOPIC_EXISTS = 36


def text(value):
    raw = value.encode()
    return struct.pack(">h", len(raw)) + raw


class Answer:
    """Reads an answer from its front to its end."""

    def __init__(self, raw):
        self.raw, self.at = raw, 0

    def number(self, form):
        (value,) = struct.unpack_from(">" + form, self.raw, self.at)
        self.at += struct.calcsize(">" + form)
        return value

    def text(self):
        size = self.number("h")
        if size < 0:
            return None
        self.at += size
        return self.raw[self.at - size:self.at].decode()


def receive(link, size):
    raw = b""
    while len(raw) < size:
        piece = link.recv(size - len(raw))
        if not piece:
            raise OSError("the broker closed the connection")
        raw += piece
    return raw


def ask(broker, api, body, seconds=10.0):
    """Send one version-4 request, give the body of its answer."""
    host, port = broker.rsplit(":", 1)
    request = struct.pack(">hhi", api, 4, 1) + text("faultbucket-tests") + body
    with socket.create_connection((host, int(port)), timeout=seconds) as link:
        link.sendall(struct.pack(">i", len(request)) + request)
        (size,) = struct.unpack(">i", receive(link, 4))
        answer = Answer(receive(link, size))
    answer.number("i")  # correlation id: one request per connection, so it is ours
    return answer


def metadata(broker, seconds=10.0):
    """(number of brokers, cluster id, controller's node id or -1)."""
    answer = ask(broker, METADATA, struct.pack(">i?", 0, False), seconds)
    answer.number("i")  # throttle time
    brokers = answer.number("i")
    for _ in range(brokers):
        answer.number("i"), answer.text(), answer.number("i"), answer.text()
    return brokers, answer.text(), answer.number("i")


def is_ready(broker, cluster):
    try:
        brokers, theirs, controller = metadata(broker, seconds=2.0)
        return brokers > 0 and theirs == cluster and controller >= 0
    except (OSError, struct.error):
        return False


def wait_ready(broker, cluster, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_ready(broker, cluster):
            return True
        time.sleep(0.1)
    return False


def create_topic(broker, name, partitions, settings=None, seconds=30.0):
    """Create a topic; that it exists already is fine. Raises RuntimeError with Kafka's reason."""
    settings = settings or {}
    body = struct.pack(">i", 1) + text(name) + struct.pack(">ihi", partitions, 1, 0)
    body += struct.pack(">i", len(settings))
    body += b"".join(text(key) + text(str(value)) for key, value in settings.items())
    body += struct.pack(">i?", int(seconds * 1000), False)
    answer = ask(broker, CREATE_TOPICS, body, seconds + 5)
    answer.number("i"), answer.number("i"), answer.text()  # throttle, count of one, its name
    code, reason = answer.number("h"), answer.text()
    if code not in (0, TOPIC_EXISTS):
        raise RuntimeError(f"Kafka does not create topic {name}: error {code}, {reason}")


def main(args):
    if len(args) == 4 and args[0] == "ready":
        return 0 if wait_ready(args[1], args[2], float(args[3])) else 1
    if len(args) >= 4 and args[0] == "create-topic":
        create_topic(args[1], args[2], int(args[3]), dict(a.split("=", 1) for a in args[4:]))
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (OSError, RuntimeError) as reason:
        sys.exit(f"kafka_wire.py: {reason}")
    except KeyboardInterrupt:
        sys.exit(130)
