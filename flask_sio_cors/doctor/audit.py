"""Who else gets in: other sites, look-alikes, WebSockets, scripts; and answers that caches mix up.

Another question than the doctor's, and as many requests of its own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlsplit

from ..browser.fetch import Page, cors_check, varies_by_origin
from ..origins.grammar import is_loopback
from ..origins.lookalikes import longer_port, neighbours, other_port
from .advice import Topic, advise
from .browser import Browser, fetch_metadata, origin_of
from .findings import Finding, Severity
from .fixes import Fix, allowing
from .plan import a_stranger
from .proof import proof_of
from .protocol import Session, opened_by, session_of
from .session import leave
from .target import Target
from .who import is_extension, is_of_python, proxy_of, who
from .wire import ClosedError, Exchange, SpentError, Wire


@dataclass(frozen=True)
class Facts:
    """What a server answered in the names of others.

    :param own: the answer to the page itself.
    :param stranger: to an origin that nobody has.
    :param others: to other origins, by name.
    :param websocket: to a stranger's WebSocket; ``None`` where none was asked for.
    :param greeting: the first packet that came by it.
    :param script: to a ``<script>`` on another site.
    :param is_spent: whether the bounds were reached.
    """

    target: Target
    page: Page
    own: Exchange | None = None
    stranger: Exchange | None = None
    others: dict[str, Exchange] = field(default_factory=dict)
    websocket: Exchange | None = None
    greeting: str = ""
    script: Exchange | None = None
    is_spent: bool = False
    requests: int = 0
    seconds: float = 0.0

    @property
    def answers(self) -> list[Exchange]:
        """Every answer."""
        known = (self.own, self.stranger, *self.others.values(), self.script)
        return [one for one in known if one is not None]

    @property
    def is_seen(self) -> bool:
        """Whether a Socket.IO server has answered."""
        return any(who(one).is_socketio for one in self.answers) or bool(self.greeting)

    @property
    def lets_all_in(self) -> bool:
        """Whether a stranger may read its answer."""
        return self.stranger is not None and lets_in(self.stranger)

    @property
    def untold(self) -> list[Exchange | None]:
        """The answers that do not tell; ``None`` is one that was not asked for any more."""
        known = [(one, one.response) for one in self.answers]
        limits = (408, 429, 502, 503, 504)
        failed = [one for one, answer in known if answer is None or answer.status in limits]
        return [*failed, *([None] * self.is_spent)]

    @property
    def is_python(self) -> bool:
        """Whether the server is one in Python."""
        return any(map(is_of_python, self.answers))

    @property
    def is_node(self) -> bool:
        """Whether the server is one for Node.js."""
        return any(session_of(one) for one in self.answers) and not self.is_python

    def let_in(self, *names: str | None) -> list[Exchange]:
        """Return the answers to those of these origins that get in."""
        known = [self.others[name] for name in names if name in self.others]
        return [one for one in known if lets_in(one)]


def _origin(asked: Exchange) -> str:
    return dict(asked.headers).get("Origin", "")


def lets_in(asked: Exchange) -> bool:
    """Tell whether an answer opens a session that the origin which asked may read."""
    response = asked.response
    is_open = response is not None and session_of(asked) is not None
    return is_open and response is not None and cors_check(Page(_origin(asked)), response) is None


def _has_cookies(asked: Exchange | None) -> bool:
    """Tell whether an answer may be read with the visitor's cookies."""
    response = asked.response if asked is not None else None
    if response is None or response.combined("Access-Control-Allow-Origin") == "*":
        return False
    return response.combined("Access-Control-Allow-Credentials") == "true"


# --- The plan --------------------------------------------------------------------------------


def ask(target: Target, page: Page, wire: Wire) -> Facts:
    """Ask in the name of others, within the bounds of `Wire`."""
    return asyncio.run(_Plan(Facts(target, page), wire).run())


