"""What works and should not: other origins, neighbours, JSONP, and answers that caches mix up."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from ..browser.fetch import Page, cors_check, varies_by_origin
from ..origins.grammar import is_loopback
from ..origins.lookalikes import longer_port, neighbours, other_port
from .browser import Browser, fetch_metadata, origin_of
from .exchange import Exchange, SpentError
from .findings import Finding, Severity
from .fixes import Fix, allowing
from .handshake import Session, is_extension, session_of
from .proof import proof_of
from .protocol import protocol_of


@dataclass(frozen=True)
class Stage:
    """A server that was asked, and how it treated the page.

    :param polling: the address that opens a session.
    :param own: the exchange that opened the page's own session, or should have.
    :param has_websocket: whether the page gets a WebSocket.
    """

    browser: Browser
    polling: str
    websocket: str
    own: Exchange
    has_websocket: bool

    @property
    def page(self) -> Page:
        """The page that asks."""
        return self.browser.page


def examine(stage: Stage) -> Iterable[Finding]:
    """Ask in the name of others, and tell what gets in.

    :raise SpentError: if the bounds of the examination are reached.
    """
    # The very address of the page's own session, as a cache would have it.
    asked = _ask(stage, a_stranger())
    yield from _cached(stage, asked)
    yield from _open_to(stage, asked)
    yield from _unvaried(stage, asked)


def holes(stage: Stage, *, knows_origins: bool) -> Iterable[Finding]:
    """Tell what gets in where the page itself does not, by polling.

    :param knows_origins: whether the server gets to know who asks.
    :raise SpentError: if the bounds of the examination are reached.
    """
    if knows_origins:
        yield from _open_to(stage, _ask(stage, a_stranger()))
    else:
        yield from _jsonp(stage)


def websocket_holes(stage: Stage) -> Iterable[Finding]:
    """Tell what gets in by WebSocket, where the page itself does.

    :raise SpentError: if the bounds of the examination are reached.
    """
    yield from _open_websocket(stage, a_stranger())


def _open_to(stage: Stage, asked: Exchange) -> Iterable[Finding]:
    stranger = dict(asked.headers)["Origin"]
    lets_all_in = _lets_in(asked, stranger)
    if lets_all_in:
        yield _any_origin(stage, asked)
    else:
        yield from _null(stage)
        yield from _neighbours(stage)
        yield from _open_websocket(stage, stranger)
    if not lets_all_in or _with_credentials(asked):
        yield from _jsonp(stage)


def a_stranger() -> str:
    """Return an origin that nobody has."""
    return f"https://sio-cors-doctor-{secrets.token_hex(4)}.example"


def _ask(stage: Stage, origin: str) -> Exchange:
    """Open a session as another origin's page would, and close it."""
    headers = (("Origin", origin), *fetch_metadata(origin, stage.polling))
    exchange = stage.browser.wire.send("GET", stage.polling, headers)
    session = session_of(exchange)
    if session is not None and session != session_of(stage.own):
        close(stage, session, headers)
    return exchange


def close(stage: Stage, session: Session, headers: tuple[tuple[str, str], ...]) -> None:
    """Close a session, so that the server need not wait for its end."""
    url, leave = f"{stage.polling}&sid={session.sid}", protocol_of(stage.polling).encode("1")
    try:
        stage.browser.wire.send("POST", url, headers, leave)
    except SpentError:
        return


def _lets_in(exchange: Exchange, origin: str) -> bool:
    response = exchange.response
    return (
        response is not None
        and session_of(exchange) is not None
        and cors_check(Page(origin), response) is None
    )


def _with_credentials(exchange: Exchange) -> bool:
    response = exchange.response
    if response is None or response.combined("Access-Control-Allow-Origin") == "*":
        return False
    return response.combined("Access-Control-Allow-Credentials") == "true"


