"""What a function of the application has answered lately, and who waits for its next answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, TypeAlias

from ..config.options import Options
from .callbacks import REFUSED, Callback, Fault, too_long
from .verdicts import Reason
from .waiting import Interrupter, Signal

#: ``True`` lets an origin in; ``False``, or a reason of its own, keeps it out.
Decision: TypeAlias = Callable[[str], "bool | Reason"]

#: How many allowed origins are remembered: more than most have customers, in some megabytes.
ALLOWED_LIMIT: Final = 10_000
#: How many refused ones are. They have a table of their own, since anybody can fill it.
REFUSED_LIMIT: Final = 1_000
#: Seconds for which an answer stands in where the function gives none, and after which a call that
#: has not come back is given up, so that its origin is asked about again.
GRACE: Final = 60.0

#: How long before its end an answer is asked for again, as a multiple of what that took last time.
_LEAD: Final = 1.5

_STOOD_IN: Final = f"its answer of less than {GRACE:g} seconds ago stood in"


class _Answer:
    """What a function said.

    :ivar until: when it ceases to count.
    :ivar due: when it is asked for again, so that the next answer is there by then. Until it is,
        this one counts.
    """

    __slots__ = ("due", "given", "said", "until")

    def __init__(self, said: bool | Reason, given: float, seconds: float, took: float) -> None:
        self.said = said
        self.given = given
        self.until = given + seconds
        self.due = self.until - min(_LEAD * took, seconds / 2)

    def stand_in(self, until: float) -> None:
        """Count again for some time, in the place of an answer that did not come."""
        self.until = self.due = until


class _Question:
    """A call that is under way, and what those wait for who would ask the same."""

    __slots__ = ("answer", "began", "is_over", "signal")

    def __init__(self, began: float, signal: Signal) -> None:
        self.answer: bool | Reason | None = None
        self.began = began
        self.is_over = False
        self.signal = signal


class Answers:
    """Asks a function about each origin once in a while; nobody asks what somebody asks already.

    :param callback: the function.
    :param allow: what is to be said of an origin that the function lets in.
    :param options: how long an answer counts, and how long one may take.
    :param interrupter: how the server waits.
    :param clock: seconds from any start, monotonic.
    """

    def __init__(
        self,
        callback: Callback,
        allow: Decision,
        options: Options,
        interrupter: Interrupter,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._callback = callback
        self._allow = allow
        self._seconds = options.callback_cache
        self._time_limit = options.callback_timeout
        self._interrupter = interrupter
        self._clock = clock
        self._allowed: dict[str, _Answer] = {}
        self._refused: dict[str, _Answer] = {}
        self._under_way: dict[str, _Question] = {}
        # Held for some lines that wait for nothing, so that no green thread ever meets another.
        self._lock = threading.Lock()

    def recall(self, origin: str) -> bool | Reason | None:
        """Return the answer that counts now; ``None`` where there is none, or a new one is due."""
        now = self._clock()
        answer = self._allowed.get(origin)
        if answer is not None and now < answer.until:
            return None if now >= answer.due and origin not in self._under_way else True
        answer = self._refused.get(origin)
        return answer.said if answer is not None and now < answer.until else None

    def settle(self, origin: str) -> bool | Reason:
        """Get an answer: the one that counts still, by asking, or by waiting for somebody who asks.

        :param origin: one that a browser could send.
        """
        with self._lock:
            answer = self.recall(origin)
            if answer is not None:
                return answer
            now = self._clock()
            pending = self._under_way.get(origin)
            if pending is None or now - pending.began >= GRACE:
                pending = None
                question = _Question(now, self._interrupter.signal())
                self._under_way[origin] = question
            earlier = self._allowed.get(origin)
        if pending is not None:
            return self._await(origin, pending)
        if earlier is not None and now < earlier.until:
            # Nobody who comes has to wait for the next answer, be it that the function fails.
            self._interrupter.beside(lambda: self._ask(origin, question))
            return earlier.said
        return self._ask(origin, question)

    def _ask(self, origin: str, question: _Question) -> bool | Reason:
        try:
            question.answer = self._answer(origin)
            return question.answer
        finally:
            question.is_over = True
            with self._lock:
                if self._under_way.get(origin) is question:
                    del self._under_way[origin]
            question.signal.set()

    def _await(self, origin: str, question: _Question) -> bool | Reason:
        seconds = question.began + self._time_limit - self._clock()
        if seconds > 0:
            question.signal.wait(seconds)
        if question.answer is not None:
            return question.answer
        if question.is_over:  # Whoever asked was ended by the server.
            return self._answer(origin)
        earlier = self._earlier(origin)
        self._callback.fail(Fault(None, too_long(self._time_limit)), _consequence(earlier))
        return self._stand_in(earlier)

    def _answer(self, origin: str) -> bool | Reason:
        earlier, asked = self._earlier(origin), self._clock()
        answer = self._callback.ask(origin, consequence=_consequence(earlier))
        if answer is None:
            return self._stand_in(earlier)
        said = self._allow(origin) if answer else False
        self._keep(origin, said, asked)
        return said

    def _earlier(self, origin: str) -> _Answer | None:
        """Return the answer that may stand in for one that fails."""
        answer = self._allowed.get(origin) or self._refused.get(origin)
        is_recent = answer is not None and self._clock() - answer.given < GRACE
        return answer if is_recent else None

    def _stand_in(self, earlier: _Answer | None) -> bool | Reason:
        if earlier is None:
            return Reason.ORIGIN_CALLABLE_FAILED
        # A function that fails is not asked more often than one that answers.
        earlier.stand_in(min(self._clock() + self._seconds, earlier.given + GRACE))
        return earlier.said

    def _keep(self, origin: str, said: bool | Reason, asked: float) -> None:
        now = self._clock()
        answer = _Answer(said, now, self._seconds, now - asked)
        kept, limit, other = self._allowed, ALLOWED_LIMIT, self._refused
        if said is not True:
            kept, limit, other = self._refused, REFUSED_LIMIT, self._allowed
        with self._lock:
            other.pop(origin, None)
            kept.pop(origin, None)  # The oldest is the first.
            if len(kept) >= limit:
                del kept[next(iter(kept))]
            kept[origin] = answer


def _consequence(earlier: _Answer | None) -> str:
    return REFUSED if earlier is None else _STOOD_IN
