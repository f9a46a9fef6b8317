"""What a page's client says once it has a session: it joins, answers pings, and leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from .browser import Browser, Fetched
from .protocol import Session, packets_of, session_of
from .target import Target
from .wire import UNANSWERED, ClosedError, Exchange, SpentError, WebSocket


def answer_among(packets: Iterable[str], target: Target) -> str | None:
    """Return the packet that answers a client's wish to connect; ``None`` where none has come.

    It starts with 40 (connected), 41 (disconnected) or 44 (refused).
    """
    # Servers of the old protocol add each client to the main namespace unasked.
    name = target.name if target.protocol.is_old else ""
    told = [one for one in packets if one.startswith(("41", "44", f"40{name}"))]
    # An application that changes its mind has said its last word.
    return min(told, key=lambda one: one.startswith("40"), default=None)


#: Requests that are sent while a poll waits, so that each of a few workers gets one. Never more
#: than two at once: a page has three connections at most, and proxies count them.
_ROUNDS: Final = 3
#: The same where they have to come one by one; those who share work that way take turns.
_IN_TURN: Final = 4
#: How long a poll takes to come to where it waits, in seconds.
_ARRIVAL: Final = 0.05
#: Polls that may bring nothing of the application, until its answer comes.
_POLLS: Final = 3


@dataclass(frozen=True)
class Joined:
    """What came of a client's wish to connect.

    :param answer: the packet that answers it; ``None`` where none came.
    :param answered: the exchange that brought it, or the last that did not.
    :param broken: the request that the page could not use, which ended it.
    :param is_held: whether `broken` was not answered while a poll waited.
    :param is_left: whether only the poll was not answered, while other requests were.
    :param is_dismissed: whether the server had taken leave, by the poll that waited.
    """

    answer: str | None = None
    answered: Fetched | None = None
    broken: Fetched | None = None
    is_held: bool = False
    is_left: bool = False
    is_dismissed: bool = False


@dataclass(frozen=True)
class Ended:
    """What ended a connection that was watched.

    :param how: the transport's own words, where that was a WebSocket.
    :param polled: the poll that the page could not use.
    :param seconds: how long it lasted.
    :param answer: the packet by which the application ended it, if it did.
    :param is_dismissed: whether the server took leave, as nothing between does.
    """

    seconds: float
    how: str = ""
    polled: Fetched | None = None
    answer: str | None = None
    is_dismissed: bool = False


#: The packet by which Engine.IO ends a session.
_LEAVE: Final = "1"
#: How a server ends a WebSocket: with no code, or with that of a normal end (RFC 6455, 7.4.1).
LEAVES: Final = (1000, 1005)


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
        self._poll: asyncio.Task[Fetched] | None = None

    async def join(self) -> Joined:
        """Join the namespace."""
        target, packets = self.target, packets_of(self.opened)[1:]
        last = Fetched((self.opened,))
        if target.connecting:
            posted = await self._say(target.connecting)
            if not is_read(posted):
                return await self._stopped(posted)
        for _ in range(_POLLS):
            if answer_among(packets, target) is not None:
                break
            last = await self._next()
            if last.last.outcome is UNANSWERED:
                return Joined(answered=last, is_left=True)
            if not is_read(last):
                return await self._stopped(last, packets)
            packets += packets_of(last.last)
        return Joined(answer_among(packets, target), last)

    async def go_on(self, *, is_at_once: bool) -> Joined | None:
        """Go on while a poll waits, as clients do; tell what cannot be done like that.

        :param is_at_once: whether requests come in pairs: of workers that wait for a connection,
            it is often the same one that gets the next. Socket.IO for Node.js ends a session that
            posts two things at once.
        """
        wire, width = self.browser.wire, 2 if is_at_once else 1
        started, limit = wire.seconds, wire.patience.application
        await self._hold()
        for _ in range(_ROUNDS if is_at_once else _IN_TURN):
            beats = [self._post(self.target.protocol.beat, limit) for _ in range(width)]
            for beat in await asyncio.gather(*beats):
                if not is_read(beat):
                    return await self._stopped(beat)
            if wire.seconds - started > limit:
                break
        return None

    async def _stopped(self, fetched: Fetched, packets: Iterable[str] = ()) -> Joined:
        is_late = fetched.failure is not None and fetched.failure.is_late
        is_dismissed = _LEAVE in (*packets, *await self.brought())
        is_held = is_late and self._poll is not None and not self._poll.done()
        return Joined(None, fetched, fetched, is_held, is_dismissed=is_dismissed)

    async def watch(self, seconds: float) -> Ended | None:
        """Live on polling for so long; tell what ended it before.

        It answers what the server asks, as clients do.
        """
        wire, target = self.browser.wire, self.target
        started, end = wire.seconds, wire.seconds + seconds
        while (left := end - wire.seconds) > 0:
            poll = await self._hold()
            await asyncio.wait([poll], timeout=min(left, _asks_every(target, self.session)))
            if not poll.done():
                if target.protocol.is_old and left > self.session.interval:
                    await self._post(target.protocol.beat)
                continue
            polled, self._poll = poll.result(), None
            if not is_read(polled):
                return Ended(wire.seconds - started, polled=polled)
            packets = packets_of(polled.last)
            if (answer := answer_among(packets, target)) is not None and answer[1] != "0":
                return Ended(wire.seconds - started, polled=polled, answer=answer)
            if _LEAVE in packets:
                return Ended(wire.seconds - started, polled=polled, is_dismissed=True)
            if "2" in packets and not is_read(answered := await self._post(target.protocol.beat)):
                return Ended(wire.seconds - started, polled=answered)
            if "2" not in packets:
                await asyncio.sleep(_ARRIVAL)
        return None

    async def brought(self) -> tuple[str, ...]:
        """Return what the poll that waits brings, which servers end once a WebSocket is there."""
        if self._poll is None:
            return ()
        await asyncio.wait([self._poll], timeout=self.browser.wire.patience.aside)
        return tuple(packets_of(self._poll.result().last)) if self._poll.done() else ()

    async def leave(self) -> None:
        """Take leave, which ends the poll that waits, too."""
        with suppress(SpentError):
            if self.session.sid:
                await self._post("1", self.browser.wire.patience.aside)
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

    async def _hold(self) -> asyncio.Task[Fetched]:
        """Let a poll wait from now on; that which waits still, if there is one."""
        if self._poll is None:
            sent = asyncio.Event()
            self._poll = asyncio.create_task(self.browser.fetch("GET", self.address, sent=sent))
            leaves = asyncio.create_task(sent.wait())
            limit = self.browser.wire.patience.aside
            await asyncio.wait([leaves, self._poll], timeout=limit, return_when="FIRST_COMPLETED")
            leaves.cancel()
            await asyncio.wait([self._poll], timeout=_ARRIVAL)
        return self._poll

    async def _say(self, packet: str) -> Fetched:
        """Send a packet while a poll waits, as clients do."""
        if not self.is_direct:
            return await self._post(packet)
        # A server that is not made to be asked twice at once shows it when the first one waits.
        await self._hold()
        return await self._post(packet, self.browser.wire.patience.application)

    async def _next(self) -> Fetched:
        """Return what the next poll brings; `UNANSWERED` where only that keeps waiting."""
        limit = self.browser.wire.patience.application
        if not self.is_direct:
            return await self.browser.fetch("GET", self.address, patience=limit)
        poll = await self._hold()
        await asyncio.wait([poll], timeout=limit)
        if not poll.done():
            beat = await self._post(self.target.protocol.beat, self.browser.wire.patience.aside)
            if is_read(beat) and not poll.done():
                await self.drop()
                return Fetched((Exchange("GET", self.address, (), UNANSWERED),))
        self._poll = None
        return await poll

    async def _post(self, packet: str, patience: float | None = None) -> Fetched:
        body = self.target.protocol.encode(packet)
        return await self.browser.fetch("POST", self.address, body, patience)


def is_read(fetched: Fetched) -> bool:
    """Tell whether a client can use an answer: engine.io-client takes no other status."""
    return fetched.readable is not None and fetched.readable.status == 200


# --- WebSockets ------------------------------------------------------------------------------

#: Packets of a WebSocket that may say nothing of the application, until its answer comes.
_PACKETS: Final = 5


async def join_by(
    websocket: WebSocket, target: Target, patience: float
) -> tuple[tuple[str, ...], ClosedError | None]:
    """Open a session by WebSocket, and join the namespace.

    :return: the packets that came, and what ended the connection, if that was it.
    """
    packets: list[str] = []
    try:
        first = await websocket.receive(patience)
        packets += [first] if first else []
        if first is not None and first.startswith("0{"):
            if target.connecting:
                await websocket.send(target.connecting)
            while answer_among(packets, target) is None and len(packets) <= _PACKETS:
                packet = await websocket.receive(patience)
                if packet is None:
                    break
                packets.append(packet)
    except ClosedError as error:
        return tuple(packets), error
    return tuple(packets), None


async def upgrade_by(websocket: WebSocket, patience: float) -> str | None:
    """Ask whether packets come through, as a client does before it leaves polling."""
    await websocket.send("2probe")
    return await websocket.receive(patience)


def _asks_every(target: Target, session: Session) -> float:
    """Return how often the client asks, in seconds: of the old protocol it is the one who does."""
    return max(session.interval, 0.2) if target.protocol.is_old else float("inf")


async def watch_by(
    websocket: WebSocket,
    target: Target,
    session: Session,
    seconds: float,
    brought: tuple[str, ...] = (),
) -> Ended | None:
    """Live on a WebSocket for so long, and answer what the server asks; tell what ended it.

    :param brought: the packets that came by polling while it was left.
    """
    loop = asyncio.get_running_loop()
    started = loop.time()
    if (answer := answer_among(brought, target)) is not None and answer[1] != "0":
        return Ended(0.0, answer=answer)
    if "2" in brought:
        with suppress(ClosedError):
            await websocket.send(target.protocol.beat)
    while (left := started + seconds - loop.time()) > 0:
        try:
            packet = await websocket.receive(min(left, _asks_every(target, session)))
            if packet == "2" or (packet is None and target.protocol.is_old):
                await websocket.send("3" if packet == "2" else target.protocol.beat)
        except ClosedError as error:
            is_dismissed = error.code in LEAVES
            return Ended(loop.time() - started, str(error), is_dismissed=is_dismissed)
        if packet == _LEAVE:
            return Ended(loop.time() - started, is_dismissed=True)
        if packet is not None and (answer := answer_among([packet], target)) and answer[1] != "0":
            return Ended(loop.time() - started, answer=answer)
    return None
