"""What begins in the process that serves, and in no other: at its first request."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import Final


class FirstRequest:
    """Calls what waits for the first request of this process; after a fork, again in the child.

    Neither a master that loads the application and forks its workers (``gunicorn --preload``), nor
    a reloader, nor a command (``flask routes``) ever calls anything.

    :ivar awaited: whether anything waits; looked at by every request.
    """

    def __init__(self) -> None:
        self.awaited = False
        self._waiting: tuple[Callable[[], None], ...] = ()
        _EVERYWHERE.add(self)

    def call(self, function: Callable[[], None]) -> None:
        """Have a function called; it starts something and returns at once, and never raises.

        It may be called twice, where two requests are the first.
        """
        self._waiting += (function,)
        self.awaited = True

    def has_come(self) -> None:
        """Call what waits."""
        self.awaited = False
        for function in self._waiting:
            function()


_EVERYWHERE: Final[weakref.WeakSet[FirstRequest]] = weakref.WeakSet()


def _await_again() -> None:
    for one in list(_EVERYWHERE):
        one.awaited = bool(one._waiting)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_await_again)
