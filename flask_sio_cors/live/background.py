"""What runs beside the requests: a step, again and again, in the process that serves.

A thread or a green thread does not survive a fork, and what waits in one stops a green server where
nothing is monkey-patched. `Background` sees to both, so that a step is written as if there were
threads alone.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol, TypeVar

from ..door.journal import logger

Value = TypeVar("Value")

#: Seconds after which a sleeping green thread looks whether it was woken.
_GLANCE: Final = 0.05
#: Seconds of `Background.pause`: gevent lets nobody in for none at all.
_PAUSE: Final = 0.0005
#: Seconds until a step that has raised is tried again, each time twice as many, and the most.
_RETRY: Final = (1.0, 30.0)


class Ended(BaseException):
    """Raised in a step that pauses or calls, once it is not to go on; no ``Exception``."""


class Background:
    """Runs a step again and again, in the process that serves.

    .. code-block:: python

        def step() -> float:
            rows = background.call(read, native=True)   # sqlite3, which no patch makes cooperative
            for slice in slices(rows):
                apply(slice)
                background.pause()                      # lets requests through
            return 1.0                                  # again in a second, or when it is woken

        background = Background(step, server.eio.async_mode, "sio-cors-observed")
        doors.first_request.call(background.ensure)

    It is a green thread where a green server (eventlet, gevent) calls `ensure`, and a native daemon
    thread else; neither keeps the process from ending. A child that was forked has none, and the
    parent's goes on; `ensure` starts another one there, which the first request does.

    What a step raises is logged, and it is tried again after 1, 2, 4 … 30 seconds.

    :param step: returns after how many seconds it wants to be called again.
    :param async_mode: Engine.IO's name of how the server waits: ``eventlet``, ``gevent``,
        ``gevent_uwsgi``, ``threading``.
    :param name: of the thread, and in the log.
    """

    def __init__(self, step: Callable[[], float], async_mode: str, name: str) -> None:
        self._step = step
        self._kind = async_mode
        self._name = name
        self._run: _Run | None = None
        self._starting = original("allocate_lock")()
        _EVERYWHERE.add(self)

    @property
    def is_running(self) -> bool:
        """Whether it was started in this process, and was not stopped."""
        return self._run is not None

    def ensure(self) -> None:
        """Start it, where it does not run in this process; costs next to nothing where it does."""
        if self._run is not None:
            return
        with self._starting:
            if self._run is None:
                way = way_of(self._kind)
                run = self._run = _Run(way)
                run.kill = way.start(lambda: self._go_on(run), self._name)

    def wake(self) -> None:
        """Have the step called again soon: at once by threads, within 0.05 s by green ones.

        May be called from anywhere; while a step is under way, another one follows it. Does
        nothing where it does not run.
        """
        if (run := self._run) is not None:
            run.bell.ring()

    def stop(self, seconds: float = 5.0) -> None:
        """End it, and wait until a step that is under way has ended, or so many seconds.

        `ensure` can start it again.
        """
        run, self._run = self._run, None
        if run is None:
            return
        run.bell.ring()
        deadline = time.monotonic() + seconds
        while not run.has_ended and time.monotonic() < deadline:
            run.way.sleep(0.005)

    # --- For the step ------------------------------------------------------------------------

    def pause(self, seconds: float = _PAUSE) -> None:
        """Let requests through, between two slices of a step.

        :raise Ended: where the step is not to go on.
        """
        run = self._current()
        run.way.sleep(seconds)
        self._check(run)

    def call(self, function: Callable[[], Value], *, native: bool = False) -> Value:
        """Return what a function returns that waits for something, without stopping the server.

        A green server has it called in a native thread where it would not let others run: where
        nothing is monkey-patched, or where the function is said to be native.

        :param native: whether it waits in code that no monkey-patching reaches, as sqlite3's is.
        :raise Ended: where the step is not to go on.
        """
        run = self._current()
        value = run.way.call(function, native=native)
        self._check(run)
        return value

    def _current(self) -> _Run:
        run = self._run
        if run is None:
            raise Ended
        return run

    def _check(self, run: _Run) -> None:
        if self._run is not run:
            raise Ended

    def _go_on(self, run: _Run) -> None:
        retry = _RETRY[0]
        try:
            while self._run is run:
                try:
                    delay = self._step()
                    retry = _RETRY[0]
                except Exception:  # noqa: BLE001 - whatever a step meets, the next one may do
                    delay = retry
                    retry = min(retry * 2, _RETRY[1])
                    logger.exception("%s failed; it is tried again in %g s", self._name, delay)
                if self._run is run:
                    run.way.wait(run.bell, delay)
        except Ended:
            pass
        finally:
            run.has_ended = True

    def _forget_parent(self) -> None:
        """Leave the parent's to the parent, after a fork."""
        run, self._run = self._run, None
        self._starting = original("allocate_lock")()
        if run is not None and run.kill is not None:
            run.kill()


class _Run:
    """One run of a background, from its start to its end.

    :ivar kill: keeps a green thread that was copied by a fork from going on.
    """

    def __init__(self, way: Way) -> None:
        self.way = way
        self.bell = _Bell()
        self.has_ended = False
        self.kill: Callable[[], None] | None = None


