"""The requests themselves: one HTTP exchange or WebSocket handshake at a time, within bounds.

Needs the extra ``doctor``: urllib3, which shows every header as often as it came, and
websocket-client.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

import urllib3
import websocket
from urllib3.connection import HTTPConnection, HTTPSConnection

from ..browser.fetch import Header, Response

#: How many requests one examination may send, and how long it may take in seconds.
MAX_REQUESTS: Final = 40
MAX_SECONDS: Final = 30.0
#: How much of an answer is read, in bytes.
MAX_BODY: Final = 64 * 1024

_AGENT: Final = "Mozilla/5.0 (compatible; sio-cors doctor)"


@dataclass(frozen=True)
class Patience:
    """How long is waited for what, in seconds.

    :param page: for a page's connection (``timeout`` of Socket.IO's client).
    :param application: for its answer to a client that connects, and for the server's to a request
        while it holds a poll open. Handlers that ask a database take less.
    :param aside: for a request that only tells causes apart.
    """

    page: float = 20.0
    application: float = 10.0
    aside: float = 2.0

    @classmethod
    def of(cls, timeout: float) -> Patience:
        """Return that of a client with this ``timeout``, in seconds.

        What is waited for inside of a connection has half its time at most.
        """
        return cls(timeout, min(cls.application, timeout / 2), min(cls.aside, timeout / 2))


class Trouble(Enum):
    """Why a request got no answer that is HTTP."""

    NAME = "the name was not found"
    REFUSED = "the connection was refused"
    UNREACHABLE = "the machine could not be reached"
    NO_CONNECTION = "no connection within the time limit"
    CERTIFICATE = "the certificate was not trusted"
    TLS = "the TLS handshake failed"
    CLOSED = "the connection was closed without an answer"
    SILENT = "no answer within the time limit"
    NOT_HTTP = "the answer was not HTTP"
    BAD_STATUS = "the status line was not HTTP"
    TOO_LARGE = "the answer has more headers than the doctor reads"
    MALFORMED = "the answer contradicts itself"
    CUT_SHORT = "the answer ended too early"
    GARBLED = "the answer's body could not be decoded"


@dataclass(frozen=True)
class Failure:
    """A request without a usable answer.

    :param trouble: the kind of failure.
    :param detail: what the operating system, the TLS library or the server said.
    :param response: as much as came, where headers came.
    """

    trouble: Trouble
    detail: str = ""
    response: Response | None = None

    @property
    def is_late(self) -> bool:
        """Whether the time was over before an answer came."""
        return self.trouble in (Trouble.SILENT, Trouble.NO_CONNECTION)


@dataclass(frozen=True)
class Exchange:
    """A request and what came of it."""

    method: str
    url: str
    headers: tuple[Header, ...]
    outcome: Response | Failure

    @property
    def response(self) -> Response | None:
        """The answer, where it is HTTP and complete."""
        return self.outcome if isinstance(self.outcome, Response) else None


#: For an exchange whose answer is still to come.
UNANSWERED: Final = Failure(Trouble.SILENT)

#: Packets exchanged over a WebSocket: called with what sends one and what waits for one, yields
#: those that came.
Talk: TypeAlias = Callable[[Callable[[str], Any], Callable[[], str]], Iterator[str]]


class SpentError(Exception):
    """The examination has used up its requests or its time."""


@dataclass
class Wire:
    """Sends requests, and counts them.

    :param tell: called with each request before it is sent, to show progress.
    :param max_seconds: how long all of them together may take.
    :param patience: how long each of them may take.
    :param requests: how many were sent.
    :param late: how many of them were not answered in time.
    :param slowest: the longest that an answer took, in seconds.
    """

    tell: Callable[[str], None] = lambda line: None
    max_seconds: float = MAX_SECONDS
    patience: Patience = Patience()
    requests: int = 0
    late: int = 0
    slowest: float = 0.0
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self.started

    @property
    def remaining(self) -> float:
        """How many seconds the next request may take at most."""
        return self.max_seconds - 0.5 - self.seconds

    def send(
        self,
        method: str,
        url: str,
        headers: tuple[Header, ...] = (),
        body: bytes | None = None,
        patience: float | None = None,
    ) -> Exchange:
        """Send one request and read its answer; redirects are not followed.

        :param patience: how long it may take, in seconds; without it, as long as one aside.
        :raise SpentError: if the bounds of the examination are reached.
        """
        return self.begin(method, url, headers, body, patience).end()

    def begin(
        self,
        method: str,
        url: str,
        headers: tuple[Header, ...] = (),
        body: bytes | None = None,
        patience: float | None = None,
    ) -> Pending:
        """Send one request, and leave its answer for later; the parameters are those of `send`.

        :raise SpentError: if the bounds of the examination are reached.
        """

        def exchange(attempt: _Attempt) -> Response | Failure:
            return _http(method, url, headers, body, attempt)

        return Pending(self, Exchange(method, url, headers, UNANSWERED), patience, exchange)

    def shake_hands(
        self,
        url: str,
        headers: tuple[Header, ...],
        origin: str,
        talk: Talk | None = None,
        patience: float | None = None,
    ) -> Exchange:
        """Open a WebSocket, exchange some packets, and close it.

        :param talk: what to exchange; without it, one packet is read.
        :param patience: how long it may take, in seconds; without it, as long as one aside.
        :return: an exchange whose response has status 101 and the packets that came as its body,
            with U+001E between them.
        :raise SpentError: if the bounds of the examination are reached.
        """

        def exchange(attempt: _Attempt) -> Response | Failure:
            return _websocket(url, headers, origin, talk or listen, attempt)

        shown = (("Origin", origin), ("Upgrade", "websocket"), *headers)
        return Pending(self, Exchange("GET", url, shown, UNANSWERED), patience, exchange).end()


class Pending:
    """A request that was sent, and whose answer may be waited for.

    :ivar asked: the request, still unanswered.
    :raise SpentError: if the bounds of the examination are reached.
    """

    def __init__(
        self,
        wire: Wire,
        asked: Exchange,
        patience: float | None,
        work: Callable[[_Attempt], Response | Failure],
    ) -> None:
        remaining = wire.remaining
        patience = wire.patience.aside if patience is None else patience
        if wire.requests >= MAX_REQUESTS or remaining <= 0:
            raise SpentError
        wire.requests += 1
        wire.tell(f"{asked.method} {asked.url}")
        self._wire, self.asked = wire, asked
        self._is_cut = remaining < patience
        self._attempt = attempt = _Attempt(max(0.2, min(patience, remaining)))
        self._started = wire.seconds
        self._results: list[Response | Failure] = []
        # A socket's own time limit counts each read, and a name's look-up knows none.
        self._thread = threading.Thread(
            target=lambda: self._results.append(work(attempt)), daemon=True
        )
        self._thread.start()

    def is_sent(self, patience: float) -> bool:
        """Wait until the request has left, for so many seconds at most."""
        return self._attempt.sent.wait(patience)

    def end(self) -> Exchange:
        """Wait for the answer as long as it may take, and return it.

        :raise SpentError: if the examination's own time was over before that of the request.
        """
        wire, attempt = self._wire, self._attempt
        limit = self._started + attempt.limit + 0.3 - wire.seconds
        self._thread.join(max(0.0, limit))
        outcome = self._results[0] if self._results else attempt.abandoned()
        if not isinstance(outcome, Failure) or not outcome.is_late:
            wire.slowest = max(wire.slowest, wire.seconds - self._started)
            return replace(self.asked, outcome=outcome)
        if self._is_cut:
            # It might have come in the time that a page gives it: nothing is known.
            raise SpentError
        wire.late += 1
        return replace(self.asked, outcome=replace(outcome, detail=attempt.told))

    @property
    def is_answered(self) -> bool:
        """Whether the answer is there, or what came in its place."""
        return bool(self._results)

    def wait(self, seconds: float) -> None:
        """Wait for the answer, for so long at most."""
        self._thread.join(seconds)

    def drop(self) -> None:
        """Close the connection without waiting for the answer."""
        with suppress(OSError, AttributeError):
            self._attempt.connection.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]


@dataclass
class _Attempt:
    """A request under way.

    :param limit: how long it may take, in seconds.
    :param connection: where it has come so far; ``None`` while its host's name is looked up.
    :param sent: set when the whole request has left.
    """

    limit: float
    connection: HTTPConnection | websocket.WebSocket | None = None
    sent: threading.Event = field(default_factory=threading.Event)
    started: float = field(default_factory=time.monotonic)

    @property
    def is_connected(self) -> bool:
        return getattr(self.connection, "sock", None) is not None

    @property
    def left(self) -> float:
        """How many seconds are left of its time; a little where none are."""
        return max(0.05, self.limit - (time.monotonic() - self.started))

    @property
    def told(self) -> str:
        """What its time was spent on."""
        return f"{self.limit:.3g} s{' to look the name up' * (self.connection is None)}"

    def abandoned(self) -> Failure:
        return Failure(Trouble.SILENT if self.is_connected else Trouble.NO_CONNECTION)


# --- HTTP ------------------------------------------------------------------------------------


class _FinalResponse(http.client.HTTPResponse):
    """The answer that counts: browsers skip what only announces it, as 103 Early Hints does."""

    def _read_status(self) -> tuple[str, int, str]:
        answer: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
        while 101 < answer[1] < 200:
            http.client.parse_headers(self.fp)
            answer = super()._read_status()  # type: ignore[misc]
        return answer


def _connection(url: str) -> HTTPConnection:
    parts = urlsplit(url)
    host = parts.hostname or ""
    connection = HTTPConnection(host, parts.port)
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = HTTPSConnection(host, parts.port, ssl_context=context)
    connection.response_class = _FinalResponse
    return connection


def _http(
    method: str, url: str, headers: tuple[Header, ...], body: bytes | None, attempt: _Attempt
) -> Response | Failure:
    found = _find(url)
    if isinstance(found, Failure):
        return found
    attempt.connection = connection = _connection(url)
    parts = urlsplit(url)
    target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    sent = {"Accept": "*/*", "User-Agent": _AGENT, "Accept-Encoding": "gzip, deflate"}
    try:
        # An address that does not answer leaves time for the next one, as in a browser.
        connection.timeout = attempt.limit / len(found)
        connection.connect()
        connection.timeout = attempt.limit
        connection.request(
            method, target, body, {**sent, **dict(headers)}, preload_content=False,
            decode_content=True,
        )  # fmt: skip
        attempt.sent.set()
        return _read(connection)
    except Exception as error:  # noqa: BLE001 - every failure is a finding
        return _failure(error, connected=attempt.is_connected)
    finally:
        connection.close()


def _read(connection: HTTPConnection) -> Response | Failure:
    answer = connection.getresponse()
    # Not urllib3's own, which spells all headers of one name like the first.
    received: Any = answer._original_response
    headers = tuple((str(name), str(value)) for name, value in received.msg.items())
    head = Response(answer.status, answer.reason or "", headers)
    if any("\0" in value for _, value in headers):
        return Failure(Trouble.MALFORMED, "a NUL in a header")
    if len(set(head.values("Location"))) > 1:
        return Failure(Trouble.MALFORMED, "more than one Location")
    try:
        body = answer.read(MAX_BODY, decode_content=True)
    except urllib3.exceptions.DecodeError as error:
        return Failure(Trouble.GARBLED, _first_words(error), head)
    except urllib3.exceptions.ReadTimeoutError as error:
        return Failure(Trouble.SILENT, str(error), head)
    except (urllib3.exceptions.ProtocolError, OSError) as error:
        # http.client reads a chunk's length like this; at the end of all there is none.
        if any(re.search("base 16: b'.+'", str(cause)) for cause in _causes(error)):
            return Failure(Trouble.MALFORMED, "a chunk's length is no number", head)
        return Failure(Trouble.CUT_SHORT, _first_words(error), head)
    unknown = set(re.findall(r"[^\s,]+", (head.combined("Content-Encoding") or "").lower()))
    if unknown & _NOT_DECODED and body.startswith((b"0{", b"ok", b"40")):
        return Failure(Trouble.GARBLED, f"{', '.join(unknown)}, and it is plain text", head)
    return Response(head.status, head.reason, headers, body)


#: What browsers decode and this does not; a packet that can be read was never encoded.
_NOT_DECODED: Final = frozenset({"br", "zstd"})


def _first_words(error: Exception) -> str:
    """Return what an exception of urllib3 says, without the one that is in it."""
    return str(error.args[0] if error.args else error).rstrip(".")


def _find(url: str) -> tuple[str, ...] | Failure:
    """Look a host's name up; return its addresses."""
    try:
        return addresses(urlsplit(url).hostname or "")
    except (OSError, UnicodeError) as error:
        return Failure(Trouble.NAME, str(error))


