"""What is logged, and how often: a flood of refusals fills neither the log nor memory."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable
from typing import Final

from ..config.policies import DEFAULT

logger = logging.getLogger("flask_sio_cors")

#: How many different refusals are logged in one `PERIOD`, and as many faults of callbacks.
LIMIT: Final = 200
#: Seconds after which all are forgotten, so that what goes on is logged again.
PERIOD: Final = 3600.0
#: Characters of an origin that are remembered.
SHOWN: Final = 120


class Journal:
    """Logs the first of each kind loudly and the rest at DEBUG, within fixed bounds.

    :param clock: seconds from any start, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        # Apart, because anybody can send so many origins that nothing else would be new.
        self._known: set[Hashable] = set()
        self._known_faults: set[Hashable] = set()

    def refused(
        self,
        origin: str | None,
        reason: str,
        explanation: Callable[[], str],
        policy: str = DEFAULT,
        *,
        enforced: bool = True,
    ) -> None:
        """Log that a request was refused.

        :param origin: its ``Origin`` header as it came.
        :param reason: a short name of the reason; with the origin, it tells repetitions.
        :param explanation: what the operator should know, unprintable characters escaped; called
            when it is logged.
        :param policy: the name of the one that refuses; told where there are several.
        :param enforced: whether it was, or would be once the policy is enforced.
        """

        def sentence() -> str:
            begun = "Refused" if enforced else "Not enforced; would be refused"
            by = "" if policy == DEFAULT else f" by the policy {policy!r}"
            return f"{begun}{by} ({reason}): {explanation()}"

        self._tell((_shown(origin), reason, policy, enforced), sentence)

    def taken(
        self, origin: str | None, names: tuple[str, ...], explanation: Callable[[], str]
    ) -> None:
        """Log that a request was let in without the credentials that came with it.

        The parameters are those of `refused`, but for what came.
        """
        self._tell((_shown(origin), names), explanation)

    def suspected(self, explanation: str) -> None:
        """Log what is wrong in front of the server, and shows only sometimes.

        :param explanation: how it shows, what follows, and what to do.
        """
        # Not beside the refusals, which anybody can cause so many of that nothing else is new.
        is_new = self._is_new(explanation, self._known_faults)
        logger.log(logging.WARNING if is_new else logging.DEBUG, "%s", explanation)

    def _tell(self, kind: Hashable, sentence: Callable[[], str]) -> None:
        level = logging.WARNING if self._is_new(kind, self._known) else logging.DEBUG
        if logger.isEnabledFor(level):
            logger.log(level, "%s", sentence())

    def fault(
        self, callback: str, error: BaseException | None, complaint: str, detail: str = ""
    ) -> None:
        """Log that a function of the application failed; with its traceback the first time.

        :param callback: the setting, decorator or signal that the function was given to.
        :param error: what it raised; ``None`` where it returned nonsense.
        :param complaint: what happened and what follows from it.
        :param detail: what is different each time, and makes it no other fault.
        """
        if self._is_new((callback, type(error), complaint), self._known_faults):
            logger.error("%s: %s%s", callback, complaint, detail, exc_info=error)
        else:
            logger.debug("%s: %s%s", callback, complaint, detail)

    def _is_new(self, kind: Hashable, known: set[Hashable]) -> bool:
        if kind in known:
            return self._is_stale() and self._remember(kind, known)
        if len(known) >= LIMIT and not self._is_stale():
            return False
        return self._remember(kind, known)

    def _is_stale(self) -> bool:
        """Forget everything when the period is over; tell whether it was."""
        now = self._clock()
        if now - self._since < PERIOD:
            return False
        self._since = now
        self._known.clear()
        self._known_faults.clear()
        return True

    def _remember(self, kind: Hashable, known: set[Hashable]) -> bool:
        known.add(kind)
        if len(known) == LIMIT:
            logger.warning(
                "%d different %s so far; new ones are logged at DEBUG level for %.0f minutes",
                LIMIT,
                "refusals" if known is self._known else "faults of callbacks",
                PERIOD / 60,
            )
        return True


def _shown(origin: str | None) -> str | None:
    return origin[:SHOWN] if origin is not None else None
