"""The server's own origin: which pages are its own, and which header shows it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from werkzeug.exceptions import SecurityError
from werkzeug.sansio.utils import host_is_trusted
from werkzeug.wsgi import get_host

from ..config.options import Options
from ..origins.grammar import DEFAULT_PORTS, MAX_ORIGIN_LENGTH, is_loopback, is_well_formed
from ..origins.live import LiveOrigins
from ..origins.sets import OriginSet
from .address import (
    FORWARDED_HOST,
    HOST,
    Address,
    named_host,
    origin_at,
    raw_forwarded_host,
    told_scheme,
)
from .proofs import PROVEN

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: How many hosts are remembered: of those that are trusted, and of all by their bare names.
SEEN_HOSTS_LIMIT: Final = 1024
#: The header by which browsers say whose page asks.
PROOF: Final = "Sec-Fetch-Site"
PROOF_KEY: Final = "HTTP_SEC_FETCH_SITE"

_ELSEWHERE: Final = ("cross-site", "same-site")
_ADDRESS_AND_PORT: Final = re.compile(r"(\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.IGNORECASE)
_WEB_HOST: Final = re.compile(r"https?://(.+)")


class OwnOrigin:
    """Tells the server's own pages by what browsers, servers and proxies say of a request.

    :param options: the settings; Flask's ``TRUSTED_HOSTS`` among them.
    :param live: what is let in beside what they list, and changes meanwhile.
    :ivar host_names: those of the hosts that were asked, as `_remember_name` has them, where they
        count: an origin that its host's name is not a part of is the own one by nothing but
        ``Sec-Fetch-Site``, ``X-Forwarded-Host``, or what its session has proven.
    """

    def __init__(self, options: Options, live: LiveOrigins | None = None) -> None:
        self._trusted_hosts = options.trusted_hosts
        self._expects_https = options.expects_https
        self._listed = options.origins if isinstance(options.origins, OriginSet) else OriginSet()
        self._live = live
        self._seen_hosts: set[str] = set()
        self.host_names: dict[str, str] = {}
        self._origins = options.own_origins
        self._origins_of_host = _by_host(options.own_origins)

    def shown_by(self, environ: WSGIEnvironment, origin: str) -> str:
        """Return the header that shows an origin to be the server's; ``""`` where none does.

        Where ``SIO_CORS_OWN_ORIGINS`` is set, nothing else is believed: an origin is in it, or,
        where the request's ``Host`` names some of them, is one of these.

        The browser's own word, ``Sec-Fetch-Site``, is enough, and disproves everything else; with
        a WebSocket, its word for the session's polling counts where it sends none. Without any, the
        own origin is the scheme and host of the request or, where no `ProxyFix` has applied them,
        the first values of ``X-Forwarded-Proto`` and ``X-Forwarded-Host``, as Engine.IO has it. A
        page elsewhere cannot send these two without a preflight, which is judged without them.
        """
        site = environ.get(PROOF_KEY)
        if self._origins:
            named = self._named(environ)
            # Of the very origin that it asks, no browser says that it is another's.
            if named is not None and site in _ELSEWHERE:
                return ""
            return "Origin" if origin in (named or self._origins) else ""
        if site is not None or environ.get(PROVEN) == origin:
            is_proof = site in ("same-origin", None) and self._is_trusted_origin(origin)
            return PROOF if is_proof and self.distrusted_header(environ) == "" else ""
        return self._addressed_by(environ, origin)

    def is_disproved(self, environ: WSGIEnvironment, origin: str) -> bool:
        """Tell whether a request has the server's own origin, and comes from a page elsewhere."""
        site = environ.get(PROOF_KEY)
        if site not in _ELSEWHERE:
            return False
        if self._origins:
            return origin in (self._named(environ) or ())
        return self._addressed_by(environ, origin) != ""

    def _addressed_by(self, environ: WSGIEnvironment, origin: str) -> str:
        """Return the header by which a request was sent to what its origin names."""
        host, forwarded = environ.get("HTTP_HOST", ""), environ.get("HTTP_X_FORWARDED_HOST")
        # The host may have the scheme's own port.
        if not forwarded and (self.host_names.get(host) or self._remember_name(host)) not in origin:
            return ""
        forwarded = raw_forwarded_host(environ) if forwarded else None
        scheme = self._scheme(environ, origin)
        if origin == origin_at(scheme, host):
            header = HOST
        elif forwarded and origin == origin_at(scheme, forwarded):
            header = FORWARDED_HOST if self.distrusted_header(environ) == "" else ""
        else:
            return ""
        return header if is_well_formed(origin) else ""

    def _remember_name(self, host: str) -> str:
        """Return a host in lower case, without a scheme's own port."""
        name = host.lower().removesuffix(":443").removesuffix(":80")
        if len(self.host_names) >= SEEN_HOSTS_LIMIT:
            self.host_names.clear()
        if len(host) <= MAX_ORIGIN_LENGTH:
            self.host_names[host] = name
        return name

    def addresses(self, environ: WSGIEnvironment, origin: str) -> Iterator[Address]:
        """Yield the addresses of pages that would be the server's own, as a request has them.

        Where ``SIO_CORS_OWN_ORIGINS`` is set, they count for nothing.

        :param origin: of the page that asks; on it hangs what counts where no proxy tells a scheme.
        """
        scheme, forwarded = self._scheme(environ, origin), raw_forwarded_host(environ)
        if forwarded and self.distrusted_header(environ) == "":
            yield Address(scheme, forwarded, FORWARDED_HOST)
        yield Address(scheme, *named_host(environ))

    def named_for(self, environ: WSGIEnvironment) -> frozenset[str]:
        """Return those of ``SIO_CORS_OWN_ORIGINS`` that are the server's own at a request."""
        return self._named(environ) or self._origins

    def _named(self, environ: WSGIEnvironment) -> frozenset[str] | None:
        """Return those of ``SIO_CORS_OWN_ORIGINS`` that the request's ``Host`` names, if any."""
        host = environ.get("HTTP_HOST", "").lower()
        found = self._origins_of_host.get(host)
        if found is None and "." in host:
            name, colon, port = host.partition(":")
            found = self._origins_of_host.get(f"{name.removesuffix('.')}{colon}{port}")
        return found

    def _scheme(self, environ: WSGIEnvironment, origin: str) -> str:
        """Return the scheme by which pages reach the server.

        Where the proxy tells it, only that counts: behind a proxy that speaks https:, a page that
        came by http: is somebody else's. Where nobody does, an http: page is one's own only if
        nothing speaks for https:.
        """
        scheme = told_scheme(environ)
        if (
            scheme != "http"
            or environ.get("HTTP_X_FORWARDED_PROTO")
            or not origin.startswith("http://")
        ):
            return scheme
        secure = f"https{origin[4:]}"
        is_listed = secure in self._listed.exact or (
            self._live is not None and self._live.is_listed(secure)
        )
        expects_https = self._expects_https or is_listed
        return "https" if expects_https and not is_loopback(_hostname(origin)) else scheme

    def distrusted_header(self, environ: WSGIEnvironment) -> str:
        """Return the header that names a host not in ``TRUSTED_HOSTS``; ``""`` for none."""
        if not self._trusted_hosts:
            return ""
        if not self._is_trusted_host(environ):
            return HOST
        forwarded = raw_forwarded_host(environ)
        return FORWARDED_HOST if forwarded and not self._is_trusted(forwarded) else ""

    def untrusted_by(self, environ: WSGIEnvironment, origin: str) -> str:
        """Return the host for which the browser's word does not count; ``""`` for none."""
        host = origin.partition("://")[2]
        if self._trusted_hosts and not self._is_trusted(host):
            return host
        distrusted = self.distrusted_header(environ) == FORWARDED_HOST
        return raw_forwarded_host(environ) or "" if distrusted else ""

    def is_trusted_host(self, environ: WSGIEnvironment) -> bool:
        """Tell whether the request's ``Host`` is in ``TRUSTED_HOSTS``, where that is set."""
        return not self._trusted_hosts or self._is_trusted_host(environ)

    def _is_trusted_host(self, environ: WSGIEnvironment) -> bool:
        host = environ.get("HTTP_HOST")
        if host in self._seen_hosts:
            return True
        try:
            is_trusted = self._is_trusted(host) if host else bool(self._default_host(environ))
        except SecurityError:
            return False
        if is_trusted and host and len(host) <= MAX_ORIGIN_LENGTH:
            if len(self._seen_hosts) >= SEEN_HOSTS_LIMIT:
                self._seen_hosts.clear()
            self._seen_hosts.add(host)
        return is_trusted

    def _default_host(self, environ: WSGIEnvironment) -> str:
        return get_host(environ, self._trusted_hosts)

    def _is_trusted_origin(self, origin: str) -> bool:
        host = _WEB_HOST.fullmatch(origin)
        if host is None or not is_well_formed(origin):
            return False
        return not self._trusted_hosts or self._is_trusted(host[1])

    def _is_trusted(self, host: str) -> bool:
        # Werkzeug cuts an IPv6 address at its first colon; old ones trust whatever follows.
        if host.startswith("["):
            address = _ADDRESS_AND_PORT.fullmatch(host)
            known = map(str.lower, self._trusted_hosts)
            return address is not None and address[1].lower() in known
        try:
            return host_is_trusted(host, self._trusted_hosts)
        except UnicodeError:  # which the first versions of Werkzeug 3 raise for what is no name
            return False


def _hostname(origin: str) -> str:
    host = origin.partition("://")[2]
    return host if host.endswith("]") else re.sub(r":[0-9]+\Z", "", host)


def _by_host(origins: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return origins by what requests have as ``Host``, with the default port and without it.

    A dot at the end of a name, which some proxies take off, makes no other server of it.
    """
    found: dict[str, set[str]] = {}
    for origin in origins:
        scheme, _, host = origin.partition("://")
        name, colon, port = host.partition(".:")
        host = f"{name}:{port}" if colon else host.removesuffix(".")
        for name in (host, f"{host}:{DEFAULT_PORTS[scheme]}"):
            found.setdefault(name, set()).add(origin)
    return {host: frozenset(own) for host, own in found.items()}