class _Plan:
    def __init__(self, facts: Facts, wire: Wire) -> None:
        self._facts, self._wire = facts, wire

    def _know(self, **found: Any) -> None:
        self._facts = replace(self._facts, **found)

    async def run(self) -> Facts:
        try:
            await self._ask_all()
        except SpentError:
            self._know(is_spent=True)
        await asyncio.sleep(0)
        wire = self._wire
        return replace(self._facts, requests=wire.requests, seconds=wire.seconds)

    async def _ask_all(self) -> None:
        own = await Browser(self._facts.page, self._wire).fetch("GET", self._facts.target.polling())
        await leave(self._wire, own.last)
        self._know(own=own.last)
        if own.failure is not None and own.response is None:
            return
        self._know(stranger=await self._ask(a_stranger()))
        if not self._facts.lets_all_in:
            for origin in others_of(self._facts.page.origin):
                asked = await self._ask(origin)
                self._know(others={**self._facts.others, origin: asked})
            await self._ask_for_a_websocket()
        await self._ask_as_script()

    async def _ask(self, origin: str) -> Exchange:
        """Open a session as another origin's page would, and close it."""
        url = self._facts.target.polling()
        headers = (("Origin", origin), *fetch_metadata(origin, url))
        asked = await self._wire.send("GET", url, headers)
        await leave(self._wire, asked)
        return asked

    async def _ask_for_a_websocket(self) -> None:
        url = self._facts.target.websocket()
        asked, websocket = await self._wire.shake_hands(url, (), a_stranger())
        said: list[str] = []
        if websocket is not None:
            with suppress(ClosedError):
                said = await websocket.receive(self._wire.patience.aside)
            await websocket.close()
        self._know(websocket=asked, greeting=said[0] if said else "")

    async def _ask_as_script(self) -> None:
        url = f"{self._facts.target.polling()}&j=0"
        metadata = fetch_metadata("https://sio-cors-doctor.example", url, "no-cors")
        headers = tuple((n, "script" if n.endswith("Dest") else v) for n, v in metadata)
        asked = await self._wire.send("GET", url, headers)
        self._know(script=asked)
        await leave(self._wire, asked, _script_session(asked))


def _script_session(asked: Exchange | None) -> Session | None:
    """Return the session that a script has opened; ``None`` where it has none."""
    response = asked.response if asked is not None else None
    if response is None or not response.is_ok or not response.body.startswith(b"___eio[0]("):
        return None
    try:
        return opened_by(str(json.loads(response.body[10:].rstrip(b"\r\n;)"))))
    except (ValueError, RecursionError):
        return None


def others_of(origin: str) -> list[str]:
    """Return the origins of others that a careless list lets in, likeliest first."""
    names = ["null" if origin != "null" else None, other_port(origin), longer_port(origin)]
    names += [*neighbours(origin), _plain_twin(origin)]
    return list(dict.fromkeys(name for name in names if name is not None))


def _plain_twin(origin: str) -> str | None:
    is_here = is_loopback(urlsplit(origin).hostname or "")
    is_secure = origin.startswith("https://") and not is_here
    return origin.replace("https://", "http://", 1) if is_secure else None


# --- The rules -------------------------------------------------------------------------------


def _only(facts: Facts) -> Fix:
    """Return what lets the page in, and nobody else."""
    return allowing(facts.page, adds=False)


