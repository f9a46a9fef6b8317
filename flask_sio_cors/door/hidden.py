"""What of its address a proxy hides from a server, as a page that is most likely its own shows.

Facts for whoever reads a refusal; they decide about nothing.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from ..origins.grammar import (
    DEFAULT_PORTS,
    is_address,
    is_in_private_network,
    is_loopback,
    is_well_formed,
    private_network,
    split,
)
from .address import (
    FORWARDED_HOST,
    PROXY_FIX,
    Address,
    name_and_port,
    origin_at,
    told_scheme,
)
from .own import PROOF_KEY, OwnOrigin
from .proxies import proxy_before

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import WSGIEnvironment

#: What proxies send beside the headers that count, by its name and its key in an environ.
_UNREAD: Final = {
    "Forwarded": "HTTP_FORWARDED",
    "X-Forwarded-Scheme": "HTTP_X_FORWARDED_SCHEME",
    "X-Forwarded-Protocol": "HTTP_X_FORWARDED_PROTOCOL",
    "X-Forwarded-Ssl": "HTTP_X_FORWARDED_SSL",
    "X-Scheme": "HTTP_X_SCHEME",
    "X-Url-Scheme": "HTTP_X_URL_SCHEME",
    "Front-End-Https": "HTTP_FRONT_END_HTTPS",
    "X-Forwarded-Https": "HTTP_X_FORWARDED_HTTPS",
    "X-Original-Proto": "HTTP_X_ORIGINAL_PROTO",
    "X-ARR-SSL": "HTTP_X_ARR_SSL",
    "CF-Visitor": "HTTP_CF_VISITOR",
    "CloudFront-Forwarded-Proto": "HTTP_CLOUDFRONT_FORWARDED_PROTO",
    "Fastly-SSL": "HTTP_FASTLY_SSL",
    "WL-Proxy-SSL": "HTTP_WL_PROXY_SSL",
    "X-Original-Host": "HTTP_X_ORIGINAL_HOST",
    "X-Host": "HTTP_X_HOST",
    "X-Forwarded-Port": "HTTP_X_FORWARDED_PORT",
}
#: Those that name a host.
_UNREAD_HOSTS: Final = ("Forwarded", "X-Original-Host", "X-Host")
#: What shows that a proxy stands before the server.
_PROXIES: Final = (
    *_UNREAD.values(),
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_REAL_IP",
    "HTTP_VIA",
    "HTTP_X_VARNISH",
    "HTTP_X_ARR_LOG_ID",
)
#: RFC 7239, section 4; the first element is that of the proxy next to the browser.
_FORWARDED: Final = re.compile(r'(?:^|[;,\s])host="?([^";,\s]+)', re.IGNORECASE)
#: What names end in that a cluster or a cloud knows by itself, and no browser asks for.
_INNER: Final = (".svc", ".cluster.local", ".internal")
#: Ports that are a proxy's own, where a Host that it has written itself has them.
_PROXY_PORTS: Final = ("", "80", "443")


class Lost(Enum):
    """What of the server's address a proxy keeps from it."""

    SCHEME = "scheme"
    PORT = "port"
    HOST = "host"


class Clue(Enum):
    """What shows that a page is the server's own, although its address does not."""

    ADDRESS = "address"  #: nothing else is different
    BROWSER = "browser"  #: its browser says so, of this request or of others
    SESSION = "session"  #: its session began without an Origin, as with a page's own server
    NAMED = "named"  #: a header, or a value of it, that does not count names its host
    UNAPPLIED = "unapplied"  #: X-Forwarded-Host names its host, and a ProxyFix leaves it out
    UNTRUSTED = "untrusted"  #: X-Forwarded-Host names its host, which is not in TRUSTED_HOSTS


class Said(NamedTuple):
    """What proxies say of the address.

    :param proto: the value of ``X-Forwarded-Proto``.
    :param hosts: the values of ``X-Forwarded-Host``.
    :param is_fixed: whether a `ProxyFix` has applied what it takes of them.
    :param is_expected: whether the configuration alone speaks for ``https:``.
    :param unread: the names of the headers that came and that nobody reads.
    :param is_supposed: whether there was no request, and this is what one would be like.
    :param proxy: the key of the one that shows; see :func:`.proxies.proxy_before`.
    """

    proto: str = ""
    hosts: tuple[str, ...] = ()
    is_fixed: bool = False
    is_expected: bool = False
    unread: tuple[str, ...] = ()
    is_supposed: bool = False
    proxy: str = ""


class Server(NamedTuple):
    """What a server takes itself for at a request.

    :param address: which counts where none are `named`.
    :param said: what proxies have said of it.
    :param named: those of ``SIO_CORS_OWN_ORIGINS`` that are its own here.
    :param lost: what the page, if it is the server's own, shows to be hidden.
    :param clue: what shows that it is; ``None`` where it need not be.
    :param untrusted: the host that would have to be in ``TRUSTED_HOSTS``.
    :param named_by: the header that names the page's host and does not count.
    :param home: the name of another policy, if the page's host is one of its hosts.
    """

    address: Address
    said: Said
    named: frozenset[str] = frozenset()
    lost: tuple[Lost, ...] = ()
    clue: Clue | None = None
    untrusted: str = ""
    named_by: str = ""
    home: str = ""


