"""HTTP with the caller's own bytes: what no well-behaved client would send, and all that returns.

>>> response = server.request("GET", POLLING, [("Origin", "https://app.example")])
>>> response.status, response.header("Access-Control-Allow-Origin"), response.values("Vary")
"""

import json
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

POLLING = "/socket.io/?EIO=4&transport=polling"
WEBSOCKET = "/socket.io/?EIO=4&transport=websocket"

# RFC 6455, section 1.3: the sample key.
UPGRADE = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
]

Header = tuple[str | bytes, str | bytes]


@dataclass(frozen=True)
class Response:
    """One response. `head` is its status line and header lines, byte for byte."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    head: bytes

    def values(self, name: str) -> list[str]:
        """Every value of a header, in the order of their arrival."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        """The value of a header, or `None`. A header that came twice is an `AssertionError`."""
        values = self.values(name)
        assert len(values) < 2, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    @property
    def cors_headers(self) -> dict[str, str | None]:
        """The `Access-Control-*` headers by their names in lower case, each of which came once."""
        names = {name.lower() for name, _ in self.headers}
        return {name: self.header(name) for name in names if name.startswith("access-control-")}

    @property
    def sid(self) -> str:
        """The session id in the answer to a polling handshake, which a ping may follow."""
        handshake, _, _ = self.body.removeprefix(b"0").partition(b"\x1e")
        return json.loads(handshake)["sid"]


def exchange(
    port: int, raw: bytes, *, timeout: float = 30, tls: ssl.SSLContext | None = None
) -> Response:
    """Send exactly `raw` to a loopback port and read one response; `timeout` in seconds a read."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout) as plain,
        tls.wrap_socket(plain, server_hostname="127.0.0.1") if tls else plain as connection,
        connection.makefile("rb") as stream,
    ):
        connection.sendall(raw)
        return _read_response(stream, bodyless=raw.startswith(b"HEAD "))


def compose(
    method: str, target: str, headers: Iterable[Header] = (), body: bytes = b"", *, port: int
) -> bytes:
    """The bytes of a request with these headers as they are.

    `Host`, `Connection: close` and, where there is a body, `Content-Length` are added unless the
    caller names them. Text is encoded as Latin-1; for other bytes give bytes.
    """
    lines = [(_encode(name), _encode(value)) for name, value in headers]
    given = {name.lower() for name, _ in lines}
    defaults = [(b"Host", b"127.0.0.1:%d" % port), (b"Connection", b"close")]
    if body:
        defaults.append((b"Content-Length", b"%d" % len(body)))
    lines = [pair for pair in defaults if pair[0].lower() not in given] + lines
    head = b"".join(b"%s: %s\r\n" % pair for pair in lines)
    return b"%s %s HTTP/1.1\r\n%s\r\n%s" % (_encode(method), _encode(target), head, body)


def _encode(words: str | bytes) -> bytes:
    return words.encode("latin-1") if isinstance(words, str) else words


def _read_response(stream: BinaryIO, *, bodyless: bool) -> Response:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            raise ConnectionError(f"the server closed the connection after {head!r}")
        head += line
    status_line, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    pairs = [line.partition(":") for line in lines]
    headers = tuple((name, value.strip()) for name, _, value in pairs)
    status = int(status_line.split(" ", 2)[1])
    bodyless = bodyless or status in (101, 204, 304)
    return Response(status, headers, b"" if bodyless else _read_body(stream, headers), head)


def _read_body(stream: BinaryIO, headers: Iterable[tuple[str, str]]) -> bytes:
    framing = {name.lower(): value for name, value in headers}
    if framing.get("transfer-encoding") == "chunked":
        return b"".join(_chunks(stream))
    length = framing.get("content-length")
    return stream.read() if length is None else stream.read(int(length))


def _chunks(stream: BinaryIO) -> Iterable[bytes]:
    while size := int(stream.readline(), 16):
        yield stream.read(size)
        stream.readline()
