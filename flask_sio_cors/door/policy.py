"""The decision: a WSGI environ in, a `Verdict` out.

`Policy` is `Options` compiled for speed. It knows neither Flask nor a server, and never raises
because of what a client sent.
"""

from __future__ import annotations

import re
from contextlib import nullcontext
from typing import TYPE_CHECKING, Final, TypeAlias

from ..config.options import Options
from ..config.origins import EveryOrigin
from ..origins.grammar import MAX_ORIGIN_LENGTH
from ..origins.live import LiveOrigins
from ..origins.sets import OriginSet
from .deciding import Context
from .identity import ASKED, LISTED, NOBODY, OWN, STRANGERS, UNNAMED, Identification, Identity
from .journal import Journal
from .own import PROOF
from .verdicts import ALLOWED, PREFLIGHT, REFUSED, Header, Headers, Reason, Verdict, status_line
from .waiting import Interrupter

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from .hidden import Clue, Server

#: How many are remembered of the allowed origins, and of the header names that preflights ask for.
SEEN_LIMIT: Final = 1024

# Field names and their separators (RFC 9110, section 5.6.1): what may be reflected.
_HEADER_NAMES: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z, \t-]{1,4096}")

_NO_STORE: Final[Header] = ("Cache-Control", "no-store")
_ANY_ORIGIN: Final[Header] = ("Access-Control-Allow-Origin", "*")
_ALLOW_CREDENTIALS: Final[Header] = ("Access-Control-Allow-Credentials", "true")
_ALLOW_PRIVATE_NETWORK: Final[Header] = ("Access-Control-Allow-Private-Network", "true")

_FORBIDDEN: Final = "403 Forbidden"
_REFUSED_STATUS: Final = {Reason.HOST_NOT_TRUSTED: "400 Bad Request"}

#: A verdict, the headers that one answer has besides the verdict's, and who asked.
Judgement: TypeAlias = tuple[Verdict, Headers, Identity]


_Seen: TypeAlias = dict["str | None", Judgement]


def complete(judgement: Judgement) -> Verdict:
    """Return the verdict with all the headers of one answer, for those who are not in a hurry."""
    verdict, own, _ = judgement
    return verdict._replace(headers=own + verdict.headers)


