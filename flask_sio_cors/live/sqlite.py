"""The store for the processes of one machine: a file of SQLite, which comes with Python."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from .background import original
from .store import LOG_LENGTH, Change, Report, StoreError, Version

#: How many texts a page of `SqliteStore.load` has.
_PAGE: Final = 1000

# The figure is the schema's version: another one has tables of its own beside these.
_SCHEMA: Final = """
create table if not exists sio_cors_1_head (
    key text primary key, version text not null
) without rowid;
create table if not exists sio_cors_1_origins (
    key text, origin text, primary key (key, origin)
) without rowid;
create table if not exists sio_cors_1_log (
    key text, number integer, version text not null, previous text not null,
    added text not null, removed text not null, is_whole integer not null,
    primary key (key, number)
) without rowid;
create table if not exists sio_cors_1_workers (
    key text, worker text, report text not null, at real not null, until real not null,
    primary key (key, worker)
) without rowid;
"""


class SqliteStore:
    """Keeps a set of origins in a file.

    In WAL mode, so that who reads waits for nobody; ``PRAGMA data_version`` tells whether another
    process has written. A file that was deleted or replaced is opened anew.

    :param path: of the file, which the first write makes, with its folder.
    :param key: tells sets in one file apart.
    :param patience: seconds that a write waits for another one to end.
    :param shown: what messages say beside where the file is.
    """

    #: SQLite waits in C, which no monkey-patching reaches.
    native = True

    def __init__(
        self, path: str | os.PathLike[str], key: str, patience: float = 5.0, *, shown: str = ""
    ) -> None:
        self._path = Path(path)
        self._shown = shown
        self._key = key
        self._patience = patience
        self._reader: _Reader | None = None
        # What has written last, where nobody writes by it now; taken out and put back in one step.
        self._writers: list[_Writer] = []
        # Native, as the threads are in which a green server has it called.
        self._turn = original("allocate_lock")()
        _EVERYWHERE.add(self)

    def __str__(self) -> str:
        return f"the file {self._path}{self._shown}"

    def version(self) -> Version | None:
        """Return the version of the set; see `Store.version`."""
        with self._reading() as reader:
            return None if reader is None else reader.version(self._key)

    def load(self) -> Iterator[Sequence[str]]:
        """Yield the set in pages; see `Store.load`."""
        last = ""
        # A cursor that stays open would keep SQLite from shortening its log.
        while page := self._rows(
            "select origin from sio_cors_1_origins where key = ? and origin > ? "
            "order by origin limit ?",
            last,
            _PAGE,
        ):
            yield [origin for (origin,) in page]
            (last,) = page[-1]

    def changes_since(self, number: int) -> Sequence[Change]:
        """Return the latest changes; see `Store.changes_since`."""
        rows = self._rows(
            "select version, previous, added, removed, is_whole from sio_cors_1_log "
            "where key = ? and number > ? order by number",
            number,
        )
        return [
            Change(
                Version.parse(version),
                previous,
                json.loads(added),
                json.loads(removed),
                bool(whole),
            )
            for version, previous, added, removed, whole in rows
        ]

    def write(self, change: Change, expected: Version | None) -> bool:
        """Make a change; see `Store.write`."""
        with self._writing(self._patience) as connection:
            rows = connection.execute(
                "select version from sio_cors_1_head where key = ?", (self._key,)
            ).fetchall()
            if [text for (text,) in rows] != ([] if expected is None else [str(expected)]):
                return False
            self._change(connection, change)
        return True

    def wait(self, version: Version | None, seconds: float) -> bool:
        """Hear of nothing; see `Store.wait`."""
        return False

    def report(self, report: Report, seconds: float) -> None:
        """Keep what a worker says; see `Reporting.report`."""
        now = time.time()
        with self._writing(0.1) as connection:
            # What lies in the future was written before the clock was set back.
            connection.execute(
                "delete from sio_cors_1_workers where key = ? and (until < ? or at > ?)",
                (self._key, now, now),
            )
            connection.execute(
                "insert or replace into sio_cors_1_workers values (?, ?, ?, ?, ?)",
                (self._key, report.worker, json.dumps(report), now, now + seconds),
            )

    def reports(self) -> Sequence[Report]:
        """Return what workers said; see `Reporting.reports`."""
        now = time.time()
        rows = self._rows(
            "select report, at from sio_cors_1_workers "
            "where key = ? and at <= ? and until > ? order by worker",
            now,
            now,
        )
        return [Report(*json.loads(text))._replace(age=now - float(at)) for text, at in rows]

    def close(self) -> None:
        """Let go of the file; whatever is called next opens it again."""
        self._close_reader()
        for writer in self._taken():
            writer.close()

    def _close_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    # --- Reading -----------------------------------------------------------------------------

    @contextmanager
    def _reading(self) -> Iterator[_Reader | None]:
        """Open the file, where that was not done; there is no reader where there is no file."""
        with self._turn:
            if self._reader is not None and not self._reader.is_of(self._path):
                self._close_reader()
            try:
                if self._reader is None and self._path.exists():
                    self._reader = _Reader(self._path)
                yield self._reader
            except sqlite3.Error as error:
                self._close_reader()
                raise self._failed(error) from error

    def _rows(self, query: str, *values: object) -> list[tuple[str, ...]]:
        with self._reading() as reader:
            return [] if reader is None else reader.rows(query, (self._key, *values))

    def _leave_to_parent(self) -> None:
        """Open the file anew after a fork, whoever was about to read meanwhile."""
        self._turn = original("allocate_lock")()
        # What came by a fork must be neither used nor closed ("How To Corrupt", 2.6).
        _PARENTS.extend(self._taken())
        if self._reader is not None:
            _PARENTS.append(self._reader)
            self._reader = None

    # --- Writing -----------------------------------------------------------------------------

    @contextmanager
    def _writing(self, patience: float) -> Iterator[sqlite3.Connection]:
        """Begin a transaction on a connection of its own; commit it at the end, or nothing.

        The connection is kept for the next one: each that is made costs another wait for the disk.
        """
        writer = None
        try:
            if not self._path.exists():
                self._make(patience)
            writer = self._writer(patience)
            connection = writer.connection
            connection.execute("begin immediate")
            yield connection
            connection.execute("commit")
        except (sqlite3.Error, OSError) as error:
            raise self._failed(error) from error
        else:
            for spare in self._taken():
                spare.close()
            self._writers.append(writer)
            writer = None
        finally:
            if writer is not None:
                writer.close()

    def _writer(self, patience: float) -> _Writer:
        """Give a connection that nobody else writes by."""
        for writer in self._taken():
            if writer.is_of(self._path):
                writer.connection.execute(f"pragma busy_timeout = {int(patience * 1000)}")
                return writer
            writer.close()
        return _Writer(self._path, patience)

    def _taken(self) -> Iterator[_Writer]:
        """Take out what is kept to write by."""
        with suppress(IndexError):
            while True:
                yield self._writers.pop()

    def _make(self, patience: float) -> None:
        """Make the file, without what a deleted one of its name has left.

        Who still has that one open goes on using its ``-wal`` and ``-shm``, which SQLite would
        take for those of the new one.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with _alone_in(self._path.parent):
            if self._path.exists():
                return
            for end in ("-wal", "-shm"):
                self._path.with_name(f"{self._path.name}{end}").unlink(missing_ok=True)
            with closing(_connect(self._path, patience)) as connection:
                _prepare(connection, patience)

    def _change(self, connection: sqlite3.Connection, change: Change) -> None:
        key, number = self._key, change.version.number
        if change.is_whole:
            connection.execute("delete from sio_cors_1_origins where key = ?", (key,))
        connection.executemany(
            "delete from sio_cors_1_origins where key = ? and origin = ?",
            ((key, text) for text in change.removed),
        )
        connection.executemany(
            "insert or ignore into sio_cors_1_origins values (?, ?)",
            ((key, text) for text in change.added),
        )
        connection.execute(
            "insert or replace into sio_cors_1_head values (?, ?)", (key, str(change.version))
        )
        added = () if change.is_whole else change.added
        connection.execute(
            "insert or replace into sio_cors_1_log values (?, ?, ?, ?, ?, ?, ?)",
            (
                *(key, number, str(change.version), change.previous),
                *(json.dumps(list(added)), json.dumps(list(change.removed)), change.is_whole),
            ),
        )
        connection.execute(
            "delete from sio_cors_1_log where key = ? and number <= ?", (key, number - LOG_LENGTH)
        )

    def _failed(self, error: Exception) -> StoreError:
        return StoreError(f"{self} cannot be used: {error}")


