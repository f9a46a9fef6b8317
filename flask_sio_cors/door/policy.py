"""The decision: a WSGI environ in, a `Verdict` out.

`Policy` is `Options` compiled for speed. It knows neither Flask nor a server, and never raises
because of what a client sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias
from urllib.parse import parse_qs

from werkzeug.exceptions import SecurityError
from werkzeug.wsgi import get_host

from ..config.options import Options
from ..config.values import EveryOrigin
from ..origins.grammar import (
    DEFAULT_PORTS,
    MAX_ORIGIN_LENGTH,
    OPAQUE_ORIGINS,
    is_insecure,
    is_well_formed,
)
from ..origins.sets import OriginSet
from .callbacks import Callback, Interrupter, never_interrupts
from .journal import Journal

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Header: TypeAlias = tuple[str, str]
Headers: TypeAlias = tuple[Header, ...]

#: How many are remembered of the allowed origins, of the header names that preflights ask for, and
#: of the trusted hosts.
SEEN_LIMIT: Final = 1024

# Field names and their separators (RFC 9110, section 5.6.1): what may be reflected.
_HEADER_NAMES: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z, \t-]{1,4096}")

_NO_STORE: Final[Header] = ("Cache-Control", "no-store")
_ANY_ORIGIN: Final[Header] = ("Access-Control-Allow-Origin", "*")
_ALLOW_CREDENTIALS: Final[Header] = ("Access-Control-Allow-Credentials", "true")
_ALLOW_PRIVATE_NETWORK: Final[Header] = ("Access-Control-Allow-Private-Network", "true")
_PAGE_SCHEMES: Final = {"ws": "http", "wss": "https"}
_DEFAULT_PORT_SUFFIXES: Final = {scheme: f":{port}" for scheme, port in DEFAULT_PORTS.items()}


class Outcome(Enum):
    """Who answers a request."""

    ALLOWED = "allowed"  #: Engine.IO, its response completed with the verdict's headers
    PREFLIGHT = "preflight"  #: the guard, with the verdict's status and headers and no body
    REFUSED = "refused"  #: the guard, with the verdict's status and headers and an error


class Reason(str, Enum):
    """Why a request was let in or kept out; also a text, such as ``origin-not-allowed``."""

    # Looked up at each refusal: Enum's own is written in Python.
    __hash__ = str.__hash__
    __str__ = str.__str__

    SAME_ORIGIN = "same-origin"
    ORIGIN_ALLOWED = "origin-allowed"
    NO_ORIGIN = "no-origin"
    ORIGIN_NOT_ALLOWED = "origin-not-allowed"
    ORIGIN_MALFORMED = "origin-malformed"
    ORIGIN_OPAQUE = "opaque-origin-with-credentials"
    ORIGIN_INSECURE = "insecure-origin-with-credentials"
    ORIGIN_CALLABLE_FAILED = "origin-callable-failed"
    CROSS_SITE = "cross-site-without-origin"
    JSONP = "jsonp-without-origin"
    HOST_NOT_TRUSTED = "host-not-trusted"
    DENIED = "denied-by-allow-request"
    ALLOW_REQUEST_FAILED = "allow-request-failed"


# The members that every request meets; looking one up in its class costs as much as the rest.
ALLOWED: Final = Outcome.ALLOWED
PREFLIGHT: Final = Outcome.PREFLIGHT
REFUSED: Final = Outcome.REFUSED

_OK: Final = "200 OK"
_FORBIDDEN: Final = "403 Forbidden"
_REFUSED_STATUS: Final = {Reason.HOST_NOT_TRUSTED: "400 Bad Request"}


class Verdict(NamedTuple):
    """What happens to a request. A policy makes its verdicts once; requests share them.

    :param headers: those that all answers to requests of this kind have in common.
    :param status: of the guard's own answers.
    """

    outcome: Outcome
    reason: Reason
    headers: Headers
    status: str = _OK


#: A verdict, and the headers that one answer has besides the verdict's.
Judgement: TypeAlias = tuple[Verdict, Headers]


def complete(judgement: Judgement) -> Verdict:
    """Return the verdict with all the headers of one answer, for those who are not in a hurry."""
    verdict, own = judgement
    return verdict._replace(headers=own + verdict.headers)


def status_line(code: int) -> str:
    """Return a WSGI status such as ``204 No Content``, for any code from 200 to 599."""
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return f"{code} Success"


class Policy:
    """The rules of one configuration, in the form in which they are asked.

    A policy does not change: another configuration is another policy. It only remembers, within
    fixed bounds, what it has answered to origins that it lets in.

    :param options: the settings.
    :param journal: where faults of a configured callable are logged.
    :param interrupter: ends a callable that takes too long, where the server can.
    """

    def __init__(
        self,
        options: Options,
        journal: Journal | None = None,
        interrupter: Interrupter = never_interrupts,
    ) -> None:
        self.options = options
        self.allow_request = options.allow_request
        self.preflight_continue = options.preflight_continue
        origins = options.origins
        self._lets_all_in = isinstance(origins, EveryOrigin)
        self._names_origin = origins is not EveryOrigin.WILDCARD
        self._remembers = isinstance(origins, OriginSet)
        self._decide = _decision(options)
        self._ask = _question(options, journal or Journal(), interrupter)
        self._seen: dict[str, Judgement] = {}
        self._seen_names: set[str] = set()
        self._seen_hosts: set[str] = set()
        self._trusted_hosts = options.trusted_hosts
        self._allows_private_network = options.allow_private_network
        self._make_verdicts()

    def _make_verdicts(self) -> None:
        options = self.options
        vary: tuple[str, ...] = ("Origin",) if self._names_origin else ()
        readable = [] if self._names_origin else [_ANY_ORIGIN]
        if options.supports_credentials:
            readable.append(_ALLOW_CREDENTIALS)
        if options.expose_headers:
            readable.append(_list_header("Access-Control-Expose-Headers", options.expose_headers))
        # No cache keeps a refusal (RFC 9111, section 3), nor an answer to OPTIONS.
        refused = _vary_header(*vary)
        common = (_NO_STORE, *refused)
        actual = (*readable, *common)
        self._allowed = Verdict(ALLOWED, Reason.ORIGIN_ALLOWED, actual)
        self._same_origin = Verdict(ALLOWED, Reason.SAME_ORIGIN, actual)
        to_nobody = common if self._names_origin else actual
        self._without_origin: Judgement = Verdict(ALLOWED, Reason.NO_ORIGIN, to_nobody), ()
        self._refusals: dict[Reason, Judgement] = {
            reason: (_refusal(reason, refused), ()) for reason in Reason
        }
        self._not_allowed = self._refusals[Reason.ORIGIN_NOT_ALLOWED]
        self._make_preflight_verdicts(readable, vary)

    def _make_preflight_verdicts(self, readable: list[Header], vary: tuple[str, ...]) -> None:
        options = self.options
        headers = [*readable, _list_header("Access-Control-Allow-Methods", options.methods)]
        # With credentials "*" is no wildcard (Fetch standard, section 4.8), so that the requested
        # names are sent back instead.
        names = options.allow_headers
        self._reflects_headers = names is None or ("*" in names and options.supports_credentials)
        if self._reflects_headers:
            vary += ("Access-Control-Request-Headers",)
        elif names:
            headers.append(_list_header("Access-Control-Allow-Headers", names))
        if options.max_age is not None:
            headers.append(("Access-Control-Max-Age", str(options.max_age)))
        finished = (*headers, *_vary_header(*vary))
        status = status_line(options.options_success_status)
        self._preflight = Verdict(PREFLIGHT, Reason.ORIGIN_ALLOWED, finished, status)
        self._own_preflight = Verdict(PREFLIGHT, Reason.SAME_ORIGIN, finished, status)

    # --- The verdict table ------------------------------------------------------------------

    def judge(self, environ: WSGIEnvironment) -> Judgement:
        """Decide about one request.

        :param environ: its WSGI environment, which is left as it is.
        """
        if self._trusted_hosts and not self._is_trusted_host(environ):
            return self._refusals[Reason.HOST_NOT_TRUSTED]
        origin = environ.get("HTTP_ORIGIN")
        if origin is None:
            return self._judge_without_origin(environ)
        judged = self._seen.get(origin)
        if judged is None:
            decide = self._decide  # As self._decide(…), it would be taken for a method first.
            answer = decide(origin)
            if answer is True:
                judged = self._let_in(origin, self._allowed)
            elif is_same_origin(origin, environ):
                judged = self._let_in(origin, self._same_origin)
            elif self._ask is not None and (answer := self._ask(origin)) is True:
                judged = self._let_in(origin, self._allowed)
            else:
                return self._refusals[answer] if answer else self._not_allowed
        if (
            "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
            and environ["REQUEST_METHOD"] == "OPTIONS"
        ):
            return self._judge_preflight(judged, environ)
        return judged

    def _let_in(self, origin: str, verdict: Verdict) -> Judgement:
        own = (("Access-Control-Allow-Origin", origin),) if self._names_origin else ()
        judged = verdict, own
        if self._remembers and verdict is self._allowed:
            if len(self._seen) >= SEEN_LIMIT:
                self._seen.clear()
            self._seen[origin] = judged
        return judged

    def _judge_without_origin(self, environ: WSGIEnvironment) -> Judgement:
        """Judge what may be a script, an image, a typed address, curl, or a native client.

        ``Sec-Fetch-Site`` is the browser's own word (Fetch Metadata, section 2.3), which no page
        can forge; it says ``none`` of what the user asked for, such as a typed address.
        """
        if self._lets_all_in:
            return self._without_origin
        site = environ.get("HTTP_SEC_FETCH_SITE")
        if site == "same-origin":
            return self._without_origin
        if site is not None and site != "none":
            return self._refusals[Reason.CROSS_SITE]
        if is_jsonp(environ):
            return self._refusals[Reason.JSONP]
        return self._without_origin

    def _judge_preflight(self, judged: Judgement, environ: WSGIEnvironment) -> Judgement:
        """Complete what an allowed origin gets with what a preflight asks (Fetch, section 4.8)."""
        verdict, own = judged
        if self._reflects_headers:
            names = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS")
            if names and (names in self._seen_names or self._are_header_names(names)):
                own += (("Access-Control-Allow-Headers", names),)
        if (
            self._allows_private_network
            and environ.get("HTTP_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK") == "true"
        ):
            own += (_ALLOW_PRIVATE_NETWORK,)
        return (self._preflight if verdict is self._allowed else self._own_preflight), own

    def _are_header_names(self, names: str) -> bool:
        if not _HEADER_NAMES.fullmatch(names):
            return False
        if len(names) <= MAX_ORIGIN_LENGTH:
            _remember(names, self._seen_names)
        return True

    def _is_trusted_host(self, environ: WSGIEnvironment) -> bool:
        host = environ.get("HTTP_HOST")
        if host in self._seen_hosts:
            return True
        try:
            trusted = bool(get_host(environ, self._trusted_hosts))
        except SecurityError:
            return False
        if trusted and host and len(host) <= MAX_ORIGIN_LENGTH:
            _remember(host, self._seen_hosts)
        return trusted


# --- What decides about a cross-origin request's origin --------------------------------------

#: ``True`` lets an origin in; ``False``, or a reason of its own, keeps it out.
_Decision: TypeAlias = Callable[[str], "bool | Reason"]


def _decision(options: Options) -> _Decision:
    """Return what decides on its own, without asking the application."""
    origins = options.origins
    if origins is EveryOrigin.WILDCARD:
        return lambda origin: True
    if origins is EveryOrigin.REFLECTED:
        return _well_formed(lambda origin: True)
    if not isinstance(origins, OriginSet):
        return lambda origin: False
    if not origins.has_patterns:
        return origins.exact.__contains__
    # What a regular expression admits is not known before it comes; everything else was checked
    # when the configuration was read.
    is_checked = not (options.supports_credentials and origins.has_regexes)
    listed = origins.__contains__ if origins.exact else origins.matches
    return listed if is_checked else _credentialed(listed, options)


def _question(options: Options, journal: Journal, interrupter: Interrupter) -> _Decision | None:
    """Return what asks the application's function, where one is configured.

    It may take its time, or fail, which the server's own pages do not wait for.
    """
    if isinstance(options.origins, (EveryOrigin, OriginSet)):
        return None
    key = options.sources.get("ORIGINS", "SIO_CORS_ORIGINS")
    callback = Callback(options.origins, key, options.callback_timeout, journal, interrupter)
    decide = _asked(callback)
    return _well_formed(_credentialed(decide, options) if options.supports_credentials else decide)


def _asked(callback: Callback) -> _Decision:
    def decide(origin: str) -> bool | Reason:
        answer = callback.ask(origin)
        return Reason.ORIGIN_CALLABLE_FAILED if answer is None else answer

    return decide


def _well_formed(rule: _Decision) -> _Decision:
    """Keep what no browser sends from the application's function and from being reflected."""
    return lambda origin: rule(origin) if is_well_formed(origin) else Reason.ORIGIN_MALFORMED