class Policy:
    """The rules of one configuration, in the form in which they are asked.

    A policy does not change: another configuration is another policy. It only remembers, within
    fixed bounds, what it has answered to origins that it lets in; whoever takes one away from
    `live` lets it `forget`.

    :param options: the settings.
    :param journal: where faults of a configured callable are logged.
    :param interrupter: ends a callable that takes too long, where the server can.
    :param context: what a callable is called in.
    :param live: origins that are let in beside those of the settings, and change meanwhile.
    """

    def __init__(
        self,
        options: Options,
        journal: Journal | None = None,
        interrupter: Interrupter | None = None,
        context: Context = nullcontext,
        live: LiveOrigins | None = None,
    ) -> None:
        self.options = options
        self.allow_request = options.allow_request
        self.preflight_continue = options.preflight_continue
        origins = options.origins
        self._names_origin = origins is not EveryOrigin.WILDCARD
        self._remembers = isinstance(origins, OriginSet)
        self._pages = Identification(options, journal, interrupter, context, live)
        self._identify = self._pages.identify  # Two look-ups fewer, each time.
        self._checks_hosts = bool(options.trusted_hosts)
        self._seen: _Seen = {}
        self._seen_names: set[str] = set()
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
        # Refusals too: a verdict also hangs on Sec-Fetch-Site, and some proxies cache every status.
        common = (_NO_STORE, *_vary_header(*vary))
        actual = (*readable, *common)
        to_nobody = common if self._names_origin else actual
        without_origin = Verdict(ALLOWED, Reason.NO_ORIGIN, to_nobody, credentials=True)
        listed = Verdict(ALLOWED, Reason.ORIGIN_ALLOWED, actual)
        self._verdicts = {reason: _refusal(reason, common) for reason in Reason}
        self._verdicts |= {
            Reason.ORIGIN_ALLOWED: listed._replace(credentials=options.supports_credentials),
            Reason.SAME_ORIGIN: Verdict(ALLOWED, Reason.SAME_ORIGIN, actual, credentials=True),
            Reason.NO_ORIGIN: without_origin,
        }
        if isinstance(options.origins, EveryOrigin):
            # Where every page may ask, those may too that a browser does not name.
            unnamed = without_origin._replace(credentials=False)
            self._verdicts |= dict.fromkeys((Reason.CROSS_SITE, Reason.JSONP), unnamed)
        self._finished: dict[Identity, Judgement] = {
            page: (self._verdicts[page.reason], (), page) for page in UNNAMED
        }
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
        self._preflights = {
            reason: Verdict(PREFLIGHT, reason, finished, status)
            for reason in (Reason.ORIGIN_ALLOWED, Reason.SAME_ORIGIN)
        }

    # --- The verdict table ------------------------------------------------------------------

    def judge(self, environ: WSGIEnvironment) -> Judgement:
        """Decide about one request.

        :param environ: its WSGI environment, which is left as it is.
        """
        # What is found out now is remembered there, even if it is forgotten meanwhile.
        seen = self._seen
        origin = environ.get("HTTP_ORIGIN")
        judged = seen.get(origin)
        if judged is None or (self._checks_hosts and not self._pages.own.is_trusted_host(environ)):
            identify = self._identify
            page = identify(environ, origin)
            finished = self._finished.get(page)
            if finished is not None:
                return finished
            own: Headers = ()
            if self._names_origin and origin is not None:
                own = (("Access-Control-Allow-Origin", origin),)
            judged = self._verdicts[page.reason], own, page
            # What lets in the server's own pages is not their origin alone.
            if self._remembers and page.who is LISTED:
                if len(seen) >= SEEN_LIMIT:
                    seen.clear()
                seen[origin] = judged
        if (
            "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
            and environ["REQUEST_METHOD"] == "OPTIONS"
        ):
            return self._judge_preflight(judged, environ)
        return judged

    def refuse(self, reason: Reason) -> Judgement:
        """Refuse a request for a reason that is found elsewhere."""
        return self._finished[STRANGERS[reason]]

    def is_trusted_host(self, environ: WSGIEnvironment) -> bool:
        """Tell whether the request's ``Host`` is in ``TRUSTED_HOSTS``, where that is set."""
        return self._pages.own.is_trusted_host(environ)

    def forget(self) -> None:
        """Remember nothing of what was answered before, after `live` has lost something."""
        self._seen = {}

    def doubts(self, origin: str | None, page: Identity, *, asks: bool) -> bool:
        """Tell whether a page that was let in has to be judged again, after a change.

        Those of the server's own, and nobody's, stay.

        :param origin: its ``Origin`` header as it came; ``None`` for none.
        :param page: who it was then, maybe by another policy.
        :param asks: whether those are in doubt that a function of the application has let in.
        """
        if page.who is OWN or page.who is NOBODY:
            return False
        if page.who is ASKED:
            return asks
        return origin is None or not self._pages.lists(origin)

    def grants_credentials(self, environ: WSGIEnvironment, judgement: Judgement) -> bool:
        """Tell whether a request that is let in may act in its visitor's name.

        Others get what everybody gets: no cookie comes in with them, and none goes out.

        :param environ: its WSGI environment, which is left as it is.
        """
        return judgement[0].credentials or self._pages.is_the_visitors(environ)

    def server_of(
        self, environ: WSGIEnvironment, origin: str | None, clue: Clue | None = None
    ) -> Server | None:
        """Return what the server takes itself for at a request, to explain a verdict."""
        from .hidden import server_of  # to explain, alone

        return server_of(self._pages.own, environ, origin, clue)

    def is_proven(self, environ: WSGIEnvironment, origin: str) -> bool:
        """Tell whether the browser itself says that an origin is the server's own."""
        return self._pages.own.shown_by(environ, origin) == PROOF

    def _judge_preflight(self, judged: Judgement, environ: WSGIEnvironment) -> Judgement:
        """Complete what an allowed origin gets with what a preflight asks (Fetch, section 4.8)."""
        verdict, own, page = judged
        if self._reflects_headers:
            names = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS")
            if names and (names in self._seen_names or self._are_header_names(names)):
                own += (("Access-Control-Allow-Headers", names),)
        if (
            self._allows_private_network
            and environ.get("HTTP_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK") == "true"
        ):
            own += (_ALLOW_PRIVATE_NETWORK,)
        return self._preflights[verdict.reason], own, page

    def _are_header_names(self, names: str) -> bool:
        if not _HEADER_NAMES.fullmatch(names):
            return False
        if len(names) <= MAX_ORIGIN_LENGTH:
            if len(self._seen_names) >= SEEN_LIMIT:
                self._seen_names.clear()
            self._seen_names.add(names)
        return True


# --- Headers and verdicts --------------------------------------------------------------------


def _list_header(name: str, values: tuple[str, ...]) -> Header:
    return (name, ", ".join(values))


def _vary_header(*names: str) -> tuple[Header, ...]:
    return (_list_header("Vary", names),) if names else ()


def _refusal(reason: Reason, headers: tuple[Header, ...]) -> Verdict:
    return Verdict(REFUSED, reason, headers, _REFUSED_STATUS.get(reason, _FORBIDDEN))
