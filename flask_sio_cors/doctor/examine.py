"""One examination: the facts, and what the rules make of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from ..browser.fetch import Check, Page
from .browser import Fetched
from .console import Console, console_of
from .facts import Case, Facts, Stage, is_welcome
from .findings import Finding, Rule, Severity, told, worst_first
from .plan import Plan
from .proof import proof_of
from .rules import answers, cors, network, notes, session, websocket
from .target import Target
from .who import Error
from .wire import UNANSWERED, Exchange, Trouble, Wire


@dataclass(frozen=True)
class Report:
    """The result of an examination.

    :param findings: what was found, worst first.
    """

    facts: Facts
    findings: tuple[Finding, ...]

    @property
    def polling(self) -> bool | None:
        """Whether the page connects by polling; ``None`` where that is not known."""
        return self.facts.polling

    @property
    def websocket(self) -> bool | None:
        """Whether it gets a WebSocket; ``None`` where that was not asked."""
        return self.facts.websocket

    @property
    def requests(self) -> int:
        """How many were sent."""
        return self.facts.requests

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.facts.seconds

    @property
    def connects(self) -> bool:
        """Whether the page's client connects, and stays so, as far as was seen."""
        is_in = is_welcome(self.facts.answer, self.facts.target) and not self.facts.ended
        is_alone = "polling" not in self.facts.transports and self.facts.connects_by_websocket
        return bool(self.polling and is_in) or (is_alone and not self.facts.ended)

    @property
    def works(self) -> bool:
        """Whether everything that a browser needs was seen to work."""
        connects = bool(self.polling or self.facts.connects_by_websocket)
        return connects and all(one.severity is not Severity.BROKEN for one in self.findings)


class Examination:
    """Examines one target for one page.

    :param method: another method that the page uses, asked for in a preflight of its own.
    :param transports: the client's option of that name; the order makes no difference.
    :param watch: how many seconds a connection has to last, to be called one that works.
    """

    def __init__(
        self,
        target: Target,
        page: Page,
        wire: Wire | None = None,
        method: str | None = None,
        watch: float = 0.0,
        transports: Iterable[str] = ("polling", "websocket"),
    ) -> None:
        wire = wire or Wire()
        facts = Facts(target, page, wire.patience, frozenset(transports))
        self._plan = Plan(facts, wire, method, watch)

    def run(self) -> Report:
        """Examine, within the bounds of `Wire`."""
        facts = asyncio.run(self._plan.run())
        return Report(facts, judge(facts))


# --- Rules -----------------------------------------------------------------------------------


def judge(facts: Facts) -> tuple[Finding, ...]:
    """Turn facts into findings, the worst first, each id once."""
    found: dict[str, Finding] = {}
    for finding in _found(facts):
        found.setdefault(finding.id, finding)
    return worst_first(found.values())


def _found(facts: Facts) -> Iterator[Finding]:
    asked = Exchange("GET", facts.target.polling(), (), UNANSWERED)
    whole = Case(facts, facts.handshake or Fetched((asked,)), Stage.HANDSHAKE)
    for rules in (network.UNSENT, notes.KEPT_OUT, network.TWO_SERVERS):
        yield from _first(rules, whole)
    yield from _stopped(facts)
    yield from _application(facts)
    # What keeps the page from staying comes before what it can do without.
    yield from _ended(facts)
    yield from _websockets(facts)
    if facts.alone:
        alone = Case(facts, facts.alone.fetched, Stage.WATCH)
        yield from _first(session.ALONE_SERVED, alone)
    is_known = facts.polling is not None or facts.connects_by_websocket
    spent = Severity.NOTE if is_known else Severity.BROKEN
    yield from _first(notes.SPENT, whole, severity=spent)
    for rule in notes.NOTES:
        yield from _first((rule,), whole)


def _stopped(facts: Facts) -> Iterator[Finding]:
    """Tell why the page's requests are of no use to it."""
    asked = Case(facts, facts.method, Stage.METHOD) if facts.method else None
    for case in filter(None, (facts.stopped, asked)):
        yield from _first(_rules_of(case), case)
        # Where the header is missing, the status has been looked at.
        is_seen = case.check is Check.ORIGIN_MISSING or case.is_preflight
        is_error = case.response.status >= 400 and case.author.error is not Error.ORIGIN
        if case.block is not None and is_error and not is_seen:
            beneath = Case(facts, replace(case.fetched, block=None), Stage.BENEATH)
            yield from _first(answers.BY_STATUS, beneath)


def _rules_of(case: Case) -> Iterator[Rule]:
    """Yield the rules for a request that the page could not use, in their order."""
    if case.stage is Stage.SESSION:
        yield from session.SESSIONS
    if case.trouble is Trouble.MALFORMED:
        # Browsers do not get as far as its headers.
        yield from network.FAILURES
    yield from (*cors.NAMED, *cors.REDIRECTS, *cors.CHANGED)
    is_there = case.fetched.response is not None and case.response.location is None
    if case.check is Check.PREFLIGHT_STATUS:
        yield from (*answers.FOUND, *answers.GATEKEEPERS)
    elif is_there and case.check in (None, Check.ORIGIN_MISSING):
        yield from answers.BY_STATUS
    yield from (*cors.PREFLIGHTS, *cors.MISSING, *cors.ANOTHER, *cors.LISTS)
    yield from network.FAILURES if case.trouble else answers.READABLE


