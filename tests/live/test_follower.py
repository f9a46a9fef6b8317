"""Several workers on one store: what each has in force, and what they make of a store that fails.

Each is a follower in a thread of its own, with a set and a store object of its own, as in a process
of its own; the store is a file, or in memory where it has to fail in ways of its own.
"""

import itertools
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress

import pytest

from flask_sio_cors import Code, ConfigError, Problem
from flask_sio_cors.live import background, sqlite
from flask_sio_cors.live.follower import Condition, Follower, Pace
from flask_sio_cors.live.shared import SharedOrigins
from flask_sio_cors.live.sqlite import SqliteStore
from flask_sio_cors.live.status import status_of
from flask_sio_cors.live.store import Change, StoreError, Version
from flask_sio_cors.origins.grammar import parse_pattern
from flask_sio_cors.origins.live import LiveOrigins
from tests.support.harness import wait_until
from tests.support.stores import content, fork, write

A, B, C, D = (f"https://{name}.example" for name in "abcd")
INSECURE = "http://insecure.example"
PACE = Pace(every=0.02, healing=0.15, report=0.04, silent=30, kept=60, retry=0.04)


class Origins(LiveOrigins):
    """A set in force, of settings that do not permit `INSECURE`."""

    __slots__ = ()

    def fault(self, text):
        return "is not encrypted" if text == INSECURE else ""

    def change(self, added, removed):
        for text in removed:
            self.discard(text)
        for text in added:
            self.add(text)


def check(text):
    pattern = parse_pattern(text)
    if pattern is None:
        return [Problem("shared", text, "is none", "", Code.ORIGIN_EMPTY)], ""
    insecure = Problem("shared", text, "is not encrypted", "", Code.CREDENTIALS_FOR_INSECURE)
    return [insecure] * (text == INSECURE), str(pattern)


class Fleet:
    """Workers on one store.

    :param opened: opens one more object of the store.
    """

    def __init__(self, opened, pace=PACE):
        self._opened, self._pace = opened, pace
        self._followers = []

    def outsider(self):
        """A process that does not serve, such as a command."""
        shared = SharedOrigins(Follower(self._opened(), Origins(), "threading"), check, "threading")
        shared.follower.pace = self._pace
        self._followers.append(shared.follower)
        return shared

    def worker(self):
        shared = self.outsider()
        shared.follower.background.ensure()
        wait_until(lambda: shared.state.condition is not Condition.STARTING)
        return shared

    def workers(self, count):
        return [self.worker() for _ in range(count)]

    def stop(self):
        for follower in self._followers:
            follower.background.stop()
            if hasattr(follower.store, "close"):
                follower.store.close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "origins.sqlite3"


@pytest.fixture
def fleet(path):
    fleet = Fleet(lambda: SqliteStore(path, "app"))
    yield fleet
    fleet.stop()


def delete(path):
    for name in ("", "-wal", "-shm"):
        path.with_name(path.name + name).unlink(missing_ok=True)


def in_force(shared):
    return sorted(shared.follower.target)


def wait_for(workers, texts, seconds=20):
    wait_until(lambda: all(in_force(one) == sorted(texts) for one in workers), seconds)


# --- The promise -----------------------------------------------------------------------------


def test_what_one_writes_is_in_force_in_all_and_at_once_where_it_was_written(fleet):
    one, *others = fleet.workers(3)
    one.add(A, B)
    assert in_force(one) == [A, B]
    wait_for(others, [A, B])
    others[0].remove(A)
    assert in_force(others[0]) == [B]
    wait_for([one, *others], [B])
    wait_until(lambda: {shared.version for shared in (one, *others)} == {2})


def test_a_process_that_does_not_serve_asks_the_store(fleet):
    command = fleet.outsider()
    assert (list(command), len(command), command.version) == ([], 0, 0)
    command.add(A, "http://10.0.*.*:3000")
    assert (sorted(command), command.version) == (sorted([A, "http://10.0.0.0/16:3000"]), 1)
    assert command.state.condition is Condition.STARTING
    command.remove("http://10.0.0.0/16:3000")
    assert (list(command), len(command), A in command) == ([A], 1, True)


def test_a_worker_that_starts_later_has_it_too(fleet):
    fleet.outsider().add(A, B)
    wait_for([fleet.worker()], [A, B])


