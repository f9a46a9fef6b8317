"""Observations: counted in each process, added up in a file, bounded, and never in the way."""

import gc
import os
import sqlite3
import threading
import time
import weakref

import pytest
from flask import Flask

from flask_sio_cors.door.observer import Observation
from flask_sio_cors.live import observed
from flask_sio_cors.live.counts import Count
from flask_sio_cors.live.observed import File, Observations
from tests.support.harness import wait_until
from tests.support.stores import fork

A = Observation("https://a.example", "default", "origin-allowed", True, "polling", False)
B = Observation(None, "default", "cross-site-without-origin", False, "websocket", True, True)


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(observed, "PERIOD", 0.02)


@pytest.fixture
def app(tmp_path):
    return Flask("watched", instance_path=str(tmp_path / "instance"))


@pytest.fixture
def make(app):
    """A function that makes what one process has of an application; all end with the test."""
    made = []

    def make():
        made.append(Observations(File(app), "threading"))
        return made[-1]

    yield make
    for one in made:
        one._background.stop()


def test_what_was_observed_moves_with_its_place(app, make, tmp_path):
    one, other = make(), make()
    for observations in (one, other, other):
        observations.note(A)
    wait_until(lambda: times(app) == {A: 3})
    elsewhere = Flask("watched", instance_path=str(tmp_path / "elsewhere"))
    one.move(File(elsewhere))
    one.move(File(elsewhere))
    wait_until(lambda: times(elsewhere) == {A: 3})
    assert times(app) == {}
    # Who has not heard of it yet counts where it did, until it has.
    other.note(B)
    wait_until(lambda: times(app) == {B: 1})
    other.move(File(elsewhere))
    wait_until(lambda: times(elsewhere) == {A: 3, B: 1})
    one.note(A)
    wait_until(lambda: times(elsewhere) == {A: 4, B: 1})
    assert times(app) == {}


def test_a_process_that_has_observed_nothing_leaves_what_is_there(app, make, tmp_path):
    File(app).add({A: Count(2, 1.0, 2.0)})
    elsewhere = Flask("watched", instance_path=str(tmp_path / "elsewhere"))
    observations = make()
    observations.move(File(elsewhere))
    assert times(app) == {A: 2}
    observations.note(A)
    wait_until(lambda: times(elsewhere) == {A: 3})


def test_what_cannot_be_fetched_is_told_and_stays(app, make, tmp_path, caplog):
    observations = make()
    observations.note(A)
    wait_until(lambda: times(app) == {A: 1})
    File(app).path.write_bytes(b"no database" * 1000)
    elsewhere = Flask("watched", instance_path=str(tmp_path / "elsewhere"))
    observations.move(File(elsewhere))
    observations.note(B)
    wait_until(lambda: times(elsewhere) == {B: 1})
    assert caplog.text.count("What was observed before stays in ") == 1


def times(app):
    return {seen: count.times for seen, count in File(app).read().items()}


def test_nothing_is_read_where_nothing_was_written_and_no_file_is_made(app, make, tmp_path):
    make()
    assert File(app).read() == {}
    assert not (tmp_path / "instance").exists()


def test_what_is_noted_is_written_with_its_times(app, make):
    began = time.time()
    observations = make()
    for seen in (A, A, B):
        observations.note(seen)
    wait_until(lambda: times(app) == {A: 2, B: 1})
    observations.note(A)
    wait_until(lambda: times(app) == {A: 3, B: 1})
    count = File(app).read()[A]
    assert began <= count.first < count.last <= time.time()


def test_processes_and_threads_add_up_and_lose_nothing(app, make):
    processes = [make() for _ in range(3)]

    def note(observations):
        for _ in range(2000):
            observations.note(A)

    threads = [threading.Thread(target=note, args=(one,)) for one in processes for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until(lambda: times(app) == {A: 12_000})


def test_applications_that_share_a_folder_are_told_apart(app):
    File(app).add({A: Count(1, 1.0, 1.0)})
    assert File(Flask("another", instance_path=app.instance_path)).read() == {}


def test_the_rarest_go_first_in_the_process_and_in_the_file(app, make, monkeypatch):
    monkeypatch.setattr(observed, "LIMIT", 10)
    observations = make()
    monkeypatch.setattr(observations._background, "ensure", lambda: None)
    for _ in range(2):
        observations.note(A)
    for number in range(500):
        observations.note(A._replace(origin=f"https://{number}.example"))
    assert len(observations._tally._counts) <= 11
    File(app).add({A: Count(2, 1.0, 1.0)})
    for number in range(30):
        seen = A._replace(origin=f"https://{number}.example")
        File(app).add({seen: Count(1, number, number)})
    kept = times(app)
    assert len(kept) == 10
    assert kept[A] == 2
    assert A._replace(origin="https://29.example") in kept
    observations._tally._counts.clear()


def test_what_is_left_is_written_when_the_process_ends(app):
    observations = Observations(File(app), "threading")
    observations._tally.add(A)
    del observations
    gc.collect()
    assert times(app) == {A: 1}


def test_an_application_that_was_never_asked_is_dropped_with_it(app):
    observations = Observations(File(app), "threading")
    dropped = weakref.ref(observations)
    del observations
    gc.collect()
    assert dropped() is None


def test_a_disk_that_cannot_be_written_to_is_a_warning_and_nothing_is_lost(app, make, caplog):
    # Root writes anywhere: a file stands where the folder would be.
    (instance := File(app).path.parent).touch()
    observations = make()
    monkey = observed.RETRY
    observed.RETRY = 0.05
    try:
        for _ in range(3):
            observations.note(A)
        wait_until(lambda: "cannot be written" in caplog.text)
        observations.note(A)
        time.sleep(0.3)
        assert caplog.text.count("cannot be written") == 1
        instance.unlink()
        wait_until(lambda: times(app) == {A: 4})
    finally:
        observed.RETRY = monkey


def test_a_file_that_is_none_of_ours_is_a_warning(app, make, caplog):
    path = File(app).path
    path.parent.mkdir()
    path.write_text("not a database, and longer than the header of one would be" * 10)
    make().note(A)
    wait_until(lambda: "cannot be written" in caplog.text)


def test_a_forked_process_counts_its_own_only(app, make):
    observations = make()
    observations._tally.add(A)
    if not (child := fork()):
        try:
            observations.note(B)
            wait_until(lambda: times(app) == {B: 1})
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert times(app) == {B: 1}
    observations.note(A)
    wait_until(lambda: times(app) == {A: 2, B: 1})


def test_a_file_that_another_process_holds_is_waited_for(app, make):
    File(app).add({A: Count(1, 1.0, 1.0)})
    holder = sqlite3.connect(File(app).path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    make().note(A)
    time.sleep(0.2)
    holder.execute("COMMIT")
    holder.close()
    wait_until(lambda: times(app) == {A: 2})


def test_tasks_are_done_beside_the_requests_and_bounded(make, caplog):
    observations, done, go_on = make(), [], threading.Event()
    assert observations.later(lambda: go_on.wait(20))
    assert observations.later(lambda: 1 / 0)
    taken = sum(observations.later(lambda: done.append(1)) for _ in range(2000))
    assert 900 < taken <= 1001
    assert not done
    go_on.set()
    wait_until(lambda: len(done) == taken)
    assert "ZeroDivisionError" in caplog.text
