"""The Socket.IO clients of the tests: pages and Node programs (`node/client.mjs`), and Python.

>>> allowed, refused = run_clients(
...     page(server.url, "https://app.example", withCredentials=True),
...     page(server.url, "https://evil.example"),
... )
>>> assert allowed.connected and not refused.connected
"""

import json
import select
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from typing import Any

import requests
import socketio
import websocket

CLIENT = Path(__file__).parent / "node" / "client.mjs"
PATIENCE_SECONDS = 20
# Every client gives up by itself long before this.
NODE_SECONDS = 120

ClientDescription = dict[str, Any]


@dataclass(frozen=True)
class Exchange:
    """One HTTP request that a client in Node made; `status` is `None` where no answer came."""

    method: str
    target: str
    request_headers: Mapping[str, Any]
    status: int | None
    response_headers: list[list[str]]


@dataclass(frozen=True)
class Outcome:
    """What became of a client that tried to connect.

    `transport` is the one at the end, after an upgrade. `echo` is the acknowledgement of "hello",
    `echo_event` the event that came with it, `whoami` the logged-in user. `error` has `message`,
    `description`, and the `status` and `body` that the client was allowed to read. `elapsed_ms` is
    the time until it was connected or gave up. `console` is what a page's console showed;
    `exchanges` are known of the clients in Node only.
    """

    connected: bool
    transport: str | None
    echo: Any
    echo_event: Any
    whoami: str | None
    error: Mapping[str, Any] | None
    elapsed_ms: int
    console: tuple[str, ...] = ()
    exchanges: tuple[Exchange, ...] = ()

    @property
    def preflights(self) -> list[Exchange]:
        return [exchange for exchange in self.exchanges if exchange.method == "OPTIONS"]


def page(
    url: str, origin: str, *, cookies: Iterable[str] = (), asks: bool = True, **options: object
) -> ClientDescription:
    """A page of `origin` that connects to `url`; its CORS checks and preflights are a browser's.

    `options` are those of socket.io-client, by its names: `transports`, `withCredentials`,
    `extraHeaders`, `path`, `addTrailingSlash`, `timeout` in ms. `cookies` are kept for `url`, and
    sent cross-site too (as with `SameSite=None`). A page of the origin `null` is `about:blank`. One
    that `asks` emits "hello" and "whoami", which a server without handlers never answers.
    """
    address = "about:blank" if origin == "null" else f"{origin}/"
    return {
        "mode": "page",
        "url": url,
        "page": address,
        "cookies": list(cookies),
        "asks": asks,
        "options": options,
    }


def node(
    url: str, origin: str | None = None, *, cookies: Iterable[str] = (), **options: object
) -> ClientDescription:
    """A Node program with socket.io-client, which sends this `Origin` and enforces nothing."""
    headers = dict(options.pop("extraHeaders", {}))
    if origin is not None:
        headers["Origin"] = origin
    if cookie := "; ".join(cookies):
        headers["Cookie"] = cookie
    options = {**options, "extraHeaders": headers}
    return {"mode": "node", "url": url, "asks": True, "options": options}


