"""The requests themselves: one HTTP exchange or WebSocket handshake at a time, within bounds.

Needs the extra ``doctor``: httpcore, which speaks HTTP/1.1 and HTTP/2 and shows every header as
often and as it came, and wsproto for what a WebSocket carries.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Message, Ping, TextMessage
from wsproto.utilities import ProtocolError, generate_accept_token, generate_nonce

from ..browser.fetch import Header, Response

#: How many requests one examination may send, and how long it may take in seconds.
MAX_REQUESTS: Final = 40
MAX_SECONDS: Final = 30.0
#: How much of an answer is read, in bytes.
MAX_BODY: Final = 64 * 1024

#: What browsers send with every request; filters look at these.
_BROWSERS: Final[tuple[Header, ...]] = (
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("Accept", "*/*"),
    ("Accept-Language", "en-US,en;q=0.5"),
    ("Accept-Encoding", "gzip, deflate"),
)


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
    """A request and what came of it.

    :param seconds: how long it took.
    """

    method: str
    url: str
    headers: tuple[Header, ...]
    outcome: Response | Failure
    seconds: float = 0.0

    @property
    def response(self) -> Response | None:
        """The answer, where it is HTTP and complete."""
        return self.outcome if isinstance(self.outcome, Response) else None

    @property
    def head(self) -> Response | None:
        """The answer, or its headers where its body did not come."""
        return self.outcome.response if isinstance(self.outcome, Failure) else self.outcome


#: For an exchange whose answer is still to come.
UNANSWERED: Final = Failure(Trouble.SILENT)
#: In the place of one that there was no need for.
UNASKED: Final = Exchange("GET", "", (), UNANSWERED)


class SpentError(Exception):
    """The examination has used up its requests or its time."""


@dataclass
class Wire:
    """Sends requests, and counts them.

    :param tell: called with each request before it is sent, to show progress.
    :param max_seconds: how long all of them together may take.
    :param patience: how long each of them may take.
    :param requests: how many were sent.
    """

    tell: Callable[[str], None] = lambda line: None
    max_seconds: float = MAX_SECONDS
    patience: Patience = Patience()
    requests: int = 0
    started: float = field(default_factory=time.monotonic)
    _found: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _trust: ssl.SSLContext | None = None

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self.started

    @property
    def remaining(self) -> float:
        """How many seconds the next request may take at most."""
        return self.max_seconds - 0.5 - self.seconds

    async def send(
        self,
        method: str,
        url: str,
        headers: tuple[Header, ...] = (),
        body: bytes | None = None,
        patience: float | None = None,
        sent: asyncio.Event | None = None,
    ) -> Exchange:
        """Send one request and read its answer; redirects are not followed.

        :param patience: how long it may take, in seconds; without it, as long as one aside.
        :param sent: set when the whole request has left.
        :raise SpentError: if the bounds of the examination are reached.
        """
        asked = Exchange(method, url, headers, UNANSWERED)
        return await self._try(_Attempt(asked, body, sent=sent), patience)

    async def shake_hands(
        self,
        url: str,
        headers: tuple[Header, ...],
        origin: str,
        patience: float | None = None,
    ) -> tuple[Exchange, WebSocket | None]:
        """Open a WebSocket; the caller closes it.

        :param patience: how long it may take, in seconds; without it, as long as one aside.
        :return: an exchange whose response has status 101, and the WebSocket; or another, and none.
        :raise SpentError: if the bounds of the examination are reached.
        """
        shown = (("Origin", origin), ("Upgrade", "websocket"), *headers)
        asked = Exchange("GET", url, shown, UNANSWERED)
        attempt = _Attempt(asked, key=generate_nonce())
        return await self._try(attempt, patience), attempt.websocket

    async def _try(self, attempt: _Attempt, patience: float | None) -> Exchange:
        """Send a request within the time that is left for it."""
        asked, patience = attempt.asked, self.patience.aside if patience is None else patience
        remaining, started = self.remaining, self.seconds
        if self.requests >= MAX_REQUESTS or remaining <= 0:
            raise SpentError
        self.requests += 1
        self.tell(f"{asked.method} {asked.url}")
        attempt.limit = limit = max(0.2, min(patience, remaining))
        try:
            outcome = await asyncio.wait_for(self._ask(attempt), limit)
        except asyncio.TimeoutError:
            if remaining < patience:
                # It might have come in the time that a page gives it: nothing is known.
                raise SpentError from None
            told = f"{limit:.3g} s{' to look the name up' * (not attempt.addresses)}"
            trouble = Trouble.SILENT if attempt.streams else Trouble.NO_CONNECTION
            outcome = Failure(trouble, told, attempt.head)
        except Exception as error:  # noqa: BLE001 - every failure is a finding
            outcome = _failure(error, attempt)
        return replace(asked, outcome=outcome, seconds=self.seconds - started)

    async def _ask(self, attempt: _Attempt) -> Response | Failure:
        if self._trust is None and attempt.asked.url.startswith(("https:", "wss:")):
            # To read all that certificates are checked by takes 30 ms.
            self._trust = ssl.create_default_context()
        attempt.addresses = await self.look_up(urlsplit(attempt.asked.url).hostname or "")
        async with AsyncExitStack() as stack:
            return await attempt.ask(self._trust, stack)

    async def look_up(self, host: str) -> tuple[str, ...]:
        """Return a host's addresses, each once, as browsers find them.

        :raise OSError: if its name is not found.
        """
        if host not in self._found:
            self._found[host] = await _found_aside(host)
        return self._found[host]


def _lines(asked: Exchange, body: bytes | None, key: bytes) -> list[tuple[bytes, bytes]]:
    """Return all headers of a request, as a browser sends them."""
    usual = [("Host", urlsplit(asked.url).netloc.rpartition("@")[2]), *_BROWSERS]
    last: list[Header] = []
    if body is not None:
        usual.append(("Content-Type", "text/plain;charset=UTF-8"))
        last = [("Content-Length", str(len(body)))]
    if key:
        last = [("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13")]
        last.append(("Sec-WebSocket-Key", key.decode()))
    given = {name.lower() for name, _ in asked.headers}
    lines = [*(line for line in usual if line[0].lower() not in given), *asked.headers, *last]
    return [(_bytes(name), _bytes(value)) for name, value in lines]


def _bytes(text: str) -> bytes:
    return text.encode("latin-1", "replace")


_SYSTEM: Final = httpcore.AnyIOBackend()


@dataclass
class _Attempt(httpcore.AsyncNetworkBackend):
    """A request under way, with a connection of its own.

    Of several workers behind one address, each may be the next. It connects to whichever of the
    host's addresses accepts first, in their order.

    :param key: by which a WebSocket is asked for.
    :param sent: set when the whole request has left.
    :param limit: how long it may take, in seconds.
    :param addresses: of the host, once they are found.
    :param streams: the connections that were accepted.
    :param head: the answer's headers, once they are there.
    :param first: the first bytes that came.
    :param websocket: what was opened.
    """

    asked: Exchange
    body: bytes | None = None
    key: bytes = b""
    sent: asyncio.Event | None = None
    limit: float = 0.0
    addresses: tuple[str, ...] = ()
    streams: list[httpcore.AsyncNetworkStream] = field(default_factory=list)
    head: Response | None = None
    first: bytes = b""
    websocket: WebSocket | None = None

    async def ask(self, trust: ssl.SSLContext | None, stack: AsyncExitStack) -> Response | Failure:
        """Send it, and read the answer.

        :param stack: of what is open meanwhile; a WebSocket takes it over.
        """
        asked, told = self.asked, {"trace": self._trace}
        url = asked.url.replace("ws", "http", 1) if self.key else asked.url
        # Another Host is one for HTTP/1.1: by HTTP/2, many end such a request without a word.
        is_http2 = not self.key and "Host" not in dict(asked.headers)
        pool = httpcore.AsyncConnectionPool(trust, http2=is_http2, network_backend=self)
        lines = _lines(asked, self.body, self.key)
        asking = pool.stream(asked.method, url, headers=lines, content=self.body, extensions=told)
        stack.push_async_callback(self._close)
        await stack.enter_async_context(pool)
        answer = await stack.enter_async_context(asking)
        self.head = head = _head(answer)
        if self.key and head.status == 101:
            if head.combined("Sec-WebSocket-Accept") != generate_accept_token(self.key).decode():
                return Failure(Trouble.NOT_HTTP, "a wrong Sec-WebSocket-Accept", head)
            self.websocket = WebSocket(answer.extensions["network_stream"], stack.pop_all())
            return head
        if len(set(head.values("Location"))) > 1:
            return Failure(Trouble.MALFORMED, "more than one Location", head)
        # Some servers say no length where they refuse a WebSocket, and do not end.
        body = await _read(answer, 1.0 if self.key else None)
        return _decoded(body, head)

    async def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> Any:
        *others, last = self.addresses
        for address in others:
            # One that does not answer leaves time for the next one, as in a browser.
            share = self.limit / len(self.addresses)
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return self._seen(await _SYSTEM.connect_tcp(address, port, share))
        return self._seen(await _SYSTEM.connect_tcp(last, port))

    def _seen(self, stream: httpcore.AsyncNetworkStream) -> _Seen:
        self.streams.append(stream)
        return _Seen(stream, self)

    async def _trace(self, event: str, info: dict[str, Any]) -> None:
        if event.endswith("send_request_body.complete") and self.sent is not None:
            self.sent.set()

    async def _close(self) -> None:
        """Close what a handshake that failed has left open."""
        for stream in self.streams:
            with suppress(Exception):
                await stream.aclose()


class _Seen:
    """A stream that keeps the first bytes that come, which say more than that they are no HTTP."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, attempt: _Attempt) -> None:
        self._stream, self._attempt = stream, attempt

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        chunk = await self._stream.read(max_bytes, timeout)
        self._attempt.first = self._attempt.first or chunk[:80]
        return chunk

    async def start_tls(self, *arguments: Any, **named: Any) -> _Seen:
        return _Seen(await self._stream.start_tls(*arguments, **named), self._attempt)


