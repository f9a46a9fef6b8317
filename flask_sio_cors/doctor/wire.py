"""The requests themselves: one HTTP exchange or WebSocket handshake at a time, within bounds.

Needs the extra ``doctor``: httpcore, which speaks HTTP/1.1 and HTTP/2 and shows every header as
often and as it came, and wsproto for what a WebSocket carries.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import secrets
import socket
import ssl
import threading
import time
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import httpcore
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Message, Ping, TextMessage
from wsproto.utilities import ProtocolError

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
_Result = TypeVar("_Result")


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


class SpentError(Exception):
    """The examination has used up its requests or its time."""


class _TroubleError(Exception):
    """A failure that none of the libraries has a name for."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure


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
    _trust: ssl.SSLContext = field(default_factory=ssl.create_default_context)

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
        attempt = _Attempt(sent or asyncio.Event())
        return await self._bounded(asked, attempt, patience, self._http(asked, body, attempt))

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
        asked, opened = Exchange("GET", url, shown, UNANSWERED), _Opened()
        attempt = _Attempt(asyncio.Event())
        exchange = await self._bounded(
            asked, attempt, patience, self._open(asked, headers, origin, attempt, opened)
        )
        return exchange, opened.websocket

    async def _bounded(
        self,
        asked: Exchange,
        attempt: _Attempt,
        patience: float | None,
        work: Coroutine[Any, Any, Response],
    ) -> Exchange:
        """Do the work within the time that is left for it."""
        patience = self.patience.aside if patience is None else patience
        remaining, started = self.remaining, self.seconds
        if self.requests >= MAX_REQUESTS or remaining <= 0:
            work.close()
            raise SpentError
        self.requests += 1
        self.tell(f"{asked.method} {asked.url}")
        attempt.limit = limit = max(0.2, min(patience, remaining))
        try:
            outcome: Response | Failure = await asyncio.wait_for(work, limit)
        except asyncio.TimeoutError:
            if remaining < patience:
                # It might have come in the time that a page gives it: nothing is known.
                raise SpentError from None
            told = f"{limit:.3g} s{' to look the name up' * (not attempt.is_found)}"
            trouble = Trouble.SILENT if attempt.is_connected else Trouble.NO_CONNECTION
            outcome = Failure(trouble, told, attempt.head)
        except Exception as error:  # noqa: BLE001 - every failure is a finding
            outcome = _failure(error, attempt)
        return replace(asked, outcome=outcome, seconds=self.seconds - started)

    async def _http(self, asked: Exchange, body: bytes | None, attempt: _Attempt) -> Response:
        headers = _lines(asked.url, asked.headers, body)
        async with self._answer(asked.method, asked.url, headers, body, attempt) as answer:
            attempt.head = head = _head(answer)
            if len(set(head.values("Location"))) > 1:
                raise _TroubleError(Failure(Trouble.MALFORMED, "more than one Location", head))
            return replace(head, body=_decoded(await _read(answer), head))

    async def _open(
        self,
        asked: Exchange,
        headers: tuple[Header, ...],
        origin: str,
        attempt: _Attempt,
        opened: _Opened,
    ) -> Response:
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        lines = (
            *_lines(asked.url, (("Origin", origin), *headers), None),
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", key),
        )
        stack = AsyncExitStack()
        try:
            url = asked.url.replace("ws", "http", 1)
            answer = await stack.enter_async_context(
                self._answer("GET", url, lines, None, attempt, is_http2=False)
            )
            head = _head(answer)
            if head.status != 101:
                return replace(head, body=_decoded(await _read_soon(answer), head))
            accept = hashlib.sha1(key.encode() + _GUID).digest()  # noqa: S324 - RFC 6455 has it so
            if head.combined("Sec-WebSocket-Accept") != base64.b64encode(accept).decode():
                raise _TroubleError(Failure(Trouble.NOT_HTTP, "a wrong Sec-WebSocket-Accept", head))
            opened.websocket = WebSocket(answer.extensions["network_stream"], stack.pop_all())
            return head
        finally:
            await stack.aclose()

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        url: str,
        headers: Iterable[Header],
        body: bytes | None,
        attempt: _Attempt,
        *,
        is_http2: bool = True,
    ) -> AsyncIterator[httpcore.Response]:
        addresses = await self.look_up(urlsplit(url).hostname or "")
        attempt.is_found = True
        # A connection for each: of several workers behind one address, each may be the next.
        network = _Network(addresses, attempt)
        pool = httpcore.AsyncConnectionPool(
            ssl_context=self._trust, http2=is_http2, network_backend=network
        )
        lines = [(_bytes(name), _bytes(value)) for name, value in headers]
        extensions = {"trace": attempt.trace}
        try:
            async with (
                pool,
                pool.stream(
                    method, url, headers=lines, content=body, extensions=extensions
                ) as answer,
            ):
                yield answer
        finally:
            await network.close()

    async def look_up(self, host: str) -> tuple[str, ...]:
        """Return a host's addresses, each once, as browsers find them.

        :raise OSError: if its name is not found.
        """
        if host not in self._found:
            self._found[host] = await _in_a_thread(lambda: addresses_of(host))
        return self._found[host]


