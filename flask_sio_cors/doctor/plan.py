"""One fixed plan of requests: what the page does, and then what tells the causes apart.

Nothing is judged here beyond what decides about the next request, and nothing is asked later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any, Final
from urllib.parse import urlsplit

from ..browser.fetch import Check, Header
from ..origins.grammar import OPAQUE_ORIGINS
from ..origins.near import variants
from .browser import (
    Browser,
    Fetched,
    fetch_metadata,
    origin_of,
    preflight,
    resolve,
)
from .facts import OUT_OF_REACH, Case, Facts, Stage, gets_in, is_welcome, lets_in, portless
from .protocol import V3, V4, Session, opened_by, session_of
from .rules.when import either, fails, is_in, refused_for, troubled
from .session import SILENCE, Conversation, Polling, Transport, join, leave, probe, watch
from .target import DEFAULT_PATH, Target, stamp
from .who import Error, named_path, who
from .wire import ClosedError, Exchange, SpentError, Trouble, Wire


class Plan:
    """Sends the requests of an examination within the bounds of `Wire`, and keeps what comes.

    :param facts: what is known before.
    :param method: another method that the page uses, asked for in a preflight of its own.
    :param watch: how many seconds a connection has to last, to be called one that works.
    """

    def __init__(self, facts: Facts, wire: Wire, method: str | None, watch: float) -> None:
        self.facts, self.wire = facts, wire
        self._method, self._watch = method, watch
        self._browser = Browser(facts.page, wire)
        self._open: list[Transport] = []

    async def run(self) -> Facts:
        """Carry it out."""
        try:
            await self._look_up()
            if not self.facts.is_unsent:
                await self._act_as_page()
            for name, is_asked, ask in _ASIDES:
                if name not in self.facts.asides and is_asked(self.facts):
                    self._note(name, await ask(self))
            if self.facts.websocket is None or self.facts.stopped is not None:
                await self._try_websocket_alone()
        except SpentError:
            self._know(is_spent=True)
        finally:
            for line in reversed(self._open):
                await line.close()
            if not self.facts.joined:
                # What the page may not read has opened a session all the same.
                with suppress(SpentError):
                    await leave(self.wire, self.facts.handshake.last)
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

    def _note(self, name: str, asked: Exchange | None) -> None:
        if asked is not None:
            self._know(asides={**self.facts.asides, name: asked})

    async def _look_up(self) -> None:
        urls, limit = (self.facts.target.base, self.facts.page.origin), self.wire.patience.aside
        asking = (self.wire.look_up(urlsplit(url).hostname or "") for url in urls)
        found = await asyncio.gather(
            *(asyncio.wait_for(one, limit) for one in asking), return_exceptions=True
        )
        known = [() if isinstance(one, BaseException) else one for one in found]
        self._know(addresses=known[0], asker=known[1])

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
        polling = Polling(browser, facts.target, fetched.last, is_direct=is_direct)
        self._open.append(polling)
        self._know(joined=await join(polling, facts.target, self.wire.patience.application))
        if self.facts.stopped is None and is_welcome(self.facts.answer, facts.target):
            await self._go_on(polling)
        if self._method is not None and not facts.is_own:
            await self._ask_method(self._method)

    async def _go_on(self, polling: Polling) -> None:
        if polling.is_direct:
            self._know(broken=await polling.go_on())
        if self.facts.stopped is not None:
            return
        line, brought = await self._upgrade(polling)
        if self._watch and (line is not polling or polling.is_direct):
            await self._live(line, polling.session, brought)

    async def _upgrade(self, polling: Polling) -> tuple[Transport, list[str]]:
        """Go on to a WebSocket, where there is one.

        :return: the transport that the page is on then, and what came while it left polling.
        """
        session = polling.session
        if not {"websocket"} & self.facts.transports & {*session.upgrades}:
            return polling, []
        patience = self.wire.patience
        talk = partial(probe, patience=patience.application)
        upgrade, websocket = await self._by_websocket(talk, session, patience.page)
        self._know(upgrade=upgrade)
        if websocket is None or not upgrade.is_open:
            return polling, []
        # As clients do: what the poll has still to bring is the page's, a ping too.
        brought = await polling.brought()
        with suppress(ClosedError):
            await websocket.send("5")
        await polling.drop()
        self._open.remove(polling)
        return websocket, brought

    async def _live(self, line: Transport, session: Session, brought: Sequence[str] = ()) -> None:
        """Stay for a while, on the transport that the page would be on."""
        left = min(self._watch, self.wire.remaining)
        ended = await watch(line, self.facts.target, session, left, brought)
        if ended is not None:
            shown = ended.fetched or self.facts.by_websocket.fetched
            self._know(ended=replace(ended, fetched=shown))

    async def _ask_method(self, method: str) -> None:
        page, url = self.facts.page, self.facts.target.polling()
        asked = await preflight(self.wire, page, method, url, self.wire.patience.page)
        if asked.readable is None:
            self._know(method=asked)

    # --- WebSocket ---------------------------------------------------------------------------

    async def _by_websocket(
        self,
        talk: Callable[[Transport], Awaitable[Conversation]],
        session: Session | None,
        patience: float,
    ) -> tuple[Conversation, Transport | None]:
        """Open a WebSocket, and talk by it.

        :param session: within which; ``None`` where it is to open one.
        :param patience: for the handshake, in seconds.
        """
        facts, url = self.facts, self.facts.target.websocket(session)
        # Firefox sends these, Chromium does not. A page elsewhere may get in for want of them only,
        # the server's own for having them.
        metadata = () if facts.is_own else fetch_metadata(facts.page.origin, url, mode="websocket")
        headers = (*metadata, *self._browser.headers(facts.target.base))
        asked, websocket = await self.wire.shake_hands(url, headers, facts.page.origin, patience)
        told = SILENCE
        if websocket is not None:
            self._open.append(websocket)
            told = await talk(websocket)
        if asked.response is not None and told.packets:
            body = "\x1e".join(told.packets).encode()
            asked = replace(asked, outcome=replace(asked.response, body=body))
        return replace(told, fetched=Fetched((asked,))), websocket

    async def _try_websocket_alone(self) -> None:
        """Connect as a client does that has no other transport."""
        facts, limit = self.facts, self.wire.patience.application
        is_left_out = "websocket" not in facts.transports or facts.is_unsent or facts.is_held
        is_out = facts.stopped is not None and _is_out_of_reach(facts.stopped)
        if is_left_out or is_out or (facts.stopped is None and "polling" in facts.transports):
            return
        talk = partial(join, target=facts.target, patience=limit)
        alone, websocket = await self._by_websocket(talk, None, limit)
        self._know(alone=alone)
        opened = opened_by(alone.packets[0]) if alone.packets else None
        is_watched = self._watch and "polling" not in facts.transports
        if is_watched and self.facts.connects_by_websocket and websocket is not None and opened:
            # A worker that does one thing at a time answers nobody else until this one leaves.
            asking = self.knock(patience=limit)
            _, meanwhile = await asyncio.gather(self._live(websocket, opened), asking)
            self._note("meanwhile", meanwhile)

    # --- Beside the page ---------------------------------------------------------------------

    async def look(self, url: str, *headers: Header, patience: float | None = None) -> Exchange:
        """Ask, without waiting for long, and close the session that it may open."""
        asked = await self.wire.send("GET", url, headers, patience=patience)
        await leave(self.wire, asked)
        return asked

    async def knock(
        self,
        *more: Header,
        origin: str | None = "",
        patience: float | None = None,
        **elsewhere: Any,
    ) -> Exchange:
        """Open a session as a client that is no browser, and close it.

        :param origin: that it names; the page's, if nothing else is said.
        :param elsewhere: what of the target is another.
        """
        origin = self.facts.page.origin if origin == "" else origin
        named = (("Origin", origin),) if origin is not None else ()
        url = replace(self.facts.target, **elsewhere).polling()
        return await self.look(url, *more, *named, patience=patience)

    async def open_again(self) -> Polling:
        """Open another session as the page does."""
        target, aside = self.facts.target, self.wire.patience.aside
        fetched = await self._browser.fetch("GET", target.polling(), patience=aside)
        return Polling(self._browser, target, fetched.last, is_direct=False)

    async def again(self) -> Exchange:
        """Open another session as the page does, and close it."""
        other = await self.open_again()
        if other.session != self.facts.session:
            await other.close()
        return other.opened

    async def anew(self) -> Exchange | None:
        """Join in a new session, and poll only then; return the answer, if one comes."""
        other = await self.open_again()
        told = await join(other, self.facts.target, self.wire.patience.aside)
        await other.close()
        return told.fetched.last if told.answer is not None else None

    async def preflight_of(self, origin: str, method: str = "POST") -> Exchange:
        """Ask whether pages of an origin may send a request, without saying that a page asks."""
        page = replace(self.facts.page, origin=origin, headers=())
        url, aside = self.facts.target.polling(), self.wire.patience.aside
        return (await preflight(self.wire, page, method, url, aside, is_browser=False)).last

    async def near(self) -> Exchange | None:
        """Look for an origin in the page's place that is let in; return what it was answered."""
        for name in islice(dict.fromkeys(_near_names(self.facts.page.origin)), _NEAR):
            asked = await self.preflight_of(name)
            if asked.response is None:
                break
            if lets_in(asked, name):
                # The last word is that of a request which opens a session, as the page's own.
                knocked = await self.knock(origin=name)
                return knocked if gets_in(knocked, name) else None
        return None

    async def websocket(self) -> Exchange:
        """Ask for a WebSocket without a session, and close it."""
        url, page = self.facts.target.websocket(), self.facts.page
        exchange, websocket = await self.wire.shake_hands(url, (), page.origin)
        if websocket is not None:
            await websocket.close()
        return exchange

    async def paths(self) -> Exchange | None:
        """Try where else the server might be, until it is found; return the last answer."""
        facts, started, asked = self.facts, self.wire.seconds, None
        named = named_path(facts.case.author) if facts.case is not None else None
        for path in filter(None, (named, *_path_candidates(facts.target))):
            if who(asked).is_at_home or self.wire.seconds - started > _SEARCH_SECONDS:
                break
            asked = await self.knock(path=path)
        return asked

    async def follow(self) -> Exchange | None:
        """Follow redirects as no page can: with the page's own origin."""
        case = self.facts.case
        address = _leads_to(case) if case is not None else None
        found: Exchange | None = None
        for _ in range(_MAX_HOPS):
            if address is None or urlsplit(address).scheme not in ("http", "https"):
                break
            found = await self.look(address, ("Origin", self.facts.page.origin))
            location = found.response.location if found.response is not None else None
            address = resolve(location, found.url) if location else None
        return found


