"""Who is this page? Asked once for each request; everything else takes the answer.

A request names its page by ``Origin``, or by what a browser says of it in ``Sec-Fetch-Site``
(Fetch Metadata, section 2.3), which no page can forge. Everything else in it can be anybody's.
"""

from __future__ import annotations

import re
from contextlib import nullcontext
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from ..config.options import Options
from ..origins.live import LiveOrigins
from .address import FORWARDED_HOST, HOST
from .deciding import Context, decision, question
from .journal import Journal
from .own import PROOF, PROOF_KEY, OwnOrigin
from .proofs import PROVEN
from .tampering import Tampering, explain_tampering, is_added, is_browsers_websocket
from .verdicts import Reason
from .waiting import Interrupter

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class Who(Enum):
    """Whose page a request comes from."""

    OWN = "own"  #: the server's
    LISTED = "listed"  #: one that the configuration lets in
    ASKED = "asked"  #: one that a function of the application lets in
    STRANGER = "stranger"  #: one that nothing lets in, or that cannot be told from such a one
    NOBODY = "nobody"  #: none, as with a typed address, curl, or a native client


@dataclass(frozen=True, eq=False, slots=True)
class Identity:
    """Who a page is, with the proof. Each that there can be exists once; requests share them.

    :param reason: the rule that decided it.
    :param header: the request header that it was found in; ``""`` where none says anything.
    :param tampering: what a proxy seems to have done to it, where that has decided.
    """

    who: Who
    reason: Reason
    header: str
    tampering: Tampering | None = None


# A parameter "j" with a value, as `urllib.parse.parse_qs` finds it for Engine.IO. That takes ten
# times as long, 10 ms for a query of 64 KiB.
_NAMES_J: Final = re.compile(r"(?:^|&)(?:j|%6[aA])=[^&]")

# Looking a member up in its class costs as much as the rest.
OWN: Final = Who.OWN
LISTED: Final = Who.LISTED
ASKED: Final = Who.ASKED
STRANGER: Final = Who.STRANGER
NOBODY: Final = Who.NOBODY

_LISTED: Final = Identity(LISTED, Reason.ORIGIN_ALLOWED, "Origin")
_ASKED: Final = Identity(ASKED, Reason.ORIGIN_ALLOWED, "Origin")
_OWN: Final = {
    header: Identity(OWN, Reason.SAME_ORIGIN, header)
    for header in ("Origin", PROOF, HOST, FORWARDED_HOST)
}
_UNTRUSTED: Final = {
    header: Identity(STRANGER, Reason.HOST_NOT_TRUSTED, header) for header in (HOST, FORWARDED_HOST)
}
#: Those whom nothing lets in, by the reason.
STRANGERS: Final = {reason: Identity(STRANGER, reason, "Origin") for reason in Reason}
_REPLACED: Final = {
    reason: Identity(STRANGER, reason, "Origin", Tampering.REPLACED) for reason in Reason
}
_STRANGER: Final = STRANGERS[Reason.ORIGIN_NOT_ALLOWED]
_OWN_WITHOUT_ORIGIN: Final = Identity(OWN, Reason.NO_ORIGIN, PROOF)
_CROSS_SITE: Final = Identity(STRANGER, Reason.CROSS_SITE, PROOF)
_CROSS_SITE_WEBSOCKET: Final = Identity(STRANGER, Reason.CROSS_SITE, PROOF, Tampering.REMOVED)
_JSONP: Final = Identity(STRANGER, Reason.JSONP, "")
_USER: Final = Identity(NOBODY, Reason.NO_ORIGIN, PROOF)
_NOBODY: Final = Identity(NOBODY, Reason.NO_ORIGIN, "")

#: Those who have no ``Origin``, or are not let in by it.
UNNAMED: Final = (
    _OWN_WITHOUT_ORIGIN, _CROSS_SITE, _CROSS_SITE_WEBSOCKET, _JSONP, _USER, _NOBODY,
    *_UNTRUSTED.values(), *STRANGERS.values(), *_REPLACED.values(),
)  # fmt: skip


