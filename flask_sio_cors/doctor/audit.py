"""Who else gets in: other sites, look-alikes, WebSockets, scripts; and answers that caches mix up.

Another question than the doctor's, and as many requests of its own. `HOLES` is the table of what
is looked for: what is sent, what of the answer shows the hole, and what is told.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlsplit

from ..browser.fetch import Header, Page, varies_by_origin
from ..origins.grammar import is_loopback
from ..origins.lookalikes import longer_port, neighbours, other_port
from .advice import Topic, advise
from .browser import Browser, fetch_metadata, origin_of
from .facts import Answers, gets_in
from .findings import Finding, Severity, worst_first
from .fixes import Fix, allowing
from .plan import a_stranger
from .proof import proof_of
from .protocol import session_of
from .session import leave
from .target import Target
from .who import is_extension, proxy_of
from .wire import UNANSWERED, ClosedError, Exchange, SpentError, Wire

# --- What is sent ----------------------------------------------------------------------------

#: The page itself, a stranger by polling and by WebSocket, and a <script> on another site; any
#: other name is an origin, in whose name a session is asked for.
_PAGE: Final = "page"
_STRANGER: Final = "stranger"
_WEBSOCKET: Final = "websocket"
_SCRIPT: Final = "script"


@dataclass(frozen=True)
class Facts(Answers):
    """What a server answered in the names of others.

    :param asked: the answers, by what was sent.
    :param is_spent: whether the bounds were reached.
    """

    target: Target
    page: Page
    asked: Mapping[str, Exchange] = field(default_factory=dict)
    is_spent: bool = False
    requests: int = 0
    seconds: float = 0.0

    @property
    def exchanges(self) -> Sequence[Exchange]:
        """Every exchange that is known."""
        return tuple(self.asked.values())

    @property
    def own(self) -> Exchange | None:
        """The answer to the page itself."""
        return self.asked.get(_PAGE)

    @property
    def lets_all_in(self) -> bool:
        """Whether a stranger may read its answer."""
        return self.lets_in(_STRANGER)

    def lets_in(self, name: str | None) -> bool:
        """Tell whether what asked by a name gets in."""
        asked = self.asked.get(name or "")
        return asked is not None and gets_in(asked, _origin(asked))

    @property
    def untold(self) -> list[Exchange]:
        """The answers that do not tell."""
        limits = (408, 429, 502, 503, 504)
        known = [(one, one.response) for name, one in self.asked.items() if name != _WEBSOCKET]
        failed = [one for one, answer in known if answer is None or answer.status in limits]
        return [*failed, *[_NOT_SENT] * self.is_spent]


#: Stands for what was not asked for any more.
_NOT_SENT: Final = Exchange("", "", (), UNANSWERED)


def _origin(asked: Exchange) -> str:
    return dict(asked.headers).get("Origin", "")


def ask(target: Target, page: Page, wire: Wire) -> Facts:
    """Ask in the name of others, within the bounds of `Wire`."""
    return asyncio.run(_Plan(Facts(target, page), wire).run())


class _Plan:
    def __init__(self, facts: Facts, wire: Wire) -> None:
        self._facts, self._wire = facts, wire

    async def run(self) -> Facts:
        try:
            await self._ask_all()
        except SpentError:
            self._know(is_spent=True)
        await asyncio.sleep(0)
        self._know(requests=self._wire.requests, seconds=self._wire.seconds)
        return self._facts

    def _know(self, **found: Any) -> None:
        self._facts = replace(self._facts, **found)

    async def _ask_all(self) -> None:
        await self._ask(_PAGE)
        if self._facts.asked[_PAGE].head is None:
            return
        for hole in HOLES:
            for name in hole.sent(self._facts):
                # Whom everybody is, nobody has to be asked about.
                is_told = self._facts.lets_all_in and name != _SCRIPT
                if name not in self._facts.asked and not is_told:
                    await self._ask(name)

    async def _ask(self, name: str) -> None:
        ways = {_PAGE: self._as_page, _WEBSOCKET: self._by_websocket, _SCRIPT: self._as_script}
        asked = await ways[name]() if name in ways else await self._in_the_name_of(name)
        self._know(asked={**self._facts.asked, name: asked})
        if name != _WEBSOCKET:
            await leave(self._wire, asked)

    async def _as_page(self) -> Exchange:
        browser = Browser(self._facts.page, self._wire)
        return (await browser.fetch("GET", self._facts.target.polling())).last

    async def _in_the_name_of(self, name: str) -> Exchange:
        url, origin = self._facts.target.polling(), a_stranger() if name == _STRANGER else name
        headers: tuple[Header, ...] = (("Origin", origin), *fetch_metadata(origin, url))
        return await self._wire.send("GET", url, headers)

    async def _as_script(self) -> Exchange:
        url = f"{self._facts.target.polling()}&j=0"
        site = "https://sio-cors-doctor.example"
        return await self._wire.send("GET", url, fetch_metadata(site, url, "no-cors", "script"))

    async def _by_websocket(self) -> Exchange:
        url = self._facts.target.websocket()
        asked, websocket = await self._wire.shake_hands(url, (), a_stranger())
        if websocket is None or asked.response is None:
            return asked
        said: list[str] = []
        with suppress(ClosedError):
            said = await websocket.receive(self._wire.patience.aside)
        await websocket.close()
        return replace(asked, outcome=replace(asked.response, body="\x1e".join(said).encode()))


# --- What the answers show -------------------------------------------------------------------


def _let_in(facts: Facts, name: str) -> bool:
    return facts.lets_in(name)


def _opened(facts: Facts, name: str) -> bool:
    return session_of(facts.asked[name]) is not None


def _has_cookies(facts: Facts, name: str) -> bool:
    """Tell whether an answer may be read with the visitor's cookies."""
    response = facts.asked[name].response
    if response is None or response.combined("Access-Control-Allow-Origin") == "*":
        return False
    return response.combined("Access-Control-Allow-Credentials") == "true"