def _any_origin(stage: Stage, asked: Exchange) -> Finding:
    proof = proof_of([asked])
    if _with_credentials(asked):
        cause = (
            "The server sends back whatever origin asks, together with "
            "Access-Control-Allow-Credentials: true. Any site can open a session with its "
            "visitors' cookies and act in their name."
        )
        title = "Every site is let in, with the visitor's cookies."
        id_, severity = "any-origin-with-credentials", Severity.WRONG
        return Finding(id_, severity, title, cause, _only(stage.page), proof=proof)
    cause = "That is right for public content only. Without credentials no cookies are at risk."
    title = "Every site is let in."
    return Finding("any-origin", Severity.NOTE, title, cause, _only(stage.page), proof=proof)


def _only(page: Page) -> Fix:
    """Return what lets the page in, and nobody else."""
    return allowing(page, adds=False)


def _closing(page: Page) -> Fix:
    """Return what looks at the origin where CORS does not: at WebSockets and at JSONP."""
    known = f"[{json.dumps(page.origin)}, /* and your others */]"
    return allowing(
        page,
        options=[
            "allowRequest: ({ headers: { origin }, _query: { j } }, callback) => {",
            f"  const known = {known};",
            "  callback(null, origin === undefined ? j === undefined : known.includes(origin));",
            "},",
        ],
    )


def _null(stage: Stage) -> Iterable[Finding]:
    if stage.page.origin == "null":
        return
    asked = _ask(stage, "null")
    if _lets_in(asked, "null"):
        cause = (
            "Any page can have the origin “null”: a sandboxed iframe is enough. To allow it is to "
            "allow every site."
        )
        title = "The origin “null” is let in."
        fix, proof = _only(stage.page), proof_of([asked])
        yield Finding("null-allowed", Severity.WRONG, title, cause, fix, proof=proof)


def _neighbours(stage: Stage) -> Iterable[Finding]:
    origin = stage.page.origin
    every_port = _those_let_in(stage, other_port(origin))
    # Where every port is meant to get in, a longer one says nothing of the pattern's end.
    longer = None if every_port else longer_port(origin)
    let_in = _those_let_in(stage, longer, *neighbours(origin))
    if let_in:
        names = [dict(asked.headers)["Origin"] for asked in let_in]
        cause = (
            f"These are origins of others: {', '.join(names)}. The server compares with a pattern "
            "that is open at an end, or whose dots stand for any character."
        )
        title = "Look-alikes of the page's origin are let in."
        fix, proof = _only(stage.page), proof_of(let_in[:1])
        yield Finding("neighbours-allowed", Severity.WRONG, title, cause, fix, proof=proof)
    yield from _downgraded(stage)
    if every_port and not is_loopback(urlsplit(origin).hostname or ""):
        yield _every_port(stage, every_port)


def _those_let_in(stage: Stage, *origins: str | None) -> list[Exchange]:
    asked = [(origin, _ask(stage, origin)) for origin in origins if origin is not None]
    return [exchange for origin, exchange in asked if _lets_in(exchange, origin)]


def _every_port(stage: Stage, let_in: list[Exchange]) -> Finding:
    name = dict(let_in[0].headers)["Origin"]
    cause = (
        f"{name} gets in as well: whoever may serve pages on any port of that machine gets what "
        "the page gets. That is right only where nobody else may."
    )
    title = "Every port of the page's host is let in."
    fix, proof = _only(stage.page), proof_of(let_in)
    return Finding("every-port", Severity.NOTE, title, cause, fix, proof=proof)


def _downgraded(stage: Stage) -> Iterable[Finding]:
    origin = stage.page.origin
    if not origin.startswith("https://") or is_loopback(urlsplit(origin).hostname or ""):
        return
    plain = origin.replace("https://", "http://", 1)
    asked = _ask(stage, plain)
    if _lets_in(asked, plain) and _with_credentials(asked):
        cause = (
            f"Anyone on the way can speak in the name of {plain}, which is not encrypted, and use "
            "the visitor's cookies."
        )
        title = "The page's unencrypted twin is let in, with cookies."
        fix, proof = _only(stage.page), proof_of([asked])
        yield Finding("insecure-twin", Severity.WRONG, title, cause, fix, proof=proof)


