"""How a server waits: who can be interrupted, who wakes whom, and who keeps all others waiting.

Threads wait apart from each other, and nothing interrupts them. Green threads (eventlet, gevent)
can be interrupted while they wait by the library's own functions; what waits in another way, such
as a database driver written in C, or computes, stops the whole server, and its time limit with it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Protocol, TypeAlias

#: Seconds from which on it is said that a function stopped a green server: what asyncio (its
#: ``slow_callback_duration``) and gevent (its monitor's ``max_blocking_time``) take for too long.
#: A busy machine that gives the process its turn late (a container's quota comes every 0.1 s) is
#: not taken for the function's fault.
NOTICEABLE: Final = 0.1


class Signal(Protocol):
    """Wakes all who wait for it, as ``threading.Event`` does."""

    def set(self) -> object:
        """Wake them, and all who will come."""
        ...

    def wait(self, timeout: float) -> object:
        """Wait so many seconds for it at most, and let others run meanwhile."""
        ...


class Gate:
    """Bounds how many calls of one function are under way at once.

    :param function: the function, which is kept.
    :param size: how many.
    :param patience: seconds that one more may wait for a place; 0 where waiting would stop others.
    """

    def __init__(self, function: object, size: int, patience: float) -> None:
        self.function = function
        self.size = size
        self._patience = patience
        self._inside = 0
        self._is_stuck = False
        # Where nobody waits, it is held by one thread alone, between whose lines no other green
        # thread runs.
        self._place = threading.Condition()

    @property
    def is_in_use(self) -> bool:
        """Whether a call is under way."""
        return self._inside > 0

    def enter(self) -> bool:
        """Take a place, which has to be left again; tell whether there was one in time."""
        with self._place:
            if self._inside >= self.size and not self._await_place():
                return False
            self._inside += 1
            return True

    def leave(self) -> None:
        """Give the place to another call."""
        with self._place:
            self._inside -= 1
            self._is_stuck = False
            self._place.notify()

    def _await_place(self) -> bool:
        # Where somebody has waited in vain, everybody else does not even begin.
        if not self._patience or self._is_stuck:
            return False
        self._is_stuck = not self._place.wait_for(
            lambda: self._inside < self.size, timeout=self._patience
        )
        return not self._is_stuck


class Interrupter:
    """What interrupts a function, and all else that hangs on how a server waits: here, in threads.

    Called with a time limit in seconds and what to raise when it is over, it returns the context
    that interrupts what runs in it, where that is possible.
    """

    #: What to do about a function that stops the server.
    remedy = ""
    # Flask-SocketIO's documentation gives gunicorn 100 threads; who has less than 30 serves few,
    # since every client that is connected holds one. So most of them stay free. As a call that
    # ends in time makes place for another, more than enough can be asked: at 10 ms a call, 1600 a
    # second, which is more than such a server has time for.
    _calls_at_once = 16
    # A burst of short calls has passed by then; a thread is not held for long.
    _patience = 0.1

    def __init__(self) -> None:
        self._gates: dict[tuple[str, int], Gate] = {}
        self._lock = threading.Lock()

    def __call__(self, seconds: float, error: BaseException) -> AbstractContextManager[Any]:
        """Let a function take its time: a thread cannot be interrupted."""
        return nullcontext()

    def gate(self, name: str, function: object) -> Gate:
        """Return the gate of a function; another configuration with it does not open one more.

        :param name: of the setting that it was given to.
        """
        # The gate keeps its function, so that no other one gets its number.
        key = name, id(function)
        with self._lock:
            gate = self._gates.get(key)
            if gate is None:
                gate = Gate(function, self._calls_at_once, self._patience)
                in_use = {key: one for key, one in self._gates.items() if one.is_in_use}
                self._gates = {**in_use, key: gate}
        return gate

    def is_with_server(self) -> bool:
        """Tell whether what begins here runs where the server runs: in its loop, if it has one."""
        return True

    def signal(self) -> Signal:
        """Return what one request can wait for until another one sets it."""
        return threading.Event()

    def beside(self, function: Callable[[], object]) -> None:
        """Call a function beside the caller, which goes on; first where there is no room for it."""
        try:
            threading.Thread(target=function, daemon=True).start()
        except RuntimeError:  # the system gives no more threads
            function()

    def watch(self) -> Watch:
        """Begin to watch what the caller does next; it has to be ended."""
        return Watch()


#: Makes a server do something as soon as it is let, and returns what makes it forget that.
Arm: TypeAlias = Callable[[Callable[[], None]], Callable[[], object]]


class Watch:
    """Watches how long a function takes; and, where threads are green, whether it lets others run.

    :param arm: of a server of green threads; ``None`` where a function stops nobody.
    """

    def __init__(self, arm: Arm | None = None) -> None:
        #: Whether nobody else has run meanwhile.
        self.is_alone = arm is not None
        self._stops = arm is not None
        self._disarm = arm(self._note_others) if arm is not None else None
        self._started = time.monotonic()

    def _note_others(self) -> None:
        self.is_alone = False

    def end(self) -> float:
        """Return how many seconds it took."""
        if self._disarm is not None:
            self._disarm()
        return time.monotonic() - self._started

    def stopped_for(self, took: float, overdue: float) -> float:
        """Return for how many seconds the whole server has waited.

        For how long it has, where others ran in between, is seen by its time limit alone.

        :param took: how many seconds it took.
        :param overdue: how many it was left uninterrupted, though its time limit was over.
        """
        if not self._stops:
            return 0.0
        return took if self.is_alone else max(overdue, 0.0)


class EventletInterrupter(Interrupter):
    """How an eventlet server waits."""

    remedy = (
        "Call eventlet.monkey_patch() before the driver or client that it uses is imported; where "
        "that is written in C, take one that cooperates, or call it by eventlet.tpool.execute()"
    )
    # Half of eventlet.wsgi's own bound (gunicorn's green workers: 1000). A green thread that waits
    # costs little, and the time limit ends it.
    _calls_at_once = 512
    _patience = 0.0

    def __call__(self, seconds: float, error: BaseException) -> AbstractContextManager[Any]:
        """Interrupt a function that waits cooperatively."""
        import eventlet

        timeout: AbstractContextManager[Any] = eventlet.Timeout(seconds, error)
        return timeout

    def is_with_server(self) -> bool:
        """Tell whether a green thread that begins here would run in a loop, and not in none."""
        from eventlet import getcurrent

        return getcurrent().parent is not None

    def signal(self) -> Signal:
        """Return what green threads can wait for, whatever is monkey-patched."""
        return _EventletSignal()

    def beside(self, function: Callable[[], object]) -> None:
        """Call a function in a green thread of its own, where a loop runs that."""
        import eventlet

        if self.is_with_server():
            eventlet.spawn_n(function)
        else:
            function()

    def watch(self) -> Watch:
        """Begin to watch whether the hub runs before the caller has done what it does next."""
        from eventlet import getcurrent
        from eventlet.hubs import get_hub

        if getcurrent().parent is None:  # no server's thread, but a command's
            return Watch()
        return Watch(lambda note: get_hub().schedule_call_global(0, note).cancel)


class _EventletSignal:
    def __init__(self) -> None:
        from eventlet.event import Event

        self._event = Event()

    def set(self) -> None:
        self._event.send()

    def wait(self, timeout: float) -> None:
        self._event.wait(timeout)


class GeventInterrupter(Interrupter):
    """How a gevent server waits."""

    remedy = (
        "Call gevent.monkey.patch_all() before anything else is imported; where the driver or "
        "client that it uses is written in C, take one that cooperates, or call it by "
        "gevent.get_hub().threadpool.apply()"
    )
    _calls_at_once = EventletInterrupter._calls_at_once
    _patience = 0.0

    def __call__(self, seconds: float, error: BaseException) -> AbstractContextManager[Any]:
        """Interrupt a function that waits cooperatively."""
        import gevent

        timeout: AbstractContextManager[Any] = gevent.Timeout(seconds, error)
        return timeout

    def is_with_server(self) -> bool:
        """Tell whether a green thread that begins here would run in a loop, and not in none."""
        from gevent import getcurrent

        return getcurrent().parent is not None

    def signal(self) -> Signal:
        """Return what green threads can wait for, whatever is monkey-patched."""
        from gevent.event import Event

        signal: Signal = Event()
        return signal

    def beside(self, function: Callable[[], object]) -> None:
        """Call a function in a green thread of its own, where a loop runs that."""
        import gevent

        if self.is_with_server():
            gevent.spawn(function)
        else:
            function()

    def watch(self) -> Watch:
        """Begin to watch whether the hub runs before the caller has done what it does next."""
        from gevent import get_hub, getcurrent

        if getcurrent().parent is None:  # no server's thread, but a command's
            return Watch()
        return Watch(lambda note: get_hub().loop.run_callback(note).stop)


def interrupter_of(async_mode: str) -> Interrupter:
    """Return how a server of this kind waits.

    :param async_mode: Engine.IO's name of it.
    """
    if async_mode == "eventlet":
        return EventletInterrupter()
    return GeventInterrupter() if async_mode.startswith("gevent") else Interrupter()
