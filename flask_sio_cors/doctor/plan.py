"""One fixed plan of requests: what the page does, and then what tells the causes apart.

Nothing is judged here beyond what decides about the next request, and nothing is asked later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Final
from urllib.parse import urlsplit

from ..browser.fetch import Check, Header, Page
from ..origins.grammar import OPAQUE_ORIGINS
from ..origins.near import variants
from .browser import (
    Browser,
    Fetched,
    fetch_metadata,
    judge_preflight,
    origin_of,
    preflight,
    resolve,
)
from .facts import OUT_OF_REACH, Case, Facts, Stage, Upgrade, is_welcome, lets_in, portless
from .protocol import V3, V4, Session, opened_by, packets_of, protocol_of, session_of
from .session import LEAVES, Polling, answer_among, join_by, upgrade_by, watch_by
from .target import DEFAULT_PATH, Target, stamp
from .who import Error, is_python, named_path, who
from .wire import ClosedError, Exchange, SpentError, Trouble, WebSocket, Wire


def examine(
    target: Target,
    page: Page,
    wire: Wire,
    method: str | None = None,
    watch: float = 0.0,
    transports: frozenset[str] = frozenset({"polling", "websocket"}),
) -> Facts:
    """Ask the server all that the plan has, within the bounds of `Wire`.

    :param method: another method that the page uses, asked for in a preflight of its own.
    :param watch: how many seconds a connection has to last, to be called one that works.
    :param transports: the client's option of that name; the order makes no difference.
    """
    plan = Plan(Facts(target, page, wire.patience, transports), wire, method, watch)
    return asyncio.run(plan.run())


class Plan:
    """Sends the requests of an examination, and keeps what comes of them."""

    def __init__(self, facts: Facts, wire: Wire, method: str | None, watch: float) -> None:
        self.facts, self.wire = facts, wire
        self._method, self._watch = method, watch
        self._browser = Browser(facts.page, wire)
        self._session: Polling | None = None
        self._websocket: WebSocket | None = None
        self._brought: tuple[str, ...] = ()

    async def run(self) -> Facts:
        """Carry it out."""
        try:
            await self._look_up()
            if not self.facts.is_unsent:
                await self._act_as_page()
            await self._ask_aside()
            if self.facts.websocket is None or self.facts.stopped is not None:
                await self._try_websocket_alone()
        except SpentError:
            self._know(is_spent=True)
        finally:
            await self._leave()
            # What was closed has to be told.
            await asyncio.sleep(0)
        return replace(
            self.facts,
            rejected=tuple(self._browser.rejected),
            requests=self.wire.requests,
            seconds=self.wire.seconds,
        )

    def _know(self, **found: object) -> None:
        self.facts = replace(self.facts, **found)  # type: ignore[arg-type]

    async def _look_up(self) -> None:
        parts, page = urlsplit(self.facts.target.base), urlsplit(self.facts.page.origin)
        hosts = [parts.hostname or "", page.hostname or ""]
        found = await asyncio.gather(*map(self._addresses, hosts))
        self._know(addresses=found[0], asker=found[1])

    async def _addresses(self, host: str) -> tuple[str, ...]:
        try:
            return await asyncio.wait_for(self.wire.look_up(host), self.wire.patience.aside)
        except (OSError, asyncio.TimeoutError):
            return ()

    # --- The page ----------------------------------------------------------------------------

    async def _act_as_page(self) -> None:
        facts, browser = self.facts, self._browser
        if "polling" not in facts.transports:
            # The only way that such a client knows.
            await self._try_websocket_alone()
            return
        fetched = await browser.fetch("GET", facts.target.polling())
        self._know(handshake=fetched)
        if self.facts.stopped is not None:
            return
        url = f"{facts.target.base}{facts.target.path}?"
        is_direct = fetched.last.url.startswith(url)
        self._session = Polling(browser, facts.target, fetched.last, is_direct=is_direct)
        self._know(joined=await self._session.join())
        if self.facts.stopped is None and is_welcome(self.facts.answer, facts.target):
            await self._go_on(self._session)
        if self._method is not None and not facts.is_own:
            await self._ask_method(self._method)

    async def _go_on(self, session: Polling) -> None:
        if session.is_direct:
            is_at_once = is_python(session.opened.response)
            self._know(broken=await session.go_on(is_at_once=is_at_once))
        if self.facts.stopped is not None:
            return
        if "websocket" in self.facts.transports and "websocket" in session.session.upgrades:
            await self._upgrade(session)
        if self._watch and self.facts.stopped is None:
            await self._live(session)

    async def _upgrade(self, session: Polling) -> None:
        exchange = await self._shake_hands(session.session, self.wire.patience.page)
        packets: tuple[str, ...] = ()
        closed = ""
        if self._websocket is not None:
            try:
                said = await upgrade_by(self._websocket, self.wire.patience.application)
                packets = (said,) if said is not None else ()
                if packets == ("3probe",):
                    # As clients do: what the poll has still to bring is the page's, a ping too.
                    self._brought = await session.brought()
                    await self._websocket.send("5")
            except ClosedError as error:
                closed = str(error)
        shown = _with_packets(exchange, packets)
        self._know(upgrade=Upgrade(shown, session.session, packets, closed))

    async def _live(self, session: Polling) -> None:
        """Stay for a while, on the transport that the page would be on."""
        upgrade, left = self.facts.upgrade, min(self._watch, self.wire.remaining)
        self._know(lives_on="polling")
        if upgrade is not None and upgrade.is_open and self._websocket is not None:
            self._know(lives_on="websocket")
            target, opened = self.facts.target, session.session
            self._know(ended=await watch_by(self._websocket, target, opened, left, self._brought))
        elif session.is_direct:
            self._know(ended=await session.watch(left))

    async def _ask_method(self, method: str) -> None:
        page, url = self.facts.page, self.facts.target.polling()
        exchange = await preflight(self.wire, page, method, url, self.wire.patience.page)
        block = judge_preflight(page, method, exchange)
        if block is not None or exchange.response is None:
            self._know(method=Fetched((exchange,), block))

    async def _leave(self) -> None:
        """Close whatever was opened."""
        if self._websocket is not None:
            await self._websocket.close()
        if self._session is not None:
            is_upgraded = self.facts.upgrade is not None and self.facts.upgrade.is_open
            await (self._session.drop() if is_upgraded else self._session.leave())
        elif self.facts.handshake is not None:
            # What the page may not read has opened a session all the same.
            with suppress(SpentError):
                await self._close(self.facts.handshake.last)

    # --- WebSocket ---------------------------------------------------------------------------

    async def _shake_hands(self, session: Session | None, patience: float) -> Exchange:
        facts, url = self.facts, self.facts.target.websocket(session)
        # Firefox sends these, Chromium does not. A page elsewhere may get in for want of them only,
        # the server's own for having them.
        metadata = () if facts.is_own else fetch_metadata(facts.page.origin, url, mode="websocket")
        headers = (*metadata, *self._browser.headers(facts.target.base))
        exchange, self._websocket = await self.wire.shake_hands(
            url, headers, facts.page.origin, patience
        )
        return exchange

    async def _try_websocket_alone(self) -> None:
        """Connect as a client does that has no other transport."""
        facts, case = self.facts, self.facts.stopped
        if "websocket" not in facts.transports or facts.is_unsent:
            return
        if facts.is_held or (case is not None and _is_out_of_reach(case)):
            return
        if case is None and "polling" in facts.transports:
            return
        limit = self.wire.patience.application
        exchange = await self._shake_hands(None, limit)
        packets: tuple[str, ...] = ()
        closed: ClosedError | None = None
        if self._websocket is not None:
            packets, closed = await join_by(self._websocket, facts.target, limit)
        is_dismissed = closed is not None and closed.code in LEAVES
        shown, said = _with_packets(exchange, packets), str(closed or "")
        self._know(alone=Upgrade(shown, None, packets, said, is_dismissed))
        opened = opened_by(packets[0]) if packets else None
        if self._watch and self.facts.connects_by_websocket and opened is not None:
            assert self._websocket is not None  # noqa: S101 - it has carried the packets
            if "polling" not in facts.transports:
                left = min(self._watch, self.wire.remaining)
                watching = watch_by(self._websocket, facts.target, opened, left)
                # A worker that does one thing at a time answers nobody else until this one leaves.
                asking = self._knock(facts.page.origin, patience=limit)
                ended, meanwhile = await asyncio.gather(watching, asking)
                asides = {**facts.asides, "meanwhile": meanwhile}
                self._know(lives_on="websocket", ended=ended, asides=asides)

    # --- Beside the page ---------------------------------------------------------------------

    async def _ask_aside(self) -> None:
        for name, is_asked, ask in _ASIDES:
            if name not in self.facts.asides and is_asked(self):
                await self._ask(name, ask(self))

    async def _ask(self, name: str, asking: Awaitable[Exchange | None]) -> None:
        exchange = await asking
        if exchange is not None:
            self._know(asides={**self.facts.asides, name: exchange})

    @property
    def case(self) -> Case | None:
        """The request at which the page was stopped, or was told that it may not go on."""
        if self.facts.stopped is not None or self.facts.method is None:
            return self.facts.stopped or self.facts.unfound
        return Case(self.facts, self.facts.method, Stage.METHOD)

    async def look(self, url: str, *headers: Header, patience: float | None = None) -> Exchange:
        """Ask, without waiting for long, and close the session that it may open."""
        asked = await self.wire.send("GET", url, headers, patience=patience)
        await self._close(asked)
        return asked

    async def _close(self, opened: Exchange) -> None:
        """Close the session that an exchange has opened, so that the server need not wait."""
        session = session_of(opened)
        if session is not None:
            url = f"{opened.url.partition('&t=')[0]}&t={stamp()}&sid={session.sid}"
            leave = protocol_of(opened.url).encode("1")
            url = f"{url}{self.facts.target.query}"
            await self.wire.send("POST", url, opened.headers, leave)

    async def _knock(
        self, origin: str | None, *more: Header, patience: float | None = None
    ) -> Exchange:
        """Open a session as a client of this origin that is no browser, and close it."""
        named = (("Origin", origin),) if origin is not None else ()
        return await self.look(self.facts.target.polling(), *named, *more, patience=patience)

    async def _again(self) -> Exchange:
        """Open another session as the page does."""
        aside = self.wire.patience.aside
        fetched = await self._browser.fetch("GET", self.facts.target.polling(), patience=aside)
        session = session_of(fetched.last)
        if session is not None and session != self.facts.session:
            await Polling(self._browser, self.facts.target, fetched.last, is_direct=True).leave()
        return fetched.last

    async def _anew(self) -> Exchange | None:
        """Join in a new session, and poll only then; return the answer, if one comes."""
        browser, target, aside = self._browser, self.facts.target, self.wire.patience.aside
        opened = (await browser.fetch("GET", target.polling(), patience=aside)).last
        if session_of(opened) is None:
            return None
        other = Polling(browser, target, opened, is_direct=False)
        await browser.fetch("POST", other.address, target.protocol.encode(target.connecting), aside)
        polled = (await browser.fetch("GET", other.address, patience=aside)).last
        await other.leave()
        return polled if answer_among(packets_of(polled), target) is not None else None

    async def _preflight_of(self, origin: str, method: str = "POST") -> Exchange:
        page = replace(self.facts.page, origin=origin, headers=())
        url, aside = self.facts.target.polling(), self.wire.patience.aside
        return await preflight(self.wire, page, method, url, aside, is_browser=False)

    async def _near(self) -> Exchange | None:
        """Look for an origin in the page's place that is let in; keep what was answered."""
        for name in islice(dict.fromkeys(_near_names(self.facts.page.origin)), _NEAR):
            asked = await self._preflight_of(name)
            if asked.response is None:
                return None
            if not lets_in(asked, name):
                continue
            # The last word is that of a request which opens a session, as the page's own.
            knocked = await self._knock(name)
            if session_of(knocked) is not None and lets_in(knocked, name):
                self._know(near=((name, knocked),))
            return None
        return None

    async def _alone(self) -> Exchange:
        """Ask for a WebSocket without a session, and close it."""
        facts = self.facts
        exchange, websocket = await self.wire.shake_hands(
            facts.target.websocket(), (), facts.page.origin
        )
        if websocket is not None:
            await websocket.close()
        return exchange

    async def _paths(self) -> Exchange | None:
        """Try where else the server might be, until it is found."""
        target, started = self.facts.target, self.wire.seconds
        named = named_path(self.case.author) if self.case is not None else None
        known = [named] * (named is not None) + list(_path_candidates(target))
        for path in known:
            if path is None or self.wire.seconds - started > _SEARCH_SECONDS:
                return None
            there = replace(target, path=path)
            asked = await self.look(there.polling(), ("Origin", self.facts.page.origin))
            self._know(paths=(*self.facts.paths, (path, asked)))
            author = who(asked)
            if author.is_socketio and author.error is not Error.PLACE:
                return None
        return None

    async def _follow(self) -> Exchange | None:
        """Follow redirects as no page can: with the page's own origin."""
        case = self.case
        address = _leads_to(case) if case is not None else None
        found: Exchange | None = None
        for _ in range(_MAX_HOPS):
            if address is None or urlsplit(address).scheme not in ("http", "https"):
                break
            found = await self.look(address, ("Origin", self.facts.page.origin))
            location = found.response.location if found.response is not None else None
            address = resolve(location, found.url) if location else None
        return found

    async def _at_other_scheme(self) -> Exchange:
        base = self.facts.target.base
        schemes = ("https", "http") if base.startswith("https") else ("http", "https")
        other = replace(self.facts.target, base=base.replace(*schemes, 1))
        return await self.look(other.polling(), ("Origin", self.facts.page.origin))

    async def _secure_twin(self, port: str) -> Exchange | None:
        host = self.facts.target.base.partition("://")[2]
        name = host if not urlsplit(f"//{host}").port else host.rpartition(":")[0]
        if port and name == host:
            return None
        secure = replace(self.facts.target, base=f"https://{host if port else name}")
        return await self.look(secure.polling(), ("Origin", self.facts.page.origin))

    async def _at_address(self, address: str) -> Exchange:
        """Ask one of the addresses of a name, under that name."""
        host = self.facts.target.base.partition("://")[2]
        port = urlsplit(f"//{host}").port or 80
        literal = f"[{address}]" if ":" in address else address
        there = replace(self.facts.target, base=f"http://{literal}:{port}")
        return await self.look(there.polling(), ("Host", host), ("Origin", self.facts.page.origin))

    async def _other_version(self) -> Exchange:
        other = V4 if self.facts.target.protocol.is_old else V3
        target = replace(self.facts.target, protocol=other)
        return await self.look(target.polling(), ("Origin", self.facts.page.origin))

    async def _forwarded(self, *names: str) -> Exchange:
        scheme, _, host = self.facts.page.origin.partition("://")
        told = {"X-Forwarded-Proto": scheme, "X-Forwarded-Host": host}
        return await self._knock(self.facts.page.origin, *((name, told[name]) for name in names))