def _application(facts: Facts) -> Iterator[Finding]:
    """Tell what the application has against a client that the transports let in."""
    joined, alone = facts.joined, facts.alone
    if facts.stopped is None and joined:
        if not is_welcome(joined.answer, facts.target):
            yield from _first(session.APPLICATION, Case(facts, joined.fetched, Stage.SESSION))
    elif alone.is_open and not facts.connects_by_websocket:
        severity = Severity.BROKEN if "polling" not in facts.transports else Severity.NOTE
        case = Case(facts, alone.fetched, Stage.WEBSOCKET)
        yield from _first(session.APPLICATION, case, severity=severity)


def _websockets(facts: Facts) -> Iterator[Finding]:
    """Tell why there is no WebSocket."""
    asked, case, unfound = facts.by_websocket, facts.unopened, facts.unfound
    is_left_out = case is not None and websocket.is_left_out(case)
    if is_left_out or (not asked and facts.websocket is False):
        console = console_of(case) if case is not None else Console()
        fetched = case.fetched if case is not None else facts.handshake
        offering = Case(facts, fetched, Stage.HANDSHAKE)
        severity = None if "polling" in facts.transports else Severity.BROKEN
        yield from _first(websocket.NOT_OFFERED, offering, console, severity)
    elif case is None:
        return
    elif unfound is not None and websocket.is_placed(unfound, case):
        yield from _first(_rules_of(unfound), unfound, console_of(case))
    elif facts.upgrade or "polling" not in facts.transports:
        is_foreign = not facts.upgrade and bool(asked.packets)
        yield from _first(websocket.FOREIGN if is_foreign else websocket.WEBSOCKETS, case)
    elif facts.is_seen and not asked.packets and not _is_told(facts, case):
        yield from _first(websocket.WEBSOCKETS, case, severity=Severity.NOTE)


_REFUSING: Final = frozenset({Error.ORIGIN, Error.FORBIDDEN, Error.REQUEST, Error.HOST})


def _is_told(facts: Facts, case: Case) -> bool:
    """Tell whether a WebSocket is kept out by what keeps polling out."""
    stopped = facts.stopped
    if stopped is None:
        return False
    if case.author.error is stopped.author.error not in (None, Error.SESSION):
        # One reason keeps both out.
        return True
    if not (stopped.author.is_socketio or case.author.is_socketio):
        # Somebody else has answered both, and alike.
        return stopped.response.status == case.response.status >= 400
    is_polling_refused = stopped.author.error in _REFUSING
    is_refused = case.author.error in _REFUSING or (
        is_polling_refused and case.response.status in (400, 401, 403, stopped.response.status)
    )
    hidden = (Check.ORIGIN_MISSING, Check.ORIGIN_MISMATCH)
    return is_refused and (is_polling_refused or stopped.check in hidden)


def _ended(facts: Facts) -> Iterator[Finding]:
    """Tell what has ended a connection that was to last."""
    if facts.ended:
        case = Case(facts, facts.ended.fetched, Stage.WATCH)
        yield from _first(session.APPLICATION if facts.ended.answer else session.WATCHED, case)


# --- Findings --------------------------------------------------------------------------------

_FALLS_BACK: Final = "Socket.IO falls back to polling; a client with WebSocket alone stays out."
_ALONE: Final = 'A client with WebSocket alone (transports: ["websocket"]) does not get in, either.'
_BENEATH: Final = "Once CORS is in order, this is next."


def _first(
    rules: Iterable[Rule],
    case: Case,
    console: Console | None = None,
    severity: Severity | None = None,
) -> Iterator[Finding]:
    """Tell the first rule that applies, if one does.

    :param console: what browsers print, where neither the rule nor the request itself tells.
    :param severity: where it is not the rule's.
    """
    rule = next((rule for rule in rules if rule.applies(case)), None)
    if rule is None:
        return
    severity = severity or rule.severity
    printed = rule.printed(case) if rule.printed else console or console_of(case)
    client = printed.client if rule.client is None else told(rule.client, case)
    title, cause = told(rule.title, case), told(rule.cause, case)
    if case.stage is Stage.SESSION and not (rule.is_whole or rule.printed):
        title = f"After the handshake: {title}"
    if case.stage is Stage.BENEATH:
        cause = f"{_BENEATH} {cause}"
    if case.stage is Stage.WEBSOCKET and severity is Severity.NOTE:
        cause = f"{_ALONE} {cause}"
    if case.stage is Stage.WEBSOCKET and case.facts.upgrade:
        cause = f"{cause} {_FALLS_BACK}"
    proof, fix = proof_of(rule.exchanges(case)), rule.fix_for(case)
    yield Finding(
        rule.id, severity, title, cause, fix, printed.firefox, printed.chromium, client, proof
    )