def server_of(
    own: OwnOrigin,
    environ: WSGIEnvironment,
    origin: str | None,
    clue: Clue | None = None,
) -> Server | None:
    """Return what the server takes itself for, and how far a page that it refused may be its own.

    :param origin: the page's.
    :param clue: what other requests have shown of it.
    """
    if origin is None or not is_well_formed(origin) or not split(origin)[1]:
        return None
    site, addresses = environ.get(PROOF_KEY), tuple(own.addresses(environ, origin))
    server = Server(addresses[0], _said(environ, addresses), own.named_for(environ))
    if site == "same-origin":
        untrusted = "" if server.named else own.untrusted_by(environ, origin)
        return server._replace(clue=Clue.BROWSER, untrusted=untrusted)
    if server.named:
        # A name of a network by which it is asked, and which nobody elsewhere has.
        is_asked = any(one.origin == origin for one in addresses)
        is_alias = site is None and is_asked and is_in_private_network(split(origin)[1])
        return server._replace(clue=Clue.ADDRESS) if is_alias else server
    # Of what the browser says to be another's, nothing is hidden.
    return None if site is not None else _compared(server, addresses, own, environ, origin, clue)


def _compared(
    server: Server,
    addresses: Iterable[Address],
    own: OwnOrigin,
    environ: WSGIEnvironment,
    origin: str,
    clue: Clue | None,
) -> Server:
    host, is_proxied = split(origin)[1], any(key in environ for key in _PROXIES)
    for address in addresses:
        if lost := _lost(address, origin):
            # Pages by https: ask no server by http:, but this machine (mixed content). Those of
            # another port may ask it, and be another's.
            is_own = Lost.SCHEME in lost or (is_proxied and not is_loopback(host))
            clue = clue or (Clue.ADDRESS if is_own else None)
            return server._replace(address=address, lost=lost, clue=clue)
    said, lost = server.said, (Lost.HOST,)
    if told_scheme(environ) != "https" and origin.startswith("https://"):
        lost = (Lost.HOST, Lost.SCHEME)
    named = [value for value in said.hosts if name_and_port(value)[0] == host]
    if named and said.is_fixed:
        if origin_at(split(origin)[0], named[0]) != origin:
            lost = (*lost, Lost.PORT)
        return server._replace(lost=lost, clue=Clue.UNAPPLIED)
    if named and own.distrusted_header(environ) == FORWARDED_HOST:
        return server._replace(lost=lost[1:], clue=Clue.UNTRUSTED, untrusted=host)
    if named_by := FORWARDED_HOST if named else _naming(environ, host):
        clue = clue or Clue.NAMED
    is_hidden = clue is not None or _is_behind(server, origin, is_proxied=is_proxied)
    return server._replace(lost=lost, clue=clue, named_by=named_by) if is_hidden else server


def _naming(environ: WSGIEnvironment, host: str) -> str:
    """Return the header that names a host and that nobody reads; ``""`` where none does."""
    for name in _UNREAD_HOSTS:
        value = environ.get(_UNREAD[name], "")
        hosts = _FORWARDED.findall(value) if name == "Forwarded" else value.split(",")
        if host in [name_and_port(one.strip())[0] for one in hosts]:
            return name
    return ""


def _lost(address: Address, origin: str) -> tuple[Lost, ...]:
    """Tell what is lost of an address if a page's origin is the server's own.

    Nothing where it is not likely to be: it has another host, or another port.
    """
    scheme, host, _ = split(origin)
    name, own_port = name_and_port(address.host)
    is_none = address.scheme not in DEFAULT_PORTS
    is_scheme_lost = scheme != address.scheme and (scheme == "https" or is_none)
    if name != host or not (is_scheme_lost or scheme == address.scheme):
        return ()
    if origin_at(scheme, address.host) == origin:
        return (Lost.SCHEME,) * is_scheme_lost
    is_port_lost = own_port in _PROXY_PORTS
    return ((Lost.SCHEME,) * is_scheme_lost + (Lost.PORT,)) if is_port_lost else ()


def _is_behind(server: Server, origin: str, *, is_proxied: bool) -> bool:
    """Tell whether the host is one that a proxy calls the server by, and the page's is not."""
    own, (scheme, host, _) = name_and_port(server.address.host)[0], split(origin)
    if own == host:
        return is_proxied and scheme == server.address.scheme
    if is_loopback(host) and not is_loopback(own) and _rank(own) == 1 and not is_address(own):
        # A container's name, rather than that of a machine which a page in development asks.
        return True
    # nginx's $host has lost the dot at the end of a name.
    return own == host.removesuffix(".") or _rank(own) < _rank(host)


def _rank(host: str) -> int:
    """Return how far a name reaches: this machine, a network, everywhere."""
    if is_loopback(host) or not host:
        return 0
    if is_address(host):
        return 1 if private_network(host) is not None else 2
    return 1 if "." not in host or host.endswith(_INNER) else 2


def _said(environ: WSGIEnvironment, addresses: Iterable[Address]) -> Said:
    proto, is_fixed = environ.get("HTTP_X_FORWARDED_PROTO", ""), PROXY_FIX in environ
    hosts = environ.get("HTTP_X_FORWARDED_HOST", "")
    is_expected = any(one.scheme != told_scheme(environ) for one in addresses)
    unread = tuple(name for name, key in _UNREAD.items() if key in environ)
    values = tuple(value.strip().lower() for value in hosts.split(","))
    proxy = proxy_before(environ)
    return Said(proto, values, is_fixed, is_expected, unread, proxy=proxy)
