"""One examination: what a page's Socket.IO client does, and then what tells causes apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from ..browser import wording
from ..browser.fetch import Page, Response
from . import application, polling, reach, security, sockets, unsent
from .browser import Fetched, fetch_metadata, judge_preflight, origin_of, preflight
from .conversation import Conversation
from .exchange import Exchange, Patience, SpentError, Talk, Trouble, Wire, listen
from .findings import Finding, Severity
from .fixes import Fix, allowing
from .handshake import Session, error_of, is_extension, session_of
from .looks import look_closer
from .probe import Probe
from .proof import proof_of
from .target import Target


@dataclass(frozen=True)
class Report:
    """The result of an examination.

    :param polling: whether the page connects by polling; ``None`` where the time was over before.
    :param websocket: whether it gets a WebSocket; ``None`` where that was not asked.
    :param connects_by_websocket: whether a client with WebSocket alone was let in.
    :param findings: what was found, worst first.
    :param seconds: how long it took.
    """

    target: Target
    page: Page
    polling: bool | None
    websocket: bool | None
    connects_by_websocket: bool
    findings: tuple[Finding, ...]
    requests: int
    seconds: float

    @property
    def works(self) -> bool:
        """Whether everything that a browser needs was seen to work."""
        connects = bool(self.polling or self.connects_by_websocket)
        return connects and not any(
            finding.severity is Severity.BROKEN for finding in self.findings
        )


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
        self.target = target
        self.page = page
        self.wire = wire or Wire()
        self.probe = Probe(target, page, self.wire)
        self.browser = self.probe.browser
        self.findings: list[Finding] = []
        self._method = method
        self._watch = watch
        self._transports = frozenset(transports)
        self._near: Finding | None = None
        self._polling: bool | None = None
        self._websocket: bool | None = None
        self._connects_by_websocket = False

    def run(self) -> Report:
        """Examine, within the bounds of `Wire`."""
        try:
            self._run()
        except SpentError:
            asked = {"polling": self._polling, "websocket": self._websocket}
            is_known = not any(asked[name] is None for name in self._transports)
            self._add(_spent(self.wire, is_known=is_known))
        order = list(Severity)
        found = sorted(self.findings, key=lambda finding: order.index(finding.severity))
        return Report(
            self.target, self.page, self._polling, self._websocket, self._connects_by_websocket,
            tuple(found), self.wire.requests, self.wire.seconds,
        )  # fmt: skip

    def _run(self) -> None:
        unsaid = unsent.explain(self.probe)
        if unsaid is not None:
            self._polling = False
            self._add(unsaid)
            return
        self._near = reach.explain(self.target, self.page)
        if self._near is not None and self._near.severity is Severity.BROKEN:
            self._add(self._near)
        if "polling" not in self._transports:
            self._run_by_websocket()
            return
        url = self.target.polling()
        fetched = self.browser.fetch("GET", url)
        self.probe.is_extension = any(is_extension(one.response) for one in fetched.exchanges)
        readable = fetched.readable
        is_read = readable is not None and readable.status == 200
        session = session_of(fetched.last) if is_read else None
        if session is None:
            self._polling = False
            self._go_without_polling(fetched, self._explain_no_session(fetched))
            return
        conversation = self._converse(fetched, session)
        if conversation is None:
            return
        self._look_at_the_rest(url, fetched)
        ended = conversation.watch(self._watch)
        if ended is not None:
            self._polling = ended.id in application.FINDINGS
            self._add(ended)
        conversation.close()

    def _run_by_websocket(self) -> None:
        """Do what a client does that has WebSocket alone, of which no CORS header is asked."""
        exchange, finding = self._shake_hands(None, self._join)
        if finding is None:
            finding = self._explain_alone(exchange)
        elif finding.id == "upgrade-dropped" and self._is_refused_by_polling():
            # What Flask-SocketIO says to a WebSocket is not read, but it says the same there.
            finding = sockets.explain(exchange, self.page, polling_works=False, refusal=400)
        self._add_if_told(finding)
        if finding is None and not self._connects_by_websocket:
            self._add(_another_websocket(exchange))
        self._add_note(self._near)
        stage = security.Stage(
            self.browser, self.target.polling(), self.target.websocket(), exchange, True
        )
        for hole in security.websocket_holes(stage) if self._websocket else ():
            self._add(hole)

    def _is_refused_by_polling(self) -> bool:
        asked = self.probe.knock(self.page.origin).response
        is_forbidden = asked is not None and asked.status == 403
        said = (error_of(asked) or "").lower()
        return "accepted origin" in said or (is_forbidden and bool(said))

    def _converse(self, fetched: Fetched, session: Session) -> Conversation | None:
        """Go on as the client does; return ``None`` where the server is fit for no more."""
        target = self.target
        # Clients start from there each time, wherever the handshake was redirected to.
        address = f"{target.base}{target.path}?EIO={target.protocol.version}&transport=polling"
        address += target.query
        is_direct = fetched.last.url.startswith(f"{target.base}{target.path}?")
        conversation = Conversation(self.probe, fetched.last, session, address, is_direct)
        finding = conversation.connect() or (conversation.go_on() if is_direct else None)
        is_refused = finding is not None and finding.id in application.FINDINGS
        self._polling = finding is None or is_refused
        if finding is not None:
            self._add(finding)
            if finding.id == "one-at-a-time":
                return None
        if finding is None:
            if "websocket" in self._transports:
                self._try_websocket(session)
            if is_direct and self._watch:
                conversation.hold()
        elif "websocket" not in self._transports:
            pass
        elif is_refused:
            self._add_if_told(self._shake_hands(None, listen)[1])
        else:
            self._try_websocket_alone(True, finding, None)
        return conversation

    def _look_at_the_rest(self, url: str, fetched: Fetched) -> None:
        """Look at what else the page asks for, and at what is open to others."""
        self._ask_method(url)
        self._warn(fetched)
        late = self.wire.late
        known = {finding.id for finding in self.findings}
        for finding in security.examine(self._stage(fetched)):
            if finding.id not in known:
                self._add(finding)
        if self.wire.late > late:
            self._add(_unanswered(self.wire.patience))

    def _go_without_polling(self, fetched: Fetched, finding: Finding) -> None:
        """Look at what works without polling: a WebSocket alone, and what is open to others."""
        probe, failure = self.probe, fetched.failure
        if failure is not None and failure.trouble in _OUT_OF_REACH:
            self._add_note(self._near)
            return
        is_seen = probe.is_seen or finding.id in ("origin-not-allowed", "error-hidden")
        is_asked = "websocket" in self._transports
        if is_asked and (failure is None or failure.trouble is not Trouble.SILENT or is_seen):
            self._try_websocket_alone(is_seen, finding, fetched.response)
        if is_seen or self._websocket:
            is_changed = finding.id in ("origin-dropped", "origin-rewritten")
            for hole in security.holes(self._stage(fetched), knows_origins=not is_changed):
                self._add(hole)
        probe.close(self.target, fetched.last, fetched.last.headers)

    def _stage(self, fetched: Fetched) -> security.Stage:
        url, has_websocket = self.target.websocket(), bool(self._websocket)
        return security.Stage(self.browser, fetched.last.url, url, fetched.last, has_websocket)

    def _add_note(self, finding: Finding | None) -> None:
        if finding is not None and finding.severity is Severity.NOTE:
            self._add(finding)

    def _add_if_told(self, finding: Finding | None) -> None:
        if finding is not None:
            self._add(finding)

    def _add(self, finding: Finding) -> None:
        fix = finding.fix.fitted(self.target, is_installed=self.probe.is_extension)
        self.findings.append(replace(finding, fix=fix))

    def _explain_no_session(self, fetched: Fetched) -> Finding:
        self.probe.is_seen = session_of(fetched.last) is not None
        told = polling.explain(fetched, self.page)
        try:
            told = look_closer(self.probe, told, fetched)
        finally:
            self._add(told)
            rest = polling.beneath(fetched, self.page)
            if rest is not None and rest.id != told.id:
                self._add(rest)
        return told

    def _ask_method(self, url: str) -> None:
        if self._method is None or origin_of(url) == self.page.origin:
            return
        exchange = preflight(self.wire, self.page, self._method, url, self.wire.patience.page)
        block = judge_preflight(self.page, self._method, exchange)
        if block is not None or exchange.response is None:
            self._add(polling.explain(Fetched((exchange,), block), self.page))

    def _warn(self, fetched: Fetched) -> None:
        for exchange in fetched.exchanges:
            names = {name.lower() for name, _ in self.page.headers}
            listed = exchange.response and exchange.response.combined(
                "Access-Control-Allow-Headers"
            )
            if exchange.method == "OPTIONS" and "authorization" in names and listed == "*":
                self._add(_authorization(exchange, self.page))
        self._add_note(self._near)

    # --- WebSocket -------------------------------------------------------------------------

    def _try_websocket(self, session: Session) -> None:
        """Upgrade the session as the client does."""
        if "websocket" not in session.upgrades:
            self._add(_not_offered())
            return
        finding = self._shake_hands(session, _probe)[1]
        if finding is not None and finding.id == "upgrade-dropped":
            if self._leaves_websocket_out():
                told = (finding.firefox, finding.chromium)
                self._add(replace(_not_offered(), firefox=told[0], chromium=told[1]))
                return
            exchange, other = self._shake_hands(None, listen)
            if other is None:
                finding = sockets.session_lost(finding, exchange)
        self._add_if_told(finding)

    def _leaves_websocket_out(self) -> bool:
        """Tell whether the server says so, which it does where no WebSocket is asked for."""
        url = self.target.polling().replace("transport=polling", "transport=websocket")
        said = (error_of(self.probe.look(url).response) or "").lower()
        return said in ("invalid transport", "transport unknown")

    def _try_websocket_alone(
        self, is_seen: bool, why_no_polling: Finding, polled: Response | None
    ) -> None:
        """Connect as a client does that has no other transport.

        :param is_seen: whether a Socket.IO server is known to be there.
        :param polled: what the handshake by polling was answered; ``None`` where it went well.
        """
        is_refused = why_no_polling.id in _REFUSED and (polled is None or not polled.is_ok)
        refusal = (polled.status if polled is not None else 400) if is_refused else None
        exchange, finding = self._shake_hands(None, self._join, refusal)
        if finding is None:
            finding = self._explain_alone(exchange)
        if finding is None or not is_seen or _is_told(finding, why_no_polling):
            return
        self._add(sockets.alone(finding))

    def _shake_hands(
        self, session: Session | None, talk: Talk, refusal: int | None = None
    ) -> tuple[Exchange, Finding | None]:
        url = self.target.websocket(session)
        # Firefox sends these, Chromium does not. A page elsewhere may get in for want of them only,
        # the server's own for having them.
        is_own = self.page.origin == origin_of(self.target.base)
        metadata = () if is_own else fetch_metadata(self.page.origin, url, mode="websocket")
        headers = (*metadata, *self.browser.headers(self.target.base))
        limits = self.wire.patience
        patience = limits.page if session is not None else limits.application
        exchange = self.wire.shake_hands(url, headers, self.page.origin, talk, patience)
        polling_works = bool(self._polling)
        finding = sockets.explain(exchange, self.page, polling_works=polling_works, refusal=refusal)
        self._websocket = finding is None
        return exchange, finding

    def _explain_alone(self, exchange: Exchange) -> Finding | None:
        """Name what a WebSocket without a session says against the client."""
        packets = sockets.packets_of(exchange)
        if not packets[0].startswith("0{"):
            # Development servers have one of their own.
            self._websocket = False
            return None
        finding = application.explain(packets[1:], self.target, exchange)
        self._connects_by_websocket = finding is None
        return finding

    def _join(self, send: Callable[[str], Any], receive: Callable[[], str]) -> Iterator[str]:
        """Open a session by WebSocket, and join the namespace."""
        yield (opened := receive())
        if not opened.startswith("0{"):
            return
        if self.target.connecting:
            send(self.target.connecting)
        for _ in range(_PACKETS):
            yield (packet := receive())
            if not packet or application.answer_of([packet], self.target) is not None:
                return


def _is_told(finding: Finding, known: Finding) -> bool:
    """Tell whether a WebSocket is kept out by what keeps polling out."""
    is_origin = finding.id == "websocket-refused" and known.id in _REFUSED
    return is_origin or finding.id == known.id


def _probe(send: Callable[[str], Any], receive: Callable[[], str]) -> Iterator[str]:
    """Ask whether packets come through, as a client does before it leaves polling."""
    send("2probe")
    yield receive()


#: Packets of a WebSocket that may say nothing of the application, until its answer comes.
_PACKETS: Final = 5
#: What is wrong with an origin is as wrong with a WebSocket's.
_REFUSED: Final = frozenset(
    """origin-not-allowed origin-dropped origin-rewritten origin-function-fails host-not-trusted
    host-rewritten scheme-hidden refused error-hidden session-lost""".split()
)
_OUT_OF_REACH: Final = frozenset(
    {
        Trouble.NAME,
        Trouble.REFUSED,
        Trouble.UNREACHABLE,
        Trouble.NO_CONNECTION,
        Trouble.CERTIFICATE,
        Trouble.TLS,
    }
)


# --- Findings of the examination itself -----------------------------------------------------


def _authorization(exchange: Exchange, page: Page) -> Finding:
    return Finding(
        "authorization-wildcard",
        Severity.NOTE,
        "“*” will not cover the Authorization header for ever.",
        "The Fetch standard leaves Authorization out of Access-Control-Allow-Headers: *; browsers "
        "let it pass still, and Firefox warns.",
        allowing(page, headers=[name for name, _ in page.headers]),
        (wording.authorization_warning(exchange.url),),
        proof=proof_of([exchange]),
    )


def _another_websocket(exchange: Exchange) -> Finding:
    cause = (
        "A WebSocket opens, and what comes by it is not Socket.IO's: a development server's own, "
        "as Vite's, or another application's."
    )
    fix = Fix(elsewhere="Compare host, port and path of the client with those of the server.")
    return Finding(
        "another-server", Severity.BROKEN, "What answers is no Socket.IO server.", cause, fix,
        client="websocket error", proof=proof_of([exchange]),
    )  # fmt: skip


def _not_offered() -> Finding:
    cause = (
        "The handshake offers no upgrade, so that clients stay with polling: WebSocket is not "
        "installed, or the server's option transports leaves it out."
    )
    fix = Fix("# pip install simple-websocket   (or eventlet, or gevent)")
    return Finding(
        "websocket-not-offered", Severity.NOTE, "The server offers no WebSocket.", cause, fix
    )


def _spent(wire: Wire, *, is_known: bool) -> Finding:
    """Tell of bounds that were reached.

    :param is_known: whether it is known already what works.
    """
    cause = f"It ended after {wire.requests} requests and {wire.seconds:.0f} seconds, its bounds."
    fix = Fix()
    if wire.slowest > wire.patience.aside:
        cause += (
            f" The server is slow: one answer took {wire.slowest:.0f} seconds. Socket.IO's client "
            f"waits {wire.patience.page:g} seconds for a connection, so that pages may get one."
        )
        fix = Fix(elsewhere="Ask again when the server is less busy.")
    severity = Severity.NOTE if is_known else Severity.BROKEN
    return Finding("incomplete", severity, "The examination is incomplete.", cause, fix)


def _unanswered(patience: Patience) -> Finding:
    cause = (
        f"Some requests in the name of other origins got no answer within {patience.aside:g} "
        "seconds, so that it is not known whom else the server lets in."
    )
    fix = Fix(elsewhere="Ask again when the server is less busy.")
    return Finding("incomplete", Severity.NOTE, "The examination is incomplete.", cause, fix)