def _with_packets(exchange: Exchange, packets: tuple[str, ...]) -> Exchange:
    """Return a WebSocket's exchange with what came by it, as its body."""
    if exchange.response is None:
        return exchange
    body = "\x1e".join(packets).encode() or exchange.response.body
    return replace(exchange, outcome=replace(exchange.response, body=body))


def _is_out_of_reach(case: Case) -> bool:
    failure = case.fetched.failure
    if failure is None:
        return False
    is_silent = failure.trouble is Trouble.SILENT and not case.facts.is_seen
    return is_silent or failure.trouble in OUT_OF_REACH


# --- What is asked beside the page, and when --------------------------------------------------

#: How many redirects are followed to see where they lead.
_MAX_HOPS: Final = 5
#: How many near origins are asked for.
_NEAR: Final = 4
#: How long other paths are tried, in seconds: what serves every path takes its time for each.
_SEARCH_SECONDS: Final = 4.0


def a_stranger() -> str:
    """Return an origin that nobody has."""
    return f"https://sio-cors-doctor-{stamp()}.invalid"


def _near_names(origin: str) -> Iterator[str]:
    """Yield what the server's list may hold in this origin's place, the likeliest first."""
    if origin in OPAQUE_ORIGINS:
        return
    yield f"{origin}/"
    if origin.startswith("http"):
        yield origin.partition("://")[2]
        yield from variants(origin)


