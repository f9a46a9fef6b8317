"""All clients of a server come back at once: how long that takes, and whether one is kept out.

python -m benchmarks.storms PORT asks a server and prints a line of JSON.
"""

import json
import resource
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import permutations
from typing import Any

from benchmarks.origins import customers
from benchmarks.wire import POLLING, serving

CLIENTS = 2000
#: How many knock at one time; as soon as one is back, the next one knocks.
AT_ONCE = 500
#: What decides about their origins: a list, a store, a function that takes 0.3 s for its answer.
WAYS = ("list", "store", "function")
#: How often a round does it to each kind of server; who comes first changes each time.
REPETITIONS = 3
#: Seconds after which a client is taken for one that was kept out.
_PATIENCE = 60.0


def measure(number: int, repetitions: int) -> Iterator[dict[str, dict[str, float]]]:
    """Do it to each kind of server, which has just started.

    :param number: of the round.
    :param repetitions: how often.
    """
    orders = [*permutations(WAYS)]
    for repetition in range(repetitions):
        order = orders[(number * repetitions + repetition) % len(orders)]
        yield {way: _storm(way) for way in order}


def _storm(way: str) -> dict[str, float]:
    with serving(f"storm-{way}", 1) as server:
        before = server.cpu_seconds()
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.storms", str(server.port)]
        found: dict[str, float] = json.loads(subprocess.check_output(command))
        return {**found, "cpu": server.cpu_seconds() - before}


def _come_back(port: int) -> dict[str, float]:
    import eventlet
    from eventlet.green import socket

    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    pool, origins = eventlet.GreenPool(AT_ONCE), customers()
    refused, connected = 0, []

    def connect() -> "_Connection":
        return _Connection(socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE))

    def come(origin: str) -> None:
        nonlocal refused
        try:
            connected.append(_client(connect, origin))
        except (OSError, _RefusedError):
            refused += 1

    start = time.perf_counter()
    for number in range(CLIENTS):
        pool.spawn(come, origins[number % len(origins)])
    pool.waitall()
    return {"seconds": time.perf_counter() - start, "refused": refused}


def _client(connect: Callable[[], "_Connection"], origin: str) -> "_Connection":
    """Connect as socket.io-client does, and say hello; return the WebSocket, which stays open.

    It shakes hands by polling, posts that it wants to join the namespace while it polls for the
    answer, polls again, and meanwhile probes a WebSocket and goes over to that.
    """
    polling, posting = connect(), connect()
    target = f"{POLLING}&sid={json.loads(polling.ask('GET', POLLING, origin)[1:])['sid']}"
    polling.send("GET", target, origin)
    posting.ask("POST", target, origin, b"40")
    if not polling.answer().startswith(b"40"):
        raise _RefusedError
    polling.send("GET", target, origin)
    websocket = connect()
    websocket.upgrade(target.replace("polling", "websocket"), origin)
    websocket.say(b"2probe")
    if websocket.hear() != b"3probe":
        raise _RefusedError
    polling.answer()  # which the probe has ended
    websocket.say(b"5")
    hello = b'42["echo","hello"]'
    websocket.say(hello)
    if websocket.hear() != hello:
        raise _RefusedError
    polling.close()
    posting.close()
    return websocket


class _RefusedError(Exception):
    """A client did not get what it asked for."""


class _Connection:
    """One connection to the server, over which a client asks as a browser does."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._received = b""

    def ask(self, method: str, target: str, origin: str, body: bytes = b"") -> bytes:
        """Send a request, and return the body of its answer."""
        self.send(method, target, origin, body)
        return self.answer()

    def send(
        self, method: str, target: str, origin: str, body: bytes = b"", more: str = ""
    ) -> None:
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: {origin}\r\n"
        self._socket.sendall(f"{head}{length}{more}\r\n".encode() + body)

    def answer(self, status: bytes = b"200") -> bytes:
        """Return the body of the next answer.

        :raise _RefusedError: where it has another status.
        """
        head = self._until(b"\r\n\r\n").lower()
        if head.split(b" ", 2)[1] != status:
            raise _RefusedError
        _, _, rest = head.partition(b"content-length:")
        return self._read(int(rest.split(b"\r\n", 1)[0]) if rest else 0)

    def upgrade(self, target: str, origin: str) -> None:
        more = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        self.send("GET", target, origin, b"", f"{more}Sec-WebSocket-Key: {'A' * 22}==\r\n")
        self.answer(b"101")

    def say(self, message: bytes) -> None:
        """Send a short message; a mask of zeros leaves it as it is."""
        self._socket.sendall(struct.pack("!BBI", 0x81, 0x80 | len(message), 0) + message)

    def hear(self) -> bytes:
        """Return the next message that says something, which is a short one."""
        while (message := self._read(self._read(2)[1])) == b"6":
            pass
        return message

    def close(self) -> None:
        self._socket.close()

    def _until(self, end: bytes) -> bytes:
        while end not in self._received:
            self._receive()
        found, _, self._received = self._received.partition(end)
        return found

    def _read(self, length: int) -> bytes:
        while len(self._received) < length:
            self._receive()
        found, self._received = self._received[:length], self._received[length:]
        return found

    def _receive(self) -> None:
        some = self._socket.recv(65536)
        if not some:
            raise _RefusedError
        self._received += some


if __name__ == "__main__":
    print(json.dumps(_come_back(int(sys.argv[1]))))
