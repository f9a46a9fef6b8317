"""The Engine.IO protocol's two versions: how packets stand in the bodies of polling.

Version 4 is that of socket.io-client 3 and 4, version 3 that of socket.io-client 1 and 2
(https://github.com/socketio/engine.io-protocol).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_SEPARATOR: Final = "\x1e"
_BINARY: Final = re.compile(rb"([\x00\x01])([\x00-\x09]{1,10})\xff")
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