def _bytes(text: str) -> bytes:
    return text.encode("latin-1", "replace")


def _lines(url: str, headers: tuple[Header, ...], body: bytes | None) -> tuple[Header, ...]:
    """Return all headers of a request, as a browser sends them."""
    given = {name.lower() for name, _ in headers}
    parts = urlsplit(url)
    lines: list[Header] = [("Host", parts.netloc.rpartition("@")[2])] * ("host" not in given)
    lines += [line for line in _BROWSERS if line[0].lower() not in given]
    lines += headers
    if body is not None:
        lines += [("Content-Type", "text/plain;charset=UTF-8")] * ("content-type" not in given)
        lines.append(("Content-Length", str(len(body))))
    return tuple(lines)


@dataclass
class _Opened:
    websocket: WebSocket | None = None


@dataclass
class _Attempt:
    """A request under way.

    :param sent: set when the whole request has left.
    :param is_found: whether the host's name has been looked up.
    :param is_connected: whether something has accepted the connection.
    :param head: the answer's headers, once they are there.
    :param first: the first bytes that came.
    """

    sent: asyncio.Event
    is_found: bool = False
    is_connected: bool = False
    limit: float = 0.0
    head: Response | None = None
    first: bytes = b""

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        if event.endswith("send_request_body.complete"):
            self.sent.set()


class _Network(httpcore.AsyncNetworkBackend):
    """Connects to one of the given addresses: whichever accepts first, in their order."""

    def __init__(self, addresses: tuple[str, ...], attempt: _Attempt) -> None:
        self._addresses, self._attempt = addresses, attempt
        self._own = httpcore.AnyIOBackend()
        self._streams: list[httpcore.AsyncNetworkStream] = []

    async def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> Any:
        *others, last = self._addresses
        for address in others:
            # One that does not answer leaves time for the next one, as in a browser.
            share = self._attempt.limit / len(self._addresses)
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return self._seen(await self._own.connect_tcp(address, port, share))
        return self._seen(await self._own.connect_tcp(last, port))

    def _seen(self, stream: httpcore.AsyncNetworkStream) -> _Seen:
        self._attempt.is_connected = True
        self._streams.append(stream)
        return _Seen(stream, self._attempt)

    async def close(self) -> None:
        """Close what a handshake that failed has left open."""
        for stream in self._streams:
            with suppress(Exception):
                await stream.aclose()


class _Seen(httpcore.AsyncNetworkStream):
    """Keeps the first bytes that come, which say more than that they are no HTTP."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, attempt: _Attempt) -> None:
        self._stream, self._attempt = stream, attempt

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        chunk = await self._stream.read(max_bytes, timeout)
        self._attempt.first = self._attempt.first or chunk[:80]
        return chunk

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(self, *arguments: Any, **named: Any) -> _Seen:
        return _Seen(await self._stream.start_tls(*arguments, **named), self._attempt)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


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


async def _in_a_thread(work: Callable[[], _Result]) -> _Result:
    """Do what may hang for long, and is not to be waited for at the end."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_Result] = loop.create_future()

    def settle(give: Callable[..., None], value: Any) -> None:
        if not done.done():
            give(value)

    def run() -> None:
        try:
            told = (done.set_result, work())
        except OSError as error:
            told = (done.set_exception, error)  # type: ignore[assignment]
        with suppress(RuntimeError):  # nobody waits any more
            loop.call_soon_threadsafe(settle, *told)

    threading.Thread(target=run, daemon=True).start()
    return await done


# --- Answers ---------------------------------------------------------------------------------


def _head(answer: httpcore.Response) -> Response:
    headers = tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in answer.headers)
    reason = answer.extensions.get("reason_phrase", b"").decode("latin-1")
    return Response(answer.status, reason, headers)


async def _read(answer: httpcore.Response) -> bytes:
    body = b""
    async for chunk in answer.aiter_stream():
        body += chunk
        if len(body) >= MAX_BODY:
            break
    return body


async def _read_soon(answer: httpcore.Response) -> bytes:
    """Read what may have no end: some servers say no length where they refuse a WebSocket."""
    try:
        return await asyncio.wait_for(_read(answer), 1.0)
    except asyncio.TimeoutError:
        return b""


#: What browsers decode and this does not; a packet that can be read was never encoded.
_NOT_DECODED: Final = frozenset({"br", "zstd"})


