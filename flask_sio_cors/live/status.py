"""How all workers stand to their store, for whoever is woken at night."""

from __future__ import annotations

import textwrap
import time
from dataclasses import dataclass
from typing import Any, Final

from .follower import Condition
from .shared import SharedOrigins
from .store import Report, Reporting, Version


@dataclass(frozen=True)
class WorkerShown:
    """A worker that has reported lately.

    :param report: what it said.
    :param is_silent: whether it should have said something since.
    :param why: why it lags; ``""`` where it has what the store has.
    """

    report: Report
    is_silent: bool
    why: str

    @property
    def version(self) -> int:
        """The number of the version that it has in force; 0 for none."""
        return Version.parse(self.report.version).number if self.report.version else 0


@dataclass(frozen=True)
class Status:
    """A store and its workers.

    :param store: where it is.
    :param version: the number of the version that it has; 0 where nothing was ever written.
    :param has_reports: whether it keeps word of its workers.
    :param workers: those that have reported lately.
    """

    store: str
    version: int
    has_reports: bool
    workers: tuple[WorkerShown, ...]

    @property
    def lags(self) -> bool:
        """Whether a worker does not have what the store has."""
        return any(worker.why for worker in self.workers)

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "store": self.store,
            "version": self.version,
            "lags": self.lags,
            "workers": [
                {
                    "host": worker.report.host,
                    "pid": worker.report.pid,
                    "version": worker.version,
                    "age": round(worker.report.age, 1),
                    "condition": worker.report.condition,
                    "connected": _is_connected(worker),
                    "since": round(worker.report.since + worker.report.age, 1),
                    "origins": worker.report.entries,
                    "skipped": worker.report.skipped,
                    "lags": bool(worker.why),
                    "why": worker.why,
                }
                for worker in self.workers
            ],
        }

    def as_text(self, width: int) -> str:
        """Return it for people."""
        lines = [f"Store    {self.store}", f"has      {self._has()}", ""]
        if not self.has_reports:
            return "\n".join([*lines, "It keeps no word of its workers."])
        if not self.workers:
            return "\n".join([*lines, "No worker has reported within the last minutes."])
        rows = [_HEADS, *map(_row, self.workers)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for worker, row in zip((None, *self.workers), rows, strict=True):
            cells = (cell.ljust(space) for cell, space in zip(row, widths, strict=True))
            lines.append("  ".join(cells).rstrip())
            if worker is not None and worker.why:
                lines += textwrap.wrap(
                    worker.why, width - 4, initial_indent="  ! ", subsequent_indent="    "
                )
        lagging = sum(1 for worker in self.workers if worker.why)
        count = len(self.workers)
        told = (
            f"{lagging} of {count} workers lag{'s' * (lagging == 1)}."
            if lagging
            else (
                f"All {count} workers have what the store has."
                if count > 1
                else "The worker has what the store has."
            )
        )
        return "\n".join([*lines, "", told])

    def _has(self) -> str:
        if self.version:
            return f"version {self.version}"
        known = max((worker.version for worker in self.workers), default=0)
        if known:
            return f"nothing, where its workers have version {known}: it has lost it"
        return "nothing: nothing was written yet"


_HEADS: Final = ("host", "pid", "version", "origins", "skipped", "heard", "condition", "since")


def _row(worker: WorkerShown) -> tuple[str, ...]:
    report = worker.report
    return (
        report.host,
        str(report.pid),
        str(worker.version or "-"),
        str(report.entries),
        str(report.skipped),
        f"{_duration(report.age)} ago",
        "silent" if worker.is_silent else report.condition,
        _duration(report.since + report.age),
    )


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.0f} h"


def _is_connected(worker: WorkerShown) -> bool:
    apart = (Condition.AWAY.value, Condition.STARTING.value)
    return not worker.is_silent and worker.report.condition not in apart


def status_of(shared: SharedOrigins, patience: float) -> Status:
    """Return how the workers stand; those that are just taking something over get time for it.

    :param patience: seconds that they get.
    :raise StoreError: where the store cannot be asked.
    """
    deadline = time.monotonic() + patience
    longest = shared.follower.pace.silent
    while True:
        # In this order: what is reported meanwhile is of no version that is not known here.
        reports, head = shared.reports(), shared.head()
        shown = (_shown(report, head, longest) for report in reports)
        # Those that lag come last, where a long list ends on a screen.
        workers = tuple(sorted(shown, key=lambda one: bool(one.why)))
        status = Status(
            str(shared.follower.store),
            0 if head is None else head.number,
            isinstance(shared.follower.store, Reporting),
            workers,
        )
        if not status.lags or time.monotonic() > deadline:
            return status
        time.sleep(0.2)


def _shown(report: Report, head: Version | None, longest: float) -> WorkerShown:
    is_silent = report.age > longest
    why = _why_silent(report, head) if is_silent else _why(report, head)
    return WorkerShown(report, is_silent, why)


def _why_silent(report: Report, head: Version | None) -> str:
    missed = "" if report.version == _text(head) else f", and had not taken over {_named(head)}"
    return (
        f"Has said nothing for {_duration(report.age)}{missed}: it has ended, hangs, or cannot "
        "reach the store, or write it"
    )


def _why(report: Report, head: Version | None) -> str:
    told = f": {report.reason}" if report.reason else ""
    if report.condition == Condition.AWAY.value:
        return f"Could not reach the store{told}"
    if report.condition == Condition.EMPTY.value:
        return f"Is not ready: the store is empty{told}, where nobody knows what it has lost"
    if report.condition == Condition.LOST.value:
        return f"The store is empty{told}; it is written back in some seconds"
    if report.condition == Condition.OLDER.value:
        return (
            f"The store is older{told}. Decide: `origins restore` writes back what the workers "
            "know, `origins restore --from-store` or `origins replace` has them take over another"
        )
    if report.version != _text(head):
        heard = f"; it was heard {_duration(report.age)} ago"
        return f"Has not taken over {_named(head)} yet{heard}"
    return ""


def _text(version: Version | None) -> str:
    return "" if version is None else str(version)


def _named(version: Version | None) -> str:
    return f"version {0 if version is None else version.number}"