def _open_websocket(stage: Stage, stranger: str) -> Iterable[Finding]:
    """Tell whether the origin counts for polling only, as browsers check no WebSocket's answer."""
    if not stage.has_websocket:
        return
    asked = stage.browser.wire.shake_hands(stage.websocket, (), stranger)
    response = asked.response
    if response is not None and response.status == 101 and response.body.startswith(b"0{"):
        cause = (
            "Browsers leave it to the server to look at a WebSocket's origin, and this one does "
            "not: any site can open a session, with the visitor's cookies where their SameSite "
            "permits."
        )
        title = "WebSocket is open to every site."
        fix, proof = _closing(stage.page), proof_of([asked])
        yield Finding("websocket-open", Severity.WRONG, title, cause, fix, proof=proof)


def _jsonp(stage: Stage) -> Iterable[Finding]:
    headers = (
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "no-cors"),
        ("Sec-Fetch-Dest", "script"),
    )
    asked = stage.browser.wire.send("GET", f"{stage.polling}&j=0", headers)
    response = asked.response
    if response is None or not response.is_ok or not response.body.startswith(b"___eio[0]("):
        return
    cause = (
        "A <script> on any site can open a session and read it: JSONP knows no origin, so the list "
        "of allowed origins does not protect it."
    )
    fix, proof = _closing(stage.page), proof_of([asked])
    yield Finding(
        "jsonp-open", Severity.WRONG, "JSONP is open to every site.", cause, fix, proof=proof
    )
    try:
        body = json.loads(response.body[10:].rstrip(b"\r\n;)")).encode()
    except (ValueError, AttributeError, RecursionError):
        return
    session = session_of(replace(asked, outcome=replace(response, body=body)))
    if session is not None:
        close(stage, session, headers)


# --- Caches ----------------------------------------------------------------------------------


def is_cached(first: Exchange, second: Exchange) -> bool:
    """Tell whether two handshakes got one answer: a session is opened once."""
    session = session_of(second)
    return session is not None and session == session_of(first)


def cached_finding(exchanges: Iterable[Exchange], page: Page) -> Finding:
    """Tell of a cache that gives one visitor's answer to another."""
    cause = (
        "Two handshakes got the same session, so a cache between answers in the server's place. It "
        "gives the answer, CORS header and session, of one visitor to the next."
    )
    proxy = (
        "Do not cache the Socket.IO path; in nginx: proxy_cache off; in a CDN: bypass the cache. "
        "A server with SioCors asks for that, by Cache-Control: no-store."
    )
    fix = replace(allowing(page, elsewhere=proxy), node="", installed="")
    title = "A cache answers instead of the server."
    return Finding("cached", Severity.BROKEN, title, cause, fix, proof=proof_of(exchanges))


def _cached(stage: Stage, asked: Exchange) -> Iterable[Finding]:
    if is_cached(stage.own, asked):
        yield cached_finding([stage.own, asked], stage.page)


def _unvaried(stage: Stage, asked: Exchange) -> Iterable[Finding]:
    response, other = stage.own.response, asked.response
    if response is None or other is None or origin_of(stage.polling) == stage.page.origin:
        return
    allowed = response.combined("Access-Control-Allow-Origin")
    if allowed in (None, "*") or allowed == other.combined("Access-Control-Allow-Origin"):
        return
    if varies_by_origin(response):
        return
    uncached = "no-store" in (response.combined("Cache-Control") or "")
    cause = (
        "The answer names the origin that asked, but does not say so with Vary: Origin. A cache "
        "may give it to pages of other origins, which are then blocked: “does not match”."
    )
    by_hand = (
        "Where the header is set by hand, set Vary: Origin with it. SioCors sends it, as does "
        "Socket.IO for Node.js where its origins are a list."
    )
    fix = allowing(stage.page, elsewhere=by_hand)
    if is_extension(response):
        lost = "SioCors has sent Vary: Origin; let the proxy pass it on (nginx: proxy_hide_header)."
        fix = Fix(elsewhere=lost)
    severity = Severity.NOTE if uncached else Severity.WRONG
    title = "The answer depends on the origin and does not say so."
    yield Finding("no-vary", severity, title, cause, fix, proof=proof_of([stage.own]))
