"""Keeps a worker's own set as the store has it, and the store's as the workers know it.

The worker asks the store for its version each second, and takes over what has changed. Whatever
becomes of the store, the set that a request is judged by stays as it was, until a newer one is
known.
"""

from __future__ import annotations

import itertools
import os
import random
import secrets
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Final, NamedTuple, Protocol, TypeVar

from ..config.policies import DEFAULT, store_command
from ..door.journal import logger
from .background import Background
from .store import Change, Report, Reporting, Store, StoreError, Version, head_of

Value = TypeVar("Value")

# Spreads what all workers would do at once.
_chance: Final = random.Random()  # noqa: S311 - no secret
#: Seconds between two looks at the store, at least.
_SHORTEST: Final = 0.02
#: Seconds of one wait for a hint, from which nothing else wakes a follower.
_LONGEST: Final = 1.0
#: How many texts are handled between two pauses: those that are checked, and those that are not.
_SLICE: Final = 100
_LARGE_SLICE: Final = 2000


class Pace(NamedTuple):
    """How often, and how patiently; in seconds.

    :param every: between two looks at the store, give or take a tenth.
    :param healing: how long the workers leave word in a store that has lost everything, before the
        one that knows most writes it back.
    :param report: between two reports of a worker, where nothing new happens.
    :param silent: after which time without one it is taken for ended, or hanging.
    :param kept: for how long a report is kept.
    :param retry: the longest between two looks at a store that cannot be reached.
    """

    every: float = 1.0
    healing: float = 5.0
    report: float = 5.0
    silent: float = 15.0
    kept: float = 300.0
    retry: float = 3.0

    @classmethod
    def of(cls, every: float) -> Pace:
        """Return the pace of one that looks so often; who looks more seldom reports so, too."""
        usual, slower = cls(), max(every, 1.0)
        return usual._replace(
            every=every,
            report=usual.report * slower,
            silent=usual.silent * slower,
            kept=usual.kept * slower,
        )


class Condition(Enum):
    """How a worker stands to its store."""

    STARTING = "starting"  #: has not read it yet
    EMPTY = "empty"  #: has found nothing in it, and waits whether somebody knows what it has lost
    CURRENT = "current"  #: has what it has
    AWAY = "away"  #: cannot reach it
    LOST = "lost"  #: knows what it has lost
    OLDER = "older"  #: knows something newer, and waits for somebody to say which holds


@dataclass(frozen=True)
class State:
    """How a worker stands to its store, for health checks and metrics.

    :param condition: how.
    :param ready: whether the store's origins are in force: once they were read, for good.
    :param version: the number of the version in force; 0 for none.
    :param entries: how many of the store's entries are in force.
    :param skipped: how many are not, since this application's settings do not permit them.
    :param age: seconds since the store has said that this is what it has; ``None``: it never has.
    :param since: for how many seconds it has been in this condition.
    :param reason: why it is not `Condition.CURRENT`; ``""`` where it is.
    """

    condition: Condition
    ready: bool
    version: int
    entries: int
    skipped: int
    age: float | None
    since: float
    reason: str

    @property
    def connected(self) -> bool:
        """Whether the store has answered the last time."""
        return self.condition not in (Condition.AWAY, Condition.STARTING)


class Target(Protocol):
    """The set in force, which a follower changes."""

    def fault(self, text: str) -> str:
        """Say why an entry of the store cannot be in force here; ``""`` where it can."""
        ...

    def fill(self, texts: Iterable[str]) -> Iterator[None]:
        """Put these in the place of all, in slices."""
        ...

    def change(self, added: Iterable[str], removed: Iterable[str]) -> None:
        """Put some in force, and some out of force."""
        ...

    def rule(self, origin: str) -> str | None:
        """Return the entry that lets an origin in, or ``None``."""
        ...

    def __iter__(self) -> Iterator[str]: ...

    def __len__(self) -> int: ...