def _is_out_of_reach(case: Case) -> bool:
    is_silent = case.trouble is Trouble.SILENT and not case.facts.is_seen
    return is_silent or case.trouble in OUT_OF_REACH


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


def _on(*tests: Callable[[Case], object]) -> Callable[[Facts], bool]:
    """Return a condition: the page was stopped, and all of these hold."""
    return lambda facts: facts.case is not None and all(test(facts.case) for test in tests)


def _is_headerless(case: Case) -> bool:
    """Tell whether a Socket.IO server's answer, or a preflight's, lacks the header."""
    is_asked = case.author.is_socketio or (case.is_preflight and case.response.is_ok)
    return case.check is Check.ORIGIN_MISSING and case.response.location is None and is_asked


def _is_elsewhere(case: Case) -> bool:
    """Tell whether what answers is no Socket.IO server, as nothing is there for it."""
    is_nothing = case.response.status in (404, 405)
    if case.is_preflight:
        is_nothing &= not who(case.aside("own")).is_socketio
    else:
        is_nothing |= case.response.is_ok
    is_readable = case.check in (None, Check.ORIGIN_MISSING, Check.PREFLIGHT_STATUS)
    is_other = not case.author.is_at_home and case.last.method != "POST"
    return is_nothing and is_readable and is_other


