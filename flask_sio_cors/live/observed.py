"""What is kept of requests while nothing is enforced: counted here, added up in a file.

Requests only count. The file is written beside them, by each process that serves, so that several
workers add up there.
"""

from __future__ import annotations

import os
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from ..door.journal import logger
from ..door.observer import Observation
from .background import Background
from .counts import LIMIT, Count, Counts, Place
from .naming import known_as

if TYPE_CHECKING:
    import sqlite3

    from flask import Flask

#: Seconds between two writes; and after one that has failed.
PERIOD: Final = 1.0
RETRY: Final = 30.0
#: How many tasks wait at most to be done beside the requests.
_TASKS: Final = 1_000

_FILE: Final = "sio-cors-observed.sqlite3"
_PATIENCE: Final = 5.0


class Observations:
    """Counts the requests of one application, and does beside them what takes its time.

    :param place: where they are added up.
    :param async_mode: Engine.IO's name of how the server waits.
    """

    def __init__(self, place: Place, async_mode: str) -> None:
        self._tally = _Tally(place)
        self._left: deque[Place] = deque()
        self._tasks: deque[Callable[[], None]] = deque()
        self._background = Background(self._step, async_mode, "sio-cors-observed")
        self._due = 0.0
        # What is left when the process ends, or the application is dropped.
        weakref.finalize(self, self._tally.write)

    def note(self, observation: Observation) -> None:
        """Count an observation; writes nothing."""
        if not self._background.is_running:
            self._tally.begin()
            self._background.ensure()
        self._tally.add(observation)

    def later(self, task: Callable[[], None]) -> bool:
        """Do something beside the requests; ``False`` where too much waits already."""
        if len(self._tasks) >= _TASKS:
            return False
        self._tasks.append(task)
        self._background.ensure()
        self._background.wake()
        return True

    def move(self, place: Place) -> None:
        """Add up at another place from now on, with what was observed before.

        That is fetched beside the requests, in a process that observes some.
        """
        if place != self._tally.place:
            self._left.append(self._tally.place)
            self._tally.place = place
            self._due = 0.0
            self._background.wake()

    def _step(self) -> float:
        while self._left:
            self._fetch(self._left.popleft())
        while self._tasks:
            try:
                self._tasks.popleft()()
            except Exception:  # noqa: BLE001 - nor is another task
                logger.exception("What was to be done about a request has failed")
            self._background.pause()
        now = time.monotonic()
        if now >= self._due:
            place = self._tally.place
            write = partial(self._tally.write_to, place)
            is_written = self._background.call(write, native=place.is_native)
            if place is self._tally.place:
                self._due = now + (PERIOD if is_written else RETRY)
        return max(self._due - now, 0.0)

    def _fetch(self, place: Place) -> None:
        """Take what was added up at a place that is left for another one."""
        try:
            counts = self._background.call(place.take, native=place.is_native)
        except Exception as error:  # noqa: BLE001 - nothing here is worth more than a warning
            logger.warning(
                "What was observed before stays in %s, which cannot be asked (%s).", place, error
            )
        else:
            self._tally.put_back(counts)


class _Tally:
    """The counts that are not added up yet.

    :ivar place: where they will be.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._counts: Counts = {}
        # Held for some lines that wait for nothing, so that no green thread ever meets another.
        self._lock = Lock()
        self._process = os.getpid()
        self._failed_at: Place | None = None

    def begin(self) -> None:
        """Leave to the parent what it has counted, in a process that was forked."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._lock = Lock()
            self._counts = {}

    def add(self, observation: Observation) -> None:
        """Count one more."""
        now = time.time()
        with self._lock:
            count = self._counts.get(observation)
            if count is not None:
                self._counts[observation] = Count(count[0] + 1, count[1], now)
                return
            self._counts[observation] = Count(1, now, now)
            if len(self._counts) > LIMIT * 1.1:
                self._counts = dict(_most_frequent(self._counts))

    def write(self) -> bool:
        """Add what was counted where it belongs; tell whether that worked. Never raises."""
        return self.write_to(self.place)

    def write_to(self, place: Place) -> bool:
        """Add what was counted at a place; tell whether that worked. Never raises."""
        if self._process != os.getpid():
            return True
        with self._lock:
            counts, self._counts = self._counts, {}
        if not counts:
            return True
        try:
            place.add(counts)
        except Exception as error:  # noqa: BLE001 - nothing here is worth a request
            self.put_back(counts)
            self._tell(place, error)
            return False
        self._failed_at = None
        return True

    def put_back(self, counts: Counts) -> None:
        """Add counts that are to be added up later, with those that come meanwhile."""
        with self._lock:
            self._counts = dict(_most_frequent(_sum(counts, self._counts)))

    def _tell(self, place: Place, error: Exception) -> None:
        if place is not self._failed_at:
            logger.warning(
                "What was observed cannot be written to %s (%s). It stays in this process, and "
                "writing is tried again; the log has what would be refused.",
                place,
                error,
            )
        self._failed_at = place