def _alike(facts: Facts) -> Iterable[str | None]:
    origin = facts.page.origin
    # Where every port is meant to get in, a longer one says nothing of the pattern's end.
    is_any_port = facts.lets_in(other_port(origin))
    return (None if is_any_port else longer_port(origin), *neighbours(origin))


def _plain_twin(facts: Facts) -> Iterable[str]:
    origin = facts.page.origin
    is_secure = origin.startswith("https://") and not _is_here(facts)
    return [origin.replace("https://", "http://", 1)] * is_secure


def _is_here(facts: Facts) -> bool:
    return is_loopback(urlsplit(facts.page.origin).hostname or "")


def _scripted(facts: Facts, name: str) -> bool:
    is_public = facts.lets_all_in and not _has_cookies(facts, _STRANGER)
    return _opened(facts, name) and not is_public


def _unvaried(facts: Facts, *, stored: bool) -> bool:
    """Tell whether the page's answer does not say that it is for this page.

    :param stored: whether caches may keep it.
    """
    both = (facts.asked.get(_PAGE), facts.asked.get(_STRANGER))
    own, other = (one.response if one is not None else None for one in both)
    if own is None or other is None or origin_of(facts.target.base) == facts.page.origin:
        return False
    allowed = own.combined("Access-Control-Allow-Origin")
    is_one = allowed in (None, "*") or allowed == other.combined("Access-Control-Allow-Origin")
    is_stored = "no-store" not in (own.combined("Cache-Control") or "")
    return not is_one and not varies_by_origin(own) and is_stored is stored


# --- What is told ----------------------------------------------------------------------------


def _only(facts: Facts) -> Fix:
    """Return what lets the page in, and nobody else."""
    return allowing(facts.page, adds=False)


def _closing(facts: Facts) -> Fix:
    """Return what looks at the origin where CORS does not: at WebSockets and at JSONP."""
    fix = allowing(
        facts.page,
        options=[
            "allowRequest: ({ headers: { origin }, _query: { j } }, callback) => {",
            f"  const known = [{json.dumps(facts.page.origin)}, /* and your others */];",
            "  const isListed = origin === undefined ? j === undefined",
            "    : known.includes(origin);",
            "  callback(null, isListed);",
            "},",
        ],
    )
    # That server takes a script for somebody without an origin; JSONP is a kind of polling.
    line = '    transports=["websocket"],  # in the client, too\n)'
    return replace(fix, asyncio=f"{fix.asyncio.removesuffix(')')}{line}")


def _varying(facts: Facts) -> Fix:
    own = facts.own.response if facts.own is not None else None
    if is_extension(own):
        lost = advise(Topic.HIDES, proxy_of(own), header="Vary")
        return Fix(elsewhere=f"SioCors has sent Vary: Origin. {lost}")
    by_hand = "Where the header is set by hand, set Vary: Origin with it. SioCors sends it, as does Socket.IO for Node.js where its origins are a list."
    return allowing(facts.page, elsewhere=by_hand)


@dataclass(frozen=True)
class Hole:
    """A hole: what is sent, what of an answer shows it, and what is told.

    :param sends: in whose name is asked, or how; ``None`` is nobody.
    :param shows: tells whether an answer, by what was sent, shows it.
    :param cause: with ``{names}`` for the origins that got the answers which show it.
    """

    id: str
    severity: Severity
    sends: Callable[[Facts], Iterable[str | None]]
    shows: Callable[[Facts, str], bool]
    title: str
    cause: str
    fix: Callable[[Facts], Fix] = _only

    def sent(self, facts: Facts) -> Iterable[str]:
        """Return what is sent to look for it."""
        return filter(None, self.sends(facts))

    def found(self, facts: Facts) -> Finding | None:
        """Return what is told of it; ``None`` where it is not open."""
        known = [name for name in self.sent(facts) if name in facts.asked]
        shown = [facts.asked[name] for name in known if self.shows(facts, name)]
        return self.told(facts, shown) if shown else None

    def told(self, facts: Facts, shown: Sequence[Exchange]) -> Finding:
        """Return what is told of it by the answers that show it."""
        cause = self.cause.format(names=", ".join(map(_origin, shown)))
        proof = proof_of(one for one in shown[:1] if one is not _NOT_SENT)
        fix = self.fix(facts).fitted(facts)
        return Finding(self.id, self.severity, self.title, cause, fix, proof=proof)


