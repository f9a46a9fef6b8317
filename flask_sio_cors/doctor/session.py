"""What a page's client says once it has a transport: it joins, answers pings, and leaves."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

from .browser import NOTHING, Browser, Fetched
from .protocol import Session, opened_by, packets_of, protocol_of, session_of
from .target import Target, stamp
from .who import is_python
from .wire import UNANSWERED, ClosedError, Exchange, Patience, SpentError, WebSocket, Wire


def answer_among(packets: Iterable[str], target: Target) -> str | None:
    """Return the packet that answers a client's wish to connect; ``None`` where none has come.

    It starts with 40 (connected), 41 (disconnected) or 44 (refused).
    """
    # Servers of the old protocol add each client to the main namespace unasked.
    name = target.name if target.protocol.is_old else ""
    told = [one for one in packets if one.startswith(("41", "44", f"40{name}"))]
    # An application that changes its mind has said its last word.
    return min(told, key=lambda one: one.startswith("40"), default=None)


#: The packet by which Engine.IO ends a session.
_LEAVE: Final = "1"
#: How often nothing may come of the application, until its answer does.
_ROUNDS: Final = 5
#: How long a poll takes to come to where it waits, in seconds.
_ARRIVAL: Final = 0.05


async def leave(wire: Wire, opened: Exchange) -> None:
    """Close the session that an exchange has opened, so that the server need not wait."""
    session = session_of(opened)
    if session is not None:
        url = f"{re.sub('&[tj]=[^&]*', '', opened.url)}&t={stamp()}&sid={session.sid}"
        await wire.send("POST", url, opened.headers, protocol_of(url).encode(_LEAVE))


class UnreadError(ClosedError):
    """Polling is over: there was an answer that the page cannot use.

    :param fetched: the request.
    :param is_held: whether it was not answered while a poll waited.
    """

    def __init__(self, fetched: Fetched, *, is_held: bool, is_farewell: bool) -> None:
        super().__init__("", is_farewell=is_farewell)
        self.fetched, self.is_held = fetched, is_held


@dataclass(frozen=True)
class Conversation:
    """What has come by a transport; false where none was asked for.

    :param packets: in their order.
    :param answer: that which answers the client's wish to connect, or ends its connection.
    :param end: what ended the transport, if that was it.
    :param fetched: the request by which it came, or by which it should.
    :param seconds: how long it lasted.
    :param is_open: whether the transport carries what it should: an answer, or a session.
    :param is_left: whether only this was not answered, while the server did other things.
    """

    packets: tuple[str, ...] = ()
    answer: str | None = None
    end: ClosedError | None = None
    fetched: Fetched = NOTHING
    seconds: float = 0.0
    is_open: bool = False
    is_left: bool = False

    def __bool__(self) -> bool:
        return bool(self.fetched)

    @property
    def broken(self) -> Fetched:
        """The request that the page could not use, which ended it."""
        return self.end.fetched if isinstance(self.end, UnreadError) else NOTHING

    @property
    def is_held(self) -> bool:
        """Whether that was not answered while a poll waited."""
        return isinstance(self.end, UnreadError) and self.end.is_held

    @property
    def is_dismissed(self) -> bool:
        """Whether the server took leave, as nothing between does."""
        return _LEAVE in self.packets or (self.end is not None and self.end.is_farewell)


#: Where none was asked for.
SILENCE: Final = Conversation()
#: What carries packets, whichever way: it can send, receive and close.
Transport: TypeAlias = "Polling | WebSocket"


async def join(line: Transport, target: Target, patience: float) -> Conversation:
    """Join the namespace, once the transport brings a session, and answer pings meanwhile.

    :param patience: for each answer, in seconds.
    """
    packets: list[str] = []
    end, is_left = None, False
    try:
        packets += await line.receive(patience)
        if packets and opened_by(packets[0]) is not None:
            if target.connecting:
                await line.send(target.connecting)
            rounds, until = _ROUNDS, asyncio.get_running_loop().time() + patience
            while rounds and not is_left and answer_among(packets, target) is None:
                news = await line.receive(patience)
                is_left = not news and await line.is_served()
                packets += news
                is_asked = "2" in news
                # A handler that takes long is waited for, however often the server asks.
                rounds -= not is_asked or asyncio.get_running_loop().time() > until
                if is_asked:
                    await line.send(target.protocol.beat)
    except ClosedError as error:
        end = error
    is_open = bool(packets) and opened_by(packets[0]) is not None
    answer = answer_among(packets, target)
    return Conversation(tuple(packets), answer, end, _last(line), 0.0, is_open, is_left)


def _last(line: Transport) -> Fetched:
    """Return the request by which the last packets came, where each comes by one of its own."""
    return line.last if isinstance(line, Polling) else NOTHING


async def probe(line: Transport, patience: float) -> Conversation:
    """Ask whether packets come through, as a client does before it leaves polling."""
    try:
        await line.send("2probe")
        packets = await line.receive(patience)
    except ClosedError as error:
        return Conversation(end=error)
    return Conversation(tuple(packets), is_open=packets[:1] == ["3probe"])


async def watch(
    line: Transport, target: Target, session: Session, seconds: float, brought: Sequence[str] = ()
) -> Conversation | None:
    """Live on a transport for so long, and answer what the server asks; tell what ended it.

    :param brought: the packets that came by polling while it was left.
    """
    loop, beat = asyncio.get_running_loop(), target.protocol.beat
    started, packets = loop.time(), list(brought)
    # Of the old protocol it is the client who asks.
    pause = max(session.interval, 0.2) if target.protocol.is_old else seconds
    while True:
        lasted, answer = loop.time() - started, answer_among(packets, target)
        answer = None if answer is None or answer.startswith("40") else answer
        if answer is not None or _LEAVE in packets:
            return Conversation(tuple(packets), answer, None, _last(line), lasted)
        if lasted >= seconds:
            return None
        try:
            if "2" in packets or (target.protocol.is_old and not packets):
                await line.send(beat)
            # What comes meanwhile comes together.
            await asyncio.sleep(_ARRIVAL)
            packets = await line.receive(min(seconds - lasted, pause))
        except ClosedError as error:
            return Conversation((), None, error, _last(line), loop.time() - started)


# --- Polling ---------------------------------------------------------------------------------

#: Requests that are sent while a poll waits, so that each of a few workers gets one. Never more
#: than two at once: a page has three connections at most, and proxies count them.
_IN_PAIRS: Final = 3
#: The same where they have to come one by one; those who share work that way take turns.
_IN_TURN: Final = 4


class Polling:
    """A session that polling has opened, and goes on with it.

    :param opened: the exchange that opened it.
    :param is_direct: whether its address is answered without a redirect.
    """

    def __init__(
        self, browser: Browser, target: Target, opened: Exchange, *, is_direct: bool
    ) -> None:
        self.browser, self.target, self.opened = browser, target, opened
        self.session = session_of(opened) or Session("")
        self.is_direct = is_direct
        self.last = Fetched((opened,))
        self._news = packets_of(opened)
        self._poll: asyncio.Task[Fetched] | None = None

    async def send(self, packet: str) -> None:
        """Send a packet while a poll waits, as clients do."""
        if self.is_direct:
            # A server that is not made to be asked twice at once shows it when the first one waits.
            await self._hold()
        await self._read(await self._post(packet, self._patience.application))

    async def receive(self, seconds: float) -> list[str]:
        """Return what a poll brings; nothing where it waits for longer."""
        if not self._news:
            poll = await self._hold(None if self.is_direct else seconds)
            await asyncio.wait([poll], timeout=seconds if self.is_direct else None)
            if not poll.done():
                return []
            self._poll = None
            self.last = await self._read(poll.result())
            self._news = packets_of(self.last.last) or [""]
        news, self._news = self._news, []
        return news

    async def is_served(self) -> bool:
        """Tell whether another request is answered, while the poll keeps waiting."""
        beat = await self._post(self.target.protocol.beat, self._patience.aside)
        if not is_read(beat) or self._poll is None or self._poll.done():
            return False
        await self.drop()
        self.last = Fetched((Exchange("GET", self.address, (), UNANSWERED),))
        return True

    async def go_on(self) -> Conversation:
        """Go on while a poll waits, as clients do; tell what cannot be done like that."""
        wire, beat = self.browser.wire, self.target.protocol.beat
        started, limit = wire.seconds, self._patience.application
        # Of workers that wait for a connection, it is often the same one that gets the next; so two
        # come at once. Socket.IO for Node.js ends a session that posts two things at once.
        rounds, width = (_IN_PAIRS, 2) if is_python(self.opened.response) else (_IN_TURN, 1)
        await self._hold()
        for _ in range(rounds):
            beats = [self._post(beat, limit) for _ in range(width)]
            for answered in await asyncio.gather(*beats):
                try:
                    await self._read(answered)
                except UnreadError as error:
                    return Conversation(end=error, fetched=answered)
            if wire.seconds - started > limit:
                break
        return SILENCE

    async def brought(self) -> list[str]:
        """Return what the poll that waits brings, which servers end once a WebSocket is there."""
        if self._poll is None:
            return []
        await asyncio.wait([self._poll], timeout=self._patience.aside)
        return packets_of(self._poll.result().last) if self._poll.done() else []

    async def close(self) -> None:
        """Take leave, which ends the poll that waits, too."""
        with suppress(SpentError):
            if self.session.sid:
                await self._post(_LEAVE, self._patience.aside)
        await self.drop()

    async def drop(self) -> None:
        """Hang up on the poll that waits."""
        if self._poll is not None:
            self._poll.cancel()
            await asyncio.wait([self._poll])
            if not self._poll.cancelled():
                self._poll.exception()
        self._poll = None

    @property
    def address(self) -> str:
        """The address of the next request, each time another one."""
        return f"{self.target.polling()}&sid={self.session.sid}"

    @property
    def _patience(self) -> Patience:
        return self.browser.wire.patience

    async def _hold(self, patience: float | None = None) -> asyncio.Task[Fetched]:
        """Let a poll wait from now on; that which waits still, if there is one."""
        if self._poll is None:
            sent = asyncio.Event()
            asking = self.browser.fetch("GET", self.address, None, patience, sent)
            self._poll = asyncio.create_task(asking)
            leaves = asyncio.create_task(sent.wait())
            limit = self._patience.aside
            await asyncio.wait([leaves, self._poll], timeout=limit, return_when="FIRST_COMPLETED")
            leaves.cancel()
            await asyncio.wait([self._poll], timeout=_ARRIVAL)
        return self._poll

    async def _post(self, packet: str, patience: float) -> Fetched:
        body = self.target.protocol.encode(packet)
        return await self.browser.fetch("POST", self.address, body, patience)

    async def _read(self, fetched: Fetched) -> Fetched:
        """Return what the page can use.

        :raise UnreadError: if it cannot use it.
        """
        if is_read(fetched):
            return fetched
        self.last = fetched
        is_late = fetched.failure is not None and fetched.failure.is_late
        is_farewell = _LEAVE in await self.brought()
        is_held = is_late and self._poll is not None and not self._poll.done()
        raise UnreadError(fetched, is_held=is_held, is_farewell=is_farewell)


def is_read(fetched: Fetched) -> bool:
    """Tell whether a client can use an answer: engine.io-client takes no other status."""
    return fetched.readable is not None and fetched.readable.status == 200
