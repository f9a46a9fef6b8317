"""Functions of the application that decide about requests, and everything they may do wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeAlias

from .journal import Journal

#: Takes a time limit in seconds and what to raise when it is over. ``eventlet.Timeout`` and
#: ``gevent.Timeout`` are such, and interrupt a function that waits cooperatively.
Interrupter: TypeAlias = Callable[[float, Exception], AbstractContextManager[Any]]


def never_interrupts(seconds: float, error: Exception) -> AbstractContextManager[Any]:
    """Let a function take its time, on servers where a thread cannot be interrupted."""
    return nullcontext()


class Callback:
    """A function of the application that answers ``True`` or ``False``.

    It fails closed: whatever else it does counts as no answer and is logged.

    :param function: called with one argument.
    :param name: what the log calls it, such as the key that it was configured with.
    :param seconds: how long it may take. A late answer is none, even where nothing could
        interrupt the function.
    :param passing: exceptions that mean something to the caller.
    """

    def __init__(
        self,
        function: Callable[[Any], object],
        name: str,
        seconds: float,
        journal: Journal,
        interrupter: Interrupter = never_interrupts,
        passing: tuple[type[Exception], ...] = (),
    ) -> None:
        self._function = function
        self._name = name
        self._seconds = seconds
        self._journal = journal
        self._interrupter = interrupter
        self._passing = passing

    def ask(self, argument: object) -> bool | None:
        """Return the function's answer, or ``None`` where it gave none that counts."""
        started = time.monotonic()
        late = TimeoutError(f"no answer after {self._seconds:g} seconds")
        error: Exception | None = None
        try:
            with self._interrupter(self._seconds, late):
                answer = self._function(argument)
        except self._passing:
            raise
        except Exception as raised:  # noqa: BLE001 - whatever it raises, the door stays shut
            error, complaint = raised, f"raised {type(raised).__name__}"
        else:
            if time.monotonic() - started >= self._seconds:
                error, complaint = late, f"took longer than {self._seconds:g} seconds"
            elif answer is True or answer is False:
                return answer
            else:
                complaint = f"returned {type(answer).__name__}, not True or False"
        self._journal.fault(self._name, error, f"{complaint}; the request was refused")
        return None