def _credentialed(rule: _Decision, options: Options) -> _Decision:
    """Keep out what must not come with credentials, whatever the rule says of it."""

    def decide(origin: str) -> bool | Reason:
        answer = rule(origin)
        if answer is not True:
            return answer
        if origin in OPAQUE_ORIGINS:
            return Reason.ORIGIN_OPAQUE
        if is_insecure(origin) and not options.tolerate_insecure_origins:
            return Reason.ORIGIN_INSECURE
        return True

    return decide


# --- What a request is -----------------------------------------------------------------------


def is_same_origin(origin: str, environ: WSGIEnvironment) -> bool:
    """Tell whether a request comes from a page of the server's own origin.

    That is the scheme and host of the request or, as Engine.IO has it, the first values of
    ``X-Forwarded-Proto`` and ``X-Forwarded-Host``. A page elsewhere cannot send these two without
    a preflight, which is judged without them. Where the proxy tells the scheme, only that counts:
    behind a proxy that speaks https:, a page that came by http: is somebody else's.
    """
    host, forwarded_host = environ.get("HTTP_HOST", ""), environ.get("HTTP_X_FORWARDED_HOST")
    # Nearly every stranger is told by the host alone, which may come with the scheme's own port.
    if not forwarded_host and host.removesuffix(":443").removesuffix(":80") not in origin:
        return False
    scheme, forwarded_scheme = environ["wsgi.url_scheme"], environ.get("HTTP_X_FORWARDED_PROTO")
    if forwarded_scheme:
        scheme = forwarded_scheme.partition(",")[0].strip()
    if _is_origin_of(origin, scheme, host):
        return True
    if not forwarded_host:
        return False
    return _is_origin_of(origin, scheme, forwarded_host.partition(",")[0].strip())