def _is_foreign(case: Case) -> bool:
    """Tell whether somebody else has answered in the server's place, or its application has."""
    is_there = bool(case.response.status) and case.response.location is None
    is_other = not case.author.is_socketio or case.author.error in (Error.REQUEST, Error.FORBIDDEN)
    return is_there and is_other and not case.is_preflight


def _knows_no_origin(case: Case) -> bool:
    """Tell whether the server opens a session that it lets no origin read."""
    return case.opens("own") and not case.beside("own").values("Access-Control-Allow-Origin")


def _is_unanswered(facts: Facts) -> bool:
    """Tell whether the application has not said whether the client is in."""
    return bool(facts.joined) and facts.joined.answer is None and facts.case is None


_in_handshake: Final = is_in(Stage.HANDSHAKE)
_is_lost: Final = refused_for(Error.SESSION)
_is_no_http: Final = troubled(Trouble.CLOSED, Trouble.TLS, Trouble.NOT_HTTP, Trouble.BAD_STATUS)
_is_unread: Final = fails(
    Check.ORIGIN_MISMATCH,
    Check.WILDCARD_WITH_CREDENTIALS,
    Check.CREDENTIALS_NOT_TRUE,
    Check.HEADER_NOT_LISTED,
    Check.HEADERS_INVALID,
    Check.METHODS_INVALID,
    Check.METHOD_NOT_LISTED,
)
_Asked = Callable[[Facts], object]
_Ask = Callable[[Plan], Awaitable[Exchange | None]]