#: What ``localhost`` and the names below it are to browsers, whatever the system says.
LOOPBACK: Final = ("::1", "127.0.0.1")


def addresses_of(host: str) -> tuple[str, ...]:
    """Return a host's IP addresses, each once.

    :raise OSError: if its name is not found.
    """
    if re.fullmatch(r"(.+\.)?localhost\.?", host, re.IGNORECASE):
        return LOOPBACK
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise socket.gaierror(str(error)) from None
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


async def _found_aside(host: str) -> tuple[str, ...]:
    """Look a name up, which may hang for long, in a thread that nobody waits for at the end."""
    found: Future[tuple[str, ...]] = Future()
    # From now on it can be given up, but not cancelled.
    found.set_running_or_notify_cancel()

    def look() -> None:
        try:
            found.set_result(addresses_of(host))
        except OSError as error:
            found.set_exception(error)

    threading.Thread(target=look, daemon=True).start()
    return await asyncio.wrap_future(found)


# --- Answers ---------------------------------------------------------------------------------


def _head(answer: httpcore.Response) -> Response:
    headers = tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in answer.headers)
    reason = answer.extensions.get("reason_phrase", b"").decode("latin-1")
    return Response(answer.status, reason, headers)


async def _read(answer: httpcore.Response, seconds: float | None) -> bytes:
    """Return a body, as much of it as is read; nothing where it does not end in time."""

    async def read() -> bytes:
        body = b""
        async for chunk in answer.aiter_stream():
            body += chunk
            if len(body) >= MAX_BODY:
                break
        return body

    try:
        return await asyncio.wait_for(read(), seconds)
    except asyncio.TimeoutError:
        return b""


