"""How all workers stand to their store, for whoever is woken at night."""

from __future__ import annotations

import textwrap
import time
from dataclasses import dataclass
from typing import Any, Final

from .follower import Condition, Pace
from .shared import SharedOrigins
from .store import Report, Reporting, Version

#: Seconds without a report after which a worker is called silent.
SILENT: Final = 3 * Pace().report


@dataclass(frozen=True)
class WorkerShown:
    """A worker that has reported lately.

    :param report: what it said.
    :param why: why it lags; ``""`` where it has what the store has.
    """

    report: Report
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
                    "connected": _is_connected(worker.report),
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
        has = f"version {self.version}" if self.version else "nothing: nothing was written yet"
        lines = [f"Store    {self.store}", f"has      {has}", ""]
        if not self.has_reports:
            return "\n".join([*lines, "It keeps no word of its workers."])
        if not self.workers:
            return "\n".join([*lines, "No worker has reported within the last minute."])
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
        report.condition,
        _duration(report.since + report.age),
    )


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.0f} h"


def _is_connected(report: Report) -> bool:
    return report.condition not in (Condition.AWAY.value, Condition.STARTING.value)


def status_of(shared: SharedOrigins, patience: float) -> Status:
    """Return how the workers stand; those that are just taking something over get time for it.

    :param patience: seconds that they get.
    :raise StoreError: where the store cannot be asked.
    """
    deadline = time.monotonic() + patience
    while True:
        head, reports = shared.head(), shared.reports()
        workers = tuple(WorkerShown(report, _why(report, head)) for report in reports)
        status = Status(
            str(shared.follower.store),
            0 if head is None else head.number,
            isinstance(shared.follower.store, Reporting),
            workers,
        )
        if not status.lags or time.monotonic() > deadline:
            return status
        time.sleep(0.2)


def _why(report: Report, head: Version | None) -> str:
    told = f": {report.reason}" if report.reason else ""
    if report.age > SILENT:
        return f"Has said nothing for {_duration(report.age)}; it has ended, hangs, or cannot write"
    if report.condition == Condition.AWAY.value:
        return f"Could not reach the store{told}"
    if report.condition == Condition.LOST.value:
        return f"The store is empty{told}; it is written back in some seconds"
    if report.condition == Condition.OLDER.value:
        return (
            f"The store is older{told}. Decide: `origins restore` writes back what the workers "
            "know, `origins restore --from-store` or `origins replace` has them take over another"
        )
    if report.version != ("" if head is None else str(head)):
        number = 0 if head is None else head.number
        return f"Has not taken over version {number} yet"
    return ""
