"""What a page's client connects to: read as ``io()`` and the browser read it."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from ada_url import URL

from ..origins.grammar import is_loopback
from .browser import origin_of
from .protocol import V4, Protocol, Session, protocol_of

#: Where a client looks for the server, and a server listens, if nobody says otherwise.
DEFAULT_PATH: Final = "/socket.io/"


class TargetError(ValueError):
    """An address that cannot be examined; the message says what to write."""


@dataclass(frozen=True)
class Target:
    """What the page's client connects to.

    :param base: scheme, host and port.
    :param path: of the Socket.IO server, the client's option ``path``.
    :param namespace: the path of the URL that the client is given.
    :param query: what that URL adds to each request, from its ``&`` on.
    :param protocol: the version of Engine.IO's protocol that the client speaks.
    :param auth: the client's option of that name, as JSON.
    """

    base: str
    path: str = DEFAULT_PATH
    namespace: str = "/"
    query: str = ""
    protocol: Protocol = V4
    auth: str = ""

    @classmethod
    def parse(
        cls,
        url: str,
        origin: str,
        path: str | None = None,
        *,
        trailing_slash: bool = True,
        auth: str = "",
    ) -> Target:
        """Read the URL that a client is given, or the one that a console shows.

        :param origin: of the page, whose scheme and host hold where the URL names none.
        :param path: the client's option of that name.
        :param trailing_slash: the client's option ``addTrailingSlash``.
        :param auth: the client's option of that name, as JSON.
        :raise TargetError: if it names no host, or the path cannot be one.
        """
        # Firefox quotes some of the addresses in its console.
        url = re.sub("^[‘“\"'](.*)[’”\"']$", r"\1", url)
        address = _address(url, origin)
        base = origin_of(address.href)
        is_request = "EIO=" in address.search
        query, protocol = _own_query(address.search), protocol_of(address.search)
        if is_request and not path:
            return cls(base, address.pathname, "/", query, protocol, auth)
        namespace = "/" if is_request else _namespace(url)
        client_path = _client_path(base, path or DEFAULT_PATH, trailing_slash)
        return cls(base, client_path, namespace, query, protocol, auth)

    @property
    def name(self) -> str:
        """The namespace as it stands in packets: nothing for the main one."""
        return "" if self.namespace == "/" else self.namespace

    def polling(self) -> str:
        """Return the address of a handshake, each time another one as the client does it."""
        asked = f"EIO={self.protocol.version}&transport=polling&t={stamp()}"
        return f"{self.base}{self.path}?{asked}{self.query}"

    def websocket(self, session: Session | None = None) -> str:
        """Return the address of a WebSocket, of a session or on its own."""
        base = self.base.replace("http", "ws", 1)
        sid = f"&sid={session.sid}" if session is not None else ""
        version = self.protocol.version
        return f"{base}{self.path}?EIO={version}&transport=websocket{sid}{self.query}"

    @property
    def connecting(self) -> str:
        """The packet by which a client joins its namespace; none where the server does it."""
        if self.protocol.is_old:
            return f"40{self.name}" if self.name else ""
        return f"40{f'{self.name},' if self.name else ''}{self.auth}"


def stamp() -> str:
    """Return what makes each request's address another one, as the client does it."""
    return secrets.token_hex(4)


#: The longest address that ``io()`` takes.
_MAX_URL: Final = 8000


def _address(url: str, origin: str) -> URL:
    """Read an address as ``io()`` and the browser do, which complete it with the page's own."""
    if len(url) > _MAX_URL:
        raise TargetError(
            f"{_shown(url)} is longer than the {_MAX_URL} characters that io() takes."
        )
    if url != url.strip():
        raise TargetError(
            f"{_shown(url)} begins or ends with a blank, which io() takes for a part of the "
            "address, so that no page connects. Take it out, in the client too."
        )
    if (found := _SCHEME.match(url)) is not None and found[0] != found[0].lower():
        raise TargetError(
            f"io() knows {found[0]} in small letters only, and takes {_shown(url)} for a path. "
            f"Write {found[0].lower()}{url[found.end() :]}, in the client too."
        )
    try:
        address = URL(_completed(url, origin))
    except ValueError:
        raise TargetError(
            f"{_shown(url)} is no address. Write what io() is given, like https://api.example.com, "
            "or what the browser's console shows."
        ) from None
    if not address.hostname:
        raise TargetError(f"{_shown(url)} names no host. Write it like https://api.example.com.")
    return address


def _completed(url: str, origin: str) -> str:
    if _SCHEME.match(url):
        return url
    if re.match("(https?|wss?):", url):
        raise ValueError("a scheme without slashes")
    if url.startswith("/") and not url.startswith("//"):
        return f"{origin}{url}"
    rest = url.removeprefix("//")
    scheme = urlsplit(origin).scheme
    is_here = is_loopback(URL(f"http://{rest}").hostname)
    if is_here or scheme not in ("http", "https"):
        return f"{'http' if is_here else 'https'}://{rest}"
    return f"{scheme}://{rest}"


_SCHEME: Final = re.compile("[A-Za-z][A-Za-z0-9+.-]*://")


def _own_query(search: str) -> str:
    """Return the parameters that are not the client's own, as they are written."""
    pairs = search.removeprefix("?").split("&")
    return "".join(f"&{pair}" for pair in pairs if pair and not _CLIENTS.match(pair))


_CLIENTS: Final = re.compile("(EIO|transport|t|sid|j|b64)(=|$)")


def _namespace(url: str) -> str:
    """Return the path of the URL that a client is given, as it is written."""
    rest = _SCHEME.sub("", url.strip(), count=1).removeprefix("//")
    path = re.sub(r"^[^/?#]*|[?#].*$", "", rest, flags=re.DOTALL)
    return path or "/"


def _client_path(base: str, path: str, trailing_slash: bool) -> str:
    """Return the path that a client with these options asks for (engine.io-client, ``Socket``)."""
    if "://" in path or not path.startswith("/"):
        raise TargetError(
            f"The path {_shown(path)} does not start with a slash. Write the client's option path, "
            "like /socket.io."
        )
    if odd := re.search("[?#]", path):
        raise TargetError(
            f"The path {_shown(path)} holds “{odd[0]}”, where an address's path ends. Leave it "
            "out; further parameters belong into the client's option query."
        )
    slashed = path.removesuffix("/") + ("/" if trailing_slash else "")
    try:
        return str(URL(f"{base}{slashed}").pathname)
    except ValueError:
        raise TargetError(f"The path {_shown(path)} cannot stand in an address.") from None


def _shown(text: str) -> str:
    return repr(text if len(text) <= 200 else f"{text[:199]}…")
