#!/usr/bin/python3
"""ports.py COUNT -- print that many TCP ports that are free on 127.0.0.1, one a line.

They come from below the kernel's ephemeral range, not from bind to port 0. A port of that range can
be taken by any outgoing connection while a killed server is away, even by a client that retries to
reach it: on loopback such a client can connect to itself, and the restarted server finds its port
in use. All are held until all are found; between here and their use another may still take one,
which the caller notices and asks again.
"""
import random
import socket
import sys

LOWEST, HIGHEST = 15000, 29999


def hold_free_port():
    for _ in range(1000):
        held = socket.socket()
        try:
            held.bind(("127.0.0.1", random.SystemRandom().randint(LOWEST, HIGHEST)))
            return held
        except OSError:
            held.close()
    sys.exit(f"ports.py: no free port in {LOWEST}..{HIGHEST}; see what holds them with ss -ltn")


if __name__ == "__main__":
    for held in [hold_free_port() for _ in range(int(sys.argv[1]))]:
        print(held.getsockname()[1])