def _decoded(body: bytes, head: Response) -> bytes:
    """Take a body out of what it is compressed with."""
    encodings = re.findall(r"[^\s,]+", (head.combined("Content-Encoding") or "").lower())
    for encoding in reversed(encodings):
        if encoding in _NOT_DECODED and body.startswith((b"0{", b"ok", b"40")):
            raise _TroubleError(Failure(Trouble.GARBLED, f"{encoding}, and it is plain text", head))
        try:
            if encoding in ("gzip", "x-gzip") and body:
                body = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(body, MAX_BODY)
            elif encoding == "deflate" and body:
                body = _inflated(body)
        except zlib.error as error:
            raise _TroubleError(Failure(Trouble.GARBLED, f"{encoding}: {error}", head)) from None
    return body


def _inflated(body: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(body, MAX_BODY)
    except zlib.error:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(body, MAX_BODY)


# --- Failures --------------------------------------------------------------------------------


def _failure(error: BaseException, attempt: _Attempt) -> Failure:
    """Put an exception of any of the libraries into our terms."""
    if isinstance(error, _TroubleError):
        return error.failure
    for cause in _causes(error):
        found = _classify(cause, attempt)
        if found is not None:
            return found
    trouble = Trouble.CLOSED if attempt.is_connected else Trouble.UNREACHABLE
    return Failure(trouble, _first_words(error), attempt.head)


def _causes(error: BaseException) -> list[BaseException]:
    """Return the innermost cause of an exception first."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        inner = list(getattr(current, "exceptions", ()))
        chain[:0] = [current, *inner]
        current = current.__cause__ or current.__context__
    return chain


def _first_words(error: BaseException) -> str:
    return str(error)[:200] or type(error).__name__


#: What an exception means that means one thing; the first that fits counts.
_TROUBLES: Final[tuple[tuple[type[BaseException], Trouble], ...]] = (
    (socket.gaierror, Trouble.NAME),
    (ConnectionRefusedError, Trouble.REFUSED),
    (httpcore.ConnectTimeout, Trouble.NO_CONNECTION),
)
#: What h11 says of an answer, and what that means.
_SAID: Final = (
    (re.compile("illegal status line", re.IGNORECASE), Trouble.BAD_STATUS),
    (re.compile("too long|too large", re.IGNORECASE), Trouble.TOO_LARGE),
    (re.compile("peer closed connection without", re.IGNORECASE), Trouble.CUT_SHORT),
)


def _classify(error: BaseException, attempt: _Attempt) -> Failure | None:
    text = _first_words(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return Failure(Trouble.CERTIFICATE, error.verify_message)
    if isinstance(error, ssl.SSLError):
        return Failure(Trouble.TLS, error.reason or text)
    for kind, trouble in _TROUBLES:
        if isinstance(error, kind):
            return Failure(trouble, text)
    if isinstance(error, httpcore.RemoteProtocolError):
        return _not_understood(text, attempt)
    if isinstance(error, (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)):
        trouble = Trouble.CUT_SHORT if attempt.head is not None else Trouble.CLOSED
        return Failure(trouble, text, attempt.head)
    return None


def _not_understood(text: str, attempt: _Attempt) -> Failure:
    line = attempt.first.partition(b"\n")[0].decode("latin-1").rstrip("\r")
    if not attempt.first:
        return Failure(Trouble.CLOSED, text)
    # HTTP/2 begins with a frame's length.
    if not line.startswith(("HTTP/", "\0")):
        return Failure(Trouble.NOT_HTTP, line)
    found = next((trouble for said, trouble in _SAID if said.search(text)), Trouble.MALFORMED)
    return Failure(found, line if found is Trouble.BAD_STATUS else text, attempt.head)


# --- WebSocket -------------------------------------------------------------------------------

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


#: Seconds that a server has to end a WebSocket of which leave was taken.
_FAREWELL: Final = 0.5


class ClosedError(Exception):
    """The other side has ended the WebSocket, or something between has."""


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

    async def send(self, packet: str) -> None:
        """Send a text frame.

        :raise ClosedError: if the connection is over.
        """
        await self._write(self._frames.send(Message(packet)))

    async def receive(self, seconds: float) -> str | None:
        """Return the next text; ``None`` where none comes within so many seconds.

        :raise ClosedError: if the connection is over.
        """
        end = time.monotonic() + seconds
        while not self._packets:
            try:
                chunk = await self._stream.read(65536, max(0.001, end - time.monotonic()))
            except httpcore.ReadTimeout:
                return None
            except (httpcore.NetworkError, OSError) as error:
                raise ClosedError(_first_words(error)) from None
            await self._take(chunk)
        return self._packets.pop(0)

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
                    raise ClosedError(f"closed with code {int(event.code)}")
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
            while await self.receive(end - time.monotonic()) is not None:
                pass
        with suppress(Exception):
            await self._stack.aclose()
