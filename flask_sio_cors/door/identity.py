"""Who is this page? Asked once for each request; everything else takes the answer.

A request names its page by ``Origin``, or by what a browser says of it in ``Sec-Fetch-Site``
(Fetch Metadata, section 2.3), which no page can forge. Everything else in it can be anybody's.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from werkzeug.exceptions import SecurityError
from werkzeug.wsgi import get_host

from ..config.options import Options
from ..origins.grammar import DEFAULT_PORTS, MAX_ORIGIN_LENGTH, is_well_formed
from .callbacks import Interrupter, never_interrupts
from .deciding import decision, question
from .journal import Journal
from .verdicts import Reason

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: How many trusted hosts are remembered.
SEEN_HOSTS_LIMIT: Final = 1024

_PAGE_SCHEMES: Final = {"ws": "http", "wss": "https"}
_DEFAULT_PORT_SUFFIXES: Final = {scheme: f":{port}" for scheme, port in DEFAULT_PORTS.items()}


class Who(Enum):
    """Whose page a request comes from."""

    OWN = "own"  #: the server's
    LISTED = "listed"  #: one that the configuration, or the application's function, lets in
    STRANGER = "stranger"  #: one that nothing lets in, or that cannot be told from such a one
    NOBODY = "nobody"  #: none, as with a typed address, curl, or a native client


class Identity(NamedTuple):
    """Who a page is, with the proof.

    :param reason: the rule that decided it.
    :param header: the request header that it was found in; ``""`` where none says anything.
    :param origin: the ``Origin`` header as it came; ``None`` for none.
    """

    who: Who
    reason: Reason
    header: str
    origin: str | None = None


# A parameter "j" with a value, exactly as `urllib.parse.parse_qs` finds it for Engine.IO. That takes
# ten times as long, 10 ms for a query of 64 KiB.
_NAMES_J: Final = re.compile(r"(?:^|&)(?:j|%6[aA])=[^&]")

# Looking a member up in its class costs as much as the rest.
OWN: Final = Who.OWN
LISTED: Final = Who.LISTED
STRANGER: Final = Who.STRANGER

_OWN_WITHOUT_ORIGIN: Final = Identity(OWN, Reason.NO_ORIGIN, "Sec-Fetch-Site")
_CROSS_SITE: Final = Identity(STRANGER, Reason.CROSS_SITE, "Sec-Fetch-Site")
_JSONP: Final = Identity(STRANGER, Reason.JSONP, "")
_USER: Final = Identity(Who.NOBODY, Reason.NO_ORIGIN, "Sec-Fetch-Site")
_NOBODY: Final = Identity(Who.NOBODY, Reason.NO_ORIGIN, "")


class Identification:
    """Tells who the pages are that ask, by one configuration.

    :param options: the settings.
    :param journal: where faults of a configured function are logged.
    :param interrupter: ends a function that takes too long, where the server can.
    """

    def __init__(
        self,
        options: Options,
        journal: Journal | None = None,
        interrupter: Interrupter = never_interrupts,
    ) -> None:
        self._decide = decision(options)
        self._ask = question(options, journal or Journal(), interrupter)
        self._trusted_hosts = options.trusted_hosts
        self._seen_hosts: set[str] = set()

    def identify(self, environ: WSGIEnvironment) -> Identity:
        """Tell who asks.

        :param environ: the request's WSGI environment, which is left as it is.
        """
        origin = environ.get("HTTP_ORIGIN")
        if self._trusted_hosts and not self.is_trusted_host(environ):
            return Identity(STRANGER, Reason.HOST_NOT_TRUSTED, "Host", origin)
        if origin is None:
            return _without_origin(environ)
        decide = self._decide  # As self._decide(…), it would be taken for a method first.
        answer = decide(origin)
        if answer is True:
            return Identity(LISTED, Reason.ORIGIN_ALLOWED, "Origin", origin)
        if header := _own_name_in(environ, origin):
            return Identity(OWN, Reason.SAME_ORIGIN, header, origin)
        if self._ask is not None and (answer := self._ask(origin)) is True:
            return Identity(LISTED, Reason.ORIGIN_ALLOWED, "Origin", origin)
        return Identity(STRANGER, answer or Reason.ORIGIN_NOT_ALLOWED, "Origin", origin)

    def is_trusted_host(self, environ: WSGIEnvironment) -> bool:
        """Tell whether the request is to a host of Flask's ``TRUSTED_HOSTS``, where that is set."""
        if not self._trusted_hosts:
            return True
        host = environ.get("HTTP_HOST")
        if host in self._seen_hosts:
            return True
        try:
            is_trusted = bool(get_host(environ, self._trusted_hosts))
        except SecurityError:
            return False
        if is_trusted and host and len(host) <= MAX_ORIGIN_LENGTH:
            if len(self._seen_hosts) >= SEEN_HOSTS_LIMIT:
                self._seen_hosts.clear()
            self._seen_hosts.add(host)
        return is_trusted


def _without_origin(environ: WSGIEnvironment) -> Identity:
    """Identify what may be a script, an image, a typed address, curl, or a native client."""
    site = environ.get("HTTP_SEC_FETCH_SITE")
    if site == "same-origin":
        return _OWN_WITHOUT_ORIGIN
    if site is not None and site != "none":
        return _CROSS_SITE
    if is_jsonp(environ):
        return _JSONP
    # "none" is what browsers say of an address that the user typed.
    return _NOBODY if site is None else _USER


def _own_name_in(environ: WSGIEnvironment, origin: str) -> str:
    """Return the header that shows an origin to be the server's own; ``""`` where none does.

    The own origin is the scheme and host of the request or, as Engine.IO has it, the first values
    of ``X-Forwarded-Proto`` and ``X-Forwarded-Host``. A page elsewhere cannot send these two
    without a preflight, which is judged without them. Where the proxy tells the scheme, only that
    counts: behind a proxy that speaks https:, a page that came by http: is somebody else's.
    """
    host, forwarded_host = environ.get("HTTP_HOST", ""), environ.get("HTTP_X_FORWARDED_HOST")
    # Nearly every stranger is told by the host alone, which may come with the scheme's own port.
    if not forwarded_host and host.removesuffix(":443").removesuffix(":80") not in origin:
        return ""
    scheme, forwarded_scheme = environ["wsgi.url_scheme"], environ.get("HTTP_X_FORWARDED_PROTO")
    if forwarded_scheme:
        scheme = forwarded_scheme.partition(",")[0].strip()
    if _is_origin_of(origin, scheme, host):
        return "Host"
    if forwarded_host and _is_origin_of(origin, scheme, forwarded_host.partition(",")[0].strip()):
        return "X-Forwarded-Host"
    return ""


def _is_origin_of(origin: str, scheme: str, host: str) -> bool:
    # Some servers and proxies name a WebSocket's scheme, and some write the default port, which
    # browsers leave out.
    scheme = _PAGE_SCHEMES.get(scheme, scheme)
    host = host.removesuffix(_DEFAULT_PORT_SUFFIXES.get(scheme, ""))
    return origin == f"{scheme}://{host}" and is_well_formed(origin)


def is_jsonp(environ: WSGIEnvironment) -> bool:
    """Tell whether Engine.IO would answer with a script, which any page can include."""
    query = environ.get("QUERY_STRING", "")
    # Most requests have neither spelling of it.
    return ("j=" in query or "%6" in query) and _NAMES_J.search(query) is not None