#: What browsers decode and this does not; a packet that can be read was never encoded.
_NOT_DECODED: Final = frozenset({"br", "zstd"})


def _decoded(body: bytes, head: Response) -> Response | Failure:
    """Take a body out of what it is compressed with.

    :raise zlib.error: if it is not compressed like that.
    """
    encodings = re.findall(r"[^\s,]+", (head.combined("Content-Encoding") or "").lower())
    for encoding in reversed(encodings):
        if encoding in _NOT_DECODED and body.startswith((b"0{", b"ok", b"40")):
            return Failure(Trouble.GARBLED, f"{encoding}, and it is plain text", head)
        if encoding in ("gzip", "x-gzip", "deflate") and body:
            bits = zlib.MAX_WBITS | 16 * (encoding != "deflate")
            if encoding == "deflate" and body[0] & 15 != zlib.DEFLATED:
                bits = -bits  # without the header that should be there, as browsers take it, too
            body = zlib.decompressobj(bits).decompress(body, MAX_BODY)
    return replace(head, body=body)


# --- Failures --------------------------------------------------------------------------------

#: What an exception means, by its kind and its words; the first that fits counts.
_TROUBLES: Final[tuple[tuple[type[BaseException], str, Trouble], ...]] = (
    (socket.gaierror, "", Trouble.NAME),
    (ConnectionRefusedError, "", Trouble.REFUSED),
    (httpcore.ConnectTimeout, "", Trouble.NO_CONNECTION),
    (ssl.SSLCertVerificationError, "", Trouble.CERTIFICATE),
    (ssl.SSLError, "", Trouble.TLS),
    (httpcore.RemoteProtocolError, "illegal status line", Trouble.BAD_STATUS),
    (httpcore.RemoteProtocolError, "too long|too large", Trouble.TOO_LARGE),
    (httpcore.RemoteProtocolError, "peer closed connection without", Trouble.CUT_SHORT),
    (httpcore.RemoteProtocolError, "", Trouble.MALFORMED),
    (ConnectionError, "", Trouble.CUT_SHORT),
    (zlib.error, "", Trouble.GARBLED),
)