def _path_candidates(target: Target) -> Iterator[str]:
    """Return likely paths of the server, the likeliest first."""
    given, namespace = target.path, target.namespace.rstrip("/")
    inside = given.strip("/").split("/")[:-1]
    names = [f"{given}/" if not given.endswith("/") else given.rstrip("/")]
    names += [f"{namespace}/"] * namespace.endswith("/socket.io")
    names += [DEFAULT_PATH, f"{namespace}{DEFAULT_PATH}", f"{given.rstrip('/')}{DEFAULT_PATH}"]
    names += [f"/{'/'.join(inside[:n])}{DEFAULT_PATH}" for n in range(len(inside), 0, -1)]
    names += ["/api/socket.io/", "/ws/socket.io/", "/socketio/", "/engine.io/"]
    known = dict.fromkeys(path.replace("//", "/") for path in names)
    yield from [path for path in known if path not in ("", given)][:9]


def _leads_to(case: Case) -> str | None:
    """Return the address that a redirect leads to, which the page has not followed to its end."""
    location = case.response.location
    if location:
        return resolve(location, case.url)
    is_lost = dict(case.last.headers).get("Origin") == "null" != case.facts.page.origin
    return case.url if is_lost else None


def _on(*tests: Callable[[Case], bool]) -> Callable[[Plan], bool]:
    """Return a condition: the page was stopped, and all of these hold."""
    return lambda plan: plan.case is not None and all(test(plan.case) for test in tests)