def _is_origin_of(origin: str, scheme: str, host: str) -> bool:
    # Some servers and proxies name a WebSocket's scheme, and some write the default port, which
    # browsers leave out.
    scheme = _PAGE_SCHEMES.get(scheme, scheme)
    host = host.removesuffix(_DEFAULT_PORT_SUFFIXES.get(scheme, ""))
    return origin == f"{scheme}://{host}" and is_well_formed(origin)


def is_jsonp(environ: WSGIEnvironment) -> bool:
    """Tell whether Engine.IO would answer with a script, which any page can include."""
    query = environ.get("QUERY_STRING", "")
    # Only these two spellings of "j=" decode to it; most requests have neither.
    return ("j=" in query or "%6" in query) and "j" in parse_qs(query)


def is_handshake(environ: WSGIEnvironment) -> bool:
    """Tell whether Engine.IO would open a session; it reads the query exactly like this."""
    return environ["REQUEST_METHOD"] == "GET" and "sid" not in parse_qs(
        environ.get("QUERY_STRING", "")
    )


# --- Headers and verdicts --------------------------------------------------------------------


def _list_header(name: str, values: tuple[str, ...]) -> Header:
    return (name, ", ".join(values))


def _vary_header(*names: str) -> tuple[Header, ...]:
    return (_list_header("Vary", names),) if names else ()


def _refusal(reason: Reason, headers: tuple[Header, ...]) -> Verdict:
    return Verdict(Outcome.REFUSED, reason, headers, _REFUSED_STATUS.get(reason, _FORBIDDEN))


def _remember(text: str, seen: set[str]) -> None:
    if len(seen) >= SEEN_LIMIT:
        seen.clear()
    seen.add(text)