def addresses(host: str) -> tuple[str, ...]:
    """Return a host's IP addresses, each once.

    :raise OSError: if its name is not found.
    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def _failure(error: BaseException, *, connected: bool) -> Failure:
    """Put an exception of any of the libraries into our terms."""
    causes = list(_causes(error))
    for cause in causes:
        found = _classify(cause, connected)
        if found is not None:
            return found
    return Failure(Trouble.CLOSED if connected else Trouble.UNREACHABLE, str(causes[-1]))


def _causes(error: BaseException) -> list[BaseException]:
    """Return the innermost cause of an exception first."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.insert(0, current)
        inner = [item for item in current.args if isinstance(item, BaseException)]
        current = current.__cause__ or current.__context__ or (inner[0] if inner else None)
    return chain


#: What an exception means that means one thing; the first that fits counts.
_TROUBLES: Final[tuple[tuple[type[BaseException], Trouble], ...]] = (
    (socket.gaierror, Trouble.NAME),
    (ConnectionRefusedError, Trouble.REFUSED),
    (urllib3.exceptions.InvalidHeader, Trouble.MALFORMED),
    (http.client.RemoteDisconnected, Trouble.CLOSED),
    (ConnectionResetError, Trouble.CLOSED),
    (ConnectionAbortedError, Trouble.CLOSED),
    (BrokenPipeError, Trouble.CLOSED),
    (http.client.UnknownProtocol, Trouble.NOT_HTTP),
    (http.client.LineTooLong, Trouble.TOO_LARGE),
)