def _in_handshake(case: Case) -> bool:
    return case.stage is Stage.HANDSHAKE


def _in_session(case: Case) -> bool:
    return case.stage is Stage.SESSION


def _is_headerless(case: Case) -> bool:
    """Tell whether a Socket.IO server's answer, or a preflight's, lacks the header."""
    is_asked = case.author.is_socketio or (case.is_preflight and case.response.is_ok)
    return case.check is Check.ORIGIN_MISSING and case.response.location is None and is_asked


def _is_elsewhere(case: Case) -> bool:
    """Tell whether what answers is no Socket.IO server, as nothing is there for it."""
    is_nothing = case.response.status in (404, 405)
    if not case.is_preflight:
        is_nothing |= case.response.is_ok
    elif who(case.aside("own")).is_socketio:
        return False
    is_other = not case.author.is_socketio or case.author.error is Error.PLACE
    is_get = case.last.method != "POST"
    return (
        case.fetched.response is not None
        and is_nothing
        and is_other
        and is_get
        and (case.check in (None, Check.ORIGIN_MISSING, Check.PREFLIGHT_STATUS))
    )


def _is_foreign(case: Case) -> bool:
    """Tell whether somebody else has answered in the server's place, or its application has."""
    is_there = case.fetched.response is not None and case.response.location is None
    is_other = not case.author.is_socketio or case.author.error in (Error.REQUEST, Error.FORBIDDEN)
    return is_there and is_other and not case.is_preflight


