"""Clients that leave in the middle: nothing of them stays behind."""

import json
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.clients import page
from tests.support.harness import Server, wait_until
from tests.support.raw_http import POLLING, UPGRADE, WEBSOCKET, compose

FRIEND = "https://friend.example"
STRANGER = "https://stranger.example"
ROUNDS = 3
#: Engine.IO notices a client that is gone at the latest one interval and one timeout after.
PINGS = {"ping_interval": 1, "ping_timeout": 1}
SECONDS = 30

CONFIG = f"""
    from eventlet import sleep

    def allow_request(request):
        if "slow" in request.args:
            app.asked += 1
            sleep(30)
        return True

    app.asked = 0
    app.config["SIO_CORS_ORIGINS"] = ["{FRIEND}"]
    app.config["SIO_CORS_ALLOW_REQUEST"] = allow_request
    app.config["SIO_CORS_CALLBACK_TIMEOUT"] = 2
"""

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="open files are counted in Linux's /proc"
)

HELD = """
import gc, json, os
from greenlet import greenlet
gc.collect()
answer = json.dumps([
    len(socketio.server.eio.sockets),
    sum(isinstance(found, greenlet) and not found.dead for found in gc.get_objects()),
    len(os.listdir("/proc/self/fd")),
])
"""


class Held(NamedTuple):
    """What a server holds on to, the request that asks for it included."""

    sessions: int
    greenlets: int
    files: int

    def is_within(self, other: "Held") -> bool:
        return all(mine <= others for mine, others in zip(self, other, strict=True))


def held(server: Server) -> Held:
    return Held(*json.loads(server.run(HELD)))


@pytest.fixture(scope="module")
def server(serve):
    return serve(CONFIG, socketio_options=PINGS, fresh=True)


@pytest.fixture(scope="module")
def base_line(server) -> Held:
    """What the server holds before anybody came, and Engine.IO's one task that the first starts."""
    start = held(server)
    base_line = start._replace(greenlets=start.greenlets + 1)
    polling(server)
    wait_until(lambda: held(server).is_within(base_line), SECONDS)
    return base_line


class Client:
    """A connection that is cut without a word (RST), or after saying goodbye (FIN)."""

    def __init__(self, server: Server, *, abruptly: bool) -> None:
        self._port = server.port
        self._connection = socket.create_connection(("127.0.0.1", server.port), 10)
        if abruptly:
            no_linger = struct.pack("ii", 1, 0)
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)

    def send(self, raw: bytes) -> None:
        self._connection.sendall(raw)

    def ask(self, method: str, target: str, headers=(), body: bytes = b"", part: float = 1) -> None:
        """Send a request, or its first part only."""
        raw = compose(method, target, [("Origin", FRIEND), *headers], body, port=self._port)
        self.send(raw[: int(len(raw) * part)])

    def read_until(self, words: bytes) -> None:
        answer = b""
        while words not in answer:
            received = self._connection.recv(65536)
            assert received, f"the server closed the connection after {answer!r}"
            answer += received

    def leave(self) -> None:
        self._connection.close()


def frame(words: bytes) -> bytes:
    """A masked text frame (RFC 6455, section 5.2) whose mask changes nothing."""
    return struct.pack("!BB4s", 0x81, 0x80 | len(words), bytes(4)) + words