#: Bytes of a header that HAProxy takes no more, which passes on what is no host.
_LONG: Final = 20_000

#: Each request beside the page's own: its name, when it is sent, and what it asks.
_ASIDES: Final[tuple[tuple[str, _Asked, _Ask], ...]] = (
    # What is said to a WebSocket is not read, but the same is said to polling.
    ("own", lambda f: "polling" not in f.transports and f.unopened is not None,
     lambda p: p.knock()),
    ("secure, port", lambda f: f.is_mixed and urlsplit(f.target.base).port,
     lambda p: p.knock(base=_other_scheme(p))),
    ("secure", lambda f: f.is_mixed and not _opened(f, "secure, port"),
     lambda p: p.knock(base=portless(_other_scheme(p)))),
    ("second address",
     lambda f: f.addresses == ("::1", "127.0.0.1") and f.target.base[:5] == "http:" and f.handshake,
     lambda p: _at_address(p, 1)),
    ("first address", lambda f: "second address" in f.asides and f.asides["second address"].head,
     lambda p: _at_address(p, 0)),
    # While the page's poll still waits, and its other request has got no answer.
    ("others", lambda f: f.is_held, lambda p: p.knock()),
    ("root", _on(troubled(Trouble.SILENT), _in_handshake),
     lambda p: p.look(f"{p.facts.target.base}/")),
    ("other scheme", _on(_is_no_http, _in_handshake),
     lambda p: p.knock(base=_other_scheme(p))),
    ("elsewhere", _on(lambda c: _leads_to(c) is not None), lambda p: p.follow()),
    ("again", _on(lambda c: (_is_headerless(c) and c.author.is_session) or _is_lost(c)
                  or (c.author.is_session and c.check is Check.ORIGIN_MISMATCH)),
     lambda p: p.again()),
    ("again", _is_unanswered, lambda p: p.again()),
    ("once more", lambda f: _is_unanswered(f) or _on(_is_lost)(f), lambda p: p.again()),
    ("anew", lambda f: _is_unanswered(f) and f.joined.is_left and f.is_python,
     lambda p: p.anew()),
    ("own", _on(lambda c: _is_headerless(c) or c.is_preflight or _is_unread(c)
                or (c.response.status == 403 and not c.author.is_socketio) or c.refuses_origin),
     lambda p: p.knock()),
    ("own, twice", _on(lambda c: c.refuses_origin, _in_handshake), lambda p: p.knock()),
    ("own, thrice", _on(lambda c: c.refuses_origin, _in_handshake), lambda p: p.knock()),
    ("preflight", _on(lambda c: _is_headerless(c) and c.author.is_session, _in_handshake),
     lambda p: p.preflight_of(p.facts.page.origin)),
    ("preflight", _on(lambda c: c.check is Check.ORIGIN_MISMATCH and c.is_preflight),
     lambda p: p.preflight_of(p.facts.page.origin, "GET")),
    ("stranger", _on(lambda c: (_is_headerless(c) and _knows_no_origin(c))
                     or c.check is Check.ORIGIN_MISMATCH),
     lambda p: p.knock(origin=a_stranger())),
    ("own pages", _on(lambda c: _is_headerless(c) and c.facts.is_installed and not c.opens("own")),
     lambda p: p.knock(origin=origin_of(p.facts.target.base))),
    ("near", _on(_is_headerless, _in_handshake), lambda p: p.near()),
    ("version", lambda f: any(case is not None and case.author.error is Error.VERSION
                              for case in (f.case, f.unopened)),
     lambda p: p.knock(protocol=V4 if p.facts.target.protocol.is_old else V3)),
    ("no origin", _on(either(_is_foreign, troubled(Trouble.CLOSED)), _in_handshake),
     lambda p: p.knock(origin=None)),
    ("paths", _on(_is_elsewhere, _in_handshake, lambda c: not c.opens("no origin")),
     lambda p: p.paths()),
    # What of its address a server does not know, whose own page is refused.
    ("told the scheme", lambda f: _keeps_own(f) and f.page.origin.startswith("https:"),
     lambda p: p.knock(*_forwarded(p, proto=True))),
    ("as http", lambda f: _keeps_own(f) and f.page.origin.startswith("https:"),
     lambda p: p.knock(origin=p.facts.page.origin.replace("https:", "http:", 1))),
    ("told the host", lambda f: _keeps_own(f), lambda p: p.knock(*_forwarded(p, host=True))),
    ("without port", lambda f: _keeps_own(f) and portless(f.page.origin) != f.page.origin,
     lambda p: p.knock(origin=portless(p.facts.page.origin))),
    ("told the address", lambda f: _keeps_own(f),
     lambda p: p.knock(*_forwarded(p, proto=True, host=True))),
    # Proxies answer what is no host, or too long, themselves, and show themselves by it.
    ("odd", lambda f: not f.proxy and _is_troubled(f),
     lambda p: p.look(p.facts.target.polling(), ("Host", "<>"), ("X-Long", "x" * _LONG))),
    ("plain websocket", lambda f: _is_dropped(f.upgrade),
     lambda p: p.look(p.facts.target.polling().replace("=polling", "=websocket"),
                      ("Origin", p.facts.page.origin))),
    ("websocket alone", lambda f: _is_dropped(f.upgrade), lambda p: p.websocket()),
)  # fmt: skip