def _closing(facts: Facts) -> Fix:
    """Return what looks at the origin where CORS does not: at WebSockets and at JSONP."""
    return allowing(
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


def _varying(facts: Facts) -> Fix:
    own = facts.own.response if facts.own is not None else None
    if is_extension(own):
        lost = advise(Topic.HIDES, proxy_of(own), header="Vary")
        return Fix(elsewhere=f"SioCors has sent Vary: Origin. {lost}")
    by_hand = "Where the header is set by hand, set Vary: Origin with it. SioCors sends it, as does Socket.IO for Node.js where its origins are a list."
    return allowing(facts.page, elsewhere=by_hand)


def _again(facts: Facts) -> Fix:
    return Fix(elsewhere="Ask again when the server is less busy.")


_Found = Sequence[Exchange | None]


def _all(facts: Facts, *, cookies: bool) -> _Found:
    """Return the stranger's answer where it lets everybody in, with cookies or without."""
    has_cookies = _has_cookies(facts.stranger)
    return [facts.stranger] * (facts.lets_all_in and has_cookies is cookies)


def _every_port(facts: Facts) -> _Found:
    is_here = is_loopback(urlsplit(facts.page.origin).hostname or "")
    return [] if is_here else facts.let_in(other_port(facts.page.origin))


def _alike(facts: Facts) -> _Found:
    origin = facts.page.origin
    # Where every port is meant to get in, a longer one says nothing of the pattern's end.
    longer = None if facts.let_in(other_port(origin)) else longer_port(origin)
    return facts.let_in(longer, *neighbours(origin))


def _twin(facts: Facts) -> _Found:
    found = facts.let_in(_plain_twin(facts.page.origin))
    return [one for one in found if _has_cookies(one)]


def _scripted(facts: Facts) -> _Found:
    is_public = facts.lets_all_in and not _has_cookies(facts.stranger)
    return [facts.script] if _script_session(facts.script) and not is_public else []


def _unvaried(facts: Facts, *, stored: bool) -> _Found:
    """Return the page's answer where it does not say that it is for this page.

    :param stored: whether caches may keep it.
    """
    own = facts.own.response if facts.own is not None else None
    other = facts.stranger.response if facts.stranger is not None else None
    if own is None or other is None or origin_of(facts.target.base) == facts.page.origin:
        return []
    allowed = own.combined("Access-Control-Allow-Origin")
    is_one = allowed in (None, "*") or allowed == other.combined("Access-Control-Allow-Origin")
    is_stored = "no-store" not in (own.combined("Cache-Control") or "")
    return [] if is_one or varies_by_origin(own) or is_stored is not stored else [facts.own]


@dataclass(frozen=True)
class Rule:
    """What is open, and how it is told.

    :param finds: returns the answers that show it; none where it is not open.
    :param cause: with ``{names}`` for the origins that got these answers.
    """

    id: str
    severity: Severity
    finds: Callable[[Facts], _Found]
    title: str
    cause: str
    fix: Callable[[Facts], Fix] = _only


_WRONG, _NOTE = Severity.WRONG, Severity.NOTE
_NO_VARY: Final = (
    "The answer depends on the origin and does not say so.",
    "The answer names the origin that asked, but does not say so with Vary: Origin. A cache may give it to pages of other origins, which are then blocked: “does not match”.",
    _varying,
)
#: All that apply are told.
RULES: Final = (
    Rule(
        "any-origin-with-credentials",
        _WRONG,
        lambda f: _all(f, cookies=True),
        "Every site is let in, with the visitor's cookies.",
        "The server sends back whatever origin asks, together with Access-Control-Allow-Credentials: true. Any site can open a session with its visitors' cookies and act in their name.",
    ),
    Rule(
        "any-origin",
        _WRONG,
        lambda f: _all(f, cookies=False),
        "Every site is let in.",
        "That is right for public content only. Without credentials no cookies are at risk.",
    ),
    Rule(
        "null-allowed",
        _WRONG,
        lambda f: f.let_in("null"),
        "The origin “null” is let in.",
        "Any page can have the origin “null”: a sandboxed iframe is enough. To allow it is to allow every site.",
    ),
    Rule(
        "neighbours-allowed",
        _WRONG,
        _alike,
        "Look-alikes of the page's origin are let in.",
        "These are origins of others: {names}. The server compares with a pattern that is open at an end, or whose dots stand for any character.",
    ),
    Rule(
        "insecure-twin",
        _WRONG,
        _twin,
        "The page's unencrypted twin is let in, with cookies.",
        "Anyone on the way can speak in the name of {names}, which is not encrypted, and use the visitor's cookies.",
    ),
    Rule(
        "websocket-open",
        _WRONG,
        lambda f: [f.websocket] if opened_by(f.greeting) else [],
        "WebSocket is open to every site.",
        "Browsers leave it to the server to look at a WebSocket's origin, and this one does not: any site can open a session, with the visitor's cookies where their SameSite permits.",
        _closing,
    ),
    Rule(
        "jsonp-open",
        _WRONG,
        _scripted,
        "JSONP is open to every site.",
        "A <script> on any site can open a session and read it: JSONP knows no origin, so the list of allowed origins does not protect it.",
        _closing,
    ),
    Rule("no-vary", _WRONG, lambda f: _unvaried(f, stored=True), *_NO_VARY),
    Rule("no-vary", _NOTE, lambda f: _unvaried(f, stored=False), *_NO_VARY),
    Rule(
        "every-port",
        _NOTE,
        _every_port,
        "Every port of the page's host is let in.",
        "{names} gets in as well: whoever may serve pages on any port of that machine gets what the page gets. That is right only where nobody else may.",
    ),
    Rule(
        "incomplete",
        _NOTE,
        lambda f: f.untold,
        "The audit is incomplete.",
        "Some requests in the name of others got no answer that tells whether they are let in.",
        _again,
    ),
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
    told = (_tell(rule, facts, rule.finds(facts)) for rule in RULES)
    order = list(Severity)
    found = filter(None, told)
    return Report(facts, tuple(sorted(found, key=lambda one: order.index(one.severity))))


def _tell(rule: Rule, facts: Facts, shown: _Found) -> Finding | None:
    if not shown:
        return None
    proof = [one for one in shown if one is not None]
    cause = rule.cause.format(names=", ".join(map(_origin, proof)))
    is_installed = any(is_extension(one.response) for one in facts.answers)
    fix = rule.fix(facts).fitted(facts.target, is_installed=is_installed)
    return Finding(rule.id, rule.severity, rule.title, cause, fix, proof=proof_of(proof[:1]))