def _most_frequent(counts: Counts) -> Iterable[tuple[Observation, Count]]:
    by_times = sorted(counts.items(), key=lambda one: (one[1].times, one[1].last))
    return by_times[-LIMIT:]


def _sum(first: Counts, second: Counts) -> Counts:
    total = dict(first)
    for observation, count in second.items():
        total[observation] = total[observation].plus(count) if observation in total else count
    return total


# --- The file ----------------------------------------------------------------------------------

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS observed_1 (
    app TEXT, origin TEXT, policy TEXT, reason TEXT, allowed INTEGER, transport TEXT,
    cookies INTEGER, loses INTEGER, times INTEGER, first REAL, last REAL,
    UNIQUE (app, origin, policy, reason, allowed, transport, cookies, loses)
)"""
_ADD: Final = """
INSERT INTO observed_1 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET times = times + excluded.times,
    first = min(first, excluded.first), last = max(last, excluded.last)"""
_FORGET: Final = """
DELETE FROM observed_1 WHERE rowid IN (
    SELECT rowid FROM observed_1 WHERE app = ? ORDER BY times DESC, last DESC LIMIT -1 OFFSET ?)"""
_EXISTS: Final = "SELECT 1 FROM sqlite_master WHERE name = 'observed_1'"
_READ: Final = """
SELECT origin, policy, reason, allowed, transport, cookies, loses, times, first, last
FROM observed_1 WHERE app = ?"""


class File:
    """The observations of all processes, in a database in the application's instance folder.

    :ivar path: where it lies.
    """

    is_native = True

    def __init__(self, app: Flask) -> None:
        self.path = Path(app.instance_path) / _FILE
        self._app = known_as(app)

    def __str__(self) -> str:
        return str(self.path)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, File) and (self.path, self._app) == (other.path, other._app)

    def __hash__(self) -> int:
        return hash((self.path, self._app))

    def add(self, counts: Counts) -> None:
        """Add what was counted; several processes may.

        :raise OSError: or `sqlite3.Error`, where that does not work.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        rows = [(self._app, one.origin or "", *one[1:], *count) for one, count in counts.items()]
        with closing(self._connect()) as database, database:
            database.execute(_TABLE)
            database.executemany(_ADD, rows)
            database.execute(_FORGET, (self._app, LIMIT))

    def read(self) -> Counts:
        """Return what was observed so far; nothing where there is no file yet.

        :raise sqlite3.Error: where it cannot be read.
        """
        if not self.path.exists():
            return {}
        with closing(self._connect()) as database:
            if database.execute(_EXISTS).fetchone() is None:
                return {}
            return dict(map(_from_row, database.execute(_READ, (self._app,))))

    def take(self) -> Counts:
        """Return it, and have it no more.

        :raise sqlite3.Error: where that does not work; nothing is lost then.
        """
        if not self.path.exists():
            return {}
        with closing(self._connect()) as database, database:
            database.execute("BEGIN IMMEDIATE")
            if database.execute(_EXISTS).fetchone() is None:
                return {}
            counts = dict(map(_from_row, database.execute(_READ, (self._app,))))
            database.execute("DELETE FROM observed_1 WHERE app = ?", (self._app,))
            return counts

    def _connect(self) -> sqlite3.Connection:
        import sqlite3  # which few applications need

        return sqlite3.connect(self.path, timeout=_PATIENCE)


def _from_row(row: tuple[Any, ...]) -> tuple[Observation, Count]:
    origin, policy, reason, allowed, transport, cookies, loses, *count = row
    seen = Observation(
        origin or None, policy, reason, bool(allowed), transport, bool(cookies), bool(loses)
    )
    return seen, Count(*count)