def _classify(error: BaseException, connected: bool) -> Failure | None:
    text = str(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return Failure(Trouble.CERTIFICATE, error.verify_message)
    if isinstance(error, ssl.SSLError):
        return Failure(Trouble.TLS, error.reason or text)
    for kind, trouble in _TROUBLES:
        if isinstance(error, kind):
            return Failure(trouble, text[:200])
    if isinstance(error, http.client.BadStatusLine):
        line = text.strip()[:80]
        known = Trouble.BAD_STATUS if line.startswith("HTTP/") else Trouble.NOT_HTTP
        return Failure(known, line)
    if isinstance(error, TimeoutError):
        return Failure(Trouble.SILENT if connected else Trouble.NO_CONNECTION, text)
    return Failure(Trouble.TOO_LARGE, text[:80]) if "got more than" in text else None


# --- WebSocket -------------------------------------------------------------------------------


def listen(send: Callable[[str], None], receive: Callable[[], str]) -> Iterator[str]:
    """Read what a server says first."""
    yield receive()


def _websocket(
    url: str, headers: tuple[Header, ...], origin: str, talk: Talk, attempt: _Attempt
) -> Response | Failure:
    found = _find(url)
    if isinstance(found, Failure):
        return found
    attempt.connection = connection = websocket.WebSocket()
    connection.settimeout(attempt.limit)
    lines = [f"{name}: {value}" for name, value in (("User-Agent", _AGENT), *headers)]
    try:
        connection.connect(  # type: ignore[no-untyped-call]
            url, origin=origin, header=lines, redirect_limit=0, http_no_proxy=["*"]
        )
    except websocket.WebSocketBadStatusException as error:
        if error.status_code is None:
            return Failure(Trouble.NOT_HTTP, str(error)[:80])
        return _refused_upgrade(error)
    except Exception as error:  # noqa: BLE001 - every failure is a finding
        redirect = connection.handshake_response
        if redirect is not None:
            return Response(redirect.status, "", _titled(redirect.headers))
        connected = attempt.is_connected or "handshake" in str(error).lower()
        return _websocket_failure(error, connected=connected)
    upgraded = tuple((connection.getheaders() or {}).items())
    received: list[str] = []
    try:
        for packet in talk(connection.send, lambda: _receive(connection, attempt)):
            received.append(packet)
    except Exception as error:  # noqa: BLE001 - every failure is a finding
        if not received:
            failure = _websocket_failure(error, connected=True)
            return Failure(failure.trouble, failure.detail, Response(101, "", upgraded))
    finally:
        connection.close(timeout=1)
    return Response(101, "Switching Protocols", upgraded, "\x1e".join(received).encode())


def _receive(connection: websocket.WebSocket, attempt: _Attempt) -> str:
    connection.settimeout(attempt.left)
    received = connection.recv()
    return received if isinstance(received, str) else bytes(received).decode("utf-8", "replace")


def _refused_upgrade(error: Any) -> Response:
    body = error.resp_body or b""
    reason = re.sub(r"^.*?status \d+ ?", "", str(error)).partition("-+-+-")[0].strip()
    return Response(error.status_code, reason, _titled(error.resp_headers), body[:MAX_BODY])


def _titled(headers: Mapping[str, str]) -> tuple[Header, ...]:
    return tuple((name.title(), value) for name, value in headers.items())


def _websocket_failure(error: BaseException, *, connected: bool) -> Failure:
    if isinstance(error, websocket.WebSocketTimeoutException):
        return Failure(Trouble.SILENT if connected else Trouble.NO_CONNECTION, str(error))
    if isinstance(error, websocket.WebSocketConnectionClosedException):
        return Failure(Trouble.CLOSED, str(error))
    if isinstance(error, websocket.WebSocketAddressException):
        return Failure(Trouble.NAME, str(error))
    if isinstance(error, websocket.WebSocketException):
        return Failure(Trouble.NOT_HTTP, str(error))
    return _failure(error, connected=connected)