class Identification:
    """Tells who the pages are that ask, by one configuration.

    :param options: the settings.
    :param journal: where faults of a configured function are logged.
    :param interrupter: ends a function that takes too long, where the server can.
    :param context: what a function is called in.
    :param live: what is let in beside what the settings list, and changes meanwhile.
    """

    def __init__(
        self,
        options: Options,
        journal: Journal | None = None,
        interrupter: Interrupter | None = None,
        context: Context = nullcontext,
        live: LiveOrigins | None = None,
    ) -> None:
        self._journal = journal or Journal()
        self._decide = decision(options, live)
        self._ask = question(options, self._journal, interrupter or Interrupter(), context)
        self.own = OwnOrigin(options, live)
        self._host_names = self.own.host_names
        self._checks_hosts = bool(options.trusted_hosts)

    def identify(self, environ: WSGIEnvironment, origin: str | None) -> Identity:
        """Tell who asks.

        :param environ: the request's WSGI environment, which is left as it is.
        :param origin: its ``Origin`` header as it came; ``None`` for none.
        """
        if self._checks_hosts and not self.own.is_trusted_host(environ):
            return _UNTRUSTED[HOST]
        if origin is None:
            return self._without_origin(environ)
        decide = self._decide  # As self._decide(…), it would be taken for a method first.
        answer = decide(origin)
        if answer is True:
            return _LISTED
        # Nearly every stranger is told by the host alone, and nothing else has to be asked.
        if (
            (name := self._host_names.get(environ.get("HTTP_HOST", ""))) is None
            or name in origin
            or PROOF_KEY in environ
            or "HTTP_X_FORWARDED_HOST" in environ
            or PROVEN in environ
        ) and (header := self.own.shown_by(environ, origin)):
            if header == PROOF and is_added(environ):
                self._journal.suspected(explain_tampering(Tampering.ADDED))
            return _OWN[header]
        if self._ask is not None and (answer := self._ask(origin, environ) or answer) is True:
            return _ASKED
        if PROOF_KEY in environ and self.own.is_disproved(environ, origin):
            return _REPLACED[answer or Reason.ORIGIN_NOT_ALLOWED]
        return STRANGERS[answer] if answer else _STRANGER

    def lists(self, origin: str) -> bool:
        """Tell whether an origin is let in without a question to the application."""
        return self._decide(origin) is True

    def is_the_visitors(self, environ: WSGIEnvironment) -> bool:
        """Tell whether a page that is let in as anybody's is the server's own, or the browser's.

        To let it in, that need not be known: a list, or ``"*"``, may have the own origin too.
        """
        # "none" is what browsers say of what no page asked for.
        if environ.get("HTTP_SEC_FETCH_SITE") == "none":
            return True
        origin = environ.get("HTTP_ORIGIN")
        return origin is not None and self.own.shown_by(environ, origin) != ""

    def _without_origin(self, environ: WSGIEnvironment) -> Identity:
        """Identify what may be a script, an image, a typed address, curl, or a native client."""
        is_browsers = "HTTP_UPGRADE" in environ and is_browsers_websocket(environ)
        if is_browsers:
            self._journal.suspected(explain_tampering(Tampering.REMOVED))
        site = environ.get("HTTP_SEC_FETCH_SITE")
        if site == "same-origin":
            header = self.own.distrusted_header(environ)
            if header:
                return _UNTRUSTED[header]
            return _OWN_WITHOUT_ORIGIN
        if site is not None and site != "none":
            return _CROSS_SITE_WEBSOCKET if is_browsers else _CROSS_SITE
        if is_jsonp(environ):
            return _JSONP
        # "none" is what browsers say of an address that the user typed.
        return _NOBODY if site is None else _USER


def is_jsonp(environ: WSGIEnvironment) -> bool:
    """Tell whether Engine.IO would answer with a script, which any page can include."""
    query = environ.get("QUERY_STRING", "")
    # Most requests have neither spelling of it.
    return ("j=" in query or "%6" in query) and _NAMES_J.search(query) is not None