class Follower:
    """Follows one store, in the process that serves.

    :param store: the store.
    :param target: what it changes.
    :param async_mode: Engine.IO's name of how the server waits.
    :ivar command: what changes the store at a command line.
    """

    def __init__(self, store: Store, target: Target, async_mode: str) -> None:
        self.store = store
        self.target = target
        self.pace = Pace()
        self.command = store_command(DEFAULT)
        self.background = Background(self._step, async_mode, "sio-cors-origins")
        #: The version in force; assigned after the set was changed.
        self.version: Version | None = None
        self.skipped: dict[str, None] = {}
        self._is_read = False
        self._must_refill = False
        # Whether the store has answered in this step, be it that it fails afterwards.
        self._answers = False
        self._is_in_haste = False
        self._farewell: Callable[[], None] | None = None
        self._worker = _Worker()
        self._standing = _Standing()
        self._heard: float | None = None
        self._failures = 0

    @property
    def state(self) -> State:
        """How this worker stands to the store."""
        standing, now = self._standing, time.monotonic()
        return State(
            standing.condition,
            self._is_read,
            0 if self.version is None else self.version.number,
            len(self.target),
            len(self.skipped),
            None if self._heard is None else now - self._heard,
            now - standing.began,
            standing.reason,
        )

    @property
    def has_begun(self) -> bool:
        """Whether the store has been read, or will not be at once: nobody has to wait for that."""
        standing = self._standing
        if self._is_read:
            return True
        if standing.condition is Condition.EMPTY:
            # By then, all who know what has been in it have left word.
            return standing.lasts > 2 * self.pace.every
        return standing.condition not in (Condition.STARTING, Condition.LOST)

    def leave(self, close: Callable[[], None]) -> None:
        """Follow the store no more; returns at once, and a step that is under way ends first.

        :param close: lets go of the store, once nobody here asks it any more.
        """
        self._farewell = close
        if self.background.is_running:
            self.background.wake()
        else:
            close()

    def reload(self) -> None:
        """Have all that is known checked again, as other settings may permit other entries."""
        self._must_refill = True
        self.background.wake()

    # --- One step ----------------------------------------------------------------------------

    def _step(self) -> float:
        if self._farewell is not None:
            self.background.stop(0)
            self._farewell()
            return 0.0
        begun = time.monotonic()
        self._answers = False
        try:
            is_settled = self._look()
        except Exception as error:  # noqa: BLE001 - a store may raise anything
            return self._is_away(error)
        self._failures = 0
        self._report()
        if not is_settled:
            return _SHORTEST
        return self._wait(self.pace.every * _chance.uniform(0.9, 1.1), begun)

    def _look(self) -> bool:
        """Ask for the version and do what follows; tell whether all is done for now."""
        if self._must_refill:
            self._refill()
        head, known = self.ask(partial(head_of, self.store)), self.version
        self._answers = True
        if head is None:
            return self._is_empty()
        if known is None:
            return self._begin()
        if head.id == known.id:
            return self._is_current()
        if head.is_before(known):
            return self._is_older(f"it has version {head.number}, and {known.number} is known here")
        if head.history != known.history:
            return self._load(head) if head.supersedes(known) else self._heal(head, known)
        return self._catch_up(head, known)

    def _wait(self, seconds: float, begun: float) -> float:
        """Wait for a hint of the store; return how long to wait without one."""
        left = begun + seconds - time.monotonic()
        while left > 0 and not (self._must_refill or self._is_in_haste):
            some, at = min(left, _LONGEST), time.monotonic()
            try:
                heard = self.ask(partial(self.store.wait, self.version, some))
            except Exception as error:  # noqa: BLE001 - a store may raise anything
                return self._is_away(error)
            now = time.monotonic()
            left = begun + seconds - now
            if heard:
                return max(begun + _SHORTEST - now, 0.0)
            if now - at < some / 2:  # It hears of nothing.
                return max(left, 0.0)
        return 0.0

    def ask(self, function: Callable[[], Value]) -> Value:
        """Call a method of the store as this server has to."""
        return self.background.call(function, native=getattr(self.store, "native", False))

    # --- Taking over -------------------------------------------------------------------------

    def _begin(self) -> bool:
        """Read the store for the first time, unless it is older than what others have in force."""
        elsewhere = self._versions_elsewhere()
        # Asked for again: the one from before may be older than what is reported, and all be well.
        head = self.ask(partial(head_of, self.store))
        if head is None:
            return self._is_empty()
        newest = max(filter(head.is_before, elsewhere), key=lambda one: one.number, default=None)
        if newest is None:
            return self._load(head)
        return self._is_older(
            f"it has version {head.number}, and other workers know {newest.number}"
        )

    def _load(self, head: Version) -> bool:
        skipped: dict[str, None] = {}
        with suppress(_TornError):
            self._fill(self._entries(head, skipped))
            self.skipped = skipped
            # Who has written meanwhile is met at the next look, which comes at once.
            self._is_in_force(head)
        return False

    def _fill(self, texts: Iterable[str]) -> None:
        for _ in self.target.fill(texts):
            self.background.pause()

    def _entries(self, head: Version, skipped: dict[str, None]) -> Iterator[str]:
        pages = self.ask(lambda: iter(self.store.load()))
        while (page := self.ask(lambda: next(pages, None))) is not None:
            if isinstance(page, str):
                raise StoreError(
                    f"its load() yields {page[:80]!r}, where a list of texts is needed"
                )
            for text in page:
                if self._is_fit(text, skipped):
                    yield text
        # What is lost while it is read ends early, and must not look like a smaller set.
        now = self.ask(partial(head_of, self.store))
        if now is None or now.history != head.history or now.is_before(head):
            raise _TornError

    def _refill(self) -> None:
        """Put in force what the settings permit of all that is known, whatever the store does."""
        self._must_refill = False
        skipped: dict[str, None] = {}
        known = itertools.chain(self.target, tuple(self.skipped))
        try:
            self._fill(text for text in known if self._is_fit(text, skipped))
        except BaseException:
            self._must_refill = True
            raise
        self.skipped = skipped

    def _is_fit(self, text: str, skipped: dict[str, None]) -> bool:
        fault = self.target.fault(text)
        if fault:
            if text not in self.skipped:
                logger.warning("%r, in %s, is not in force: %s", text, self.store, fault)
            skipped[text] = None
        return not fault

    def _catch_up(self, head: Version, known: Version) -> bool:
        changes = self.ask(lambda: self.store.changes_since(known.number))
        for change in changes:
            if change.previous != known.id:
                if change.version.number == known.number + 1:
                    return self._is_older(
                        f"it had another version {known.number} than is known here"
                    )
                break
            if change.is_whole:
                break
            self._apply(change.added, change.removed)
            known = change.version
            self._is_in_force(known)
        # The log has forgotten some, or does not tell them one by one.
        return False if known.number >= head.number else self._load(head)

    def _apply(self, added: Sequence[str], removed: Sequence[str]) -> None:
        for text in removed:
            self.skipped.pop(text, None)
        for start in range(0, max(len(added), len(removed), 1), _SLICE):
            some = slice(start, start + _SLICE)
            fit = [text for text in added[some] if self._is_fit(text, self.skipped)]
            self.target.change(fit, removed[some])
            self.background.pause()

    def _is_in_force(self, version: Version) -> None:
        self._is_read = True
        self.version = version
        self._is_current()

    def _is_current(self) -> bool:
        self._heard = time.monotonic()
        self._is_read = True
        self._is_in_haste = False
        if self._standing.becomes(Condition.CURRENT):
            number = 0 if self.version is None else self.version.number
            logger.info("Version %d of the origins in %s is in force", number, self.store)
        return True

    # --- Where something is wrong ------------------------------------------------------------

    def _is_away(self, error: Exception) -> float:
        reason = str(error).rstrip(".") or type(error).__name__
        if self._standing.becomes(Condition.AWAY, reason) or self._standing.is_due():
            if self.version is None:
                logger.error(
                    "The origins in %s cannot be read: %s. Until they can, none of them is in "
                    "force, and only those of the settings get in.",
                    self.store,
                    reason,
                )
            else:
                age = 0.0 if self._heard is None else time.monotonic() - self._heard
                logger.warning(
                    "The origins in %s cannot be read: %s. Those that it had %.0f s ago stay in "
                    "force.",
                    self.store,
                    reason,
                    age,
                )
            logger.debug("The store's error", exc_info=error)
        if self._answers:
            self._report()
        self._failures += 1
        delay = self.pace.every * 2.0 ** min(self._failures - 1, 10)
        return min(delay, self.pace.retry) * _chance.uniform(0.5, 1.0)

    def _is_empty(self) -> bool:
        known = self.version
        if known is None:
            if not self._versions_elsewhere():
                return self._is_current() if self._is_read or self._is_new() else True
            reason = "it has lost what other workers have in force"
        else:
            reason = f"it has lost version {known.number} and all before"
        if self._standing.becomes(Condition.LOST, reason):
            self._report(at_once=True)
            logger.error(
                "%s is empty, where origins were: %s. What is in force here stays, and what the "
                "workers know is written back in some seconds.",
                self._store_at_the_beginning,
                reason,
            )
        if known is not None and self._is_to_heal(known):
            return self._heal(None, known)
        return True

    def _is_new(self) -> bool:
        """Tell whether nothing was ever written: whoever knew better has had time to say so."""
        window = self.pace.healing
        if not isinstance(self.store, Reporting):
            # Nobody can leave word; who could not reach it before writes back so much later.
            window += self.pace.retry
        reason = f"nothing is in it; it is taken for a new one after {window:g} s"
        self._standing.becomes(Condition.EMPTY, reason)
        return self._standing.lasts >= window

    def _is_to_heal(self, known: Version) -> bool:
        """Tell whether it is time, and nobody knows more; who knows more has the first turn."""
        waited = self._standing.lasts
        if self._is_in_haste:
            return True
        if waited < self.pace.healing:
            return False
        knows_most = all(one.number <= known.number for one in self._versions_elsewhere())
        return knows_most or waited >= 2 * self.pace.healing

    def _is_older(self, reason: str) -> bool:
        self._report()
        if self._standing.becomes(Condition.OLDER, reason):
            logger.error(
                "%s is there, but older: %s. What is in force here stays, and no write counts "
                "until somebody decides: `%s restore` writes back what the workers know, and "
                "`%s restore --from-store`, or `replace`, has them take over something else.",
                self._store_at_the_beginning,
                reason,
                self.command,
                self.command,
            )
        return True

    @property
    def _store_at_the_beginning(self) -> str:
        name = str(self.store)
        return f"{name[:1].upper()}{name[1:]}"

    # --- Healing -----------------------------------------------------------------------------

    def read(self) -> None:
        """Put in force what the store has, once, in a process that serves nobody.

        :raise StoreError: where the store cannot be asked; or whatever else it raises.
        """
        skipped: dict[str, None] = {}
        texts = (text for page in self.store.load() for text in page)
        for _ in self.target.fill(text for text in texts if self._is_fit(text, skipped)):
            pass

    def hasten(self) -> None:
        """Write back what is known, where the store has lost it, without waiting any longer.

        Whoever knows more does so again.
        """
        self._is_in_haste = True
        self.background.wake()

    def _heal(self, over: Version | None, known: Version) -> bool:
        """Write back what is known here, with what was written into the store since its loss."""
        changes = self._unknown(over, known)
        if changes is None:
            return self._is_older("its log does not tell all that was written since it was lost")
        version = Version.beginning(over, known, known.number)
        previous = "" if over is None else over.id
        if any(one.is_whole and not one.is_healing for one in changes):
            # Somebody has replaced everything since: that holds, and not what was known before.
            healing = Change(version, previous)
            return self.ask(lambda: self.store.write(healing, over)) and False
        replayed = [one for one in changes if not one.is_whole]
        texts = self._known_texts()
        for change in replayed:
            for text in change.removed:
                texts.pop(text, None)
            texts.update(dict.fromkeys(change.added))
        healing = Change(version, previous, list(texts), (), is_whole=True)
        if self.ask(lambda: self.store.write(healing, over)):
            for change in replayed:
                self._apply(change.added, change.removed)
            self._is_in_force(version)
            logger.warning(
                "What %s had lost was written back, as of version %d", self.store, known.number
            )
        return False

    def _unknown(self, over: Version | None, known: Version) -> list[Change] | None:
        """Return what was written into the store and is not known here, oldest first.

        ``None`` where that cannot be known: its log has forgotten some, or somebody has written
        back what is not known here, which no log tells.
        """
        if over is None:
            return []
        logged = {one.version.id: one for one in self.ask(lambda: self.store.changes_since(0))}
        found: list[Change] = []
        told: dict[str, int] = {}
        identity = over.id
        while identity:
            change = logged.pop(identity, None)
            if change is None:
                return None
            if known.has(change.version):
                break
            found.insert(0, change)
            if change.asks:
                return found
            told.setdefault(change.version.history, change.version.number)
            identity = change.previous
        reached = known.reached() | told
        is_told = all(upto <= reached.get(one, 0) for one, upto in over.reached().items())
        return found if is_told else None

    def _known_texts(self) -> dict[str, None]:
        texts = dict(self.skipped)
        for number, text in enumerate(self.target):
            texts[text] = None
            if number % _LARGE_SLICE == 0:
                self.background.pause()
        return texts

    # --- Reports -----------------------------------------------------------------------------

    def _report(self, *, at_once: bool = False) -> None:
        """Leave word in the store, where it is something new, or some seconds have passed."""
        store = self.store
        if not isinstance(store, Reporting):
            return
        news = (self._standing.condition, self.version)
        if at_once or self._worker.is_due(news, self.pace):
            self._worker.reported(news)
            state = self.state
            version = "" if self.version is None else str(self.version)
            report = Report(
                worker=self._worker.name,
                host=self._worker.host,
                pid=os.getpid(),
                version=version,
                condition=state.condition.value,
                since=state.since,
                reason=state.reason,
                entries=state.entries,
                skipped=state.skipped,
            )
            try:
                self.ask(lambda: store.report(report, self.pace.kept))
            except Exception as error:  # noqa: BLE001 - its next version tells whether it is there
                logger.debug("%s took no report: %s", store, error)

    def _versions_elsewhere(self) -> list[Version]:
        """Return what other workers that live have in force, where the store has word of them."""
        store = self.store
        if not isinstance(store, Reporting):
            return []
        try:
            return [
                Version.parse(one.version)
                for one in self.ask(lambda: list(store.reports()))
                if one.version and one.worker != self._worker.name and one.age < self.pace.silent
            ]
        except Exception as error:  # noqa: BLE001 - its next version tells whether it is there
            logger.debug("%s has no reports: %s", store, error)
            return []