def _other_scheme(plan: Plan) -> str:
    """Return the server's base by the other of http: and https:."""
    scheme, rest = plan.facts.target.base.split("://", 1)
    return f"{'http' if scheme == 'https' else 'https'}://{rest}"


def _at_address(plan: Plan, index: int) -> Awaitable[Exchange]:
    """Ask one of the addresses of a name, under that name."""
    host, address = urlsplit(plan.facts.target.base), plan.facts.addresses[index]
    literal = f"[{address}]" if ":" in address else address
    return plan.knock(("Host", host.netloc), base=f"http://{literal}:{host.port or 80}")


def _forwarded(plan: Plan, *, proto: bool = False, host: bool = False) -> Iterator[Header]:
    """Yield what a proxy says of the address that the page has asked."""
    parts = urlsplit(plan.facts.page.origin)
    if proto:
        yield "X-Forwarded-Proto", parts.scheme
    if host:
        yield "X-Forwarded-Host", parts.netloc


_OWN: Final = ("told the scheme", "as http", "told the host", "without port", "told the address")


def _keeps_own(facts: Facts) -> bool:
    """Tell whether the server's own page is kept out, and nothing has shown why."""
    cases = [facts.case if facts.case and facts.case.stage is Stage.SESSION else None]
    cases.append(facts.unopened)
    is_out = any(case is not None and case.refuses_origin for case in cases)
    return facts.is_own and is_out and not any(_opened(facts, name) for name in _OWN)


def _opened(facts: Facts, name: str) -> bool:
    return session_of(facts.asides.get(name)) is not None


def _is_troubled(facts: Facts) -> bool:
    """Tell whether something does not work of a server that answers."""
    case = facts.stopped
    is_there = case is None or not _is_out_of_reach(case)
    is_in_trouble = case is not None or facts.unopened is not None or bool(facts.ended)
    return is_there and is_in_trouble


def _is_dropped(upgrade: Conversation) -> bool:
    response = upgrade.fetched.readable
    return response is not None and (response.status in (400, 426) or response.is_ok)