def test_writers_at_once_lose_nothing(fleet):
    workers = fleet.workers(3)
    texts = [[f"https://{name}{n}.example" for n in range(8)] for name in "xyz"]

    def work(shared, mine):
        for text in mine:
            shared.add(text)
        shared.remove(mine[0])

    threads = [
        threading.Thread(target=work, args=pair) for pair in zip(workers, texts, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_for(workers, [text for mine in texts for text in mine[1:]])


def test_an_invalid_value_is_the_writers_error_and_nothing_is_written(fleet):
    shared = fleet.outsider()
    for write_it in (shared.add, shared.remove, lambda *texts: shared.replace(texts)):
        with pytest.raises(ConfigError, match="is none"):
            write_it(A, "https://a.example/path")
    with pytest.raises(ConfigError, match="not encrypted"):
        shared.add(A, INSECURE)
    assert shared.version == 0
    shared.remove(INSECURE)
    assert shared.version == 1


def test_what_some_settings_do_not_permit_is_skipped_there_told_and_kept(fleet, caplog):
    worker = fleet.worker()
    write(fleet.outsider().follower.store, [A, INSECURE])
    wait_for([worker], [A])
    wait_until(lambda: (worker.state.entries, worker.state.skipped) == (1, 1))
    assert caplog.text.count(f"'{INSECURE}', in the file ") == 1
    late = fleet.worker()
    wait_for([late], [A])
    wait_until(lambda: late.state.skipped == 1)
    worker.remove(INSECURE)
    wait_until(lambda: worker.state.skipped == late.state.skipped == 0)


@pytest.mark.parametrize("count", [3, 2500], ids=["few", "many"])
def test_a_replacement_leaves_what_it_names_and_nothing_else(fleet, count):
    worker, other = fleet.workers(2)
    worker.add(A, B)
    wanted = [B, *(f"https://o{n}.example" for n in range(count))]
    worker.replace(wanted)
    wait_for([worker, other], wanted)
    other.replace([])
    wait_for([worker, other], [])


def test_who_missed_more_than_the_log_has_reads_the_whole_set(fleet, monkeypatch):
    monkeypatch.setattr("flask_sio_cors.live.sqlite.LOG_LENGTH", 5)
    worker, command = fleet.worker(), fleet.outsider()
    worker.add(A)
    worker.follower.background.stop()
    for n in range(9):
        command.add(f"https://o{n}.example")
    command.remove("https://o0.example")
    worker.follower.background.ensure()
    wait_for([worker], [A, *(f"https://o{n}.example" for n in range(1, 9))])


def test_a_month_of_changes_ends_in_the_same_set_everywhere(fleet):
    workers = fleet.workers(2)
    texts = [f"https://o{n}.example" for n in range(40)]
    expected = set()
    for number, text in zip(range(150), itertools.cycle(texts), strict=False):
        added = {text, texts[number * 7 % 40]}
        removed = {texts[number * 11 % 40]} - added
        write(workers[number % 2].follower.store, list(added), list(removed))
        expected = (expected - removed) | added
    wait_for(workers, expected)


def test_other_settings_have_the_whole_set_read_again(fleet, monkeypatch):
    worker = fleet.worker()
    write(worker.follower.store, [A, INSECURE])
    wait_for([worker], [A])
    monkeypatch.setattr(Origins, "fault", lambda self, text: "")
    worker.follower.reload()
    wait_for([worker], [A, INSECURE])
    wait_until(lambda: worker.state.skipped == 0)


def test_stricter_settings_hold_at_once_also_while_the_store_is_away(failing, store, monkeypatch):
    worker = failing.worker()
    worker.add(A, B)
    store.error = OSError("gone")
    wait_until(lambda: worker.state.condition is Condition.AWAY)
    monkeypatch.setattr(Origins, "fault", lambda self, text: "no more" if text == A else "")
    worker.follower.reload()
    wait_for([worker], [B])
    store.error = None
    wait_until(lambda: worker.state.condition is Condition.CURRENT)
    assert (in_force(worker), worker.state.skipped) == ([B], 1)


def test_reports_tell_how_each_worker_stands(fleet):
    workers, command = fleet.workers(2), fleet.outsider()
    workers[0].add(A)
    wait_until(lambda: [one.version for one in command.reports()] == [str(command.head())] * 2)
    one, other = command.reports()
    assert (one.condition, one.entries, one.reason, one.host) == ("current", 1, "", other.host)
    assert one.worker != other.worker


# --- Where the store fails -------------------------------------------------------------------


class Failing:
    """A store in memory that fails as it is told."""

    def __init__(self):
        self._lock = threading.Lock()
        self.head, self.origins, self.log = None, set(), []
        self.error = None

    def _fail(self):
        if self.error is not None:
            raise self.error

    def version(self):
        self._fail()
        return self.head

    def load(self):
        for text in sorted(self.origins):
            self._fail()
            yield [text]

    def changes_since(self, number):
        self._fail()
        return [change for change in self.log if change.version.number > number]

    def write(self, change, expected):
        self._fail()
        with self._lock:
            if self.head != expected:
                return False
            if change.is_whole:
                self.origins = set(change.added)
                change = change._replace(added=())
            self.origins = self.origins - set(change.removed) | set(change.added)
            self.head = change.version
            self.log = [*self.log, change]
            return True

    def wait(self, version, seconds):
        self._fail()
        return False

    def lose(self):
        """Lose everything, as a server without a disk does."""
        self.head, self.origins, self.log = None, set(), []

    def kept(self):
        """What a backup has of it now."""
        return self.head, set(self.origins), list(self.log)

    def become(self, kept):
        self.head, self.origins, self.log = kept[0], set(kept[1]), list(kept[2])


@pytest.fixture
def store():
    return Failing()


@pytest.fixture
def failing(store):
    fleet = Fleet(lambda: store)
    yield fleet
    fleet.stop()


ERRORS = [OSError("gone"), KeyError(), StoreError("slow"), RuntimeError("é\n")]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_away_at_the_start_it_is_told_and_tried_again(failing, store, error, caplog):
    write(store, [A])
    store.error = error
    worker = failing.outsider()
    worker.follower.background.ensure()
    wait_until(lambda: worker.state.condition is Condition.AWAY)
    state = worker.state
    assert (state.ready, state.connected, state.version, state.age) == (False, False, 0, None)
    wait_until(lambda: "cannot be read" in caplog.text)
    store.error = None
    wait_for([worker], [A])
    wait_until(lambda: worker.state.condition is Condition.CURRENT)
    assert (worker.state.ready, worker.state.reason) == (True, "")


def test_a_store_that_yields_texts_where_pages_belong_is_told_so(failing, store):
    write(store, [A])
    store.load = lambda: iter([A])
    worker = failing.worker()
    assert worker.state.condition is Condition.AWAY
    assert "yields 'https://a.example', where a list of texts is needed" in worker.state.reason


def test_a_store_that_returns_a_versions_text_in_its_place_is_told_so(failing, store):
    version = write(store, [A])
    store.version = lambda: str(version)
    worker = failing.worker()
    assert worker.state.condition is Condition.AWAY
    assert "a str, where a Version is needed, or None" in worker.state.reason
    with pytest.raises(StoreError, match=r"Version\.parse"):
        failing.outsider().add(B)


def test_away_later_what_was_in_force_stays_and_its_age_is_told(failing, store, caplog):
    worker = failing.worker()
    worker.add(A)
    store.error = OSError("gone")
    wait_until(lambda: worker.state.condition is Condition.AWAY)
    assert (in_force(worker), worker.state.ready, worker.state.reason) == ([A], True, "gone")
    wait_until(lambda: "stay in force" in caplog.text)
    with pytest.raises(StoreError, match="gone"):
        worker.add(B)
    store.error = None
    wait_until(lambda: worker.state.condition is Condition.CURRENT)
    assert worker.state.age < 20
    worker.add(B)
    assert in_force(worker) == [A, B]


def test_a_load_that_breaks_off_leaves_what_was_there_and_is_done_again(failing, store):
    worker = failing.worker()
    worker.add(A)
    store.error = StoreError("broken off")
    wait_until(lambda: worker.state.condition is Condition.AWAY)
    real, pages = store.load, []

    def load():
        for page in real():
            pages.append(page)
            if len(pages) == 2:
                raise StoreError("in the middle")
            yield page

    store.load = load
    store.error = None
    write(store, [B, C], is_whole=True)
    wait_for([worker], [B, C])
    assert len(pages) > 2


def test_a_store_that_comes_back_empty_is_healed_by_the_one_that_knows_most(fleet, path, caplog):
    workers = fleet.workers(3)
    workers[0].add(A, B)
    write(workers[0].follower.store, [C, INSECURE])
    wait_for(workers, [A, B, C])
    delete(path)
    wait_until(lambda: "is empty, where origins were" in caplog.text)
    assert in_force(workers[0]) == [A, B, C]
    wait_until(lambda: content(workers[0].follower.store) == sorted([A, B, C, INSECURE]))
    wait_until(lambda: all(one.state.condition is Condition.CURRENT for one in workers))
    assert {one.version for one in workers} == {3}
    wait_until(lambda: "was written back" in caplog.text)
    workers[1].remove(A)
    wait_for(workers, [B, C])


def lost_by_two(failing, store):
    """Lose a store that two workers have known, of which one has not seen the last change."""
    behind, ahead = failing.workers(2)
    behind.add(A, B)
    wait_for([behind, ahead], [A, B])
    behind.follower.background.stop()
    ahead.remove(A)
    ahead.follower.background.stop()
    store.lose()
    return behind, ahead


def test_who_knows_more_heals_again_and_a_revocation_stays(failing, store):
    behind, ahead = lost_by_two(failing, store)
    # The one that knows less is back first, and so writes what it knows.
    behind.follower.background.ensure()
    wait_until(lambda: store.origins == {A, B})
    behind.add(C)
    behind.remove(B)
    ahead.follower.background.ensure()
    wait_for([behind, ahead], [C])
    assert store.origins == {C}


def test_a_writer_that_knows_nothing_does_not_make_the_rest_be_forgotten(failing, store):
    worker = failing.worker()
    worker.add(A, B)
    worker.follower.background.stop()
    store.lose()
    write(store, [C], [B])
    assert store.origins == {C}
    worker.follower.background.ensure()
    wait_for([worker], [A, C])
    assert store.origins == {A, C}


def test_two_that_heal_at_once_end_with_the_same(failing, store):
    workers = failing.workers(4)
    workers[0].add(A, B)
    wait_for(workers, [A, B])
    all_know, real = threading.Event(), store.write

    def write_together(change, expected):
        if change.is_healing:
            all_know.wait(20)
        return real(change, expected)

    store.write = write_together
    for _ in range(3):
        all_know.clear()
        store.lose()
        wait_until(lambda: all(one.state.condition is Condition.LOST for one in workers))
        all_know.set()
        wait_until(lambda: all(one.state.condition is Condition.CURRENT for one in workers))
        assert store.origins == {A, B}
        wait_for(workers, [A, B])


def test_what_a_healing_did_not_know_is_not_forgotten_by_the_next_one(failing, store):
    behind, ahead = lost_by_two(failing, store)
    # Somebody writes who knows nothing, one that knows less heals, and then the other one.
    write(store, [C], [B])
    write(store, [D])
    behind.follower.background.ensure()
    wait_for([behind], [A, C, D])
    ahead.follower.background.ensure()
    wait_for([behind, ahead], [C, D])
    assert store.origins == {C, D}


def test_who_knows_what_no_healing_knew_takes_none_of_them_over(failing, store):
    away, there = failing.workers(2)
    away.add(A)
    wait_for([away, there], [A])
    there.follower.background.stop()
    away.remove(A)
    away.follower.background.stop()
    for number in range(3):
        store.lose()
        there.follower.background.ensure()
        wait_until(lambda: store.origins >= {A})
        there.add(f"https://o{number}.example")
        there.follower.background.stop()
    # What it wrote is in no log any more, and what the other one revoked it has never heard of.
    assert store.head.number > away.follower.version.number
    away.follower.background.ensure()
    wait_until(lambda: away.state.condition is Condition.OLDER)
    assert in_force(away) == []
    there.restore(from_store=True)
    wait_for([away], sorted(store.origins))


def test_a_write_into_a_lost_store_heals_it_first(failing, store):
    failing._pace = PACE._replace(healing=1000)
    worker = failing.worker()
    worker.add(A)
    store.lose()
    worker.add(B)
    assert store.origins == {A, B}
    assert in_force(worker) == [A, B]


def test_a_replacement_since_the_loss_holds(failing, store):
    worker = failing.worker()
    worker.add(A, B)
    worker.follower.background.stop()
    store.lose()
    write(store, [C])
    write(store, [D], is_whole=True)
    worker.follower.background.ensure()
    wait_for([worker], [D])
    assert store.origins == {D}


def test_where_the_log_does_not_tell_what_was_written_since_the_loss_nothing_is_healed(
    failing, store
):
    worker = failing.worker()
    worker.add(A, B)
    worker.follower.background.stop()
    store.lose()
    for text in (C, D):
        write(store, [text])
    store.log = store.log[1:]
    worker.follower.background.ensure()
    wait_until(lambda: worker.state.condition is Condition.OLDER)
    assert (in_force(worker), store.origins) == ([A, B], {C, D})


def test_who_starts_while_the_store_is_lost_is_not_ready_before_it_is_healed(fleet, path):
    fleet._pace = PACE._replace(healing=1000)
    worker = fleet.worker()
    worker.add(A)
    delete(path)
    wait_until(lambda: worker.state.condition is Condition.LOST)
    wait_until(lambda: bool(worker.follower.store.reports()))
    late = fleet.worker()
    assert (late.state.condition, late.state.ready) == (Condition.LOST, False)
    worker.follower.hasten()
    wait_for([late], [A])
    wait_until(lambda: late.state.ready)


@pytest.mark.parametrize("can_report", [True, False])
def test_who_starts_where_nothing_is_left_is_not_ready_before_it_is_healed(
    can_report, fleet, failing, store, path
):
    """The others have not noticed yet, or cannot leave word in it."""
    workers = fleet if can_report else failing
    workers._pace = PACE._replace(every=0.3, healing=0.5, retry=3)
    worker = workers.worker()
    worker.add(A)
    delete(path)
    store.lose()
    late = workers.worker()
    assert (late.state.condition, late.state.ready) in (
        (Condition.EMPTY, False),
        (Condition.LOST, False),
    )
    wait_until(lambda: late.state.ready)
    assert in_force(late) == [A]
    assert late.version == worker.version


def test_deleted_written_at_once_joined_and_deleted_while_it_heals_it_ends_with_all_in_all(
    fleet, path
):
    one, two = fleet.workers(2)
    one.add(A, B)
    wait_for([one, two], [A, B])
    delete(path)
    outsider = fleet.outsider()
    outsider.add(C)
    late = fleet.worker()
    wait_for([one, two, late], [A, B, C])
    assert sorted(outsider) == [A, B, C]
    delete(path)
    wait_until(lambda: one.state.condition is Condition.LOST)
    delete(path)
    two.remove(A)
    wait_for([one, two, late], [B, C])


def test_a_new_store_is_one_after_some_seconds_or_at_the_first_write(fleet):
    worker = fleet.worker()
    assert (worker.state.condition, worker.state.ready) == (Condition.EMPTY, False)
    assert worker.state.connected
    wait_until(lambda: worker.state.ready)
    assert (worker.state.condition, worker.version) == (Condition.CURRENT, 0)
    fleet._pace = PACE._replace(healing=60)
    other = fleet.worker()
    assert not other.state.ready
    other.add(A)
    assert in_force(other) == [A]
    assert other.state.ready


# --- A store that is there, but older --------------------------------------------------------


@pytest.fixture
def older(failing, store, caplog):
    """Two workers that know more than their store, which a backup was put in the place of."""
    workers = failing.workers(2)
    workers[0].add(A, B)
    kept = store.kept()
    workers[0].remove(A)
    workers[0].add(C)
    wait_for(workers, [B, C])
    store.become(kept)
    wait_until(lambda: all(one.state.condition is Condition.OLDER for one in workers))
    assert [in_force(one) for one in workers] == [[B, C]] * 2
    assert store.origins == {A, B}
    wait_until(lambda: "flask sio-cors origins restore" in caplog.text)
    with pytest.raises(StoreError, match="version 1, and they have 3"):
        workers[0].add(D)
    assert store.origins == {A, B}
    return workers


def test_who_does_not_know_that_it_is_older_changes_nothing_by_writing(older, store):
    for text in (C, D, D, D):
        write(store, [text])
    time.sleep(5 * PACE.every)
    assert [in_force(one) for one in older] == [[B, C]] * 2
    assert {one.state.condition for one in older} == {Condition.OLDER}


def test_restore_writes_back_what_the_workers_know(older, store, failing):
    failing.outsider().restore()
    wait_until(lambda: all(one.state.condition is Condition.CURRENT for one in older))
    wait_for(older, [B, C])
    assert store.origins == {B, C}
    older[1].add(D)
    wait_for(older, [B, C, D])


def test_restore_from_the_store_has_the_workers_take_it_over(older, store, failing):
    failing.outsider().restore(from_store=True)
    wait_for(older, [A, B])
    older[0].add(D)
    wait_for(older, [A, B, D])


def test_a_replacement_decides_too(older, store):
    older[0].replace([D])
    wait_for(older, [D])
    assert store.origins == {D}
    wait_until(lambda: {one.state.condition for one in older} == {Condition.CURRENT})


def test_other_settings_do_not_decide_for_what_is_older(older, store):
    for one in older:
        one.follower.reload()
    time.sleep(5 * PACE.every)
    assert [in_force(one) for one in older] == [[B, C]] * 2
    assert {one.state.condition for one in older} == {Condition.OLDER}


def test_who_starts_while_the_store_is_older_waits_for_the_decision_too(fleet, path, tmp_path):
    worker = fleet.worker()
    worker.add(A)
    backup = sqlite3.connect(tmp_path / "backup")
    with closing(sqlite3.connect(path)) as there:
        there.backup(backup)
    worker.remove(A)
    worker.add(B)
    with closing(sqlite3.connect(path)) as there:
        backup.backup(there)
    backup.close()
    wait_until(lambda: worker.state.condition is Condition.OLDER)
    store = fleet.outsider().follower.store
    wait_until(lambda: str(worker.follower.version) in {one.version for one in store.reports()})
    late = fleet.worker()
    assert (late.state.condition, late.state.ready, in_force(late)) == (Condition.OLDER, False, [])
    with pytest.raises(StoreError, match="older than what the workers know"):
        late.add(C)
    worker.restore()
    wait_for([worker, late], [B])
    wait_until(lambda: late.state.ready)


def test_a_backup_of_before_a_healing_is_older_too(failing, store):
    worker = failing.worker()
    worker.add(A)
    kept = store.kept()
    store.lose()
    wait_until(lambda: worker.version == 2)
    store.become(kept)
    wait_until(lambda: worker.state.condition is Condition.OLDER)


def test_an_outsider_sees_by_the_reports_that_the_store_is_older(fleet):
    worker, command = fleet.worker(), fleet.outsider()
    worker.add(A)
    worker.remove(A)
    wait_until(lambda: any(str(worker.follower.version) == r.version for r in command.reports()))
    store = command.follower.store
    head = store.version()
    with store._writing(1) as connection:
        connection.execute(
            "update sio_cors_1_head set version = ?",
            (str(head._replace(number=1, id="another")),),
        )
    with pytest.raises(StoreError, match="older than what the workers know"):
        command.add(B)


def test_who_cannot_read_a_store_that_answers_says_so_in_it(fleet, path):
    worker, command = fleet.worker(), fleet.outsider()
    worker.add(A)
    with closing(sqlite3.connect(path)) as database, database:
        head = str(worker.follower.version.next())
        database.execute("update sio_cors_1_head set version = ?", (head,))
        values = ("app", 2, head, worker.follower.version.id, "no JSON", "[]", 0)
        database.execute("insert into sio_cors_1_log values (?, ?, ?, ?, ?, ?, ?)", values)
    wait_until(lambda: [one.condition for one in command.reports()] == ["away"])
    (report,) = command.reports()
    assert "Expecting value" in report.reason
    assert in_force(worker) == [A]


# --- Races -------------------------------------------------------------------------------------


def test_what_is_written_while_the_set_is_read_is_in_force_after_it(failing, store):
    write(store, [A, B, C], is_whole=True)
    reading, go_on = threading.Event(), threading.Event()
    real = store.load

    def load():
        for page in real():
            yield page
            reading.set()
            go_on.wait(20)

    store.load = load
    worker = failing.outsider()
    worker.follower.background.ensure()
    assert reading.wait(20)
    write(store, [D], [A])
    go_on.set()
    wait_for([worker], [B, C, D])


@pytest.mark.parametrize("becomes", ["lost", "older", "lost and written"])
@pytest.mark.parametrize("known", [True, False], ids=["known", "new"])
def test_what_is_lost_while_it_is_read_is_not_taken_for_a_smaller_set(
    failing, store, becomes, known
):
    worker = failing.worker() if known else failing.outsider()
    write(store, [A])
    kept = store.kept()
    write(store, [B])
    if known:
        wait_for([worker], [A, B])
    worker.follower.background.stop()
    write(store, [A, B, C], is_whole=True)
    reading, go_on, real = threading.Event(), threading.Event(), store.load

    def load():
        reading.set()
        go_on.wait(20)
        return real()

    store.load = load
    worker.follower.background.ensure()
    assert reading.wait(20)
    if becomes == "older":
        store.become(kept)
    else:
        store.lose()
    if becomes == "lost and written":
        write(store, [D])
    seen = []
    worker.follower.target.lost = lambda: seen.append(in_force(worker))
    go_on.set()
    if known:
        condition = {"lost": Condition.LOST, "older": Condition.OLDER}.get(becomes)
        wait_until(lambda: worker.state.condition is (condition or Condition.CURRENT))
        wait_for([worker], [A, B] if condition else [A, B, D])
        assert all(set(one) >= {A, B} for one in seen)
    else:
        wait_for([worker], {"lost": [], "older": [A], "lost and written": [D]}[becomes])
        assert worker.state.version in (0, 1)


def test_a_write_between_two_questions_is_not_taken_for_an_older_store(failing, store):
    worker, command = failing.worker(), failing.outsider()
    worker.add(A)
    real, others = store.version, [B, C]

    def version():
        found = real()
        if others and threading.current_thread() is threading.main_thread():
            write(store, [others.pop()])
            wait_until(lambda: worker.version == store.head.number)
        return found

    for writer in (worker, command):
        others[:] = [B, C]
        store.version = version
        writer.add(D)
        writer.replace([A, B, C])
        store.version = real
    assert store.head.history == store.log[0].version.history


def test_a_follower_that_is_started_twice_reads_once(failing, store):
    loads = []
    real = store.load
    store.load = lambda: loads.append(1) or real()
    write(store, [A])
    worker = failing.outsider()
    for _ in range(5):
        worker.follower.background.ensure()
    wait_for([worker], [A])
    worker.follower.background.wake()
    assert len(loads) == 1


def test_a_follower_that_two_first_requests_start_at_once_runs_once(failing, store, monkeypatch):
    entered, go_on, real = [], threading.Event(), background.way_of

    def way_of(kind):
        entered.append(threading.current_thread())
        go_on.wait(0.2)
        return real(kind)

    monkeypatch.setattr(background, "way_of", way_of)
    ensure = failing.outsider().follower.background.ensure
    requests = [threading.Thread(target=ensure) for _ in range(2)]
    for request in requests:
        request.start()
    wait_until(lambda: bool(entered))
    for request in requests:
        request.join()
    assert len(entered) == 1


def test_of_two_that_write_back_at_the_same_moment_one_does(failing, store):
    workers = failing.workers(2)
    workers[0].add(A, B)
    wait_for(workers, [A, B])
    both, real = threading.Barrier(2, timeout=20), store.write

    def write_together(change, expected):
        if change.is_healing:
            both.wait()
        return real(change, expected)

    store.write = write_together
    store.lose()
    wait_until(lambda: store.head is not None)
    wait_until(lambda: {str(one.follower.version) for one in workers} == {str(store.head)})
    assert [change.is_healing for change in store.log] == [True]
    wait_for(workers, [A, B])
    assert store.origins == {A, B}


@pytest.mark.parametrize("place", ["_connect", "_Reader.rows"])
def test_a_worker_that_is_forked_while_it_reads_has_a_child_that_reads_by_itself(
    fleet, path, monkeypatch, place
):
    texts = [f"https://o{n}.example" for n in range(2500)]
    write(fleet.outsider().follower.store, texts, is_whole=True)
    worker, parent = fleet.outsider(), os.getpid()
    reading, go_on = threading.Event(), threading.Event()
    owner = sqlite._Reader if place == "_Reader.rows" else sqlite
    name = place.rpartition(".")[2]
    real = getattr(owner, name)

    def held(*arguments, **more):
        if os.getpid() == parent and threading.current_thread() is not threading.main_thread():
            reading.set()
            go_on.wait(20)
        return real(*arguments, **more)

    monkeypatch.setattr(owner, name, held)
    worker.follower.background.ensure()
    assert reading.wait(20)
    child = fork()
    if child == 0:
        with suppress(BaseException):
            worker.follower.background.ensure()
            wait_for([worker], texts, 10)
            os._exit(0)
        os._exit(1)
    status = os.waitpid(child, 0)[1]
    go_on.set()
    assert status == 0
    wait_for([worker], texts)


def test_a_hint_is_followed_at_once_and_one_that_is_wrong_makes_nobody_busy(failing, store):
    failing._pace = PACE._replace(every=600)
    hint, asked = threading.Event(), []

    def wait(version, seconds):
        asked.append(seconds)
        return hint.wait(seconds)

    store.wait = wait
    worker = failing.worker()
    write(store, [A])
    hint.set()
    wait_for([worker], [A])
    before = len(asked)
    time.sleep(0.3)
    assert 1 <= len(asked) - before < 30
    hint.clear()


def test_who_waits_long_for_a_hint_obeys_other_settings_meanwhile(failing, store, monkeypatch):
    failing._pace = PACE._replace(every=600)
    monkeypatch.setattr("flask_sio_cors.live.follower._LONGEST", 0.1)
    worker = failing.worker()
    worker.add(A, B)
    waiting = threading.Event()

    def wait(version, seconds):
        waiting.set()
        time.sleep(seconds)
        return False

    store.wait = wait
    worker.follower.background.wake()
    assert waiting.wait(20)
    monkeypatch.setattr(Origins, "fault", lambda self, text: "no more" if text == A else "")
    worker.follower.reload()
    wait_for([worker], [B])


def test_versions_are_told_apart_by_more_than_their_number():
    first = Version.first()
    other = Version.first()
    assert first.number == other.number
    assert not other.supersedes(first)
    assert not other.is_before(first)
    assert Change(first, "").is_healing is False


@pytest.fixture(autouse=True)
def told(caplog):
    caplog.set_level(logging.INFO, "flask_sio_cors")


_WORKER = """
import sys, time
from tests.live.test_follower import PACE, Follower, Origins, SharedOrigins, SqliteStore, check
shared = SharedOrigins(Follower(SqliteStore(sys.argv[1], "app"), Origins(), "threading"), check, "")
# It reports once, so that it is not stopped while it holds the file.
shared.follower.pace = PACE._replace(report=60)
shared.follower.background.ensure()
while True:
    print(shared.version, len(shared.follower.target), flush=True)
    time.sleep(0.05)
"""


def test_a_worker_that_stands_still_is_told_and_catches_up_with_more_than_the_log_has(
    fleet, path, monkeypatch
):
    monkeypatch.setattr(sqlite, "LOG_LENGTH", 10)
    fleet._pace = PACE._replace(silent=0.5)
    writer = fleet.worker()
    writer.add(A)
    command = [sys.executable, "-W", "ignore", "-c", _WORKER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        try:
            told = iter(lambda: worker.stdout.readline().strip(), "")
            assert "1 1" in told
            wait_until(lambda: any(one.pid == worker.pid for one in writer.reports()))
            worker.send_signal(signal.SIGSTOP)
            for number in range(30):
                writer.add(f"https://o{number}.example")
            why = "and had not taken over version 31"
            wait_until(lambda: why in " ".join(one.why for one in status_of(writer, 0).workers))
            worker.send_signal(signal.SIGCONT)
            # Never anything between: what the log does not tell is read as a whole.
            counts = {line.split()[1] for line in iter(lambda: next(told), "31 31")}
            assert counts <= {"1", "31"}  # whose version may have been asked for before
            wait_until(lambda: {one.version for one in status_of(writer, 0).workers} == {31})
        finally:
            worker.kill()