class _TornError(Exception):
    """What was read is no version's: the store has lost it meanwhile, or has become another."""


class _Standing:
    """How a worker stands to its store, and since when."""

    def __init__(self) -> None:
        self.condition = Condition.STARTING
        self.reason = ""
        self.began = time.monotonic()
        self._next_reminder = 0.0

    @property
    def lasts(self) -> float:
        return time.monotonic() - self.began

    def becomes(self, condition: Condition, reason: str = "") -> bool:
        """Note it; tell whether that is news."""
        self.reason = reason
        if condition is self.condition:
            return False
        self.began, self.condition = time.monotonic(), condition
        self._next_reminder = 60.0
        return True

    def is_due(self) -> bool:
        """Tell whether to say again that it lasts: after 1, 2, 4 … minutes."""
        if self.lasts < self._next_reminder:
            return False
        self._next_reminder *= 2
        return True


class _Worker:
    """Who reports, and what it has reported."""

    def __init__(self) -> None:
        self.host = socket.gethostname()
        self._number = secrets.token_hex(2)
        self._at = float("-inf")
        self._news: object = None

    @property
    def name(self) -> str:
        return f"{self.host}-{os.getpid()}-{self._number}"

    def is_due(self, news: object, pace: Pace) -> bool:
        passed = time.monotonic() - self._at
        return passed >= pace.report or (news != self._news and passed >= pace.every)

    def reported(self, news: object) -> None:
        self._at, self._news = time.monotonic(), news
