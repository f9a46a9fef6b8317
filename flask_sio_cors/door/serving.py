"""What begins in the process that serves, and in no other: at its first request."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable
from typing import Final

from .waiting import Signal

#: Seconds after the first request in which a refusal waits for what has begun with it.
PATIENCE: Final = 5.0
_GLANCE: Final = 0.01


class FirstRequest:
    """Calls what waits for the first request of this process; after a fork, again in the child.

    Neither a master that loads the application and forks its workers (``gunicorn --preload``), nor
    a reloader, nor a command (``flask routes``) ever calls anything.

    :ivar awaited: whether anything waits; looked at by every request.
    :ivar is_settled: whether nobody has to be waited for any more; looked at by every refusal.
    """

    def __init__(self) -> None:
        self.awaited = False
        self.is_settled = True
        self._waiting: tuple[Callable[[], None], ...] = ()
        self._ready: Callable[[], bool] = lambda: True
        self._deadline = 0.0
        self._look: Signal | None = None
        _EVERYWHERE.add(self)

    def call(self, function: Callable[[], None]) -> None:
        """Have a function called; it starts something and returns at once, and never raises.

        It may be called twice, where two requests are the first.
        """
        self._waiting += (function,)
        self.awaited = True

    def wait_for(self, ready: Callable[[], bool]) -> None:
        """Have refusals wait until something is ready that begins with the first request."""
        self._ready = ready

    def has_come(self) -> None:
        """Call what waits."""
        self._deadline = time.monotonic() + PATIENCE
        self.is_settled = self._ready()
        self.awaited = False
        for function in self._waiting:
            function()

    def comes_again(self) -> None:
        """Call in a process that serves what other settings have it call; do nothing elsewhere."""
        if not self.awaited:
            self.has_come()

    def settle(self, sleep: Callable[[float], object], signal: Callable[[], Signal]) -> None:
        """Wait until what has begun is ready, or long enough.

        One looks for all who wait: hundreds that do would take the time from what they wait for.

        :param sleep: lets others run for so many seconds.
        :param signal: makes what the others wait for.
        """
        while not self.is_settled:
            remaining = self._deadline - time.monotonic()
            if self._ready() or remaining <= 0:
                self.is_settled = True
            elif (look := self._look) is not None:
                look.wait(remaining)
            else:
                self._look = look = signal()
                try:
                    self._watch(sleep)
                finally:
                    self._look = None
                    look.set()

    def _watch(self, sleep: Callable[[float], object]) -> None:
        while not self._ready() and time.monotonic() < self._deadline:
            sleep(_GLANCE)


_EVERYWHERE: Final[weakref.WeakSet[FirstRequest]] = weakref.WeakSet()


def _await_again() -> None:
    for one in list(_EVERYWHERE):
        one.awaited, one._look = bool(one._waiting), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_await_again)
