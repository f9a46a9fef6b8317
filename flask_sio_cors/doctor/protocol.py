"""Engine.IO's packets: how they stand in the bodies of polling, and what opens a session.

Version 4 of the protocol is that of socket.io-client 3 and 4, version 3 that of socket.io-client 1
and 2 (https://github.com/socketio/engine.io-protocol).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from .wire import Exchange

_SEPARATOR: Final = "\x1e"
_BINARY: Final = re.compile(rb"([\x00\x01])([\x00-\x09]{1,10})\xff")
_SCRIPT: Final = re.compile(rb"___eio\[\d+\]\((.*)\);?\s*", re.DOTALL)
_TEXT: Final = re.compile(r"(\d{1,10}):")


@dataclass(frozen=True)
class Protocol:
    """One version of the protocol.

    :param version: its number, the parameter ``EIO``.
    """

    version: int = 4

    @property
    def is_old(self) -> bool:
        """Whether it is that of socket.io-client 2 and before."""
        return self.version < 4

    @property
    def clients(self) -> str:
        """The clients that speak it."""
        return "socket.io-client 2" if self.is_old else "socket.io-client 3 and 4"

    @property
    def beat(self) -> str:
        """The packet that says no more than that the client is alive."""
        return "2" if self.is_old else "3"

    def encode(self, packet: str) -> bytes:
        """Return the body of a POST request with one packet."""
        return (f"{_units(packet)}:{packet}" if self.is_old else packet).encode()

    def decode(self, body: bytes) -> list[str]:
        """Return the packets of an answer; none where it is not of this version."""
        if not self.is_old:
            return body.decode("utf-8", "replace").split(_SEPARATOR)
        return list(_binary(body) if body[:1] in (b"\0", b"\1") else _texts(body))


V4: Final = Protocol(4)
V3: Final = Protocol(3)


def protocol_of(url: str) -> Protocol:
    """Return the version that a request names."""
    named = re.search(r"[?&]EIO=(\d)(?:&|$)", url)
    return Protocol(int(named[1]) if named is not None else 4)


def _units(text: str) -> int:
    """Count as JavaScript does, in UTF-16."""
    return len(text.encode("utf-16-le")) // 2


def _texts(body: bytes) -> Iterable[str]:
    rest = body.decode("utf-8", "replace")
    while match := _TEXT.match(rest):
        units = rest[match.end() :].encode("utf-16-le")
        end = 2 * int(match[1])
        yield units[:end].decode("utf-16-le", "replace")
        rest = units[end:].decode("utf-16-le", "replace")


def _binary(body: bytes) -> Iterable[str]:
    while match := _BINARY.match(body):
        end = match.end() + int("".join(map(str, match[2])))
        if match[1] == b"\0":
            yield body[match.end() : end].decode("utf-8", "replace")
        body = body[end:]


@dataclass(frozen=True)
class Session:
    """What a handshake's answer says (Engine.IO protocol 4, "open" packet).

    :param sid: as it stands in the addresses of what follows.
    :param interval: how often the server asks whether the client is there, in seconds.
    :param patience: how long it waits for that answer, in seconds.
    :param limit: how many bytes it takes at once; ``None`` where it does not say.
    """

    sid: str
    upgrades: tuple[str, ...] = ()
    interval: float = 25.0
    patience: float = 20.0
    limit: int | None = None


def packets_of(exchange: Exchange | None) -> list[str]:
    """Return the packets that came; none where the answer is not of the client's protocol."""
    response = exchange.response if exchange is not None else None
    if exchange is None or response is None:
        return []
    if "transport=websocket" in exchange.url:
        return response.body.decode("utf-8", "replace").split(_SEPARATOR)
    body = _called_with(response.body) if "&j=" in exchange.url else response.body
    return protocol_of(exchange.url).decode(body)


def _called_with(script: bytes) -> bytes:
    """Return what a script of JSONP gives to the page; nothing where it is none."""
    called = _SCRIPT.fullmatch(script)
    try:
        return str(json.loads(called[1])).encode() if called is not None else b""
    except (ValueError, RecursionError):
        return b""


def session_of(exchange: Exchange | None) -> Session | None:
    """Read an answer as that to a handshake; ``None`` where it is none."""
    return opened_by(next(iter(packets_of(exchange)), ""))


def opened_by(packet: str) -> Session | None:
    """Read the packet that opens a session; ``None`` where it is none."""
    if not packet.startswith("0{"):
        return None
    try:
        fields = json.loads(packet[1:])
        sid = quote(str(fields["sid"]), safe="~")
        upgrades = tuple(map(str, fields.get("upgrades", ())))
        names = ("pingInterval", "pingTimeout")
        interval, patience = (float(fields.get(name, 25000)) / 1000 for name in names)
        limit = int(fields["maxPayload"]) if "maxPayload" in fields else None
        return Session(sid, upgrades, interval, patience, limit)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