class _Opened:
    """A connection to the file that was there when it was made."""

    def __init__(self, path: Path, patience: float, mode: str) -> None:
        self._file = _file_of(path)
        self.connection = _connect(path, patience, mode)

    def is_of(self, path: Path) -> bool:
        """Tell whether it is to the file that has this name now."""
        return self._file == _file_of(path) is not None

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self.connection.close()


class _Writer(_Opened):
    """What writes."""

    def __init__(self, path: Path, patience: float) -> None:
        super().__init__(path, patience, "rwc")
        try:
            _prepare(self.connection, patience)
        except BaseException:
            self.close()
            raise


class _Reader(_Opened):
    """What reads."""

    def __init__(self, path: Path) -> None:
        # A new file is locked while it is turned into one with a WAL; later, nobody waits to read.
        super().__init__(path, 2.0, "rw")
        self._data_version = -1
        self._version: Version | None = None

    def rows(self, query: str, values: Sequence[object]) -> list[tuple[str, ...]]:
        try:
            return self.connection.execute(query, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise

    def version(self, key: str) -> Version | None:
        ((now,),) = self.connection.execute("pragma data_version").fetchall()
        if now != self._data_version:
            rows = self.rows("select version from sio_cors_1_head where key = ?", (key,))
            self._version = Version.parse(rows[0][0]) if rows else None
            self._data_version = now
        return self._version


_EVERYWHERE: Final[weakref.WeakSet[SqliteStore]] = weakref.WeakSet()
_PARENTS: Final[list[_Opened]] = []


def _leave_to_parents() -> None:
    for store in list(_EVERYWHERE):
        store._leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parents)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes that ask for the same out of a folder."""
    if sys.platform == "win32":  # which lets nobody delete a file that is open
        yield
        return
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        # A child that was forked meanwhile has it open, too.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _prepare(connection: sqlite3.Connection, patience: float) -> None:
    """Make the tables, where they are not there."""
    deadline = time.monotonic() + patience
    while True:
        try:
            connection.execute("pragma journal_mode = wal")
            connection.executescript(_SCHEMA)
        except sqlite3.OperationalError as error:
            # Who turns a new file into one with a WAL does not wait for another one who does.
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            # A revocation that was told to be written is there after a power failure.
            connection.execute("pragma synchronous = full")
            return


def _connect(path: Path, patience: float, mode: str = "rwc") -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=patience,
        isolation_level=None,
        # Called by one thread at a time, though not always the same.
        check_same_thread=False,
    )


def _file_of(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