_WRONG, _NOTE = Severity.WRONG, Severity.NOTE
_NO_VARY: Final = (
    "The answer depends on the origin and does not say so.",
    "The answer names the origin that asked, but does not say so with Vary: Origin. A cache may give it to pages of other origins, which are then blocked: “does not match”.",
    _varying,
)
#: All that apply are told.
HOLES: Final = (
    Hole(
        "any-origin-with-credentials",
        _WRONG,
        lambda _: [_STRANGER],
        lambda f, name: f.lets_in(name) and _has_cookies(f, name),
        "Every site is let in, with the visitor's cookies.",
        "The server sends back whatever origin asks, together with Access-Control-Allow-Credentials: true. Any site can open a session with its visitors' cookies and act in their name.",
    ),
    Hole(
        "any-origin",
        _WRONG,
        lambda _: [_STRANGER],
        lambda f, name: f.lets_in(name) and not _has_cookies(f, name),
        "Every site is let in.",
        "That is right for public content only. Without credentials no cookies are at risk.",
    ),
    Hole(
        "null-allowed",
        _WRONG,
        lambda f: ["null"] * (f.page.origin != "null"),
        _let_in,
        "The origin “null” is let in.",
        "Any page can have the origin “null”: a sandboxed iframe is enough. To allow it is to allow every site.",
    ),
    Hole(
        "neighbours-allowed",
        _WRONG,
        _alike,
        _let_in,
        "Look-alikes of the page's origin are let in.",
        "These are origins of others: {names}. The server compares with a pattern that is open at an end, or whose dots stand for any character.",
    ),
    Hole(
        "insecure-twin",
        _WRONG,
        _plain_twin,
        lambda f, name: f.lets_in(name) and _has_cookies(f, name),
        "The page's unencrypted twin is let in, with cookies.",
        "Anyone on the way can speak in the name of {names}, which is not encrypted, and use the visitor's cookies.",
    ),
    Hole(
        "websocket-open",
        _WRONG,
        lambda _: [_WEBSOCKET],
        _opened,
        "WebSocket is open to every site.",
        "Browsers leave it to the server to look at a WebSocket's origin, and this one does not: any site can open a session, with the visitor's cookies where their SameSite permits.",
        _closing,
    ),
    Hole(
        "jsonp-open",
        _WRONG,
        lambda _: [_SCRIPT],
        _scripted,
        "JSONP is open to every site.",
        "A <script> on any site can open a session and read it: JSONP knows no origin, so the list of allowed origins does not protect it.",
        _closing,
    ),
    Hole("no-vary", _WRONG, lambda _: [_PAGE], lambda f, _: _unvaried(f, stored=True), *_NO_VARY),
    Hole("no-vary", _NOTE, lambda _: [_PAGE], lambda f, _: _unvaried(f, stored=False), *_NO_VARY),
    Hole(
        "every-port",
        _NOTE,
        lambda f: [other_port(f.page.origin)],
        lambda f, name: f.lets_in(name) and not _is_here(f),
        "Every port of the page's host is let in.",
        "{names} gets in as well: whoever may serve pages on any port of that machine gets what the page gets. That is right only where nobody else may.",
    ),
)
#: Told where some answers do not tell.
INCOMPLETE: Final = Hole(
    "incomplete",
    _NOTE,
    lambda _: (),
    _opened,
    "The audit is incomplete.",
    "Some requests in the name of others got no answer that tells whether they are let in.",
    lambda f: Fix(elsewhere="Ask again when the server is less busy." * f.is_seen),
)


@dataclass(frozen=True)
class Report:
    """The result of an audit.

    :param findings: what is open, the worst first.
    """

    facts: Facts
    findings: tuple[Finding, ...]

    @property
    def holes(self) -> tuple[Finding, ...]:
        """What others get in by."""
        return tuple(one for one in self.findings if one.severity is Severity.WRONG)

    @property
    def is_closed(self) -> bool | None:
        """Whether nobody else gets in; ``None`` where that could not be told."""
        if self.holes:
            return False
        return None if self.facts.untold or not self.facts.is_seen else True


def audit(target: Target, page: Page, wire: Wire | None = None) -> Report:
    """Ask a server who gets in besides a page."""
    facts = ask(target, page, wire or Wire())
    found = [*filter(None, (hole.found(facts) for hole in HOLES))]
    untold = [INCOMPLETE.told(facts, facts.untold)] * bool(facts.untold)
    return Report(facts, worst_first([*found, *untold]))
