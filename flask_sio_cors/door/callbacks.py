"""Functions of the application, and everything they may do wrong."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple, TypeAlias

from .journal import Journal

#: Takes a time limit in seconds and what to raise when it is over. ``eventlet.Timeout`` and
#: ``gevent.Timeout`` are such, and interrupt a function that waits cooperatively.
Interrupter: TypeAlias = Callable[[float, BaseException], AbstractContextManager[Any]]


def _endings() -> tuple[type[BaseException], ...]:
    """Return what ends the server or the request.

    Everything else is the function's fault: with eventlet and gevent, a SystemExit would otherwise
    end the server, and a Timeout of its own the connection.
    """
    # Where nobody has imported greenlet, nobody raises GreenletExit.
    greenlet = sys.modules.get("greenlet")
    return (KeyboardInterrupt,) if greenlet is None else (KeyboardInterrupt, greenlet.GreenletExit)


def never_interrupts(seconds: float, error: BaseException) -> AbstractContextManager[Any]:
    """Let a function take its time, on servers where a thread cannot be interrupted."""
    return nullcontext()


class Overdue(BaseException):
    """Raised in a function that takes too long; no ``except Exception`` in it catches this."""


class Fault(NamedTuple):
    """What a function did instead of returning in time.

    :param error: what it raised, or what interrupted it.
    :param complaint: a verb and its object, such as ``raised KeyError``.
    """

    error: BaseException | None
    complaint: str


def call(
    function: Callable[[], object],
    seconds: float,
    interrupter: Interrupter = never_interrupts,
    passing: tuple[type[Exception], ...] = (),
) -> object:
    """Return what a function of the application returns, or a `Fault`.

    :param seconds: how long it may take. What it returns later does not count, even where
        nothing could interrupt it.
    :param passing: exceptions that mean something to the caller.
    """
    started = time.monotonic()
    error: BaseException | None = None
    try:
        with interrupter(seconds, Overdue(f"interrupted after {seconds:g} seconds")):
            answer = function()
    except (*_endings(), *passing):
        raise
    except BaseException as raised:  # noqa: BLE001 - whatever it raises, the door stays shut
        error = raised
    if isinstance(error, Overdue) or time.monotonic() - started >= seconds:
        return Fault(error, f"took longer than {seconds:g} second{'s' * (seconds != 1)}")
    return Fault(error, f"raised {type(error).__name__}") if error is not None else answer


class Callback:
    """A function of the application that answers ``True`` or ``False``.

    It fails closed: whatever else it does counts as no answer and is logged.

    :param function: called with one argument.
    :param name: what the log calls it, such as the key that it was configured with.
    :param seconds: how long it may take.
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
        answer = call(
            lambda: self._function(argument), self._seconds, self._interrupter, self._passing
        )
        if answer is True or answer is False:
            return answer
        error, complaint = (
            answer
            if isinstance(answer, Fault)
            else Fault(None, f"returned {type(answer).__name__}, not True or False")
        )
        self._journal.fault(self._name, error, f"{complaint}; the request was refused")
        return None