def _failure(error: BaseException, attempt: _Attempt) -> Failure:
    """Put an exception of any of the libraries into our terms."""
    cause, trouble = _cause(error) or (
        error,
        Trouble.CLOSED if attempt.streams else Trouble.UNREACHABLE,
    )
    detail, came = _first_words(cause), bool(attempt.head) or trouble is not Trouble.CUT_SHORT
    if isinstance(cause, ssl.SSLError):
        detail = getattr(cause, "verify_message", "") or cause.reason or detail
    elif isinstance(cause, httpcore.RemoteProtocolError):
        line = attempt.first.partition(b"\n")[0].decode("latin-1").rstrip("\r")
        came = bool(attempt.first)
        # HTTP/2 begins with a frame's length.
        if came and not line.startswith(("HTTP/", "\0")):
            return Failure(Trouble.NOT_HTTP, line)
        detail = line if trouble is Trouble.BAD_STATUS else detail
    return Failure(trouble if came else Trouble.CLOSED, detail, attempt.head)


def _cause(error: BaseException) -> tuple[BaseException, Trouble] | None:
    """Return the innermost cause of an exception whose meaning is known, and that."""
    inner = error.__cause__ or error.__context__
    found = _cause(inner) if inner is not None else None
    meant = (
        trouble
        for kind, words, trouble in _TROUBLES
        if isinstance(error, kind) and re.search(words, _first_words(error), re.IGNORECASE)
    )
    return found or next(((error, trouble) for trouble in meant), None)


def _first_words(error: BaseException) -> str:
    return str(error)[:200] or type(error).__name__


# --- WebSocket -------------------------------------------------------------------------------

#: Seconds that a server has to end a WebSocket of which leave was taken.
_FAREWELL: Final = 0.5
#: How a server takes leave: with no code, or with that of a normal end (RFC 6455, 7.4.1).
_LEAVES: Final = (1000, 1005)


class ClosedError(Exception):
    """The other side has ended what carries packets, or something between has.

    :param is_farewell: whether the server took leave by it, as nothing between does.
    """

    def __init__(self, said: str, *, is_farewell: bool = False) -> None:
        super().__init__(said)
        self.is_farewell = is_farewell


class WebSocket:
    """An open WebSocket.

    :param stream: what it is carried by.
    :param stack: what is to be closed with it.
    """

    def __init__(self, stream: Any, stack: AsyncExitStack) -> None:
        self._stream, self._stack = stream, stack
        self._frames = Connection(ConnectionType.CLIENT)
        self._packets: list[str] = []
        self._partly = ""
        self._closed: ClosedError | None = None

    async def send(self, packet: str) -> None:
        """Send a text frame.

        :raise ClosedError: if the connection is over.
        """
        if self._closed is not None:
            raise self._closed
        await self._write(self._frames.send(Message(packet)))

    async def receive(self, seconds: float) -> list[str]:
        """Return the texts that come next; none where none comes within so many seconds.

        :raise ClosedError: if the connection is over.
        """
        end = time.monotonic() + seconds
        while not self._packets:
            if self._closed is not None:
                raise self._closed
            try:
                chunk = await self._stream.read(65536, max(0.001, end - time.monotonic()))
            except httpcore.ReadTimeout:
                return []
            except (httpcore.NetworkError, OSError) as error:
                raise ClosedError(_first_words(error)) from None
            await self._take(chunk)
        packets, self._packets = self._packets, []
        return packets

    async def is_served(self) -> bool:
        """Tell whether the server does anything else: of a WebSocket, all that it is asked."""
        return True

    async def _take(self, chunk: bytes) -> None:
        try:
            self._frames.receive_data(chunk or None)
            for event in self._frames.events():
                if isinstance(event, TextMessage):
                    self._partly += event.data
                    if event.message_finished:
                        self._packets.append(self._partly)
                        self._partly = ""
                elif isinstance(event, Ping):
                    await self._write(self._frames.send(event.response()))
                elif isinstance(event, CloseConnection) and chunk:
                    # What came before, by the same chunk, is still to be read.
                    code = int(event.code)
                    said = f"closed with code {code}"
                    self._closed = ClosedError(said, is_farewell=code in _LEAVES)
        except (ProtocolError, UnicodeError) as error:
            raise ClosedError(_first_words(error)) from None
        if not chunk:
            raise ClosedError("the connection was closed")

    async def _write(self, data: bytes) -> None:
        try:
            await self._stream.write(data, 5.0)
        except (httpcore.NetworkError, httpcore.WriteTimeout, OSError) as error:
            raise ClosedError(_first_words(error)) from None

    async def close(self) -> None:
        """Take leave, and hang up."""
        with suppress(ClosedError, ProtocolError):
            # Engine.IO's own farewell first, which ends the session at once.
            await self.send("1")
            await self._write(self._frames.send(CloseConnection(code=1000)))
            # Its server hangs up (RFC 6455, section 7.1.1). One that is hung up on meanwhile fails
            # to answer, and logs that.
            end = time.monotonic() + _FAREWELL
            while await self.receive(end - time.monotonic()):
                pass
        with suppress(Exception):
            await self._stack.aclose()