class _Bell:
    """Wakes one who sleeps, from any thread, native or green."""

    def __init__(self) -> None:
        self._silence = original("allocate_lock")()
        self._silence.acquire()

    def ring(self) -> None:
        with suppress(RuntimeError):  # it rings already
            self._silence.release()

    def wait(self, seconds: float) -> bool:
        """Sleep natively; tell whether it has rung since the last time."""
        rung: bool = self._silence.acquire(True, max(seconds, 0.0))
        return rung


# --- How a server runs something beside its requests -------------------------------------------


class Way(Protocol):
    """How the thread that asked for it waits."""

    def start(self, function: Callable[[], None], name: str) -> Callable[[], None] | None:
        """Run something beside the caller; return what ends a copy of it after a fork."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let others run for so long."""
        ...

    def wait(self, bell: _Bell, seconds: float) -> None:
        """Sleep until somebody rings, or so many seconds."""
        ...

    def call(self, function: Callable[[], Value], *, native: bool) -> Value:
        """Return what a function returns; see `Background.call`."""
        ...


class _Threads:
    def start(self, function: Callable[[], None], name: str) -> None:
        threading.Thread(target=function, name=name, daemon=True).start()

    def sleep(self, seconds: float) -> None:
        original("sleep")(seconds)

    def wait(self, bell: _Bell, seconds: float) -> None:
        bell.wait(seconds)

    def call(self, function: Callable[[], Value], *, native: bool) -> Value:
        return function()


class _NativeThread(_Threads):
    """Beside a green library in whose loop nobody is, such as in a development server."""

    def start(self, function: Callable[[], None], name: str) -> None:
        original("start_new_thread")(function, ())


class _Green:
    """In the loop of a green server.

    :param is_patched: whether Python's own sockets and locks let others run.
    """

    def __init__(self, is_patched: bool) -> None:
        self._is_patched = is_patched

    def sleep(self, seconds: float) -> None:
        raise NotImplementedError

    def wait(self, bell: _Bell, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not bell.wait(0) and (left := deadline - time.monotonic()) > 0:
            self.sleep(min(left, _GLANCE))

    def call(self, function: Callable[[], Value], *, native: bool) -> Value:
        if self._is_patched and not native:
            return function()
        outcome = _Outcome(function)
        original("start_new_thread")(outcome.find, ())
        wait = _PAUSE
        while not outcome.is_there:
            self.sleep(wait)
            wait = min(wait * 1.5, 0.02)
        return outcome.value()  # type: ignore[no-any-return]


class _Outcome:
    """What a function returns, or raises, in another thread."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._value: Any = None
        self._error: BaseException | None = None
        self.is_there = False

    def find(self) -> None:
        try:
            self._value = self._function()
        except BaseException as error:  # noqa: BLE001 - raised where it was asked for
            self._error = error
        self.is_there = True

    def value(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._value


class _Eventlet(_Green):
    def start(self, function: Callable[[], None], name: str) -> Callable[[], None]:
        import eventlet
        from eventlet.hubs import get_hub

        thread = eventlet.spawn(function)
        return lambda: get_hub().schedule_call_global(0, thread.throw, Ended)

    def sleep(self, seconds: float) -> None:
        import eventlet

        eventlet.sleep(seconds)


class _Gevent(_Green):
    def start(self, function: Callable[[], None], name: str) -> Callable[[], None]:
        import gevent

        thread = gevent.spawn(function)
        return lambda: thread.kill(Ended, block=False)

    def sleep(self, seconds: float) -> None:
        import gevent

        gevent.sleep(max(seconds, _PAUSE))


def way_of(async_mode: str) -> Way:
    """Return how the caller's thread runs something beside itself."""
    if async_mode == "eventlet":
        from eventlet import getcurrent
        from eventlet.patcher import is_monkey_patched

        # One without a parent is no server's, but a command's: nobody would run a green thread.
        if getcurrent().parent is not None:
            return _Eventlet(is_monkey_patched("socket") and is_monkey_patched("thread"))
        return _NativeThread()
    if async_mode.startswith("gevent"):
        from gevent import getcurrent
        from gevent.monkey import is_module_patched

        if getcurrent().parent is not None:
            return _Gevent(is_module_patched("socket") and is_module_patched("threading"))
        return _NativeThread()
    return _Threads()


def original(name: str) -> Any:
    """Return a function of Python's own modules, whatever is monkey-patched.

    :param name: of `time` or `_thread`.
    """
    module = "time" if name == "sleep" else "_thread"
    patcher, monkey = sys.modules.get("eventlet.patcher"), sys.modules.get("gevent.monkey")
    if patcher is not None and patcher.is_monkey_patched("time" if name == "sleep" else "thread"):
        return getattr(patcher.original(module), name)
    if monkey is not None:
        return monkey.get_original(module, name)
    return getattr(sys.modules[module], name)


_EVERYWHERE: Final[weakref.WeakSet[Background]] = weakref.WeakSet()


def _forget_parents() -> None:
    for background in list(_EVERYWHERE):
        background._forget_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parents)