def _is_cut(case: Case) -> bool:
    troubles = (Trouble.CLOSED, Trouble.TLS, Trouble.NOT_HTTP, Trouble.BAD_STATUS)
    return case.fetched.failure is not None and case.fetched.failure.trouble in troubles


def _is_hung_up(case: Case) -> bool:
    return case.fetched.failure is not None and case.fetched.failure.trouble is Trouble.CLOSED


def _knows_no_origin(case: Case) -> bool:
    """Tell whether the server opens a session that it lets no origin read."""
    asked = case.aside("own")
    response = asked.response if asked is not None else None
    is_open = session_of(asked) is not None and response is not None
    return is_open and response.combined("Access-Control-Allow-Origin") is None  # type: ignore[union-attr]


def _is_lost(case: Case) -> bool:
    return case.author.error is Error.SESSION


_IS_SILENT: Final = _on(
    lambda case: (
        case.fetched.failure is not None
        and case.fetched.failure.trouble is Trouble.SILENT
        and _in_handshake(case)
    )
)


def _is_unanswered(plan: Plan) -> bool:
    """Tell whether the application has not said whether the client is in."""
    joined = plan.facts.joined
    return joined is not None and joined.answer is None and plan.case is None


def _is_unwoken(plan: Plan) -> bool:
    joined = plan.facts.joined
    is_left = joined is not None and joined.is_left
    return _is_unanswered(plan) and is_left and plan.facts.is_python