class NodeProcess:
    """One Node process for all pages and Node programs; it starts when first needed."""

    def __init__(self):
        self._process: subprocess.Popen[str] | None = None

    def run_clients(self, *clients: ClientDescription) -> list[Outcome]:
        """Run these clients at once; their outcomes, in that order."""
        if self._process is None:
            self._process = subprocess.Popen(
                ["node", str(CLIENT)], stdin=PIPE, stdout=PIPE, text=True, bufsize=1
            )
        self._process.stdin.write(json.dumps(clients) + "\n")
        answered, _, _ = select.select([self._process.stdout], [], [], NODE_SECONDS)
        answer = self._process.stdout.readline() if answered else ""
        if not answer:
            self.stop()
            raise RuntimeError(f"Node died or was silent for {NODE_SECONDS} s; see stderr")
        reports = json.loads(answer)
        if "failure" in reports:
            raise RuntimeError(reports["failure"])
        return [_outcome(report) for report in reports]

    def stop(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            with self._process as process:
                process.kill()
            self._process = None


def _outcome(report: dict[str, Any]) -> Outcome:
    exchanges = tuple(Exchange(**exchange) for exchange in report.pop("exchanges"))
    return Outcome(**report | {"exchanges": exchanges, "console": tuple(report["console"])})


def python_client(
    url: str,
    origin: str | None = None,
    *,
    transports: Iterable[str] = ("polling", "websocket"),
    headers: Mapping[str, str] | None = None,
    cookies: Iterable[str] = (),
    path: str = "socket.io",
) -> Outcome:
    """Connect python-socketio's client, ask "echo" and "whoami", and leave."""
    sent = dict(headers or {})
    if cookie := "; ".join(cookies):
        sent["Cookie"] = cookie
    with requests.Session() as http_session:
        if origin is not None:
            http_session.headers["Origin"] = origin
        # Left to itself, websocket-client sends the server's own origin, and would add it to one
        # that is given among the headers.
        alone = {"suppress_origin": True} if origin is None else {"origin": origin}
        client = _python_client(http_session, alone)
        return _converse(client, url, headers=sent, transports=list(transports), path=path)


def unaided_python_client(
    url: str, websocket_options: Mapping[str, object] | None = None, **connect: object
) -> Outcome:
    """Do the same, and leave to python-socketio and websocket-client which Origin they send.

    `websocket_options` are `websocket_extra_options`; all others are those of `Client.connect`.
    """
    with requests.Session() as http_session:
        client = _python_client(http_session, websocket_options or {})
        return _converse(client, url, path="socket.io", **connect)


def _python_client(
    http_session: requests.Session, websocket_options: Mapping[str, object]
) -> socketio.Client:
    return socketio.Client(
        reconnection=False,
        request_timeout=PATIENCE_SECONDS,
        http_session=http_session,
        websocket_extra_options={"class_": _HastyWebSocket, **websocket_options},
        handle_sigint=False,
    )


class _HastyWebSocket(websocket.WebSocket):
    """Leaves without the three seconds in which websocket-client hopes for the other's farewell."""

    def close(self, *args: object, **options: object) -> None:
        super().close(*args, **{**options, "timeout": 0.1})

    def __del__(self):
        # python-engineio drops one that opens and is then refused, without closing it.
        self.shutdown()


def _converse(client: socketio.Client, url: str, *, path: str, **connect: object) -> Outcome:
    told: dict[str, Any] = dict.fromkeys(("transport", "echo", "echo_event", "whoami"))
    error = None
    client.on("echo", lambda words: told.update(echo_event=words))
    started = time.monotonic()
    try:
        client.connect(url, socketio_path=path, wait_timeout=PATIENCE_SECONDS, **connect)
    except socketio.exceptions.ConnectionError as refusal:
        error = {"message": str(refusal)}
    elapsed_ms = round((time.monotonic() - started) * 1000)
    try:
        if error is None:
            told["echo"] = client.call("echo", "hello", timeout=PATIENCE_SECONDS)
            told["whoami"] = client.call("whoami", timeout=PATIENCE_SECONDS)
            told["transport"] = client.transport()
    finally:
        client.disconnect()
    return Outcome(**told, connected=error is None, error=error, elapsed_ms=elapsed_ms)


@contextmanager
def staying_client(
    url: str, origin: str | None, *, transports: Iterable[str] = ("polling", "websocket")
) -> Iterator[socketio.Client]:
    """Connect python-socketio's client, which leaves at the end of the block if it is still there.

    Its `left` is set when it is disconnected, for whatever reason.
    """
    with requests.Session() as http_session:
        if origin is not None:
            http_session.headers["Origin"] = origin
        alone = {"suppress_origin": True} if origin is None else {"origin": origin}
        client = _python_client(http_session, alone)
        client.left = threading.Event()
        client.on("disconnect", lambda *reason: client.left.set())
        client.connect(url, transports=list(transports), wait_timeout=PATIENCE_SECONDS)
        try:
            yield client
        finally:
            client.disconnect()
