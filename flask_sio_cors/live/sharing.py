"""Puts an application's store to use: opens it, follows it, and follows the settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

from ..config.entries import problems_of_entry
from ..config.options import Options
from ..config.problems import Problem
from ..config.stores import StoreLocation
from ..door.doors import Doors
from ..origins.grammar import parse_pattern
from ..origins.live import LiveOrigins
from .follower import Condition, Follower, Pace
from .opening import open_store
from .shared import SharedOrigins

if TYPE_CHECKING:
    from flask import Flask


class Sharing:
    """What an application shares with its other workers, if its settings name a store.

    :param doors: those of the application.
    :param async_mode: Engine.IO's name of how its servers wait.
    :ivar shared: the origins that are shared; ``None`` where no store is named.
    """

    def __init__(self, app: Flask, doors: Doors, async_mode: str) -> None:
        self.shared: SharedOrigins | None = None
        self._app = app
        self._doors = doors
        self._kind = async_mode
        self._setting: Any = None
        self._lock = Lock()
        doors.first_request.call(self._begin)
        doors.first_request.wait_for(self._has_begun)
        self.apply(doors.policies.default.options)

    def apply(self, options: Options) -> None:
        """Follow the store that the settings name now."""
        with self._lock:
            if options.origins_store == self._setting:
                if self.shared is not None:
                    self.shared.follower.reload()
                return
            self._leave()
            self._setting = options.origins_store
            if self._setting is None:
                return
            target = InForce(self._doors)
            follower = Follower(open_store(self._setting, self._app), target, self._kind)
            if isinstance(self._setting, StoreLocation):
                follower.pace = Pace.of(self._setting.every)
            self.shared = SharedOrigins(follower, self._check, self._kind)
            self._doors.share(target.live)
        if not self._doors.first_request.awaited:
            self._begin()

    def _leave(self) -> None:
        shared, self.shared = self.shared, None
        if shared is not None:
            shared.follower.background.stop(0)
            self._doors.share(None)

    def _begin(self) -> None:
        if (shared := self.shared) is not None:
            shared.follower.background.ensure()

    def _has_begun(self) -> bool:
        shared = self.shared
        return shared is None or shared.state.condition is not Condition.STARTING

    def _check(self, text: Any) -> tuple[Sequence[Problem], str]:
        pattern = parse_pattern(text) if isinstance(text, str) else None
        problems = problems_of_entry(text, self._doors.policies.default.options)
        return problems, "" if pattern is None else str(pattern)


class InForce:
    """The store's origins that are in force here.

    :param doors: those that let them in.
    :ivar live: the set that is asked.
    """

    def __init__(self, doors: Doors) -> None:
        self.live = LiveOrigins()
        self._doors = doors

    def fault(self, text: str) -> str:
        """Say why an entry cannot be in force; see `Target.fault`."""
        problems = problems_of_entry(text, self._doors.policies.default.options)
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