_CHECKED: Final = (
    Check.ORIGIN_MISMATCH,
    Check.WILDCARD_WITH_CREDENTIALS,
    Check.CREDENTIALS_NOT_TRUE,
    Check.HEADER_NOT_LISTED,
    Check.HEADERS_INVALID,
    Check.METHODS_INVALID,
    Check.METHOD_NOT_LISTED,
)
_Asked = Callable[[Plan], bool]
_Ask = Callable[[Plan], Awaitable[Exchange | None]]

#: Bytes of a header that HAProxy takes no more, which passes on what is no host.
_LONG: Final = 20_000

#: Each request beside the page's own: its name, when it is sent, and what it asks.
_ASIDES: Final[tuple[tuple[str, _Asked, _Ask], ...]] = (
    # What is said to a WebSocket is not read, but the same is said to polling.
    ("own", lambda p: "polling" not in p.facts.transports and p.facts.unopened is not None,
     lambda p: p._knock(p.facts.page.origin)),
    ("secure, port", lambda p: p.facts.is_mixed, lambda p: p._secure_twin("same")),
    ("secure", lambda p: p.facts.is_mixed and not _opened(p, "secure, port"),
     lambda p: p._secure_twin("")),
    ("second address",
     lambda p: p.facts.addresses == ("::1", "127.0.0.1") and p.facts.target.base[:5] == "http:"
     and p.facts.handshake is not None,
     lambda p: p._at_address(p.facts.addresses[-1])),
    ("first address", lambda p: p.facts.asides.get("second address") is not None
     and p.facts.asides["second address"].head is not None,
     lambda p: p._at_address(p.facts.addresses[0])),
    # While the page's poll still waits, and its other request has got no answer.
    ("others", lambda p: p.facts.is_held, lambda p: p._knock(p.facts.page.origin)),
    ("root", _IS_SILENT, lambda p: p.look(f"{p.facts.target.base}/")),
    ("other scheme", _on(_is_cut, _in_handshake), lambda p: p._at_other_scheme()),
    ("elsewhere", _on(lambda c: _leads_to(c) is not None), lambda p: p._follow()),
    ("again", _on(lambda c: (_is_headerless(c) and c.author.is_session) or _is_lost(c)
                  or (c.author.is_session and c.check is Check.ORIGIN_MISMATCH)),
     lambda p: p._again()),
    ("again", _is_unanswered, lambda p: p._again()),
    ("once more", _is_unanswered, lambda p: p._again()),
    ("once more", _on(_is_lost), lambda p: p._again()),
    ("anew", _is_unwoken, lambda p: p._anew()),
    ("own", _on(lambda c: _is_headerless(c) or c.is_preflight or c.check in _CHECKED
                or (c.response.status == 403 and not c.author.is_socketio) or c.refuses_origin),
     lambda p: p._knock(p.facts.page.origin)),
    ("own, twice", _on(lambda c: c.refuses_origin, _in_handshake),
     lambda p: p._knock(p.facts.page.origin)),
    ("own, thrice", _on(lambda c: c.refuses_origin, _in_handshake),
     lambda p: p._knock(p.facts.page.origin)),
    ("preflight", _on(lambda c: _is_headerless(c) and c.author.is_session, _in_handshake),
     lambda p: p._preflight_of(p.facts.page.origin)),
    ("preflight", _on(lambda c: c.check is Check.ORIGIN_MISMATCH and c.is_preflight),
     lambda p: p._preflight_of(p.facts.page.origin, "GET")),
    ("stranger", _on(lambda c: (_is_headerless(c) and _knows_no_origin(c))
                     or c.check is Check.ORIGIN_MISMATCH),
     lambda p: p._knock(a_stranger())),
    ("own pages", _on(lambda c: _is_headerless(c) and c.facts.is_installed
                      and session_of(c.aside("own")) is None),
     lambda p: p._knock(origin_of(p.facts.target.base))),
    ("near", _on(_is_headerless, _in_handshake), lambda p: p._near()),
    ("version", _on(lambda c: c.author.error is Error.VERSION), lambda p: p._other_version()),
    ("no origin", _on(lambda c: _is_foreign(c) or _is_hung_up(c), _in_handshake),
     lambda p: p._knock(None)),
    ("paths", _on(_is_elsewhere, _in_handshake, lambda c: session_of(c.aside("no origin")) is None),
     lambda p: p._paths()),
    # What of its address a server does not know, whose own page is refused.
    ("told the scheme", lambda p: _keeps_own(p) and p.facts.page.origin.startswith("https:"),
     lambda p: p._forwarded("X-Forwarded-Proto")),
    ("as http", lambda p: _keeps_own(p, "told the scheme")
     and p.facts.page.origin.startswith("https:"),
     lambda p: p._knock(p.facts.page.origin.replace("https:", "http:", 1))),
    ("told the host", lambda p: _keeps_own(p, "told the scheme", "as http"),
     lambda p: p._forwarded("X-Forwarded-Host")),
    ("without port", lambda p: _keeps_own(p, "told the scheme", "as http", "told the host")
     and portless(p.facts.page.origin) != p.facts.page.origin,
     lambda p: p._knock(portless(p.facts.page.origin))),
    ("told the address", lambda p: _keeps_own(p, "told the scheme", "as http", "told the host",
                                              "without port"),
     lambda p: p._forwarded("X-Forwarded-Proto", "X-Forwarded-Host")),
    # Proxies answer what is no host, or too long, themselves, and show themselves by it.
    ("odd", lambda p: not p.facts.proxy and _is_troubled(p.facts),
     lambda p: p.look(p.facts.target.polling(), ("Host", "<>"), ("X-Long", "x" * _LONG))),
    ("plain websocket", lambda p: _is_dropped(p.facts.upgrade),
     lambda p: p.look(p.facts.target.polling().replace("=polling", "=websocket"),
                      ("Origin", p.facts.page.origin))),
    ("websocket alone", lambda p: _is_dropped(p.facts.upgrade), lambda p: p._alone()),
)  # fmt: skip


def _keeps_own(plan: Plan, *asked: str) -> bool:
    """Tell whether the server's own page is kept out, and none of these requests has shown why."""
    cases = [plan.case] * (plan.case is not None and _in_session(plan.case))
    cases.append(plan.facts.unopened)
    is_out = any(case is not None and case.refuses_origin for case in cases)
    return plan.facts.is_own and is_out and not any(_opened(plan, name) for name in asked)


def _opened(plan: Plan, name: str) -> bool:
    return session_of(plan.facts.asides.get(name)) is not None


def _is_troubled(facts: Facts) -> bool:
    """Tell whether something does not work of a server that answers."""
    case = facts.stopped
    is_there = case is None or not _is_out_of_reach(case)
    is_in_trouble = case is not None or facts.unopened is not None or facts.ended is not None
    return is_there and is_in_trouble


def _is_dropped(upgrade: Upgrade | None) -> bool:
    response = upgrade.exchange.response if upgrade is not None else None
    return response is not None and (response.status in (400, 426) or response.is_ok)
