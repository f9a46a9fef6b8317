"""``cors.shared_origins(app)``: the origins that every worker has, to be read and written."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple, TypeVar

from ..config.problems import ConfigError, Problem
from .background import way_of
from .follower import Condition, Follower, State
from .store import (
    ASKED_FOR,
    DECREED,
    LARGEST,
    Change,
    Report,
    Reporting,
    StoreError,
    Version,
    head_of,
)

Value = TypeVar("Value")

# Spreads what several writers would do at once.
_chance: Final = random.Random()  # noqa: S311 - no secret
#: Seconds until a write is tried again that another one has come before: at first, and the most.
_RETRY: Final = (0.001, 0.02)

#: What finds the mistakes in an entry, and how it is written where it has none.
Check = Callable[[str], tuple[Sequence[Problem], str]]


class _Situation(NamedTuple):
    """What a write meets.

    :param head: the version that the store has; ``None`` for none.
    :param known: those that are known to be in force, here or in other workers. They were asked for
        before the head, which none of them can be newer than where the store is well.
    """

    head: Version | None
    known: Sequence[Version]

    @property
    def newer(self) -> Version | None:
        """One that is known, and that the store is before or has lost."""
        head = self.head
        return next((one for one in self.known if head is None or head.is_before(one)), None)

    @property
    def newest(self) -> Version | None:
        """The one of the greatest number that is known."""
        return max(self.known, key=lambda one: one.number, default=None)


# Which change a write is, in the situation that it meets.
_Making = Callable[[_Situation], Change]


class SharedOrigins:
    """The origins in ``SIO_CORS_ORIGINS_STORE``, which are in force in every process that uses it.

    .. code-block:: python

        shared = cors.shared_origins(app)
        shared.add("https://customer.example")
        shared.remove("https://customer.example")
        list(shared)

    Exact origins, wildcards and networks, as in ``SIO_CORS_ORIGINS``; neither ``*``, regular
    expressions nor functions. They are in force beside the settings', within two seconds of the
    write in every worker that reaches the store, and in this one, if it serves, when the call
    returns. Where an origin is removed, its open sessions end.

    Several policies may share one list; each lets its origins in.

    It is iterated over, counted, and asked for a `version` from memory in a process that serves and
    has read the store, and from the store in any other.

    :param patience: seconds that a write tries again, while others write or the store heals.
    :ivar policies: the names of the policies that let in what is in it.
    """

    def __init__(self, follower: Follower, check: Check, async_mode: str) -> None:
        self.follower = follower
        self.policies: tuple[str, ...] = ()
        self.patience = 5.0
        self._store = follower.store
        self._check = check
        self._kind = async_mode

    # --- Reading -----------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """How this process stands to the store; see `State`."""
        return self.follower.state

    @property
    def version(self) -> int:
        """The number of the version in force; 0 where nothing was ever written.

        :raise StoreError: where the store has to be asked, and cannot be.
        """
        head = self.follower.version if self._follows else self.head()
        return 0 if head is None else head.number

    def __iter__(self) -> Iterator[str]:
        """Yield the entries; what is written meanwhile may be among them or not.

        :raise StoreError: where the store has to be asked, and cannot be.
        """
        if self._follows:
            return iter(self.follower.target)
        return self._stored()

    def __len__(self) -> int:
        return len(self.follower.target) if self._follows else sum(1 for _ in self._stored())

    def __contains__(self, text: object) -> bool:
        """Tell whether there is an entry that is written like this."""
        return text in set(self)

    def rule(self, origin: str) -> str | None:
        """Return the entry that lets an origin in, of those in force here; or ``None``."""
        return self.follower.target.rule(origin)

    def spelled(self, origin: str) -> str:
        """Return how an entry is written in the store; ``""`` where it is none."""
        return self._check(origin)[1]

    def head(self) -> Version | None:
        """Return the version that the store has.

        :raise StoreError: where it cannot be asked.
        """
        return self._ask(partial(head_of, self._store))

    def reports(self) -> list[Report]:
        """Return what each worker that serves has said of itself lately.

        :raise StoreError: where the store cannot be asked.
        """
        store = self._store
        return self._ask(lambda: list(store.reports())) if isinstance(store, Reporting) else []

    # --- Writing -----------------------------------------------------------------------------

    def add(self, *origins: str) -> None:
        """Let origins in, in every worker; what is there already stays.

        :raise ConfigError: where one of them could not be in ``SIO_CORS_ORIGINS``; none is written.
        :raise StoreError: where the store cannot be written, or is older than what is known.
        """
        texts = self._checked(origins)
        for start in range(0, len(texts), LARGEST):
            some = texts[start : start + LARGEST]
            self._write(partial(_following, added=some))

    def remove(self, *origins: str) -> None:
        """Let origins in no more, and end their sessions; what is not there stays away.

        :raise ConfigError: where one of them is no origin; none is removed.
        :raise StoreError: as of `add`.
        """
        texts = self._checked(origins, is_removed=True)
        for start in range(0, len(texts), LARGEST):
            some = texts[start : start + LARGEST]
            self._write(partial(_following, removed=some))

    def replace(self, origins: Iterable[str]) -> None:
        """Let these in, and none of those that are there and not among them.

        It also decides what holds, where the store is older than what the workers know.

        :raise ConfigError: where one of them could not be in ``SIO_CORS_ORIGINS``; nothing changes.
        :raise StoreError: where the store cannot be written.
        """
        texts = self._checked(origins)
        wanted = set(texts)

        def change(met: _Situation) -> Change:
            if met.newer is not None:
                return _deciding(met, DECREED, texts)
            there = set(self._stored())
            added, removed = list(wanted - there), list(there - wanted)
            if len(added) + len(removed) <= LARGEST:
                return _following(met, added, removed)
            return _following(met, texts, is_whole=True)

        self._write(change, decides=True)

    def restore(self, *, from_store: bool = False) -> None:
        """Decide what holds, where the store is older than what the workers know.

        :param from_store: whether the workers take over what the store has; else, the one that
            knows most writes that into the store.
        :raise StoreError: where the store cannot be written, or has nothing.
        """

        def change(met: _Situation) -> Change:
            if met.head is None:
                raise StoreError(
                    f"{self._store} is empty. If workers that serve know what was in it, they "
                    "write it back by themselves; else use `replace`."
                )
            return _deciding(met, DECREED if from_store else ASKED_FOR)

        self._write(change, decides=True)

    def _checked(self, origins: Iterable[str], *, is_removed: bool = False) -> list[str]:
        if isinstance(origins, str):
            origins = [origins]
        problems: list[Problem] = []
        texts: dict[str, None] = {}
        for origin in origins:
            found, text = self._check(origin)
            # What the settings do not permit any more can still be taken away.
            if found and not (is_removed and text):
                problems += found
            else:
                texts[text] = None
        if problems:
            raise ConfigError(problems)
        return list(texts)

    def _write(self, change: _Making, *, decides: bool = False) -> None:
        deadline, pause = time.monotonic() + self.patience, _RETRY[0]
        while True:
            known = self._known()
            met = _Situation(self.head(), known)
            if decides or self._may_follow(met):
                made = change(met)
                if self._ask(partial(self._store.write, made, met.head)):
                    break
            if time.monotonic() > deadline:
                raise StoreError(
                    f"Nothing was written: {self._store} is empty where origins were, and was not "
                    "healed in time."
                    if met.newer
                    else f"Nothing was written: others write into {self._store} all the time."
                )
            way_of(self._kind).sleep(_chance.uniform(0, pause))
            pause = min(2 * pause, _RETRY[1])
        self._await(made.version)

    def _may_follow(self, met: _Situation) -> bool:
        """Tell whether a write can follow what the store has, or has to wait for its healing."""
        if met.newer is None:
            return True
        if met.head is None:
            self.follower.hasten()
            return False
        raise StoreError(
            f"Nothing was written: {self._store} is older than what the workers know. It has "
            f"version {met.head.number}, and they have {met.newer.number}. Decide first: "
            f"`{self.follower.command} restore` writes back what they know."
        )

    def _known(self) -> list[Version]:
        own = self.follower.version if self._follows else None
        if own is not None:
            return [own]
        return [Version.parse(one.version) for one in self.reports() if one.version]

    def _await(self, version: Version) -> None:
        """Wait, in a process that serves, until it is in force here."""
        follower = self.follower
        follower.background.wake()
        deadline = time.monotonic() + max(2 * follower.pace.every, self.patience)
        way = way_of(self._kind)
        while self._follows and time.monotonic() < deadline:
            known = follower.version
            if known is not None and known.number >= version.number:
                return
            way.sleep(0.005)

    @property
    def _follows(self) -> bool:
        """Whether what is in force here is what the store has, as far as it can be reached."""
        return self.follower.background.is_running and self.state.condition is not (
            Condition.STARTING
        )

    def _stored(self) -> Iterator[str]:
        pages = self._ask(lambda: iter(self._store.load()))
        while (page := self._ask(lambda: next(pages, None))) is not None:
            yield from page

    def _ask(self, function: Callable[[], Value]) -> Value:
        native = getattr(self._store, "native", False)
        try:
            return way_of(self._kind).call(function, native=native)
        except StoreError:
            raise
        except Exception as error:
            raise StoreError(f"{self._store} has failed: {error!r}") from error


def _following(
    met: _Situation,
    added: Sequence[str] = (),
    removed: Sequence[str] = (),
    *,
    is_whole: bool = False,
) -> Change:
    head = met.head
    version = Version.first() if head is None else head.next()
    return Change(version, "" if head is None else head.id, added, removed, is_whole)


def _deciding(met: _Situation, healed_from: int, texts: Sequence[str] | None = None) -> Change:
    version = Version.beginning(met.head, met.newest, healed_from)
    previous = "" if met.head is None else met.head.id
    return Change(version, previous, texts or (), (), is_whole=texts is not None)
