"""Functions of the application, and everything they may do wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple, TypeAlias

from werkzeug.local import LocalProxy

from ..config.sources import name_of
from .journal import Journal
from .waiting import NOTICEABLE, Gate, Interrupter

#: What follows from a fault, where nothing else is said.
REFUSED: Final = "the request was refused"


def _endings() -> tuple[type[BaseException], ...]:
    """Return what ends the server or the request.

    Everything else is the function's fault: with eventlet and gevent, a SystemExit would otherwise
    end the server, and a Timeout of its own the connection.
    """
    # Where nobody has imported greenlet, nobody raises GreenletExit.
    greenlet = sys.modules.get("greenlet")
    return (KeyboardInterrupt,) if greenlet is None else (KeyboardInterrupt, greenlet.GreenletExit)


class Overdue(BaseException):
    """Raised in a function that takes too long; no ``except Exception`` in it catches this."""


#: Takes for how many seconds a function kept the whole server waiting, and whether it alone can
#: have done that.
Blame: TypeAlias = Callable[[float, bool], None]


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
    interrupter: Interrupter,
    blame: Blame,
    passing: tuple[type[Exception], ...] = (),
) -> object:
    """Return what a function of the application returns, or a `Fault`.

    :param seconds: how long it may take. What it returns later does not count, even where
        nothing could interrupt it.
    :param blame: told where it kept the whole server waiting.
    :param passing: exceptions that mean something to the caller.
    """
    overdue = Overdue(f"interrupted after {seconds:g} seconds")
    error: BaseException | None = None
    watch = interrupter.watch()
    try:
        with interrupter(seconds, overdue):
            answer = function()
    except (*_endings(), *passing):
        raise
    except BaseException as raised:  # noqa: BLE001 - whatever it raises, the door stays shut
        error = raised
    finally:
        took = watch.end()
        # What was raised has a traceback, even where the function has caught it.
        late = took - seconds if overdue.__traceback__ is None else 0.0
        if (stopped := watch.stopped_for(took, late)) >= NOTICEABLE:
            blame(stopped, watch.is_alone)
    if isinstance(error, Overdue) or took >= seconds:
        return Fault(error, too_long(seconds))
    if error is None:
        return answer
    missed = _NO_REQUEST if _reads_a_request(error) else ""
    return Fault(error, f"raised {type(error).__name__}{missed}")


_NO_REQUEST: Final = (
    ", as flask.request and flask.session are not there; a function that takes (origin, environ) "
    "gets the request's WSGI environ"
)


def _reads_a_request(error: BaseException) -> bool:
    """Tell whether a proxy of Flask's failed, of those that need the context of a request.

    Functions run in the application's, so that it is none of the others.
    """
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    place = traceback.tb_frame.f_globals.get("__name__") if traceback is not None else ""
    return isinstance(error, RuntimeError) and place == LocalProxy.__module__


def too_long(seconds: float) -> str:
    """Return the complaint about a function that took longer than it may."""
    return f"took longer than {seconds:g} second{'s' * (seconds != 1)}"


def blamer(name: str, journal: Journal, interrupter: Interrupter) -> Blame:
    """Return what logs, once, that a function keeps a server of green threads waiting.

    :param name: what the log calls it.
    """

    def blame(seconds: float, is_alone: bool) -> None:
        stopped = "stopped the whole server"
        if not is_alone:
            stopped = (
                "came back late, and was not interrupted in time, since it, or another function "
                "meanwhile, stopped the whole server"
            )
        complaint = (
            f"{stopped}, and every client waited: what waits, or computes, without letting others "
            f"run cannot be interrupted. {interrupter.remedy}"
        )
        journal.fault(name, None, complaint, f". This time it was {seconds:.2g} seconds")

    return blame


class Callback:
    """A function of the application that answers ``True`` or ``False``.

    It fails closed: whatever else it does counts as no answer and is logged.

    :param function: called with what is asked about.
    :param name: what the log calls it, such as the key that it was configured with.
    :param seconds: how long it may take.
    :param gate: bounds how many calls are under way; that of the function by its name, else.
    """

    def __init__(
        self,
        function: Callable[..., object],
        name: str,
        seconds: float,
        journal: Journal,
        interrupter: Interrupter | None = None,
        gate: Gate | None = None,
    ) -> None:
        self._function = function
        self._name = name
        self._seconds = seconds
        self._journal = journal
        self._interrupter = interrupter or Interrupter()
        self._gate = gate or self._interrupter.gate(name, function)

    def ask(
        self,
        *arguments: object,
        consequence: str = REFUSED,
        passing: tuple[type[Exception], ...] = (),
    ) -> bool | None:
        """Return the function's answer, or ``None`` where it gave none that counts.

        :param consequence: what follows from a fault.
        :param passing: exceptions that mean something to the caller.
        """
        if not self._gate.enter():
            under_way = f"is under way {self._gate.size} times, so that it was not called once more"
            self.fail(Fault(None, under_way), consequence)
            return None
        blame = blamer(self._name, self._journal, self._interrupter)
        question = partial(self._function, *arguments)
        try:
            answer = call(question, self._seconds, self._interrupter, blame, passing)
        finally:
            self._gate.leave()
        if answer is True or answer is False:
            return answer
        if not isinstance(answer, Fault):
            function = name_of(self._gate.function)
            made = type(answer)
            # numpy's bool_ is called bool, too.
            module = "" if made.__module__ == "builtins" else f"{made.__module__}."
            kind = f"{module}{made.__qualname__}"
            said = f"{function} returned {kind}, not True or False (bool(…) makes it one)"
            answer = Fault(None, said)
        self.fail(answer, consequence)
        return None

    def fail(self, fault: Fault, consequence: str) -> None:
        """Log what is wrong with the function, and what follows from it."""
        self._journal.fault(self._name, fault.error, f"{fault.complaint}; {consequence}")