PREFLIGHT = [("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "x-own")]


def in_a_preflight(server, client, part):
    client.ask("OPTIONS", POLLING, PREFLIGHT, part=part)


def in_a_handshake(server, client, part):
    client.ask("GET", POLLING, part=part)


def in_a_refused_handshake(server, client, part):
    client.ask("GET", POLLING, [("Sec-Fetch-Site", "cross-site"), ("Origin", STRANGER)], part=part)


def in_a_slow_allow_request(server, client, part):
    asked = int(server.run("answer = app.asked"))
    client.ask("GET", f"{POLLING}&slow=1")
    wait_until(lambda: int(server.run("answer = app.asked")) > asked)


def polling(server: Server) -> str:
    """Open a session by polling, and read what there is; the next poll will wait."""
    headers = [("Origin", FRIEND)]
    target = f"{POLLING}&sid={server.request('GET', POLLING, headers).sid}"
    server.request("POST", target, headers, b"40")
    server.request("GET", target, headers)
    return target


def in_a_poll(server, client, part):
    client.ask("GET", polling(server), part=part)


def in_a_post(server, client, part):
    client.ask("POST", polling(server), body=b'42["echo","' + b"x" * 2000 + b'"]', part=part)


def in_an_upgrade(server, client, part):
    upgrading(server, client, part)


def upgrading(server, client, part=1):
    target = polling(server).replace("polling", "websocket")
    client.ask("GET", target, [("Connection", "Upgrade"), *UPGRADE[1:]], part=part)


def after_the_upgrades_handshake(server, client, part):
    upgrading(server, client)
    client.read_until(b"\r\n\r\n")


def after_the_probe(server, client, part):
    after_the_upgrades_handshake(server, client, part)
    client.send(frame(b"2probe"))
    client.read_until(b"3probe")


def after_the_upgrade(server, client, part):
    after_the_probe(server, client, part)
    client.send(frame(b"5"))
    client.send(frame(b'42["echo","x"]')[: None if part == 1 else 9])


def in_a_websockets_handshake(server, client, part):
    client.ask("GET", WEBSOCKET, UPGRADE, part=part)


def on_a_websocket(server, client, part):
    client.ask("GET", WEBSOCKET, UPGRADE)
    client.read_until(b'0{"sid":')
    client.send(frame(b"40"))
    client.read_until(b"40{")
    client.send(frame(b'42["echo","x"]')[: None if part == 1 else 9])


REQUESTS = [
    in_a_preflight,
    in_a_handshake,
    in_a_refused_handshake,
    in_a_slow_allow_request,
    in_a_poll,
    in_a_post,
]
WEBSOCKETS = [
    in_an_upgrade,
    after_the_upgrades_handshake,
    after_the_probe,
    after_the_upgrade,
    in_a_websockets_handshake,
    on_a_websocket,
]


#: How the connection ends, and how much of the last request has been sent.
WAYS = list(product([False, True], [0.5, 1]))


@contextmanager
def clients(server: Server, count: int, *, abruptly: bool) -> Iterator[list[Client]]:
    """So many clients, which leave at the end of the block."""
    with ExitStack() as leaving:
        found = [Client(server, abruptly=abruptly) for _ in range(count)]
        for client in found:
            leaving.callback(client.leave)
        yield found


@needs_proc
@pytest.mark.parametrize("moments", [REQUESTS, WEBSOCKETS], ids=["HTTP requests", "WebSockets"])
def test_clients_that_leave_in_the_middle_leave_nothing_behind(server, base_line, moments):
    for moment, (abruptly, part) in product(moments, WAYS):
        with clients(server, ROUNDS, abruptly=abruptly) as leaving:
            for client in leaving:
                moment(server, client, part)
    assert server.request("GET", POLLING, [("Origin", FRIEND)]).status == 200
    wait_until(lambda: held(server).is_within(base_line), SECONDS)


@needs_proc
def test_what_clients_hold_while_they_are_there_is_counted(server, base_line):
    with clients(server, 10, abruptly=False) as staying:
        for client in staying:
            on_a_websocket(server, client, 1)
        there = held(server)
    assert there.sessions >= base_line.sessions + 10
    assert there.greenlets >= base_line.greenlets + 10
    assert there.files >= base_line.files + 10
    wait_until(lambda: held(server).is_within(base_line), SECONDS)


def test_clients_that_leave_in_the_middle_disturb_no_one(serve, run_clients):
    server = serve(CONFIG, fresh=True)
    for moment in (*REQUESTS, *WEBSOCKETS):
        with clients(server, 1, abruptly=True) as [client]:
            moment(server, client, part=0.6)
    outcomes = run_clients(*(page(server.url, FRIEND) for _ in range(5)))
    assert {(outcome.connected, outcome.echo) for outcome in outcomes} == {(True, "hello")}
