"""Puts an application's stores to use: opens them, follows them, and follows the settings."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from shlex import quote
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..config.entries import problems_of_entry
from ..config.keys import PREFIX
from ..config.options import Options
from ..config.policies import DEFAULT, policy_key, some_of, store_command
from ..config.problems import Problem
from ..config.stores import StoreLocation
from ..origins.grammar import parse_pattern
from ..origins.live import LiveOrigins
from .opening import located, open_store

if TYPE_CHECKING:
    from flask import Flask

    from .shared import SharedOrigins


_STORE: Final = "ORIGINS_STORE"


class Sharing:
    """What the policies of an application share with its other workers: a list for each store.

    :param async_mode: Engine.IO's name of how its servers wait.
    :ivar of: a policy's name → what it shares; none of those that share nothing.
    """

    def __init__(self, app: Flask, async_mode: str) -> None:
        self.of: Mapping[str, SharedOrigins] = {}
        self._app = app
        self._kind = async_mode
        self._lists: Mapping[Hashable, _List] = {}
        self._lock = Lock()

    @contextmanager
    def changed(self, options: Options) -> Iterator[Mapping[str, LiveOrigins]]:
        """Open the stores that the settings name now, and give the sets that they fill.

        Within the block, these are put in force: a policy's name → its set. After it, `begin`
        follows these stores; those that nobody names any more are let go of.
        """
        with self._lock:
            wanted = _by_place(options, self._app)
            lists = {
                place: self._lists.get(place) or self._opened(setting)
                for place, (setting, _) in wanted.items()
            }
            yield {
                one.name: lists[place].target.live
                for place, (_, sharers) in wanted.items()
                for one in sharers
            }
            gone = [one for place, one in self._lists.items() if place not in lists]
            self._lists = lists
            for place, (_, sharers) in wanted.items():
                lists[place].take(tuple(sharers))
            self.of = {name: one.shared for one in lists.values() for name in one.shared.policies}
            for one in gone:
                one.shared.follower.leave(one.close)

    def begin(self) -> None:
        """Follow the stores, in the process that serves."""
        for one in self._lists.values():
            one.shared.follower.background.ensure()

    def has_begun(self) -> bool:
        """Tell whether each store has been read, or tried to."""
        return all(one.shared.follower.has_begun for one in self._lists.values())

    def _opened(self, setting: Any) -> _List:
        from .follower import Follower  # which most applications have nothing for
        from .shared import SharedOrigins

        store, target = open_store(setting, self._app), InForce()
        follower = Follower(store, target, self._kind)
        # What the application has made is the application's to close.
        close = getattr(store, "close", _nothing) if store is not setting else _nothing
        return _List(SharedOrigins(follower, target.check, self._kind), target, close)


class _List(NamedTuple):
    """One store, and the set that it fills."""

    shared: SharedOrigins
    target: InForce
    close: Callable[[], None]

    def take(self, sharers: tuple[Options, ...]) -> None:
        """Fill the set for these policies from now on; others may permit other entries."""
        from .follower import Pace

        follower = self.shared.follower
        if _every(sharers) != _every(self.target.sharers):
            follower.pace = Pace.of(_every(sharers))
        self.target.sharers = sharers
        self.shared.policies = tuple(one.name for one in sharers)
        follower.command = store_command(sharers[0].name)
        follower.reload()


def _by_place(options: Options, app: Flask) -> Mapping[Hashable, tuple[Any, list[Options]]]:
    """Return each store that is named, with the settings of those who share it."""
    found: dict[Hashable, tuple[Any, list[Options]]] = {}
    for one in (options, *options.policies):
        setting = one.origins_store
        if isinstance(setting, StoreLocation):
            place: Hashable = replace(located(setting, app), every=1.0)
        else:
            # An object is the same store wherever it stands.
            place = id(setting)
        if setting is not None:
            found.setdefault(place, (setting, []))[1].append(one)
    return found


def _every(sharers: Iterable[Options]) -> float:
    """Return the seconds between two looks: of the one who wants them most often."""
    stores = [one.origins_store for one in sharers]
    return min((one.every for one in stores if isinstance(one, StoreLocation)), default=1.0)


def _nothing() -> None:
    pass


def shares_nothing(policy: str, sharing: Iterable[str]) -> str:
    """Say why a policy shares no origins, and what to write or to ask for instead.

    :param sharing: the names of the policies that share some.
    """
    is_default, others = policy == DEFAULT, [name for name in sharing if name != DEFAULT]
    key = f"{PREFIX}{_STORE}" if is_default else policy_key(policy, _STORE)
    whose = f"The policy {policy!r}" if others or not is_default else "This application"
    told = f"{whose} shares no origins, since {key} is not set."
    if others and is_default:
        names = some_of(others, shown=repr)
        asked = f"policy={others[0]!r}, or --policy {quote(others[0])}"
        if len(others) == 1:
            return f"{told} The policy {names} has a store; name it: {asked}."
        return f"{told} Those with a store are {names}; name one of them: {asked}."
    if DEFAULT in sharing:
        told += " With ORIGINS of its own, it has none of the default policy's store."
    return (
        f'{told} For the processes of one machine, set it to "sqlite:///origins.sqlite3"; for '
        'more, to a Redis server such as "redis://localhost:6379/0".'
    )


class InForce:
    """The origins of one store that are in force here.

    :ivar live: the set that is asked.
    :ivar sharers: the settings of the policies that let them in.
    """

    def __init__(self) -> None:
        self.live = LiveOrigins()
        self.sharers: tuple[Options, ...] = ()

    def check(self, text: Any) -> tuple[Sequence[Problem], str]:
        """Find what is wrong with an entry, and how it is written where nothing is."""
        pattern = parse_pattern(text) if isinstance(text, str) else None
        return problems_of_entry(text, *self.sharers), "" if pattern is None else str(pattern)

    def fault(self, text: str) -> str:
        """Say why an entry cannot be in force; see `Target.fault`."""
        problems = problems_of_entry(text, *self.sharers)
        return problems[0].reason if problems else ""

    def fill(self, texts: Iterable[str]) -> Iterator[None]:
        """Put others in force; see `Target.fill`."""
        return self.live.fill(texts)

    def change(self, added: Iterable[str], removed: Iterable[str]) -> None:
        """Put some in force, and some out of it; see `Target.change`."""
        for text in removed:
            self.live.discard(text)
        for text in added:
            self.live.add(text)

    def rule(self, origin: str) -> str | None:
        """Return the entry that lets an origin in; see `Target.rule`."""
        return self.live.rule(origin)

    def __iter__(self) -> Iterator[str]:
        return iter(self.live)

    def __len__(self) -> int:
        return len(self.live)
