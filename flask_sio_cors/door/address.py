"""What a server takes itself for, and what of its address a proxy has lost, as a page shows.

Facts for whoever reads a refusal; they decide about nothing.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from ..origins.grammar import DEFAULT_PORTS, is_well_formed
from ..origins.near import split

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Where Werkzeug's ``ProxyFix`` leaves what it has replaced.
PROXY_FIX: Final = "werkzeug.proxy_fix.orig"
_PAGE_SCHEMES: Final = {"ws": "http", "wss": "https"}


class Lost(Enum):
    """What of the server's address a proxy keeps from it."""

    SCHEME = "scheme"
    PORT = "port"
    HOST = "host"


class Address(NamedTuple):
    """The address under which a server takes its pages to be.

    :param host: with its port, where it has one.
    :param host_header: the header that named it.
    :param proto: what ``X-Forwarded-Proto`` says; ``None`` where none came.
    :param is_fixed: whether a `ProxyFix` has applied what proxies say.
    :param has_forwarded: whether a proxy sends ``Forwarded`` (RFC 7239), which nobody reads.
    """

    scheme: str
    host: str
    host_header: str
    proto: str | None
    is_fixed: bool
    has_forwarded: bool

    @property
    def origin(self) -> str:
        """The origin of such pages."""
        return f"{self.scheme}://{self.host}"

    def lost(self, origin: str) -> tuple[Lost, ...]:
        """Tell what is lost of the address if a page's origin is the server's own.

        Nothing where it is not likely to be: it has another host, or another port.
        """
        if not is_well_formed(origin) or not is_well_formed(self.origin):
            return ()
        (scheme, host, port), own = split(origin), split(self.origin)
        is_port_lost = bool(port) and not own[2]
        if host != own[1] or (port != own[2] and not is_port_lost):
            return ()
        is_scheme_lost = (scheme, own[0]) == ("https", "http")
        if scheme != own[0] and not is_scheme_lost:
            return ()
        return (Lost.SCHEME,) * is_scheme_lost + (Lost.PORT,) * is_port_lost


class Server(NamedTuple):
    """What a server takes itself for, and what it cannot know of its address.

    :param lost: where a page is most likely its own; nothing where it is another's.
    """

    address: Address
    lost: tuple[Lost, ...]


def server_of(environ: WSGIEnvironment, origin: str | None, *, is_proven: bool) -> Server | None:
    """Return what the server takes itself for, where a page cannot be told from its own by it.

    :param is_proven: whether browsers have said of other requests that the origin is its own.
    """
    # Where the browser says whose page it is, nothing is lost.
    if origin is None or "HTTP_SEC_FETCH_SITE" in environ:
        return None
    address = address_of(environ)
    return Server(address, address.lost(origin) or (Lost.HOST,) * is_proven)


def address_of(environ: WSGIEnvironment) -> Address:
    """Return what a request makes its server take itself for."""
    is_fixed = PROXY_FIX in environ
    forwarded_host = None if is_fixed else environ.get("HTTP_X_FORWARDED_HOST")
    proto = environ.get("HTTP_X_FORWARDED_PROTO")
    scheme = environ["wsgi.url_scheme"] if is_fixed or not proto else first(proto)
    scheme = _PAGE_SCHEMES.get(scheme, scheme)
    host = first(forwarded_host) if forwarded_host else environ.get("HTTP_HOST", "")
    return Address(
        scheme,
        host.lower().removesuffix(f":{DEFAULT_PORTS.get(scheme, '')}"),
        "X-Forwarded-Host" if forwarded_host else "Host",
        proto,
        is_fixed,
        "HTTP_FORWARDED" in environ,
    )


def first(values: str) -> str:
    """Return the first of a header's values, which the proxy next to the browser has sent."""
    return values.partition(",")[0].strip()
