"""What a request makes its server take itself for.

The verdict and the sentence of a refusal take it from here alone, so that they cannot differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ..origins.grammar import DEFAULT_PORTS

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: Where Werkzeug's ``ProxyFix`` leaves what it has replaced.
PROXY_FIX: Final = "werkzeug.proxy_fix.orig"
HOST: Final = "Host"
FORWARDED_HOST: Final = "X-Forwarded-Host"

_PAGE_SCHEMES: Final = {"ws": "http", "wss": "https"}
_DEFAULT_PORT_SUFFIXES: Final = {scheme: f":{port}" for scheme, port in DEFAULT_PORTS.items()}


class Address(NamedTuple):
    """An address under which a server takes its pages to be.

    :param host: as it came, with its port where it has one.
    :param header: the header that named the host.
    """

    scheme: str
    host: str
    header: str

    @property
    def origin(self) -> str:
        """The origin of such pages."""
        return origin_at(self.scheme, self.host)


def origin_at(scheme: str, host: str) -> str:
    """Return the origin of the pages at a host, as browsers write it.

    :param scheme: in lower case.
    :param host: as a header names it: some proxies write the default port, or keep capitals.
    """
    host = host.lower().removesuffix(_DEFAULT_PORT_SUFFIXES.get(scheme, ":"))
    return f"{scheme}://{host}"


def name_and_port(host: str) -> tuple[str, str]:
    """Return what stands before the port of a host, in lower case, and the port or ``""``."""
    name, colon, port = host.lower().rpartition(":")
    return (name, port) if colon and port.isdigit() else (host.lower(), "")


def told_scheme(environ: WSGIEnvironment) -> str:
    """Return the scheme by which pages reach the server, as the proxy or the server tells it."""
    told: str = environ["wsgi.url_scheme"]
    if PROXY_FIX not in environ:
        told = environ.get("HTTP_X_FORWARDED_PROTO") or told
    if told in DEFAULT_PORTS:  # Nearly always.
        return told
    scheme = first(told).lower()
    # Some servers and proxies name a WebSocket's scheme.
    return _PAGE_SCHEMES.get(scheme, scheme)


def raw_forwarded_host(environ: WSGIEnvironment) -> str | None:
    """Return the ``X-Forwarded-Host`` that counts; none does once a `ProxyFix` has run."""
    forwarded = environ.get("HTTP_X_FORWARDED_HOST")
    return first(forwarded) or None if forwarded and PROXY_FIX not in environ else None


def named_host(environ: WSGIEnvironment) -> tuple[str, str]:
    """Return the request's host, and the header that it came in before a `ProxyFix` took it."""
    host = environ.get("HTTP_HOST", "")
    was = environ.get(PROXY_FIX, {}).get("HTTP_HOST", host)
    return host, HOST if was == host else FORWARDED_HOST


def first(values: str) -> str:
    """Return the first of a header's values, which the proxy next to the browser has sent."""
    return values.partition(",")[0].strip()
