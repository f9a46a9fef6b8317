"""Sessions end whose page would no longer be let in, after a change."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, NoReturn

from engineio.exceptions import SocketIsClosedError
from engineio.packet import CLOSE, Packet

from .connections import connections_of, cut
from .guard import Guard
from .journal import logger
from .serving import FirstRequest
from .waiting import Interrupter

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: How many sessions are ended at once, since the application's handlers run while one is.
_TASKS: Final = 8
#: Seconds between two of them; gevent lets nobody in for none at all.
_PAUSE: Final = 0.0005
#: How many sessions are looked at between two pauses.
_SLICE: Final = 500
#: Seconds in which several changes come to one look at the sessions.
_GATHERING: Final = 0.05
#: Seconds that a client has to take its leave, before its connection is cut.
_FAREWELL: Final = 0.5
#: Where a handshake's environ says that its session is being ended.
_ENDING: Final = "flask_sio_cors.ending"
#: How many origins a line of the log names.
_SHOWN: Final = 5


class Revocation:
    """Ends the sessions of pages that are no longer let in, on all servers of an application.

    :param guards: returns those of the servers.
    :param first_request: begins what could not begin where it was asked for.
    :param interrupter: knows how the servers wait.
    """

    def __init__(
        self,
        guards: Callable[[], Iterable[Guard]],
        first_request: FirstRequest,
        interrupter: Interrupter,
    ) -> None:
        self._guards = guards
        self._first_request = first_request
        self._interrupter = interrupter
        self._lock = threading.Lock()
        self._is_due = False
        self._asks = False
        # The process in which a task looks: it does not survive a fork.
        self._busy = 0
        first_request.call(self._start)

    def begin(self, *, asks: bool) -> None:
        """Begin to look for them, in a task of its own; returns at once.

        :param asks: whether the application's functions are asked about the pages that they have
            let in.
        """
        if not any(guard.engineio.environ for guard in self._guards()):
            return
        self._asks = self._asks or asks
        self._is_due = True
        if self._interrupter.is_with_server():
            self._start()
        else:
            self._first_request.awaited = True

    def _start(self) -> None:
        with self._lock:
            if not self._is_due or self._busy == os.getpid():
                return
            self._busy = os.getpid()
        next(iter(self._guards())).engineio.eio.start_background_task(self._look)

    def _look(self) -> None:
        while True:
            guards = tuple(self._guards())
            guards[0].engineio.eio.sleep(_GATHERING)
            with self._lock:
                if not self._is_due:
                    self._busy = 0
                    return
                asks, self._is_due, self._asks = self._asks, False, False
            for guard in guards:
                try:
                    _Sweep(guard, asks).begin()
                except Exception:  # noqa: BLE001 - the next change is to be looked after all the same
                    logger.exception("Sessions were not looked at as they should be")


class _Sweep:
    """One look at the sessions of one server."""

    def __init__(self, guard: Guard, asks: bool) -> None:
        self._guard = guard
        self._asks = asks
        self._eio = guard.engineio.eio
        self._doubtful: deque[tuple[str, WSGIEnvironment]] = deque()
        self._count = 0
        # Threads lose no step of a list that grows, as they do of a number.
        self._decided: list[str] = []
        self._ending: deque[Any] = deque()
        self._leaving: deque[tuple[float, list[Any]]] = deque()
        self._ended: Counter[str | None] = Counter()

    def begin(self) -> None:
        """Find the sessions that are in doubt, and begin to decide about them."""
        sessions = self._guard.engineio.environ.copy()
        for number, (sid, environ) in enumerate(sessions.items(), 1):
            if _ENDING not in environ and self._guard.doubts(environ, asks=self._asks):
                self._doubtful.append((sid, environ))
            if number % _SLICE == 0:
                self._eio.sleep(_PAUSE)
        self._count = len(self._doubtful)
        for _ in range(min(self._count, _TASKS)):
            self._eio.start_background_task(self._work)
        if self._count:
            self._eio.start_background_task(self._see_off)

    def _work(self) -> None:
        """Decide about all, and then end those that are to end: a handler may take its time."""
        while True:
            try:
                if self._doubtful:
                    self._decide(*self._doubtful.popleft())
                elif self._ending:
                    self._ending.popleft().close()
                else:
                    return
            except IndexError:  # another task was faster
                continue
            except Exception:  # noqa: BLE001 - the others are to end all the same
                logger.exception("A session was not ended as it should be")
            self._eio.sleep(_PAUSE)

    def _decide(self, sid: str, environ: WSGIEnvironment) -> None:
        try:
            session = self._eio.sockets.get(sid)
            if session is None or self._guard.still_lets_in(environ):
                return
            environ[_ENDING] = True
            connections = connections_of(environ)
            _silence(session, self._eio.reason.SERVER_DISCONNECT)
            self._ending.append(session)
            self._ended[environ.get("HTTP_ORIGIN")] += 1
            self._leaving.append((time.monotonic() + _FAREWELL, connections))
        finally:
            self._decided.append(sid)

    def _see_off(self) -> None:
        """Cut the connections of those who do not go by themselves."""
        while len(self._decided) < self._count or self._leaving:
            if self._leaving and self._leaving[0][0] <= time.monotonic():
                for connection in self._leaving.popleft()[1]:
                    cut(connection)
                self._eio.sleep(_PAUSE)
            else:
                self._eio.sleep(_FAREWELL / 10)
        if self._ended:
            most = [ascii(origin) for origin, _ in self._ended.most_common(_SHOWN)]
            more = ["…"] if len(self._ended) > _SHOWN else []
            logger.info(
                "Ended %d sessions, whose pages are no longer let in: %s",
                sum(self._ended.values()),
                ", ".join(most + more),
            )


def _silence(session: Any, reason: str) -> None:
    """Let an Engine.IO session hear nothing more from its client, and say nothing but farewell.

    Whoever closes it from now on, its client by leaving too, does so once, and for this reason.
    """
    closing = iter([session.close])

    def close_once(*_: object, **__: object) -> None:
        for close in closing:
            close(wait=False, abort=True, reason=reason)
            # A POST to one that is closed, and still there, is an error of the server's.
            session.server.sockets.pop(session.sid, None)

    session.close = close_once
    session.receive = _hear_nothing
    session.queue.put(Packet(CLOSE))
    session.queue.put(None)


def _hear_nothing(packet: Packet) -> NoReturn:
    raise SocketIsClosedError
